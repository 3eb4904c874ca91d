//! Whether settings are applied that a full test has passed: what a walk follows beside each case.

use super::Definition;
use super::engine::{CaseState, Effect, Event};
use super::model::{ApplyKind, ProbeLevel, Store};
use super::value::Value;

/// Fields that make up the settings of the product; a test speaks for exactly these values.
const SETTINGS: [&str; 16] = [
    "smtp_ip",
    "smtp_host",
    "smtp_port",
    "encryption",
    "sender_address",
    "tls_name",
    "syslog_ip",
    "syslog_host",
    "syslog_port",
    "transport",
    "framing",
    "input_type",
    "directories",
    "threshold",
    "profiles",
    "checkers",
];
/// What a case says once the product holds its settings.
const APPLIED: [&str; 2] = ["smtp_applied", "syslog_applied"];
/// The answer of a probe that passed.
const PASSED: &str = "reachable";

/// Which settings are being tested, and which passed.
#[derive(Default)]
pub(super) struct Tested {
    awaited: Option<(String, Settings)>,
    passed: Option<Settings>,
    /// Counts changes of account and password, which are settings without a value here.
    sealed: u64,
}

type Settings = (Vec<Option<Value>>, u64);

impl Tested {
    /// Follows tests and applications. Putting the former settings back needs no test of those that the case holds.
    pub(super) fn follow(
        &mut self,
        definition: &Definition,
        case: &CaseState,
        event: &Event,
        effects: &[Effect],
    ) -> Result<(), &'static str> {
        if !event.sealed.is_empty() {
            self.sealed += 1;
        }
        if let Some((_, settings)) = self.awaited.take_if(|(answers, _)| *answers == event.name) {
            let verdict = event.data.get("verdict").and_then(Value::as_text);
            self.passed = (verdict == Some(PASSED)).then_some(settings);
        }
        let mut outcome = Ok(());
        for effect in effects {
            match effect {
                // Taking account or password away changes the settings as much as entering them.
                Effect::Unset { field } => {
                    let in_vault = definition.fields.get(field).is_some_and(|field| field.store == Store::Vault);
                    self.sealed += u64::from(in_vault);
                }
                Effect::Probe { level: ProbeLevel::Full, answers, .. } => {
                    self.awaited = Some((answers.clone(), (settings(case), self.sealed)));
                }
                Effect::Probe { level: ProbeLevel::Reach, .. } => self.awaited = None,
                Effect::Apply { kind: ApplyKind::Former, .. } => {}
                Effect::Apply { kind: ApplyKind::Smtp | ApplyKind::Syslog, .. } => {
                    outcome = outcome.and(self.judge(case, "applied without a passed full test of them"));
                }
                Effect::Set { field, value: Value::Bool(true) } if APPLIED.contains(&field.as_str()) => {
                    outcome = outcome.and(self.judge(case, "said to be applied without a passed full test of them"));
                }
                Effect::Set { .. }
                | Effect::Store { .. }
                | Effect::Seal { .. }
                | Effect::Go { .. }
                | Effect::Stay { .. }
                | Effect::StartClock { .. }
                | Effect::PauseClock
                | Effect::ResumeClock
                | Effect::StopClock
                | Effect::Mail { .. }
                | Effect::OpenCase { .. }
                | Effect::CloseCase { .. }
                | Effect::Whitelist { .. }
                | Effect::SendTestAlert { .. }
                | Effect::Spawn { .. }
                | Effect::Signal { .. } => {}
            }
        }
        outcome
    }

    fn judge(&self, case: &CaseState, what: &'static str) -> Result<(), &'static str> {
        let current = (settings(case), self.sealed);
        if self.passed.as_ref() == Some(&current) { Ok(()) } else { Err(what) }
    }
}

fn settings(case: &CaseState) -> Vec<Option<Value>> {
    SETTINGS.iter().map(|field| case.data.get(*field).cloned()).collect()
}
