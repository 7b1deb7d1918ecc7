use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{
    HeaderValue, Method, Response, StatusCode, Version,
    header::{REFERER, USER_AGENT},
    request::Parts,
    uri::PathAndQuery,
};
use tokio::time::Instant;

use super::{Answered, Log};
use crate::{body::Body, outcome::Outcome, path::CacheKey, site::Site};

/// How the fields of CTA-5004 §2 begin. There are four: Object, Request, Session and Status.
const CMCD: &str = "cmcd-";
/// Most that are read.
const CMCD_MAX: usize = 4;

/// What a line is made of. Its texts are the request's own, by reference count.
pub(super) struct Entry {
    pub(super) at: SystemTime,
    pub(super) client: IpAddr,
    pub(super) method: Method,
    pub(super) target: Option<PathAndQuery>,
    pub(super) version: Version,
    pub(super) status: StatusCode,
    /// Of the body.
    pub(super) sent: u64,
    /// To the answer's head, and to the body's end.
    pub(super) first_byte: Duration,
    pub(super) total: Duration,
    /// The body was sent to its end.
    pub(super) whole: bool,
    pub(super) outcome: Outcome,
    pub(super) key: Option<CacheKey>,
    pub(super) site: Option<Arc<Site>>,
    pub(super) referer: Option<HeaderValue>,
    pub(super) user_agent: Option<HeaderValue>,
    pub(super) cmcd: Vec<HeaderValue>,
}

/// An entry that is not complete yet: it is pushed when this is dropped.
pub(crate) struct Ticket {
    log: Arc<Log>,
    entry: Option<Entry>,
    began: Instant,
}

impl Ticket {
    pub(super) fn new(log: Arc<Log>, answered: Answered<'_>, response: &Response<Body>) -> Self {
        let Answered {
            request,
            peer,
            began,
            took,
            outcome,
            key,
            site,
        } = answered;
        let fields = &request.headers;
        let now = SystemTime::now();
        let entry = Entry {
            at: now.checked_sub(took).unwrap_or(now),
            client: peer.ip().to_canonical(),
            method: request.method.clone(),
            target: request.uri.path_and_query().cloned(),
            version: request.version,
            status: response.status(),
            sent: 0,
            first_byte: took,
            total: took,
            whole: false,
            outcome,
            key,
            site,
            referer: fields.get(REFERER).cloned(),
            user_agent: fields.get(USER_AGENT).cloned(),
            cmcd: cmcd(request),
        };
        Self {
            log,
            entry: Some(entry),
            began,
        }
    }

    pub(super) fn add(&mut self, sent: usize) {
        if let Some(entry) = &mut self.entry {
            entry.sent += sent as u64;
        }
    }

    pub(super) fn is_whole(&mut self) {
        if let Some(entry) = &mut self.entry {
            entry.whole = true;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            entry.total = self.began.elapsed();
            self.log.push(entry);
        }
    }
}

fn cmcd(request: &Parts) -> Vec<HeaderValue> {
    // Looking at all names is cheaper than looking four up.
    let fields = request.headers.iter();
    let named = fields.filter(|(name, _)| name.as_str().starts_with(CMCD));
    named
        .take(CMCD_MAX)
        .map(|(_, value)| value.clone())
        .collect()
}
