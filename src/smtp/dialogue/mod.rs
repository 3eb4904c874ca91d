//! The machine: one input, one output. Instants are durations since the test began, and are given in.

use std::time::Duration;

use super::auth::{self, Credentials, Exchange};
use super::command::Wire;
use super::features::Features;
use super::judge;
use super::record::Record;
use super::reply::{Parsed, Reply, ReplyFault, ReplyParser, Severity, escape};
use super::report::Level;
use super::stage::{Limits, Stage};
use crate::domain::cause::Cause;

mod ending;
mod envelope;
mod opening;

use ending::is_binary;

/// A greeting that takes this long is worth a warning.
const SLOW_BANNER: Duration = Duration::from_secs(10);
/// A message beyond this size does not fit into one packet of any tunnel.
const LARGE_MESSAGE_BYTES: usize = 1200;

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Not at all; STARTTLS is not sent even where it is offered.
    Clear,
    /// By STARTTLS, which is then required.
    StartTls,
    /// From the first byte.
    ImplicitTls,
}

/// Whether a password may go over a connection that is not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClearAuth {
    /// Never: the rule.
    Refused,
    /// Switched on for this test, whose target lies inside the tunnel.
    AllowedInTunnel,
}

/// What one dialogue is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How the connection is encrypted.
    pub mode: Mode,
    /// Our name in EHLO: a host name or an address literal.
    pub ehlo_name: String,
    /// The account, if there is one.
    pub credentials: Option<Credentials>,
    /// Whether the password may go out unencrypted.
    pub clear_auth: ClearAuth,
    /// The sender, if MAIL is to be tried.
    pub sender: Option<String>,
    /// The recipients, if RCPT is to be tried.
    pub recipients: Vec<String>,
    /// The message, if one is to be sent.
    pub message: Option<Vec<u8>>,
    /// How far to go.
    pub level: Level,
    /// The last stage to run, if not all.
    pub until: Option<Stage>,
    /// How long each stage, and everything, may take.
    pub limits: Limits,
}

/// What happened to the connection.
#[derive(Debug)]
pub enum Input<'a> {
    /// It is open.
    Connected,
    /// Bytes came.
    Bytes(&'a [u8]),
    /// The server closed it.
    Closed,
    /// It broke; the text says how, and the cause is set where it is known better than by the stage.
    Broken(Option<Cause>, String),
    /// The instant of [`Dialogue::deadline`] passed.
    Deadline,
    /// The TLS handshake ended.
    Tls(TlsOutcome),
}

/// How a TLS handshake ended.
#[derive(Debug)]
pub enum TlsOutcome {
    /// The connection is encrypted; the certificate may still be wrong.
    Established {
        /// Protocol version and cipher suite.
        detail: String,
        /// Whether the certificate is right: otherwise the cause and what was seen.
        certificate: Result<(), (Cause, String)>,
        /// What should change about the certificate.
        warnings: Vec<Cause>,
    },
    /// There is no encrypted connection.
    Failed {
        /// Why.
        cause: Cause,
        /// What was seen.
        detail: String,
    },
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes in one write, then wait for input.
    Send(Wire),
    /// Wait for input until the deadline.
    Receive,
    /// Do a TLS handshake, and give in its outcome.
    UpgradeToTls,
    /// Close the connection; the dialogue is over.
    Finished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Start,
    Tls,
    Banner,
    Ehlo,
    Helo,
    StartTls,
    EhloAgain,
    Auth(Exchange),
    Mail,
    Rcpt(usize),
    Data,
    DataEnd,
    Quit,
    Done,
}

/// One SMTP dialogue of a test.
#[derive(Debug)]
pub struct Dialogue {
    plan: Plan,
    phase: Phase,
    began: Duration,
    parser: ReplyParser,
    features: Features,
    encrypted: bool,
    refused: Option<(Cause, Reply)>,
    record: Record,
}

impl Dialogue {
    /// A dialogue that follows the plan and goes on writing into the record.
    pub fn new(plan: Plan, mut record: Record) -> Self {
        if let Some(credentials) = &plan.credentials {
            record.hide(auth::traces(credentials));
        }
        Self {
            plan,
            phase: Phase::Start,
            began: Duration::ZERO,
            parser: ReplyParser::default(),
            features: Features::default(),
            encrypted: false,
            refused: None,
            record,
        }
    }

    /// Until when to wait for input: the limit of the stage or of the whole test, whichever comes first.
    pub fn deadline(&self) -> Duration {
        (self.began + self.plan.limits.of(self.stage())).min(self.plan.limits.total)
    }

