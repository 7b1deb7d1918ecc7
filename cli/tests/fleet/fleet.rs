//! An origin, an edge and a worker, each in a process of its own.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::atomic::{AtomicU16, Ordering},
};

use http::Method;
use testkit::{Asking, Reply, get, request};
use tokio::net::TcpStream;
use wire::{AssetState, AssetStatus};

use crate::process::{Ended, Folder, Process, Settings, eventually, run, weir};

/// Settings of every test, to be quick; a test's own come on top.
pub(crate) const QUICK: [(&str, &str); 5] = [
    ("WEIR_ORIGIN__LADDER", "[360, 240]"),
    ("WEIR_ORIGIN__SEGMENT", "2s"),
    ("WEIR_ORIGIN__LEASE", "2s"),
    ("WEIR_WORKER__PRESET", "ultrafast"),
    ("WEIR_WORKER__PROGRESS_EVERY", "200ms"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Origin,
    Edge,
    Worker,
    /// Another machine's, as it were.
    SecondWorker,
}

/// Processes that belong together. They and their data go when it is dropped.
pub(crate) struct Fleet {
    // First, so that processes end before their folder goes.
    running: BTreeMap<Role, Process>,
    /// How often each role was started.
    launched: BTreeMap<Role, u32>,
    settings: Vec<(String, String)>,
    origin: SocketAddr,
    origin_admin: SocketAddr,
    edge: SocketAddr,
    edge_admin: SocketAddr,
    worker_admin: SocketAddr,
    second_admin: SocketAddr,
    pub(crate) folder: Folder,
}

/// What an upload became.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) id: String,
    /// The multivariant playlist at the edge, with a key.
    pub(crate) hls: String,
}

impl Fleet {
    /// Origin, edge and worker, ready.
    pub(crate) async fn start(settings: &Settings<'_>) -> Self {
        Self::of(&[Role::Origin, Role::Edge, Role::Worker], settings).await
    }

    /// Some roles, ready, started in this order.
    pub(crate) async fn of(roles: &[Role], settings: &Settings<'_>) -> Self {
        let settings = QUICK.iter().chain(settings);
        let mut fleet = Self {
            running: BTreeMap::new(),
            launched: BTreeMap::new(),
            settings: settings
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            origin: free_address(),
            origin_admin: free_address(),
            edge: free_address(),
            edge_admin: free_address(),
            worker_admin: free_address(),
            second_admin: free_address(),
            folder: Folder::new(),
        };
        for role in roles {
            fleet.launch(*role).await;
        }
        fleet
    }

    /// Starts a role, again on the same data and port, and waits until it is ready.
    pub(crate) async fn launch(&mut self, role: Role) {
        let times = self.launched.entry(role).or_default();
        *times += 1;
        let log = self.folder.join(&format!("{role:?}-{times}.log"));
        let mut process = Process::start(self.command(role), log.into());
        eventually("it is ready", async || {
            process.must_run();
            match role {
                Role::Origin => is_ready(self.origin).await,
                Role::Edge => is_ready(self.edge).await,
                Role::Worker | Role::SecondWorker => {
                    process.log_tail().contains("waiting for work")
                }
            }
        })
        .await;
        self.running.insert(role, process);
    }

    fn command(&self, role: Role) -> Command {
        let settings = self.settings.iter();
        let settings: Vec<_> = settings.map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut command = weir(self.folder.path(), &settings);
        let (origin, join) = (self.origin_url(), self.folder.join("data/join-token"));
        match role {
            Role::Origin => command
                .args(["origin", "--open-uploads", "--data-dir"])
                .arg(self.data_dir())
                .args(["--listen", &self.origin.to_string()])
                .args(["--admin", &self.origin_admin.to_string()]),
            Role::Edge => command
                .args(["edge", "--origin", &origin, "--join-file", &join])
                .args(["--pop", "fra", "--listen", &self.edge.to_string()])
                .args(["--admin", &self.edge_admin.to_string()]),
            Role::Worker | Role::SecondWorker => command
                .args(["worker", "--origin", &origin, "--join-file", &join])
                .args(["--admin", &self.admin(role).to_string(), "--work-dir"])
                .arg(self.work_dir_of(role)),
        };
        command
    }

