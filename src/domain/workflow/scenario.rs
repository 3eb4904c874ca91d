//! Executable examples: who does what, and where the case must be then; with the transitions they cover.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{Diagnostic, Place, Source};
use super::engine::{CaseState, Effect, Event, Policy, Refusal, apply, birth, decide_traced};
use super::model::Rule;
use super::package::Package;
use super::parse::read;
use super::raw::{RawScenario, RawScenarioStep, RawScenarios};
use super::value::{Data, Value};
use super::{Definition, Kind};

/// One example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// What it shows.
    pub name: String,
    /// The workflow it runs; the main one if unset.
    pub workflow: Option<String>,
    /// Values at the start.
    pub given: Data,
    /// Vault fields at the start.
    pub given_sealed: BTreeSet<String>,
    /// The state to begin in; the initial one if unset.
    pub start: Option<String>,
    /// Steps of the procedure that it shows.
    pub covers: Vec<String>,
    /// What happens.
    pub steps: Vec<ScenarioStep>,
    /// The file it stands in.
    pub file: String,
    /// Where it stands.
    pub place: Place,
}

/// One step of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioStep {
    /// The event.
    pub event: String,
    /// In which role.
    pub by: String,
    /// Answers.
    pub data: Data,
    /// Vault fields that come with it.
    pub sealed: BTreeSet<String>,
    /// What must come of it.
    pub outcome: Expected,
    /// `verb:word` of effects that must be among those produced.
    pub effects: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// What must come of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The case is in this state.
    State(String),
    /// It is refused with these words.
    Refused(String),
}

/// A way through a definition: state, event, and the number of the branch from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transition {
    /// The workflow.
    pub workflow: String,
    /// The state left.
    pub state: String,
    /// The event.
    pub event: String,
    /// Which branch, from 0.
    pub branch: usize,
    /// Where it leads, as written.
    pub to: String,
}

/// What running the examples showed.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// How many passed.
    pub passed: usize,
    /// What went wrong, one sentence per failed example with its place.
    pub failed: Vec<(String, Place, String)>,
    /// Own transitions that were taken.
    pub covered: BTreeSet<Transition>,
    /// Own transitions of all definitions.
    pub all: BTreeSet<Transition>,
}

impl Outcome {
    /// Transitions that no example takes.
    pub fn missing(&self) -> impl Iterator<Item = &Transition> {
        self.all.difference(&self.covered)
    }

    /// One line: `transitions covered: 97 of 97 (100 %)`; the percentage is rounded down.
    pub fn coverage(&self) -> String {
        let (covered, all) = (self.covered.len(), self.all.len());
        let percent = (covered * 100).checked_div(all).unwrap_or(100);
        format!("transitions covered: {covered} of {all} ({percent} %)")
    }
}

impl std::fmt::Display for Transition {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { workflow, state, event, branch, to } = self;
        write!(out, "{workflow}: {state} --{event}[{}]--> {to}", branch + 1)
    }
}

/// Runs every example of a package, with documentation networks allowed.
pub fn run(package: &Package) -> Outcome {
    let mut outcome = Outcome { all: own_transitions(package), ..Outcome::default() };
    for scenario in &package.scenarios {
        match run_one(package, scenario, &mut outcome.covered) {
            Ok(()) => outcome.passed += 1,
            Err((place, message)) => {
                outcome.failed.push((scenario.file.clone(), place, format!("\"{}\": {message}", scenario.name)));
            }
        }
    }
    outcome
}

/// The transitions that definitions write down themselves; rules that hold anywhere are not counted.
fn own_transitions(package: &Package) -> BTreeSet<Transition> {
    let mut all = BTreeSet::new();
    for definition in package.definitions.values() {
        for state in &definition.states {
            for rule in &state.rules {
                let branches = 0..rule.branches.len();
                all.extend(branches.filter_map(|branch| transition(definition, &state.id, rule, branch)));
            }
        }
    }
    all
}

fn transition(definition: &Definition, state: &str, rule: &Rule, branch: usize) -> Option<Transition> {
    Some(Transition {
        workflow: definition.id.clone(),
        state: state.to_owned(),
        event: rule.event.clone(),
        branch,
        to: rule.branches.get(branch)?.to.to_string(),
    })
}

type Failure = (Place, String);

fn run_one(package: &Package, scenario: &Scenario, covered: &mut BTreeSet<Transition>) -> Result<(), Failure> {
    let definition = match &scenario.workflow {
        Some(id) => package.definitions.get(id),
        None => package.definitions.values().find(|definition| definition.kind == Kind::Main),
    };
    let definition = definition.ok_or_else(|| {
        let name = scenario.workflow.as_deref().unwrap_or("main");
        (scenario.place, format!("there is no workflow {name}"))
    })?;
    let mut case = start(definition, scenario).map_err(|message| (scenario.place, message))?;
    for step in &scenario.steps {
        case = run_step(definition, &case, step, covered)
            .map_err(|message| (step.place, format!("{} by {} in {}: {message}", step.event, step.by, case.state)))?;
    }
    Ok(())
}

/// The case as the example begins: born with its inputs, then, where it begins later, given what it would hold by then.
fn start(definition: &Definition, scenario: &Scenario) -> Result<CaseState, String> {
    let is_input = |name: &String| definition.inputs.contains(name) || definition.optional_inputs.contains(name);
    let (inputs, later): (Data, Data) = scenario.given.clone().into_iter().partition(|(name, _)| is_input(name));
    let mut case = birth(definition, inputs).map_err(|refusal| refusal.to_string())?;
    if let Some(name) = later.keys().chain(&scenario.given_sealed).find(|name| !definition.fields.contains_key(*name)) {
        return Err(format!("{name} is no field"));
    }
    case.data.extend(later);
    case.sealed.extend(scenario.given_sealed.iter().cloned());
    if let Some(state) = &scenario.start {
        definition.state(state).ok_or_else(|| format!("there is no state {state} to start in"))?;
        case.state.clone_from(state);
    }
    Ok(case)
}

