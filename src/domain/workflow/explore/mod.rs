//! Breadth-first search over everything that a case can be: state, previous state, values of the fields that guards tell
//! apart, and whether the other fields that anything reads have a value. Comparisons of open values go both ways.

/// Values as the search sees them.
mod abstraction;
/// What a rule comes to.
mod choice;
/// What orders do without.
mod gifts;
/// What the graph of configurations says as a whole.
mod graph;
/// Which fields still matter.
mod liveness;
/// Rules, ready to be fired.
mod prepared;
/// Where the search begins.
mod starts;
/// Orders, ready to be carried out.
mod step;
/// Whose turn it is.
pub(in crate::domain::workflow) mod turn;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use self::abstraction::{ANY, Abstraction, UNSET, clock_fields};
use self::choice::{Decision, Outcome};
use self::liveness::Liveness;
use self::prepared::Prepared;
use self::starts::starts;
use self::step::{Destination, Step, Way, steps};
use super::Definition;
use super::diagnostic::{Code, Diagnostic, Place};
use super::model::{Branch, Order, Rule, State, StateKind, Verb};
use super::value::Value;

/// What a child is born with: fields with a value, and the value where the parent's guards tell it. Absent is unset.
pub(crate) type Seed = BTreeMap<String, Option<Value>>;

/// What the search saw.
pub(crate) struct Exploration<'a> {
    /// W03, W05, W06, W07, W12, W16, W27.
    pub(crate) findings: Vec<Diagnostic>,
    /// Every way by which a case enters a state.
    pub(crate) entries: Vec<Entry<'a>>,
    /// What each child can be born with.
    pub(crate) spawned: BTreeMap<String, BTreeSet<Seed>>,
}

/// One way into a state.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) from: &'a State,
    pub(crate) rule: &'a Rule,
    pub(crate) branch: &'a Branch,
    pub(crate) to: &'a State,
}

/// Where a case is and what it holds, as far as it matters.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Configuration {
    state: usize,
    previous: Option<usize>,
    codes: Vec<u8>,
}

/// A step from one configuration to another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Edge {
    to: usize,
    /// Whether the machine takes it by itself, without waiting for a clock.
    machine: bool,
}

/// Searches a definition. A child starts with what its parent gives it (`seeds`), if the parent is known.
pub(crate) fn explore<'a>(
    definition: &'a Definition,
    package: &'a BTreeMap<String, Definition>,
    seeds: Option<&BTreeSet<Seed>>,
) -> Exploration<'a> {
    let abstraction = Abstraction::of(definition, package);
    let live = Liveness::of(definition, &abstraction);
    let mut search = Search {
        definition,
        abstraction: &abstraction,
        live: &live,
        prepared: definition
            .states
            .iter()
            .map(|state| {
                let prepared = definition
                    .rules(&state.id)
                    .map(|rule| Prepared::of(&abstraction, package, (definition, state), rule));
                Rc::new(prepared.collect())
            })
            .collect(),
        entry: definition
            .states
            .iter()
            .map(|state| Rc::new(steps(&abstraction, package, definition, state.enter.iter())))
            .collect(),
        decided: HashMap::new(),
        judged: HashSet::new(),
        found: HashMap::new(),
        configurations: Vec::new(),
        edges: Vec::new(),
        findings: BTreeSet::new(),
        entries: BTreeMap::new(),
        spawned: BTreeMap::new(),
        given: HashSet::new(),
    };
    for mut codes in starts(definition, &abstraction, seeds) {
        if let Some(state) = definition.states.iter().position(|state| state.id == definition.initial) {
            search.entry_orders(state, &mut codes);
            search.reach(state, None, codes);
        }
    }
    let mut next = 0;
    while next < search.configurations.len() {
        search.expand(next);
        next += 1;
    }
    search.findings.extend(graph::findings(definition, &search.configurations, &search.edges));
    Exploration {
        findings: search.findings.into_iter().collect(),
        entries: search.entries.into_values().collect(),
        spawned: search.spawned,
    }
}

