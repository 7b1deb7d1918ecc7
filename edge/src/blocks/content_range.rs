//! What says which part of which version an answer is.

use std::ops::Range;

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_RANGE, ETAG},
};

/// A part of a body, and the length of the whole, bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) part: Range<u64>,
    pub(super) total: u64,
}

/// The one `Content-Range` of an answer (RFC 9110 §14.4), if it says both.
pub(super) fn span(headers: &HeaderMap) -> Option<Span> {
    let text = only(headers, &CONTENT_RANGE)?.to_str().ok()?;
    let (unit, rest) = text.split_once(' ')?;
    let (range, total) = rest.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total) = (number(first)?, number(last)?, number(total)?);
    let makes_sense = unit.eq_ignore_ascii_case("bytes") && first <= last && last < total;
    makes_sense.then(|| Span {
        part: first..last + 1,
        total,
    })
}

/// The one tag of an answer, if it stands for its very bytes (§8.8.3).
pub(super) fn strong_tag(headers: &HeaderMap) -> Option<&HeaderValue> {
    let tag = only(headers, &ETAG)?;
    let text = tag.to_str().ok()?;
    let opaque = text.strip_prefix('"')?.strip_suffix('"')?;
    (!opaque.contains('"')).then_some(tag)
}

/// The part that an answer has, if it is the one that was asked for (less where the body
/// ends sooner), and its body is as long.
pub(super) fn part(headers: &HeaderMap, body_len: Option<u64>, asked: &Range<u64>) -> Option<Span> {
    let span = span(headers)?;
    let is_asked = span.part.start == asked.start && span.part.end == asked.end.min(span.total);
    let len = span.part.end - span.part.start;
    (is_asked && body_len.is_none_or(|body_len| body_len == len)).then_some(span)
}

/// Its bytes are the object's own.
pub(super) fn is_plain(headers: &HeaderMap) -> bool {
    !headers.contains_key(CONTENT_ENCODING)
}

/// The version and the part that this answer has, if it is a block that was asked for.
pub(super) fn block<'a>(
    status: StatusCode,
    headers: &'a HeaderMap,
    body_len: Option<u64>,
    asked: &Range<u64>,
) -> Option<(&'a HeaderValue, Span)> {
    let span = part(headers, body_len, asked)?;
    let tag = strong_tag(headers)?;
    (status == StatusCode::PARTIAL_CONTENT && is_plain(headers)).then_some((tag, span))
}

fn only<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a HeaderValue> {
    let mut fields = headers.get_all(name).iter();
    let first = fields.next()?;
    fields.next().is_none().then_some(first)
}

fn number(digits: &str) -> Option<u64> {
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &str)| {
            let name = http::HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in fields.iter().map(field) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn only_a_part_of_a_known_length_is_a_span() {
        let of = |text: &str| span(&headers(&[("content-range", text)]));
        let part = |part, total| Some(Span { part, total });
        assert_eq!(of("bytes 0-0/1"), part(0..1, 1));
        assert_eq!(of("Bytes 5-9/10"), part(5..10, 10));
        for text in [
            "bytes 0-9/*",
            "bytes */10",
            "bytes 5-4/10",
            "bytes 5-10/10",
            "bytes 0-0",
            "bytes=0-0/1",
            "bytes +0-0/1",
            "bytes 0-18446744073709551615/18446744073709551616",
            "lines 0-0/1",
            "",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        let twice = [
            ("content-range", "bytes 0-0/1"),
            ("content-range", "bytes 0-0/1"),
        ];
        assert_eq!(span(&headers(&twice)), None);
    }

    #[test]
    fn only_a_strong_tag_names_a_version() {
        let is_strong = |text: &str| strong_tag(&headers(&[("etag", text)])).is_some();
        assert!(is_strong("\"a\"") && is_strong("\"\""));
        for text in ["W/\"a\"", "a", "\"a", "\"a\", \"b\"", "\""] {
            assert!(!is_strong(text), "{text}");
        }
        assert!(strong_tag(&headers(&[("etag", "\"a\""), ("etag", "\"a\"")])).is_none());
    }

    #[test]
    fn a_block_is_what_was_asked_for_and_nothing_else() {
        let is_block = |status: u16, range: &str, more: &[(&'static str, &str)], len| {
            let mut fields = vec![("etag", "\"a\""), ("content-range", range)];
            fields.extend(more);
            let status = StatusCode::from_u16(status).unwrap();
            block(status, &headers(&fields), len, &(10..20)).is_some()
        };
        assert!(is_block(206, "bytes 10-19/30", &[], Some(10)));
        assert!(is_block(206, "bytes 10-14/15", &[], None));
        assert!(!is_block(200, "bytes 10-19/30", &[], Some(10)));
        assert!(!is_block(206, "bytes 10-19/30", &[], Some(9)));
        assert!(!is_block(206, "bytes 10-18/30", &[], None));
        assert!(!is_block(206, "bytes 9-19/30", &[], None));
        assert!(!is_block(
            206,
            "bytes 10-19/30",
            &[("content-encoding", "gzip")],
            None
        ));
    }
}
