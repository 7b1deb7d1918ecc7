//! Init segments, segments and files, written by the attempt that holds the job.

use wire::{JobId, TrackId, VersionId};

use super::{
    Catalogue, Fenced, OriginError, Topic, Tx, blob_key, fence, id, playable, signed, unsigned,
};
use crate::clock::now_ms;

/// Most files of a version. Chosen: a storyboard of 12 h is half of it.
pub(super) const FILES_MAX: i64 = 256;

/// An init segment to be recorded.
#[derive(Debug)]
pub(crate) struct InitRow {
    pub(crate) codec: String,
    pub(crate) timescale: u32,
    pub(crate) blob: store::BlobKey,
    pub(crate) len_bytes: u64,
}

/// What became of an init segment.
#[derive(Debug)]
pub(crate) enum InitAdded {
    /// It is recorded.
    New,
    /// This one was there before.
    Stored(store::BlobKey),
    /// Nothing is wanted of its track any more.
    Unwanted,
}

/// A segment to be recorded.
#[derive(Debug)]
pub(crate) struct SegmentRow {
    pub(crate) number: u32,
    pub(crate) start: u64,
    pub(crate) duration: u64,
    pub(crate) len_bytes: u64,
    /// From the segment's start to the end of its first picture; 0 where unknown.
    pub(crate) iframe_len_bytes: u64,
    pub(crate) blob: store::BlobKey,
}

/// A file of a version to be recorded.
#[derive(Debug)]
pub(crate) struct FileRow {
    pub(crate) name: String,
    pub(crate) len_bytes: u64,
    pub(crate) blob: store::BlobKey,
}

impl Catalogue {
    /// Version and source of a job, for the attempt that holds it.
    pub(crate) async fn source_of(
        &self,
        job: &JobId,
        attempt: u32,
    ) -> Result<(store::BlobKey, u64), OriginError> {
        let row: Option<(String, i64)> = sqlx::query_as(
            "SELECT source, source_len FROM versions JOIN jobs ON jobs.version = versions.id \
             WHERE jobs.id = $1 AND attempt = $2 AND jobs.state = 'leased'",
        )
        .bind(job.as_str())
        .bind(i64::from(attempt))
        .fetch_optional(&self.db.read)
        .await?;
        let (source, len) = row.ok_or(OriginError::LeaseLost)?;
        Ok((blob_key(&source)?, unsigned(len)?))
    }

    /// The version that a job fills, for the attempt that holds it.
    pub(crate) async fn version_of(
        &self,
        job: &JobId,
        attempt: u32,
    ) -> Result<VersionId, OriginError> {
        let mut connection = self.db.read.acquire().await?;
        let fenced = fence(&mut connection, job.as_str(), attempt).await?;
        id(&fenced.version)
    }