struct Search<'a, 's> {
    definition: &'a Definition,
    abstraction: &'s Abstraction<'a>,
    live: &'s Liveness,
    /// By state.
    prepared: Vec<Rc<Vec<Prepared<'a>>>>,
    /// What the way into a state orders, by state.
    entry: Vec<Rc<Vec<Step<'a>>>>,
    /// By state, rule of the state and the codes that the rule reads: many configurations differ in nothing else.
    decided: HashMap<(usize, usize, Vec<u8>), Rc<Decision>>,
    /// States with the rules that are accepted there, for which was seen whose turn it is.
    judged: HashSet<(usize, Vec<usize>)>,
    found: HashMap<Configuration, usize>,
    configurations: Vec<Configuration>,
    edges: Vec<Vec<Edge>>,
    findings: BTreeSet<Diagnostic>,
    entries: BTreeMap<(usize, usize, usize), Entry<'a>>,
    spawned: BTreeMap<String, BTreeSet<Seed>>,
    /// What each order to begin a child has given already, so that the same is not spelled out again.
    given: HashSet<(usize, Vec<u8>)>,
}

/// An event as the search fires it.
struct Fired<'p, 'a> {
    from: usize,
    state: &'a State,
    previous: Option<usize>,
    prepared: &'p Prepared<'a>,
}

