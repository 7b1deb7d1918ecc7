//! The edge: a real process, killed now and then.

use std::{
    fs::{File, OpenOptions},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::sleep,
};

use crate::{
    dial::Doors,
    keyring::JOIN,
    object::Site,
    options::Options,
    samples::{Recorder, Sample},
    world::World,
};

/// How often a connection is tried after a start, and the pause between.
const TRIES: u32 = 400;
const PAUSE: Duration = Duration::from_millis(25);
/// Of its admin listener.
pub(crate) const TOKEN: &str = "token-of-the-soak";
/// Longest access log; then it is moved away, and the edge must begin another.
const LOG_MAX: u64 = 64 << 20;

pub(crate) struct Process {
    weir: PathBuf,
    folder: PathBuf,
    child: Child,
    world: Arc<World>,
    recorder: Recorder,
    pub(crate) doors: Doors,
    pub(crate) samples: Vec<Sample>,
    pub(crate) kills: u64,
}

impl Process {
    pub(crate) async fn start(
        options: &Options,
        folder: &Path,
        origins: &[SocketAddr],
        world: Arc<World>,
    ) -> Self {
        let doors = free_addresses();
        settings(options, folder, origins, doors);
        certificate(folder);
        File::create(folder.join("edge.log")).unwrap();
        let doors = Doors::new(doors, &folder.join("cert.pem"));
        let mut process = Self {
            weir: options.weir.clone(),
            child: spawn(&options.weir, folder),
            folder: folder.to_owned(),
            recorder: Recorder::new(folder),
            world,
            doors,
            samples: Vec::new(),
            kills: 0,
        };
        process.until_up().await;
        process.sample();
        process
    }

    pub(crate) async fn kill_and_restart(&mut self) {
        self.world.edge_goes_down_or_up();
        self.child.kill().await.unwrap();
        self.kills += 1;
        self.child = spawn(&self.weir, &self.folder);
        self.until_up().await;
    }

    /// Nobody but us ends it.
    pub(crate) async fn must_live(&mut self) {
        let Some(status) = self.child.try_wait().unwrap() else {
            return;
        };
        self.world.tally.wrong(&format!("the edge ended: {status}"));
        self.world.edge_goes_down_or_up();
        self.child = spawn(&self.weir, &self.folder);
        self.until_up().await;
    }

    async fn until_up(&mut self) {
        for _ in 0..TRIES {
            let tls = TcpStream::connect(self.doors.tls).await;
            if tls.is_ok() && TcpStream::connect(self.doors.http).await.is_ok() {
                self.world.edge_goes_down_or_up();
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the edge ended ({status}); see {}", self.log().display());
            }
            sleep(PAUSE).await;
        }
        panic!("the edge does not listen; see {}", self.log().display());
    }

    pub(crate) fn sample(&mut self) {
        let access = self.folder.join("access.log");
        if access.metadata().is_ok_and(|log| log.len() > LOG_MAX) {
            std::fs::rename(&access, self.folder.join("access.log.1")).unwrap();
        }
        if let Some(id) = self.child.id() {
            let since = self.world.began.elapsed();
            self.samples
                .extend(self.recorder.take(id, self.kills, since));
        }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("edge.log")
    }

    pub(crate) fn line(&self) -> String {
        let last = self.samples.last().copied().unwrap_or_default();
        format!("kills {}, edge {last}", self.kills)
    }
}

fn spawn(weir: &Path, folder: &Path) -> Child {
    let log = OpenOptions::new()
        .append(true)
        .open(folder.join("edge.log"));
    Command::new(weir)
        .args(["edge", "--admin", "off", "--config"])
        .arg(folder.join("weir.toml"))
        .arg("--join-file")
        .arg(folder.join("join-token"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.unwrap())
        .kill_on_drop(true)
        .spawn()
        .expect("weir starts")
}

/// Kept over all restarts.
fn free_addresses() -> [SocketAddr; 3] {
    let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap())
}

fn settings(options: &Options, folder: &Path, origins: &[SocketAddr], doors: [SocketAddr; 3]) {
    let [http, tls, admin] = doors;
    let origins: Vec<_> = origins.iter().map(|at| format!("http://{at}")).collect();
    let path = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        r#"[log]
filter = "warn"

[edge]
listen = "{http}"
tls_listen = "{tls}"
tls_cert = [{:?}]
tls_key = [{:?}]
origins = {origins:?}
admin_listen = "{admin}"
admin_token_file = {:?}
access_log = {:?}
cache_dir = {:?}
ram = "{}"
disk = "{}"
object_max = "4MiB"
block = "256KiB"
fill_ram = "24MiB"
stale_if_unreachable = "20s"
first_byte_timeout = "8s"
body_idle_timeout = "8s"
client_stall_timeout = "8s"
warm = false
{}

[[edge.site]]
host = "{}"
origins = {origins:?}
origin_weights = [2, 1]
profile = "passthrough"
"#,
        path("cert.pem"),
        path("key.pem"),
        path("admin-token"),
        path("access.log"),
        path("cache"),
        options.ram,
        options.disk,
        options.config,
        Site::Plain.host(),
    );
    std::fs::write(folder.join("weir.toml"), text).unwrap();
    std::fs::write(folder.join("join-token"), JOIN).unwrap();
    std::fs::write(folder.join("admin-token"), TOKEN).unwrap();
}

fn certificate(folder: &Path) {
    let names = [Site::Plain, Site::Keyed].map(|site| site.host().to_owned());
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}
