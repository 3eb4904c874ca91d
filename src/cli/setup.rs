//! `postern setup`: the first administrator without a browser.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::out::{self, Code, Given, Stop};
use super::place::Place;
use super::value;
use crate::app::{App, Error, access, admin};
use crate::domain::actor::Role;

/// The file in the data folder that holds the one-time set-up link.
pub(super) const LINK_FILE: &str = "setup-token";

/// The first administrator as flags.
#[derive(Debug, Args)]
pub(super) struct SetupArgs {
    /// Email address of the first administrator
    #[arg(long, alias = "admin-email")]
    email: String,
    /// Name of the first administrator
    #[arg(long, default_value = "Administrator")]
    name: String,
    /// File with the password on its first line; - reads standard input
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Makes the first administrator; does nothing where the same person is one already.
pub(super) fn run(args: &SetupArgs) -> ExitCode {
    out::end(args.place.run(async |app| set_up(&app, args).await))
}

async fn set_up(app: &Arc<App>, args: &SetupArgs) -> Result<(), Stop> {
    let password = value::secret("--password-file", &args.password_file)?;
    let email = args.email.trim().to_lowercase();
    let Some(token) = access::setup_token(app).await? else { return already(app, &email).await };
    let given = [
        Given { field: "name", flag: "--name", received: Some(&args.name) },
        Given { field: "email", flag: "--email", received: Some(&args.email) },
        Given { field: "password", flag: "--password-file", received: None },
    ];
    let who = (args.name.trim().to_owned(), email.clone());
    access::set_up(app, &token, who, password).await.map_err(|error| out::about_flags(error, &given))?;
    forget_link(app)?;
    out::say(&format!("{email} is the first administrator."));
    out::say("Next: postern serve");
    Ok(())
}

/// Nothing to do where this person is an administrator; otherwise only an administrator may make another.
async fn already(app: &Arc<App>, email: &str) -> Result<(), Stop> {
    let everybody = admin::people(app).await?;
    if everybody.iter().any(|entry| entry.active && entry.person.email == email && entry.person.is(Role::Admin)) {
        out::say(&format!("{email} is an administrator already; nothing was changed."));
        out::say("Next: postern serve");
        return Ok(());
    }
    let text = "there is an administrator already; add another with `postern user add --role admin`";
    Err(Stop::Said(Code::NotAllowed, text.to_owned()))
}

/// Takes away the file with a link that no longer opens anything.
pub(super) fn forget_link(app: &App) -> Result<(), Stop> {
    let path = app.data.join(LINK_FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Stop::failed(format!("{} cannot be removed: {error}", path.display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The one-time set-up link while there is no administrator, also kept in a file that only its owner reads.
pub(super) async fn link(app: &Arc<App>) -> Result<Option<String>, Error> {
    let Some(token) = access::setup_token(app).await? else { return Ok(None) };
    let link = format!("{}/setup?token={token}", app.public_url);
    let (folder, bytes) = (app.data.clone(), format!("{link}\n").into_bytes());
    tokio::task::spawn_blocking(move || crate::files::write_whole(&folder, LINK_FILE, &bytes))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
        .map_err(|error| Error::Internal(format!("{LINK_FILE} cannot be written: {error}")))?;
    Ok(Some(link))
}
