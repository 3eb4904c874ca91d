//! The conversation of a case: messages that both sides read, and notes that stay inside.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CaseId, CustomerId, MessageId, PersonId};

statements! {
    INSERT_MESSAGE = "INSERT INTO messages (customer_id, case_id, id, at, author_id, is_internal, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    LIST_MESSAGES = "SELECT m.id, m.at, m.author_id, p.name AS author_name, m.is_internal, m.body
        FROM messages m
        LEFT JOIN people p ON p.id = m.author_id
        WHERE m.customer_id = $1 AND m.case_id = $2
        ORDER BY m.at, m.id
        LIMIT 500";
}

record! {
    /// A message or a note.
    #[derive(Clone, Debug)]
    pub struct Message {
        /// Identifies the message.
        pub id: MessageId,
        /// When it was written.
        pub at: DateTime<Utc>,
        /// Who wrote it; nobody for the machine.
        pub author_id: Option<PersonId>,
        /// The writer's name.
        pub author_name: Option<String>,
        /// A note that the customer never sees.
        pub is_internal: bool,
        /// The text as typed.
        pub body: String,
    }
}

/// Adds a message or a note.
///
/// # Errors
/// What the database says.
pub async fn add(tx: &mut Tx, customer: CustomerId, case: CaseId, message: &Message) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_MESSAGE)
        .bind(customer).bind(case).bind(message.id).bind(message.at).bind(message.author_id)
        .bind(message.is_internal).bind(&message.body)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The conversation of a case, oldest first, at most 500; the caller leaves notes out for a customer.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Vec<Message>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_MESSAGES).bind(customer).bind(case).fetch_all(conn).await)?)
}
