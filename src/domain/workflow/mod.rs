//! Workflow definitions, their checker and the engine that decides.
//!
//! A definition is data: a TOML file that says where a case can be, who may do what there, what is asked, where that
//! leads and what it causes. Read in this order: `model` (the vocabulary), `guard` (conditions), `engine` (what an event
//! does), then `parse` (files), `check` (what is wrong with a definition before any case meets it), `scenario` and
//! `walk` (definitions at work), `picture`.

/// What is wrong with a definition.
pub mod check;
/// Findings and their places.
pub mod diagnostic;
/// What an event causes.
mod effect;
/// What an event does to a case.
pub mod engine;
/// Every configuration that a case can be in.
mod explore;
/// Parent and child.
pub mod family;
/// Answers, typed.
pub mod fields;
/// Conditions.
pub mod guard;
/// What must hold after every step of a walk.
pub mod invariant;
/// Maps from one version to the next.
pub mod migrate;
/// The vocabulary of a definition.
pub mod model;
/// The class of address that an event admits.
mod narrowing;
/// Files of one folder, read together.
pub mod package;
/// TOML -> definition.
mod parse;
/// Definitions as pictures and tables.
pub mod picture;
/// The files as they are written.
mod raw;
/// Chance: what walks do next.
mod sample;
/// Executable examples.
pub mod scenario;
/// JSON Schema of the files.
pub mod schema;
/// TOML against its schema.
mod shape;
/// What mail templates read.
pub mod template;
/// Settings, tested before they are applied.
mod tested;
/// Values of a case.
pub mod value;
/// The closed list of effects.
mod verb;
/// Random walks with invariants.
pub mod walk;
/// Placeholders and process lists.
pub mod wording;
/// The closed lists of words.
mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use self::check::check;
pub use self::diagnostic::{Code, Diagnostic, Place, Severity};
pub use self::engine::{CaseState, Effect, Event, Policy, Refusal, apply, birth, birth_effects, decide};
pub use self::fields::FieldProblem;
pub use self::guard::{Facts, Guard};
pub use self::model::{
    AlertPath, ApplyKind, Branch, Calendar, ClockRule, Condition, Delay, DelayUnit, Due, End, EngineerWording,
    Escalation, Expiry, Field, FieldType, Item, Kind, Order, Phase, Priority, ProbeKind, ProbeLevel, Progress,
    ProgressRule, Role, Rule, Scope, Sensitivity, Side, State, StateKind, Store, Style, Target, Verb, Weekday,
    WhitelistAction, Wording,
};
pub use self::package::{Package, Step};
pub use self::parse::parse;
pub use self::sample::example;
pub use self::scenario::Scenario;
pub use self::template::TemplateFacts;
pub use self::value::{Data, Value};
pub use self::wording::{Brand, ProgressStatus, ProgressStep};

/// A workflow: what can happen to a case, from birth to end.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Its name.
    pub id: String,
    /// Its version; a case stays with the version it was born under.
    pub version: u32,
    /// Whether it stands alone.
    pub kind: Kind,
    /// What people call it.
    pub title: String,
    /// The state of a newborn case.
    pub initial: String,
    /// Fields that a case has from birth.
    pub inputs: Vec<String>,
    /// Fields that a case may have from birth.
    pub optional_inputs: Vec<String>,
    /// Workflows that run beside this one.
    pub children: Vec<String>,
    /// Signals that it sends to its parent.
    pub signals: Vec<String>,
    /// A child beside which its parent has no other.
    pub at_most_one: bool,
    /// Whether it runs beside children of other workflows whatever these say.
    pub beside_others: bool,
    /// The event that an older child of the same workflow receives; without it, a second one is refused.
    pub on_second: Option<String>,
    /// The event that a child receives when its parent ends.
    pub on_parent_end: Option<String>,
    /// The event that a child receives when its parent leaves the state that it was in.
    pub on_parent_move: Option<String>,
    /// The event that a child receives, with what it is now, when the server of its parent has another address or port.
    pub on_server_move: Option<String>,
    /// Business hours.
    pub calendars: BTreeMap<String, Calendar>,
    /// Who may act.
    pub roles: BTreeMap<String, Role>,
    /// What a case can hold.
    pub fields: BTreeMap<String, Field>,
    /// Reusable clocks.
    pub clocks: BTreeMap<String, ClockRule>,
    /// Where a case can be, in the order of the file.
    pub states: Vec<State>,
    /// Rules that hold in many states.
    pub anywhere: Vec<Rule>,
    /// Process lists.
    pub progress: Vec<Progress>,
    /// The file it was read from.
    pub file: String,
    initial_place: Place,
    hash: String,
    index: BTreeMap<String, usize>,
    anywhere_at: Vec<Vec<usize>>,
}

impl Definition {
    /// The events that a child receives because of its parent.
    pub(crate) fn told_by_parent(&self) -> impl Iterator<Item = &String> {
        [&self.on_second, &self.on_parent_end, &self.on_parent_move, &self.on_server_move].into_iter().flatten()
    }

