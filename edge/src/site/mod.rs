//! A web site that this edge stands before.

mod rule;
mod sites;

use std::{fmt, sync::Arc};

use http::StatusCode;

use crate::{
    Config, EdgeError,
    config::{Profile, QueryRule, SiteConfig},
    forward::Passed,
    freshness::Terms,
    metrics::Requests,
    path::{Kind, Query, Reading, Refused, Target, canonical},
    upstream::Origin,
};
use rule::{Rule, query};
pub(crate) use sites::{Sites, authority};

/// See the module.
pub(crate) struct Site {
    /// As in `Host`, in lower case; empty where there is but one site.
    host: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) profile: Profile,
    pub(crate) origin: Arc<Origin>,
    pub(crate) requests: Requests,
    /// Which request fields go up.
    pub(crate) passed: Passed,
    query: Query,
    heuristic_percent: u8,
    stores_cookies: bool,
    rules: Box<[Rule]>,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Plain => "plain",
            Kind::Weir => "weir",
        };
        f.write_str(kind)?;
        match &*self.host {
            "" => Ok(()),
            host => write!(f, " {host}"),
        }
    }
}

impl Site {
    /// The one before `config.origin`.
    pub(crate) fn only(
        config: &Config,
        kind: Kind,
        origin: Arc<Origin>,
    ) -> Result<Self, EdgeError> {
        let own = SiteConfig {
            profile: config.profile,
            heuristic: config.heuristic,
            store_cookies: config.store_cookies,
            ..SiteConfig::default()
        };
        Self::new(&own, kind, origin, &config.pop)
    }

    pub(crate) fn new(
        config: &SiteConfig,
        kind: Kind,
        origin: Arc<Origin>,
        pop: &str,
    ) -> Result<Self, EdgeError> {
        let rules = config.rule.iter().map(|rule| Rule::new(&config.host, rule));
        Ok(Self {
            requests: Requests::new(pop, &config.host),
            host: config.host.to_ascii_lowercase().into(),
            kind,
            profile: config.profile,
            origin,
            passed: Passed::new(config, kind)?,
            query: query(config.query.as_ref().unwrap_or(&QueryRule::default())),
            heuristic_percent: config.heuristic,
            stores_cookies: config.store_cookies,
            rules: rules.collect::<Result<_, _>>()?,
        })
    }

    /// As in `Host`, in lower case; empty where there is but one site.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// What a request for this path and query is for.
    pub(crate) fn target(&self, path: &str, query: Option<&str>) -> Result<Target, Refused> {
        let path = canonical(path).map_err(Refused::Malformed)?;
        // Rules hold for a path, however it is spelt.
        let rule = self.rules(&path).find_map(|rule| rule.query.as_ref());
        let reading = Reading {
            kind: self.kind,
            host: &self.host,
            query: rule.unwrap_or(&self.query),
        };
        Target::of(&path, query, reading)
    }

    /// The rules that an answer for this path is under, as they are written.
    pub(crate) fn rule(&self, path: &str, status: StatusCode) -> Option<String> {
        let of = |rule: &Rule| rule.query.is_some() || rule.ttl(status).is_some();
        let rules: Vec<_> = self.rules(path).filter(|rule| of(rule)).collect();
        let texts: Vec<_> = rules.iter().map(|rule| rule.path.to_string()).collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }

    /// How the answer to a request for this path is judged.
    pub(crate) fn terms(&self, path: &str, status: StatusCode, authorized: bool) -> Terms {
        let ttl = self.rules(path).find_map(|rule| rule.ttl(status));
        Terms {
            heuristic_percent: self.heuristic_percent,
            date_is_age: self.kind == Kind::Plain,
            ttl,
            authorized: authorized && self.kind == Kind::Plain,
            stores_cookies: self.stores_cookies && self.kind == Kind::Plain,
        }
    }

    fn rules<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.path.matches(path))
    }

    /// Answers get our CORS fields, and preflights our answer.
    pub(crate) fn has_our_cors(&self) -> bool {
        self.profile == Profile::Cache
    }
}
