//! An upload made of others: tus' concatenation. Its parts are whole, are copied into it in
//! order, and are gone once it has become an asset.

use futures_util::StreamExt;
use store::StoreError;
use wire::UploadId;

use super::{busy, create, finish};
use crate::{
    OriginError,
    app::{App, Shared},
    auth::{Few, Uploader},
    busy::BusyUpload,
    by,
    catalogue::{Concat, Length, UploadRow},
};

/// Joins the parts that `row` names, in the name of `by`. Asked again, gives what came of
/// the first time: an answer may be lost.
pub(super) async fn join(
    app: &Shared,
    row: UploadRow,
    by: &Uploader,
) -> Result<UploadRow, OriginError> {
    let app = app.clone();
    let (max, few) = (by.max_bytes, by.few().cloned());
    // In a task of its own: a client that hangs up asks again, and finds it done.
    let joined = app.tasks.spawn({
        let app = app.clone();
        let by = by::here();
        async move { by::carry(join_now(&app, row, (max, few)), by).await }
    });
    joined
        .await
        .map_err(|error| OriginError::Damaged(error.to_string()))?
}

async fn join_now(
    app: &App,
    mut row: UploadRow,
    (max, few): (u64, Option<Few>),
) -> Result<UploadRow, OriginError> {
    let Some(concat @ Concat::Whole(ids)) = &row.concat else {
        return Err(OriginError::Damaged("an upload without parts".into()));
    };
    let _busy = claim(app, ids).await?;
    if let Some(done) = app.catalogue.upload_of(concat).await? {
        require_same(&done, &row)?;
        if done.asset.is_some() {
            return Ok(done);
        }
        // One that ended in the middle: its parts are there still.
        super::drop_upload(app, &done.id).await?;
    }
    let parts = whole_parts(app, ids).await?;
    for part in &parts {
        require_same(part, &row)?;
    }
    let length_bytes = parts.iter().map(|part| part.received_bytes).sum();
    if length_bytes > max {
        return Err(OriginError::TooLarge { max_bytes: max });
    }
    if length_bytes == 0 && row.adds.is_some() {
        return Err(OriginError::BadRequest("the file is empty".into()));
    }
    create::require_room(app, length_bytes)?;
    row.length = Length::Known(length_bytes);
    create::store(app, &row, few.as_ref()).await?;
    if let Err(error) = copy(app, &mut row, &parts).await {
        super::drop_upload(app, &row.id).await?;
        return Err(error);
    }
    for part in &parts {
        app.store.delete(&part.blob()).await?;
    }
    Ok(row)
}

/// One key for a few uploads began both, or none did.
fn require_same(part: &UploadRow, whole: &UploadRow) -> Result<(), OriginError> {
    if part.made_by == whole.made_by {
        return Ok(());
    }
    let detail = format!("another key began upload {}, and joins it alone", part.id);
    Err(OriginError::Forbidden(detail))
}

/// Nobody writes to the parts, or deletes them. In one order, whoever asks.
async fn claim(app: &App, parts: &[UploadId]) -> Result<Vec<BusyUpload>, OriginError> {
    let mut parts = parts.to_vec();
    parts.sort();
    let mut claimed = Vec::new();
    for part in &parts {
        claimed.push(app.busy_uploads.take_over(part).await.ok_or_else(busy)?);
    }
    Ok(claimed)
}

async fn whole_parts(app: &App, ids: &[UploadId]) -> Result<Vec<UploadRow>, OriginError> {
    let mut parts = Vec::new();
    for id in ids {
        let part = match app.catalogue.upload(id).await {
            Err(OriginError::NotFound(_)) => {
                let detail = format!("there is no upload {id} to join, or it expired");
                return Err(OriginError::BadRequest(detail));
            }
            part => part?,
        };
        let fault = match (&part.concat, part.is_whole()) {
            (Some(Concat::Part), true) => None,
            (Some(Concat::Part), false) => Some("is not whole yet: join it later"),
            _ => Some("was not begun with Upload-Concat: partial"),
        };
        if let Some(fault) = fault {
            return Err(OriginError::BadRequest(format!("upload {id} {fault}")));
        }
        parts.push(part);
    }
    Ok(parts)
}

async fn copy(app: &App, row: &mut UploadRow, parts: &[UploadRow]) -> Result<(), OriginError> {
    let mut blob = app.store.append(&row.blob(), 0).await?;
    for part in parts {
        let key = part.blob();
        let mut bytes = app.store.read(&key, 0..part.received_bytes).await?;
        while let Some(chunk) = bytes.next().await {
            let chunk = chunk.map_err(|source| StoreError::Io {
                action: "read",
                name: key.to_string(),
                source,
            })?;
            blob.write(&chunk).await?;
        }
    }
    row.received_bytes = blob.sync().await?;
    if !row.is_whole() {
        return Err(OriginError::Damaged(format!(
            "parts of {} are short",
            row.id
        )));
    }
    let ids: Vec<UploadId> = parts.iter().map(|part| part.id.clone()).collect();
    finish(app, row, &ids).await
}
