//! Mixed load on a real `weir edge`, before an origin with every fault, and `kill -9` between:
//! no body may ever be wrong, and memory must stay flat.
//!
//! `cargo run --release -p edge --example soak -- target/release/weir 60 [edge's arguments]`
//! runs for 60 minutes and exits with 1 if a byte was wrong.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a tool of ours"
)]

mod chance;
mod client;
mod edge;
mod object;
mod origin;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use chance::Chance;
use tokio::time::{Instant, sleep};

/// Clients at one time.
const CLIENTS: u64 = 40;
/// How often it says how things stand.
const REPORT_EVERY: Duration = Duration::from_secs(30);

/// What came of the requests.
#[derive(Default)]
struct Tally {
    right: AtomicU64,
    bytes: AtomicU64,
    /// Cut by a fault of the origin's, or by a kill: told as such, so no harm.
    cut: AtomicU64,
    left: AtomicU64,
    errors: AtomicU64,
    unreachable: AtomicU64,
    wrong: AtomicU64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(weir), Some(minutes)) = (arguments.next(), arguments.next()) else {
        println!("soak WEIR MINUTES [more arguments of weir edge]");
        return ExitCode::from(2);
    };
    let minutes: f64 = minutes.parse().expect("minutes is a number");
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().expect("SEED is a number"));
    let origin = origin::start(Chance::new(seed)).await;
    let mut edge = edge::Process::start(weir, origin, arguments.collect()).await;
    let tally = Arc::new(Tally::default());
    for number in 0..CLIENTS {
        let chance = Chance::new(seed * 1000 + number);
        tokio::spawn(client::run(edge.addr, chance, tally.clone()));
    }
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let mut chance = Chance::new(seed + 7);
    let mut kill_at = Instant::now() + Duration::from_secs(20 + chance.below(40));
    let mut report_at = Instant::now() + REPORT_EVERY;
    while Instant::now() < end {
        sleep(Duration::from_millis(200)).await;
        if Instant::now() > kill_at {
            edge.kill_and_restart().await;
            kill_at = Instant::now() + Duration::from_secs(20 + chance.below(100));
        }
        if Instant::now() > report_at {
            report(&tally, &edge);
            report_at += REPORT_EVERY;
        }
    }
    report(&tally, &edge);
    match tally.wrong.load(Relaxed) {
        0 if tally.right.load(Relaxed) > 0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn report(tally: &Tally, edge: &edge::Process) {
    let [right, bytes, cut, left, errors, unreachable, wrong] = [
        &tally.right,
        &tally.bytes,
        &tally.cut,
        &tally.left,
        &tally.errors,
        &tally.unreachable,
        &tally.wrong,
    ]
    .map(|count| count.load(Relaxed));
    println!(
        "right {right} ({} MB), cut {cut}, left {left}, errors {errors}, unreachable {unreachable}, \
         WRONG {wrong}; kills {}, edge {} MiB",
        bytes / 1_000_000,
        edge.kills,
        edge.resident_mib()
    );
}
