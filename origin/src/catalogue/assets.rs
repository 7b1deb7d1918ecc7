//! Assets: their state, and what of them may be shown.

mod edit;
mod list;
mod tracks;

use sqlx::AnyConnection;
use wire::{AssetId, AssetProgress, AssetState, AssetStatus, Progress, VersionId};

use super::{
    Catalogue, OriginError, analysis, from_json, id, passes,
    progress::{self, Overall},
    saga,
    successor::sound,
};

pub(in crate::catalogue) use edit::{URGENCY_OF_VERSION, priority_number};
pub(crate) use list::AssetQuery;

/// What delivery must know of an asset before it answers.
#[derive(Debug)]
pub(crate) struct Shown {
    /// `public` or `keyed`.
    pub(crate) access: String,
    pub(crate) version: VersionId,
    pub(crate) state: AssetState,
    pub(crate) failure: Option<String>,
}

/// Of each asset its newest version.
const STATUS: &str = "SELECT a.id, a.title, a.created_at, v.id, v.state, v.duration_secs, \
     v.failure, v.warnings, a.access, a.priority, a.metadata FROM assets a JOIN versions v ON v.id = \
     (SELECT id FROM versions WHERE asset = a.id AND addition IS NULL ORDER BY created_at DESC LIMIT 1)";

type StatusColumns = (
    String,
    String,
    i64,
    String,
    String,
    Option<f64>,
    Option<String>,
    String,
    String,
    i64,
    String,
);

impl Catalogue {
    /// Who may read the asset, and its newest version.
    pub(crate) async fn shown(&self, asset: &AssetId) -> Result<Option<Shown>, OriginError> {
        let row: Option<(String, String, String, Option<String>)> = sqlx::query_as(
            "SELECT a.access, v.id, v.state, v.failure \
             FROM assets a JOIN versions v ON v.asset = a.id \
             WHERE a.id = $1 AND v.addition IS NULL ORDER BY v.created_at DESC LIMIT 1",
        )
        .bind(asset.as_str())
        .fetch_optional(&self.db.read)
        .await?;
        row.map(|(access, version, state, failure)| {
            Ok(Shown {
                access,
                version: id(&version)?,
                state: asset_state(&state)?,
                failure,
            })
        })
        .transpose()
    }

    /// The asset's newest version: how far it is, and by which steps.
    pub(crate) async fn asset(&self, asset: &AssetId) -> Result<AssetStatus, OriginError> {
        told(&mut *self.db.snapshot().await?, asset).await
    }

    /// What the asset's ETag is of: it grows with each edit.
    pub(crate) async fn revision(&self, asset: &AssetId) -> Result<i64, OriginError> {
        let row: Option<(i64,)> = sqlx::query_as("SELECT revision FROM assets WHERE id = $1")
            .bind(asset.as_str())
            .fetch_optional(&self.db.read)
            .await?;
        let none = || OriginError::NotFound(format!("no asset {asset}"));
        row.map(|(revision,)| revision).ok_or_else(none)
    }

    /// How far the asset is.
    pub(crate) async fn progress(&self, asset: &AssetId) -> Result<AssetProgress, OriginError> {
        Ok(self.watched(asset).await?.1)
    }

    /// What viewers see of the asset beside its pictures: its title, and how far it is. Once it
    /// is playable this reads all of its segments: callers bound how often they ask.
    pub(crate) async fn watched(
        &self,
        asset: &AssetId,
    ) -> Result<(String, AssetProgress), OriginError> {
        let status = status_of(&mut *self.db.snapshot().await?, asset).await?;
        let renditions = match status.state {
            AssetState::Playable | AssetState::Ready => {
                let presentation = self.presentation(&status.version).await?;
                let video = presentation.listing().video;
                let names = video.iter().map(|shown| id(&shown.track.name));
                names.collect::<Result<_, _>>()?
            }
            AssetState::Packaging | AssetState::Failed => Vec::new(),
        };
        let progress = AssetProgress {
            state: status.state,
            percent: status.percent,
            stage: status.progress.map(|progress| progress.stage),
            speed: status.speed,
            eta_secs: status.eta_secs,
            renditions,
            duration_secs: status.duration_secs,
            additions: status.additions,
        };
        Ok((status.title, progress))
    }
}

/// The asset's newest version, with what is told to operators alone.
async fn told(tx: &mut AnyConnection, asset: &AssetId) -> Result<AssetStatus, OriginError> {
    let mut status = status_of(tx, asset).await?;
    status.steps = saga::entries(tx, &status.version).await?;
    status.analysis = analysis::of(tx, status.version.as_str()).await?;
    Ok(status)
}

/// The asset's newest version, without what is told to operators alone: steps and analysis.
async fn status_of(tx: &mut AnyConnection, asset: &AssetId) -> Result<AssetStatus, OriginError> {
    let sql = sqlx::AssertSqlSafe(format!("{STATUS} WHERE a.id = $1"));
    let row: Option<StatusColumns> = sqlx::query_as(sql)
        .bind(asset.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    let row = row.ok_or_else(|| OriginError::NotFound(format!("no asset {asset}")))?;
    let mut status = status(tx, row).await?;
    status.additions = sound::additions(tx, asset).await?;
    Ok(status)
}

async fn status(
    tx: &mut AnyConnection,
    columns: StatusColumns,
) -> Result<AssetStatus, OriginError> {
    let (asset, title, created_at_ms, version, state, duration_secs, failure, warnings, ..) =
        &columns;
    let (.., access, priority, metadata) = &columns;
    let details = edit::from_columns(tx, asset, (access, *priority, metadata)).await?;
    let state = asset_state(state)?;
    let duration_secs = *duration_secs;
    let overall = match state {
        AssetState::Packaging | AssetState::Playable => {
            let tracks = progress::tracks(tx, version).await?;
            let running = progress::running(tx, version).await?;
            let measured = passes::share(tx, version).await?;
            let overall = progress::overall(&tracks, &running, duration_secs);
            match measured {
                Some(share) => overall.behind(share),
                None => overall,
            }
        }
        AssetState::Ready => Overall {
            percent: 100.0,
            ..Overall::default()
        },
        AssetState::Failed => Overall::default(),
    };
    Ok(AssetStatus {
        asset: id(asset)?,
        title: title.clone(),
        details,
        version: id(version)?,
        state,
        progress: overall.stage.map(|stage| Progress {
            stage,
            percent: overall.percent,
            speed: overall.speed,
        }),
        duration_secs,
        failure: failure.clone(),
        warnings: from_json(warnings, "warnings")?,
        created_at_ms: *created_at_ms,
        percent: overall.percent,
        speed: overall.speed,
        eta_secs: overall.eta_secs,
        steps: Vec::new(),
        analysis: None,
        additions: Vec::new(),
    })
}

fn asset_state(text: &str) -> Result<AssetState, OriginError> {
    [
        AssetState::Packaging,
        AssetState::Playable,
        AssetState::Ready,
        AssetState::Failed,
    ]
    .into_iter()
    .find(|state| state.as_str() == text)
    .ok_or_else(|| OriginError::Damaged(format!("state {text}")))
}
