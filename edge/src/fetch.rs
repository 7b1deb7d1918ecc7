//! Asks the origin.

use std::{
    error::Error,
    fmt,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, VIA},
    uri::Authority,
};
use http_body_util::{BodyExt, Either, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::de::DeserializeOwned;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout, timeout_at},
};
use wire::{KeyBulletin, WarmList};

use crate::{Config, EdgeError, config::authority, path::CacheKey};

/// The body of a client's request on its way up; most have none.
pub(crate) type Upload = Either<Empty<Bytes>, Limited<Incoming>>;

/// Longest news: keys and revocations, bytes. Chosen: half a million revocations.
const NEWS_LEN_MAX: usize = 16 << 20;

/// How long no connection is tried after one failed. Chosen: what `Retry-After` tells
/// clients.
const DOWN_PAUSE: Duration = Duration::from_secs(1);

/// In whose name the origin is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Credential {
    /// Nobody's.
    Anonymous,
    /// This edge's own.
    Edge,
}

/// What to ask for.
pub(crate) struct Question<'a> {
    pub(crate) key: &'a CacheKey,
    pub(crate) credential: Credential,
    pub(crate) method: &'a Method,
    /// What goes up of the client's fields.
    pub(crate) fields: &'a HeaderMap,
    /// Fields of the stored answer, to ask whether it still holds.
    pub(crate) known: Option<&'a HeaderMap>,
}

/// Why there is no answer, or no more of it.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum FetchError {
    /// Nothing came back; twice.
    #[error("the origin can't be reached: {0}")]
    Unreachable(String),
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
    /// The origin does not take the join token.
    #[error("the origin refused this edge's join token")]
    JoinRefused,
    /// Too many fetches run, or too many wait for this one.
    #[error("too many requests wait for the origin")]
    Overloaded,
    /// The client's body is longer than what is passed on.
    #[error("the request's body is longer than what is passed on")]
    RequestTooLong,
    /// The reader fell too far behind.
    #[error("the client reads too slowly")]
    TooSlow,
    /// This process ends.
    #[error("this edge shuts down")]
    Stopped,
}

impl FetchError {
    /// The error type that `Proxy-Status` gives it (RFC 9209 §2.3).
    pub(crate) fn proxy_error(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "destination_unavailable",
            Self::Silent(_) => "http_response_timeout",
            Self::Stalled(_) => "connection_read_timeout",
            Self::Cut => "http_response_incomplete",
            Self::BadAnswer(_) => "http_protocol_error",
            Self::JoinRefused => "proxy_configuration_error",
            Self::Overloaded => "connection_limit_reached",
            Self::RequestTooLong => "http_request_error",
            Self::TooSlow | Self::Stopped => "proxy_internal_error",
        }
    }
}

/// RFC 8586.
pub(crate) const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// What this edge calls itself.
#[derive(Debug)]
pub(crate) struct Names {
    /// `1.1 weir-<pop>` (RFC 9110 §7.6.3).
    pub(crate) via: HeaderValue,
    /// `weir-<pop>;id=<of this process>` (RFC 8586 §2).
    pub(crate) cdn_loop: HeaderValue,
}

impl Names {
    pub(crate) fn new(pop: &str) -> Result<Self, EdgeError> {
        use std::hash::{BuildHasher, RandomState};
        let field =
            |text: String| HeaderValue::try_from(text).map_err(|_| EdgeError::Pop(pop.to_owned()));
        let id = RandomState::new().hash_one(pop);
        Ok(Self {
            via: field(format!("1.1 weir-{pop}"))?,
            cdn_loop: field(format!("weir-{pop};id={id:x}"))?,
        })
    }

    /// A request that passed here before, or too many like this edge.
    pub(crate) fn loops(&self, request: &HeaderMap) -> bool {
        let fields = request.get_all(CDN_LOOP).iter();
        let mut hops = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
        let mut count = 0;
        hops.any(|hop| {
            count += 1;
            hop.trim_ascii() == self.cdn_loop.as_bytes() || count > HOPS_MAX
        })
    }
}

/// Most CDN hops of a request. Chosen: tiers are three.
const HOPS_MAX: usize = 16;

