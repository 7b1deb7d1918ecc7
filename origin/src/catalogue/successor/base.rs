//! The version that another takes the place of, and all of it that is copied.

use sqlx::AnyConnection;
use wire::{AssetId, AssetState};

use super::{OriginError, Tx, conflict};
use crate::{
    catalogue::{from_json, plans, to_json},
    clock::now_ms,
    db::Engine,
};

/// Tables that hold a version's rows, by their column `version`.
const COPIED: [&str; 4] = ["tracks", "segments", "files", "content_keys"];

/// Columns of a version's row that are its own, whatever it was made of.
const OWN: [&str; 5] = ["id", "created_at", "warnings", "retire_at", "addition"];

/// The version whose place another takes.
pub(super) struct Base {
    pub(super) version: String,
    created_at: i64,
    warnings: Vec<String>,
}

impl Base {
    /// The newest version of an asset, which must be sealed.
    pub(super) async fn of(tx: &mut AnyConnection, asset: &AssetId) -> Result<Self, OriginError> {
        let row: Option<(String, String, i64, String)> = sqlx::query_as(
            "SELECT id, state, created_at, warnings FROM versions \
             WHERE asset = $1 AND addition IS NULL ORDER BY created_at DESC LIMIT 1",
        )
        .bind(asset.as_str())
        .fetch_optional(tx)
        .await?;
        let (version, state, created_at, warnings) =
            row.ok_or_else(|| OriginError::NotFound(format!("no asset {asset}")))?;
        if state == AssetState::Failed.as_str() {
            return Err(conflict(
                "the asset has failed: nothing can be added".into(),
            ));
        }
        if state != AssetState::Ready.as_str() {
            return Err(OriginError::NotSealed(format!(
                "the asset is {state}: tracks can be added once it is ready"
            )));
        }
        Ok(Self {
            version,
            created_at,
            warnings: from_json(&warnings, "warnings")?,
        })
    }

    /// A version of its own with all that this one has but its jobs, which are done, and
    /// its steps.
    pub(super) async fn copy(
        &self,
        tx: &mut Tx,
        version: &str,
        warnings: &[String],
    ) -> Result<(), OriginError> {
        let columns = columns(tx, "versions", &OWN).await?;
        let sql = format!(
            "INSERT INTO versions (id, created_at, warnings, {columns}) \
             SELECT $2, $3, $4, {columns} FROM versions WHERE id = $1"
        );
        self.write(tx, sql, version, warnings).await?;
        self.copy_rows(tx, version).await
    }

    /// The same into a version that is there, beside what it has.
    pub(super) async fn copy_into(
        &self,
        tx: &mut Tx,
        version: &str,
        warnings: &[String],
    ) -> Result<(), OriginError> {
        let columns = columns(tx, "versions", &OWN).await?;
        let sql = format!(
            "UPDATE versions SET created_at = $3, warnings = $4, addition = NULL, \
             ({columns}) = (SELECT {columns} FROM versions WHERE id = $1) WHERE id = $2"
        );
        self.write(tx, sql, version, warnings).await?;
        self.copy_rows(tx, version).await
    }

    async fn write(
        &self,
        tx: &mut Tx,
        sql: String,
        version: &str,
        warnings: &[String],
    ) -> Result<(), OriginError> {
        let warnings = self.warnings.iter().chain(warnings).cloned();
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&self.version)
            .bind(version)
            // The newest is the one shown, whatever the clock does.
            .bind(now_ms().max(self.created_at + 1))
            .bind(to_json(&plans::distinct(warnings)))
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    async fn copy_rows(&self, tx: &mut Tx, version: &str) -> Result<(), OriginError> {
        for table in COPIED {
            let columns = columns(tx, table, &["version"]).await?;
            let sql = format!(
                "INSERT INTO {table} (version, {columns}) \
                 SELECT $2, {columns} FROM {table} WHERE version = $1"
            );
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(&self.version)
                .bind(version)
                .execute(&mut **tx)
                .await?;
        }
        // It may be megabytes: it goes with the one that stays.
        sqlx::query("UPDATE plans SET version = $2 WHERE version = $1")
            .bind(&self.version)
            .bind(version)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    pub(super) async fn retire(&self, tx: &mut Tx, at_ms: i64) -> Result<(), OriginError> {
        sqlx::query("UPDATE versions SET retire_at = $2 WHERE id = $1")
            .bind(&self.version)
            .bind(at_ms)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

/// Names of a table's columns but some, as SQL lists them: whatever a later schema adds is
/// copied too.
async fn columns(tx: &mut Tx, table: &str, but: &[&str]) -> Result<String, OriginError> {
    let names: Vec<(String,)> = sqlx::query_as(Engine::of(tx).columns_of_table())
        .bind(table)
        .fetch_all(&mut **tx)
        .await?;
    let names = names.into_iter().map(|(name,)| name);
    let kept: Vec<String> = names.filter(|name| !but.contains(&name.as_str())).collect();
    Ok(kept.join(", "))
}
