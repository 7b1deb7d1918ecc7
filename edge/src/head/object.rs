//! An answer with its body.

use std::sync::{Arc, atomic::AtomicU64};

use bytes::Bytes;
use http::HeaderMap;
use tokio::time::Instant;

use super::Head;
use crate::{disk::OnDisk, freshness::Received};

/// What no look at the purges has.
const UNSEEN: u64 = u64::MAX;

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
            let value = http::HeaderValue::from_static(value);
            response.headers_mut().append(*name, value);
        }
        let taking = super::Taking {
            received: Received {
                at: tokio::time::Instant::now(),
                wall: std::time::SystemTime::now(),
                delay: std::time::Duration::ZERO,
                position: crate::purge::Position::default(),
            },
            terms: crate::freshness::Terms::default(),
            via: &http::HeaderValue::from_static("1.1 x"),
            our_cors: false,
            sent: &HeaderMap::new(),
        };
        let (parts, ()) = response.into_parts();
        Self::new(&Head::new(&parts, None, &taking), body)
    }
}
