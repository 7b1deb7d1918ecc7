//! The origin's worker API, from the caller's side (see `wire::job`).

use std::{ops::Range, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::{Instant, timeout, timeout_at};
use wire::{
    Completion, ContentKeys, Failure, Heartbeat, HeartbeatAck, Lease, LeaseRequest, PassCost, Plan,
    Problem, Progress, TaskKind, TrackId,
};

use crate::{
    Config, PackagerError,
    encode::segment::Segment,
    worker::{
        call::{Backoff, Call, Fault, causes, parse},
        origins::Origins,
    },
};

/// Longest answer that is read, bytes: a lease, whose plan may be of 4 MiB, and what first
/// passes found of 12 h in seven renditions of 6 (each of 4,320 spans is 195 bytes). Most are a
/// few KiB.
const ANSWER_LEN_MAX: usize = 12 << 20;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Slowest upload that is waited for, bytes per second.
const UPLOAD_RATE_MIN: u64 = 100_000;

type Http = Client<HttpConnector, Full<Bytes>>;

/// Who asks for which work.
pub(crate) struct Ask<'a> {
    pub(crate) worker: &'a str,
    pub(crate) toolchain: &'a str,
    pub(crate) kinds: &'a [TaskKind],
    pub(crate) wait: Duration,
}

/// The origin, or those that stand for it.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: Http,
    origins: Origins,
    pub(crate) answer_timeout: Duration,
    patience: Duration,
}

impl Api {
    pub(crate) fn new(config: &Config) -> Result<Self, PackagerError> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new()).build(connector);
        let (answer_timeout, patience) = (config.answer_timeout, config.patience);
        Ok(Self {
            http,
            origins: Origins::of(config)?,
            answer_timeout,
            patience,
        })
    }

    /// The one that is asked first.
    pub(crate) fn origin(&self) -> &str {
        self.origins.current().0
    }

    /// Asks for work once; `None` when there is none.
    pub(crate) async fn lease(
        &self,
        join: &Bearer,
        ask: &Ask<'_>,
    ) -> Result<Option<Lease>, PackagerError> {
        let wait_secs = u32::try_from(ask.wait.as_secs()).unwrap_or(60).min(60);
        let call = Call::json(
            Method::POST,
            "/api/jobs/lease".to_owned(),
            &LeaseRequest {
                worker: ask.worker.to_owned(),
                wait_secs,
                kinds: ask.kinds.to_vec(),
                toolchain: ask.toolchain.to_owned(),
            },
        );
        let limit = self.answer_timeout + Duration::from_secs(wait_secs.into());
        let answer = match self.once(join, &call, limit).await {
            Ok(answer) => answer,
            Err(Fault::Refused { status, .. })
                if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =>
            {
                return Err(PackagerError::JoinRefused { status });
            }
            Err(fault) => return Err(fault.ended(&call, Duration::ZERO)),
        };
        if answer.is_empty() {
            Ok(None)
        } else {
            parse(&call, &answer).map(Some)
        }
    }

    /// What may be asked with the key of a lease.
    pub(crate) fn job(&self, lease: &Lease) -> Result<Job, PackagerError> {
        let path = format!("/api/jobs/{}", lease.job);
        Ok(Job {
            api: self.clone(),
            path,
            key: Bearer::new(&lease.key)?,
        })
    }

    fn request(&self, base: &str, key: &Bearer, call: &Call) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{base}{}", call.path))
            .header(header::AUTHORIZATION, key.0.clone());
        for (name, value) in &call.fields {
            request = request.header(*name, value);
        }
        if let Some(media_type) = call.media_type {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        match call.range {
            None => {}
            Some((from, None)) => request = request.header(header::RANGE, format!("bytes={from}-")),
            Some((from, Some(end))) => {
                let last = end.saturating_sub(1);
                request = request.header(header::RANGE, format!("bytes={from}-{last}"));
            }
        }
        request
            .body(Full::new(call.body.clone()))
            .expect("base and key were checked, and paths are of ids and numbers")
    }

    /// Sends a request and waits for the head of the answer, within `limit`. Where it fails so
    /// that another origin may answer, that is asked from now on.
    async fn head(
        &self,
        key: &Bearer,
        call: &Call,
        limit: Duration,
    ) -> Result<Response<Incoming>, Fault> {
        let (base, at) = self.origins.current();
        let head = timeout(limit, self.head_of(base, key, call)).await;
        let head =
            head.unwrap_or_else(|_| Err(Fault::Unreachable(format!("no answer within {limit:?}"))));
        if head.as_ref().is_err_and(Fault::may_pass) {
            self.origins.failed(at);
        }
        head
    }

    async fn head_of(
        &self,
        base: &str,
        key: &Bearer,
        call: &Call,
    ) -> Result<Response<Incoming>, Fault> {
        let response = self
            .http
            .request(self.request(base, key, call))
            .await
            .map_err(|e| Fault::Unreachable(causes(&e)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_LEN_MAX)
            .collect()
            .await;
        let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
        let problem: Option<Problem> = serde_json::from_slice(&bytes).ok();
        let kind = problem
            .map(|problem| problem.kind().to_owned())
            .unwrap_or_default();
        Err(Fault::Refused { status, kind })
    }

    /// One request, one answer, within `limit`.
    pub(crate) async fn once(
        &self,
        key: &Bearer,
        call: &Call,
        limit: Duration,
    ) -> Result<Bytes, Fault> {
        let until = Instant::now() + limit;
        let body = self.head(key, call, limit).await?.into_body();
        let len_max = call.answer_len_max().unwrap_or(ANSWER_LEN_MAX);
        let body = timeout_at(until, Limited::new(body, len_max).collect()).await;
        let body = body.map_err(|_| Fault::Unreachable(format!("no answer within {limit:?}")))?;
        body.map(|body| body.to_bytes())
            .map_err(|e| Fault::Unreachable(e.to_string()))
    }

    /// Repeats a request while the origin does not answer, as long as patience lasts.
    pub(crate) async fn patiently(
        &self,
        key: &Bearer,
        call: &Call,
    ) -> Result<Bytes, PackagerError> {
        let len = call.body.len() as u64;
        let limit = self.answer_timeout + Duration::from_secs(len / UPLOAD_RATE_MIN);
        let mut backoff = Backoff::new(self.patience);
        loop {
            match self.once(key, call, limit).await {
                Ok(answer) => return Ok(answer),
                Err(fault) if fault.may_pass() && backoff.pause(&call.path, &fault).await => {}
                Err(fault) => return Err(fault.ended(call, backoff.waited())),
            }
        }
    }
}

