//! One origin: asks it one question.

use std::{error::Error, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, Version,
    header::{CONNECTION, CONTENT_TYPE, HOST},
    uri::PathAndQuery,
};
use hyper::body::Incoming;
use tokio::{
    select,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use super::{
    body::{Body, Source},
    conn::{Conn, Idle},
    dial::Dial,
    error::{Fault, FetchError},
    group::Ticket,
    metrics::Counts,
    place::Place,
    sane,
    tls::Trust,
    upload::{Upload, UploadFault},
};
use crate::Config;

/// What is asked, wherever it is asked.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    pub(crate) headers: HeaderMap,
}

/// How long an answer's head is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) until: Instant,
    /// The whole of it, to tell.
    pub(crate) whole: Duration,
    /// The origin may hold the question, or its body comes slowly: it counts not as one of
    /// the requests that are answered at one time.
    pub(crate) held: bool,
}

impl Patience {
    pub(crate) fn of(whole: Duration, held: bool) -> Self {
        Self {
            until: Instant::now() + whole,
            whole,
            held,
        }
    }

    /// For one try, after which another may follow.
    pub(crate) fn half(self) -> Self {
        let now = Instant::now();
        let left = self.until.saturating_duration_since(now);
        Self {
            until: now + left / 2,
            ..self
        }
    }
}

/// See the module.
pub(crate) struct Peer {
    pub(crate) place: Place,
    pub(crate) counts: Counts,
    dial: Dial,
    idle: Arc<Idle>,
    /// One for each request whose answer has not ended.
    places: Arc<Semaphore>,
    place_wait: Duration,
}

impl Peer {
    pub(crate) fn new(place: Place, config: &Config, trust: &Trust) -> Arc<Self> {
        Arc::new(Self {
            counts: Counts::new(&config.pop, &place),
            dial: Dial::new(
                &place,
                config.origin_dns_keep,
                config.connect_timeout,
                trust,
            ),
            idle: Idle::new(config.pool_idle_max, config.pool_idle_timeout),
            places: Arc::new(Semaphore::new(config.origin_requests_max)),
            place_wait: config.origin_wait,
            place,
        })
    }

    /// Asks on a connection that waits, or on a new one.
    pub(crate) async fn ask(
        &self,
        ask: &Ask,
        patience: Patience,
        ticket: Ticket,
    ) -> Result<Response<Body>, FetchError> {
        let place = self.place(patience).await?;
        let asked = timeout_at(patience.until, async {
            let (response, conn) = self.exchange(ask, &ticket).await?;
            let keep = stays_open(response.version(), response.headers());
            let source = Source {
                conn,
                keep,
                ticket,
                place,
            };
            self.take(response, source).await
        });
        asked
            .await
            .unwrap_or(Err(FetchError::Silent(patience.whole)))
    }

    /// Sends what can't be sent twice: on a new connection, as one that waited may be
    /// closing. The answer is waited for while the client is not.
    pub(crate) async fn send(
        &self,
        ask: &Ask,
        upload: Upload,
        patience: Patience,
        ticket: Ticket,
    ) -> Result<Response<Body>, FetchError> {
        let place = self.place(patience).await?;
        let turn = upload.turn();
        turn.is_the_origins();
        let sent = async {
            let mut conn = self.connect(&ticket).await?;
            let response = send(&mut conn, self.request(ask, upload)).await?;
            let source = Source {
                conn,
                // An answer may come before all of the upload was read.
                keep: false,
                ticket,
                place,
            };
            self.take(response, source).await
        };
        select! {
            sent = sent => sent,
            () = turn.origin_is_late(patience.whole) => Err(FetchError::Silent(patience.whole)),
        }
    }

    /// The right to one of its requests. That there is none says nothing of the origin, so
    /// it is waited for apart from the answer.
    async fn place(&self, patience: Patience) -> Result<Option<OwnedSemaphorePermit>, FetchError> {
        if patience.held {
            self.counts.requests.increment(1);
            return Ok(None);
        }
        let left = patience.until.saturating_duration_since(Instant::now());
        let place = self.places.clone().acquire_owned();
        match timeout(self.place_wait.min(left), place).await {
            Ok(Ok(place)) => {
                self.counts.requests.increment(1);
                Ok(Some(place))
            }
            _ => Err(FetchError::Overloaded),
        }
    }

    async fn exchange(
        &self,
        ask: &Ask,
        ticket: &Ticket,
    ) -> Result<(Response<Incoming>, Conn), FetchError> {
        let request = || self.request(ask, Upload::none());
        if ask.method.is_idempotent()
            && let Some(mut kept) = self.idle.take()
        {
            match send(&mut kept, request()).await {
                // Closed while it waited, as origins do: this says nothing of the request.
                Err(FetchError::Unreachable(Fault::Closed(_))) => {}
                sent => return Ok((sent?, kept)),
            }
        }
        let mut conn = self.connect(ticket).await?;
        Ok((send(&mut conn, request()).await?, conn))
    }

    async fn connect(&self, ticket: &Ticket) -> Result<Conn, FetchError> {
        let conn = self.dial.connect().await;
        let conn = conn.map_err(FetchError::Unreachable)?;
        ticket.connected();
        Ok(conn)
    }

    async fn take(
        &self,
        response: Response<Incoming>,
        mut source: Source,
    ) -> Result<Response<Body>, FetchError> {
        let (parts, inner) = response.into_parts();
        sane::check(&parts)?;
        source.place = source.place.filter(|_| !are_events(&parts.headers));
        let body = Body::new(inner, source, self.idle.clone());
        Ok(Response::from_parts(parts, body.settle().await?))
    }

    /// `Host` is the origin's, whatever the client's was.
    fn request(&self, ask: &Ask, upload: Upload) -> Request<Upload> {
        let mut request = Request::new(upload);
        request.method_mut().clone_from(&ask.method);
        *request.uri_mut() = ask.target.clone().into();
        let headers = request.headers_mut();
        headers.clone_from(&ask.headers);
        let host = HeaderValue::from_str(self.place.authority.as_str());
        headers.insert(HOST, host.expect("an authority is visible ASCII"));
        request
    }
}

async fn send(conn: &mut Conn, request: Request<Upload>) -> Result<Response<Incoming>, FetchError> {
    let sent = conn.sender.try_send_request(request).await;
    sent.map_err(|error| failed(error.error()))
}

fn stays_open(version: Version, headers: &HeaderMap) -> bool {
    let closes = |field: &HeaderValue| {
        let text = field.to_str().unwrap_or("close");
        text.split(',')
            .any(|word| word.trim().eq_ignore_ascii_case("close"))
    };
    version == Version::HTTP_11 && !headers.get_all(CONNECTION).iter().any(closes)
}

/// Server-sent events (HTML, §9.2), which go on for minutes, mostly in silence.
pub(crate) fn are_events(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

fn failed(error: &hyper::Error) -> FetchError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(fault) = inner.downcast_ref::<UploadFault>() {
            return (*fault).into();
        }
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    if error.is_user() {
        FetchError::RequestCut
    } else if error.is_parse_too_large() {
        FetchError::HeadTooLong
    } else if error.is_parse() {
        FetchError::BadAnswer(text)
    } else {
        FetchError::Unreachable(Fault::Closed(text))
    }
}
