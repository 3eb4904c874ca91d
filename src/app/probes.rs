//! Tunnel tests of cases: what exactly is tested is taken from records, never from a request; what comes back is kept and
//! fires the case's event.

use std::sync::Arc;

use serde_json::Value as Json;

use super::completion::Task;
use super::firing::{Firing, came_too_late};
use super::turn::fire;
use super::{App, Error, Secrets, chain};
use crate::domain::actor::Actor;
use crate::domain::case::Case;
use crate::domain::mail_settings::Encryption;
use crate::domain::tunnel::Tunnel;
use crate::domain::workflow::{Data, Value};
use crate::probe::message::TestAlert;
use crate::probe::{Entered, FormFault, ProbeRequest, TunnelFacts};
use crate::smtp::report::{Level, Report};
use crate::store::probes::{self, Outcome, Probe};
use crate::store::settings::Settings;
use crate::store::{Tx, cases, settings, tunnels};

/// What a queued test is to do.
///
/// # Errors
/// What the database and the vault say; [`Error::Internal`] where the record does not make a test.
pub async fn request(app: &App, tx: &mut Tx, probe: &Probe) -> Result<ProbeRequest, Error> {
    let missing = |what: &str| Error::Internal(format!("test {} of case {}: {what}", probe.number, probe.case_id));
    let case = cases::by_id(tx, probe.customer_id, probe.case_id).await?.ok_or_else(|| missing("the case is gone"))?;
    let id = case.tunnel.ok_or_else(|| missing("the case has no tunnel"))?;
    let tunnel = tunnels::by_id(tx, case.customer, id).await?.ok_or_else(|| missing("the tunnel is gone"))?;
    let mut entered = Entered {
        host: probe.target_host.clone(),
        port: probe.target_port.to_string(),
        encryption: word(&case),
        level: Some(Level::Reach),
        tls_name: text(&case, "tls_name").or_else(|| text(&case, "smtp_host")),
        ..Entered::default()
    };
    if let Some(id) = probe.settings_id {
        let settings = settings::by_id(tx, case.customer, id).await?.ok_or_else(|| missing("the settings are gone"))?;
        fill(app, tx, &mut entered, &settings).await?;
    }
    finish(app, &tunnel, &entered).map_err(|fault| missing(&format!("{}: {}", fault.field, fault.detail)))
}

/// The test that a full test or a test alert makes of settings.
async fn fill(app: &App, tx: &mut Tx, entered: &mut Entered, settings: &Settings) -> Result<(), Error> {
    entered.level = Some(Level::Full);
    settings.encryption.as_str().clone_into(&mut entered.encryption);
    entered.sender = Some(settings.sender.clone());
    entered.recipients = vec![settings.recipient.clone()];
    entered.tls_name.clone_from(&settings.tls_name);
    if let Some(id) = settings.account_id {
        entered.account = Some(app.vault.get(tx, settings.customer_id, id).await?.expose().to_owned());
    }
    if let Some(id) = settings.password_id {
        entered.password = Some(app.vault.get(tx, settings.customer_id, id).await?);
    }
    Ok(())
}

/// The test alert of settings, with its message.
///
/// # Errors
/// As [`request`].
pub async fn alert_request(app: &App, tx: &mut Tx, task: &Task) -> Result<ProbeRequest, Error> {
    let (case, settings) = (&task.case, &task.settings);
    let missing = |what: String| Error::Internal(format!("test alert of case {}: {what}", case.number));
    let id = case.tunnel.ok_or_else(|| missing("the case has no tunnel".to_owned()))?;
    let tunnel =
        tunnels::by_id(tx, case.customer, id).await?.ok_or_else(|| missing("the tunnel is gone".to_owned()))?;
    let entered = Entered {
        host: settings.address.clone(),
        port: settings.port.to_string(),
        encryption: settings.encryption.as_str().to_owned(),
        level: Some(Level::Full),
        sender: Some(settings.sender.clone()),
        recipients: vec![settings.recipient.clone()],
        tls_name: settings.tls_name.clone(),
        account: task.account.as_ref().map(|account| account.expose().to_owned()),
        password: task.password.clone(),
        ..Entered::default()
    };
    let mut request =
        finish(app, &tunnel, &entered).map_err(|fault| missing(format!("{}: {}", fault.field, fault.detail)))?;
    let message = TestAlert {
        test_id: &alert_id(task),
        sender: &settings.sender,
        recipients: &entered.recipients,
        customer: &case.title,
        date: settings.made_at,
    };
    request.send = Some(message.build().map_err(|error| missing(chain(&error)))?);
    Ok(request)
}

