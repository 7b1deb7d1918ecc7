//! What the origin says of an object whose blocks are wanted: asked, or heard of another
//! request's question.

use std::sync::Arc;

use http::{
    StatusCode,
    header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE},
};
use tokio::time::Instant;

use super::{Part, Spread};
use crate::{
    access::Refusal,
    answer::Exchange,
    fill::{Arrival, Reader},
    fills::Joined,
    freshness::{Share, State},
    head::{Head, Object},
    outcome::Outcome,
    pump::{self, Order},
    range,
    respond::{self, Answer, Note},
    upstream::FetchError,
};

/// What a look at the origin brought.
pub(super) enum Looked {
    Spread(Arc<Spread>, Outcome),
    /// A stale version, after the origin was asked in vain; it may have answered so.
    StandsIn(Arc<Spread>, Option<StatusCode>),
    Answer(Answer),
    Again,
    /// The object is to be fetched whole.
    Whole,
    /// It is to be fetched for this request alone, in part if it asks for one.
    Alone,
}

/// What another request has just left.
enum Left {
    Object(Arc<Object>),
    Spread(Arc<Spread>),
}

impl Exchange<'_> {
    /// Which part of the object to ask for first; `None` if it is to be fetched whole.
    pub(super) fn part(&self, known: Option<Arc<Spread>>) -> Option<Part> {
        let ranged = self
            .asked
            .headers
            .get(RANGE)
            .filter(|_| !self.asked.head_only);
        let at = match (ranged.and_then(range::begin), &known) {
            (Some(at), _) => at,
            (None, Some(_)) => 0,
            (None, None) => return None,
        };
        let blocks = &self.node.blocks;
        blocks.may(&self.fill_key(None)).then(|| Part {
            range: blocks.around(at),
            known,
            exact: false,
        })
    }

    /// Whether this request must not wait for another's, nor keep what comes of its own.
    pub(super) fn is_alone(&self) -> bool {
        let key = self.fill_key(None);
        self.node.unshared.holds(&key) || self.node.blocks.alone.holds(&key)
    }

    /// Asks the origin for what this request asks for, if that is a part which no condition
    /// and no length decides about.
    pub(super) async fn exactly(&self) -> Option<Answer> {
        let headers = self.asked.headers;
        let conditions = [IF_RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE];
        let is_bare = !conditions.iter().any(|name| headers.contains_key(name));
        let is_on = self.node.blocks.len > 0 && is_bare && !self.asked.head_only;
        let range = range::exact(headers.get(RANGE).filter(|_| is_on)?)?;
        let part = Part {
            range,
            known: None,
            exact: true,
        };
        let order = Order {
            part: Some(part),
            ..self.order(None, true)
        };
        Some(self.fetch_by(order, Outcome::Miss, None).await)
    }

    pub(super) async fn state(&self, spread: Arc<Spread>) -> Looked {
        let now = Instant::now();
        match spread.head().freshness.state(now) {
            State::Fresh => Looked::Spread(spread, Outcome::Hit),
            State::WhileRevalidate => {
                self.renew(&spread);
                Looked::Spread(spread, Outcome::Stale)
            }
            State::Stale => match self.part(Some(spread.clone())) {
                Some(part) => self.look(part).await,
                None => {
                    // It can't be had in blocks any more.
                    self.node.blocks.end(&spread, &self.node.store);
                    Looked::Again
                }
            },
        }
    }

    /// Asks in the background whether a version is still the origin's, unless that is
    /// being done.
    fn renew(&self, spread: &Arc<Spread>) {
        if let Some(part) = self.part(Some(spread.clone()))
            && let Joined::Leader(fill, _) = self.join_look()
        {
            pump::start(self.node, fill, self.order_part(part));
        }
    }

    /// Asks the origin for a part, or joins who does.
    pub(super) async fn look(&self, part: Part) -> Looked {
        let known = part.known.clone();
        let (start, block) = (part.range.start, self.node.blocks.len);
        let (reader, outcome) = match self.join_look() {
            Joined::Leader(fill, reader) => {
                pump::start(self.node, fill, self.order_part(part));
                (reader, Outcome::Miss)
            }
            Joined::Follower(reader) => (reader, Outcome::Collapsed),
            Joined::Done(Left::Spread(spread)) => return Looked::Spread(spread, Outcome::Hit),
            Joined::Done(Left::Object(object)) => {
                return Looked::Answer(self.serve(&object, Outcome::Hit, Instant::now()));
            }
            Joined::Full => {
                return Looked::Answer(self.failed(&FetchError::Overloaded, None));
            }
        };
        let collapsed = outcome == Outcome::Collapsed;
        let arrival = reader.arrival().await;
        let head = match &arrival {
            Ok(Arrival::Head(head)) if collapsed => Some(&**head),
            Ok(Arrival::Object(object)) if collapsed => Some(&object.head),
            _ => None,
        };
        if self.other_variant(head).is_some() {
            return Looked::Whole;
        }
        match arrival {
            Ok(Arrival::Spread(spread)) => {
                let same = known.is_some_and(|known| Arc::ptr_eq(&known, &spread));
                let outcome = if same { Outcome::Revalidated } else { outcome };
                self.may_have(spread, outcome)
            }
            Ok(Arrival::Alone) => Looked::Alone,
            Ok(Arrival::Head(head)) if collapsed && head.share == Share::Nobody => {
                self.not_shared(&head)
            }
            Ok(Arrival::Head(head)) if collapsed && start >= reader.came() + block => {
                self.far(&head, reader)
            }
            arrival => match known.filter(|known| self.stands_in(known, &arrival)) {
                Some(known) => Looked::StandsIn(known, status(&arrival)),
                None => Looked::Answer(self.arrived(arrival, reader, outcome, None)),
            },
        }
    }

    pub(super) fn may_have(&self, spread: Arc<Spread>, outcome: Outcome) -> Looked {
        if !spread.matches(|| self.fields()) {
            return Looked::Whole;
        }
        if self.asked.viewer.may_read(spread.head().access) {
            return Looked::Spread(spread, outcome);
        }
        let refusal = respond::refusal(Refusal::Missing);
        Looked::Answer(self.noted(refusal, Note::default()))
    }

    /// A whole answer that only the request may have for which it was fetched. If that is
    /// for its length alone, its parts can be had all the same.
    fn not_shared(&self, head: &Head) -> Looked {
        let is_long = head.length > Some(self.node.config.object_max.as_u64());
        match is_long && !self.is_alone() {
            true => Looked::Again,
            false => Looked::Alone,
        }
    }

    /// The whole is on its way, but far from where this request reads.
    fn far(&self, head: &Arc<Head>, reader: Reader) -> Looked {
        let blocks = &self.node.blocks;
        let keeps = head.share == Share::Open && head.store;
        let spread = Spread::new(&self.target.key, head.clone(), blocks.len);
        let spread = spread.filter(|_| keeps);
        match spread.and_then(|spread| blocks.meet(spread, &self.node.store)) {
            Some(spread) => self.may_have(spread, Outcome::Hit),
            None => {
                let arrival = Ok(Arrival::Head(head.clone()));
                Looked::Answer(self.arrived(arrival, reader, Outcome::Collapsed, None))
            }
        }
    }

    /// Whether a stale version may be served instead of what came (RFC 5861 §4, RFC 9111
    /// §4.2.4): all that is asked for must be stored, as no more of it can be had now.
    fn stands_in(&self, known: &Spread, arrival: &Result<Arrival, FetchError>) -> bool {
        let now = Instant::now();
        let head = known.head();
        let is_error = |status: StatusCode| matches!(status.as_u16(), 500 | 502 | 503 | 504);
        let may = match arrival {
            Err(error) => self.outlives(&head.freshness, error, now),
            Ok(Arrival::Head(came)) => is_error(came.status) && head.freshness.serves_on_error(now),
            Ok(_) => false,
        };
        may && !known.is_dead() && self.is_stored(known, now)
    }

    fn join_look(&self) -> Joined<Left> {
        let now = Instant::now();
        self.node.fills.join(&self.fill_key(None), || {
            let is_fresh = |head: &Head| head.freshness.state(now) == State::Fresh;
            let object = self.stored().filter(|object| is_fresh(&object.head));
            let spread = || self.spread().filter(|spread| is_fresh(&spread.head()));
            object
                .map(Left::Object)
                .or_else(|| spread().map(Left::Spread))
        })
    }

    fn order_part(&self, part: Part) -> Order {
        Order {
            part: Some(part),
            ..self.order(None, false)
        }
    }
}

fn status(arrival: &Result<Arrival, FetchError>) -> Option<StatusCode> {
    match arrival {
        Ok(Arrival::Head(head)) => Some(head.status),
        _ => None,
    }
}
