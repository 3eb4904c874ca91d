//! People of the vendor and of customers: lists, inviting, rights, and what happens when somebody leaves.

mod account;
mod inviting;

use std::collections::BTreeSet;

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::customers::path as customer_path;
use super::{administrator, again, customer_of, fill, identifier, page, wrong};
use crate::app::admin;
use crate::app::{Error, FieldError, letters, people, personal_mails};
use crate::domain::actor::{Person, Role};
use crate::domain::customer::Customer;
use crate::domain::id::PersonId;
use crate::store::letters::Letter;
use crate::store::people::Entry;
use crate::store::personal_mails::PersonalMail;
use crate::views::common::{Empty, Fact, Link, Note, Section, Tag, Tone};
use crate::views::form::{Button, Choice, Field, Form, Kind, Style};
use crate::views::records::{Cell, Edit, Listing, Record, Row};
use crate::web::fields::Fields;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

pub(super) use account::{end_sessions, reset_factor};
pub(super) use inviting::{invite_contact, invite_staff, new_contact, new_staff};

const STAFF_FIELDS: &[&str] = &["name", "email", "roles-support", "roles-network", "roles-lead", "roles-admin"];
const CONTACT_FIELDS: &[&str] = &["name", "email", "right"];

/// The vendor's people.
pub(super) async fn staff(visitor: Visitor) -> Result<Response, Failure> {
    let all = people::vendor(&visitor.app, administrator(&visitor)?).await?;
    let body = Listing {
        heading: "People".to_owned(),
        intro: Some("Those who work for the vendor. The people of a customer are listed with it.".to_owned()),
        add: Some(Link::new("Invite a person", "/admin/people/new")),
        columns: ["Name", "Email address", "Roles", "State"].map(str::to_owned).to_vec(),
        empty: None,
        rows: all.iter().map(row).collect(),
    };
    page(&visitor, "People", Vec::new(), Listing::TEMPLATE, body)
}

/// The people of a customer.
pub(super) async fn contacts(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    let admin = administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    let all = people::members(&visitor.app, admin, customer.id).await?;
    let empty = "Nobody of this customer can sign in yet.";
    let body = Listing {
        heading: format!("People of {}", customer.name),
        intro: None,
        add: Some(Link::new("Invite a person", format!("{}/people/new", customer_path(&customer)))),
        columns: ["Name", "Email address", "Sees", "State"].map(str::to_owned).to_vec(),
        empty: all.is_empty().then(|| Empty { text: empty.to_owned(), link: None }),
        rows: all.iter().map(row).collect(),
    };
    page(&visitor, &format!("People of {}", customer.name), crumbs(Some(&customer), false), Listing::TEMPLATE, body)
}

fn row(entry: &Entry) -> Row {
    Row {
        link: Link::new(entry.person.name.clone(), path(entry.person.id)),
        cells: vec![
            Cell::code(entry.person.email.clone()),
            Cell::new(rights(&entry.person)),
            Cell { tag: Some(state(entry)), ..Cell::new("") },
        ],
    }
}

/// One person.
pub(super) async fn one(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    let (entry, open) = found(&visitor, &id).await?;
    show(&visitor, &entry, open, leaving(&visitor, &entry).await?).await
}

async fn found(visitor: &Visitor, id: &str) -> Result<(Entry, usize), Failure> {
    let admin = administrator(visitor)?;
    Ok(people::one(&visitor.app, admin, PersonId::new(identifier(id)?)).await?)
}

async fn show(visitor: &Visitor, entry: &Entry, open: usize, form: Option<Form>) -> Result<Response, Failure> {
    let person = &entry.person;
    let customer = of_customer(visitor, person).await?;
    let edit = format!("{}/edit", path(person.id));
    let mut facts = vec![
        Fact::new("Name", person.name.as_str()).change(edit.as_str()),
        Fact::code("Email address", person.email.as_str()),
    ];
    facts.push(match &customer {
        Some(customer) => Fact::new("Customer", customer.name.as_str()),
        None => Fact::new("Works for", visitor.app.brand.vendor.as_str()),
    });
    let label = if customer.is_some() { "Sees" } else { "Roles" };
    facts.push(Fact::new(label, rights(person)).change(edit));
    facts.push(Fact::new("Open cases", open.to_string()));
    let act = |name: &str, label: &str| {
        let to = format!("{}/{name}", path(person.id));
        Form::new(name, to, form_key(), Button::of(Style::Other, label))
    };
    let letter = letters::last(&visitor.app, person.id).await?;
    let mail = personal_mails::last(&visitor.app, person.id).await?;
    let mut acts = vec![match (entry.active, entry.has_password) {
        (false, _) => act("enable", "Let this person in again"),
        (true, false) => act("invite", "Send the invitation again"),
        (true, true) => act("invite", "Send a link for a new password"),
    }];
    let (signing_in, more) = account::section(visitor, person.id, &act).await?;
    acts.extend(more);
    let body = Record {
        tag: Some(state(entry)),
        notes: [letter.and_then(|letter| trouble(&letter)), mail.and_then(|mail| mail_trouble(&mail))]
            .into_iter()
            .flatten()
            .collect(),
        sections: vec![Section { heading: "On record".to_owned(), facts }, signing_in],
        acts,
        form_heading: Some("When this person leaves".to_owned()),
        form,
        ..Record::new("Person", person.name.as_str())
    };
    let errors = body.form.as_ref().map(Form::errors).unwrap_or_default();
    wrong(visitor, (&person.name, crumbs(customer.as_ref(), true)), Record::TEMPLATE, body, errors)
}

