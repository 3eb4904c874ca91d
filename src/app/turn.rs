//! One event of a case, in the caller's transaction: decide, apply, log, effects, save. All of it or nothing.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use super::firing::Firing;
use super::webhooks::events;
use super::{App, Error, Secrets, clocks, effects, family, notices, objectives, token, watching};
use crate::domain::actor::{Actor, Role};
use crate::domain::case::{Case, WaitingOn};
use crate::domain::channel::Channel;
use crate::domain::id::CaseId;
use crate::domain::log::{self, Entry};
use crate::domain::objective::Word;
use crate::domain::workflow::{
    Data, Definition, Effect, Event, Kind, Phase, Sensitivity, Side, StateKind, apply, birth_effects, decide,
};
use crate::store::log::{self as rows, Personal};
use crate::store::{Tx, cases, vault, versions};

/// Fires an event and saves the case. `case` was loaded in this transaction.
///
/// # Errors
/// [`Error::Refused`] and [`Error::Invalid`] where the workflow does not accept it; [`Error::Claimed`] where a colleague
/// works on the case.
pub(super) async fn fire(app: &App, tx: &mut Tx, case: &mut Case, firing: Firing<'_>) -> Result<Vec<Effect>, Error> {
    fire_handed(app, tx, case, firing, None).await
}

/// Where an event comes from another case: which one, and the fields of its vault that come along.
#[derive(Clone, Debug)]
pub(super) struct Handed {
    /// The other case.
    pub(super) case: CaseId,
    /// Its number.
    pub(super) number: i64,
    /// Its vault fields whose values this case is to hold too.
    pub(super) sealed: BTreeSet<String>,
}

/// [`fire`], for an event that may come from another case of the family.
///
/// # Errors
/// As [`fire`].
pub(super) async fn fire_handed(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    firing: Firing<'_>,
    handed: Option<&Handed>,
) -> Result<Vec<Effect>, Error> {
    let definition = app.workflows.of(&case.workflow)?;
    let role = role_for(definition, case, &firing)?;
    refuse_if_claimed(tx, definition, case, &firing, role).await?;
    let rule = definition.rules_at(&case.flow.state).into_iter().find(|rule| rule.event == firing.event);
    if rule.is_some_and(|rule| rule.second_contact && rule.by.contains(role)) {
        notices::check(tx, case, firing.actor, firing.at).await?;
    }
    let event = Event {
        name: firing.event.to_owned(),
        role: role.to_owned(),
        data: firing.data.clone(),
        sealed: firing.secrets.keys().chain(handed.iter().flat_map(|handed| &handed.sealed)).cloned().collect(),
        expected_entered: firing.expected_entered,
    };
    let decided = decide(definition, &case.flow, &event, &app.policy)?;
    let loaded = case.revision;
    let before = case.clone();
    case.flow = apply(&case.flow, &decided);
    case.revision += 1;
    // Before the clocks: a reminder goes to the owner of the new state.
    place(definition, case, (&before, &decided), firing.at);
    clocks::keep(tx, definition, case, &before.flow, &decided, firing.at).await?;
    effects::leave(app, tx, case, &decided, &firing).await?;
    take_over(tx, case, handed).await?;
    // After the effects: one of them brings the case into the queue, with its priority.
    let word = (objectives::word_of(firing.actor, &decided), objectives::turn_of(definition, &before));
    objectives::keep(app, tx, case, word, firing.at).await?;
    case.title = title(definition, case);
    let mut body = json!({
        "act": "event",
        "event": firing.event,
        "actor": actor_json(firing.actor),
        "role": role,
        "effects": decided,
        "definition": case.workflow.hash,
    });
    if let (Some(handed), Some(members)) = (handed, body.as_object_mut()) {
        members.insert("from_case".to_owned(), json!(handed.number));
    }
    cases::replace(tx, loaded, case).await?;
    append(tx, definition, case, body, firing.at).await?;
    events::moved(app, tx, (&before, case), firing.at).await?;
    app.wake.notify_waiters();
    watching::keep(app, tx, case, &before.flow.state, firing.at).await?;
    family::follow(app, tx, case, (&before, &decided), &firing).await?;
    Ok(decided)
}

/// The vault fields that another case hands over: the value stays sealed, and both cases refer to it.
async fn take_over(tx: &mut Tx, case: &Case, handed: Option<&Handed>) -> Result<(), Error> {
    let Some(handed) = handed else { return Ok(()) };
    for field in &handed.sealed {
        let missing = || Error::Internal(format!("case {} has no {field} to hand over", handed.number));
        let id = vault::field(tx, (case.customer, handed.case), field).await?.ok_or_else(missing)?;
        vault::set_field(tx, (case.customer, case.id), field, id).await?;
    }
    Ok(())
}

