//! The prober: many reach tests at once, plain and with STARTTLS, against a responder in a process of its own; bare: the
//! same dialogues without our code. Slices of both alternate, so that a busy machine is busy for both. Before that, the
//! memory of many tests that all wait at the same time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::bare;
use super::figures::{Figures, Samples, memory_kib, per_second};
use super::responder::{NAME, Ports};
use crate::cli::out::{Stop, say};
use crate::clock::Clock;
use crate::domain::mail_settings::{Encryption, MailHost};
use crate::probe::{ProbeRequest, Prober};

/// Of each kind of work so many slices are measured.
const SLICES: u32 = 4;
/// Clients are spread over so many loopback addresses: one alone would run out of ports.
const ADDRESSES: u8 = 64;
/// How long all tests may take to come to the point where they wait.
const ARRIVAL: Duration = Duration::from_secs(120);

/// How hard the prober is asked.
#[derive(Debug, Args)]
pub(in crate::cli) struct ProbesArgs {
    /// Tests at once
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
    clients: u32,
    /// Seconds of plain tests and as many with STARTTLS; the bare work gets the same
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Tests that wait at once while their memory is measured; half of them silent, half inside STARTTLS
    #[arg(long, value_name = "M", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    in_flight: u32,
}

/// What is printed: plain tests as the contract has it, those with STARTTLS beside them, memory.
#[derive(Debug, Serialize)]
struct Printed {
    #[serde(flatten)]
    plain: Figures,
    clients: u32,
    starttls: Figures,
    in_flight: u32,
    idle_rss_kib: u64,
    in_flight_peak_rss_kib: u64,
    bytes_per_probe: u64,
}

/// The responder's process; it ends when this is dropped.
struct Responder {
    ports: Ports,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

/// Measures and gives the line to print.
///
/// # Errors
/// A test that does not pass, or a responder that does not start.
pub(super) async fn measure(args: &ProbesArgs) -> Result<String, Stop> {
    let mut responder = Responder::start().await?;
    say(&format!("{} tests that wait at once", args.in_flight));
    let (idle, peak) = waiting(&mut responder, args.in_flight).await?;
    let ports = &responder.ports;
    say(&format!("plain tests, {} at once", args.clients));
    let plain = compared("probes", args, (ports.plain, Encryption::None, ports), None).await?;
    say(&format!("tests with STARTTLS, {} at once", args.clients));
    let connector = bare::connector(&ports.ca_pem)?;
    let starttls = (ports.starttls, Encryption::StartTls, ports);
    let starttls = compared("probes with STARTTLS", args, starttls, Some(&connector)).await?;
    let printed = Printed {
        plain,
        clients: args.clients,
        starttls,
        in_flight: args.in_flight,
        idle_rss_kib: idle,
        in_flight_peak_rss_kib: peak,
        bytes_per_probe: peak.saturating_sub(idle) * 1024 / u64::from(args.in_flight),
    };
    serde_json::to_string(&printed).map_err(Stop::failed)
}

impl Responder {
    async fn start() -> Result<Self, Stop> {
        let program = std::env::current_exe().map_err(Stop::failed)?;
        let mut command = Command::new(program);
        command.args(["bench", "responder"]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| Stop::failed(format!("no responder: {error}")))?;
        let missing = || Stop::failed("the responder has no standard streams");
        let questions = child.stdin.take().ok_or_else(missing)?;
        let mut answers = BufReader::new(child.stdout.take().ok_or_else(missing)?).lines();
        let first = answers.next_line().await.map_err(Stop::failed)?.unwrap_or_default();
        let ports = serde_json::from_str(&first)
            .map_err(|error| Stop::failed(format!("the responder said {first:?}: {error}")))?;
        Ok(Self { ports, questions, answers, _child: child })
    }

