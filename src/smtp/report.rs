//! What happened, as others read it: the JSON of `postern probe`, of the API and of stored tests.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::stage::Stage;
use crate::domain::cause::{Cause, WorkflowVerdict};
use crate::domain::mail_settings::Encryption;

/// How far a test goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// To EHLO, with STARTTLS and the certificate where encryption is chosen.
    Reach,
    /// Further through AUTH, MAIL and RCPT; DATA only where a message is to be sent.
    Full,
}

/// What a test says in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Passed.
    Reachable,
    /// Passed, and something should change.
    ReachableWithWarnings,
    /// Sent, and nothing can confirm it (SYSLOG over UDP).
    Unconfirmed,
    /// Failed.
    NotReachable,
    /// The server asks for a later attempt.
    Deferred,
    /// Our side failed.
    CouldNotTell,
    /// Not begun: what was asked for makes no sense or is not allowed.
    Refused,
}

/// What became of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Pass,
    /// Works, and should change.
    Warn,
    /// Ended the test.
    Fail,
    /// Ended the test for the moment.
    Deferred,
    /// Not needed with these settings.
    Skipped,
    /// Not reached.
    NotRun,
}

/// What each side does about a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// For the customer.
    pub customer: String,
    /// For an engineer of the vendor.
    pub engineer: String,
}

impl From<Cause> for Remedy {
    fn from(cause: Cause) -> Self {
        let entry = cause.entry();
        Self { customer: entry.remedy_customer.to_owned(), engineer: entry.remedy_engineer.to_owned() }
    }
}

/// One stage of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReport {
    /// Which stage.
    pub stage: Stage,
    /// What became of it.
    pub status: Status,
    /// When it began, in milliseconds after the test began.
    pub start_ms: u64,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Why it failed, or what it warns about.
    pub cause: Option<Cause>,
    /// The server's reply code.
    pub code: Option<u16>,
    /// The server's enhanced status code (RFC 3463).
    pub enhanced: Option<String>,
    /// The server's lines, escaped.
    pub server_lines: Vec<String>,
    /// What was seen, in a sentence.
    pub detail: Option<String>,
    /// What to do about the cause.
    pub remedy: Option<Remedy>,
}

impl StageReport {
    /// A stage with this status and nothing else to say.
    pub fn plain(stage: Stage, status: Status) -> Self {
        Self {
            stage,
            status,
            start_ms: 0,
            ms: 0,
            cause: None,
            code: None,
            enhanced: None,
            server_lines: Vec::new(),
            detail: None,
            remedy: None,
        }
    }
}

/// What was tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Address or host name, as it was read; as entered where it could not be read.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The encryption that was asked for.
    pub encryption: Encryption,
}

/// One address of a host name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressReport {
    /// The address.
    pub address: String,
    /// Its own verdict.
    pub verdict: Verdict,
    /// Where its test ended.
    pub stage: Option<Stage>,
    /// Why its test ended.
    pub cause: Option<Cause>,
    /// How long its test took, in milliseconds.
    pub ms: u64,
}

/// One recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientReport {
    /// The address.
    pub address: String,
    /// What became of it.
    pub status: Status,
    /// The server's reply code.
    pub code: Option<u16>,
    /// The server's text, escaped.
    pub text: String,
}

/// The server's certificate. `chain` and `name` are two results: "pass", "pinned", or the id of a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// Distinguished name of the holder.
    pub subject: String,
    /// Distinguished name of the issuer.
    pub issuer: String,
    /// DNS names and IP addresses in it.
    pub names: Vec<String>,
    /// Valid from.
    pub not_before: DateTime<Utc>,
    /// Valid until.
    pub not_after: DateTime<Utc>,
    /// SHA-256 over the whole certificate, hexadecimal.
    pub sha256: String,
    /// Whether it leads to a trusted issuer and is within its dates.
    pub chain: String,
    /// Whether it belongs to the name that was expected.
    pub name: String,
}

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// Postern.
    Us,
    /// The server.
    Server,
}

/// One line of the conversation; secrets replaced, bytes escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptLine {
    /// When, in milliseconds after the test began.
    pub ms: u64,
    /// Who spoke.
    pub from: Speaker,
    /// What was said.
    pub text: String,
}

/// A finished test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How far the test was to go.
    pub level: Level,
    /// The result in one word.
    pub verdict: Verdict,
    /// The stage that ended the test.
    pub stage: Option<Stage>,
    /// Why it ended there.
    pub cause: Option<Cause>,
    /// What was tested.
    pub target: Target,
    /// The address we spoke from.
    pub source: Option<String>,
    /// When the test began.
    pub started_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// All stages in order.
    pub stages: Vec<StageReport>,
    /// What should change although the test passed.
    pub warnings: Vec<Cause>,
    /// Each address of a host name.
    pub addresses: Vec<AddressReport>,
    /// Each recipient.
    pub recipients: Vec<RecipientReport>,
    /// The certificate, where there was one.
    pub certificate: Option<CertificateReport>,
    /// The conversation.
    pub transcript: Vec<TranscriptLine>,
    /// The encryption to choose, where `unknown` was asked for and something works.
    #[serde(default)]
    pub proposal: Option<Encryption>,
    /// What to search for on the receiver of a SYSLOG message.
    #[serde(default)]
    pub test_id: Option<String>,
    /// What the way to the server looked like, where anything is known about it.
    #[serde(default)]
    pub path: Option<PathReport>,
    /// How long the server asked us to wait before the next attempt, in seconds; where it deferred and named a time.
    #[serde(default)]
    pub retry_after_s: Option<u64>,
    /// What the server's name resolved to, where watching asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<NameReport>,
}

