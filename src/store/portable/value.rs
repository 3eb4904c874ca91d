//! A value of any column in the form that SQLite keeps, which both databases can be read into and written from.

use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Postgres, Row as _, Sqlite, TypeInfo as _, ValueRef as _};
use uuid::Uuid;

use crate::store::StoreError;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// The types of columns on PostgreSQL (migrations/README.md says what each is on SQLite).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Uuid,
    Instant,
    Json,
    Flag,
    Number,
    Bytes,
    Text,
}

impl Kind {
    /// From the name in the `information_schema`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "uuid" => Self::Uuid,
            "timestamp with time zone" => Self::Instant,
            "jsonb" => Self::Json,
            "boolean" => Self::Flag,
            "bigint" => Self::Number,
            "bytea" => Self::Bytes,
            "text" => Self::Text,
            _ => return None,
        })
    }
}

impl Value {
    /// Reads a column of SQLite.
    pub(super) fn from_sqlite(row: &SqliteRow, index: usize) -> Result<Self, StoreError> {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Self::Null);
        }
        let kind = raw.type_info().name().to_owned();
        Ok(match kind.as_str() {
            "INTEGER" => Self::Integer(row.try_get(index)?),
            "TEXT" => Self::Text(row.try_get(index)?),
            "BLOB" => Self::Bytes(row.try_get(index)?),
            other => return Err(StoreError::Unfit(format!("a column holds a value of type {other}"))),
        })
    }

    /// Reads a column of PostgreSQL.
    pub(super) fn from_postgres(row: &PgRow, index: usize, kind: Kind) -> Result<Self, StoreError> {
        let value = match kind {
            Kind::Uuid => row.try_get::<Option<Uuid>, _>(index)?.map(|id| Self::Bytes(id.as_bytes().to_vec())),
            Kind::Instant => row.try_get::<Option<DateTime<Utc>>, _>(index)?.map(|at| Self::Text(instant(at))),
            Kind::Json => row.try_get::<Option<serde_json::Value>, _>(index)?.map(|json| Self::Text(json.to_string())),
            Kind::Flag => row.try_get::<Option<bool>, _>(index)?.map(|flag| Self::Integer(i64::from(flag))),
            Kind::Number => row.try_get::<Option<i64>, _>(index)?.map(Self::Integer),
            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(index)?.map(Self::Bytes),
            Kind::Text => row.try_get::<Option<String>, _>(index)?.map(Self::Text),
        };
        Ok(value.unwrap_or(Self::Null))
    }

    /// Gives it to a statement of SQLite.
    pub(super) fn bind_sqlite<'q>(
        self,
        query: Query<'q, Sqlite, SqliteArguments>,
    ) -> Query<'q, Sqlite, SqliteArguments> {
        match self {
            Self::Null => query.bind(None::<String>),
            Self::Integer(value) => query.bind(value),
            Self::Text(value) => query.bind(value),
            Self::Bytes(value) => query.bind(value),
        }
    }

    /// Gives it to a statement of PostgreSQL, as the type of the column.
    pub(super) fn bind_postgres<'q>(
        self,
        query: Query<'q, Postgres, PgArguments>,
        kind: Kind,
    ) -> Result<Query<'q, Postgres, PgArguments>, StoreError> {
        let wrong = |what: &str| StoreError::Unfit(format!("a column of {kind:?} holds {what}"));
        Ok(match (kind, self) {
            (Kind::Uuid, Self::Null) => query.bind(None::<Uuid>),
            (Kind::Instant, Self::Null) => query.bind(None::<DateTime<Utc>>),
            (Kind::Json, Self::Null) => query.bind(None::<serde_json::Value>),
            (Kind::Flag, Self::Null) => query.bind(None::<bool>),
            (Kind::Number, Self::Null) => query.bind(None::<i64>),
            (Kind::Bytes, Self::Null) => query.bind(None::<Vec<u8>>),
            (Kind::Text, Self::Null) => query.bind(None::<String>),
            (Kind::Uuid, Self::Bytes(bytes)) => {
                query.bind(Uuid::from_slice(&bytes).map_err(|error| wrong(&error.to_string()))?)
            }
            (Kind::Instant, Self::Text(text)) => {
                let at = DateTime::parse_from_rfc3339(&text).map_err(|error| wrong(&error.to_string()))?;
                query.bind(at.with_timezone(&Utc))
            }
            (Kind::Json, Self::Text(text)) => {
                let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
                query.bind(json)
            }
            (Kind::Flag, Self::Integer(flag)) => query.bind(flag != 0),
            (Kind::Number, Self::Integer(number)) => query.bind(number),
            (Kind::Bytes, Self::Bytes(bytes)) => query.bind(bytes),
            (Kind::Text, Self::Text(text)) => query.bind(text),
            (_, Self::Integer(_)) => return Err(wrong("a number")),
            (_, Self::Text(_)) => return Err(wrong("a text")),
            (_, Self::Bytes(_)) => return Err(wrong("bytes")),
        })
    }

    /// Adds it to the hash of its row. A structured value is hashed in one form, whatever spaces and order of members it
    /// was stored with: PostgreSQL does not keep those.
    pub(super) fn hash_into(&self, hash: &mut Sha256) {
        let (tag, bytes) = match self {
            Self::Null => (0, Vec::new()),
            Self::Integer(value) => (1, value.to_be_bytes().to_vec()),
            Self::Text(text) => (2, normal(text).into_bytes()),
            Self::Bytes(bytes) => (3, bytes.clone()),
        };
        hash.update([tag]);
        // The length keeps two values from being read as others that join differently.
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(&bytes);
    }
}

/// As the driver of SQLite writes an instant.
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

fn normal(text: &str) -> String {
    if !text.starts_with(['{', '[']) {
        return text.to_owned();
    }
    serde_json::from_str::<serde_json::Value>(text).map_or_else(|_no_json| text.to_owned(), |json| json.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(values: &[Value]) -> Vec<u8> {
        let mut hash = Sha256::new();
        values.iter().for_each(|value| value.hash_into(&mut hash));
        hash.finalize().to_vec()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn order_of_members_does_not_count_and_everything_else_does() {
        assert_eq!(hash(&[text(r#"{"a": 1, "b":2}"#)]), hash(&[text(r#"{"b":2,"a":1}"#)]));
        assert_ne!(hash(&[text(r#"{"a":1}"#)]), hash(&[text(r#"{"a":2}"#)]));
        assert_ne!(hash(&[text("ab"), text("c")]), hash(&[text("a"), text("bc")]));
        assert_ne!(hash(&[text("")]), hash(&[Value::Null]));
        assert_ne!(hash(&[text("a")]), hash(&[Value::Bytes(b"a".to_vec())]));
    }
}
