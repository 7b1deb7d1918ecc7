//! The head of an answer, ready to be sent, and the object it becomes.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::SystemTime,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCEPT_RANGES, AGE, CONNECTION, CONTENT_LENGTH, DATE, ETAG, LAST_MODIFIED,
        PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
    },
};
use tokio::time::Instant;

use crate::{
    cors,
    disk::OnDisk,
    freshness::{self, Freshness, Received, Share, Terms, Verdict},
    purge::{Position, Tags},
    vary::Vary,
};

/// What no look at the purges has.
const UNSEEN: u64 = u64::MAX;

/// Fields for one connection only (RFC 9110 §7.6.1), and such as advertise another host.
const HOP: [HeaderName; 11] = [
    CONNECTION,
    HeaderName::from_static("proxy-authentication-info"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("alt-svc"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
/// What an object costs beside body and header fields, bytes: our structs, moka's entry
/// and the allocator's slack. Estimated.
const OVERHEAD: usize = 1024;
/// What a header field costs beside its text, bytes: its slots in the map. Estimated.
const FIELD_OVERHEAD: usize = 128;

/// Who may read an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Public,
    /// Also where the origin says nothing.
    Keyed,
}

/// The head of an answer as the origin gave it, and as clients get it: without what is
/// for one connection, with our CORS and `Via` fields.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) access: Access,
    /// It may be stored.
    pub(crate) store: bool,
    pub(crate) share: Share,
    pub(crate) freshness: Freshness,
    pub(crate) no_store: bool,
    /// What of a request it was chosen by.
    pub(crate) vary: Option<Vary>,
    /// How it was judged.
    pub(crate) terms: Terms,
    pub(crate) our_cors: bool,
    /// It says itself that it may be shared, whoever asked for it (RFC 9111 §3.5).
    pub(crate) says_shared: bool,
    /// Of the body, if it is known, bytes.
    pub(crate) length: Option<u64>,
    /// The purges in force when it was asked for, or last asked about.
    pub(crate) position: Position,
    pub(crate) tags: Tags,
}

/// How an answer is taken over.
pub(crate) struct Taking<'a> {
    pub(crate) received: Received,
    pub(crate) terms: Terms,
    /// Names this edge.
    pub(crate) via: &'a HeaderValue,
    /// Our CORS fields stand for the origin's.
    pub(crate) our_cors: bool,
    /// What went up of the request.
    pub(crate) sent: &'a HeaderMap,
}

impl Head {
    /// Takes over what the origin sent.
    pub(crate) fn new(
        head: &http::response::Parts,
        length: Option<u64>,
        taking: &Taking<'_>,
    ) -> Self {
        let Taking {
            received, terms, ..
        } = *taking;
        let verdict = freshness::judge(head.status, &head.headers, received, terms);
        let access = access(&head.headers).unwrap_or(Access::Keyed);
        let mut headers = passed_on(&head.headers);
        headers.append(VIA, taking.via.clone());
        if taking.our_cors {
            cors::forget(&mut headers);
            cors::allow(&mut headers);
        }
        // RFC 9110 §6.6.1: who stores or passes on an answer without Date adds it.
        if !headers.contains_key(DATE) {
            headers.insert(DATE, http_date(received.wall));
        }
        let mut new = Self {
            status: head.status,
            tags: Tags::read(&headers),
            headers,
            access,
            store: verdict.store,
            share: verdict.share,
            freshness: verdict.freshness,
            no_store: verdict.no_store,
            vary: Vary::of(&head.headers, taking.sent),
            terms,
            our_cors: taking.our_cors,
            says_shared: verdict.says_shared,
            length: None,
            position: received.position,
        };
        new.set_length(length);
        new
    }

    /// Whether a 304 with these fields can be about this answer: a strong tag that it has must
    /// be the one that is stored (RFC 9111 §4.3.4). One that differs in weakness alone is.
    pub(crate) fn may_be_renewed(&self, news: &HeaderMap) -> bool {
        let Some(tag) = news.get(ETAG).filter(|tag| !is_weak(tag)) else {
            return true;
        };
        let ours = self.headers.get(ETAG).map(HeaderValue::as_bytes);
        ours.is_some_and(|ours| ours.strip_prefix(b"W/").unwrap_or(ours) == tag.as_bytes())
    }

