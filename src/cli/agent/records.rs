//! Agents on record: registering, listing, revoking.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use crate::app::{App, agents};
use crate::cli::out::{self, Code, Given, Stop};
use crate::cli::place::Place;

/// A new agent as flags.
#[derive(Debug, Args)]
pub(super) struct RegisterArgs {
    /// Name that engineers see
    name: String,
    /// Tunnel that it tests through; may be repeated
    #[arg(long, value_name = "NAME", required = true)]
    tunnel: Vec<String>,
    #[command(flatten)]
    pub(super) place: Place,
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    name: String,
    state: &'static str,
    tunnels: Vec<String>,
    created_at: DateTime<Utc>,
    seen_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    id: String,
}

/// Registers an agent and prints its token.
pub(super) async fn register(app: &Arc<App>, args: &RegisterArgs) -> Result<(), Stop> {
    let name = args.name.trim();
    let tunnels = args.tunnel.join(", ");
    let given = [
        Given { field: "name", flag: "NAME", received: Some(name) },
        Given { field: "tunnel", flag: "--tunnel", received: Some(&tunnels) },
    ];
    let token = agents::register(app, name, &args.tunnel).await.map_err(|error| out::about_flags(error, &given))?;
    out::print(&[token])?;
    out::say(&format!("Agent {name} tests through {tunnels} from here on. Its token is shown this once."));
    out::say(&format!(
        "Next, on the gateway: postern agent --server {} --token-file FILE --allow NETWORK",
        app.public_url
    ));
    Ok(())
}

/// Lists agents.
pub(super) async fn list(app: &App, json: bool) -> Result<(), Stop> {
    let rows: Vec<Row> = agents::list(app)
        .await?
        .into_iter()
        .map(|(agent, tunnels)| Row {
            name: agent.name,
            state: if agent.revoked_at.is_some() { "revoked" } else { "in_force" },
            tunnels,
            created_at: agent.created_at,
            seen_at: agent.seen_at,
            revoked_at: agent.revoked_at,
            id: agent.id.to_string(),
        })
        .collect();
    out::list(json, &["name", "state", "tunnels", "last seen (UTC)"], &rows, |row| {
        let seen = row.seen_at.map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S").to_string());
        vec![row.name.clone(), row.state.to_owned(), row.tunnels.join(","), seen]
    })?;
    if rows.is_empty() {
        out::say("Next: postern agent register NAME --tunnel NAME");
    }
    Ok(())
}

/// Makes an agent's token useless.
pub(super) async fn revoke(app: &Arc<App>, name: &str) -> Result<(), Stop> {
    let missing = || {
        let text = format!("no agent in force is named \"{name}\": see `postern agent list`");
        Stop::Said(Code::NotFound, text)
    };
    agents::revoke(app, name).await.map_err(|error| out::or_missing(error, missing))?;
    out::say(&format!(
        "Agent {name} was revoked: its token is refused, and tunnels without another agent are tested by the service."
    ));
    out::say("Next: postern agent list");
    Ok(())
}
