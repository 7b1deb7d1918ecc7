//! Assets: their state, and what of them may be shown.

use wire::{AssetId, AssetState, AssetStatus, Stage, VersionId};

use super::{Catalogue, OriginError, from_json, id};

/// What delivery must know of an asset before it answers.
#[derive(Debug)]
pub(crate) struct Shown {
    /// `public` or `keyed`.
    pub(crate) access: String,
    pub(crate) version: VersionId,
    pub(crate) state: AssetState,
    pub(crate) failure: Option<String>,
}

/// Most assets that one listing names. Chosen; paging comes with search.
const LIST_MAX: i64 = 1000;

const STATUS: &str = "SELECT a.id, a.title, a.created_at, v.id, v.state, v.plan, v.failure, \
     v.warnings, j.progress, j.state \
     FROM assets a JOIN versions v ON v.asset = a.id LEFT JOIN jobs j ON j.version = v.id";

type StatusColumns = (
    String,
    String,
    i64,
    String,
    String,
    Option<String>,
    Option<String>,
    String,
    Option<String>,
    Option<String>,
);

impl Catalogue {
    /// Who may read the asset, and its newest version.
    pub(crate) async fn shown(&self, asset: &AssetId) -> Result<Option<Shown>, OriginError> {
        let row: Option<(String, String, String, Option<String>)> = sqlx::query_as(
            "SELECT a.access, v.id, v.state, v.failure \
             FROM assets a JOIN versions v ON v.asset = a.id \
             WHERE a.id = $1 ORDER BY v.created_at DESC LIMIT 1",
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

    pub(crate) async fn asset(&self, asset: &AssetId) -> Result<AssetStatus, OriginError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "{STATUS} WHERE a.id = $1 ORDER BY v.created_at DESC LIMIT 1"
        ));
        let row: Option<StatusColumns> = sqlx::query_as(sql)
            .bind(asset.as_str())
            .fetch_optional(&self.db.read)
            .await?;
        row.map(status)
            .transpose()?
            .ok_or_else(|| OriginError::NotFound(format!("no asset {asset}")))
    }

    /// All assets, newest first.
    pub(crate) async fn assets(&self) -> Result<Vec<AssetStatus>, OriginError> {
        let sql = sqlx::AssertSqlSafe(format!("{STATUS} ORDER BY a.created_at DESC LIMIT $1"));
        let rows: Vec<StatusColumns> = sqlx::query_as(sql)
            .bind(LIST_MAX)
            .fetch_all(&self.db.read)
            .await?;
        rows.into_iter().map(status).collect()
    }
}

fn status(columns: StatusColumns) -> Result<AssetStatus, OriginError> {
    let (asset, title, created_at_ms, version, state, plan, failure, warnings, progress, job) =
        columns;
    let plan: Option<wire::Plan> = plan
        .as_deref()
        .map(|plan| from_json(plan, "plan"))
        .transpose()?;
    let mut progress = progress
        .as_deref()
        .map(|json| from_json(json, "progress"))
        .transpose()?;
    if job.as_deref() == Some("queued") {
        progress = Some(wire::Progress {
            stage: Stage::Queued,
            percent: 0.0,
            speed: None,
        });
    }
    Ok(AssetStatus {
        asset: id(&asset)?,
        title,
        version: id(&version)?,
        state: asset_state(&state)?,
        progress,
        duration_secs: plan.map(|plan| plan.duration_secs),
        failure,
        warnings: from_json(&warnings, "warnings")?,
        created_at_ms,
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
