//! The head of an answer, ready to be sent, and the object it becomes.

mod fields;
mod object;

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{ACCEPT_RANGES, CONTENT_LENGTH, DATE, ETAG, LAST_MODIFIED, VIA},
};

use crate::{
    cors,
    freshness::{self, Detour, Freshness, Received, Share, Terms, Verdict},
    purge::{Position, Tags},
    vary::Vary,
};
use fields::{access, is_weak, passed_on, with_age};
pub(crate) use fields::{http_date, named_by_connection};
pub(crate) use object::{Content, Object};

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
        // RFC 9110 §6.6.1: who stores or passes on an answer without Date, or with what is
        // none, says when it came.
        if freshness::date_of(&headers, received.wall).is_none() {
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
        if let Some(detour) = Detour::of(&head.extensions) {
            new.come_by(detour);
        }
        new
    }

    /// By redirects that were followed.
    pub(crate) fn come_by(&mut self, detour: &Detour) {
        if detour.forbids {
            (self.store, self.share) = (false, Share::Nobody);
        }
        if self.terms.ttl.is_none() {
            detour.shorten(&mut self.freshness);
        }
        if self.share == Share::Open && self.freshness.lifetime.is_zero() {
            self.share = Share::Waiting;
        }
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
        if freshness::date_of(&changed, received.wall).is_none() {
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
