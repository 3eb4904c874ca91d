//! Agents that run tests beside VPN gateways: their tokens, their tunnels, when each was heard of last.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{AgentId, CustomerId, TunnelId};

statements! {
    INSERT_AGENT = "INSERT INTO agents (id, name, token_hash, created_at, seen_at, revoked_at)
        VALUES ($1, $2, $3, $4, NULL, NULL)";
    INSERT_BINDING = "INSERT INTO agent_tunnels (agent_id, customer_id, tunnel_id) VALUES ($1, $2, $3)";
    SELECT_BY_TOKEN = "SELECT id, name, created_at, seen_at, revoked_at FROM agents
        WHERE token_hash = $1 AND revoked_at IS NULL";
    LIST_AGENTS = "SELECT id, name, created_at, seen_at, revoked_at FROM agents
        ORDER BY name
        LIMIT 1000";
    LIST_BINDINGS = "SELECT t.name FROM agent_tunnels b
        JOIN tunnels t ON t.customer_id = b.customer_id AND t.id = b.tunnel_id
        WHERE b.agent_id = $1
        ORDER BY t.name
        LIMIT 1000";
    TOUCH = "UPDATE agents SET seen_at = $2 WHERE id = $1 AND (seen_at IS NULL OR seen_at < $3)";
    REVOKE = "UPDATE agents SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL";
}

record! {
    /// An agent as it is on record.
    #[derive(Clone, Debug)]
    pub struct Agent {
        /// Identifies the agent.
        pub id: AgentId,
        /// What engineers call it.
        pub name: String,
        /// When it was registered.
        pub created_at: DateTime<Utc>,
        /// When it was heard of last, to a few seconds.
        pub seen_at: Option<DateTime<Utc>>,
        /// When its token was made useless.
        pub revoked_at: Option<DateTime<Utc>>,
    }
}

/// Registers an agent for tunnels.
///
/// # Errors
/// [`StoreError::Duplicate`] where the name is taken.
pub async fn add(
    tx: &mut Tx,
    agent: &Agent,
    token_hash: &[u8],
    tunnels: &[(CustomerId, TunnelId)],
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_AGENT).bind(agent.id).bind(&agent.name).bind(token_hash).bind(agent.created_at)
        .execute(conn).await.map(|_| ()))?;
    for (customer, tunnel) in tunnels {
        on!(tx, conn => sqlx::query(INSERT_BINDING).bind(agent.id).bind(*customer).bind(*tunnel)
            .execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

/// The agent with this token, unless it was revoked.
///
/// # Errors
/// What the database says.
pub async fn by_token(tx: &mut Tx, token_hash: &[u8]) -> Result<Option<Agent>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_BY_TOKEN).bind(token_hash).fetch_optional(conn).await)?)
}

/// All agents by name, those that were revoked among them.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx) -> Result<Vec<Agent>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_AGENTS).fetch_all(conn).await)?)
}

/// The names of an agent's tunnels.
///
/// # Errors
/// What the database says.
pub async fn tunnels_of(tx: &mut Tx, agent: AgentId) -> Result<Vec<String>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(LIST_BINDINGS).bind(agent).fetch_all(conn).await)?)
}

/// Notes that an agent was heard of, where the last time on record is before `unless_after`.
///
/// # Errors
/// What the database says.
pub async fn touch(
    tx: &mut Tx,
    agent: AgentId,
    at: DateTime<Utc>,
    unless_after: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(TOUCH).bind(agent).bind(at).bind(unless_after).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Makes the token of an agent useless; says whether there was one in force.
///
/// # Errors
/// What the database says.
pub async fn revoke(tx: &mut Tx, name: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(REVOKE).bind(name).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}