/// What keeps the last letter from its reader.
fn trouble(letter: &Letter) -> Option<Note> {
    let error = letter.last_error.as_ref()?;
    let text = if letter.not_before.is_some() {
        format!("The last letter could not be sent yet and will be tried again: {error}")
    } else {
        format!("The last letter could not be sent and was given up: {error}")
    };
    Some(Note::new(Tone::Failed, text))
}

/// The same for mail that belongs to no case.
fn mail_trouble(mail: &PersonalMail) -> Option<Note> {
    let error = mail.last_error.as_ref()?;
    let end = if mail.not_before.is_some() { "and will be tried again" } else { "and was given up" };
    Some(Note::new(Tone::Failed, format!("The last mail about no case could not be sent {end}: {error}")))
}

/// The form that lets a person in no longer, with those who can have the open cases.
async fn leaving(visitor: &Visitor, entry: &Entry) -> Result<Option<Form>, Failure> {
    if !entry.active {
        return Ok(None);
    }
    let nobody =
        if entry.person.is_staff() { "Nobody: back to the queue" } else { "Nobody: they stay with this person" };
    let heirs = people::heirs(&visitor.app, &entry.person).await?;
    let choices = std::iter::once(Choice::new("", nobody))
        .chain(heirs.into_iter().map(|heir| Choice::new(heir.id.uuid().simple().to_string(), heir.name)));
    let heir = Field::new(Kind::Select, "heir", "Hand open cases over to").options(choices.collect()).value("");
    let button = Button::of(Style::Danger, "Disable").about(entry.person.name.as_str());
    let action = format!("{}/disable", path(entry.person.id));
    let heir = heir.hint("Sessions, API tokens and links of this person end at once");
    Ok(Some(Form::new("leave", action, form_key(), button).fields(vec![heir])))
}

/// Lets a person in no longer.
pub(super) async fn disable(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    fields.only(&["heir"])?;
    let (entry, open) = found(&visitor, &id).await?;
    visitor.proved(&path(entry.person.id))?;
    let outcome = async {
        let heir = match fields.get("heir") {
            "" => None,
            text => Some(PersonId::new(
                uuid(text)
                    .ok_or_else(|| Error::field("heir", "unknown", "Choose somebody who may have these cases"))?,
            )),
        };
        people::disable(&visitor.app, visitor.person.as_ref().ok_or(Error::SignedOut)?, entry.person.id, heir).await
    };
    match outcome.await {
        Ok(()) => Ok(Redirect::to(&path(entry.person.id)).into_response()),
        Err(Error::Invalid(errors)) => {
            let mut form = leaving(&visitor, &entry).await?;
            if let Some(form) = &mut form {
                fill(form, &fields, &errors);
            }
            show(&visitor, &entry, open, form).await
        }
        Err(other) => Err(other.into()),
    }
}

fn uuid(text: &str) -> Option<::uuid::Uuid> {
    text.parse().ok()
}

/// Sends the invitation, or a link for a new password.
pub(super) async fn send_link(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    fields.only(&[])?;
    let (entry, _) = found(&visitor, &id).await?;
    visitor.proved(&path(entry.person.id))?;
    letters::invite(&visitor.app, visitor.person()?, entry.person.id, fields.once(&visitor)?).await?;
    Ok(Redirect::to(&path(entry.person.id)).into_response())
}

/// Lets a person in again.
pub(super) async fn enable(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    fields.only(&[])?;
    let (entry, _) = found(&visitor, &id).await?;
    visitor.proved(&path(entry.person.id))?;
    people::enable(&visitor.app, visitor.person()?, entry.person.id).await?;
    Ok(Redirect::to(&path(entry.person.id)).into_response())
}