/// What became of a test alert, in a sentence for the case page.
pub fn alert_evidence(task: &Task, report: &Report) -> String {
    let id = alert_id(task);
    match report.cause {
        None => format!("The server accepted test alert {id} for {}", task.settings.recipient),
        Some(cause) => format!("Test alert {id}: {}", cause.entry().title),
    }
}

/// What a person looks for in the mailbox.
fn alert_id(task: &Task) -> String {
    format!("{}-{}", task.case.number, task.settings.made_at.timestamp())
}

/// What the tunnel's record adds to every test through it.
fn finish(app: &App, tunnel: &Tunnel, entered: &Entered) -> Result<ProbeRequest, FormFault> {
    let mut request = entered.parse()?;
    if app.lab.bind_source.unwrap_or(true) {
        request.source = Some(tunnel.alerting_ip);
    }
    request.device.clone_from(&tunnel.device);
    request.tunnel = TunnelFacts {
        peer_gateway: Some(tunnel.peer_gateway),
        our_selectors: tunnel.our_selectors.clone(),
        peer_selectors: tunnel.peer_selectors.clone(),
        echo: tunnel.inside_gateway,
    };
    request.ca_pem.clone_from(&tunnel.ca_pem);
    request.own.clone_from(&tunnel.our_selectors);
    request.allow.clone_from(&tunnel.peer_selectors);
    request.dial.clone_from(&app.lab.dial);
    Ok(request)
}

/// Takes a report into the case: keeps it, marks the settings it passed with, and fires the event, unless the case has
/// moved on since the test was asked for. A report by others than `owner`, who holds the test, changes nothing.
///
/// # Errors
/// What the database says.
pub async fn take_report(app: &Arc<App>, owner: &str, probe: Probe, report: Report) -> Result<(), Error> {
    let (shared, owner) = (Arc::clone(app), owner.to_owned());
    let report = Arc::new(report);
    app.db
        .write(move |tx| {
            let (app, owner) = (Arc::clone(&shared), owner.clone());
            let (probe, report) = (probe.clone(), Arc::clone(&report));
            Box::pin(async move {
                let at = app.now();
                let json = serde_json::to_value(&*report).map_err(|error| Error::Internal(error.to_string()))?;
                let verdict = json.get("verdict").and_then(Json::as_str).unwrap_or_default().to_owned();
                let outcome =
                    Outcome { verdict: &verdict, cause: report.cause.map(|cause| cause.id()), report: &json, at };
                if !probes::finish(tx, &probe, &owner, &outcome).await? {
                    return Ok(());
                }
                if let Some(id) = probe.settings_id.filter(|_| report.passed()) {
                    settings::set_passed(tx, probe.customer_id, id, probe.id).await?;
                }
                let Some(mut case) = cases::hold_by_id(tx, probe.customer_id, probe.case_id).await? else {
                    return Ok(());
                };
                let firing = Firing {
                    actor: &Actor::Machine,
                    event: &probe.answers,
                    data: answer(&report),
                    secrets: &Secrets::new(),
                    expected_entered: u64::try_from(probe.case_entered).ok(),
                    probe: Some(probe.id),
                    at,
                };
                if came_too_late(fire(&app, tx, &mut case, firing).await)? {
                    tracing::info!(case = case.number, test = probe.number, "a test ended after the case had moved on");
                }
                Ok::<(), Error>(())
            })
        })
        .await
}

/// What the workflow is told.
fn answer(report: &Report) -> Data {
    let mut data = Data::from([("verdict".to_owned(), Value::from(report.workflow_verdict().as_str()))]);
    if let Some(cause) = report.cause {
        data.insert("cause".to_owned(), Value::from(cause.id()));
        data.insert("evidence".to_owned(), Value::from(cause.entry().title));
    }
    if let Some(found) = report.proposal.filter(|found| *found != Encryption::Unknown) {
        data.insert("encryption_found".to_owned(), Value::from(found.as_str()));
    }
    data
}

fn word(case: &Case) -> String {
    text(case, "encryption").unwrap_or_else(|| Encryption::Unknown.as_str().to_owned())
}

fn text(case: &Case, field: &str) -> Option<String> {
    case.flow.data.get(field).and_then(Value::as_text).map(str::to_owned)
}
