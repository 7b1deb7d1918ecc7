//! Which fields of a client's request go up (RFC 9110 §7.6.1).

use std::collections::HashSet;

use http::{
    HeaderMap, HeaderName,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, IF_MATCH, IF_MODIFIED_SINCE,
        IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, PROXY_AUTHORIZATION, RANGE, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE,
    },
};

use crate::{
    EdgeError,
    config::{Profile, SiteConfig},
    path::Kind,
};

/// For one connection only, or written here.
const OURS: [HeaderName; 11] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HOST,
    CONTENT_LENGTH,
    EXPECT,
];
/// Which part or state of an object a client wants: of GET and HEAD, judged here.
const CONDITIONS: [HeaderName; 6] = [
    RANGE,
    IF_RANGE,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
];
/// What an origin might believe of the client, its address, the URL or the method, though
/// anyone can write it.
const FORGED: [&str; 25] = [
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-host",
    "x-backend-host",
    "x-proxy-url",
    "x-originating-ip",
    "x-remote-ip",
    "x-remote-addr",
    "fastly-client-ip",
    "front-end-https",
    "x-scheme",
    "x-url-scheme",
    "x-http-path-override",
    // CGI takes it for its own HTTP_PROXY.
    "proxy",
];
const FORGED_PREFIXES: [&str; 2] = ["x-forwarded-", "weir-"];

/// Which fields go up.
#[derive(Debug)]
pub(crate) enum Passed {
    Only(HashSet<HeaderName>),
    /// All that may pass a proxy.
    All,
}

impl Passed {
    pub(crate) fn new(config: &SiteConfig, kind: Kind) -> Result<Self, EdgeError> {
        if config.profile == Profile::Passthrough && kind == Kind::Plain {
            return Ok(Self::All);
        }
        let name = |text: &String| {
            let name: Option<HeaderName> = text.parse().ok();
            name.filter(may_pass).ok_or_else(|| EdgeError::Pass {
                host: config.host.clone(),
                field: text.clone(),
            })
        };
        Ok(Self::Only(
            config.pass.iter().map(name).collect::<Result<_, _>>()?,
        ))
    }

    /// Nothing ever does.
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::Only(names) if names.is_empty())
    }

    /// All do, and all methods.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Those of a request, conditions and credentials apart.
    pub(crate) fn of(&self, request: &HeaderMap) -> HeaderMap {
        if self.is_none() {
            return HeaderMap::new();
        }
        let named = crate::head::named_by_connection(request);
        let goes = |name: &HeaderName| {
            let passed = match self {
                Self::Only(names) => names.contains(name),
                Self::All => may_pass(name),
            };
            passed
                && !named
                    .iter()
                    .any(|other| other.eq_ignore_ascii_case(name.as_str()))
        };
        let kept = request.iter().filter(|(name, _)| goes(name));
        kept.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// The conditions of a request that may change something: its origin judges them.
pub(crate) fn conditions(request: &HeaderMap) -> HeaderMap {
    let kept = request.iter().filter(|(name, _)| CONDITIONS.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn may_pass(name: &HeaderName) -> bool {
    // CGI and its kin read `_` and `-` alike: what ends here must not come by the other name.
    if name.as_str().contains('_') {
        let other = HeaderName::try_from(name.as_str().replace('_', "-"));
        return other.is_ok_and(|other| may_pass(&other));
    }
    let text = name.as_str();
    !OURS.contains(name)
        && !CONDITIONS.contains(name)
        && *name != AUTHORIZATION
        && !FORGED.contains(&text)
        && !FORGED_PREFIXES
            .iter()
            .any(|prefix| text.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> HeaderMap {
        let parse = |(name, value): &(&str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        fields.iter().map(parse).collect()
    }

    fn passed(config: &SiteConfig, request: &[(&str, &str)]) -> Vec<String> {
        let passed = Passed::new(config, Kind::Plain).unwrap();
        let sent = passed.of(&fields(request));
        let mut names: Vec<_> = sent.keys().map(ToString::to_string).collect();
        names.sort();
        names
    }

    const REQUEST: [(&str, &str); 20] = [
        ("accept", "*/*"),
        ("cookie", "a=b"),
        ("connection", "X-Hop, close"),
        ("x-hop", "1"),
        ("keep-alive", "5"),
        ("te", "trailers"),
        ("host", "h"),
        ("expect", "100-continue"),
        ("range", "bytes=0-1"),
        ("if-none-match", "*"),
        ("authorization", "Basic x"),
        ("forwarded", "for=1"),
        ("x-forwarded-for", "1"),
        ("x-http-method-override", "DELETE"),
        ("weir-log", "1.2"),
        ("x_forwarded_host", "1"),
        ("content_length", "1"),
        ("x_own", "1"),
        ("proxy", "1"),
        ("x-own", "1"),
    ];

    #[test]
    fn a_cache_passes_what_its_site_names() {
        let config = SiteConfig {
            pass: vec!["X-Own".to_owned(), "accept".to_owned(), "x-hop".to_owned()],
            ..SiteConfig::default()
        };
        assert_eq!(passed(&config, &REQUEST), ["accept", "x-own"]);
        assert!(passed(&SiteConfig::default(), &REQUEST).is_empty());
    }

    #[test]
    fn passthrough_passes_what_may_pass_a_proxy() {
        let config = SiteConfig {
            profile: Profile::Passthrough,
            ..SiteConfig::default()
        };
        assert_eq!(
            passed(&config, &REQUEST),
            ["accept", "cookie", "x-own", "x_own"]
        );
    }

    #[test]
    fn a_field_that_may_not_pass_is_refused_in_the_config() {
        for field in [
            "X-Forwarded-For",
            "x_forwarded_for",
            "connection",
            "authorization",
            "a b",
        ] {
            let config = SiteConfig {
                pass: vec![field.to_owned()],
                ..SiteConfig::default()
            };
            let error = Passed::new(&config, Kind::Plain).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
