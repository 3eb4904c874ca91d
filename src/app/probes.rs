//! Tunnel tests of cases: asked for by an event of the workflow or by a person. What exactly is tested is taken from
//! records, never from a request; what comes back is kept and fires the case's event.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use super::approval::{self, Approval};
use super::firing::{Firing, came_too_late};
use super::syslog::line;
use super::turn::{fire, note};
use super::webhooks::events;
use super::{App, Error, Once, Outcome as Answered, Secrets, campaign, facts, watching};
use crate::clock::fresh_id;
use crate::domain::actor::{Actor, Person};
use crate::domain::case::Case;
use crate::domain::cause::WorkflowVerdict;
use crate::domain::channel::Channel;
use crate::domain::id::{ProbeId, SettingsId};
use crate::domain::mail_settings::Encryption;
use crate::domain::tunnel::Tunnel;
use crate::domain::workflow::{Data, ProbeLevel, Refusal, Value};
use crate::probe::look_up::LookUp;
use crate::probe::{Entered, ProbeRequest, TunnelFacts, policy};
use crate::smtp::report::{Level, Report};
use crate::store::probes::{self, Outcome, Probe};
use crate::store::settings::Settings;
use crate::store::{Tx, cases, settings, syslog_settings, tunnels, watches};

/// What a queued test is to do.
///
/// # Errors
/// What the database and the vault say; [`Error::Internal`] where the record does not make a test.
pub async fn request(app: &App, tx: &mut Tx, probe: &Probe) -> Result<ProbeRequest, Error> {
    let missing = |what: &str| Error::Internal(format!("test {} of case {}: {what}", probe.number, probe.case_id));
    let case = cases::by_id(tx, probe.customer_id, probe.case_id).await?.ok_or_else(|| missing("the case is gone"))?;
    let id = case.tunnel.ok_or_else(|| missing("the case has no tunnel"))?;
    let mut tunnel = tunnels::by_id(tx, case.customer, id).await?.ok_or_else(|| missing("the tunnel is gone"))?;
    let case = match campaign::source(&case) {
        None => case,
        // What is tested is the server of the case beside which the change runs, as alerts will come to it.
        Some(source) => {
            tunnel.alerting_ip = source;
            let number = case.parent.ok_or_else(|| missing("the case of the server is gone"))?;
            cases::by_number(tx, number).await?.ok_or_else(|| missing("the case of the server is gone"))?
        }
    };
    if case.channel() == Channel::Syslog {
        return line::of_test(app, tx, (&case, &tunnel), probe).await;
    }
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
    let approval = approval::of(app, tx, &tunnel, (&probe.target_host, probe.target_port)).await?;
    let request = entered.parse().map_err(|fault| missing(&format!("{}: {}", fault.field, fault.detail)))?;
    let mut request = finish(app, &tunnel, approval, request);
    if probe.answers == watches::ANSWERS {
        request.look_up = name_of(tx, &case, &tunnel).await?;
    }
    Ok(request)
}

/// The name of a watched server, to be asked for where the customer asks.
async fn name_of(tx: &mut Tx, case: &Case, tunnel: &Tunnel) -> Result<Option<LookUp>, Error> {
    let Some(name) = text(case, "smtp_host") else { return Ok(None) };
    let server = watches::resolver(tx, tunnel.customer, tunnel.id).await?;
    Ok(Some(LookUp { name, server: server.and_then(|text| text.parse().ok()) }))
}

/// The test that a full test makes of settings.
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

/// What the records add to every test through a tunnel.
pub(super) fn finish(app: &App, tunnel: &Tunnel, approval: Approval, mut request: ProbeRequest) -> ProbeRequest {
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
    request.own = approval.own;
    request.grant = Some(approval.grant);
    request.dial.clone_from(&app.lab.dial);
    request
}

/// Queues a reach test of a case's server because a person wants one, apart from the workflow: its result is kept and
/// moves nothing.
///
/// # Errors
/// [`Error::NotFound`] where the person may not see the case; [`Error::Refused`] where the case has no server that our
/// whitelist approves, is over, or has a test that has not ended; [`Error::TestTooSoon`] where the customer's people have
/// used up their tests for the moment.
pub async fn ask(app: &Arc<App>, person: &Person, number: i64, once: Once) -> Result<Answered<Probe>, Error> {
    let (shared, person) = (Arc::clone(app), person.clone());
    let asked = app
        .db
        .write(move |tx| {
            let (app, person, once) = (Arc::clone(&shared), person.clone(), once.clone());
            Box::pin(async move {
                let case = cases::hold(tx, number).await?;
                let mut case = case.filter(|case| case.is_visible_to(&person)).ok_or(Error::NotFound)?;
                if let Some(answer) = once.before(tx).await? {
                    return Ok(Answered::Before(answer));
                }
                let at = app.now();
                let by_customer = !person.is_staff();
                if by_customer {
                    probes::lock_counts(tx).await?;
                }
                let target = may_be_asked(&app, tx, &case, &person).await?;
                // The revision of the log entry below, so no event of the workflow has this key.
                let effect_key = format!("{}.{:08}.asked", case.id, case.revision + 1);
                let ask =
                    Ask { effect_key, level: ProbeLevel::Reach, answers: "", settings: None, target, by_customer };
                let probe = queue(tx, &case, ask, (at, at)).await?;
                let detail = json!({"test": probe.number, "host": probe.target_host, "port": probe.target_port});
                note(&app, tx, &mut case, &Actor::Person(person), ("test_asked", detail), at).await?;
                once.keep(tx, 201, json!({"number": probe.number}).to_string(), at).await?;
                Ok::<_, Error>(Answered::Done(probe))
            })
        })
        .await?;
    // Once it is committed, so that who is woken finds it.
    app.wake.notify_waiters();
    Ok(asked)
}

