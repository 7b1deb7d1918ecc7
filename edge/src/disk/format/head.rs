//! The head of an answer in bytes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Clock, Cursor};
use crate::{
    freshness::{Facts, Freshness, Share, Terms},
    head::{Access, Head},
    vary::Vary,
};

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(bytes);
}

pub(super) fn put(out: &mut Vec<u8>, head: &Head, clock: Clock) {
    // Named one by one, so that none is forgotten when another is added.
    let Head {
        status,
        headers,
        access,
        store,
        share,
        freshness,
        no_store,
        vary,
        terms,
        our_cors,
        says_shared,
        length: _,
    } = head;
    out.extend_from_slice(&status.as_u16().to_le_bytes());
    out.push(u8::from(*access == Access::Public));
    out.push(u8::from(*store));
    out.push(match share {
        Share::Open => 0,
        Share::Waiting => 1,
        Share::Nobody => 2,
    });
    out.push(u8::from(*no_store));
    out.push(u8::from(*our_cors));
    out.push(u8::from(*says_shared));
    put_terms(out, *terms);
    put_vary(out, vary.as_ref());
    put_freshness(out, freshness, clock);
    out.extend_from_slice(&(headers.len() as u32).to_le_bytes());
    for (name, value) in headers {
        put_bytes(out, name.as_str().as_bytes());
        put_bytes(out, value.as_bytes());
    }
}

fn put_freshness(out: &mut Vec<u8>, freshness: &Freshness, clock: Clock) {
    let facts = freshness.facts(clock.now);
    put_time(out, since_epoch(clock.wall));
    put_time(out, facts.age);
    put_time(out, facts.lifetime);
    put_time(out, facts.while_revalidate);
    put_time(out, facts.if_error);
    out.push(u8::from(facts.strict));
}

fn put_terms(out: &mut Vec<u8>, terms: Terms) {
    let Terms {
        heuristic_percent,
        date_is_age,
        ttl,
        authorized,
        stores_cookies,
    } = terms;
    out.push(heuristic_percent);
    out.push(u8::from(date_is_age));
    out.push(u8::from(ttl.is_some()));
    put_time(out, ttl.unwrap_or_default());
    out.push(u8::from(authorized));
    out.push(u8::from(stores_cookies));
}

fn put_vary(out: &mut Vec<u8>, vary: Option<&Vary>) {
    out.push(u8::from(vary.is_some()));
    let Some(vary) = vary else { return };
    let Vary {
        names,
        values,
        language,
        group,
    } = vary;
    out.extend_from_slice(&(names.len() as u32).to_le_bytes());
    for name in names {
        put_bytes(out, name.as_str().as_bytes());
    }
    put_bytes(out, values.as_bytes());
    out.push(u8::from(language.is_some()));
    put_bytes(out, language.as_deref().unwrap_or_default().as_bytes());
    out.extend_from_slice(&group.to_le_bytes());
}

pub(super) fn take(cursor: &mut Cursor<'_>, body_len: u64, clock: Clock) -> Option<Head> {
    let status = StatusCode::from_u16(cursor.u16()?).ok()?;
    let access = if cursor.flag()? {
        Access::Public
    } else {
        Access::Keyed
    };
    let store = cursor.flag()?;
    let share = match cursor.u8()? {
        0 => Share::Open,
        1 => Share::Waiting,
        2 => Share::Nobody,
        _ => return None,
    };
    let no_store = cursor.flag()?;
    let our_cors = cursor.flag()?;
    let says_shared = cursor.flag()?;
    let terms = take_terms(cursor)?;
    let vary = take_vary(cursor)?;
    let freshness = take_freshness(cursor, clock)?;
    let headers = take_headers(cursor)?;
    Some(Head {
        status,
        access,
        store,
        share,
        freshness,
        no_store,
        vary,
        terms,
        our_cors,
        says_shared,
        length: Some(body_len),
        headers,
    })
}

fn take_terms(cursor: &mut Cursor<'_>) -> Option<Terms> {
    let (heuristic_percent, date_is_age) = (cursor.u8()?, cursor.flag()?);
    let (is_set, ttl) = (cursor.flag()?, cursor.time()?);
    Some(Terms {
        heuristic_percent,
        date_is_age,
        ttl: is_set.then_some(ttl),
        authorized: cursor.flag()?,
        stores_cookies: cursor.flag()?,
    })
}

/// `Some(None)`: it does not vary.
#[allow(
    clippy::option_option,
    reason = "the outer one is the end of the bytes"
)]
fn take_vary(cursor: &mut Cursor<'_>) -> Option<Option<Vary>> {
    if !cursor.flag()? {
        return Some(None);
    }
    let names = (0..cursor.u32()?).map(|_| HeaderName::from_bytes(cursor.bytes()?).ok());
    let names = names.collect::<Option<_>>()?;
    let values = cursor.text()?.into();
    let (has_language, language) = (cursor.flag()?, cursor.text()?);
    Some(Some(Vary {
        names,
        values,
        language: has_language.then(|| language.into()),
        group: cursor.u64()?,
    }))
}

fn take_freshness(cursor: &mut Cursor<'_>, clock: Clock) -> Option<Freshness> {
    let (written, age) = (cursor.time()?, cursor.time()?);
    let lifetime = cursor.time()?;
    // A clock that was set back can't tell how old it is: then it is taken for stale.
    let since = since_epoch(clock.wall).checked_sub(written);
    let facts = Facts {
        age: age.checked_add(since.unwrap_or(lifetime))?,
        lifetime,
        while_revalidate: cursor.time()?,
        if_error: cursor.time()?,
        strict: cursor.flag()?,
    };
    Some(Freshness::of(facts, clock.now))
}

fn take_headers(cursor: &mut Cursor<'_>) -> Option<HeaderMap> {
    let count = cursor.u32()?;
    let mut headers = HeaderMap::new();
    for _ in 0..count {
        let name = HeaderName::from_bytes(cursor.bytes()?).ok()?;
        let value = HeaderValue::from_bytes(cursor.bytes()?).ok()?;
        headers.try_append(name, value).ok()?;
    }
    Some(headers)
}

fn put_time(out: &mut Vec<u8>, time: Duration) {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    out.extend_from_slice(&ms.to_le_bytes());
}

fn since_epoch(wall: SystemTime) -> Duration {
    wall.duration_since(UNIX_EPOCH).unwrap_or_default()
}
