//! Keeps the promises of a case in step with what happens in it, and names the one that lists show.

use chrono::{DateTime, TimeDelta, Utc};

use super::clocks::{Calendars, Counted, never};
use super::{App, Error, mails};
use crate::domain::actor::Actor;
use crate::domain::alerting_ip::campaign::WORKFLOW;
use crate::domain::case::{Case, WaitingOn};
use crate::domain::objective::{Objective, Open, Order, Outcome, Targets, Turn, Word, orders};
use crate::domain::schedule::Span;
use crate::domain::workflow::{Definition, Effect, Phase, StateKind};
use crate::store::objectives::{self, Promise};
use crate::store::timers::{self, Kind, Timer};
use crate::store::{Tx, policy};

/// Ends in which nobody got what the case was opened for.
const GIVEN_UP: [&str; 4] = ["cancelled", "unanswered", "withdrawn", "superseded"];
/// A promise is urgent when a quarter of its time is left, and in its last hour at the latest.
const SOON: TimeDelta = TimeDelta::hours(1);

/// Whose turn it is, as promises see it.
pub(super) fn turn_of(definition: &Definition, case: &Case) -> Turn {
    let state = definition.state(&case.flow.state);
    match state.map(|state| (state.kind, state.phase)) {
        Some(_) if !case.queued => Turn::Unseen,
        // What the vendor itself has begun is no request: nobody was promised an answer.
        Some(_) if case.workflow.id == WORKFLOW => Turn::Unseen,
        None => Turn::Unseen,
        Some((StateKind::Ongoing, _)) => Turn::Done,
        // A case that is closed owes nothing more, also while it can still be reopened.
        Some((kind, _)) if kind == StateKind::Terminal || !case.is_open => {
            let is_given_up = case.outcome.as_deref().is_none_or(|outcome| GIVEN_UP.contains(&outcome));
            if is_given_up { Turn::Over } else { Turn::Done }
        }
        // A pause until a date was agreed on with the customer.
        Some((StateKind::Hold, Phase::Waiting)) => Turn::Customer,
        Some((StateKind::Normal | StateKind::Hold | StateKind::Terminal, _)) => match case.waiting_on {
            WaitingOn::Customer => Turn::Customer,
            WaitingOn::Vendor | WaitingOn::Nobody => Turn::Vendor,
        },
    }
}

/// What an act tells the other side: an engineer's counts where the case moves or the customer gets a mail.
pub(super) fn word_of(actor: &Actor, effects: &[Effect]) -> Word {
    let is_seen = effects.iter().any(|effect| match effect {
        Effect::Go { .. } | Effect::CloseCase { .. } => true,
        Effect::Mail { to, .. } => matches!(to.as_str(), "customer" | "contacts" | "others"),
        Effect::Store { .. }
        | Effect::Seal { .. }
        | Effect::Set { .. }
        | Effect::Unset { .. }
        | Effect::Stay { .. }
        | Effect::StartClock { .. }
        | Effect::PauseClock
        | Effect::ResumeClock
        | Effect::StopClock
        | Effect::OpenCase { .. }
        | Effect::Probe { .. }
        | Effect::Whitelist { .. }
        | Effect::Apply { .. }
        | Effect::SendTestAlert { .. }
        | Effect::Spawn { .. }
        | Effect::Signal { .. } => false,
    });
    match actor.person() {
        Some(person) if !person.is_staff() => Word::Customer,
        Some(_) if is_seen => Word::Vendor,
        Some(_) | None => Word::Nobody,
    }
}

