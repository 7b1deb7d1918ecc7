//! Surrogate keys: the names under which an origin groups its answers for purging.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, LazyLock},
};

use http::{HeaderMap, HeaderName};

/// Names divided by spaces, as Fastly and Varnish read them.
pub(crate) const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
/// Names divided by commas, as Cloudflare and Akamai read them.
pub(crate) const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
/// Most tags of one object. Chosen by the issue.
const TAGS_MAX: usize = 32;
/// Most text of them, bytes. Chosen by the issue.
const TEXT_LEN_MAX: usize = 1024;

/// A tag's name in 64 bits, drawn anew by each process: two names share one by chance alone,
/// and then a purge takes more than it should, never less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tag(u64);

impl Tag {
    pub(crate) fn of(name: &str) -> Self {
        static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self(SEED.hash_one(name))
    }
}

/// The tags of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tags {
    These(Arc<[Tag]>),
    /// More than are kept: every purge by tag takes the object, so that none misses it.
    TooMany,
}

impl Tags {
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut found = Found::default();
        let spaced = found.take(headers, &SURROGATE_KEY, |c| c.is_ascii_whitespace());
        let listed = found.take(headers, &CACHE_TAG, |c| c == ',');
        match (spaced, listed) {
            (Some(()), Some(())) => Self::These(found.tags.into()),
            _ => Self::TooMany,
        }
    }

    /// What they take in memory, bytes.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::These(tags) => size_of_val::<[Tag]>(tags),
            Self::TooMany => 0,
        }
    }
}

#[derive(Default)]
struct Found {
    tags: Vec<Tag>,
    text_len: usize,
}

impl Found {
    /// Takes the names in all fields called `field`; `None` if they are too many, or can't
    /// be read.
    fn take(
        &mut self,
        headers: &HeaderMap,
        field: &HeaderName,
        divides: fn(char) -> bool,
    ) -> Option<()> {
        for value in headers.get_all(field) {
            for name in value.to_str().ok()?.split(divides).map(str::trim) {
                self.add(name)?;
            }
        }
        Some(())
    }

    fn add(&mut self, name: &str) -> Option<()> {
        let tag = Tag::of(name);
        if name.is_empty() || self.tags.contains(&tag) {
            return Some(());
        }
        self.tags.push(tag);
        self.text_len += name.len();
        (self.tags.len() <= TAGS_MAX && self.text_len <= TEXT_LEN_MAX).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(fields: &[(HeaderName, &str)]) -> Tags {
        let field = |(name, text): &(HeaderName, &str)| {
            (
                name.clone(),
                HeaderValue::from_bytes(text.as_bytes()).unwrap(),
            )
        };
        let mut headers = HeaderMap::new();
        for (name, value) in fields.iter().map(field) {
            headers.append(name, value);
        }
        Tags::read(&headers)
    }

    fn these(names: &[&str]) -> Tags {
        Tags::These(names.iter().map(|name| Tag::of(name)).collect())
    }

    #[test]
    fn tags_are_read_from_both_fields_once_each() {
        for (fields, names) in [
            (vec![], vec![]),
            (vec![(SURROGATE_KEY, "a  b\ta")], vec!["a", "b"]),
            (vec![(CACHE_TAG, "a b, c,,")], vec!["a b", "c"]),
            (
                vec![(CACHE_TAG, "a"), (SURROGATE_KEY, "b"), (CACHE_TAG, "c")],
                vec!["b", "a", "c"],
            ),
        ] {
            assert_eq!(read(&fields), these(&names), "{fields:?}");
        }
    }

    #[test]
    fn more_than_is_kept_counts_as_every_tag() {
        let names = |count: usize| (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>();
        assert_ne!(
            read(&[(SURROGATE_KEY, &names(32).join(" "))]),
            Tags::TooMany
        );
        assert_eq!(
            read(&[(SURROGATE_KEY, &names(33).join(" "))]),
            Tags::TooMany
        );
        assert_ne!(read(&[(CACHE_TAG, &"x".repeat(1024))]), Tags::TooMany);
        assert_eq!(read(&[(CACHE_TAG, &"x".repeat(1025))]), Tags::TooMany);
        assert_eq!(read(&[(CACHE_TAG, "\u{e4}")]), Tags::TooMany);
    }
}
