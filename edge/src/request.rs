//! What a request's head must be before anything looks at it.
//!
//! hyper has refused what is no HTTP: a space before a colon, folded lines, control
//! characters in values, two different lengths (RFC 9112 §§5.1, 5.2, 6.3).

use http::{
    HeaderValue, Method, StatusCode, Uri, Version,
    header::{HOST, RETRY_AFTER, TRANSFER_ENCODING},
    request::Parts,
    uri::Authority,
};

use crate::{
    Config,
    config::Profile,
    outcome::Outcome,
    respond::{self, Answer},
};

/// Why a head is refused, with its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Malformed(&'static str),
    /// More fields than so many.
    TooManyFields(usize),
}

impl Fault {
    pub(crate) fn answer(self) -> Answer {
        use wire::kind::{BAD_REQUEST, TOO_LARGE};
        let (status, kind, why) = match self {
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, BAD_REQUEST, why.to_owned()),
            Self::TooManyFields(max) => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                TOO_LARGE,
                format!("the header has more than {max} fields"),
            ),
        };
        Answer::new(respond::problem(status, kind, why), Outcome::Refused)
    }
}

/// Checks a head, and says in `Host` whom it is for, in whatever form the request did.
pub(crate) fn check(config: &Config, head: &mut Parts) -> Result<(), Fault> {
    let is_http1 = head.version < Version::HTTP_2;
    // hyper counts the fields of HTTP/1 itself.
    if !is_http1 && head.headers.len() > config.header_fields_max {
        return Err(Fault::TooManyFields(config.header_fields_max));
    }
    if is_http1 && head.headers.contains_key(TRANSFER_ENCODING) {
        transfer_coding(config, head)?;
    }
    host(head)
}

/// Chunked, once, and nothing below it: hyper takes away the chunks alone, and what goes up
/// says nothing of another coding (RFC 9112 §6.1).
fn transfer_coding(config: &Config, head: &Parts) -> Result<(), Fault> {
    if !may_be_chunked(config, head) {
        return Err(Fault::Malformed(
            "Transfer-Encoding is not taken here: send Content-Length",
        ));
    }
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = codings
        .next()
        .is_some_and(|it| it.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"));
    if is_chunked && codings.next().is_none() {
        return Ok(());
    }
    Err(Fault::Malformed(
        "Transfer-Encoding is something other than chunked",
    ))
}

/// Whether a request may state its body's length by Transfer-Encoding. One that states it by
/// Content-Length as well ought to be refused (RFC 9112 §6.3), and can't be told here: hyper
/// drops the second field, and closes the connection after the answer. So only what has a
/// body by its nature may, and only where bodies go up.
fn may_be_chunked(config: &Config, head: &Parts) -> bool {
    let has_body = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
    has_body && bodies_go_up(config)
}

/// To the origin of any site.
pub(crate) fn bodies_go_up(config: &Config) -> bool {
    let sites = config.site.iter().map(|site| site.profile);
    let mut profiles = sites.chain([config.profile]);
    profiles.any(|it| it == Profile::Passthrough)
}

/// One host, of which the target's own is the true one (RFC 9112 §3.2, RFC 9113 §8.3.1).
fn host(head: &mut Parts) -> Result<(), Fault> {
    let mut fields = head.headers.get_all(HOST).iter();
    let (field, second) = (fields.next(), fields.next());
    if second.is_some() {
        return Err(Fault::Malformed("there are two Host fields"));
    }
    let authority = head.uri.authority();
    // Without a scheme it is CONNECT's own form (RFC 9112 §3.2.3).
    if let Some(authority) = authority.filter(|_| head.uri.scheme().is_some()) {
        if authority.as_str().contains('@') {
            return Err(Fault::Malformed("the target has a user name"));
        }
        let is_other = field.is_some_and(|field| field != authority.as_str());
        if head.version == Version::HTTP_2 && is_other {
            return Err(Fault::Malformed("Host is not :authority"));
        }
        if !matches!(head.uri.scheme_str(), Some("http" | "https")) {
            return Err(Fault::Malformed("the target is neither http nor https"));
        }
        let host = HeaderValue::from_str(authority.as_str());
        let host = host.map_err(|_| Fault::Malformed("the target's host is none"))?;
        head.headers.insert(HOST, host);
        return origin_form(head);
    }
    match field {
        Some(field) if is_host(field) => Ok(()),
        Some(_) => Err(Fault::Malformed("Host is no host")),
        None if head.version == Version::HTTP_10 => Ok(()),
        None => Err(Fault::Malformed("there is no Host field")),
    }
}

/// Leaves of the target what comes after its host.
fn origin_form(head: &mut Parts) -> Result<(), Fault> {
    let path = head.uri.path_and_query().cloned();
    let path = path.ok_or(Fault::Malformed("the target has no path"))?;
    head.uri = Uri::from(path);
    Ok(())
}

/// RFC 9112 §3.2 lets it be empty, where the target has no authority.
fn is_host(field: &HeaderValue) -> bool {
    let bytes = field.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:".contains(byte);
    bytes.iter().all(plain)
        || Authority::try_from(bytes).is_ok_and(|host| !host.as_str().contains('@'))
}

/// To a client that asks too often: as cheap as an answer can be.
pub(crate) fn too_many() -> Answer {
    slow_down("too many requests from this address")
}

/// To one that was refused too often for its key.
pub(crate) fn too_many_refusals() -> Answer {
    slow_down("too many requests from this address that no key opened")
}

fn slow_down(detail: &str) -> Answer {
    let mut response = respond::problem(
        StatusCode::TOO_MANY_REQUESTS,
        wire::kind::OVERLOADED,
        detail.to_owned(),
    );
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    Answer::new(response, Outcome::Overloaded)
}
