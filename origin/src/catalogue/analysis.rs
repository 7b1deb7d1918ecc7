//! Analyses of sources: what waits for them, and what they found.

use sqlx::AnyConnection;
use wire::{Analysis, PackageSettings, TaskKind};

use super::{
    OriginError, Tx, from_json,
    plans::{self, TRACKS_MAX},
    to_json,
};
use crate::clock::now_ms;

/// When jobs that wait for an analysis are due: not before it has ended.
const AFTER: i64 = i64::MAX;

/// When a job of a new plan is due, Unix time, milliseconds. Where an analysis chooses rates,
/// those that are encoded with them wait.
pub(super) fn due(kind: TaskKind, waits: bool) -> i64 {
    match kind {
        TaskKind::Rest | TaskKind::Hevc if waits => AFTER,
        _ => now_ms(),
    }
}

/// The analysis has ended: what it found, if anything, is in the plan from now on, and
/// what waited for it is due.
pub(super) async fn ended(
    tx: &mut Tx,
    version: &str,
    analysis: Option<&Analysis>,
) -> Result<(), OriginError> {
    if let Some(analysis) = analysis {
        check(analysis).map_err(OriginError::BadRequest)?;
        let mut plan = plans::stored(tx, version)
            .await?
            .ok_or_else(|| OriginError::Damaged(format!("{version} has no plan")))?;
        plan.analysis = Some(analysis.clone());
        sqlx::query("UPDATE plans SET plan = $2 WHERE version = $1")
            .bind(version)
            .bind(to_json(&plan))
            .execute(&mut **tx)
            .await?;
    }
    sqlx::query(
        "UPDATE jobs SET run_at = $3 WHERE version = $1 AND state = 'queued' AND run_at = $2",
    )
    .bind(version)
    .bind(AFTER)
    .bind(now_ms())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What was found of the version's source, where that was asked for and is done.
pub(super) async fn of(
    tx: &mut AnyConnection,
    version: &str,
) -> Result<Option<Analysis>, OriginError> {
    let settings: Option<(String,)> = sqlx::query_as("SELECT settings FROM versions WHERE id = $1")
        .bind(version)
        .fetch_optional(&mut *tx)
        .await?;
    // Plans may be megabytes: those of others are not read.
    let settings = settings.map(|(text,)| from_json::<PackageSettings>(&text, "settings"));
    if !settings.transpose()?.is_some_and(|it| it.per_title) {
        return Ok(None);
    }
    let row: Option<(Option<String>,)> =
        sqlx::query_as("SELECT json_extract(plan, '$.analysis') FROM plans WHERE version = $1")
            .bind(version)
            .fetch_optional(tx)
            .await?;
    let found = row.and_then(|(found,)| found);
    found.map(|found| from_json(&found, "analysis")).transpose()
}

fn check(analysis: &Analysis) -> Result<(), String> {
    if analysis.renditions.len() > TRACKS_MAX {
        return Err(format!("an analysis has at most {TRACKS_MAX} renditions"));
    }
    let good = |crf: f64| (0.0..=51.0).contains(&crf);
    let odd = analysis.renditions.iter().find(|r| !good(r.chosen.crf));
    odd.map_or(Ok(()), |odd| {
        let (track, crf) = (&odd.track, odd.chosen.crf);
        Err(format!("{track}'s rate factor {crf} is none"))
    })
}
