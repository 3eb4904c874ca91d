//! `postern outbox`: what could not be delivered, and what a restore holds back.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::out::{self, Stop};
use super::place::Place;
use crate::app::dead_letters::{self, Release};

/// What is to be done with the outbox.
#[derive(Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// List what was given up or is held, newest first
    List(ListArgs),
    /// End the hold that a restore began: what comes up from here on goes out again
    ///
    /// What is not sent stays on the page "Outgoing mail", where each can be sent on its own.
    Release(ReleaseArgs),
}

/// Options of `list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Options of `release`.
#[derive(Debug, Args)]
pub(super) struct ReleaseArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Send everything that is held: nothing went out between the backup and its restore
    #[arg(long)]
    all: bool,
    /// Send nothing of what is held
    #[arg(long)]
    none: bool,
    /// Send these of what is held, by their keys
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
}

/// Runs the command.
pub(super) fn run(command: &OutboxCommand) -> ExitCode {
    out::end(match command {
        OutboxCommand::List(args) => list(args),
        OutboxCommand::Release(args) => release(args),
    })
}

#[derive(Serialize)]
struct Row {
    key: String,
    case: Option<i64>,
    subject: String,
    to: String,
    why: String,
}

fn list(args: &ListArgs) -> Result<(), Stop> {
    args.place.run(async |app| {
        let rows: Vec<Row> = dead_letters::all(&app)
            .await?
            .into_iter()
            .map(|letter| Row {
                key: letter.key,
                case: letter.case,
                subject: letter.subject,
                to: letter.to,
                why: letter.last_error.unwrap_or_default(),
            })
            .collect();
        out::list(args.json, &["key", "case", "subject", "to", "why"], &rows, |row| {
            let case = row.case.map(|number| number.to_string()).unwrap_or_default();
            vec![row.key.clone(), case, row.subject.clone(), row.to.clone(), row.why.clone()]
        })
    })
}

fn release(args: &ReleaseArgs) -> Result<(), Stop> {
    let which = match (args.which.all, args.which.none) {
        (true, _) => Release::All,
        (_, true) => Release::Nothing,
        (false, false) => Release::These(args.which.keys.clone()),
    };
    args.place.run(async |app| {
        let sent = dead_letters::release(&Arc::clone(&app), which).await?;
        out::print(&[format!("the hold has ended; {sent} effects go out")])
    })
}
