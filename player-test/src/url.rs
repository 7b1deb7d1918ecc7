//! `http:` URLs and references to them (RFC 3986).

use std::fmt;

use hyper::Uri;

/// An absolute `http:` URL without fragment. Shown with its key hidden.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Url {
    authority: String,
    path: String,
    query: Option<String>,
}

/// Why a text is no URL that can be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("https is not supported yet: use an http URL")]
    Https,
    #[error("not an http URL")]
    NotHttp,
    #[error("not a URL")]
    Malformed,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        match scheme(text) {
            Some((name, rest)) if name.eq_ignore_ascii_case("http") => {
                let rest = rest.strip_prefix("//").ok_or(UrlError::Malformed)?;
                Self::from_authority(rest)
            }
            Some((name, _)) if name.eq_ignore_ascii_case("https") => Err(UrlError::Https),
            _ => Err(UrlError::NotHttp),
        }
    }

    /// Resolves a reference found in a document that was read from `self` (RFC 3986 §5.2).
    pub(crate) fn join(&self, reference: &str) -> Result<Self, UrlError> {
        if scheme(reference).is_some() {
            return Self::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::from_authority(rest);
        }
        let (path, query) = path_and_query(reference);
        let (path, query) = match path {
            "" => (self.path.clone(), query.or_else(|| self.query.clone())),
            _ if path.starts_with('/') => (without_dots(path), query),
            _ => (without_dots(&format!("{}{path}", self.folder())), query),
        };
        Self {
            authority: self.authority.clone(),
            path,
            query,
        }
        .checked()
    }

    pub(crate) fn to_uri(&self) -> Uri {
        self.text().parse().expect("checked when it was made")
    }

    fn from_authority(rest: &str) -> Result<Self, UrlError> {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (path, query) = path_and_query(rest);
        let path = if path.is_empty() {
            "/".to_owned()
        } else {
            without_dots(path)
        };
        Self {
            authority: authority.to_owned(),
            path,
            query,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, UrlError> {
        let uri: Uri = self.text().parse().map_err(|_| UrlError::Malformed)?;
        uri.host()
            .filter(|host| !host.is_empty())
            .map(|_| self)
            .ok_or(UrlError::Malformed)
    }

    fn folder(&self) -> &str {
        &self.path[..=self.path.rfind('/').unwrap_or(0)]
    }

    fn text(&self) -> String {
        let query = self
            .query
            .as_ref()
            .map_or(String::new(), |query| format!("?{query}"));
        format!("http://{}{}{query}", self.authority, self.path)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyless = self
            .path
            .strip_prefix("/k/")
            .and_then(|rest| rest.split_once('/'));
        match keyless {
            Some((_, rest)) => write!(f, "http://{}/k/…/{rest}", self.authority),
            None => write!(f, "http://{}{}", self.authority, self.path),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn scheme(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let inside = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(inside);
    valid.then_some((name, rest))
}

fn path_and_query(text: &str) -> (&str, Option<String>) {
    let text = text.split('#').next().unwrap_or_default();
    match text.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (text, None),
    }
}

/// RFC 3986 §5.2.4, for a path that begins with `/`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
        if last && (segment == "." || segment == "..") {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_as_the_rfc_shows() {
        let base = Url::parse("http://a/b/c/d;p?q").unwrap();
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("http://h:1/x", "http://h:1/x"),
        ] {
            assert_eq!(
                base.join(reference).unwrap().text(),
                expected,
                "{reference}"
            );
        }
    }

    #[test]
    fn only_http_urls_are_played() {
        assert_eq!(Url::parse("https://h/x"), Err(UrlError::Https));
        for bad in [
            "",
            "h/x",
            "/x",
            "ftp://h/x",
            "http:/x",
            "http://",
            "http:///x",
            "http://h/a b",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
        let base = Url::parse("http://h/x").unwrap();
        assert_eq!(base.join("https://h/y"), Err(UrlError::Https));
    }

    #[test]
    fn a_key_in_a_url_is_sent_but_not_shown() {
        let url = Url::parse("http://h/k/secret/v/a/m.m3u8?t=secret").unwrap();
        assert_eq!(format!("{url} {url:?}").matches("secret").count(), 0);
        assert_eq!(
            url.join("1/x").unwrap().to_uri().path(),
            "/k/secret/v/a/1/x"
        );
    }
}
