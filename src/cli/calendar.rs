//! `postern calendar`: in which hours the clocks of cases run.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::out::{self, Given, Stop};
use super::place::Place;
use super::{customer, value};
use crate::app::calendars::{self, By, Draft};
use crate::app::{App, reckoning};
use crate::domain::calendar::Named;

/// The commands of `postern calendar`.
#[derive(Debug, Subcommand)]
pub(super) enum CalendarCommand {
    /// Add a calendar
    Add(PutArgs),
    /// Change a calendar; due times that were computed before stay as they are
    Set(SetArgs),
    /// Add the holidays of an iCalendar file (.ics)
    Import {
        /// Name of the calendar
        #[arg(long)]
        name: String,
        /// The file; - reads standard input
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Give a customer a calendar of its own, or the vendor's again
    Assign {
        /// The customer
        #[arg(long, value_name = "NAME")]
        customer: String,
        /// Name of the calendar; without it the vendor's
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Show which due times of cases the calendars of today would move
    Recompute {
        /// Move them
        #[arg(long)]
        apply: bool,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// List the calendars
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// A new calendar as flags.
#[derive(Debug, Args)]
pub(super) struct PutArgs {
    /// Name of the calendar
    #[arg(long)]
    name: String,
    /// Time zone of the IANA database, like Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: String,
    /// Days and hours, like "mon-thu 09:00-12:00 13:00-17:00"; once for each line
    #[arg(long, value_name = "LINE", required = true)]
    hours: Vec<String>,
    /// A holiday, like "2026-12-25 Christmas Day"; once for each
    #[arg(long, value_name = "LINE")]
    holiday: Vec<String>,
    /// Make it the vendor's calendar
    #[arg(long)]
    vendor: bool,
    #[command(flatten)]
    place: Place,
}

/// Changes of a calendar as flags; what is left out stays.
#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// Name of the calendar
    #[arg(long)]
    name: String,
    /// Time zone of the IANA database, like Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Days and hours, like "mon-thu 09:00-12:00 13:00-17:00"; once for each line
    #[arg(long, value_name = "LINE")]
    hours: Vec<String>,
    /// A holiday, like "2026-12-25 Christmas Day"; once for each, in place of all that are on record
    #[arg(long, value_name = "LINE")]
    holiday: Vec<String>,
    /// Make it the vendor's calendar
    #[arg(long)]
    vendor: bool,
    #[command(flatten)]
    place: Place,
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    name: String,
    time_zone: String,
    hours: String,
    holidays: usize,
    is_vendor: bool,
    id: String,
}

/// One line of what moves.
#[derive(Serialize)]
struct Moved {
    case: i64,
    what: String,
    was: String,
    becomes: String,
}

/// Runs one of the commands.
pub(super) fn run(command: &CalendarCommand) -> ExitCode {
    out::end(match command {
        CalendarCommand::Add(args) => args.place.run(async |app| add(&app, args).await),
        CalendarCommand::Set(args) => args.place.run(async |app| set(&app, args).await),
        CalendarCommand::Import { name, file, place } => place.run(async |app| import(&app, name, file).await),
        CalendarCommand::Assign { customer, name, place } => {
            place.run(async |app| assign(&app, customer, name.as_deref()).await)
        }
        CalendarCommand::Recompute { apply, json, place } => {
            place.run(async |app| recompute(&app, *apply, *json).await)
        }
        CalendarCommand::List { json, place } => place.run(async |app| list(&app, *json).await),
    })
}

fn given<'d>(draft: &'d Draft) -> [Given<'d>; 4] {
    let one = |field, flag, received: &'d str| Given { field, flag, received: Some(received) };
    [
        one("name", "--name", &draft.name),
        one("time_zone", "--time-zone", &draft.time_zone),
        one("hours", "--hours", &draft.hours),
        one("holidays", "--holiday", &draft.holidays),
    ]
}

async fn add(app: &Arc<App>, args: &PutArgs) -> Result<(), Stop> {
    let draft = Draft {
        name: args.name.trim().to_owned(),
        time_zone: args.time_zone.clone(),
        hours: args.hours.join("\n"),
        holidays: args.holiday.join("\n"),
        is_vendor: args.vendor,
    };
    let made = calendars::add(app, By(None), &draft).await.map_err(|error| out::about_flags(error, &given(&draft)))?;
    out::say(&format!("Calendar {} was added.", made.name));
    out::say(&format!("Next: postern calendar import --name \"{}\" --file HOLIDAYS.ics", made.name));
    Ok(())
}

async fn set(app: &Arc<App>, args: &SetArgs) -> Result<(), Stop> {
    let known = named(app, &args.name).await?;
    let mut draft = Draft::of(&known);
    if let Some(zone) = &args.time_zone {
        draft.time_zone.clone_from(zone);
    }
    if !args.hours.is_empty() {
        draft.hours = args.hours.join("\n");
    }
    if !args.holiday.is_empty() {
        draft.holidays = args.holiday.join("\n");
    }
    draft.is_vendor |= args.vendor;
    calendars::change(app, By(None), known.id, &draft)
        .await
        .map_err(|error| out::about_flags(error, &given(&draft)))?;
    out::say(&format!("Calendar {} was changed. Due times that were computed before stay as they are.", known.name));
    out::say("Next: postern calendar recompute");
    Ok(())
}

async fn import(app: &Arc<App>, name: &str, file: &std::path::Path) -> Result<(), Stop> {
    let known = named(app, name).await?;
    let text = value::text_of("--file", file)?;
    let path = file.to_string_lossy();
    let flags = [Given { field: "file", flag: "--file", received: Some(&path) }];
    let did = calendars::import(app, By(None), known.id, text.as_bytes())
        .await
        .map_err(|error| out::about_flags(error, &flags))?;
    out::say(&format!("{} holidays were added to {}, {} were on record already.", did.added, known.name, did.known));
    for line in &did.left_out {
        out::say(&format!("Left out: {line}"));
    }
    out::say("Next: postern calendar recompute");
    Ok(())
}

async fn assign(app: &Arc<App>, customer: &str, name: Option<&str>) -> Result<(), Stop> {
    let customer = customer::named(app, customer).await?;
    let calendar = match name {
        Some(name) => Some(named(app, name).await?),
        None => None,
    };
    calendars::assign(app, customer.id, calendar.as_ref().map(|named| named.id)).await?;
    let whose = calendar.map_or_else(|| "the vendor's calendar".to_owned(), |named| format!("calendar {}", named.name));
    out::say(&format!("{} is measured by {whose}.", customer.name));
    out::say("Next: postern calendar recompute");
    Ok(())
}

async fn recompute(app: &Arc<App>, apply: bool, json: bool) -> Result<(), Stop> {
    let reckoned = if apply { reckoning::carry_out(app, None).await? } else { reckoning::rehearse(app).await? };
    let rows: Vec<Moved> = reckoned
        .shifts
        .iter()
        .map(|shift| Moved {
            case: shift.number,
            what: shift.what.clone(),
            was: shift.was.to_rfc3339(),
            becomes: shift.becomes.to_rfc3339(),
        })
        .collect();
    out::list(json, &["case", "what", "was", "becomes"], &rows, |row| {
        vec![row.case.to_string(), row.what.clone(), row.was.clone(), row.becomes.clone()]
    })?;
    let verb = if apply { "moved" } else { "would move" };
    out::say(&format!("{} of {} running clocks {verb}.", reckoned.moved, reckoned.seen));
    if !apply && reckoned.moved > 0 {
        out::say("Next: postern calendar recompute --apply");
    }
    Ok(())
}

async fn list(app: &App, json: bool) -> Result<(), Stop> {
    let row = |named: Named| Row {
        time_zone: named.calendar.zone.name().to_owned(),
        hours: named.calendar.week.to_string().replace('\n', "; "),
        holidays: named.calendar.holidays.len(),
        is_vendor: named.is_vendor,
        id: named.id.to_string(),
        name: named.name,
    };
    let rows: Vec<Row> = calendars::list(app).await?.into_iter().map(row).collect();
    out::list(json, &["name", "time zone", "hours", "holidays", "vendor's"], &rows, |row| {
        let whose = if row.is_vendor { "yes" } else { "no" };
        vec![row.name.clone(), row.time_zone.clone(), row.hours.clone(), row.holidays.to_string(), whose.to_owned()]
    })?;
    if rows.is_empty() {
        out::say("Next: postern calendar add --vendor --name NAME --time-zone ZONE --hours \"mon-fri 09:00-17:00\"");
    }
    Ok(())
}

async fn named(app: &App, name: &str) -> Result<Named, Stop> {
    let advice = "see `postern calendar list`, or add it with `postern calendar add`";
    calendars::by_name(app, name)
        .await
        .map_err(|error| out::or_missing(error, || Stop::not_found("calendar", name, advice)))
}
