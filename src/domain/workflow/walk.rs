//! Random walks over a package: every way that the engine allows, with invariants that must hold after each step.

use std::collections::{BTreeMap, BTreeSet};

use super::Definition;
use super::engine::{self, CaseState, Effect, Event, Policy, Refusal, apply_in_place, birth_effects, birth_of_child};
use super::family::{self, Beginning};
use super::invariant::{Invariant, Violation, Watch};
use super::model::StateKind;
use super::package::Package;
use super::sample::{Chance, Choices};
use super::value::Data;

/// Shares of a walk. Their number is fixed so that a seed walks the same ways however many cores there are.
pub const LANES: u64 = 16;
/// Steps after which a family is left alone.
const STEPS_PER_FAMILY: usize = 100;
/// How often, in a hundred, a child moves where there is one.
const CHILD_MOVES: usize = 85;
/// How deep cases may tell each other on before it counts as talk without end.
const DEEPEST: usize = 8;

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

/// Walks one lane: families one after the other, each a main case with the children that it begets, until the lane's share
/// of the transitions is made.
pub fn walk_lane(package: &Package, plan: &Plan, lane: u64) -> Report {
    let mut chance = Chance::new(plan.seed, lane);
    let mut report = Report::default();
    let told = told(package);
    let choices: BTreeMap<&str, Choices<'_>> =
        package.definitions.iter().map(|(id, definition)| (id.as_str(), Choices::of(definition, &told))).collect();
    let begun = begun(package);
    let mains: Vec<&Choices<'_>> =
        choices.values().filter(|choices| !begun.contains(choices.definition().id.as_str())).collect();
    let share = plan.transitions.div_ceil(LANES);
    let mut idle = 0_u32;
    while report.transitions < share {
        let (cases, transitions) = (report.cases, report.transitions);
        let Some(main) = chance.pick(&mains) else { return report };
        let inputs = main.inputs(&mut chance);
        let mut family = Family { choices: &choices, plan, report: &mut report, members: Vec::new() };
        family.walk((main, inputs), &mut chance);
        // A definition whose cases cannot be born or cannot move would never let the loop end.
        idle = if report.transitions == transitions { idle + 1 } else { 0 };
        if idle > IDLE_CASES || report.cases == cases {
            return report;
        }
    }
    report
}

/// Definitions that another one of the package begins. Main ones are among the others, and so is a child that the service
/// begins itself, which is walked alone.
fn begun(package: &Package) -> BTreeSet<&str> {
    package.definitions.values().flat_map(|definition| &definition.children).map(String::as_str).collect()
}

/// Events that only cases of one family tell each other.
fn told(package: &Package) -> BTreeSet<&str> {
    let begun = begun(package);
    let definitions = package.definitions.values().filter(|definition| begun.contains(definition.id.as_str()));
    let events = definitions.flat_map(|child| child.signals.iter().chain(child.told_by_parent()));
    events.map(String::as_str).collect()
}

/// A main case and its children.
struct Family<'w, 'p> {
    choices: &'w BTreeMap<&'p str, Choices<'p>>,
    plan: &'w Plan,
    report: &'w mut Report,
    /// The main case first.
    members: Vec<Member<'w, 'p>>,
}

struct Member<'w, 'p> {
    choices: &'w Choices<'p>,
    case: CaseState,
    watch: Watch<'w>,
    is_open: bool,
}