    /// How many of its connections wait in silence.
    async fn waiting(&mut self) -> Result<usize, Stop> {
        self.questions.write_all(b"\n").await.map_err(Stop::failed)?;
        let answer = self.answers.next_line().await.map_err(Stop::failed)?.unwrap_or_default();
        answer.parse().map_err(|error| Stop::failed(format!("the responder said {answer:?}: {error}")))
    }
}

/// The loopback address of a client.
fn address(client: u32) -> Ipv4Addr {
    let last = u8::try_from(client % u32::from(ADDRESSES)).unwrap_or(0) + 1;
    Ipv4Addr::new(127, 0, 0, last)
}

fn request(client: u32, (port, encryption, ports): (u16, Encryption, &Ports)) -> Result<ProbeRequest, Stop> {
    let host = MailHost::Address(IpAddr::V4(address(client)));
    let mut request = ProbeRequest::reach(host, port, encryption);
    request.allow = vec!["127.0.0.0/8".parse().map_err(Stop::failed)?];
    request.tls_name = Some(NAME.to_owned());
    request.ca_pem = (encryption == Encryption::StartTls).then(|| ports.ca_pem.clone());
    Ok(request)
}

/// Resident memory before and while many tests wait for their servers, in KiB: half for a greeting, half for an answer
/// inside TLS.
async fn waiting(responder: &mut Responder, count: u32) -> Result<(u64, u64), Stop> {
    let prober = Prober::real(Clock::System);
    let missing = || Stop::failed("this system does not tell how much memory a process holds");
    // What is made once for all tests is made before.
    for (port, encryption) in
        [(responder.ports.plain, Encryption::None), (responder.ports.starttls, Encryption::StartTls)]
    {
        passed(&prober, request(0, (port, encryption, &responder.ports))?).await?;
    }
    let idle = memory_kib("VmRSS:").ok_or_else(missing)?;
    let mut tests = JoinSet::new();
    for client in 0..count {
        let target = if client % 2 == 0 {
            (responder.ports.silent, Encryption::None, &responder.ports)
        } else {
            (responder.ports.stalled, Encryption::StartTls, &responder.ports)
        };
        let (prober, mut request) = (prober.clone(), request(client, target)?);
        request.limits.total = 2 * ARRIVAL;
        for stage in crate::smtp::stage::Stage::ALL {
            request.limits.set(*stage, 2 * ARRIVAL);
        }
        tests.spawn(async move { prober.run(request).await });
    }
    let begun = Instant::now();
    while responder.waiting().await? < usize::try_from(count).unwrap_or(usize::MAX) {
        if let Some(ended) = tests.try_join_next() {
            let report = ended.map_err(Stop::failed)?;
            return Err(Stop::failed(format!("a test that was to wait has ended: {:?}", report.cause)));
        }
        if begun.elapsed() > ARRIVAL {
            return Err(Stop::failed(format!("{count} tests do not get to wait within {} s", ARRIVAL.as_secs())));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let peak = memory_kib("VmHWM:").ok_or_else(missing)?;
    tests.shutdown().await;
    Ok((idle, peak))
}

/// Runs a test, which must pass, and gives the length of its report as JSON.
async fn passed(prober: &Prober, request: ProbeRequest) -> Result<usize, Stop> {
    let report = prober.run(request).await;
    if !report.passed() {
        let text = serde_json::to_string(&report).map_err(Stop::failed)?;
        return Err(Stop::failed(format!("a test did not pass: {text}")));
    }
    Ok(serde_json::to_vec(&report).map_err(Stop::failed)?.len())
}

/// Slices of bare dialogues and of tests in turn.
async fn compared(
    name: &'static str,
    args: &ProbesArgs,
    target: (u16, Encryption, &Ports),
    connector: Option<&TlsConnector>,
) -> Result<Figures, Stop> {
    let slice = Duration::from_secs(u64::from(args.seconds)) / SLICES;
    let (mut samples, mut span) = (Samples::default(), Duration::ZERO);
    let (mut bare_count, mut bare_span) = (0, Duration::ZERO);
    for _ in 0..SLICES {
        let begun = Instant::now();
        bare_count += bare(args.clients, target.0, connector, begun + slice).await?;
        bare_span += begun.elapsed();
        let begun = Instant::now();
        samples.absorb(tests(args.clients, target, begun + slice).await?);
        span += begun.elapsed();
    }
    Ok(Figures::of((name, "probes/s"), samples, span, per_second(bare_count, bare_span)))
}

async fn bare(clients: u32, port: u16, connector: Option<&TlsConnector>, end: Instant) -> Result<usize, Stop> {
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let (server, connector) = (SocketAddr::from((address(client), port)), connector.cloned());
        tasks.spawn(async move {
            let mut count = 0;
            while Instant::now() < end {
                bare::dialogue(server, connector.as_ref()).await?;
                count += 1;
            }
            Ok::<_, Stop>(count)
        });
    }
    let mut count = 0;
    while let Some(task) = tasks.join_next().await {
        count += task.map_err(Stop::failed)??;
    }
    Ok(count)
}

async fn tests(clients: u32, target: (u16, Encryption, &Ports), end: Instant) -> Result<Samples, Stop> {
    let prober = Prober::real(Clock::System);
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let (prober, request) = (prober.clone(), request(client, target)?);
        tasks.spawn(async move {
            let mut samples = Samples::default();
            let bytes = passed(&prober, request.clone()).await?;
            while Instant::now() < end {
                let begun = Instant::now();
                let report = prober.run(request.clone()).await;
                if !report.passed() {
                    return Err(Stop::failed(format!("a test did not pass: {:?}", report.cause)));
                }
                samples.note(begun.elapsed(), bytes);
            }
            Ok::<_, Stop>(samples)
        });
    }
    let mut samples = Samples::default();
    while let Some(task) = tasks.join_next().await {
        samples.absorb(task.map_err(Stop::failed)??);
    }
    Ok(samples)
}
