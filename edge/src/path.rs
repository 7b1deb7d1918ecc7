//! One canonical path for cache key, key check and upstream.

use std::{ops::Range, sync::Arc};

use crate::query;

/// What stands behind the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// Any web site: no path means anything special.
    Plain,
    /// Weir's origin: `/v/`, `/k/` and `/api/` are as the design says.
    Weir,
}

/// Canonical path, and the part of the query that counts: what an object is stored
/// under, and what the origin is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey(Arc<str>);

impl CacheKey {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) key: CacheKey,
    pub(crate) zone: Zone,
    /// From the path's key prefix; not yet judged.
    pub(crate) token: Option<Box<str>>,
}

/// Whether access classes apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Not media: anyone may read.
    Open,
    /// Under `/v/`. Where in the cache key the path ends, and where the asset stands.
    Media {
        path_end: usize,
        asset: Range<usize>,
    },
}

/// Why a request has no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Malformed(&'static str),
    NotHere(&'static str),
    /// Longer than so many bytes.
    TooLong(usize),
}

impl Refused {
    /// For whoever asked.
    pub(crate) fn why(self) -> String {
        match self {
            Self::Malformed(why) | Self::NotHere(why) => why.to_owned(),
            Self::TooLong(len_max) => format!("path and query are longer than {len_max} bytes"),
        }
    }
}

impl Target {
    pub(crate) fn parse(path: &str, query: Option<&str>, site: Site) -> Result<Self, Refused> {
        let path = canonical(path).map_err(Refused::Malformed)?;
        if site == Site::Plain {
            return Ok(Self::open(path, query));
        }
        if path == "/api" || path.starts_with("/api/") {
            return Err(Refused::NotHere("the API is at the origin, not at an edge"));
        }
        if path.starts_with("/v/") {
            return Self::media(path, query, None);
        }
        if !path.starts_with("/k/") {
            return Ok(Self::open(path, query));
        }
        match keys::split(&path) {
            Some((token, rest)) if rest.starts_with("/v/") => {
                Self::media(rest.to_owned(), query, Some(token.into()))
            }
            _ => Err(Refused::NotHere("only /v/ stands under a key")),
        }
    }

    /// Under `/v/`: the path without key prefix and query. Empty elsewhere.
    pub(crate) fn media_path(&self) -> &str {
        match self.zone {
            Zone::Open => "",
            Zone::Media { path_end, .. } => &self.key.as_str()[..path_end],
        }
    }

    /// Under `/v/`: the name after it.
    pub(crate) fn asset(&self) -> Option<&str> {
        match &self.zone {
            Zone::Open => None,
            Zone::Media { asset, .. } => Some(&self.key.as_str()[asset.clone()]),
        }
    }

    fn open(mut path: String, query: Option<&str>) -> Self {
        push_query(&mut path, query.unwrap_or_default());
        Self {
            key: CacheKey(path.into()),
            zone: Zone::Open,
            token: None,
        }
    }

    fn media(
        mut path: String,
        query: Option<&str>,
        token: Option<Box<str>>,
    ) -> Result<Self, Refused> {
        let kept = match query {
            Some(query) if query::counts(&path) => {
                query::canonical(query).map_err(Refused::Malformed)?
            }
            _ => String::new(),
        };
        let start = "/v/".len();
        let asset_len = path[start..].find('/').unwrap_or(path.len() - start);
        let zone = Zone::Media {
            path_end: path.len(),
            asset: start..start + asset_len,
        };
        push_query(&mut path, &kept);
        Ok(Self {
            key: CacheKey(path.into()),
            zone,
            token,
        })
    }
}

fn push_query(path: &mut String, query: &str) {
    if !query.is_empty() {
        path.push('?');
        path.push_str(query);
    }
}

/// The one spelling of a path (RFC 3986 §6.2.2): escapes of unreserved characters are
/// resolved, others written in capitals. What two readers could take for two paths
/// (dot segments, empty segments, escaped slashes, backslashes, control characters)
/// is refused.
fn canonical(path: &str) -> Result<String, &'static str> {
    if !path.starts_with('/') {
        return Err("the path does not begin with a slash");
    }
    let mut out = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => push_escape(&mut out, unescape(&mut bytes)?)?,
            b'\\' => return Err("the path has a backslash"),
            b'/' if out.ends_with('/') => return Err("the path has an empty segment"),
            0x21..=0x7e => out.push(char::from(byte)),
            _ => return Err("the path has a byte that must be escaped"),
        }
    }
    if out.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err("the path has a dot segment");
    }
    Ok(out)
}

