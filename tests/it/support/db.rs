//! Databases of single tests: a file in a folder of its own, or a database of its own on the server that `tests/run`
//! started. `on_both!` makes two tests of one body.

use std::borrow::Cow;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use postern::clock::fresh_id;
use postern::config::environment;
use postern::domain::log::hex;
use postern::store::Db;
use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use tempfile::TempDir;

/// Makes the tests `name::on_sqlite` and `name::on_postgres` of `async fn name(db: TestDb) { … }`.
macro_rules! on_both {
    ($(#[$doc:meta])* async fn $name:ident($db:ident: TestDb) $body:block) => {
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn body($db: $crate::support::db::TestDb) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                $crate::support::db::run($crate::support::db::Kind::Sqlite, body).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                $crate::support::db::run($crate::support::db::Kind::Postgres, body).await;
            }
        }
    };
}
pub(crate) use on_both;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// An open database with the newest schema and nothing in it.
#[derive(Clone)]
pub(crate) struct TestDb {
    pub(crate) db: Db,
    /// What [`Db::open`] was given.
    pub(crate) url: String,
    pub(crate) kind: Kind,
    /// A folder that vanishes after the test.
    pub(crate) folder: PathBuf,
}

/// Runs one test body on a fresh database, and takes the database away afterwards, whatever became of the test.
pub(crate) async fn run<F>(kind: Kind, body: fn(TestDb) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let folder = tempfile::tempdir().unwrap();
    let url = match kind {
        Kind::Sqlite => format!("sqlite:{}", folder.path().join("postern.db").display()),
        Kind::Postgres => migrated_postgres().await,
    };
    let db = Db::open(&url).await.unwrap();
    let test = TestDb { db: db.clone(), url: url.clone(), kind, folder: folder.path().to_owned() };
    let outcome = tokio::spawn(body(test)).await;
    drop_database(kind, &url, &db, folder).await;
    if let Err(error) = outcome {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// The server of the tests, without a database name.
pub(crate) fn postgres_server() -> String {
    environment("POSTERN_TEST_POSTGRES").expect("run tests/run, which starts a PostgreSQL server")
}

/// A connection by which databases are made and taken away.
async fn admin() -> PgConnection {
    PgConnection::connect(&format!("{}/postgres", postgres_server())).await.expect("the test server answers")
}

fn fresh_name() -> String {
    format!("postern_test_{}", fresh_id().simple())
}

/// Makes an empty database and gives its URL.
pub(crate) async fn fresh_postgres() -> String {
    let name = fresh_name();
    let mut admin = admin().await;
    admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    admin.close().await.unwrap();
    format!("{}/{name}", postgres_server())
}

/// Makes a database with the newest schema and gives its URL: a copy of one that whichever test is first makes, since a
/// copy takes a sixth of the time of the migrations.
async fn migrated_postgres() -> String {
    let (name, template) = (fresh_name(), template_name());
    let copy = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy");
    let mut admin = admin().await;
    if let Err(error) = admin.execute(AssertSqlSafe(copy.as_str())).await {
        let code = error.as_database_error().and_then(|error| error.code().map(Cow::into_owned));
        assert_eq!(code.as_deref(), Some(UNKNOWN_DATABASE), "{error}");
        make_template(&mut admin, &template).await;
        admin.execute(AssertSqlSafe(copy)).await.unwrap();
    }
    admin.close().await.unwrap();
    format!("{}/{name}", postgres_server())
}

/// SQLSTATE of a database that is not there (`invalid_catalog_name`).
const UNKNOWN_DATABASE: &str = "3D000";

/// Another name for other migrations, should the server outlive a run.
fn template_name() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let digest = files.iter().fold(Sha256::new(), |digest, file| digest.chain_update(fs::read(file).unwrap()));
    format!("postern_template_{}", &hex(&digest.finalize())[..16])
}

/// Makes the database that the others are copies of, unless another test has made it meanwhile. It gets its name when it is
/// whole.
async fn make_template(admin: &mut PgConnection, template: &str) {
    // Held until this connection is closed.
    admin.execute("SELECT pg_advisory_lock(1)").await.unwrap();
    let there = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
    let there: bool = sqlx::query_scalar(there).bind(template).fetch_one(&mut *admin).await.unwrap();
    if !there {
        let url = fresh_postgres().await;
        Db::open(&url).await.unwrap().close().await;
        let draft = url.rsplit('/').next().unwrap();
        admin.execute(AssertSqlSafe(format!("ALTER DATABASE {draft} RENAME TO {template}"))).await.unwrap();
    }
}

/// Takes a database of [`fresh_postgres`] away, with whoever is still connected.
pub(crate) async fn drop_postgres(url: &str) {
    let name = url.rsplit('/').next().unwrap();
    let mut admin = admin().await;
    admin.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await.unwrap();
    admin.close().await.unwrap();
}

async fn drop_database(kind: Kind, url: &str, db: &Db, folder: TempDir) {
    // A test that hangs on a lock would make an orderly close wait for ever.
    let closed = tokio::time::timeout(std::time::Duration::from_secs(5), db.close()).await;
    if kind == Kind::Postgres {
        drop_postgres(url).await;
    }
    folder.close().unwrap();
    closed.expect("a connection was left in use");
}

impl TestDb {
    /// The pool, on PostgreSQL.
    pub(crate) fn postgres(&self) -> &PgPool {
        match &self.db {
            Db::Postgres(pool) => pool,
            Db::Sqlite { .. } => panic!("this database is SQLite"),
        }
    }

    /// A connection of its own to the same PostgreSQL database, past Postern's pool.
    pub(crate) async fn beside(&self) -> PgPool {
        let options = PgConnectOptions::from_str(&self.url).unwrap().application_name("beside");
        PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
    }

    /// Runs a statement that a test needs and the product does not.
    pub(crate) async fn execute(&self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        match &self.db {
            Db::Sqlite { writer, .. } => writer.execute(statement).await.map(|_| ()).unwrap(),
            Db::Postgres(pool) => pool.execute(statement).await.map(|_| ()).unwrap(),
        }
    }

    /// One number.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        let query = AssertSqlSafe(query.to_owned());
        match &self.db {
            Db::Sqlite { writer, .. } => sqlx::query_scalar(query).fetch_one(writer).await.unwrap(),
            Db::Postgres(pool) => sqlx::query_scalar(query).fetch_one(pool).await.unwrap(),
        }
    }

    /// Names of the tables, without the migrator's own.
    pub(crate) async fn tables(&self) -> Vec<String> {
        let query = match self.kind {
            Kind::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
            }
            Kind::Postgres => {
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
            }
        };
        let mut names = self.texts(query).await;
        names.retain(|name| name != "_sqlx_migrations");
        names
    }

    /// Columns of a table in their order.
    pub(crate) async fn columns(&self, table: &str) -> Vec<String> {
        let query = match self.kind {
            Kind::Sqlite => format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid"),
            Kind::Postgres => format!(
                "SELECT column_name::text FROM information_schema.columns
                    WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY ordinal_position"
            ),
        };
        self.texts(&query).await
    }

    /// Every row of a table as one text; bytes stand in it as lower-case hexadecimal digits.
    pub(crate) async fn rows_as_text(&self, table: &str) -> Vec<String> {
        match self.kind {
            Kind::Postgres => self.texts(&format!("SELECT to_jsonb(t)::text FROM {table} t")).await,
            Kind::Sqlite => {
                let columns = self.columns(table).await;
                let quoted: Vec<_> = columns.iter().map(|name| format!("quote({name})")).collect();
                let rows = self.texts(&format!("SELECT {} FROM {table}", quoted.join(" || ' ' || "))).await;
                // The digits of a byte string are upper case; letters of a text may be either, so both are kept.
                rows.into_iter().map(|row| format!("{row} {}", row.to_lowercase())).collect()
            }
        }
    }

    /// Texts, one a row.
    pub(crate) async fn texts(&self, query: &str) -> Vec<String> {
        let query = AssertSqlSafe(query.to_owned());
        match &self.db {
            Db::Sqlite { writer, .. } => {
                let rows = sqlx::query(query).fetch_all(writer).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Db::Postgres(pool) => {
                let rows = sqlx::query(query).fetch_all(pool).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// The tables in which a text stands, as it is or as hexadecimal digits of its bytes.
    pub(crate) async fn tables_with(&self, text: &str) -> Vec<String> {
        let digits = postern::domain::log::hex(text.as_bytes());
        let mut found = Vec::new();
        for table in self.tables().await {
            let rows = self.rows_as_text(&table).await;
            if rows.iter().any(|row| row.contains(text) || row.contains(&digits)) {
                found.push(table);
            }
        }
        found
    }
}
