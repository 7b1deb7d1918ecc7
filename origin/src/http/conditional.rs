//! Edits that lose no other's (RFC 9110 §13): an ETag of what can be changed, and `If-Match`.
//!
//! The tag is of the revision of what operators change, not of what workers report: how far
//! an asset is does not make it another. Answers with it are `no-store`.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};

use crate::OriginError;

/// What a patch is: RFC 7396, or JSON by its plain name.
const PATCHES: [&str; 2] = ["application/merge-patch+json", "application/json"];

/// Most tags that one `If-Match` names. Chosen.
const TAGS_MAX: usize = 16;

pub(super) fn tag(response: &mut Response<Body>, revision: i64) {
    let tag = HeaderValue::try_from(text(revision)).expect("a number in quotes");
    response.headers_mut().insert(header::ETAG, tag);
}

fn text(revision: i64) -> String {
    format!("\"e{revision}\"")
}

/// Which revisions may be changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Any,
    These(Vec<i64>),
}

impl Expected {
    /// What `If-Match` names; whatever is no tag of ours matches nothing.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut fields = headers.get_all(header::IF_MATCH).iter().peekable();
        if fields.peek().is_none() {
            return Self::Any;
        }
        let tags: Vec<&str> = fields
            .flat_map(|field| field.to_str().unwrap_or_default().split(','))
            .map(str::trim)
            .take(TAGS_MAX)
            .collect();
        if tags == ["*"] {
            return Self::Any;
        }
        // Weak tags match nothing here: RFC 9110 §13.1.1.
        let revision = |tag: &&str| {
            let number = tag.strip_prefix("\"e")?.strip_suffix('"')?.parse().ok()?;
            (text(number) == *tag).then_some(number)
        };
        Self::These(tags.iter().filter_map(revision).collect())
    }

    pub(super) fn revisions(&self) -> Option<&[i64]> {
        match self {
            Self::Any => None,
            Self::These(these) => Some(these),
        }
    }
}

/// # Errors
/// 415: the body is something else than a merge patch.
pub(super) fn require_merge_patch(headers: &HeaderMap) -> Result<(), OriginError> {
    let named = headers.get(header::CONTENT_TYPE);
    let named = named.and_then(|value| value.to_str().ok()?.split(';').next());
    let is_patch = |named: &str| {
        let is = |known: &&str| named.trim().eq_ignore_ascii_case(known);
        PATCHES.iter().any(is)
    };
    match named.is_some_and(is_patch) {
        true => Ok(()),
        false => Err(OriginError::Upload {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            detail: format!("Content-Type must be {}", PATCHES[0]),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(value: &'static str) -> Expected {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, HeaderValue::from_static(value));
        Expected::of(&headers)
    }

    #[test]
    fn if_match_names_revisions_by_their_strong_tags_alone() {
        assert_eq!(Expected::of(&HeaderMap::new()), Expected::Any);
        assert_eq!(expected("*"), Expected::Any);
        assert_eq!(expected("\"e1\", \"e22\""), Expected::These(vec![1, 22]));
        for other in ["", "W/\"e1\"", "e1", "\"1\"", "\"e+1\"", "\"e01\"", "*, *"] {
            assert_eq!(expected(other), Expected::These(vec![]), "{other}");
        }
    }
}