/// Logs something that is no event of the workflow (a claim, a message) and saves the case.
///
/// # Errors
/// What the database says.
pub(super) async fn note(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    actor: &Actor,
    (act, detail): (&str, Json),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let loaded = case.revision;
    case.revision += 1;
    cases::replace(tx, loaded, case).await?;
    let body = json!({"act": act, "actor": actor_json(actor), "detail": detail});
    append(tx, app.workflows.of(&case.workflow)?, case, body, at).await
}

/// Logs that a case was moved to another version of its definition, and saves it. `before` is the case as it was loaded;
/// where there is an instant, its clock starts anew as if it had begun then.
///
/// # Errors
/// What the database says.
pub(super) async fn migrated(
    app: &App,
    tx: &mut Tx,
    (before, case): (&Case, &mut Case),
    (began, detail): (Option<DateTime<Utc>>, Json),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let definition = app.workflows.of(&case.workflow)?;
    versions::set(tx, before.revision, case).await?;
    place(definition, case, (before, &[]), at);
    case.revision += 1;
    if let Some(began) = began {
        clocks::begin(tx, definition, case, began).await?;
    }
    let turn = objectives::turn_of(app.workflows.of(&before.workflow)?, before);
    objectives::keep(app, tx, case, (Word::Nobody, turn), at).await?;
    cases::replace(tx, before.revision, case).await?;
    let body = json!({"act": "migrated", "actor": actor_json(&Actor::Machine), "detail": detail});
    append(tx, definition, case, body, at).await?;
    events::moved(app, tx, (before, case), at).await
}

/// Keeps the promises of a case, in which somebody wrote something that the other side reads. The caller saves it.
///
/// # Errors
/// What the database says.
pub(super) async fn wrote(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    actor: &Actor,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let turn = objectives::turn_of(app.workflows.of(&case.workflow)?, case);
    let by_staff = actor.person().is_some_and(crate::domain::actor::Person::is_staff);
    let word = if by_staff { Word::Vendor } else { Word::CustomerWrote };
    objectives::keep(app, tx, case, (word, turn), at).await
}

/// Adds a newborn case with the first entry of its log and what its birth causes. A child is handed fields of the vault.
///
/// # Errors
/// What the database says.
pub(super) async fn birth(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    handed: Option<&Handed>,
    (actor, at): (&Actor, DateTime<Utc>),
) -> Result<(), Error> {
    let definition = app.workflows.of(&case.workflow)?;
    case.revision = 1;
    case.title = title(definition, case);
    let before = case.clone();
    let caused = birth_effects(definition, &case.flow);
    place(definition, case, (&before, &caused), at);
    cases::add(tx, case).await?;
    take_over(tx, case, handed).await?;
    clocks::keep(tx, definition, case, &before.flow, &caused, at).await?;
    case.due_at = case.step_due_at.unwrap_or_else(clocks::never);
    let secrets = Secrets::new();
    let firing = Firing {
        actor,
        event: "opened",
        data: Data::new(),
        secrets: &secrets,
        expected_entered: None,
        probe: None,
        at,
    };
    effects::leave(app, tx, case, &caused, &firing).await?;
    cases::replace(tx, case.revision, case).await?;
    let body = json!({
        "act": "opened",
        "actor": actor_json(actor),
        "definition": case.workflow.hash,
        "born": case.flow,
        "from_case": handed.map(|handed| handed.number),
    });
    append(tx, definition, case, body, at).await?;
    events::opened(app, tx, case, at).await
}

