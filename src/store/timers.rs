//! Clocks of cases: each instant once, with the rule that made it.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements, taken_means_contended};
use crate::domain::id::{CalendarId, CaseId, CustomerId};
use crate::domain::words;

words! {
    /// What a timer does when it rings.
    pub enum Kind {
        /// Reminds the owner of the state.
        Remind = "remind",
        /// Marks the state overdue.
        Due = "due",
        /// Tells another role.
        Escalate = "escalate",
        /// Fires an event of the workflow.
        Expire = "expire",
        /// Tells a lead that a promise is broken; belongs to the case and not to one of its states.
        Objective = "objective",
    }
}

statements! {
    INSERT_TIMER = "INSERT INTO timers (key, customer_id, case_id, entered, kind, target, calendar, due_at, paused_left_s,
            started_at, span, calendar_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    SELECT_DUE = "SELECT key, customer_id, case_id, entered, kind, target, calendar, due_at, paused_left_s,
            started_at, span, calendar_id
        FROM timers
        WHERE due_at <= $1 AND paused_left_s IS NULL
        ORDER BY due_at, key
        LIMIT 1";
    // As above; SKIP LOCKED lets several nodes work without waiting for each other. SQLite has one writer instead.
    SELECT_DUE_LOCKED = "SELECT key, customer_id, case_id, entered, kind, target, calendar, due_at, paused_left_s,
            started_at, span, calendar_id
        FROM timers
        WHERE due_at <= $1 AND paused_left_s IS NULL
        ORDER BY due_at, key
        LIMIT 1
        FOR UPDATE SKIP LOCKED";
    LIST_OF_CASE = "SELECT key, customer_id, case_id, entered, kind, target, calendar, due_at, paused_left_s,
            started_at, span, calendar_id
        FROM timers
        WHERE customer_id = $1 AND case_id = $2
        ORDER BY due_at, key";
    DELETE_TIMER = "DELETE FROM timers WHERE key = $1";
    DELETE_OF_CASE = "DELETE FROM timers WHERE customer_id = $1 AND case_id = $2 AND kind <> 'objective'";
    COUNT_OF_CALENDAR = "SELECT COUNT(*) FROM timers WHERE calendar_id = $1";
    // Cases with running clocks whose rules are kept, those of promises too, one after the other.
    NEXT_WITH_RULE = "SELECT customer_id, case_id FROM timers
        WHERE paused_left_s IS NULL AND span IS NOT NULL AND (customer_id, case_id) > ($1, $2)
        UNION
        SELECT customer_id, case_id FROM objectives
        WHERE ended_at IS NULL AND running_since IS NOT NULL AND (customer_id, case_id) > ($1, $2)
        ORDER BY customer_id, case_id
        LIMIT $3";
}

record! {
    /// A timer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Timer {
        /// `case.entered.kind.n`, of a promise `case.objective.n`: a second node or a replay cannot make it twice.
        pub key: String,
        /// Whose case it is.
        pub customer_id: CustomerId,
        /// The case.
        pub case_id: CaseId,
        /// The state entry that it belongs to; one of an older entry is dropped.
        pub entered: i64,
        /// What it does.
        pub kind: Kind,
        /// The role to tell, the event to fire, or the number of the promise within its case.
        pub target: String,
        /// The calendar of the definition that its span was counted in; none for wall-clock time.
        pub calendar: Option<String>,
        /// When it rings.
        pub due_at: DateTime<Utc>,
        /// Seconds that were left when the clock was paused, in the calendar's time; a paused timer does not ring.
        pub paused_left_s: Option<i64>,
        /// When its span began; none where it rings at an instant that somebody named.
        pub started_at: Option<DateTime<Utc>>,
        /// The span, as [`crate::domain::schedule::Span`] writes it.
        pub span: Option<String>,
        /// The calendar on record that its span was counted in; none for one that the definition brings along.
        pub calendar_id: Option<CalendarId>,
    }
}

/// Adds a timer.
///
/// # Errors
/// [`StoreError::Contended`] where it is there already: somebody else made the same step of the case first.
pub async fn add(tx: &mut Tx, timer: &Timer) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_TIMER)
        .bind(&timer.key).bind(timer.customer_id).bind(timer.case_id).bind(timer.entered).bind(timer.kind)
        .bind(&timer.target).bind(&timer.calendar).bind(timer.due_at).bind(timer.paused_left_s)
        .bind(timer.started_at).bind(&timer.span).bind(timer.calendar_id)
        .execute(conn).await.map(|_| ()))
    .map_err(taken_means_contended)
}

/// The timer that has been due longest; the caller deletes it in the transaction that acts on it.
///
/// # Errors
/// What the database says.
pub async fn due(tx: &mut Tx, now: DateTime<Utc>) -> Result<Option<Timer>, StoreError> {
    let text = match tx {
        Tx::Sqlite(_) => SELECT_DUE,
        Tx::Postgres(_) => SELECT_DUE_LOCKED,
    };
    Ok(on!(tx, conn => sqlx::query_as(text).bind(now).fetch_optional(conn).await)?)
}

/// The timers of a case, paused ones too.
///
/// # Errors
/// What the database says.
pub async fn of_case(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Vec<Timer>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_OF_CASE).bind(customer).bind(case).fetch_all(conn).await)?)
}

/// Removes a timer; says whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(tx: &mut Tx, key: &str) -> Result<bool, StoreError> {
    let changed =
        on!(tx, conn => sqlx::query(DELETE_TIMER).bind(key).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Removes all timers of a case but those of its promises.
///
/// # Errors
/// What the database says.
pub async fn delete_of_case(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_OF_CASE).bind(customer).bind(case).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// How many clocks were counted in a calendar and may go on in it.
///
/// # Errors
/// What the database says.
pub async fn count_of_calendar(tx: &mut Tx, calendar: CalendarId) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_OF_CALENDAR).bind(calendar).fetch_one(conn).await)?)
}

/// The next cases, in the order of their keys, that have running clocks with the rules that made them.
///
/// # Errors
/// What the database says.
pub async fn next_with_rule(
    tx: &mut Tx,
    (customer, case): (CustomerId, CaseId),
    limit: i64,
) -> Result<Vec<(CustomerId, CaseId)>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(NEXT_WITH_RULE).bind(customer).bind(case).bind(limit).fetch_all(conn).await)?)
}
