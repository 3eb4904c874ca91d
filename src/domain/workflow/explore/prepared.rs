//! What firing a rule needs to know of it, gathered once for all configurations.

use std::collections::{BTreeMap, BTreeSet};

use super::abstraction::{Abstraction, UNSET, undecided};
use super::step::{Way, ways};
use crate::domain::workflow::Definition;
use crate::domain::workflow::guard::Expression;
use crate::domain::workflow::model::{Rule, State};

/// A rule with the ways in which it can turn out.
pub(super) struct Prepared<'a> {
    pub(super) rule: &'a Rule,
    pub(super) ways: Vec<Way<'a>>,
    /// Comparisons that go both ways.
    pub(super) open: Vec<&'a Expression>,
    pub(super) questions: Vec<Question<'a>>,
    /// Whether the machine takes this step without a person and without a clock that makes it wait.
    pub(super) by_machine_alone: bool,
    /// Slots on which it depends what the rule comes to.
    slots: Vec<usize>,
}

/// A question whose answer can make a difference.
pub(super) struct Question<'a> {
    field: &'a str,
    slot: Option<usize>,
    choices: Vec<u8>,
    optional: bool,
}

impl<'a> Prepared<'a> {
    pub(super) fn of(
        abstraction: &Abstraction<'a>,
        package: &BTreeMap<String, Definition>,
        (definition, state): (&'a Definition, &State),
        rule: &'a Rule,
    ) -> Self {
        let mut open = Vec::new();
        rule.guards().for_each(|guard| undecided(abstraction, guard.expression(), &mut open));
        let read: BTreeSet<&str> =
            rule.guards().flat_map(|guard| guard.reads().into_iter().chain(guard.asks_known())).collect();
        let questions = rule.questions().map(String::as_str).enumerate().map(|(index, field)| Question {
            field,
            slot: abstraction.slot(field),
            choices: abstraction.choices(field),
            optional: index >= rule.ask.len(),
        });
        let questions: Vec<Question<'_>> =
            questions.filter(|question| question.slot.is_some() || read.contains(question.field)).collect();
        let kept = questions.iter().filter(|question| question.optional).filter_map(|question| question.slot);
        let slots: BTreeSet<usize> = read.into_iter().filter_map(|field| abstraction.slot(field)).chain(kept).collect();
        Self {
            rule,
            ways: ways(abstraction, package, definition, rule),
            open,
            questions,
            by_machine_alone: by_machine_alone(package, definition, state, rule),
            slots: slots.into_iter().collect(),
        }
    }

    /// The codes on which it depends what the rule comes to.
    pub(super) fn read(&self, codes: &[u8]) -> Vec<u8> {
        self.slots.iter().map(|slot| codes.get(*slot).copied().unwrap_or(UNSET)).collect()
    }
}

fn by_machine_alone(
    package: &BTreeMap<String, Definition>,
    definition: &Definition,
    state: &State,
    rule: &Rule,
) -> bool {
    let clock = state.clock.as_ref().and_then(|clock| definition.clocks.get(clock));
    let awaited = clock.and_then(|clock| clock.expire.as_ref()).is_some_and(|expiry| expiry.event == rule.event);
    // A signal comes from a child, where people act.
    let signal = package.values().any(|child| child.signals.contains(&rule.event));
    // So does this one from the parent: its server moves where people move it.
    let followed = definition.on_server_move.as_ref() == Some(&rule.event);
    rule.machine_only(definition) && !awaited && !signal && !followed
}

/// Every combination of answers: an optional one may also be left out, so that the old value stays.
pub(super) fn combinations<'a>(questions: &[Question<'a>], codes: &[u8]) -> Vec<Vec<(&'a str, u8)>> {
    let mut combinations: Vec<Vec<(&'a str, u8)>> = vec![Vec::new()];
    for Question { field, slot, choices, optional } in questions {
        let kept = slot.and_then(|slot| codes.get(slot)).copied().unwrap_or(UNSET);
        let kept = (*optional && !choices.contains(&kept)).then_some(kept);
        combinations = combinations
            .iter()
            .flat_map(|answers| {
                choices.iter().chain(&kept).map(move |code| answers.iter().copied().chain([(*field, *code)]).collect())
            })
            .collect();
    }
    combinations
}
