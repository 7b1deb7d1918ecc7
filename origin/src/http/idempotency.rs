//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a request that is sent
//! again takes effect once, and is answered as it was.
//!
//! What failed did nothing, and is tried anew. Of answers with a key that opens something,
//! what it was made of is kept, never the key.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts},
};
use sha2::{Digest, Sha256};

use crate::{
    OriginError,
    app::App,
    catalogue::{Answered, Once},
    once::Run,
};

const FIELD: &str = "idempotency-key";

/// Longest key, bytes. Chosen: a UUID is 36.
const LEN_MAX: usize = 255;

/// What is to be done with a request.
pub(super) enum Ask {
    /// It takes effect now.
    Go(Going),
    /// It did before, and was answered so.
    Was(Answered),
}

/// A request that takes effect; another with its key waits for its end.
pub(super) struct Going(Option<(Once, Run)>);

impl Going {
    /// What its transaction writes down.
    pub(super) fn once(&self) -> Option<&Once> {
        self.0.as_ref().map(|(once, _)| once)
    }
}

/// Judges a request by its head and its whole body.
///
/// # Errors
/// 400: the key is none; 409: a request with it runs; 422: it was another's.
pub(super) async fn judge(app: &App, head: &Parts, body: &[u8]) -> Result<Ask, OriginError> {
    let Some(key) = key(&head.headers)? else {
        return Ok(Ask::Go(Going(None)));
    };
    let once = Once {
        key: hex(Sha256::digest(key)),
        request: fingerprint(head, body),
    };
    // Looked for only then: whoever ran has written it down.
    let run = app.running.claim(&once.key).ok_or(OriginError::KeyInUse)?;
    match app.catalogue.answered(&once).await? {
        Some(answered) => Ok(Ask::Was(answered)),
        None => Ok(Ask::Go(Going(Some((once, run))))),
    }
}

/// The answer as it was.
pub(super) fn replay(answered: Answered) -> Response<Body> {
    let mut response = Response::new(Body::from(answered.body));
    *response.status_mut() = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::OK);
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// The key: a string of RFC 8941 §3.3.3, in quotes, or the same without them.
fn key(headers: &HeaderMap) -> Result<Option<&[u8]>, OriginError> {
    let mut fields = headers.get_all(FIELD).iter();
    let Some(value) = fields.next() else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let quoted = bytes
        .strip_prefix(b"\"")
        .map(|rest| rest.strip_suffix(b"\""));
    let key = quoted.unwrap_or(Some(bytes)).unwrap_or_default();
    let is_key = (1..=LEN_MAX).contains(&key.len())
        && key
            .iter()
            .all(|b| matches!(b, b' '..=b'~') && !b"\"\\".contains(b));
    match is_key && fields.next().is_none() {
        true => Ok(Some(key)),
        false => Err(OriginError::BadRequest(format!(
            "Idempotency-Key is one string of 1 to {LEN_MAX} visible ASCII characters, such as \
             \"8e03978e-40d5-43e8-bc93-6894a57f9324\""
        ))),
    }
}

fn fingerprint(head: &Parts, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(head.method.as_str());
    hash.update(b" ");
    hash.update(head.uri.path_and_query().map_or("", |path| path.as_str()));
    hash.update(b"\n");
    hash.update(body);
    hex(hash.finalize())
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<Vec<u8>>, OriginError> {
        let mut headers = HeaderMap::new();
        headers.insert(FIELD, HeaderValue::from_str(value).unwrap());
        key(&headers).map(|key| key.map(<[u8]>::to_vec))
    }

    #[test]
    fn a_key_is_a_string_in_quotes_or_without() {
        assert!(key(&HeaderMap::new()).unwrap().is_none());
        for value in ["\"a-1\"", "a-1"] {
            assert_eq!(read(value).unwrap().unwrap(), b"a-1", "{value}");
        }
        let long = "x".repeat(LEN_MAX + 1);
        for bad in ["", "\"\"", "\"a", "a\"b", "a\\b", "é", "a\tb", &long] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