/// The byte whose two hex digits come next.
pub(crate) fn unescape(digits: &mut impl Iterator<Item = u8>) -> Result<u8, &'static str> {
    let mut digit = || char::from(digits.next()?).to_digit(16);
    let (Some(high), Some(low)) = (digit(), digit()) else {
        return Err("an escape is not two hex digits");
    };
    Ok((high << 4 | low) as u8)
}

fn push_escape(out: &mut String, byte: u8) -> Result<(), &'static str> {
    match byte {
        b'/' | b'\\' => Err("the path has an escaped slash"),
        0..=0x1f | 0x7f => Err("the path has an escaped control character"),
        _ if is_unreserved(byte) => {
            out.push(char::from(byte));
            Ok(())
        }
        _ => {
            out.push_str(&format!("%{byte:02X}"));
            Ok(())
        }
    }
}

/// RFC 3986 §2.3.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn weir(path: &str, query: &str) -> Result<Target, Refused> {
        Target::parse(path, Some(query), Site::Weir)
    }

    #[test]
    fn a_key_prefix_is_no_part_of_the_cache_key() {
        let with = weir("/k/tok.en/v/a/1/v720/0.m4s", "").unwrap();
        let without = weir("/v/a/1/v720/0.m4s", "").unwrap();
        assert_eq!(with.key, without.key);
        assert_eq!(with.token.as_deref(), Some("tok.en"));
        assert_eq!(with.asset(), Some("a"));
        assert_eq!(with.media_path(), "/v/a/1/v720/0.m4s");
    }

    #[test]
    fn two_spellings_of_one_path_are_one_key() {
        let plain = weir("/v/a-b/x~1%2C", "").unwrap();
        assert_eq!(weir("/%76/%61%2db/x%7E1%2c", "").unwrap(), plain);
    }

    #[test]
    fn paths_that_readers_disagree_about_are_refused() {
        for path in [
            "/v/../a",
            "/v/./a",
            "/v/%2e%2E/a",
            "/v/a/..",
            "/v//a",
            "//v/a",
            "/v/a%2fb",
            "/v/a%2Fb",
            "/v/a%5cb",
            "/v/a\\b",
            "/v/a%00",
            "/v/a%0a",
            "/v/a%7f",
            "/v/a%",
            "/v/a%4",
            "/v/a%zz",
            "/v/ä",
            "v/a",
            "",
        ] {
            assert!(
                matches!(weir(path, ""), Err(Refused::Malformed(_))),
                "{path}"
            );
            let plain = Target::parse(path, None, Site::Plain);
            assert!(matches!(plain, Err(Refused::Malformed(_))), "{path}");
        }
    }

    #[test]
    fn the_api_and_keyed_pages_are_not_here() {
        for path in [
            "/api",
            "/api/x",
            "/%61pi/x",
            "/k/t",
            "/k/t/watch/a",
            "/k/t/k/t/v/a",
        ] {
            assert!(matches!(weir(path, ""), Err(Refused::NotHere(_))), "{path}");
        }
    }

    #[test]
    fn on_a_plain_site_no_path_is_special() {
        for path in ["/v/a/x.m4s", "/k/t/v/a", "/api/x"] {
            let target = Target::parse(path, Some("b=2&a=1"), Site::Plain).unwrap();
            assert_eq!(target.key.as_str(), format!("{path}?b=2&a=1"));
            assert_eq!((target.zone, target.token), (Zone::Open, None));
        }
    }

    #[test]
    fn an_empty_query_is_none() {
        let open = |query| Target::parse("/x", query, Site::Plain).unwrap().key;
        assert_eq!(open(Some("")), open(None));
    }

    proptest! {
        #[test]
        fn the_canonical_path_is_its_own_canonical_path(path in "/[ -~]{0,40}") {
            if let Ok(once) = canonical(&path) {
                prop_assert_eq!(canonical(&once), Ok(once.clone()));
                prop_assert!(once.parse::<http::Uri>().is_ok() || path.parse::<http::Uri>().is_err());
            }
        }

        #[test]
        fn escaping_unreserved_characters_changes_nothing(path in "(/[a-z0-9~_-]{1,8}){1,5}") {
            let escaped: String = path.bytes().map(|byte| match byte {
                b'/' => "/".to_owned(),
                _ => format!("%{byte:02x}"),
            }).collect();
            prop_assert_eq!(canonical(&escaped), Ok(path));
        }
    }
}
