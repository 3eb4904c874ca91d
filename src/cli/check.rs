//! `postern check`: looks at an installation without changing it.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::out::{self, Stop};
use super::place::{self, Place};
use crate::app::check;
use crate::store::Db;

/// Options of `postern check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs the command; any fault makes it fail.
pub(super) fn run(args: &CheckArgs) -> ExitCode {
    out::end(look(args))
}

fn look(args: &CheckArgs) -> Result<(), Stop> {
    let config = args.place.configuration(None)?;
    place::refuse_missing(&config.database)?;
    let checks = place::runtime()?.block_on(async {
        let db = Db::connect(&config.database).await?;
        let checks = check::all(&db, &config.data.join("master.key")).await;
        db.close().await;
        Ok::<_, Stop>(checks?)
    })?;
    let lines = checks.iter().map(|check| {
        let (is_good, text) = match &check.found {
            Ok(text) => (true, text),
            Err(text) => (false, text),
        };
        match args.json {
            true => json!({"check": check.name, "ok": is_good, "detail": text}).to_string(),
            false => format!("{} {}: {text}", if is_good { "ok   " } else { "FAULT" }, check.name),
        }
    });
    out::print(&lines.collect::<Vec<_>>())?;
    match checks.iter().filter(|check| check.found.is_err()).count() {
        0 => Ok(()),
        1 => Err(Stop::failed("1 fault")),
        faults => Err(Stop::failed(format!("{faults} faults"))),
    }
}
