//! What a rule comes to: every branch that some answer leads to, and what is wrong where none fits or several do.

use super::Search;
use super::abstraction::{UNSET, View};
use super::prepared::{Prepared, combinations};
use crate::domain::workflow::diagnostic::Code;
use crate::domain::workflow::guard::Expression;
use crate::domain::workflow::model::{Rule, State};

/// What a rule can come to where it reads certain codes.
#[derive(Default)]
pub(super) struct Decision {
    /// Whether some answer is accepted.
    pub(super) accepted: bool,
    /// Each only once.
    pub(super) outcomes: Vec<Outcome>,
}

/// One way in which a rule turns out.
#[derive(PartialEq, Eq)]
pub(super) struct Outcome {
    /// Which branch of the rule.
    pub(super) branch: usize,
    /// The answers as they are carried, by slot.
    pub(super) carried: Vec<(usize, u8)>,
}

impl<'a> Search<'a, '_> {
    /// Everything that a rule can come to, whatever is answered and whichever way the open comparisons go.
    pub(super) fn decide(&mut self, state: &'a State, prepared: &Prepared<'a>, codes: &[u8]) -> Decision {
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
                if let Some(branch) = fitting.first().copied() {
                    let carried = answers.iter().filter_map(|(field, code)| {
                        let slot = self.abstraction.slot(field)?;
                        Some((slot, self.abstraction.carry(slot, *code)))
                    });
                    let outcome = Outcome { branch, carried: carried.collect() };
                    if !decision.outcomes.contains(&outcome) {
                        decision.outcomes.push(outcome);
                    }
                }
            }
        }
        decision
    }

    /// The numbers of the branches that fit where the rule is accepted; none where it is not.
    fn fitting(
        &mut self,
        state: &State,
        rule: &'a Rule,
        codes: &[u8],
        answers: &[(&'a str, u8)],
        assumed: &[(&Expression, bool)],
    ) -> Option<Vec<usize>> {
        let code = |field: &str| {
            let answered = answers.iter().find(|(name, _)| *name == field).map(|(_, code)| *code);
            answered.or_else(|| self.abstraction.slot(field).and_then(|slot| codes.get(slot)).copied()).unwrap_or(UNSET)
        };
        let view = View { abstraction: self.abstraction, codes: &code, assumed };
        let accepted = rule.condition.as_ref().map_or(Ok(true), |condition| view.holds(condition.guard.expression()));
        let chosen = accepted.and_then(|accepted| {
            let mut fitting = Vec::new();
            for (number, branch) in rule.branches.iter().enumerate().filter(|_| accepted) {
                if branch.guard.as_ref().map_or(Ok(true), |guard| view.holds(guard.expression()))? {
                    fitting.push(number);
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
