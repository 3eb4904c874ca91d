//! What an event does to a case. Pure and total: no clock, no chance, no I/O, and an answer for every input.
//!
//! Order of the effects: what was answered (store, seal), what the rule orders, what the branch orders, the clock of the
//! state left, the move, what the new state orders on entry, the clock of the new state. Guards are read before any of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Definition;
pub use super::effect::Effect;
use super::fields::{self, FieldProblem};
use super::guard::Facts;
use super::model::{Branch, Order, Rule, State, StateKind, Target, Verb};
use super::value::{Data, Value};

/// A case as the engine sees it; the fold of all its effects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseState {
    /// Where it is.
    pub state: String,
    /// Where it came from, while it is in a waiting room.
    pub previous: Option<String>,
    /// What it holds.
    pub data: Data,
    /// Names of the vault fields it has; their values are elsewhere.
    pub sealed: BTreeSet<String>,
    /// How many events it has seen.
    pub seq: u64,
    /// How many times it entered a state; a form or link names the entry it was made for.
    pub entered: u64,
}

/// Something that somebody does to a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Which event.
    pub name: String,
    /// In which role.
    pub role: String,
    /// Answers.
    pub data: Data,
    /// Names of vault fields whose values were sealed on the way in.
    pub sealed: BTreeSet<String>,
    /// The state entry that the form was made for, where there was one.
    pub expected_entered: Option<u64>,
}

/// What the installation permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Whether documentation networks count as public (labs and the demo).
    pub allow_documentation: bool,
}

/// Why an event is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The state does not know the event.
    #[error("unhandled: {event} does nothing in the state {state}")]
    #[expect(missing_docs, reason = "named by the sentence")]
    Unhandled { event: String, state: String },
    /// The role may not fire it.
    #[error("forbidden: the role {role} may not {event}")]
    #[expect(missing_docs, reason = "named by the sentence")]
    Forbidden { event: String, role: String },
    /// The form was made for an earlier entry.
    #[error("stale: made for entry {expected}, the case is at entry {entered} in {state}")]
    #[expect(missing_docs, reason = "named by the sentence")]
    Stale { expected: u64, entered: u64, state: String },
    /// Answers are missing, unexpected or of the wrong kind.
    #[error("{}", .0.iter().map(|problem| format!("{}: {}", problem.field, problem.code)).collect::<Vec<_>>().join(", "))]
    Fields(Vec<FieldProblem>),
    /// The condition of the rule is false; the text is for the person.
    #[error("{0}")]
    Guard(String),
    /// The definition has a fault that the checker would have found.
    #[error("the definition is at fault: {0}")]
    Defect(String),
}

/// Decides what an event causes.
///
/// # Errors
/// A [`Refusal`] that says why the event is not accepted; then nothing happens.
pub fn decide(
    definition: &Definition,
    case: &CaseState,
    event: &Event,
    policy: &Policy,
) -> Result<Vec<Effect>, Refusal> {
    decide_traced(definition, case, event, policy).map(|(_, effects)| effects)
}

/// The way that an event took: rule and branch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) branch: &'a Branch,
}

/// [`decide`], together with the way taken.
pub(crate) fn decide_traced<'a>(
    definition: &'a Definition,
    case: &CaseState,
    event: &Event,
    policy: &Policy,
) -> Result<(Taken<'a>, Vec<Effect>), Refusal> {
    if let Some(expected) = event.expected_entered.filter(|expected| *expected != case.entered) {
        return Err(Refusal::Stale { expected, entered: case.entered, state: case.state.clone() });
    }
    let state = known_state(definition, &case.state)?;
    let Some(rule) = definition.rules(&case.state).find(|rule| rule.event == event.name) else {
        return Err(Refusal::Unhandled { event: event.name.clone(), state: case.state.clone() });
    };
    if !rule.by.contains(&event.role) {
        return Err(Refusal::Forbidden { event: event.name.clone(), role: event.role.clone() });
    }
    let answers = fields::answers(definition, rule, event, policy).map_err(Refusal::Fields)?;
    let facts = Facts { answers: &answers, data: &case.data, sealed_now: &event.sealed, sealed: &case.sealed };
    if let Some(condition) = &rule.condition
        && !condition.guard.holds(&facts).map_err(|unset| Refusal::Defect(unset.to_string()))?
    {
        return Err(Refusal::Guard(condition.refuse.clone()));
    }
    let branch = fitting(rule, &facts)?;
    let next = target(definition, case, branch)?;

    let mut decision = Decision { facts, set: Vec::new(), effects: Vec::with_capacity(8) };
    decision.answers(event);
    decision.orders(&rule.orders);
    decision.orders(&branch.orders);
    decision.go(state, next, branch.to == Target::Previous);
    let mut effects = decision.effects;
    if let Some(Effect::Store { data }) = effects.iter_mut().find(|effect| matches!(effect, Effect::Store { .. })) {
        *data = answers;
    }
    Ok((Taken { rule, branch }, effects))
}

