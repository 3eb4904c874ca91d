//! Keeps the timers of a case in step with what the engine decided about its clock.

use chrono::{DateTime, TimeDelta, Utc};

use super::Error;
use crate::domain::case::Case;
use crate::domain::schedule;
use crate::domain::workflow::{CaseState, ClockRule, Definition, Delay, Due, Effect};
use crate::store::Tx;
use crate::store::timers::{self, Kind, Timer};

/// The due time of a case whose state has no clock: behind everything else in a list.
fn never() -> DateTime<Utc> {
    DateTime::<Utc>::MAX_UTC.min(DateTime::from_timestamp(253_370_764_800, 0).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

/// Starts, pauses, resumes and ends timers as the effects say, and sets the case's due time.
///
/// # Errors
/// What the database says; [`Error::Internal`] for a clock that the definition does not hold.
pub(super) async fn keep(
    tx: &mut Tx,
    definition: &Definition,
    case: &mut Case,
    before: &CaseState,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), Error> {
    for effect in effects {
        match effect {
            Effect::PauseClock => pause(tx, definition, case, before, at).await?,
            Effect::ResumeClock => resume(tx, definition, case, at).await?,
            Effect::StopClock => {
                timers::delete_of_case(tx, case.customer, case.id).await?;
                case.due_at = never();
            }
            Effect::StartClock { clock } => start(tx, definition, case, clock, at).await?,
            Effect::Store { .. }
            | Effect::Seal { .. }
            | Effect::Set { .. }
            | Effect::Unset { .. }
            | Effect::Go { .. }
            | Effect::Stay { .. }
            | Effect::Mail { .. }
            | Effect::OpenCase { .. }
            | Effect::CloseCase { .. }
            | Effect::Probe { .. }
            | Effect::Whitelist { .. }
            | Effect::Apply { .. }
            | Effect::SendTestAlert { .. }
            | Effect::Spawn { .. }
            | Effect::Signal { .. } => {}
        }
    }
    Ok(())
}

async fn start(
    tx: &mut Tx,
    definition: &Definition,
    case: &mut Case,
    clock: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    // A clock that was set aside stays aside; one that runs ends here.
    for timer in timers::of_case(tx, case.customer, case.id).await? {
        if timer.paused_left_s.is_none() {
            timers::delete(tx, &timer.key).await?;
        }
    }
    let rule =
        definition.clocks.get(clock).ok_or_else(|| Error::Internal(format!("the definition has no clock {clock}")))?;
    let moment = Moment { definition, rule, case, at };
    case.due_at = moment.instant(&rule.due);
    let mut rings = vec![(Kind::Due, owner(case), span(&rule.due), case.due_at)];
    for delay in &rule.remind {
        rings.push((Kind::Remind, owner(case), Some(*delay), moment_after(definition, rule, at, *delay)));
    }
    for step in &rule.escalate {
        rings.push((Kind::Escalate, step.to.clone(), Some(step.after), moment_after(definition, rule, at, step.after)));
    }
    if let Some(expiry) = &rule.expire {
        let when = Moment { definition, rule, case, at }.instant(&expiry.when);
        rings.push((Kind::Expire, expiry.event.clone(), span(&expiry.when), when));
    }
    for (index, (kind, target, delay, due_at)) in rings.into_iter().enumerate() {
        let entered = stored(case.flow.entered);
        let calendar = rule.calendar.clone().filter(|_| delay.is_some_and(schedule::is_business));
        let key = format!("{}.{entered}.{kind}.{index}", case.id);
        let timer = Timer {
            key,
            customer_id: case.customer,
            case_id: case.id,
            entered,
            kind,
            target,
            calendar,
            due_at,
            paused_left_s: None,
        };
        timers::add(tx, &timer).await?;
    }
    Ok(())
}

/// Sets the running timers aside with what is left of each, counted in its own kind of time.
async fn pause(
    tx: &mut Tx,
    definition: &Definition,
    case: &mut Case,
    before: &CaseState,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    for mut timer in timers::of_case(tx, case.customer, case.id).await? {
        timers::delete(tx, &timer.key).await?;
        if timer.paused_left_s.is_some() || timer.entered != stored(before.entered) {
            continue;
        }
        let calendar = timer.calendar.as_deref().and_then(|name| definition.calendars.get(name));
        let left = calendar.map_or(timer.due_at - at, |calendar| schedule::open_between(at, timer.due_at, calendar));
        timer.paused_left_s = Some(left.num_seconds().max(0));
        timer.key = format!("{}.aside", timer.key);
        timers::add(tx, &timer).await?;
    }
    Ok(())
}

/// Lets the timers that were set aside run on, for the state that the case has come back to.
async fn resume(tx: &mut Tx, definition: &Definition, case: &mut Case, at: DateTime<Utc>) -> Result<(), Error> {
    let entered = stored(case.flow.entered);
    let has_clock = definition.state(&case.flow.state).is_some_and(|state| state.clock.is_some());
    // Where the due time is not among what was set aside, it had passed before the case was set aside.
    case.due_at = if has_clock { at } else { never() };
    for (index, mut timer) in timers::of_case(tx, case.customer, case.id).await?.into_iter().enumerate() {
        timers::delete(tx, &timer.key).await?;
        let Some(left) = timer.paused_left_s.take() else { continue };
        let left = TimeDelta::seconds(left);
        let calendar = timer.calendar.as_deref().and_then(|name| definition.calendars.get(name));
        timer.due_at = calendar.map_or(at + left, |calendar| schedule::add_open(at, left, calendar));
        timer.entered = entered;
        timer.key = format!("{}.{entered}.{}.{index}", case.id, timer.kind);
        if timer.kind == Kind::Due {
            case.due_at = timer.due_at;
        }
        timers::add(tx, &timer).await?;
    }
    Ok(())
}

/// The span of an instant that is counted from the entry.
fn span(due: &Due) -> Option<Delay> {
    match due {
        Due::After(delay) => Some(*delay),
        Due::At(_) => None,
    }
}

fn owner(case: &Case) -> String {
    case.owner_role.clone().unwrap_or_default()
}

fn moment_after(definition: &Definition, rule: &ClockRule, at: DateTime<Utc>, delay: Delay) -> DateTime<Utc> {
    let calendar = rule.calendar.as_deref().and_then(|name| definition.calendars.get(name));
    schedule::after(at, delay, calendar)
}

/// What an instant of a clock depends on.
struct Moment<'m> {
    definition: &'m Definition,
    rule: &'m ClockRule,
    case: &'m Case,
    at: DateTime<Utc>,
}

impl Moment<'_> {
    fn instant(&self, due: &Due) -> DateTime<Utc> {
        match due {
            Due::After(delay) => moment_after(self.definition, self.rule, self.at, *delay),
            Due::At(field) => self
                .case
                .flow
                .data
                .get(field)
                .and_then(|value| value.as_text())
                .and_then(|text| text.parse().ok())
                .unwrap_or_else(never),
        }
    }
}

fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
