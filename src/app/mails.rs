//! Mail about cases: who gets it is decided with the event, whether they still may is decided when it is sent.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::types::Json;

use super::firing::Firing;
use super::{App, Error, mail_wishes};
use crate::domain::actor::{Actor, Person, Role};
use crate::domain::case::Case;
use crate::domain::id::PersonId;
use crate::domain::mail_wish::Wish;
use crate::domain::objective::Objective;
use crate::domain::workflow::{self, CaseState, Definition, FieldType, Sensitivity, State, Store, Value};
use crate::mail::{CalendarPart, Mailbox, Outgoing, message_id};
use crate::store::outbox::{self, Effect, Kind};
use crate::store::people::{self, Entry};
use crate::store::{Tx, cases, customers};
use crate::views::common::Brand;
use crate::views::instant_in;
use crate::views::mail::{MailCase, MailContext, MailText, Recipient};

/// Tells other contacts that it is the customer's turn: worth nothing once the case has left that state.
const PASSING: &str = "your-turn";

/// Tells the leads that a promise is broken.
const BROKEN: &str = "promise-broken";

/// What the outbox keeps of a mail: the wording is that of the moment of the event.
#[derive(Debug, Serialize, Deserialize)]
struct Planned {
    template: String,
    to: PersonId,
    headline: String,
    body: String,
    next: String,
    fields: BTreeMap<String, String>,
    at: DateTime<Utc>,
}

/// Puts a mail of the definition into the outbox, once for each person it goes to.
///
/// # Errors
/// What the database says.
pub(super) async fn enqueue(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    key: &str,
    (template, to): (&str, &str),
    firing: &Firing<'_>,
) -> Result<(), Error> {
    let definition = app.workflows.of(&case.workflow)?;
    for (index, reader) in recipients(tx, case, to, firing.actor).await?.iter().enumerate() {
        let key = format!("{key}.{index:02}");
        let words = |zone| plan(app, definition, case, (template, reader, zone), firing.at);
        put(tx, case, key, (template, reader), words).await?;
    }
    Ok(())
}

/// Puts a mail where its reader wants it: into the outbox, into the mail of the day, or nowhere. It is written only where
/// somebody gets it.
async fn put(
    tx: &mut Tx,
    case: &Case,
    effect_key: String,
    (template, reader): (&str, &Person),
    words: impl FnOnce(Tz) -> Planned,
) -> Result<(), Error> {
    let wishes = mail_wishes::load(tx, reader).await?;
    let wish = mail_wishes::decide(case, reader, &wishes, template);
    if wish == Wish::Never {
        return Ok(());
    }
    let planned = words(wishes.zone);
    let at = planned.at;
    if wish == Wish::Daily {
        return mail_wishes::put_off(tx, case, (reader, wishes.zone), (effect_key, planned.headline), at).await;
    }
    let effect = Effect {
        effect_key,
        customer_id: case.customer,
        case_id: case.id,
        case_entered: i64::try_from(case.flow.entered).unwrap_or(i64::MAX),
        kind: Kind::Mail,
        payload: Json(json!(planned)),
        attempts: 0,
    };
    Ok(outbox::add(tx, &effect, &format!("mail:{}:{}", case.id, reader.id), at).await?)
}

/// Who gets a mail that a definition addresses to a role or a group.
async fn recipients(tx: &mut Tx, case: &Case, to: &str, actor: &Actor) -> Result<Vec<Person>, Error> {
    let contacts = |entries: Vec<Entry>| -> Vec<Person> {
        entries.into_iter().map(|entry| entry.person).filter(|person| case.is_visible_to(person)).collect()
    };
    let acting = actor.person().map(|person| person.id);
    Ok(match (to, Role::parse(to)) {
        ("contacts" | "customer", _) => contacts(people::contacts(tx, case.customer).await?),
        ("others", _) => {
            let mut all = contacts(people::contacts(tx, case.customer).await?);
            all.extend(claimant(tx, case).await?);
            all.retain(|person| Some(person.id) != acting);
            all
        }
        // A lead is told because whoever has the case did not act.
        (_, Some(Role::Lead)) => staff(tx, Role::Lead).await?,
        (_, Some(role)) => match claimant(tx, case).await? {
            Some(claimant) => vec![claimant],
            None => staff(tx, role).await?,
        },
        (_, None) => Vec::new(),
    })
}

