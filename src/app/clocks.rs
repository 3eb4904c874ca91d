//! Keeps the timers of a case in step with what the engine decided about its clock, in the calendar of the side whose
//! turn it is. Each timer keeps the rule that made its instant.

use chrono::{DateTime, TimeDelta, Utc};

use super::Error;
use crate::domain::calendar::{Calendar, Named};
use crate::domain::case::Case;
use crate::domain::id::CalendarId;
use crate::domain::schedule::Span;
use crate::domain::workflow::{CaseState, ClockRule, Definition, Due, Effect, Side};
use crate::store::timers::{self, Kind, Timer};
use crate::store::{Tx, calendars};

/// The due time of a case in which nothing is due: behind everything else in a list.
pub(super) fn never() -> DateTime<Utc> {
    DateTime::<Utc>::MAX_UTC.min(DateTime::from_timestamp(253_370_764_800, 0).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

/// The calendars on record that a case's clocks are counted in.
pub(super) struct Calendars {
    vendor: Option<Named>,
    customer: Option<Named>,
}

impl Calendars {
    /// The vendor's, and the customer's own where it has one.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn of(tx: &mut Tx, case: &Case) -> Result<Self, Error> {
        let vendor = calendars::of_vendor(tx).await?;
        Ok(Self { customer: calendars::of_customer(tx, case.customer).await?, vendor })
    }

    /// The one of a side; a customer without one is measured by the vendor's.
    fn of_side(&self, side: Option<Side>) -> Option<&Named> {
        match side {
            Some(Side::Customer) => self.customer.as_ref().or(self.vendor.as_ref()),
            Some(Side::Vendor | Side::Machine) | None => self.vendor.as_ref(),
        }
    }

    /// What a span of a clock is counted in for whoever owns the case's state: the calendar on record or, where there is
    /// none, the one that the definition brings along.
    pub(super) fn of_owner(&self, definition: &Definition, case: &Case, name: Option<&str>) -> Counted {
        let side = case.owner_role.as_deref().and_then(|owner| definition.side_of(owner));
        match (self.of_side(side), name) {
            (Some(named), Some(_)) => Counted { id: Some(named.id), calendar: Some(named.calendar.clone()) },
            (None, Some(name)) => Counted { id: None, calendar: definition.calendars.get(name).map(Calendar::from) },
            (_, None) => Counted { id: None, calendar: None },
        }
    }

    /// What promises are counted in: the vendor's calendar or, where there is none, the definition's.
    pub(super) fn of_promises(&self, definition: &Definition) -> Counted {
        match &self.vendor {
            Some(named) => Counted { id: Some(named.id), calendar: Some(named.calendar.clone()) },
            None => Counted { id: None, calendar: definition.calendars.values().next().map(Calendar::from) },
        }
    }
}

/// A calendar, and which one on record it is.
pub(super) struct Counted {
    /// None for one that the definition brings along.
    pub(super) id: Option<CalendarId>,
    /// None where spans pass by the wall clock.
    pub(super) calendar: Option<Calendar>,
}

impl Counted {
    /// The calendar on record with this identifier or, without one, the definition's of this name.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn again(
        tx: &mut Tx,
        definition: &Definition,
        (id, name): (Option<CalendarId>, Option<&str>),
    ) -> Result<Self, Error> {
        let on_record = match id {
            Some(id) => calendars::by_id(tx, id).await?.map(|named| named.calendar),
            None => None,
        };
        let given = || name.and_then(|name| definition.calendars.get(name)).map(Calendar::from);
        Ok(Self { id, calendar: on_record.or_else(given) })
    }
}

/// Starts, pauses, resumes and ends timers as the effects say, and sets when the case's step is due.
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
                case.step_due_at = None;
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

/// The timers of the case's states; those of its promises have a life of their own.
async fn of_states(tx: &mut Tx, case: &Case) -> Result<Vec<Timer>, Error> {
    let all = timers::of_case(tx, case.customer, case.id).await?;
    Ok(all.into_iter().filter(|timer| timer.kind != Kind::Objective).collect())
}

async fn start(
    tx: &mut Tx,
    definition: &Definition,
    case: &mut Case,
    clock: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    // A clock that was set aside stays aside; one that runs ends here.
    for timer in of_states(tx, case).await? {
        if timer.paused_left_s.is_none() {
            timers::delete(tx, &timer.key).await?;
        }
    }
    let rule =
        definition.clocks.get(clock).ok_or_else(|| Error::Internal(format!("the definition has no clock {clock}")))?;
    let counted = Calendars::of(tx, case).await?.of_owner(definition, case, rule.calendar.as_deref());
    for (index, (kind, target, due)) in rings(rule, &owner(case)).into_iter().enumerate() {
        let span = match due {
            Due::After(delay) => Some(Span::Rule(delay)),
            Due::At(_) => None,
        };
        let due_at = falls_due(case, &due, at, &counted);
        if kind == Kind::Due {
            case.step_due_at = Some(due_at);
        }
        let is_business = span.is_some_and(Span::is_business);
        let entered = stored(case.flow.entered);
        let timer = Timer {
            key: format!("{}.{entered}.{kind}.{index}", case.id),
            customer_id: case.customer,
            case_id: case.id,
            entered,
            kind,
            target,
            calendar: rule.calendar.clone().filter(|_| is_business),
            due_at,
            paused_left_s: None,
            started_at: span.map(|_| at),
            span: span.map(|span| span.to_string()),
            calendar_id: counted.id.filter(|_| is_business),
        };
        timers::add(tx, &timer).await?;
    }
    Ok(())
}

