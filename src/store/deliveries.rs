//! Messages to endpoints: written with the event that they tell of, sent later, at least once each.
//!
//! An endpoint is leased as a whole: it is never asked twice at once, and one that is slow takes the turn of nobody else.

use chrono::{DateTime, Utc};

use super::outbox::is_held;
use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{EndpointId, EventId};
use crate::domain::webhook::{Delivery, Topic};

/// True for an endpoint `e` that has something to be sent at `$1` and is not busy.
macro_rules! has_work {
    () => {
        "e.off_since IS NULL AND (e.lease_until IS NULL OR e.lease_until <= $1)
            AND (e.rests_until IS NULL OR e.rests_until <= $1)
            AND EXISTS (SELECT 1 FROM webhook_deliveries d
                WHERE d.endpoint_id = e.id AND d.state = 'waiting' AND d.not_before <= $1)"
    };
}

macro_rules! row {
    () => {
        "d.endpoint_id, d.event_id, v.topic, d.at, d.state, d.attempts, d.not_before, a.at AS tried_at, a.took_ms, a.status, a.error
            FROM webhook_deliveries d
            JOIN webhook_events v ON v.id = d.event_id
            LEFT JOIN webhook_attempts a
                ON a.endpoint_id = d.endpoint_id AND a.event_id = d.event_id AND a.number = d.attempts"
    };
}

/// The oldest events of before `$1` of which nothing waits, a few at a time.
macro_rules! old {
    () => {
        "SELECT v.id FROM webhook_events v
            WHERE v.at < $1
                AND NOT EXISTS (SELECT 1 FROM webhook_deliveries w WHERE w.event_id = v.id AND w.state = 'waiting')
            ORDER BY v.at, v.id
            LIMIT 500"
    };
}

