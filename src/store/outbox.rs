//! Effects that reach outside: written with the event that caused them, carried out later, at least once each.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::{StoreError, Tx, on, record, statements, taken_means_contended};
use crate::domain::id::{CaseId, CustomerId};
use crate::domain::words;

words! {
    /// What is to be done outside.
    pub enum Kind {
        /// Send a mail.
        Mail = "mail",
        /// Apply SMTP settings to the product.
        Apply = "apply",
        /// Send a test alert through the customer's server.
        TestAlert = "test_alert",
    }
}

/// True for an effect `o` that the service carries out itself: everything but test alerts through a tunnel with an agent.
macro_rules! without_agent {
    () => {
        "(o.kind <> 'test_alert' OR NOT EXISTS (SELECT 1 FROM cases c
                JOIN agent_tunnels b ON b.customer_id = c.customer_id AND b.tunnel_id = c.tunnel_id
                JOIN agents a ON a.id = b.agent_id AND a.revoked_at IS NULL
                WHERE c.customer_id = o.customer_id AND c.id = o.case_id))"
    };
}

/// True for an effect `o` at the head of its lane.
macro_rules! is_head {
    () => {
        "NOT EXISTS (SELECT 1 FROM outbox earlier
                WHERE earlier.state = 'pending' AND earlier.lane = o.lane AND earlier.effect_key < o.effect_key)"
    };
}
pub(super) use is_head;

/// Why an effect is held: what is waiting in a backup may have gone out after the backup was made.
macro_rules! why_held {
    () => {
        "Held: the database was restored from a backup, and this may have gone out before"
    };
}
pub(super) use why_held;

/// True while effects are held.
macro_rules! is_held {
    () => {
        "EXISTS (SELECT 1 FROM counters WHERE name = 'outbox_hold')"
    };
}
pub(super) use is_held;

