//! The stages of a test in order. Everything before the dialogue happens here; a name with several addresses is tested
//! address by address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::pki_types::ServerName;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::form::FormFault;
use super::policy::Allowed;
use super::request::{ProbeRequest, Protocol};
use super::resolve::Resolver;
use super::tls::{self, Trust};
use super::watch::{State, Watch};
use super::{route, second_look, smtp, syslog, tcp};
use crate::clock::Clock;
use crate::domain::address::{Answers, Class, Options, judge_answers};
use crate::domain::cause::{Cause, Step};
use crate::domain::mail_settings::{Encryption, MailHost};
use crate::smtp::dialogue::{ClearAuth, Mode, Plan};
use crate::smtp::record::{Record, millis};
use crate::smtp::report::{AddressReport, CertificateReport, Level, PathReport, Report, Status, Target, verdict_of};
use crate::smtp::stage::Stage;

/// One address, tested to the end.
pub(super) struct Attempt {
    pub address: IpAddr,
    pub class: Class,
    pub record: Record,
    pub mode: Mode,
    pub source: Option<IpAddr>,
    pub certificate: Option<CertificateReport>,
    pub path: PathReport,
    pub ms: u64,
}

/// What all addresses of one test share.
#[derive(Clone)]
pub(super) struct Shared {
    pub request: Arc<ProbeRequest>,
    pub trust: Trust,
    pub watch: Watch,
    pub start: Instant,
}

impl Shared {
    /// When the test ends, whatever it has found out by then.
    pub(super) fn end(&self) -> Instant {
        self.start + self.request.limits.total
    }

    /// The tunnel as it is at this moment.
    pub(super) async fn look_at_tunnel(&self, target: IpAddr) -> Result<Option<State>, String> {
        self.watch.look(&self.request.tunnel, target, self.trust.clock.now(), self.end()).await
    }
}

/// Runs a test.
pub(super) async fn run(clock: &Clock, resolver: &Resolver, watch: &Watch, request: Arc<ProbeRequest>) -> Report {
    let started_at = clock.now();
    let start = Instant::now();
    let mut record = Record::default();
    record.begin(Stage::Form, start.elapsed());
    record.pass(Stage::Form, start.elapsed(), None);
    let prepared = match trust(clock, &request) {
        Ok(trust) => Shared { request, trust, watch: watch.clone(), start },
        Err(detail) => {
            record.fail(Stage::Form, start.elapsed(), Cause::FormOptionInvalid, None, &detail);
            return assemble(&request, started_at, start, Outcome::before_any_address(record));
        }
    };
    let request = &prepared.request;
    let targets = match approach(resolver, request, &mut record, start).await {
        Some(targets) => targets,
        None => return assemble(request, started_at, start, Outcome::before_any_address(record)),
    };
    let outcome = match targets.as_slice() {
        [only] => Outcome::single(attempt(&prepared, *only, record, request.level).await),
        several => attempt_several(&prepared, several, &record).await,
    };
    assemble(request, started_at, start, outcome)
}

/// The report of a test that was refused because of what was entered; `stages` are those that it would have had.
pub fn refused_form(clock: &Clock, target: Target, level: Level, stages: &[Stage], fault: &FormFault) -> Report {
    let start = Instant::now();
    let mut record = Record::default();
    record.begin(Stage::Form, start.elapsed());
    record.fail(Stage::Form, start.elapsed(), fault.cause, None, &fault.to_string());
    report((target, level), clock.now(), 0, Outcome::before_any_address(record), |_| stages.to_vec())
}

/// The report behind a prepared answer.
pub(super) fn scripted_report(clock: &Clock, request: &ProbeRequest, record: Record) -> Report {
    let outcome = Outcome::before_any_address(record);
    let report =
        report((request.target(), request.level), clock.now(), 0, outcome, |implicit| request.stages(implicit));
    with_test_id(request, report)
}

