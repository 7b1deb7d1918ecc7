//! When a growing version may be watched: a viewer who starts then does not stall.

use wire::{AssetState, EventKind};

use super::{
    OriginError, Tx,
    errands::outbox,
    progress::{self, Running, TrackCount},
};

/// Segments of every listed track that must be there. As many as make a group of
/// renditions listed.
const SEGMENTS_MIN: i64 = media::BASE_SEGMENTS as i64;

/// Makes the version playable, if it is, and stays so. Cheap enough for every segment:
/// it reads the tracks' counts, never their segments.
pub(super) async fn settle(tx: &mut Tx, version: &str) -> Result<(), OriginError> {
    let (state, duration_secs): (String, Option<f64>) =
        sqlx::query_as("SELECT state, duration_secs FROM versions WHERE id = $1")
            .bind(version)
            .fetch_one(&mut **tx)
            .await?;
    let Some(duration_secs) = duration_secs else {
        return Ok(());
    };
    if state != AssetState::Packaging.as_str() {
        return Ok(());
    }
    let tracks = progress::tracks(tx, version).await?;
    let running = progress::running(tx, version).await?;
    if !is_playable(&tracks, &running, duration_secs) {
        return Ok(());
    }
    // Almost always true by now: segments of unequal length are what may still be short.
    let presentation = super::media::presentation(tx, version).await?;
    if presentation.listing().is_playable() {
        sqlx::query("UPDATE versions SET state = $2 WHERE id = $1")
            .bind(version)
            .bind(AssetState::Playable.as_str())
            .execute(&mut **tx)
            .await?;
        outbox::of_version(tx, EventKind::Playable, version, None).await?;
    }
    Ok(())
}

fn is_playable(tracks: &[TrackCount], running: &[Running], duration_secs: f64) -> bool {
    let begun = |track: &TrackCount| track.contiguous >= SEGMENTS_MIN;
    let keeps_up = |track: &TrackCount| {
        let speed = track.speed(running).unwrap_or(0.0);
        track.tasks_left == 0 || plays_through(track.end_secs, duration_secs, speed)
    };
    let main_audio = tracks
        .iter()
        .find(|track| track.is_default_audio())
        .or_else(|| tracks.iter().find(|track| track.is_audio()));
    if !main_audio.is_none_or(|audio| begun(audio) && keeps_up(audio)) {
        return false;
    }
    let video = || tracks.iter().filter(|track| track.is_video());
    let mut groups: Vec<i64> = video().map(|track| track.made_by).collect();
    groups.sort_unstable();
    groups.dedup();
    let base = groups
        .iter()
        .map(|group| video().filter(|track| track.made_by == *group))
        .find(|base| base.clone().all(begun));
    match base {
        Some(mut base) => base.all(keeps_up),
        None => groups.is_empty() && main_audio.is_some(),
    }
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
