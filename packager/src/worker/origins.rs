//! The origins that a worker may ask: all have one catalogue, and one is asked until it fails.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use crate::{Config, PackagerError};

/// Base URLs, and which of them is asked.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    bases: Arc<[String]>,
    asked: Arc<AtomicUsize>,
}

impl Origins {
    /// # Errors
    /// One of them can't be called.
    pub(crate) fn of(config: &Config) -> Result<Self, PackagerError> {
        let named = match config.origins.as_slice() {
            [] => std::slice::from_ref(&config.origin),
            origins => origins,
        };
        let bases: Result<Vec<String>, _> = named.iter().map(|url| base(url)).collect();
        Ok(Self {
            bases: bases?.into(),
            asked: Arc::default(),
        })
    }

    /// The one to ask, and what to say of it if it fails.
    pub(crate) fn current(&self) -> (&str, usize) {
        let at = self.asked.load(Relaxed);
        (&self.bases[at % self.bases.len()], at)
    }

    /// One failed: the next is asked, unless somebody has found so already.
    pub(crate) fn failed(&self, at: usize) {
        let next = at.wrapping_add(1);
        let turned = self.asked.compare_exchange(at, next, Relaxed, Relaxed);
        if turned.is_ok() && self.bases.len() > 1 {
            let origin = &self.bases[next % self.bases.len()];
            tracing::warn!(origin, "the origin fails: another is asked");
        }
    }
}

fn base(url: &str) -> Result<String, PackagerError> {
    let refuse = |reason| PackagerError::OriginUrl {
        url: url.to_owned(),
        reason,
    };
    let base = url.trim_end_matches('/');
    if base.starts_with("https://") {
        return Err(refuse(
            "https is not supported yet: use http:// inside one host or network",
        ));
    }
    let uri: http::Uri = base.parse().map_err(|_| refuse("it is not a URL"))?;
    if uri.scheme_str() != Some("http") || uri.authority().is_none() || uri.path() != "/" {
        return Err(refuse("it must be http://host:port, without a path"));
    }
    Ok(base.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(origin: &str, origins: &[&str]) -> Result<Origins, PackagerError> {
        Origins::of(&Config {
            origin: origin.to_owned(),
            origins: origins.iter().map(|url| (*url).to_owned()).collect(),
            ..Config::default()
        })
    }

    #[test]
    fn one_that_cannot_be_called_is_refused_at_the_start() {
        for url in [
            "https://weir.example",
            "weir.example",
            "http://weir.example/base",
            "ftp://x",
        ] {
            for all in [of(url, &[]), of("", &["http://a:1", url])] {
                assert!(matches!(all, Err(PackagerError::OriginUrl { .. })), "{url}");
            }
        }
        assert!(of("http://127.0.0.1:7000/", &[]).is_ok());
    }

    #[test]
    fn one_is_asked_until_it_fails_and_then_the_next() {
        let all = of("", &["http://a:1", "http://b:1/"]).unwrap();
        let (first, at) = all.current();
        assert_eq!(first, "http://a:1");
        all.failed(at);
        assert_eq!(all.current().0, "http://b:1");
        // Told late, of the first.
        all.failed(at);
        let (second, at) = all.current();
        assert_eq!(second, "http://b:1");
        all.failed(at);
        assert_eq!(all.current().0, "http://a:1");
    }
}