/// The upstream.
pub(crate) struct Origin {
    client: Client<HttpConnector, Upload>,
    authority: Authority,
    via: HeaderValue,
    cdn_loop: HeaderValue,
    join: Option<HeaderValue>,
    /// Set when no connection could be made: until then none is tried.
    down_until: Mutex<Option<Instant>>,
    slots: Semaphore,
    slot_wait: Duration,
    first_byte: Duration,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

impl Origin {
    pub(crate) fn new(
        config: &Config,
        join: Option<&str>,
        names: &Names,
    ) -> Result<Self, EdgeError> {
        let join = join.map(|token| bearer(token.trim())).transpose()?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(config.connect_timeout));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(config.pool_idle_timeout)
            .pool_max_idle_per_host(config.pool_idle_max)
            .build(connector);
        Ok(Self {
            client,
            authority: authority(&config.origin)?,
            via: names.via.clone(),
            cdn_loop: names.cdn_loop.clone(),
            join,
            down_until: Mutex::new(None),
            slots: Semaphore::new(config.fetches_max),
            slot_wait: config.fetch_wait,
            first_byte: config.first_byte_timeout,
        })
    }

    /// Waits for the right to fetch; held until the body's end.
    pub(crate) async fn slot(&self) -> Result<SemaphorePermit<'_>, FetchError> {
        match timeout(self.slot_wait, self.slots.acquire()).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(FetchError::Overloaded),
        }
    }

    /// Asks, and once more if the connection failed before an answer began.
    pub(crate) async fn get(
        &self,
        question: &Question<'_>,
    ) -> Result<Response<Incoming>, FetchError> {
        self.check_up()?;
        let deadline = Instant::now() + self.first_byte;
        let mut again = true;
        loop {
            let request = self.question(question, Either::Left(Empty::new()))?;
            match timeout_at(deadline, self.client.request(request)).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) if again && is_connection(&error) => again = false,
                Ok(Err(error)) => {
                    if error.is_connect() {
                        *self.down_until() = Some(Instant::now() + DOWN_PAUSE);
                    }
                    return Err(failed(&error));
                }
                Err(_) => return Err(FetchError::Silent(self.first_byte)),
            }
        }
    }

    /// Sends what may not be sent twice, with its body. The deadline begins when all of it
    /// was sent, or is `most` from now on.
    pub(crate) async fn send(
        &self,
        question: &Question<'_>,
        upload: Upload,
        most: Duration,
    ) -> Result<Response<Incoming>, FetchError> {
        self.check_up()?;
        let request = self.question(question, upload)?;
        match timeout(most, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if is_too_long(&error) => Err(FetchError::RequestTooLong),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(FetchError::Silent(most)),
        }
    }

    /// Refuses while no connection can be made, so that an origin that comes up again
    /// is not met by all who wait for it, and nobody waits for one that is gone.
    fn check_up(&self) -> Result<(), FetchError> {
        let until = *self.down_until();
        match until.filter(|until| Instant::now() < *until) {
            Some(_) => Err(FetchError::Unreachable(
                "not tried: it was just gone".to_owned(),
            )),
            None => Ok(()),
        }
    }

    fn down_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.down_until.lock().expect("no holder panics")
    }

    /// The keys and revocations after a revision; `None` if there are none within `wait`.
    pub(crate) async fn bulletin(
        &self,
        after: u64,
        wait: Duration,
    ) -> Result<Option<KeyBulletin>, FetchError> {
        let path = format!("/api/keys?after={after}&wait={}", wait.as_secs());
        self.news(&path, wait).await
    }

    /// What was published after an offset; `None` if nothing was within `wait`.
    pub(crate) async fn warm_list(
        &self,
        after: Option<u64>,
        wait: Duration,
        edge: &str,
    ) -> Result<Option<WarmList>, FetchError> {
        let after = after.map_or_else(String::new, |after| format!("&after={after}"));
        let path = format!("/api/warm?edge={edge}{after}&wait={}", wait.as_secs());
        self.news(&path, wait).await
    }

    /// The answer to a question that the origin may hold for `wait`; `None` if it has none.
    async fn news<T: DeserializeOwned>(
        &self,
        path: &str,
        wait: Duration,
    ) -> Result<Option<T>, FetchError> {
        let mut request = self.request(path, Either::Left(Empty::new()))?;
        self.put_join(request.headers_mut());
        let whole = wait + self.first_byte;
        timeout(whole, self.read_news(request))
            .await
            .map_err(|_| FetchError::Silent(whole))?
    }

    async fn read_news<T: DeserializeOwned>(
        &self,
        request: Request<Upload>,
    ) -> Result<Option<T>, FetchError> {
        let sent = self.client.request(request).await;
        let response = sent.map_err(|error| failed(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NO_CONTENT => return Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(FetchError::JoinRefused);
            }
            other => return Err(FetchError::BadAnswer(format!("status {other}"))),
        }
        let bad = |error: String| FetchError::BadAnswer(error);
        let body = Limited::new(response.into_body(), NEWS_LEN_MAX);
        let body = body
            .collect()
            .await
            .map_err(|error| bad(error.to_string()))?;
        let news = serde_json::from_slice(&body.to_bytes());
        news.map(Some).map_err(|error| bad(error.to_string()))
    }

    fn question(
        &self,
        question: &Question<'_>,
        upload: Upload,
    ) -> Result<Request<Upload>, FetchError> {
        let mut request = self.request(question.key.path_and_query(), upload)?;
        request.method_mut().clone_from(question.method);
        let headers = request.headers_mut();
        for (name, value) in question.fields {
            if *name == VIA || *name == CDN_LOOP {
                put_before(headers, name, value);
            } else {
                headers.append(name, value.clone());
            }
        }
        if question.credential == Credential::Edge {
            self.put_join(headers);
        }
        // RFC 9111 §4.3.1.
        for (stored, condition) in [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)] {
            if let Some(value) = question.known.and_then(|known| known.get(stored)) {
                headers.insert(condition, value.clone());
            }
        }
        Ok(request)
    }

    /// With nothing of a client's request but its path and query.
    fn request(&self, path: &str, upload: Upload) -> Result<Request<Upload>, FetchError> {
        let uri = format!("http://{}{path}", self.authority);
        let request = Request::get(uri).body(upload);
        let mut request = request.map_err(|error| FetchError::BadAnswer(error.to_string()))?;
        let headers = request.headers_mut();
        headers.insert(VIA, self.via.clone());
        headers.insert(CDN_LOOP, self.cdn_loop.clone());
        Ok(request)
    }

    fn put_join(&self, headers: &mut HeaderMap) {
        if let Some(join) = &self.join {
            headers.insert(AUTHORIZATION, join.clone());
        }
    }
}

