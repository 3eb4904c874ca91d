//! Tests and test alerts in the hands of agents: the rows of `probes` and `outbox` whose tunnel an agent is bound to.
//!
//! An agent holds a row by a lease in its own name (`agent:ID`); `agent_id` stays after the row is done, so that a report
//! that is sent twice is known.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::outbox::{self, Effect};
use super::probes::{self, Probe, by_turn, columns, within_limits};
use super::{StoreError, Tx, on, statements};
use crate::domain::id::{AgentId, ProbeId};

/// How often a row is handed to agents; one that was lost so often ends as "the agent is silent".
const MOST_FETCHES: i64 = 2;

/// True for a row (`p` of `probes`, `o` of `outbox`) whose tunnel the agent `$2` is bound to.
macro_rules! bound {
    ($row:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM cases c
                JOIN agent_tunnels b ON b.customer_id = c.customer_id AND b.tunnel_id = c.tunnel_id
                WHERE c.customer_id = ",
            $row,
            ".customer_id AND c.id = ",
            $row,
            ".case_id AND b.agent_id = $2)"
        )
    };
}

/// True for a row in this state that is due at the instant and held by nobody then.
macro_rules! unheld {
    ($row:literal, $state:literal, $at:literal) => {
        concat!(
            $row,
            ".state = '",
            $state,
            "' AND ",
            $row,
            ".not_before <= ",
            $at,
            " AND (",
            $row,
            ".lease_until IS NULL OR ",
            $row,
            ".lease_until <= ",
            $at,
            ")"
        )
    };
}

/// True for a row that may be handed out at `$1`: due, held by nobody, and not lost by agents `$3` times.
macro_rules! free {
    ($row:literal, $state:literal) => {
        concat!(unheld!($row, $state, "$1"), " AND (", $row, ".agent_id IS NULL OR ", $row, ".attempts < $3)")
    };
}

/// True for a row whose tunnel has an agent `a` in force of which this is true too.
macro_rules! has_agent {
    ($row:literal, $true_too:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM cases c
                JOIN agent_tunnels b ON b.customer_id = c.customer_id AND b.tunnel_id = c.tunnel_id
                JOIN agents a ON a.id = b.agent_id AND a.revoked_at IS NULL
                WHERE c.customer_id = ",
            $row,
            ".customer_id AND c.id = ",
            $row,
            ".case_id",
            $true_too,
            ")"
        )
    };
}

/// True for a row that waits for agents of which none will take it: it was lost `$3` times, or none was heard of since `$2`.
macro_rules! silent {
    ($row:literal, $state:literal) => {
        concat!(
            unheld!($row, $state, "$1"),
            " AND ",
            has_agent!($row, ""),
            " AND ((",
            $row,
            ".agent_id IS NOT NULL AND ",
            $row,
            ".attempts >= $3) OR (",
            unheld!($row, $state, "$2"),
            " AND NOT ",
            has_agent!($row, " AND COALESCE(a.seen_at, a.created_at) > $2"),
            "))"
        )
    };
}

/// The columns of an effect.
macro_rules! effect {
    () => {
        "o.effect_key, o.customer_id, o.case_id, o.case_entered, o.kind, o.payload, o.attempts"
    };
}

