//! What a client may ask for, by chance, and how it takes the answer.

use bytes::Bytes;
use http::{
    Method, Request,
    header::{ACCEPT_LANGUAGE, HOST, IF_NONE_MATCH, IF_RANGE, RANGE},
};
use http_body_util::Full;

use crate::{
    chance::Chance,
    object::{COUNT, Changes, LANGUAGES, Object, Site, changes},
    world::World,
};

/// What opens the keyed site, or doesn't.
#[derive(Clone)]
pub(crate) enum Pass {
    Good(String),
    /// Refused: revoked, another asset's, nonsense, or none at all.
    Bad(Option<String>),
}

#[derive(Clone, Copy)]
pub(crate) enum Part {
    Between(u64, u64),
    Last(u64),
    /// Two, which may be merged.
    Two([u64; 4]),
}

#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Whole,
    /// Leaves after so many bytes.
    Leaves(u64),
    /// Pauses at each piece.
    Slow,
    /// Reads nothing for longer than the edge suffers, then on.
    Stalls,
}

pub(crate) struct Plan {
    pub(crate) method: Method,
    pub(crate) site: Site,
    pub(crate) id: u64,
    pub(crate) language: u64,
    pub(crate) pass: Option<Pass>,
    pub(crate) part: Option<Part>,
    pub(crate) if_none_match: Option<Object>,
    pub(crate) if_range: Option<Object>,
    pub(crate) manner: Manner,
    /// No other request has it.
    pub(crate) nonce: String,
}

impl Plan {
    pub(crate) fn by(chance: &mut Chance, world: &World) -> Self {
        let id = chance.skewed_below(COUNT);
        let site = match chance.below(3) {
            // A POST is noticed under the address that it went to.
            0 if changes(id) != Changes::ByPost => Site::Keyed,
            _ => Site::Plain,
        };
        let posts = site == Site::Plain && changes(id) == Changes::ByPost && chance.one_in(12);
        let len = Object {
            id,
            generation: 0,
            language: 0,
        }
        .len();
        let mut plan = Self {
            language: chance.below(LANGUAGES.len() as u64),
            pass: (site == Site::Keyed).then(|| pass(chance, world)),
            manner: manner(chance, len),
            ..Self::whole(id, site, chance, world)
        };
        if posts {
            plan.method = Method::POST;
            return plan;
        }
        match chance.below(20) {
            0 => plan.method = Method::HEAD,
            1..6 => plan.part = Some(part(chance, len)),
            6 => plan.if_none_match = world.seen(id),
            7 => {
                plan.part = Some(part(chance, len));
                plan.if_range = world.seen(id);
            }
            _ => {}
        }
        plan
    }

    /// The whole object, as anyone may ask for it.
    pub(crate) fn whole(id: u64, site: Site, chance: &mut Chance, world: &World) -> Self {
        Self {
            method: Method::GET,
            site,
            id,
            language: 0,
            pass: (site == Site::Keyed).then(|| Pass::Good(world.keys.good(chance))),
            part: None,
            if_none_match: None,
            if_range: None,
            manner: Manner::Whole,
            nonce: format!("{:x}", chance.next()),
        }
    }

    pub(crate) fn request(&self, is_http2: bool) -> Request<Full<Bytes>> {
        let path = self.site.path(self.id);
        let token = match &self.pass {
            Some(Pass::Good(token) | Pass::Bad(Some(token))) => format!("/k/{token}"),
            _ => String::new(),
        };
        let host = self.site.host();
        let scheme = if is_http2 { "http://" } else { "" };
        let authority = if is_http2 { host } else { "" };
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("{scheme}{authority}{token}{path}"))
            .header("x-client", &self.nonce);
        if !is_http2 {
            request = request.header(HOST, host);
        }
        if self.language > 0 {
            request = request.header(ACCEPT_LANGUAGE, LANGUAGES[self.language as usize]);
        }
        if let Some(part) = self.part {
            request = request.header(RANGE, part.field());
        }
        if let Some(etag) = self.if_none_match.and_then(Object::etag) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(etag) = self.if_range.and_then(Object::etag) {
            request = request.header(IF_RANGE, etag);
        }
        let body = match self.method {
            Method::POST => Bytes::from_static(b"change"),
            _ => Bytes::new(),
        };
        request.body(Full::new(body)).unwrap()
    }
}

impl Part {
    pub(crate) fn field(self) -> String {
        match self {
            Self::Between(first, last) => format!("bytes={first}-{last}"),
            Self::Last(count) => format!("bytes=-{count}"),
            Self::Two([a, b, c, d]) => format!("bytes={a}-{b},{c}-{d}"),
        }
    }

    /// What is right of so many bytes, first and last; `None` where more than one is.
    pub(crate) fn of(self, total: u64) -> Option<(u64, u64)> {
        match self {
            Self::Between(first, last) => Some((first, last.min(total - 1))),
            Self::Last(count) => Some((total - count.min(total), total - 1)),
            Self::Two(_) => None,
        }
    }
}

fn part(chance: &mut Chance, len: u64) -> Part {
    match chance.below(6) {
        0 => Part::Last(1 + chance.below(len)),
        1 => {
            let first = chance.below(len / 2);
            let second = len / 2 + chance.below(len - len / 2);
            Part::Two([first, first + 10, second, second + 100])
        }
        // As a player seeks: from the middle, one piece.
        2..5 => {
            let first = chance.below(len);
            Part::Between(first, first + chance.below(300_000))
        }
        _ => {
            let first = chance.below(len);
            Part::Between(first, first + chance.below(len))
        }
    }
}

fn pass(chance: &mut Chance, world: &World) -> Pass {
    match chance.below(20) {
        0 => Pass::Bad(None),
        1 => Pass::Bad(Some(world.keys.foreign.clone())),
        2 => Pass::Bad(Some("no.key.atall".to_owned())),
        3 => Pass::Bad(world.keys.revoked()),
        _ => Pass::Good(world.keys.good(chance)),
    }
}

fn manner(chance: &mut Chance, len: u64) -> Manner {
    match chance.below(300) {
        0..15 => Manner::Leaves(chance.below(len)),
        15..22 => Manner::Slow,
        22 => Manner::Stalls,
        _ => Manner::Whole,
    }
}