    /// This head as a 304 changes it (RFC 9111 §3.2).
    pub(crate) fn refreshed(&self, news: &HeaderMap, received: Received) -> Self {
        let access = access(news).unwrap_or(self.access);
        let mut headers = self.headers.clone();
        let mut changed = passed_on(news);
        // Ours is in the stored one already.
        changed.remove(VIA);
        // It came now, whatever the stored one says (RFC 9110 §6.6.1).
        if !changed.contains_key(DATE) {
            changed.insert(DATE, http_date(received.wall));
        }
        // What was weak is no stronger by it: the bytes are those that were weak.
        if headers.get(ETAG).is_some_and(is_weak) {
            changed.remove(ETAG);
        }
        if self.our_cors {
            cors::forget(&mut changed);
        }
        for name in changed.keys() {
            headers.remove(name);
        }
        // With each field's name given, every value is appended.
        for (name, value) in &changed {
            headers.append(name, value.clone());
        }
        let aged = with_age(&headers, news);
        let mut verdict = freshness::judge(self.status, &aged, received, self.terms);
        // What it was chosen by is what it was stored by.
        if !Vary::is_as_said(self.vary.as_ref(), &headers) {
            (verdict.store, verdict.share) = (false, Share::Nobody);
        }
        let mut new = self.judged(headers, verdict);
        new.access = access;
        new.position = received.position;
        new.set_length(self.length);
        new
    }

    fn judged(&self, headers: HeaderMap, verdict: Verdict) -> Self {
        Self {
            status: self.status,
            tags: Tags::read(&headers),
            headers,
            access: self.access,
            store: verdict.store,
            share: verdict.share,
            freshness: verdict.freshness,
            no_store: verdict.no_store,
            vary: self.vary.clone(),
            terms: self.terms,
            our_cors: self.our_cors,
            says_shared: verdict.says_shared,
            length: self.length,
            position: self.position,
        }
    }

    /// Whether an answer to HEAD describes the same body (RFC 9111 §4.3.5).
    pub(crate) fn is_described_by(&self, head: &Self) -> bool {
        let same = |name: HeaderName| match head.headers.get(&name) {
            Some(value) => self.headers.get(&name) == Some(value),
            None => true,
        };
        let as_long = head.length.is_none_or(|length| self.length == Some(length));
        as_long && [ETAG, LAST_MODIFIED].into_iter().all(same)
    }

    /// Says the length, and that ranges of it can be had.
    fn set_length(&mut self, length: Option<u64>) {
        self.length = length;
        let bodiless = self.status == StatusCode::NO_CONTENT;
        let Some(length) = length.filter(|_| !bodiless) else {
            return;
        };
        self.headers.insert(CONTENT_LENGTH, length.into());
        if self.status == StatusCode::OK {
            let bytes = HeaderValue::from_static("bytes");
            self.headers.insert(ACCEPT_RANGES, bytes);
        }
    }

    /// This head with another freshness.
    pub(crate) fn with_freshness(&self, freshness: Freshness) -> Self {
        Self {
            headers: self.headers.clone(),
            freshness,
            vary: self.vary.clone(),
            tags: self.tags.clone(),
            ..*self
        }
    }

    /// What this head takes in memory, bytes.
    pub(crate) fn weight(&self) -> usize {
        let field = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len() + value.len() + FIELD_OVERHEAD
        };
        let vary = self.vary.as_ref().map_or(0, Vary::weight);
        OVERHEAD + self.tags.weight() + vary + self.headers.iter().map(field).sum::<usize>()
    }
}

/// Where a body is.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// In pieces, in order.
    Ram(Arc<[Bytes]>),
    Disk(Arc<OnDisk>),
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) head: Head,
    pub(crate) body: Content,
    len: u64,
    /// The newest purge that it has been held against.
    pub(crate) seen: AtomicU64,
}

impl Object {
    pub(crate) fn new(head: &Head, body: Arc<[Bytes]>) -> Self {
        let len = body.iter().map(|piece| piece.len() as u64).sum();
        let mut head = head.clone();
        head.set_length(Some(len));
        Self::of(head, Content::Ram(body), len)
    }

