//! Mail that came in: what became part of a case, and what waits for an engineer. Lists leave the bytes out.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CaseId, CustomerId, IncomingId, MessageId, PersonId};

statements! {
    INSERT_INCOMING = "INSERT INTO incoming_mail (id, at, fingerprint, sender, subject, body, reason, is_waiting,
            customer_id, case_id, message_id, size, raw)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (fingerprint) DO NOTHING";
    LIST_WAITING = "SELECT id, at, sender, subject, body, reason, is_waiting, customer_id, case_id, message_id, size
        FROM incoming_mail WHERE is_waiting ORDER BY at LIMIT 200";
    SELECT_INCOMING = "SELECT id, at, sender, subject, body, reason, is_waiting, customer_id, case_id, message_id, size
        FROM incoming_mail WHERE id = $1";
    LIST_OF_CASE = "SELECT id, at, sender, subject, body, reason, is_waiting, customer_id, case_id, message_id, size
        FROM incoming_mail WHERE customer_id = $1 AND case_id = $2 AND message_id IS NOT NULL ORDER BY at LIMIT 500";
    COUNT_WAITING_OF = "SELECT COUNT(*) FROM incoming_mail WHERE sender = $1 AND at > $2 AND case_id IS NULL";
    DELETE_OLD = "DELETE FROM incoming_mail WHERE at < $1 AND case_id IS NULL";
    SELECT_RAW = "SELECT raw FROM incoming_mail WHERE id = $1";
    SETTLE_INCOMING = "UPDATE incoming_mail
        SET is_waiting = $2, customer_id = $3, case_id = $4, message_id = $5, settled_by = $6, settled_at = $7
        WHERE id = $1 AND is_waiting";
}

record! {
    /// A mail that came in, without its bytes.
    #[derive(Clone, Debug)]
    pub struct Incoming {
        /// Identifies the mail.
        pub id: IncomingId,
        /// When it came.
        pub at: DateTime<Utc>,
        /// The address that its From field names; empty where it cannot be read.
        pub sender: String,
        /// Its subject.
        pub subject: String,
        /// Its text, as far as it could be read.
        pub body: String,
        /// Why it waits, or that it was taken.
        pub reason: String,
        /// An engineer has not decided yet.
        pub is_waiting: bool,
        /// Whose case it was added to.
        pub customer_id: Option<CustomerId>,
        /// The case it was added to.
        pub case_id: Option<CaseId>,
        /// The message it became.
        pub message_id: Option<MessageId>,
        /// Bytes of the whole mail, also where not all of them were kept.
        pub size: i64,
    }
}

/// Keeps a mail; false where the same mail was kept before.
///
/// # Errors
/// What the database says.
pub async fn add(tx: &mut Tx, mail: &Incoming, fingerprint: &[u8], raw: &[u8]) -> Result<bool, StoreError> {
    let added = on!(tx, conn => sqlx::query(INSERT_INCOMING)
        .bind(mail.id).bind(mail.at).bind(fingerprint).bind(&mail.sender).bind(&mail.subject).bind(&mail.body)
        .bind(&mail.reason).bind(mail.is_waiting).bind(mail.customer_id).bind(mail.case_id).bind(mail.message_id)
        .bind(mail.size).bind(raw)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(added == 1)
}

/// What waits, oldest first, at most 200.
///
/// # Errors
/// What the database says.
pub async fn waiting(tx: &mut Tx) -> Result<Vec<Incoming>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_WAITING).fetch_all(conn).await)?)
}

/// How many mails of a sender came after an instant and became part of no case.
///
/// # Errors
/// What the database says.
pub async fn waiting_of(tx: &mut Tx, sender: &str, after: DateTime<Utc>) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_WAITING_OF).bind(sender).bind(after).fetch_one(conn).await)?)
}

/// Forgets mail that came before an instant and became part of no case.
///
/// # Errors
/// What the database says.
pub async fn forget_before(tx: &mut Tx, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_OLD).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// One mail.
///
/// # Errors
/// What the database says.
pub async fn find(tx: &mut Tx, id: IncomingId) -> Result<Option<Incoming>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_INCOMING).bind(id).fetch_optional(conn).await)?)
}

/// The mails that became messages of a case, oldest first.
///
/// # Errors
/// What the database says.
pub async fn of_case(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Vec<Incoming>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_OF_CASE).bind(customer).bind(case).fetch_all(conn).await)?)
}

/// The bytes of a mail that [`find`] has shown.
///
/// # Errors
/// What the database says.
pub async fn raw(tx: &mut Tx, id: IncomingId) -> Result<Vec<u8>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(SELECT_RAW).bind(id).fetch_one(conn).await)?)
}

/// Keeps what an engineer decided about a waiting mail; false where it waits no more.
///
/// # Errors
/// What the database says.
pub async fn settle(
    tx: &mut Tx,
    id: IncomingId,
    place: Option<(CustomerId, CaseId, MessageId)>,
    (by, at): (PersonId, DateTime<Utc>),
) -> Result<bool, StoreError> {
    let (customer, case, message) = (place.map(|p| p.0), place.map(|p| p.1), place.map(|p| p.2));
    let settled = on!(tx, conn => sqlx::query(SETTLE_INCOMING)
        .bind(id).bind(false).bind(customer).bind(case).bind(message).bind(by).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(settled == 1)
}
