//! Opening a database: pools, pragmas read back.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor, PgPool, SqlitePool};

use super::StoreError;

/// The first SQLite release without the fault that can corrupt a write-ahead log under two connections.
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];
/// What `PRAGMA synchronous` answers where each commit waits for the disk.
const FULL: i64 = 2;
/// How many connections read at once on SQLite, and work at once on PostgreSQL.
const CONNECTIONS: u32 = 16;
/// How long a request waits for a connection before it is told that the database is away.
const PATIENCE: Duration = Duration::from_secs(3);

/// One of the two databases that Postern runs on.
#[derive(Clone, Debug)]
pub enum Db {
    /// One file; one connection writes, several read.
    Sqlite {
        /// For [`Db::read`].
        readers: SqlitePool,
        /// For [`Db::write`]: exactly one connection, so that writers queue instead of colliding.
        writer: SqlitePool,
    },
    /// A PostgreSQL server.
    Postgres(PgPool),
}

impl Db {
    /// Opens the database named by `url` (`sqlite:PATH` or `postgres://…`), brings its schema up to date and checks
    /// that its settings are what durability rests on.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] where the URL, the version or a setting does not fit; [`StoreError::Unavailable`] where
    /// the server is away.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let db = Self::connect(url).await?;
        db.migrate().await?;
        Ok(db)
    }

    /// As [`Db::open`], and leaves the schema as it is.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            open_sqlite(url).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            open_postgres(url).await
        } else {
            let scheme = url.split(':').next().unwrap_or_default();
            Err(StoreError::Unfit(format!(
                "database URL starts with {scheme:?}; use sqlite:PATH or postgres://USER@HOST/NAME"
            )))
        }
    }

    /// Whether a query runs, for `readyz`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { readers, .. } => readers.execute("SELECT 1").await.map(|_| ())?,
            Self::Postgres(pool) => pool.execute("SELECT 1").await.map(|_| ())?,
        }
        Ok(())
    }

    /// Closes all connections; work that runs is finished first.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// The word for this kind of database in messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

async fn open_sqlite(url: &str) -> Result<Db, StoreError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| StoreError::Unfit(format!("database URL {url:?} is not usable: {error}")))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // With NORMAL, a commit that was answered may be gone after a loss of power.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .row_buffer_size(256);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .connect_with(options.clone())
        .await?;
    check_sqlite(&writer).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .connect_with(options.read_only(true))
        .await?;
    Ok(Db::Sqlite { readers, writer })
}

/// Reads back what durability rests on: a pragma that was not taken is otherwise silent.
async fn check_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await?;
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = [parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0)];
    if found < OLDEST_SQLITE {
        let [major, minor, patch] = OLDEST_SQLITE;
        return Err(StoreError::Unfit(format!(
            "SQLite {version} is too old: {major}.{minor}.{patch} or newer is needed"
        )));
    }
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await?;
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(pool).await?;
    let foreign_keys: i64 = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(pool).await?;
    if journal != "wal" || synchronous != FULL || foreign_keys != 1 {
        return Err(StoreError::Unfit(format!(
            "SQLite did not take its settings: journal_mode={journal}, synchronous={synchronous}, foreign_keys={foreign_keys}; \
             put the database on a local file system"
        )));
    }
    Ok(())
}

async fn open_postgres(url: &str) -> Result<Db, StoreError> {
    let options = PgConnectOptions::from_str(url)
        // The URL may hold a password, so the message does not repeat it.
        .map_err(|error| StoreError::Unfit(format!("the PostgreSQL URL is not usable: {error}")))?
        .application_name("postern")
        // The hook below rolls back where nothing is open, too, which the server would warn about each time.
        .options([("client_min_messages", "error")]);
    let pool = postgres_pool_options().connect_with(options).await?;
    Ok(Db::Postgres(pool))
}

/// The pool's settings, with the hook on which no acknowledged write being lost depends.
///
/// `begin()` of sqlx 0.9.0, polled and dropped, leaves its connection inside a transaction; later statements on it
/// would be answered and never committed. The hook rolls back whatever a returning connection still holds open.
fn postgres_pool_options() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .after_release(|connection, _| Box::pin(async move { connection.execute("ROLLBACK").await.map(|_| true) }))
}