impl<'w, 'p: 'w> Family<'w, 'p> {
    /// From the birth of the main case until everybody has ended or is left alone. Parent and child move in any order.
    fn walk(&mut self, (main, inputs): (&'w Choices<'p>, Data), chance: &mut Chance) {
        self.add(main, inputs, BTreeSet::new());
        for _ in 0..STEPS_PER_FAMILY {
            let children: Vec<usize> = (1..self.members.len()).filter(|index| self.is_open(*index)).collect();
            let mover = match chance.pick(&children) {
                Some(child) if !self.is_open(0) || chance.in_hundred(CHILD_MOVES) => *child,
                Some(_) | None => 0,
            };
            let Some(member) = self.members.get(mover).filter(|member| member.is_open) else { break };
            let Some(event) = member.choices.event(&member.case, chance) else { break };
            match self.fire(mover, &event, DEEPEST) {
                Ok(()) => {}
                Err(Refusal::Defect(_)) => break,
                Err(
                    Refusal::Unhandled { .. }
                    | Refusal::Forbidden { .. }
                    | Refusal::Stale { .. }
                    | Refusal::Fields(_)
                    | Refusal::Guard(_),
                ) => self.report.refusals += 1,
            }
        }
        for member in self.members.drain(..) {
            member.watch.end(&member.case, self.plan.apply, &mut self.report.violations);
        }
    }

    fn is_open(&self, index: usize) -> bool {
        self.members.get(index).is_some_and(|member| member.is_open)
    }

    fn is_open_of(&self, index: usize, workflow: &str) -> bool {
        self.members.get(index).is_some_and(|member| member.is_open && member.choices.definition().id == workflow)
    }

    fn add(&mut self, choices: &'w Choices<'p>, inputs: Data, sealed: BTreeSet<String>) {
        let definition: &'w Definition = choices.definition();
        match birth_of_child(definition, inputs, sealed) {
            Ok(case) => {
                self.report.cases += 1;
                visit(definition, &case, self.report);
                let watch = Watch::new(definition, &case, &birth_effects(definition, &case), &self.plan.invariants);
                self.members.push(Member { choices, case, watch, is_open: true });
            }
            Err(refusal) => {
                self.violated(Invariant::NoDefect, definition, &definition.initial, refusal.to_string());
            }
        }
    }

    /// One event of a member, and all that follows from it in the family.
    fn fire(&mut self, index: usize, event: &Event, depth: usize) -> Result<(), Refusal> {
        let Some(member) = self.members.get_mut(index) else { return Ok(()) };
        let definition: &'w Definition = member.choices.definition();
        let from = member.case.state.clone();
        let decided = (self.plan.decide)(definition, &member.case, event, &Policy { allow_documentation: true });
        let effects = match decided {
            Ok(effects) => effects,
            Err(refusal) => {
                if matches!(refusal, Refusal::Defect(_)) {
                    self.violated(Invariant::NoDefect, definition, &from, refusal.to_string());
                }
                return Err(refusal);
            }
        };
        let is_told = |effect: &&Effect| matches!(effect, Effect::Spawn { .. } | Effect::Signal { .. });
        let told: Vec<Effect> = effects.iter().filter(is_told).cloned().collect();
        if told.iter().any(|effect| self.is_refused(effect)) {
            return Err(Refusal::Guard("Another change is under way".to_owned()));
        }
        let Some(member) = self.members.get_mut(index) else { return Ok(()) };
        let seq = member.case.seq;
        (self.plan.apply)(&mut member.case, &effects);
        self.report.transitions += 1;
        visit(definition, &member.case, self.report);
        member.watch.step(&member.case, event, effects, seq, &mut self.report.violations);
        let to = member.case.state.clone();
        if let Some(state) = definition.state(&to).filter(|state| state.kind == StateKind::Terminal) {
            member.is_open = false;
            *self.report.ended.entry(state.outcome.clone().unwrap_or_default()).or_default() += 1;
        }
        for effect in told {
            if let Effect::Spawn { workflow, data, sealed, .. } = effect {
                self.begin(&workflow, (data, sealed), depth);
            } else if let Effect::Signal { signal, data, sealed } = effect {
                self.tell(0, &signal, (data, sealed), depth);
            }
        }
        if index == 0 {
            self.tell_children(definition, (&from, &to), depth);
        }
        Ok(())
    }

    fn open_children(&self) -> Vec<&'w Definition> {
        let open = self.members.iter().skip(1).filter(|member| member.is_open);
        open.map(|member| -> &'w Definition { member.choices.definition() }).collect()
    }

    fn is_refused(&self, effect: &Effect) -> bool {
        let Effect::Spawn { workflow, .. } = effect else { return false };
        let child = self.choices.get(workflow.as_str()).map(Choices::definition);
        child.is_some_and(|child| family::beginning(child, &self.open_children()) == Beginning::Refused)
    }

    fn begin(&mut self, workflow: &str, (data, sealed): (Data, BTreeSet<String>), depth: usize) {
        let Some(choices) = self.choices.get(workflow) else { return };
        if let Beginning::Instead(event) = family::beginning(choices.definition(), &self.open_children()) {
            for older in (1..self.members.len()).filter(|index| self.is_open_of(*index, workflow)).collect::<Vec<_>>() {
                self.tell(older, event, (Data::new(), BTreeSet::new()), depth);
            }
        }
        self.add(choices, data, sealed);
    }

    fn tell_children(&mut self, parent: &Definition, moved: (&str, &str), depth: usize) {
        for index in 1..self.members.len() {
            let member = self.members.get(index).filter(|member| member.is_open);
            let child: Option<&'w Definition> = member.map(|member| member.choices.definition());
            if let Some(event) = child.and_then(|child| family::heard(child, parent, moved)) {
                self.tell(index, event, (Data::new(), BTreeSet::new()), depth);
            }
        }
    }

    /// An event that another case of the family causes.
    fn tell(&mut self, index: usize, name: &str, (data, sealed): (Data, BTreeSet<String>), depth: usize) {
        let Some(member) = self.members.get(index) else { return };
        let (definition, state): (&'w Definition, _) = (member.choices.definition(), member.case.state.clone());
        if depth == 0 {
            let what = format!("{name}: the cases tell each other on without end");
            return self.violated(Invariant::SignalHeard, definition, &state, what);
        }
        let role = "machine".to_owned();
        let event = Event { name: name.to_owned(), role, data, sealed, expected_entered: None };
        match self.fire(index, &event, depth - 1) {
            Ok(()) | Err(Refusal::Defect(_)) => {}
            Err(
                refusal @ (Refusal::Unhandled { .. }
                | Refusal::Forbidden { .. }
                | Refusal::Stale { .. }
                | Refusal::Fields(_)
                | Refusal::Guard(_)),
            ) => {
                self.violated(Invariant::SignalHeard, definition, &state, format!("{name} is not heard: {refusal}"));
            }
        }
    }

    fn violated(&mut self, invariant: Invariant, definition: &Definition, state: &str, what: String) {
        if self.plan.invariants.contains(&invariant) {
            let (workflow, state) = (definition.id.clone(), state.to_owned());
            self.report.violations.insert(Violation { invariant, workflow, state, what });
        }
    }
}

fn visit(definition: &Definition, case: &CaseState, report: &mut Report) {
    if !report.visited.get(&definition.id).is_some_and(|states| states.contains(&case.state)) {
        report.visited.entry(definition.id.clone()).or_default().insert(case.state.clone());
    }
}
