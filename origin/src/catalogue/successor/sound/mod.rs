//! Sound that is added: workers encode it into a version that is none of its asset's yet.
//! When all its jobs are done, one transaction copies to it what the newest version has,
//! and it takes that one's place. Where it fails, its rows go, and nothing else changes.

mod merge;
mod told;

use sqlx::AnyConnection;
use wire::{
    AddedSound, AssetId, Plan, PlannedKind, PlannedTrack, SagaState, SagaStep, Task, TaskKind,
    TrackLabel, VersionId,
};

use super::{
    Base, Catalogue, OriginError, Tx, conflict,
    cut::{cut, sound_until_us},
    is_like, must_fit, next_position, none_is_default, tracks,
};
use crate::{
    catalogue::{
        Topic, content_keys, from_json, garbage::forget_version, id, plans::NewJob, saga, signed,
        to_json, uploads::UploadRow,
    },
    clock::now_ms,
    random,
};

pub(in crate::catalogue) use merge::publish;
pub(in crate::catalogue) use told::additions;

/// State of a version that is being added, in the catalogue.
const ADDING: &str = "adding";

/// Most sounds that are added to an asset at once, uploads under way included. Chosen.
const ADDITIONS_MAX: i64 = 8;

/// Most tracks of one sound: stereo and surround, each in AAC and Opus.
const TRACKS_MAX: usize = 4;

impl Catalogue {
    /// Such sound can be added to the asset, as things are.
    ///
    /// # Errors
    /// The asset is not sealed, has such sound already or is being given it, or has no
    /// room for more.
    pub(crate) async fn may_add_sound(
        &self,
        asset: &AssetId,
        label: &TrackLabel,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.snapshot().await?;
        let base = Base::of(&mut tx, asset).await?;
        let kind = kind(label);
        let tracks = tracks(&mut tx, &base.version).await?;
        must_fit(&mut tx, &base.version, &tracks, (&kind, TRACKS_MAX)).await?;
        let coming: Vec<(String,)> =
            sqlx::query_as("SELECT addition FROM versions WHERE asset = $1 AND state = $2")
                .bind(asset.as_str())
                .bind(ADDING)
                .fetch_all(&mut *tx)
                .await?;
        for (addition,) in &coming {
            let added: AddedSound = from_json(addition, "addition")?;
            if is_like(&self::kind(&added.label), &kind) {
                let detail = "sound of this language and name is being added already";
                return Err(conflict(detail.into()));
            }
        }
        let (uploads,): (i64,) =
            sqlx::query_as("SELECT count(*) FROM uploads WHERE adds_to = $1 AND asset IS NULL")
                .bind(asset.as_str())
                .fetch_one(&mut *tx)
                .await?;
        if uploads + signed(coming.len() as u64)? >= ADDITIONS_MAX {
            let detail = format!("{ADDITIONS_MAX} sounds are being added to the asset already");
            return Err(OriginError::Overloaded(detail));
        }
        Ok(())
    }

