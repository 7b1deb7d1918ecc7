use std::{net::IpAddr, sync::Arc, time::Duration};

use http::{
    HeaderValue, Method, Response, StatusCode, Version,
    header::{REFERER, USER_AGENT},
    request::Parts,
};
use tokio::time::Instant;

use super::{Answered, lines::Share};
use crate::{body::Body, outcome::Outcome, path::CacheKey, site::Site};

/// How the fields of CTA-5004 §2 begin. There are four: Object, Request, Session and Status.
const CMCD: &str = "cmcd-";
const CMCD_FIELDS_MAX: usize = 4;
/// Longest texts that are kept, bytes; what is longer is cut. Chosen: as long as a path may
/// be unless configured otherwise.
const TARGET_LEN_MAX: usize = 4096;
const FIELD_LEN_MAX: usize = 512;
const METHOD_LEN_MAX: usize = 32;
const CMCD_LEN_MAX: usize = 1024;

/// What a line is made of.
pub(super) struct Entry {
    pub(super) client: IpAddr,
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) status: StatusCode,
    /// Of the body.
    pub(super) sent: u64,
    /// To the answer's head.
    pub(super) first_byte: Duration,
    /// The body was sent to its end.
    pub(super) whole: bool,
    pub(super) outcome: Outcome,
    pub(super) key: Option<CacheKey>,
    texts: Texts,
}

/// Path and query, referer, user agent, the site's host and CMCD, one behind the other.
/// Copied: the buffer that a request was read into is far larger, and is to be used again.
struct Texts {
    bytes: Vec<u8>,
    ends: [u16; 4],
}

impl Entry {
    pub(super) fn new(answered: Answered<'_>, status: StatusCode) -> Self {
        let Answered {
            request,
            peer,
            took,
            outcome,
            key,
            site,
            ..
        } = answered;
        Self {
            client: peer.ip().to_canonical(),
            method: short(&request.method),
            version: request.version,
            status,
            sent: 0,
            first_byte: took,
            whole: false,
            outcome,
            key,
            texts: Texts::of(request, site.map_or("", Site::host)),
        }
    }

    /// Path and query.
    pub(super) fn target(&self) -> &[u8] {
        self.texts.part(0)
    }

    /// Empty where there is none.
    pub(super) fn referer(&self) -> &[u8] {
        self.texts.part(1)
    }

    /// Empty where there is none.
    pub(super) fn user_agent(&self) -> &[u8] {
        self.texts.part(2)
    }

    /// The site's; empty where there is but one.
    pub(super) fn host(&self) -> &[u8] {
        self.texts.part(3)
    }

    /// What the fields of CTA-5004 say, joined by commas.
    pub(super) fn cmcd(&self) -> &[u8] {
        self.texts.part(4)
    }
}

impl Texts {
    fn of(request: &Parts, host: &str) -> Self {
        let fields = &request.headers;
        let target = request.uri.path_and_query().map_or("*", |it| it.as_str());
        let referer = fields.get(REFERER).map_or(&b""[..], HeaderValue::as_bytes);
        let agent = fields
            .get(USER_AGENT)
            .map_or(&b""[..], HeaderValue::as_bytes);
        let (target, referer) = (
            cut(target.as_bytes(), TARGET_LEN_MAX),
            cut(referer, FIELD_LEN_MAX),
        );
        let (agent, host) = (
            cut(agent, FIELD_LEN_MAX),
            cut(host.as_bytes(), FIELD_LEN_MAX),
        );
        let texts = [target, referer, agent, host];
        let mut bytes = Vec::with_capacity(texts.iter().map(|text| text.len()).sum());
        let ends = texts.map(|text| {
            bytes.extend_from_slice(text);
            u16::try_from(bytes.len()).expect("all four are shorter than 6 KiB")
        });
        // Looking at all names is cheaper than looking four up.
        let named = fields
            .iter()
            .filter(|(name, _)| name.as_str().starts_with(CMCD));
        for (_, data) in named.take(CMCD_FIELDS_MAX) {
            bytes.extend_from_slice(cut(data.as_bytes(), CMCD_LEN_MAX));
            bytes.push(b',');
        }
        Self { bytes, ends }
    }

    fn part(&self, n: usize) -> &[u8] {
        let start = n.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self
            .ends
            .get(n)
            .map_or(self.bytes.len(), |end| usize::from(*end));
        &self.bytes[usize::from(start)..end]
    }
}

/// One that a stranger invented may be as long as a header.
fn short(method: &Method) -> Method {
    let name = method.as_str().as_bytes();
    if name.len() <= METHOD_LEN_MAX {
        return method.clone();
    }
    Method::from_bytes(cut(name, METHOD_LEN_MAX)).unwrap_or_default()
}

fn cut(text: &[u8], len_max: usize) -> &[u8] {
    &text[..text.len().min(len_max)]
}

/// An entry that is not complete yet: its line is written when this is dropped.
pub(crate) struct Ticket {
    share: Arc<Share>,
    entry: Box<Entry>,
    began: Instant,
}

impl Ticket {
    pub(super) fn new(
        share: Arc<Share>,
        answered: Answered<'_>,
        response: &Response<Body>,
    ) -> Self {
        let began = answered.began;
        let entry = Box::new(Entry::new(answered, response.status()));
        Self {
            share,
            entry,
            began,
        }
    }

    pub(super) fn add(&mut self, sent: usize) {
        self.entry.sent += sent as u64;
    }

    pub(super) fn is_whole(&mut self) {
        self.entry.whole = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.share.push(&self.entry, self.began);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use http::Request;

    use super::*;

    /// Of a request for this target.
    pub(in super::super) fn entry(target: &str) -> Entry {
        let request = Request::get(target).header(USER_AGENT, "a \"b\"");
        let (request, ()) = request.body(()).unwrap().into_parts();
        let answered = Answered {
            request: &request,
            peer: "192.0.2.1:9".parse().unwrap(),
            began: Instant::now(),
            took: Duration::from_micros(7),
            outcome: Outcome::Hit,
            key: None,
            site: None,
        };
        Entry::new(answered, StatusCode::OK)
    }
}
