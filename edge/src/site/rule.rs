//! What holds for some paths of a site.

use std::{fmt, time::Duration};

use http::StatusCode;

use crate::{
    EdgeError,
    config::{All, QueryRule, RuleConfig},
    path::{Query, canonical},
};

/// Longest lifetime: greater ones mean no more (RFC 9111 §1.2.2).
const TTL_MAX: Duration = Duration::from_secs(1 << 31);

/// Times of answers, by path and status.
pub(super) struct Rule {
    pub(super) path: Pattern,
    pub(super) query: Option<Query>,
    ttl: Vec<(StatusClass, Duration)>,
}

/// A path, with one `*` at most, which stands for any number of characters.
pub(super) struct Pattern {
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

impl Rule {
    pub(super) fn new(host: &str, config: &RuleConfig) -> Result<Self, EdgeError> {
        let bad = |why| EdgeError::Rule {
            host: host.to_owned(),
            path: config.path.clone(),
            why,
        };
        let classes = config.ttl.iter().map(|(status, ttl)| {
            let class = StatusClass::parse(status)
                .ok_or_else(|| bad("a status is three digits, \"4xx\" or \"*\""))?;
            match ttl.0 <= TTL_MAX {
                true => Ok((class, ttl.0)),
                false => Err(bad("a ttl is at most 68 years")),
            }
        });
        let mut ttl = classes.collect::<Result<Vec<_>, EdgeError>>()?;
        // The nearest comes first.
        ttl.sort_by_key(|(class, _)| match class {
            StatusClass::One(_) => 0,
            StatusClass::Hundred(_) => 1,
            StatusClass::Any => 2,
        });
        Ok(Self {
            path: Pattern::parse(&config.path).map_err(bad)?,
            query: config.query.as_ref().map(query),
            ttl,
        })
    }

    pub(super) fn ttl(&self, status: StatusCode) -> Option<Duration> {
        let of = |(class, ttl): &(StatusClass, Duration)| class.holds(status).then_some(*ttl);
        self.ttl.iter().find_map(of)
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (start, end) = match text.split_once('*') {
            None => (text, None),
            Some((start, end)) => (start, Some(end)),
        };
        let begins = start.starts_with('/') || (start.is_empty() && end.is_some());
        if !begins || end.is_some_and(|end| end.contains('*')) {
            return Err("it must begin with \"/\" or \"*\" and have one \"*\" at most");
        }
        // What a path is never spelt like would never match.
        let path = format!("{}{text}", if start.is_empty() { "/" } else { "" });
        if canonical(&path).as_deref() != Ok(path.as_str()) {
            return Err(
                "no path is spelt so: escapes are capitals, and none stands for a letter, digit, \
                 \"-\", \".\", \"_\" or \"~\"",
            );
        }
        Ok(Self {
            start: start.into(),
            end: end.map(Into::into),
        })
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(&*self.start) else {
            return false;
        };
        match &self.end {
            None => rest.is_empty(),
            Some(end) => rest.ends_with(&**end),
        }
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
            let ttl = humantime::format_duration(*ttl);
            write!(f, "{comma} ttl {class} {ttl}")?;
            comma = ",";
        }
        Ok(())
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

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.start)?;
        match &self.end {
            None => Ok(()),
            Some(end) => write!(f, "*{end}"),
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

pub(super) fn query(rule: &QueryRule) -> Query {
    match rule {
        QueryRule::All(All::Keep) => Query::Keep,
        QueryRule::All(All::Drop) => Query::Drop,
        QueryRule::Only(names) => Query::Only(names.clone().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Ttl;

    #[test]
    fn a_ttl_that_no_clock_reaches_is_refused() {
        let of = |ttl| {
            let ttl = [("200".to_owned(), Ttl(ttl))].into();
            let path = "/*".to_owned();
            let query = None;
            Rule::new("*", &RuleConfig { path, ttl, query }).map(|_| ())
        };
        assert!(of(TTL_MAX).is_ok());
        let refused = of(Duration::MAX).unwrap_err().to_string();
        assert!(refused.contains("68 years"), "{refused}");
    }
}
