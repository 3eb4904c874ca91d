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
/// Whose turn it is.
pub(in crate::domain::workflow) mod turn;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use self::abstraction::{ANY, Abstraction, UNSET, clock_fields};
use self::choice::{Decision, Outcome};
use self::liveness::Liveness;
use self::prepared::Prepared;
use self::starts::starts;
use super::Definition;
use super::diagnostic::{Code, Diagnostic, Place};
use super::model::{Branch, Order, Rule, State, StateKind, Target, Verb};
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
    /// How many configurations there are.
    pub(crate) configurations: usize,
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
        package,
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
        decided: HashMap::new(),
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
        configurations: search.configurations.len(),
    }
}

struct Search<'a, 's> {
    definition: &'a Definition,
    package: &'a BTreeMap<String, Definition>,
    abstraction: &'s Abstraction<'a>,
    live: &'s Liveness,
    /// By state.
    prepared: Vec<Rc<Vec<Prepared<'a>>>>,
    /// By state, rule of the state and the codes that the rule reads: many configurations differ in nothing else.
    decided: HashMap<(usize, usize, Vec<u8>), Rc<Decision<'a>>>,
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
        for (slot, code) in codes.iter_mut().enumerate() {
            if !self.live.matters(slot, state, previous) {
                *code = UNSET;
            }
        }
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
        let mut accepted: Vec<&Rule> = Vec::new();
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
                accepted.push(prepared.rule);
            }
            let fired = Fired { from: index, state, previous: configuration.previous, prepared };
            for outcome in &decision.outcomes {
                self.follow(&fired, outcome, &configuration.codes);
            }
        }
        if let Some(message) = turn::fault(definition, state, &accepted) {
            self.fault(Code::W27, state.place, message);
        }
    }

    /// Takes a branch: effects on the values, then the move.
    fn follow(&mut self, fired: &Fired<'_, 'a>, outcome: &Outcome<'a>, codes: &[u8]) {
        let (rule, branch) = (fired.prepared.rule, outcome.branch);
        let mut codes = codes.to_vec();
        for (slot, code) in &outcome.carried {
            if let Some(place) = codes.get_mut(*slot) {
                *place = *code;
            }
        }
        for order in rule.orders.iter().chain(&branch.orders) {
            self.order(order, &mut codes, &|| format!("of {} in {}", rule.event, fired.state.id));
        }
        let target = match &branch.to {
            Target::Same => None,
            Target::State(id) => self.definition.index.get(id).copied(),
            Target::Previous => match fired.previous {
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
                self.enter(fired, branch, to);
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

    fn enter(&mut self, fired: &Fired<'_, 'a>, branch: &'a Branch, to: usize) {
        let Some(state) = self.definition.states.get(to) else { return };
        let key = (std::ptr::from_ref(branch).addr(), std::ptr::from_ref(fired.state).addr(), to);
        self.entries.insert(key, Entry { from: fired.state, rule: fired.prepared.rule, branch, to: state });
    }

    fn assign(&self, codes: &mut [u8], field: &str, code: u8) {
        if let Some((slot, place)) = self.abstraction.slot(field).and_then(|slot| Some((slot, codes.get_mut(slot)?))) {
            *place = self.abstraction.carry(slot, code);
        }
    }

    fn entry_orders(&mut self, state: usize, codes: &mut [u8]) {
        let definition = self.definition;
        if let Some(state) = definition.states.get(state) {
            for order in &state.enter {
                self.order(order, codes, &|| format!("on the way into {}", state.id));
            }
        }
    }

    /// What an order reads must have a value (W12), and what it sets has one from here on.
    fn order(&mut self, order: &'a Order, codes: &mut [u8], whence: &dyn Fn() -> String) {
        let unset: Vec<&str> =
            order.verb.reads().into_iter().filter(|field| self.code(field, codes) == UNSET).collect();
        match &order.verb {
            Verb::Set { field, value } => self.assign(codes, field, self.abstraction.code(field, value)),
            Verb::Unset { field } => self.assign(codes, field, UNSET),
            Verb::Spawn { workflow, with, secrets, .. } => {
                let gift: Vec<u8> = with.values().map(|ours| self.code(ours, codes)).collect();
                if self.given.insert((std::ptr::from_ref(order).addr(), gift)) {
                    let seeds = self.seeds(with, secrets, codes);
                    self.spawned.entry(workflow.clone()).or_default().extend(seeds);
                }
            }
            Verb::Mail { .. }
            | Verb::OpenCase { .. }
            | Verb::CloseCase { .. }
            | Verb::Probe { .. }
            | Verb::Whitelist { .. }
            | Verb::Apply { .. }
            | Verb::SendTestAlert { .. }
            | Verb::Signal { .. } => {}
        }
        for field in unset
            .into_iter()
            .filter(|field| !gifts::may_be_unset(self.package, self.definition, &order.verb, field))
            .collect::<Vec<_>>()
        {
            let (verb, whence) = (order.verb.word(), whence());
            self.fault(Code::W12, order.place, format!("`{verb}` {whence} needs {field}, which can be unset here"));
        }
    }

    /// What a child can be born with here.
    fn seeds(&self, with: &BTreeMap<String, String>, secrets: &[String], codes: &[u8]) -> Vec<Seed> {
        let given = with.iter().map(|(theirs, ours)| (theirs, ours, self.code(ours, codes)));
        let given = given.filter(|(_, _, code)| *code != UNSET);
        let mut seeds: Vec<Seed> = vec![
            given.map(|(theirs, ours, code)| (theirs.clone(), self.abstraction.value(ours, code).cloned())).collect(),
        ];
        // Whether the vault holds something is not carried: a child must do with it and without.
        for name in secrets {
            let without = seeds.clone().into_iter();
            seeds.extend(without.map(|seed| seed.into_iter().chain([(name.clone(), None)]).collect()));
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
