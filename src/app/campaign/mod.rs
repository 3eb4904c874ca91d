//! A change of an alerting IP: announced, moved, called off, gone on with. What a person decides stands here; `sweep` carries
//! it to every server in batches, and `board` shows how far they have come.

pub mod board;
mod ending;
pub mod sweep;

pub use ending::{go_on, go_on_with_tunnel, withdraw};

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::alerting_ips::{Keeper, change, end, instant, refused};
use super::{App, Error, FieldError};
use crate::domain::actor::{Person, Role};
use crate::domain::alerting_ip::campaign::{CampaignState, WORKFLOW, judge_dates};
use crate::domain::alerting_ip::{AlertingIp, IpAct, IpState};
use crate::domain::case::Case;
use crate::domain::id::PersonId;
use crate::domain::workflow::fields::control_char;
use crate::domain::workflow::{Data, Refusal, Value};
use crate::store::alerting_campaigns::{self as rows, Campaign};
use crate::store::{StoreError, Tx, alerting_ips as addresses};
use crate::views::instant as instant_in_words;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 2000;

/// The address that a case of a change is tested from; none for every other case.
pub(super) fn source(case: &Case) -> Option<IpAddr> {
    if case.workflow.id != WORKFLOW {
        return None;
    }
    case.flow.data.get("new_ip").and_then(Value::as_text).and_then(|text| text.parse().ok())
}

/// The server of a case as the cases of a change name it, whatever its alerts travel as.
pub(super) fn server_of(case: &Case) -> Data {
    let fields = case.channel().server();
    [("smtp_ip", fields.address), ("smtp_port", fields.port), ("smtp_host", fields.host)]
        .into_iter()
        .filter_map(|(ours, theirs)| Some((ours.to_owned(), case.flow.data.get(theirs)?.clone())))
        .collect()
}

/// The server of a case after an event, where that has given it another address or port.
pub(super) fn moved_server(before: &Case, case: &Case) -> Option<Data> {
    let (former, server) = (server_of(before), server_of(case));
    let place = ["smtp_ip", "smtp_port"];
    let is_known = place.iter().all(|field| server.contains_key(*field));
    (is_known && place.iter().any(|field| server.get(*field) != former.get(*field))).then_some(server)
}

/// A lead: only leads decide about changes.
///
/// # Errors
/// [`Error::Forbidden`] for everybody else.
pub fn require_lead(person: &Person) -> Result<(), Error> {
    if person.is(Role::Lead) { Ok(()) } else { Err(Error::Forbidden("Changes of an alerting IP are for leads")) }
}

/// A change as somebody wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Number of the address that ends.
    pub old: String,
    /// Number of the address that takes its place.
    pub new: String,
    /// When alerts begin to come from the new one.
    pub effective: String,
    /// Until when the former one is honoured.
    pub until: String,
    /// Why it cannot be announced in time; empty for an ordinary change.
    pub emergency: String,
}

fn reason(field: &'static str, text: &str, errors: &mut Vec<FieldError>) -> String {
    let text = text.trim().to_owned();
    if text.chars().count() > LONGEST_REASON {
        errors.push(FieldError::new(field, "too_long", format!("Use {LONGEST_REASON} characters at most")));
    }
    // It becomes an answer in the case of every server, which would refuse it one by one.
    if let Some(advice) = control_char(&text) {
        errors.push(FieldError::new(field, "control_char", advice));
    }
    text
}

/// Reads the two dates; the second one is empty where the former address ends on the first day of the new one.
fn dates(
    (effective, until): (&str, &str),
    emergency: &str,
    now: DateTime<Utc>,
    errors: &mut Vec<FieldError>,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let effective = match effective.trim() {
        // An emergency may begin at once.
        "" if !emergency.is_empty() => Ok(now),
        text => instant("effective", text),
    };
    let effective = effective.map_err(|error| errors.push(error)).ok();
    let until = match until.trim() {
        "" => effective,
        text => end("until", text).map_err(|error| errors.push(error)).ok(),
    };
    let both = effective.zip(until)?;
    if let Err(faults) = judge_dates(now, both, Some(emergency)) {
        errors.extend(faults.into_iter().map(|(field, text)| FieldError::new(field, "no_date", text)));
    }
    Some(both)
}

