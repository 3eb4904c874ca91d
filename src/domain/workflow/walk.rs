//! Random walks over a package: every way that the engine allows, with invariants that must hold after each step.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::{self, CaseState, Effect, Event, Policy, Refusal, apply_in_place, birth, birth_effects};
use super::invariant::{Invariant, Violation, Watch};
use super::model::StateKind;
use super::package::Package;
use super::sample::{Chance, Choices};
use super::value::Data;
use super::{Definition, Kind};

/// Shares of a walk. Their number is fixed so that a seed walks the same ways however many cores there are.
pub const LANES: u64 = 16;
/// Steps after which a case is left alone.
const STEPS_PER_CASE: usize = 80;

/// Cases in a row that do not move before a lane is given up.
const IDLE_CASES: u32 = 1_000;

/// What decides; replaced by tests that need a broken engine.
pub type Decide = fn(&Definition, &CaseState, &Event, &Policy) -> Result<Vec<Effect>, Refusal>;
/// What changes a case; replaced by tests that need a broken engine.
pub type Apply = fn(&mut CaseState, &[Effect]);

/// How to walk.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Transitions at least.
    pub transitions: u64,
    /// The same seed walks the same ways.
    pub seed: u64,
    /// What is watched.
    pub invariants: BTreeSet<Invariant>,
    /// What decides.
    pub decide: Decide,
    /// What changes a case.
    pub apply: Apply,
}

impl Plan {
    /// Walks with the real engine and every invariant.
    pub fn new(transitions: u64, seed: u64) -> Self {
        let invariants = Invariant::ALL.into_iter().collect();
        Self { transitions, seed, invariants, decide: engine::decide, apply: apply_in_place }
    }

    /// The same walk without one invariant.
    #[must_use]
    pub fn without(mut self, invariant: Invariant) -> Self {
        self.invariants.remove(&invariant);
        self
    }
}

/// What walks showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Cases born.
    pub cases: u64,
    /// Events accepted.
    pub transitions: u64,
    /// Events refused.
    pub refusals: u64,
    /// Cases that ended, by outcome.
    pub ended: BTreeMap<String, u64>,
    /// States visited, by workflow.
    pub visited: BTreeMap<String, BTreeSet<String>>,
    /// The first violation of each kind in each state.
    pub violations: BTreeSet<Violation>,
}

impl Report {
    /// Both reports as one.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.cases += other.cases;
        self.transitions += other.transitions;
        self.refusals += other.refusals;
        for (outcome, count) in other.ended {
            *self.ended.entry(outcome).or_default() += count;
        }
        for (workflow, states) in other.visited {
            self.visited.entry(workflow).or_default().extend(states);
        }
        self.violations.extend(other.violations);
        self
    }

    /// Everything that was violated, together with the states that no walk visited.
    pub fn verdict(&self, package: &Package, plan: &Plan) -> Vec<Violation> {
        let mut violations: Vec<Violation> = self.violations.iter().cloned().collect();
        if plan.invariants.contains(&Invariant::EveryStateVisited) {
            for definition in package.definitions.values() {
                let visited = self.visited.get(&definition.id);
                let missed =
                    definition.states.iter().filter(|state| !visited.is_some_and(|seen| seen.contains(&state.id)));
                violations.extend(missed.map(|state| Violation {
                    invariant: Invariant::EveryStateVisited,
                    workflow: definition.id.clone(),
                    state: state.id.clone(),
                    what: "no walk came here".to_owned(),
                }));
            }
        }
        violations
    }

    /// One line with the totals.
    pub fn totals(&self) -> String {
        let states: usize = self.visited.values().map(BTreeSet::len).sum();
        let ended: u64 = self.ended.values().sum();
        let outcomes: Vec<String> = self.ended.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
        format!(
            "{} transitions in {} cases, {} refusals, {states} states visited, {} violations, {ended} ended ({})",
            self.transitions,
            self.cases,
            self.refusals,
            self.violations.len(),
            outcomes.join(", ")
        )
    }
}

/// Walks all lanes one after the other.
pub fn walk(package: &Package, plan: &Plan) -> Report {
    (0..LANES).map(|lane| walk_lane(package, plan, lane)).fold(Report::default(), Report::merge)
}