impl<'a> Search<'a, '_> {
    /// The number of a configuration, which is judged when it is met first.
    fn reach(&mut self, state: usize, previous: Option<usize>, mut codes: Vec<u8>) -> usize {
        self.live.forget(&mut codes, state, previous);
        let configuration = Configuration { state, previous, codes };
        if let Some(index) = self.found.get(&configuration) {
            return *index;
        }
        let index = self.configurations.len();
        self.judge_entry(&configuration);
        self.found.insert(configuration.clone(), index);
        self.configurations.push(configuration);
        self.edges.push(Vec::new());
        index
    }

    /// W12: what the state shows and what its clock needs must have a value on every way in.
    fn judge_entry(&mut self, configuration: &Configuration) {
        let definition = self.definition;
        let Some(state) = definition.states.get(configuration.state) else { return };
        let unset =
            |field: &str| self.abstraction.slot(field).and_then(|slot| configuration.codes.get(slot)) == Some(&UNSET);
        let mut found: Vec<(Place, String)> = Vec::new();
        for field in state.placeholders.iter().filter(|field| unset(field)) {
            found.push((state.place, format!("the wording of {} shows {field}, which can be unset here", state.id)));
        }
        for field in clock_fields(definition, state).into_iter().filter(|field| unset(field)) {
            found.push((state.place, format!("the clock of {} needs {field}, which can be unset here", state.id)));
        }
        for (place, message) in found {
            self.fault(Code::W12, place, message);
        }
    }

    fn expand(&mut self, index: usize) {
        let definition = self.definition;
        let Some(configuration) = self.configurations.get(index).cloned() else { return };
        let Some(state) = definition.states.get(configuration.state) else { return };
        let Some(prepared) = self.prepared.get(configuration.state).cloned() else { return };
        let mut accepted: Vec<usize> = Vec::new();
        for (number, prepared) in prepared.iter().enumerate() {
            let read = prepared.read(&configuration.codes);
            let key = (configuration.state, number, read);
            let decision = match self.decided.get(&key) {
                Some(decision) => Rc::clone(decision),
                None => {
                    let decision = Rc::new(self.decide(state, prepared, &configuration.codes));
                    self.decided.insert(key, Rc::clone(&decision));
                    decision
                }
            };
            if decision.accepted {
                accepted.push(number);
            }
            let fired = Fired { from: index, state, previous: configuration.previous, prepared };
            for outcome in &decision.outcomes {
                self.follow(&fired, outcome, &configuration.codes);
            }
        }
        if self.judged.insert((configuration.state, accepted.clone())) {
            let rule = |number: &usize| prepared.get(*number).map(|prepared| prepared.rule);
            let accepted: Vec<&Rule> = accepted.iter().filter_map(rule).collect();
            if let Some(message) = turn::fault(definition, state, &accepted) {
                self.fault(Code::W27, state.place, message);
            }
        }
    }

    /// Takes a branch: effects on the values, then the move.
    fn follow(&mut self, fired: &Fired<'_, 'a>, outcome: &Outcome, codes: &[u8]) {
        let Some(way) = fired.prepared.ways.get(outcome.branch) else { return };
        let rule = fired.prepared.rule;
        let mut codes = codes.to_vec();
        for (slot, code) in &outcome.carried {
            assign(&mut codes, *slot, *code);
        }
        self.carry_out(&way.steps, &mut codes, &|| format!("of {} in {}", rule.event, fired.state.id));
        let target = match way.to {
            Destination::Same => None,
            Destination::State(to) => Some(to),
            Destination::Previous => match fired.previous {
                Some(previous) => Some(previous),
                None => {
                    let message =
                        format!("{} leads to @previous, but {} can be entered without one", rule.event, fired.state.id);
                    return self.fault(Code::W17, rule.place, message);
                }
            },
        };
        let here = self.configurations.get(fired.from).map_or(0, |configuration| configuration.state);
        let (to, previous) = match target {
            None => (here, fired.previous),
            Some(to) => {
                let is_hold =
                    |state: usize| self.definition.states.get(state).is_some_and(|state| state.kind == StateKind::Hold);
                let previous = match (is_hold(here), is_hold(to)) {
                    (false, true) => Some(here),
                    (true, true) => fired.previous,
                    (_, false) => None,
                };
                self.enter(fired, way, to);
                self.entry_orders(to, &mut codes);
                (to, previous)
            }
        };
        let reached = self.reach(to, previous, codes);
        let edge = Edge { to: reached, machine: target.is_some() && fired.prepared.by_machine_alone };
        if let Some(edges) = self.edges.get_mut(fired.from).filter(|edges| !edges.contains(&edge)) {
            edges.push(edge);
        }
    }

    fn enter(&mut self, fired: &Fired<'_, 'a>, way: &Way<'a>, to: usize) {
        let Some(state) = self.definition.states.get(to) else { return };
        let key = (std::ptr::from_ref(way.branch).addr(), std::ptr::from_ref(fired.state).addr(), to);
        let entry = Entry { from: fired.state, rule: fired.prepared.rule, branch: way.branch, to: state };
        self.entries.insert(key, entry);
    }

    fn entry_orders(&mut self, state: usize, codes: &mut [u8]) {
        let Some((steps, state)) = self.entry.get(state).cloned().zip(self.definition.states.get(state)) else {
            return;
        };
        self.carry_out(&steps, codes, &|| format!("on the way into {}", state.id));
    }

    /// What an order reads must have a value (W12), and what it sets has one from here on.
    fn carry_out(&mut self, steps: &[Step<'a>], codes: &mut [u8], whence: &dyn Fn() -> String) {
        for step in steps {
            match step {
                Step::Need { slot, field, order } if codes.get(*slot) == Some(&UNSET) => {
                    let (verb, whence) = (order.verb.word(), whence());
                    let message = format!("`{verb}` {whence} needs {field}, which can be unset here");
                    self.fault(Code::W12, order.place, message);
                }
                Step::Need { .. } => {}
                Step::Assign { slot, code } => assign(codes, *slot, *code),
                Step::Spawn(order) => self.spawn(order, codes),
            }
        }
    }

    fn spawn(&mut self, order: &Order, codes: &[u8]) {
        let Verb::Spawn { workflow, with, secrets, .. } = &order.verb else { return };
        let gift = with.values().map(|ours| self.code(ours, codes)).collect();
        if self.given.insert((std::ptr::from_ref(order).addr(), gift)) {
            let seeds = self.seeds(with, secrets, codes);
            self.spawned.entry(workflow.clone()).or_default().extend(seeds);
        }
    }

    /// What a child can be born with here.
    fn seeds(&self, with: &BTreeMap<String, String>, secrets: &[String], codes: &[u8]) -> Vec<Seed> {
        let given = with.iter().map(|(theirs, ours)| (theirs, ours, self.code(ours, codes)));
        let given = given.filter(|(_, _, code)| *code != UNSET);
        let given = given.map(|(theirs, ours, code)| (theirs.clone(), self.abstraction.value(ours, code).cloned()));
        let mut seeds: Vec<Seed> = vec![given.collect()];
        // Whether these hold something is not carried: a child must do with them and without.
        let open = with.iter().filter(|(_, ours)| self.abstraction.slot(ours).is_none()).map(|(theirs, _)| theirs);
        for name in open.chain(secrets) {
            let without = seeds.clone().into_iter().map(|mut seed| {
                seed.remove(name);
                seed
            });
            let without: Vec<Seed> = without.collect();
            seeds.iter_mut().for_each(|seed| _ = seed.entry(name.clone()).or_insert(None));
            seeds.extend(without);
        }
        seeds
    }

    fn code(&self, field: &str, codes: &[u8]) -> u8 {
        self.abstraction.slot(field).and_then(|slot| codes.get(slot)).copied().unwrap_or(ANY)
    }

    fn fault(&mut self, code: Code, place: Place, message: String) {
        self.findings.insert(place.error(&self.definition.file, code, message));
    }
}

fn assign(codes: &mut [u8], slot: usize, code: u8) {
    if let Some(place) = codes.get_mut(slot) {
        *place = code;
    }
}
