//! A fleet of many origins, which are told apart by their numbers.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use testkit::{get, postgres, s3};
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    fleet::{Asset, QUICK, free_address, is_ready},
    process::{Ended, Folder, Process, eventually, weir},
};

/// Longest wait for an upload, whatever goes wrong meanwhile.
const UPLOAD_WAIT: Duration = Duration::from_secs(240);

const ORIGINS: usize = 2;
const WORKERS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Member {
    Origin(usize),
    Worker(usize),
    Edge,
}

pub(super) struct Large {
    // First, so that processes end before what they use goes.
    running: BTreeMap<Member, Process>,
    pub(super) database: postgres::Server,
    pub(super) bucket: s3::Server,
    settings: Vec<(String, String)>,
    origins: [SocketAddr; ORIGINS],
    edge: SocketAddr,
    folder: Folder,
}

impl Large {
    pub(super) async fn start() -> Self {
        let (database, bucket) = (postgres::Server::start(), s3::Server::start().await);
        let origins = [free_address(), free_address()];
        let urls = format!("[\"http://{}\", \"http://{}\"]", origins[0], origins[1]);
        let own = [
            ("WEIR_ORIGIN__DATABASE", database.schema("fleet")),
            ("WEIR_STORE__BUCKET", s3::BUCKET.to_owned()),
            ("WEIR_STORE__ENDPOINT", bucket.endpoint()),
            ("WEIR_STORE__PATH_STYLE", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", s3::KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", s3::SECRET.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("WEIR_WORKER__ORIGINS", urls.clone()),
            ("WEIR_EDGE__ORIGINS", urls),
        ];
        let quick = QUICK.map(|(name, value)| (name, value.to_owned()));
        let settings = quick.into_iter().chain(own);
        let mut fleet = Self {
            running: BTreeMap::new(),
            database,
            bucket,
            settings: settings
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            origins,
            edge: free_address(),
            folder: Folder::new(),
        };
        fleet.launch(Member::Origin(0)).await;
        fs::create_dir(fleet.folder.join("origin-1")).unwrap();
        for secret in ["join-token", "admin-token"] {
            let of = |n: usize| fleet.folder.join(&format!("origin-{n}/{secret}"));
            fs::copy(of(0), of(1)).unwrap();
        }
        fleet.launch(Member::Origin(1)).await;
        for n in 0..WORKERS {
            fleet.launch(Member::Worker(n)).await;
        }
        fleet.launch(Member::Edge).await;
        fleet
    }

    pub(super) async fn launch(&mut self, member: Member) {
        let log = self.folder.join(&format!("{member:?}.log"));
        let mut process = Process::start(self.command(member), log.into());
        eventually("it is ready", async || {
            process.must_run();
            match member {
                Member::Origin(n) => is_ready(self.origins[n]).await,
                Member::Edge => is_ready(self.edge).await,
                Member::Worker(_) => process.log_tail().contains("waiting for work"),
            }
        })
        .await;
        self.running.insert(member, process);
    }

    fn command(&self, member: Member) -> std::process::Command {
        let settings = self.settings.iter();
        let settings: Vec<_> = settings.map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut command = weir(self.folder.path(), &settings);
        let join = self.folder.join("origin-0/join-token");
        match member {
            Member::Origin(n) => command
                .args([
                    "origin",
                    "--open-uploads",
                    "--data-dir",
                    &format!("origin-{n}"),
                ])
                .args(["--listen", &self.origins[n].to_string()]),
            Member::Edge => command
                .args(["edge", "--join-file", &join, "--pop", "fra"])
                .args(["--listen", &self.edge.to_string()]),
            Member::Worker(n) => command
                .args(["worker", "--join-file", &join])
                .args(["--work-dir", &format!("worker-{n}")]),
        };
        command.args(["--admin", "off"]);
        command
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self, member: Member) {
        self.running.get_mut(&member).expect("it runs").kill();
    }

    /// Another file of the same bytes: who sends one twice goes on with it.
    pub(super) fn copy(&self, file: &Path, number: usize) -> PathBuf {
        let copy = self.folder.path().join(format!("{number}.mp4"));
        fs::copy(file, &copy).unwrap();
        copy
    }

    /// Sends a file to an origin, which must take it in the end.
    pub(super) fn uploading(
        &self,
        file: &Path,
        origin: usize,
        more: &[&str],
    ) -> impl Future<Output = Asset> + Send + use<> {
        let (origin, edge) = (self.origins[origin], self.edge);
        let mut command = weir(self.folder.path(), &[]);
        command.arg("upload").arg(file).args(more);
        command.args(["--origin", &format!("http://{origin}")]);
        command.args(["--edge", &format!("http://{edge}"), "--patience", "120s"]);
        async move { Asset::told_by(&ended(command).await) }
    }

    /// `weir play --fast` through the edge finds nothing wrong.
    pub(super) async fn plays(&self, asset: &Asset) {
        assert_eq!(broken(self.folder.path(), &asset.hls).await, None);
    }

    /// Plays it again and again, until that is ended.
    pub(super) fn watch(&self, asset: &Asset) -> Watching {
        let (home, hls) = (self.folder.path().to_owned(), asset.hls.clone());
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let watching = tokio::spawn(async move {
            let (mut times, mut faults) = (0, Vec::new());
            while !is_over.load(SeqCst) {
                faults.extend(broken(&home, &hls).await);
                times += 1;
            }
            (times, faults)
        });
        Watching { over, watching }
    }

    /// So many assets are there, and all are in this state.
    pub(super) async fn all_are(&self, state: &str, count: usize) -> bool {
        let admin = fs::read_to_string(self.folder.join("origin-0/admin-token")).unwrap();
        let bearer = format!("Bearer {}", admin.trim());
        let asking = get(self.origins[1], "/api/assets?limit=100");
        let reply = asking.header("authorization", &bearer).send().await;
        let page: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        let assets = page["assets"].as_array().unwrap();
        assert_eq!(assets.len(), count, "{page}");
        assert!(
            assets.iter().all(|asset| asset["state"] != "failed"),
            "{page}"
        );
        assets.iter().all(|asset| asset["state"] == state)
    }

    /// So many versions were published, each once.
    pub(super) fn each_is_published_once(&self, count: usize) {
        let sql = "SELECT count(*) FROM fleet.saga \
                   WHERE step = 'publish' AND state = 'done' GROUP BY version";
        let told = String::from_utf8(self.database.psql(sql).stdout).unwrap();
        assert_eq!(told.lines().collect::<Vec<_>>(), vec!["1"; count]);
    }
}

/// Somebody who watches an asset again and again.
pub(super) struct Watching {
    over: Arc<AtomicBool>,
    watching: JoinHandle<(u32, Vec<String>)>,
}

impl Watching {
    /// How often it was watched, and what went wrong.
    pub(super) async fn end(self) -> (u32, Vec<String>) {
        self.over.store(true, SeqCst);
        self.watching.await.unwrap()
    }
}

/// What is wrong when it is played, if anything.
async fn broken(home: &Path, hls: &str) -> Option<String> {
    let mut play = tokio::process::Command::from(weir(home, &[]));
    play.args(["play", hls, "--fast", "--json"]);
    let output = timeout(UPLOAD_WAIT, play.kill_on_drop(true).output()).await;
    let output = output.expect("it ends").unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let good = output.status.success();
    (!good).then(|| format!("{}: {said} {report}", output.status))
}

async fn ended(command: std::process::Command) -> Ended {
    let mut command = tokio::process::Command::from(command);
    let output = timeout(UPLOAD_WAIT, command.kill_on_drop(true).output()).await;
    let output = output.expect("it ends").unwrap();
    let ended = Ended {
        code: output.status.code().expect("no signal ended it"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert_eq!(ended.code, 0, "{ended:?}");
    ended
}
