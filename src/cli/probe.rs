//! `postern probe smtp|syslog`: one staged test, as JSON or as text.

use std::io::{self, Read as _, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;

use super::probe_report::{write_json, write_text};
use super::syslog::{self, SyslogArgs};
use crate::clock::{Clock, fresh_id};
use crate::domain::mail_settings::Encryption;
use crate::probe::message::TestAlert;
use crate::probe::watch::Watch;
use crate::probe::{Entered, FormFault, ProbeRequest, Prober, Resolver, TunnelFacts, netns, refused_form};
use crate::secret::Secret;
use crate::smtp::report::{Level, Report, Target};
use crate::smtp::stage::Stage;

/// Exit code for what cannot be used.
pub(super) const USAGE: u8 = 2;
/// Exit code for our own failure.
const COULD_NOT_TELL: u8 = 9;
/// The longest password or CA file that is read, in octets.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What the help ends with.
const EXAMPLES: &str = "Examples:
  postern probe smtp --host 10.20.4.15 --port 587 --encryption starttls --source 10.99.0.8
  postern probe smtp --host mail.example.com --port 465 --encryption implicit_tls \\
      --account alerts --password-file secret.txt --sender alerts@example.com --recipient it@example.com --send

Exit codes: 0 reachable, 2 cannot be used, 3 not reachable, 6 not allowed by policy, 8 deferred, 9 could not tell";

/// Arguments of `postern probe`.
#[derive(Debug, Args)]
pub(super) struct ProbeArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Test a mail server stage by stage, from TCP to the recipient
    #[command(after_help = EXAMPLES)]
    Smtp(Box<SmtpArgs>),
    /// Send one test message to a SYSLOG receiver over UDP, TCP or TLS
    #[command(after_help = syslog::EXAMPLES)]
    Syslog(Box<SyslogArgs>),
}

