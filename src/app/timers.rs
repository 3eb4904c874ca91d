//! A clock rings: remind, escalate, or fire an event; once, in the transaction that removes the timer.

use std::sync::Arc;

use super::turn::{Firing, came_too_late, fire};
use super::{App, Error, Secrets, mails};
use crate::domain::actor::Actor;
use crate::domain::workflow::Data;
use crate::store::timers::{self, Kind, Timer};
use crate::store::{Tx, cases};

/// Lets the timer that has been due longest ring; says whether there was one.
///
/// # Errors
/// What the database says.
pub async fn ring(app: &Arc<App>) -> Result<bool, Error> {
    let shared = Arc::clone(app);
    app.db
        .write(move |tx| {
            let app = Arc::clone(&shared);
            Box::pin(async move {
                let Some(timer) = timers::due(tx, app.now()).await? else { return Ok(false) };
                timers::delete(tx, &timer.key).await?;
                act(&app, tx, &timer).await?;
                Ok::<bool, Error>(true)
            })
        })
        .await
}

async fn act(app: &App, tx: &mut Tx, timer: &Timer) -> Result<(), Error> {
    let Some(mut case) = cases::hold_by_id(tx, timer.customer_id, timer.case_id).await? else { return Ok(()) };
    let entered = u64::try_from(timer.entered).unwrap_or_default();
    if entered != case.flow.entered {
        return Ok(());
    }
    let at = app.now();
    match timer.kind {
        Kind::Remind => {
            // After an outage only the newest reminder of a state is sent, not the backlog.
            let later = timers::of_case(tx, case.customer, case.id).await?;
            let is_newest = !later.iter().any(|other| other.kind == Kind::Remind && other.due_at <= at);
            if is_newest {
                mails::nudge(app, tx, &case, &timer.key, ("reminder", &timer.target), at).await?;
            }
        }
        Kind::Due => {}
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
