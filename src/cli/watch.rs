//! `postern watch`: servers in use that are watched. Acts are done in the name of a person, whose roles count as on the
//! pages.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::out::{self, Code, Stop};
use super::place::{Place, acting};
use crate::app::{App, watching};
use crate::store::watches::Listed;

/// What is to be done with watching.
#[derive(Debug, Subcommand)]
pub(super) enum WatchCommand {
    /// List watched servers in the order of their cases
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        by: By,
    },
    /// Let the next round of a server begin at once
    Now(One),
    /// Let no round of a server begin
    Pause(One),
    /// Let rounds go on
    Resume(One),
    /// Set the customer's own resolver behind a tunnel
    Resolver {
        /// Name of the tunnel
        tunnel: String,
        /// Its IP; without one, names are asked for where this machine asks
        address: Option<String>,
        #[command(flatten)]
        by: By,
    },
}

/// In whose name, and where.
#[derive(Debug, Args)]
pub(super) struct By {
    /// E-mail address of the person in whose name it is done
    #[arg(long = "as", value_name = "EMAIL")]
    person: String,
    #[command(flatten)]
    place: Place,
}

/// One server.
#[derive(Debug, Args)]
pub(super) struct One {
    /// Number of the case that holds the server
    case: i64,
    #[command(flatten)]
    by: By,
}

/// Runs the command.
pub(super) fn run(command: &WatchCommand) -> ExitCode {
    out::end(match command {
        WatchCommand::List { json, by } => by.place.run(async |app| list(&app, *json, &by.person).await),
        WatchCommand::Now(one) => act(one, Act::Now),
        WatchCommand::Pause(one) => act(one, Act::Pause),
        WatchCommand::Resume(one) => act(one, Act::Resume),
        WatchCommand::Resolver { tunnel, address, by } => by.place.run(async |app| {
            let person = acting(&app, &by.person).await?;
            let missing =
                || Stop::Said(Code::NotFound, format!("there is no tunnel \"{tunnel}\": see `postern tunnel list`"));
            let set = watching::set_resolver(&app, &person, tunnel, address.clone()).await;
            set.map_err(|error| out::or_missing(error, missing))
        }),
    })
}

#[derive(Clone, Copy)]
enum Act {
    Now,
    Pause,
    Resume,
}

fn act(one: &One, act: Act) -> Result<(), Stop> {
    one.by.place.run(async |app| {
        let person = acting(&app, &one.by.person).await?;
        let done = match act {
            Act::Now => watching::now(&app, &person, one.case).await,
            Act::Pause => watching::pause(&app, &person, one.case, true).await,
            Act::Resume => watching::pause(&app, &person, one.case, false).await,
        };
        let missing = || Stop::Said(Code::NotFound, format!("case {} has no server that was ever in use", one.case));
        done.map_err(|error| out::or_missing(error, missing))
    })
}

#[derive(Serialize)]
struct Row {
    case: i64,
    state: &'static str,
    next: Option<String>,
    rounds: i64,
    title: String,
}

async fn list(app: &Arc<App>, json: bool, email: &str) -> Result<(), Stop> {
    let person = acting(app, email).await?;
    let (mut rows, mut after) = (Vec::new(), 0);
    loop {
        let found = watching::list(app, &person, after).await?;
        let Some(last) = found.last() else { break };
        after = last.number;
        rows.extend(found.iter().map(row));
    }
    out::list(json, &["case", "state", "next", "rounds", "about"], &rows, |row| {
        let next = row.next.clone().unwrap_or_default();
        vec![row.case.to_string(), row.state.to_owned(), next, row.rounds.to_string(), row.title.clone()]
    })
}

fn row(listed: &Listed) -> Row {
    let state = match (listed.paused_at, listed.next_at) {
        (Some(_), _) => "paused",
        (None, None) => "not in use",
        (None, Some(_)) if listed.memory.0.is_troubled() => "troubled",
        (None, Some(_)) => "in order",
    };
    Row {
        case: listed.number,
        state,
        next: listed.next_at.map(|at| at.to_rfc3339()),
        rounds: listed.rounds,
        title: listed.title.clone(),
    }
}
