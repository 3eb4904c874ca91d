//! Texts that engineers begin a message with.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{PersonId, ReadyTextId};

statements! {
    LIST_TEXTS = "SELECT id, name, body FROM ready_texts ORDER BY name LIMIT 200";
    SELECT_TEXT = "SELECT id, name, body FROM ready_texts WHERE id = $1";
    PUT_TEXT = "INSERT INTO ready_texts (id, name, body, changed_at, changed_by) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE
        SET name = excluded.name, body = excluded.body, changed_at = excluded.changed_at, changed_by = excluded.changed_by";
    DELETE_TEXT = "DELETE FROM ready_texts WHERE id = $1";
}

record! {
    /// A ready text.
    #[derive(Clone, Debug)]
    pub struct ReadyText {
        /// Identifies the text.
        pub id: ReadyTextId,
        /// Its name in the list.
        pub name: String,
        /// The text as written, with its placeholders.
        pub body: String,
    }
}

/// All of them by name, at most 200.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx) -> Result<Vec<ReadyText>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_TEXTS).fetch_all(conn).await)?)
}

/// One of them.
///
/// # Errors
/// What the database says.
pub async fn find(tx: &mut Tx, id: ReadyTextId) -> Result<Option<ReadyText>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_TEXT).bind(id).fetch_optional(conn).await)?)
}

/// Adds or replaces one.
///
/// # Errors
/// [`StoreError::Duplicate`] where another text has the name; what the database says.
pub async fn put(tx: &mut Tx, text: &ReadyText, by: PersonId, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(PUT_TEXT)
        .bind(text.id).bind(&text.name).bind(&text.body).bind(at).bind(by)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Takes one away.
///
/// # Errors
/// What the database says.
pub async fn delete(tx: &mut Tx, id: ReadyTextId) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_TEXT).bind(id).execute(conn).await.map(|_| ()))?;
    Ok(())
}
