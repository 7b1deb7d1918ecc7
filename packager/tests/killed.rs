//! A worker that is killed leaves no ffmpeg behind. It must be a process of its own, so
//! this test has its own `main`, and starts itself again as that worker.
#![allow(clippy::unwrap_used, reason = "all of it is a test")]

mod support;

use std::process::{Command, ExitCode};

use support::{Clip, JOIN, Origin, config, eventually, ffmpeg_runs_in};
use tokio_util::sync::CancellationToken;

const WORKER: &str = "--as-worker";
const NAME: &str = "a_killed_worker_leaves_no_ffmpeg";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [WORKER, origin, work_dir] => {
            let config = config(origin.to_owned(), work_dir.into());
            runtime
                .block_on(packager::run(
                    config,
                    JOIN.to_owned(),
                    CancellationToken::new(),
                ))
                .unwrap();
        }
        ["--list", ..] => println!("{NAME}: test"),
        [name, ..] if !name.starts_with('-') && !NAME.contains(name) => {}
        _ => {
            runtime.block_on(a_killed_worker_leaves_no_ffmpeg());
            println!("test {NAME} ... ok\n\ntest result: ok. 1 passed; 0 failed");
        }
    }
    ExitCode::SUCCESS
}

async fn a_killed_worker_leaves_no_ffmpeg() {
    let origin = Origin::start(Clip::with_sound("640x360", "30", 60.0).bytes()).await;
    origin.offer(&[360]);
    let work_dir = tempfile::tempdir().unwrap();
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args([WORKER, &origin.url()])
        .arg(work_dir.path())
        .spawn()
        .unwrap();
    origin.stored_segments(1).await;
    eventually("runs", || ffmpeg_runs_in(work_dir.path())).await;
    worker.kill().unwrap();
    worker.wait().unwrap();
    eventually("ended", || !ffmpeg_runs_in(work_dir.path())).await;
}
