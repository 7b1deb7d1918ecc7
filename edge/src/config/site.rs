//! `[[edge.site]]`: the web sites behind an edge.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::EdgeError;

/// What of a client's request goes up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// GET and HEAD, with the fields that the site names.
    #[default]
    Cache,
    /// All methods, and all fields that may pass a proxy. Answers keep the origin's CORS
    /// fields.
    Passthrough,
}

/// One web site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteConfig {
    /// Its host, as clients write it, without port; `*` for all that are not named.
    pub host: String,
    /// URLs of its origins, `http://host[:port]` or `https://host[:port]`.
    pub origins: Vec<String>,
    /// How they share the requests, a number for each. Default none: the first that is
    /// well gets all.
    pub origin_weights: Vec<u32>,
    /// Whether their redirects are followed here. Default false.
    pub follow_redirects: bool,
    /// Where those may lead to, `host` or `host:port`. Default none.
    pub redirect_hosts: Vec<String>,
    /// Default `cache`.
    pub profile: Profile,
    /// Lifetime of answers that state none, in percent of the time since they were last
    /// modified, at most a day; 0 stores none of them. Default 0.
    pub heuristic: u8,
    /// Stores answers with `Set-Cookie` too, if they state their lifetime (RFC 9111 §7.3);
    /// all clients then get the same cookie. Default false: such an answer is never shared.
    pub store_cookies: bool,
    /// What of the query counts in the cache key and goes up: `"keep"`, `"drop"`, or the
    /// names of parameters. Default `"keep"`.
    pub query: Option<QueryRule>,
    /// Request fields that go up, in the profile `cache`. An answer that varies by one of
    /// them is stored for each of its values.
    pub pass: Vec<String>,
    /// Rules by path; of two the first counts.
    pub rule: Vec<RuleConfig>,
}

impl Default for SiteConfig {
    fn default() -> Self {
        Self {
            host: String::new(),
            origins: Vec::new(),
            origin_weights: Vec::new(),
            follow_redirects: false,
            redirect_hosts: Vec::new(),
            profile: Profile::Cache,
            heuristic: 0,
            store_cookies: false,
            query: None,
            pass: Vec::new(),
            rule: Vec::new(),
        }
    }
}

impl SiteConfig {
    pub(super) fn validate(&self) -> Result<(), EdgeError> {
        let bad = |why| EdgeError::Site {
            host: self.host.clone(),
            why,
        };
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
        let has_port = self.host.contains(':') && !self.host.ends_with(']');
        if self.host != "*" && (self.host.is_empty() || has_port || !self.host.bytes().all(good)) {
            return Err(bad("host is not a host name without port, nor \"*\""));
        }
        if self.origins.is_empty() {
            return Err(bad("origins names none"));
        }
        if self.heuristic > 100 {
            return Err(bad("heuristic is a percentage, at most 100"));
        }
        Ok(())
    }
}

/// What holds for some paths of a site.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleConfig {
    /// A path; one `*` in it stands for any number of characters.
    pub path: String,
    /// Lifetimes by status (`"404"`, `"4xx"`, `"*"`), in place of what answers state. What
    /// may not be stored still is not.
    pub ttl: BTreeMap<String, Ttl>,
    /// As for the site.
    pub query: Option<QueryRule>,
}

/// A time as in `10s`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ttl(#[serde(with = "humantime_serde")] pub Duration);

/// What of a query counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "write \"keep\", \"drop\", or a list of names as in [\"page\"]"
)]
pub enum QueryRule {
    /// All of it, or nothing.
    All(All),
    /// Parameters of these names.
    Only(Vec<String>),
}

impl Default for QueryRule {
    fn default() -> Self {
        Self::All(All::Keep)
    }
}

/// See [`QueryRule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum All {
    /// As it comes.
    Keep,
    /// None of it.
    Drop,
}