fn run_step(
    definition: &Definition,
    case: &CaseState,
    step: &ScenarioStep,
    covered: &mut BTreeSet<Transition>,
) -> Result<CaseState, String> {
    let event = Event {
        name: step.event.clone(),
        role: step.by.clone(),
        data: step.data.clone(),
        sealed: step.sealed.clone(),
        expected_entered: None,
    };
    let decided = decide_traced(definition, case, &event, &Policy { allow_documentation: true });
    let (taken, effects) = match (decided, &step.outcome) {
        (Err(refusal), Expected::Refused(words)) if refused_with(&refusal, words) => return Ok(case.clone()),
        (Err(refusal), Expected::Refused(words)) => {
            return Err(format!("expected the refusal \"{words}\", got \"{refusal}\""));
        }
        (Err(refusal), Expected::State(_)) => return Err(format!("refused: {refusal}")),
        (Ok(_), Expected::Refused(words)) => {
            return Err(format!("expected the refusal \"{words}\", but it was accepted"));
        }
        (Ok(taken), Expected::State(_)) => taken,
    };
    let next = apply(case, &effects);
    if let Expected::State(expected) = &step.outcome
        && *expected != next.state
    {
        return Err(format!("expected the state {expected}, got {}", next.state));
    }
    let produced: Vec<String> = effects.iter().filter_map(label).collect();
    if let Some(missing) = step.effects.iter().find(|effect| !produced.contains(effect)) {
        return Err(format!("the effect {missing} is missing among {}", produced.join(", ")));
    }
    let own = definition.state(&case.state).is_some_and(|state| state.rules.iter().any(|rule| rule == taken.rule));
    let branch = taken.rule.branches.iter().position(|branch| std::ptr::eq(branch, taken.branch));
    if let Some(branch) = branch.filter(|_| own) {
        covered.extend(transition(definition, &case.state, taken.rule, branch));
    }
    Ok(next)
}

/// Whether a refusal contains the words of the example.
fn refused_with(refusal: &Refusal, words: &str) -> bool {
    refusal.to_string().contains(words)
}

/// An effect as examples name it: `mail:let-us-in`, `probe:full`, `set:smtp_applied`; none for moves and clocks.
pub(crate) fn label(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Set { field, .. } => Some(format!("set:{field}")),
        Effect::Unset { field } => Some(format!("unset:{field}")),
        Effect::Mail { template, .. } => Some(format!("mail:{template}")),
        Effect::OpenCase { queue, .. } => Some(format!("open_case:{queue}")),
        Effect::CloseCase { outcome } => Some(format!("close_case:{outcome}")),
        Effect::Probe { level, .. } => Some(format!("probe:{level}")),
        Effect::Whitelist { action, .. } => Some(format!("whitelist:{action}")),
        Effect::Apply { kind, .. } => Some(format!("apply:{kind}")),
        Effect::SendTestAlert { path, .. } => Some(format!("send_test_alert:{path}")),
        Effect::Spawn { workflow, .. } => Some(format!("spawn:{workflow}")),
        Effect::Signal { signal, .. } => Some(format!("signal:{signal}")),
        Effect::StartClock { clock } => Some(format!("start_clock:{clock}")),
        Effect::Store { .. }
        | Effect::Seal { .. }
        | Effect::Go { .. }
        | Effect::Stay { .. }
        | Effect::PauseClock
        | Effect::ResumeClock
        | Effect::StopClock => None,
    }
}

/// Reads a file of examples.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Scenario>, Vec<Diagnostic>> {
    let source = Source::new(file, text);
    let raw: RawScenarios = read(&source)?;
    Ok(raw.scenario.into_iter().map(|scenario| one(&source, scenario)).collect())
}

fn one(source: &Source<'_>, raw: RawScenario) -> Scenario {
    Scenario {
        place: source.place(raw.name.span().start),
        name: raw.name.into_inner(),
        workflow: raw.workflow.map(|id| id.0),
        given: data(raw.given),
        given_sealed: raw.given_sealed.into_iter().map(|name| name.0).collect(),
        start: raw.start.map(|name| name.0),
        covers: raw.covers.into_iter().map(|step| step.0).collect(),
        steps: raw.step.into_iter().map(|step| one_step(source, step)).collect(),
        file: source.file.to_owned(),
    }
}

fn one_step(source: &Source<'_>, raw: RawScenarioStep) -> ScenarioStep {
    // The shape has exactly one of the two.
    let outcome = match (raw.then, raw.refused) {
        (Some(state), _) => Expected::State(state.0),
        (None, words) => Expected::Refused(words.unwrap_or_default()),
    };
    ScenarioStep {
        place: source.place(raw.event.span().start),
        event: raw.event.into_inner().0,
        by: raw.by.0,
        data: data(raw.data),
        sealed: raw.sealed.into_iter().map(|name| name.0).collect(),
        outcome,
        effects: raw.effects,
    }
}

pub(crate) fn data(raw: BTreeMap<super::raw::Name, super::raw::RawValue>) -> BTreeMap<String, Value> {
    raw.into_iter().map(|(name, value)| (name.0, value.0)).collect()
}
