//! `postern notice`: the IP of a server changes.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};

use super::out::{self, Code, Given, Stop};
use super::place::{Place, acting};
use crate::app::notices::{self, Draft};
use crate::app::{App, Error, Once};
use crate::clock::fresh_id;
use crate::domain::id::ServerId;
use crate::store::people as stored;

/// The commands of `postern notice`.
#[derive(Debug, Subcommand)]
pub(super) enum NoticeCommand {
    /// Give notice in somebody's name; a second contact of the customer confirms it
    Give(Box<GiveArgs>),
    /// Write down that you made sure who a contact is, so that it may confirm a notice before 72 hours are over
    Verify {
        /// Number of the notice's case
        #[arg(long, value_name = "NUMBER")]
        case: i64,
        /// Address of the contact
        #[arg(long, value_name = "ADDRESS")]
        contact: String,
        /// How you made sure
        #[arg(long, value_name = "TEXT")]
        how: String,
        /// Your own address
        #[arg(long = "as", value_name = "ADDRESS")]
        by: String,
        #[command(flatten)]
        place: Place,
    },
    /// Print the calendar entry of a notice (.ics)
    Calendar {
        /// Number of the notice's case
        #[arg(long, value_name = "NUMBER")]
        case: i64,
        /// Your own address
        #[arg(long = "as", value_name = "ADDRESS")]
        by: String,
        #[command(flatten)]
        place: Place,
    },
}

/// How an IP changes.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum How {
    /// Keep both for 48 hours
    KeepBoth,
    /// Switch at that time
    Switch,
    /// It has already changed
    Changed,
}

/// A notice as flags.
#[derive(Debug, Args)]
pub(super) struct GiveArgs {
    /// The server's id, as the address of its page shows it
    #[arg(long, value_name = "ID")]
    server: String,
    /// The new IP
    #[arg(long, value_name = "IP")]
    new: String,
    /// How it changes
    #[arg(long, value_enum, default_value = "keep-both")]
    how: How,
    /// Date of the change, like 2026-12-01
    #[arg(long, value_name = "DATE", default_value = "")]
    date: String,
    /// Time of the change, like 08:00
    #[arg(long, value_name = "TIME", default_value = "")]
    time: String,
    /// Time zone of date and time, like Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
    /// Who to call at the switch
    #[arg(long, value_name = "TEXT", default_value = "")]
    call: String,
    /// Address of the person in whose name the notice is given
    #[arg(long = "as", value_name = "ADDRESS")]
    by: String,
    #[command(flatten)]
    place: Place,
}

/// Runs one of the commands.
pub(super) fn run(command: &NoticeCommand) -> ExitCode {
    out::end(match command {
        NoticeCommand::Give(args) => args.place.run(async |app| give(&app, args).await),
        NoticeCommand::Verify { case, contact, how, by, place } => {
            place.run(async |app| verify(&app, (*case, contact), how, by).await)
        }
        NoticeCommand::Calendar { case, by, place } => place.run(async |app| calendar(&app, *case, by).await),
    })
}

async fn give(app: &Arc<App>, args: &GiveArgs) -> Result<(), Stop> {
    let person = acting(app, &args.by).await?;
    let unknown = || Stop::Said(Code::NotFound, format!("no server {} is in use; look at its page", args.server));
    let id = args.server.parse().map(ServerId::new).map_err(|_not_an_id| unknown())?;
    let case = notices::in_use(app, &person, id).await.map_err(|error| out::or_missing(error, unknown))?;
    let how = match args.how {
        How::KeepBoth => "keep_both",
        How::Switch => "switch",
        How::Changed => "changed",
    };
    let draft = Draft {
        new_ip: args.new.clone(),
        how: how.to_owned(),
        date: args.date.clone(),
        time: args.time.clone(),
        zone: args.zone.clone(),
        call: args.call.clone(),
    };
    let given = [
        Given { field: "new_ip", flag: "--new", received: Some(&args.new) },
        Given { field: "date", flag: "--date", received: Some(&args.date) },
        Given { field: "time", flag: "--time", received: Some(&args.time) },
        Given { field: "zone", flag: "--zone", received: Some(&args.zone) },
    ];
    // A command is given once; a repeat of it is another notice, which replaces this one.
    let once = Once { scope: "notice give".into(), key: fresh_id().to_string(), fingerprint: String::new() };
    let number = notices::give(app, &person, &case, (&draft, once)).await;
    let number = number.map_err(|error| out::about_flags(error, &given))?;
    out::print(&[format!("case {number}: a second contact of the customer confirms it")])
}

async fn verify(app: &Arc<App>, (case, contact): (i64, &str), how: &str, by: &str) -> Result<(), Stop> {
    let person = acting(app, by).await?;
    let found = stored::by_email(&mut app.db.read().await.map_err(Error::from)?, &contact.trim().to_lowercase()).await;
    let found = found.map_err(Error::from)?;
    let unknown = || Stop::Said(Code::NotFound, format!("{contact} is no contact of the customer of case {case}"));
    let id = found.ok_or_else(unknown)?.person.id;
    match notices::verify(app, &person, (case, id), how).await {
        Ok(_) => out::print(&[format!("{contact} is verified")]),
        Err(Error::NotFound) => Err(unknown()),
        Err(other) => Err(out::about_flags(other, &[Given { field: "how", flag: "--how", received: Some(how) }])),
    }
}

async fn calendar(app: &Arc<App>, case: i64, by: &str) -> Result<(), Stop> {
    let person = acting(app, by).await?;
    let missing = || Stop::Said(Code::NotFound, format!("case {case} is no notice with a planned time"));
    let entry = notices::entry(app, &person, case).await.map_err(|error| out::or_missing(error, missing))?;
    out::print(&entry.ics().lines().map(str::to_owned).collect::<Vec<_>>())
}