async fn staff(tx: &mut Tx, role: Role) -> Result<Vec<Person>, Error> {
    Ok(people::staff(tx, role).await?.into_iter().map(|entry| entry.person).collect())
}

async fn claimant(tx: &mut Tx, case: &Case) -> Result<Option<Person>, Error> {
    let Some(id) = case.claimant() else { return Ok(None) };
    Ok(people::by_id(tx, id).await?.map(|entry| entry.person))
}

/// The mail for one reader: engineers read what they have to do, contacts of the customer what they have to.
fn plan(
    app: &App,
    definition: &Definition,
    case: &Case,
    (template, to, zone): (&str, &Person, Tz),
    at: DateTime<Utc>,
) -> Planned {
    let brand = workflow::Brand { vendor: app.brand.vendor.clone(), product: app.brand.product.clone() };
    let flow = in_zone(definition, &case.flow, zone);
    let fill = |text: &str| definition.wording(text, &flow, &brand);
    let state = definition.state(&case.flow.state);
    let [headline, body, next] = match state {
        Some(State { engineer: Some(wording), .. }) if to.is_staff() => {
            [fill(&wording.headline), fill(&wording.body), String::new()]
        }
        Some(state) => [fill(&state.customer.headline), fill(&state.customer.body), fill(&state.customer.next)],
        None => Default::default(),
    };
    let fields = definition
        .fields
        .iter()
        .filter(|(_, field)| field.store != Store::Vault && field.sensitive != Some(Sensitivity::Secret))
        .map(|(name, _)| (name.clone(), flow.data.get(name).map(ToString::to_string).unwrap_or_default()))
        .collect();
    Planned { template: template.to_owned(), to: to.id, headline, body, next, fields, at }
}

/// The values of a case, its instants in the words of a zone.
fn in_zone(definition: &Definition, flow: &CaseState, zone: Tz) -> CaseState {
    let mut flow = flow.clone();
    for (name, value) in &mut flow.data {
        let is_instant = definition.fields.get(name).is_some_and(|field| field.field_type == FieldType::Timestamp);
        let instant = value.as_text().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        if let Some(at) = instant.filter(|_| is_instant) {
            *value = Value::from(instant_in(at.to_utc(), zone).as_str());
        }
    }
    flow
}

/// Makes the mail of an outbox row, or nothing where the person may no longer have it.
///
/// # Errors
/// What the database says; [`Error::View`] for a template that does not render.
pub async fn compose(app: &App, tx: &mut Tx, effect: &Effect) -> Result<Option<Outgoing>, Error> {
    let planned: Planned = serde_json::from_value(effect.payload.0.clone())
        .map_err(|error| Error::Internal(format!("outbox row {}: {error}", effect.effect_key)))?;
    let Some(case) = cases::by_id(tx, effect.customer_id, effect.case_id).await? else { return Ok(None) };
    let has_moved_on = u64::try_from(effect.case_entered).is_ok_and(|entered| entered < case.flow.entered);
    if planned.template == PASSING && has_moved_on {
        return Ok(None);
    }
    let person = match people::by_id(tx, planned.to).await? {
        Some(entry) if entry.active && case.is_visible_to(&entry.person) => entry.person,
        Some(_) | None => return Ok(None),
    };
    let customer = customers::by_id(tx, case.customer).await?;
    let context = MailContext {
        brand: Brand { vendor: app.brand.vendor.clone(), product: app.brand.product.clone() },
        case: MailCase {
            number: case.number.unsigned_abs(),
            title: case.title.clone(),
            url: format!("{}/cases/{}", app.public_url, case.number),
            headline: planned.headline,
            body: planned.body,
            next: planned.next,
        },
        field: planned.fields,
        to: Recipient { name: person.name.clone() },
        list_word: customer.and_then(|customer| customer.list_word).unwrap_or_else(|| app.brand.list_word.clone()),
        replies_read: app.reply_domain.is_some(),
    };
    let reply_to = super::incoming::reply_address(app, &case, &person);
    let text = app.views.mail(&planned.template, &context)?;
    let thread =
        message_id(&app.vault.derive("message id"), &domain(app), &format!("thread.{}.{}", case.id, person.id));
    let calendar = super::notices::of_mail(app, tx, &case, &planned.template).await?;
    Ok(Some(Outgoing {
        calendar: calendar.map(|entry| CalendarPart { method: entry.method(), text: entry.ics() }),
        effect_key: effect.effect_key.clone(),
        to: Mailbox { name: Some(person.name), address: person.email },
        from: Mailbox { name: Some(format!("{} alerting", app.brand.product)), address: sender(app) },
        reply_to,
        subject: text.subject,
        text: text.text,
        html: text.html,
        in_reply_to: Some(thread.clone()),
        references: vec![thread],
        date: planned.at,
    }))
}

