//! What a whole upload becomes.

use wire::{AssetId, EventKind, PackageSettings, SagaState, SagaStep, Task, UploadId, VersionId};

use super::{Adds, Catalogue, OriginError, Tx, UploadRow, id, signed, to_json};
use crate::{
    catalogue::{
        Topic,
        assets::priority_number,
        audit, content_keys,
        errands::{fetches, outbox},
        plans::NewJob,
        saga,
        successor::sound,
    },
    clock::now_ms,
    random,
};

impl Catalogue {
    /// The upload is whole: in one transaction it becomes an asset with a version and a
    /// job, or a version of the asset that it is for; the `parts` it was made of are forgotten.
    /// Asked again, gives the same asset.
    pub(crate) async fn finish_upload(
        &self,
        upload: &UploadRow,
        parts: &[UploadId],
        settings: &PackageSettings,
    ) -> Result<AssetId, OriginError> {
        let mut tx = self.db.begin().await?;
        let row: Option<(Option<String>,)> =
            sqlx::query_as("SELECT asset FROM uploads WHERE id = $1")
                .bind(upload.id.as_str())
                .fetch_optional(&mut *tx)
                .await?;
        let gone = || OriginError::NotFound(format!("no upload {}", upload.id));
        let (asset,) = row.ok_or_else(gone)?;
        if let Some(asset) = asset {
            return id(&asset);
        }
        let attempts_max = self.rules.attempts_max;
        let (asset, version) = match &upload.adds {
            None => queue_asset(&mut tx, upload, settings, attempts_max).await?,
            Some(Adds { asset, label }) => {
                let adds = (asset, label);
                let version = sound::begin(&mut tx, upload, adds, attempts_max).await?;
                (asset.clone(), version)
            }
        };
        sqlx::query(
            "UPDATE uploads SET received = $2, length = $2, deferred = 0, asset = $3, \
             version = $4, expires_at = $5 WHERE id = $1",
        )
        .bind(upload.id.as_str())
        .bind(signed(upload.received_bytes)?)
        .bind(asset.as_str())
        .bind(version.as_str())
        .bind(upload.expires_at_ms)
        .execute(&mut *tx)
        .await?;
        let target = format!("upload {}, asset {asset}", upload.id);
        audit::record(&mut tx, "uploaded", &target).await?;
        fetches::became(&mut tx, &upload.id, &asset).await?;
        for part in parts {
            sqlx::query("DELETE FROM uploads WHERE id = $1")
                .bind(part.as_str())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        self.news.tell(Topic::Jobs);
        self.news.tell(Topic::Changed);
        Ok(asset)
    }
}

/// An asset with one version, to be planned.
async fn queue_asset(
    tx: &mut Tx,
    upload: &UploadRow,
    settings: &PackageSettings,
    attempts_max: u32,
) -> Result<(AssetId, VersionId), OriginError> {
    let asset: AssetId = id(&random::id())?;
    sqlx::query(
        "INSERT INTO assets (id, title, access, created_at, priority) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(asset.as_str())
    .bind(&upload.title)
    .bind(wire::access::KEYED)
    .bind(now_ms())
    .bind(priority_number(upload.priority().unwrap_or_default()))
    .execute(&mut **tx)
    .await?;
    let version: VersionId = id(&random::id())?;
    let created_at = now_ms();
    sqlx::query(
        "INSERT INTO versions (id, asset, state, source, source_len, settings, warnings, \
         created_at) VALUES ($1, $2, 'packaging', $3, $4, $5, '[]', $6)",
    )
    .bind(version.as_str())
    .bind(asset.as_str())
    .bind(upload.blob().as_str())
    .bind(signed(upload.received_bytes)?)
    .bind(to_json(settings))
    .bind(created_at)
    .execute(&mut **tx)
    .await?;
    content_keys::make(tx, version.as_str(), settings).await?;
    let job = NewJob {
        version: version.as_str(),
        task: &Task::plan(),
        position: 0,
        version_at: created_at,
        toolchain: "",
        attempts_max,
        run_at: now_ms(),
    };
    job.insert(tx).await?;
    let (done, started) = (SagaState::Done, SagaState::Started);
    saga::record(tx, version.as_str(), SagaStep::Upload, done, None).await?;
    saga::record(tx, version.as_str(), SagaStep::Plan, started, None).await?;
    outbox::of_version(tx, EventKind::Created, version.as_str(), None).await?;
    Ok((asset, version))
}
