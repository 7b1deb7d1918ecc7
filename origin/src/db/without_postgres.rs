//! What stands in PostgreSQL's place where it is left out.

use std::sync::Arc;

use sqlx::AnyPool;
use tokio::task::JoinSet;

use super::Database;
use crate::{DatabaseUrl, OriginError, catalogue::News};

pub(super) async fn open(_: &DatabaseUrl) -> Result<Database, OriginError> {
    Err(OriginError::Config(
        "this weir is built without PostgreSQL: leave out origin.database, or build it with \
         `--features postgres`"
            .into(),
    ))
}

pub(super) async fn exchange(
    _: &DatabaseUrl,
    _: &AnyPool,
    _: Arc<News>,
) -> Result<JoinSet<()>, OriginError> {
    Ok(JoinSet::new())
}