/// A mail to one person that belongs to no case.
pub(super) fn personal(app: &App, to: Person, (effect_key, date): (String, DateTime<Utc>), text: MailText) -> Outgoing {
    Outgoing {
        effect_key,
        to: Mailbox { name: Some(to.name), address: to.email },
        from: Mailbox { name: Some(format!("{} alerting", app.brand.product)), address: sender(app) },
        subject: text.subject,
        text: text.text,
        html: text.html,
        reply_to: None,
        in_reply_to: None,
        references: Vec::new(),
        calendar: None,
        date,
    }
}

/// The host name of the public address; Message-IDs end in it.
pub fn domain(app: &App) -> String {
    domain_of(&app.public_url)
}

/// The host name of a public address, for the transport that is made before the service's parts are.
pub fn domain_of(public_url: &str) -> String {
    let rest = public_url.split("://").nth(1).unwrap_or("postern.invalid");
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    // An address is no domain; mail from a machine without a name uses a name that resolves nowhere (RFC 2606).
    if host.is_empty() || host.parse::<std::net::IpAddr>().is_ok() {
        "postern.invalid".to_owned()
    } else {
        host.to_owned()
    }
}

/// The address that our mail comes from.
pub(super) fn sender(app: &App) -> String {
    app.mail_from.clone().unwrap_or_else(|| format!("postern@{}", domain(app)))
}

/// Sends a reminder or an escalation about a case.
///
/// # Errors
/// What the database says.
pub(super) async fn nudge(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    key: &str,
    (template, role): (&'static str, &str),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let firing = Firing {
        actor: &Actor::Machine,
        event: template,
        data: BTreeMap::new(),
        secrets: &BTreeMap::new(),
        expected_entered: None,
        probe: None,
        at,
    };
    enqueue(app, tx, case, key, (template, role), &firing).await
}

/// Tells the leads that a promise about a case is broken. The wording of the mail names it where a state's would stand.
///
/// # Errors
/// What the database says.
pub(super) async fn broken(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    key: &str,
    (objective, due_at): (Objective, DateTime<Utc>),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let definition = app.workflows.of(&case.workflow)?;
    for (index, lead) in recipients(tx, case, Role::Lead.as_str(), &Actor::Machine).await?.iter().enumerate() {
        let words = |zone| Planned {
            headline: objective.title().to_owned(),
            body: format!("It was due on {}.", instant_in(due_at, zone)),
            next: case
                .claim
                .map_or_else(|| "Nobody has claimed the case.".to_owned(), |_| "Somebody has claimed it.".to_owned()),
            ..plan(app, definition, case, (BROKEN, lead, zone), at)
        };
        put(tx, case, format!("{key}.{index:02}"), (BROKEN, lead), words).await?;
    }
    Ok(())
}
