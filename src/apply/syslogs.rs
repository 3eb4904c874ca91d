//! One alert by SYSLOG in the product: its fields by the product's names, and whether two descriptions of it are the same.
//! Source: Tenable Identity Exposure, OpenAPI of `/api/syslogs`.
//!
//! `relayId` names a Secure Relay and is never sent: what goes through a VPN tunnel has none.

use serde_json::{Map, Value, json};

use super::diff::FieldDiff;
use super::{ApplyError, Comparison, FieldCheck};
use crate::domain::syslog::{InputType, Transport};
use crate::redact::excerpt;

pub(super) const IP: &str = "ip";
pub(super) const PORT: &str = "port";
pub(super) const PROTOCOL: &str = "protocol";
pub(super) const TLS: &str = "tls";
pub(super) const INPUT: &str = "inputType";
pub(super) const DIRECTORIES: &str = "directories";
pub(super) const THRESHOLD: &str = "criticityThreshold";
pub(super) const PROFILES: &str = "profiles";
pub(super) const CHECKERS: &str = "checkers";
pub(super) const ATTACKS: &str = "attackTypes";
pub(super) const HEALTH: &str = "healthCheckNames";
pub(super) const INITIAL: &str = "shouldNotifyOnInitialFullSecurityCheck";
pub(super) const DESCRIPTION: &str = "description";

/// The fields that are sent, in the order of the product's page, with the labels there.
const SENT: [(&str, &str); 13] = [
    (IP, "Collector IP address or hostname"),
    (PORT, "Port"),
    (PROTOCOL, "Protocol"),
    (TLS, "TLS"),
    (DESCRIPTION, "Description"),
    (INPUT, "Trigger the alerts"),
    (PROFILES, "Profiles"),
    (CHECKERS, "Indicators of exposure"),
    (ATTACKS, "Indicators of attack"),
    (HEALTH, "Health checks"),
    (INITIAL, "Send alerts during the initial analysis"),
    (THRESHOLD, "Severity threshold"),
    (DIRECTORIES, "Domains"),
];

/// The alert that the product shall hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogRequest {
    /// Names the case, for example `case-1042`; it stands in the description, by which the alert is found again.
    pub reference: String,
    /// What the product calls it, where an earlier apply made it.
    pub known: Option<i64>,
    /// Address or name of the receiver.
    pub host: String,
    /// Its port, 1 to 65535.
    pub port: u16,
    /// How messages travel.
    pub transport: Transport,
    /// What alerts are about.
    pub input: InputType,
    /// Ids of directories, at least one.
    pub directories: Vec<i64>,
    /// The least criticity, 0 to 100.
    pub threshold: i64,
    /// Ids of profiles; for deviances and attacks.
    pub profiles: Vec<i64>,
    /// Ids of indicators of exposure; for deviances.
    pub checkers: Vec<i64>,
    /// Ids of indicators of attack; for attacks.
    pub attack_types: Vec<i64>,
    /// Names of health checks; for health checks.
    pub health_checks: Vec<String>,
    /// Whether alerts are sent during the first analysis.
    pub initial: bool,
}

/// What applying an alert did.
#[derive(Clone, Debug, PartialEq)]
pub struct SyslogApplied {
    /// What the product calls it; none where it is not known, or nothing stands there.
    pub id: Option<i64>,
    /// What was sent or written.
    pub sent: Value,
    /// Field by field, what was wanted and what was read back.
    pub read_back: Vec<FieldCheck>,
    /// How it ended.
    pub outcome: super::Outcome,
    /// What was done about what stood there before, in a sentence; none where nothing had to be done.
    pub put_back: Option<String>,
    /// Alerts that lead to the same receiver and are not this one.
    pub others: Vec<i64>,
}

impl SyslogRequest {
    /// The text by which this alert is told from those of others.
    pub(super) fn description(&self) -> String {
        format!("Postern {}", self.reference)
    }

