//! What a shared cache may do with an answer.

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{AGE, DATE, ETAG, EXPIRES, LAST_MODIFIED, SET_COOKIE},
};

use super::{
    Freshness, Received, Share, State, date,
    directives::{Directives, SECONDS_MAX, number},
};
use crate::vary;

/// Longest lifetime that is guessed. Chosen: as browsers do; RFC 9111 §4.2.2 asks for care.
const HEURISTIC_MAX: Duration = Duration::from_secs(24 * 3600);

/// How a site's answers are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Of the time since `Last-Modified`: the lifetime of an answer that states none
    /// (RFC 9111 §4.2.2), in percent. 0 guesses nothing.
    pub(crate) heuristic_percent: u8,
    /// A `Date` that lies in the past counts as age (§4.2.3). Not before Weir's origin: the
    /// clocks of two hosts differ by more than a growing playlist lives.
    pub(crate) date_is_age: bool,
    /// Stands for any lifetime that the answer states, where it may be stored at all.
    pub(crate) ttl: Option<Duration>,
    /// The request had `Authorization` (§3.5).
    pub(crate) authorized: bool,
    /// An answer with `Set-Cookie` may be stored if it states its lifetime (§7.3).
    pub(crate) stores_cookies: bool,
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
    /// It says itself that it may be shared, whoever asked for it (RFC 9111 §3.5).
    pub(crate) says_shared: bool,
}

/// Judges the answer to a GET.
pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    received: Received,
    terms: Terms,
) -> Verdict {
    let public = Directives::public(headers);
    let targeted = Directives::targeted(headers);
    let no_store = public.as_ref().is_some_and(|said| said.no_store);
    let is_targeted = targeted.is_some();
    let said = targeted.or(public).unwrap_or_default();
    let expires = || (!is_targeted).then(|| expires_in(headers, received.wall))?;
    let explicit = said.s_maxage.or(said.max_age).or_else(expires);
    let guessed = || {
        (said.public || is_guessable(status)).then(|| heuristic(headers, received.wall, terms))?
    };
    let stated = explicit.map(seconds).or_else(guessed);
    let lifetime = terms.ttl.or(stated).filter(|_| !said.no_cache);

    let freshness = Freshness {
        received: received.at,
        age_then: age(headers, received, terms),
        lifetime: lifetime.unwrap_or_default(),
        while_revalidate: seconds(said.while_revalidate),
        if_error: seconds(said.if_error),
        // s-maxage says proxy-revalidate as well (RFC 9111 §5.2.2.10), and RFC 5861
        // extends it: only where neither is said is it strict.
        strict: said.must_revalidate
            || said.proxy_revalidate
            || said.no_cache
            || (said.s_maxage.is_some() && said.while_revalidate + said.if_error == 0),
    };
    // RFC 9111 §5.2.2.3: no-store is then for those who don't know the status.
    let understood = said.must_understand && is_understood(status);
    let says_shared = said.public || said.must_revalidate || said.s_maxage.is_some();
    let forbidden = (said.no_store && !understood)
        || said.private
        || (terms.authorized && !says_shared)
        || (headers.contains_key(SET_COOKIE) && !(terms.stores_cookies && explicit.is_some()))
        || vary::is_untold(headers)
        || (said.must_understand && !is_understood(status))
        || is_of_one_request(status);
    let fresh = freshness.state(received.at) != State::Stale;
    let validator = headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED);
    let has_word = lifetime.is_some() || said.no_cache;
    Verdict {
        store: !forbidden && has_word && (fresh || validator) && is_final(status),
        share: match (forbidden, fresh) {
            (true, _) => Share::Nobody,
            (false, true) => Share::Open,
            (false, false) => Share::Waiting,
        },
        freshness,
        no_store,
        says_shared,
    }
}

/// A status whose answer stands for itself: neither interim nor news of another.
fn is_final(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NOT_MODIFIED
}

/// A status that answers a part or a condition which one request has and the next has not:
/// whatever it says, the whole is not that.
fn is_of_one_request(status: StatusCode) -> bool {
    [
        StatusCode::PARTIAL_CONTENT,
        StatusCode::PRECONDITION_FAILED,
        StatusCode::RANGE_NOT_SATISFIABLE,
    ]
    .contains(&status)
}

/// A status by which an origin finds fault with how it was asked: of the object, which others
/// ask for otherwise, it says nothing (RFC 9110 §15.5, RFC 6585).
pub(crate) fn blames_request(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        400 | 405 | 406 | 408 | 411..=417 | 421 | 425 | 426 | 428 | 429 | 431
    )
}

/// A status defined as heuristically cacheable (RFC 9110 §15.1).
fn is_guessable(status: StatusCode) -> bool {
    const STATUSES: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
    STATUSES.contains(&status.as_u16())
}

/// A status whose meaning this cache keeps (RFC 9111 §3).
fn is_understood(status: StatusCode) -> bool {
    is_guessable(status) || matches!(status.as_u16(), 302 | 303 | 307)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count.min(SECONDS_MAX))
}

/// How old an answer was when it came (RFC 9111 §4.2.3).
fn age(headers: &HeaderMap, received: Received, terms: Terms) -> Duration {
    let corrected = seconds(age_field(headers)) + received.delay;
    let sent = date(headers, &DATE, received.wall).filter(|_| terms.date_is_age);
    let apparent = sent.and_then(|sent| received.wall.duration_since(sent).ok());
    corrected.max(apparent.map_or(Duration::ZERO, |age| Duration::from_secs(age.as_secs())))
}

/// `Age`; the first of several, and none if that is no number (RFC 9111 §5.1).
fn age_field(headers: &HeaderMap) -> u64 {
    let text = headers.get(AGE).and_then(|field| field.to_str().ok());
    text.and_then(|text| number(text.split(',').next()?.trim()))
        .unwrap_or(0)
}

/// Lifetime by `Expires` (RFC 9111 §5.3); what is not a date is in the past.
fn expires_in(headers: &HeaderMap, wall: SystemTime) -> Option<u64> {
    headers.get(EXPIRES)?;
    let sent = date(headers, &DATE, wall).unwrap_or(wall);
    let until = date(headers, &EXPIRES, wall).and_then(|at| at.duration_since(sent).ok());
    Some(until.unwrap_or_default().as_secs())
}

/// A lifetime by how long the answer has not changed (RFC 9111 §4.2.2).
fn heuristic(headers: &HeaderMap, wall: SystemTime, terms: Terms) -> Option<Duration> {
    let modified = date(headers, &LAST_MODIFIED, wall).filter(|_| terms.heuristic_percent > 0)?;
    let sent = date(headers, &DATE, wall).unwrap_or(wall);
    let unchanged = sent.duration_since(modified).ok()?;
    Some((unchanged * u32::from(terms.heuristic_percent) / 100).min(HEURISTIC_MAX))
}

/// None of several: which one is meant can't be told.
fn date(headers: &HeaderMap, name: &HeaderName, now: SystemTime) -> Option<SystemTime> {
    let mut fields = headers.get_all(name).iter();
    let only = fields.next().filter(|_| fields.next().is_none())?;
    date::parse(only.to_str().ok()?, now)
}
