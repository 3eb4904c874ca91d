//! Notices that the IP of a server changes: who gives one and for which server, who confirms it, what calendars hold.
//!
//! The steps themselves are those of the workflow `ip-change`; here stands what it cannot know: people and the time.

mod draft;
mod entry;
mod second;

use chrono::{DateTime, TimeDelta, Utc};

pub use draft::{Draft, Plan, give, is_soon, zone_of};
pub(super) use entry::of_mail;
pub use entry::{entry, has_entry};
pub(super) use second::check;
pub use second::{Asked, asked, verify};

use super::{App, Error};
use crate::domain::actor::Person;
use crate::domain::case::Case;
use crate::domain::id::ServerId;
use crate::domain::workflow::{Data, Value};
use crate::store::cases;
use crate::store::{Tx, tunnels};

/// The child that a notice is.
pub const WORKFLOW: &str = "ip-change";
/// The event of the main case that gives notice.
pub const GIVE: &str = "notify_ip_change";
/// The answer that holds the planned time.
const PLANNED: &str = "effective_at";
/// A plan for longer ahead is a slip of the pen.
const FARTHEST: TimeDelta = TimeDelta::days(366);

/// Judges the planned time of a notice, which the engine cannot: it has no clock.
///
/// # Errors
/// [`Error::Invalid`] for a time that has passed or is more than a year ahead. What is no time at all is left to the engine.
pub(super) fn check_time(data: &Data, at: DateTime<Utc>) -> Result<(), Error> {
    let planned = data.get(PLANNED).and_then(Value::as_text).and_then(|text| text.trim().parse::<DateTime<Utc>>().ok());
    match planned.and_then(|planned| fault_of(planned, at)) {
        Some((code, text)) => Err(Error::field(PLANNED, code, text)),
        None => Ok(()),
    }
}

/// What is wrong with a planned time: its code, and what to do.
fn fault_of(planned: DateTime<Utc>, at: DateTime<Utc>) -> Option<(&'static str, &'static str)> {
    if planned <= at {
        return Some(("past", "This time has passed. Choose a later one, or say that the IP has already changed"));
    }
    (planned > at + FARTHEST).then_some(("too_far", "This is more than a year ahead. Check the year"))
}

/// The case in which a server is in use; the page of its change is made from it.
///
/// # Errors
/// [`Error::NotFound`] where there is none that the person may see: another customer's server is as absent as one that is
/// not there.
pub async fn in_use(app: &App, person: &Person, server: ServerId) -> Result<Case, Error> {
    let mut tx = app.db.read().await?;
    let found = cases::of_server(&mut tx, server).await?;
    let takes_notices = |case: &Case| {
        app.workflows
            .of(&case.workflow)
            .is_ok_and(|definition| definition.rules_at(&case.flow.state).iter().any(|rule| rule.event == GIVE))
    };
    found.into_iter().find(|case| case.is_visible_to(person) && takes_notices(case)).ok_or(Error::NotFound)
}

/// Where the IP of a case's server has changed, its record follows.
///
/// # Errors
/// What the database says.
pub(super) async fn follow_server(tx: &mut Tx, case: &mut Case, at: DateTime<Utc>) -> Result<(), Error> {
    let (Some(id), Ok(address)) = (case.server, super::facts::text(case, case.channel().server().address)) else {
        return Ok(());
    };
    let Some(server) = tunnels::server(tx, case.customer, id).await?.filter(|server| server.address != address) else {
        return Ok(());
    };
    case.server = Some(tunnels::move_server(tx, &tunnels::Server { address, ..server }, at).await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_neither_past_nor_more_than_a_year_ahead() {
        let now: DateTime<Utc> = "2030-01-01T00:00:00Z".parse().unwrap();
        let code = |text: &str| match check_time(&Data::from([(PLANNED.to_owned(), Value::from(text))]), now) {
            Ok(()) => "",
            Err(Error::Invalid(errors)) => errors[0].code,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(code("2030-01-01T00:00:00Z"), "past");
        assert_eq!(code("2030-01-01T01:00:00+01:00"), "past");
        assert_eq!(code("2030-01-01T00:00:01Z"), "");
        assert_eq!(code("2031-02-01T00:00:00Z"), "too_far");
        assert_eq!(code("tomorrow"), "", "the engine says what is wrong with it");
    }
}
