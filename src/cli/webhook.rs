//! `postern webhook`: which programs are told what happens.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::out::{self, Given, Stop};
use super::place::Place;
use crate::app::App;
use crate::app::webhooks::endpoints::{self, Draft, View};
use crate::app::webhooks::{KEPT, log};
use crate::domain::id::EventId;
use crate::domain::webhook::Topic;
use crate::secret::Secret;

/// The commands of `postern webhook`.
#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Add an endpoint; its signing key is printed once, on standard output
    Add(AddArgs),
    /// Change an endpoint; what is left out stays
    Set(SetArgs),
    /// List the endpoints
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Make another signing key; the present one signs too for 24 hours
    Rotate(NameArgs),
    /// Switch an endpoint on
    On(NameArgs),
    /// Switch an endpoint off; what happens meanwhile is kept for 30 days
    Off(NameArgs),
    /// Have a running service send a message that tells nothing
    Ping(NameArgs),
    /// List the last messages of an endpoint
    Deliveries {
        /// Name of the endpoint
        #[arg(long)]
        name: String,
        /// How many, newest first
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Have a running service send messages again: one, or all that failed or were not sent
    Redeliver {
        /// Name of the endpoint
        #[arg(long)]
        name: String,
        /// This message alone
        #[arg(long, value_name = "ID", conflicts_with = "since")]
        id: Option<uuid::Uuid>,
        /// What happened since, like 2026-11-25T08:00:00Z; without it the last 30 days
        #[arg(long, value_name = "INSTANT")]
        since: Option<DateTime<Utc>>,
        #[command(flatten)]
        place: Place,
    },
}

/// A new endpoint as flags.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Name of the endpoint
    #[arg(long)]
    name: String,
    /// Where messages go: an address that begins with https://
    #[arg(long)]
    url: String,
    /// Email address of one of the vendor's people, who is told when the endpoint is switched off
    #[arg(long, value_name = "EMAIL")]
    owner: String,
    /// What it is told of; once for each. Without it everything
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// Changes of an endpoint as flags.
#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// Name of the endpoint
    #[arg(long)]
    name: String,
    /// Another name
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// Another address
    #[arg(long)]
    url: Option<String>,
    /// Another owner
    #[arg(long, value_name = "EMAIL")]
    owner: Option<String>,
    /// What it is told of, in place of all that is on record; once for each
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// An endpoint by its name.
#[derive(Debug, Args)]
pub(super) struct NameArgs {
    /// Name of the endpoint
    #[arg(long)]
    name: String,
    #[command(flatten)]
    place: Place,
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    name: String,
    url: String,
    state: &'static str,
    topics: Vec<Topic>,
    owner: String,
    id: String,
}

/// One line of the messages.
#[derive(Serialize)]
struct Message {
    id: String,
    topic: Topic,
    at: String,
    state: String,
    attempts: i64,
    status: Option<i64>,
    error: Option<String>,
}

/// Runs one of the commands.
pub(super) fn run(command: &WebhookCommand) -> ExitCode {
    out::end(match command {
        WebhookCommand::Add(args) => args.place.run(async |app| add(&app, args).await),
        WebhookCommand::Set(args) => args.place.run(async |app| set(&app, args).await),
        WebhookCommand::List { json, place } => place.run(async |app| list(&app, *json).await),
        WebhookCommand::Rotate(args) => args.place.run(async |app| rotate(&app, &args.name).await),
        WebhookCommand::On(args) => args.place.run(async |app| switch(&app, &args.name, true).await),
        WebhookCommand::Off(args) => args.place.run(async |app| switch(&app, &args.name, false).await),
        WebhookCommand::Ping(args) => args.place.run(async |app| ping(&app, &args.name).await),
        WebhookCommand::Deliveries { name, limit, json, place } => {
            place.run(async |app| deliveries(&app, name, (*limit, *json)).await)
        }
        WebhookCommand::Redeliver { name, id, since, place } => {
            place.run(async |app| redeliver(&app, name, (*id, *since)).await)
        }
    })
}

fn given<'d>(draft: &'d Draft, topics: &'d str) -> [Given<'d>; 4] {
    let one = |field, flag, received: &'d str| Given { field, flag, received: Some(received) };
    [
        one("name", "--name", &draft.name),
        // It is not repeated: it may hold a password.
        Given { field: "url", flag: "--url", received: None },
        one("owner", "--owner", &draft.owner),
        one("topics", "--topic", topics),
    ]
}

fn everything() -> Vec<String> {
    Topic::to_subscribe().map(|topic| topic.to_string()).collect()
}

async fn add(app: &Arc<App>, args: &AddArgs) -> Result<(), Stop> {
    let draft = Draft {
        name: args.name.clone(),
        url: args.url.clone(),
        owner: args.owner.clone(),
        topics: if args.topic.is_empty() { everything() } else { args.topic.clone() },
    };
    let topics = draft.topics.join(", ");
    let (view, key) =
        endpoints::add(app, &draft, None).await.map_err(|error| out::about_flags(error, &given(&draft, &topics)))?;
    show_key(key.as_ref())?;
    out::say(&format!("Endpoint {} was added. Its key is shown now and never again.", view.endpoint.name));
    out::say(&format!("Next: postern webhook ping --name \"{}\"", view.endpoint.name));
    Ok(())
}

