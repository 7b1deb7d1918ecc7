//! How far added sound is, in words for operators.

use sqlx::AnyConnection;
use wire::{AddedSound, Addition, AssetId, AssetState, Stage, TrackLabel, VersionId};

use super::{ADDING, Catalogue, OriginError};
use crate::catalogue::{ending, from_json, id, progress, saga};

impl Catalogue {
    /// What came of an upload of sound; `None` once its version was forgotten.
    pub(crate) async fn addition(
        &self,
        version: &VersionId,
        label: &TrackLabel,
    ) -> Result<Option<Addition>, OriginError> {
        let mut tx = self.db.snapshot().await?;
        let row: Option<Columns> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} FROM versions WHERE id = $1"
        )))
        .bind(version.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        match row {
            Some(row) => Ok(Some(addition(&mut tx, row, label).await?)),
            None => Ok(None),
        }
    }
}

/// Version, state, addition, failure, duration.
type Columns = (String, String, Option<String>, Option<String>, Option<f64>);

const COLUMNS: &str = "SELECT id, state, addition, failure, duration_secs";

/// What is being added to an asset, and what could not be, as it came.
pub(in crate::catalogue) async fn additions(
    tx: &mut AnyConnection,
    asset: &AssetId,
) -> Result<Vec<Addition>, OriginError> {
    let rows: Vec<Columns> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{COLUMNS} FROM versions WHERE asset = $1 AND addition IS NOT NULL \
         ORDER BY created_at, id"
    )))
    .bind(asset.as_str())
    .fetch_all(&mut *tx)
    .await?;
    let mut all = Vec::new();
    for row in rows {
        let added: AddedSound = from_json(row.2.as_deref().unwrap_or_default(), "addition")?;
        all.push(addition(tx, row, &added.label).await?);
    }
    Ok(all)
}

async fn addition(
    tx: &mut AnyConnection,
    (version, state, adds, failure, duration_secs): Columns,
    label: &TrackLabel,
) -> Result<Addition, OriginError> {
    let state = match adds {
        None => AssetState::Ready,
        Some(_) if state == ADDING => AssetState::Packaging,
        Some(_) => AssetState::Failed,
    };
    let (percent, stage) = match state {
        AssetState::Packaging => far(tx, &version, duration_secs).await?,
        AssetState::Failed => (0.0, None),
        _ => (100.0, None),
    };
    let id: VersionId = id(&version)?;
    Ok(Addition {
        label: label.clone(),
        state,
        percent,
        stage,
        // That of the asset is told with the asset.
        failure: failure.filter(|_| state == AssetState::Failed),
        warnings: ending::warnings(tx, &version).await?,
        steps: saga::entries(tx, &id).await?,
        version: id,
    })
}

async fn far(
    tx: &mut AnyConnection,
    version: &str,
    duration_secs: Option<f64>,
) -> Result<(f32, Option<Stage>), OriginError> {
    let tracks = progress::tracks(tx, version).await?;
    let running = progress::running(tx, version).await?;
    let overall = progress::overall(&tracks, &running, duration_secs);
    Ok((overall.percent, overall.stage))
}
