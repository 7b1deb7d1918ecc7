//! The origin's API for errands, from the caller's side (see `wire::errand`).

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use wire::{
    Errand, ErrandDone, ErrandFailure, ErrandKind, ErrandNews, ErrandRequest, FetchSource,
    FetchedSoFar, HeartbeatAck,
};

use crate::{
    PackagerError,
    worker::{
        api::{Api, Bearer},
        call::{Call, Fault, parse},
    },
};

/// Asks for an errand once; `None` when there is none.
pub(super) async fn lease(
    api: &Api,
    join: &Bearer,
    (worker, kind, wait): (&str, ErrandKind, Duration),
) -> Result<Option<Errand>, PackagerError> {
    let wait_secs = u32::try_from(wait.as_secs()).unwrap_or(60).min(60);
    let ask = ErrandRequest {
        worker: worker.to_owned(),
        wait_secs,
        kinds: vec![kind],
    };
    let call = Call::json(Method::POST, "/api/errands/lease".to_owned(), &ask);
    let limit = api.answer_timeout + Duration::from_secs(wait_secs.into());
    match api.once(join, &call, limit).await {
        Ok(answer) if answer.is_empty() => Ok(None),
        Ok(answer) => parse(&call, &answer).map(Some),
        Err(Fault::Refused { status, .. })
            if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =>
        {
            Err(PackagerError::JoinRefused { status })
        }
        Err(fault) => Err(fault.ended(&call, Duration::ZERO)),
    }
}

/// One leased errand at the origin.
pub(super) struct Lent {
    api: Api,
    path: String,
    key: Bearer,
}

impl Lent {
    pub(super) fn new(api: &Api, errand: &Errand) -> Result<Self, PackagerError> {
        Ok(Self {
            api: api.clone(),
            path: format!("/api/errands/{}", errand.errand),
            key: Bearer::new(&errand.key)?,
        })
    }

    /// The worker lives. True: nobody wants the errand any more.
    pub(super) async fn lives(&self, limit: Duration) -> Result<bool, PackagerError> {
        let call = Call::json(Method::POST, self.at("/heartbeat"), &ErrandNews::default());
        let answer = self.api.once(&self.key, &call, limit).await;
        let answer = answer.map_err(|fault| fault.ended(&call, limit))?;
        parse(&call, &answer).map(|ack: HeartbeatAck| ack.cancel)
    }

    /// Says what is read, before any byte of it is sent.
    pub(super) async fn reads(&self, source: &FetchSource) -> Result<(), PackagerError> {
        let news = ErrandNews {
            source: Some(source.clone()),
        };
        self.send(Call::json(Method::POST, self.at("/heartbeat"), &news))
            .await
    }

    pub(super) async fn so_far(&self) -> Result<FetchedSoFar, PackagerError> {
        let call = Call::new(Method::GET, self.at("/upload"), Bytes::new());
        let answer = self.api.patiently(&self.key, &call).await?;
        parse(&call, &answer)
    }

    /// Sends bytes that follow the first `offset`; the `length` of all, once it is known.
    pub(super) async fn append(
        &self,
        offset: u64,
        length: Option<u64>,
        bytes: Bytes,
    ) -> Result<(), PackagerError> {
        let mut call = Call::new(Method::PATCH, self.at("/upload"), bytes);
        call.fields = vec![
            ("tus-resumable", "1.0.0".to_owned()),
            ("upload-offset", offset.to_string()),
        ];
        let length = length.map(|length| ("upload-length", length.to_string()));
        call.fields.extend(length);
        self.send(call.of("application/offset+octet-stream")).await
    }

    /// What was sent is of another file.
    pub(super) async fn restart(&self) -> Result<(), PackagerError> {
        let path = self.at("/upload");
        self.send(Call::new(Method::DELETE, path, Bytes::new()))
            .await
    }

    /// The errand is done; whoever was called answered so.
    pub(super) async fn complete(&self, status: Option<u16>) -> Result<(), PackagerError> {
        let done = ErrandDone { status };
        self.send(Call::json(Method::POST, self.at("/complete"), &done))
            .await
    }

    pub(super) async fn fail(&self, failure: &ErrandFailure) -> Result<(), PackagerError> {
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
