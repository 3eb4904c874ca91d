//! SYSLOG as cases know it. Here are the revisions of settings: made from what a case holds, kept for good, applied only
//! after a test of exactly them. `line` makes the tests, `product` applies.

pub mod line;
pub mod product;

use sqlx::types::Json;

use super::facts::{number, text};
use super::firing::Firing;
use super::{App, Error};
use crate::clock::fresh_id;
use crate::domain::actor::Person;
use crate::domain::case::Case;
use crate::domain::id::SettingsId;
use crate::domain::syslog::{Framing, InputType, Transport};
use crate::domain::workflow::Value;
use crate::store::Tx;
use crate::store::syslog_settings::{self as settings, SyslogSettings};

/// The settings that a test with them is to use: the newest revision where it still equals the case, else another one.
///
/// # Errors
/// What the database says.
pub(super) async fn revise(tx: &mut Tx, case: &Case, firing: &Firing<'_>) -> Result<SettingsId, Error> {
    let fresh = from_case(case, firing)?;
    if let Some(newest) = settings::newest(tx, case.customer, case.id).await?
        && is_same(&newest, &fresh)
    {
        return Ok(newest.id);
    }
    settings::add(tx, &fresh).await?;
    Ok(fresh.id)
}

/// How a case's messages travel.
fn transport(case: &Case) -> Result<(Transport, Option<Framing>), Error> {
    let word = text(case, "transport")?;
    let wrong = |field: &str| Error::Internal(format!("case {}: {field} is no word of ours", case.number));
    let transport = Transport::parse(&word).ok_or_else(|| wrong("transport"))?;
    let framing = match text(case, "framing") {
        Ok(word) => Some(Framing::parse(&word).ok_or_else(|| wrong("framing"))?),
        Err(_unset) => None,
    };
    Ok((transport, framing.filter(|_| transport != Transport::Udp)))
}

fn from_case(case: &Case, firing: &Firing<'_>) -> Result<SyslogSettings, Error> {
    let address = text(case, "syslog_ip")?;
    let (transport, framing) = transport(case)?;
    let word = text(case, "input_type")?;
    let input_type = InputType::parse(&word)
        .ok_or_else(|| Error::Internal(format!("case {}: {word} is no kind of alert", case.number)))?;
    let names = text(case, "health_check_names").unwrap_or_default();
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Ok(SyslogSettings {
        customer_id: case.customer,
        id: SettingsId::new(fresh_id()),
        case_id: case.id,
        tenant_id: case.tenant,
        host: text(case, "syslog_host").unwrap_or_else(|_no_name| address.clone()),
        address,
        port: number(case, "syslog_port")?,
        transport,
        framing,
        tls_name: tls_name(case),
        input_type,
        directories: Json(numbers(case, "directories")),
        threshold: number(case, "threshold")?,
        profiles: Json(numbers(case, "profiles")),
        checkers: Json(numbers(case, "checkers")),
        attack_types: Json(numbers(case, "attack_types")),
        health_checks: Json(names),
        initial_alerts: case.flow.data.get("initial_alerts") == Some(&Value::Bool(true)),
        made_by: firing.actor.person().map(|person| person.id),
        made_at: firing.at,
        passed_probe: None,
        applied_at: None,
        applied_how: None,
        product_id: None,
    })
}

/// The name that the receiver's certificate has to hold, where one is known.
fn tls_name(case: &Case) -> Option<String> {
    text(case, "tls_name").ok().or_else(|| text(case, "syslog_host").ok())
}

fn numbers(case: &Case, field: &str) -> Vec<i64> {
    match case.flow.data.get(field) {
        Some(Value::Numbers(numbers)) => numbers.clone(),
        Some(Value::Bool(_) | Value::Integer(_) | Value::List(_) | Value::Text(_)) | None => Vec::new(),
    }
}

fn is_same(a: &SyslogSettings, b: &SyslogSettings) -> bool {
    let way = |s: &SyslogSettings| (s.port, s.transport, s.framing, s.input_type, s.threshold, s.initial_alerts);
    way(a) == way(b)
        && (&a.host, &a.address, &a.tls_name) == (&b.host, &b.address, &b.tls_name)
        && (&a.directories.0, &a.profiles.0, &a.checkers.0) == (&b.directories.0, &b.profiles.0, &b.checkers.0)
        && (&a.attack_types.0, &a.health_checks.0) == (&b.attack_types.0, &b.health_checks.0)
}

/// The newest revision of a case.
///
/// # Errors
/// [`Error::Internal`] where there is none: the definition asks for settings before anything that uses them.
pub(super) async fn newest(tx: &mut Tx, case: &Case) -> Result<SyslogSettings, Error> {
    settings::newest(tx, case.customer, case.id)
        .await?
        .ok_or_else(|| Error::Internal(format!("case {} has no SYSLOG settings", case.number)))
}

/// The newest revision, which must have passed a test: nothing else is ever applied.
///
/// # Errors
/// [`Error::Internal`] where it has not.
pub(super) async fn to_apply(tx: &mut Tx, case: &Case) -> Result<SyslogSettings, Error> {
    let newest = newest(tx, case).await?;
    if newest.passed_probe.is_none() {
        let text = format!("SYSLOG settings of case {} passed no test and are not applied", case.number);
        return Err(Error::Internal(text));
    }
    Ok(newest)
}

/// Where a person says that the settings were entered by hand, that is what is on record: they could not be read back.
///
/// # Errors
/// What the database says.
pub(super) async fn note_by_hand(
    tx: &mut Tx,
    case: &Case,
    newest: &SyslogSettings,
    firing: &Firing<'_>,
) -> Result<(), Error> {
    let Some(person) = firing.actor.person().filter(|_| firing.event == "applied_by_hand") else { return Ok(()) };
    let how = format!("read-back not possible, confirmed by {}", person.name);
    Ok(settings::set_applied(tx, (case.customer, newest.id), firing.at, (&how, newest.product_id)).await?)
}

/// Every revision of a case, newest first; for the vendor's people.
///
/// # Errors
/// [`Error::Forbidden`] for others; what the database says.
pub async fn revisions(app: &App, person: &Person, case: &Case) -> Result<Vec<SyslogSettings>, Error> {
    if !person.is_staff() {
        return Err(Error::Forbidden("Settings are for the vendor's people"));
    }
    Ok(settings::of_case(&mut app.db.read().await?, case.customer, case.id).await?)
}