/// Starts the clock of the case's state, as the case's definition has it, as if it had begun at that instant.
///
/// # Errors
/// What the database says; [`Error::Internal`] for a clock that the definition does not hold.
pub(super) async fn begin(
    tx: &mut Tx,
    definition: &Definition,
    case: &mut Case,
    began: DateTime<Utc>,
) -> Result<(), Error> {
    match definition.state(&case.flow.state).and_then(|state| state.clock.as_deref()) {
        Some(clock) => start(tx, definition, case, clock, began).await,
        None => Ok(()),
    }
}

/// When the step of a case would be due, if the clock of its state had begun at that instant.
///
/// # Errors
/// What the database says.
pub(super) async fn due_from(
    tx: &mut Tx,
    definition: &Definition,
    case: &Case,
    began: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    let clock = definition.state(&case.flow.state).and_then(|state| state.clock.as_ref());
    let Some(rule) = clock.and_then(|clock| definition.clocks.get(clock)) else { return Ok(None) };
    let counted = Calendars::of(tx, case).await?.of_owner(definition, case, rule.calendar.as_deref());
    Ok(Some(falls_due(case, &rule.due, began, &counted)))
}

/// When the running clock of a case began; none where it rings at an instant that somebody named.
///
/// # Errors
/// What the database says.
pub(super) async fn began(tx: &mut Tx, case: &Case) -> Result<Option<DateTime<Utc>>, Error> {
    let running = of_states(tx, case).await?.into_iter().filter(|timer| timer.paused_left_s.is_none());
    Ok(running.filter_map(|timer| timer.started_at).min())
}

fn falls_due(case: &Case, due: &Due, began: DateTime<Utc>, counted: &Counted) -> DateTime<Utc> {
    match due {
        Due::After(delay) => Span::Rule(*delay).ends(began, TimeDelta::zero(), counted.calendar.as_ref()),
        Due::At(field) => named_instant(case, field),
    }
}

/// Everything that a clock does, with whom or what it concerns.
fn rings(rule: &ClockRule, owner: &str) -> Vec<(Kind, String, Due)> {
    let mut rings = vec![(Kind::Due, owner.to_owned(), rule.due.clone())];
    rings.extend(rule.remind.iter().map(|delay| (Kind::Remind, owner.to_owned(), Due::After(*delay))));
    rings.extend(rule.escalate.iter().map(|step| (Kind::Escalate, step.to.clone(), Due::After(step.after))));
    rings.extend(rule.expire.as_ref().map(|expiry| (Kind::Expire, expiry.event.clone(), expiry.when.clone())));
    rings
}

/// Sets the running timers aside with what is left of each, counted in its own kind of time.
async fn pause(
    tx: &mut Tx,
    definition: &Definition,
    case: &mut Case,
    before: &CaseState,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    for mut timer in of_states(tx, case).await? {
        timers::delete(tx, &timer.key).await?;
        if timer.paused_left_s.is_some() || timer.entered != stored(before.entered) {
            continue;
        }
        let counted = Counted::again(tx, definition, (timer.calendar_id, timer.calendar.as_deref())).await?;
        let rule = Span::Left { seconds: 0, is_business: counted.calendar.is_some() };
        let left = rule.passed(at, timer.due_at, counted.calendar.as_ref());
        timer.paused_left_s = Some(left.num_seconds());
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
    case.step_due_at = has_clock.then_some(at);
    for (index, mut timer) in of_states(tx, case).await?.into_iter().enumerate() {
        timers::delete(tx, &timer.key).await?;
        let Some(seconds) = timer.paused_left_s.take() else { continue };
        let counted = Counted::again(tx, definition, (timer.calendar_id, timer.calendar.as_deref())).await?;
        let span = Span::Left { seconds, is_business: counted.calendar.is_some() };
        timer.due_at = span.ends(at, TimeDelta::zero(), counted.calendar.as_ref());
        timer.started_at = Some(at);
        timer.span = Some(span.to_string());
        timer.entered = entered;
        timer.key = format!("{}.{entered}.{}.{index}", case.id, timer.kind);
        if timer.kind == Kind::Due {
            case.step_due_at = Some(timer.due_at);
        }
        timers::add(tx, &timer).await?;
    }
    Ok(())
}

fn owner(case: &Case) -> String {
    case.owner_role.clone().unwrap_or_default()
}

/// The instant that a field of the case holds.
fn named_instant(case: &Case, field: &str) -> DateTime<Utc> {
    let text = case.flow.data.get(field).and_then(|value| value.as_text());
    text.and_then(|text| text.parse().ok()).unwrap_or_else(never)
}

fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
