//! One piece of an upload, being written: on disk before the offset says so.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, StatusCode},
};
use futures_util::StreamExt;
use store::Appender;
use tokio::time::timeout;
use wire::UploadId;

use super::{
    busy, expires_at_ms,
    headers::{announced, number, text},
    protocol::Protocol,
};
use crate::{
    OriginError,
    app::{App, Shared},
    busy::BusyUpload,
    catalogue::{Concat, Length, UploadRow},
    checksum::Checksum,
    sniff,
};

/// How much may be written before it is made safe and recorded, bytes. Chosen: what a
/// kill can cost, against one flush to disk each.
const SYNC_EVERY: u64 = 8 << 20;

/// How long, and how many bytes of it, a refused body is read and thrown away: a client that
/// still sends when its connection is closed may lose the answer. Chosen.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 << 20;

/// A piece of an upload, that may be written.
pub(super) struct Piece {
    pub(super) row: UploadRow,
    pub(super) busy: BusyUpload,
    pub(super) checksum: Option<Checksum>,
    /// Where it ends, the file ends.
    pub(super) completes: bool,
    /// Its length, where the request tells.
    pub(super) announced_bytes: Option<u64>,
}

/// The piece of a PATCH. Takes the upload over from a request that still writes to it.
pub(super) async fn piece(
    app: &App,
    upload: &UploadId,
    headers: &HeaderMap,
) -> Result<(Protocol, Piece), OriginError> {
    let protocol = Protocol::of(headers)?;
    protocol.require_piece(headers)?;
    let completes = protocol.completes(headers)?;
    let offset = number(headers, "upload-offset")?;
    let checksum = text(headers, "upload-checksum")
        .map(Checksum::parse)
        .transpose()?;
    app.catalogue.upload(upload).await?;
    let busy = app.busy_uploads.take_over(upload).await.ok_or_else(busy)?;
    let mut row = app.catalogue.upload(upload).await?;
    if let Some(Concat::Whole(_)) = row.concat {
        return Err(OriginError::Upload {
            status: StatusCode::FORBIDDEN,
            detail: "the upload is made of others: it takes no more".into(),
        });
    }
    super::expect_here(app, &row).await?;
    if offset != row.received_bytes {
        return Err(OriginError::WrongOffset {
            there_bytes: row.received_bytes,
        });
    }
    row.length = protocol.length(headers, (row.length, row.received_bytes))?;
    let piece = Piece {
        row,
        busy,
        checksum,
        completes,
        announced_bytes: announced(headers),
    };
    Ok((protocol, piece))
}

/// Writes a piece; gives the upload as it is then. In a task of its own: a client that hangs
/// up must not stop what it sent from being made safe.
pub(super) async fn receive(
    app: &Shared,
    piece: Piece,
    body: Body,
) -> Result<UploadRow, OriginError> {
    let room = piece.row.length.max_bytes() - piece.row.received_bytes;
    if piece.announced_bytes.is_some_and(|bytes| bytes > room) {
        linger(app, body);
        return Err(OriginError::TooLarge { max_bytes: room });
    }
    if piece.row.asset.is_some() {
        // Whole, and a worker reads it.
        return Ok(piece.row);
    }
    let receiving = Receiving {
        app: app.clone(),
        piece,
    };
    let received = app.tasks.spawn(receiving.run(body.into_data_stream()));
    received
        .await
        .map_err(|error| OriginError::Damaged(error.to_string()))?
}

/// Reads on for a moment what is refused.
pub(super) fn linger(app: &Shared, body: Body) {
    linger_on(app, body.into_data_stream());
}

fn linger_on(app: &Shared, mut body: BodyDataStream) {
    let shutdown = app.shutdown.clone();
    app.tasks.spawn(async move {
        let mut left = LINGER_BYTES;
        let read = async {
            while let Some(Ok(chunk)) = body.next().await {
                left = left.saturating_sub(chunk.len());
                if left == 0 {
                    break;
                }
            }
        };
        tokio::select! {
            _ = timeout(LINGER, read) => {}
            () = shutdown.cancelled() => {}
        }
    });
}

struct Receiving {
    app: Shared,
    piece: Piece,
}

impl Receiving {
    async fn run(mut self, mut body: BodyDataStream) -> Result<UploadRow, OriginError> {
        let received = self.receive(&mut body).await;
        if received.is_err() {
            linger_on(&self.app, body);
        }
        received.map(|()| self.piece.row)
    }

