//! W11: remind < due <= escalate < expire; an expiry that its state hears; nobody escalated to himself.

use super::FileFindings;
use crate::domain::workflow::Definition;
use crate::domain::workflow::diagnostic::Code;
use crate::domain::workflow::model::{ClockRule, Delay, DelayUnit, Due, Side, State};

pub(super) fn check(definition: &Definition, found: &mut FileFindings<'_>) {
    for (name, clock) in &definition.clocks {
        order(name, clock, found);
    }
    for state in &definition.states {
        if let Some((name, clock)) = state.clock.as_ref().and_then(|name| definition.clocks.get_key_value(name)) {
            use_of(definition, state, name, clock, found);
        }
    }
}

fn order(name: &str, clock: &ClockRule, found: &mut FileFindings<'_>) {
    let mut fault = |message: String| found.error(Code::W11, clock.place, format!("the clock {name} {message}"));
    let business = |delay: &Delay| matches!(delay.unit, DelayUnit::BusinessHours | DelayUnit::BusinessDays);
    let expire = clock.expire.as_ref().map(|expiry| &expiry.when);
    let mut delays: Vec<&Delay> =
        clock.remind.iter().chain(clock.escalate.iter().map(|escalation| &escalation.after)).collect();
    for due in [Some(&clock.due), expire].into_iter().flatten() {
        if let Due::After(delay) = due {
            delays.push(delay);
        }
    }
    if let Some(delay) = delays.iter().find(|delay| business(delay) && clock.calendar.is_none()) {
        fault(format!("counts {delay} in business time without a calendar"));
    }
    if let Some(delay) = clock.remind_before.iter().find(|delay| business(delay)) {
        fault(format!("reminds {delay} before it is due: that passes by the wall clock, in m, h or d"));
    }
    if !clock.remind_before.is_empty() && matches!(clock.due, Due::After(_)) {
        fault("reminds before an instant, but `due_at` names none".to_owned());
    }
    let Due::After(due) = &clock.due else { return };
    for remind in clock.remind.iter().filter(|remind| nominal(remind) >= nominal(due)) {
        fault(format!("reminds at {remind}, not before it is due at {due}"));
    }
    for escalation in clock.escalate.iter().filter(|escalation| nominal(&escalation.after) < nominal(due)) {
        fault(format!("escalates at {}, before it is due at {due}", escalation.after));
    }
    if let Some(Due::After(end)) = expire {
        for escalation in clock.escalate.iter().filter(|escalation| longest(&escalation.after) >= shortest(end)) {
            fault(format!("expires at {end}, possibly before it escalates at {}", escalation.after));
        }
    }
}

fn use_of(definition: &Definition, state: &State, name: &str, clock: &ClockRule, found: &mut FileFindings<'_>) {
    let mut fault = |message: String| found.error(Code::W11, state.place, format!("{}: {message}", state.id));
    if let Some(owner) = &state.owner {
        let vendor = definition.side_of(owner) == Some(Side::Vendor);
        let last = clock.escalate.len().saturating_sub(1);
        for (index, escalation) in clock.escalate.iter().enumerate().filter(|(_, escalation)| escalation.to == *owner) {
            if !vendor || index == last {
                fault(format!("the clock {name} escalates at {} to the owner himself, {owner}", escalation.after));
            }
        }
    }
    if let Some(expiry) = &clock.expire {
        let by_machine = |role: &String| definition.side_of(role) == Some(Side::Machine);
        let mut heard = definition.rules(&state.id).filter(|rule| rule.event == expiry.event);
        if !heard.any(|rule| rule.by.iter().any(by_machine)) {
            fault(format!("the clock {name} expires with {}, which the machine cannot fire here", expiry.event));
        }
    }
}

/// Minutes for comparing delays of one kind: a business day counts as a day, a business hour as a third of eight.
fn nominal(delay: &Delay) -> u32 {
    delay.amount
        * match delay.unit {
            DelayUnit::Minutes => 1,
            DelayUnit::Hours => 60,
            DelayUnit::Days | DelayUnit::BusinessDays => 1_440,
            DelayUnit::BusinessHours => 180,
        }
}

/// The shortest wall time that a delay can mean, in minutes.
fn shortest(delay: &Delay) -> u32 {
    delay.amount
        * match delay.unit {
            DelayUnit::Minutes => 1,
            DelayUnit::Hours | DelayUnit::BusinessHours => 60,
            DelayUnit::Days | DelayUnit::BusinessDays => 1_440,
        }
}

/// The longest wall time that a delay can mean over a weekend and a holiday, in minutes.
fn longest(delay: &Delay) -> u32 {
    const WEEKEND_AND_HOLIDAY: u32 = 4_320;
    match delay.unit {
        DelayUnit::Minutes | DelayUnit::Hours | DelayUnit::Days => shortest(delay),
        DelayUnit::BusinessHours => delay.amount * 180 + WEEKEND_AND_HOLIDAY,
        DelayUnit::BusinessDays => delay.amount * 1_440 * 7 / 5 + WEEKEND_AND_HOLIDAY,
    }
}
