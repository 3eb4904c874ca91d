//! Everything that a database holds, as a SQLite file and back into either database: the ground of backup, restore and
//! the move from SQLite to PostgreSQL.
//!
//! The file has the tables of migrations/sqlite at the schema of its source. Which tables there are, and which of them
//! refers to which, is read off the file, so a migration needs nothing here.

mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqliteConnection, SqlitePool};

use super::migrate::migrate_sqlite;
use super::{Db, StoreError, Tx};
use crate::domain::log::hex;
use value::{Kind, Value};

/// What is not carried over: sessions and one-time links would let somebody in who was shut out since.
const LEFT_OUT: [&str; 2] = ["sessions", "one_time_links"];

/// How much a table holds, and what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Number of rows.
    pub rows: u64,
    /// Hash over the sorted hashes of the rows, so that it is the same in both databases.
    pub sha256: String,
}

/// What every table holds, by its name.
pub type Sums = BTreeMap<String, Sum>;

/// A table with its columns in the order in which rows are read.
#[derive(Clone, Debug)]
struct Table {
    name: String,
    columns: Vec<String>,
}

/// A SQLite file with everything of a database as of one instant.
#[derive(Debug)]
pub struct Snapshot {
    pool: SqlitePool,
}

impl Snapshot {
    /// Copies what the database holds at this instant into a SQLite file; others go on reading and writing meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] where the file is there and not empty, or the database has no schema; what either says.
    pub async fn take(db: &Db, path: &Path) -> Result<Self, StoreError> {
        match db {
            Db::Sqlite { readers, .. } => {
                let text = path.to_str().ok_or_else(|| StoreError::Unfit("the path is not UTF-8".to_owned()))?;
                sqlx::query("VACUUM INTO $1").bind(text).execute(readers).await?;
                Self::open(path).await
            }
            Db::Postgres(_) => {
                let schema = db.schema().await?;
                let copy = Self::open(path).await?;
                migrate_sqlite(&copy.pool, schema).await?;
                copy.fill_from(db).await?;
                Ok(copy)
            }
        }
    }

    /// Opens such a file.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(false)
            // The file is complete or thrown away, and is forced to disk as a whole.
            .synchronous(SqliteSynchronous::Off)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Memory);
        Ok(Self { pool: SqlitePoolOptions::new().max_connections(1).connect_with(options).await? })
    }

    /// Closes the file.
    pub async fn close(self) {
        self.pool.close().await;
    }

    /// The schema of its source.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn schema(&self) -> Result<i64, StoreError> {
        let text = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
        Ok(sqlx::query_scalar(text).fetch_one(&self.pool).await?)
    }

    /// Brings a copy of an older schema up to this build's.
    ///
    /// # Errors
    /// As [`Db::migrate`].
    pub async fn migrate(&self) -> Result<(), StoreError> {
        migrate_sqlite(&self.pool, super::migrate::newest()).await
    }

    /// What SQLite's own check finds wrong with the file; empty where nothing is.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn faults(&self) -> Result<Vec<String>, StoreError> {
        let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&self.pool).await?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// What its tables hold.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn sums(&self) -> Result<Sums, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let mut sums = Sums::new();
        for table in tables(&mut connection).await? {
            let mut hashes = Hashes::default();
            let mut rows = sqlx::query(read(&table)).fetch(&mut *connection);
            while let Some(row) = rows.try_next().await? {
                let values: Result<Vec<_>, _> =
                    (0..table.columns.len()).map(|index| Value::from_sqlite(&row, index)).collect();
                hashes.add(&values?);
            }
            drop(rows);
            sums.insert(table.name, hashes.sum());
        }
        Ok(sums)
    }

    /// Copies every row of a PostgreSQL database, as of one instant.
    async fn fill_from(&self, db: &Db) -> Result<(), StoreError> {
        let mut source = db.read().await?;
        let Tx::Postgres(tx) = &mut source else { return Ok(()) };
        let mut copy = self.pool.begin().await?;
        for table in tables(&mut copy).await? {
            let kinds = kinds(&mut *tx, &table).await?;
            let insert = insert(&table);
            let mut rows = sqlx::query(read(&table)).fetch(&mut **tx);
            while let Some(row) = rows.try_next().await? {
                let mut query = sqlx::query(AssertSqlSafe(insert.clone()).into_sql_str());
                for (index, kind) in kinds.iter().enumerate() {
                    query = Value::from_postgres(&row, index, *kind)?.bind_sqlite(query);
                }
                query.execute(&mut *copy).await?;
            }
        }
        copy.commit().await?;
        Ok(())
    }

    /// Writes every row into a database that has this schema and nothing else, inside the caller's transaction.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] names the first table that is not empty, or that does not hold afterwards what it should.
    pub async fn pour_into(&self, tx: &mut Tx) -> Result<Sums, StoreError> {
        let mut file = self.pool.acquire().await?;
        let tables = tables(&mut file).await?;
        for table in &tables {
            if count(tx, table).await? > 0 {
                return Err(StoreError::Unfit(format!(
                    "the database is not empty (there are rows in {}): name an empty one with --database or --data",
                    table.name
                )));
            }
        }
        let mut sums = Sums::new();
        for table in &tables {
            if LEFT_OUT.contains(&table.name.as_str()) {
                continue;
            }
            let written = pour(&mut file, tx, table).await?;
            let found = sum(tx, table).await?;
            if written != found {
                return Err(StoreError::Unfit(format!(
                    "{} did not arrive as it was sent: {} rows were written and {} read back; nothing was restored",
                    table.name, written.rows, found.rows
                )));
            }
            sums.insert(table.name.clone(), found);
        }
        Ok(sums)
    }
}

