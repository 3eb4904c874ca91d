//! What programs are told. A message is thin: it names things and where to read them, so that whoever gets hold of one
//! learns little, and a late one misleads nobody. No secret, no address of a server and no word of a person is in it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value as Json, json};

use crate::app::{App, Error};
use crate::clock::fresh_id;
use crate::domain::alerting_ip::{AlertingIp, IpState};
use crate::domain::case::{Case, WaitingOn};
use crate::domain::id::{CustomerId, EndpointId, EventId, SettingsId, TunnelId};
use crate::domain::webhook::{LONGEST_BODY, Topic};
use crate::store::probes::Probe;
use crate::store::{Tx, cases, deliveries, whitelist};

/// Tells of a case that was opened, and whether it waits for the customer at once.
///
/// # Errors
/// What the database says.
pub(in crate::app) async fn opened(app: &App, tx: &mut Tx, case: &Case, at: DateTime<Utc>) -> Result<(), Error> {
    tell(tx, Topic::CaseCreated, &of_case(app, case), at).await?;
    if case.waiting_on == WaitingOn::Customer {
        tell(tx, Topic::CaseWaitingOnCustomer, &of_case(app, case), at).await?;
    }
    Ok(())
}

/// Tells what an event made of a case: a step that waits for the customer, or the end.
///
/// # Errors
/// What the database says.
pub(in crate::app) async fn moved(
    app: &App,
    tx: &mut Tx,
    (before, case): (&Case, &Case),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let is_asked = case.waiting_on == WaitingOn::Customer
        && (before.waiting_on != WaitingOn::Customer || before.flow.entered != case.flow.entered);
    if is_asked {
        tell(tx, Topic::CaseWaitingOnCustomer, &of_case(app, case), at).await?;
    }
    if before.is_open && !case.is_open {
        tell(tx, Topic::CaseDone, &of_case(app, case), at).await?;
    }
    Ok(())
}

/// Tells of a tunnel test that has ended.
///
/// # Errors
/// What the database says.
pub(in crate::app) async fn tested(
    app: &App,
    tx: &mut Tx,
    probe: &Probe,
    (verdict, cause): (&str, Option<&str>),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(case) = cases::by_id(tx, probe.customer_id, probe.case_id).await? else { return Ok(()) };
    let data = json!({
        "id": probe.id,
        "url": format!("{}/api/v1/cases/{}/tests/{}", app.public_url, case.number, probe.number),
        "number": probe.number,
        "case": case.number,
        "customer_id": case.customer,
        "level": probe.level,
        "verdict": verdict,
        "cause": cause,
    });
    tell(tx, Topic::TestFinished, &data, at).await
}

/// Tells of another version of a tunnel's whitelist. Called once for each unit of work, however many entries it changed.
///
/// # Errors
/// What the database says.
pub(in crate::app) async fn list_changed(
    app: &App,
    tx: &mut Tx,
    tunnel: TunnelId,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(version) = whitelist::version(tx, tunnel).await? else { return Ok(()) };
    let data = json!({
        "id": tunnel,
        "url": format!("{}/api/v1/tunnels/{tunnel}/whitelist.json", app.public_url),
        "customer_id": version.customer_id,
        "version": version.list_version,
    });
    tell(tx, Topic::WhitelistChanged, &data, at).await
}

/// Tells of SMTP settings that came into force in the product.
///
/// # Errors
/// What the database says.
pub(in crate::app) async fn applied(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    settings: SettingsId,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let data = json!({
        "id": settings,
        "url": format!("{}/api/v1/cases/{}", app.public_url, case.number),
        "case": case.number,
        "customer_id": case.customer,
    });
    tell(tx, Topic::SmtpApplied, &data, at).await
}

/// Tells of a published alerting IP that will change, or has changed. These addresses are published, so they may stand in a
/// message.
///
/// # Errors
/// What the database says.
pub(in crate::app) async fn alerting_ip(app: &App, tx: &mut Tx, ip: &AlertingIp) -> Result<(), Error> {
    let data = json!({
        "number": ip.number,
        "url": format!("{}/.well-known/alerting-ips.json", app.public_url),
        "cidr": ip.cidr(),
        "state": ip.state,
        "from": ip.from,
        "until": ip.until,
    });
    let topic = if ip.state == IpState::Planned { Topic::AlertingIpPlanned } else { Topic::AlertingIpChanged };
    tell(tx, topic, &data, ip.changed_at).await
}

/// Tells one endpoint something that nothing happened for, to see whether it arrives.
///
/// # Errors
/// What the database says.
pub(super) async fn ping(app: &App, tx: &mut Tx, endpoint: EndpointId, at: DateTime<Utc>) -> Result<EventId, Error> {
    let id = EventId::new(fresh_id());
    let data = json!({"id": endpoint, "url": format!("{}/api/v1/webhooks/{endpoint}", app.public_url)});
    deliveries::tell_one(tx, (endpoint, id), Topic::Ping, &body(Topic::Ping, &data, at)?, at).await?;
    Ok(id)
}

async fn tell(tx: &mut Tx, topic: Topic, data: &Json, at: DateTime<Utc>) -> Result<(), Error> {
    Ok(deliveries::tell(tx, EventId::new(fresh_id()), topic, &body(topic, data, at)?, at).await?)
}

fn body(topic: Topic, data: &Json, at: DateTime<Utc>) -> Result<String, Error> {
    let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let text = json!({"type": topic, "timestamp": at, "data": data}).to_string();
    if text.len() > LONGEST_BODY {
        return Err(Error::Internal(format!("a message about {topic} has {} bytes", text.len())));
    }
    Ok(text)
}

fn of_case(app: &App, case: &Case) -> Json {
    let customer: CustomerId = case.customer;
    json!({
        "id": case.id,
        "url": format!("{}/api/v1/cases/{}", app.public_url, case.number),
        "number": case.number,
        "customer_id": customer,
        "workflow": case.workflow.id,
        "state": case.flow.state,
        "waiting_on": case.waiting_on,
        "is_open": case.is_open,
        "outcome": case.outcome,
        "revision": case.revision,
    })
}
