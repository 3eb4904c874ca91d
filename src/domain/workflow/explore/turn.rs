//! W27: wherever a case can be, somebody has the turn and can use it.

use crate::domain::workflow::Definition;
use crate::domain::workflow::model::{Rule, Side, State, StateKind, Target};

/// What is wrong with a state in which exactly these rules are accepted with some answer; none where somebody can act.
///
/// A working state needs an act of its owner that leads on (a note leads nowhere, and withdrawing is no work), or the answer
/// of the machine to what the way in ordered. A waiting room needs the end of its clock: people may never come.
pub(super) fn fault(definition: &Definition, state: &State, accepted: &[&Rule]) -> Option<String> {
    let is_machine = |role: &String| definition.side_of(role) == Some(Side::Machine);
    let hears = |event: &str| accepted.iter().any(|rule| rule.event == event && rule.by.iter().any(is_machine));
    let owner = state.owner.as_deref().unwrap_or_default();
    let id = &state.id;
    match state.kind {
        StateKind::Terminal => None,
        StateKind::Normal | StateKind::Ongoing => {
            let answered = state.enter.iter().filter_map(|order| order.verb.answers()).any(hears);
            let acts = accepted.iter().any(|rule| rule.by.contains(owner) && leads_on(state, rule));
            (!answered && !acts)
                .then(|| format!("the turn is nobody's in {id}: every act of its owner, {owner}, is refused"))
        }
        StateKind::Hold => {
            let clock = state.clock.as_ref().and_then(|clock| definition.clocks.get(clock));
            let ends = clock.and_then(|clock| clock.expire.as_ref()).is_none_or(|expiry| hears(&expiry.event));
            (!ends).then(|| format!("the turn is nobody's in {id}: the end of its clock is refused"))
        }
    }
}

/// Whether a rule is one of the state's own and can take the case on.
pub(in crate::domain::workflow) fn leads_on(state: &State, rule: &Rule) -> bool {
    let is_own = state.rules.iter().any(|own| own.event == rule.event);
    is_own && rule.branches.iter().any(|branch| branch.to != Target::Same)
}
