//! `postern mail-in`: takes one mail from standard input, for the pipe of a mail server (Postfix `pipe(8)`, Exim `pipe`).

use std::io::Read;
use std::process::ExitCode;

use clap::Args;

use super::out::Stop;
use super::place::Place;
use crate::app::incoming;
use crate::mail::incoming::{KEPT_OF_LARGER, LARGEST, read};

/// Come again later (`EX_TEMPFAIL` of sysexits.h): the server keeps the mail. Nothing else is said to it, so that no
/// sender learns which cases and people there are.
const TRY_AGAIN: u8 = 75;

/// Where the mail was sent.
#[derive(Debug, Args)]
pub(super) struct MailInArgs {
    /// Recipient of the envelope; without it, the mail's own fields say
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Runs the command.
pub(super) fn run(args: &MailInArgs) -> ExitCode {
    match take(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            tracing::debug!(?stop, "a mail could not be taken");
            super::out::say("The mail could not be taken for the moment.");
            ExitCode::from(TRY_AGAIN)
        }
    }
}

fn take(args: &MailInArgs) -> Result<(), Stop> {
    let (raw, size) = input().map_err(|error| Stop::failed(format!("standard input: {error}")))?;
    let letter = read(&raw, size);
    args.place
        .run(async |app| incoming::take(&app, letter, (raw, size), args.recipient.clone()).await.map_err(Stop::from))
}

/// Reads all of it, so that the server is not cut off, and keeps a bounded part.
fn input() -> std::io::Result<(Vec<u8>, u64)> {
    let mut stdin = std::io::stdin().lock();
    let mut raw = Vec::new();
    let most = u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    let mut size = stdin.by_ref().take(most).read_to_end(&mut raw).map(|read| read as u64)?;
    if raw.len() > LARGEST {
        raw.truncate(KEPT_OF_LARGER);
        raw.shrink_to_fit();
        size = size.saturating_add(std::io::copy(&mut stdin, &mut std::io::sink())?);
    }
    Ok((raw, size))
}
