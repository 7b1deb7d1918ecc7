//! One canonical path for cache key, key check and upstream.

use std::{borrow::Cow, ops::Range, sync::Arc};

use crate::query;

/// What stands behind a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any web site: no path means anything special.
    Plain,
    /// Weir's origin: `/v/`, `/k/` and `/api/` are as the design says.
    Weir,
}

/// Host, unless there is but one site; canonical path, and the part of the query that
/// counts: what an object is stored under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey(Arc<str>);

impl CacheKey {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What the origin is asked for.
    pub(crate) fn path_and_query(&self) -> &str {
        let start = self.0.find('/').unwrap_or(0);
        self.0[start..].split('\0').next().unwrap_or_default()
    }

    /// Whether it is this object's, or that of a variant of it.
    pub(crate) fn is_of(&self, object: &Self) -> bool {
        let rest = self.0.strip_prefix(&*object.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('\0'))
    }

    /// The path in it.
    pub(crate) fn path(&self) -> &str {
        let whole = self.path_and_query();
        whole.split('?').next().unwrap_or(whole)
    }

    /// The key of a part of this object, which no client can ask for, as of a variant.
    pub(crate) fn part(&self, name: &str) -> Self {
        Self(format!("{}\0\u{1}{name}", self.0).into())
    }

    /// Of the same object, the answer to requests with these field values. No client's
    /// path has the byte between the two.
    pub(crate) fn variant(&self, values: &str) -> Self {
        Self(format!("{}\0{values}", self.0).into())
    }
}

/// What of a query counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Query {
    Keep,
    Drop,
    /// These parameters, in the order in which they come.
    Only(Box<[String]>),
}

/// How paths of a site are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) kind: Kind,
    /// Stands before the path in cache keys; empty where there is but one site.
    pub(crate) host: &'a str,
    /// On a plain site.
    pub(crate) query: &'a Query,
}

impl Reading<'static> {
    /// Of the one site before Weir's origin.
    pub(crate) const WEIR: Self = Self {
        kind: Kind::Weir,
        host: "",
        query: &Query::Keep,
    };
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
    /// Under `/v/`. Where in the cache key the path stands, and where the asset.
    Media {
        path: Range<usize>,
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
    pub(crate) fn parse(
        path: &str,
        query: Option<&str>,
        reading: Reading<'_>,
    ) -> Result<Self, Refused> {
        let path = canonical(path).map_err(Refused::Malformed)?;
        Self::of(&path, query, reading)
    }

    /// Of a path in its [canonical] spelling.
    pub(crate) fn of(
        path: &str,
        query: Option<&str>,
        reading: Reading<'_>,
    ) -> Result<Self, Refused> {
        let query = query.unwrap_or_default();
        if reading.kind == Kind::Plain {
            return Ok(Self::open(reading, path, query));
        }
        if path == "/api" || path.starts_with("/api/") {
            return Err(Refused::NotHere("the API is at the origin, not at an edge"));
        }
        if path.starts_with("/v/") {
            return Self::media(reading, path, query, None);
        }
        if !path.starts_with("/k/") {
            return Ok(Self::open(reading, path, query));
        }
        match keys::split(path) {
            Some((token, rest)) if rest.starts_with("/v/") => {
                Self::media(reading, rest, query, Some(token.into()))
            }
            _ => Err(Refused::NotHere("only /v/ stands under a key")),
        }
    }

    /// Under `/v/`: the path without key prefix and query. Empty elsewhere.
    pub(crate) fn media_path(&self) -> &str {
        match &self.zone {
            Zone::Open => "",
            Zone::Media { path, .. } => &self.key.as_str()[path.clone()],
        }
    }

    /// Under `/v/`: the name after it.
    pub(crate) fn asset(&self) -> Option<&str> {
        match &self.zone {
            Zone::Open => None,
            Zone::Media { asset, .. } => Some(&self.key.as_str()[asset.clone()]),
        }
    }

    fn open(reading: Reading<'_>, path: &str, query: &str) -> Self {
        let kept = match reading.query {
            Query::Keep => query.to_owned(),
            Query::Drop => String::new(),
            Query::Only(names) => only(query, names),
        };
        Self {
            key: key(reading.host, path, &kept),
            zone: Zone::Open,
            token: None,
        }
    }

    fn media(
        reading: Reading<'_>,
        path: &str,
        query: &str,
        token: Option<Box<str>>,
    ) -> Result<Self, Refused> {
        let mut kept = String::new();
        if query::counts(path) {
            kept = query::canonical(query).map_err(Refused::Malformed)?;
        }
        let host = reading.host.len();
        let start = "/v/".len();
        let asset_len = path[start..].find('/').unwrap_or(path.len() - start);
        let zone = Zone::Media {
            path: host..host + path.len(),
            asset: host + start..host + start + asset_len,
        };
        Ok(Self {
            key: key(reading.host, path, &kept),
            zone,
            token,
        })
    }
}

fn key(host: &str, path: &str, query: &str) -> CacheKey {
    if host.is_empty() && query.is_empty() {
        return CacheKey(path.into());
    }
    let mark = if query.is_empty() { "" } else { "?" };
    CacheKey([host, path, mark, query].concat().into())
}

