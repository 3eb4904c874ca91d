//! The tunnel test: moves bytes between `smtp::Dialogue` and a socket, and reports what happened stage by stage.
//!
//! Reading order: `request` is what is asked for, `form` reads it from text, `run` goes through the stages. `policy`,
//! `resolve`, `route` (with `watch` for the tunnel and `kernel` for the routing table) and `tcp` (with `connect` and
//! `echo`) are the stages before the dialogue; `smtp` drives the dialogue, `syslog` hands over a
//! SYSLOG message, `tls` and `certificate` are the encryption of both,
//! `second_look` tells apart what one connection cannot, `message` is the test alert, `look_up` asks for a name beside
//! a test. `job` and
//! `received` are the two ways between the service and an agent.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;
use crate::domain::cause::{Cause, Step};
use crate::smtp::record::Record;
use crate::smtp::report::{CertificateReport, NameReport, Report};
use crate::smtp::stage::Stage;

/// Certificates, judged.
mod certificate;
/// TCP from the alerting IP.
mod connect;
/// A question through the tunnel.
mod echo;
/// From text to request.
pub mod form;
/// A test on its way to an agent.
pub mod job;
/// The way that the kernel chose.
mod kernel;
/// What a name resolves to, beside a test.
pub mod look_up;
/// The test alert.
pub mod message;
/// Another network namespace.
pub mod netns;
/// Which addresses may be tested.
pub mod policy;
/// How far a running test has come.
pub mod progress;
/// What comes back from agents.
pub mod received;
/// What a test is asked to do.
pub mod request;
/// Names to addresses.
pub mod resolve;
/// The stage before the first packet.
mod route;
/// The stages in order.
mod run;
/// What only another connection can tell.
mod second_look;
/// Bytes between dialogue and socket.
mod smtp;
/// A SYSLOG message over each transport.
mod syslog;
/// From text to a SYSLOG request.
mod syslog_form;
/// The connection, and how far its packets got.
mod tcp;
/// The TLS handshake.
mod tls;
/// Tests that were not run.
mod unrun;
/// What runs the tunnel.
pub mod watch;

pub use form::{Entered, FormFault};
pub use request::{ProbeRequest, TunnelFacts};
pub use resolve::Resolver;
pub use run::refused_form;
pub use syslog_form::SyslogEntered;
pub use unrun::could_not_run;
use watch::Watch;

/// Runs tests.
#[derive(Clone, Debug)]
pub enum Prober {
    /// Opens sockets.
    Real {
        /// For the start of a report and the dates of certificates.
        clock: Clock,
        /// For names.
        resolver: Resolver,
        /// What runs the tunnels of this machine.
        watch: Watch,
    },
    /// Opens none and answers what a test of the product has prepared.
    Scripted(Script),
}

/// Prepared answers of a [`Prober::Scripted`].
#[derive(Clone, Debug)]
pub struct Script {
    clock: Clock,
    answers: Arc<Mutex<VecDeque<Option<Cause>>>>,
    asked: Arc<Mutex<Vec<ProbeRequest>>>,
    shown: Arc<Mutex<Shown>>,
}

/// What a scripted server shows in every test that passes.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// What every name resolves to; a name without addresses does not exist.
    pub addresses: Vec<IpAddr>,
    /// Its certificate.
    pub certificate: Option<CertificateReport>,
}

impl Prober {
    /// A prober that opens sockets, uses the system's resolver and asks nobody about tunnels.
    pub fn real(clock: Clock) -> Self {
        Self::Real { clock, resolver: Resolver::System, watch: Watch::None }
    }

    /// Runs one test to its end; never longer than the request's total (and a moment for closing).
    pub async fn run(&self, request: ProbeRequest) -> Report {
        match self {
            Self::Real { clock, resolver, watch } => {
                let request = Arc::new(request);
                let test = run::run(clock, resolver, watch, Arc::clone(&request));
                let (report, name) = tokio::join!(test, look_up::look_up(resolver, &request));
                Report { name, ..report }
            }
            Self::Scripted(script) => script.answer(request),
        }
    }
}

impl Script {
    /// Answers in this order: `None` passes, a cause ends the test with it. When all are used up, tests are not run.
    pub fn new(clock: Clock, answers: impl IntoIterator<Item = Option<Cause>>) -> Self {
        let answers = Arc::new(Mutex::new(answers.into_iter().collect()));
        Self { clock, answers, asked: Arc::default(), shown: Arc::default() }
    }

    /// Adds an answer.
    pub fn push(&self, answer: Option<Cause>) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push_back(answer);
    }

    /// From here on the server shows this.
    pub fn show(&self, shown: Shown) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<ProbeRequest> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn answer(&self, request: ProbeRequest) -> Report {
        let next = self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let ended = next.unwrap_or(Some(Cause::ProbeNotRun));
        let mut record = Record::default();
        if let Some(cause) = ended {
            record.fail(stage_of(cause, &request), std::time::Duration::ZERO, cause, None, "scripted answer");
        }
        let mut report = run::scripted_report(&self.clock, &request, record);
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        report.certificate = shown.certificate.filter(|_| ended.is_none());
        report.name = request.look_up.as_ref().map(|look_up| NameReport {
            name: look_up.name.clone(),
            cause: shown.addresses.is_empty().then_some(Cause::DnsNxdomain),
            addresses: shown.addresses,
        });
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        report
    }
}

/// A stage at which the cause can come up.
fn stage_of(cause: Cause, request: &ProbeRequest) -> Stage {
    match cause.entry().step {
        Step::Whitelist => Stage::Policy,
        Step::Tunnel | Step::Route => Stage::Route,
        Step::Tcp | Step::Machinery => Stage::Tcp,
        Step::Greeting => Stage::Banner,
        Step::Encryption => Stage::Tls,
        Step::SignIn => Stage::Auth,
        Step::SenderRecipient => Stage::Rcpt,
        Step::TestAlert => Stage::DataEnd,
        // The message is the last stage of a SYSLOG test, and its transport names it.
        Step::Syslog => request.stages(false).pop().unwrap_or(Stage::SyslogTcp),
    }
}
