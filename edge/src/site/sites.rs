//! Which site a request is for.

use std::{collections::HashMap, sync::Arc};

use http::{header::HOST, request::Parts};

use super::Site;
use crate::{Config, EdgeError, config::SiteConfig, path::Kind, upstream::Origin};

/// The sites of an edge.
pub(crate) struct Sites {
    by_host: HashMap<Box<str>, Arc<Site>>,
    /// For all other hosts.
    other: Option<Arc<Site>>,
}

impl Sites {
    /// Before Weir's origin or without sites of their own, `config.origin` has all hosts that
    /// are not named.
    pub(crate) fn new(
        config: &Config,
        kind: Kind,
        main: &Arc<Origin>,
        open: impl Fn(&SiteConfig) -> Result<Origin, EdgeError>,
    ) -> Result<Self, EdgeError> {
        let mut by_host = HashMap::new();
        let mut other = None;
        if kind == Kind::Weir || config.site.is_empty() {
            other = Some(Arc::new(Site::only(config, kind, main.clone())?));
        }
        for site in &config.site {
            let origin = Arc::new(open(site)?);
            let new = Arc::new(Site::new(site, Kind::Plain, origin, &config.pop)?);
            let twice = match site.host.as_str() {
                "*" => other.replace(new).is_some(),
                _ => by_host.insert(new.host.clone(), new).is_some(),
            };
            if twice {
                return Err(EdgeError::SiteTwice(site.host.clone()));
            }
        }
        Ok(Self { by_host, other })
    }

    /// The one before `config.origin`, or for all other hosts.
    pub(crate) fn main(&self) -> Option<&Arc<Site>> {
        self.other.as_ref()
    }

    /// Of all sites.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &Arc<Origin>> {
        let sites = self.by_host.values().chain(&self.other);
        sites.map(|site| &site.origin)
    }

    /// The one that a request is for.
    pub(crate) fn of(&self, request: &Parts) -> Option<&Arc<Site>> {
        if self.by_host.is_empty() {
            return self.other.as_ref();
        }
        let host = host(request).map(str::to_ascii_lowercase);
        let named = host.and_then(|host| self.by_host.get(host.as_str()));
        named.or(self.other.as_ref())
    }
}

/// Host and port that a request is for, as the client wrote them.
pub(crate) fn authority(request: &Parts) -> Option<&str> {
    match request.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers.get(HOST)?.to_str().ok(),
    }
}

/// Without port.
fn host(request: &Parts) -> Option<&str> {
    let text = authority(request)?;
    match text.rfind(':') {
        Some(at) if !text.ends_with(']') => Some(&text[..at]),
        _ => Some(text),
    }
}
