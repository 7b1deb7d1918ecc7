//! How long an answer may be used, and by whom (RFC 9111, RFC 5861, RFC 9213).

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, LAST_MODIFIED, SET_COOKIE, VARY},
};
use tokio::time::Instant;

use crate::purge::Position;

/// Addressed to caches that stand for the origin (RFC 9213 §3.1).
pub(crate) const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
/// Numbers above this are taken for it (RFC 9111 §1.2.2).
const SECONDS_MAX: u64 = 1 << 31;

/// When an answer came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    pub(crate) wall: SystemTime,
    /// From asking to the head of the answer.
    pub(crate) delay: Duration,
    /// The purges in force when it was asked for.
    pub(crate) position: Position,
}

/// What a shared cache may do with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It may be stored.
    pub(crate) store: bool,
    pub(crate) share: Share,
    pub(crate) freshness: Freshness,
    /// `no-store` is among what is said to clients.
    pub(crate) no_store: bool,
}

/// Who, beside the request it was fetched for, may have an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// All, also those who come while it runs.
    Open,
    /// Those who waited when its head came. It is fresh for no later request.
    Waiting,
    /// Nobody.
    Nobody,
}

/// How old an answer is, and may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Freshness {
    received: Instant,
    age_then: Duration,
    pub(crate) lifetime: Duration,
    while_revalidate: Duration,
    if_error: Duration,
    /// Never to be used stale, whatever happens.
    strict: bool,
}

/// Whether an object can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Fresh,
    /// Stale, and to be used while it is asked for anew.
    WhileRevalidate,
    Stale,
}

impl Freshness {
    pub(crate) fn age(&self, now: Instant) -> Duration {
        self.age_then + now.saturating_duration_since(self.received)
    }

    /// What is left of its freshness; zero if it is stale.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.lifetime.saturating_sub(self.age(now))
    }

    /// Whole seconds of freshness left, below zero once it is stale (RFC 9211 §2.5).
    pub(crate) fn ttl_secs(&self, now: Instant) -> i64 {
        self.lifetime.as_secs() as i64 - self.age(now).as_secs() as i64
    }

    pub(crate) fn state(&self, now: Instant) -> State {
        if self.age(now) < self.lifetime {
            State::Fresh
        } else if self.within(self.while_revalidate, now) {
            State::WhileRevalidate
        } else {
            State::Stale
        }
    }

    /// The answer allows its use instead of an error (RFC 5861 §4).
    pub(crate) fn serves_on_error(&self, now: Instant) -> bool {
        self.within(self.if_error, now)
    }

    /// The answer does not forbid its use while its source can't be reached
    /// (RFC 9111 §4.2.4), and it is not longer than `most` past its freshness.
    pub(crate) fn serves_disconnected(&self, now: Instant, most: Duration) -> bool {
        self.within(most, now)
    }

    fn within(&self, grace: Duration, now: Instant) -> bool {
        !self.strict && self.age(now) < self.lifetime + grace
    }
}

/// Judges the answer to a GET.
pub(crate) fn judge(status: StatusCode, headers: &HeaderMap, received: Received) -> Verdict {
    let public = Directives::read(headers, &CACHE_CONTROL);
    let targeted = Directives::read(headers, &CDN_CACHE_CONTROL);
    let no_store = public.as_ref().is_some_and(|said| said.no_store);
    let is_targeted = targeted.is_some();
    let said = targeted.or(public).unwrap_or_default();
    let expires = || (!is_targeted).then(|| expires_in(headers, received.wall))?;
    let explicit = said.s_maxage.or(said.max_age).or_else(expires);

    let freshness = Freshness {
        received: received.at,
        age_then: seconds(age_field(headers)) + received.delay,
        lifetime: seconds(if said.no_cache {
            0
        } else {
            explicit.unwrap_or(0)
        }),
        while_revalidate: seconds(said.while_revalidate),
        if_error: seconds(said.if_error),
        // s-maxage says proxy-revalidate as well (RFC 9111 §5.2.2.10), and RFC 5861
        // extends it: only where neither is said is it strict.
        strict: said.must_revalidate
            || said.no_cache
            || (said.s_maxage.is_some() && said.while_revalidate + said.if_error == 0),
    };
    let forbidden = said.no_store
        || said.private
        || headers.contains_key(SET_COOKIE)
        || headers.get_all(VARY).iter().any(|field| field == "*")
        || status == StatusCode::PARTIAL_CONTENT;
    let fresh = freshness.state(received.at) != State::Stale;
    let validator = headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED);
    let stated = explicit.is_some() || said.no_cache;
    Verdict {
        store: !forbidden && stated && (fresh || validator) && is_whole(status),
        share: match (forbidden, fresh) {
            (true, _) => Share::Nobody,
            (false, true) => Share::Open,
            (false, false) => Share::Waiting,
        },
        freshness,
        no_store,
    }
}

