//! What the catalogue says of blobs, for whoever checks the store.

use std::collections::HashMap;

use store::BlobKey;

use super::{Catalogue, OriginError, blob_key, unsigned};

/// Everything that names a blob, and its length, bytes. Uploads that are no assets yet have no
/// length.
const NAMED: &str = "SELECT blob, len FROM segments \
     UNION SELECT init_blob, init_len FROM tracks WHERE init_blob IS NOT NULL \
     UNION SELECT blob, len FROM files \
     UNION SELECT blob, len FROM passes WHERE blob IS NOT NULL \
     UNION SELECT source, source_len FROM versions WHERE source <> ''";

/// Assets whose versions name blob `$1`.
const ASSETS: &str = "SELECT DISTINCT asset FROM versions WHERE source = $1 OR id IN \
     (SELECT version FROM segments WHERE blob = $1 \
      UNION SELECT version FROM tracks WHERE init_blob = $1 \
      UNION SELECT version FROM files WHERE blob = $1 \
      UNION SELECT version FROM passes WHERE blob = $1)";

impl Catalogue {
    /// All blobs that versions name, and the length of each, bytes.
    pub(crate) async fn named_blobs(&self) -> Result<HashMap<BlobKey, u64>, OriginError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(NAMED).fetch_all(&self.db.read).await?;
        rows.into_iter()
            .map(|(blob, len)| Ok((blob_key(&blob)?, unsigned(len)?)))
            .collect()
    }

    /// Assets that a blob is a part of.
    pub(crate) async fn assets_of_blob(&self, blob: &BlobKey) -> Result<Vec<String>, OriginError> {
        let rows: Vec<(String,)> = sqlx::query_as(ASSETS)
            .bind(blob.as_str())
            .fetch_all(&self.db.read)
            .await?;
        Ok(rows.into_iter().map(|(asset,)| asset).collect())
    }
}
