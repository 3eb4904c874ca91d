//! What must hold after every step of a walk, whatever happened before. Each can be switched off alone, so that a test can
//! show that it, and only it, sees a certain fault.

use std::collections::BTreeSet;

use super::Definition;
use super::engine::{CaseState, Effect, Event};
use super::model::{ProbeLevel, StateKind, Store};
use super::value::Value;
use super::walk::Apply;

/// The invariants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// The engine never meets a fault of the definition.
    NoDefect,
    /// In every state that is no end, its owner can do something.
    OwnerCanAct,
    /// In every state that is no end, the clock of that state runs.
    ClockArmed,
    /// Nothing that people read has a gap.
    NoUnsetPlaceholder,
    /// The case data holds no field of the vault.
    NoSecretInData,
    /// Each event moves the counter by one.
    SequenceByOne,
    /// The effects of all events, applied again from birth, give the same case.
    FoldEqualsState,
    /// A Secure Relay case never enters the VPN branch, nor the reverse.
    BranchesApart,
    /// Nothing is applied but settings that passed a full test.
    AppliedOnlyAfterFullTest,
    /// The walks together come to every state.
    EveryStateVisited,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::NoDefect,
        Self::OwnerCanAct,
        Self::ClockArmed,
        Self::NoUnsetPlaceholder,
        Self::NoSecretInData,
        Self::SequenceByOne,
        Self::FoldEqualsState,
        Self::BranchesApart,
        Self::AppliedOnlyAfterFullTest,
        Self::EveryStateVisited,
    ];
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// In which workflow.
    pub workflow: String,
    /// In which state.
    pub state: String,
    /// What was seen.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { invariant, workflow, state, what } = self;
        write!(out, "{invariant:?} in {workflow}, {state}: {what}")
    }
}

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
/// States of the Secure Relay branch carry this prefix.
const RELAY_PREFIX: &str = "relay_";

/// Watches one case.
pub(crate) struct Watch<'a> {
    definition: &'a Definition,
    enabled: &'a BTreeSet<Invariant>,
    born: CaseState,
    log: Vec<Vec<Effect>>,
    clock: Clock,
    tested: Tested,
}

/// The clocks of a case as the effects move them.
#[derive(Default)]
struct Clock {
    running: Option<String>,
    aside: Option<String>,
}

/// Which settings are being tested, and which passed.
#[derive(Default)]
struct Tested {
    awaited: Option<(String, Settings)>,
    passed: Option<Settings>,
    /// Counts changes of account and password, which are settings without a value here.
    sealed: u64,
}

type Settings = (Vec<Option<Value>>, u64);

impl<'a> Watch<'a> {
    pub(crate) fn new(
        definition: &'a Definition,
        case: &CaseState,
        effects: &[Effect],
        enabled: &'a BTreeSet<Invariant>,
    ) -> Self {
        let mut clock = Clock::default();
        clock.follow(effects);
        Self { definition, enabled, born: case.clone(), log: Vec::new(), clock, tested: Tested::default() }
    }

    /// Judges a case after an event: `seq` is its counter before.
    pub(crate) fn step(
        &mut self,
        case: &CaseState,
        event: &Event,
        effects: Vec<Effect>,
        seq: u64,
        violations: &mut BTreeSet<Violation>,
    ) {
        self.clock.follow(&effects);
        let applied = self.tested.follow(self.definition, case, event, &effects);
        let mut found: Vec<(Invariant, String)> = Vec::new();
        if case.seq != seq + 1 {
            found.push((Invariant::SequenceByOne, format!("from {seq} to {}", case.seq)));
        }
        if let Err(what) = applied {
            found.push((Invariant::AppliedOnlyAfterFullTest, what.to_owned()));
        }
        self.judge_state(case, &mut found);
        self.judge_data(case, &mut found);
        self.judge_branch(case, &effects, &mut found);
        for (invariant, what) in found.into_iter().filter(|(invariant, _)| self.enabled.contains(invariant)) {
            violations.insert(self.violation(invariant, case, what));
        }
        self.log.push(effects);
    }

