//! W18, W21, W22, W24: parent and child, procedure, lock and examples.

use std::collections::BTreeSet;

use super::Findings;
use crate::domain::workflow::Definition;
use crate::domain::workflow::diagnostic::{Code, Place};
use crate::domain::workflow::model::{Order, Side, StateKind, Target, Verb};
use crate::domain::workflow::package::Package;
use crate::domain::workflow::scenario;

pub(super) fn check(package: &Package, found: &mut Findings) {
    for definition in package.definitions.values() {
        children(definition, package, found);
    }
    procedure(package, found);
    lock(package, found);
    examples(package, found);
}

/// W18 from the parent's side: what is declared is spawned, with what the child needs, and its signals are heard.
fn children(parent: &Definition, package: &Package, found: &mut Findings) {
    let spawns: Vec<(&Order, &String, &Vec<String>)> = parent.orders().filter_map(|(_, order)| spawn(order)).collect();
    for child in &parent.children {
        if !spawns.iter().any(|(_, workflow, _)| *workflow == child) {
            found.add(Place::START.error(
                &parent.file,
                Code::W18,
                format!("the child {child} is declared but never begun"),
            ));
        }
    }
    for (order, workflow, with) in spawns {
        let Some(child) = package.definitions.get(workflow) else { continue };
        if !parent.children.contains(workflow) {
            let message = format!("the child {workflow} is begun, but `children` does not name it");
            found.add(order.place.error(&parent.file, Code::W18, message));
        }
        gift(parent, child, order, with, found);
        for state in states_beside(parent, workflow) {
            signals(parent, child, &state, found);
        }
    }
    let sent: BTreeSet<&String> = parent.orders().filter_map(|(_, order)| signal(order)).collect();
    for signal in parent.signals.iter().filter(|signal| !sent.contains(signal)) {
        found.add(Place::START.error(
            &parent.file,
            Code::W18,
            format!("the signal {signal} is declared but never sent"),
        ));
    }
}

/// What the parent gives must be what the child takes.
fn gift(parent: &Definition, child: &Definition, order: &Order, with: &[String], found: &mut Findings) {
    let mut fault = |message: String| found.add(order.place.error(&parent.file, Code::W18, message));
    for input in child.inputs.iter().filter(|input| !child.optional_inputs.contains(input) && !with.contains(input)) {
        fault(format!("the child {} needs {input}, which is not among `with`", child.id));
    }
    for name in with {
        if !child.inputs.contains(name) && !child.optional_inputs.contains(name) {
            fault(format!("the child {} takes no {name}", child.id));
        }
        if let (Some(ours), Some(theirs)) = (parent.fields.get(name), child.fields.get(name))
            && (ours.field_type, &ours.options) != (theirs.field_type, &theirs.options)
        {
            fault(format!("{name} has another type or other options in the child {}", child.id));
        }
    }
}

/// States in which the parent can be while the child lives: everything that can follow the state in which it began.
fn states_beside(parent: &Definition, child: &str) -> BTreeSet<String> {
    let begins = parent.orders().filter(|(_, order)| spawn(order).is_some_and(|(_, workflow, _)| workflow == child));
    let mut todo: Vec<String> = begins.filter_map(|(state, _)| state.map(|state| state.id.clone())).collect();
    let mut beside = BTreeSet::new();
    while let Some(state) = todo.pop() {
        if !beside.insert(state.clone()) {
            continue;
        }
        for branch in parent.rules(&state).flat_map(|rule| &rule.branches) {
            if let Target::State(next) = &branch.to {
                todo.push(next.clone());
            }
        }
    }
    beside
}

fn signals(parent: &Definition, child: &Definition, state: &str, found: &mut Findings) {
    let Some(state) = parent.state(state).filter(|state| state.kind != StateKind::Terminal) else { return };
    for (order, with) in
        child.orders().filter_map(|(_, order)| signal(order).map(|signal| (signal, signal_fields(order))))
    {
        let by_machine = |role: &String| parent.side_of(role) == Some(Side::Machine);
        let rule = parent.rules(&state.id).find(|rule| rule.event == *order && rule.by.iter().any(by_machine));
        match rule {
            None => {
                let message = format!("{} does not hear the signal {order} of a living {}", state.id, child.id);
                found.add(state.place.error(&parent.file, Code::W18, message));
            }
            Some(rule) => {
                for field in rule.ask.iter().filter(|field| !with.contains(field)) {
                    let message = format!("{order} asks for {field}, which the signal of {} does not bring", child.id);
                    found.add(rule.place.error(&parent.file, Code::W18, message));
                }
            }
        }
    }
}

fn spawn(order: &Order) -> Option<(&Order, &String, &Vec<String>)> {
    if let Verb::Spawn { workflow, with } = &order.verb { Some((order, workflow, with)) } else { None }
}

fn signal(order: &Order) -> Option<&String> {
    if let Verb::Signal { signal, .. } = &order.verb { Some(signal) } else { None }
}

fn signal_fields(order: &Order) -> Vec<&String> {
    if let Verb::Signal { with, .. } = &order.verb { with.keys().collect() } else { Vec::new() }
}

/// W21.
fn procedure(package: &Package, found: &mut Findings) {
    let mut covered = BTreeSet::new();
    for definition in package.definitions.values() {
        for state in &definition.states {
            covered.extend(state.covers.iter().chain(state.checklist.iter().flat_map(|item| &item.covers)));
        }
        covered.extend(definition.all_rules().flat_map(|(_, rule)| &rule.covers));
    }
    for step in package.procedure.iter().filter(|step| !covered.contains(&step.id)) {
        found.add(step.place.error(
            &step.file,
            Code::W21,
            format!("the step {} is covered by nothing: {}", step.id, step.text),
        ));
    }
}

/// W22.
fn lock(package: &Package, found: &mut Findings) {
    let hash = package.hash();
    if let Some(lock) = package.lock.as_ref().filter(|lock| **lock != hash) {
        let message =
            format!("a published version was edited: {lock} is now {hash}; raise the version and start a new folder");
        found.add(Place::START.error("LOCK", Code::W22, message));
    }
}

/// W24: every example passes and every transition has one.
fn examples(package: &Package, found: &mut Findings) {
    let outcome = scenario::run(package);
    for (file, place, message) in &outcome.failed {
        found.add(place.error(file, Code::W24, format!("the example {message}")));
    }
    for missing in outcome.missing() {
        let Some(definition) = package.definitions.get(&missing.workflow) else { continue };
        let rules = definition.state(&missing.state).into_iter().flat_map(|state| &state.rules);
        let branch =
            rules.filter(|rule| rule.event == missing.event).find_map(|rule| rule.branches.get(missing.branch));
        let place = branch.map_or(Place::START, |branch| branch.place);
        found.add(place.error(&definition.file, Code::W24, format!("no example takes {missing}")));
    }
}
