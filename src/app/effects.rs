//! What an event leaves behind, row by row, in the event's own transaction: mail and tasks in the outbox, tests, whitelist
//! entries, sealed values. Carrying them out is the workers' business.

use std::collections::BTreeSet;

use serde_json::json;
use sqlx::types::Json;

use super::facts::{number, text};
use super::firing::Firing;
use super::probes::Ask;
use super::{App, Error, mails, notices, probes, revisions, syslog, whitelist};
use crate::clock::fresh_id;
use crate::domain::case::{Case, Priority};
use crate::domain::channel::Channel;
use crate::domain::id::ServerId;
use crate::domain::workflow::{AlertPath, ApplyKind, Effect, ProbeLevel};
use crate::store::outbox::{self, Kind};
use crate::store::tunnels::{self, Server};
use crate::store::{self, Tx, vault};

/// Writes the rows of an event's effects. `case` is the case after the event.
///
/// # Errors
/// What the database says; [`Error::Invalid`] and [`Error::Refused`] where a whitelist entry is not possible.
pub(super) async fn leave(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    effects: &[Effect],
    firing: &Firing<'_>,
) -> Result<(), Error> {
    if firing.event == "applied_by_hand" && case.channel() == Channel::Smtp {
        let settings = revisions::newest_settings(tx, case).await?;
        revisions::note_by_hand(tx, case, &settings, firing).await?;
    }
    if firing.event == "put_back_by_hand" {
        let former = revisions::former_settings(tx, case).await?;
        revisions::note_by_hand(tx, case, &former, firing).await?;
    }
    if firing.event == "address_updated" {
        notices::follow_server(tx, case, firing.at).await?;
    }
    for (index, effect) in effects.iter().enumerate() {
        let key = effect_key(case, index);
        match effect {
            Effect::Seal { fields } => seal(app, tx, case, fields, firing).await?,
            Effect::Unset { field } => vault::unset_field(tx, (case.customer, case.id), field).await?,
            Effect::Mail { template, to } => mails::enqueue(app, tx, case, &key, (template, to), firing).await?,
            Effect::OpenCase { queue, priority } => open(tx, case, queue, priority.as_str(), firing).await?,
            Effect::Probe { level, host, port, answers, .. } => {
                let ask = Ask {
                    effect_key: key,
                    level: *level,
                    answers,
                    settings: None,
                    target: (text(case, host)?, number(case, port)?),
                    by_customer: firing.actor.person().is_some_and(|person| !person.is_staff()),
                };
                probe(app, tx, case, ask, firing).await?;
            }
            Effect::Whitelist { action, side, host, port } => {
                let target = (text(case, host)?, number(case, port)?);
                whitelist::change(app, tx, case, (*action, *side), target, firing).await?;
            }
            Effect::Apply { kind, answers } => apply(tx, case, key, (*kind, answers), firing).await?,
            Effect::SendTestAlert { path, answers, .. } => {
                test_alert(tx, case, key, (*path, answers), firing).await?;
            }
            // Folded into the case by the engine, or kept by `clocks`, `turn` and `family`.
            Effect::Store { .. }
            | Effect::Set { .. }
            | Effect::Go { .. }
            | Effect::Stay { .. }
            | Effect::StartClock { .. }
            | Effect::PauseClock
            | Effect::ResumeClock
            | Effect::StopClock
            | Effect::CloseCase { .. }
            | Effect::Spawn { .. }
            | Effect::Signal { .. } => {}
        }
    }
    Ok(())
}

/// The key by which everything that an effect causes can be told from a repeat. Sorts in the order of effects.
pub(super) fn effect_key(case: &Case, index: usize) -> String {
    format!("{}.{:08}.{index:03}", case.id, case.revision)
}

async fn seal(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    fields: &BTreeSet<String>,
    firing: &Firing<'_>,
) -> Result<(), Error> {
    for field in fields {
        let Some(secret) = firing.secrets.get(field) else { continue };
        let id = app.vault.put(tx, case.customer, field, secret, firing.at).await?;
        vault::set_field(tx, (case.customer, case.id), field, id).await?;
    }
    Ok(())
}

