//! The closed list of effects that a definition can order.

use std::collections::BTreeMap;

use super::diagnostic::Place;
use super::value::Value;
use super::words::{AlertPath, ApplyKind, End, Priority, ProbeKind, ProbeLevel, WhitelistAction};

/// An effect as a definition orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What is ordered.
    pub verb: Verb,
    /// Where it stands in the file.
    pub place: Place,
}

/// The closed list of what a definition can order. `host`, `port`, `to` and `with` name fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keys of each verb are those of the format, documented with it")]
pub enum Verb {
    /// Write to a role, to `contacts` or to `others`.
    Mail { template: String, to: String },
    /// Put the case into a queue.
    OpenCase { queue: String, priority: Priority },
    /// End the case.
    CloseCase { outcome: String },
    /// Give a field a fixed value.
    Set { field: String, value: Value },
    /// Take the value of a field away.
    Unset { field: String },
    /// Test the path to a server.
    Probe { level: ProbeLevel, kind: ProbeKind, host: String, port: String, answers: String },
    /// Record what is whitelisted.
    Whitelist { action: WhitelistAction, side: End, host: String, port: String },
    /// Write settings into the product.
    Apply { kind: ApplyKind, answers: String },
    /// Send a test alert.
    SendTestAlert { path: AlertPath, to: String, answers: String },
    /// Start a child; field of the child -> field of this workflow, and the vault fields that it begins with.
    Spawn { workflow: String, priority: Option<Priority>, with: BTreeMap<String, String>, secrets: Vec<String> },
    /// Tell the parent; field of the parent -> field of this workflow, and the vault fields that it takes over.
    Signal { signal: String, with: BTreeMap<String, String>, secrets: Vec<String> },
}

/// Fields that applying SMTP settings reads.
const SMTP_FIELDS: [&str; 4] = ["smtp_ip", "smtp_port", "encryption", "sender_address"];
/// Fields that applying SYSLOG settings reads.
const SYSLOG_FIELDS: [&str; 6] = ["syslog_ip", "syslog_port", "transport", "input_type", "directories", "threshold"];

impl Verb {
    /// The event with which the machine answers, if this is answered.
    pub fn answers(&self) -> Option<&str> {
        match self {
            Self::Probe { answers, .. } | Self::Apply { answers, .. } | Self::SendTestAlert { answers, .. } => {
                Some(answers)
            }
            Self::Mail { .. }
            | Self::OpenCase { .. }
            | Self::CloseCase { .. }
            | Self::Set { .. }
            | Self::Unset { .. }
            | Self::Whitelist { .. }
            | Self::Spawn { .. }
            | Self::Signal { .. } => None,
        }
    }

    /// Fields of this workflow that the effect reads.
    pub fn reads(&self) -> Vec<&str> {
        match self {
            Self::Probe { host, port, .. } | Self::Whitelist { host, port, .. } => vec![host, port],
            Self::Apply { kind: ApplyKind::Smtp, .. } => SMTP_FIELDS.to_vec(),
            Self::Apply { kind: ApplyKind::Syslog, .. } => SYSLOG_FIELDS.to_vec(),
            Self::SendTestAlert { to, .. } => vec![to],
            Self::Spawn { with, .. } | Self::Signal { with, .. } => with.values().map(String::as_str).collect(),
            Self::Apply { kind: ApplyKind::Former, .. }
            | Self::Mail { .. }
            | Self::OpenCase { .. }
            | Self::CloseCase { .. }
            | Self::Set { .. }
            | Self::Unset { .. } => Vec::new(),
        }
    }

    /// The field that the order gives another value, and that value; none where it takes the value away.
    pub fn assigns(&self) -> Option<(&str, Option<&Value>)> {
        match self {
            Self::Set { field, value } => Some((field, Some(value))),
            Self::Unset { field } => Some((field, None)),
            Self::Mail { .. }
            | Self::OpenCase { .. }
            | Self::CloseCase { .. }
            | Self::Probe { .. }
            | Self::Whitelist { .. }
            | Self::Apply { .. }
            | Self::SendTestAlert { .. }
            | Self::Spawn { .. }
            | Self::Signal { .. } => None,
        }
    }

    /// The verb as files know it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Mail { .. } => "mail",
            Self::OpenCase { .. } => "open_case",
            Self::CloseCase { .. } => "close_case",
            Self::Set { .. } => "set",
            Self::Unset { .. } => "unset",
            Self::Probe { .. } => "probe",
            Self::Whitelist { .. } => "whitelist",
            Self::Apply { .. } => "apply",
            Self::SendTestAlert { .. } => "send_test_alert",
            Self::Spawn { .. } => "spawn",
            Self::Signal { .. } => "signal",
        }
    }
}
