//! Plans, init segments and segments, written by the attempt that holds the job; and when
//! what is written makes a version playable or whole.

use wire::{AssetState, JobId, Plan, Progress, TrackId, VersionId};

use super::{
    Catalogue, OriginError, Tx, blob_key, fence, from_json, id, signed, to_json, unsigned,
};

/// Segments of every track that must be there before a version is playable.
const PLAYABLE_SEGMENTS: i64 = 3;

/// An init segment to be recorded.
#[derive(Debug)]
pub(crate) struct InitRow {
    pub(crate) codec: String,
    pub(crate) timescale: u32,
    pub(crate) blob: store::BlobKey,
    pub(crate) len_bytes: u64,
}

/// A segment to be recorded.
#[derive(Debug)]
pub(crate) struct SegmentRow {
    pub(crate) number: u32,
    pub(crate) start: u64,
    pub(crate) duration: u64,
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

    /// Keeps the first plan of a version: later attempts work by it.
    pub(crate) async fn set_plan(
        &self,
        job: &JobId,
        attempt: u32,
        plan: &Plan,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        let (stored,): (Option<String>,) =
            sqlx::query_as("SELECT plan FROM versions WHERE id = $1")
                .bind(&fenced.version)
                .fetch_one(&mut *tx)
                .await?;
        match stored
            .as_deref()
            .map(|plan| from_json::<Plan>(plan, "plan"))
            .transpose()?
        {
            Some(stored) if stored == *plan => Ok(()),
            Some(_) => Err(OriginError::BadRequest(
                "the version has another plan, which every attempt keeps".into(),
            )),
            None => {
                sqlx::query("UPDATE versions SET plan = $2 WHERE id = $1")
                    .bind(&fenced.version)
                    .bind(to_json(plan))
                    .execute(&mut *tx)
                    .await?;
                tx.commit().await?;
                Ok(())
            }
        }
    }

