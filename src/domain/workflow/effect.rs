//! What an event of a case causes: the log keeps it, the use cases carry it out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::model::{AlertPath, ApplyKind, End, Priority, ProbeKind, ProbeLevel, WhitelistAction};
use super::value::{Data, Value};

/// What an event causes; `host`, `port` and `to` (of a test alert) name fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each key is named by the sentence of its effect")]
pub enum Effect {
    /// The answers enter the case data.
    Store { data: Data },
    /// These vault fields have a value from here on.
    Seal { fields: BTreeSet<String> },
    /// A field takes a value.
    Set { field: String, value: Value },
    /// A field loses its value, in the case data and in the vault.
    Unset { field: String },
    /// The case moves.
    Go { from: String, to: String },
    /// The case stays where it is, and its clock runs on.
    Stay { state: String },
    /// This clock of the definition starts; a running one ends, one that was set aside stays aside.
    StartClock { clock: String },
    /// The running clock is set aside with its remainder: the case enters a waiting room.
    PauseClock,
    /// The running clock ends, the one set aside runs on with its remainder: the case leaves the waiting room.
    ResumeClock,
    /// The running clock ends, and with it one that was set aside.
    StopClock,
    /// A mail to a role, to `contacts` (all of the customer) or to `others` (contacts without the actor).
    Mail { template: String, to: String },
    /// The case enters the queue of a role.
    OpenCase { queue: String, priority: Priority },
    /// The case ends.
    CloseCase { outcome: String },
    /// The path to a server is tested; the machine answers with the event.
    Probe { level: ProbeLevel, kind: ProbeKind, host: String, port: String, answers: String },
    /// A whitelist entry changes.
    Whitelist { action: WhitelistAction, side: End, host: String, port: String },
    /// Settings are written into the product; the machine answers with the event.
    Apply {
        #[serde(default)]
        kind: ApplyKind,
        answers: String,
    },
    /// A test alert is sent to the address in the field; the machine answers with the event.
    SendTestAlert {
        #[serde(default)]
        path: AlertPath,
        to: String,
        answers: String,
    },
    /// A child begins, with these values and with these fields of the vault.
    Spawn {
        workflow: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        priority: Option<Priority>,
        data: Data,
        #[serde(default)]
        sealed: BTreeSet<String>,
    },
    /// The parent receives an event, with these values and these fields of the vault.
    Signal {
        signal: String,
        data: Data,
        #[serde(default)]
        sealed: BTreeSet<String>,
    },
}
