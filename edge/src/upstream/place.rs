use std::fmt;

use http::uri::Authority;

use crate::EdgeError;

/// Where an origin is: what its URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) tls: bool,
    /// `host` or `host:port`, as `Host` wants it.
    pub(crate) authority: Authority,
    pub(crate) port: u16,
}

impl Place {
    /// Of `http://host[:port]` or `https://host[:port]`.
    pub(crate) fn parse(url: &str) -> Result<Self, EdgeError> {
        let bad = |why| EdgeError::Origin {
            url: url.to_owned(),
            why,
        };
        let uri: http::Uri = url.parse().map_err(|_| bad("it is not a URL"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") if cfg!(feature = "tls") => true,
            Some("https") => {
                return Err(bad(
                    "this program was built without the feature tls; use http",
                ));
            }
            _ => return Err(bad("it must begin with http:// or https://")),
        };
        if uri.path() != "/" || uri.query().is_some() {
            return Err(bad("it must have no path"));
        }
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        Self::new(tls, authority).map_err(bad)
    }

    /// Of its parts.
    pub(crate) fn new(tls: bool, authority: &Authority) -> Result<Self, &'static str> {
        if authority.as_str().contains('@') {
            return Err("it must have no user name");
        }
        if authority.host().is_empty() {
            return Err("it names no host");
        }
        let default = if tls { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(default);
        let named = authority.as_str().len() > authority.host().len();
        if port == 0 || (named && authority.port_u16().is_none()) {
            return Err("its port is no number from 1 to 65535");
        }
        let host = authority.host().to_ascii_lowercase();
        let plain = if port == default {
            host
        } else {
            format!("{host}:{port}")
        };
        let authority = plain.parse().map_err(|_| "it names no host")?;
        Ok(Self {
            tls,
            authority,
            port,
        })
    }

    /// A name, or an address without brackets.
    pub(crate) fn host(&self) -> &str {
        let host = self.authority.host();
        let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        inner.unwrap_or(host)
    }
}

/// As metrics and logs name it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_port_is_not_written_and_names_have_one_form() {
        for (url, authority, port) in [
            ("http://O.example:80", "o.example", 80),
            ("http://o.example:8080/", "o.example:8080", 8080),
            ("http://[::1]:8080", "[::1]:8080", 8080),
        ] {
            let place = Place::parse(url).unwrap();
            assert_eq!((place.authority.as_str(), place.port), (authority, port));
        }
        assert_eq!(Place::parse("http://[::1]:8080").unwrap().host(), "::1");
    }

    #[cfg(feature = "tls")]
    #[test]
    fn https_has_a_port_of_its_own() {
        let place = Place::parse("https://o.example").unwrap();
        assert_eq!((place.tls, place.port), (true, 443));
        assert_eq!(place.to_string(), "https://o.example");
    }

    #[test]
    fn what_no_connection_can_be_made_to_is_refused() {
        for url in [
            "o:80",
            "ftp://o",
            "http://o/x",
            "http://a@o",
            "http://o:0",
            "http://o:99999",
            "",
        ] {
            assert!(Place::parse(url).is_err(), "{url}");
        }
    }
}
