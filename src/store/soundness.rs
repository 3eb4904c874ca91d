//! Whether the database keeps what it promises: rows that refer to others find them, and a file is whole.

use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::{Db, StoreError};

impl Db {
    /// What SQLite's own check of its file finds; nothing is asked on PostgreSQL, which checks its pages as it reads.
    ///
    /// # Errors
    /// What the database says.
    pub async fn broken_pages(&self) -> Result<Vec<String>, StoreError> {
        let Self::Sqlite { readers, .. } = self else { return Ok(Vec::new()) };
        let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)").fetch_all(readers).await?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Tables with rows that refer to rows that are not there: a copy that was made past the database's own checks.
    ///
    /// # Errors
    /// What the database says.
    pub async fn dangling(&self) -> Result<Vec<String>, StoreError> {
        let Self::Postgres(pool) = self else {
            let Self::Sqlite { readers, .. } = self else { return Ok(Vec::new()) };
            let text = "SELECT \"table\" || ' refers to missing ' || parent FROM pragma_foreign_key_check
                GROUP BY 1
                LIMIT 20";
            return Ok(sqlx::query_scalar(text).fetch_all(readers).await?);
        };
        // One query for each foreign key, written by the server from its own catalog.
        let text = "SELECT con.conrelid::regclass::text || ' refers to missing ' || con.confrelid::regclass::text,
                'SELECT EXISTS (SELECT 1 FROM ' || con.conrelid::regclass || ' c WHERE ' ||
                string_agg(format('c.%I IS NOT NULL', a.attname), ' AND ') ||
                ' AND NOT EXISTS (SELECT 1 FROM ' || con.confrelid::regclass || ' p WHERE ' ||
                string_agg(format('p.%I = c.%I', f.attname, a.attname), ' AND ') || '))'
            FROM pg_constraint con
            CROSS JOIN LATERAL unnest(con.conkey, con.confkey) k (ours, theirs)
            JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.ours
            JOIN pg_attribute f ON f.attrelid = con.confrelid AND f.attnum = k.theirs
            WHERE con.contype = 'f' AND con.connamespace = current_schema()::regnamespace
            GROUP BY con.oid, con.conrelid, con.confrelid
            ORDER BY 1";
        let keys: Vec<(String, String)> = sqlx::query_as(text).fetch_all(pool).await?;
        let mut found = Vec::new();
        for (name, query) in keys {
            if sqlx::query_scalar(AssertSqlSafe(query).into_sql_str()).fetch_one(pool).await? {
                found.push(name);
            }
        }
        Ok(found)
    }
}
