//! The odd and hostile inputs of the packager's tests, packaged by the binary in its jail:
//! each ends as stated and in time, what is published breaks no rule, and nothing outside
//! of it is touched.
#![allow(clippy::unwrap_used, reason = "all of it is a test")]

#[path = "../../../packager/tests/odd/boxes.rs"]
mod boxes;
#[path = "../../../packager/tests/odd/damaged.rs"]
mod damaged;
#[path = "../../../packager/tests/odd/hostile.rs"]
mod hostile;
#[allow(dead_code, reason = "the packager's own tests look at each picture")]
#[path = "../../../packager/tests/odd/input.rs"]
mod input;
mod run;
#[path = "../../../packager/tests/odd/shapes.rs"]
mod shapes;
#[path = "../../../packager/tests/odd/table.rs"]
mod table;
mod watch;

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

use input::OddInput;
use tokio::{task::JoinSet, time::Instant};
use watch::Watch;

/// Inputs that are packaged at one time. Chosen: much of each is waiting.
const AT_ONCE: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_ends_every_odd_input_as_stated_and_touches_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let began = Instant::now();
    let inputs = table::inputs(dir.path(), canary.local_addr().unwrap());
    println!("{} inputs in {:.1?}", inputs.len(), began.elapsed());
    assert!(inputs.len() >= 40);
    let secret = Watch::reads(&dir.path().join("secret"));
    let before = watch::contents(dir.path());
    let wrong = all(inputs).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let called = canary.accept().map(|(_, caller)| caller);
    assert!(
        called.is_err(),
        "an input made its packager call {called:?}"
    );
    assert_eq!(
        secret.seen(),
        0,
        "an input made its packager open the secret"
    );
    assert!(
        before == watch::contents(dir.path()),
        "a source was changed"
    );
    println!("all ended after {:.1?}", began.elapsed());
}

/// Packages all, some at a time; says what is not as stated.
async fn all(inputs: Vec<OddInput>) -> Vec<String> {
    let queue = Arc::new(Mutex::new(inputs.into_iter()));
    let mut lanes = JoinSet::new();
    for _ in 0..AT_ONCE {
        let queue = Arc::clone(&queue);
        lanes.spawn(async move {
            let mut wrong = Vec::new();
            let next = || queue.lock().unwrap().next();
            while let Some(input) = next() {
                let began = Instant::now();
                let judged = run::packaged(&input).await;
                println!("{:24} {:5.1?} {judged:?}", input.name, began.elapsed());
                wrong.extend(judged.err().map(|fault| format!("{}: {fault}", input.name)));
            }
            wrong
        });
    }
    lanes.join_all().await.concat()
}