/// The form with what is on record.
pub(super) async fn edit(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    let (entry, _) = found(&visitor, &id).await?;
    visitor.proved(&visitor.uri)?;
    again(&visitor, changing(&entry.person))
}

/// Changes a person.
pub(super) async fn change(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let (entry, _) = found(&visitor, &id).await?;
    let admin = administrator(&visitor)?;
    visitor.proved(&format!("{}/edit", path(entry.person.id)))?;
    fields.only(if entry.person.is_staff() { STAFF_FIELDS } else { CONTACT_FIELDS })?;
    let outcome = async {
        let all_cases = entry.person.is_staff() || right(&fields).map_err(|error| Error::Invalid(vec![error]))?;
        let wanted = people::Change { name: fields.get("name").to_owned(), roles: roles(&fields), all_cases };
        people::change(&visitor.app, admin, entry.person.id, wanted).await
    };
    match outcome.await {
        Ok(()) => Ok(Redirect::to(&path(entry.person.id)).into_response()),
        Err(Error::Invalid(errors)) => {
            let mut body = changing(&entry.person);
            fill(&mut body.form, &fields, &errors);
            again(&visitor, body)
        }
        Err(other) => Err(other.into()),
    }
}

fn changing(person: &Person) -> Edit {
    let name = Field::new(Kind::Text, "name", "Name").value(person.name.as_str());
    let mut rights = if person.is_staff() { roles_field() } else { right_field() };
    for choice in &mut rights.options {
        choice.checked = match (person.is_staff(), Role::parse(&choice.value)) {
            (true, role) => role.is_some_and(|role| person.is(role)),
            (false, _) => (choice.value == "all") == person.all_cases,
        };
    }
    let action = format!("{}/edit", path(person.id));
    let mut form = Form::new("form", action, form_key(), Button::main("Save")).fields(vec![name, rights]);
    form.cancel = Some(path(person.id));
    Edit { heading: format!("Change {}", person.name), intro: None, form }
}

fn roles_field() -> Field {
    let choice = |role: Role, label: &str, hint: &str| Choice::new(role.as_str(), label).hint(hint);
    Field::new(Kind::Checkbox, "roles", "Roles").options(vec![
        choice(Role::Support, "Support", "Works the queue and speaks with customers"),
        choice(Role::Network, "Network", "Works on tunnels and whitelists"),
        choice(Role::Lead, "Lead", "Answers for overdue cases and may override"),
        choice(Role::Admin, "Administrator", "Administers customers, people and tunnels"),
    ])
}

fn right_field() -> Field {
    Field::new(Kind::Radio, "right", "Which cases this person sees").options(vec![
        Choice::new("all", "All cases of the customer"),
        Choice::new("own", "Own cases").hint("Those that this person opens"),
    ])
}

fn roles(fields: &Fields) -> BTreeSet<Role> {
    Role::STAFF.into_iter().filter(|role| !fields.get(&format!("roles-{}", role.as_str())).is_empty()).collect()
}

/// Whether all cases of the customer are to be seen.
fn right(fields: &Fields) -> Result<bool, FieldError> {
    match fields.get("right") {
        "all" => Ok(true),
        "own" => Ok(false),
        _ => Err(FieldError::new("right", "missing", "Choose which cases this person sees")),
    }
}

fn rights(person: &Person) -> String {
    if !person.is_staff() {
        return if person.all_cases { "All cases".to_owned() } else { "Own cases".to_owned() };
    }
    person.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

fn state(entry: &Entry) -> Tag {
    match (entry.active, entry.has_password) {
        (false, _) => Tag::new(Tone::Skipped, "Disabled"),
        (true, false) => Tag::new(Tone::Other, "Invited"),
        (true, true) => Tag::new(Tone::Done, "Active"),
    }
}

async fn of_customer(visitor: &Visitor, person: &Person) -> Result<Option<Customer>, Failure> {
    match person.customer {
        Some(id) => Ok(Some(admin::customer_by_id(&visitor.app, id).await?)),
        None => Ok(None),
    }
}

fn crumbs(customer: Option<&Customer>, is_person: bool) -> Vec<Link> {
    let Some(customer) = customer else { return vec![Link::new("People", "/admin/people")] };
    let to = customer_path(customer);
    let mut crumbs = vec![Link::new("Customers", "/admin/customers"), Link::new(customer.name.as_str(), to.as_str())];
    if is_person {
        crumbs.push(Link::new("People", format!("{to}/people")));
    }
    crumbs
}

fn path(id: PersonId) -> String {
    format!("/admin/people/{}", id.uuid().simple())
}
