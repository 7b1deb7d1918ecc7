//! Whether an answer may be so.

use std::{ops::Range, sync::atomic::AtomicU64, time::Duration};

use http::{
    HeaderMap, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, SET_COOKIE},
    response::Parts,
};
use tokio::time::Instant;

use crate::{
    ask::{Manner, Pass, Plan},
    object::{Changes, LIE, Object, Sharing, changes, is_lied_about, sharing, varies},
    tally::one,
    world::World,
};

/// How old what changes in time may be: fresh for 5 s, stale for 20 s where the origin fails,
/// fetched within 10 s, taken within 10.
const AGE_MAX: Duration = Duration::from_secs(45);

/// A request, and what was known when it was sent.
pub(crate) struct Case {
    pub(crate) plan: Plan,
    floor: u64,
    asked: Instant,
}

/// What is still to come.
pub(crate) enum Verdict {
    Body(Expected),
    /// Nothing that matters.
    Settled,
}

pub(crate) struct Expected {
    pub(crate) object: Object,
    pub(crate) range: Range<u64>,
}

type Wrong = String;

impl Case {
    pub(crate) fn now(plan: Plan, world: &World) -> Self {
        Self {
            floor: world.floor(plan.id),
            asked: Instant::now(),
            plan,
        }
    }

    pub(crate) fn name(&self) -> String {
        let plan = &self.plan;
        let part = plan
            .part
            .map_or(String::new(), |part| format!(" {}", part.field()));
        format!("{} {:?} {}{part}", plan.method, plan.site, plan.id)
    }

    pub(crate) fn head(&self, head: &Parts, world: &World) -> Result<Verdict, Wrong> {
        let tally = &world.tally;
        let is_bad = matches!(self.plan.pass, Some(Pass::Bad(_)));
        match head.status.as_u16() {
            500 | 502..=504 => {
                let why = text(&head.headers, "proxy-status").unwrap_or_default();
                self.failed(&tally.failed, &format!("{} {why}", head.status), world);
                Ok(Verdict::Settled)
            }
            401 | 403 if is_bad || self.was_given_up(world) => {
                one(&tally.refused);
                Ok(Verdict::Settled)
            }
            _ if is_bad => Err("not refused".to_owned()),
            304 => self.unchanged(head, world),
            200 | 206 => self.body(head, world),
            // Past the end of what was lied about.
            416 if self.plan.part.is_some() && is_lied_about(self.plan.id) => Ok(Verdict::Settled),
            _ => Err("unexpected".to_owned()),
        }
    }

    /// Counts a failure, which has a cause.
    pub(crate) fn failed(&self, count: &AtomicU64, how: &str, world: &World) {
        let is_ours = matches!(self.plan.manner, Manner::Stalls);
        if is_ours || world.was_disturbed_since(self.plan.id, self.asked) {
            return one(count);
        }
        world.tally.unexplained(&format!("{}: {how}", self.name()));
    }

    /// Whether its key may have been revoked since.
    fn was_given_up(&self, world: &World) -> bool {
        match &self.plan.pass {
            Some(Pass::Good(key)) => !world.keys.is_good(key),
            _ => false,
        }
    }

    fn unchanged(&self, head: &Parts, world: &World) -> Result<Verdict, Wrong> {
        let known = self.plan.if_none_match.ok_or("304 to no condition")?;
        if text(&head.headers, ETAG.as_str()) != known.etag().as_deref() {
            return Err(format!("304 of another than {known}"));
        }
        self.state(known, world)?;
        one(&world.tally.unchanged);
        Ok(Verdict::Settled)
    }

    fn body(&self, head: &Parts, world: &World) -> Result<Verdict, Wrong> {
        let name = text(&head.headers, "x-soak").ok_or("no state")?;
        let object = Object::of_name(name).ok_or("no such state")?;
        self.state(object, world)?;
        if self.plan.method == Method::POST {
            // What this very request changed, or a later one.
            world.raise_floor(object.id, object.generation);
            one(&world.tally.posts);
            return Ok(Verdict::Settled);
        }
        self.validators(object, &head.headers)?;
        self.sharing(&head.headers)?;
        let range = match head.status {
            StatusCode::PARTIAL_CONTENT => self.part(object, &head.headers)?,
            _ => 0..total(object, text(&head.headers, CONTENT_LENGTH.as_str()))?,
        };
        if self.plan.method == Method::HEAD {
            one(&world.tally.right);
            return Ok(Verdict::Settled);
        }
        Ok(Verdict::Body(Expected { object, range }))
    }

