//! What firing a rule needs to know of it, gathered once for all configurations.

use std::collections::BTreeSet;

use super::abstraction::{Abstraction, UNSET, undecided};
use crate::domain::workflow::guard::Expression;
use crate::domain::workflow::model::Rule;

/// A rule with the ways in which it can turn out.
pub(super) struct Prepared<'a> {
    pub(super) rule: &'a Rule,
    /// Comparisons that go both ways.
    pub(super) open: Vec<&'a Expression>,
    pub(super) questions: Vec<Question<'a>>,
}

/// A question whose answer can make a difference.
pub(super) struct Question<'a> {
    field: &'a str,
    slot: Option<usize>,
    choices: Vec<u8>,
    optional: bool,
}

impl<'a> Prepared<'a> {
    pub(super) fn of(abstraction: &Abstraction<'a>, rule: &'a Rule) -> Self {
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
        let questions = questions.filter(|question| question.slot.is_some() || read.contains(question.field)).collect();
        Self { rule, open, questions }
    }
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