statements! {
    INSERT_EFFECT = concat!("INSERT INTO outbox (effect_key, customer_id, case_id, case_entered, kind, lane, payload, state, attempts,
            not_before, lease_owner, lease_until, last_error, created_at, settled_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN ", is_held!(), " THEN 'dead' ELSE 'pending' END, 0,
            $8, NULL, NULL, CASE WHEN ", is_held!(), " THEN '", why_held!(), "' END, $8, NULL)");
    // Only the head of a lane may be claimed, so effects of one case and recipient, or of one tenant, keep their order.
    SELECT_DUE = concat!("SELECT o.effect_key, o.customer_id, o.case_id, o.case_entered, o.kind, o.payload, o.attempts
        FROM outbox o
        WHERE o.state = 'pending' AND o.not_before <= $1 AND (o.lease_until IS NULL OR o.lease_until <= $1)
            AND ", is_head!(), "
            AND ", without_agent!(), "
        ORDER BY o.not_before, o.effect_key
        LIMIT 1");
    // As above; SKIP LOCKED lets several nodes claim without waiting for each other. SQLite has one writer instead.
    SELECT_DUE_LOCKED = concat!("SELECT o.effect_key, o.customer_id, o.case_id, o.case_entered, o.kind, o.payload,
            o.attempts
        FROM outbox o
        WHERE o.state = 'pending' AND o.not_before <= $1 AND (o.lease_until IS NULL OR o.lease_until <= $1)
            AND ", is_head!(), "
            AND ", without_agent!(), "
        ORDER BY o.not_before, o.effect_key
        LIMIT 1
        FOR UPDATE OF o SKIP LOCKED");
    LEASE = "UPDATE outbox SET lease_owner = $2, lease_until = $3, attempts = attempts + 1, agent_id = NULL
        WHERE effect_key = $1";
    SETTLE = "UPDATE outbox SET state = 'done', settled_at = $3, lease_owner = NULL, lease_until = NULL, last_error = NULL
        WHERE effect_key = $1 AND state = 'pending' AND lease_owner = $2";
    RETRY = "UPDATE outbox SET not_before = $3, last_error = $4, lease_owner = NULL, lease_until = NULL
        WHERE effect_key = $1 AND state = 'pending' AND lease_owner = $2";
    BURY = "UPDATE outbox SET state = 'dead', last_error = $3, settled_at = $4, lease_owner = NULL, lease_until = NULL
        WHERE effect_key = $1 AND state = 'pending' AND lease_owner = $2";
    FORGET_LEASES = "UPDATE outbox SET lease_owner = NULL, lease_until = NULL
        WHERE state = 'pending' AND agent_id IS NULL";
    REVIVE = "UPDATE outbox SET state = 'pending', attempts = 0, not_before = $2, settled_at = NULL
        WHERE effect_key = $1 AND state = 'dead'";
    LIST_DEAD = "SELECT effect_key, customer_id, case_id, case_entered, kind, payload, attempts, last_error, created_at,
            settled_at
        FROM outbox
        WHERE state = 'dead'
        ORDER BY created_at
        LIMIT 200";
    SELECT_OLDEST_DUE = concat!("SELECT o.not_before
        FROM outbox o
        WHERE o.state = 'pending' AND o.not_before <= $1 AND (o.lease_until IS NULL OR o.lease_until <= $1)
            AND ", is_head!(), "
            AND ", without_agent!(), "
        ORDER BY o.not_before
        LIMIT 1");
    SELECT_STATE = "SELECT state FROM outbox WHERE effect_key = $1";
    BEGIN_HOLD = "INSERT INTO counters (name, value) VALUES ('outbox_hold', $1)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    HOLD = concat!("UPDATE outbox SET state = 'dead', last_error = '", why_held!(), "', settled_at = $1, lease_owner = NULL,
            lease_until = NULL
        WHERE state = 'pending'");
    END_HOLD = "DELETE FROM counters WHERE name = 'outbox_hold'";
    SELECT_HOLD = "SELECT value FROM counters WHERE name = 'outbox_hold'";
    COUNT_HELD = concat!("SELECT COUNT(*) FROM outbox WHERE state = 'dead' AND last_error = '", why_held!(), "'");
    REVIVE_HELD = concat!("UPDATE outbox SET state = 'pending', attempts = 0, not_before = $1, settled_at = NULL, last_error = NULL
        WHERE state = 'dead' AND last_error = '", why_held!(), "'");
    COUNT_PENDING = "SELECT COUNT(*) FROM outbox WHERE state = 'pending'";
}

record! {
    /// An effect that a worker holds a lease on.
    #[derive(Clone, Debug)]
    pub struct Effect {
        /// `case.seq.index`: the same for every repeat, so a receiver can fold repeats.
        pub effect_key: String,
        /// Whose case it is.
        pub customer_id: CustomerId,
        /// The case.
        pub case_id: CaseId,
        /// The state entry that the effect belongs to; an answer for an older one is dropped.
        pub case_entered: i64,
        /// What is to be done.
        pub kind: Kind,
        /// What the worker needs to do it; never a secret.
        pub payload: Json<serde_json::Value>,
        /// How often it was tried, without the present try.
        pub attempts: i64,
    }
}

record! {
    /// An effect that was given up.
    #[derive(Clone, Debug)]
    pub struct Dead {
        /// Its key.
        pub effect_key: String,
        /// Whose case it is.
        pub customer_id: CustomerId,
        /// The case.
        pub case_id: CaseId,
        /// The state entry that it belongs to.
        pub case_entered: i64,
        /// What was to be done.
        pub kind: Kind,
        /// With what.
        pub payload: Json<serde_json::Value>,
        /// How often it was tried.
        pub attempts: i64,
        /// What went wrong last.
        pub last_error: Option<String>,
        /// When it was ordered.
        pub created_at: DateTime<Utc>,
        /// When it was given up.
        pub settled_at: Option<DateTime<Utc>>,
    }
}

/// Adds an effect, due at once. `lane` orders effects that must not overtake each other.
///
/// # Errors
/// [`StoreError::Contended`] where the effect is there: somebody else made the same step of the case first.
pub async fn add(tx: &mut Tx, effect: &Effect, lane: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_EFFECT)
        .bind(&effect.effect_key).bind(effect.customer_id).bind(effect.case_id).bind(effect.case_entered)
        .bind(effect.kind).bind(lane).bind(&effect.payload).bind(at)
        .execute(conn).await.map(|_| ()))
    .map_err(taken_means_contended)
}

/// Claims the effect that has been due longest, of those that no agent carries out, and leases it to `owner`.
///
/// # Errors
/// What the database says.
pub async fn claim(
    tx: &mut Tx,
    owner: &str,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
) -> Result<Option<Effect>, StoreError> {
    let text = match tx {
        Tx::Sqlite(_) => SELECT_DUE,
        Tx::Postgres(_) => SELECT_DUE_LOCKED,
    };
    let found: Option<Effect> = on!(tx, conn => sqlx::query_as(text).bind(now).fetch_optional(conn).await)?;
    if let Some(effect) = &found {
        lease(tx, effect, owner, lease_until).await?;
    }
    Ok(found)
}

/// Leases an effect, which the transaction has locked, to `owner`.
pub(super) async fn lease(
    tx: &mut Tx,
    effect: &Effect,
    owner: &str,
    lease_until: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(LEASE).bind(&effect.effect_key).bind(owner).bind(lease_until)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Settles an effect that was carried out; says whether the lease was still held.
///
/// # Errors
/// What the database says.
pub async fn settle(tx: &mut Tx, key: &str, owner: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(SETTLE).bind(key).bind(owner).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Makes every effect that this process had begun claimable again; what an agent does goes on. Right only where no other
/// process works on them: at the start of the one that serves a SQLite file.
///
/// # Errors
/// What the database says.
pub async fn forget_leases(tx: &mut Tx) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(FORGET_LEASES).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Puts an effect back for another try.
///
/// # Errors
/// What the database says.
pub async fn retry(
    tx: &mut Tx,
    key: &str,
    owner: &str,
    not_before: DateTime<Utc>,
    error: &str,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(RETRY).bind(key).bind(owner).bind(not_before).bind(error)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Gives an effect up; it stays visible to an administrator.
///
/// # Errors
/// What the database says.
pub async fn bury(tx: &mut Tx, key: &str, owner: &str, error: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(BURY).bind(key).bind(owner).bind(error).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Tries a dead effect again; says whether there was one with this key.
///
/// # Errors
/// What the database says.
pub async fn revive(tx: &mut Tx, key: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(REVIVE).bind(key).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Whether there is an effect with this key, whatever became of it.
///
/// # Errors
/// What the database says.
pub async fn exists(tx: &mut Tx, key: &str) -> Result<bool, StoreError> {
    let state: Option<String> = on!(tx, conn => sqlx::query_scalar(SELECT_STATE).bind(key).fetch_optional(conn).await)?;
    Ok(state.is_some())
}

/// The effects that were given up, oldest first.
///
/// # Errors
/// What the database says.
pub async fn dead(tx: &mut Tx) -> Result<Vec<Dead>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_DEAD).fetch_all(conn).await)?)
}

/// How many effects wait.
///
/// # Errors
/// What the database says.
pub async fn pending(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_PENDING).fetch_one(conn).await)?)
}