    /// Gives up what is added to an asset; what failed is forgotten at once.
    ///
    /// # Errors
    /// Nothing of this name is being added to it.
    pub(crate) async fn cancel_addition(
        &self,
        asset: &AssetId,
        version: &VersionId,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        let row: Option<(String,)> = sqlx::query_as(
            "SELECT state FROM versions WHERE id = $1 AND asset = $2 AND addition IS NOT NULL",
        )
        .bind(version.as_str())
        .bind(asset.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        let nothing = || OriginError::NotFound(format!("{version} is not added to {asset}"));
        let (state,) = row.ok_or_else(nothing)?;
        let (version, due_ms) = (version.as_str(), self.garbage_due_ms());
        match state.as_str() {
            ADDING => saga::fail(&mut tx, version, "it was cancelled", due_ms).await?,
            _ => {
                saga::undo(&mut tx, version, due_ms).await?;
                forget_version(&mut tx, version).await?;
            }
        }
        tx.commit().await?;
        self.news.tell(Topic::Changed);
        Ok(())
    }
}

/// What is looked for among tracks: of any channels.
fn kind(label: &TrackLabel) -> PlannedKind {
    PlannedKind::Audio {
        channels: 2,
        sample_rate: 48_000,
        label: label.clone(),
    }
}

/// A version of sound for an asset, to be planned.
///
/// # Errors
/// The asset is gone, or no version of it is sealed.
pub(in crate::catalogue) async fn begin(
    tx: &mut Tx,
    upload: &UploadRow,
    (asset, label): (&AssetId, &TrackLabel),
    attempts_max: u32,
) -> Result<VersionId, OriginError> {
    let base = Base::of(tx, asset).await?;
    let cut = cut(tx, &base.version).await?;
    let tracks = tracks(tx, &base.version).await?;
    let is_audio = |track: &PlannedTrack| matches!(track.kind, PlannedKind::Audio { .. });
    let added = AddedSound {
        label: TrackLabel {
            // The only sound plays without being asked for.
            default: label.default || !tracks.iter().any(is_audio),
            ..label.clone()
        },
        until_us: sound_until_us(tx, &base.version, &cut).await?,
        starts_us: cut.starts_us,
        end_us: cut.end_us,
    };
    let version: VersionId = id(&random::id())?;
    let created_at = now_ms();
    sqlx::query(
        "INSERT INTO versions (id, asset, state, source, source_len, settings, warnings, \
         created_at, addition) \
         SELECT $2, asset, $3, $4, $5, settings, '[]', $6, $7 FROM versions WHERE id = $1",
    )
    .bind(&base.version)
    .bind(version.as_str())
    .bind(ADDING)
    .bind(upload.blob().as_str())
    .bind(signed(upload.received_bytes)?)
    .bind(created_at)
    .bind(to_json(&added))
    .execute(&mut **tx)
    .await?;
    content_keys::share(tx, &base.version, version.as_str()).await?;
    let job = NewJob {
        version: version.as_str(),
        task: &Task::plan(),
        position: 0,
        version_at: created_at,
        run_at: now_ms(),
        toolchain: "",
        attempts_max,
    };
    job.insert(tx).await?;
    let what = format!("sound for {}", base.version);
    let done = SagaState::Done;
    saga::record(tx, version.as_str(), SagaStep::Upload, done, Some(&what)).await?;
    let started = SagaState::Started;
    saga::record(tx, version.as_str(), SagaStep::Plan, started, None).await?;
    Ok(version)
}

/// What a version adds to its asset; `None` where it is, or was, shown as that.
pub(in crate::catalogue) async fn of(
    tx: &mut AnyConnection,
    version: &str,
) -> Result<Option<AddedSound>, OriginError> {
    let row: Option<(Option<String>,)> =
        sqlx::query_as("SELECT addition FROM versions WHERE id = $1")
            .bind(version)
            .fetch_optional(tx)
            .await?;
    let addition = row.and_then(|(addition,)| addition);
    addition
        .map(|json| from_json(&json, "addition"))
        .transpose()
}

/// What of a plan can't be of added sound, in words for the worker's log.
pub(in crate::catalogue) fn fault(plan: &Plan, added: &AddedSound) -> Option<String> {
    let wanted = kind(&added.label);
    for planned in &plan.tracks {
        let name = &planned.track;
        if !is_like(&planned.kind, &wanted) || number(name.as_str()).is_none() {
            return Some(format!("{name} is not the sound that is to be added"));
        }
    }
    let other = plan.tasks.iter().find(|task| task.kind != TaskKind::Audio);
    if let Some(task) = other {
        return Some(format!("{} makes no sound", task.kind.as_str()));
    }
    (plan.tracks.len() > TRACKS_MAX).then(|| format!("a sound has {TRACKS_MAX} tracks at most"))
}

/// Of the name of an audio track, such as `a2-opus`: its number, and what follows.
fn number(name: &str) -> Option<(u32, &str)> {
    let rest = name.strip_prefix('a')?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    let (digits, suffix) = rest.split_at(end.unwrap_or(rest.len()));
    (suffix.is_empty() || suffix.starts_with('-')).then_some((digits.parse().ok()?, suffix))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn audio_tracks_are_numbered() {
        assert_eq!(number("a1"), Some((1, "")));
        assert_eq!(number("a12-opus"), Some((12, "-opus")));
        for name in ["v360", "a", "a1x", "ab", "a99999999999"] {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