/// Announces a change: the new address is planned for its first day, and every server behind a tunnel that names the former
/// one gets a case.
///
/// # Errors
/// [`Error::Invalid`] names every part that needs another look; [`Error::Forbidden`].
pub async fn open(app: &Arc<App>, lead: &Person, draft: &Draft) -> Result<Campaign, Error> {
    require_lead(lead)?;
    let now = app.now();
    let mut errors = Vec::new();
    let emergency = reason("emergency", &draft.emergency, &mut errors);
    let both = dates((&draft.effective, &draft.until), &emergency, now, &mut errors);
    let mut number = |field: &'static str, text: &str, advice: &str| {
        let read: Option<i64> = text.trim().parse().ok();
        if read.is_none() {
            errors.push(FieldError::new(field, "missing", advice));
        }
        read
    };
    let old = number("old", &draft.old, "Choose the alerting IP that ends");
    let new = number("new", &draft.new, "Choose the alerting IP that takes its place");
    let (Some(both), Some(old), Some(new), true) = (both, old, new, errors.is_empty()) else {
        return Err(Error::Invalid(errors));
    };
    let by = lead.id;
    let shared = Arc::clone(app);
    let campaign = app
        .db
        .write(move |tx| {
            let app = Arc::clone(&shared);
            let emergency = Some(emergency.clone()).filter(|reason| !reason.is_empty());
            Box::pin(async move { announce(&app, tx, (old, new), both, emergency, (by, now)).await })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(campaign)
}

async fn announce(
    app: &App,
    tx: &mut Tx,
    (old, new): (i64, i64),
    (effective_at, until_at): (DateTime<Utc>, DateTime<Utc>),
    emergency_reason: Option<String>,
    (by, now): (PersonId, DateTime<Utc>),
) -> Result<Campaign, Error> {
    let (old, new) = addresses_of(tx, (old, new)).await?;
    if old.number == new.number || !old.is_single() || !new.is_single() {
        return Err(Error::field("new", "unknown", "Choose two different addresses, not networks"));
    }
    old.ending().map_err(|error| Error::field("old", "unknown", error.to_string()))?;
    if new.state == IpState::Retired || new.state == IpState::Retiring {
        let text = format!("{} is {}. Choose one that is planned or in use", new.shown(), new.state);
        return Err(Error::field("new", "unknown", text));
    }
    for (field, ip) in [("old", &old), ("new", &new)] {
        if rows::under_way(tx, ip.number).await? > 0 {
            let text = format!("A change of {} is under way. Finish or withdraw it first", ip.shown());
            return Err(Error::field(field, "repeated", text));
        }
    }
    let reason = emergency_reason.clone().unwrap_or_else(|| "Announced".to_owned());
    let campaign = Campaign {
        number: rows::take_number(tx).await?,
        old_ip: old.number,
        new_ip: new.number,
        state: CampaignState::Open,
        effective_at,
        until_at,
        revision: 1,
        emergency_reason,
        override_reason: None,
        override_by: None,
        opened_at: now,
        opened_by: by,
        ended_at: None,
        cursor: 0,
        next_at: Some(now),
    };
    rows::add(tx, &campaign).await.map_err(|error| {
        // Two leads at once: the other one was faster.
        if matches!(error, StoreError::Duplicate(_)) { StoreError::Contended } else { error }
    })?;
    rows::add_dates(tx, &campaign, (&reason, Some(by)), now).await?;
    let replaces = Some(old.number);
    mark(app, tx, (AlertingIp { replaces, ..new }, old), &campaign, (&reason, Some(by)), now).await?;
    Ok(campaign)
}

async fn addresses_of(tx: &mut Tx, (old, new): (i64, i64)) -> Result<(AlertingIp, AlertingIp), Error> {
    let missing = |field: &'static str| Error::field(field, "unknown", "Choose an address of the register");
    let old = addresses::by_number(tx, old).await?.ok_or_else(|| missing("old"))?;
    let new = addresses::by_number(tx, new).await?.ok_or_else(|| missing("new"))?;
    Ok((old, new))
}

/// Both addresses carry the dates of the change, so that the published lists say what customers were told.
async fn mark(
    app: &App,
    tx: &mut Tx,
    (new, old): (AlertingIp, AlertingIp),
    campaign: &Campaign,
    (reason, by): (&str, Option<PersonId>),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let first = campaign.revision == 1;
    let from = if new.state == IpState::Planned { campaign.effective_at } else { new.from };
    let act = if first && new.state == IpState::Planned { IpAct::Planned } else { IpAct::Moved };
    if first || new.from != from {
        change(app, tx, AlertingIp { from, ..new }, (act, Some(reason)), (by, now)).await?;
    }
    let act = if first { IpAct::Ending } else { IpAct::Moved };
    let state = old.ending().map_err(|error| refused(&error))?;
    change(app, tx, AlertingIp { state, until: Some(campaign.until_at), ..old }, (act, Some(reason)), (by, now))
        .await?;
    Ok(())
}

/// Whether the first day of the new address has come, so that tunnels may go over.
fn has_begun(campaign: &Campaign, new: &AlertingIp, now: DateTime<Utc>) -> bool {
    new.state == IpState::Active && campaign.effective_at <= now
}

/// The change that a lead wants to decide about, held.
async fn held(tx: &mut Tx, number: i64) -> Result<Campaign, Error> {
    let campaign = rows::hold(tx, number).await?.ok_or(Error::NotFound)?;
    if campaign.state != CampaignState::Open {
        let text = format!("This change is {}. Nothing is left to decide", campaign.state);
        return Err(Error::Refused(Refusal::Guard(text)));
    }
    Ok(campaign)
}

/// Moves the dates. The former ones stay on record, and every server is told.
///
/// # Errors
/// [`Error::Invalid`]; [`Error::Refused`] for a change that is over; [`Error::Forbidden`]; [`Error::NotFound`].
pub async fn slip(
    app: &Arc<App>,
    lead: &Person,
    number: i64,
    (effective, until, why): (&str, &str, &str),
) -> Result<Campaign, Error> {
    require_known(app, lead, number).await?;
    let now = app.now();
    let mut errors = Vec::new();
    let why = reason("reason", why, &mut errors);
    if why.is_empty() {
        errors.push(FieldError::new("reason", "missing", "Enter why the dates move: everybody is told"));
    }
    let mut given = |text: &str, date: Result<DateTime<Utc>, FieldError>| match text.trim() {
        "" => None,
        _ => date.map_err(|error| errors.push(error)).ok(),
    };
    let effective = given(effective, instant("effective", effective));
    let until = given(until, end("until", until));
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let by = lead.id;
    let shared = Arc::clone(app);
    let moved = app
        .db
        .write(move |tx| {
            let (app, why) = (Arc::clone(&shared), why.clone());
            Box::pin(async move {
                let mut campaign = held(tx, number).await?;
                let (old, new) = addresses_of(tx, (campaign.old_ip, campaign.new_ip)).await?;
                // What was left empty stays as it is.
                let effective_at = effective.unwrap_or(campaign.effective_at);
                let until_at = until.unwrap_or_else(|| campaign.until_at.max(effective_at));
                let is_moved = effective_at != campaign.effective_at;
                if is_moved && campaign.effective_at <= now {
                    let since = instant_in_words(campaign.effective_at);
                    let text = format!("Alerts come from {} since {since}: only the last day can move", new.shown());
                    return Err(Error::field("effective", "no_date", text));
                }
                // Customers were told before, so the reason takes the place of the lead time.
                let first = if is_moved { effective_at } else { effective_at.max(now) };
                if let Err(faults) = judge_dates(now, (first, until_at), Some(&why)) {
                    let fault = |(field, text): (&'static str, String)| FieldError::new(field, "no_date", text);
                    return Err(Error::Invalid(faults.into_iter().map(fault).collect()));
                }
                if (effective_at, until_at) == (campaign.effective_at, campaign.until_at) {
                    return Err(Error::field("effective", "no_date", "These are the dates that everybody knows"));
                }
                campaign = Campaign { effective_at, until_at, revision: campaign.revision + 1, ..campaign };
                (campaign.cursor, campaign.next_at) = (0, Some(now));
                rows::replace(tx, &campaign).await?;
                rows::add_dates(tx, &campaign, (&why, Some(by)), now).await?;
                mark(&app, tx, (new, old), &campaign, (&why, Some(by)), now).await?;
                Ok::<_, Error>(campaign)
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(moved)
}

/// A lead, and a change that is on record: whoever names another one is not told what its form lacks.
async fn require_known(app: &App, lead: &Person, number: i64) -> Result<(), Error> {
    require_lead(lead)?;
    rows::by_number(&mut app.db.read().await?, number).await?.ok_or(Error::NotFound)?;
    Ok(())
}

fn required(field: &'static str, text: &str, advice: &'static str) -> Result<String, Error> {
    let mut errors = Vec::new();
    let text = reason(field, text, &mut errors);
    if text.is_empty() {
        errors.push(FieldError::new(field, "missing", advice));
    }
    if errors.is_empty() { Ok(text) } else { Err(Error::Invalid(errors)) }
}

/// Who keeps the register may also look at changes; so may whoever works the queue.
///
/// # Errors
/// [`Error::Forbidden`].
pub fn require_viewer(person: &Person) -> Result<(), Error> {
    if person.works_queue() || Keeper::person(person).is_ok() {
        return Ok(());
    }
    Err(Error::Forbidden("Changes of an alerting IP are for the vendor's people"))
}