/// A status whose answer stands for itself: neither interim nor part of another.
fn is_whole(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::PARTIAL_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count.min(SECONDS_MAX))
}

/// `Age`; the first of several. A `Date` that lies in the past is not taken for age: the
/// clocks of two hosts differ by more than a growing playlist lives.
fn age_field(headers: &HeaderMap) -> u64 {
    let text = headers.get(AGE).and_then(|field| field.to_str().ok());
    text.and_then(|text| number(text.split(',').next()?))
        .unwrap_or(0)
}

/// Lifetime by `Expires` (RFC 9111 §5.3); what is not a date is in the past.
fn expires_in(headers: &HeaderMap, wall: SystemTime) -> Option<u64> {
    let date = |name| {
        let text = headers.get(name)?.to_str().ok()?;
        httpdate::parse_http_date(text).ok()
    };
    headers.get(EXPIRES)?;
    let sent = date(DATE).unwrap_or(wall);
    let until = date(EXPIRES).and_then(|at| at.duration_since(sent).ok());
    Some(until.unwrap_or_default().as_secs())
}

#[derive(Debug, Default)]
struct Directives {
    no_store: bool,
    no_cache: bool,
    private: bool,
    must_revalidate: bool,
    max_age: Option<u64>,
    s_maxage: Option<u64>,
    while_revalidate: u64,
    if_error: u64,
}

impl Directives {
    /// `None` if there is no such field, or nothing in it.
    fn read(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut found = None;
        for field in headers.get_all(name) {
            // What can't be read could have forbidden anything.
            let Ok(text) = field.to_str() else {
                found.get_or_insert_with(Self::default).no_store = true;
                continue;
            };
            for directive in split_unquoted(text) {
                found.get_or_insert_with(Self::default).take(directive);
            }
        }
        found
    }

    fn take(&mut self, directive: &str) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        // An unreadable lifetime is none (RFC 9111 §4.2.1); of several the least counts.
        let lifetime = number(value).unwrap_or(0);
        let least = |before: Option<u64>| Some(before.map_or(lifetime, |had| had.min(lifetime)));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" => self.no_store = true,
            "no-cache" => self.no_cache = true,
            "private" => self.private = true,
            "must-revalidate" | "proxy-revalidate" => self.must_revalidate = true,
            "max-age" => self.max_age = least(self.max_age),
            "s-maxage" => self.s_maxage = least(self.s_maxage),
            "stale-while-revalidate" => self.while_revalidate = lifetime,
            "stale-if-error" => self.if_error = lifetime,
            _ => {}
        }
    }
}

