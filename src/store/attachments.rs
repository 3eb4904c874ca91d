//! Files of conversations. Lists leave the bytes out.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{AttachmentId, CaseId, CustomerId, MessageId, PersonId};

statements! {
    INSERT_ATTACHMENT = "INSERT INTO attachments (customer_id, case_id, id, at, uploader_id, name, kind, size, content)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LIST_ATTACHMENTS = "SELECT id, at, uploader_id, message_id, name, kind, size FROM attachments
        WHERE customer_id = $1 AND case_id = $2
        ORDER BY at, id
        LIMIT 2000";
    SELECT_ATTACHMENT = "SELECT id, at, uploader_id, message_id, name, kind, size FROM attachments
        WHERE customer_id = $1 AND case_id = $2 AND id = $3";
    SELECT_CONTENT = "SELECT content FROM attachments WHERE customer_id = $1 AND case_id = $2 AND id = $3";
    SUM_SIZES = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM attachments WHERE customer_id = $1 AND case_id = $2";
    LINK_DRAFT = "UPDATE attachments SET message_id = $5
        WHERE customer_id = $1 AND case_id = $2 AND id = $3 AND uploader_id = $4 AND message_id IS NULL";
    DELETE_OLD_DRAFTS = "DELETE FROM attachments WHERE message_id IS NULL AND at < $1";
}

record! {
    /// A file without its bytes.
    #[derive(Clone, Debug)]
    pub struct Attachment {
        /// Identifies the file: 128 random bits.
        pub id: AttachmentId,
        /// When it was uploaded.
        pub at: DateTime<Utc>,
        /// By whom.
        pub uploader_id: PersonId,
        /// The message it belongs to; a draft has none.
        pub message_id: Option<MessageId>,
        /// Its name.
        pub name: String,
        /// The media type under which it is served.
        pub kind: String,
        /// Bytes.
        pub size: i64,
    }
}

/// Adds a draft.
///
/// # Errors
/// What the database says.
pub async fn add(
    tx: &mut Tx,
    (customer, case): (CustomerId, CaseId),
    file: &Attachment,
    content: &[u8],
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_ATTACHMENT)
        .bind(customer).bind(case).bind(file.id).bind(file.at).bind(file.uploader_id)
        .bind(&file.name).bind(&file.kind).bind(file.size).bind(content)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The files of a case, oldest first, drafts among them.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Vec<Attachment>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_ATTACHMENTS).bind(customer).bind(case).fetch_all(conn).await)?)
}

/// A file of a case.
///
/// # Errors
/// What the database says.
pub async fn find(
    tx: &mut Tx,
    (customer, case): (CustomerId, CaseId),
    id: AttachmentId,
) -> Result<Option<Attachment>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_ATTACHMENT).bind(customer).bind(case).bind(id)
        .fetch_optional(conn).await)?)
}

/// The bytes of a file that [`find`] has shown.
///
/// # Errors
/// What the database says.
pub async fn content(
    tx: &mut Tx,
    (customer, case): (CustomerId, CaseId),
    id: AttachmentId,
) -> Result<Vec<u8>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(SELECT_CONTENT).bind(customer).bind(case).bind(id).fetch_one(conn).await)?)
}

/// Bytes of all files of a case.
///
/// # Errors
/// What the database says.
pub async fn bytes(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(SUM_SIZES).bind(customer).bind(case).fetch_one(conn).await)?)
}

/// Makes somebody's draft part of a message; false where there is no such draft of that person in that case.
///
/// # Errors
/// What the database says.
pub async fn link(
    tx: &mut Tx,
    (customer, case): (CustomerId, CaseId),
    (id, uploader): (AttachmentId, PersonId),
    message: MessageId,
) -> Result<bool, StoreError> {
    let linked = on!(tx, conn => sqlx::query(LINK_DRAFT)
        .bind(customer).bind(case).bind(id).bind(uploader).bind(message)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(linked == 1)
}

/// Forgets drafts that were uploaded before an instant and never sent.
///
/// # Errors
/// What the database says.
pub async fn forget_drafts_before(tx: &mut Tx, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_OLD_DRAFTS).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}
