//! Webhooks: who is told what happens to assets. What they get is in the form of Standard
//! Webhooks (<https://github.com/standard-webhooks/standard-webhooks>, `v1`).

use serde::{Deserialize, Serialize};

use crate::{AssetId, ErrandState, JobId, VersionId, WebUrl, WebhookId};

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// The asset is there, and is going to be packaged.
    #[serde(rename = "asset.created")]
    Created,
    /// Viewers can start, though it is not whole.
    #[serde(rename = "asset.playable")]
    Playable,
    /// It is whole and sealed.
    #[serde(rename = "asset.ready")]
    Ready,
    /// It could not be packaged.
    #[serde(rename = "asset.failed")]
    Failed,
    /// It was taken away.
    #[serde(rename = "asset.deleted")]
    Deleted,
    /// Somebody asked whether a webhook works. Every webhook gets its own.
    #[serde(rename = "webhook.test")]
    Test,
}

/// Body of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When, as in RFC 3339.
    pub timestamp: String,
    /// To what.
    pub data: EventData,
}

/// What an event is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EventData {
    /// Grows with each event of the origin: who gets them out of order can tell.
    pub number: i64,
    /// The asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<AssetId>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The version that it happened to, if to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionId>,
    /// Why it failed, in words for the uploader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// `POST /api/webhooks`, with the admin token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// Whom to call.
    pub url: WebUrl,
    /// Of what; of all, where empty.
    #[serde(default)]
    pub events: Vec<EventKind>,
    /// What calls are signed with: `whsec_` and base64 of 24 to 64 bytes. A fresh one where
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A webhook, without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its name.
    pub webhook: WebhookId,
    /// Whom it calls, without the query, which may be secret.
    pub url: String,
    /// Of what; of all, where empty.
    pub events: Vec<EventKind>,
    /// Why it is called no more; `None`: it is.
    pub disabled: Option<String>,
    /// Unix time since when no call was a success, milliseconds.
    pub failing_since_ms: Option<i64>,
    /// Unix time, milliseconds.
    pub created_at_ms: i64,
}

/// Answer to a [`WebhookRequest`]: the only one that has the secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewWebhook {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// What calls are signed with.
    pub secret: String,
}

/// One event on its way to one webhook: `GET /api/webhooks/<webhook>/deliveries`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its name.
    pub delivery: JobId,
    /// `webhook-id` of its calls, the same for each and for who gets the event besides.
    pub message: String,
    /// What happened.
    pub event: EventKind,
    /// The event's number.
    pub number: i64,
    /// How far it is.
    pub state: ErrandState,
    /// Calls so far.
    pub attempts: u32,
    /// Status of the last answer, if there was one.
    pub status: Option<u16>,
    /// Why the last call was no success, in words.
    pub reason: Option<String>,
    /// Unix time of the next call, milliseconds, while it waits.
    pub next_attempt_at_ms: Option<i64>,
    /// Unix time of the event, milliseconds.
    pub created_at_ms: i64,
}