    pub(crate) fn process(&mut self, role: Role) -> &mut Process {
        self.running.get_mut(&role).expect("it was launched")
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, role: Role) {
        self.process(role).kill();
    }

    /// Asks a role to stop, and waits until it has.
    pub(crate) async fn stop(&mut self, role: Role) -> ExitStatus {
        self.process(role).terminate();
        self.process(role).ended().await
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Files that were uploaded, whole or in part, as the origin keeps them.
    pub(crate) fn sources(&self) -> Vec<PathBuf> {
        let sources = std::fs::read_dir(self.data_dir().join("blobs/sources"));
        let sources = sources.into_iter().flatten().flatten();
        sources.map(|source| source.path()).collect()
    }

    pub(crate) fn work_dir(&self) -> PathBuf {
        self.work_dir_of(Role::Worker)
    }

    /// No worker's folder begins with the name of another's.
    pub(crate) fn work_dir_of(&self, role: Role) -> PathBuf {
        let second = role == Role::SecondWorker;
        let name = if second { "second" } else { "work" };
        self.folder.path().join(name)
    }

    /// How many bytes of media the origin keeps, sources included.
    pub(crate) fn stored_bytes(&self) -> u64 {
        bytes_below(&self.data_dir().join("blobs"))
    }

    pub(crate) fn origin(&self) -> SocketAddr {
        self.origin
    }

    pub(crate) fn edge(&self) -> SocketAddr {
        self.edge
    }

    pub(crate) fn origin_url(&self) -> String {
        format!("http://{}", self.origin)
    }

    pub(crate) fn edge_url(&self) -> String {
        format!("http://{}", self.edge)
    }

    /// Asks the edge.
    pub(crate) async fn at_edge(&self, target: &str) -> Reply {
        get(self.edge, target).send().await
    }

    /// Asks the origin as an edge does.
    pub(crate) async fn at_origin(&self, target: &str) -> Reply {
        let join = self.secret("join-token");
        bearer(get(self.origin, target), &join).send().await
    }

    /// The admin listener of a role.
    pub(crate) fn admin(&self, role: Role) -> SocketAddr {
        match role {
            Role::Origin => self.origin_admin,
            Role::Edge => self.edge_admin,
            Role::Worker => self.worker_admin,
            Role::SecondWorker => self.second_admin,
        }
    }

    /// Sum of a counter or gauge of a role, over the series that have this label.
    pub(crate) async fn metric(&self, role: Role, name: &str, label: &str) -> f64 {
        let page = get(self.admin(role), "/metrics").send().await.body;
        let page = String::from_utf8(page.to_vec()).unwrap();
        let series = page.lines().filter(|line| line.starts_with(name));
        let values = series.filter(|line| line.contains(label));
        let number = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        values.filter_map(number).sum()
    }

    /// Runs a command of the operator, beside the fleet.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        run(self.folder.path(), args).await
    }

    /// `weir upload`, with what else it is told.
    pub(crate) async fn upload(&self, file: &Path, more: &[&str]) -> Ended {
        let (origin, edge) = (self.origin_url(), self.edge_url());
        let file = file.to_str().unwrap();
        let args = ["upload", file, "--origin", &origin, "--edge", &edge];
        self.run(&[&args, more].concat()).await
    }