    /// Folds the log of a case that ended or was left alone.
    pub(crate) fn end(self, case: &CaseState, apply: Apply, violations: &mut BTreeSet<Violation>) {
        if !self.enabled.contains(&Invariant::FoldEqualsState) {
            return;
        }
        let mut folded = self.born.clone();
        for effects in &self.log {
            apply(&mut folded, effects);
        }
        if folded != *case {
            let what = format!("the log leads to {} at {}, the case is at {}", folded.state, folded.seq, case.seq);
            violations.insert(self.violation(Invariant::FoldEqualsState, case, what));
        }
    }

    fn judge_state(&self, case: &CaseState, found: &mut Vec<(Invariant, String)>) {
        let Some(state) = self.definition.state(&case.state) else {
            return found.push((Invariant::NoDefect, "there is no such state".to_owned()));
        };
        if state.kind == StateKind::Terminal {
            return;
        }
        let owner = state.owner.as_deref().unwrap_or_default();
        let by_owner = |rule: &super::Rule| rule.by.contains(owner);
        let acts = match state.kind {
            StateKind::Hold => self.definition.rules(&state.id).any(by_owner),
            StateKind::Normal | StateKind::Ongoing | StateKind::Terminal => state.rules.iter().any(by_owner),
        };
        if !acts {
            found.push((Invariant::OwnerCanAct, format!("{owner} can do nothing")));
        }
        if self.clock.running.is_none() || self.clock.running != state.clock {
            found
                .push((Invariant::ClockArmed, format!("expected {:?}, running {:?}", state.clock, self.clock.running)));
        }
    }

    fn judge_data(&self, case: &CaseState, found: &mut Vec<(Invariant, String)>) {
        let shown = self.definition.state(&case.state).map(|state| &state.placeholders);
        for field in shown.into_iter().flatten().filter(|field| !case.data.contains_key(*field)) {
            found.push((Invariant::NoUnsetPlaceholder, format!("the wording shows {field}, which is unset")));
        }
        let vault =
            |field: &&String| self.definition.fields.get(*field).is_some_and(|field| field.store == Store::Vault);
        for field in case.data.keys().filter(vault) {
            found.push((Invariant::NoSecretInData, format!("the case data holds {field}")));
        }
    }

    fn judge_branch(&self, case: &CaseState, effects: &[Effect], found: &mut Vec<(Invariant, String)>) {
        let Some(architecture) = case.data.get("architecture").and_then(Value::as_text) else { return };
        let in_relay = case.state.starts_with(RELAY_PREFIX);
        let state = self.definition.state(&case.state);
        let shared = case.state == self.definition.initial
            || state.is_some_and(|state| state.kind == StateKind::Hold || state.kind == StateKind::Terminal);
        let relay = architecture == "secure_relay";
        if relay && !in_relay && !shared || !relay && in_relay {
            found.push((Invariant::BranchesApart, format!("an architecture of {architecture}")));
        }
        if relay && effects.iter().any(touches_tunnel) {
            found.push((Invariant::BranchesApart, "a Secure Relay case touches the tunnel or the product".to_owned()));
        }
    }

    fn violation(&self, invariant: Invariant, case: &CaseState, what: String) -> Violation {
        Violation { invariant, workflow: self.definition.id.clone(), state: case.state.clone(), what }
    }
}

fn touches_tunnel(effect: &Effect) -> bool {
    matches!(effect, Effect::Probe { .. } | Effect::Whitelist { .. } | Effect::Apply { .. } | Effect::Spawn { .. })
}

impl Clock {
    fn follow(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::StartClock { clock } => self.running = Some(clock.clone()),
                Effect::PauseClock => self.aside = self.running.take(),
                Effect::ResumeClock => self.running = self.aside.take(),
                Effect::StopClock => *self = Self::default(),
                Effect::Store { .. }
                | Effect::Seal { .. }
                | Effect::Set { .. }
                | Effect::Unset { .. }
                | Effect::Go { .. }
                | Effect::Stay { .. }
                | Effect::Mail { .. }
                | Effect::OpenCase { .. }
                | Effect::CloseCase { .. }
                | Effect::Probe { .. }
                | Effect::Whitelist { .. }
                | Effect::Apply { .. }
                | Effect::SendTestAlert { .. }
                | Effect::Spawn { .. }
                | Effect::Signal { .. } => {}
            }
        }
    }
}

impl Tested {
    /// Follows tests and applications. A case begun with settings of another life (a child) applies nothing.
    fn follow(
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
                Effect::Apply { .. } => {
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
