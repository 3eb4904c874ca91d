//! `postern workflow replay`: folds every stored case log of a database and compares.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::out::{self, Stop};
use super::place::{self, Place};
use crate::app::replay::{self, Replayed};
use crate::app::{Error, backup};
use crate::clock::Clock;

/// Options of `replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Print one JSON object a line: each finding, then the count
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs the command; a case that is not what its log says makes it fail.
pub(super) fn run(args: &ReplayArgs) -> ExitCode {
    out::end(read_again(args))
}

fn read_again(args: &ReplayArgs) -> Result<(), Stop> {
    let config = args.place.configuration(None)?;
    place::refuse_missing(&config.database)?;
    let replayed = place::runtime()?.block_on(async {
        let db = backup::open(&config.database, &config.data, Clock::System.now()).await.map_err(Error::from)?;
        let replayed = replay::all(&db).await?;
        db.close().await;
        Ok::<_, Stop>(replayed)
    })?;
    out::print(&lines(&replayed, args.json))?;
    match replayed.findings.len() {
        0 => Ok(()),
        found => Err(Stop::failed(format!("{found} of {} cases are not what their logs say", replayed.cases))),
    }
}

fn lines(replayed: &Replayed, json: bool) -> Vec<String> {
    let findings = replayed.findings.iter().map(|finding| match json {
        true => json!({"number": finding.number, "detail": finding.detail}).to_string(),
        false => format!("case {}: {}", finding.number, finding.detail),
    });
    let (cases, entries, found) = (replayed.cases, replayed.entries, replayed.findings.len());
    let count = match json {
        true => json!({"cases": cases, "entries": entries, "findings": found}).to_string(),
        false => format!("{cases} cases, {entries} log entries, {found} findings"),
    };
    findings.chain([count]).collect()
}