/// Puts what others on the way here said before what we say.
fn put_before(headers: &mut HeaderMap, name: &HeaderName, theirs: &HeaderValue) {
    let ours = headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
    let both = [theirs.as_bytes(), b", ", ours].concat();
    if let Ok(both) = HeaderValue::from_bytes(&both) {
        headers.insert(name, both);
    }
}

fn bearer(token: &str) -> Result<HeaderValue, EdgeError> {
    let visible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let field = HeaderValue::try_from(format!("Bearer {token}"));
    let mut field = field.ok().filter(|_| visible).ok_or(EdgeError::JoinToken)?;
    field.set_sensitive(true);
    Ok(field)
}

/// The client's body went over its limit on the way up.
fn is_too_long(error: &legacy::Error) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.is::<LengthLimitError>() {
            return true;
        }
        source = inner.source();
    }
    false
}

/// The connection failed, not what was said on it: a GET may be sent again.
fn is_connection(error: &legacy::Error) -> bool {
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<hyper::Error>());
    error.is_connect()
        || source.is_some_and(|hyper| {
            hyper.is_canceled()
                || hyper.is_closed()
                || hyper.is_incomplete_message()
                || hyper
                    .source()
                    .is_some_and(|inner| inner.is::<std::io::Error>())
        })
}

fn failed(error: &legacy::Error) -> FetchError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    let parsed = error
        .source()
        .and_then(|source| source.downcast_ref::<hyper::Error>());
    if parsed.is_some_and(hyper::Error::is_parse) {
        FetchError::BadAnswer(text)
    } else {
        FetchError::Unreachable(text)
    }
}
