//! W04, W08, W09, W10, W17: every state has a way on, an owner who can act and a clock.

use super::FileFindings;
use crate::domain::workflow::Definition;
use crate::domain::workflow::diagnostic::{Code, Place};
use crate::domain::workflow::model::{Rule, Side, State, StateKind, Target};

pub(super) fn check(definition: &Definition, found: &mut FileFindings<'_>) {
    for state in &definition.states {
        match state.kind {
            StateKind::Terminal => terminal(state, found),
            StateKind::Normal | StateKind::Ongoing | StateKind::Hold => waiting(definition, state, found),
        }
        let heard = |event: &str| heard_from_machine(definition, &state.id, event);
        for order in &state.enter {
            if let Some(event) = order.verb.answers().filter(|event| !heard(event)) {
                unheard(order.place, order.verb.word(), event, &state.id, found);
            }
        }
    }
    for (state, rule) in definition.all_rules() {
        answers(definition, state, rule, found);
        let outside = state.is_none_or(|state| state.kind != StateKind::Hold);
        if outside && rule.branches.iter().any(|branch| branch.to == Target::Previous) {
            found.error(
                Code::W17,
                rule.place,
                format!("{} leads to @previous, but does not stand in a waiting room", rule.event),
            );
        }
    }
}

fn terminal(state: &State, found: &mut FileFindings<'_>) {
    let mut fault = |what: &str| found.error(Code::W17, state.place, format!("{} is an end {what}", state.id));
    if !state.rules.is_empty() {
        fault("with an event");
    }
    if state.clock.is_some() {
        fault("with a clock");
    }
    if state.owner.is_some() {
        fault("with an owner");
    }
    if state.outcome.is_none() {
        fault("without an outcome");
    }
}

fn waiting(definition: &Definition, state: &State, found: &mut FileFindings<'_>) {
    let State { id, place, .. } = state;
    if state.rules.is_empty() {
        found.error(Code::W04, *place, format!("{id} is a dead end: it has no event of its own"));
    }
    match &state.owner {
        None => found.error(Code::W08, *place, format!("{id} has no owner")),
        Some(owner) => {
            let own = || state.rules.iter().any(|rule| rule.by.contains(owner));
            let any = || definition.rules(id).any(|rule| rule.by.contains(owner));
            let may_act = if state.kind == StateKind::Hold { any() } else { own() };
            // A state whose rules are missing altogether is a dead end, which is said already.
            if !may_act && !state.rules.is_empty() {
                found.error(Code::W08, *place, format!("its owner, {owner}, can do nothing in {id}"));
            }
        }
    }
    let clock = state.clock.as_ref().and_then(|clock| definition.clocks.get(clock));
    match clock {
        None => found.error(Code::W10, *place, format!("nobody is reminded of {id}: it has no clock")),
        Some(clock) if state.kind == StateKind::Hold && clock.expire.is_none() => {
            found.error(Code::W17, *place, format!("{id} is a waiting room without an end: its clock does not expire"));
        }
        Some(_) => {}
    }
    if state.outcome.is_some() {
        found.error(Code::W17, *place, format!("{id} names an outcome, but is no end"));
    }
}

/// W09 for what a rule orders: the state it leads to must hear the answer.
fn answers(definition: &Definition, state: Option<&State>, rule: &Rule, found: &mut FileFindings<'_>) {
    for branch in &rule.branches {
        let here = match (&branch.to, state) {
            (Target::State(id), _) => Some(id.as_str()),
            (Target::Same | Target::Previous, state) => state.map(|state| state.id.as_str()),
        };
        for order in rule.orders.iter().chain(&branch.orders) {
            let Some(event) = order.verb.answers() else { continue };
            let heard = here.is_some_and(|state| heard_from_machine(definition, state, event));
            if !heard {
                unheard(order.place, order.verb.word(), event, here.unwrap_or("any state"), found);
            }
        }
    }
}

fn heard_from_machine(definition: &Definition, state: &str, event: &str) -> bool {
    let by_machine = |rule: &&Rule| rule.by.iter().any(|role| definition.side_of(role) == Some(Side::Machine));
    definition.rules(state).filter(by_machine).any(|rule| rule.event == event)
}

fn unheard(place: Place, verb: &str, event: &str, state: &str, found: &mut FileFindings<'_>) {
    found.error(Code::W09, place, format!("`{verb}` is answered by {event}, which the machine cannot fire in {state}"));
}
