//! Watching: what is remembered of each server in use, when its next round comes, and what the rounds saw.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CaseId, CustomerId, PersonId, ServerId, TunnelId};
use crate::domain::watching::{Mark, Memory};

/// What the tests of rounds answer: no event of a workflow has such a name.
pub const ANSWERS: &str = "@watch";

macro_rules! columns {
    () => {
        "customer_id, case_id, next_at, paused_at, paused_by, rounds, memory, settings_read, trouble, notice"
    };
}

statements! {
    BEGIN_WATCH = "INSERT INTO watches (customer_id, case_id, next_at, rounds, memory) VALUES ($1, $2, $3, 0, $4)
        ON CONFLICT (customer_id, case_id) DO UPDATE SET next_at = excluded.next_at";
    END_WATCH = "UPDATE watches SET next_at = NULL WHERE customer_id = $1 AND case_id = $2 AND next_at IS NOT NULL";
    SELECT_DUE = concat!("SELECT ", columns!(), " FROM watches
        WHERE next_at <= $1 AND paused_at IS NULL
        ORDER BY next_at, customer_id, case_id
        LIMIT $2");
    // Only who still finds it due begins the round.
    CLAIM = "UPDATE watches SET next_at = $4, rounds = rounds + 1, settings_read = $5
        WHERE customer_id = $1 AND case_id = $2 AND next_at <= $3 AND paused_at IS NULL";
    SELECT_WATCH = concat!("SELECT ", columns!(), " FROM watches WHERE customer_id = $1 AND case_id = $2");
    SETTLE = "UPDATE watches SET next_at = $3, memory = $4, settings_read = $5, trouble = $6, notice = $7
        WHERE customer_id = $1 AND case_id = $2";
    SET_PAUSE = "UPDATE watches SET paused_at = $3, paused_by = $4 WHERE customer_id = $1 AND case_id = $2";
    SET_NEXT = "UPDATE watches SET next_at = $3 WHERE customer_id = $1 AND case_id = $2 AND next_at IS NOT NULL";
    LIST_AFTER = "SELECT c.number, c.title, w.next_at, w.paused_at, w.rounds, w.memory, w.trouble, w.notice
        FROM watches w JOIN cases c ON c.customer_id = w.customer_id AND c.id = w.case_id
        WHERE c.number > $1
        ORDER BY c.number
        LIMIT $2";
    CASE_OF_SERVER = "SELECT c.number FROM cases c
        JOIN watches w ON w.customer_id = c.customer_id AND w.case_id = c.id
        WHERE c.server_id = $1
        ORDER BY c.number DESC
        LIMIT 1";
    QUEUED_TEST = "SELECT number FROM probes
        WHERE customer_id = $1 AND case_id = $2 AND state = 'queued' AND answers = '@watch'
        LIMIT 1";
    INSERT_ROUND = "INSERT INTO watch_rounds (customer_id, case_id, number, at, mark, cause, seen, test, ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LIST_ROUNDS = "SELECT number, at, mark, cause, seen, test, ms FROM watch_rounds
        WHERE customer_id = $1 AND case_id = $2
        ORDER BY number DESC
        LIMIT $3";
    FORGET_ROUNDS = "DELETE FROM watch_rounds WHERE at < $1";
    FORGET_TESTS = "DELETE FROM probes WHERE answers = '@watch' AND finished_at < $1";
    SELECT_RESOLVER = "SELECT resolver FROM tunnels WHERE customer_id = $1 AND id = $2";
    SET_RESOLVER = "UPDATE tunnels SET resolver = $3 WHERE customer_id = $1 AND id = $2";
}

record! {
    /// A watched server.
    #[derive(Clone, Debug)]
    pub struct Watch {
        /// Whose server it is.
        pub customer_id: CustomerId,
        /// The case that holds it.
        pub case_id: CaseId,
        /// When the next round comes; while one runs, when it is given up. None where the server is not in use.
        pub next_at: Option<DateTime<Utc>>,
        /// Since when it is paused.
        pub paused_at: Option<DateTime<Utc>>,
        /// Who paused it.
        pub paused_by: Option<PersonId>,
        /// Rounds begun.
        pub rounds: i64,
        /// What is remembered.
        pub memory: Json<Memory>,
        /// What was read in the product before the round that runs, or the last one.
        pub settings_read: Option<Json<SettingsRead>>,
        /// The number of the case of trouble that watching began and that has not ended.
        pub trouble: Option<i64>,
        /// The number of the notice of an IP change that watching began and that has not ended.
        pub notice: Option<i64>,
    }
}

/// What stands in the product, beside what was applied.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SettingsRead {
    /// When it was read.
    pub at: DateTime<Utc>,
    /// The fields that differ.
    pub rows: Vec<DriftRow>,
}

/// A field that was changed in the product. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DriftRow {
    /// The product's name of it.
    pub field: String,
    /// The label on the product's page.
    pub label: String,
    /// What was applied.
    pub ours: String,
    /// What stands there.
    pub theirs: String,
}

record! {
    /// A row of the list of watched servers.
    #[derive(Clone, Debug)]
    pub struct Listed {
        /// The case that holds the server.
        pub number: i64,
        /// What it is about.
        pub title: String,
        /// When the next round comes.
        pub next_at: Option<DateTime<Utc>>,
        /// Since when it is paused.
        pub paused_at: Option<DateTime<Utc>>,
        /// Rounds begun.
        pub rounds: i64,
        /// What is remembered.
        pub memory: Json<Memory>,
        /// The case of trouble.
        pub trouble: Option<i64>,
        /// The notice of an IP change.
        pub notice: Option<i64>,
    }
}

