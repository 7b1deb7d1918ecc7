//! Answers requests from blocks.

use std::sync::Arc;

use http::StatusCode;
use tokio::time::Instant;

use super::{Spread, Walk, fetch::Asker, look::Looked, walk::How};
use crate::{
    answer::Exchange,
    body::Body,
    freshness::State,
    node::Node,
    outcome::Outcome,
    purge::{Judgement, Subject, object_of},
    respond::{self, Answer, Note},
    upstream::FetchError,
};

/// How often a request begins anew because the object changed meanwhile, or what it joined
/// was not for it. Chosen: twice is chance, more is an origin at odds with itself.
const TRIES: usize = 4;

impl Exchange<'_> {
    /// The answer from blocks; `None` if the object is to be fetched whole. `seen` is a
    /// version that a fetch has just found.
    pub(crate) async fn by_blocks(&self, seen: Option<(Arc<Spread>, Outcome)>) -> Option<Answer> {
        if let Some((spread, outcome)) = seen
            && let Looked::Spread(spread, outcome) = self.may_have(spread, outcome)
            && let Some(answer) = self.send(&spread, outcome, Note::default()).await
        {
            return Some(answer);
        }
        self.recall().await;
        for _ in 0..TRIES {
            let looked = match self.spread() {
                Some(spread) => self.state(spread).await,
                None if self.is_alone() => return self.exactly().await,
                None => self.look(self.part(None)?).await,
            };
            let mut note = Note::default();
            let (spread, outcome) = match looked {
                Looked::Spread(spread, outcome) => (spread, outcome),
                Looked::StandsIn(spread, status) => {
                    (note.failed, note.status) = (true, status);
                    (spread, Outcome::Stale)
                }
                Looked::Answer(answer) => return Some(answer),
                Looked::Again => continue,
                Looked::Whole => return None,
                Looked::Alone => return self.exactly().await,
            };
            if let Some(answer) = self.send(&spread, outcome, note).await {
                return Some(answer);
            }
        }
        Some(self.failed(&FetchError::Changed, None))
    }

    /// Whether all that is asked for is stored in blocks, and fresh.
    pub(crate) async fn is_in_blocks(&self, now: Instant) -> bool {
        self.recall().await;
        let spread = self.spread().filter(|_| self.own.is_none());
        spread.is_some_and(|spread| {
            let is_fresh = spread.head().freshness.state(now) == State::Fresh;
            is_fresh && self.is_stored(&spread, now)
        })
    }

    async fn recall(&self) {
        let Node { blocks, store, .. } = &**self.node;
        blocks.recall(&self.target.key, store).await;
    }

    /// Whether all that is asked for of this version is stored.
    pub(super) fn is_stored(&self, spread: &Spread, now: Instant) -> bool {
        let part = respond::blocks(&self.asked, &spread.head(), now).1;
        part.is_empty() || spread.is_stored(&part, &self.node.store)
    }

    /// The version that is stored in blocks, if this viewer may read it.
    pub(super) fn spread(&self) -> Option<Arc<Spread>> {
        let spread = self.node.blocks.get(&self.target.key)?;
        let head = spread.head();
        let subject = Subject {
            key: object_of(self.target.key.as_str()),
            tags: Some(&head.tags),
        };
        match self.node.purges.judge(subject, head.position) {
            Judgement::Alive => {}
            Judgement::Stale(since) => spread.stale_since(since),
            Judgement::Dead => {
                let Node { blocks, store, .. } = &**self.node;
                blocks.forget(&self.target.key, store);
                return None;
            }
        }
        let may_read = self.asked.viewer.may_read(head.access);
        (may_read && spread.matches(|| self.fields())).then_some(spread)
    }

    /// The answer from this version; `None` if the origin has another by now. What the origin
    /// said before is in `note`.
    async fn send(&self, spread: &Arc<Spread>, outcome: Outcome, note: Note) -> Option<Answer> {
        let now = Instant::now();
        let head = spread.head();
        let (mut response, part) = respond::blocks(&self.asked, &head, now);
        let mut note = Note {
            stored: !matches!(outcome, Outcome::Hit | Outcome::Stale),
            collapsed: outcome == Outcome::Collapsed,
            was_stale: outcome == Outcome::Revalidated,
            ..note
        };
        if outcome == Outcome::Revalidated {
            note.status = Some(StatusCode::NOT_MODIFIED);
        }
        let mut outcome = outcome;
        if !part.is_empty() {
            let whole_there = spread.holds(&part, &self.node.store);
            let asker = Asker {
                site: self.site.clone(),
                credential: self.fill_key(None).credential,
                fields: self.fields(),
                is_media: self.target.asset().is_some(),
            };
            let mut walk = Walk::new(self.node, asker, spread, part);
            let how = match walk.begin().await {
                Ok(how) => how,
                Err(FetchError::Changed) => return None,
                Err(error) => return Some(self.failed(&error, None)),
            };
            *response.body_mut() = Body::Blocks(Box::new(walk));
            if outcome == Outcome::Hit && !(whole_there && how == How::Stored) {
                note.partial = true;
                note.stored = true;
                note.collapsed = how == How::Joined;
                outcome = if note.collapsed {
                    Outcome::Collapsed
                } else {
                    Outcome::Miss
                };
            }
        }
        if matches!(outcome, Outcome::Hit | Outcome::Stale) {
            note.ttl_secs = Some(head.freshness.ttl_secs(now));
        }
        Some(self.noted(Answer::new(response, outcome), note))
    }
}
