//! Watching servers in use: rounds on a schedule, what they find, and what people decide about it.
//!
//! `rounds` begins and settles rounds, `found` begins and ends the cases that follow from them, `drift` compares what stands
//! in the product, `people` is what pages, API and commands ask for.

mod drift;
mod found;
mod people;
mod rounds;

use chrono::{DateTime, TimeDelta, Utc};

pub use drift::Reading;
pub use people::{Seen, list, now, of_case, of_server, pause, set_resolver, take_over};
pub(super) use people::{TAKE_OVER, refuse_typed};
pub(super) use rounds::settle;
pub use rounds::{begin_due, due};

use super::{App, Error};
use crate::domain::actor::Role;
use crate::domain::case::Case;
use crate::store::{Tx, watches};

/// The event by which watching tells a case of trouble; a server is watched in the states that hear it.
pub const FOUND: &str = "watch_found";
/// How long rounds and their tests are kept.
const KEEP_ROUNDS: TimeDelta = TimeDelta::days(90);
/// The first round after a change of state waits so long, so that it does not meet the change half done.
const SETTLING: TimeDelta = TimeDelta::minutes(1);

/// Whether the server of a case is in use where the case stands.
fn is_watched(app: &App, case: &Case) -> Result<bool, Error> {
    let definition = app.workflows.of(&case.workflow)?;
    let hears = definition.rules_at(&case.flow.state).into_iter().any(|rule| rule.event == FOUND);
    Ok(hears && case.is_open && case.tunnel.is_some())
}

/// Begins or ends watching where an event has led a case into a state or out of it.
///
/// # Errors
/// What the database says.
pub(super) async fn keep(app: &App, tx: &mut Tx, case: &Case, from: &str, at: DateTime<Utc>) -> Result<(), Error> {
    if from == case.flow.state || case.parent.is_some() {
        return Ok(());
    }
    let key = (case.customer, case.id);
    if is_watched(app, case)? {
        watches::begin(tx, key, at + SETTLING.min(app.watch_interval)).await?;
    } else {
        watches::end(tx, key).await?;
    }
    Ok(())
}

/// Forgets rounds that ended long ago.
///
/// # Errors
/// What the database says.
pub(super) async fn forget_old(tx: &mut Tx, at: DateTime<Utc>) -> Result<(), Error> {
    Ok(watches::forget_before(tx, at - KEEP_ROUNDS).await?)
}

/// Who may pause watching and set what it asks: those who work the queue.
const STAFF: [Role; 3] = [Role::Support, Role::Network, Role::Lead];
