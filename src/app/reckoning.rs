//! Computes due times again, where an administrator asks for it: each running clock keeps the rule that made its instant,
//! so that what another calendar would make of it can be shown before it is done.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::clocks::{Calendars, Counted};
use super::objectives::{name, set_running, wind};
use super::{App, Error, turn};
use crate::domain::actor::{Actor, Person};
use crate::domain::case::Case;
use crate::domain::id::{CaseId, CustomerId};
use crate::domain::schedule::Span;
use crate::store::timers::{self, Kind};
use crate::store::{Tx, cases, objectives};

/// How many cases are looked up at once.
const PAGE: i64 = 200;
/// The most changes of a list; the count beside it says how many there are.
const MOST_SHOWN: usize = 200;

/// A due time that another calendar moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Number of the case.
    pub number: i64,
    /// What is due: `First answer`, `Reminder`.
    pub what: String,
    /// When it was due.
    pub was: DateTime<Utc>,
    /// When it is.
    pub becomes: DateTime<Utc>,
}

/// What computing again does, or did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reckoned {
    /// How many running clocks were looked at.
    pub seen: usize,
    /// How many of them move.
    pub moved: usize,
    /// The first of those.
    pub shifts: Vec<Shift>,
}

impl Reckoned {
    fn add(&mut self, seen: usize, shifts: Vec<Shift>) {
        self.seen += seen;
        self.moved += shifts.len();
        let room = MOST_SHOWN.saturating_sub(self.shifts.len());
        self.shifts.extend(shifts.into_iter().take(room));
    }
}

/// Shows what computing all due times again would change, and changes nothing.
///
/// # Errors
/// What the database says.
pub async fn rehearse(app: &App) -> Result<Reckoned, Error> {
    let mut reckoned = Reckoned::default();
    let mut tx = app.db.read().await?;
    let mut last = beginning();
    loop {
        let page = timers::next_with_rule(&mut tx, last, PAGE).await?;
        let Some(end) = page.last() else { return Ok(reckoned) };
        last = *end;
        for (customer, id) in page {
            if let Some(mut case) = cases::by_id(&mut tx, customer, id).await? {
                let (seen, shifts) = again(app, &mut tx, &mut case, false).await?;
                reckoned.add(seen, shifts);
            }
        }
    }
}

/// Computes the due times of all running clocks again, a case at a time: an interruption leaves the others as they were,
/// and doing it again finishes them. What is due earlier than this moment rings at once.
///
/// # Errors
/// What the database says.
pub async fn carry_out(app: &Arc<App>, person: Option<&Person>) -> Result<Reckoned, Error> {
    let mut reckoned = Reckoned::default();
    let actor = person.map_or(Actor::Machine, |person| Actor::Person(person.clone()));
    let mut last = beginning();
    loop {
        let page = timers::next_with_rule(&mut app.db.read().await?, last, PAGE).await?;
        let Some(end) = page.last() else {
            app.wake.notify_waiters();
            return Ok(reckoned);
        };
        last = *end;
        for place in page {
            let (seen, shifts) = one(app, place, actor.clone()).await?;
            reckoned.add(seen, shifts);
        }
    }
}

async fn one(app: &Arc<App>, place: (CustomerId, CaseId), actor: Actor) -> Result<(usize, Vec<Shift>), Error> {
    let shared = Arc::clone(app);
    app.db
        .write(move |tx| {
            let (app, actor) = (Arc::clone(&shared), actor.clone());
            Box::pin(async move {
                let Some(mut case) = cases::hold_by_id(tx, place.0, place.1).await? else { return Ok((0, Vec::new())) };
                let (seen, shifts) = again(&app, tx, &mut case, true).await?;
                if !shifts.is_empty() {
                    let detail = json!({"moved": shifts.len(), "internal": true});
                    turn::note(&app, tx, &mut case, &actor, ("reckoned", detail), app.now()).await?;
                }
                Ok::<_, Error>((seen, shifts))
            })
        })
        .await
}

/// Computes the running clocks of a case again; writes them where `is_real`.
async fn again(app: &App, tx: &mut Tx, case: &mut Case, is_real: bool) -> Result<(usize, Vec<Shift>), Error> {
    let definition = app.workflows.of(&case.workflow)?;
    let calendars = Calendars::of(tx, case).await?;
    let (mut seen, mut shifts) = (0, Vec::new());
    let mut shift = |what: String, was: DateTime<Utc>, becomes: DateTime<Utc>| {
        seen += 1;
        if was != becomes {
            shifts.push(Shift { number: case.number, what, was, becomes });
        }
        was != becomes
    };
    let mut step_due_at = case.step_due_at;
    for mut timer in timers::of_case(tx, case.customer, case.id).await? {
        let rule = timer.span.as_deref().and_then(Span::parse).filter(|span| span.is_business());
        let (Some(since), Some(span), None) = (timer.started_at, rule, timer.paused_left_s) else { continue };
        let counted = calendars.of_owner(definition, case, timer.calendar.as_deref());
        let becomes = span.ends(since, TimeDelta::zero(), counted.calendar.as_ref());
        if timer.kind == Kind::Due {
            step_due_at = Some(becomes);
        }
        if shift(words(timer.kind).to_owned(), timer.due_at, becomes) && is_real {
            timers::delete(tx, &timer.key).await?;
            (timer.due_at, timer.calendar_id) = (becomes, counted.id);
            timers::add(tx, &timer).await?;
        }
    }
    let mut owed = objectives::open(tx, (case.customer, case.id)).await?;
    let counted: Counted = calendars.of_promises(definition);
    for promise in &mut owed {
        let rule = Span::parse(&promise.span).filter(|span| span.is_business());
        let (Some(since), Some(span), Some(was), None) = (promise.running_since, rule, promise.due_at, promise.late_at)
        else {
            continue;
        };
        promise.calendar_id = counted.id;
        set_running(promise, (span, &counted), since);
        let becomes = promise.due_at.unwrap_or(was);
        if shift(promise.objective.title().to_owned(), was, becomes) && is_real {
            objectives::replace(tx, promise).await?;
            wind(tx, promise).await?;
        }
    }
    case.step_due_at = step_due_at;
    name(case, &owed);
    Ok((seen, shifts))
}

const fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Remind => "Reminder",
        Kind::Due => "Step",
        Kind::Escalate => "Escalation",
        Kind::Expire => "End of the wait",
        Kind::Objective => "Promise",
    }
}

fn beginning() -> (CustomerId, CaseId) {
    (CustomerId::new(Uuid::nil()), CaseId::new(Uuid::nil()))
}
