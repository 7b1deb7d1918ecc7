//! What a fetch came to, as an answer to this request.

use http::StatusCode;
use tokio::time::Instant;

use super::Exchange;
use crate::{
    access::Refusal,
    fill::{Arrival, Reader},
    freshness::Freshness,
    head::{Head, Object},
    outcome::Outcome,
    respond::{self, Answer, Note},
    upstream::FetchError,
};

impl Exchange<'_> {
    pub(crate) fn arrived(
        &self,
        arrival: Result<Arrival, FetchError>,
        reader: Reader,
        outcome: Outcome,
        stale: Option<&Object>,
    ) -> Answer {
        let now = Instant::now();
        let may_read = |access| self.asked.viewer.may_read(access);
        let mut note = Note {
            was_stale: stale.is_some(),
            collapsed: outcome == Outcome::Collapsed,
            method: self.passes,
            ..Note::default()
        };
        match arrival {
            Err(error) => self.failed(&error, stale),
            Ok(Arrival::Object(object)) if may_read(object.head.access) => {
                note.status = Some(StatusCode::NOT_MODIFIED);
                note.stored = object.head.store;
                note.was_stale = true;
                let response = respond::object(&self.asked, &object, now);
                self.noted(Answer::new(response, Outcome::Revalidated), note)
            }
            Ok(Arrival::Head(head)) if may_read(head.access) || !reveals(&head) => {
                if let Some(stale) = stale.filter(|stale| saves(stale, &head, now)) {
                    return self.stand_in(stale, Some(head.status), now);
                }
                note.stored = head.store;
                note.status = note.was_stale.then_some(head.status);
                let response = respond::stream(&self.asked, &head, reader, now);
                self.noted(Answer::new(response, outcome), note)
            }
            Ok(_) => self.noted(respond::refusal(Refusal::Missing), Note::default()),
        }
    }

    /// The stale object, if it may stand in; else says what failed.
    pub(crate) fn failed(&self, error: &FetchError, stale: Option<&Object>) -> Answer {
        let now = Instant::now();
        let stands_in = |stale: &&Object| self.outlives(&stale.head.freshness, error, now);
        match stale.filter(stands_in) {
            Some(stale) => self.stand_in(stale, None, now),
            None => {
                let failed = respond::fetch_failed(error);
                let blamed = failed.blamed(&self.node.config.pop, error);
                self.noted(blamed, Note::default())
            }
        }
    }

    /// What is stale, after the origin was asked in vain (RFC 9211 §2.2: that is no hit).
    fn stand_in(&self, stale: &Object, status: Option<StatusCode>, now: Instant) -> Answer {
        let note = Note {
            ttl_secs: Some(stale.head.freshness.ttl_secs(now)),
            failed: true,
            status,
            ..Note::default()
        };
        let response = respond::object(&self.asked, stale, now);
        self.noted(Answer::new(response, Outcome::Stale), note)
    }

    /// Whether what is so fresh may be served instead of this error.
    pub(crate) fn outlives(&self, freshness: &Freshness, error: &FetchError, now: Instant) -> bool {
        let disconnected = matches!(error, FetchError::Unreachable(_) | FetchError::Silent(_));
        let most = self.node.config.stale_if_unreachable;
        freshness.serves_on_error(now) || (disconnected && freshness.serves_disconnected(now, most))
    }

    pub(crate) fn noted(&self, answer: Answer, note: Note) -> Answer {
        Answer {
            key: Some(self.target.key.clone()),
            ..answer.noted(&self.node.config.pop, note)
        }
    }
}

/// Whether an answer shows something of what it is about: an error does not.
fn reveals(head: &Head) -> bool {
    head.status.is_success() || head.status.is_redirection()
}

/// Whether a stale object is better than this answer, by its own word (RFC 5861 §4).
fn saves(stale: &Object, head: &Head, now: Instant) -> bool {
    matches!(head.status.as_u16(), 500 | 502 | 503 | 504)
        && stale.head.freshness.serves_on_error(now)
}