fn trust(clock: &Clock, request: &ProbeRequest) -> Result<Trust, String> {
    let roots = tls::roots(request.ca_pem.as_deref())?;
    let name = match (&request.tls_name, &request.host) {
        (Some(name), _) => server_name(name)?,
        (None, MailHost::Name(name)) => server_name(name.as_str())?,
        (None, MailHost::Address(address)) => ServerName::from(*address),
    };
    Ok(Trust { roots, name, pin: request.pin, clock: clock.clone() })
}

fn server_name(name: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(name.to_owned()).map_err(|error| format!("{name} cannot stand in a certificate: {error}"))
}

/// Classify, resolve, policy. Returns what to test, or nothing where the record says why there are none.
async fn approach(
    resolver: &Resolver,
    request: &ProbeRequest,
    record: &mut Record,
    start: Instant,
) -> Option<Vec<Allowed>> {
    record.begin(Stage::Classify, start.elapsed());
    let addresses = match &request.host {
        MailHost::Address(address) => {
            record.pass(Stage::Classify, start.elapsed(), None);
            record.skip(Stage::Resolve, "the host is an address");
            vec![address.to_canonical()]
        }
        MailHost::Name(name) => {
            record.pass(Stage::Classify, start.elapsed(), None);
            record.note(Stage::Classify, "a host name; its addresses are judged after the look-up");
            record.begin(Stage::Resolve, start.elapsed());
            let limit = request.limits.of(Stage::Resolve).min(request.limits.total);
            match resolver.resolve(name.as_str(), start + limit).await {
                Ok(addresses) => {
                    record.pass(Stage::Resolve, start.elapsed(), None);
                    record.note(Stage::Resolve, &listed(&addresses));
                    addresses
                }
                Err((cause, detail)) => {
                    record.fail(Stage::Resolve, start.elapsed(), cause, None, &detail);
                    return None;
                }
            }
        }
    };
    request.progress.tell(record);
    record.begin(Stage::Policy, start.elapsed());
    let mut targets = Vec::with_capacity(addresses.len());
    for address in &addresses {
        match request.decide(*address) {
            Ok(allowed) => targets.push(allowed),
            Err(refusal) => {
                record.fail(Stage::Policy, start.elapsed(), refusal.cause(), None, &refusal.to_string());
                return None;
            }
        }
    }
    if matches!(judge_answers(&addresses, Options::default()), Answers::Mixed(_)) {
        let detail = format!("the name has addresses of different classes: {}", listed(&addresses));
        record.fail(Stage::Resolve, start.elapsed(), Cause::DnsMixedClasses, None, &detail);
        return None;
    }
    record.pass(Stage::Policy, start.elapsed(), None);
    let words: Vec<&str> = targets.iter().map(|target| target.class.as_str()).collect();
    record.note(Stage::Classify, &words.join(", "));
    (!stops_before(request, Stage::Route)).then_some(targets)
}

/// All addresses are tested up to EHLO side by side; the first that works is then tested as far as asked. So a wrong
/// password is tried once and a message is sent once, however many addresses a name has.
async fn attempt_several(shared: &Shared, targets: &[Allowed], record: &Record) -> Outcome {
    let mut tasks = JoinSet::new();
    for (index, target) in targets.iter().enumerate() {
        let (shared, target, record) = (shared.clone(), *target, record.clone());
        tasks.spawn(async move { (index, attempt(&shared, target, record, Level::Reach).await) });
    }
    let mut attempts = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        match finished {
            Ok(attempt) => attempts.push(attempt),
            Err(error) => tracing::error!(%error, "the test of one address ended abnormally"),
        }
    }
    attempts.sort_by_key(|(index, _)| *index);
    let mut attempts: Vec<Attempt> = attempts.into_iter().map(|(_, attempt)| attempt).collect();
    let rows: Vec<AddressReport> = attempts.iter().map(Attempt::row).collect();
    let works = |attempt: &Attempt| attempt.record.ended().is_none_or(|(_, cause)| cause.is_warning());
    let passed = attempts.iter().position(works);
    let partly = passed.is_some() && !attempts.iter().all(works);
    let Some(chosen) = (!attempts.is_empty()).then(|| attempts.swap_remove(passed.unwrap_or(0))) else {
        let mut record = record.clone();
        let detail = "no address could be tested";
        record.fail(Stage::Tcp, shared.start.elapsed(), Cause::ProbeNotRun, None, detail);
        return Outcome::before_any_address(record);
    };
    let mut chosen = match (passed, shared.request.level) {
        (Some(_), Level::Full) => attempt(shared, chosen.target(), record.clone(), Level::Full).await,
        (Some(_), Level::Reach) | (None, _) => chosen,
    };
    if partly {
        chosen.record.warn(Stage::Tcp, Cause::TcpPartly);
        let works = rows.iter().filter(|row| row.cause.is_none_or(Cause::is_warning)).count();
        chosen.record.note(Stage::Tcp, &format!("works on {works} of {} addresses", rows.len()));
    }
    Outcome { addresses: rows, ..Outcome::single(chosen) }
}

