//! A PostgreSQL server of the system's, on a socket in a folder of its own.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

/// How often a server that starts is asked, every 20 ms.
const START_LOOKS: u32 = 3000;

/// Who the server runs as where tests run as root, which it refuses.
const USER: &str = "postgres";

/// Runs the server until its standard input ends, as it does with the process that holds the
/// other end, however that goes; then takes its folder away.
const KEEPER: &str = r#"folder=$1; shift
"$@" & server=$!
read -r _
kill -CONT $server; kill -QUIT $server; wait $server; rm -rf "$folder""#;

/// A server; it ends, with its folder, when it is dropped, and when the process ends.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    programs: PathBuf,
    keeper: Child,
}

impl Server {
    /// Starts it.
    ///
    /// # Panics
    /// When that fails, as where PostgreSQL is not installed.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made").keep();
        let programs = programs();
        let user = rank(&folder);
        let cluster = folder.join("cluster");
        let mut initdb = as_user(user, &programs.join("initdb"));
        initdb.args(["--username=weir", "--auth=trust", "--no-sync", "--locale=C"]);
        let made = initdb
            .args(["--encoding=UTF8", "-D"])
            .arg(&cluster)
            .output();
        expect(&made.expect("initdb runs"));
        let keeper = keeper(&folder, &programs, user);
        let server = Self {
            folder,
            programs,
            keeper,
        };
        for _ in 0..START_LOOKS {
            if server.psql("SELECT 1").status.success() {
                return server;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the server does not start");
    }

    /// The one of this process, which all of its tests share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// The address of a schema in it; made, if it is not there.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn schema(&self, name: &str) -> String {
        let make = format!("CREATE SCHEMA IF NOT EXISTS \"{name}\"");
        expect(&self.psql(&make));
        let folder = self.folder.display();
        format!("postgres://weir@localhost/postgres?host={folder}&options[search_path]={name}")
    }

    /// What a statement says.
    ///
    /// # Panics
    /// When there is no `psql`.
    #[must_use]
    pub fn psql(&self, sql: &str) -> Output {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "-qAt", "-U", "weir", "-d", "postgres", "-h"]);
        psql.arg(&self.folder).args(["-c", sql]);
        psql.output().expect("psql runs")
    }

    /// Sends all of its processes a signal, such as `STOP`.
    ///
    /// # Panics
    /// When that fails.
    pub fn signal(&self, signal: &str) {
        let file = self.folder.join("cluster/postmaster.pid");
        let file = fs::read_to_string(file).expect("it runs");
        let first = file.lines().next().expect("its process");
        let all = children(first).into_iter().chain([first.to_owned()]);
        let sent = Command::new("kill").args(["-s", signal]).args(all).status();
        assert!(sent.expect("kill runs").success(), "{signal} was not sent");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn keeper(folder: &Path, programs: &Path, user: Option<u32>) -> Child {
    let mut keeper = as_user(user, Path::new("sh"));
    keeper.args(["-c", KEEPER, "sh"]).arg(folder);
    keeper.arg(programs.join("postgres")).arg("-k").arg(folder);
    keeper.arg("-D").arg(folder.join("cluster"));
    // What is lost with the machine's power does not outlive the test.
    keeper.args([
        "-c",
        "listen_addresses=",
        "-c",
        "fsync=off",
        "-c",
        "max_connections=400",
    ]);
    // Keys that stop the tests stop it by its input alone.
    keeper.process_group(0);
    let (out, err) = (Stdio::null(), Stdio::null());
    let started = keeper.stdin(Stdio::piped()).stdout(out).stderr(err).spawn();
    started.expect("there is a shell")
}

/// The processes that one has started.
fn children(of: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").expect("Linux").flatten();
    let all = all.filter_map(|entry| entry.file_name().into_string().ok());
    let is_child = |id: &String| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // "id (name) state parent", and the name may have blanks.
        let behind = stat.rsplit_once(") ").map(|(_, rest)| rest);
        behind.and_then(|rest| rest.split(' ').nth(1)) == Some(of)
    };
    all.filter(is_child).collect()
}

/// Where Debian has them, the newest first; else where `PATH` does.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    found.sort();
    let in_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file())
    };
    let found = found.pop().or_else(in_path);
    found.expect("PostgreSQL is not installed: apt-get install postgresql")
}

/// Root gives the folder to who the server runs as, and says who that is.
fn rank(folder: &Path) -> Option<u32> {
    let id = |of: &[&str]| {
        let said = Command::new("id").args(of).output().expect("id runs");
        let text = String::from_utf8(said.stdout).expect("digits");
        text.trim().parse::<u32>().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    let user = id(&["-u", USER]).expect("PostgreSQL's package makes its user");
    chown(folder, Some(user), Some(user)).expect("root may");
    Some(user)
}

fn as_user(user: Option<u32>, program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command.current_dir("/");
    command
}

fn expect(done: &Output) {
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
}