    /// The right object, in the right language, and not too old.
    fn state(&self, object: Object, world: &World) -> Result<(), Wrong> {
        let Plan { id, site, .. } = self.plan;
        if object.id != id {
            return Err("another object".to_owned());
        }
        let language = match varies(id, site) && self.plan.method != Method::POST {
            true => self.plan.language,
            false => 0,
        };
        if object.language != language && self.plan.method != Method::POST {
            return Err(format!("another language than {language}"));
        }
        if object.generation > world.generation(id) {
            return Err("not yet made".to_owned());
        }
        let oldest = match changes(id) {
            Changes::InTime => {
                let at = self.asked.checked_sub(AGE_MAX).unwrap_or(world.began);
                world.generation_at(id, at.max(world.began))
            }
            _ => self.floor,
        };
        if object.generation < oldest {
            let generation = object.generation;
            return Err(format!(
                "old: state {generation}, and {oldest} is the oldest"
            ));
        }
        Ok(())
    }

    fn validators(&self, object: Object, headers: &HeaderMap) -> Result<(), Wrong> {
        if text(headers, ETAG.as_str()) != object.etag().as_deref() {
            return Err("another etag".to_owned());
        }
        let condition = self.plan.if_range.filter(|it| it.etag().is_some());
        let is_part = headers.contains_key(CONTENT_RANGE);
        match condition {
            Some(wanted) if is_part && wanted != object => Err(format!("a part, not of {wanted}")),
            _ => Ok(()),
        }
    }

    /// What is one client's is this one's.
    fn sharing(&self, headers: &HeaderMap) -> Result<(), Wrong> {
        let nonce = &self.plan.nonce;
        let ours = match sharing(self.plan.id, self.plan.site) {
            Sharing::All => true,
            Sharing::Private => text(headers, "x-for") == Some(nonce),
            Sharing::Cookie => {
                text(headers, SET_COOKIE.as_str()) == Some(&format!("client={nonce}"))
            }
        };
        ours.then_some(())
            .ok_or_else(|| "another client's".to_owned())
    }

    fn part(&self, object: Object, headers: &HeaderMap) -> Result<Range<u64>, Wrong> {
        let asked = self.plan.part.ok_or("206 to no range")?;
        let field = text(headers, CONTENT_RANGE.as_str()).ok_or("206 without its range")?;
        let (first, last, len) = content_range(field).ok_or("a range that says nothing")?;
        let len = total(object, Some(len))?;
        if first > last || last >= len || asked.of(len).is_some_and(|it| it != (first, last)) {
            return Err("another range".to_owned());
        }
        let said = text(headers, CONTENT_LENGTH.as_str());
        let said = said.and_then(|said| said.parse::<u64>().ok());
        match said == Some(last + 1 - first) {
            true => Ok(first..last + 1),
            false => Err("another length than its range".to_owned()),
        }
    }
}

/// The object's length, as it is said to be; longer only where the body will be cut.
fn total(object: Object, said: Option<&str>) -> Result<u64, Wrong> {
    let said: u64 = said.and_then(|said| said.parse().ok()).ok_or("no length")?;
    let len = object.len();
    let is_lie = is_lied_about(object.id) && said == len.saturating_sub(LIE);
    if said == len || said == len + LIE || is_lie {
        return Ok(said);
    }
    Err(format!("length {said}, not {len}"))
}

impl Expected {
    /// Bytes that stand at `at`.
    pub(crate) fn piece(&self, at: u64, piece: &[u8]) -> Result<(), Wrong> {
        let right = self.object.bytes(at..at + piece.len() as u64);
        match right.iter().zip(piece).position(|(a, b)| a != b) {
            None => Ok(()),
            Some(offset) => Err(format!(
                "{}: wrong byte {}",
                self.object,
                at + offset as u64
            )),
        }
    }

    pub(crate) fn ends_at(&self, at: u64) -> Result<(), Wrong> {
        if at == self.range.end && at <= self.object.len() {
            return Ok(());
        }
        Err(format!(
            "{}: ended at {at}, not {}",
            self.object, self.range.end
        ))
    }
}

/// `bytes 0-9/100`.
fn content_range(field: &str) -> Option<(u64, u64, &str)> {
    let (range, len) = field.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, len))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