statements! {
    PEEK_TEST = concat!("SELECT p.attempts FROM probes p
        WHERE ", free!("p", "queued"), "
            AND ", bound!("p"), "
        LIMIT 1");
    DUE_TEST = concat!("SELECT ", columns!(), " FROM probes p
        WHERE ", free!("p", "queued"), "
            AND ", bound!("p"), "
            AND ", within_limits!("$4"), "
        ORDER BY ", by_turn!(), "
        LIMIT 1");
    // As above; SKIP LOCKED lets several agents fetch without waiting for each other. SQLite has one writer instead.
    DUE_TEST_LOCKED = concat!("SELECT ", columns!(), " FROM probes p
        WHERE ", free!("p", "queued"), "
            AND ", bound!("p"), "
            AND ", within_limits!("$4"), "
        ORDER BY ", by_turn!(), "
        LIMIT 1
        FOR UPDATE OF p SKIP LOCKED");
    LEASE_TEST = "UPDATE probes
        SET lease_owner = $2, lease_until = $3, agent_id = $4, attempts = attempts + 1, progress = NULL
        WHERE id = $1";
    STANDING_TEST = concat!("SELECT p.state, p.lease_owner, p.agent_id FROM probes p
        WHERE p.id = $1 AND ", bound!("p"));
    SELECT_TEST = concat!("SELECT ", columns!(), " FROM probes p
        WHERE p.id = $1 AND ", bound!("p"));
    RENEW_TEST = "UPDATE probes SET lease_until = $3, progress = $4
        WHERE id = $1 AND state = 'queued' AND lease_owner = $2";
    RELEASE_TEST = "UPDATE probes
        SET lease_owner = NULL, lease_until = NULL, agent_id = NULL, attempts = attempts - 1, progress = NULL
        WHERE id = $1 AND state = 'queued' AND lease_owner = $2";
    SILENT_TEST = concat!("SELECT ", columns!(), " FROM probes p
        WHERE ", silent!("p", "queued"), "
        ORDER BY not_before, id
        LIMIT 1");
    SILENT_TEST_LOCKED = concat!("SELECT ", columns!(), " FROM probes p
        WHERE ", silent!("p", "queued"), "
        ORDER BY not_before, id
        LIMIT 1
        FOR UPDATE OF p SKIP LOCKED");

    PEEK_ALERT = concat!("SELECT o.attempts FROM outbox o
        WHERE o.kind = 'test_alert' AND ", free!("o", "pending"), "
            AND ", outbox::is_head!(), "
            AND ", bound!("o"), "
        LIMIT 1");
    DUE_ALERT = concat!("SELECT ", effect!(), " FROM outbox o
        WHERE o.kind = 'test_alert' AND ", free!("o", "pending"), "
            AND ", outbox::is_head!(), "
            AND ", bound!("o"), "
        ORDER BY o.not_before, o.effect_key
        LIMIT 1");
    DUE_ALERT_LOCKED = concat!("SELECT ", effect!(), " FROM outbox o
        WHERE o.kind = 'test_alert' AND ", free!("o", "pending"), "
            AND ", outbox::is_head!(), "
            AND ", bound!("o"), "
        ORDER BY o.not_before, o.effect_key
        LIMIT 1
        FOR UPDATE OF o SKIP LOCKED");
    LEASE_ALERT = "UPDATE outbox SET lease_owner = $2, lease_until = $3, agent_id = $4, attempts = attempts + 1
        WHERE effect_key = $1";
    STANDING_ALERT = concat!("SELECT o.state, o.lease_owner, o.agent_id FROM outbox o
        WHERE o.effect_key = $1 AND o.kind = 'test_alert' AND ", bound!("o"));
    SELECT_ALERT = concat!("SELECT ", effect!(), " FROM outbox o
        WHERE o.effect_key = $1 AND o.kind = 'test_alert' AND ", bound!("o"));
    RENEW_ALERT = "UPDATE outbox SET lease_until = $3
        WHERE effect_key = $1 AND state = 'pending' AND lease_owner = $2";
    RELEASE_ALERT = "UPDATE outbox
        SET lease_owner = NULL, lease_until = NULL, agent_id = NULL, attempts = attempts - 1
        WHERE effect_key = $1 AND state = 'pending' AND lease_owner = $2";
    SILENT_ALERT = concat!("SELECT ", effect!(), " FROM outbox o
        WHERE o.kind = 'test_alert' AND ", outbox::is_head!(), "
            AND ", silent!("o", "pending"), "
        ORDER BY o.not_before, o.effect_key
        LIMIT 1");
    SILENT_ALERT_LOCKED = concat!("SELECT ", effect!(), " FROM outbox o
        WHERE o.kind = 'test_alert' AND ", outbox::is_head!(), "
            AND ", silent!("o", "pending"), "
        ORDER BY o.not_before, o.effect_key
        LIMIT 1
        FOR UPDATE OF o SKIP LOCKED");
}

/// What an agent is given to do.
#[derive(Clone, Debug)]
pub enum Row {
    /// A tunnel test.
    Test(Box<Probe>),
    /// A test alert through the customer's server.
    Alert(Box<Effect>),
}

/// Which row is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A tunnel test.
    Test(ProbeId),
    /// A test alert, by the key of its effect.
    Alert(String),
}

/// How a row stands towards one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The agent holds it.
    Held,
    /// The agent's report was taken.
    Reported,
    /// Somebody else holds it, somebody else ended it, or nobody has fetched it.
    NotHeld,
}

/// The name under which an agent holds leases.
pub fn owner(agent: AgentId) -> String {
    format!("agent:{agent}")
}

impl Row {
    /// Which row it is.
    pub fn key(&self) -> Key {
        match self {
            Self::Test(probe) => Key::Test(probe.id),
            Self::Alert(effect) => Key::Alert(effect.effect_key.clone()),
        }
    }
}

/// Whether there is something to fetch for an agent. Reads only, so that waiting costs no write.
///
/// # Errors
/// What the database says.
pub async fn any(tx: &mut Tx, agent: AgentId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    for text in [PEEK_TEST, PEEK_ALERT] {
        let found: Option<i64> = on!(tx, conn => sqlx::query_scalar(text).bind(now).bind(agent).bind(MOST_FETCHES)
            .fetch_optional(conn).await)?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Hands an agent what has waited longest: tests before test alerts, since a person looks at their page.
///
/// # Errors
/// What the database says.
pub async fn fetch(
    tx: &mut Tx,
    agent: AgentId,
    (now, lease_until): (DateTime<Utc>, DateTime<Utc>),
    at_once: u32,
) -> Result<Option<Row>, StoreError> {
    probes::lock_counts(tx).await?;
    let (test, alert) = match tx {
        Tx::Sqlite(_) => (DUE_TEST, DUE_ALERT),
        Tx::Postgres(_) => (DUE_TEST_LOCKED, DUE_ALERT_LOCKED),
    };
    let owner = owner(agent);
    let found: Option<Probe> = on!(tx, conn => sqlx::query_as(test).bind(now).bind(agent).bind(MOST_FETCHES)
        .bind(i64::from(at_once))
        .fetch_optional(conn).await)?;
    if let Some(probe) = found {
        on!(tx, conn => sqlx::query(LEASE_TEST).bind(probe.id).bind(&owner).bind(lease_until).bind(agent)
            .execute(conn).await.map(|_| ()))?;
        return Ok(Some(Row::Test(Box::new(probe))));
    }
    let found: Option<Effect> = on!(tx, conn => sqlx::query_as(alert).bind(now).bind(agent).bind(MOST_FETCHES)
        .fetch_optional(conn).await)?;
    if let Some(effect) = &found {
        on!(tx, conn => sqlx::query(LEASE_ALERT).bind(&effect.effect_key).bind(&owner).bind(lease_until).bind(agent)
            .execute(conn).await.map(|_| ()))?;
    }
    Ok(found.map(|effect| Row::Alert(Box::new(effect))))
}

/// A row of a tunnel that the agent is bound to, and how it stands; of others nothing is said.
///
/// # Errors
/// What the database says.
pub async fn find(tx: &mut Tx, agent: AgentId, key: &Key) -> Result<Option<(Row, Standing)>, StoreError> {
    let (standing, row) = match key {
        Key::Test(id) => {
            let standing =
                on!(tx, conn => sqlx::query_as(STANDING_TEST).bind(*id).bind(agent).fetch_optional(conn).await)?;
            let row: Option<Probe> =
                on!(tx, conn => sqlx::query_as(SELECT_TEST).bind(*id).bind(agent).fetch_optional(conn).await)?;
            (standing, row.map(|probe| Row::Test(Box::new(probe))))
        }
        Key::Alert(key) => {
            let standing =
                on!(tx, conn => sqlx::query_as(STANDING_ALERT).bind(key).bind(agent).fetch_optional(conn).await)?;
            let row: Option<Effect> =
                on!(tx, conn => sqlx::query_as(SELECT_ALERT).bind(key).bind(agent).fetch_optional(conn).await)?;
            (standing, row.map(|effect| Row::Alert(Box::new(effect))))
        }
    };
    Ok(row.zip(standing).map(|(row, standing)| (row, judge(agent, standing))))
}

fn judge(agent: AgentId, (state, lease_owner, last): (String, Option<String>, Option<AgentId>)) -> Standing {
    let waits = matches!(state.as_str(), "queued" | "pending");
    if waits && lease_owner == Some(owner(agent)) {
        return Standing::Held;
    }
    if state == "done" && last == Some(agent) { Standing::Reported } else { Standing::NotHeld }
}

/// Prolongs a lease that is still the agent's, with what a test has seen so far; says whether it was.
///
/// # Errors
/// What the database says.
pub async fn renew(
    tx: &mut Tx,
    agent: AgentId,
    key: &Key,
    lease_until: DateTime<Utc>,
    progress: &serde_json::Value,
) -> Result<bool, StoreError> {
    let owner = owner(agent);
    let changed = match key {
        Key::Test(id) => on!(tx, conn => sqlx::query(RENEW_TEST)
            .bind(*id).bind(&owner).bind(lease_until).bind(Json(progress))
            .execute(conn).await.map(|done| done.rows_affected()))?,
        Key::Alert(key) => on!(tx, conn => sqlx::query(RENEW_ALERT).bind(key).bind(&owner).bind(lease_until)
            .execute(conn).await.map(|done| done.rows_affected()))?,
    };
    Ok(changed == 1)
}

/// Takes a row back from an agent that will not run it, as if it had never been fetched; says whether the agent held it.
///
/// # Errors
/// What the database says.
pub async fn release(tx: &mut Tx, agent: AgentId, key: &Key) -> Result<bool, StoreError> {
    let owner = owner(agent);
    let changed = match key {
        Key::Test(id) => on!(tx, conn => sqlx::query(RELEASE_TEST).bind(*id).bind(&owner)
            .execute(conn).await.map(|done| done.rows_affected()))?,
        Key::Alert(key) => on!(tx, conn => sqlx::query(RELEASE_ALERT).bind(key).bind(&owner)
            .execute(conn).await.map(|done| done.rows_affected()))?,
    };
    Ok(changed == 1)
}

/// Claims, for the service itself, a row that its tunnel's agents leave lying: lost too often, or none of them was heard of
/// since `silent_since`.
///
/// # Errors
/// What the database says.
pub async fn claim_silent(
    tx: &mut Tx,
    node: &str,
    (now, silent_since): (DateTime<Utc>, DateTime<Utc>),
    lease_until: DateTime<Utc>,
) -> Result<Option<Row>, StoreError> {
    let (test, alert) = match tx {
        Tx::Sqlite(_) => (SILENT_TEST, SILENT_ALERT),
        Tx::Postgres(_) => (SILENT_TEST_LOCKED, SILENT_ALERT_LOCKED),
    };
    let found: Option<Probe> = on!(tx, conn => sqlx::query_as(test).bind(now).bind(silent_since).bind(MOST_FETCHES)
        .fetch_optional(conn).await)?;
    if let Some(probe) = found {
        probes::lease(tx, &probe, node, lease_until).await?;
        return Ok(Some(Row::Test(Box::new(probe))));
    }
    let found: Option<Effect> = on!(tx, conn => sqlx::query_as(alert).bind(now).bind(silent_since).bind(MOST_FETCHES)
        .fetch_optional(conn).await)?;
    if let Some(effect) = &found {
        outbox::lease(tx, effect, node, lease_until).await?;
    }
    Ok(found.map(|effect| Row::Alert(Box::new(effect))))
}
