//! Agents: programs in or beside a VPN gateway that run the tests of its tunnels. They ask for work and are never called,
//! so the gateway needs no open port, and a token shows an agent the work of its own tunnels only.
//!
//! Reading order: this file (records and tokens), `jobs` (what an agent does), `silence` (when it does nothing).

pub mod jobs;
pub mod silence;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;

use super::admin::{check_text, taken};
use super::{App, Error, token};
use crate::clock::fresh_id;
use crate::domain::id::AgentId;
pub use crate::store::agents::Agent;
use crate::store::{agents, tunnels};

/// An agent that was heard of within this is not noted again.
const SEEN_TO: TimeDelta = TimeDelta::seconds(5);
/// How many requests of one token may wait for work at a time; an agent needs one.
const MOST_WAITING: usize = 4;

/// Registers an agent for tunnels, which are tested by it alone from here on. The token is shown once.
///
/// # Errors
/// [`Error::Invalid`] for a name that is empty or taken, and for tunnels that are not there.
pub async fn register(app: &Arc<App>, name: &str, of: &[String]) -> Result<String, Error> {
    check_text("name", "name of the agent", name)?;
    if of.is_empty() {
        return Err(Error::field("tunnel", "missing", "Name at least one tunnel; see `postern tunnel list`"));
    }
    let token = token::fresh();
    let (stored, names, at) = (token::stored(&token), of.to_vec(), app.now());
    let made =
        Agent { id: AgentId::new(fresh_id()), name: name.to_owned(), created_at: at, seen_at: None, revoked_at: None };
    app.db
        .write(move |tx| {
            let (made, stored, names) = (made.clone(), stored.clone(), names.clone());
            Box::pin(async move {
                let mut bound = Vec::new();
                for name in &names {
                    let tunnel = tunnels::by_name(tx, name).await?.ok_or_else(|| {
                        let text = format!("No tunnel is named {name}; see `postern tunnel list`");
                        Error::field("tunnel", "unknown", text)
                    })?;
                    if !bound.contains(&(tunnel.customer, tunnel.id)) {
                        bound.push((tunnel.customer, tunnel.id));
                    }
                }
                agents::add(tx, &made, &stored, &bound).await.map_err(|error| taken(error, "name", "agent"))
            })
        })
        .await?;
    Ok(token)
}

/// All agents with the names of their tunnels.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<(Agent, Vec<String>)>, Error> {
    let mut tx = app.db.read().await?;
    let mut rows = Vec::new();
    for agent in agents::list(&mut tx).await? {
        let tunnels = agents::tunnels_of(&mut tx, agent.id).await?;
        rows.push((agent, tunnels));
    }
    Ok(rows)
}

/// Makes an agent's token useless. Tests of a tunnel without another agent are run by the service again.
///
/// # Errors
/// [`Error::NotFound`] where no agent in force has this name.
pub async fn revoke(app: &Arc<App>, name: &str) -> Result<(), Error> {
    let (name, at) = (name.to_owned(), app.now());
    let found = app
        .db
        .write(move |tx| {
            let name = name.clone();
            Box::pin(async move { Ok::<_, Error>(agents::revoke(tx, &name, at).await?) })
        })
        .await?;
    if found { Ok(()) } else { Err(Error::NotFound) }
}

/// The agent whose token this is.
///
/// # Errors
/// [`Error::SignedOut`] where the token is unknown or was revoked.
pub async fn bearer(app: &App, token: &str) -> Result<Agent, Error> {
    let mut tx = app.db.read().await?;
    agents::by_token(&mut tx, &token::stored(token)).await?.ok_or(Error::SignedOut)
}

/// Notes that an agent was heard of.
async fn note_seen(app: &Arc<App>, agent: &Agent) -> Result<(), Error> {
    let at = app.now();
    if agent.seen_at.is_some_and(|seen| at - seen < SEEN_TO) {
        return Ok(());
    }
    let id = agent.id;
    app.db
        .write(move |tx| Box::pin(async move { Ok::<(), Error>(agents::touch(tx, id, at, at - SEEN_TO).await?) }))
        .await
}

/// The requests that wait for work, counted for each agent.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<BTreeMap<AgentId, usize>>>);

/// A place among those that wait; given back when dropped.
struct Place {
    waiting: Waiting,
    agent: AgentId,
}

impl Waiting {
    /// Takes a place, where the agent has one left.
    fn enter(&self, agent: AgentId) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(agent).or_default();
        if *count >= MOST_WAITING {
            return None;
        }
        *count += 1;
        Some(Place { waiting: self.clone(), agent })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&self.agent) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(counts.remove(&self.agent)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_for_each_agent_and_come_back() {
        let waiting = Waiting::default();
        let (one, other) = (AgentId::new(fresh_id()), AgentId::new(fresh_id()));
        let mut places: Vec<_> = (0..MOST_WAITING).map(|_| waiting.enter(one).unwrap()).collect();
        assert!(waiting.enter(one).is_none());
        assert!(waiting.enter(other).is_some());
        places.pop();
        assert!(waiting.enter(one).is_some());
        places.clear();
        assert!(waiting.0.lock().unwrap().is_empty(), "nothing is kept of agents that do not wait");
    }
}
