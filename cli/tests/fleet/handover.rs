//! One edge process in place of another, and no request lost.

use std::{
    net::{SocketAddr, TcpListener},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use command_fds::{CommandFdExt, FdMapping};
use testkit::{Answer, FakeOrigin, get};

use crate::{
    fleet::{free_address, is_ready},
    process::{Folder, Process, eventually, weir},
};

/// `weir edge`, as far as both tests start it alike.
fn edge(folder: &Folder, origin: &FakeOrigin, pop: &str) -> Command {
    let mut command = weir(folder.path(), &[]);
    command.args(["edge", "--origin", &origin.url(), "--pop", pop]);
    command.args(["--admin", "off"]);
    command
}

async fn served_by(addr: SocketAddr) -> String {
    let reply = get(addr, "/x").send().await;
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, &b"x"[..]));
    let status = reply.field("cache-status").to_owned();
    status.split('"').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn a_new_edge_takes_over_the_sockets_of_the_old_one() {
    let origin = FakeOrigin::start().await;
    origin.route("/x", Answer::ok("x").cache("max-age=60"));
    let folder = Folder::new();
    let addr = free_address();
    let start = |pop: &str| {
        let mut command = edge(&folder, &origin, pop);
        command.args(["--listen", &addr.to_string()]);
        command.args(["--take-over", &folder.join("edge.sock")]);
        Process::start(command, folder.join(pop).into())
    };
    let mut old = start("old");
    eventually("the old one is ready", async || is_ready(addr).await).await;
    assert_eq!(served_by(addr).await, "weir-old");
    let mut new = start("new");
    eventually(
        "the new one serves, and meanwhile one of them",
        async || served_by(addr).await == "weir-new",
    )
    .await;
    let ended = old.ended().await;
    assert_eq!(ended.code(), Some(0), "{}", old.log_tail());
    new.must_run();
    assert_eq!(served_by(addr).await, "weir-new");
}

#[tokio::test]
async fn an_edge_serves_on_a_socket_that_it_was_given_and_the_socket_outlives_it() {
    let origin = FakeOrigin::start().await;
    origin.route("/x", Answer::ok("x").cache("max-age=60"));
    let folder = Folder::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let start = |pop: &str| {
        let mut command = edge(&folder, &origin, pop);
        // Another address in the settings: the socket counts.
        command.args(["--listen", &free_address().to_string()]);
        command.env("LISTEN_FDS", "1");
        command.env("LISTEN_FDNAMES", "http");
        let given = FdMapping {
            parent_fd: socket.try_clone().unwrap().into(),
            child_fd: 3,
        };
        command.fd_mappings(vec![given]).unwrap();
        Process::start(command, folder.join(pop).into())
    };
    let mut first = start("first");
    assert_eq!(served_by(addr).await, "weir-first");
    first.terminate();
    assert_eq!(first.ended().await.code(), Some(0), "{}", first.log_tail());
    // Nobody is there, and it waits.
    let asking = tokio::spawn(served_by(addr));
    let _second = start("second");
    assert_eq!(asking.await.unwrap(), "weir-second");
}

/// Objects in the cache folder, the last of them in blocks.
const OBJECTS: usize = 24;

fn body(n: usize) -> Vec<u8> {
    let len = if n == OBJECTS - 1 { 3 << 20 } else { n * 9000 };
    (0..len).map(|at| (at * 7 + at / 251 + n) as u8).collect()
}

/// Gets one of them, or a part; whether it is right, and who answered.
async fn is_right(addr: SocketAddr, n: usize) -> (bool, String) {
    let asked = get(addr, &format!("/{n}"));
    let (asked, part) = match n {
        0 => (asked, 0..0),
        _ => (
            asked.header("range", "bytes=5000-9999999"),
            5000..body(n).len(),
        ),
    };
    let reply = asked.send().await;
    let by = reply.field("cache-status").split('"').nth(1);
    let by = by.unwrap_or_default().to_owned();
    (!reply.cut && reply.body == body(n)[part], by)
}

#[tokio::test]
async fn a_cache_folder_changes_hands_and_no_object_is_lost_or_wrong() {
    let origin = FakeOrigin::start().await;
    for n in 0..OBJECTS {
        let answer = Answer::ok(body(n))
            .cache("max-age=1000")
            .etag(&n.to_string());
        origin.route(&format!("/{n}"), answer.ranges());
    }
    let folder = Folder::new();
    let addr = free_address();
    let start = |pop: &str| {
        let mut command = edge(&folder, &origin, pop);
        command.args(["--listen", &addr.to_string()]);
        command.args(["--take-over", &folder.join("edge.sock")]);
        command.args(["--cache-dir", &folder.join("cache"), "--disk", "64MiB"]);
        // A busy machine is no slow disk.
        command.env("WEIR_EDGE__DISK_WAIT", "60s");
        Process::start(command, folder.join(pop).into())
    };
    let mut old = start("old");
    eventually("the old one is ready", async || is_ready(addr).await).await;
    for n in (0..OBJECTS).chain(0..OBJECTS) {
        assert!(is_right(addr, n).await.0, "{n}");
    }
    let fetches = || -> usize { (0..OBJECTS).map(|n| origin.fetches(&format!("/{n}"))).sum() };
    let before = fetches();
    let stop = Arc::new(AtomicBool::new(false));
    let viewers: Vec<_> = (0..4)
        .map(|first| {
            let stop = stop.clone();
            tokio::spawn(async move {
                let mut n = first;
                while !stop.load(Relaxed) {
                    n = (n + 5) % OBJECTS;
                    assert!(is_right(addr, n).await.0, "{n}");
                }
            })
        })
        .collect();
    let mut new = start("new");
    let ended = old.ended().await;
    assert_eq!(ended.code(), Some(0), "{}", old.log_tail());
    for n in 0..OBJECTS {
        assert_eq!(
            is_right(addr, n).await,
            (true, "weir-new".to_owned()),
            "{n}"
        );
    }
    stop.store(true, Relaxed);
    for viewer in viewers {
        viewer.await.unwrap();
    }
    new.must_run();
    assert_eq!(fetches(), before, "all of it came from the folder");
}
