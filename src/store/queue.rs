//! The engineers' lists. Each list repeats the literal condition of its partial index, or SQLite would not use it.

use chrono::{DateTime, Utc};

use super::cases::{CaseRow, all, columns};
use super::{StoreError, Tx, on, record, statements};
use crate::domain::case::Case;
use crate::domain::id::{CaseId, CustomerId, PersonId};
use crate::domain::words;

words! {
    /// A view of the queue.
    pub enum View {
        /// Our turn, and nobody has claimed it.
        Unclaimed = "unclaimed",
        /// Claimed by the person who looks.
        Mine = "mine",
        /// Waiting on the customer.
        Customer = "customer",
        /// Every open case.
        Open = "open",
    }
}

statements! {
    LIST_UNCLAIMED = concat!("SELECT ", columns!(), " FROM cases
        WHERE is_open AND queued AND claimed_by IS NULL AND waiting_on = 'vendor' AND (due_at, id) > ($1, $2)
        ORDER BY due_at, id
        LIMIT $3");
    LIST_MINE = concat!("SELECT ", columns!(), " FROM cases
        WHERE is_open AND queued AND claimed_by = $4 AND (due_at, id) > ($1, $2)
        ORDER BY due_at, id
        LIMIT $3");
    LIST_CUSTOMER = concat!("SELECT ", columns!(), " FROM cases
        WHERE is_open AND queued AND waiting_on = 'customer' AND (due_at, id) > ($1, $2)
        ORDER BY due_at, id
        LIMIT $3");
    LIST_OPEN = concat!("SELECT ", columns!(), " FROM cases
        WHERE is_open AND queued AND (due_at, id) > ($1, $2)
        ORDER BY due_at, id
        LIMIT $3");
    // Each count reads its own partial index and no case: over 10,000 open cases that is what keeps the queue quick.
    COUNT_VIEWS = "SELECT
            (SELECT COUNT(*) FROM cases
                WHERE is_open AND queued AND claimed_by IS NULL AND waiting_on = 'vendor') AS unclaimed,
            (SELECT COUNT(*) FROM cases WHERE is_open AND queued AND claimed_by = $1) AS mine,
            (SELECT COUNT(*) FROM cases WHERE is_open AND queued AND waiting_on = 'customer') AS customer,
            (SELECT COUNT(*) FROM cases WHERE is_open AND queued) AS open";
    // By what people have in hand: host name or address of the server, name of the customer. Through the customer,
    // because that is what cases are indexed by.
    FIND_BY_SERVER = concat!("SELECT ", columns!(), " FROM cases
        WHERE customer_id IN (SELECT customer_id FROM servers WHERE address = $1 OR name = $1)
            AND server_id IN (SELECT id FROM servers WHERE address = $1 OR name = $1)
        ORDER BY number DESC
        LIMIT $2");
    FIND_BY_CUSTOMER = concat!("SELECT ", columns!(), " FROM cases
        WHERE customer_id IN (SELECT id FROM customers WHERE LOWER(name) = $1)
        ORDER BY number DESC
        LIMIT $2");
    NEXT_UNCLAIMED = "SELECT customer_id, id FROM cases
        WHERE is_open AND queued AND claimed_by IS NULL AND waiting_on = 'vendor'
        ORDER BY due_at, id
        LIMIT 1";
    // As above; SKIP LOCKED gives engineers who ask at once a case each. SQLite has one writer instead.
    NEXT_UNCLAIMED_LOCKED = "SELECT customer_id, id FROM cases
        WHERE is_open AND queued AND claimed_by IS NULL AND waiting_on = 'vendor'
        ORDER BY due_at, id
        LIMIT 1
        FOR UPDATE SKIP LOCKED";
}

record! {
    /// How many cases each view holds.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Counts {
        /// See [`View::Unclaimed`].
        pub unclaimed: i64,
        /// See [`View::Mine`].
        pub mine: i64,
        /// See [`View::Customer`].
        pub customer: i64,
        /// See [`View::Open`].
        pub open: i64,
    }
}

/// Where a page of a list ended: the next one starts behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Due time of the last row.
    pub due_at: DateTime<Utc>,
    /// Its case.
    pub id: CaseId,
}

/// A page of a view, most urgent first.
///
/// # Errors
/// What the database says.
pub async fn list(
    tx: &mut Tx,
    view: View,
    person: PersonId,
    after: Cursor,
    limit: i64,
) -> Result<Vec<Case>, StoreError> {
    let text = match view {
        View::Unclaimed => LIST_UNCLAIMED,
        View::Mine => LIST_MINE,
        View::Customer => LIST_CUSTOMER,
        View::Open => LIST_OPEN,
    };
    let rows: Vec<CaseRow> = on!(tx, conn => {
        let query = sqlx::query_as(text).bind(after.due_at).bind(after.id).bind(limit);
        let query = if view == View::Mine { query.bind(person) } else { query };
        query.fetch_all(conn).await
    })?;
    all(rows)
}

/// How many cases each view holds for a person.
///
/// # Errors
/// What the database says.
pub async fn counts(tx: &mut Tx, person: PersonId) -> Result<Counts, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(COUNT_VIEWS).bind(person).fetch_one(conn).await)?)
}

/// The most urgent case that nobody has claimed, held for this transaction, so that two who ask at once get one each.
///
/// # Errors
/// What the database says.
pub async fn next_unclaimed(tx: &mut Tx) -> Result<Option<(CustomerId, CaseId)>, StoreError> {
    let text = match tx {
        Tx::Sqlite(_) => NEXT_UNCLAIMED,
        Tx::Postgres(_) => NEXT_UNCLAIMED_LOCKED,
    };
    Ok(on!(tx, conn => sqlx::query_as(text).fetch_optional(conn).await)?)
}

/// Cases about a server with this canonical address or host name, newest first, closed ones too.
///
/// # Errors
/// What the database says.
pub async fn by_server(tx: &mut Tx, server: &str, limit: i64) -> Result<Vec<Case>, StoreError> {
    let rows: Vec<CaseRow> =
        on!(tx, conn => sqlx::query_as(FIND_BY_SERVER).bind(server).bind(limit).fetch_all(conn).await)?;
    all(rows)
}

/// Cases of the customer with this name, given in lower case, newest first, closed ones too.
///
/// # Errors
/// What the database says.
pub async fn by_customer_name(tx: &mut Tx, name: &str, limit: i64) -> Result<Vec<Case>, StoreError> {
    let rows: Vec<CaseRow> =
        on!(tx, conn => sqlx::query_as(FIND_BY_CUSTOMER).bind(name).bind(limit).fetch_all(conn).await)?;
    all(rows)
}