/// Splits at commas that do not stand in a quoted string; empty parts are dropped.
pub(crate) fn split_unquoted(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        let here = quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        c == ',' && !here
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

/// A number, or one in quotes; one too large for 64 bits is the largest.
fn number(text: &str) -> Option<u64> {
    let digits = text.trim().trim_matches('"');
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX).min(SECONDS_MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(status: u16, fields: &[(&str, &str)]) -> Verdict {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let received = Received {
            at: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777),
            delay: Duration::ZERO,
            position: Position::default(),
        };
        judge(StatusCode::from_u16(status).unwrap(), &headers, received)
    }

    fn lifetime(fields: &[(&str, &str)]) -> u64 {
        of(200, fields).freshness.lifetime.as_secs()
    }

    #[test]
    fn the_lifetime_is_what_is_said_to_the_nearest_cache() {
        let (control, cdn) = ("cache-control", "cdn-cache-control");
        let expires = ("expires", "Sun, 06 Nov 1994 08:50:37 GMT");
        let date = ("date", "Sun, 06 Nov 1994 08:49:27 GMT");
        for (fields, secs) in [
            (vec![(control, "max-age=5")], 5),
            (vec![(control, "max-age=5, s-maxage=7")], 7),
            (vec![(control, "max-age=5"), (cdn, "max-age=9")], 9),
            (vec![(control, "max-age=5"), (cdn, "")], 5),
            (vec![(control, "MAX-AGE=\"5\"")], 5),
            (vec![(control, "max-age=5"), (control, "max-age=3")], 3),
            (vec![(control, "max-age=x")], 0),
            (vec![(control, "ext=\"a, max-age=99\", max-age=4")], 4),
            (
                vec![(control, "max-age=99999999999999999999999")],
                SECONDS_MAX,
            ),
            (vec![expires], 60),
            (vec![expires, date], 70),
            (vec![expires, (control, "max-age=1")], 1),
            (vec![("expires", "0")], 0),
            (vec![], 0),
        ] {
            assert_eq!(lifetime(&fields), secs, "{fields:?}");
        }
    }

    #[test]
    fn what_must_not_be_shared_is_not() {
        for field in [
            ("cache-control", "no-store, max-age=60"),
            ("cache-control", "max-age=60, private"),
            ("cache-control", "private=\"x-a\", max-age=60"),
            ("cdn-cache-control", "no-store"),
            ("set-cookie", "a=b"),
            ("vary", "*"),
        ] {
            let verdict = of(200, &[("cache-control", "max-age=60"), field]);
            assert_eq!(
                (verdict.store, verdict.share),
                (false, Share::Nobody),
                "{field:?}"
            );
        }
        let part = of(206, &[("cache-control", "max-age=60")]);
        assert_eq!((part.store, part.share), (false, Share::Nobody));
    }

    #[test]
    fn an_answer_without_stated_freshness_is_not_stored() {
        for status in [200, 404, 500] {
            let verdict = of(status, &[("etag", "\"x\"")]);
            assert_eq!((verdict.store, verdict.share), (false, Share::Waiting));
        }
        assert!(of(404, &[("cache-control", "max-age=1")]).store);
    }

    #[test]
    fn no_cache_is_stored_only_if_it_can_be_revalidated() {
        assert!(!of(200, &[("cache-control", "no-cache")]).store);
        let verdict = of(200, &[("cache-control", "no-cache"), ("etag", "\"x\"")]);
        assert_eq!((verdict.store, verdict.share), (true, Share::Waiting));
    }

    #[test]
    fn age_of_an_upper_tier_counts() {
        let verdict = of(200, &[("cache-control", "max-age=10"), ("age", "7")]);
        let at = verdict.freshness.received;
        assert_eq!(verdict.freshness.ttl_secs(at), 3);
        let old = of(200, &[("cache-control", "max-age=10"), ("age", "10")]);
        assert_eq!(old.freshness.state(at), State::Stale);
    }

    #[test]
    fn stale_answers_are_used_only_as_they_allow() {
        let state = |control: &str, secs: u64| {
            let freshness = of(200, &[("cache-control", control)]).freshness;
            let now = freshness.received + Duration::from_secs(secs);
            let disconnected = freshness.serves_disconnected(now, Duration::from_secs(100));
            (
                freshness.state(now),
                freshness.serves_on_error(now),
                disconnected,
            )
        };
        let swr = "max-age=2, stale-while-revalidate=3";
        assert_eq!(state(swr, 1).0, State::Fresh);
        assert_eq!(state(swr, 2), (State::WhileRevalidate, false, true));
        assert_eq!(state(swr, 5).0, State::Stale);
        assert_eq!(
            state("max-age=2, stale-if-error=5", 6),
            (State::Stale, true, true)
        );
        assert_eq!(state("max-age=2", 101), (State::Stale, false, true));
        assert_eq!(state("max-age=2", 102), (State::Stale, false, false));
        for strict in [
            "must-revalidate",
            "proxy-revalidate",
            "s-maxage=2",
            "no-cache",
        ] {
            let control = format!("max-age=2, {strict}");
            assert_eq!(state(&control, 3), (State::Stale, false, false), "{strict}");
        }
    }
}
