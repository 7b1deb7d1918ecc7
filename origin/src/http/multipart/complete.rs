//! The parts become one object in the bucket, and that an asset.

use axum::{body::Body, http::Response};
use serde::Deserialize;
use serde_json::json;
use store::StoreError;
use wire::UploadId;

use super::{Layout, open};
use crate::{
    OriginError,
    app::{App, Shared},
    catalogue::{Parts, UploadRow},
    http::{json, long_json_body, tus},
};

/// Longest list of parts, bytes: 10,000 of them, each with an ETag.
const LIST_MAX: usize = 2 << 20;

#[derive(Deserialize)]
struct Complete {
    parts: Vec<Told>,
}

/// A part as its sender was told of it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    part_number: i32,
    #[serde(rename = "ETag")]
    etag: String,
}

pub(super) async fn answer(
    app: &Shared,
    upload: &UploadId,
    body: Body,
) -> Result<Response<Body>, OriginError> {
    let told: Complete = long_json_body(body, LIST_MAX).await?;
    let told: Vec<_> = told
        .parts
        .into_iter()
        .map(|part| (part.part_number, part.etag))
        .collect();
    let (app, upload) = (app.clone(), upload.clone());
    // In a task of its own: a client that hangs up asks again, and finds it done.
    let done = app.tasks.spawn({
        let app = app.clone();
        async move { complete(&app, &upload, &told).await }
    });
    let row = done
        .await
        .map_err(|error| OriginError::Damaged(error.to_string()))??;
    Ok(json(&json!({
        "location": format!("/api/uploads/{}", row.id),
        "key": row.blob().as_str(),
    })))
}

/// Asked again, does what is left to do.
async fn complete(
    app: &App,
    upload: &UploadId,
    told: &[(i32, String)],
) -> Result<UploadRow, OriginError> {
    let claimed = app.busy_uploads.take_over(upload).await;
    let _busy = claimed.ok_or_else(tus::busy)?;
    let (mut row, parts, layout) = open(app, upload).await?;
    if row.asset.is_some() {
        return Ok(row);
    }
    if !is_object(app, &row, layout).await? {
        join(app, (&row, &parts), layout, told).await?;
    }
    row.received_bytes = layout.file_bytes;
    row.expires_at_ms = tus::expires_at_ms(app);
    tus::judge(app, &row).await?;
    tus::finish(app, &row, &[]).await?;
    Ok(row)
}

/// It was made one before, and nobody heard of it.
async fn is_object(app: &App, row: &UploadRow, layout: Layout) -> Result<bool, OriginError> {
    match app.store.direct()?.head(&row.blob()).await {
        Ok(head) if head.len_bytes == layout.file_bytes => Ok(true),
        Ok(head) => Err(OriginError::Damaged(format!(
            "upload {} became {} bytes",
            row.id, head.len_bytes
        ))),
        Err(StoreError::Missing(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn join(
    app: &App,
    (row, parts): (&UploadRow, &Parts),
    layout: Layout,
    told: &[(i32, String)],
) -> Result<(), OriginError> {
    let (bucket, key) = (app.store.direct()?, row.blob());
    let there = bucket.parts(&key, &parts.upload).await.map_err(gone)?;
    layout.expect_whole(&there, told)?;
    match bucket.complete_parts(&key, &parts.upload, there).await {
        // Answered once before, to a request whose answer was lost.
        Err(StoreError::Missing(_)) if is_object(app, row, layout).await? => Ok(()),
        Err(error) => Err(gone(error)),
        Ok(()) if is_object(app, row, layout).await? => Ok(()),
        Ok(()) => Err(OriginError::Damaged(format!(
            "the bucket lost upload {}",
            row.id
        ))),
    }
}

/// The bucket has dropped it, as by a rule of its own.
fn gone(error: StoreError) -> OriginError {
    match error {
        StoreError::Missing(_) => {
            let detail = "the bucket has dropped what came of this upload: begin anew";
            OriginError::NotFound(detail.into())
        }
        error => error.into(),
    }
}
