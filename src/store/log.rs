//! The log of each case: gapless, chained by hashes; personal values stand in rows beside it.

use super::{StoreError, Tx, on, record, statements, taken_means_contended};
use crate::domain::id::{CaseId, CustomerId};
use crate::domain::log::{self, Entry};

statements! {
    SELECT_HEAD = "SELECT hash FROM case_log WHERE customer_id = $1 AND case_id = $2 AND seq = $3";
    INSERT_ENTRY = "INSERT INTO case_log (customer_id, case_id, seq, at_us, body, prev_hash, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    INSERT_PERSONAL = "INSERT INTO case_log_personal (customer_id, case_id, seq, name, value, salt)
        VALUES ($1, $2, $3, $4, $5, $6)";
    LIST_ENTRIES = "SELECT seq, at_us, body, hash FROM case_log
        WHERE customer_id = $1 AND case_id = $2
        ORDER BY seq";
    SELECT_FIRST = "SELECT seq, at_us, body, hash FROM case_log WHERE customer_id = $1 AND case_id = $2 AND seq = 1";
    LIST_PERSONAL = "SELECT seq, name, value, salt FROM case_log_personal
        WHERE customer_id = $1 AND case_id = $2
        ORDER BY seq, name";
    ERASE_PERSONAL = "UPDATE case_log_personal SET value = NULL, salt = $4
        WHERE customer_id = $1 AND case_id = $2 AND name = $3";
}

record! {
    /// An entry as stored.
    #[derive(Clone, Debug)]
    pub struct Row {
        /// Position, from 1.
        pub seq: i64,
        /// Microseconds since 1970 (UTC).
        pub at_us: i64,
        /// Canonical JSON text.
        pub body: String,
        /// Hash, chained to the entry before.
        pub hash: String,
    }
}

record! {
    /// A personal value that an entry holds a commitment to; `value` is gone once it was erased.
    #[derive(Clone, Debug)]
    pub struct Personal {
        /// The entry.
        pub seq: i64,
        /// The field.
        pub name: String,
        /// The value, unless erased.
        pub value: Option<String>,
        /// The salt of the commitment.
        pub salt: Vec<u8>,
    }
}

/// Appends an entry at position `seq` and chains it to the one before.
///
/// # Errors
/// [`StoreError::Contended`] where the entry before is not there or the position is taken: somebody was faster.
pub async fn append(tx: &mut Tx, customer: CustomerId, entry: &Entry<'_>) -> Result<(), StoreError> {
    let previous = if entry.seq == 1 {
        log::GENESIS.to_owned()
    } else {
        let head: Option<String> = on!(tx, conn => sqlx::query_scalar(SELECT_HEAD)
            .bind(customer).bind(entry.case).bind(entry.seq - 1).fetch_optional(conn).await)?;
        head.ok_or(StoreError::Contended)?
    };
    let hash = log::hash(entry, &previous);
    on!(tx, conn => sqlx::query(INSERT_ENTRY)
        .bind(customer).bind(entry.case).bind(entry.seq).bind(entry.at_us).bind(entry.body).bind(&previous).bind(&hash)
        .execute(conn).await.map(|_| ()))
    .map_err(taken_means_contended)
}

/// Stores a personal value beside the entry that commits to it.
///
/// # Errors
/// What the database says.
pub async fn add_personal(
    tx: &mut Tx,
    (customer, case): (CustomerId, CaseId),
    value: &Personal,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_PERSONAL)
        .bind(customer).bind(case).bind(value.seq).bind(&value.name).bind(&value.value).bind(&value.salt)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The whole log of a case, in order.
///
/// # Errors
/// What the database says.
pub async fn entries(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Vec<Row>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_ENTRIES).bind(customer).bind(case).fetch_all(conn).await)?)
}

/// The first entry of a case's log: who opened it, and with what.
///
/// # Errors
/// What the database says.
pub async fn first(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Option<Row>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_FIRST).bind(customer).bind(case).fetch_optional(conn).await)?)
}

/// The personal values beside a case's log.
///
/// # Errors
/// What the database says.
pub async fn personal(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Vec<Personal>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_PERSONAL).bind(customer).bind(case).fetch_all(conn).await)?)
}

/// Erases a personal value and its salt wherever the case's log commits to it; the chain stays whole.
///
/// # Errors
/// What the database says.
pub async fn erase_personal(tx: &mut Tx, (customer, case): (CustomerId, CaseId), name: &str) -> Result<(), StoreError> {
    let no_salt: &[u8] = &[];
    on!(tx, conn => sqlx::query(ERASE_PERSONAL).bind(customer).bind(case).bind(name).bind(no_salt)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}
