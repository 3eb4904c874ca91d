//! Tunnel tests: asked for by an event, or by a person, run by a worker under a lease, kept for good.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::types::Json;

use super::{StoreError, Tx, on, record, statements, taken_means_contended};
use crate::domain::id::{CaseId, CustomerId, ProbeId, SettingsId};

macro_rules! columns {
    () => {
        "customer_id, id, case_id, number, effect_key, level, case_entered, answers, settings_id, target_host, target_port,
            state, attempts, requested_at, by_customer, finished_at, verdict, cause, report, progress"
    };
}
pub(super) use columns;

/// True for a test `p` whose tunnel has no agent in force, so that the service runs it itself.
macro_rules! without_agent {
    () => {
        "NOT EXISTS (SELECT 1 FROM cases c
            JOIN agent_tunnels b ON b.customer_id = c.customer_id AND b.tunnel_id = c.tunnel_id
            JOIN agents a ON a.id = b.agent_id AND a.revoked_at IS NULL
            WHERE c.customer_id = p.customer_id AND c.id = p.case_id)"
    };
}

/// True for a test `p` that may run at `$1` beside what runs: its customer has no other that runs, and fewer than the
/// parameter named here run in all, wherever they run.
macro_rules! within_limits {
    ($at_once:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM probes running
                WHERE running.customer_id = p.customer_id AND running.state = 'queued' AND running.lease_until > $1)
            AND (SELECT COUNT(*) FROM probes running WHERE running.state = 'queued' AND running.lease_until > $1) < ",
            $at_once
        )
    };
}
pub(super) use within_limits;

/// The order of turns: by when the customer was served last, so that many tests of one do not hold up those of others.
macro_rules! by_turn {
    () => {
        "(SELECT MAX(served.finished_at) FROM probes served
                WHERE served.customer_id = p.customer_id AND served.state = 'done') NULLS FIRST, p.not_before, p.id"
    };
}
pub(super) use by_turn;

