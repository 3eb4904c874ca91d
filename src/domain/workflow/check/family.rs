//! W18, W21, W22, W24: parent and child, procedure, lock and examples.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use crate::domain::workflow::diagnostic::{Code, Place};
use crate::domain::workflow::model::{Order, Phase, Side, StateKind, Store, Target, Verb};
use crate::domain::workflow::package::Package;
use crate::domain::workflow::scenario;
use crate::domain::workflow::{Definition, Kind};

pub(super) fn check(package: &Package, found: &mut Findings) {
    for definition in package.definitions.values() {
        children(definition, package, found);
        obedience(definition, found);
        handed_over(definition, package, found);
    }
    procedure(package, found);
    lock(package, found);
    examples(package, found);
}

/// W18 from the parent's side: what is declared is spawned, with what the child needs, and its signals are heard.
fn children(parent: &Definition, package: &Package, found: &mut Findings) {
    let spawns: Vec<(&Order, &String)> = parent.orders().filter_map(|(_, order)| spawn(order)).collect();
    for child in &parent.children {
        if !spawns.iter().any(|(_, workflow)| *workflow == child) {
            found.add(Place::START.error(
                &parent.file,
                Code::W18,
                format!("the child {child} is declared but never begun"),
            ));
        }
    }
    for (order, workflow) in spawns {
        let Some(child) = package.definitions.get(workflow) else { continue };
        if !parent.children.contains(workflow) {
            let message = format!("the child {workflow} is begun, but `children` does not name it");
            found.add(order.place.error(&parent.file, Code::W18, message));
        }
        gift(parent, child, order, found);
        for state in states_beside(parent, child) {
            signals(parent, child, &state, found);
        }
    }
    let sent: BTreeSet<&String> = parent.orders().filter_map(|(_, order)| Some(signal(order)?.0)).collect();
    for signal in parent.signals.iter().filter(|signal| !sent.contains(signal)) {
        found.add(Place::START.error(
            &parent.file,
            Code::W18,
            format!("the signal {signal} is declared but never sent"),
        ));
    }
}

/// What the parent gives must be what the child takes.
fn gift(parent: &Definition, child: &Definition, order: &Order, found: &mut Findings) {
    let Verb::Spawn { with, secrets, .. } = &order.verb else { return };
    let mut fault = |message: String| found.add(order.place.error(&parent.file, Code::W18, message));
    let missing = |input: &&String| !child.optional_inputs.contains(input) && !with.contains_key(*input);
    for input in child.inputs.iter().filter(missing) {
        fault(format!("the child {} needs {input}, which is not among `with`", child.id));
    }
    for (theirs, ours) in with {
        if !child.inputs.contains(theirs) && !child.optional_inputs.contains(theirs) {
            fault(format!("the child {} takes no {theirs}", child.id));
        }
        if let (Some(ours), Some(theirs_field)) = (parent.fields.get(ours), child.fields.get(theirs))
            && (ours.field_type, &ours.options) != (theirs_field.field_type, &theirs_field.options)
        {
            fault(format!("{theirs} has another type or other options in the child {}", child.id));
        }
    }
    for name in secrets.iter().filter(|name| !in_vault(child, name)) {
        fault(format!("the child {} keeps no {name} in the vault", child.id));
    }
}

/// W13 for a child: what it keeps in the vault is asked for, or a parent hands it over.
fn handed_over(child: &Definition, package: &Package, found: &mut Findings) {
    if child.kind != Kind::Child {
        return;
    }
    let orders = package.definitions.values().flat_map(Definition::orders);
    let given: BTreeSet<&String> = orders
        .filter_map(|(_, order)| {
            let Verb::Spawn { workflow, secrets, .. } = &order.verb else { return None };
            (*workflow == child.id).then_some(secrets)
        })
        .flatten()
        .chain(child.all_rules().flat_map(|(_, rule)| rule.questions()))
        .collect();
    let kept = child.fields.iter().filter(|(_, field)| field.store == Store::Vault);
    for (name, field) in kept.filter(|(name, _)| !given.contains(name)) {
        found.add(field.place.error(&child.file, Code::W13, format!("nothing ever sets {name}")));
    }
}

