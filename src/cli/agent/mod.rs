//! `postern agent`: runs the tests of VPN tunnels where the tunnels are, for a service that is elsewhere; and the records
//! of agents.
//!
//! Reading order: this file (the command line), `records` (register, list, revoke), `run` (the loop), `work` (one job),
//! `client` (the service, over HTTPS).

mod client;
mod records;
pub mod run;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::sync::watch;

use super::out::{self, Code, Stop};
use super::place::{self, Place};
use super::service::Signals;
use super::value;
use crate::clock::Clock;
use crate::domain::address::Options;
use crate::probe::watch::Watch;
use crate::probe::{Prober, Resolver};
use crate::telemetry;
use client::Client;
use run::Settings;

/// How many jobs run at a time unless told otherwise, and at most.
const JOBS: u8 = 4;
const MOST_JOBS: u8 = 64;
/// How long running jobs may take after a signal before they are given back; shorter than what systemd waits.
const DRAIN: Duration = Duration::from_secs(60);

/// What the help ends with.
const EXAMPLES: &str = "Examples:
  postern agent register gateway-1 --tunnel alder-1          on the service: prints the token
  postern agent --server https://postern.example --token-file /etc/postern/agent.token \\
      --allow 10.20.0.0/16                                   on the gateway: runs until a signal

Exit codes: 0 after SIGTERM or SIGINT, 1 failed, 2 cannot be used, 6 the token is refused";

/// Arguments of `postern agent`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub(super) struct AgentArgs {
    #[command(subcommand)]
    command: Option<AgentCommand>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum AgentCommand {
    /// Run the tests of the tunnels that the token is bound to; the same as without a subcommand
    Run(RunArgs),
    /// Register an agent for tunnels; its token is printed once and only its hash is stored
    Register(records::RegisterArgs),
    /// List agents, and when each was heard of last
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Make the token of an agent useless
    Revoke {
        /// Name of the agent
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

/// How an agent works.
#[derive(Debug, Args)]
struct RunArgs {
    /// Address of the service: https, or http on this machine
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// File with the token that `postern agent register` printed
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Network that may be tested, of whatever the service asks for; may be repeated
    #[arg(long, value_name = "NETWORK")]
    allow: Vec<String>,
    /// Network namespace in which tests run (ip-netns(8))
    #[arg(long, value_name = "NAME", conflicts_with = "device")]
    netns: Option<String>,
    /// What runs the tunnels here, to be asked about their state: none, strongswan:SOCKET, swanctl:URI or wireguard:DEVICE
    #[arg(long, value_name = "KIND:WHERE", default_value = "none")]
    tunnel: Watch,
    /// Network device to leave by, in place of the one in the tunnel's record
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Certificates (PEM) of the authority that signed the service's certificate, beside the public ones
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// How many tests run at a time
    #[arg(long, value_name = "NUMBER", default_value_t = JOBS, value_parser = clap::value_parser!(u8).range(1..=i64::from(MOST_JOBS)))]
    jobs: u8,
}

/// Runs one of the commands.
pub(super) fn run(args: &AgentArgs) -> ExitCode {
    out::end(match &args.command {
        None => serve(&args.run),
        Some(AgentCommand::Run(args)) => serve(args),
        Some(AgentCommand::Register(args)) => args.place.run(async |app| records::register(&app, args).await),
        Some(AgentCommand::List { json, place }) => place.run(async |app| records::list(&app, *json).await),
        Some(AgentCommand::Revoke { name, place }) => place.run(async |app| records::revoke(&app, name).await),
    })
}

fn serve(args: &RunArgs) -> Result<(), Stop> {
    telemetry::start(telemetry::SERVICE).map_err(|error| Stop::Said(Code::Usage, error.to_string()))?;
    let (client, settings) = prepared(args)?;
    let runtime = place::runtime()?;
    let outcome = runtime.block_on(until_signalled(client, settings));
    runtime.shutdown_background();
    outcome
}

/// The flags, read; the first that cannot be used ends the command.
fn prepared(args: &RunArgs) -> Result<(Client, Settings), Stop> {
    let missing = |flag: &str, advice: &str| Stop::Said(Code::Usage, format!("{flag} is missing: {advice}"));
    let server = args.server.as_deref().ok_or_else(|| missing("--server", "enter the address of the service"))?;
    let file = args.token_file.as_deref();
    let file = file.ok_or_else(|| missing("--token-file", "name the file with the token of this agent"))?;
    if args.allow.is_empty() {
        return Err(missing("--allow", "enter the networks that this agent may test, like 10.20.0.0/16"));
    }
    let token = value::secret("--token-file", file)?;
    let ca_pem = args.ca_file.as_deref().map(|path| value::certificates("--ca-file", path)).transpose()?;
    let client = Client::new(server, &token, ca_pem.as_deref()).map_err(|text| Stop::Said(Code::Usage, text))?;
    // What counts as public is the service's business; this list only ever takes away.
    let allow = value::networks("--allow", &args.allow, Options { allow_documentation: true })?;
    let device = args.device.as_deref().map(|name| value::device("--device", name)).transpose()?;
    let prober = Prober::Real { clock: Clock::System, resolver: Resolver::System, watch: args.tunnel.clone() };
    let (netns, jobs) = (args.netns.clone(), usize::from(args.jobs));
    let settings = Settings { allow, netns, device, jobs, prober, ..Settings::default() };
    Ok((client, settings))
}

async fn until_signalled(client: Client, settings: Settings) -> Result<(), Stop> {
    let mut signals = Signals::take().map_err(Stop::failed)?;
    let (stop, stopped) = watch::channel(false);
    let networks: Vec<String> = settings.allow.iter().map(ToString::to_string).collect();
    out::say(&format!("Postern agent {} asks {} for work", env!("CARGO_PKG_VERSION"), client.base()));
    out::say(&format!("  May test: {}", networks.join(", ")));
    let mut running = tokio::spawn(run::until_stopped(client, settings, stopped, DRAIN));
    let ended = tokio::select! {
        ended = &mut running => ended,
        name = signals.wait() => {
            out::say(&format!("{name}: stopping; running tests are finished or given back."));
            stop.send_replace(true);
            tokio::select! {
                ended = running => ended,
                // Whoever asks twice does not want to wait.
                _ = signals.wait() => return Err(Stop::failed("stopped at once; what was running is given to others after a minute")),
            }
        }
    };
    match ended.map_err(Stop::failed)? {
        Ok(()) => {
            out::say("Stopped.");
            Ok(())
        }
        Err(refused) => Err(Stop::Said(refused.code(), refused.to_string())),
    }
}