    /// Records an init segment. `None`: recorded; else the one that was there before.
    pub(crate) async fn add_init(
        &self,
        job: &JobId,
        attempt: u32,
        track: &TrackId,
        init: &InitRow,
    ) -> Result<Option<store::BlobKey>, OriginError> {
        let mut tx = self.db.begin().await?;
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        let position = position_in_plan(&mut tx, &fenced.version, track).await?;
        let stored: Option<(String,)> =
            sqlx::query_as("SELECT init_blob FROM tracks WHERE version = $1 AND track = $2")
                .bind(&fenced.version)
                .bind(track.as_str())
                .fetch_optional(&mut *tx)
                .await?;
        if let Some((blob,)) = stored {
            return Ok(Some(blob_key(&blob)?));
        }
        sqlx::query(
            "INSERT INTO tracks (version, track, position, codec, timescale, init_blob, init_len) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&fenced.version)
        .bind(track.as_str())
        .bind(position)
        .bind(&init.codec)
        .bind(i64::from(init.timescale))
        .bind(init.blob.as_str())
        .bind(signed(init.len_bytes)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(None)
    }

    /// Records a segment, the next of its track. False: it was there already.
    pub(crate) async fn add_segment(
        &self,
        job: &JobId,
        attempt: u32,
        track: &TrackId,
        segment: &SegmentRow,
    ) -> Result<bool, OriginError> {
        let mut tx = self.db.begin().await?;
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        if is_stored(&mut tx, &fenced.version, track, segment).await? {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO segments (version, track, number, start, duration, len, blob) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&fenced.version)
        .bind(track.as_str())
        .bind(i64::from(segment.number))
        .bind(signed(segment.start)?)
        .bind(signed(segment.duration)?)
        .bind(signed(segment.len_bytes)?)
        .bind(segment.blob.as_str())
        .execute(&mut *tx)
        .await?;
        let (progress,): (Option<String>,) =
            sqlx::query_as("SELECT progress FROM jobs WHERE id = $1")
                .bind(job.as_str())
                .fetch_one(&mut *tx)
                .await?;
        let progress: Option<Progress> = progress
            .as_deref()
            .map(|json| from_json(json, "progress"))
            .transpose()?;
        settle_playable(&mut tx, &fenced.version, progress.and_then(|p| p.speed)).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Once a version can be watched without a stall, it is playable, and stays so.
pub(super) async fn settle_playable(
    tx: &mut Tx,
    version: &str,
    speed: Option<f64>,
) -> Result<(), OriginError> {
    let (state, plan): (String, Option<String>) =
        sqlx::query_as("SELECT state, plan FROM versions WHERE id = $1")
            .bind(version)
            .fetch_one(&mut **tx)
            .await?;
    let (Some(plan), Some(speed)) = (plan, speed) else {
        return Ok(());
    };
    if state != AssetState::Packaging.as_str() {
        return Ok(());
    }
    let plan: Plan = from_json(&plan, "plan")?;
    let stored: Vec<(i64, f64)> = sqlx::query_as(
        "SELECT count(s.number), \
             max(s.start + s.duration) * 1.0 / t.timescale \
         FROM tracks t JOIN segments s ON s.version = t.version AND s.track = t.track \
         WHERE t.version = $1 GROUP BY t.track, t.timescale",
    )
    .bind(version)
    .fetch_all(&mut **tx)
    .await?;
    let all_started = stored.len() == plan.tracks.len()
        && stored
            .iter()
            .all(|(segments, _)| *segments >= PLAYABLE_SEGMENTS);
    let ahead_secs = stored
        .iter()
        .map(|(_, end)| *end)
        .fold(f64::INFINITY, f64::min);
    if all_started && plays_through(ahead_secs, plan.duration_secs, speed) {
        sqlx::query("UPDATE versions SET state = $2 WHERE id = $1")
            .bind(version)
            .bind(AssetState::Playable.as_str())
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// A viewer who starts now never catches up with the encoder: it has `ahead` seconds
/// and makes `speed` more each second. It ends after `(duration − ahead) / speed`, when
/// the viewer may have seen no more than what was ahead plus what came since.
fn plays_through(ahead_secs: f64, duration_secs: f64, speed: f64) -> bool {
    if speed >= 1.0 {
        return true;
    }
    let missing_secs = (duration_secs - ahead_secs).max(0.0);
    speed > 0.0 && ahead_secs * speed >= missing_secs * (1.0 - speed)
}

/// Every track of the plan has its init segment and at least one segment.
pub(super) async fn check_whole(tx: &mut Tx, version: &str) -> Result<(), OriginError> {
    let (plan,): (Option<String>,) = sqlx::query_as("SELECT plan FROM versions WHERE id = $1")
        .bind(version)
        .fetch_one(&mut **tx)
        .await?;
    let plan: Plan = match plan {
        Some(plan) => from_json(&plan, "plan")?,
        None => {
            return Err(OriginError::BadRequest(
                "the version has no plan yet".into(),
            ));
        }
    };
    for planned in &plan.tracks {
        let (segments,): (i64,) =
            sqlx::query_as("SELECT count(*) FROM segments WHERE version = $1 AND track = $2")
                .bind(version)
                .bind(planned.track.as_str())
                .fetch_one(&mut **tx)
                .await?;
        if segments == 0 {
            return Err(OriginError::BadRequest(format!(
                "track {} of the plan has no segment",
                planned.track
            )));
        }
    }
    Ok(())
}

async fn position_in_plan(tx: &mut Tx, version: &str, track: &TrackId) -> Result<i64, OriginError> {
    let (plan,): (Option<String>,) = sqlx::query_as("SELECT plan FROM versions WHERE id = $1")
        .bind(version)
        .fetch_one(&mut **tx)
        .await?;
    let plan: Option<Plan> = plan
        .as_deref()
        .map(|plan| from_json(plan, "plan"))
        .transpose()?;
    plan.and_then(|plan| {
        plan.tracks
            .iter()
            .position(|planned| planned.track == *track)
    })
    .and_then(|position| i64::try_from(position).ok())
    .ok_or_else(|| OriginError::BadRequest(format!("track {track} is not in the plan")))
}

/// True where it is there already; an error where it does not follow the last one.
async fn is_stored(
    tx: &mut Tx,
    version: &str,
    track: &TrackId,
    segment: &SegmentRow,
) -> Result<bool, OriginError> {
    let (init, next, end): (i64, i64, Option<i64>) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM tracks WHERE version = $1 AND track = $2), \
         count(*), max(start + duration) FROM segments WHERE version = $1 AND track = $2",
    )
    .bind(version)
    .bind(track.as_str())
    .fetch_one(&mut **tx)
    .await?;
    let number = i64::from(segment.number);
    if number < next {
        return Ok(true);
    }
    let follows = end.is_none_or(|end| u64::try_from(end) == Ok(segment.start));
    if init == 0 || number > next || !follows {
        return Err(OriginError::BadRequest(format!(
            "segment {number} of {track} at {} does not follow: {init} init segments and {next} \
             segments are stored, up to {}",
            segment.start,
            end.unwrap_or(0),
        )));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::plays_through;

    #[test]
    fn a_fast_encoder_plays_through_at_once() {
        assert!(plays_through(0.1, 3600.0, 1.0));
    }

    #[test]
    fn a_slow_encoder_must_be_ahead_by_what_it_will_lack() {
        // Half speed, 60 s: 30 s are missing and take 60 s, as long as the viewer takes.
        assert!(!plays_through(29.9, 60.0, 0.5));
        assert!(plays_through(30.0, 60.0, 0.5));
        assert!(!plays_through(10.0, 60.0, 0.0));
    }
}