/// A secret that opens something: the join token, or the key of a job.
#[derive(Clone)]
pub(crate) struct Bearer(HeaderValue);

impl Bearer {
    /// # Errors
    /// It cannot stand in a header field.
    pub(crate) fn new(key: &str) -> Result<Self, PackagerError> {
        let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| {
            PackagerError::JoinRefused {
                status: StatusCode::BAD_REQUEST,
            }
        })?;
        // So that no log shows it.
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

/// One leased job at the origin.
#[derive(Clone)]
pub(crate) struct Job {
    api: Api,
    path: String,
    key: Bearer,
}

impl Job {
    /// Tells progress once; whoever calls repeats.
    pub(crate) async fn heartbeat(
        &self,
        progress: Progress,
        limit: Duration,
    ) -> Result<HeartbeatAck, PackagerError> {
        let call = Call::json(Method::POST, self.at("/heartbeat"), &Heartbeat { progress });
        match self.api.once(&self.key, &call, limit).await {
            Ok(answer) => parse(&call, &answer),
            Err(fault) => Err(fault.ended(&call, limit)),
        }
    }

    /// Bytes of the source, all or an error.
    pub(crate) async fn source_range(&self, range: Range<u64>) -> Result<Bytes, PackagerError> {
        self.range("/source", range).await
    }

    /// Bytes of the first pass' log of this job's span of a track, all or an error.
    pub(crate) async fn pass_range(
        &self,
        track: &TrackId,
        range: Range<u64>,
    ) -> Result<Bytes, PackagerError> {
        self.range(&format!("/passes/{track}"), range).await
    }

