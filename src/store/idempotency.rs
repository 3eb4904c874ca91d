//! Answers already given, so that a repeated request is applied once.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements, taken_means_contended};

statements! {
    SELECT_ANSWER = "SELECT request_hash, status, answer FROM idempotency WHERE scope = $1 AND key = $2";
    INSERT_ANSWER = "INSERT INTO idempotency (scope, key, request_hash, status, answer, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    DELETE_OLD = "DELETE FROM idempotency WHERE created_at < $1";
}

record! {
    /// An answer as it was given.
    #[derive(Clone, Debug)]
    pub struct Answer {
        /// SHA-256 of method, path and body, hexadecimal.
        pub request_hash: String,
        /// HTTP status.
        pub status: i64,
        /// Body, or where the page was sent on to.
        pub answer: String,
    }
}

/// The answer given to this key in this scope (person and route), if any.
///
/// # Errors
/// What the database says.
pub async fn find(tx: &mut Tx, scope: &str, key: &str) -> Result<Option<Answer>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_ANSWER).bind(scope).bind(key).fetch_optional(conn).await)?)
}

/// Keeps an answer in the transaction that earned it.
///
/// # Errors
/// [`StoreError::Contended`] where the same key was answered meanwhile: run again, the answer will be found.
pub async fn keep(
    tx: &mut Tx,
    (scope, key): (&str, &str),
    answer: &Answer,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_ANSWER)
        .bind(scope).bind(key).bind(&answer.request_hash).bind(answer.status).bind(&answer.answer).bind(at)
        .execute(conn).await.map(|_| ()))
    .map_err(taken_means_contended)
}

/// Forgets answers given before an instant.
///
/// # Errors
/// What the database says.
pub async fn forget_before(tx: &mut Tx, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_OLD).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}
