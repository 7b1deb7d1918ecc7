//! Keeps the gate's public keys and revocations as the origin's are, by long poll.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::{access::Gate, kept_keys::Kept, node::Node, upstream::FetchError};

/// First pause after a fault; doubled up to the configured one.
const RETRY_MIN: Duration = Duration::from_millis(100);

/// How to ask.
pub(crate) struct Pace {
    /// How long the origin may hold the question.
    pub(crate) wait: Duration,
    /// Longest pause after a fault.
    pub(crate) retry_max: Duration,
}

/// Judges by what an earlier process heard.
pub(crate) fn recall(gate: &Gate, kept: &Kept) {
    let Some(bulletin) = kept.read() else { return };
    let revision = bulletin.revision;
    match gate.apply(bulletin) {
        Ok(()) => info!(revision, "keys of before applied"),
        Err(error) => warn!(%error, "the keys of before can't be used"),
    }
}

/// Runs until dropped. What was last heard stays in force while the origin is away.
pub(crate) async fn follow(
    gate: Arc<Gate>,
    node: Arc<Node>,
    (pace, kept): (Pace, Option<Arc<Kept>>),
) {
    let mut faults = 0_u32;
    // What an earlier process heard may be another history's, of the same number.
    let mut heard = None;
    loop {
        let asked = Instant::now();
        match ask(&gate, &node, (&pace, kept.as_deref()), &mut heard).await {
            Ok(true) => faults = 0,
            // An origin that does not hold the question is not asked without pause.
            Ok(false) if asked.elapsed() < pace.wait / 2 => sleep(pace.retry_max).await,
            Ok(false) => faults = 0,
            Err(error) => {
                if faults == 0 {
                    let known = gate.revision();
                    warn!(%error, ?known, "the origin's keys can't be fetched; trying again");
                }
                sleep(pause(faults, pace.retry_max)).await;
                faults = faults.saturating_add(1);
            }
        }
    }
}

/// Whether there was news after what this process `heard`.
async fn ask(
    gate: &Gate,
    node: &Node,
    (pace, kept): (&Pace, Option<&Kept>),
    heard: &mut Option<u64>,
) -> Result<bool, FetchError> {
    let known = *heard;
    // The first question is not held: without any key nobody can be served.
    let wait = known.map_or(Duration::ZERO, |_| pace.wait);
    let Some(bulletin) = node.origin.bulletin(known.unwrap_or(0), wait).await? else {
        return Ok(false);
    };
    let revoked = bulletin.revoked.len() + bulletin.revoked_before.len();
    let revision = bulletin.revision;
    let copy = kept.map(|_| bulletin.clone());
    gate.apply(bulletin)
        .map_err(|error| FetchError::BadAnswer(error.to_string()))?;
    *heard = Some(revision);
    if let Some((kept, bulletin)) = kept.zip(copy) {
        kept.keep(bulletin);
    }
    // Transfers that wait for more look whether their key still counts.
    node.lines.look();
    if known != Some(revision) {
        info!(revision, revoked, "keys applied");
    }
    Ok(known != Some(revision))
}

/// The pause after so many faults.
pub(crate) fn pause(faults: u32, retry_max: Duration) -> Duration {
    RETRY_MIN.saturating_mul(1 << faults.min(16)).min(retry_max)
}
