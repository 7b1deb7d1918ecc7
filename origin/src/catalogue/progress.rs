//! How far a version is: what is stored of what was planned, and how fast it grows.

use sqlx::AnyConnection;
use wire::{PlannedKind, PlannedTrack, Progress, Stage, Task};

use super::{OriginError, from_json};
use crate::clock::now_ms;

/// Time that stored segments must have taken before their pace says something. Chosen.
const PACE_MS_MIN: i64 = 1000;

/// Of all work, what first passes are. Measured: they take three quarters of what comes
/// behind them.
const FIRST_PASS: f64 = 0.4;

/// A track of a plan that is not given up, as far as it is stored.
#[derive(Debug)]
pub(super) struct TrackCount {
    pub(super) planned: PlannedTrack,
    pub(super) made_by: i64,
    /// Jobs that may still write to it.
    pub(super) tasks_left: i64,
    /// Segments without a hole from the first.
    pub(super) contiguous: i64,
    /// Where these end.
    pub(super) end_secs: f64,
    stored_secs: f64,
    /// Seconds of media per second since its first segment, the first not counted.
    pace: Option<f64>,
}

type Columns = (
    String,
    i64,
    i64,
    Option<i64>,
    i64,
    i64,
    i64,
    i64,
    Option<i64>,
);

/// All tracks of a version that are not given up, in the plan's order.
pub(super) async fn tracks(
    tx: &mut AnyConnection,
    version: &str,
) -> Result<Vec<TrackCount>, OriginError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT planned, made_by, tasks_left, timescale, stored, stored_time, contiguous, \
         contiguous_end, first_at FROM tracks WHERE version = $1 AND dropped = 0 ORDER BY position",
    )
    .bind(version)
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(count).collect()
}

fn count(columns: Columns) -> Result<TrackCount, OriginError> {
    let (planned, made_by, tasks_left, timescale, stored, stored_time, contiguous, end, first_at) =
        columns;
    // Times are far below 2^53: exact as floats.
    let secs = |time: i64| time as f64 / timescale.unwrap_or(1).max(1) as f64;
    let stored_secs = secs(stored_time);
    let took_ms = first_at.map_or(0, |first_at| now_ms() - first_at);
    let pace = (stored > 1 && took_ms >= PACE_MS_MIN).then(|| {
        let after_first_secs = stored_secs * (stored - 1) as f64 / stored as f64;
        after_first_secs / (took_ms as f64 / 1000.0)
    });
    Ok(TrackCount {
        planned: from_json(&planned, "planned track")?,
        made_by,
        tasks_left,
        contiguous,
        end_secs: secs(end),
        stored_secs,
        pace,
    })
}

impl TrackCount {
    pub(super) fn is_video(&self) -> bool {
        matches!(self.planned.kind, PlannedKind::Video { .. })
    }

    /// It plays unless a viewer asks otherwise.
    pub(super) fn is_default_audio(&self) -> bool {
        matches!(&self.planned.kind, PlannedKind::Audio { label, .. } if label.default)
    }

    pub(super) fn is_audio(&self) -> bool {
        matches!(self.planned.kind, PlannedKind::Audio { .. })
    }

    /// Seconds of media per second of work: what running jobs say, else as measured here.
    pub(super) fn speed(&self, running: &[Running]) -> Option<f64> {
        let told = running
            .iter()
            .filter(|job| job.task.tracks.contains(&self.planned.track))
            .filter_map(|job| job.progress.as_ref()?.speed);
        let told: f64 = told.sum();
        if told > 0.0 { Some(told) } else { self.pace }
    }
}

/// A job that a worker holds, and that it was heard of lately.
#[derive(Debug)]
pub(super) struct Running {
    task: Task,
    progress: Option<Progress>,
}

/// The jobs of a version that workers hold whose lease has not run out.
pub(super) async fn running(
    tx: &mut AnyConnection,
    version: &str,
) -> Result<Vec<Running>, OriginError> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT task, progress FROM jobs WHERE version = $1 AND state = 'leased' \
         AND lease_until >= $2 ORDER BY position",
    )
    .bind(version)
    .bind(now_ms())
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|(task, progress)| {
            Ok(Running {
                task: from_json(&task, "task")?,
                progress: progress
                    .map(|progress| from_json(&progress, "progress"))
                    .transpose()?,
            })
        })
        .collect()
}

/// How far a growing version is in all.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Overall {
    pub(super) percent: f32,
    pub(super) stage: Option<Stage>,
    /// Seconds of the whole version per second.
    pub(super) speed: Option<f64>,
    pub(super) eta_secs: Option<f64>,
}

impl Overall {
    /// The same, where first passes come before it, of which a share (0 to 1) is done.
    pub(super) fn behind(self, share: f64) -> Self {
        let percent = f64::from(self.percent) * (1.0 - FIRST_PASS) + 100.0 * FIRST_PASS * share;
        Self {
            percent: percent as f32,
            // How fast the rest will be is not known yet.
            eta_secs: self.eta_secs.filter(|_| share >= 1.0),
            ..self
        }
    }
}

/// Sums up: each second of each track counts the same.
pub(super) fn overall(
    tracks: &[TrackCount],
    running: &[Running],
    duration_secs: Option<f64>,
) -> Overall {
    let told = running.iter().filter_map(|job| job.progress.as_ref());
    // The furthest stage: while one encodes, that another still loads is no news.
    let stage = told
        .map(|progress| progress.stage)
        .max_by_key(|stage| match stage {
            Stage::Queued => 0,
            Stage::Download => 1,
            Stage::Probe => 2,
            Stage::Publish => 3,
            Stage::Encode => 4,
        });
    let waiting = match running {
        [] => Stage::Queued,
        _ => Stage::Download,
    };
    let stage = Some(stage.unwrap_or(waiting));
    let duration_secs = duration_secs.unwrap_or(0.0);
    let planned_secs = duration_secs * tracks.len() as f64;
    if planned_secs <= 0.0 {
        return Overall {
            stage,
            ..Overall::default()
        };
    }
    let stored: f64 = tracks
        .iter()
        .map(|track| match track.tasks_left {
            0 => duration_secs,
            _ => track.stored_secs.min(duration_secs),
        })
        .sum();
    let unfinished = tracks.iter().filter(|track| track.tasks_left > 0);
    let per_sec: f64 = unfinished.filter_map(|track| track.speed(running)).sum();
    let known = per_sec > 0.0;
    Overall {
        percent: (100.0 * stored / planned_secs).min(100.0) as f32,
        stage,
        speed: known.then(|| per_sec / tracks.len() as f64),
        eta_secs: known.then(|| (planned_secs - stored) / per_sec),
    }
}