/// One address. Where the encryption is not known, STARTTLS first; TLS from the first byte where that is what answers.
async fn attempt(shared: &Shared, target: Allowed, record: Record, level: Level) -> Attempt {
    let mode = match shared.request.encryption {
        Encryption::None => Mode::Clear,
        Encryption::StartTls | Encryption::Unknown => Mode::StartTls,
        Encryption::ImplicitTls => Mode::ImplicitTls,
    };
    let before = (shared.request.encryption == Encryption::Unknown).then(|| record.clone());
    let first = attempt_in(shared, target, record, level, mode).await;
    let other = matches!(first.record.ended(), Some((_, Cause::ProtoTlsOnPlain)));
    match before.filter(|_| other) {
        Some(before) => attempt_in(shared, target, before, level, Mode::ImplicitTls).await,
        None => first,
    }
}

async fn attempt_in(shared: &Shared, target: Allowed, record: Record, level: Level, mode: Mode) -> Attempt {
    let Allowed { address, class } = target;
    let began = shared.start.elapsed();
    let (source, path) = (shared.request.source, PathReport::default());
    let mut attempt = Attempt { address, class, record, mode, source, certificate: None, path, ms: 0 };
    if let Protocol::Syslog(message) = &shared.request.protocol {
        syslog::deliver(shared, &mut attempt, message).await;
    } else if let Some(stream) = reach(shared, &mut attempt).await {
        let plan = plan(shared, &attempt, level);
        let (record, certificate) =
            smtp::drive(plan, attempt.record, &shared.trust, stream, (shared.start, &shared.request.progress)).await;
        attempt.record = record;
        attempt.certificate = certificate;
        second_look::name_the_cause(shared, &mut attempt).await;
    }
    attempt.ms = millis(shared.start.elapsed().saturating_sub(began));
    attempt
}

/// Route and TCP.
pub(super) async fn reach(shared: &Shared, attempt: &mut Attempt) -> Option<tokio::net::TcpStream> {
    let remote = dialed(&shared.request, attempt.address);
    let ready = route::check(shared, attempt, (remote, socket2::Protocol::TCP)).await?;
    if stops_before(&shared.request, Stage::Tcp) {
        return None;
    }
    let stream = tcp::open(shared, attempt, ready, remote).await?;
    (shared.request.until != Some(Stage::Tcp)).then_some(stream)
}

pub(super) fn plan(shared: &Shared, attempt: &Attempt, level: Level) -> Plan {
    let request = &shared.request;
    let clear_auth = if attempt.class == Class::Public { ClearAuth::Refused } else { request.clear_auth };
    Plan {
        mode: attempt.mode,
        ehlo_name: request.ehlo_name.clone().unwrap_or_else(|| address_literal(attempt.source)),
        credentials: request.credentials.clone(),
        clear_auth,
        sender: request.sender.clone(),
        recipients: request.recipients.clone(),
        message: request.send.clone(),
        level,
        until: request.until,
        limits: request.limits.clone(),
    }
}

/// The address literal of our own end (RFC 5321 section 4.1.3): never a bare address, never "localhost".
fn address_literal(source: Option<IpAddr>) -> String {
    match source {
        Some(IpAddr::V4(address)) => format!("[{address}]"),
        Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        None => "[0.0.0.0]".to_owned(),
    }
}

