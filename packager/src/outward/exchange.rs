//! One request on a connection of its own.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;
use wire::WebUrl;

use super::{OutwardError, tls::Stream};
use crate::worker::call::causes;

/// Longest head of an answer, bytes, and most of its fields. Chosen: what servers take of a
/// request.
const HEAD_LEN_MAX: usize = 32 << 10;
const FIELDS_MAX: usize = 100;

const USER_AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"));

/// What is asked.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: &'a WebUrl,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
}

/// What moves a connection's bytes; dropped, it ends.
pub(super) type Connection = AbortOnDropHandle<()>;

/// Sends a request, and waits for the head of the answer.
pub(super) async fn send(
    stream: Stream,
    ask: Ask<'_>,
) -> Result<(Response<Incoming>, Connection), OutwardError> {
    let request = request(ask)?;
    match stream {
        Stream::Plain(stream) => send_on(stream, request).await,
        #[cfg(feature = "tls")]
        Stream::Tls(stream) => send_on(stream, request).await,
    }
}

async fn send_on(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, Connection), OutwardError> {
    let broken = |error: hyper::Error| OutwardError::Broken(causes(&error));
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD_LEN_MAX).max_headers(FIELDS_MAX);
    let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let connection = tokio::spawn(async move {
        // Whoever reads the answer is told of its fault.
        let _ = connection.await;
    });
    let connection = AbortOnDropHandle::new(connection);
    let answer = sender.send_request(request).await.map_err(broken)?;
    Ok((answer, connection))
}

fn request(ask: Ask<'_>) -> Result<Request<Full<Bytes>>, OutwardError> {
    let unfit = |_| OutwardError::Broken("the URL is none that HTTP takes".to_owned());
    let mut request = Request::builder()
        .method(ask.method)
        .uri(ask.url.path_and_query())
        .body(Full::new(ask.body))
        .map_err(unfit)?;
    let headers = request.headers_mut();
    headers.extend(ask.headers.clone());
    let host = HeaderValue::try_from(ask.url.authority()).expect("a host is ASCII");
    headers.insert(header::HOST, host);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    // What was compressed is not a range of what it is of.
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    Ok(request)
}