record! {
    /// What a round saw.
    #[derive(Clone, Debug)]
    pub struct RoundRow {
        /// Counts from 1 for each server.
        pub number: i64,
        /// When it ended.
        pub at: DateTime<Utc>,
        /// What it says in one word.
        pub mark: Mark,
        /// The id of the first cause that it held against the server.
        pub cause: Option<String>,
        /// What was seen, in sentences.
        pub seen: String,
        /// The number of its test.
        pub test: i64,
        /// How long the test took, in milliseconds.
        pub ms: i64,
    }
}

/// The key of a watch.
pub type Key = (CustomerId, CaseId);

/// Begins to watch the server of a case, or goes on with it.
///
/// # Errors
/// What the database says.
pub async fn begin(tx: &mut Tx, (customer, case): Key, next_at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(BEGIN_WATCH).bind(customer).bind(case).bind(next_at).bind(Json(Memory::default()))
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Ends watching until it begins again.
///
/// # Errors
/// What the database says.
pub async fn end(tx: &mut Tx, (customer, case): Key) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(END_WATCH).bind(customer).bind(case).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Those that have been due longest.
///
/// # Errors
/// What the database says.
pub async fn due(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<Watch>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_DUE).bind(now).bind(limit).fetch_all(conn).await)?)
}

/// Begins a round that is due; says whether this caller does. `until` is when it is given up.
///
/// # Errors
/// What the database says.
pub async fn claim(
    tx: &mut Tx,
    (customer, case): Key,
    (now, until): (DateTime<Utc>, DateTime<Utc>),
    read: Option<&SettingsRead>,
) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(CLAIM).bind(customer).bind(case).bind(now).bind(until).bind(read.map(Json))
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// The watch of a case.
///
/// # Errors
/// What the database says.
pub async fn of_case(tx: &mut Tx, (customer, case): Key) -> Result<Option<Watch>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_WATCH).bind(customer).bind(case).fetch_optional(conn).await)?)
}

/// Keeps what is remembered after a round, and when the next one comes.
///
/// # Errors
/// What the database says.
pub async fn settle(tx: &mut Tx, watch: &Watch) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SETTLE)
        .bind(watch.customer_id).bind(watch.case_id).bind(watch.next_at).bind(&watch.memory).bind(&watch.settings_read)
        .bind(watch.trouble).bind(watch.notice)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Pauses a watch, or lets it go on.
///
/// # Errors
/// What the database says.
pub async fn set_pause(
    tx: &mut Tx,
    (customer, case): Key,
    paused: Option<(DateTime<Utc>, PersonId)>,
) -> Result<(), StoreError> {
    let (at, by) = (paused.map(|(at, _)| at), paused.map(|(_, by)| by));
    on!(tx, conn => sqlx::query(SET_PAUSE).bind(customer).bind(case).bind(at).bind(by).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Sets when the next round of a server in use comes; says whether it is in use.
///
/// # Errors
/// What the database says.
pub async fn set_next(tx: &mut Tx, (customer, case): Key, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(SET_NEXT).bind(customer).bind(case).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Watched servers after a case number, in the order of these numbers.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<Listed>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_AFTER).bind(after).bind(limit).fetch_all(conn).await)?)
}

/// The number of the newest case that watches a server.
///
/// # Errors
/// What the database says.
pub async fn case_of_server(tx: &mut Tx, server: ServerId) -> Result<Option<i64>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(CASE_OF_SERVER).bind(server).fetch_optional(conn).await)?)
}

/// The number of a round's test that has not ended.
///
/// # Errors
/// What the database says.
pub async fn queued_test(tx: &mut Tx, (customer, case): Key) -> Result<Option<i64>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(QUEUED_TEST).bind(customer).bind(case).fetch_optional(conn).await)?)
}

/// Keeps a round.
///
/// # Errors
/// What the database says.
pub async fn add_round(tx: &mut Tx, (customer, case): Key, round: &RoundRow) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_ROUND)
        .bind(customer).bind(case).bind(round.number).bind(round.at).bind(round.mark).bind(&round.cause)
        .bind(&round.seen).bind(round.test).bind(round.ms)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The last rounds, newest first.
///
/// # Errors
/// What the database says.
pub async fn rounds(tx: &mut Tx, (customer, case): Key, limit: i64) -> Result<Vec<RoundRow>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_ROUNDS).bind(customer).bind(case).bind(limit).fetch_all(conn).await)?)
}

/// Forgets rounds that ended before, with their tests.
///
/// # Errors
/// What the database says.
pub async fn forget_before(tx: &mut Tx, before: DateTime<Utc>) -> Result<(), StoreError> {
    for text in [FORGET_ROUNDS, FORGET_TESTS] {
        on!(tx, conn => sqlx::query(text).bind(before).execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

/// The customer's resolver behind a tunnel.
///
/// # Errors
/// What the database says.
pub async fn resolver(tx: &mut Tx, customer: CustomerId, tunnel: TunnelId) -> Result<Option<String>, StoreError> {
    let found: Option<Option<String>> =
        on!(tx, conn => sqlx::query_scalar(SELECT_RESOLVER).bind(customer).bind(tunnel).fetch_optional(conn).await)?;
    Ok(found.flatten())
}

/// Sets the customer's resolver behind a tunnel.
///
/// # Errors
/// What the database says.
pub async fn set_resolver(
    tx: &mut Tx,
    customer: CustomerId,
    tunnel: TunnelId,
    resolver: Option<&str>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_RESOLVER).bind(customer).bind(tunnel).bind(resolver).execute(conn).await.map(|_| ()))?;
    Ok(())
}