statements! {
    INSERT_EVENT = "INSERT INTO webhook_events (id, topic, at, body)
        SELECT $1, $2, $3, $4
        WHERE EXISTS (SELECT 1 FROM webhook_subscriptions WHERE topic = $2)";
    INSERT_PING = "INSERT INTO webhook_events (id, topic, at, body) VALUES ($1, $2, $3, $4)";
    FAN_OUT = concat!("INSERT INTO webhook_deliveries (endpoint_id, event_id, at, state, attempts, tries, not_before)
        SELECT e.id, $1, $3, CASE WHEN e.off_since IS NULL AND NOT ", is_held!(), " THEN 'waiting' ELSE 'missed' END, 0, 0, $3
        FROM webhook_subscriptions s
        JOIN webhook_endpoints e ON e.id = s.endpoint_id
        WHERE s.topic = $2");
    INSERT_DELIVERY = "INSERT INTO webhook_deliveries (endpoint_id, event_id, at, state, attempts, tries, not_before)
        VALUES ($1, $2, $3, 'waiting', 0, 0, $3)";
    // The endpoint that was asked longest ago goes first, so that a slow one does not keep the others waiting.
    SELECT_ENDPOINT = concat!("SELECT e.id FROM webhook_endpoints e
        WHERE ", has_work!(), "
        ORDER BY e.tried_at, e.id
        LIMIT 1");
    // As above; SKIP LOCKED lets several nodes claim without waiting for each other. SQLite has one writer instead. NO KEY:
    // a message that is written down meanwhile refers to the endpoint, and neither may stand in the way of the other.
    SELECT_ENDPOINT_LOCKED = concat!("SELECT e.id FROM webhook_endpoints e
        WHERE ", has_work!(), "
        ORDER BY e.tried_at, e.id
        LIMIT 1
        FOR NO KEY UPDATE OF e SKIP LOCKED");
    SELECT_DUE = "SELECT d.endpoint_id, d.event_id, v.body, d.attempts + 1 AS attempt, d.tries + 1 AS tries
        FROM webhook_deliveries d
        JOIN webhook_events v ON v.id = d.event_id
        WHERE d.endpoint_id = $1 AND d.state = 'waiting' AND d.not_before <= $2
        ORDER BY d.not_before, d.event_id
        LIMIT 1";
    LEASE = "UPDATE webhook_endpoints SET lease_owner = $2, lease_until = $3, tried_at = $4 WHERE id = $1";
    COUNT_TRY = "UPDATE webhook_deliveries SET attempts = $3, tries = $4 WHERE endpoint_id = $1 AND event_id = $2";
    INSERT_ATTEMPT = "INSERT INTO webhook_attempts (endpoint_id, event_id, number, at) VALUES ($1, $2, $3, $4)";
    RELEASE_WELL = "UPDATE webhook_endpoints SET lease_owner = NULL, lease_until = NULL, failing_since = NULL,
            rests_until = NULL
        WHERE id = $1 AND lease_owner = $2";
    RELEASE_BADLY = "UPDATE webhook_endpoints SET lease_owner = NULL, lease_until = NULL,
            failing_since = COALESCE(failing_since, $3), rests_until = $4
        WHERE id = $1 AND lease_owner = $2";
    END_ATTEMPT = "UPDATE webhook_attempts SET took_ms = $4, status = $5, error = $6, answer = $7
        WHERE endpoint_id = $1 AND event_id = $2 AND number = $3";
    SET_STATE = "UPDATE webhook_deliveries SET state = $3, not_before = $4 WHERE endpoint_id = $1 AND event_id = $2";
    FORGET_LEASES = "UPDATE webhook_endpoints SET lease_owner = NULL, lease_until = NULL WHERE lease_owner IS NOT NULL";
    MISS = "UPDATE webhook_deliveries SET state = 'missed' WHERE endpoint_id = $1 AND state = 'waiting'";
    HOLD = "UPDATE webhook_deliveries SET state = 'missed' WHERE state = 'waiting'";
    REDELIVER = "UPDATE webhook_deliveries SET state = 'waiting', tries = 0, not_before = $3
        WHERE endpoint_id = $1 AND event_id = $2";
    REDELIVER_SINCE = "UPDATE webhook_deliveries SET state = 'waiting', tries = 0, not_before = $3
        WHERE endpoint_id = $1 AND at >= $2 AND state IN ('failed', 'missed')";
    COUNT_SINCE = "SELECT COUNT(*) FROM webhook_deliveries
        WHERE endpoint_id = $1 AND at >= $2 AND state IN ('failed', 'missed')";
    SELECT_DELIVERY = concat!("SELECT ", row!(), "
        WHERE d.endpoint_id = $1 AND d.event_id = $2");
    LIST_DELIVERIES = concat!("SELECT ", row!(), "
        WHERE d.endpoint_id = $1 AND d.event_id < $2
        ORDER BY d.event_id DESC
        LIMIT $3");
    LIST_ATTEMPTS = "SELECT number, at, took_ms, status, error, answer FROM webhook_attempts
        WHERE endpoint_id = $1 AND event_id = $2
        ORDER BY number DESC
        LIMIT 50";
    SELECT_BODY = "SELECT body FROM webhook_events WHERE id = $1";
    DELETE_OLD_ATTEMPTS = concat!("DELETE FROM webhook_attempts WHERE event_id IN (", old!(), ")");
    DELETE_OLD_DELIVERIES = concat!("DELETE FROM webhook_deliveries WHERE event_id IN (", old!(), ")");
    DELETE_OLD_EVENTS = concat!("DELETE FROM webhook_events WHERE id IN (", old!(), ")");
}

record! {
    struct Found {
        id: EndpointId,
    }
}

record! {
    /// A message whose endpoint a worker holds a lease on.
    #[derive(Clone, Debug)]
    pub struct Claimed {
        /// Where it goes.
        pub endpoint_id: EndpointId,
        /// Names it: the same for every try.
        pub event_id: EventId,
        /// What is sent: the same bytes every time.
        pub body: String,
        /// Which try this is, of all.
        pub attempt: i64,
        /// Which try this is since the message was put on its way last.
        pub tries: i64,
    }
}

record! {
    /// A message in the log of an endpoint, with its last try.
    #[derive(Clone, Debug)]
    pub struct Logged {
        /// Where it goes.
        pub endpoint_id: EndpointId,
        /// Names it.
        pub event_id: EventId,
        /// What it is about.
        pub topic: Topic,
        /// When that happened.
        pub at: DateTime<Utc>,
        /// How far it has come.
        pub state: Delivery,
        /// How often it was tried.
        pub attempts: i64,
        /// When it is tried next, where it waits.
        pub not_before: DateTime<Utc>,
        /// When it was tried last.
        pub tried_at: Option<DateTime<Utc>>,
        /// How long that took, in milliseconds; none where the try was cut off.
        pub took_ms: Option<i64>,
        /// The status of the answer.
        pub status: Option<i64>,
        /// Why the try failed.
        pub error: Option<String>,
    }
}

record! {
    /// One try.
    #[derive(Clone, Debug)]
    pub struct Attempt {
        /// Which one.
        pub number: i64,
        /// When.
        pub at: DateTime<Utc>,
        /// How long it took, in milliseconds; none where it is under way or was cut off.
        pub took_ms: Option<i64>,
        /// The status of the answer.
        pub status: Option<i64>,
        /// Why it failed.
        pub error: Option<String>,
        /// The beginning of what was answered, as a stranger wrote it.
        pub answer: Option<String>,
    }
}

/// How a try ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How far the message has come.
    pub state: Delivery,
    /// When it is tried next.
    pub not_before: DateTime<Utc>,
    /// As in [`Attempt`].
    pub took_ms: i64,
    /// As in [`Attempt`].
    pub status: Option<i64>,
    /// As in [`Attempt`].
    pub error: Option<String>,
    /// As in [`Attempt`].
    pub answer: Option<String>,
    /// Until when the endpoint asked to be left alone.
    pub rests_until: Option<DateTime<Utc>>,
}

/// Writes an event down for every endpoint that is told of its topic; nothing where there is none. For one that is off
/// it is kept as missed.
///
/// # Errors
/// What the database says.
pub async fn tell(tx: &mut Tx, id: EventId, topic: Topic, body: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
    let made = on!(tx, conn => sqlx::query(INSERT_EVENT).bind(id).bind(topic).bind(at).bind(body)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    if made == 1 {
        on!(tx, conn => sqlx::query(FAN_OUT).bind(id).bind(topic).bind(at).execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

/// Writes an event down for one endpoint.
///
/// # Errors
/// What the database says.
pub async fn tell_one(
    tx: &mut Tx,
    (endpoint, id): (EndpointId, EventId),
    topic: Topic,
    body: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_PING).bind(id).bind(topic).bind(at).bind(body)
        .execute(conn).await.map(|_| ()))?;
    on!(tx, conn => sqlx::query(INSERT_DELIVERY).bind(endpoint).bind(id).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Leases the endpoint that has waited longest of those with something due, and gives what is due longest there. The try
/// is on record before anything is sent.
///
/// # Errors
/// What the database says.
pub async fn claim(
    tx: &mut Tx,
    owner: &str,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
) -> Result<Option<Claimed>, StoreError> {
    let text = match tx {
        Tx::Sqlite(_) => SELECT_ENDPOINT,
        Tx::Postgres(_) => SELECT_ENDPOINT_LOCKED,
    };
    let endpoint: Option<Found> = on!(tx, conn => sqlx::query_as(text).bind(now).fetch_optional(conn).await)?;
    let Some(endpoint) = endpoint else { return Ok(None) };
    let due: Option<Claimed> =
        on!(tx, conn => sqlx::query_as(SELECT_DUE).bind(endpoint.id).bind(now).fetch_optional(conn).await)?;
    if let Some(due) = &due {
        on!(tx, conn => sqlx::query(LEASE).bind(endpoint.id).bind(owner).bind(lease_until).bind(now)
            .execute(conn).await.map(|_| ()))?;
        on!(tx, conn => sqlx::query(COUNT_TRY).bind(endpoint.id).bind(due.event_id).bind(due.attempt).bind(due.tries)
            .execute(conn).await.map(|_| ()))?;
        on!(tx, conn => sqlx::query(INSERT_ATTEMPT).bind(endpoint.id).bind(due.event_id).bind(due.attempt).bind(now)
            .execute(conn).await.map(|_| ()))?;
    }
    Ok(due)
}

/// Writes down how a try ended and lets the endpoint go; false where the lease was lost, and nothing changed then.
///
/// # Errors
/// What the database says.
pub async fn settle(
    tx: &mut Tx,
    claimed: &Claimed,
    owner: &str,
    ended: &Ended,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (endpoint, event) = (claimed.endpoint_id, claimed.event_id);
    let held = if ended.state == Delivery::Delivered {
        on!(tx, conn => sqlx::query(RELEASE_WELL).bind(endpoint).bind(owner)
            .execute(conn).await.map(|done| done.rows_affected()))?
    } else {
        on!(tx, conn => sqlx::query(RELEASE_BADLY).bind(endpoint).bind(owner).bind(at).bind(ended.rests_until)
            .execute(conn).await.map(|done| done.rows_affected()))?
    };
    if held == 0 {
        return Ok(false);
    }
    on!(tx, conn => sqlx::query(END_ATTEMPT).bind(endpoint).bind(event).bind(claimed.attempt)
        .bind(ended.took_ms).bind(ended.status).bind(&ended.error).bind(&ended.answer)
        .execute(conn).await.map(|_| ()))?;
    on!(tx, conn => sqlx::query(SET_STATE).bind(endpoint).bind(event).bind(ended.state).bind(ended.not_before)
        .execute(conn).await.map(|_| ()))?;
    Ok(true)
}

/// Lets every endpoint go that this process had leased. Right only where no other process works on them.
///
/// # Errors
/// What the database says.
pub async fn forget_leases(tx: &mut Tx) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(FORGET_LEASES).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Marks what waits for an endpoint as missed.
///
/// # Errors
/// What the database says.
pub async fn miss(tx: &mut Tx, endpoint: EndpointId) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(MISS).bind(endpoint).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Marks everything that waits as missed: after a restore nobody knows what went out before.
///
/// # Errors
/// What the database says.
pub async fn hold(tx: &mut Tx) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(HOLD).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Puts a message on its way again; false where there is none.
///
/// # Errors
/// What the database says.
pub async fn redeliver(
    tx: &mut Tx,
    endpoint: EndpointId,
    event: EventId,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = on!(tx, conn => sqlx::query(REDELIVER).bind(endpoint).bind(event).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Puts every message on its way again that was given up or missed, of what happened since an instant; says how many.
///
/// # Errors
/// What the database says.
pub async fn redeliver_since(
    tx: &mut Tx,
    endpoint: EndpointId,
    since: DateTime<Utc>,
    at: DateTime<Utc>,
) -> Result<u64, StoreError> {
    Ok(on!(tx, conn => sqlx::query(REDELIVER_SINCE).bind(endpoint).bind(since).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?)
}

/// How many messages [`redeliver_since`] would put on their way.
///
/// # Errors
/// What the database says.
pub async fn undone(tx: &mut Tx, endpoint: EndpointId, since: DateTime<Utc>) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_SINCE).bind(endpoint).bind(since).fetch_one(conn).await)?)
}

/// One message of an endpoint's log.
///
/// # Errors
/// What the database says.
pub async fn one(tx: &mut Tx, endpoint: EndpointId, event: EventId) -> Result<Option<Logged>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_DELIVERY).bind(endpoint).bind(event).fetch_optional(conn).await)?)
}

/// The log of an endpoint before one of its messages, newest first.
///
/// # Errors
/// What the database says.
pub async fn page(tx: &mut Tx, endpoint: EndpointId, before: EventId, limit: i64) -> Result<Vec<Logged>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_DELIVERIES).bind(endpoint).bind(before).bind(limit)
        .fetch_all(conn).await)?)
}

/// The tries of a message, the last one first.
///
/// # Errors
/// What the database says.
pub async fn attempts(tx: &mut Tx, endpoint: EndpointId, event: EventId) -> Result<Vec<Attempt>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_ATTEMPTS).bind(endpoint).bind(event).fetch_all(conn).await)?)
}

/// What is sent of an event.
///
/// # Errors
/// What the database says.
pub async fn body(tx: &mut Tx, event: EventId) -> Result<Option<String>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(SELECT_BODY).bind(event).fetch_optional(conn).await)?)
}

/// Forgets some of what happened before an instant, but nothing that waits to be sent; says how many events that were, 0 once none is left.
///
/// # Errors
/// What the database says.
pub async fn forget_before(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64, StoreError> {
    for text in [DELETE_OLD_ATTEMPTS, DELETE_OLD_DELIVERIES] {
        on!(tx, conn => sqlx::query(text).bind(before).execute(conn).await.map(|_| ()))?;
    }
    Ok(on!(tx, conn => sqlx::query(DELETE_OLD_EVENTS).bind(before)
        .execute(conn).await.map(|done| done.rows_affected()))?)
}
