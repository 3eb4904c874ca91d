//! `postern user mail`: which mail somebody gets when, and in which zone its times are written.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::out::{self, Given, Stop};
use super::place::Place;
use crate::app::mail_wishes::{self, Draft};
use crate::app::{App, admin};
use crate::domain::mail_wish::About;

/// What is changed, as flags; without any what is on record is printed.
#[derive(Debug, Args)]
pub(super) struct MailArgs {
    /// Email address of the person
    #[arg(long)]
    email: String,
    /// Time zone of the IANA database, like Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// When mail about something is sent, like progress=daily; now, daily or none. Once for each
    #[arg(long, value_name = "ABOUT=WHEN", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) place: Place,
}

/// One line of what is on record.
#[derive(Serialize)]
struct Row {
    about: &'static str,
    when: &'static str,
    meaning: &'static str,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (about, when) = text.split_once('=').ok_or("write it like progress=daily")?;
    Ok((about.trim().to_owned(), when.trim().to_owned()))
}

/// Changes and prints what a person wants.
pub(super) async fn run(app: &Arc<App>, args: &MailArgs) -> Result<(), Stop> {
    let email = args.email.trim().to_lowercase();
    let found = admin::people(app).await?.into_iter().find(|entry| entry.person.email == email);
    let person = found.ok_or_else(|| Stop::not_found("person", &args.email, "see `postern user list`"))?.person;
    let draft = Draft { time_zone: args.time_zone.clone(), wishes: args.set.clone() };
    let received = |field: &str| args.set.iter().find(|(about, _)| about == field).map(|(_, when)| when.as_str());
    let mut given = vec![
        Given { field: "time_zone", flag: "--time-zone", received: args.time_zone.as_deref() },
        Given { field: "about", flag: "--set", received: None },
    ];
    let choices = About::ALL.iter().map(|about| about.as_str());
    given.extend(choices.map(|field| Given { field, flag: "--set", received: received(field) }));
    let wishes = if draft.time_zone.is_none() && draft.wishes.is_empty() {
        mail_wishes::of(app, &person).await?
    } else {
        mail_wishes::change(app, &person, &draft).await.map_err(|error| out::about_flags(error, &given))?
    };
    let rows: Vec<Row> = wishes
        .wishes
        .iter()
        .map(|(about, wish)| Row { about: about.as_str(), when: wish.as_str(), meaning: about.title() })
        .collect();
    out::list(args.json, &["about", "when", "meaning"], &rows, |row| {
        [row.about, row.when, row.meaning].map(str::to_owned).to_vec()
    })?;
    out::say(&format!(
        "Times are written in {}. Mail about one's own turn is always sent at once.",
        wishes.zone.name()
    ));
    Ok(())
}