/// What every test needs to know of the server and of the way to it.
#[derive(Debug, Args)]
pub(super) struct WayArgs {
    /// Address or host name of the server
    #[arg(long)]
    host: String,
    /// Its port
    #[arg(long, allow_hyphen_values = true)]
    port: String,
    /// Stop after this stage
    #[arg(long, value_name = "STAGE")]
    until: Option<String>,
    /// Address to speak from (the alerting IP)
    #[arg(long, value_name = "IP")]
    source: Option<String>,
    /// Network device to leave by
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Network namespace to run in, as `ip netns` names it; needs the right to enter it
    #[arg(long, value_name = "NAME")]
    netns: Option<String>,
    #[command(flatten)]
    tunnel: TunnelArgs,
    /// Name that the certificate must contain, where it is not the host
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,
    /// Further certification authorities, PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Accept the certificate with this fingerprint
    #[arg(long, value_name = "SHA256")]
    pin: Option<String>,
    /// Limit of one stage; may be repeated
    #[arg(long, value_name = "STAGE=SECONDS")]
    limit: Vec<String>,
    /// Limit of the whole test: 60 seconds for reach, 180 for full
    #[arg(long, value_name = "SECONDS")]
    total: Option<String>,
    /// Test targets in this network although policy refuses them; may be repeated
    #[arg(long, value_name = "CIDR")]
    allow: Vec<IpNet>,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct SmtpArgs {
    #[command(flatten)]
    way: WayArgs,
    #[arg(long, default_value = "unknown", help = "none, starttls, implicit_tls or unknown (tries, and proposes)")]
    encryption: String,
    /// Account to sign in with
    #[arg(long)]
    account: Option<String>,
    /// File with the password, or - for standard input; a line end at its end is dropped
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Sender address
    #[arg(long)]
    sender: Option<String>,
    /// Recipient address; may be repeated
    #[arg(long)]
    recipient: Vec<String>,
    /// How far to go: reach by default, full where an account, sender or recipient is given
    #[arg(long)]
    level: Option<LevelWord>,
    /// Send a test message
    #[arg(long)]
    send: bool,
    /// Send the password unencrypted; never to a public address
    #[arg(long)]
    insecure_auth_in_tunnel: bool,
    /// Our name in EHLO
    #[arg(long, value_name = "NAME")]
    ehlo_name: Option<String>,
}

/// What is known about the tunnel on the way.
#[derive(Debug, Args)]
struct TunnelArgs {
    /// What runs the tunnel, to be asked about its state: none, strongswan:SOCKET, swanctl:URI or wireguard:DEVICE
    #[arg(long, value_name = "KIND:WHERE", default_value = "none")]
    tunnel: Watch,
    /// Outside address of the customer's gateway
    #[arg(long, value_name = "IP")]
    peer_gateway: Option<IpAddr>,
    /// Network on our side that the tunnel carries; may be repeated
    #[arg(long, value_name = "CIDR")]
    our_network: Vec<IpNet>,
    /// Network on the customer's side that the tunnel carries; may be repeated
    #[arg(long, value_name = "CIDR")]
    peer_network: Vec<IpNet>,
    /// Inside address of the customer's gateway, asked for an echo where the server does not answer
    #[arg(long, value_name = "IP")]
    echo: Option<IpAddr>,
}

impl TunnelArgs {
    fn facts(&self) -> TunnelFacts {
        TunnelFacts {
            peer_gateway: self.peer_gateway,
            our_selectors: self.our_network.clone(),
            peer_selectors: self.peer_network.clone(),
            echo: self.echo,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LevelWord {
    Reach,
    Full,
}

/// Runs the test and prints its report.
pub(super) fn run(args: &ProbeArgs) -> ExitCode {
    match &args.what {
        What::Smtp(args) => run_smtp(args),
        What::Syslog(args) => syslog::run(args),
    }
}

fn run_smtp(args: &SmtpArgs) -> ExitCode {
    let entered = match entered(args) {
        Ok(entered) => entered,
        Err(message) => return complain(&message, USAGE),
    };
    let clock = Clock::System;
    let level = entered.level.unwrap_or(Level::Reach);
    let encryption = Encryption::parse(&entered.encryption).unwrap_or(Encryption::Unknown);
    let stages = Stage::in_order(encryption == Encryption::ImplicitTls);
    let refused = |fault| refused_form(&clock, target(&entered, encryption), level, &stages, &fault);
    run_request(request(&entered, &clock).map_err(refused), &args.way)
}

/// Runs a request, or takes the report of why there is none, and prints it.
pub(super) fn run_request(request: Result<ProbeRequest, Report>, way: &WayArgs) -> ExitCode {
    if let Some(name) = &way.netns
        && let Err(message) = netns::enter(name)
    {
        return complain(&format!("--netns: {message}"), COULD_NOT_TELL);
    }
    let watch = way.tunnel.tunnel.clone();
    let request = request.map(|request| ProbeRequest { tunnel: way.tunnel.facts(), ..request });
    let report = match request {
        Ok(request) => match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                let prober = Prober::Real { clock: Clock::System, resolver: Resolver::System, watch };
                let report = runtime.block_on(prober.run(request));
                // A look-up that is still waiting must not hold up the end of the command.
                runtime.shutdown_background();
                report
            }
            Err(error) => return complain(&format!("cannot start the test: {error}"), COULD_NOT_TELL),
        },
        Err(refused) => refused,
    };
    let mut output = io::stdout().lock();
    let written = if way.json { write_json(&report, &mut output) } else { write_text(&report, &mut output) };
    match written.and_then(|()| output.flush()) {
        Ok(()) => ExitCode::from(report.exit_code()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(report.exit_code()),
        Err(error) => complain(&format!("cannot write the report: {error}"), 1),
    }
}

fn entered(args: &SmtpArgs) -> Result<Entered, String> {
    let password = args.password_file.as_deref().map(read_password).transpose()?;
    Ok(Entered {
        encryption: args.encryption.clone(),
        account: args.account.clone(),
        password,
        sender: args.sender.clone(),
        recipients: args.recipient.clone(),
        level: args.level.map(|word| match word {
            LevelWord::Reach => Level::Reach,
            LevelWord::Full => Level::Full,
        }),
        send: args.send,
        insecure_auth_in_tunnel: args.insecure_auth_in_tunnel,
        ehlo_name: args.ehlo_name.clone(),
        ..entered_way(&args.way)?
    })
}

/// What SMTP and SYSLOG share.
pub(super) fn entered_way(way: &WayArgs) -> Result<Entered, String> {
    Ok(Entered {
        host: way.host.clone(),
        port: way.port.clone(),
        until: way.until.clone(),
        source: way.source.clone(),
        device: way.device.clone(),
        tls_name: way.tls_name.clone(),
        ca_pem: way.ca_file.as_deref().map(read_text).transpose()?,
        pin: way.pin.clone(),
        limits: way.limit.clone(),
        total: way.total.clone(),
        allow: way.allow.clone(),
        ..Entered::default()
    })
}

fn request(entered: &Entered, clock: &Clock) -> Result<ProbeRequest, FormFault> {
    let mut request = entered.parse()?;
    if let (true, Some(sender)) = (entered.send, request.sender.as_deref()) {
        let test_id = fresh_id().simple().to_string();
        let alert = TestAlert {
            test_id: &test_id,
            sender,
            recipients: &request.recipients,
            customer: "the receiver of this mail",
            date: clock.now(),
        };
        request.send = Some(alert.build().map_err(|error| FormFault {
            cause: crate::domain::cause::Cause::FormAddressInvalid,
            field: "send",
            detail: error.to_string(),
        })?);
    }
    Ok(request)
}

/// What a refused report calls the target: as entered, as far as it fits the shape of a report.
pub(super) fn target(entered: &Entered, encryption: Encryption) -> Target {
    Target {
        host: crate::domain::address::text::escaped(&entered.host),
        port: entered.port.trim().parse().unwrap_or(0),
        encryption,
    }
}

fn read_password(path: &Path) -> Result<Secret, String> {
    let mut text = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin()
            .lock()
            .take(MAX_FILE_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| format!("cannot read the password from standard input: {error}"))?;
        text
    } else {
        read_text(path)?
    };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(Secret::new(text))
}

fn read_text(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    let mut text = String::new();
    file.take(MAX_FILE_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(text)
}

pub(super) fn complain(message: &str, code: u8) -> ExitCode {
    // Where standard error is closed, the exit code alone tells.
    drop(writeln!(io::stderr().lock(), "postern probe: {message}"));
    ExitCode::from(code)
}
