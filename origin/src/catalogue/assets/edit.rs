//! What operators change of an asset.

use serde_json::Value;
use sqlx::AnyConnection;
use wire::{Access, AssetDetails, AssetId, AssetStatus, Priority};

use super::{
    super::{Topic, Tx, from_json, to_json},
    Catalogue, OriginError,
};
use crate::details::Details;

/// Between the urgencies of two priorities: more than there are kinds of urgency.
const PRIORITY_STEP: i64 = 10;

/// Added to the urgency of a new job of version `$2`, whose asset's priority counts.
pub(in crate::catalogue) const URGENCY_OF_VERSION: &str = "(SELECT a.priority * 10 \
     FROM assets a JOIN versions v ON v.asset = a.id WHERE v.id = $2)";

/// As the catalogue has it: lower is sooner.
pub(in crate::catalogue) fn priority_number(priority: Priority) -> i64 {
    match priority {
        Priority::High => -1,
        Priority::Normal => 0,
        Priority::Low => 1,
    }
}

impl Catalogue {
    /// Changes an asset by a merge patch, if its revision is one of those `expected`. Gives
    /// it, and its revision.
    pub(crate) async fn edit_asset(
        &self,
        asset: &AssetId,
        expected: Option<&[i64]>,
        patch: &Value,
    ) -> Result<(AssetStatus, i64), OriginError> {
        let mut tx = self.db.begin().await?;
        let (now, revision) = details(&mut tx, asset).await?;
        if expected.is_some_and(|these| !these.contains(&revision)) {
            return Err(OriginError::Changed(format!(
                "{asset} was changed meanwhile: read it again, and change that"
            )));
        }
        let edited = now.patched(patch)?;
        let is_new = edited != now;
        if is_new {
            store(&mut tx, asset, &now, &edited).await?;
        }
        let status = super::told(&mut tx, asset).await?;
        tx.commit().await?;
        if is_new {
            self.news.tell(Topic::Changed);
        }
        Ok((status, revision + i64::from(is_new)))
    }
}

/// What can be changed of an asset, and its revision.
async fn details(tx: &mut AnyConnection, asset: &AssetId) -> Result<(Details, i64), OriginError> {
    let row: Option<(String, String, i64, String, i64)> = sqlx::query_as(
        "SELECT title, access, priority, metadata, revision FROM assets WHERE id = $1",
    )
    .bind(asset.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    let row = row.ok_or_else(|| OriginError::NotFound(format!("no asset {asset}")))?;
    let (title, access, priority, metadata, revision) = row;
    let details = from_columns(tx, asset.as_str(), (&access, priority, &metadata)).await?;
    Ok((Details::of(title, details), revision))
}

pub(super) async fn from_columns(
    tx: &mut AnyConnection,
    asset: &str,
    (access, priority, metadata): (&str, i64, &str),
) -> Result<AssetDetails, OriginError> {
    let tags: Vec<(String,)> = sqlx::query_as("SELECT tag FROM asset_tags WHERE asset = $1")
        .bind(asset)
        .fetch_all(tx)
        .await?;
    let mut tags: Vec<String> = tags.into_iter().map(|(tag,)| tag).collect();
    tags.sort();
    Ok(AssetDetails {
        access: match access {
            wire::access::PUBLIC => Access::Public,
            // Whatever it says: no more than a key opens.
            _ => Access::Keyed,
        },
        tags,
        priority: match priority {
            ..=-1 => Priority::High,
            0 => Priority::Normal,
            1.. => Priority::Low,
        },
        metadata: from_json(metadata, "metadata")?,
    })
}

async fn store(
    tx: &mut Tx,
    asset: &AssetId,
    before: &Details,
    edited: &Details,
) -> Result<(), OriginError> {
    sqlx::query(
        "UPDATE assets SET title = $2, access = $3, priority = $4, metadata = $5, \
         revision = revision + 1 WHERE id = $1",
    )
    .bind(asset.as_str())
    .bind(&edited.title)
    .bind(edited.access.as_str())
    .bind(priority_number(edited.priority))
    .bind(to_json(&edited.metadata))
    .execute(&mut **tx)
    .await?;
    if edited.tags != before.tags {
        sqlx::query("DELETE FROM asset_tags WHERE asset = $1")
            .bind(asset.as_str())
            .execute(&mut **tx)
            .await?;
        for tag in &edited.tags {
            sqlx::query("INSERT INTO asset_tags (asset, tag) VALUES ($1, $2)")
                .bind(asset.as_str())
                .bind(tag)
                .execute(&mut **tx)
                .await?;
        }
    }
    let sooner = priority_number(edited.priority) - priority_number(before.priority);
    if sooner == 0 {
        return Ok(());
    }
    // Those that are lent, too: they may come back.
    sqlx::query(
        "UPDATE jobs SET urgency = urgency + $2 WHERE state IN ('queued', 'leased') \
         AND version IN (SELECT id FROM versions WHERE asset = $1)",
    )
    .bind(asset.as_str())
    .bind(sooner * PRIORITY_STEP)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_is_meant_by_both() {
        let factor = format!("a.priority * {PRIORITY_STEP} ");
        assert!(URGENCY_OF_VERSION.contains(&factor));
    }
}
