//! Uploads, and the asset that a whole one becomes.

use wire::{AssetId, PackageSettings, SagaState, SagaStep, Task, TrackLabel, UploadId, VersionId};

use super::{
    Catalogue, OriginError, Tx, content_keys, from_json, id, plans::NewJob, saga, signed,
    successor::sound, to_json, unsigned,
};
use crate::{clock::now_ms, random};

/// A row of `uploads`.
#[derive(Debug, Clone)]
pub(crate) struct UploadRow {
    pub(crate) id: UploadId,
    pub(crate) title: String,
    pub(crate) metadata: String,
    pub(crate) length_bytes: u64,
    pub(crate) received_bytes: u64,
    pub(crate) asset: Option<AssetId>,
    pub(crate) expires_at_ms: i64,
    /// It is sound for an asset.
    pub(crate) adds: Option<Adds>,
    /// What it became.
    pub(crate) version: Option<VersionId>,
}

/// Sound for an asset that is there.
#[derive(Debug, Clone)]
pub(crate) struct Adds {
    pub(crate) asset: AssetId,
    pub(crate) label: TrackLabel,
}

const COLUMNS: &str = "SELECT id, title, metadata, length, received, asset, expires_at, adds_to, \
     addition, version FROM uploads";

type Columns = (
    String,
    String,
    String,
    i64,
    i64,
    Option<String>,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
);

impl UploadRow {
    fn from_columns(columns: Columns) -> Result<Self, OriginError> {
        let (upload, title, metadata, length, received, asset, expires_at_ms, to, label, version) =
            columns;
        let adds = to.zip(label).map(|(asset, label)| {
            let label = from_json(&label, "addition")?;
            let asset = id(&asset)?;
            Ok::<_, OriginError>(Adds { asset, label })
        });
        Ok(Self {
            id: id(&upload)?,
            title,
            metadata,
            length_bytes: unsigned(length)?,
            received_bytes: unsigned(received)?,
            asset: asset.as_deref().map(id).transpose()?,
            expires_at_ms,
            adds: adds.transpose()?,
            version: version.as_deref().map(id).transpose()?,
        })
    }

    /// Name of the blob that the upload grows into.
    pub(crate) fn blob(&self) -> store::BlobKey {
        source_blob(&self.id)
    }
}

/// Name of an upload's blob; later the source of its asset.
pub(crate) fn source_blob(upload: &UploadId) -> store::BlobKey {
    format!("sources/{upload}")
        .parse()
        .expect("an id is a good part of a key")
}

impl Catalogue {
    pub(crate) async fn create_upload(&self, upload: &UploadRow) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO uploads (id, title, metadata, length, received, asset, expires_at, \
             adds_to, addition) VALUES ($1, $2, $3, $4, 0, NULL, $5, $6, $7)",
        )
        .bind(upload.id.as_str())
        .bind(&upload.title)
        .bind(&upload.metadata)
        .bind(signed(upload.length_bytes)?)
        .bind(upload.expires_at_ms)
        .bind(upload.adds.as_ref().map(|adds| adds.asset.as_str()))
        .bind(upload.adds.as_ref().map(|adds| to_json(&adds.label)))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    pub(crate) async fn upload(&self, upload: &UploadId) -> Result<UploadRow, OriginError> {
        let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1"));
        let row: Option<Columns> = sqlx::query_as(sql)
            .bind(upload.as_str())
            .fetch_optional(&self.db.read)
            .await?;
        row.map(UploadRow::from_columns)
            .transpose()?
            .ok_or_else(|| OriginError::NotFound(format!("no upload {upload}, or it expired")))
    }

    /// Bytes up to `received_bytes` are safe on disk.
    pub(crate) async fn upload_received(
        &self,
        upload: &UploadId,
        received_bytes: u64,
        expires_at_ms: i64,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query("UPDATE uploads SET received = $2, expires_at = $3 WHERE id = $1")
            .bind(upload.as_str())
            .bind(signed(received_bytes)?)
            .bind(expires_at_ms)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The upload is whole: in one transaction it becomes an asset with a version and a
    /// job, or a version of the asset that it is for. Asked again, gives the same asset.
    pub(crate) async fn finish_upload(
        &self,
        upload: &UploadRow,
        settings: &PackageSettings,
    ) -> Result<AssetId, OriginError> {
        let mut tx = self.db.begin().await?;
        let (asset,): (Option<String>,) = sqlx::query_as("SELECT asset FROM uploads WHERE id = $1")
            .bind(upload.id.as_str())
            .fetch_one(&mut *tx)
            .await?;
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
        sqlx::query("UPDATE uploads SET received = length, asset = $2, version = $3 WHERE id = $1")
            .bind(upload.id.as_str())
            .bind(asset.as_str())
            .bind(version.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.job_queued.notify_waiters();
        self.changed.notify_waiters();
        Ok(asset)
    }

    /// Forgets an upload that has not become an asset and, at `now_ms`, has expired; true
    /// if there was one.
    pub(crate) async fn drop_upload(
        &self,
        upload: &UploadId,
        now_ms: i64,
    ) -> Result<bool, OriginError> {
        let mut tx = self.db.begin().await?;
        let dropped =
            sqlx::query("DELETE FROM uploads WHERE id = $1 AND asset IS NULL AND expires_at < $2")
                .bind(upload.as_str())
                .bind(now_ms)
                .execute(&mut *tx)
                .await?;
        tx.commit().await?;
        Ok(dropped.rows_affected() > 0)
    }

    /// Forgets uploads that became assets long ago; the assets stay.
    pub(crate) async fn forget_finished_uploads(&self) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query("DELETE FROM uploads WHERE asset IS NOT NULL AND expires_at < $1")
            .bind(now_ms())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Uploads without news for too long, that have not become assets.
    pub(crate) async fn expired_uploads(&self) -> Result<Vec<UploadRow>, OriginError> {
        let due = "WHERE asset IS NULL AND expires_at < $1 LIMIT 100";
        let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} {due}"));
        let rows: Vec<Columns> = sqlx::query_as(sql)
            .bind(now_ms())
            .fetch_all(&self.db.read)
            .await?;
        rows.into_iter().map(UploadRow::from_columns).collect()
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
    sqlx::query("INSERT INTO assets (id, title, access, created_at) VALUES ($1, $2, $3, $4)")
        .bind(asset.as_str())
        .bind(&upload.title)
        .bind(wire::access::KEYED)
        .bind(now_ms())
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
    .bind(signed(upload.length_bytes)?)
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
    Ok((asset, version))
}