    fn of(head: Head, body: Content, len: u64) -> Self {
        let seen = AtomicU64::new(UNSEEN);
        Self {
            head,
            body,
            len,
            seen,
        }
    }

    /// This object as a soft purge leaves it: stale since then.
    pub(crate) fn stale_since(&self, then: Instant) -> Self {
        let mut head = self.head.clone();
        let freshness = &mut head.freshness;
        freshness.lifetime = freshness.lifetime.min(freshness.age(then));
        Self::of(head, self.body.clone(), self.len)
    }

    /// What was stored before; `head` says its length already.
    pub(crate) fn restored(head: Head, body: Content, len: u64) -> Self {
        Self::of(head, body, len)
    }

    /// Whether the other has the very same body, whatever its head says of it.
    pub(crate) fn has_body_of(&self, other: &Self) -> bool {
        match (&self.body, &other.body) {
            (Content::Ram(ours), Content::Ram(theirs)) => Arc::ptr_eq(ours, theirs),
            (Content::Disk(ours), Content::Disk(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }

    /// Of the body, bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// This object after the origin said, by a 304, that it has not changed.
    pub(crate) fn refreshed(&self, news: &HeaderMap, received: Received) -> Self {
        let head = self.head.refreshed(news, received);
        Self::of(head, self.body.clone(), self.len)
    }

    /// The same with its body in memory.
    pub(crate) fn in_ram(&self, body: Arc<[Bytes]>) -> Self {
        Self::new(&self.head, body)
    }

    /// What it takes in memory, bytes.
    pub(crate) fn weight(&self) -> u64 {
        let body = match &self.body {
            Content::Ram(_) => self.len,
            Content::Disk(_) => 0,
        };
        body + self.head.weight() as u64
    }
}

#[cfg(test)]
impl Object {
    /// An answer to a test, with these fields.
    pub(crate) fn sample(fields: &[(&'static str, &'static str)], body: Arc<[Bytes]>) -> Self {
        let mut response = http::Response::new(());
        for (name, value) in fields {
            let value = HeaderValue::from_static(value);
            response.headers_mut().append(*name, value);
        }
        let taking = Taking {
            received: Received {
                at: tokio::time::Instant::now(),
                wall: SystemTime::now(),
                delay: std::time::Duration::ZERO,
                position: Position::default(),
            },
            terms: Terms::default(),
            via: &HeaderValue::from_static("1.1 x"),
            our_cors: false,
            sent: &HeaderMap::new(),
        };
        let (parts, ()) = response.into_parts();
        Self::new(&Head::new(&parts, None, &taking), body)
    }
}

/// What an answer says of who may read it.
fn access(headers: &HeaderMap) -> Option<Access> {
    let field = headers.get(wire::WEIR_ACCESS)?;
    if field == wire::access::PUBLIC {
        Some(Access::Public)
    } else {
        Some(Access::Keyed)
    }
}

/// The fields of the origin's that clients get: not those of one connection, not those
/// that we write ourselves, not Weir's own.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    let ours = |name: &HeaderName| {
        let text = name.as_str();
        HOP.contains(name)
            || [AGE, CONTENT_LENGTH, ACCEPT_RANGES].contains(name)
            || text.starts_with("weir-")
            || named.iter().any(|other| other.eq_ignore_ascii_case(text))
    };
    let kept = headers.iter().filter(|(name, _)| !ours(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

pub(crate) fn named_by_connection(headers: &HeaderMap) -> Vec<&str> {
    let fields = headers.get_all(CONNECTION).iter();
    let texts = fields.filter_map(|field| field.to_str().ok());
    texts
        .flat_map(|text| text.split(',').map(str::trim))
        .collect()
}

fn is_weak(tag: &HeaderValue) -> bool {
    tag.as_bytes().starts_with(b"W/")
}

fn with_age(headers: &HeaderMap, news: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    if let Some(age) = news.get(AGE) {
        headers.insert(AGE, age.clone());
    }
    headers
}

pub(crate) fn http_date(at: SystemTime) -> HeaderValue {
    HeaderValue::from_str(&httpdate::fmt_http_date(at)).expect("a date is ASCII")
}