/// Walks one lane: main cases one after the other, each followed by the children that it begot, until the lane's share of
/// the transitions is made.
pub fn walk_lane(package: &Package, plan: &Plan, lane: u64) -> Report {
    let mut chance = Chance::new(plan.seed, lane);
    let mut report = Report::default();
    let choices: BTreeMap<&str, Choices<'_>> =
        package.definitions.iter().map(|(id, definition)| (id.as_str(), Choices::of(definition))).collect();
    let mains: Vec<&Choices<'_>> = choices.values().filter(|choices| choices.definition().kind == Kind::Main).collect();
    let share = plan.transitions.div_ceil(LANES);
    let mut idle = 0_u32;
    while report.transitions < share {
        let (cases, transitions) = (report.cases, report.transitions);
        let Some(main) = chance.pick(&mains) else { return report };
        let inputs = main.inputs(&mut chance);
        for (workflow, data) in one_case(main, inputs, plan, &mut chance, &mut report) {
            if let Some(child) = choices.get(workflow.as_str()) {
                one_case(child, data, plan, &mut chance, &mut report);
            }
        }
        // A definition whose cases cannot be born or cannot move would never let the loop end.
        idle = if report.transitions == transitions { idle + 1 } else { 0 };
        if idle > IDLE_CASES || report.cases == cases {
            return report;
        }
    }
    report
}

/// One case from birth until it ends or is left alone; what children it begot, with what they are born with.
fn one_case(
    choices: &Choices<'_>,
    inputs: Data,
    plan: &Plan,
    chance: &mut Chance,
    report: &mut Report,
) -> Vec<(String, Data)> {
    let definition = choices.definition();
    let mut case = match birth(definition, inputs) {
        Ok(case) => case,
        Err(refusal) => {
            defect(definition, &definition.initial, &refusal, plan, report);
            return Vec::new();
        }
    };
    report.cases += 1;
    let mut watch = Watch::new(definition, &case, &birth_effects(definition, &case), &plan.invariants);
    let mut children = Vec::new();
    visit(definition, &case, report);
    for _ in 0..STEPS_PER_CASE {
        let Some(event) = choices.event(&case, chance) else { break };
        match (plan.decide)(definition, &case, &event, &Policy { allow_documentation: true }) {
            Ok(effects) => {
                let seq = case.seq;
                (plan.apply)(&mut case, &effects);
                report.transitions += 1;
                visit(definition, &case, report);
                children.extend(effects.iter().filter_map(child_of));
                watch.step(&case, &event, effects, seq, &mut report.violations);
            }
            Err(refusal @ Refusal::Defect(_)) => {
                defect(definition, &case.state, &refusal, plan, report);
                break;
            }
            Err(
                Refusal::Unhandled { .. }
                | Refusal::Forbidden { .. }
                | Refusal::Stale { .. }
                | Refusal::Fields(_)
                | Refusal::Guard(_),
            ) => report.refusals += 1,
        }
        if let Some(state) = definition.state(&case.state).filter(|state| state.kind == StateKind::Terminal) {
            *report.ended.entry(state.outcome.clone().unwrap_or_default()).or_default() += 1;
            break;
        }
    }
    watch.end(&case, plan.apply, &mut report.violations);
    children
}

fn child_of(effect: &Effect) -> Option<(String, Data)> {
    if let Effect::Spawn { workflow, data } = effect { Some((workflow.clone(), data.clone())) } else { None }
}

fn visit(definition: &Definition, case: &CaseState, report: &mut Report) {
    if !report.visited.get(&definition.id).is_some_and(|states| states.contains(&case.state)) {
        report.visited.entry(definition.id.clone()).or_default().insert(case.state.clone());
    }
}

fn defect(definition: &Definition, state: &str, refusal: &Refusal, plan: &Plan, report: &mut Report) {
    if plan.invariants.contains(&Invariant::NoDefect) {
        let what = refusal.to_string();
        let (workflow, state) = (definition.id.clone(), state.to_owned());
        report.violations.insert(Violation { invariant: Invariant::NoDefect, workflow, state, what });
    }
}
