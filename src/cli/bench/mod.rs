//! `postern bench`: how fast the service is through its real HTTP router, beside the same work bare in the same run.
//!
//! Reading order: `load` (people and cases in an empty database), `visitor` (a session that sends requests in process),
//! `transitions` and `queue` (what is asked, and its bare counterpart), `probes` (the prober, its `responder` and its `bare`
//! counterpart), `notices` (a change for many `customers`), `figures` (what is printed).

mod bare;
pub mod customers;
mod figures;
mod load;
mod notices;
mod probes;
mod queue;
mod responder;
mod transitions;
mod visitor;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::out::{self, Code, Stop};
use super::place;
use crate::app::{App, admin};
use crate::config::{Config, Flags};
use crate::mail::Mailer;

/// The commands of `postern bench`.
#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Acts in cases, each one durable before it is answered; bare: the same rows, committed one at a time
    Transitions(BenchArgs),
    /// The first page of the queue; bare: the list's query, one at a time
    Queue(BenchArgs),
    /// Tunnel tests of a mail server, plain and with STARTTLS; bare: the same dialogues without our code
    Probes(probes::ProbesArgs),
    /// A change of an alerting IP: customers that are told in a second, and mails that are taken
    Notices(notices::NoticesArgs),
    /// The mail server that `probes` asks, in a process of its own
    #[command(hide = true)]
    Responder,
}

/// What is loaded, and how hard it is asked.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// An empty database to fill with made-up cases; without it a temporary SQLite file
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Cases to load; 200 for transitions, 10000 for queue
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    cases: Option<u32>,
    /// Clients that ask at once
    #[arg(long, value_name = "C", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    clients: u32,
    /// Seconds of load; the bare work gets the same
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
}

impl BenchArgs {
    fn span(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }
}

/// Runs one of the commands: exactly one JSON object on standard output.
pub(super) fn run(command: &BenchCommand) -> ExitCode {
    out::end(measured(command))
}

fn measured(command: &BenchCommand) -> Result<(), Stop> {
    let runtime = place::runtime()?;
    let line = match command {
        BenchCommand::Transitions(args) => runtime.block_on(over_database(args, Work::Transitions))?,
        BenchCommand::Queue(args) => runtime.block_on(over_database(args, Work::Queue))?,
        BenchCommand::Probes(args) => runtime.block_on(probes::measure(args))?,
        BenchCommand::Notices(args) => runtime.block_on(notices::measure(args))?,
        BenchCommand::Responder => return runtime.block_on(responder::run()),
    };
    out::print(&[line])
}

/// What is done with a database full of cases.
enum Work {
    Transitions,
    Queue,
}

async fn over_database(args: &BenchArgs, work: Work) -> Result<String, Stop> {
    let folder = tempfile::tempdir().map_err(|error| Stop::failed(format!("a temporary folder: {error}")))?;
    let app = open(args, folder.path()).await?;
    let outcome = match work {
        Work::Transitions => transitions::measure(&app, args).await,
        Work::Queue => queue::measure(&app, args).await,
    };
    app.db.close().await;
    outcome?.line().map_err(Stop::failed)
}

/// The service over a database that must be empty: nobody's cases are to stand beside made-up ones.
async fn open(args: &BenchArgs, folder: &Path) -> Result<Arc<App>, Stop> {
    let url = args.database.clone().unwrap_or_else(|| format!("sqlite:{}", folder.join("bench.db").display()));
    let flags = Flags { data: Some(folder.to_owned()), database: Some(url), ..Flags::default() };
    let mut config = Config::load(flags, &|_| None).map_err(|error| Stop::Said(Code::Usage, error.to_string()))?;
    // What is measured are cases, not how their people sign in.
    config.accounts.staff_second_factor = false;
    let app = place::open(&config, |vault| Ok(Mailer::memory(place::identity(&config, vault)))).await?;
    if admin::customers(&app).await?.is_empty() && admin::people(&app).await?.is_empty() {
        return Ok(app);
    }
    app.db.close().await;
    let advice = "the bench fills it with made-up cases; name an empty database, or none";
    Err(Stop::Said(Code::Usage, format!("--database names one that is in use: {advice}")))
}