/// Starts, keeps, drops, stops and resumes the promises of a case after something happened in it.
///
/// # Errors
/// What the database says.
pub(super) async fn keep(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    (word, before): (Word, Turn),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let definition = app.workflows.of(&case.workflow)?;
    let after = turn_of(definition, case);
    if after == Turn::Unseen {
        case.due_at = case.step_due_at.unwrap_or_else(never);
        return Ok(());
    }
    let place = (case.customer, case.id);
    let mut owed = objectives::open(tx, place).await?;
    let mut last = objectives::last_number(tx, place).await?;
    let has = |objective| owed.iter().any(|promise| promise.objective == objective);
    let open = Open {
        is_known: last > 0,
        first_answer: has(Objective::FirstAnswer),
        next_update: has(Objective::NextUpdate),
        done: has(Objective::Done),
    };
    for order in orders(open, word, before, after) {
        match order {
            Order::Start(objective) => {
                last += 1;
                let promise = make(tx, definition, case, (objective, last), at).await?;
                owed.push(promise);
            }
            Order::Keep(objective) => end(tx, &mut owed, (objective, Outcome::Met), at).await?,
            Order::Drop(objective) => end(tx, &mut owed, (objective, Outcome::Void), at).await?,
            Order::Stop(objective) => {
                for promise in owed.iter_mut().filter(|promise| promise.objective == objective) {
                    stop(tx, definition, promise, at).await?;
                }
            }
            Order::Resume(objective) => {
                for promise in owed.iter_mut().filter(|promise| promise.objective == objective) {
                    run(tx, definition, promise, at).await?;
                }
            }
        }
    }
    name(case, &owed);
    Ok(())
}

/// The promise that is due first is the one that lists show; where none runs, they show when the step is due.
pub(super) fn name(case: &mut Case, owed: &[Promise]) {
    let open = || owed.iter().filter(|promise| promise.ended_at.is_none());
    let first = open().filter_map(|promise| promise.due_at.map(|due| (due, promise))).min_by_key(|(due, _)| *due);
    case.objective = first.map(|(_, promise)| promise.objective);
    case.soon_at = first.and_then(|(_, promise)| promise.soon_at);
    case.due_at = first.map(|(due, _)| due).or(case.step_due_at).unwrap_or_else(never);
    case.escalated_at = open().filter_map(|promise| promise.late_at).min();
}

/// How long the promises of a case may take: by its priority, and by the row of policy that held when it was opened.
///
/// # Errors
/// What the database says.
pub(super) async fn targets(tx: &mut Tx, case: &Case) -> Result<Targets, Error> {
    let row = policy::in_force(tx, case.priority, case.opened_at).await?;
    Ok(row.map_or_else(|| Targets::standard(case.priority), |row| row.targets))
}

async fn make(
    tx: &mut Tx,
    definition: &Definition,
    case: &Case,
    (objective, number): (Objective, i64),
    at: DateTime<Utc>,
) -> Result<Promise, Error> {
    let span = Span::Rule(targets(tx, case).await?.of(objective));
    let mut promise = Promise {
        customer_id: case.customer,
        case_id: case.id,
        number,
        objective,
        span: span.to_string(),
        calendar_id: None,
        started_at: at,
        running_since: None,
        used_s: 0,
        soon_at: None,
        due_at: None,
        late_at: None,
        ended_at: None,
        outcome: None,
        settled_at: None,
    };
    let counted = Calendars::of(tx, case).await?.of_promises(definition);
    promise.calendar_id = counted.id.filter(|_| span.is_business());
    set_running(&mut promise, (span, &counted), at);
    objectives::add(tx, &promise).await?;
    wind(tx, &promise).await?;
    Ok(promise)
}

/// Lets the time of a promise run from an instant on, and says when it will be urgent and due.
pub(super) fn set_running(promise: &mut Promise, (span, counted): (Span, &Counted), since: DateTime<Utc>) {
    let calendar = counted.calendar.as_ref();
    let used = TimeDelta::seconds(promise.used_s);
    let due = span.ends(since, used, calendar);
    let most = span.length(calendar) * 3 / 4;
    let urgent =
        Span::Left { seconds: most.num_seconds(), is_business: span.is_business() }.ends(since, used, calendar);
    promise.running_since = Some(since);
    promise.due_at = Some(due);
    promise.soon_at = Some(urgent.min(due - SOON).max(since));
}