/// Writes the rows of one table.
async fn pour(file: &mut SqliteConnection, tx: &mut Tx, table: &Table) -> Result<Sum, StoreError> {
    let kinds = match tx {
        Tx::Sqlite(_) => Vec::new(),
        Tx::Postgres(tx) => kinds(&mut *tx, table).await?,
    };
    let insert = insert(table);
    let mut hashes = Hashes::default();
    let mut rows = sqlx::query(read(table)).fetch(file);
    while let Some(row) = rows.try_next().await? {
        let values: Result<Vec<_>, _> = (0..table.columns.len()).map(|index| Value::from_sqlite(&row, index)).collect();
        let values = values?;
        hashes.add(&values);
        let text = AssertSqlSafe(insert.clone()).into_sql_str();
        match tx {
            Tx::Sqlite(tx) => {
                let query = values.into_iter().fold(sqlx::query(text), |query, value| value.bind_sqlite(query));
                query.execute(&mut **tx).await?;
            }
            Tx::Postgres(tx) => {
                let mut query = sqlx::query(text);
                for (value, kind) in values.into_iter().zip(&kinds) {
                    query = value.bind_postgres(query, *kind)?;
                }
                query.execute(&mut **tx).await?;
            }
        }
    }
    Ok(hashes.sum())
}

/// What a table of a database holds.
async fn sum(tx: &mut Tx, table: &Table) -> Result<Sum, StoreError> {
    let mut hashes = Hashes::default();
    match tx {
        Tx::Sqlite(tx) => {
            let mut rows = sqlx::query(read(table)).fetch(&mut **tx);
            while let Some(row) = rows.try_next().await? {
                let values: Result<Vec<_>, _> =
                    (0..table.columns.len()).map(|index| Value::from_sqlite(&row, index)).collect();
                hashes.add(&values?);
            }
        }
        Tx::Postgres(tx) => {
            let kinds = kinds(&mut *tx, table).await?;
            let mut rows = sqlx::query(read(table)).fetch(&mut **tx);
            while let Some(row) = rows.try_next().await? {
                let values: Result<Vec<_>, _> =
                    kinds.iter().enumerate().map(|(index, kind)| Value::from_postgres(&row, index, *kind)).collect();
                hashes.add(&values?);
            }
        }
    }
    Ok(hashes.sum())
}

