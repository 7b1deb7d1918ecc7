//! Clients: each opens a connection of some kind, asks some times, and opens the next.

use std::{sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use futures_util::future::join_all;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{sleep, timeout};

use crate::{
    ask::{Manner, Plan},
    chance::Chance,
    dial::{Doors, Peer},
    judge::{Case, Verdict},
    tally::one,
    world::World,
};

/// Longest wait for a connection, for the head, and for the next piece of a body. All are
/// longer than what the edge itself waits for anything.
const DIAL: Duration = Duration::from_secs(15);
const HEAD: Duration = Duration::from_secs(40);
const PIECE: Duration = Duration::from_secs(30);
/// Pause after a connection that did not come.
const PAUSE: Duration = Duration::from_millis(50);
/// Of who reads slowly, at each piece; and of who stalls, once.
const SLOW: Duration = Duration::from_millis(15);
const STALL: Duration = Duration::from_secs(12);
/// Most requests on one connection, and at one time on one of HTTP/2.
const REQUESTS: u64 = 30;
const AT_ONCE: u64 = 5;

pub(crate) async fn run(doors: Doors, number: u64, world: Arc<World>) {
    let mut chance = Chance::new(world.seed * 1_000 + number);
    loop {
        let epoch = world.epoch();
        match timeout(DIAL, Peer::dial(&doors, &mut chance)).await {
            Ok(Ok(peer)) => session(peer, &mut chance, &world).await,
            _ if world.was_killed_since(epoch) => sleep(PAUSE).await,
            other => {
                let why = other.map(|dialled| dialled.map(drop));
                world.tally.wrong(&format!("no connection: {why:?}"));
                sleep(PAUSE).await;
            }
        }
    }
}

/// One request on a connection of its own.
pub(crate) async fn ask_once(doors: &Doors, plan: Plan, chance: &mut Chance, world: &World) {
    if let Ok(Ok(mut peer)) = timeout(DIAL, Peer::dial(doors, chance)).await {
        ask(&mut peer, plan, world).await;
    }
}

/// One connection.
async fn session(mut peer: Peer, chance: &mut Chance, world: &World) {
    let mut left = 1 + chance.below(REQUESTS);
    while left > 0 {
        let count = match peer {
            Peer::Http1(_) => 1,
            Peer::Http2(_) => chance.between(1, AT_ONCE + 1).min(left),
        };
        left -= count;
        let mut others = Vec::new();
        for _ in 1..count {
            others.extend(peer.another().map(|peer| (peer, Plan::by(chance, world))));
        }
        let plan = Plan::by(chance, world);
        let others = join_all(
            others
                .into_iter()
                .map(|(mut peer, plan)| async move { ask(&mut peer, plan, world).await }),
        );
        let (goes_on, others) = tokio::join!(ask(&mut peer, plan, world), others);
        if !(goes_on && others.into_iter().all(|goes_on| goes_on)) {
            return;
        }
    }
}

/// Whether the connection can go on.
async fn ask(peer: &mut Peer, plan: Plan, world: &World) -> bool {
    world.turn().await;
    let epoch = world.epoch();
    let case = Case::now(plan, world);
    let request = case.plan.request(peer.is_http2());
    let response = match timeout(HEAD, peer.send(request)).await {
        Ok(Ok(response)) => response,
        _ if world.was_killed_since(epoch) => {
            one(&world.tally.killed);
            return false;
        }
        // Closed while idle, as servers may.
        Ok(Err(error)) if error.is_canceled() || error.is_closed() => return false,
        Ok(Err(error)) => {
            // The head was still on its way when the body failed.
            case.failed(&world.tally.cut, &format!("no head: {error}"), world);
            return false;
        }
        Err(_) => {
            world
                .tally
                .wrong(&format!("{}: no head in time", case.name()));
            return false;
        }
    };
    let (head, body) = response.into_parts();
    match case.head(&head, world) {
        Ok(Verdict::Body(expected)) => {
            let ended = read(&case, expected, body, epoch, world).await;
            matches!(ended, Ended::Whole)
        }
        Ok(Verdict::Settled) => {
            // Short: what a fault says of itself.
            let rest = timeout(PIECE, body.collect()).await;
            matches!(rest, Ok(Ok(_)))
        }
        Err(why) => {
            let fields = format!("{} {:?}", head.status, head.headers);
            world
                .tally
                .wrong(&format!("{}: {why}: {fields}", case.name()));
            false
        }
    }
}

enum Ended {
    Whole,
    Early,
}

async fn read(
    case: &Case,
    expected: crate::judge::Expected,
    mut body: Incoming,
    epoch: u64,
    world: &World,
) -> Ended {
    let mut at = expected.range.start;
    let is_stalling = matches!(case.plan.manner, Manner::Stalls);
    if is_stalling {
        sleep(STALL).await;
    }
    loop {
        let data = match timeout(PIECE, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            _ if world.was_killed_since(epoch) => {
                one(&world.tally.killed);
                return Ended::Early;
            }
            Ok(Some(Err(error))) => {
                case.failed(&world.tally.cut, &format!("cut: {error}"), world);
                return Ended::Early;
            }
            Err(_) => {
                world
                    .tally
                    .wrong(&format!("{}: the body stands still", case.name()));
                return Ended::Early;
            }
        };
        if let Err(why) = expected.piece(at, &data) {
            world.tally.wrong(&format!("{}: {why}", case.name()));
            return Ended::Early;
        }
        at += data.len() as u64;
        world.tally.bytes.fetch_add(data.len() as u64, Relaxed);
        match case.plan.manner {
            Manner::Leaves(after) if at - expected.range.start > after => {
                one(&world.tally.left);
                return Ended::Early;
            }
            Manner::Slow => sleep(SLOW).await,
            _ => {}
        }
    }
    if let Err(why) = expected.ends_at(at) {
        world.tally.wrong(&format!("{}: {why}", case.name()));
        return Ended::Early;
    }
    one(&world.tally.right);
    if case.plan.method == Method::GET {
        world.saw(expected.object);
    }
    Ended::Whole
}
