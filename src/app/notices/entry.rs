//! The calendar entry of a notice, read off its case: the same for whoever asks, as often as somebody asks.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::{PLANNED, WORKFLOW};
use crate::app::{App, Error, cases, facts, mails};
use crate::domain::actor::Person;
use crate::domain::case::Case;
use crate::domain::notice::{Entry, Status};
use crate::store::Tx;
use crate::store::log::{self, Row};

/// Events that change what the entry says: the date, and that it is confirmed.
const CHANGES: [&str; 3] = ["change_date", "confirm_notice", "called_back"];
/// Mails that carry the entry.
const CARRIERS: [&str; 7] = [
    "ip-change-notice-all",
    "ip-change-confirmed",
    "ip-change-ready",
    "ip-change-not-yet",
    "ip-change-moved",
    "ip-change-cancelled",
    "ip-change-rejected",
];

/// The entry of a notice.
///
/// # Errors
/// [`Error::NotFound`] where the person may not see the case, or it has no planned time.
pub async fn entry(app: &App, person: &Person, number: i64) -> Result<Entry, Error> {
    let mut tx = app.db.read().await?;
    let case = cases::visible(&mut tx, person, number).await?;
    of_case(app, &mut tx, &case).await?.ok_or(Error::NotFound)
}

/// Whether a case is a notice with a planned time.
pub fn has_entry(case: &Case) -> bool {
    case.workflow.id == WORKFLOW && case.flow.data.contains_key(PLANNED)
}

/// What a mail about a notice carries.
///
/// # Errors
/// What the database says.
pub(in crate::app) async fn of_mail(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    template: &str,
) -> Result<Option<Entry>, Error> {
    if CARRIERS.contains(&template) { of_case(app, tx, case).await } else { Ok(None) }
}

async fn of_case(app: &App, tx: &mut Tx, case: &Case) -> Result<Option<Entry>, Error> {
    let planned = facts::text(case, PLANNED).ok().and_then(|text| text.parse().ok());
    let Some(at) = planned.filter(|_| case.workflow.id == WORKFLOW) else { return Ok(None) };
    let log = log::entries(tx, case.customer, case.id).await?;
    let status = status(app, case)?;
    let changes: Vec<&Row> =
        log.iter().filter(|row| event(row).is_some_and(|event| CHANGES.contains(&event.as_str()))).collect();
    let is_cancelled = status == Status::Cancelled;
    let changed_at = if is_cancelled { case.closed_at } else { changes.last().and_then(|row| instant(row)) };
    Ok(Some(Entry {
        uid: format!("{}@{}", case.id, mails::domain(app)),
        sequence: u32::try_from(changes.len()).unwrap_or(u32::MAX).saturating_add(u32::from(is_cancelled)),
        changed_at: changed_at.unwrap_or(case.opened_at),
        at,
        zone: facts::text(case, "effective_zone").ok(),
        from: facts::text(case, "former_ip")?,
        to: facts::text(case, "smtp_ip")?,
        url: format!("{}/cases/{}", app.public_url, case.number),
        status,
    }))
}

fn status(app: &App, case: &Case) -> Result<Status, Error> {
    let is_first = app.workflows.of(&case.workflow)?.initial == case.flow.state;
    // A confirmed move to the other side goes on in the main case; one that was given up there was none to the other side.
    let is_other_side = case.flow.data.get("smtp_location") != case.flow.data.get("new_location");
    Ok(match (case.is_open, case.outcome.as_deref()) {
        (true, _) if is_first => Status::Tentative,
        (true, _) | (false, Some("address_changed")) => Status::Confirmed,
        (false, Some("handed_back")) if is_other_side => Status::Confirmed,
        (false, _) => Status::Cancelled,
    })
}

fn event(row: &Row) -> Option<String> {
    let body: Json = serde_json::from_str(&row.body).ok()?;
    body.get("event").and_then(Json::as_str).map(str::to_owned)
}

fn instant(row: &Row) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(row.at_us)
}
