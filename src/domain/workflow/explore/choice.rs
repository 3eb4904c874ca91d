//! What a rule comes to: every branch that some answer leads to, and what is wrong where none fits or several do.

use super::Search;
use super::abstraction::{UNSET, View};
use super::prepared::{Prepared, combinations};
use crate::domain::workflow::diagnostic::Code;
use crate::domain::workflow::guard::Expression;
use crate::domain::workflow::model::{Branch, Rule, State};

/// What a rule can come to where it reads certain codes.
#[derive(Default)]
pub(super) struct Decision<'a> {
    /// Whether some answer is accepted.
    pub(super) accepted: bool,
    /// Each only once.
    pub(super) outcomes: Vec<Outcome<'a>>,
}

/// One way in which a rule turns out.
pub(super) struct Outcome<'a> {
    pub(super) branch: &'a Branch,
    /// The answers as they are carried, by slot.
    pub(super) carried: Vec<(usize, u8)>,
}

impl<'a> Decision<'a> {
    pub(super) fn add(&mut self, outcome: Outcome<'a>) {
        let is_same =
            |known: &Outcome<'_>| std::ptr::eq(known.branch, outcome.branch) && known.carried == outcome.carried;
        if !self.outcomes.iter().any(is_same) {
            self.outcomes.push(outcome);
        }
    }
}

impl<'a> Search<'a, '_> {
    /// Everything that a rule can come to, whatever is answered and whichever way the open comparisons go.
    pub(super) fn decide(&mut self, state: &'a State, prepared: &Prepared<'a>, codes: &[u8]) -> Decision<'a> {
        let Prepared { rule, open, questions, .. } = prepared;
        let mut decision = Decision::default();
        for answers in combinations(questions, codes) {
            for truths in 0..1_u32 << open.len().min(8) {
                let truth = |bit: usize| truths >> bit & 1 == 1;
                let assumed: Vec<(&Expression, bool)> =
                    open.iter().enumerate().map(|(bit, atom)| (*atom, truth(bit))).collect();
                let Some(fitting) = self.fitting(state, rule, codes, &answers, &assumed) else { continue };
                decision.accepted = true;
                if fitting.len() != 1 {
                    self.judge_choice(state, rule, &answers, fitting.len());
                }
                if let Some(branch) = fitting.first() {
                    let carried = answers.iter().filter_map(|(field, code)| {
                        let slot = self.abstraction.slot(field)?;
                        Some((slot, self.abstraction.carry(slot, *code)))
                    });
                    decision.add(Outcome { branch, carried: carried.collect() });
                }
            }
        }
        decision
    }

    /// The branches that fit where the rule is accepted; none where it is not.
    fn fitting(
        &mut self,
        state: &State,
        rule: &'a Rule,
        codes: &[u8],
        answers: &[(&'a str, u8)],
        assumed: &[(&Expression, bool)],
    ) -> Option<Vec<&'a Branch>> {
        let code = |field: &str| {
            let answered = answers.iter().find(|(name, _)| *name == field).map(|(_, code)| *code);
            answered.or_else(|| self.abstraction.slot(field).and_then(|slot| codes.get(slot)).copied()).unwrap_or(UNSET)
        };
        let view = View { abstraction: self.abstraction, codes: &code, assumed };
        let accepted = rule.condition.as_ref().map_or(Ok(true), |condition| view.holds(condition.guard.expression()));
        let chosen = accepted.and_then(|accepted| {
            let mut fitting = Vec::new();
            for branch in rule.branches.iter().filter(|_| accepted) {
                if branch.guard.as_ref().map_or(Ok(true), |guard| view.holds(guard.expression()))? {
                    fitting.push(branch);
                }
            }
            Ok(accepted.then_some(fitting))
        });
        match chosen {
            Err(field) => {
                let message =
                    format!("a condition of {} in {} reads {field}, which can be unset here", rule.event, state.id);
                self.fault(Code::W12, rule.place, message);
                None
            }
            Ok(fitting) => fitting,
        }
    }

    /// W06 and W07: exactly one branch must fit.
    fn judge_choice(&mut self, state: &State, rule: &Rule, answers: &[(&'a str, u8)], fitting: usize) {
        let shown = answers
            .iter()
            .filter_map(|(field, code)| self.abstraction.value(field, *code).map(|value| format!("{field} = {value}")));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let given = if shown.is_empty() { String::new() } else { format!(" where {shown}") };
        let (code, count) = if fitting == 0 {
            (Code::W06, "no branch fits".to_owned())
        } else {
            (Code::W07, format!("{fitting} branches fit"))
        };
        self.fault(code, rule.place, format!("{} in {}: {count}{given}", rule.event, state.id));
    }
}
