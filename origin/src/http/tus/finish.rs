//! A whole upload becomes an asset. Where there is a bucket, its bytes go there first, so that
//! any origin can give them to workers.

use std::time::Duration;

use tokio::time::timeout;
use wire::UploadId;

use crate::{
    OriginError,
    app::{App, Shared},
    catalogue::UploadRow,
};

/// How long the last request of an upload waits for the bucket to have it all; it goes on without
/// that. Chosen: less than what clients and proxies wait for an answer.
const WAIT: Duration = Duration::from_secs(5);

/// The upload is whole; `before` bytes were said to be there already.
pub(super) async fn whole(app: &Shared, row: &UploadRow, before: u64) -> Result<(), OriginError> {
    if !app.store.has_bucket() {
        // One transaction says that it is whole and makes the asset.
        return finish(app, row, &[]).await;
    }
    app.catalogue.upload_received(row, before).await?;
    if let Some(moving) = begin_move(app, row) {
        // Longer, it goes on by itself; broken off, the sweep begins it again.
        let _ = timeout(WAIT, moving).await;
    }
    Ok(())
}

/// Goes on with uploads that are whole and no assets yet: what a crash, or a bucket that was
/// away, has left.
pub(crate) async fn go_on(app: &Shared) -> Result<(), OriginError> {
    for row in app.catalogue.whole_uploads().await? {
        if app.store.has_source(&row).await? {
            begin_move(app, &row);
        }
    }
    Ok(())
}

/// In a task of its own, one for each upload. `None`: it runs.
fn begin_move(app: &Shared, row: &UploadRow) -> Option<tokio::task::JoinHandle<()>> {
    let claimed = app.moving_uploads.try_claim(&row.id)?;
    let (app, row) = (app.clone(), row.clone());
    Some(app.clone().tasks.spawn(async move {
        let _claimed = claimed;
        let moved = async {
            let _turn = app.moves.acquire().await;
            finish(&app, &row, &[]).await
        };
        let moved = tokio::select! {
            moved = moved => moved,
            () = app.shutdown.cancelled() => return,
        };
        if let Err(error) = moved {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(upload = %row.id, error, "upload is whole, and no asset yet");
        }
    }))
}

/// Makes an asset of what is whole, and forgets the parts that it was made of.
pub(in crate::http) async fn finish(
    app: &App,
    row: &UploadRow,
    parts: &[UploadId],
) -> Result<(), OriginError> {
    app.store.move_source(row).await?;
    let settings = app.package_settings();
    let finished = app.catalogue.finish_upload(row, parts, &settings).await;
    let asset = match finished {
        // Dropped meanwhile.
        Err(OriginError::NotFound(_)) => {
            app.store.delete(&row.blob()).await?;
            return finished.map(|_| ());
        }
        finished => finished?,
    };
    tracing::info!(upload = %row.id, %asset, bytes = row.received_bytes, "upload is whole");
    app.store.drop_copy(&row.blob()).await?;
    Ok(())
}