/// Where to connect for an address: to itself, unless the map of a lab or the demo says otherwise.
pub(super) fn dialed(request: &ProbeRequest, address: IpAddr) -> SocketAddr {
    let real = SocketAddr::new(address, request.port);
    request.dial.get(&real).copied().unwrap_or(real)
}

pub(super) fn stops_before(request: &ProbeRequest, stage: Stage) -> bool {
    let Some(until) = request.until else { return false };
    let order = request.stages(request.encryption == Encryption::ImplicitTls);
    let at = |wanted: Stage| order.iter().position(|stage| *stage == wanted);
    at(stage) > at(until)
}

fn listed(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
}

impl Attempt {
    fn target(&self) -> Allowed {
        Allowed { address: self.address, class: self.class }
    }

    fn row(&self) -> AddressReport {
        let ended = self.record.ended();
        AddressReport {
            address: self.address.to_string(),
            verdict: verdict_of(ended, self.record.warnings()),
            stage: ended.map(|(stage, _)| stage),
            cause: ended.map(|(_, cause)| cause),
            ms: self.ms,
        }
    }
}

/// What a report is made of.
struct Outcome {
    record: Record,
    mode: Option<Mode>,
    source: Option<IpAddr>,
    certificate: Option<CertificateReport>,
    path: Option<PathReport>,
    addresses: Vec<AddressReport>,
}

impl Outcome {
    fn before_any_address(record: Record) -> Self {
        Self { record, mode: None, source: None, certificate: None, path: None, addresses: Vec::new() }
    }

    fn single(attempt: Attempt) -> Self {
        let addresses = vec![attempt.row()];
        let Attempt { record, mode, source, certificate, path, .. } = attempt;
        Self { record, mode: Some(mode), source, certificate, path: route::known(path), addresses }
    }
}

fn assemble(request: &ProbeRequest, started_at: DateTime<Utc>, start: Instant, outcome: Outcome) -> Report {
    let source = outcome.source.or(request.source);
    let outcome = Outcome { source, ..outcome };
    let about = (request.target(), request.level);
    let report = report(about, started_at, millis(start.elapsed()), outcome, |implicit| request.stages(implicit));
    with_test_id(request, report)
}

/// An id that was never sent must not be searched for.
fn with_test_id(request: &ProbeRequest, report: Report) -> Report {
    let sent = report.stages.iter().any(|stage| stage.stage.step() == Step::Syslog && stage.status != Status::NotRun);
    Report { test_id: request.test_id().filter(|_| sent).map(str::to_owned), ..report }
}

fn report(
    (target, level): (Target, Level),
    started_at: DateTime<Utc>,
    ms: u64,
    outcome: Outcome,
    stages: impl FnOnce(bool) -> Vec<Stage>,
) -> Report {
    let record = outcome.record;
    let ended = record.ended();
    let implicit = outcome.mode.map_or(target.encryption == Encryption::ImplicitTls, |mode| mode == Mode::ImplicitTls);
    let proposal = match (target.encryption, outcome.mode, ended) {
        (Encryption::Unknown, Some(Mode::ImplicitTls), None) => Some(Encryption::ImplicitTls),
        (Encryption::Unknown, Some(_), None) => Some(Encryption::StartTls),
        (Encryption::Unknown, Some(_), Some((_, Cause::StarttlsNotOffered))) => Some(Encryption::None),
        (Encryption::Unknown | Encryption::None | Encryption::StartTls | Encryption::ImplicitTls, _, _) => None,
    };
    let verdict = verdict_of(ended, record.warnings());
    let warnings = record.warnings().to_vec();
    let retry_after_s = record.retry_after().map(|wait| wait.as_secs());
    let (stages, recipients, transcript) = record.into_parts(&stages(implicit));
    Report {
        level,
        verdict,
        stage: ended.map(|(stage, _)| stage),
        cause: ended.map(|(_, cause)| cause),
        target,
        source: outcome.source.map(|source| source.to_string()),
        started_at,
        ms,
        warnings,
        retry_after_s,
        addresses: outcome.addresses,
        certificate: outcome.certificate,
        proposal,
        test_id: None,
        path: outcome.path,
        name: None,
        stages,
        recipients,
        transcript,
    }
}
