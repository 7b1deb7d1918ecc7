//! One canonical path for cache key, key check and upstream.

mod key;
mod spelling;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::query;
pub(crate) use key::CacheKey;
pub(crate) use spelling::{canonical, is_unreserved, unescape};

/// What stands behind a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any web site: no path means anything special.
    Plain,
    /// Weir's origin: `/v/`, `/k/` and `/api/` are as the design says.
    Weir,
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
            key: CacheKey::new(reading.host, path, &kept),
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
            key: CacheKey::new(reading.host, path, &kept),
            zone,
            token,
        })
    }
}

/// The parameters with these names.
fn only(query: &str, names: &[String]) -> String {
    let name = |pair: &&str| pair.split('=').next().unwrap_or_default().to_owned();
    let kept = query.split('&').filter(|pair| names.contains(&name(pair)));
    kept.collect::<Vec<_>>().join("&")
}