/// What a name resolved to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameReport {
    /// The name.
    pub name: String,
    /// Its addresses, without doubles, in order.
    pub addresses: Vec<IpAddr>,
    /// Why there are none.
    pub cause: Option<Cause>,
}

/// What the way to the server looked like. What was not measured is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathReport {
    /// The device that the kernel chose.
    pub interface: Option<String>,
    /// The router that the kernel chose.
    #[serde(default)]
    pub gateway: Option<String>,
    /// The network on record that holds the target.
    pub selector: Option<String>,
    /// What runs the tunnel said before the attempt.
    pub tunnel: Option<TunnelReport>,
    /// Packets that the tunnel took in during the attempt.
    pub sent: Option<u64>,
    /// Packets that came out of it during the attempt.
    pub received: Option<u64>,
    /// Who sent the ICMP error that ended the attempt.
    pub refused_by: Option<RefusedBy>,
    /// The peer gateway's inside address, asked for an echo after an attempt without an answer.
    pub echo: Option<Echo>,
    /// What may explain packets that got lost beyond the tunnel's entry, most likely first.
    pub candidates: Vec<String>,
}

/// The tunnel, as the program that runs it describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelReport {
    /// `strongswan` or `wireguard`.
    pub kind: String,
    /// Whether it can carry packets.
    pub up: bool,
    /// The state in the program's own words.
    pub detail: String,
    /// Since when it is up.
    pub since: Option<DateTime<Utc>>,
    /// Packets that came out of it so far.
    pub packets_in: Option<u64>,
    /// Packets that went into it so far.
    pub packets_out: Option<u64>,
    /// Networks of our side that it carries.
    pub local: Vec<String>,
    /// Networks of the customer's side that it carries.
    pub remote: Vec<String>,
}

/// An ICMP error (RFC 792, RFC 4443), and who sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedBy {
    /// The sender of the error.
    pub address: String,
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub icmp_code: u8,
}

/// An ICMP echo and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// Who was asked.
    pub address: String,
    /// How long the answer took, in milliseconds; absent where none came.
    pub ms: Option<u64>,
}

/// The verdict that follows from where and why a test ended.
pub fn verdict_of(ended: Option<(Stage, Cause)>, warnings: &[Cause]) -> Verdict {
    let Some((stage, cause)) = ended else {
        return if warnings.is_empty() { Verdict::Reachable } else { Verdict::ReachableWithWarnings };
    };
    if matches!(stage, Stage::Form | Stage::Classify | Stage::Policy) {
        return Verdict::Refused;
    }
    match cause.verdict() {
        WorkflowVerdict::Deferred => Verdict::Deferred,
        WorkflowVerdict::CouldNotTell => Verdict::CouldNotTell,
        WorkflowVerdict::Reachable if cause == Cause::SyslogUnconfirmed => Verdict::Unconfirmed,
        WorkflowVerdict::Reachable => Verdict::ReachableWithWarnings,
        WorkflowVerdict::Timeout
        | WorkflowVerdict::Unreachable
        | WorkflowVerdict::Refused
        | WorkflowVerdict::DnsFailure
        | WorkflowVerdict::TlsFailure
        | WorkflowVerdict::AuthFailure
        | WorkflowVerdict::SenderRefused
        | WorkflowVerdict::RelayDenied
        | WorkflowVerdict::NotSmtp
        | WorkflowVerdict::NotAllowed => Verdict::NotReachable,
    }
}

impl Report {
    /// What a workflow is told.
    pub fn workflow_verdict(&self) -> WorkflowVerdict {
        self.cause.map_or(WorkflowVerdict::Reachable, Cause::verdict)
    }

    /// True where the test passed, with or without warnings.
    pub fn passed(&self) -> bool {
        matches!(self.verdict, Verdict::Reachable | Verdict::ReachableWithWarnings)
    }

    /// The exit code of the contract.
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            Verdict::Reachable | Verdict::ReachableWithWarnings | Verdict::Unconfirmed => 0,
            Verdict::NotReachable => 3,
            Verdict::Deferred => 8,
            Verdict::CouldNotTell => 9,
            Verdict::Refused if self.stage == Some(Stage::Policy) => 6,
            Verdict::Refused => 2,
        }
    }

    /// One stage of the report.
    pub fn stage_report(&self, stage: Stage) -> Option<&StageReport> {
        self.stages.iter().find(|report| report.stage == stage)
    }
}
