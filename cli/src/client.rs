//! A small HTTP client for the commands that ask an origin.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client as Hyper, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Serialize, de::DeserializeOwned};
use wire::Problem;

use crate::exit::{Exit, error};

/// Longest answer, bytes. Chosen: a list of a thousand assets is a fifth of it.
const ANSWER_MAX: usize = 4 << 20;

/// Longest wait for an answer.
const WAIT: Duration = Duration::from_secs(30);

/// Longest wait for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// Asks one origin.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    base: String,
    token: Option<String>,
    hyper: Hyper<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub(crate) fn new(base: &str, token: Option<String>) -> anyhow::Result<Self> {
        let base = base.trim_end_matches('/').to_owned();
        match base.parse::<Uri>() {
            Ok(uri) if uri.scheme_str() == Some("http") && uri.host().is_some() => {}
            Ok(uri) if uri.scheme_str() == Some("https") => {
                let message = format!("{base}: this weir does not speak TLS yet; use http://");
                return Err(error(Exit::Config, message));
            }
            _ => return Err(error(Exit::Config, format!("{base} is no http:// address"))),
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_WAIT));
        connector.set_nodelay(true);
        let hyper = Hyper::builder(TokioExecutor::new()).build(connector);
        Ok(Self { base, token, hyper })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The answer, whatever its status.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] when none comes.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> anyhow::Result<Response<Bytes>> {
        let request = self.request(method, path, headers, body)?;
        self.answer(async {
            let (head, body) = self.hyper.request(request).await?.into_parts();
            let body = Limited::new(body, ANSWER_MAX)
                .collect()
                .await
                .map_err(|fault| anyhow::anyhow!(fault))?;
            anyhow::Ok(Response::from_parts(head, body.to_bytes()))
        })
        .await
    }

    /// The answer, whatever its status, as soon as its head is there; its body, of any
    /// length, is read by [`frame`].
    ///
    /// # Errors
    /// [`Exit::Unreachable`] when none comes.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
    ) -> anyhow::Result<Response<Incoming>> {
        let request = self.request(method, path, &[], Bytes::new())?;
        self.answer(async { Ok(self.hyper.request(request).await?) })
            .await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        Ok(request.body(Full::new(body))?)
    }

    async fn answer<T>(&self, asked: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let unreachable = |why: String| {
            error(
                Exit::Unreachable,
                format!("{} does not answer: {why}", self.base),
            )
        };
        match tokio::time::timeout(WAIT, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(fault)) => Err(unreachable(format!("{fault:#}"))),
            Err(_) => Err(unreachable(format!("nothing for {} s", WAIT.as_secs()))),
        }
    }

    /// The JSON of a good answer.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<T> {
        let body = body
            .map(serde_json::to_vec)
            .transpose()?
            .unwrap_or_default();
        let json = [("content-type", "application/json".to_owned())];
        let answer = self.send(method, path, &json, body.into()).await?;
        Ok(serde_json::from_slice(&good(answer)?)?)
    }
}

/// The next bytes of a body; `None` at its end.
///
/// # Errors
/// [`Exit::Unreachable`] when it ends early, or nothing comes.
pub(crate) async fn frame(body: &mut Incoming) -> anyhow::Result<Option<Bytes>> {
    let cut = |why: String| error(Exit::Unreachable, format!("an answer was cut: {why}"));
    loop {
        let next = tokio::time::timeout(WAIT, body.frame()).await;
        let next = next.map_err(|_| cut(format!("nothing for {} s", WAIT.as_secs())))?;
        let Some(frame) = next else { return Ok(None) };
        let frame = frame.map_err(|fault| cut(fault.to_string()))?;
        if let Ok(bytes) = frame.into_data() {
            return Ok(Some(bytes));
        }
    }
}

/// The body of a good answer; what the origin says against it, as an error.
pub(crate) fn good(answer: Response<Bytes>) -> anyhow::Result<Bytes> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer.into_body());
    }
    let said = match serde_json::from_slice::<Problem>(answer.body()) {
        Ok(problem) => problem.detail.unwrap_or(problem.title),
        Err(_) => String::from_utf8_lossy(answer.body())
            .chars()
            .take(200)
            .collect(),
    };
    let exit = match status {
        status if status.is_client_error() => Exit::Refused,
        status if is_away(status) => Exit::Unreachable,
        _ => Exit::Failed,
    };
    Err(error(
        exit,
        format!("the origin answers {}: {said}", status.as_u16()),
    ))
}

/// The origin, or what it needs, can't be reached now.
pub(crate) fn is_away(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// `GET`s have no body.
pub(crate) const NOTHING: Option<&()> = None;