async fn count(tx: &mut Tx, table: &Table) -> Result<i64, StoreError> {
    // The name is one of our migrations'.
    let text = AssertSqlSafe(format!("SELECT COUNT(*) FROM {}", quoted(&table.name))).into_sql_str();
    Ok(super::on!(tx, conn => sqlx::query_scalar(text).fetch_one(conn).await)?)
}

/// Hashes of rows, which become one that does not depend on their order.
#[derive(Default)]
struct Hashes(Vec<[u8; 32]>);

impl Hashes {
    fn add(&mut self, row: &[Value]) {
        let mut hash = Sha256::new();
        row.iter().for_each(|value| value.hash_into(&mut hash));
        self.0.push(hash.finalize().into());
    }

    fn sum(mut self) -> Sum {
        self.0.sort_unstable();
        let mut hash = Sha256::new();
        self.0.iter().for_each(|row| hash.update(row));
        Sum { rows: self.0.len() as u64, sha256: hex(&hash.finalize()) }
    }
}

/// The tables of a file, each after those that it refers to.
async fn tables(file: &mut SqliteConnection) -> Result<Vec<Table>, StoreError> {
    let text = "SELECT name FROM sqlite_master
        WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> '_sqlx_migrations'
        ORDER BY name";
    let names: Vec<String> = sqlx::query_scalar(text).fetch_all(&mut *file).await?;
    let mut waiting = Vec::new();
    for name in names {
        let columns = "SELECT name FROM pragma_table_info($1) ORDER BY cid";
        let columns = sqlx::query_scalar(columns).bind(&name).fetch_all(&mut *file).await?;
        let references = "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list($1) WHERE \"table\" <> $1";
        let references: Vec<String> = sqlx::query_scalar(references).bind(&name).fetch_all(&mut *file).await?;
        waiting.push((Table { name, columns }, references));
    }
    let mut ordered: Vec<Table> = Vec::new();
    let mut placed = BTreeSet::new();
    while !waiting.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, references)| references.iter().all(|name| placed.contains(name)));
        if ready.is_empty() {
            let names: Vec<_> = rest.iter().map(|(table, _)| table.name.as_str()).collect();
            return Err(StoreError::Unfit(format!("tables refer to each other in a circle: {}", names.join(", "))));
        }
        for (table, _) in ready {
            placed.insert(table.name.clone());
            ordered.push(table);
        }
        waiting = rest;
    }
    Ok(ordered)
}

/// The types of a table's columns on PostgreSQL, in the order of its columns here.
async fn kinds(tx: &mut sqlx::PgConnection, table: &Table) -> Result<Vec<Kind>, StoreError> {
    let text = "SELECT column_name::text, data_type::text FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = $1";
    let found: Vec<(String, String)> = sqlx::query_as(text).bind(&table.name).fetch_all(tx).await?;
    let found: BTreeMap<_, _> = found.into_iter().collect();
    let kind = |column: &String| {
        let name = found.get(column).map_or("missing", String::as_str);
        let unfit =
            || StoreError::Unfit(format!("column {}.{column} is {name}, which has no portable form", table.name));
        Kind::parse(name).ok_or_else(unfit)
    };
    table.columns.iter().map(kind).collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn columns(table: &Table) -> String {
    table.columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// Reads every row. Names are those of our migrations.
fn read(table: &Table) -> sqlx::SqlStr {
    AssertSqlSafe(format!("SELECT {} FROM {}", columns(table), quoted(&table.name))).into_sql_str()
}

fn insert(table: &Table) -> String {
    let places: Vec<_> = (1..=table.columns.len()).map(|place| format!("${place}")).collect();
    format!("INSERT INTO {} ({}) VALUES ({})", quoted(&table.name), columns(table), places.join(", "))
}