    /// Records an init segment, the first of its track.
    pub(crate) async fn add_init(
        &self,
        job: &JobId,
        attempt: u32,
        track: &TrackId,
        init: &InitRow,
    ) -> Result<InitAdded, OriginError> {
        let mut tx = self.db.begin().await?;
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        let row = TrackRow::of(&mut tx, &fenced, track).await?;
        if row.is_text {
            return Err(OriginError::BadRequest(format!(
                "{track} is text, which has no init segment"
            )));
        }
        if row.dropped {
            return Ok(InitAdded::Unwanted);
        }
        if let Some(blob) = row.init_blob {
            return Ok(InitAdded::Stored(blob_key(&blob)?));
        }
        sqlx::query(
            "UPDATE tracks SET codec = $3, timescale = $4, init_blob = $5, init_len = $6 \
             WHERE version = $1 AND track = $2",
        )
        .bind(&fenced.version)
        .bind(track.as_str())
        .bind(&init.codec)
        .bind(i64::from(init.timescale))
        .bind(init.blob.as_str())
        .bind(signed(init.len_bytes)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(InitAdded::New)
    }

    /// Records a segment of the task's. False: it was there already, or nothing is wanted of
    /// its track any more.
    pub(crate) async fn add_segment(
        &self,
        job: &JobId,
        attempt: u32,
        track: &TrackId,
        segment: &SegmentRow,
    ) -> Result<bool, OriginError> {
        let mut tx = self.db.begin().await?;
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        let version = fenced.version.as_str();
        let row = TrackRow::of(&mut tx, &fenced, track).await?;
        if row.dropped {
            return Ok(false);
        }
        if !row.is_text && row.init_blob.is_none() {
            return Err(OriginError::BadRequest(format!(
                "{track} has no init segment yet"
            )));
        }
        let (from, to) = fenced.task.segments.unwrap_or((0, u32::MAX));
        if !(from..to).contains(&segment.number) {
            return Err(not_of_task(&format!(
                "segment {} of {track}",
                segment.number
            )));
        }
        if is_stored(&mut tx, version, track, segment).await? {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO segments (version, track, number, start, duration, len, iframe, blob) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(version)
        .bind(track.as_str())
        .bind(i64::from(segment.number))
        .bind(signed(segment.start)?)
        .bind(signed(segment.duration)?)
        .bind(signed(segment.len_bytes)?)
        .bind(signed(segment.iframe_len_bytes)?)
        .bind(segment.blob.as_str())
        .execute(&mut *tx)
        .await?;
        row.count(&mut tx, version, track, segment).await?;
        playable::settle(&mut tx, version).await?;
        tx.commit().await?;
        self.news.tell(Topic::Changed);
        Ok(true)
    }

    /// Records a file of the version. False: one of that name was there already, or nothing
    /// is wanted of its track any more.
    pub(crate) async fn add_file(
        &self,
        job: &JobId,
        attempt: u32,
        file: &FileRow,
    ) -> Result<bool, OriginError> {
        let mut tx = self.db.begin().await?;
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        if let Some(track) = file.name.strip_suffix(".vtt")
            && file.name != "storyboard.vtt"
        {
            let track = track.parse().map_err(|_| not_of_task(&file.name))?;
            if TrackRow::of(&mut tx, &fenced, &track).await?.dropped {
                return Ok(false);
            }
        }
        let (files, same): (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(CASE WHEN name = $2 THEN 1 END) FROM files WHERE version = $1",
        )
        .bind(&fenced.version)
        .bind(&file.name)
        .fetch_one(&mut *tx)
        .await?;
        if same > 0 {
            return Ok(false);
        }
        if files >= FILES_MAX {
            return Err(OriginError::BadRequest(format!(
                "a version has {FILES_MAX} files at most"
            )));
        }
        sqlx::query("INSERT INTO files (version, name, len, blob) VALUES ($1, $2, $3, $4)")
            .bind(&fenced.version)
            .bind(&file.name)
            .bind(signed(file.len_bytes)?)
            .bind(file.blob.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// What a track's row says before a segment is added to it.
struct TrackRow {
    init_blob: Option<String>,
    is_text: bool,
    dropped: bool,
    contiguous: i64,
    end: i64,
}

impl TrackRow {
    /// Of a track that the task writes.
    async fn of(tx: &mut Tx, fenced: &Fenced, track: &TrackId) -> Result<Self, OriginError> {
        if !fenced.task.tracks.contains(track) {
            return Err(not_of_task(track.as_str()));
        }
        let row: (Option<String>, Option<String>, i64, i64, i64) = sqlx::query_as(
            "SELECT init_blob, codec, dropped, contiguous, \
             contiguous_end FROM tracks WHERE version = $1 AND track = $2",
        )
        .bind(&fenced.version)
        .bind(track.as_str())
        .fetch_one(&mut **tx)
        .await?;
        let (init_blob, codec, dropped, contiguous, end) = row;
        Ok(Self {
            init_blob,
            is_text: codec.as_deref() == Some("wvtt"),
            dropped: dropped != 0,
            contiguous,
            end,
        })
    }

    /// Counts a segment that was just stored. Over a track's life this looks at each
    /// segment once, however many there are.
    async fn count(
        &self,
        tx: &mut Tx,
        version: &str,
        track: &TrackId,
        segment: &SegmentRow,
    ) -> Result<(), OriginError> {
        let (mut contiguous, mut end) = (self.contiguous, self.end);
        while let Some(next) = ends_at(tx, version, track, contiguous).await? {
            (contiguous, end) = (contiguous + 1, next.1);
        }
        sqlx::query(
            "UPDATE tracks SET stored = stored + 1, stored_time = stored_time + $3, \
             contiguous = $4, contiguous_end = $5, first_at = coalesce(first_at, $6) \
             WHERE version = $1 AND track = $2",
        )
        .bind(version)
        .bind(track.as_str())
        .bind(signed(segment.duration)?)
        .bind(contiguous)
        .bind(end)
        .bind(now_ms())
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

/// True where it is there already; an error where it does not fit what is stored before
/// and after it.
async fn is_stored(
    tx: &mut Tx,
    version: &str,
    track: &TrackId,
    segment: &SegmentRow,
) -> Result<bool, OriginError> {
    let number = i64::from(segment.number);
    if ends_at(tx, version, track, number).await?.is_some() {
        return Ok(true);
    }
    let (start, end) = (
        signed(segment.start)?,
        signed(segment.start.saturating_add(segment.duration))?,
    );
    if let Some((_, before)) = ends_at(tx, version, track, number - 1).await?
        && before != start
    {
        return Err(OriginError::BadRequest(format!(
            "segment {number} of {track} starts at {start}, and the one before it ends at {before}"
        )));
    }
    if let Some((after, _)) = ends_at(tx, version, track, number + 1).await?
        && after != end
    {
        return Err(OriginError::BadRequest(format!(
            "segment {number} of {track} ends at {end}, and the one after it starts at {after}"
        )));
    }
    Ok(false)
}

/// Where a stored segment starts and ends.
async fn ends_at(
    tx: &mut Tx,
    version: &str,
    track: &TrackId,
    number: i64,
) -> Result<Option<(i64, i64)>, OriginError> {
    Ok(sqlx::query_as(
        "SELECT start, start + duration FROM segments \
         WHERE version = $1 AND track = $2 AND number = $3",
    )
    .bind(version)
    .bind(track.as_str())
    .bind(number)
    .fetch_optional(&mut **tx)
    .await?)
}

fn not_of_task(name: &str) -> OriginError {
    OriginError::BadRequest(format!("{name} is not of this task"))
}