    /// The whole object; refuses what the product would misunderstand. Lists that do not belong to the kind of alert are
    /// null, so that a change of the kind leaves none behind.
    pub(super) fn wanted(&self) -> Result<Map<String, Value>, ApplyError> {
        self.check()?;
        let (protocol, tls) = match self.transport {
            Transport::Udp => ("UDP", false),
            Transport::Tcp => ("TCP", false),
            Transport::Tls => ("TCP", true),
        };
        let only = |fits: bool, ids: &[i64]| if fits { json!(ids) } else { Value::Null };
        let (deviances, attacks) = (self.input == InputType::Deviances, self.input == InputType::Attacks);
        let health = if self.input == InputType::HealthChecks { json!(self.health_checks) } else { Value::Null };
        let fields = json!({
            IP: self.host, PORT: self.port, PROTOCOL: protocol, TLS: tls, DESCRIPTION: self.description(),
            INPUT: word(self.input), THRESHOLD: self.threshold, DIRECTORIES: self.directories,
            PROFILES: only(deviances || attacks, &self.profiles), CHECKERS: only(deviances, &self.checkers),
            ATTACKS: only(attacks, &self.attack_types), HEALTH: health, INITIAL: self.initial,
        });
        Ok(fields.as_object().cloned().unwrap_or_default())
    }

    fn check(&self) -> Result<(), ApplyError> {
        let refused = |field, received: &str, advice| {
            Err(ApplyError::Refused { field, received: excerpt(received, 120), advice })
        };
        let host = self.host.as_str();
        if host.is_empty() || host.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refused("SYSLOG receiver", host, "give an address or a host name, without spaces");
        }
        if self.port == 0 {
            return refused("SYSLOG port", "0", "give a number from 1 to 65535");
        }
        if self.directories.is_empty() {
            return refused("directories", "none", "give at least one id of a directory");
        }
        if !(0..=100).contains(&self.threshold) {
            return refused("criticity threshold", &self.threshold.to_string(), "give a number from 0 to 100");
        }
        if self.input == InputType::ObjectChanges && self.threshold != 0 {
            return refused("criticity threshold", &self.threshold.to_string(), "changes of objects have none: give 0");
        }
        let lacks = match self.input {
            InputType::Deviances => {
                [("profiles", self.profiles.len()), ("indicators of exposure", self.checkers.len())]
            }
            InputType::Attacks => {
                [("profiles", self.profiles.len()), ("indicators of attack", self.attack_types.len())]
            }
            InputType::HealthChecks => [("health checks", self.health_checks.len()); 2],
            InputType::ObjectChanges => return Ok(()),
        };
        match lacks.into_iter().find(|(_, count)| *count == 0) {
            Some((field, _)) => refused(field, "none", "this kind of alert needs at least one"),
            None => Ok(()),
        }
    }
}

/// The product's word.
fn word(input: InputType) -> &'static str {
    match input {
        InputType::Deviances => "deviances",
        InputType::Attacks => "attacks",
        InputType::ObjectChanges => "adObjectChanges",
        InputType::HealthChecks => "healthChecks",
    }
}

/// Compares what was sent with what was read; without a reading nothing can be compared.
pub(super) fn compare(sent: &Map<String, Value>, read: Option<&Value>) -> Vec<FieldCheck> {
    let check = |(name, wanted): (&String, &Value)| {
        let got = read.and_then(|entry| entry.get(name));
        let result = match (read, got) {
            (None, _) => Comparison::CannotBeRead,
            (Some(_), Some(got)) if same(name, wanted, got) => Comparison::Equal,
            (Some(_), None) if wanted.is_null() => Comparison::Equal,
            (Some(_), _) => Comparison::Different,
        };
        FieldCheck { field: name.clone(), wanted: wanted.clone(), got: got.cloned().unwrap_or_default(), result }
    };
    sent.iter().map(check).collect()
}

/// Whether a product that answers `got` holds `wanted`: names in any case, 514 as 514.0, lists in any order, no list as an
/// empty one.
fn same(name: &str, wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::String(a), Value::String(b)) if name == IP => a.eq_ignore_ascii_case(b),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            let sorted = |items: &[Value]| {
                let mut texts: Vec<String> = items.iter().map(plain).collect();
                texts.sort();
                texts
            };
            sorted(a) == sorted(b)
        }
        (Value::Null, Value::Array(items)) => items.is_empty(),
        _ => wanted == got,
    }
}

