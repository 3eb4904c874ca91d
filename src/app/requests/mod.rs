//! A customer's request: answers kept as typed until they are sent, then the first events of a case in one transaction.

mod draft;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
pub use draft::Draft;

use super::firing::Firing;
use super::turn::{self, fire};
use super::{App, Error, FieldError, Once, Outcome, Secrets, resource, workflows};
use crate::clock::fresh_id;
use crate::domain::actor::{Actor, Person};
use crate::domain::case::{Case, Priority, WaitingOn};
use crate::domain::channel::Channel;
use crate::domain::customer::{Architecture, Customer};
use crate::domain::id::{CaseId, CustomerId};
use crate::domain::tunnel::{Tunnel, TunnelState};
use crate::domain::workflow::{CaseState, Data, Definition, Event, Refusal, Value, apply, birth, decide};
use crate::store::{Tx, cases, customers, drafts, tunnels};

/// How long unsent answers are kept.
pub const KEEP_DRAFT: TimeDelta = TimeDelta::days(30);

/// The unsent answers of a person; empty where there are none or they are too old.
///
/// # Errors
/// What the database says.
pub async fn draft(app: &App, person: &Person) -> Result<Draft, Error> {
    Ok(draft_with_age(app, person).await?.map(|(draft, _)| draft).unwrap_or_default())
}

/// The unsent answers of a person and when the last of them was saved, where there are any.
///
/// # Errors
/// What the database says.
pub async fn draft_with_age(app: &App, person: &Person) -> Result<Option<(Draft, DateTime<Utc>)>, Error> {
    let customer = require_customer(person)?;
    let mut tx = app.db.read().await?;
    let stored = drafts::find(&mut tx, (customer, person.id), app.now() - KEEP_DRAFT).await?;
    Ok(stored.and_then(|(answers, at)| Some((serde_json::from_value(answers).ok()?, at))))
}

/// Keeps a person's unsent answers.
///
/// # Errors
/// What the database says.
pub async fn save(app: &Arc<App>, person: &Person, draft: &Draft) -> Result<(), Error> {
    let key = (require_customer(person)?, person.id);
    let answers = serde_json::to_value(draft.storable()).map_err(|error| Error::Internal(error.to_string()))?;
    let at = app.now();
    app.db
        .write(move |tx| {
            let answers = answers.clone();
            Box::pin(async move { Ok::<(), Error>(drafts::save(tx, key, &answers, at).await?) })
        })
        .await
}

/// What is wrong with answers, without sending them: the workflow itself judges, on a case that is thrown away.
///
/// # Errors
/// [`Error::Invalid`] names every field.
pub async fn check(app: &App, person: &Person, draft: &Draft) -> Result<(), Error> {
    let customer = customer_of(app, person).await?;
    let mut tx = app.db.read().await?;
    let tunnel = tunnel_of(&mut tx, &customer).await?;
    rehearse(app, &customer, tunnel.as_ref(), draft)
}

/// What is wrong with answers that somebody else sends for a customer.
pub(super) async fn faults(app: &App, tx: &mut Tx, customer: &Customer, draft: &Draft) -> Result<(), Error> {
    let tunnel = tunnel_of(tx, customer).await?;
    rehearse(app, customer, tunnel.as_ref(), draft)
}

fn rehearse(app: &App, customer: &Customer, tunnel: Option<&Tunnel>, draft: &Draft) -> Result<(), Error> {
    refuse_where_no_case_is_needed(customer, draft)?;
    let definition = app.workflows.newest(draft.channel())?;
    let mut flow = birth(definition, inputs(customer, tunnel)).map_err(Error::from)?;
    for (name, data) in draft.events(definition, customer.architecture) {
        flow = step(app, definition, &flow, name, data)?;
    }
    let field = draft.channel().server().address;
    let address = flow.data.get(field).and_then(Value::as_text).and_then(|text| text.parse().ok());
    match (tunnel, address) {
        (Some(tunnel), Some(address)) if tunnel.is_our_side(address) => {
            let text = format!("This IP is ours. Enter the IP of your {}", draft.channel().server_name());
            Err(Error::field(field, "ours", text))
        }
        _ => Ok(()),
    }
}

/// A Secure Relay runs in the customer's network, so its SYSLOG alerts are set in the product and go through no tunnel.
fn refuse_where_no_case_is_needed(customer: &Customer, draft: &Draft) -> Result<(), Error> {
    let is_relay = customer.architecture == Architecture::SecureRelay;
    if is_relay && draft.channel() == Channel::Syslog {
        let text = "Your site uses Secure Relay: set SYSLOG alerts in the product and choose your relay there. No case is needed.";
        return Err(Error::Refused(Refusal::Guard(text.to_owned())));
    }
    Ok(())
}

fn step(app: &App, definition: &Definition, flow: &CaseState, name: &str, data: Data) -> Result<CaseState, Error> {
    let event = Event {
        name: name.to_owned(),
        role: "customer".to_owned(),
        data,
        sealed: std::collections::BTreeSet::new(),
        expected_entered: None,
    };
    let effects = decide(definition, flow, &event, &app.policy)?;
    Ok(apply(flow, &effects))
}

