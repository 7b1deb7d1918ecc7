//! Answers requests from blocks.

use std::sync::Arc;

use http::{
    StatusCode,
    header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE},
};
use tokio::time::Instant;

use super::{Part, Spread, Walk, fetch::Asker, walk::How};
use crate::{
    access::Refusal,
    answer::Exchange,
    body::Body,
    fetch::FetchError,
    fill::{Arrival, Reader},
    fills::Joined,
    freshness::{Share, State},
    head::{Head, Object},
    outcome::Outcome,
    pump::{self, Order},
    range,
    respond::{self, Answer, Note},
};

/// How often a request begins anew because the object changed meanwhile, or what it joined
/// was not for it. Chosen: twice is chance, more is an origin at odds with itself.
const TRIES: usize = 4;

/// What a look at the origin brought.
enum Looked {
    Spread(Arc<Spread>, Outcome),
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
    /// The answer from blocks; `None` if the object is to be fetched whole. `seen` is a
    /// version that a fetch has just found.
    pub(crate) async fn by_blocks(&self, seen: Option<(Arc<Spread>, Outcome)>) -> Option<Answer> {
        if let Some((spread, outcome)) = seen
            && let Looked::Spread(spread, outcome) = self.may_have(spread, outcome)
            && let Some(answer) = self.send(&spread, outcome).await
        {
            return Some(answer);
        }
        for _ in 0..TRIES {
            let looked = match self.spread() {
                Some(spread) => self.state(spread).await,
                None if self.is_alone() => return self.exactly().await,
                None => self.look(self.part(None)?).await,
            };
            let (spread, outcome) = match looked {
                Looked::Spread(spread, outcome) => (spread, outcome),
                Looked::Answer(answer) => return Some(answer),
                Looked::Again => continue,
                Looked::Whole => return None,
                Looked::Alone => return self.exactly().await,
            };
            if let Some(answer) = self.send(&spread, outcome).await {
                return Some(answer);
            }
        }
        Some(self.failed(&FetchError::Changed, None))
    }

    /// Whether all that is asked for is stored in blocks, and fresh.
    pub(crate) fn is_in_blocks(&self, now: Instant) -> bool {
        let spread = self.spread().filter(|_| self.own.is_none());
        spread.is_some_and(|spread| {
            let head = spread.head();
            let part = respond::blocks(&self.asked, &head, now).1;
            head.freshness.state(now) == State::Fresh && (part.is_empty() || spread.holds(&part))
        })
    }

    /// The version that is stored in blocks, if this viewer may read it.
    fn spread(&self) -> Option<Arc<Spread>> {
        let spread = self.node.blocks.get(&self.target.key)?;
        let may_read = self.asked.viewer.may_read(spread.head().access);
        (may_read && spread.matches(|| self.fields())).then_some(spread)
    }

    /// Which part of the object to ask for first; `None` if it is to be fetched whole.
    fn part(&self, known: Option<Arc<Spread>>) -> Option<Part> {
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
    fn is_alone(&self) -> bool {
        let key = self.fill_key(None);
        self.node.unshared.holds(&key) || self.node.blocks.alone.holds(&key)
    }

    /// Asks the origin for what this request asks for, if that is a part which no condition
    /// and no length decides about.
    async fn exactly(&self) -> Option<Answer> {
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

    async fn state(&self, spread: Arc<Spread>) -> Looked {
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
    async fn look(&self, part: Part) -> Looked {
        let known = part.known.clone();
        let (start, block) = (part.range.start, part.range.end - part.range.start);
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
                Some(known) => Looked::Spread(known, Outcome::Stale),
                None => Looked::Answer(self.arrived(arrival, reader, outcome, None)),
            },
        }
    }

    fn may_have(&self, spread: Arc<Spread>, outcome: Outcome) -> Looked {
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
        let part = respond::blocks(&self.asked, &head, now).1;
        may && !known.is_dead() && (part.is_empty() || known.holds(&part))
    }

    /// The answer from this version; `None` if the origin has another by now.
    async fn send(&self, spread: &Arc<Spread>, outcome: Outcome) -> Option<Answer> {
        let now = Instant::now();
        let head = spread.head();
        let (mut response, part) = respond::blocks(&self.asked, &head, now);
        let mut note = Note {
            stored: !matches!(outcome, Outcome::Hit | Outcome::Stale),
            collapsed: outcome == Outcome::Collapsed,
            was_stale: outcome == Outcome::Revalidated,
            status: (outcome == Outcome::Revalidated).then_some(StatusCode::NOT_MODIFIED),
            ..Note::default()
        };
        let mut outcome = outcome;
        if !part.is_empty() {
            let whole_there = spread.holds(&part);
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
