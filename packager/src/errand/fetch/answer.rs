//! What a server says of a file, before its bytes.

use http::{HeaderMap, HeaderName, StatusCode, header};
use wire::FetchSource;

use super::super::Fault;
use crate::outward::Answer;

/// The bytes that come.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) source: FetchSource,
    /// Which byte of the file is the first.
    pub(super) starts: u64,
}

/// The bytes that an answer brings to a request for all from `offset` on; `None` where they are
/// not those, as the file is another than before.
pub(super) fn read(answer: &Answer, offset: u64, len_max: u64) -> Result<Option<Part>, Fault> {
    let headers = &answer.headers;
    let (starts, len_bytes) = match answer.status {
        StatusCode::OK => (0, whole(headers)?),
        StatusCode::PARTIAL_CONTENT => match range(headers) {
            Some((starts, len)) if starts == offset => (starts, len),
            _ => return Ok(None),
        },
        StatusCode::RANGE_NOT_SATISFIABLE if offset > 0 => return Ok(None),
        status => return Err(refused(status, headers)),
    };
    let encoding = text(headers, &header::CONTENT_ENCODING).unwrap_or("identity");
    if encoding != "identity" {
        let reason = format!("the server sends it compressed ({encoding}), though asked not to");
        return Err(Fault::permanent(reason));
    }
    let media_type = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    if media_type.to_ascii_lowercase().starts_with("text/html") {
        return Err(Fault::permanent(
            "there is a web page, no file: the URL must be the file's own, and need no login",
        ));
    }
    match len_bytes {
        Some(0) => return Err(Fault::permanent("the file is empty")),
        Some(len) if len > len_max => {
            let reason = format!("the file has {len} bytes, and at most {len_max} are taken");
            return Err(Fault::permanent(reason));
        }
        _ => {}
    }
    let validator = validator(headers);
    let source = FetchSource {
        validator,
        len_bytes,
    };
    Ok(Some(Part { source, starts }))
}

/// Bytes of the one may follow bytes of the other.
pub(super) fn is_same(before: &FetchSource, now: &Part) -> bool {
    let same_len = match (before.len_bytes, now.source.len_bytes) {
        (Some(before), Some(now)) => before == now,
        _ => true,
    };
    let same = match (&before.validator, &now.source.validator) {
        (Some(before), Some(now)) => before == now,
        // A range was answered that was wanted of this one alone.
        (Some(_), None) => now.starts > 0,
        (None, _) => false,
    };
    same && same_len
}

/// The length of an answer that is all of a file.
fn whole(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    if let Some(len) = text(headers, &header::CONTENT_LENGTH) {
        return Ok(len.parse().ok());
    }
    let coding = text(headers, &header::TRANSFER_ENCODING).unwrap_or_default();
    match coding.to_ascii_lowercase().ends_with("chunked") {
        true => Ok(None),
        false => Err(Fault::permanent(
            "the server tells neither a length nor an end (Content-Length, chunked): half of a \
             file would look like all of it",
        )),
    }
}

/// First byte, and length of the whole where it is told: `bytes 5-9/10`.
fn range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = text(headers, &header::CONTENT_RANGE)?;
    let (range, len) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let len: Option<u64> = match len {
        "*" => None,
        len => Some(len.parse().ok()?),
    };
    // All that follows was asked for.
    let is_rest = first <= last && len.is_none_or(|len| last.checked_add(1) == Some(len));
    is_rest.then_some((first, len))
}

/// A strong `ETag`, else the time of the last change (RFC 9110 §13.1.5).
fn validator(headers: &HeaderMap) -> Option<String> {
    let tag = text(headers, &header::ETAG).filter(|tag| tag.starts_with('"'));
    let validator = tag.or_else(|| text(headers, &header::LAST_MODIFIED));
    validator.map(str::to_owned)
}

fn refused(status: StatusCode, headers: &HeaderMap) -> Fault {
    let (reason, permanent) = match status.as_u16() {
        404 | 410 => (format!("the server has nothing there ({status})"), true),
        401 | 403 => {
            let reason = format!(
                "the server refuses it ({status}): the URL may have ended, or needs a login"
            );
            (reason, true)
        }
        code => {
            let passing = status.is_server_error() || matches!(code, 408 | 425 | 429);
            (format!("the server answers {status}"), !passing)
        }
    };
    Fault::Called {
        reason,
        permanent,
        retry_after_secs: retry_after_secs(headers),
        status: Some(status.as_u16()),
    }
}

/// `Retry-After`, where it is a number of seconds.
pub(in super::super) fn retry_after_secs(headers: &HeaderMap) -> Option<u64> {
    text(headers, &header::RETRY_AFTER)?.trim().parse().ok()
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = fields.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, value.parse().unwrap())
        });
        pairs.collect()
    }

    #[test]
    fn a_range_is_the_rest_or_none() {
        for (text, read) in [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 0-9/*", Some((0, None))),
            ("bytes 5-8/10", None),
            ("bytes 9-5/10", None),
            ("bytes */10", None),
            ("items 5-9/10", None),
            ("bytes 5-18446744073709551615/*", Some((5, None))),
            ("bytes 5-18446744073709551615/9", None),
        ] {
            assert_eq!(range(&headers(&[("content-range", text)])), read, "{text}");
        }
    }

    #[test]
    fn only_a_strong_tag_or_a_time_says_that_a_file_is_the_same() {
        for (fields, read) in [
            (
                &[("etag", "\"a\""), ("last-modified", "x")][..],
                Some("\"a\""),
            ),
            (&[("etag", "W/\"a\""), ("last-modified", "x")], Some("x")),
            (&[("etag", "W/\"a\"")], None),
            (&[], None),
        ] {
            assert_eq!(validator(&headers(fields)).as_deref(), read, "{fields:?}");
        }
    }

    #[test]
    fn bytes_follow_each_other_if_nothing_says_otherwise_and_something_says_so() {
        let source = |validator: Option<&str>, len_bytes| FetchSource {
            validator: validator.map(str::to_owned),
            len_bytes,
        };
        let part = |validator, len, starts| Part {
            source: source(validator, len),
            starts,
        };
        let before = source(Some("\"a\""), Some(9));
        for (now, same) in [
            (part(Some("\"a\""), Some(9), 5), true),
            (part(Some("\"a\""), Some(9), 0), true),
            (part(Some("\"a\""), None, 5), true),
            (part(None, Some(9), 5), true),
            (part(None, Some(9), 0), false),
            (part(Some("\"b\""), Some(9), 5), false),
            (part(Some("\"a\""), Some(8), 5), false),
        ] {
            assert_eq!(is_same(&before, &now), same, "{now:?}");
        }
        assert!(!is_same(&source(None, Some(9)), &part(None, Some(9), 5)));
    }

    #[test]
    fn a_refusal_is_final_and_an_outage_is_not() {
        let none = HeaderMap::new();
        for (status, permanent) in [
            (404, true),
            (403, true),
            (400, true),
            (304, true),
            (429, false),
            (503, false),
        ] {
            let fault = refused(StatusCode::from_u16(status).unwrap(), &none);
            assert_eq!(fault.is_permanent(), permanent, "{status}");
        }
    }
}