/// The role in which the actor may fire the event; for an event that is not open to the actor, any role of the actor,
/// so that the engine says why.
fn role_for(definition: &Definition, case: &Case, firing: &Firing<'_>) -> Result<&'static str, Error> {
    let roles = firing.actor.workflow_roles();
    let rule = definition.rules_at(&case.flow.state).into_iter().find(|rule| rule.event == firing.event);
    let fits = rule.and_then(|rule| roles.iter().copied().find(|role| rule.by.contains(*role)));
    fits.or_else(|| roles.first().copied()).ok_or(Error::Forbidden("Administrators do not act in cases"))
}

/// Two engineers must not work on one case at once: what one claimed, another acts on only as a lead.
async fn refuse_if_claimed(
    tx: &mut Tx,
    definition: &Definition,
    case: &Case,
    firing: &Firing<'_>,
    role: &str,
) -> Result<(), Error> {
    let (Some(person), Some((claimant, at))) = (firing.actor.person(), case.claim) else { return Ok(()) };
    let is_staff_act = definition.side_of(role) == Some(Side::Vendor);
    if !is_staff_act || person.id == claimant || person.is(Role::Lead) {
        return Ok(());
    }
    let by = crate::store::people::by_id(tx, claimant).await?.map_or_else(String::new, |entry| entry.person.name);
    Err(Error::Claimed { number: case.number, by, at })
}

/// Sets what lists show: whose turn it is, since when, whether the case is over.
fn place(definition: &Definition, case: &mut Case, (before, effects): (&Case, &[Effect]), at: DateTime<Utc>) {
    let Some(state) = definition.state(&case.flow.state) else { return };
    case.owner_role.clone_from(&state.owner);
    let side = state.owner.as_deref().and_then(|owner| definition.side_of(owner));
    let is_over = state.kind == StateKind::Terminal || state.phase == Phase::Closed;
    case.waiting_on = match (state.kind, side) {
        _ if is_over => WaitingOn::Nobody,
        (StateKind::Terminal | StateKind::Ongoing, _) | (_, None) => WaitingOn::Nobody,
        (StateKind::Normal | StateKind::Hold, Some(Side::Customer)) => WaitingOn::Customer,
        (StateKind::Normal | StateKind::Hold, Some(Side::Vendor | Side::Machine)) => WaitingOn::Vendor,
    };
    if case.waiting_on != before.waiting_on {
        case.waiting_since = at;
    }
    let ordered = effects
        .iter()
        .find_map(|effect| if let Effect::CloseCase { outcome } = effect { Some(outcome.clone()) } else { None });
    match (is_over, case.is_open) {
        (true, true) => {
            case.is_open = false;
            case.closed_at = Some(at);
            case.outcome = ordered.or_else(|| state.outcome.clone());
            // Whoever reopens it finds it with everybody else's.
            case.claim = None;
        }
        (false, false) => {
            case.is_open = true;
            case.closed_at = None;
            case.outcome = None;
        }
        (true, false) | (false, true) => {}
    }
}

/// One line for lists, from what is known.
fn title(definition: &Definition, case: &Case) -> String {
    let text = |field: &str| case.flow.data.get(field).map(ToString::to_string);
    let channel = case.channel();
    let fields = channel.server();
    let server = text(fields.host).or_else(|| text(fields.address));
    if definition.kind == Kind::Child {
        return server.map_or_else(|| definition.title.clone(), |server| format!("{}: {server}", definition.title));
    }
    if channel == Channel::Syslog {
        return server
            .map_or_else(|| case.title.clone(), |server| format!("SYSLOG to {server} through the VPN tunnel"));
    }
    match (text("architecture").as_deref(), text("smtp_location").as_deref(), server) {
        (Some("secure_relay"), _, _) => "SMTP settings with Secure Relay".to_owned(),
        (_, Some("public"), Some(server)) => format!("Reach {server} through the VPN tunnel"),
        (_, _, Some(server)) => format!("Whitelist {server} for the VPN tunnel"),
        (_, _, None) => case.title.clone(),
    }
}

fn actor_json(actor: &Actor) -> Json {
    match actor {
        Actor::Machine => json!({"kind": "machine"}),
        Actor::Person(person) => json!({"kind": "person", "id": person.id, "staff": person.is_staff()}),
        Actor::OnBehalf { by, of } => {
            json!({"kind": "person", "id": by.id, "staff": by.is_staff(), "on_behalf_of": of})
        }
    }
}

/// Appends to the log. Personal values enter by commitment; they stand in rows beside, so that each can be erased.
async fn append(
    tx: &mut Tx,
    definition: &Definition,
    case: &Case,
    mut body: Json,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let mut personal = Vec::new();
    commit_personal(definition, &mut body, &mut personal);
    let text = log::canonical(&body);
    let entry = Entry { case: case.id, seq: case.revision, at_us: at.timestamp_micros(), body: &text };
    rows::append(tx, case.customer, &entry).await?;
    for (name, value, salt) in personal {
        let row = Personal { seq: case.revision, name, value: Some(value), salt };
        rows::add_personal(tx, (case.customer, case.id), &row).await?;
    }
    Ok(())
}

/// Replaces each value of a personal field, wherever it stands in the body, by a commitment to it.
fn commit_personal(definition: &Definition, body: &mut Json, found: &mut Vec<(String, String, Vec<u8>)>) {
    match body {
        Json::Object(members) => {
            for (name, member) in members.iter_mut() {
                let is_personal =
                    definition.fields.get(name).is_some_and(|field| field.sensitive == Some(Sensitivity::Personal));
                match (is_personal, &member) {
                    (true, Json::String(value)) => {
                        // One row stands beside an entry for each field, so a value that comes twice keeps its salt.
                        let known = found.iter().find(|(known, _, _)| known == name).map(|(_, _, salt)| salt.clone());
                        let salt = known.unwrap_or_else(|| {
                            let salt = token::random::<16>().to_vec();
                            found.push((name.clone(), value.clone(), salt.clone()));
                            salt
                        });
                        let commitment = log::commitment(&salt, value);
                        *member = json!({ "commitment": commitment });
                    }
                    _ => commit_personal(definition, member, found),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| commit_personal(definition, item, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
