//! Counts over everything, for a monitor.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};

statements! {
    COUNT_OPEN = "SELECT waiting_on AS word, COUNT(*) AS count FROM cases WHERE is_open GROUP BY waiting_on ORDER BY 1";
    COUNT_OVERDUE = "SELECT COUNT(*) FROM cases WHERE is_open AND queued AND waiting_on = 'vendor' AND due_at < $1";
    COUNT_EFFECTS = "SELECT state AS word, COUNT(*) AS count FROM outbox
        WHERE state IN ('pending', 'dead')
        GROUP BY state
        ORDER BY 1";
    COUNT_WEBHOOKS = "SELECT state AS word, COUNT(*) AS count FROM webhook_deliveries
        WHERE state IN ('failed', 'missed')
        GROUP BY state
        UNION ALL
        SELECT 'waiting' AS word, COUNT(*) AS count FROM webhook_deliveries WHERE state = 'waiting'
        ORDER BY 1";
    COUNT_TESTS = "SELECT COUNT(*) FROM probes WHERE state = 'queued'";
}

record! {
    /// How many rows have a word.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Count {
        /// The word.
        pub word: String,
        /// How many.
        pub count: i64,
    }
}

/// Open cases by the side they wait for.
///
/// # Errors
/// What the database says.
pub async fn open_cases(tx: &mut Tx) -> Result<Vec<Count>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(COUNT_OPEN).fetch_all(conn).await)?)
}

/// Open cases that wait for the vendor beyond their time.
///
/// # Errors
/// What the database says.
pub async fn overdue(tx: &mut Tx, now: DateTime<Utc>) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_OVERDUE).bind(now).fetch_one(conn).await)?)
}

/// Effects that wait or were given up.
///
/// # Errors
/// What the database says.
pub async fn effects(tx: &mut Tx) -> Result<Vec<Count>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(COUNT_EFFECTS).fetch_all(conn).await)?)
}

/// Messages to programs that wait, were given up or were not sent.
///
/// # Errors
/// What the database says.
pub async fn webhooks(tx: &mut Tx) -> Result<Vec<Count>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(COUNT_WEBHOOKS).fetch_all(conn).await)?)
}

/// Tests that wait or run.
///
/// # Errors
/// What the database says.
pub async fn tests(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_TESTS).fetch_one(conn).await)?)
}
