//! Every odd and hostile input ends as its row in the table states.
#![allow(clippy::unwrap_used, reason = "all of it is a test")]

mod boxes;
mod damaged;
mod hostile;
mod input;
mod judge;
mod shapes;
#[path = "../support/mod.rs"]
mod support;
mod sync;
mod table;

use std::{net::TcpListener, path::Path};

use futures_util::StreamExt;
use input::OddInput;
use packager::{Packaged, PackagerError, Packaging};
use wire::PackageSettings;

/// Inputs that are packaged at one time. Chosen: much of each is waiting.
const AT_ONCE: usize = 2;
/// The source's height, and half of it.
const LADDER: [u32; 2] = [180, 90];

/// Packages one file into a folder, copying what can be copied.
async fn package(file: &Path, out: &Path) -> Result<Packaged, PackagerError> {
    let mut config = support::config(String::new(), std::env::temp_dir());
    // B-frames, as a user's have.
    config.preset = "superfast".to_owned();
    let packaging = Packaging {
        settings: PackageSettings {
            ladder: LADDER.to_vec(),
            copy: true,
            ..PackageSettings::default()
        },
        workers: 1,
        protection: None,
        hls_copy: None,
    };
    packager::package(&config, (file, out), &packaging, |_| {}).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_odd_input_ends_as_stated() {
    let dir = tempfile::tempdir().unwrap();
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let began = tokio::time::Instant::now();
    let inputs = table::inputs(dir.path(), canary.local_addr().unwrap());
    println!("{} inputs in {:.1?}", inputs.len(), began.elapsed());
    assert!(inputs.len() >= 40);
    let judging = inputs.into_iter().map(|input| async {
        let name = input.name;
        let judged = tokio::spawn(packaged(input)).await;
        // A check that panics is a fault of this input; the others are judged all the same.
        judged.unwrap_or_else(|panic| Some(format!("{name}: {panic}")))
    });
    let judged = futures_util::stream::iter(judging).buffer_unordered(AT_ONCE);
    let wrong: Vec<String> = judged.filter_map(async |fault| fault).collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let called = canary.accept().map(|(_, caller)| caller);
    assert!(called.is_err(), "an input made its worker call {called:?}");
    println!("all ended after {:.1?}", began.elapsed());
}

/// Packages an input; says what is not as stated.
async fn packaged(input: OddInput) -> Option<String> {
    let began = tokio::time::Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ended = package(&input.file, &out).await;
    let took = began.elapsed();
    let judged = judge::judge(&input, &ended, &out);
    println!("{:24} {took:5.1?} {judged:?}", input.name);
    judged.err().map(|fault| format!("{}: {fault}", input.name))
}
