use std::time::Duration;

/// Why an answer did not begin: nothing is known of what the origin would have said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// Its name has no address.
    #[error("its name can't be resolved: {0}")]
    Name(String),
    /// Nobody listens there.
    #[error("it refuses connections")]
    Refused,
    /// No connection came about in time.
    #[error("no connection came about within {0:?}")]
    Slow(Duration),
    /// No way leads there, or this host can't open a socket.
    #[error("it can't be connected to: {0}")]
    NoWay(String),
    /// It is not who it should be.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there are none"))]
    #[error("its certificate can't be trusted: {0}")]
    Certificate(String),
    /// TLS failed otherwise.
    #[error("no TLS connection came about: {0}")]
    Tls(String),
    /// The connection ended before an answer began.
    #[error("it closed the connection instead of answering: {0}")]
    Closed(String),
    /// It is kept out for a while, as are all others.
    #[error("not tried: it was just gone")]
    NotTried,
}

/// Why there is no answer, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    /// No answer began, at any origin that was tried.
    #[error("the origin can't be reached: {0}")]
    Unreachable(Fault),
    /// Nothing came back in time.
    #[error("the origin did not answer within {0:?}")]
    Silent(Duration),
    /// The body stopped coming.
    #[error("the origin sent nothing for {0:?}")]
    Stalled(Duration),
    /// The body ended before its end.
    #[error("the origin's answer was cut")]
    Cut,
    /// What came back makes no sense.
    #[error("the origin's answer can't be used: {0}")]
    BadAnswer(String),
    /// Its head is longer, or has more fields, than is read.
    #[error("the head of the origin's answer is too long")]
    HeadTooLong,
    /// The body's transfer coding makes no sense.
    #[error("the transfer coding of the origin's answer can't be read: {0}")]
    BadCoding(String),
    /// The origin does not take the join token.
    #[error("the origin refused this edge's join token")]
    JoinRefused,
    /// Another version of the object than that whose blocks are stored.
    #[error("the object changed at the origin")]
    Changed,
    /// Too many fetches run, or too many wait for this one.
    #[error("too many requests wait for the origin")]
    Overloaded,
    /// The client's body is longer than what is passed on.
    #[error("the request's body is longer than what is passed on")]
    RequestTooLong,
    /// The client's body comes too slowly.
    #[error("the request's body comes too slowly")]
    RequestTooSlow,
    /// The client's body ended before its end.
    #[error("the request's body was cut")]
    RequestCut,
    /// The reader fell too far behind.
    #[error("the client reads too slowly")]
    TooSlow,
    /// The client's key was taken back while it was answered.
    #[error("the key was revoked")]
    Revoked,
    /// This process ends.
    #[error("this edge shuts down")]
    Stopped,
}

impl Fault {
    fn proxy_error(&self) -> &'static str {
        match self {
            Self::Name(_) => "dns_error",
            Self::Refused => "connection_refused",
            Self::Slow(_) => "connection_timeout",
            Self::NoWay(_) => "destination_ip_unroutable",
            Self::Certificate(_) => "tls_certificate_error",
            Self::Tls(_) => "tls_protocol_error",
            Self::Closed(_) => "connection_terminated",
            Self::NotTried => "destination_unavailable",
        }
    }
}

impl FetchError {
    /// The error type that `Proxy-Status` gives it (RFC 9209 §2.3).
    pub(crate) fn proxy_error(&self) -> &'static str {
        match self {
            Self::Unreachable(fault) => fault.proxy_error(),
            Self::Silent(_) => "http_response_timeout",
            Self::Stalled(_) => "connection_read_timeout",
            Self::Cut | Self::Changed => "http_response_incomplete",
            Self::BadAnswer(_) => "http_protocol_error",
            Self::HeadTooLong => "http_response_header_section_size",
            Self::BadCoding(_) => "http_response_transfer_coding",
            Self::JoinRefused => "proxy_configuration_error",
            Self::Overloaded => "connection_limit_reached",
            Self::RequestTooLong | Self::RequestTooSlow | Self::RequestCut => "http_request_error",
            Self::TooSlow | Self::Stopped | Self::Revoked => "proxy_internal_error",
        }
    }
}
