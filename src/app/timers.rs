//! A clock rings: remind, escalate, or fire an event; once, in the transaction that removes the timer.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;

use super::firing::{Firing, came_too_late};
use super::turn::fire;
use super::{App, Error, Secrets, mails, objectives};
use crate::domain::actor::Actor;
use crate::domain::workflow::Data;
use crate::store::timers::{self, Kind, Timer};
use crate::store::{Tx, cases};

/// How long a timer waits whose case could not be worked on.
const PUT_OFF: TimeDelta = TimeDelta::hours(1);

/// Lets the timer that has been due longest ring; says whether there was one. One that cannot ring is put off, so that it
/// does not hold up those behind it.
///
/// # Errors
/// What the database says.
pub async fn ring(app: &Arc<App>) -> Result<bool, Error> {
    let (shared, rung) = (Arc::clone(app), Arc::new(Mutex::new(None)));
    let note = Arc::clone(&rung);
    let outcome = app
        .db
        .write(move |tx| {
            let (app, note) = (Arc::clone(&shared), Arc::clone(&note));
            Box::pin(async move {
                let Some(timer) = timers::due(tx, app.now()).await? else { return Ok(false) };
                *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(timer.clone());
                timers::delete(tx, &timer.key).await?;
                act(&app, tx, &timer).await?;
                Ok::<bool, Error>(true)
            })
        })
        .await;
    let timer = rung.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (outcome, timer) {
        (Err(error), Some(timer)) if !matches!(error, Error::Store(_)) => {
            tracing::error!(key = timer.key, %error, "a clock could not ring and is put off");
            put_off(app, timer).await?;
            Ok(true)
        }
        (outcome, _) => outcome,
    }
}

async fn put_off(app: &Arc<App>, mut timer: Timer) -> Result<(), Error> {
    timer.due_at = app.now() + PUT_OFF;
    app.db
        .write(move |tx| {
            let timer = timer.clone();
            Box::pin(async move {
                if timers::delete(tx, &timer.key).await? {
                    timers::add(tx, &timer).await?;
                }
                Ok::<(), Error>(())
            })
        })
        .await
}

async fn act(app: &App, tx: &mut Tx, timer: &Timer) -> Result<(), Error> {
    let Some(mut case) = cases::hold_by_id(tx, timer.customer_id, timer.case_id).await? else { return Ok(()) };
    if timer.kind == Kind::Objective {
        return objectives::ring(app, tx, &mut case, timer, app.now()).await;
    }
    let entered = u64::try_from(timer.entered).unwrap_or_default();
    if entered != case.flow.entered {
        return Ok(());
    }
    let at = app.now();
    match timer.kind {
        Kind::Remind => {
            // After an outage only the newest reminder of a state is sent, not the backlog.
            let later = timers::of_case(tx, case.customer, case.id).await?;
            let rings_too =
                |other: &Timer| other.kind == Kind::Remind && other.paused_left_s.is_none() && other.due_at <= at;
            let is_newest = !later.iter().any(rings_too);
            if is_newest {
                mails::nudge(app, tx, &case, &timer.key, ("reminder", &timer.target), at).await?;
            }
        }
        Kind::Due | Kind::Objective => {}
        Kind::Escalate => mails::nudge(app, tx, &case, &timer.key, ("escalation", &timer.target), at).await?,
        Kind::Expire => {
            let firing = Firing {
                actor: &Actor::Machine,
                event: &timer.target,
                data: Data::new(),
                secrets: &Secrets::new(),
                expected_entered: Some(entered),
                probe: None,
                at,
            };
            if came_too_late(fire(app, tx, &mut case, firing).await)? {
                tracing::warn!(
                    case = case.number,
                    event = timer.target,
                    "a clock ran out with an event that its state does not know"
                );
            }
        }
    }
    Ok(())
}
