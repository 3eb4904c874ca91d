//! The schema: which one a database has, which one this build knows, and the way from one to the other.

use std::path::Path;

use rust_embed::RustEmbed;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlitePool};

use super::{Db, StoreError};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/migrations/sqlite"]
struct SqliteMigrations;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/migrations/postgres"]
struct PostgresMigrations;

/// The newest schema that this build knows: the number of the last migration. Both databases have the same.
pub fn newest() -> i64 {
    SqliteMigrations::iter().filter_map(|name| number_of(&name)).max().unwrap_or_default()
}

impl Db {
    /// The schema that the database has; 0 where it has none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn schema(&self) -> Result<i64, StoreError> {
        let there: i64 = match self {
            Self::Sqlite { writer, .. } => {
                let text = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
                sqlx::query_scalar(text).fetch_one(writer).await?
            }
            Self::Postgres(pool) => {
                let text = "SELECT COUNT(*) FROM information_schema.tables
                    WHERE table_schema = current_schema() AND table_name = '_sqlx_migrations'";
                sqlx::query_scalar(text).fetch_one(pool).await?
            }
        };
        if there == 0 {
            return Ok(0);
        }
        let text = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
        Ok(match self {
            Self::Sqlite { writer, .. } => sqlx::query_scalar(text).fetch_one(writer).await?,
            Self::Postgres(pool) => sqlx::query_scalar(text).fetch_one(pool).await?,
        })
    }

    /// Whether there is a case, so that losing this database would be a loss.
    ///
    /// # Errors
    /// What the database says.
    pub async fn has_cases(&self) -> Result<bool, StoreError> {
        let text = "SELECT COUNT(*) FROM (SELECT 1 FROM cases LIMIT 1) found";
        let found: i64 = match self {
            Self::Sqlite { writer, .. } => sqlx::query_scalar(text).fetch_one(writer).await?,
            Self::Postgres(pool) => sqlx::query_scalar(text).fetch_one(pool).await?,
        };
        Ok(found > 0)
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] where the schema is one of a newer build, or a migration fails.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { writer, .. } => migrate_sqlite(writer, newest()).await,
            Self::Postgres(pool) => {
                let files = PostgresMigrations::iter().map(|name| (name.to_string(), PostgresMigrations::get(&name)));
                migrator(files, newest())?.run(pool).await.map_err(|error| unfit(&error))
            }
        }
    }
}

/// Brings a SQLite database to the schema `last`, which is the newest but for copies of a database that has not been
/// migrated yet.
pub(super) async fn migrate_sqlite(pool: &SqlitePool, last: i64) -> Result<(), StoreError> {
    let files = SqliteMigrations::iter().map(|name| (name.to_string(), SqliteMigrations::get(&name)));
    migrator(files, last)?.run(pool).await.map_err(|error| unfit(&error))
}

/// The number that a file's name begins with.
fn number_of(name: &str) -> Option<i64> {
    name.split(['_', '.']).next().and_then(|number| number.parse().ok())
}

fn migrator(
    files: impl Iterator<Item = (String, Option<rust_embed::EmbeddedFile>)>,
    last: i64,
) -> Result<Migrator, StoreError> {
    let mut migrations = Vec::new();
    for (name, file) in files {
        let stem = Path::new(&name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let words = stem.split_once('_').map_or("", |(_, words)| words);
        let version = number_of(&name).ok_or_else(|| StoreError::Unfit(format!("migration {name} has no number")))?;
        if version > last {
            continue;
        }
        let text = file.map(|file| String::from_utf8_lossy(&file.data).into_owned()).unwrap_or_default();
        let description = words.replace('_', " ").into();
        // The text is one of the files embedded at build time, so nothing from outside gets into it.
        let sql = AssertSqlSafe(text).into_sql_str();
        migrations.push(Migration::new(version, description, MigrationType::Simple, sql, false));
    }
    Ok(Migrator::with_migrations(migrations))
}

fn unfit(error: &MigrateError) -> StoreError {
    if let MigrateError::VersionMissing(version) = error {
        return StoreError::Unfit(format!(
            "the database has schema {version}, which this build does not know: start the newer build again"
        ));
    }
    StoreError::Unfit(format!("the schema could not be brought up to date: {error}"))
}
