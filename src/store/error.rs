//! What the database can say to a use case.

use thiserror::Error;

/// Why a statement or a transaction did not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another transaction was faster; running the unit of work again may succeed.
    #[error("another transaction changed the same rows first")]
    Contended,
    /// A row with the same key is there already; names the constraint, or the columns where SQLite gives no name.
    #[error("a row with the same {0} is there already")]
    Duplicate(String),
    /// A stored value does not have the form that this build expects.
    #[error("stored value {table}.{column} is not readable: {detail}")]
    Corrupt {
        /// Table of the row.
        table: &'static str,
        /// Column of the value.
        column: &'static str,
        /// What is wrong with it, without the value.
        detail: String,
    },
    /// The database cannot be reached or gives no connection in time.
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    /// The database's file, schema or settings do not fit this build; says what to do.
    #[error("{0}")]
    Unfit(String),
    /// The task that ran the unit of work ended without an answer.
    #[error("the unit of work was interrupted: {0}")]
    Interrupted(String),
    /// Anything else that the database reports.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(database) = &error {
            let code = database.code().unwrap_or_default();
            // PostgreSQL: serialization_failure, deadlock_detected. SQLite: SQLITE_BUSY and its extended codes.
            if matches!(code.as_ref(), "40001" | "40P01" | "5" | "261" | "517") {
                return Self::Contended;
            }
            if database.is_unique_violation() {
                let name = database.constraint().map_or_else(|| database.message().to_owned(), str::to_owned);
                return Self::Duplicate(name);
            }
            // PostgreSQL class 57P: admin shutdown, crash shutdown, cannot connect now; 08: connection exceptions.
            if code.starts_with("57P") || code.starts_with("08") {
                return Self::Unavailable(error);
            }
        }
        let away = matches!(
            error,
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed
        );
        if away { Self::Unavailable(error) } else { Self::Database(error) }
    }
}

impl StoreError {
    /// Whether the database is away or too busy, so that the caller answers 503 and the worker waits.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Contended)
    }
}