    /// The state of that name.
    pub fn state(&self, id: &str) -> Option<&State> {
        self.index.get(id).and_then(|index| self.states.get(*index))
    }

    /// What can happen in a state: its own rules first, then those that hold anywhere, unless its own rule for the same
    /// event wins.
    pub fn rules_at(&self, state: &str) -> Vec<&Rule> {
        self.rules(state).collect()
    }

    /// A rule for this event, in whatever state; for what is the same everywhere: its label.
    pub fn rule_named(&self, event: &str) -> Option<&Rule> {
        self.all_rules().map(|(_, rule)| rule).find(|rule| rule.event == event)
    }

    /// Whether a role may fire this event in some state.
    pub fn is_ever_open_to(&self, event: &str, role: &str) -> bool {
        self.all_rules().any(|(_, rule)| rule.event == event && rule.by.contains(role))
    }

    /// Everything that some rule for this event asks or accepts.
    pub fn questions_of(&self, event: &str) -> BTreeSet<&str> {
        let rules = self.all_rules().map(|(_, rule)| rule).filter(|rule| rule.event == event);
        rules.flat_map(Rule::questions).map(String::as_str).collect()
    }

    /// The same without a list.
    pub(crate) fn rules<'a>(&'a self, state: &str) -> impl Iterator<Item = &'a Rule> + use<'a> {
        let index = self.index.get(state).copied();
        let own = index.and_then(|index| self.states.get(index)).map_or(&[][..], |state| state.rules.as_slice());
        let anywhere = index.and_then(|index| self.anywhere_at.get(index)).map_or(&[][..], Vec::as_slice);
        own.iter().chain(anywhere.iter().filter_map(|index| self.anywhere.get(*index)))
    }

    /// SHA-256 over everything but wording, labels and coverage marks, as hexadecimal digits.
    pub fn hash(&self) -> String {
        self.hash.clone()
    }

    /// Whose clock runs while a role is awaited.
    pub fn side_of(&self, role: &str) -> Option<Side> {
        self.roles.get(role).map(|role| role.side)
    }

    /// What a role may do with a case as it stands, in the order of [`Self::rules_at`].
    pub fn offers(&self, case: &CaseState, role: &str) -> Vec<&Rule> {
        self.rules(&case.state).filter(|rule| rule.by.contains(role)).collect()
    }

    /// Every order of the definition with the state it stands in (none for anywhere-rules).
    pub(crate) fn orders(&self) -> impl Iterator<Item = (Option<&State>, &Order)> {
        let of_states = self.states.iter().flat_map(|state| {
            let of_rules = state.rules.iter().flat_map(Rule::all_orders);
            state.enter.iter().chain(of_rules).map(move |order| (Some(state), order))
        });
        of_states.chain(self.anywhere.iter().flat_map(Rule::all_orders).map(|order| (None, order)))
    }

    /// Every rule once, with the state it stands in (none for anywhere-rules).
    pub(crate) fn all_rules(&self) -> impl Iterator<Item = (Option<&State>, &Rule)> {
        let own = self.states.iter().flat_map(|state| state.rules.iter().map(move |rule| (Some(state), rule)));
        own.chain(self.anywhere.iter().map(|rule| (None, rule)))
    }

    /// Computes what is looked up by every event: states by name, anywhere-rules by state.
    fn connect(&mut self) {
        self.index = self.states.iter().enumerate().map(|(index, state)| (state.id.clone(), index)).collect();
        self.anywhere_at = self.states.iter().map(|state| anywhere_rules(&self.anywhere, state)).collect();
    }
}

impl Rule {
    /// Orders of the rule and of all its branches.
    pub(crate) fn all_orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().chain(self.branches.iter().flat_map(|branch| &branch.orders))
    }

    /// Guards of the rule and of all its branches.
    pub(crate) fn guards(&self) -> impl Iterator<Item = &Guard> {
        let own = self.condition.iter().map(|condition| &condition.guard);
        own.chain(self.branches.iter().filter_map(|branch| branch.guard.as_ref()))
    }

    /// Questions of the rule, required ones first.
    pub(crate) fn questions(&self) -> impl Iterator<Item = &String> {
        self.ask.iter().chain(&self.may)
    }

    /// Whether the machine alone fires it.
    pub(crate) fn machine_only(&self, definition: &Definition) -> bool {
        self.by.iter().all(|role| definition.side_of(role) == Some(Side::Machine))
    }
}

fn anywhere_rules(rules: &[Rule], state: &State) -> Vec<usize> {
    let own: BTreeSet<&str> = state.rules.iter().map(|rule| rule.event.as_str()).collect();
    let holds = |rule: &Rule| {
        rule.phases.contains(&state.phase)
            && !rule.except.contains(&state.id)
            && !own.contains(rule.event.as_str())
            && (rule.owners.is_empty() || state.owner.as_ref().is_some_and(|owner| rule.owners.contains(owner)))
    };
    let open = state.kind != StateKind::Terminal;
    rules.iter().enumerate().filter(|(_, rule)| open && holds(rule)).map(|(index, _)| index).collect()
}
