//! PostgreSQL: one catalogue of many origins.

mod hints;

use std::str::FromStr;

use sqlx::{
    AnyPool,
    any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers},
};

use super::{Database, Engine, WAIT, run};
use crate::{DatabaseUrl, OriginError};

pub(super) use hints::exchange;

/// One writes while what another wrote goes to disk.
const WRITERS: u32 = 2;

/// Readers at once. Chosen: a server allows 100 connections as it comes, and origins are few.
const READERS: u32 = 8;

/// What an origin holds that stopped in the middle, others get after so long.
const SETUP: &str = "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'; \
    SET statement_timeout = '30s'; SET client_min_messages = warning";

pub(super) async fn open(url: &DatabaseUrl) -> Result<Database, OriginError> {
    const { assert!(WAIT.as_secs() == 10, "as the settings say") };
    install_default_drivers();
    Ok(Database {
        write: pool(url, WRITERS).await?,
        read: pool(url, READERS).await?,
        engine: Engine::Postgres,
    })
}

async fn pool(url: &DatabaseUrl, connections: u32) -> Result<AnyPool, OriginError> {
    let options = AnyConnectOptions::from_str(url.as_str())?;
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WAIT)
        .after_connect(|connection, _| Box::pin(run(connection, SETUP)))
        .connect_with(options)
        .await?;
    Ok(pool)
}