fn in_vault(definition: &Definition, name: &str) -> bool {
    definition.fields.get(name).is_some_and(|field| field.store == Store::Vault)
}

/// What a child is told by its parent it must hear wherever it is, and not answer: else the two would talk without end.
fn obedience(child: &Definition, found: &mut Findings) {
    let by_machine = |role: &String| child.side_of(role) == Some(Side::Machine);
    if child.kind == Kind::Child && child.on_parent_end.is_none() {
        let message = "a child without `on_parent_end` outlives its parent".to_owned();
        found.add(Place::START.error(&child.file, Code::W18, message));
    }
    let told: BTreeSet<&String> = child.told_by_parent().collect();
    for event in told {
        for state in child.states.iter().filter(|state| state.kind != StateKind::Terminal) {
            let rule = child.rules(&state.id).find(|rule| rule.event == *event && rule.by.iter().any(by_machine));
            let Some(rule) = rule else {
                let message = format!("{} does not hear {event}, which its parent tells it", state.id);
                found.add(state.place.error(&child.file, Code::W18, message));
                continue;
            };
            let targets = rule.branches.iter().filter_map(|branch| match &branch.to {
                Target::State(id) => child.state(id),
                Target::Same | Target::Previous => None,
            });
            let mut orders = rule.all_orders().chain(targets.flat_map(|state| &state.enter));
            if orders.any(|order| signal(order).is_some()) {
                let message = format!("{event} in {} answers what the parent tells with a signal", state.id);
                found.add(rule.place.error(&child.file, Code::W18, message));
            }
        }
    }
}

/// States in which the parent can be while the child lives: that in which it began, and everything that can follow, unless
/// the child ends with the parent's first move.
fn states_beside(parent: &Definition, child: &Definition) -> BTreeSet<String> {
    let begins = parent.orders().filter(|(_, order)| spawn(order).is_some_and(|(_, workflow)| *workflow == child.id));
    let mut todo: Vec<String> = begins.filter_map(|(state, _)| state.map(|state| state.id.clone())).collect();
    let mut beside = BTreeSet::new();
    while let Some(state) = todo.pop() {
        if !beside.insert(state.clone()) || child.on_parent_move.is_some() {
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
    // Where the parent has ended, the child has too.
    let Some(state) = parent.state(state).filter(|state| state.phase != Phase::Closed) else { return };
    for (name, with, secrets) in child.orders().filter_map(|(_, order)| signal(order)) {
        let by_machine = |role: &String| parent.side_of(role) == Some(Side::Machine);
        let rule = parent.rules(&state.id).find(|rule| rule.event == *name && rule.by.iter().any(by_machine));
        match rule {
            None => {
                let message = format!("{} does not hear the signal {name} of a living {}", state.id, child.id);
                found.add(state.place.error(&parent.file, Code::W18, message));
            }
            Some(rule) => {
                for secret in secrets.iter().filter(|name| !in_vault(parent, name) || !rule.may.contains(name)) {
                    let message = format!("{name} brings {secret}, which {} does not keep in the vault", parent.id);
                    found.add(rule.place.error(&parent.file, Code::W18, message));
                }
                for field in rule.ask.iter().filter(|field| !with.contains_key(*field)) {
                    let message = format!("{name} asks for {field}, which the signal of {} does not bring", child.id);
                    found.add(rule.place.error(&parent.file, Code::W18, message));
                }
            }
        }
    }
}

fn spawn(order: &Order) -> Option<(&Order, &String)> {
    if let Verb::Spawn { workflow, .. } = &order.verb { Some((order, workflow)) } else { None }
}

/// The signal with what it brings: fields of the parent, and fields of the vault.
fn signal(order: &Order) -> Option<(&String, &BTreeMap<String, String>, &[String])> {
    if let Verb::Signal { signal, with, secrets } = &order.verb { Some((signal, with, secrets)) } else { None }
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