/// The case after these effects; the only way in which a case changes.
pub fn apply(case: &CaseState, effects: &[Effect]) -> CaseState {
    let mut next = case.clone();
    apply_in_place(&mut next, effects);
    next
}

/// [`apply`] without the copy.
pub(crate) fn apply_in_place(case: &mut CaseState, effects: &[Effect]) {
    for effect in effects {
        match effect {
            Effect::Store { data } => {
                case.data.extend(data.iter().map(|(field, value)| (field.clone(), value.clone())));
            }
            Effect::Seal { fields } => case.sealed.extend(fields.iter().cloned()),
            Effect::Set { field, value } => {
                case.data.insert(field.clone(), value.clone());
            }
            Effect::Unset { field } => {
                case.data.remove(field);
                case.sealed.remove(field);
            }
            Effect::PauseClock => case.previous = Some(case.state.clone()),
            Effect::ResumeClock | Effect::StopClock => case.previous = None,
            Effect::Go { to, .. } => {
                case.state.clone_from(to);
                case.entered += 1;
            }
            Effect::Stay { .. }
            | Effect::StartClock { .. }
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
    case.seq += 1;
}

/// A newborn case: the inputs, and the defaults of the other fields. Documentation networks are admitted here because an
/// input comes from a record that was judged when it was made.
///
/// # Errors
/// Every input that is missing, unknown or of the wrong kind.
pub fn birth(definition: &Definition, inputs: Data) -> Result<CaseState, Refusal> {
    birth_of_child(definition, inputs, BTreeSet::new())
}

/// [`birth`] of a case whose parent hands it fields of the vault.
///
/// # Errors
/// As [`birth`].
#[expect(clippy::needless_pass_by_value, reason = "the values become the case's")]
pub(crate) fn birth_of_child(
    definition: &Definition,
    inputs: Data,
    sealed: BTreeSet<String>,
) -> Result<CaseState, Refusal> {
    known_state(definition, &definition.initial)?;
    let given = fields::inputs(definition, &inputs, &Policy { allow_documentation: true }).map_err(Refusal::Fields)?;
    let defaults = definition.fields.iter();
    let mut data: Data =
        defaults.filter_map(|(name, field)| field.default.clone().map(|value| (name.clone(), value))).collect();
    data.extend(given);
    let state = definition.initial.clone();
    let mut case = CaseState { state, previous: None, data, sealed, seq: 0, entered: 1 };
    let effects = birth_effects(definition, &case);
    apply_in_place(&mut case, &effects);
    case.seq = 0;
    Ok(case)
}

/// The orders of the initial state and its clock: what a birth causes. Values that they set are in the newborn already.
pub fn birth_effects(definition: &Definition, case: &CaseState) -> Vec<Effect> {
    let (answers, nothing) = (Data::new(), BTreeSet::new());
    let facts = Facts { answers: &answers, data: &case.data, sealed_now: &nothing, sealed: &case.sealed };
    let mut decision = Decision { facts, set: Vec::new(), effects: Vec::new() };
    if let Some(state) = definition.state(&case.state) {
        decision.orders(&state.enter);
        decision.start_clock(state);
    }
    decision.effects
}

fn known_state<'a>(definition: &'a Definition, id: &str) -> Result<&'a State, Refusal> {
    definition.state(id).ok_or_else(|| Refusal::Defect(format!("there is no state {id} in {}", definition.id)))
}

/// The one branch that fits.
fn fitting<'a>(rule: &'a Rule, facts: &Facts<'_>) -> Result<&'a Branch, Refusal> {
    let mut found = None;
    for branch in &rule.branches {
        let fits = match &branch.guard {
            None => true,
            Some(guard) => guard.holds(facts).map_err(|unset| Refusal::Defect(unset.to_string()))?,
        };
        match (fits, found) {
            (true, Some(_)) => return Err(Refusal::Defect(format!("two branches of {} fit", rule.event))),
            (true, None) => found = Some(branch),
            (false, _) => {}
        }
    }
    found.ok_or_else(|| Refusal::Defect(format!("no branch of {} fits", rule.event)))
}

/// The state that the branch leads to; none if the case stays.
fn target<'a>(definition: &'a Definition, case: &CaseState, branch: &Branch) -> Result<Option<&'a State>, Refusal> {
    match &branch.to {
        Target::Same => Ok(None),
        Target::State(id) => known_state(definition, id).map(Some),
        Target::Previous => match &case.previous {
            Some(id) => known_state(definition, id).map(Some),
            None => Err(Refusal::Defect(format!("{} has no previous state to go back to", case.state))),
        },
    }
}