/// Holds every effect that waits, and those that are ordered until [`end_hold`]; says how many wait.
///
/// # Errors
/// What the database says.
pub async fn hold(tx: &mut Tx, at: DateTime<Utc>) -> Result<u64, StoreError> {
    on!(tx, conn => sqlx::query(BEGIN_HOLD).bind(at.timestamp_micros()).execute(conn).await.map(|_| ()))?;
    Ok(on!(tx, conn => sqlx::query(HOLD).bind(at).execute(conn).await.map(|done| done.rows_affected()))?)
}

/// Since when effects are held, in microseconds since 1970 (UTC), and how many are.
///
/// # Errors
/// What the database says.
pub async fn held(tx: &mut Tx) -> Result<(Option<i64>, i64), StoreError> {
    let since = on!(tx, conn => sqlx::query_scalar(SELECT_HOLD).fetch_optional(conn).await)?;
    Ok((since, on!(tx, conn => sqlx::query_scalar(COUNT_HELD).fetch_one(conn).await)?))
}

/// Lets effects that are ordered from here on go out. Those that are held stay with the ones that were given up.
///
/// # Errors
/// What the database says.
pub async fn end_hold(tx: &mut Tx) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(END_HOLD).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Lets every held effect go out; says how many there were.
///
/// # Errors
/// What the database says.
pub async fn revive_held(tx: &mut Tx, at: DateTime<Utc>) -> Result<u64, StoreError> {
    Ok(on!(tx, conn => sqlx::query(REVIVE_HELD).bind(at).execute(conn).await.map(|done| done.rows_affected()))?)
}

/// Since when the effect has been due that has waited longest, of those that this service carries out and nobody holds.
///
/// # Errors
/// What the database says.
pub async fn oldest_due(tx: &mut Tx, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(SELECT_OLDEST_DUE).bind(now).fetch_optional(conn).await)?)
}
