//! Deleting bytes that nothing names any more, a bounded number at a time.
//!
//! Readers are safe: what was named when they asked stays for the grace after it is
//! named no more, and a file that is open is whole until it is closed.

use std::time::Duration;

use tokio::time::Instant;

use crate::{OriginError, app::App, blobs::Place, clock::now_ms};

/// Blobs deleted, or looked at, in one round. Chosen: a version of an hour is a few.
const ROUND_MAX: usize = 2000;

/// Longest time between two walks through the store. Chosen.
const WALK_EVERY_MAX: Duration = Duration::from_secs(15 * 60);

/// Where the walk through the store is.
#[derive(Debug, Default)]
pub(crate) struct Sweeper {
    place: Option<Place>,
    walk_at: Option<Instant>,
}

impl Sweeper {
    /// Deletes garbage that is due and, now and then, bytes that nothing ever came to
    /// name, as after a crash between the two.
    pub(crate) async fn round(&mut self, app: &App) -> Result<(), OriginError> {
        delete_due(app).await?;
        if self.walk_at.is_none_or(|at| at <= Instant::now()) {
            self.walk(app).await?;
        }
        Ok(())
    }

    async fn walk(&mut self, app: &App) -> Result<(), OriginError> {
        let grace = app.config.gc_grace;
        let round = app.store.walk(self.place.take(), grace, ROUND_MAX).await?;
        for blob in round.old {
            // In this order: once it is made, rows name it.
            if app.making.holds(&blob) || app.catalogue.is_named(&blob, true).await? {
                app.store.drop_copy(&blob).await?;
                continue;
            }
            app.store.delete(&blob).await?;
            tracing::info!(%blob, "orphan deleted");
        }
        self.place = round.next;
        if self.place.is_none() {
            abort_abandoned(app).await?;
            let pause = (grace / 100).min(WALK_EVERY_MAX);
            self.walk_at = Some(Instant::now() + pause);
        }
        Ok(())
    }
}

/// Deletes parts that nobody will ever make a blob of, as after a crash.
async fn abort_abandoned(app: &App) -> Result<(), OriginError> {
    for begun in app.store.unfinished(app.config.gc_grace).await? {
        let blob = &begun.key;
        if app.making.holds(blob) || app.catalogue.is_named(blob, true).await? {
            continue;
        }
        app.store.abort_parts(&begun).await?;
        tracing::info!(%blob, "abandoned parts deleted");
    }
    Ok(())
}

async fn delete_due(app: &App) -> Result<(), OriginError> {
    let now = now_ms();
    let due = app.catalogue.due_garbage(now, ROUND_MAX).await?;
    for blob in &due {
        // Versions made of another's share its bytes: the last one's grace counts.
        if app.catalogue.is_garbage(blob, now).await? {
            app.store.delete(blob).await?;
        }
    }
    if !due.is_empty() {
        app.catalogue.forget_garbage(&due, now).await?;
        tracing::info!(blobs = due.len(), "garbage deleted");
    }
    Ok(())
}
