//! Conditional requests (RFC 9110 §13), as a cache evaluates them.

use std::time::SystemTime;

use http::{
    HeaderMap, HeaderValue,
    header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED},
};

use crate::freshness::{date, split_unquoted};

/// The client has this answer already: send 304.
pub(crate) fn is_known(request: &HeaderMap, answer: &HeaderMap) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        let fields = request.get_all(IF_NONE_MATCH).iter();
        return fields
            .into_iter()
            .any(|field| names(field, answer.get(ETAG)));
    }
    // Most requests have none: then no date of the answer's is read.
    if !request.contains_key(IF_MODIFIED_SINCE) {
        return false;
    }
    let at = |headers: &HeaderMap, name| {
        let text = headers.get(name)?.to_str().ok()?;
        date::parse(text, SystemTime::now())
    };
    match (at(request, IF_MODIFIED_SINCE), at(answer, LAST_MODIFIED)) {
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
    // A date is as weak as its clock's second; we take the origin's word for it.
    !condition.as_bytes().starts_with(b"W/") && answer.get(LAST_MODIFIED) == Some(condition)
}

/// Weak comparison (§8.8.3.2) of a list of tags, or `*`.
fn names(list: &HeaderValue, etag: Option<&HeaderValue>) -> bool {
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
    let Some(list) = text(list) else {
        return false;
    };
    if list.trim() == "*" {
        return true;
    }
    let strong = |tag: &str| tag.trim_start_matches("W/").to_owned();
    let Some(etag) = etag.and_then(text).map(|tag| strong(&tag)) else {
        return false;
    };
    split_unquoted(&list).any(|tag| strong(tag) == etag)
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
