//! Addresses outside of the fleet, that somebody named: parsed strictly, as what one program
//! reads in them another may not.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// Longest address, bytes. Chosen: servers take 8,000 in all (RFC 9110 §4.1).
const LEN_MAX: usize = 4096;

/// Longest name of a host, and of one part of it, bytes (RFC 1035 §2.3.4).
const NAME_LEN_MAX: usize = 253;
const LABEL_LEN_MAX: usize = 63;

/// An `http` or `https` URL, without user, password and fragment. Where it leads is not known
/// yet: who calls it looks at each address of its host. Its path and query may be secret: only
/// [`WebUrl::text`] gives them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebUrl {
    tls: bool,
    host: WebHost,
    port: u16,
    path: String,
}

/// Whom a [`WebUrl`] names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebHost {
    /// In lower case, of ASCII letters, digits, `-`, `_` and `.`, and no number.
    Name(String),
    /// An address, written in the one usual way.
    Ip(IpAddr),
}

/// Why a text is no [`WebUrl`]: what to do about it. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidUrl(&'static str);

type Parsed<T> = Result<T, InvalidUrl>;

impl WebUrl {
    /// Whether it is spoken to over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whom it names.
    #[must_use]
    pub fn host(&self) -> &WebHost {
        &self.host
    }

    /// Its port, 80 or 443 where it names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its path and query, which begin with `/`.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path
    }

    /// The last part of its path: what a file is called there. Empty where it ends in `/`.
    #[must_use]
    pub fn file_name(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    /// Host and port, as in the field `Host`; without the scheme's own port.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.port {
            80 if !self.tls => self.host.to_string(),
            443 if self.tls => self.host.to_string(),
            port => format!("{}:{port}", self.host),
        }
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{self}{}", self.path)
    }

    /// What `reference`, in an answer of this URL, means (RFC 3986 §5.2).
    ///
    /// # Errors
    /// It leads to no URL of this kind.
    pub fn join(&self, reference: &str) -> Parsed<Self> {
        let reference = reference.split('#').next().unwrap_or_default();
        let scheme = reference.split([':', '/', '?']).next().unwrap_or_default();
        if !scheme.is_empty() && reference[scheme.len()..].starts_with(':') {
            return reference.parse();
        }
        let here = self.path.split('?').next().unwrap_or_default();
        let path = match reference {
            "" => self.path.clone(),
            other if other.starts_with("//") => {
                let scheme = if self.tls { "https:" } else { "http:" };
                return format!("{scheme}{other}").parse();
            }
            other if other.starts_with('/') => other.to_owned(),
            other if other.starts_with('?') => format!("{here}{other}"),
            other => {
                let folder = here.rfind('/').map_or("/", |at| &here[..=at]);
                format!("{folder}{other}")
            }
        };
        let url = format!("{self}{path}");
        url.parse()
    }
}

impl FromStr for WebUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Parsed<Self> {
        let fail = |what| Err(InvalidUrl(what));
        if text.len() > LEN_MAX {
            return fail("the URL is longer than 4,096 bytes");
        }
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return fail("the URL has a character that none may have");
        }
        let (tls, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            _ => return fail("the URL must begin with http:// or https://"),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return fail("the URL has a user or a password, which would be kept: leave it out");
        }
        let (host, port) = split_port(authority)?;
        Ok(Self {
            tls,
            host: host.parse()?,
            port: port.unwrap_or(if tls { 443 } else { 80 }),
            path: clean(path),
        })
    }
}

/// `host` or `host:port`.
fn split_port(authority: &str) -> Parsed<(&str, Option<u16>)> {
    let after = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = authority[after..].find(':') else {
        return Ok((authority, None));
    };
    let (host, port) = authority.split_at(after + colon);
    let port = &port[1..];
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port @ 1..) if is_number => Ok((host, Some(port))),
        _ => Err(InvalidUrl("the URL's port is not 1 to 65535")),
    }
}

/// Without dot segments (RFC 3986 §5.2.4), and with everything encoded that must be.
fn clean(path: &str) -> String {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    let mut parts: Vec<&str> = Vec::new();
    let mut folder = true;
    for part in path.split('/').skip(1) {
        let plain = part.replace("%2e", ".").replace("%2E", ".");
        folder = matches!(plain.as_str(), "." | "..");
        match plain.as_str() {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    let mut clean = String::from("/");
    encode(&parts.join("/"), &mut clean);
    if folder && !parts.is_empty() {
        clean.push('/');
    }
    if let Some(query) = query {
        clean.push('?');
        encode(query, &mut clean);
    }
    clean
}

/// What no URL may have (RFC 3986 §2) is encoded, as browsers do.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>^`{|}".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push_str(&format!("%{byte:02X}"));
        }
    }
}

impl FromStr for WebHost {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Parsed<Self> {
        let fail = |what| Err(InvalidUrl(what));
        if let Some(inner) = text.strip_prefix('[') {
            let address = inner.strip_suffix(']').unwrap_or_default();
            // No zone: an interface is nothing that a URL chooses.
            return match address.parse::<Ipv6Addr>() {
                Ok(address) => Ok(Self::Ip(address.into())),
                Err(_) => fail("the URL's host is no IPv6 address between its brackets"),
            };
        }
        if text.is_empty() {
            return fail("the URL names no host");
        }
        if !text.is_ascii() {
            return fail("the URL's host is not ASCII: write it as xn--…");
        }
        let name = text.to_ascii_lowercase();
        let is_label = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            (1..=LABEL_LEN_MAX).contains(&label.len())
                && label.bytes().all(plain)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if name.len() > NAME_LEN_MAX || !name.split('.').all(is_label) {
            return fail("the URL's host is no name: letters, digits and - between dots");
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        // As browsers see it (WHATWG URL, "ends in a number"): such a host is an address.
        if last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit()) {
            return match name.parse::<Ipv4Addr>() {
                Ok(address) => Ok(Self::Ip(address.into())),
                Err(_) => fail("the URL's host is a number: write it as four decimal ones"),
            };
        }
        Ok(Self::Name(name))
    }
}

impl TryFrom<String> for WebUrl {
    type Error = InvalidUrl;
    fn try_from(text: String) -> Parsed<Self> {
        text.parse()
    }
}

impl From<WebUrl> for String {
    fn from(url: WebUrl) -> Self {
        url.text()
    }
}

/// Its scheme, host and port.
impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}/…")
    }
}

impl fmt::Display for WebHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(address)) => address.fmt(f),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
#[path = "web_url/tests.rs"]
mod tests;
