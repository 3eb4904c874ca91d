//! Orders as the search carries them out: which slots they read and which they set, worked out once for all configurations.

use std::collections::BTreeMap;

use super::abstraction::{Abstraction, UNSET};
use super::gifts;
use crate::domain::workflow::Definition;
use crate::domain::workflow::model::{Branch, Order, Rule, Target, Verb};

/// What an order does to the values.
pub(super) enum Step<'a> {
    /// It reads this field, which must have a value (W12).
    Need { slot: usize, field: &'a str, order: &'a Order },
    /// It gives a field a value, or takes it away.
    Assign { slot: usize, code: u8 },
    /// It begins a child with what the fields hold.
    Spawn(&'a Order),
}

/// A branch with what its rule and it order.
pub(super) struct Way<'a> {
    pub(super) branch: &'a Branch,
    pub(super) steps: Vec<Step<'a>>,
    pub(super) to: Destination,
}

/// Where a branch leads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    Same,
    Previous,
    /// By position.
    State(usize),
}

/// The ways that a rule can go, by branch.
pub(super) fn ways<'a>(
    abstraction: &Abstraction<'a>,
    package: &BTreeMap<String, Definition>,
    definition: &'a Definition,
    rule: &'a Rule,
) -> Vec<Way<'a>> {
    let way = |branch: &'a Branch| Way {
        branch,
        steps: steps(abstraction, package, definition, rule.orders.iter().chain(&branch.orders)),
        to: match &branch.to {
            Target::Same => Destination::Same,
            Target::Previous => Destination::Previous,
            Target::State(id) => definition.index.get(id).copied().map_or(Destination::Same, Destination::State),
        },
    };
    rule.branches.iter().map(way).collect()
}

/// Orders, in the order in which they are carried out.
pub(super) fn steps<'a>(
    abstraction: &Abstraction<'a>,
    package: &BTreeMap<String, Definition>,
    definition: &'a Definition,
    orders: impl Iterator<Item = &'a Order>,
) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    for order in orders {
        let needs = order.verb.reads().into_iter().filter_map(|field| {
            let slot = abstraction.slot(field)?;
            let needed = !gifts::may_be_unset(package, definition, &order.verb, field);
            needed.then_some(Step::Need { slot, field, order })
        });
        steps.extend(needs);
        if let Some((field, value)) = order.verb.assigns()
            && let Some(slot) = abstraction.slot(field)
        {
            let code = value.map_or(UNSET, |value| abstraction.code(field, value));
            steps.push(Step::Assign { slot, code: abstraction.carry(slot, code) });
        }
        if matches!(order.verb, Verb::Spawn { .. }) {
            steps.push(Step::Spawn(order));
        }
    }
    steps
}
