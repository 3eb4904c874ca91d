//! Requests that were begun and not sent.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::{StoreError, Tx, on, statements};
use crate::domain::id::{CustomerId, PersonId};

statements! {
    UPSERT_DRAFT = "INSERT INTO drafts (customer_id, person_id, answers, updated_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (customer_id, person_id) DO UPDATE SET answers = excluded.answers, updated_at = excluded.updated_at";
    SELECT_DRAFT = "SELECT answers, updated_at FROM drafts WHERE customer_id = $1 AND person_id = $2 AND updated_at > $3";
    DELETE_DRAFT = "DELETE FROM drafts WHERE customer_id = $1 AND person_id = $2";
}

/// Keeps a person's unsent answers.
///
/// # Errors
/// What the database says.
pub async fn save(
    tx: &mut Tx,
    (customer, person): (CustomerId, PersonId),
    answers: &serde_json::Value,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(UPSERT_DRAFT).bind(customer).bind(person).bind(Json(answers)).bind(at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// A person's unsent answers, unless they were last touched before `since`.
///
/// # Errors
/// What the database says.
pub async fn find(
    tx: &mut Tx,
    (customer, person): (CustomerId, PersonId),
    since: DateTime<Utc>,
) -> Result<Option<(serde_json::Value, DateTime<Utc>)>, StoreError> {
    let row: Option<(Json<serde_json::Value>, DateTime<Utc>)> = on!(tx, conn => sqlx::query_as(SELECT_DRAFT)
        .bind(customer).bind(person).bind(since).fetch_optional(conn).await)?;
    Ok(row.map(|(answers, at)| (answers.0, at)))
}

/// Forgets a person's answers, once they were sent.
///
/// # Errors
/// What the database says.
pub async fn delete(tx: &mut Tx, customer: CustomerId, person: PersonId) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_DRAFT).bind(customer).bind(person).execute(conn).await.map(|_| ()))?;
    Ok(())
}