fn show_key(key: Option<&Secret>) -> Result<(), Stop> {
    match key {
        Some(key) => out::print(&[key.expose().to_owned()]),
        None => Ok(()),
    }
}

async fn set(app: &Arc<App>, args: &SetArgs) -> Result<(), Stop> {
    let known = named(app, &args.name).await?;
    let mut draft = known.draft();
    let changes = [(&args.rename, &mut draft.name), (&args.url, &mut draft.url), (&args.owner, &mut draft.owner)];
    for (change, value) in changes {
        if let Some(change) = change {
            value.clone_from(change);
        }
    }
    if !args.topic.is_empty() {
        draft.topics.clone_from(&args.topic);
    }
    let topics = draft.topics.join(", ");
    let view = endpoints::change(app, known.endpoint.id, &draft)
        .await
        .map_err(|error| out::about_flags(error, &given(&draft, &topics)))?;
    out::say(&format!("Endpoint {} was changed.", view.endpoint.name));
    Ok(())
}

async fn list(app: &App, json: bool) -> Result<(), Stop> {
    let row = |view: View| Row {
        state: view.endpoint.state().as_str(),
        topics: view.topics,
        owner: view.endpoint.owner_email,
        id: view.endpoint.id.to_string(),
        url: view.endpoint.url,
        name: view.endpoint.name,
    };
    let rows: Vec<Row> = endpoints::list(app).await?.into_iter().map(row).collect();
    out::list(json, &["name", "url", "state", "topics", "owner"], &rows, |row| {
        let topics = row.topics.iter().map(|topic| topic.as_str()).collect::<Vec<_>>().join(" ");
        vec![row.name.clone(), row.url.clone(), row.state.to_owned(), topics, row.owner.clone()]
    })?;
    if rows.is_empty() {
        out::say("Next: postern webhook add --name NAME --url https://… --owner EMAIL");
    }
    Ok(())
}

async fn rotate(app: &Arc<App>, name: &str) -> Result<(), Stop> {
    let known = named(app, name).await?;
    let (view, key) = endpoints::rotate(app, known.endpoint.id, None).await?;
    show_key(key.as_ref())?;
    let until = view.former_until.map(|at| at.to_rfc3339()).unwrap_or_default();
    out::say(&format!("Endpoint {} has another key, which is shown now and never again.", view.endpoint.name));
    out::say(&format!("The former one signs too until {until}."));
    Ok(())
}

async fn switch(app: &Arc<App>, name: &str, on: bool) -> Result<(), Stop> {
    let known = named(app, name).await?;
    if on {
        endpoints::switch_on(app, known.endpoint.id).await?;
        out::say(&format!("Endpoint {} is on.", known.endpoint.name));
        out::say(&format!("Next: postern webhook redeliver --name \"{}\"", known.endpoint.name));
    } else {
        endpoints::switch_off(app, known.endpoint.id).await?;
        out::say(&format!("Endpoint {} is off. What happens meanwhile is kept for 30 days.", known.endpoint.name));
    }
    Ok(())
}

async fn ping(app: &Arc<App>, name: &str) -> Result<(), Stop> {
    let known = named(app, name).await?;
    let event = log::ping(app, known.endpoint.id, None).await?;
    out::say(&format!("A ping waits for the running service to send it: message {event}."));
    out::say(&format!("Next: postern webhook deliveries --name \"{}\"", known.endpoint.name));
    Ok(())
}

async fn deliveries(app: &App, name: &str, (limit, json): (u16, bool)) -> Result<(), Stop> {
    let known = named(app, name).await?;
    let (rows, _) = log::page(app, known.endpoint.id, None, i64::from(limit)).await?;
    let rows: Vec<Message> = rows
        .into_iter()
        .map(|row| Message {
            id: row.event_id.to_string(),
            topic: row.topic,
            at: row.at.to_rfc3339(),
            state: row.state.to_string(),
            attempts: row.attempts,
            status: row.status,
            error: row.error,
        })
        .collect();
    out::list(json, &["id", "topic", "at", "state", "attempts", "last outcome"], &rows, |row| {
        let status = row.status.map(|status| format!("answered {status}"));
        let last = row.error.clone().or(status).unwrap_or_default();
        let words = [&row.id, row.topic.as_str(), &row.at, &row.state].map(str::to_owned);
        words.into_iter().chain([row.attempts.to_string(), last]).collect()
    })
}

async fn redeliver(
    app: &Arc<App>,
    name: &str,
    (id, since): (Option<uuid::Uuid>, Option<DateTime<Utc>>),
) -> Result<(), Stop> {
    let known = named(app, name).await?;
    if let Some(id) = id {
        let missing = || Stop::not_found("message", &id.to_string(), "see `postern webhook deliveries`");
        log::redeliver(app, known.endpoint.id, EventId::new(id))
            .await
            .map_err(|error| out::or_missing(error, missing))?;
        out::say("The message waits for the running service to send it again.");
        return Ok(());
    }
    let since = since.unwrap_or_else(|| app.now() - KEPT);
    let count = log::redeliver_since(app, known.endpoint.id, since).await?;
    out::say(&format!("{count} messages wait for the running service to send them again."));
    Ok(())
}

async fn named(app: &App, name: &str) -> Result<View, Stop> {
    let advice = "see `postern webhook list`, or add it with `postern webhook add`";
    endpoints::by_name(app, name)
        .await
        .map_err(|error| out::or_missing(error, || Stop::not_found("endpoint", name, advice)))
}