    /// Takes what happened and says what to do next.
    pub fn step(&mut self, now: Duration, input: Input<'_>) -> Output {
        if self.phase == Phase::Done {
            return Output::Finished;
        }
        match input {
            Input::Connected => self.connected(now),
            Input::Bytes(bytes) if self.phase == Phase::Tls => {
                let detail = format!("in place of TLS the server said: {}", escape(bytes));
                self.tls(now, TlsOutcome::Failed { cause: Cause::TlsPeerStayedClear, detail })
            }
            Input::Bytes(bytes) => self.bytes(now, bytes),
            Input::Closed => self.lost(now, None, "the server closed the connection"),
            Input::Broken(cause, how) => self.lost(now, cause, &how),
            Input::Deadline => self.late(now),
            Input::Tls(outcome) if self.phase == Phase::Tls => self.tls(now, outcome),
            // Nobody asked for a handshake: it changes nothing, least of all whether the connection counts as encrypted.
            Input::Tls(_) => Output::Receive,
        }
    }

    /// The record, while the dialogue runs.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The record, when the dialogue is over.
    pub fn into_record(self) -> Record {
        self.record
    }

    fn connected(&mut self, now: Duration) -> Output {
        match self.plan.mode {
            Mode::ImplicitTls => self.enter(now, Phase::Tls, Output::UpgradeToTls),
            Mode::Clear | Mode::StartTls => self.await_banner(now),
        }
    }

    fn bytes(&mut self, now: Duration, bytes: &[u8]) -> Output {
        match self.parser.push(bytes) {
            Parsed::Reply(reply, taken) => {
                self.record.received(now, &reply.lines);
                match bytes.get(taken..) {
                    Some(rest) if !rest.is_empty() => self.reply_with_more(now, reply, rest),
                    _ => self.reply(now, reply),
                }
            }
            Parsed::Fault(fault) => self.not_smtp(now, fault),
            Parsed::Pending if self.phase == Phase::Banner && is_binary(&self.parser.partial()) => {
                self.not_smtp(now, ReplyFault::Malformed)
            }
            Parsed::Pending => Output::Receive,
        }
    }

    /// More bytes than one reply: after STARTTLS an attack, after a refusal uninteresting, else no lock-step dialogue.
    fn reply_with_more(&mut self, now: Duration, reply: Reply, rest: &[u8]) -> Output {
        let shown = escape(rest);
        match (self.phase, reply.severity()) {
            (Phase::Quit | Phase::Done, _) | (_, Severity::Transient | Severity::Permanent) => self.reply(now, reply),
            (Phase::StartTls, _) => {
                let detail = format!("after the go-ahead and before TLS the server sent in clear text: {shown}");
                self.record.fail(Stage::Starttls, now, Cause::StarttlsDataBeforeTls, Some(&reply), &detail);
                self.done()
            }
            (_, Severity::Positive | Severity::Intermediate) => {
                let detail = format!("the server sent more than one reply at once: {shown}");
                self.fail(now, Cause::ReplyMalformed, Some(&reply), &detail)
            }
        }
    }

    fn reply(&mut self, now: Duration, reply: Reply) -> Output {
        if self.phase != Phase::Quit {
            if reply.is_bare() {
                self.record.warn(self.stage(), Cause::ReplyBareCode);
            }
            if reply.has_long_line() {
                self.record.warn(self.stage(), Cause::ReplyLongLine);
            }
        }
        match self.phase {
            Phase::Banner => self.on_banner(now, &reply),
            Phase::Ehlo | Phase::EhloAgain => self.on_ehlo(now, &reply),
            Phase::Helo => self.on_helo(now, &reply),
            Phase::StartTls => match judge::starttls(&reply) {
                Ok(()) => {
                    self.record.pass(Stage::Starttls, now, Some(&reply));
                    if !self.may_start(Stage::Tls) {
                        return self.done();
                    }
                    self.enter(now, Phase::Tls, Output::UpgradeToTls)
                }
                Err(cause) => self.refuse(now, cause, &reply),
            },
            Phase::Auth(exchange) => self.on_auth(now, exchange, &reply),
            Phase::Mail => match judge::mail(&reply) {
                Ok(()) => {
                    self.record.pass(Stage::Mail, now, Some(&reply));
                    self.rcpt(now, 0)
                }
                Err(cause) => self.refuse(now, cause, &reply),
            },
            Phase::Rcpt(index) => self.on_rcpt(now, index, reply),
            Phase::Data => match judge::data(&reply) {
                Ok(()) => self.message(now, &reply),
                Err(cause) => self.refuse(now, cause, &reply),
            },
            Phase::DataEnd => match judge::data_end(&reply) {
                Ok(()) => {
                    self.record.pass(Stage::DataEnd, now, Some(&reply));
                    self.quit(now)
                }
                Err(cause) => self.refuse(now, cause, &reply),
            },
            Phase::Quit => {
                self.record.pass(Stage::Quit, now, Some(&reply));
                self.done()
            }
            Phase::Start | Phase::Tls | Phase::Done => self.done(),
        }
    }
}

/// Words for a sentence.
fn listed(words: &[String]) -> String {
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}