/// The case enters the queue; what is known of the server goes on record.
async fn open(tx: &mut Tx, case: &mut Case, queue: &str, priority: &str, firing: &Firing<'_>) -> Result<(), Error> {
    if !case.queued {
        case.queued = true;
        case.priority = Priority::parse(priority).unwrap_or(Priority::P3);
        tracing::debug!(case = case.number, queue, "a case entered the queue");
    }
    let Some(tunnel) = case.tunnel else { return Ok(()) };
    let fields = case.channel().server();
    if let (Ok(address), Ok(port)) = (text(case, fields.address), number(case, fields.port)) {
        let server = Server {
            customer_id: case.customer,
            id: ServerId::new(fresh_id()),
            tunnel_id: tunnel,
            name: text(case, fields.host).ok(),
            address,
            port,
        };
        case.server = Some(tunnels::record_server(tx, &server, firing.at).await?);
    }
    Ok(())
}

/// The tests that people of a customer cause count towards their limit of an hour; one too many begins when it may.
async fn probe(app: &App, tx: &mut Tx, case: &Case, mut ask: Ask<'_>, firing: &Firing<'_>) -> Result<(), Error> {
    if ask.level == ProbeLevel::Full {
        ask.settings = Some(match case.channel() {
            Channel::Smtp => revisions::revise_settings(tx, case, firing).await?,
            Channel::Syslog => syslog::revise(tx, case, firing).await?,
        });
    }
    let mut not_before = firing.at;
    if ask.by_customer {
        store::probes::lock_counts(tx).await?;
        not_before = store::probes::next_start(tx, case.customer, app.probe.per_customer_hour, firing.at).await?;
    }
    probes::queue(tx, case, ask, (firing.at, not_before)).await?;
    Ok(())
}

/// Applies settings that passed their test, one at a time for each tenant.
async fn apply(
    tx: &mut Tx,
    case: &Case,
    key: String,
    (kind, answers): (ApplyKind, &str),
    firing: &Firing<'_>,
) -> Result<(), Error> {
    let settings = match kind {
        ApplyKind::Smtp => revisions::settings_to_apply(tx, case).await?.id,
        ApplyKind::Former => revisions::former_settings(tx, case).await?.id,
        ApplyKind::Syslog => syslog::to_apply(tx, case).await?.id,
    };
    let payload = json!({"settings": settings, "answers": answers});
    let lane = format!("tenant:{}", case.tenant.map_or_else(|| case.id.uuid(), |tenant| tenant.uuid()));
    task(tx, case, key, Kind::Apply, (&lane, payload), firing).await
}

async fn test_alert(
    tx: &mut Tx,
    case: &Case,
    key: String,
    (path, answers): (AlertPath, &str),
    firing: &Firing<'_>,
) -> Result<(), Error> {
    let settings = match path {
        AlertPath::Direct => revisions::newest_settings(tx, case).await?.id,
        AlertPath::Syslog => {
            let settings = syslog::newest(tx, case).await?;
            syslog::note_by_hand(tx, case, &settings, firing).await?;
            settings.id
        }
    };
    let payload = json!({"settings": settings, "answers": answers});
    task(tx, case, key, Kind::TestAlert, (&format!("alert:{}", case.id), payload), firing).await
}

async fn task(
    tx: &mut Tx,
    case: &Case,
    effect_key: String,
    kind: Kind,
    (lane, payload): (&str, serde_json::Value),
    firing: &Firing<'_>,
) -> Result<(), Error> {
    let effect = outbox::Effect {
        effect_key,
        customer_id: case.customer,
        case_id: case.id,
        case_entered: i64::try_from(case.flow.entered).unwrap_or(i64::MAX),
        kind,
        payload: Json(payload),
        attempts: 0,
    };
    Ok(outbox::add(tx, &effect, lane, firing.at).await?)
}
