//! Promises of cases: what is owed, until when, and how each one ended.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements, taken_means_contended};
use crate::domain::id::{CalendarId, CaseId, CustomerId};
use crate::domain::objective::{Objective, Outcome};

statements! {
    INSERT_OBJECTIVE = "INSERT INTO objectives (customer_id, case_id, number, objective, span, calendar_id, started_at,
            running_since, used_s, soon_at, due_at, late_at, ended_at, outcome, settled_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    UPDATE_OBJECTIVE = "UPDATE objectives
        SET span = $4, calendar_id = $5, running_since = $6, used_s = $7, soon_at = $8, due_at = $9, late_at = $10,
            ended_at = $11, outcome = $12, settled_at = $13
        WHERE customer_id = $1 AND case_id = $2 AND number = $3";
    LIST_OPEN = "SELECT customer_id, case_id, number, objective, span, calendar_id, started_at, running_since, used_s,
            soon_at, due_at, late_at, ended_at, outcome, settled_at
        FROM objectives
        WHERE customer_id = $1 AND case_id = $2 AND ended_at IS NULL
        ORDER BY number";
    LAST_NUMBER = "SELECT COALESCE(MAX(number), 0) FROM objectives WHERE customer_id = $1 AND case_id = $2";
    // The list that leads read: running promises that are late or will be soon.
    LIST_URGENT = "SELECT c.number, c.title, cu.name AS customer, c.priority, p.name AS claimed_by, o.objective,
            o.soon_at, o.due_at, o.late_at
        FROM objectives o
        JOIN cases c ON c.customer_id = o.customer_id AND c.id = o.case_id
        JOIN customers cu ON cu.id = o.customer_id
        LEFT JOIN people p ON p.id = c.claimed_by
        WHERE o.objective = $1 AND o.ended_at IS NULL AND o.running_since IS NOT NULL AND o.soon_at <= $2
        ORDER BY o.due_at, c.number
        LIMIT $3";
    COUNT_URGENT = "SELECT COUNT(*) FROM objectives
        WHERE objective = $1 AND ended_at IS NULL AND running_since IS NOT NULL AND soon_at <= $2";
    COUNT_SETTLED = "SELECT objective, outcome, COUNT(*) AS count
        FROM objectives
        WHERE settled_at >= $1 AND settled_at < $2
        GROUP BY objective, outcome
        ORDER BY objective, outcome";
    COUNT_OF_CALENDAR = "SELECT COUNT(*) FROM objectives WHERE calendar_id = $1";
}

record! {
    /// A promise of a case.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Promise {
        /// Whose case it is.
        pub customer_id: CustomerId,
        /// The case.
        pub case_id: CaseId,
        /// Counts within the case.
        pub number: i64,
        /// What is promised.
        pub objective: Objective,
        /// How long it may take, as [`crate::domain::schedule::Span`] writes it.
        pub span: String,
        /// The calendar on record that it is counted in; none for the one that the definition brings along.
        pub calendar_id: Option<CalendarId>,
        /// When it began.
        pub started_at: DateTime<Utc>,
        /// Since when its time has run; none while it stands still.
        pub running_since: Option<DateTime<Utc>>,
        /// Seconds of its time that had passed before that.
        pub used_s: i64,
        /// From when on it is urgent, while it runs.
        pub soon_at: Option<DateTime<Utc>>,
        /// When it is due, while it runs.
        pub due_at: Option<DateTime<Utc>>,
        /// When it was found to be late, which a lead was told once.
        pub late_at: Option<DateTime<Utc>>,
        /// When it was kept or dropped.
        pub ended_at: Option<DateTime<Utc>>,
        /// How it went; a late one is missed already before it ends.
        pub outcome: Option<Outcome>,
        /// When that was known: the month in which it counts.
        pub settled_at: Option<DateTime<Utc>>,
    }
}

record! {
    /// A promise that is late or will be soon, with its case.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Urgent {
        /// Number of the case.
        pub number: i64,
        /// What the case is about.
        pub title: String,
        /// Name of the customer.
        pub customer: String,
        /// How urgent the case is.
        pub priority: crate::domain::case::Priority,
        /// Name of who claimed it.
        pub claimed_by: Option<String>,
        /// What is promised.
        pub objective: Objective,
        /// From when on it is urgent.
        pub soon_at: Option<DateTime<Utc>>,
        /// When it is due.
        pub due_at: Option<DateTime<Utc>>,
        /// When it was found to be late.
        pub late_at: Option<DateTime<Utc>>,
    }
}

record! {
    /// How many promises of a kind ended in a way.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Settled {
        /// The kind.
        pub objective: Objective,
        /// The way.
        pub outcome: Option<Outcome>,
        /// How many.
        pub count: i64,
    }
}

/// Adds a promise.
///
/// # Errors
/// [`StoreError::Contended`] where its number is taken: somebody else made the same step of the case first.
pub async fn add(tx: &mut Tx, promise: &Promise) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_OBJECTIVE)
        .bind(promise.customer_id).bind(promise.case_id).bind(promise.number).bind(promise.objective).bind(&promise.span)
        .bind(promise.calendar_id).bind(promise.started_at).bind(promise.running_since).bind(promise.used_s)
        .bind(promise.soon_at).bind(promise.due_at).bind(promise.late_at).bind(promise.ended_at).bind(promise.outcome)
        .bind(promise.settled_at)
        .execute(conn).await.map(|_| ()))
    .map_err(taken_means_contended)
}

/// Keeps what has become of a promise.
///
/// # Errors
/// What the database says.
pub async fn replace(tx: &mut Tx, promise: &Promise) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(UPDATE_OBJECTIVE)
        .bind(promise.customer_id).bind(promise.case_id).bind(promise.number).bind(&promise.span)
        .bind(promise.calendar_id).bind(promise.running_since).bind(promise.used_s).bind(promise.soon_at)
        .bind(promise.due_at).bind(promise.late_at).bind(promise.ended_at).bind(promise.outcome).bind(promise.settled_at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// What is owed in a case, one of each kind at most.
///
/// # Errors
/// What the database says.
pub async fn open(tx: &mut Tx, (customer, case): (CustomerId, CaseId)) -> Result<Vec<Promise>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_OPEN).bind(customer).bind(case).fetch_all(conn).await)?)
}

/// The number of the last promise of a case; zero where there was none.
///
/// # Errors
/// What the database says.
pub async fn last_number(tx: &mut Tx, (customer, case): (CustomerId, CaseId)) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(LAST_NUMBER).bind(customer).bind(case).fetch_one(conn).await)?)
}

/// Running promises of a kind that are late or urgent, due first, and how many there are.
///
/// # Errors
/// What the database says.
pub async fn urgent(
    tx: &mut Tx,
    objective: Objective,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<(Vec<Urgent>, i64), StoreError> {
    let rows =
        on!(tx, conn => sqlx::query_as(LIST_URGENT).bind(objective).bind(now).bind(limit).fetch_all(conn).await)?;
    let count = on!(tx, conn => sqlx::query_scalar(COUNT_URGENT).bind(objective).bind(now).fetch_one(conn).await)?;
    Ok((rows, count))
}

/// How promises went that were settled from one instant to before another.
///
/// # Errors
/// What the database says.
pub async fn settled(tx: &mut Tx, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Vec<Settled>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(COUNT_SETTLED).bind(from).bind(until).fetch_all(conn).await)?)
}

/// How many promises were ever counted in a calendar.
///
/// # Errors
/// What the database says.
pub async fn count_of_calendar(tx: &mut Tx, calendar: CalendarId) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_OF_CALENDAR).bind(calendar).fetch_one(conn).await)?)
}
