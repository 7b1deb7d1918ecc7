//! An edge that runs.

use std::net::SocketAddr;

use testkit::{FakeOrigin, get};

use crate::process::{Ended, Folder, Process, eventually, run, weir};

/// The operator's token.
pub(crate) const TOKEN: &str = "canary-token-of-the-operator";

/// See the module.
pub(crate) struct Running {
    process: Process,
    pub(crate) home: Folder,
    pub(crate) listen: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

impl Running {
    /// Before `origin`, with all that an operator may switch on. `more` are lines of `[edge]`.
    pub(crate) async fn start(origin: &FakeOrigin, args: &[&str], more: &str) -> Self {
        let home = Folder::new();
        let [listen, metrics, admin] = [(); 3].map(|()| free());
        let settings = format!(
            "[log]\nfilter = \"debug\"\n[admin]\nlisten = \"{metrics}\"\n[edge]\n\
             listen = \"{listen}\"\norigin = \"{}\"\npop = \"fra\"\nadmin_listen = \"{admin}\"\n\
             admin_token_file = \"token\"\naccess_log = \"access.log\"\ncache_dir = \"cache\"\n\
             disk = \"16MiB\"\n{more}",
            origin.url()
        );
        std::fs::write(home.join("weir.toml"), settings).unwrap();
        std::fs::write(home.join("token"), TOKEN).unwrap();
        let mut command = weir(home.path(), &[]);
        command.arg("edge").args(args);
        let process = Process::start(command, home.join("edge.log").into());
        eventually("it serves", async || {
            process.log_tail().contains("edge serves")
        })
        .await;
        Self {
            process,
            home,
            listen,
            metrics,
        }
    }

    /// Runs a command of `weir` where its settings are.
    pub(crate) async fn weir(&self, args: &[&str]) -> Ended {
        run(self.home.path(), args).await
    }

    pub(crate) async fn scrape(&self) -> String {
        let reply = get(self.metrics, "/metrics").send().await;
        assert_eq!(
            reply.field("content-type").split(';').next(),
            Some("text/plain")
        );
        String::from_utf8(reply.body.to_vec()).unwrap()
    }

    /// All that it wrote, once it has ended.
    pub(crate) async fn wrote(mut self) -> String {
        self.process.terminate();
        self.process.ended().await;
        let read = |name| std::fs::read_to_string(self.home.join(name)).unwrap();
        read("edge.log") + &read("access.log")
    }
}

/// A loopback address where nobody listens.
pub(crate) fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