/// Sends the answers: a case is born and enters the queue, once however often the button is pressed.
///
/// # Errors
/// [`Error::Invalid`] names every field; [`Error::Refused`] where the customer has no tunnel yet.
pub async fn send(app: &Arc<App>, person: &Person, draft: Draft, once: Once) -> Result<Outcome<Case>, Error> {
    let customer = require_customer(person)?;
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person, draft, once) = (Arc::clone(&shared), person.clone(), draft.clone(), once.clone());
            Box::pin(async move {
                if let Some(answer) = once.before(tx).await? {
                    return Ok(Outcome::Before(answer));
                }
                let customer = customers::by_id(tx, customer).await?.ok_or(Error::NotFound)?;
                let actor = Actor::Person(person.clone());
                let case = open(&app, tx, (&customer, &person), &actor, &draft).await?;
                drafts::delete(tx, customer.id, person.id).await?;
                once.keep(tx, 201, resource::case(&app, &person, &case)?.to_string(), app.now()).await?;
                Ok::<_, Error>(Outcome::Done(case))
            })
        })
        .await
}

/// Opens a case of a customer in the name of a contact, and fires what the answers say.
pub(super) async fn open(
    app: &App,
    tx: &mut Tx,
    (customer, contact): (&Customer, &Person),
    actor: &Actor,
    draft: &Draft,
) -> Result<Case, Error> {
    refuse_where_no_case_is_needed(customer, draft)?;
    let definition = app.workflows.newest(draft.channel())?;
    let tunnel = tunnel_of(tx, customer).await?;
    if tunnel.is_none() && customer.architecture == Architecture::Vpn {
        let text = "Your VPN tunnel is not on record yet. Ask your contact at the vendor to enter it.";
        return Err(Error::Refused(Refusal::Guard(text.to_owned())));
    }
    let at = app.now();
    let tenant = customers::tenants(tx, customer.id).await?.into_iter().next();
    let flow = birth(definition, inputs(customer, tunnel.as_ref())).map_err(Error::from)?;
    let mut case = newborn(definition, flow, customer, contact, (cases::take_number(tx).await?, at));
    case.tunnel = tunnel.map(|tunnel| tunnel.id);
    case.tenant = tenant.map(|tenant| tenant.id);
    turn::birth(app, tx, &mut case, None, (actor, at)).await?;
    for (event, data) in draft.events(definition, customer.architecture) {
        let firing = Firing { actor, event, data, secrets: &Secrets::new(), expected_entered: None, probe: None, at };
        fire(app, tx, &mut case, firing).await?;
    }
    Ok(case)
}

fn newborn(
    definition: &Definition,
    flow: CaseState,
    customer: &Customer,
    person: &Person,
    (number, at): (i64, DateTime<Utc>),
) -> Case {
    Case {
        customer: customer.id,
        id: CaseId::new(fresh_id()),
        number,
        parent: None,
        title: definition.title.clone(),
        workflow: workflows::reference(definition),
        revision: 0,
        flow,
        priority: Priority::P3,
        vendor_ticket: None,
        waiting_on: WaitingOn::Nobody,
        owner_role: None,
        queued: false,
        claim: None,
        opened_by: person.id,
        tunnel: None,
        server: None,
        tenant: None,
        is_open: true,
        opened_at: at,
        waiting_since: at,
        due_at: at,
        objective: None,
        soon_at: None,
        escalated_at: None,
        step_due_at: None,
        closed_at: None,
        outcome: None,
    }
}

/// What the vendor's records say, which nobody types per case.
fn inputs(customer: &Customer, tunnel: Option<&Tunnel>) -> Data {
    let mut data = Data::from([("architecture".to_owned(), Value::from(customer.architecture.as_str()))]);
    if let Some(tunnel) = tunnel {
        let addresses = tunnel.alerting_ips().into_iter().map(|address| address.to_string()).collect();
        data.insert("alerting_ips".to_owned(), Value::List(addresses));
    }
    data
}

/// The customer's tunnel in use; the first by name where there are several.
async fn tunnel_of(tx: &mut Tx, customer: &Customer) -> Result<Option<Tunnel>, Error> {
    let all = tunnels::list(tx, customer.id).await?;
    Ok(all.into_iter().find(|tunnel| tunnel.state == TunnelState::InUse))
}

/// The customer that a person belongs to.
///
/// # Errors
/// [`Error::Forbidden`] for the vendor's people; what the database says.
pub async fn customer_of(app: &App, person: &Person) -> Result<Customer, Error> {
    let id = require_customer(person)?;
    let mut tx = app.db.read().await?;
    customers::by_id(&mut tx, id).await?.ok_or(Error::NotFound)
}

fn require_customer(person: &Person) -> Result<CustomerId, Error> {
    person.customer.ok_or(Error::Forbidden("Requests are started by a contact of a customer"))
}

/// Field errors of a draft as the pages of the request need them.
///
/// # Errors
/// Any other error, as it came.
pub fn field_errors(error: Error) -> Result<Vec<FieldError>, Error> {
    if let Error::Invalid(errors) = error { Ok(errors) } else { Err(error) }
}
