//! Both databases have the same tables and columns, and every statement fits both.

use std::collections::BTreeSet;
use std::path::Path;

use postern::store::{Db, all_statements};
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};

use crate::support::db::{Kind, TestDb, drop_postgres, fresh_postgres, on_both};

fn file_names(folder: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
    std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn both_folders_hold_migrations_of_the_same_names() {
    let names = file_names("sqlite");
    assert!(!names.is_empty());
    assert_eq!(names, file_names("postgres"));
    for name in names {
        let number = name.split('_').next().unwrap();
        assert!(number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()), "{name}");
    }
}

/// Tables with their columns, as a migrated database describes itself.
async fn shape(db: &TestDb) -> Vec<String> {
    let mut lines = Vec::new();
    for table in db.tables().await {
        let mut columns = db.columns(&table).await;
        columns.sort();
        lines.push(format!("{table}: {}", columns.join(" ")));
    }
    lines
}

on_both! {
    async fn it_has_the_tables_and_columns_of_the_other_one(db: TestDb) {
        let (kind, url) = match db.kind {
            Kind::Sqlite => (Kind::Postgres, fresh_postgres().await),
            Kind::Postgres => (Kind::Sqlite, format!("sqlite:{}", db.folder.join("other.db").display())),
        };
        let other = TestDb { db: Db::open(&url).await.unwrap(), url: url.clone(), kind, folder: db.folder.clone() };
        let (ours, theirs) = (shape(&db).await, shape(&other).await);
        other.db.close().await;
        if kind == Kind::Postgres {
            drop_postgres(&url).await;
        }
        assert!(ours.len() > 20, "{ours:?}");
        assert_eq!(ours, theirs);
    }
}

/// Statements that one of the two does not understand, and is never given.
const FOREIGN_TO_SQLITE: [&str; 2] = ["FOR UPDATE", "FOR NO KEY UPDATE"];

on_both! {
    async fn every_statement_can_be_prepared(db: TestDb) {
        let statements = all_statements();
        assert!(statements.len() > 90, "{}", statements.len());
        let mut prepared = 0;
        for (file, name, text) in statements {
            let sql = AssertSqlSafe(text).into_sql_str();
            let outcome = match &db.db {
                Db::Sqlite { .. } if FOREIGN_TO_SQLITE.iter().any(|foreign| text.contains(foreign)) => continue,
                Db::Sqlite { writer, .. } => writer.prepare(sql).await.map(|_| ()),
                Db::Postgres(pool) => pool.prepare(sql).await.map(|_| ()),
            };
            assert!(outcome.is_ok(), "{file}::{name}: {outcome:?}");
            prepared += 1;
        }
        assert!(prepared > 80, "{prepared}");
    }
}

on_both! {
    async fn a_schema_of_a_newer_build_is_refused_and_left_alone(db: TestDb) {
        let applied = match db.kind {
            Kind::Sqlite => "VALUES (9999, 'of tomorrow', CURRENT_TIMESTAMP, TRUE, x'00', 1)",
            Kind::Postgres => "VALUES (9999, 'of tomorrow', now(), TRUE, '\\x00', 1)",
        };
        let columns = "version, description, installed_on, success, checksum, execution_time";
        db.execute(&format!("INSERT INTO _sqlx_migrations ({columns}) {applied}")).await;
        let before = shape(&db).await;
        let error = Db::open(&db.url).await.unwrap_err().to_string();
        assert!(error.contains("9999") && error.contains("newer build"), "{error}");
        assert_eq!(shape(&db).await, before);
    }
}