/// Whether a person could ask for a test of a case now; pages show what stands against it before it is asked.
///
/// # Errors
/// As [`ask`].
pub async fn check_ask(app: &App, person: &Person, number: i64) -> Result<(), Error> {
    let mut tx = app.db.read().await?;
    let case = cases::by_number(&mut tx, number).await?;
    let case = case.filter(|case| case.is_visible_to(person)).ok_or(Error::NotFound)?;
    may_be_asked(app, &mut tx, &case, person).await.map(|_target| ())
}

/// The approved target of a case that a person may have tested now. To hold the limit, a caller that queues a test has
/// locked the counts before.
async fn may_be_asked(app: &App, tx: &mut Tx, case: &Case, person: &Person) -> Result<(String, i64), Error> {
    let refused = |text: String| Err(Error::Refused(Refusal::Guard(text)));
    if person.is_staff() && !person.works_queue() {
        return Err(Error::Forbidden("Administrators do not act in cases"));
    }
    if !case.is_open {
        return refused("This case is closed. Open a case for the server that you want to have tested.".to_owned());
    }
    if let Some(number) = probes::waiting(tx, case.customer, case.id).await? {
        return refused(format!("Test {number} of this case has not ended yet. Wait for its result."));
    }
    let server = case.channel().server();
    let target = text(case, server.address).zip(facts::number(case, server.port).ok());
    let tunnel = match case.tunnel {
        Some(id) => tunnels::by_id(tx, case.customer, id).await?,
        None => None,
    };
    let (Some((host, port)), Some(tunnel)) = (target, tunnel) else {
        return refused("This case names no server behind a tunnel yet.".to_owned());
    };
    let Approval { grant, own } = approval::of(app, tx, &tunnel, (&host, port)).await?;
    let (Ok(address), Ok(number)) = (host.parse(), u16::try_from(port)) else {
        return Err(Error::Internal(format!("case {}: {host} port {port} is no target", case.number)));
    };
    let wanted = policy::Facts { address, port: number, own: &own, allow: &[], grant: Some(&grant) };
    match policy::decide(&wanted) {
        Ok(_) => {}
        Err(refusal) if person.is_staff() => return refused(format!("{refusal}.")),
        Err(policy::Refusal::NotApproved(..)) => {
            return refused(
                "The server is not on our whitelist yet. It can be tested when an engineer has added it.".to_owned(),
            );
        }
        Err(refusal) => return refused(format!("{}. Ask in this case.", refusal.cause().entry().title)),
    }
    if !person.is_staff() {
        let at = app.now();
        let next = probes::next_start(tx, case.customer, app.probe.per_customer_hour, at).await?;
        if next > at {
            return Err(Error::TestTooSoon(next));
        }
    }
    Ok((host, port))
}

/// A test to be queued.
pub(super) struct Ask<'a> {
    /// By which a repeat is known.
    pub(super) effect_key: String,
    /// How far to go.
    pub(super) level: ProbeLevel,
    /// The event that the result fires; empty for none.
    pub(super) answers: &'a str,
    /// The settings of a full test.
    pub(super) settings: Option<SettingsId>,
    /// Address and port.
    pub(super) target: (String, i64),
    /// Whether somebody of the customer caused it.
    pub(super) by_customer: bool,
}

/// Queues a test that was asked for at the first instant and may begin from the second.
///
/// # Errors
/// What the database says.
pub(super) async fn queue(
    tx: &mut Tx,
    case: &Case,
    ask: Ask<'_>,
    (at, not_before): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Probe, Error> {
    let (target_host, target_port) = ask.target;
    let mut probe = Probe {
        customer_id: case.customer,
        id: ProbeId::new(fresh_id()),
        case_id: case.id,
        number: 0,
        effect_key: ask.effect_key,
        level: ask.level.as_str().to_owned(),
        case_entered: i64::try_from(case.flow.entered).unwrap_or(i64::MAX),
        answers: ask.answers.to_owned(),
        settings_id: ask.settings,
        target_host,
        target_port,
        state: "queued".to_owned(),
        attempts: 0,
        requested_at: at,
        by_customer: ask.by_customer,
        finished_at: None,
        verdict: None,
        cause: None,
        report: None,
        progress: None,
    };
    probe.number = probes::add(tx, &probe, not_before).await?;
    Ok(probe)
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
                events::tested(&app, tx, &probe, (&verdict, outcome.cause), at).await?;
                if probe.answers.is_empty() {
                    return Ok(());
                }
                if probe.answers == watches::ANSWERS {
                    return watching::settle(&app, tx, &probe, &report).await;
                }
                let Some(mut case) = cases::hold_by_id(tx, probe.customer_id, probe.case_id).await? else {
                    return Ok(());
                };
                // Over UDP a line that was sent and not refused has passed: there is nothing more to hear.
                let passed = report.workflow_verdict() == WorkflowVerdict::Reachable;
                if let Some(id) = probe.settings_id.filter(|_| passed) {
                    match case.channel() {
                        Channel::Smtp => settings::set_passed(tx, probe.customer_id, id, probe.id).await?,
                        Channel::Syslog => syslog_settings::set_passed(tx, probe.customer_id, id, probe.id).await?,
                    }
                }
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
    if let Some(id) = &report.test_id {
        data.insert("test_id".to_owned(), Value::from(id.as_str()));
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