statements! {
    NEXT_NUMBER = "SELECT COALESCE(MAX(number), 0) + 1 FROM probes WHERE customer_id = $1 AND case_id = $2";
    INSERT_PROBE = "INSERT INTO probes (customer_id, id, case_id, number, effect_key, level, case_entered, answers,
            settings_id, target_host, target_port, state, attempts, not_before, lease_owner, lease_until, requested_at,
            by_customer, finished_at, verdict, cause, report)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'queued', 0, $14, NULL, NULL, $12, $13, NULL, NULL, NULL,
            NULL)";
    SELECT_DUE = concat!("SELECT ", columns!(), " FROM probes p
        WHERE p.state = 'queued' AND p.not_before <= $1 AND (p.lease_until IS NULL OR p.lease_until <= $1)
            AND ", without_agent!(), "
            AND ", within_limits!("$2"), "
        ORDER BY ", by_turn!(), "
        LIMIT 1");
    // As above; SKIP LOCKED passes over a test that is being settled. SQLite has one writer instead.
    SELECT_DUE_LOCKED = concat!("SELECT ", columns!(), " FROM probes p
        WHERE p.state = 'queued' AND p.not_before <= $1 AND (p.lease_until IS NULL OR p.lease_until <= $1)
            AND ", without_agent!(), "
            AND ", within_limits!("$2"), "
        ORDER BY ", by_turn!(), "
        LIMIT 1
        FOR UPDATE OF p SKIP LOCKED");
    // Counting and taking must not overlap with another node's: who holds this row counts. SQLite has one writer instead.
    LOCK_COUNTS = "SELECT value FROM counters WHERE name = 'probes' FOR UPDATE";
    ADD_COUNTS = "INSERT INTO counters (name, value) VALUES ('probes', 0) ON CONFLICT (name) DO NOTHING";
    // The start that has to be an hour old before the next one: `$2` is the limit of an hour less one.
    SELECT_HOLDING_START = "SELECT not_before FROM probes
        WHERE customer_id = $1 AND by_customer
        ORDER BY not_before DESC
        LIMIT 1 OFFSET $2";
    SELECT_WAITING = "SELECT number FROM probes
        WHERE customer_id = $1 AND case_id = $2 AND state = 'queued' AND answers <> '@watch'
        ORDER BY number
        LIMIT 1";
    LEASE = "UPDATE probes SET lease_owner = $3, lease_until = $4, attempts = attempts + 1, agent_id = NULL
        WHERE customer_id = $1 AND id = $2";
    FORGET_LEASES = "UPDATE probes SET lease_owner = NULL, lease_until = NULL
        WHERE state = 'queued' AND agent_id IS NULL";
    PUT_OFF = "UPDATE probes SET not_before = $4, lease_owner = NULL, lease_until = NULL
        WHERE customer_id = $1 AND id = $2 AND state = 'queued' AND lease_owner = $3";
    FINISH = "UPDATE probes
        SET state = 'done', finished_at = $4, verdict = $5, cause = $6, report = $7, progress = NULL,
            lease_owner = NULL, lease_until = NULL
        WHERE customer_id = $1 AND id = $2 AND state = 'queued' AND lease_owner = $3";
    SELECT_BY_NUMBER = concat!("SELECT ", columns!(), " FROM probes
        WHERE customer_id = $1 AND case_id = $2 AND number = $3");
    SELECT_BEFORE = concat!("SELECT ", columns!(), " FROM probes
        WHERE customer_id = $1 AND case_id = $2 AND number < $3 AND state = 'done' AND answers <> '@watch'
        ORDER BY number DESC
        LIMIT 1");
    // Rounds of watching have a list of their own.
    LIST_OF_CASE = concat!("SELECT ", columns!(), " FROM probes
        WHERE customer_id = $1 AND case_id = $2 AND answers <> '@watch'
        ORDER BY number DESC
        LIMIT 100");
}

record! {
    /// A tunnel test.
    #[derive(Clone, Debug)]
    pub struct Probe {
        /// Whose case it is.
        pub customer_id: CustomerId,
        /// Identifies the test.
        pub id: ProbeId,
        /// The case.
        pub case_id: CaseId,
        /// Counts from 1 in the case.
        pub number: i64,
        /// The effect that asked for it.
        pub effect_key: String,
        /// `reach` or `full`.
        pub level: String,
        /// The state entry that it answers to; a result for an older one is kept and not fired.
        pub case_entered: i64,
        /// The event that its result fires; empty for a test that a person asked for apart from the workflow.
        pub answers: String,
        /// The settings that a full test uses.
        pub settings_id: Option<SettingsId>,
        /// The approved address.
        pub target_host: String,
        /// The approved port.
        pub target_port: i64,
        /// `queued` or `done`.
        pub state: String,
        /// How often it was started.
        pub attempts: i64,
        /// When it was asked for.
        pub requested_at: DateTime<Utc>,
        /// Whether somebody of the customer caused it, so that it counts towards the limit of an hour.
        pub by_customer: bool,
        /// When it ended.
        pub finished_at: Option<DateTime<Utc>>,
        /// Its verdict (contract's words).
        pub verdict: Option<String>,
        /// Its cause id.
        pub cause: Option<String>,
        /// The whole report.
        pub report: Option<Json<serde_json::Value>>,
        /// What a running test has seen so far, where an agent tells it.
        pub progress: Option<Json<serde_json::Value>>,
    }
}

/// Queues a test that may begin from `not_before`; gives it the next number of its case.
///
/// # Errors
/// [`StoreError::Contended`] where the number or the effect is taken: somebody else made the same step of the case first.
pub async fn add(tx: &mut Tx, probe: &Probe, not_before: DateTime<Utc>) -> Result<i64, StoreError> {
    let number: i64 = on!(tx, conn => sqlx::query_scalar(NEXT_NUMBER)
        .bind(probe.customer_id).bind(probe.case_id).fetch_one(conn).await)?;
    on!(tx, conn => sqlx::query(INSERT_PROBE)
        .bind(probe.customer_id).bind(probe.id).bind(probe.case_id).bind(number).bind(&probe.effect_key)
        .bind(&probe.level).bind(probe.case_entered).bind(&probe.answers).bind(probe.settings_id)
        .bind(&probe.target_host).bind(probe.target_port).bind(probe.requested_at).bind(probe.by_customer)
        .bind(not_before)
        .execute(conn).await.map(|_| ()))
    .map_err(taken_means_contended)?;
    Ok(number)
}

/// Lets nobody else count tests before this transaction ends, so that limits hold between nodes.
///
/// # Errors
/// What the database says.
pub async fn lock_counts(tx: &mut Tx) -> Result<(), StoreError> {
    if matches!(tx, Tx::Sqlite(_)) {
        return Ok(());
    }
    let found: Option<i64> = on!(tx, conn => sqlx::query_scalar(LOCK_COUNTS).fetch_optional(conn).await)?;
    if found.is_none() {
        // The first of all: whoever loses this race waits here and then finds the row.
        on!(tx, conn => sqlx::query(ADD_COUNTS).execute(conn).await.map(|_| ()))?;
        let _row: Option<i64> = on!(tx, conn => sqlx::query_scalar(LOCK_COUNTS).fetch_optional(conn).await)?;
    }
    Ok(())
}

/// Claims the test whose turn it is, of those that no agent runs, and leases it to `owner`: never two of one customer at once, never more than
/// `at_once` over all nodes.
///
/// # Errors
/// What the database says.
pub async fn claim(
    tx: &mut Tx,
    owner: &str,
    (now, lease_until): (DateTime<Utc>, DateTime<Utc>),
    at_once: u32,
) -> Result<Option<Probe>, StoreError> {
    lock_counts(tx).await?;
    let text = match tx {
        Tx::Sqlite(_) => SELECT_DUE,
        Tx::Postgres(_) => SELECT_DUE_LOCKED,
    };
    let found: Option<Probe> =
        on!(tx, conn => sqlx::query_as(text).bind(now).bind(i64::from(at_once)).fetch_optional(conn).await)?;
    if let Some(probe) = &found {
        lease(tx, probe, owner, lease_until).await?;
    }
    Ok(found)
}

/// Leases a test, which the transaction has locked, to `owner`.
pub(super) async fn lease(
    tx: &mut Tx,
    probe: &Probe,
    owner: &str,
    lease_until: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(LEASE).bind(probe.customer_id).bind(probe.id).bind(owner).bind(lease_until)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Gives a test back that cannot run before `not_before`, so that the customer's others get their turn.
///
/// # Errors
/// What the database says.
pub async fn put_off(tx: &mut Tx, probe: &Probe, owner: &str, not_before: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(PUT_OFF).bind(probe.customer_id).bind(probe.id).bind(owner).bind(not_before)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// When the people of a customer may start their next test: `now`, or when the first of the last `per_hour` starts is an
/// hour old. Call [`lock_counts`] before.
///
/// # Errors
/// What the database says.
pub async fn next_start(
    tx: &mut Tx,
    customer: CustomerId,
    per_hour: u32,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, StoreError> {
    let offset = i64::from(per_hour.saturating_sub(1));
    let holding: Option<DateTime<Utc>> = on!(tx, conn => sqlx::query_scalar(SELECT_HOLDING_START).bind(customer).bind(offset).fetch_optional(conn).await)?;
    Ok(holding.map_or(now, |start| now.max(start + TimeDelta::hours(1))))
}

/// The number of a test of a case that has not ended.
///
/// # Errors
/// What the database says.
pub async fn waiting(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Option<i64>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(SELECT_WAITING).bind(customer).bind(case).fetch_optional(conn).await)?)
}

/// Makes every test that this process had begun claimable again; what an agent runs goes on. Right only at the start of
/// the one process that serves a SQLite file.
///
/// # Errors
/// What the database says.
pub async fn forget_leases(tx: &mut Tx) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(FORGET_LEASES).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// What a finished test says.
#[derive(Clone, Debug)]
pub struct Outcome<'o> {
    /// Its verdict (contract's words).
    pub verdict: &'o str,
    /// Its cause id.
    pub cause: Option<&'o str>,
    /// The whole report.
    pub report: &'o serde_json::Value,
    /// When it ended.
    pub at: DateTime<Utc>,
}

/// Stores the result of a test; says whether the lease was still held.
///
/// # Errors
/// What the database says.
pub async fn finish(tx: &mut Tx, probe: &Probe, owner: &str, outcome: &Outcome<'_>) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(FINISH)
        .bind(probe.customer_id).bind(probe.id).bind(owner).bind(outcome.at).bind(outcome.verdict).bind(outcome.cause)
        .bind(Json(outcome.report))
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// A test of a case by its number.
///
/// # Errors
/// What the database says.
pub async fn by_number(
    tx: &mut Tx,
    customer: CustomerId,
    case: CaseId,
    number: i64,
) -> Result<Option<Probe>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_BY_NUMBER).bind(customer).bind(case).bind(number)
        .fetch_optional(conn).await)?)
}

/// The last test of a case that ended and has a number below `number`.
///
/// # Errors
/// What the database says.
pub async fn done_before(
    tx: &mut Tx,
    customer: CustomerId,
    case: CaseId,
    number: i64,
) -> Result<Option<Probe>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_BEFORE).bind(customer).bind(case).bind(number)
        .fetch_optional(conn).await)?)
}

/// The tests of a case, newest first.
///
/// # Errors
/// What the database says.
pub async fn of_case(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Vec<Probe>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_OF_CASE).bind(customer).bind(case).fetch_all(conn).await)?)
}
