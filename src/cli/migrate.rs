//! `postern workflow migrate`: what a map between two versions of a definition does to open cases, and doing it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::out::{self, Code, Stop};
use super::place::Place;
use crate::app::App;
use crate::app::migration::{self, Report, Row};
use crate::domain::workflow::migrate::{ClockMove, Migration};

/// Options of `migrate`.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// The map, like workflows/smtp-vpn/migrations/1-to-2.toml
    map: PathBuf,
    #[command(flatten)]
    how: How,
    /// Print one JSON object a line: each state
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct How {
    /// Print for each state what moves, what its clock does and who is told, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Move the cases, each in a transaction of its own
    #[arg(long)]
    apply: bool,
}

/// Runs the command.
pub(super) fn run(args: &MigrateArgs) -> ExitCode {
    out::end(args.place.run(|app| migrate(args, app)))
}

async fn migrate(args: &MigrateArgs, app: Arc<App>) -> Result<(), Stop> {
    let file = args.map.display().to_string();
    let text = std::fs::read_to_string(&args.map)
        .map_err(|error| Stop::Said(Code::NotFound, format!("{file} cannot be read: {error}")))?;
    let map = Migration::parse(&file, &text).map_err(|faults| faulty(&faults))?;
    let (old, new) = migration::versions(&app, &map)?;
    let faults = map.check(old, new);
    if !faults.is_empty() {
        return Err(faulty(&faults));
    }
    let map = Arc::new(map);
    let report = if args.how.apply { migration::apply(&app, &map).await? } else { migration::look(&app, &map).await? };
    out::print(&lines(&report, args))
}

fn faulty(faults: &[crate::domain::workflow::Diagnostic]) -> Stop {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Stop::failed(format!("the map is not usable:\n{}", lines.join("\n")))
}

fn lines(report: &Report, args: &MigrateArgs) -> Vec<String> {
    let line = |(state, row): (&String, &Row)| if args.json { row_json(state, row) } else { row_text(state, row) };
    let mut lines: Vec<String> = report.iter().map(line).collect();
    if !args.json {
        let sum = |count: fn(&Row) -> u64| report.values().map(count).sum::<u64>();
        let verb = if args.how.apply { "moved" } else { "would move" };
        let (moved, stayed, waiting) = (sum(|row| row.moved), sum(|row| row.stayed), sum(|row| row.waiting));
        let told = sum(|row| row.told);
        lines.push(format!(
            "{moved} cases {verb}, {stayed} stay, {waiting} wait for cases beside them; {told} are told"
        ));
    }
    lines
}

fn row_text(state: &str, row: &Row) -> String {
    let mut parts = Vec::new();
    if let (Some(to), Some(clock)) = (&row.to, row.clock) {
        let due = match (row.due_before, row.due_after) {
            (Some(before), Some(after)) if before == after => format!(", due {}", span(before)),
            (Some(before), Some(after)) => format!(", due {} becomes {}", span(before), span(after)),
            (_, Some(after)) => format!(", due {}", span(after)),
            (_, None) => String::new(),
        };
        parts.push(format!("{} to {to}, the clock {}{due}, {} told", row.moved, word(clock), row.told));
    }
    if row.stayed > 0 {
        parts.push(format!("{} stay", row.stayed));
    }
    if row.waiting > 0 {
        parts.push(format!("{} wait for cases beside them", row.waiting));
    }
    format!("{state}: {}", parts.join("; "))
}

fn row_json(state: &str, row: &Row) -> String {
    json!({
        "state": state, "to": row.to, "clock": row.clock, "moved": row.moved, "stayed": row.stayed,
        "waiting": row.waiting, "told": row.told, "due_before": row.due_before, "due_after": row.due_after,
    })
    .to_string()
}

fn word(clock: ClockMove) -> &'static str {
    match clock {
        ClockMove::Keep => "runs on",
        ClockMove::Shift => "counts the new times from when it began",
        ClockMove::Restart => "starts again",
    }
}

fn span((first, last): (DateTime<Utc>, DateTime<Utc>)) -> String {
    let text = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M").to_string();
    if first == last { text(first) } else { format!("{} to {}", text(first), text(last)) }
}
