//! Asks origins until one answers.

use std::sync::Arc;

use http::{Response, StatusCode};
use tokio::time::Instant;

use super::{
    Origin,
    body::Body,
    error::{Fault, FetchError},
    group::{Group, Pick},
    health::Failure,
    peer::{Ask, Patience, Peer},
    upload::Upload,
};

/// Most tries of one request. Chosen: whoever waits is better told soon.
const TRIES_MAX: usize = 3;

/// What came of one request so far.
#[derive(Default)]
struct Tries {
    count: usize,
    /// Origins that are not to be asked again.
    done: Vec<usize>,
    /// An answer that says that there is none now: better than nothing.
    answer: Option<(Response<Body>, Arc<Peer>)>,
    error: Option<FetchError>,
}

impl Origin {
    /// Asks the origins of a group, one after the other, while nothing was said that is
    /// worth passing on. Says who answered.
    pub(crate) async fn ask(
        &self,
        group: &Arc<Group>,
        ask: &Ask,
        patience: Patience,
    ) -> Result<(Response<Body>, Arc<Peer>), FetchError> {
        self.budget().request(Instant::now());
        let repeatable = ask.method.is_idempotent();
        let mut tries = Tries::default();
        while tries.count < TRIES_MAX && (tries.count == 0 || repeatable) {
            let Some(pick) = self.pick(group, &tries, patience.held) else {
                break;
            };
            if let Some(answered) = tries.run(pick, ask, patience).await {
                return Ok(answered);
            }
        }
        tries.end()
    }

    /// Sends what may not be sent twice, to the first that is in.
    pub(crate) async fn send_once(
        &self,
        ask: &Ask,
        upload: Upload,
        patience: Patience,
    ) -> Result<Response<Body>, FetchError> {
        let pick = self.group.pick(&[]);
        let pick = pick.ok_or(FetchError::Unreachable(Fault::NotTried))?;
        let sent = pick.peer().send(ask, upload, patience, pick.ticket()).await;
        match &sent {
            Ok(response) if cannot_now(response.status()) => pick.failed(Failure::Status),
            Ok(_) => pick.succeeded(),
            // Not of its making.
            Err(error) if is_ours(error) => {}
            Err(error) => pick.failed(failure(error)),
        }
        sent
    }

    /// Whom to ask next; a try after the first must be within the budget.
    fn pick(&self, group: &Arc<Group>, tries: &Tries, held: bool) -> Option<Pick> {
        if tries.count > 0 {
            if !group.takes(&tries.done) || !self.budget().retry(Instant::now()) {
                return None;
            }
            self.retries.increment(1);
        }
        if held {
            group.pick_to_wait(&tries.done)
        } else {
            group.pick(&tries.done)
        }
    }
}

impl Tries {
    /// One try: an answer that is one.
    async fn run(
        &mut self,
        pick: Pick,
        ask: &Ask,
        patience: Patience,
    ) -> Option<(Response<Body>, Arc<Peer>)> {
        let peer = pick.peer().clone();
        self.done.push(pick.at());
        let has_next = pick.group().takes(&self.done);
        // One that says nothing leaves the next time to answer.
        let patience = if has_next && !patience.held {
            patience.half()
        } else {
            patience
        };
        match peer.ask(ask, patience, pick.ticket()).await {
            Ok(response) if cannot_now(response.status()) => {
                pick.failed(Failure::Status);
                self.answer = Some((response, peer));
                self.count += 1;
            }
            Ok(response) => {
                pick.succeeded();
                return Some((response, peer));
            }
            // Nothing was sent: this says nothing of it, and the next try is the first.
            Err(FetchError::Overloaded) => self.error = Some(FetchError::Overloaded),
            Err(error) => {
                pick.failed(failure(&error));
                if !has_next && self.count == 0 && is_closed(&error) {
                    self.done.pop();
                }
                self.error = Some(error);
                self.count += 1;
            }
        }
        None
    }

    fn end(self) -> Result<(Response<Body>, Arc<Peer>), FetchError> {
        let not_tried = FetchError::Unreachable(Fault::NotTried);
        self.answer.ok_or(self.error.unwrap_or(not_tried))
    }
}

/// It answers that it can't answer now.
fn cannot_now(status: StatusCode) -> bool {
    [
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ]
    .contains(&status)
}

/// The origin has no part in it.
fn is_ours(error: &FetchError) -> bool {
    matches!(
        error,
        FetchError::Overloaded
            | FetchError::RequestTooLong
            | FetchError::RequestTooSlow
            | FetchError::RequestCut
    )
}

/// Whether the same origin may do better at once.
fn is_closed(error: &FetchError) -> bool {
    matches!(error, FetchError::Unreachable(Fault::Closed(_)))
}

pub(crate) fn failure(error: &FetchError) -> Failure {
    match error {
        FetchError::Unreachable(fault) if !matches!(fault, Fault::Closed(_)) => Failure::Connection,
        _ => Failure::Answer,
    }
}

/// Of an answer that is not passed on.
pub(crate) fn status_failure(status: StatusCode) -> Option<Failure> {
    cannot_now(status).then_some(Failure::Status)
}
