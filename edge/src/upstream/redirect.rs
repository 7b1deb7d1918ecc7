//! Where an origin sends us: followed only if configured, and to configured hosts only.

use std::sync::Arc;

use http::{
    HeaderValue, Response, Uri,
    header::LOCATION,
    uri::{Authority, PathAndQuery},
};

use super::{body::Body, group::Group, place::Place};

/// Most redirects of one request. Chosen, as the issue says.
pub(crate) const REDIRECTS_MAX: usize = 5;

/// The places that redirects may lead to; none if they are passed on.
pub(crate) struct Redirects(pub(crate) Vec<(Place, Arc<Group>)>);

impl Redirects {
    /// The origin at a place, if it may be asked.
    pub(crate) fn group(&self, place: &Place) -> Option<&Arc<Group>> {
        let found = self.0.iter().find(|(other, _)| other == place);
        found.map(|(_, group)| group)
    }
}

/// Where an answer leads to, seen from where it came from.
pub(crate) fn target(
    from: &Place,
    path: &PathAndQuery,
    response: &Response<Body>,
) -> Option<(Place, PathAndQuery)> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut fields = response.headers().get_all(LOCATION).iter();
    let location = fields.next()?.to_str().ok()?;
    let only = fields.next().is_none();
    resolve(from, path, location).filter(|_| only)
}

/// The reference as a URI of its own, so that it means the same to a client, who asked
/// another place.
pub(crate) fn make_absolute(response: &mut Response<Body>, place: &Place, path: &PathAndQuery) {
    if let Ok(location) = HeaderValue::try_from(format!("{place}{path}")) {
        response.headers_mut().insert(LOCATION, location);
    }
}

/// RFC 3986 §5.2, for what HTTP takes. Never from TLS to none.
fn resolve(from: &Place, path: &PathAndQuery, location: &str) -> Option<(Place, PathAndQuery)> {
    let reference = location.split('#').next().unwrap_or_default();
    let (place, rest) = match split(reference) {
        (Some(tls), Some(authority), rest) => (place(tls, authority)?, rest),
        (None, Some(authority), rest) => (place(from.tls, authority)?, rest),
        (None, None, rest) => (from.clone(), rest),
        (Some(_), None, _) => return None,
    };
    if from.tls && !place.tls {
        return None;
    }
    let has_authority = split(reference).1.is_some();
    let (to, query) = match rest.split_once('?') {
        Some((to, query)) => (to, Some(query)),
        None => (rest, None),
    };
    let merged = if to.starts_with('/') || has_authority {
        without_dots(to)
    } else if to.is_empty() {
        path.path().to_owned()
    } else {
        let folder = path
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        without_dots(&format!("{folder}/{to}"))
    };
    let query = query.or(path.query().filter(|_| rest.is_empty() && !has_authority));
    let whole = query.map_or_else(|| merged.clone(), |query| format!("{merged}?{query}"));
    Some((place, whole.parse().ok()?))
}

/// Scheme (whether it is TLS), authority, and the rest. Another scheme has no authority.
fn split(reference: &str) -> (Option<bool>, Option<&str>, &str) {
    let lower = reference.get(..8).unwrap_or(reference).to_ascii_lowercase();
    let (tls, rest) = if lower.starts_with("https:") {
        (Some(true), &reference[6..])
    } else if lower.starts_with("http:") {
        (Some(false), &reference[5..])
    } else if reference
        .split(['/', '?'])
        .next()
        .unwrap_or_default()
        .contains(':')
    {
        return (Some(false), None, "");
    } else {
        (None, reference)
    };
    match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            (tls, Some(&rest[..end]), &rest[end..])
        }
        None => (tls, None, rest),
    }
}

fn place(tls: bool, authority: &str) -> Option<Place> {
    let authority: Authority = authority.parse().ok()?;
    // Parsed once more as part of a URI, which is stricter.
    let whole: Uri = format!("http://{authority}/").parse().ok()?;
    Place::new(tls, whole.authority()?).ok()
}

/// RFC 3986 §5.2.4. Of many slashes none goes.
fn without_dots(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    out.pop();
                }
                if is_last {
                    out.push("");
                }
            }
            other => out.push(other),
        }
    }
    format!("/{}", out.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(from: &str, path: &str, location: &str) -> Option<String> {
        let from = Place::parse(from).unwrap();
        let path = path.parse().unwrap();
        let (place, path) = resolve(&from, &path, location)?;
        Some(format!("{place}{path}"))
    }

    #[test]
    fn references_are_resolved_as_the_rfc_says() {
        for (location, target) in [
            ("http://b.example/x?y#z", "http://b.example/x?y"),
            ("HTTP://B.example:80", "http://b.example/"),
            ("//b.example:81/x", "http://b.example:81/x"),
            ("/x", "http://a/x"),
            ("x", "http://a/b/c/x"),
            ("./x/", "http://a/b/c/x/"),
            ("../x", "http://a/b/x"),
            ("../../../../x", "http://a/x"),
            ("..", "http://a/b/"),
            (".", "http://a/b/c/"),
            ("?y", "http://a/b/c/d?y"),
            ("", "http://a/b/c/d?q"),
            ("//b.example?y", "http://b.example/?y"),
            ("/a//b", "http://a/a//b"),
        ] {
            let found = lead("http://a", "/b/c/d?q", location);
            assert_eq!(found.as_deref(), Some(target), "{location}");
        }
    }

    #[test]
    fn what_leads_to_no_origin_is_not_followed() {
        for location in [
            "ftp://b/x",
            "javascript:x",
            "http:x",
            "http://me@b/",
            "http://",
            "http://b:99999/",
            "/x y",
        ] {
            assert_eq!(lead("http://a", "/", location), None, "{location}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn no_redirect_takes_tls_away() {
        assert_eq!(lead("https://a", "/", "http://a/x"), None);
        let kept = lead("https://a", "/", "//b/x");
        assert_eq!(kept.as_deref(), Some("https://b/x"));
        let added = lead("http://a", "/", "https://a/x");
        assert_eq!(added.as_deref(), Some("https://a/x"));
    }
}
