//! Mixed load on a real `weir edge`, before an origin with every fault, and `kill -9` at
//! random moments: no byte may ever be wrong, nothing old may come after a purge, and memory,
//! open files and disk must stay flat.
//!
//! ```text
//! cargo build --release -p cli
//! cargo run --release -p edge --example soak -- --minutes 60
//! ```
//!
//! The last third of the time has no kills: there flatness is judged. Exit code 0 if all
//! holds, 1 if not, 2 if it was called wrongly.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a tool of ours"
)]

mod ask;
mod chance;
mod client;
mod dial;
mod edge;
mod judge;
mod keyring;
mod object;
mod options;
mod origin;
mod purger;
mod samples;
mod tally;
mod verdict;
mod world;

use std::{process::ExitCode, sync::Arc, time::Duration};

use chance::Chance;
use options::Options;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use world::World;

/// How often it says how things stand.
const REPORT_EVERY: Duration = Duration::from_secs(30);
/// How long a process lives between two kills.
const LIFE_SECS: std::ops::Range<u64> = 1..75;
/// Share of the time that has kills.
const STORMY: f64 = 2.0 / 3.0;
/// After the clients' end, until open files and memory are judged: longer than the edge keeps
/// connections to the origin.
const REST: Duration = Duration::from_secs(25);

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(said) => {
            println!("{said}");
            return ExitCode::from(2);
        }
    };
    let folder = options.folder();
    println!("seed {}, files in {}", options.seed, folder.display());
    let world = Arc::new(World::new(&options));
    let origins = origin::start(&world).await;
    let mut edge = edge::Process::start(&options, &folder, &origins, world.clone()).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(keyring::revoke_now_and_then(world.clone()));
    tasks.spawn(purger::run(edge.doors.clone(), world.clone()));
    let mut clients = JoinSet::new();
    for number in 0..options.clients {
        clients.spawn(client::run(edge.doors.clone(), number, world.clone()));
    }
    storm(&mut edge, &options, &world).await;
    let quiet_from = edge.samples.len();
    quiet(&mut edge, &options, &world).await;
    clients.shutdown().await;
    tasks.shutdown().await;
    let loaded_to = edge.samples.len();
    sleep(REST).await;
    edge.sample();
    println!("{}", world.tally.line());
    verdict::of(&edge, quiet_from..loaded_to, &options, &world)
}

/// Kills at random moments.
async fn storm(edge: &mut edge::Process, options: &Options, world: &World) {
    let end = world.began + options.time().mul_f64(STORMY);
    let mut chance = Chance::new(options.seed + 7);
    while Instant::now() < end {
        let life = chance.between(LIFE_SECS.start * 1000, LIFE_SECS.end * 1000);
        let until = (Instant::now() + Duration::from_millis(life)).min(end);
        watch(edge, until, world).await;
        edge.kill_and_restart().await;
    }
}

/// One process, to the end.
async fn quiet(edge: &mut edge::Process, options: &Options, world: &World) {
    println!("no kills from here on: what is flat shows now");
    watch(edge, world.began + options.time(), world).await;
}

async fn watch(edge: &mut edge::Process, until: Instant, world: &World) {
    while Instant::now() < until {
        let next = Instant::now() + samples::EVERY;
        sleep_until(next.min(until)).await;
        edge.sample();
        edge.must_live().await;
        if world.is_time_to_report(REPORT_EVERY) {
            println!("{}; {}", world.tally.line(), edge.line());
        }
    }
}