    async fn range(&self, of: &str, range: Range<u64>) -> Result<Bytes, PackagerError> {
        let mut call = Call::new(Method::GET, self.at(of), Bytes::new());
        call.range = Some((range.start, Some(range.end)));
        let len = range.end - range.start;
        let bytes = self.api.patiently(&self.key, &call).await?;
        if bytes.len() as u64 == len {
            return Ok(bytes);
        }
        Err(PackagerError::Unreachable {
            request: format!("GET {}", call.path),
            waited: Duration::ZERO,
            reason: format!("{} bytes came instead of {len}", bytes.len()),
        })
    }

    /// This range of the source. The caller bounds the wait for its bytes.
    pub(crate) async fn source(&self, range: Range<u64>) -> Result<Incoming, PackagerError> {
        let mut call = Call::new(Method::GET, self.at("/source"), Bytes::new());
        let from = range.start;
        call.range = Some((from, Some(range.end)));
        let mut backoff = Backoff::new(self.api.patience);
        loop {
            let head = self
                .api
                .head(&self.key, &call, self.api.answer_timeout)
                .await;
            let fault = match head {
                Ok(answer) if from == 0 || answer.status() == StatusCode::PARTIAL_CONTENT => {
                    return Ok(answer.into_body());
                }
                Ok(answer) => Fault::Refused {
                    status: answer.status(),
                    kind: "range-ignored".to_owned(),
                },
                Err(fault) => fault,
            };
            if !fault.may_pass() || !backoff.pause(&call.path, &fault).await {
                return Err(fault.ended(&call, backoff.waited()));
            }
        }
    }

    pub(crate) async fn put_keys(&self, keys: &ContentKeys) -> Result<(), PackagerError> {
        self.send(Call::json(Method::PUT, self.at("/keys"), keys))
            .await
    }

    pub(crate) async fn put_plan(&self, plan: &Plan) -> Result<(), PackagerError> {
        self.send(Call::json(Method::PUT, self.at("/plan"), plan))
            .await
    }

    pub(crate) async fn put_init(&self, track: &TrackId, init: Bytes) -> Result<(), PackagerError> {
        let path = self.at(&format!("/tracks/{track}/init"));
        self.send(Call::new(Method::PUT, path, init).of("video/mp4"))
            .await
    }

    pub(crate) async fn put_segment(
        &self,
        track: &TrackId,
        segment: &Segment,
    ) -> Result<(), PackagerError> {
        let Segment {
            number,
            start,
            duration,
            iframe_len,
            bytes,
        } = segment;
        let path = format!(
            "/tracks/{track}/segments/{number}?start={start}&duration={duration}&iframe={iframe_len}"
        );
        let call = Call::new(Method::PUT, self.at(&path), bytes.clone());
        self.send(call.of("video/iso.segment")).await
    }

    /// Stores what a first pass found of this job's span of a track.
    pub(crate) async fn put_pass(
        &self,
        track: &TrackId,
        cost: &PassCost,
        log: Bytes,
    ) -> Result<(), PackagerError> {
        let PassCost {
            texture_bits,
            motion_bits,
            other_bits,
            scale,
            pictures,
            secs,
        } = cost;
        let path = format!(
            "/passes/{track}?texture_bits={texture_bits}&motion_bits={motion_bits}\
             &other_bits={other_bits}&scale={scale}&pictures={pictures}&secs={secs}"
        );
        let call = Call::new(Method::PUT, self.at(&path), log);
        self.send(call.of("application/octet-stream")).await
    }

    /// Stores a file of the version that is no track, such as `poster.jpg`.
    pub(crate) async fn put_file(
        &self,
        name: &str,
        media_type: &'static str,
        bytes: Bytes,
    ) -> Result<(), PackagerError> {
        let path = self.at(&format!("/files/{name}"));
        self.send(Call::new(Method::PUT, path, bytes).of(media_type))
            .await
    }

    pub(crate) async fn complete(&self, completion: &Completion) -> Result<(), PackagerError> {
        self.send(Call::json(Method::POST, self.at("/complete"), completion))
            .await
    }

    pub(crate) async fn fail(&self, failure: &Failure) -> Result<(), PackagerError> {
        self.send(Call::json(Method::POST, self.at("/fail"), failure))
            .await
    }

    async fn send(&self, call: Call) -> Result<(), PackagerError> {
        self.api.patiently(&self.key, &call).await.map(|_| ())
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }
}
