//! `postern backup`: one file with everything of the database, made while the service runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::out::{self, Code, Stop};
use super::place::{self, Place};
use crate::app::backup::{self, BackupError, Manifest};
use crate::app::chain;
use crate::clock::Clock;
use crate::store::Db;

/// What is to be done with a backup.
#[derive(Debug, Subcommand)]
pub(super) enum BackupCommand {
    /// Write everything of the database into one file; the service may run meanwhile
    ///
    /// The master key is not in it: keep a copy of master.key elsewhere, or no secret of the backup opens.
    Create(CreateArgs),
    /// Read a whole backup and say what it holds, or what is wrong with it
    Verify(VerifyArgs),
    /// Write a backup into an empty database, SQLite or PostgreSQL, wherever it was made
    ///
    /// What was waiting to go out when the backup was made may have gone out since, so it is held, and so is all that
    /// comes up until `postern outbox release`. Everybody signs in again.
    Restore(RestoreArgs),
}

/// Options of `create`.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// File to write; it must not be there yet
    file: PathBuf,
    /// Print what it holds as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// File to read
    file: PathBuf,
    /// Print what it holds as one JSON object
    #[arg(long)]
    json: bool,
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// File to read
    file: PathBuf,
    /// Print what it holds as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs the command.
pub(super) fn run(command: &BackupCommand) -> ExitCode {
    out::end(match command {
        BackupCommand::Create(args) => create(args),
        BackupCommand::Verify(args) => verify(args),
        BackupCommand::Restore(args) => restore(args),
    })
}

fn create(args: &CreateArgs) -> Result<(), Stop> {
    let config = args.place.configuration(None)?;
    place::refuse_missing(&config.database)?;
    let manifest = place::runtime()?.block_on(async {
        let db = Db::connect(&config.database).await?;
        let outcome = match db.schema().await? {
            0 => Err(Stop::Said(Code::NotFound, "the database holds nothing of Postern".to_owned())),
            _ => backup::create(&db, &args.file, Clock::System.now()).await.map_err(stop),
        };
        db.close().await;
        outcome
    })?;
    describe(&manifest, args.json)?;
    out::say(&format!(
        "Written to {}. The master key ({}) is not in it: keep a copy of it elsewhere.",
        args.file.display(),
        config.data.join("master.key").display()
    ));
    Ok(())
}

fn verify(args: &VerifyArgs) -> Result<(), Stop> {
    let manifest = place::runtime()?.block_on(backup::verify(&args.file)).map_err(stop)?;
    describe(&manifest, args.json)
}

fn restore(args: &RestoreArgs) -> Result<(), Stop> {
    let config = args.place.configuration(None)?;
    make_folder(&config.data)?;
    let restored = place::runtime()?.block_on(async {
        let db = Db::open(&config.database).await?;
        let outcome = backup::restore(&db, &args.file, Clock::System.now()).await.map_err(stop);
        db.close().await;
        outcome
    })?;
    describe(&restored.manifest, args.json)?;
    out::say(&format!("Restored. {} effects that were waiting are held, and so is what comes up:", restored.held));
    out::say("  look at them with `postern outbox list`, then run `postern outbox release`.");
    let key = config.data.join("master.key");
    if !key.exists() {
        out::say(&format!("Put the master key that belongs to this backup at {} before the start.", key.display()));
    }
    Ok(())
}

fn make_folder(folder: &Path) -> Result<(), Stop> {
    std::fs::create_dir_all(folder).map_err(|error| Stop::failed(format!("data folder {}: {error}", folder.display())))
}

fn describe(manifest: &Manifest, json: bool) -> Result<(), Stop> {
    if json {
        return out::print(&[serde_json::to_string(manifest).map_err(Stop::failed)?]);
    }
    let rows: u64 = manifest.tables.values().map(|sum| sum.rows).sum();
    out::print(&[format!(
        "backup of {} from {}, schema {}, postern {}: {} cases, {} log entries, {rows} rows in {} tables",
        manifest.database,
        manifest.created_at.format("%Y-%m-%d %H:%M:%S UTC"),
        manifest.schema,
        manifest.version,
        manifest.rows("cases"),
        manifest.rows("case_log"),
        manifest.tables.len(),
    )])
}

fn stop(error: BackupError) -> Stop {
    match error {
        BackupError::Store(error) => error.into(),
        BackupError::File { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Stop::Said(Code::NotFound, chain(&error))
        }
        other @ (BackupError::File { .. }
        | BackupError::Damaged { .. }
        | BackupError::Newer { .. }
        | BackupError::Interrupted(_)) => Stop::failed(other),
    }
}
