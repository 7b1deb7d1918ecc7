//! Conditional requests (RFC 9110 §13), as a cache evaluates them (RFC 9111 §4.3.2).

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{DATE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED},
};

use crate::freshness::date;

/// How much later than `Last-Modified` an answer must have been sent, for that to tell two
/// versions apart (RFC 9110 §8.8.2.2).
const STRONG_AFTER: Duration = Duration::from_secs(1);

/// The client has this answer already: send 304.
pub(crate) fn is_known(request: &HeaderMap, answer: &HeaderMap) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        let mut fields = request.get_all(IF_NONE_MATCH).iter();
        return fields.any(|field| names(field, answer.get(ETAG)));
    }
    // Most requests have none: then no date of the answer's is read.
    if !request.contains_key(IF_MODIFIED_SINCE) {
        return false;
    }
    // Without Last-Modified, what was sent then had not changed since (RFC 9111 §4.3.2).
    let modified = match answer.contains_key(LAST_MODIFIED) {
        true => LAST_MODIFIED,
        false => DATE,
    };
    match (at(request, &IF_MODIFIED_SINCE), at(answer, &modified)) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// Whether the client's range still applies (§13.1.5): always without `If-Range`, else
/// only if the validator is the very same and strong.
pub(crate) fn range_applies(request: &HeaderMap, answer: &HeaderMap) -> bool {
    let Some(condition) = request.get(IF_RANGE) else {
        return true;
    };
    if condition.as_bytes().starts_with(b"\"") {
        return answer.get(ETAG) == Some(condition);
    }
    let is_same = answer.get(LAST_MODIFIED) == Some(condition);
    !condition.as_bytes().starts_with(b"W/") && is_same && is_settled(answer)
}

/// Whether no later version can have the same `Last-Modified` (§8.8.2.2).
fn is_settled(answer: &HeaderMap) -> bool {
    match (at(answer, &LAST_MODIFIED), at(answer, &DATE)) {
        (Some(modified), Some(sent)) => modified + STRONG_AFTER <= sent,
        _ => false,
    }
}

fn at(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let text = headers.get(name)?.to_str().ok()?;
    date::parse(text, SystemTime::now())
}

/// Weak comparison (§8.8.3.2) of a list of tags, or `*`.
fn names(list: &HeaderValue, etag: Option<&HeaderValue>) -> bool {
    let list = list.as_bytes().trim_ascii();
    if list == b"*" {
        return true;
    }
    let Some(etag) = etag.map(|etag| opaque(etag.as_bytes())) else {
        return false;
    };
    tags(list).any(|tag| opaque(tag) == etag)
}

/// A tag without its weakness.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The members of a list of tags. What is in quotes is opaque: nothing is escaped there, and
/// any byte above a space may stand in it (§8.8.3).
fn tags(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let members = list.split(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    });
    members
        .map(<[u8]>::trim_ascii)
        .filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_tag_matches_weakly() {
        let answer = headers(ETAG, "\"a,b\"");
        for (list, known) in [
            ("\"a,b\"", true),
            ("W/\"a,b\"", true),
            ("\"x\", \"a,b\"", true),
            ("*", true),
            ("\"a\"", false),
            ("a,b", false),
            ("", false),
        ] {
            let request = headers(IF_NONE_MATCH, list);
            assert_eq!(is_known(&request, &answer), known, "{list}");
        }
    }

    #[test]
    fn what_is_in_quotes_is_opaque() {
        let known = |list: &[u8], tag: &[u8]| {
            let field = |name, value| {
                HeaderMap::from_iter([(name, HeaderValue::from_bytes(value).unwrap())])
            };
            is_known(&field(IF_NONE_MATCH, list), &field(ETAG, tag))
        };
        assert!(known(b"\"x\\\", \"a\"", b"\"a\""));
        assert!(known(b"\"\xfc\"", b"W/\"\xfc\""));
        assert!(!known(b"\"\xfc\"", b"\"\xf6\""));
    }

    #[test]
    fn without_last_modified_the_date_says_since_when_it_is_so() {
        let answer = headers(DATE, "Sun, 06 Nov 1994 08:49:37 GMT");
        for (since, known) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sun, 06 Nov 1994 08:49:36 GMT", false),
        ] {
            let request = headers(IF_MODIFIED_SINCE, since);
            assert_eq!(is_known(&request, &answer), known, "{since}");
        }
    }

    #[test]
    fn a_date_names_a_version_once_a_second_has_passed() {
        let modified = "Sun, 06 Nov 1994 08:49:37 GMT";
        let request = headers(IF_RANGE, modified);
        let mut answer = headers(LAST_MODIFIED, modified);
        assert!(!range_applies(&request, &answer));
        for (sent, applies) in [
            (modified, false),
            ("Sun, 06 Nov 1994 08:49:38 GMT", true),
            ("Sun, 06 Nov 1994 08:49:36 GMT", false),
        ] {
            answer.insert(DATE, HeaderValue::from_static(sent));
            assert_eq!(range_applies(&request, &answer), applies, "{sent}");
        }
    }

    #[test]
    fn dates_count_only_without_tags() {
        let answer = headers(LAST_MODIFIED, "Sun, 06 Nov 1994 08:49:37 GMT");
        let mut request = headers(IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(is_known(&request, &answer));
        request.insert(IF_NONE_MATCH, HeaderValue::from_static("\"x\""));
        assert!(!is_known(&request, &answer));
        let earlier = headers(IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT");
        assert!(!is_known(&earlier, &answer));
    }

    #[test]
    fn a_range_applies_only_to_the_very_same_answer() {
        let answer = headers(ETAG, "\"a\"");
        assert!(range_applies(&HeaderMap::new(), &answer));
        for (condition, applies) in [("\"a\"", true), ("\"b\"", false), ("W/\"a\"", false)] {
            let request = headers(IF_RANGE, condition);
            assert_eq!(range_applies(&request, &answer), applies, "{condition}");
        }
        let weak = headers(ETAG, "W/\"a\"");
        assert!(!range_applies(&headers(IF_RANGE, "W/\"a\""), &weak));
    }
}
