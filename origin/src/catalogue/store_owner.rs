//! By what name a bucket knows this catalogue, whichever of its origins asks.

use super::{Catalogue, OriginError};

impl Catalogue {
    /// The name; `first` from the first time on.
    pub(crate) async fn store_owner(&self, first: &str) -> Result<String, OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO store_owner (row_number, name) VALUES (1, $1) \
             ON CONFLICT (row_number) DO NOTHING",
        )
        .bind(first)
        .execute(&mut *tx)
        .await?;
        let (name,): (String,) =
            sqlx::query_as("SELECT name FROM store_owner WHERE row_number = 1")
                .fetch_one(&mut *tx)
                .await?;
        tx.commit().await?;
        Ok(name)
    }
}
