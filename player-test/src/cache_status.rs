//! `Cache-Status` (RFC 9211), read by hand.

use hyper::HeaderMap;

/// What the cache nearest to the player did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CacheStatus {
    /// The name of the cache.
    pub(crate) name: String,
    /// It answered by itself.
    pub(crate) hit: bool,
}

/// Reads the last member of the list, which the nearest cache wrote. `None` if there is
/// none, or it says neither `hit` nor `fwd`.
pub(crate) fn nearest(headers: &HeaderMap) -> Option<CacheStatus> {
    let value = headers
        .get_all("cache-status")
        .iter()
        .next_back()?
        .to_str()
        .ok()?;
    let member = split(value, ',').into_iter().next_back()?;
    let mut parts = split(member, ';').into_iter();
    let name = parts.next()?.trim_matches('"').to_owned();
    let mut hit = None;
    for parameter in parts {
        match parameter.split_once('=').unwrap_or((parameter, "?1")) {
            ("hit", "?1") => hit = Some(true),
            ("fwd", _) => hit = hit.or(Some(false)),
            _ => {}
        }
    }
    hit.map(|hit| CacheStatus { name, hit })
}

/// Splits outside of quoted strings, and trims.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                parts.push(text[start..at].trim());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Option<(String, bool)> {
        let headers = HeaderMap::from_iter([(
            "cache-status".parse::<hyper::header::HeaderName>().unwrap(),
            value.parse().unwrap(),
        )]);
        nearest(&headers).map(|status| (status.name, status.hit))
    }

    #[test]
    fn the_nearest_cache_is_the_last_and_says_hit_or_miss() {
        for (value, name, hit) in [
            ("fra; hit; ttl=376", "fra", true),
            ("ExampleCache; fwd=uri-miss; stored", "ExampleCache", false),
            ("origin; hit, sin; fwd=stale; fwd-status=304", "sin", false),
            (
                "a; fwd=miss, \"CDN, \\\"x\\\"; co\"; hit",
                "CDN, \\\"x\\\"; co",
                true,
            ),
        ] {
            assert_eq!(of(value), Some((name.to_owned(), hit)), "{value}");
        }
        for value in ["", "fra", "fra; ttl=3", "fra; hit=?0"] {
            assert_eq!(of(value), None, "{value}");
        }
    }
}