    /// Uploads a file, which must work.
    pub(crate) async fn take_in(&self, file: &Path) -> Asset {
        let ended = self.upload(file, &[]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        Asset::told_by(&ended)
    }

    /// Uploads a file and waits until it is packaged, which must work.
    pub(crate) async fn publish(&self, file: &Path) -> Asset {
        let ended = self.upload(file, &["--wait"]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        Asset::told_by(&ended)
    }

    /// `weir key`, as the operator.
    pub(crate) async fn key(&self, args: &[&str]) -> Ended {
        let (origin, admin) = (self.origin_url(), self.folder.join("data/admin-token"));
        let operator = ["--origin", &origin, "--admin-file", &admin];
        self.run(&[&["key"], args, &operator].concat()).await
    }

    /// Asks the origin about an asset, as the operator.
    pub(crate) async fn operate(&self, method: Method, asset: &Asset) -> Reply {
        self.asking(method, asset).send().await
    }

    /// The same, not yet sent.
    pub(crate) fn asking(&self, method: Method, asset: &Asset) -> Asking {
        let admin = self.secret("admin-token");
        let asking = request(self.origin, method, &format!("/api/assets/{}", asset.id));
        bearer(asking, &admin)
    }

    /// What the origin says of an asset.
    pub(crate) async fn status(&self, asset: &Asset) -> AssetStatus {
        let reply = self.operate(Method::GET, asset).await;
        serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("{reply:?}"))
    }

    /// Waits until an asset is ready or has failed.
    pub(crate) async fn settled(&self, asset: &Asset) -> AssetStatus {
        let ended = [AssetState::Ready, AssetState::Failed];
        self.status_when(asset, |status| ended.contains(&status.state))
            .await
    }

    /// Waits until an asset is as described.
    pub(crate) async fn status_when(
        &self,
        asset: &Asset,
        is_so: impl Fn(&AssetStatus) -> bool,
    ) -> AssetStatus {
        let mut seen = None;
        eventually("the asset is as awaited", async || {
            let status = seen.insert(self.status(asset).await);
            is_so(status)
        })
        .await;
        seen.expect("seen at least once")
    }

    /// `weir play --fast` through the edge finds nothing wrong. Gives its report.
    pub(crate) async fn plays(&self, asset: &Asset) -> serde_json::Value {
        let ended = self.run(&["play", &asset.hls, "--fast", "--json"]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(report["broken"], false, "{report}");
        report
    }

    /// `weir validate` through the edge finds no error.
    pub(crate) async fn is_valid(&self, asset: &Asset) {
        let ended = self.run(&["validate", &asset.hls, "--json"]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_no_error(&ended);
    }

    fn secret(&self, name: &str) -> String {
        let secret = std::fs::read_to_string(self.data_dir().join(name));
        secret.unwrap().trim().to_owned()
    }
}

impl Asset {
    /// Reads what `weir upload` printed.
    pub(crate) fn told_by(ended: &Ended) -> Self {
        let told = |name: &str| {
            let lines = ended.out.lines().map(str::split_whitespace);
            let mut found = lines.filter_map(|mut words| {
                let named = words.next() == Some(name);
                named.then(|| words.next())?
            });
            found
                .next()
                .unwrap_or_else(|| panic!("no {name}: {ended:?}"))
        };
        Self {
            id: told("asset").to_owned(),
            hls: told("hls").to_owned(),
        }
    }

    /// What the origin says of an upload that became one.
    #[cfg(feature = "s3")]
    pub(crate) fn of(id: &serde_json::Value, key: &serde_json::Value, fleet: &Fleet) -> Self {
        let [id, key] = [id, key].map(|text| text.as_str().unwrap().to_owned());
        let hls = format!("{}/k/{key}/v/{id}/master.m3u8", fleet.edge_url());
        Self { id, hls }
    }

    /// Path of a file of this asset at the edge, with the key.
    pub(crate) fn path(&self, file: &str) -> String {
        let (_, path) = self.hls.split_once("/k/").expect("the address has a key");
        let folder = path.strip_suffix("master.m3u8").expect("it is a playlist");
        format!("/k/{folder}{file}")
    }

    /// The key in its address.
    pub(crate) fn key(&self) -> &str {
        let (_, rest) = self.hls.split_once("/k/").expect("the address has a key");
        rest.split('/').next().expect("it ends before the path")
    }
}

/// What `weir validate --json` printed has findings of every severity but errors.
pub(crate) fn assert_no_error(ended: &Ended) {
    let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let errors = findings.iter().filter(|found| found["severity"] == "error");
    assert_eq!(errors.count(), 0, "{findings:#?}");
    let read = report["checked"]["segments"].as_u64().unwrap();
    assert!(read > 0, "it read nothing: {report}");
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        found => found.map_or(0, |found| found.len()),
    });
    sizes.sum()
}

pub(crate) async fn is_ready(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_ok() && get(address, "/readyz").send().await.status == 200
}

fn bearer(asking: Asking, token: &str) -> Asking {
    asking.header("authorization", &format!("Bearer {token}"))
}

/// An address of this host that nobody listens on. Below the ports that the kernel gives
/// to outgoing connections (`ip_local_port_range`), so that none takes it meanwhile.
pub(crate) fn free_address() -> SocketAddr {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 18_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test binaries that run at the same time start at different places.
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + ((u32::from(start) + u32::from(step)) % u32::from(COUNT)) as u16;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
