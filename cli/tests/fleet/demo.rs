//! `weir demo`: what it does to the files of a demo before it. (Its streams are the
//! specification of the browser's tests.)

use std::net::TcpListener;

use crate::{
    fleet::free_address,
    process::{Ended, Folder, run},
};

#[tokio::test]
async fn a_demo_whose_port_is_taken_leaves_the_files_of_the_running_one_alone() {
    let home = earlier_demo();
    let taken = TcpListener::bind(free_address()).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for flag in ["--sin-port", "--admin-port"] {
        let ended = demo(&home, &[flag, &port]).await;
        assert!(ended.err.contains(flag), "{ended:?}");
        assert_eq!(read(&home, "demo.json").as_deref(), Some("earlier"));
        assert_eq!(read(&home, "weir.log").as_deref(), Some("earlier\n"));
    }
}

#[tokio::test]
async fn a_demo_that_has_its_ports_drops_the_facts_of_the_last_and_keeps_its_log() {
    let home = earlier_demo();
    // So that it ends before it has facts of its own.
    std::fs::create_dir(home.path().join("weir-data/catalogue.db")).unwrap();
    let ended = demo(&home, &[]).await;
    assert!(
        ended.err.contains("can't open the origin's data"),
        "{ended:?}"
    );
    assert_eq!(read(&home, "demo.json"), None);
    assert!(read(&home, "weir.log").unwrap().starts_with("earlier\n"));
}

/// A folder with what an earlier demo left in its data.
fn earlier_demo() -> Folder {
    let home = Folder::new();
    let data = home.path().join("weir-data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("demo.json"), "earlier").unwrap();
    std::fs::write(data.join("weir.log"), "earlier\n").unwrap();
    home
}

fn read(home: &Folder, name: &str) -> Option<String> {
    std::fs::read_to_string(home.path().join("weir-data").join(name)).ok()
}

/// On ports of its own, but for those in `more`.
async fn demo(home: &Folder, more: &[&str]) -> Ended {
    let mut args = vec!["demo"];
    for flag in ["--origin-port", "--fra-port", "--sin-port", "--admin-port"] {
        if !more.contains(&flag) {
            args.extend([flag, "0"]);
        }
    }
    args.extend(more);
    run(home.path(), &args).await
}
