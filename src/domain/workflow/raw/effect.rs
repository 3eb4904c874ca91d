//! Effects as they are written: the key that only one of them has is its verb.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{Name, Scalar, Slug};
use crate::domain::workflow::model::{AlertPath, ApplyKind, End, Priority, ProbeKind, ProbeLevel, WhitelistAction};

/// One effect of the closed list; the key that only it has is its verb.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum RawEffect {
    Mail(RawMail),
    OpenCase(RawOpenCase),
    CloseCase(RawCloseCase),
    Set(RawSet),
    Unset(RawUnset),
    Probe(RawProbe),
    Whitelist(RawWhitelist),
    Apply(RawApply),
    SendTestAlert(RawSendTestAlert),
    Spawn(RawSpawn),
    Signal(RawSignal),
}

/// Writes to a role, to `contacts` or to `others`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMail {
    pub(crate) mail: Slug,
    pub(crate) to: Name,
}

/// Puts the case into a queue.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawOpenCase {
    pub(crate) open_case: Name,
    #[serde(default)]
    pub(crate) priority: Priority,
}

/// Ends the case.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCloseCase {
    pub(crate) close_case: Name,
}

/// Gives a field a fixed value.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSet {
    pub(crate) set: Name,
    pub(crate) value: Scalar,
}

/// Takes the value of a field away.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUnset {
    pub(crate) unset: Name,
}

/// Tests the path to a server.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProbe {
    pub(crate) probe: ProbeLevel,
    #[serde(default)]
    pub(crate) kind: ProbeKind,
    pub(crate) host: Name,
    pub(crate) port: Name,
    pub(crate) answers: Name,
}

/// Records what is whitelisted.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWhitelist {
    pub(crate) whitelist: WhitelistAction,
    pub(crate) side: End,
    pub(crate) host: Name,
    pub(crate) port: Name,
}

/// Writes settings into the product.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawApply {
    pub(crate) apply: ApplyKind,
    pub(crate) answers: Name,
}

/// Sends a test alert.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSendTestAlert {
    pub(crate) send_test_alert: AlertPath,
    pub(crate) to: Name,
    pub(crate) answers: Name,
}

/// Starts a child.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSpawn {
    pub(crate) spawn: Slug,
    /// The child's priority, where it is another than its parent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<Priority>,
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    #[serde(rename = "with")]
    pub(crate) fields: Vec<Name>,
    /// Field of the child -> field of this workflow, where the names differ.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) also: BTreeMap<Name, Name>,
    /// Vault fields that the child begins with; their values stay sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) secrets: Vec<Name>,
}

/// Tells the parent.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSignal {
    pub(crate) signal: Name,
    /// Field of the parent -> field of this workflow.
    #[serde(default, rename = "with", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) fields: BTreeMap<Name, Name>,
    /// Vault fields that the parent takes over; their values stay sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) secrets: Vec<Name>,
}
