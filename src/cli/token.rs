//! `postern token`: keys for programs that speak the JSON API in a person's name.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::out::{self, Code, Stop};
use super::place::Place;
use super::value;
use crate::app::{App, access};

/// The commands of `postern token`.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make an API token; it is printed once and only its hash is stored
    Create(CreateArgs),
}

/// A new token as flags.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Email address of the person in whose name the program acts
    #[arg(long)]
    email: String,
    /// What the token is for
    #[arg(long)]
    name: String,
    /// How long it is good: a number with h (hours) or d (days), up to 730d
    #[arg(long, value_name = "SPAN", default_value = "90d")]
    expires: String,
    #[command(flatten)]
    place: Place,
}

/// Runs one of the commands.
pub(super) fn run(command: &TokenCommand) -> ExitCode {
    let TokenCommand::Create(args) = command;
    out::end(args.place.run(async |app| create(&app, args).await))
}

async fn create(app: &Arc<App>, args: &CreateArgs) -> Result<(), Stop> {
    let good = value::span("--expires", &args.expires)?;
    let name = args.name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Stop::usage("--name", name, "enter what the token is for, in 1 to 100 characters"));
    }
    let email = args.email.trim();
    let missing = || {
        let text = format!("no active person has the address \"{email}\": see `postern user list`");
        Stop::Said(Code::NotFound, text)
    };
    let token =
        access::make_token(app, email, name.to_owned(), good).await.map_err(|error| out::or_missing(error, missing))?;
    out::print(&[token])?;
    let until = (app.now() + good).format("%Y-%m-%d %H:%M UTC");
    out::say(&format!("The token is good until {until}. It is shown this once."));
    out::say(&format!("Next: curl -H \"Authorization: Bearer TOKEN\" {}/api/v1/cases", app.public_url));
    Ok(())
}
