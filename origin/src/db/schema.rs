//! Schemas, and how a catalogue gets from one to the next.

use sqlx::AnyConnection;

use super::{Engine, Tx, run};
use crate::OriginError;

/// The first schemas of `SQLite`, in order: the first is version 1.
const OF_SQLITE: &[&str] = &[
    include_str!("../../schema/1.sql"),
    include_str!("../../schema/2.sql"),
    include_str!("../../schema/3.sql"),
    include_str!("../../schema/4.sql"),
    include_str!("../../schema/5.sql"),
    include_str!("../../schema/6.sql"),
];

/// What these come to, for PostgreSQL.
const OF_POSTGRES: &str = include_str!("../../schema/postgres.sql");

/// The schemas that follow, for both.
const OF_BOTH: &[&str] = &[
    include_str!("../../schema/7.sql"),
    include_str!("../../schema/8.sql"),
    include_str!("../../schema/9.sql"),
    include_str!("../../schema/10.sql"),
];

/// The schema of this weir.
const KNOWN: i64 = (OF_SQLITE.len() + OF_BOTH.len()) as i64;

/// Brings a catalogue up to this weir's schema.
pub(super) async fn migrate(tx: &mut Tx, engine: Engine) -> Result<(), OriginError> {
    run(
        tx,
        "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)",
    )
    .await?;
    let found = version(tx).await?;
    if found > KNOWN {
        return Err(OriginError::NewerSchema {
            found,
            known: KNOWN,
        });
    }
    if found == KNOWN {
        return Ok(());
    }
    let found = usize::try_from(found).map_err(|_| OriginError::Damaged("schema < 0".into()))?;
    for schema in behind(engine, found) {
        run(tx, schema).await?;
    }
    run(tx, "DELETE FROM schema_version").await?;
    sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
        .bind(KNOWN)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The schemas behind a version.
fn behind(engine: Engine, found: usize) -> Vec<&'static str> {
    let first = OF_SQLITE.len();
    let mut schemas = match engine {
        Engine::Postgres if found == 0 => vec![OF_POSTGRES],
        Engine::Postgres => Vec::new(),
        Engine::Sqlite => OF_SQLITE.iter().skip(found).copied().collect(),
    };
    schemas.extend(OF_BOTH.iter().skip(found.saturating_sub(first)));
    schemas
}

async fn version(connection: &mut AnyConnection) -> Result<i64, OriginError> {
    let (found,): (i64,) = sqlx::query_as("SELECT coalesce(max(version), 0) FROM schema_version")
        .fetch_one(connection)
        .await?;
    Ok(found)
}

/// Refuses a catalogue that is not of this schema.
pub(crate) async fn expect_current(catalogue: &mut AnyConnection) -> Result<(), OriginError> {
    match version(catalogue).await? {
        found if found > KNOWN => Err(OriginError::NewerSchema {
            found,
            known: KNOWN,
        }),
        found if found < KNOWN => Err(OriginError::Backup(format!(
            "the catalogue has schema {found}, and this weir has {KNOWN}: start its origin once \
             with this weir, or use the weir that it runs with"
        ))),
        _ => Ok(()),
    }
}
