//! The catalogue's database, `SQLite` in a file or PostgreSQL: opening, and its two pools.
//!
//! Both run the same SQL but for what [`Engine`] says, and have one writer at a time, so
//! that what holds on one holds on the other.

#[cfg_attr(not(feature = "postgres"), path = "without_postgres.rs")]
mod postgres;
mod schema;
mod sqlite;

use std::{sync::Arc, time::Duration};

use sqlx::{Any, AnyConnection, AnyPool, Transaction};
use tokio::task::JoinSet;

use crate::{Config, OriginError, catalogue::News};

pub(crate) use schema::expect_current;
pub(crate) use sqlite::open_file;

/// Longest wait for a connection or for another process's lock.
pub(crate) const WAIT: Duration = Duration::from_secs(10);

pub(crate) type Tx = Transaction<'static, Any>;

/// Where their SQL differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Few connections write, several read.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    write: AnyPool,
    pub(crate) read: AnyPool,
    pub(crate) engine: Engine,
}

impl Database {
    /// Opens what the settings name, and brings its schema up to this weir's.
    pub(crate) async fn open(config: &Config) -> Result<Self, OriginError> {
        let database = if config.database.is_empty() {
            sqlite::open(&config.data_dir.join("catalogue.db")).await?
        } else {
            postgres::open(&config.database).await?
        };
        let engine = database.engine;
        let first = engine.patiently().into_iter().chain(engine.one_writes());
        let mut tx = begin_with(&database.write, engine.begin(), first).await?;
        schema::migrate(&mut tx, database.engine).await?;
        tx.commit().await?;
        Ok(database)
    }

    /// Starts a transaction that may write. Nobody else's runs until it ends, whichever
    /// process they are in: none ever fails for another's sake, and offsets are given in the
    /// order of commits.
    pub(crate) async fn begin(&self) -> Result<Tx, OriginError> {
        begin_with(&self.write, self.engine.begin(), self.engine.one_writes()).await
    }

    /// Starts a transaction that sees the database as it is now, whatever others write.
    pub(crate) async fn snapshot(&self) -> Result<Tx, OriginError> {
        begin_with(&self.read, self.engine.begin_snapshot(), None).await
    }

    /// Exchanges news with the other origins that have the same database.
    pub(crate) async fn share(
        &self,
        config: &Config,
        news: &Arc<News>,
    ) -> Result<JoinSet<()>, OriginError> {
        match self.engine {
            Engine::Sqlite => Ok(JoinSet::new()),
            Engine::Postgres => {
                postgres::exchange(&config.database, &self.read, news.clone()).await
            }
        }
    }

    pub(crate) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// Of two processes that write to one schema at once, the second waits. The first number is
/// chosen: "weir" in ASCII.
const ONE_WRITES: &str = "SELECT pg_advisory_xact_lock(2003134834, hashtext(current_schema()))";

/// However long that takes.
const PATIENTLY: &str = "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0";

/// Starts a transaction, also where nobody waits for it any more: a BEGIN that is broken off in
/// the middle would leave its connection in a transaction that the pool knows nothing of.
async fn begin_with(
    pool: &AnyPool,
    begin: &'static str,
    first: impl IntoIterator<Item = &'static str, IntoIter: Send> + Send + 'static,
) -> Result<Tx, OriginError> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move {
        let mut tx = pool.begin_with(begin).await?;
        for sql in first {
            run(&mut tx, sql).await?;
        }
        Ok(tx)
    });
    let begun: Result<Tx, sqlx::Error> = beginning
        .await
        .map_err(|error| OriginError::Damaged(error.to_string()))?;
    Ok(begun?)
}

impl Engine {
    pub(crate) fn of(connection: &AnyConnection) -> Self {
        match connection.backend_name() {
            "PostgreSQL" => Self::Postgres,
            _ => Self::Sqlite,
        }
    }

    fn begin(self) -> &'static str {
        match self {
            // At once: an upgrade in the middle fails without waiting (`SQLITE_BUSY_SNAPSHOT`).
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    fn one_writes(self) -> Option<&'static str> {
        (self == Self::Postgres).then_some(ONE_WRITES)
    }

    fn patiently(self) -> Option<&'static str> {
        (self == Self::Postgres).then_some(PATIENTLY)
    }

    fn begin_snapshot(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// The names of the columns of table `$1`, in order.
    pub(crate) fn columns_of_table(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT name FROM pragma_table_info($1) ORDER BY cid",
            Self::Postgres => {
                "SELECT CAST(column_name AS TEXT) FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = $1 \
                 ORDER BY ordinal_position"
            }
        }
    }

    /// The newest number that any row of `warming` ever had.
    pub(crate) fn newest_warming(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'warming'"
            }
            Self::Postgres => {
                "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM warming_number_seq"
            }
        }
    }
}

/// The database can't be reached, or is too busy: the same may go well soon.
pub(crate) fn passes(error: &sqlx::Error) -> bool {
    use sqlx::Error::{BeginFailed, Database, Io, PoolTimedOut, Tls, WorkerCrashed};
    match error {
        PoolTimedOut | Io(_) | Tls(_) | BeginFailed | WorkerCrashed => true,
        // SQLSTATE: connections, resources, what an operator does, locks and waiting too
        // long; of SQLite, SQLITE_BUSY.
        Database(error) => error.code().is_some_and(|code| {
            let classes = ["08", "53", "57", "40", "55", "25P0"];
            classes
                .iter()
                .any(|class| code.len() == 5 && code.starts_with(class))
                || code == "5"
        }),
        _ => false,
    }
}

/// PostgreSQL keeps no U+0000 in a text (SQLSTATE 22021).
pub(crate) fn is_refused_text(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(|error| error.code().as_deref() == Some("22021"))
}

/// Runs what has no answer.
async fn run(connection: &mut AnyConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(connection).await.map(drop)
}

#[cfg(test)]
mod tests;