    /// Writes the body. Without a checksum, all that came is kept, also when it breaks
    /// off; with one, all or nothing.
    async fn receive(&mut self, body: &mut BodyDataStream) -> Result<(), OriginError> {
        let row = &self.piece.row;
        let mut blob = self
            .app
            .store
            .append(&row.blob(), row.received_bytes)
            .await?;
        let written = self.write(body, &mut blob).await;
        if let Err(OriginError::NotMedia(_)) = written {
            // Nothing is left to be recorded.
            written
        } else if let Some(checksum) = self.piece.checksum.take() {
            written?;
            checksum.check()?;
            self.complete(blob.len_bytes())?;
            self.record(&mut blob).await
        } else {
            let written = written.and_then(|()| self.complete(blob.len_bytes()));
            self.record(&mut blob).await?;
            written
        }
    }

    /// The body has ended: it tells the length, where nothing else did.
    fn complete(&mut self, there_bytes: u64) -> Result<(), OriginError> {
        let length = &mut self.piece.row.length;
        match *length {
            _ if !self.piece.completes => Ok(()),
            Length::Known(length_bytes) if length_bytes != there_bytes => {
                Err(OriginError::BadRequest(format!(
                    "Upload-Complete: ?1 came at {there_bytes}, and Upload-Length is {length_bytes}"
                )))
            }
            _ => {
                *length = Length::Known(there_bytes);
                Ok(())
            }
        }
    }

    async fn write(
        &mut self,
        body: &mut BodyDataStream,
        blob: &mut Appender,
    ) -> Result<(), OriginError> {
        let idle = self.app.config.upload_idle;
        let max_bytes = self.piece.row.length.max_bytes();
        loop {
            let next = tokio::select! {
                next = timeout(idle, body.next()) => next,
                () = self.piece.busy.wanted() => return Err(taken_over()),
                // An upload can outlast any deadline, and goes on where it stopped.
                () = self.app.shutdown.cancelled() => {
                    return Err(OriginError::Overloaded("stopping; what came is kept".into()));
                }
            };
            let Some(chunk) = next.map_err(|_| silent(idle))? else {
                return Ok(());
            };
            let chunk = chunk
                .map_err(|error| OriginError::BadRequest(format!("the body broke off: {error}")))?;
            if chunk.len() as u64 > max_bytes - blob.len_bytes() {
                return Err(OriginError::TooLarge { max_bytes });
            }
            blob.write(&chunk).await?;
            if let Some(checksum) = &mut self.piece.checksum {
                checksum.update(&chunk);
            } else if self.is_time_to_record(blob.len_bytes()) {
                self.record(blob).await?;
            }
        }
    }

    fn is_time_to_record(&self, there_bytes: u64) -> bool {
        let before = self.piece.row.received_bytes;
        let can_be_judged = before < sniff::LOOK_BYTES && there_bytes >= sniff::LOOK_BYTES;
        can_be_judged || there_bytes - before >= SYNC_EVERY
    }

    async fn record(&mut self, blob: &mut Appender) -> Result<(), OriginError> {
        let before = self.piece.row.received_bytes;
        let recorded = self.record_from(before, blob.sync().await?).await;
        if recorded.is_err() {
            // The catalogue may not know of more: what is recorded next begins there too.
            self.piece.row.received_bytes = before;
        }
        recorded
    }

    async fn record_from(&mut self, before: u64, there_bytes: u64) -> Result<(), OriginError> {
        let row = &mut self.piece.row;
        row.received_bytes = there_bytes;
        row.expires_at_ms = expires_at_ms(&self.app);
        let can_be_judged = row.received_bytes >= sniff::LOOK_BYTES || row.is_whole();
        if before < sniff::LOOK_BYTES && can_be_judged && row.concat.is_none() {
            judge(&self.app, row).await?;
        }
        if row.is_whole() && row.concat.is_none() {
            return super::finish::whole(&self.app, row, before).await;
        }
        self.app.catalogue.upload_received(row, before).await
    }
}

/// # Errors
/// It can't become a stream: the upload is gone.
pub(in crate::http) async fn judge(app: &App, row: &UploadRow) -> Result<(), OriginError> {
    let looked_at = row.received_bytes.min(sniff::LOOK_BYTES);
    let mut bytes = app.store.read(&row.blob(), 0..looked_at).await?;
    let mut start = Vec::new();
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk.map_err(|source| store::StoreError::Io {
            action: "read",
            name: row.blob().to_string(),
            source,
        })?;
        start.extend_from_slice(&chunk);
    }
    let Some(what) = sniff::refuse(&start) else {
        return Ok(());
    };
    super::drop_upload(app, &row.id).await?;
    tracing::info!(upload = %row.id, what, "upload refused");
    Err(OriginError::NotMedia(what))
}

fn taken_over() -> OriginError {
    OriginError::Upload {
        status: StatusCode::CONFLICT,
        detail: "a later request took this upload over; what came before is kept: ask its \
                 offset before you go on"
            .into(),
    }
}

fn silent(idle: Duration) -> OriginError {
    OriginError::Upload {
        status: StatusCode::REQUEST_TIMEOUT,
        detail: format!(
            "nothing came for {} s; what came before is kept",
            idle.as_secs()
        ),
    }
}
