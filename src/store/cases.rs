//! Cases.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::{StoreError, Tx, on, record, statements};
use crate::domain::case::{Case, Priority, WaitingOn, WorkflowRef};
use crate::domain::id::{CaseId, CustomerId, PersonId, ServerId, TenantId, TunnelId};
use crate::domain::objective::Objective;
use crate::domain::workflow::{CaseState, Data};

/// The columns of a case, in the order in which [`INSERT_CASE`] binds them.
macro_rules! columns {
    () => {
        "customer_id, id, number, title, workflow, version, definition_hash, revision, state, previous, data, sealed, seq,
            entered, priority, vendor_ticket, waiting_on, owner_role, queued, claimed_by, claimed_at, opened_by, tunnel_id,
            server_id, tenant_id, is_open, opened_at, waiting_since, due_at, closed_at, outcome,
            objective, soon_at, escalated_at, step_due_at, parent"
    };
}
pub(super) use columns;

statements! {
    TAKE_NUMBER = "INSERT INTO counters (name, value) VALUES ('case', 1001)
        ON CONFLICT (name) DO UPDATE SET value = counters.value + 1
        RETURNING value";
    INSERT_CASE = concat!("INSERT INTO cases (", columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
            $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)");
    UPDATE_CASE = "UPDATE cases
        SET title = $4, revision = $5, state = $6, previous = $7, data = $8, sealed = $9, seq = $10, entered = $11,
            priority = $12, vendor_ticket = $13, waiting_on = $14, owner_role = $15, queued = $16, claimed_by = $17,
            claimed_at = $18, server_id = $19, tenant_id = $20, is_open = $21, waiting_since = $22, due_at = $23,
            closed_at = $24, outcome = $25, objective = $26, soon_at = $27, escalated_at = $28, step_due_at = $29
        WHERE customer_id = $1 AND id = $2 AND revision = $3";
    LIST_OPEN_ON = concat!("SELECT ", columns!(), " FROM cases
        WHERE workflow = $1 AND version = $2 AND is_open AND number > $3
        ORDER BY number
        LIMIT $4");
    SELECT_BY_NUMBER = concat!("SELECT ", columns!(), " FROM cases WHERE number = $1");
    SELECT_BY_ID = concat!("SELECT ", columns!(), " FROM cases WHERE customer_id = $1 AND id = $2");
    // As above; the row lock makes writers of one case wait for each other. SQLite has one writer instead.
    // Whoever changes a case holds its parent first, so that a family is always locked in the same order.
    LOCK_PARENT = "SELECT number FROM cases WHERE number = (SELECT parent FROM cases WHERE number = $1) FOR UPDATE";
    LOCK_PARENT_BY_ID = "SELECT number FROM cases
        WHERE number = (SELECT parent FROM cases WHERE customer_id = $1 AND id = $2)
        FOR UPDATE";
    SELECT_BY_NUMBER_LOCKED = concat!("SELECT ", columns!(), " FROM cases WHERE number = $1 FOR UPDATE");
    SELECT_BY_ID_LOCKED = concat!("SELECT ", columns!(), " FROM cases WHERE customer_id = $1 AND id = $2 FOR UPDATE");
    LIST_OF_CUSTOMER = concat!("SELECT ", columns!(), "
        FROM cases
        WHERE customer_id = $1 AND number < $2
        ORDER BY number DESC
        LIMIT $3");
    LIST_OF_OPENER = concat!("SELECT ", columns!(), "
        FROM cases
        WHERE customer_id = $1 AND number < $2 AND opened_by = $4
        ORDER BY number DESC
        LIMIT $3");
    LIST_CHILDREN = concat!("SELECT ", columns!(), " FROM cases WHERE parent = $1 ORDER BY number DESC LIMIT 100");
    LIST_OF_SERVER = concat!("SELECT ", columns!(), " FROM cases
        WHERE server_id = $1 AND is_open
        ORDER BY number
        LIMIT 100");
    LIST_OPEN_CHILDREN = concat!("SELECT ", columns!(), " FROM cases
        WHERE parent = $1 AND is_open
        ORDER BY number
        LIMIT 100");
    OPEN_BEHIND = "SELECT id FROM cases
        WHERE customer_id = $1 AND tunnel_id = $2 AND is_open AND workflow <> $3
        ORDER BY number
        LIMIT 1000";
    OPEN_OF_PERSON = "SELECT customer_id, id FROM cases
        WHERE is_open AND (opened_by = $1 OR claimed_by = $1)
        ORDER BY number
        LIMIT 1000";
    // Children follow, so that whoever sees a case sees what belongs to it.
    SET_OPENER = "UPDATE cases SET opened_by = $3
        WHERE customer_id = $1
            AND (id = $2 OR parent = (SELECT number FROM cases AS own WHERE own.customer_id = $1 AND own.id = $2))";
    LIST_AFTER = concat!("SELECT ", columns!(), " FROM cases WHERE number > $1 ORDER BY number LIMIT $2");
}

record! {
    pub(super) struct CaseRow {
        customer_id: CustomerId,
        id: CaseId,
        number: i64,
        title: String,
        workflow: String,
        version: i64,
        definition_hash: String,
        revision: i64,
        state: String,
        previous: Option<String>,
        data: Json<Data>,
        sealed: Json<BTreeSet<String>>,
        seq: i64,
        entered: i64,
        priority: Priority,
        vendor_ticket: Option<String>,
        waiting_on: WaitingOn,
        owner_role: Option<String>,
        queued: bool,
        claimed_by: Option<PersonId>,
        claimed_at: Option<DateTime<Utc>>,
        opened_by: PersonId,
        tunnel_id: Option<TunnelId>,
        server_id: Option<ServerId>,
        tenant_id: Option<TenantId>,
        is_open: bool,
        opened_at: DateTime<Utc>,
        waiting_since: DateTime<Utc>,
        due_at: DateTime<Utc>,
        closed_at: Option<DateTime<Utc>>,
        outcome: Option<String>,
        objective: Option<Objective>,
        soon_at: Option<DateTime<Utc>>,
        escalated_at: Option<DateTime<Utc>>,
        step_due_at: Option<DateTime<Utc>>,
        parent: Option<i64>,
    }
}

impl TryFrom<CaseRow> for Case {
    type Error = StoreError;

    fn try_from(row: CaseRow) -> Result<Self, StoreError> {
        let count = |column, value: i64| {
            u64::try_from(value).map_err(|error| StoreError::Corrupt {
                table: "cases",
                column,
                detail: error.to_string(),
            })
        };
        Ok(Self {
            customer: row.customer_id,
            id: row.id,
            number: row.number,
            parent: row.parent,
            title: row.title,
            workflow: WorkflowRef { id: row.workflow, version: row.version, hash: row.definition_hash },
            revision: row.revision,
            flow: CaseState {
                state: row.state,
                previous: row.previous,
                data: row.data.0,
                sealed: row.sealed.0,
                seq: count("seq", row.seq)?,
                entered: count("entered", row.entered)?,
            },
            priority: row.priority,
            vendor_ticket: row.vendor_ticket,
            waiting_on: row.waiting_on,
            owner_role: row.owner_role,
            queued: row.queued,
            claim: row.claimed_by.zip(row.claimed_at),
            opened_by: row.opened_by,
            tunnel: row.tunnel_id,
            server: row.server_id,
            tenant: row.tenant_id,
            is_open: row.is_open,
            opened_at: row.opened_at,
            waiting_since: row.waiting_since,
            due_at: row.due_at,
            objective: row.objective,
            soon_at: row.soon_at,
            escalated_at: row.escalated_at,
            step_due_at: row.step_due_at,
            closed_at: row.closed_at,
            outcome: row.outcome,
        })
    }
}

pub(super) fn all(rows: Vec<CaseRow>) -> Result<Vec<Case>, StoreError> {
    rows.into_iter().map(Case::try_from).collect()
}

/// A counter as the database holds it; a case does not live long enough to overflow one.
fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Takes the next case number; a number taken by a transaction that fails is given out again.
///
/// # Errors
/// What the database says.
pub async fn take_number(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(TAKE_NUMBER).fetch_one(conn).await)?)
}

/// Adds a case.
///
/// # Errors
/// What the database says.
pub async fn add(tx: &mut Tx, case: &Case) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_CASE)
        .bind(case.customer).bind(case.id).bind(case.number).bind(&case.title)
        .bind(&case.workflow.id).bind(case.workflow.version).bind(&case.workflow.hash).bind(case.revision)
        .bind(&case.flow.state).bind(&case.flow.previous).bind(Json(&case.flow.data)).bind(Json(&case.flow.sealed))
        .bind(stored(case.flow.seq)).bind(stored(case.flow.entered))
        .bind(case.priority).bind(&case.vendor_ticket).bind(case.waiting_on).bind(&case.owner_role).bind(case.queued)
        .bind(case.claimant()).bind(case.claim.map(|(_, at)| at)).bind(case.opened_by)
        .bind(case.tunnel).bind(case.server).bind(case.tenant)
        .bind(case.is_open).bind(case.opened_at).bind(case.waiting_since).bind(case.due_at)
        .bind(case.closed_at).bind(&case.outcome)
        .bind(case.objective).bind(case.soon_at).bind(case.escalated_at).bind(case.step_due_at).bind(case.parent)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Replaces a case that was loaded at `loaded_revision`.
///
/// # Errors
/// [`StoreError::Contended`] where somebody was faster, so that the unit of work is run again on the new state.
pub async fn replace(tx: &mut Tx, loaded_revision: i64, case: &Case) -> Result<(), StoreError> {
    let changed = on!(tx, conn => sqlx::query(UPDATE_CASE)
        .bind(case.customer).bind(case.id).bind(loaded_revision)
        .bind(&case.title).bind(case.revision)
        .bind(&case.flow.state).bind(&case.flow.previous).bind(Json(&case.flow.data)).bind(Json(&case.flow.sealed))
        .bind(stored(case.flow.seq)).bind(stored(case.flow.entered))
        .bind(case.priority).bind(&case.vendor_ticket).bind(case.waiting_on).bind(&case.owner_role).bind(case.queued)
        .bind(case.claimant()).bind(case.claim.map(|(_, at)| at))
        .bind(case.server).bind(case.tenant).bind(case.is_open).bind(case.waiting_since).bind(case.due_at)
        .bind(case.closed_at).bind(&case.outcome)
        .bind(case.objective).bind(case.soon_at).bind(case.escalated_at).bind(case.step_due_at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Contended) }
}

/// The case with this number, whoever asks: the caller judges who may see it.
///
/// # Errors
/// What the database says.
pub async fn by_number(tx: &mut Tx, number: i64) -> Result<Option<Case>, StoreError> {
    let row: Option<CaseRow> =
        on!(tx, conn => sqlx::query_as(SELECT_BY_NUMBER).bind(number).fetch_optional(conn).await)?;
    row.map(Case::try_from).transpose()
}

/// A case of a customer.
///
/// # Errors
/// What the database says.
pub async fn by_id(tx: &mut Tx, customer: CustomerId, id: CaseId) -> Result<Option<Case>, StoreError> {
    let row: Option<CaseRow> =
        on!(tx, conn => sqlx::query_as(SELECT_BY_ID).bind(customer).bind(id).fetch_optional(conn).await)?;
    row.map(Case::try_from).transpose()
}

/// As [`by_number`], held for the transaction: whoever else is about to change the case waits, and then reads what has
/// become of it, instead of losing a compare-and-set again and again.
///
/// # Errors
/// What the database says.
pub async fn hold(tx: &mut Tx, number: i64) -> Result<Option<Case>, StoreError> {
    let text = match tx {
        Tx::Sqlite(_) => SELECT_BY_NUMBER,
        Tx::Postgres(conn) => {
            sqlx::query(LOCK_PARENT).bind(number).execute(&mut **conn).await?;
            SELECT_BY_NUMBER_LOCKED
        }
    };
    let row: Option<CaseRow> = on!(tx, conn => sqlx::query_as(text).bind(number).fetch_optional(conn).await)?;
    row.map(Case::try_from).transpose()
}

/// As [`by_id`], held as [`hold`] does.
///
/// # Errors
/// What the database says.
pub async fn hold_by_id(tx: &mut Tx, customer: CustomerId, id: CaseId) -> Result<Option<Case>, StoreError> {
    let text = match tx {
        Tx::Sqlite(_) => SELECT_BY_ID,
        Tx::Postgres(conn) => {
            sqlx::query(LOCK_PARENT_BY_ID).bind(customer).bind(id).execute(&mut **conn).await?;
            SELECT_BY_ID_LOCKED
        }
    };
    let row: Option<CaseRow> =
        on!(tx, conn => sqlx::query_as(text).bind(customer).bind(id).fetch_optional(conn).await)?;
    row.map(Case::try_from).transpose()
}

/// The cases that belong to one, newest first, at most a hundred.
///
/// # Errors
/// What the database says.
pub async fn children(tx: &mut Tx, number: i64) -> Result<Vec<Case>, StoreError> {
    let rows: Vec<CaseRow> = on!(tx, conn => sqlx::query_as(LIST_CHILDREN).bind(number).fetch_all(conn).await)?;
    all(rows)
}

/// The open cases about a server, oldest first.
///
/// # Errors
/// What the database says.
pub async fn of_server(tx: &mut Tx, server: ServerId) -> Result<Vec<Case>, StoreError> {
    all(on!(tx, conn => sqlx::query_as(LIST_OF_SERVER).bind(server).fetch_all(conn).await)?)
}

/// Children that have not ended, oldest first.
///
/// # Errors
/// What the database says.
pub async fn open_children(tx: &mut Tx, number: i64) -> Result<Vec<Case>, StoreError> {
    let rows: Vec<CaseRow> = on!(tx, conn => sqlx::query_as(LIST_OPEN_CHILDREN).bind(number).fetch_all(conn).await)?;
    all(rows)
}

/// Cases of a customer, newest first, with numbers below `before`; those that `opener` opened where one is given.
///
/// # Errors
/// What the database says.
pub async fn of_customer(
    tx: &mut Tx,
    customer: CustomerId,
    opener: Option<PersonId>,
    before: i64,
    limit: i64,
) -> Result<Vec<Case>, StoreError> {
    let rows: Vec<CaseRow> = match opener {
        None => on!(tx, conn => sqlx::query_as(LIST_OF_CUSTOMER).bind(customer).bind(before).bind(limit)
            .fetch_all(conn).await)?,
        Some(person) => on!(tx, conn => sqlx::query_as(LIST_OF_OPENER).bind(customer).bind(before).bind(limit)
            .bind(person).fetch_all(conn).await)?,
    };
    all(rows)
}

/// All cases in order of their numbers, a page at a time, for replay and checks.
///
/// # Errors
/// What the database says.
pub async fn after(tx: &mut Tx, number: i64, limit: i64) -> Result<Vec<Case>, StoreError> {
    let rows: Vec<CaseRow> =
        on!(tx, conn => sqlx::query_as(LIST_AFTER).bind(number).bind(limit).fetch_all(conn).await)?;
    all(rows)
}

/// Open cases that run on a version of a workflow, in order of their numbers, a page at a time.
///
/// # Errors
/// What the database says.
pub async fn open_on(
    tx: &mut Tx,
    (workflow, version): (&str, i64),
    number: i64,
    limit: i64,
) -> Result<Vec<Case>, StoreError> {
    let rows: Vec<CaseRow> = on!(tx, conn => sqlx::query_as(LIST_OPEN_ON)
        .bind(workflow).bind(version).bind(number).bind(limit).fetch_all(conn).await)?;
    all(rows)
}

/// The open cases of one tunnel but those of one workflow, oldest first, at most a thousand.
///
/// # Errors
/// What the database says.
pub async fn open_behind(
    tx: &mut Tx,
    (customer, tunnel): (CustomerId, TunnelId),
    but: &str,
) -> Result<Vec<CaseId>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(OPEN_BEHIND).bind(customer).bind(tunnel).bind(but).fetch_all(conn).await)?)
}

/// The open cases that a person opened or has claimed, oldest first, at most a thousand.
///
/// # Errors
/// What the database says.
pub async fn open_of(tx: &mut Tx, person: PersonId) -> Result<Vec<(CustomerId, CaseId)>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(OPEN_OF_PERSON).bind(person).fetch_all(conn).await)?)
}

/// Makes somebody else the person whose case it is, with the cases that belong to it.
///
/// # Errors
/// What the database says.
pub async fn set_opener(
    tx: &mut Tx,
    (customer, case): (CustomerId, CaseId),
    person: PersonId,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_OPENER).bind(customer).bind(case).bind(person).execute(conn).await.map(|_| ()))?;
    Ok(())
}
