//! Starting an upload: tus' creation, with data, with a length that is told later, and of
//! parts that are uploaded besides.

use axum::{
    body::Body,
    http::{HeaderMap, Response, StatusCode},
};

use super::{
    answer, concat, expires_at_ms, finish,
    headers::{self, announced, has_body, set},
    protocol::Protocol,
    receive::{self, Piece},
};
use crate::{
    OriginError,
    app::{App, Shared},
    catalogue::{Adds, Concat, Length, UploadRow},
    checksum::Checksum,
    random,
};

/// Starts an upload of up to `max` bytes. What `adds` to an asset is not empty.
pub(in crate::http) async fn begin(
    app: &Shared,
    (headers, body): (&HeaderMap, Body),
    max: u64,
    adds: Option<Adds>,
) -> Result<Response<Body>, OriginError> {
    let (protocol, row) = match new_row(app, headers, max, adds) {
        Ok(new) => new,
        Err(error) => {
            receive::linger(app, body);
            return Err(error);
        }
    };
    let row = match &row.concat {
        Some(Concat::Whole(_)) => concat::join(app, row, max).await?,
        _ => {
            store(app, &row).await?;
            fill(app, row, (protocol, headers), body).await?
        }
    };
    let mut response = answer(StatusCode::CREATED, protocol, &row);
    let location = format!("/api/uploads/{}", row.id);
    set(response.headers_mut(), "location", &location);
    Ok(response)
}

fn new_row(
    app: &App,
    headers: &HeaderMap,
    max: u64,
    adds: Option<Adds>,
) -> Result<(Protocol, UploadRow), OriginError> {
    let protocol = Protocol::of(headers)?;
    let concat = match protocol.is_draft() {
        true => None,
        false => headers::concat(headers)?,
    };
    protocol.creation_brings(headers)?;
    let is_joined = matches!(concat, Some(Concat::Whole(_)));
    let length = match is_joined {
        // Its parts have lengths.
        true => Length::Deferred { max_bytes: max },
        false => protocol.new_length(headers, max)?,
    };
    if is_joined && (headers.contains_key("upload-length") || has_body(headers)) {
        let detail = "an upload of parts has neither Upload-Length nor a body";
        return Err(OriginError::BadRequest(detail.into()));
    }
    if length == Length::Known(0) && adds.is_some() {
        return Err(OriginError::BadRequest("the file is empty".into()));
    }
    require_room(app, length.known().unwrap_or_default())?;
    let metadata = headers::metadata(headers)?;
    let row = UploadRow {
        id: random::id().parse().expect("a random id is an id"),
        title: headers::title(&metadata, headers),
        metadata,
        length,
        received_bytes: 0,
        asset: None,
        expires_at_ms: expires_at_ms(app),
        // Parts become nothing by themselves: what they are joined to says what that is.
        adds: adds.filter(|_| concat != Some(Concat::Part)),
        version: None,
        concat,
        parts: None,
    };
    app.may_hurry(headers, row.priority()?)?;
    Ok((protocol, row))
}

/// # Errors
/// The disk has no room for so many bytes more.
pub(super) fn require_room(app: &App, more_bytes: u64) -> Result<(), OriginError> {
    let room_bytes = app.store.room_bytes()?;
    if more_bytes <= room_bytes {
        return Ok(());
    }
    let floor_bytes = app.config.disk_floor.as_u64();
    let free_bytes = room_bytes + floor_bytes;
    Err(store::StoreError::Full {
        free_bytes,
        floor_bytes,
    }
    .into())
}

/// Blob before row: a row's blob exists.
pub(super) async fn store(app: &App, row: &UploadRow) -> Result<(), OriginError> {
    app.store.append(&row.blob(), 0).await?.sync().await?;
    app.catalogue.create_upload(row).await
}

/// Takes what comes with the request. Where that fails, nobody heard of the upload, and
/// it is dropped.
async fn fill(
    app: &Shared,
    row: UploadRow,
    (protocol, headers): (Protocol, &HeaderMap),
    body: Body,
) -> Result<UploadRow, OriginError> {
    if !protocol.creation_brings(headers)? {
        if row.is_whole() && row.concat.is_none() {
            finish(app, &row, &[]).await?;
        }
        return Ok(row);
    }
    let id = row.id.clone();
    let checksum = headers::text(headers, "upload-checksum").map(Checksum::parse);
    let filled = match checksum.transpose() {
        Ok(checksum) => {
            let piece = Piece {
                busy: app
                    .busy_uploads
                    .try_claim(&id)
                    .expect("nobody knows it yet"),
                row,
                checksum,
                completes: protocol.completes(headers)?,
                announced_bytes: announced(headers),
            };
            receive::receive(app, piece, body).await
        }
        Err(error) => Err(error),
    };
    // What can't become a stream is gone already.
    if filled.is_err() && !matches!(filled, Err(OriginError::NotMedia(_))) {
        super::drop_upload(app, &id).await?;
    }
    filled
}
