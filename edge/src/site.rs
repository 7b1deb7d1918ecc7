//! A web site that this edge stands before.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use http::{StatusCode, header::HOST, request::Parts};

use crate::{
    Config, EdgeError,
    config::{All, Profile, QueryRule, RuleConfig, SiteConfig},
    forward::Passed,
    freshness::Terms,
    metrics::Requests,
    path::{Kind, Query, Reading},
    upstream::Origin,
};

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

/// Times of answers, by path and status.
struct Rule {
    path: Pattern,
    query: Option<Query>,
    ttl: Vec<(StatusClass, Duration)>,
}

/// A path, with one `*` at most, which stands for any number of characters.
struct Pattern {
    start: Box<str>,
    /// After the `*`; none without one.
    end: Option<Box<str>>,
}

/// `404`, `4xx`, or `*` for any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatusClass {
    Any,
    Hundred(u16),
    One(u16),
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

    /// How the path of a request is read.
    pub(crate) fn reading<'a>(&'a self, path: &'a str) -> Reading<'a> {
        let rule = self.rules(path).find_map(|rule| rule.query.as_ref());
        Reading {
            kind: self.kind,
            host: &self.host,
            query: rule.unwrap_or(&self.query),
        }
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

    /// The rules for a path, as an operator reads them; `None` if there is none.
    pub(crate) fn told_rules(&self, path: &str) -> Option<String> {
        let rules: Vec<_> = self.rules(path).map(ToString::to_string).collect();
        (!rules.is_empty()).then(|| rules.join("; "))
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

impl Rule {
    fn new(host: &str, config: &RuleConfig) -> Result<Self, EdgeError> {
        let bad = |why| EdgeError::Rule {
            host: host.to_owned(),
            path: config.path.clone(),
            why,
        };
        let classes = config.ttl.iter().map(|(status, ttl)| {
            let class = StatusClass::parse(status)
                .ok_or_else(|| bad("a status is three digits, \"4xx\" or \"*\""))?;
            Ok((class, ttl.0))
        });
        let mut ttl = classes.collect::<Result<Vec<_>, EdgeError>>()?;
        // The nearest comes first.
        ttl.sort_by_key(|(class, _)| match class {
            StatusClass::One(_) => 0,
            StatusClass::Hundred(_) => 1,
            StatusClass::Any => 2,
        });
        Ok(Self {
            path: Pattern::parse(&config.path).ok_or_else(|| {
                bad("it must begin with \"/\" or \"*\" and have one \"*\" at most")
            })?,
            query: config.query.as_ref().map(query),
            ttl,
        })
    }

    fn ttl(&self, status: StatusCode) -> Option<Duration> {
        let of = |(class, ttl): &(StatusClass, Duration)| class.holds(status).then_some(*ttl);
        self.ttl.iter().find_map(of)
    }
}

/// Its path, and what it says.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)?;
        let mut comma = ":";
        if let Some(query) = &self.query {
            write!(f, "{comma} query ")?;
            match query {
                Query::Keep => f.write_str("keep")?,
                Query::Drop => f.write_str("drop")?,
                Query::Only(names) => f.write_str(&names.join("+"))?,
            }
            comma = ",";
        }
        for (class, ttl) in &self.ttl {
            write!(
                f,
                "{comma} ttl {class} {}",
                humantime::format_duration(*ttl)
            )?;
            comma = ",";
        }
        Ok(())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.start)?;
        match &self.end {
            None => Ok(()),
            Some(end) => write!(f, "*{end}"),
        }
    }
}

impl fmt::Display for StatusClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Hundred(class) => write!(f, "{class}xx"),
            Self::One(status) => write!(f, "{status}"),
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (start, end) = match text.split_once('*') {
            None => (text, None),
            Some((start, end)) => (start, Some(end)),
        };
        let begins = start.starts_with('/') || (start.is_empty() && end.is_some());
        let has_one = !end.is_some_and(|end| end.contains('*'));
        (begins && has_one).then(|| Self {
            start: start.into(),
            end: end.map(Into::into),
        })
    }

    fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(&*self.start) else {
            return false;
        };
        match &self.end {
            None => rest.is_empty(),
            Some(end) => rest.ends_with(&**end),
        }
    }
}

impl StatusClass {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let digit = text.chars().next().and_then(|first| first.to_digit(10))?;
        let class = u16::try_from(digit)
            .ok()
            .filter(|it| (1..=5).contains(it))?;
        if text.get(1..) == Some("xx") {
            return Some(Self::Hundred(class));
        }
        let status = text.parse().ok().filter(|_| text.len() == 3)?;
        Some(Self::One(status))
    }

    fn holds(self, status: StatusCode) -> bool {
        match self {
            Self::Any => true,
            Self::Hundred(class) => status.as_u16() / 100 == class,
            Self::One(one) => status.as_u16() == one,
        }
    }
}

fn query(rule: &QueryRule) -> Query {
    match rule {
        QueryRule::All(All::Keep) => Query::Keep,
        QueryRule::All(All::Drop) => Query::Drop,
        QueryRule::Only(names) => Query::Only(names.clone().into()),
    }
}

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

    /// Of all sites, each with its origins.
    pub(crate) fn names(&self) -> String {
        let sites = self.by_host.values().chain(&self.other);
        let names = sites.map(|site| format!("{site}: {}", site.origin));
        names.collect::<Vec<_>>().join("; ")
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