/// The effects of one event while they are gathered.
struct Decision<'a> {
    facts: Facts<'a>,
    /// Fields that orders of this event set or unset, so that later orders read the new value.
    set: Vec<(&'a str, Option<&'a Value>)>,
    effects: Vec<Effect>,
}

impl<'a> Decision<'a> {
    fn answers(&mut self, event: &Event) {
        if !self.facts.answers.is_empty() {
            // The answers themselves are moved in once nothing reads them any more.
            self.effects.push(Effect::Store { data: Data::new() });
        }
        if !event.sealed.is_empty() {
            self.effects.push(Effect::Seal { fields: event.sealed.clone() });
        }
    }

    fn orders(&mut self, orders: &'a [Order]) {
        for order in orders {
            let effect = self.effect(&order.verb);
            self.effects.push(effect);
        }
    }

    fn effect(&mut self, verb: &'a Verb) -> Effect {
        match verb {
            Verb::Mail { template, to } => Effect::Mail { template: template.clone(), to: to.clone() },
            Verb::OpenCase { queue, priority } => Effect::OpenCase { queue: queue.clone(), priority: *priority },
            Verb::CloseCase { outcome } => Effect::CloseCase { outcome: outcome.clone() },
            Verb::Set { field, value } => {
                self.set.push((field, Some(value)));
                Effect::Set { field: field.clone(), value: value.clone() }
            }
            Verb::Unset { field } => {
                self.set.push((field, None));
                Effect::Unset { field: field.clone() }
            }
            Verb::Probe { level, kind, host, port, answers } => Effect::Probe {
                level: *level,
                kind: *kind,
                host: host.clone(),
                port: port.clone(),
                answers: answers.clone(),
            },
            Verb::Whitelist { action, side, host, port } => {
                Effect::Whitelist { action: *action, side: *side, host: host.clone(), port: port.clone() }
            }
            Verb::Apply { kind, answers } => Effect::Apply { kind: *kind, answers: answers.clone() },
            Verb::SendTestAlert { path, to, answers } => {
                Effect::SendTestAlert { path: *path, to: to.clone(), answers: answers.clone() }
            }
            Verb::Spawn { workflow, priority, with, secrets } => {
                let (data, sealed) = self.gift(with, secrets);
                Effect::Spawn { workflow: workflow.clone(), priority: *priority, data, sealed }
            }
            Verb::Signal { signal, with, secrets } => {
                let (data, sealed) = self.gift(with, secrets);
                Effect::Signal { signal: signal.clone(), data, sealed }
            }
        }
    }

    /// What another case is given: of the fields named, those that have a value.
    fn gift(&self, with: &BTreeMap<String, String>, secrets: &[String]) -> (Data, BTreeSet<String>) {
        let values = with.iter().filter_map(|(theirs, ours)| Some((theirs.clone(), self.value(ours)?)));
        let is_sealed = |field: &&String| match self.set.iter().rev().find(|(name, _)| name == field) {
            Some((_, value)) => value.is_some(),
            None => self.facts.known(field),
        };
        (values.collect(), secrets.iter().filter(is_sealed).cloned().collect())
    }

    fn value(&self, field: &str) -> Option<Value> {
        match self.set.iter().rev().find(|(name, _)| *name == field) {
            Some((_, value)) => value.cloned(),
            None => self.facts.value(field).cloned(),
        }
    }

    /// The move, with the clocks of the state left and of the state entered.
    fn go(&mut self, from: &State, next: Option<&'a State>, back: bool) {
        let Some(to) = next else {
            return self.effects.push(Effect::Stay { state: from.id.clone() });
        };
        let (was_hold, is_hold) = (from.kind == StateKind::Hold, to.kind == StateKind::Hold);
        match (was_hold, is_hold) {
            (false, true) => self.effects.push(Effect::PauseClock),
            (true, false) if back => self.effects.push(Effect::ResumeClock),
            (true, true) => {}
            (_, false) => self.effects.push(Effect::StopClock),
        }
        self.effects.push(Effect::Go { from: from.id.clone(), to: to.id.clone() });
        self.orders(&to.enter);
        if !(was_hold && back) {
            self.start_clock(to);
        }
    }

    fn start_clock(&mut self, state: &State) {
        if let Some(clock) = state.clock.as_ref().filter(|_| state.kind != StateKind::Terminal) {
            self.effects.push(Effect::StartClock { clock: clock.clone() });
        }
    }
}
