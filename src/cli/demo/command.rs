//! `postern demo` as a command: until a signal ends it, or along one branch of the procedure.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::net::TcpListener;

use super::{Demo, DemoError, Login, MailServer, Options, Receiver, SERVERS};
use crate::cli::out::{self, Code, Stop};
use crate::cli::place;
use crate::cli::service::Signals;
use crate::cli::sink::Sink;
use crate::cli::sink::syslog::SyslogSink;
use crate::cli::walk::{self, Branch, Break, Plan};
use crate::config::WatchConfig;
use crate::telemetry;

/// Where the demo listens if nothing else is said; another port is taken where this one is in use.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Options of `postern demo`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DemoArgs {
    /// Address and port to listen on; 127.0.0.1:8080, or another port where that is in use
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Drive one branch of the procedure from request to end, print each step, and exit
    #[arg(long, value_enum, value_name = "BRANCH")]
    walk: Option<Branch>,
    /// Break something on purpose; the walk must notice
    #[arg(long, value_enum, value_name = "WHAT", requires = "walk")]
    r#break: Option<Break>,
    /// Walk against the built-in servers instead of Exim and rsyslog
    #[arg(long, requires = "walk")]
    sink: bool,
    /// Walk through the real VPN tunnel of the lab, which must be up; needs root. COMMAND is tests/lab/lab if not given
    #[arg(
        long,
        value_name = "COMMAND",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "tests/lab/lab",
        requires = "walk",
        conflicts_with = "sink"
    )]
    lab: Option<PathBuf>,
    /// Print the steps as JSON lines
    #[arg(long, requires = "walk")]
    json: bool,
}

/// Runs the demo until a signal ends it.
pub(in crate::cli) fn run(args: &DemoArgs) -> ExitCode {
    out::end(demo(args))
}

fn demo(args: &DemoArgs) -> Result<(), Stop> {
    telemetry::start(telemetry::TALK).map_err(|error| Stop::Said(Code::Usage, error.to_string()))?;
    let runtime = place::runtime()?;
    let outcome = runtime.block_on(async {
        let Some(branch) = args.walk else { return until_signalled(args).await };
        let plan = Plan { branch, broken: args.r#break, sink: args.sink, lab: args.lab.clone(), json: args.json };
        walk::run(&plan).await
    });
    runtime.shutdown_background();
    outcome
}

async fn until_signalled(args: &DemoArgs) -> Result<(), Stop> {
    let mut signals = Signals::take().map_err(Stop::failed)?;
    let demo = start(args).await.map_err(|error| Stop::failed(crate::app::chain(&error)))?;
    greet(&demo)?;
    let interrupted = tokio::select! {
        made = demo.make_cases() => {
            match made {
                Ok(()) => out::say("Eight cases are there, in different states."),
                Err(error) => out::say(&format!("Not all cases could be made: {}", Stop::from(error).text())),
            }
            None
        }
        name = signals.wait() => Some(name),
    };
    let name = match interrupted {
        Some(name) => name,
        None => signals.wait().await,
    };
    out::say(&format!("{name}: stopping."));
    tokio::select! {
        () = demo.stop() => {}
        _ = signals.wait() => {}
    }
    Ok(())
}

/// Starts on the address asked for, or on the usual one, or on a free port where the usual one is in use.
async fn start(args: &DemoArgs) -> Result<Demo, DemoError> {
    let mut listen = args.listen.unwrap_or(LISTEN);
    if args.listen.is_none() && TcpListener::bind(listen).await.is_err() {
        listen.set_port(0);
    }
    let server = MailServer::Sink(Sink::start(&SERVERS).await?);
    let receiver = Receiver::Sink(SyslogSink::start().await?);
    Demo::start(Options { listen, server, receiver, database: None, watch: WatchConfig::default() }).await
}

/// The address and one login per role go to standard output, the rest to standard error.
fn greet(demo: &Demo) -> Result<(), Stop> {
    let mut lines = vec![format!("http://{}", demo.address)];
    let width = demo.logins.iter().map(|login| login.email.len()).max().unwrap_or(0);
    for Login { email, password, what } in &demo.logins {
        lines.push(format!("{email:<width$}  {}  {what}", password.expose()));
    }
    out::print(&lines)?;
    out::say(&format!("Data: {} (vanishes at the end)", demo.folder.path().display()));
    out::say(&demo.app.mailer.describe());
    out::say(&format!(
        "A customer's mail server answers behind 10.20.4.15, ports 25, 465 and 587; account {}, password {}, name {}",
        demo.server.account(),
        demo.server.password().expose(),
        demo.server.name(),
    ));
    out::say("A SYSLOG receiver answers behind 10.20.4.15, ports 514 and 601, over UDP and TCP");
    out::say("Next: sign in as customer@demo.example and start a request. Ctrl-C ends the demo.");
    Ok(())
}
