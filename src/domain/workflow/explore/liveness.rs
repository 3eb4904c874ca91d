//! Which carried fields still matter in a state: what nothing reads any more is forgotten, so that the search ends soon.

use super::abstraction::{Abstraction, UNSET, brought_along, read_on_entry};
use crate::domain::workflow::Definition;
use crate::domain::workflow::model::{Branch, Rule, StateKind, Target};

/// For each state by position: which slots matter there.
pub(super) struct Liveness {
    slots: Vec<Vec<bool>>,
}

impl Liveness {
    pub(super) fn of(definition: &Definition, abstraction: &Abstraction<'_>) -> Self {
        let width = abstraction.carried.len();
        let mut live = Self { slots: definition.states.iter().map(|_| vec![false; width]).collect() };
        for (position, state) in definition.states.iter().enumerate() {
            live.mark(position, abstraction, read_on_entry(definition, state));
            for rule in definition.rules(&state.id) {
                live.mark(position, abstraction, brought_along(rule));
                live.mark(position, abstraction, rule.all_orders().flat_map(|order| order.verb.reads()));
            }
        }
        while live.spread(definition, abstraction) {}
        live
    }

    /// Takes away what matters neither in a state nor in the one to which a waiting room leads back.
    pub(super) fn forget(&self, codes: &mut [u8], state: usize, previous: Option<usize>) {
        let back = previous.and_then(|previous| self.slots.get(previous));
        let Some(here) = self.slots.get(state) else { return };
        for (slot, (code, matters)) in codes.iter_mut().zip(here).enumerate() {
            if !*matters && back.is_none_or(|back| back.get(slot) != Some(&true)) {
                *code = UNSET;
            }
        }
    }

    fn mark<'a>(&mut self, state: usize, abstraction: &Abstraction<'_>, fields: impl IntoIterator<Item = &'a str>) {
        for slot in fields.into_iter().filter_map(|field| abstraction.slot(field)) {
            if let Some(live) = self.slots.get_mut(state).and_then(|slots| slots.get_mut(slot)) {
                *live = true;
            }
        }
    }

    /// One round of carrying needs backwards along the rules; whether anything changed.
    fn spread(&mut self, definition: &Definition, abstraction: &Abstraction<'_>) -> bool {
        let mut changed = false;
        for (position, state) in
            definition.states.iter().enumerate().filter(|(_, state)| state.kind != StateKind::Terminal)
        {
            for rule in definition.rules(&state.id) {
                for branch in &rule.branches {
                    let Target::State(id) = &branch.to else { continue };
                    let Some(target) = definition.states.iter().position(|state| state.id == *id) else { continue };
                    let needed = self.slots.get(target).cloned().unwrap_or_default();
                    for slot in (0..needed.len()).filter(|slot| needed.get(*slot) == Some(&true)) {
                        if overwritten(abstraction, rule, branch, slot) {
                            continue;
                        }
                        if let Some(live) = self.slots.get_mut(position).and_then(|slots| slots.get_mut(slot)) {
                            changed |= !*live;
                            *live = true;
                        }
                    }
                }
            }
        }
        changed
    }
}

/// Whether a rule gives the field a new value on this way, so that the old one does not matter.
fn overwritten(abstraction: &Abstraction<'_>, rule: &Rule, branch: &Branch, slot: usize) -> bool {
    let Some(name) = abstraction.carried.get(slot) else { return false };
    let mut orders = rule.orders.iter().chain(&branch.orders);
    let ordered = orders.any(|order| order.verb.assigns().is_some_and(|(field, _)| field == *name));
    ordered || rule.ask.iter().any(|asked| asked == name)
}
