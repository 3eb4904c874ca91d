//! What the graph of configurations says as a whole: unreachable states, traps, loops of the machine.

use std::collections::BTreeSet;

use super::{Configuration, Edge};
use crate::domain::workflow::Definition;
use crate::domain::workflow::diagnostic::{Code, Diagnostic};
use crate::domain::workflow::model::{StateKind, Target};

/// W03, W05 and W16.
pub(super) fn findings(
    definition: &Definition,
    configurations: &[Configuration],
    edges: &[Vec<Edge>],
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let reached: BTreeSet<usize> = configurations.iter().map(|configuration| configuration.state).collect();
    let mut report = |code: Code, state: usize, message: &str| {
        if let Some(state) = definition.states.get(state) {
            found.push(state.place.error(&definition.file, code, format!("{} {message}", state.id)));
        }
    };
    for state in (0..definition.states.len()).filter(|state| !reached.contains(state)) {
        report(Code::W03, state, "is unreachable: no way leads there");
    }
    let states = |indexes: &mut dyn Iterator<Item = usize>| -> BTreeSet<usize> {
        indexes.filter_map(|index| configurations.get(index)).map(|configuration| configuration.state).collect()
    };
    let good = good_ends(definition);
    let saved = leading_to(configurations, edges, |state| good.contains(&state));
    let is_end = |state: usize| definition.states.get(state).is_some_and(|state| state.kind == StateKind::Terminal);
    for state in states(&mut (0..configurations.len()).filter(|index| !saved.contains(index))) {
        if !is_end(state) {
            report(Code::W05, state, "is a trap: only cancellation leads out of it");
        }
    }
    for state in states(&mut machine_loops(edges).into_iter()) {
        report(Code::W16, state, "is in a loop without a person or a clock in it");
    }
    found
}

/// States that a case may well end in: ongoing ones, and ends to which a rule of a working state leads. An end that only
/// waiting rooms and anywhere-rules lead to is a cancellation.
fn good_ends(definition: &Definition) -> BTreeSet<usize> {
    let working =
        definition.states.iter().filter(|state| state.kind == StateKind::Normal || state.kind == StateKind::Ongoing);
    let targets: BTreeSet<&str> = working
        .flat_map(|state| &state.rules)
        .flat_map(|rule| &rule.branches)
        .filter_map(|branch| match &branch.to {
            Target::State(id) => Some(id.as_str()),
            Target::Same | Target::Previous => None,
        })
        .collect();
    let good = definition.states.iter().enumerate().filter(|(_, state)| match state.kind {
        StateKind::Ongoing => true,
        StateKind::Terminal => targets.contains(state.id.as_str()),
        StateKind::Normal | StateKind::Hold => false,
    });
    good.map(|(index, _)| index).collect()
}

/// Configurations from which a wanted state can be reached.
fn leading_to(
    configurations: &[Configuration],
    edges: &[Vec<Edge>],
    wanted: impl Fn(usize) -> bool,
) -> BTreeSet<usize> {
    let mut sources: Vec<Vec<usize>> = configurations.iter().map(|_| Vec::new()).collect();
    for (from, outgoing) in edges.iter().enumerate() {
        for edge in outgoing {
            if let Some(sources) = sources.get_mut(edge.to) {
                sources.push(from);
            }
        }
    }
    let goals = configurations.iter().enumerate().filter(|(_, configuration)| wanted(configuration.state));
    let mut todo: Vec<usize> = goals.map(|(index, _)| index).collect();
    let mut found: BTreeSet<usize> = todo.iter().copied().collect();
    while let Some(index) = todo.pop() {
        for source in sources.get(index).into_iter().flatten() {
            if found.insert(*source) {
                todo.push(*source);
            }
        }
    }
    found
}

/// Configurations on loops of machine steps: what remains when those without a way in or a way out are taken away.
fn machine_loops(edges: &[Vec<Edge>]) -> BTreeSet<usize> {
    let mut pairs: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (from, outgoing) in edges.iter().enumerate() {
        pairs.extend(outgoing.iter().filter(|edge| edge.machine).map(|edge| (from, edge.to)));
    }
    loop {
        let sources: BTreeSet<usize> = pairs.iter().map(|(from, _)| *from).collect();
        let targets: BTreeSet<usize> = pairs.iter().map(|(_, to)| *to).collect();
        let before = pairs.len();
        pairs.retain(|(from, to)| targets.contains(from) && sources.contains(to));
        if pairs.len() == before {
            return pairs.into_iter().map(|(from, _)| from).collect();
        }
    }
}