/// A value as it reads in a list: ids may come as 4 or as 4.0.
fn plain(value: &Value) -> String {
    match value {
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Old and new side by side; every field counts as new where the product holds no such alert.
pub(super) fn diff(before: Option<&Value>, wanted: &Map<String, Value>) -> Vec<FieldDiff> {
    let rows = SENT.iter().map(|(name, label)| {
        let new = wanted.get(*name).cloned().unwrap_or_default();
        let old = before.and_then(|entry| entry.get(*name)).cloned().unwrap_or_default();
        let changed = before.is_none() || !same(name, &new, &old);
        FieldDiff { field: name, label, old: shown(&old), new: shown(&new), changed }
    });
    rows.filter(|row| row.changed || row.new != "not set").collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::Array(items) if items.is_empty() => "not set".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(input: InputType) -> SyslogRequest {
        SyslogRequest {
            reference: "case-1042".into(),
            known: None,
            host: "10.20.4.30".into(),
            port: 6514,
            transport: Transport::Tls,
            input,
            directories: vec![1, 4],
            threshold: if input == InputType::ObjectChanges { 0 } else { 30 },
            profiles: vec![1],
            checkers: vec![2, 3],
            attack_types: vec![5],
            health_checks: vec!["HC-AD-CONNECTION".into()],
            initial: false,
        }
    }

    #[test]
    fn each_kind_sends_its_own_lists_and_no_relay() {
        for (input, set) in [
            (InputType::Deviances, [true, true, false, false]),
            (InputType::Attacks, [true, false, true, false]),
            (InputType::ObjectChanges, [false, false, false, false]),
            (InputType::HealthChecks, [false, false, false, true]),
        ] {
            let fields = request(input).wanted().unwrap();
            assert_eq!([PROFILES, CHECKERS, ATTACKS, HEALTH].map(|name| !fields[name].is_null()), set, "{input}");
            assert!(!fields.contains_key("relayId"));
            assert_eq!(fields.len(), SENT.len());
        }
    }

    #[test]
    fn a_transport_is_a_protocol_and_a_flag() {
        for (transport, protocol, tls) in
            [(Transport::Udp, "UDP", false), (Transport::Tcp, "TCP", false), (Transport::Tls, "TCP", true)]
        {
            let fields = SyslogRequest { transport, ..request(InputType::Attacks) }.wanted().unwrap();
            assert_eq!((&fields[PROTOCOL], &fields[TLS]), (&json!(protocol), &json!(tls)));
        }
    }

    #[test]
    fn what_the_product_cannot_hold_is_refused_by_field() {
        let field = |request: SyslogRequest| request.wanted().unwrap_err().to_string();
        let base = || request(InputType::Deviances);
        assert!(field(SyslogRequest { host: "a b".into(), ..base() }).contains("SYSLOG receiver"));
        assert!(field(SyslogRequest { port: 0, ..base() }).contains("SYSLOG port"));
        assert!(field(SyslogRequest { directories: vec![], ..base() }).contains("directories"));
        assert!(field(SyslogRequest { threshold: 101, ..base() }).contains("threshold"));
        assert!(field(SyslogRequest { checkers: vec![], ..base() }).contains("indicators of exposure"));
        assert!(field(SyslogRequest { threshold: 5, ..request(InputType::ObjectChanges) }).contains("give 0"));
        let none = SyslogRequest { health_checks: vec![], ..request(InputType::HealthChecks) };
        assert!(field(none).contains("health checks"));
    }

    #[test]
    fn values_that_say_the_same_are_equal_and_others_are_not() {
        for (name, wanted, got, equal) in [
            (IP, json!("SIEM.corp.example"), json!("siem.corp.example"), true),
            (DESCRIPTION, json!("Postern case-1"), json!("postern case-1"), false),
            (PORT, json!(514), json!(514.0), true),
            (PORT, json!(514), json!("514"), false),
            (DIRECTORIES, json!([1, 4]), json!([4.0, 1]), true),
            (DIRECTORIES, json!([1, 4]), json!([1]), false),
            (CHECKERS, Value::Null, json!([]), true),
            (CHECKERS, Value::Null, json!([1]), false),
            (TLS, json!(true), json!(1), false),
        ] {
            assert_eq!(same(name, &wanted, &got), equal, "{name}: {wanted} and {got}");
        }
    }

    #[test]
    fn a_new_alert_differs_in_every_field_that_is_set() {
        let wanted = request(InputType::Attacks).wanted().unwrap();
        let rows = diff(None, &wanted);
        assert!(rows.iter().all(|row| row.changed && row.old == "not set"));
        let held = Value::Object(wanted.clone());
        assert!(diff(Some(&held), &wanted).iter().all(|row| !row.changed));
    }
}
