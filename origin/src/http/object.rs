//! Sending stored bytes: validators, ranges, HEAD.

use std::{borrow::Cow, ops::Range};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use bytes::Bytes;
use store::BlobKey;

use crate::{OriginError, blobs::Blobs};

/// Something to send.
pub(super) struct Object {
    /// A strong validator, quoted.
    pub(super) etag: String,
    pub(super) content_type: &'static str,
    pub(super) cache_control: Cow<'static, str>,
    /// `Surrogate-Key`: what purges reach it.
    pub(super) tags: Option<String>,
    pub(super) content: Content,
}

impl Object {
    /// What an attempt reads of its job, and no cache keeps.
    pub(super) fn for_workers(key: BlobKey, len_bytes: u64) -> Self {
        Self {
            etag: format!("\"{}\"", key.as_str().replace('/', "-")),
            content_type: "application/octet-stream",
            cache_control: "no-store".into(),
            tags: None,
            content: Content::Blob { key, len_bytes },
        }
    }
}

/// Where the bytes are.
pub(super) enum Content {
    Blob { key: BlobKey, len_bytes: u64 },
    Memory(Bytes),
}

impl Content {
    fn len_bytes(&self) -> u64 {
        match self {
            Self::Blob { len_bytes, .. } => *len_bytes,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    async fn read(self, store: &Blobs, range: Range<u64>) -> Result<Body, OriginError> {
        Ok(match self {
            Self::Blob { key, .. } => Body::from_stream(store.read(&key, range).await?),
            Self::Memory(bytes) => {
                // A range of bytes in memory fits a usize.
                let fits = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
                Body::from(bytes.slice(fits(range.start)..fits(range.end)))
            }
        })
    }
}

/// Answers GET and HEAD (RFC 9110 §13, §14): 200, 206, 304 or 416.
pub(super) async fn send(
    store: &Blobs,
    object: Object,
    asked: &HeaderMap,
) -> Result<Response<Body>, OriginError> {
    let len_bytes = object.content.len_bytes();
    let mut response = Response::new(Body::empty());
    describe(&object, response.headers_mut())?;
    if is_known(asked, &object.etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let (status, range) = match wanted(asked, &object.etag, len_bytes) {
        Wanted::Whole => (StatusCode::OK, 0..len_bytes),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_LENGTH,
        HeaderValue::from(range.end - range.start),
    );
    let content_range = match status {
        StatusCode::PARTIAL_CONTENT => {
            format!("bytes {}-{}/{len_bytes}", range.start, range.end - 1)
        }
        _ => format!("bytes */{len_bytes}"),
    };
    if status != StatusCode::OK {
        headers.insert(header::CONTENT_RANGE, ascii(&content_range)?);
    }
    if range.end > range.start {
        *response.body_mut() = object.content.read(store, range).await?;
    }
    Ok(response)
}

fn describe(object: &Object, headers: &mut HeaderMap) -> Result<(), OriginError> {
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(object.content_type),
    );
    headers.insert(header::CACHE_CONTROL, ascii(&object.cache_control)?);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, ascii(&object.etag)?);
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    if let Some(tags) = &object.tags {
        headers.insert("surrogate-key", ascii(tags)?);
    }
    Ok(())
}

enum Wanted {
    Whole,
    Part(Range<u64>),
    Nothing,
}

/// The client has these bytes (`If-None-Match`, RFC 9110 §13.1.2; weak comparison).
fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| {
            list.split(',')
                .map(str::trim)
                .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
        })
}

/// One range is a part; none, several, or one for other bytes is the whole.
fn wanted(asked: &HeaderMap, etag: &str, len_bytes: u64) -> Wanted {
    let Some(range) = asked
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok())
    else {
        return Wanted::Whole;
    };
    if asked
        .get(header::IF_RANGE)
        .is_some_and(|known| known.as_bytes() != etag.as_bytes())
    {
        return Wanted::Whole;
    }
    let Ok(parsed) = http_range_header::parse_range_header(range) else {
        return Wanted::Whole;
    };
    match parsed.validate(len_bytes).as_deref() {
        Ok([one]) => Wanted::Part(*one.start()..*one.end() + 1),
        Ok(_) => Wanted::Whole,
        Err(_) if parsed.ranges.len() > 1 => Wanted::Whole,
        Err(_) => Wanted::Nothing,
    }
}

fn ascii(text: &str) -> Result<HeaderValue, OriginError> {
    HeaderValue::from_str(text).map_err(|_| OriginError::Damaged(format!("{text:?} in a header")))
}
