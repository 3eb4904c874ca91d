//! `postern policy`: how long first answers, updates and whole cases may take.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::out::{self, Given, Stop};
use super::place::Place;
use crate::app::App;
use crate::app::calendars::By;
use crate::app::policy::{self, Draft};
use crate::domain::objective::Objective;

/// The commands of `postern policy`.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Add a row that holds from a date on; rows are never changed
    Add(RowArgs),
    /// List what holds, and all rows
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// A row as flags.
#[derive(Debug, Args)]
pub(super) struct RowArgs {
    /// P1, P2, P3 or P4
    #[arg(long)]
    priority: String,
    /// Until an engineer's first answer, like 4bh or 1bd
    #[arg(long, value_name = "SPAN")]
    first_answer: String,
    /// Until each further update
    #[arg(long, value_name = "SPAN")]
    next_update: String,
    /// Until the case is done
    #[arg(long, value_name = "SPAN")]
    done: String,
    /// From which date on it holds for cases that are opened; without it from now on
    #[arg(long, value_name = "DATE", default_value = "")]
    valid_from: String,
    #[command(flatten)]
    place: Place,
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    priority: String,
    valid_from: Option<String>,
    first_answer: String,
    next_update: String,
    done: String,
    in_force: bool,
}

/// Runs one of the commands.
pub(super) fn run(command: &PolicyCommand) -> ExitCode {
    out::end(match command {
        PolicyCommand::Add(args) => args.place.run(async |app| add(&app, args).await),
        PolicyCommand::List { json, place } => place.run(async |app| list(&app, *json).await),
    })
}

async fn add(app: &Arc<App>, args: &RowArgs) -> Result<(), Stop> {
    let spans = [
        (Objective::FirstAnswer, &args.first_answer),
        (Objective::NextUpdate, &args.next_update),
        (Objective::Done, &args.done),
    ];
    let draft = Draft {
        priority: args.priority.clone(),
        valid_from: args.valid_from.clone(),
        spans: spans.into_iter().map(|(objective, span)| (objective, span.clone())).collect(),
    };
    let one = |field, flag, received| Given { field, flag, received: Some(received) };
    let given = [
        one("priority", "--priority", args.priority.as_str()),
        one("valid_from", "--valid-from", &args.valid_from),
        one("first_answer", "--first-answer", &args.first_answer),
        one("next_update", "--next-update", &args.next_update),
        one("done", "--done", &args.done),
    ];
    let row = policy::add(app, By(None), &draft).await.map_err(|error| out::about_flags(error, &given))?;
    out::say(&format!("Cases of {} that are opened from {} on use it.", row.priority, row.valid_from.to_rfc3339()));
    out::say("Next: postern policy list");
    Ok(())
}

async fn list(app: &App, json: bool) -> Result<(), Stop> {
    let mut rows = Vec::new();
    let in_force = policy::in_force(app, app.now()).await?;
    let all = policy::list(app).await?;
    for (priority, targets, holds) in in_force {
        let mut lines: Vec<_> =
            all.iter().filter(|row| row.priority == priority).map(|row| (Some(row.valid_from), row.targets)).collect();
        if holds.is_none() {
            lines.push((None, targets));
        }
        let since = holds.map(|row| row.valid_from);
        rows.extend(lines.into_iter().map(|(valid_from, targets)| Row {
            priority: priority.to_string(),
            valid_from: valid_from.map(|at| at.to_rfc3339()),
            first_answer: targets.first_answer.to_string(),
            next_update: targets.next_update.to_string(),
            done: targets.done.to_string(),
            in_force: valid_from == since,
        }));
    }
    out::list(json, &["priority", "valid from", "first answer", "next update", "done", "in force"], &rows, |row| {
        let since = row.valid_from.clone().unwrap_or_else(|| "the standard".to_owned());
        let force = if row.in_force { "yes" } else { "no" };
        let spans = [&row.first_answer, &row.next_update, &row.done].map(String::clone);
        [row.priority.clone(), since].into_iter().chain(spans).chain([force.to_owned()]).collect()
    })
}
