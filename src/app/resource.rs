//! Cases and messages as the API gives them. They are made here, not in the web layer, because the answer to a request
//! that may be repeated is kept in the transaction that earned it.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{App, Error, facts};
use crate::domain::actor::Person;
use crate::domain::case::Case;
use crate::domain::workflow::{Brand, Data, Store};
use crate::store::attachments::Attachment;
use crate::store::messages::Message;

/// Fields that engineers fill in for each other: a customer's view of a case leaves them out.
const INTERNAL: [&str; 2] = ["change_ref", "evidence"];

/// The case as the API gives it to a person: values, whose turn it is, and what that person may do now.
///
/// # Errors
/// [`Error::Internal`] where its workflow is not in this build.
pub fn case(app: &App, person: &Person, case: &Case) -> Result<Json, Error> {
    let definition = app.workflows.of(&case.workflow)?;
    let brand = Brand { vendor: app.brand.vendor.clone(), product: app.brand.product.clone() };
    let next = definition
        .state(&case.flow.state)
        .map(|state| definition.wording(&state.customer.next, &case.flow, &brand))
        .unwrap_or_default();
    let secrets: BTreeMap<String, bool> = definition
        .fields
        .iter()
        .filter(|(_, field)| field.store == Store::Vault)
        .map(|(name, _)| (format!("{}_set", name.trim_start_matches("smtp_")), case.flow.sealed.contains(name)))
        .collect();
    let acts: Vec<Json> = facts::offers(definition, case, person)
        .into_iter()
        .map(|rule| json!({"event": rule.event, "label": rule.label, "ask": rule.ask, "may": rule.may}))
        .collect();
    let mut resource = summary(app, person, case);
    if let Some(members) = resource.as_object_mut() {
        members.insert("entered".to_owned(), json!(case.flow.entered));
        members.insert("next".to_owned(), json!(next));
        members.insert("outcome".to_owned(), json!(case.outcome));
        members.insert("closed_at".to_owned(), json!(case.closed_at));
        members.insert("data".to_owned(), json!(shown(person, &case.flow.data)));
        members.insert("secrets".to_owned(), json!(secrets));
        members.insert("acts".to_owned(), json!(acts));
    }
    Ok(resource)
}

/// The case as lists give it.
pub fn summary(app: &App, person: &Person, case: &Case) -> Json {
    json!({
        "number": case.number,
        "title": case.title,
        "state": case.flow.state,
        "etag": etag(case),
        "waiting_on": case.waiting_on,
        "owner": case.owner_role,
        "priority": case.priority,
        "vendor_ticket": case.vendor_ticket,
        "customer": case.customer,
        // Who among the vendor's people works on a case is theirs to know.
        "claimed_by": case.claimant().filter(|_| person.is_staff()),
        "is_open": case.is_open,
        "opened_at": case.opened_at,
        "waiting_since": case.waiting_since,
        "due_at": case.due_at,
        "due": case.objective,
        "url": format!("{}/api/v1/cases/{}", app.public_url, case.number),
    })
}

/// A message as the API gives it, with those of the files that are its own.
pub fn message(message: &Message, files: &[Attachment]) -> Json {
    let own = files.iter().filter(|file| file.message_id == Some(message.id));
    json!({
        "id": message.id,
        "at": message.at,
        "author": message.author_name,
        "internal": message.is_internal,
        "body": message.body,
        "attachments": own.map(attachment).collect::<Vec<_>>(),
    })
}

/// A file as the API gives it; its bytes are read under its identifier.
pub fn attachment(file: &Attachment) -> Json {
    json!({"id": file.id, "name": file.name, "type": file.kind, "size": file.size})
}

/// The strong entity tag of a case.
pub fn etag(case: &Case) -> String {
    format!("\"{}\"", case.revision)
}

/// Whether a field is one that engineers fill in for each other.
pub(super) fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

/// The values of a case that a person may read; secrets are in the vault and never among them.
fn shown(person: &Person, data: &Data) -> Data {
    let mut data = data.clone();
    data.retain(|name, _| person.is_staff() || !INTERNAL.contains(&name.as_str()));
    data
}