fn span_of(promise: &Promise) -> Result<Span, Error> {
    Span::parse(&promise.span).ok_or_else(|| Error::Internal(format!("{} is no span of a promise", promise.span)))
}

async fn run(tx: &mut Tx, definition: &Definition, promise: &mut Promise, at: DateTime<Utc>) -> Result<(), Error> {
    if promise.running_since.is_some() {
        return Ok(());
    }
    let counted = counted(tx, definition, promise).await?;
    set_running(promise, (span_of(promise)?, &counted), at);
    objectives::replace(tx, promise).await?;
    wind(tx, promise).await
}

async fn stop(tx: &mut Tx, definition: &Definition, promise: &mut Promise, at: DateTime<Utc>) -> Result<(), Error> {
    let Some(since) = promise.running_since else { return Ok(()) };
    let counted = counted(tx, definition, promise).await?;
    promise.used_s += span_of(promise)?.passed(since, at, counted.calendar.as_ref()).num_seconds();
    (promise.running_since, promise.soon_at, promise.due_at) = (None, None, None);
    objectives::replace(tx, promise).await?;
    wind(tx, promise).await
}

/// The calendar that a promise has been counted in from its beginning.
pub(super) async fn counted(tx: &mut Tx, definition: &Definition, promise: &Promise) -> Result<Counted, Error> {
    let given = definition.calendars.keys().next().map(String::as_str);
    Counted::again(tx, definition, (promise.calendar_id, given)).await
}

async fn end(
    tx: &mut Tx,
    owed: &mut Vec<Promise>,
    (objective, outcome): (Objective, Outcome),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    for promise in owed.iter_mut().filter(|promise| promise.objective == objective) {
        // Late is late, also where the worker that notices it was away.
        let is_late = promise.late_at.is_some() || promise.due_at.is_some_and(|due| due < at);
        promise.outcome = Some(if is_late { Outcome::Missed } else { outcome });
        promise.settled_at = promise.settled_at.or(Some(at));
        promise.ended_at = Some(at);
        objectives::replace(tx, promise).await?;
        timers::delete(tx, &key(promise)).await?;
    }
    owed.retain(|promise| promise.ended_at.is_none());
    Ok(())
}

/// Sets the timer that tells a lead; a promise that is late already has told one.
pub(super) async fn wind(tx: &mut Tx, promise: &Promise) -> Result<(), Error> {
    timers::delete(tx, &key(promise)).await?;
    let Some(due_at) = promise.due_at.filter(|_| promise.late_at.is_none()) else { return Ok(()) };
    let timer = Timer {
        key: key(promise),
        customer_id: promise.customer_id,
        case_id: promise.case_id,
        entered: 0,
        kind: Kind::Objective,
        target: promise.number.to_string(),
        calendar: None,
        due_at,
        paused_left_s: None,
        started_at: None,
        span: None,
        calendar_id: None,
    };
    Ok(timers::add(tx, &timer).await?)
}

fn key(promise: &Promise) -> String {
    format!("{}.objective.{}", promise.case_id, promise.number)
}

/// A promise is broken: a lead is told, once, and the queue says so.
///
/// # Errors
/// What the database says.
pub(super) async fn ring(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    timer: &Timer,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let mut owed = objectives::open(tx, (case.customer, case.id)).await?;
    let Some(promise) = owed.iter_mut().find(|promise| promise.number.to_string() == timer.target) else {
        return Ok(());
    };
    if promise.late_at.is_some() || promise.due_at.is_none_or(|due| due > at) {
        return Ok(());
    }
    promise.late_at = Some(at);
    promise.outcome = Some(Outcome::Missed);
    promise.settled_at = Some(at);
    objectives::replace(tx, promise).await?;
    let broken = (promise.objective, promise.due_at.unwrap_or(at));
    mails::broken(app, tx, case, &timer.key, broken, at).await?;
    name(case, &owed);
    let detail = serde_json::json!({"objective": broken.0, "due_at": broken.1, "internal": true});
    super::turn::note(app, tx, case, &Actor::Machine, ("late", detail), at).await
}
