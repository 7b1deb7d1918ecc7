//! An origin that can be killed, and started again.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// Longest wait for a start. Chosen.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Origin {
    running: Child,
    pub(crate) address: SocketAddr,
    settings: Vec<(String, String)>,
    folder: tempfile::TempDir,
}

impl Origin {
    /// Starts it; anyone may upload, and nobody packages.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let settings = settings.iter().chain(&[("WEIR_ORIGIN__COPIES", "false")]);
        let settings: Vec<_> = settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let running = launch(address, &settings, &folder);
        let origin = Self {
            running,
            address,
            settings,
            folder,
        };
        origin.listens().await;
        origin
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.running.kill().unwrap();
        self.running.wait().unwrap();
    }

    /// On the same data and port.
    pub(crate) async fn start_again(&mut self) {
        self.running = launch(self.address, &self.settings, &self.folder);
        self.listens().await;
    }

    /// Where uploads by tus are.
    pub(crate) fn sources(&self) -> PathBuf {
        self.folder.path().join("data/blobs/sources")
    }

    async fn listens(&self) {
        let listens = async {
            while TcpStream::connect(self.address).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, listens).await.expect("the origin starts");
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = self.running.kill();
        let _ = self.running.wait();
    }
}

fn launch(address: SocketAddr, settings: &[(String, String)], folder: &tempfile::TempDir) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command
        .args(["origin", "--open-uploads", "--admin", "off", "--data-dir"])
        .arg(folder.path().join("data"))
        .args(["--listen", &address.to_string()])
        .current_dir(folder.path())
        .env_remove("WEIR_UPLOAD_MIB")
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::null());
    command.spawn().unwrap()
}
