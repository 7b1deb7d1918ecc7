//! Asks each origin how it is, if configured.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::sleep;
use tracing::debug;

use super::{Origin, body::finish_unread, error::FetchError, patience::Patience, peer::Ask};

/// When and how origins are checked.
#[derive(Debug, Clone)]
pub(crate) struct Checks {
    /// Path and query; empty for none.
    pub(crate) path: String,
    pub(crate) every: Duration,
}

/// Runs until dropped; ends at once if no check is configured.
pub(crate) async fn watch(origin: Arc<Origin>) {
    if !origin.checks.path.is_empty() {
        join_all((0..origin.group.len()).map(|at| watch_one(&origin, at))).await;
    }
}

async fn watch_one(origin: &Origin, at: usize) {
    loop {
        // Spread, so that many edges don't ask at once.
        sleep(origin.checks.every.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
        check(origin, at).await;
    }
}

async fn check(origin: &Origin, at: usize) {
    let pick = origin.group.picked(at, false);
    match run(origin, at).await {
        Ok(()) => pick.recovered(),
        Err(error) => {
            debug!(origin = %pick.peer().place, %error, "check failed");
            pick.check_failed();
        }
    }
}

/// Any answer but an error is a good one.
async fn run(origin: &Origin, at: usize) -> Result<(), FetchError> {
    let pick = origin.group.picked(at, false);
    let ask: Ask = origin.plain(&origin.checks.path)?;
    let whole = origin.first_byte.min(origin.checks.every);
    let patience = Patience::of(whole, true);
    let response = pick.peer().ask(&ask, patience, pick.ticket()).await?;
    let (parts, body) = response.into_parts();
    if parts.status.is_client_error() || parts.status.is_server_error() {
        let why = format!("status {}", parts.status.as_u16());
        return Err(FetchError::BadAnswer(why));
    }
    finish_unread(body).await;
    Ok(())
}