/// The parameters with these names.
fn only(query: &str, names: &[String]) -> String {
    let name = |pair: &&str| pair.split('=').next().unwrap_or_default().to_owned();
    let kept = query.split('&').filter(|pair| names.contains(&name(pair)));
    kept.collect::<Vec<_>>().join("&")
}

/// The one spelling of a path (RFC 3986 §6.2.2): escapes of unreserved characters are
/// resolved, others written in capitals. What two readers could take for two paths
/// (dot segments, empty segments, escaped slashes, backslashes, control characters)
/// is refused.
pub(crate) fn canonical(path: &str) -> Result<Cow<'_, str>, &'static str> {
    if !path.starts_with('/') {
        return Err("the path does not begin with a slash");
    }
    if is_canonical(path.as_bytes()) {
        return Ok(Cow::Borrowed(path));
    }
    spelled(path).map(Cow::Owned)
}

fn spelled(path: &str) -> Result<String, &'static str> {
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
    // Some origins take what follows a semicolon for parameters, and off (RFC 3986 §3.3).
    let name = |segment: &str| segment.find(';').unwrap_or(segment.len());
    let mut names = out.split('/').map(|segment| &segment[..name(segment)]);
    if names.any(|name| matches!(name, "." | "..")) {
        return Err("the path has a dot segment");
    }
    Ok(out)
}

/// Whether nothing has to be resolved or refused. Segments that begin with a dot are left
/// to who looks closer. Without a branch in it, so that it goes 32 bytes at a time: a path
/// with a key has 400 (5 % of a hit, measured, byte by byte).
fn is_canonical(path: &[u8]) -> bool {
    let plain = |byte: u8| (0x21..=0x7e).contains(&byte) & (byte != b'%') & (byte != b'\\');
    let next = path.get(1..).unwrap_or_default();
    let chars = path.iter().fold(true, |all, byte| all & plain(*byte));
    let pairs = path.iter().zip(next);
    chars
        & pairs.fold(true, |all, (one, two)| {
            all & !((*one == b'/') & ((*two == b'/') | (*two == b'.')))
        })
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

    const PLAIN: Reading<'_> = Reading {
        kind: Kind::Plain,
        host: "",
        query: &Query::Keep,
    };

    fn weir(path: &str, query: &str) -> Result<Target, Refused> {
        Target::parse(path, Some(query), Reading::WEIR)
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
            "/v/..;/a",
            "/v/%2e.;x=1/a",
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
            let plain = Target::parse(path, None, PLAIN);
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
            let target = Target::parse(path, Some("b=2&a=1"), PLAIN).unwrap();
            assert_eq!(target.key.as_str(), format!("{path}?b=2&a=1"));
            assert_eq!((target.zone, target.token), (Zone::Open, None));
        }
    }

    #[test]
    fn an_empty_query_is_none() {
        let open = |query| Target::parse("/x", query, PLAIN).unwrap().key;
        assert_eq!(open(Some("")), open(None));
    }

    #[test]
    fn of_several_sites_the_host_is_part_of_the_key_and_not_of_what_is_asked() {
        let query = Query::Keep;
        let reading = Reading {
            host: "a.example",
            query: &query,
            ..PLAIN
        };
        let target = Target::parse("/x", Some("b=/c"), reading).unwrap();
        assert_eq!(target.key.as_str(), "a.example/x?b=/c");
        assert_eq!(target.key.path_and_query(), "/x?b=/c");
        assert_eq!(target.key.variant("en/v").path_and_query(), "/x?b=/c");
        let media = Reading {
            kind: Kind::Weir,
            ..reading
        };
        let target = Target::parse("/v/a/1/x.m4s", None, media).unwrap();
        assert_eq!(target.media_path(), "/v/a/1/x.m4s");
        assert_eq!(target.asset(), Some("a"));
    }

    #[test]
    fn of_a_query_that_counts_which_the_site_says() {
        let only = Query::Only(Box::new(["a".to_owned(), "c".to_owned()]));
        for (query, key) in [(&Query::Drop, "/x"), (&only, "/x?c=3&a=1&a")] {
            let reading = Reading { query, ..PLAIN };
            let target = Target::parse("/x", Some("c=3&b=2&a=1&a&ab=4"), reading).unwrap();
            assert_eq!(target.key.as_str(), key);
        }
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
        fn what_needs_no_closer_look_would_come_out_of_it_unchanged(path in "/[ -~]{0,8}|(/[a-z.%]{0,3}){1,4}") {
            if is_canonical(path.as_bytes()) {
                prop_assert_eq!(spelled(&path), Ok(path));
            }
        }

        #[test]
        fn escaping_unreserved_characters_changes_nothing(path in "(/[a-z0-9~_-]{1,8}){1,5}") {
            let escaped: String = path.bytes().map(|byte| match byte {
                b'/' => "/".to_owned(),
                _ => format!("%{byte:02x}"),
            }).collect();
            prop_assert_eq!(canonical(&escaped), Ok(path.into()));
        }
    }
}
