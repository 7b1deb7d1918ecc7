//! `SQLite` in a file: the embedded default.

use std::{path::Path, str::FromStr};

use sqlx::{
    AnyConnection, AnyPool, ConnectOptions, Connection,
    any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers},
    sqlite::SqliteConnectOptions,
};

use super::{Database, Engine, WAIT, run};
use crate::OriginError;

/// Readers at once. Chosen: more than the cores of a small machine.
const READERS: u32 = 4;

/// An upload that was answered must survive a power cut, hence the full sync.
const WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000";

const READER: &str = "PRAGMA query_only = ON; PRAGMA busy_timeout = 10000";

/// One connection writes: `SQLite` has one writer, and waiting for our own pool is fair where
/// its busy handler sleeps.
pub(super) async fn open(path: &Path) -> Result<Database, OriginError> {
    const { assert!(WAIT.as_secs() == 10, "as the pragmas say") };
    install_default_drivers();
    let options = SqliteConnectOptions::new().filename(path);
    let write = pool(options.clone().create_if_missing(true), 1, WRITER).await?;
    let read = pool(options, READERS, READER).await?;
    Ok(Database {
        write,
        read,
        engine: Engine::Sqlite,
    })
}

/// One connection to a file that is there.
pub(crate) async fn open_file(path: &Path, read_only: bool) -> Result<AnyConnection, OriginError> {
    install_default_drivers();
    let options = any(&SqliteConnectOptions::new()
        .filename(path)
        .read_only(read_only))?;
    let mut connection = AnyConnection::connect_with(&options).await?;
    run(&mut connection, "PRAGMA busy_timeout = 10000").await?;
    Ok(connection)
}

fn any(options: &SqliteConnectOptions) -> Result<AnyConnectOptions, OriginError> {
    Ok(AnyConnectOptions::from_str(
        options.to_url_lossy().as_str(),
    )?)
}

async fn pool(
    options: SqliteConnectOptions,
    connections: u32,
    setup: &'static str,
) -> Result<AnyPool, OriginError> {
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WAIT)
        .after_connect(move |connection, _| Box::pin(run(connection, setup)))
        .connect_with(any(&options)?)
        .await?;
    Ok(pool)
}
