//! Whether what was to be stored is stored: of a task when it ends, of a version before it is
//! sealed.

use wire::Task;

use super::{OriginError, Tx};

/// What the task was to store is there, without a hole. A later span may be empty: a
/// source may end before it says.
pub(super) async fn check_task(tx: &mut Tx, version: &str, task: &Task) -> Result<(), OriginError> {
    for track in &task.tracks {
        let (dropped,): (i64,) =
            sqlx::query_as("SELECT dropped FROM tracks WHERE version = $1 AND track = $2")
                .bind(version)
                .bind(track.as_str())
                .fetch_one(&mut **tx)
                .await?;
        let (from, to) = task.segments.unwrap_or((0, u32::MAX));
        let (segments, next): (i64, i64) = sqlx::query_as(
            "SELECT count(*), coalesce(max(number) + 1, $3) FROM segments \
             WHERE version = $1 AND track = $2 AND number >= $3 AND number < $4",
        )
        .bind(version)
        .bind(track.as_str())
        .bind(i64::from(from))
        .bind(i64::from(to))
        .fetch_one(&mut **tx)
        .await?;
        let fault = match (dropped, segments) {
            (1, _) => continue,
            (_, 0) if from == 0 => format!("track {track} of the plan has no segment"),
            _ if segments < next - i64::from(from) => {
                format!("track {track} has a hole before segment {}", next - 1)
            }
            _ => continue,
        };
        return Err(OriginError::BadRequest(fault));
    }
    Ok(())
}

/// Why the version can't be sealed; `None` when it is whole.
pub(super) async fn fault(tx: &mut Tx, version: &str) -> Result<Option<String>, OriginError> {
    let tracks: Vec<(String, String, i64, i64, i64)> = sqlx::query_as(
        "SELECT track, json_extract(planned, '$.kind.kind'), made_by, stored, contiguous \
         FROM tracks WHERE version = $1 AND dropped = 0 ORDER BY position",
    )
    .bind(version)
    .fetch_all(&mut **tx)
    .await?;
    if !tracks.iter().any(|(_, kind, ..)| kind != "text") {
        return Ok(Some("nothing to see or hear could be made of it".into()));
    }
    for (track, kind, group, stored, contiguous) in &tracks {
        if *stored == 0 || stored > contiguous {
            return Ok(Some(format!("segment {contiguous} of {track} is missing")));
        }
        let other = tracks.iter().find(|(_, other, of, segments, _)| {
            kind == "video" && other == kind && of == group && segments != stored
        });
        if let Some((other, _, _, segments, _)) = other {
            return Ok(Some(format!(
                "{track} has {stored} segments and {other} has {segments}"
            )));
        }
    }
    Ok(None)
}
