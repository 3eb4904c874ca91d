//! One entry: both sides, where it came from, whether somebody uses it, what happened to it.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono::{DateTime, Utc};

use super::{crumbs, identifier, path, port, progress, word};
use crate::app::whitelist::changes::{self, Use, View};
use crate::app::{Error, FieldError};
use crate::domain::actor::Person;
use crate::domain::id::EntryId;
use crate::domain::tunnel::Progress;
use crate::store::register::{LastTest, Listed};
use crate::store::whitelist::Entry;
use crate::views::common::{Fact, Happening, Link, Note, Page, Section, Tone};
use crate::views::form::{Button, Choice, Field, Form, Kind, Style};
use crate::views::{instant, whitelist};
use crate::web::fields::{Fields, encode};
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// The page.
pub(super) async fn page(visitor: Visitor, Path(entry): Path<String>) -> Result<Response, Failure> {
    visitor.person()?;
    show(&visitor, id(&entry)?, None).await
}

fn id(text: &str) -> Result<EntryId, Failure> {
    Ok(EntryId::new(identifier(text)?))
}

async fn show(visitor: &Visitor, id: EntryId, wrong: Option<(&Fields, Vec<FieldError>)>) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let view = changes::view(&visitor.app, person, id).await?;
    let mut body = body(visitor, person, &view);
    let mut errors = Vec::new();
    if let Some((fields, faults)) = wrong {
        let forms = [body.retire.as_mut(), body.theirs.as_mut()];
        let is_hit = |form: &&mut Form| form.fields.iter().any(|field| faults.iter().any(|e| e.field == field.name));
        if let Some(form) = forms.into_iter().flatten().find(is_hit) {
            for field in &mut form.fields {
                *field = field.clone().value(fields.get(&field.name));
                field.error = faults.iter().find(|fault| fault.field == field.name).map(|fault| fault.message.clone());
            }
            errors = form.errors();
        }
    }
    let mut page = Page::new(format!("{} {}", body.heading, body.port), frame::frame(visitor), body);
    page.crumbs = crumbs(visitor);
    page.errors = errors;
    frame::show(visitor, whitelist::Entry::TEMPLATE, &page)
}

fn body(visitor: &Visitor, person: &Person, view: &View) -> whitelist::Entry {
    let (listed, entry) = (&view.listed, &view.listed.entry);
    let leaves = entry.leave_at.is_some();
    let stands = entry.ours != Progress::Retired;
    let works = person.works_queue();
    let button = |id: &str, label: &str| {
        Form::new(id, format!("{}/{id}", path(entry)), form_key(), Button::of(Style::Other, label))
    };
    whitelist::Entry {
        heading: entry.network.clone(),
        port: format!("port {}", port(entry)),
        tag: progress(entry.ours, leaves),
        notes: notes(visitor, entry, &view.used),
        sections: vec![
            Section { heading: "Both sides".to_owned(), facts: sides(entry) },
            Section { heading: "Where it belongs".to_owned(), facts: origin(listed) },
            Section { heading: "Use".to_owned(), facts: uses(&view.used) },
        ],
        links: links(listed, &view.used),
        history: view
            .changes
            .iter()
            .map(|change| Happening {
                at: change.at,
                who: change.who.clone(),
                what: match change.how.as_str() {
                    "" => change.what.clone(),
                    how => format!("{}: {how}", change.what),
                },
                facts: Vec::new(),
            })
            .collect(),
        stay: (works && leaves).then(|| button("stay", "Keep it on the list")),
        retire: (works && stands && !leaves).then(|| retire_form(button("retire", "Take it off"), entry, &view.used)),
        theirs: (works && stands).then(|| theirs_form(button("theirs", "Save"))),
    }
}

fn notes(visitor: &Visitor, entry: &Entry, used: &Use) -> Vec<Note> {
    let mut notes = Vec::new();
    if let (Some(by), Some(why)) = (&entry.leave_by, &entry.leave_why) {
        let text = format!("{by} wants it to leave the {}: {why}. Our gateway still has it.", word(visitor));
        let plan = Link::new("What is to be applied", format!("/whitelist/plan/{}", entry.tunnel_id));
        notes.push(Note { link: Some(plan), ..Note::new(Tone::You, text) });
    }
    if used.is_used() && entry.ours != Progress::Retired {
        notes.push(Note::new(Tone::Us, "It is in use. Taking it off the list may stop alerts."));
    }
    notes
}

fn sides(entry: &Entry) -> Vec<Fact> {
    let side = |label: &str, state, by: &Option<String>, how: &Option<String>, at: Option<DateTime<Utc>>, leaves| {
        let said: Vec<String> = [by.clone(), how.clone(), at.map(instant)].into_iter().flatten().collect();
        Fact { tag: Some(progress(state, leaves)), ..Fact::new(label, said.join(", ")) }
    };
    let leaves = entry.leave_at.is_some();
    vec![
        side("Our side", entry.ours, &entry.ours_by, &entry.ours_how, entry.ours_at, leaves),
        side("Their side", entry.theirs, &entry.theirs_by, &entry.theirs_how, entry.theirs_at, false),
    ]
}

fn origin(listed: &Listed) -> Vec<Fact> {
    let entry = &listed.entry;
    let mut facts = vec![
        Fact::new("Tunnel", listed.tunnel.as_str()),
        Fact::new("Customer", listed.customer.as_str()),
        Fact::code("From", listed.sources.join(", ")),
    ];
    facts.extend(entry.reason.as_ref().map(|text| Fact::new("Reason", text.as_str())));
    facts.extend(entry.port_reason.as_ref().map(|text| Fact::new("Reason for the port", text.as_str())));
    facts.push(Fact::new("Made", instant(entry.created_at)));
    facts
}

fn uses(used: &Use) -> Vec<Fact> {
    let tenants = match used.tenants.as_slice() {
        [] => "No product tenant sends its alerts there".to_owned(),
        names => format!("Alerts of {} go there", names.join(", ")),
    };
    let mut facts = vec![Fact::new("Product", tenants)];
    match &used.last_test {
        None => facts.push(Fact::new("Last test", "No test went there")),
        Some(test) => {
            let at = test.finished_at.map(instant).unwrap_or_default();
            let verdict = test.verdict.clone().unwrap_or_default().replace('_', " ");
            facts.push(Fact::new(
                "Last test",
                format!("{verdict}, {at}, test {} of case {}", test.number, test.case_number),
            ));
            facts.push(Fact::new("Traffic", traffic(test)));
        }
    }
    facts
}

/// What was counted while the last test ran: no count is no zero.
fn traffic(test: &LastTest) -> String {
    let count = |pointer: &str| test.report.as_ref().and_then(|report| report.0.pointer(pointer)?.as_u64());
    let said = |name: &str, value: Option<u64>| value.map(|value| format!("{value} packets {name}"));
    let ours = [said("sent", count("/path/sent")), said("received", count("/path/received"))];
    let tunnel = [
        said("into the tunnel", count("/path/tunnel/packets_out")),
        said("out of the tunnel", count("/path/tunnel/packets_in")),
    ];
    let test: Vec<String> = ours.into_iter().flatten().collect();
    let tunnel: Vec<String> = tunnel.into_iter().flatten().collect();
    match (test.as_slice(), tunnel.as_slice()) {
        ([], []) => "Not counted".to_owned(),
        (test, []) => format!("By the test: {}", test.join(", ")),
        ([], tunnel) => format!("By the tunnel so far: {}", tunnel.join(", ")),
        (test, tunnel) => format!("By the test: {}; by the tunnel so far: {}", test.join(", "), tunnel.join(", ")),
    }
}

fn links(listed: &Listed, used: &Use) -> Vec<Link> {
    let case = listed.case_number.map(|number| Link::new(format!("Case {number}"), format!("/cases/{number}")));
    let test = used.last_test.as_ref().map(|test| {
        let (case, number) = (test.case_number, test.number);
        Link::new(format!("Test {number} of case {case}"), format!("/cases/{case}/tests/{number}"))
    });
    let tunnel = Link::new(
        format!("Entries of tunnel {}", listed.tunnel),
        format!("/whitelist?tunnel={}", encode(&listed.tunnel)),
    );
    case.into_iter().chain(test).chain([tunnel]).collect()
}

fn retire_form(form: Form, entry: &Entry, used: &Use) -> Form {
    let mut fields = vec![Field::new(Kind::Text, "reason", "Why is it not needed any more?")];
    if used.is_used() {
        let label = format!("It is in use: enter {} to take it off nevertheless", entry.network);
        fields.push(Field::new(Kind::Code, "confirm", label));
    }
    form.fields(fields)
}

fn theirs_form(form: Form) -> Form {
    let states = vec![
        Choice::new("wanted", "They were asked to let our alerting IP in"),
        Choice::new("applied", "They say that it is done"),
        Choice::new("retired", "They say that it was taken away"),
    ];
    form.fields(vec![
        Field::new(Kind::Radio, "state", "What is known of their side?").options(states),
        Field::new(Kind::Text, "how", "Who said so, or a reference"),
    ])
}

/// Asks for the entry to leave the list.
pub(super) async fn retire(visitor: Visitor, Path(entry): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let id = id(&entry)?;
    fields.only(&["reason", "confirm"])?;
    let typed = (fields.get("reason").to_owned(), fields.get("confirm").to_owned());
    let outcome = changes::retire(&visitor.app, person, id, typed).await;
    finish(&visitor, id, &fields, outcome).await
}

/// Keeps an entry that was to leave.
pub(super) async fn stay(visitor: Visitor, Path(entry): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let id = id(&entry)?;
    fields.only(&[])?;
    let outcome = changes::stay(&visitor.app, person, id).await;
    finish(&visitor, id, &fields, outcome).await
}

/// Records the customer's side.
pub(super) async fn theirs(visitor: Visitor, Path(entry): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let id = id(&entry)?;
    fields.only(&["state", "how"])?;
    let typed = (fields.get("state").to_owned(), fields.get("how").to_owned());
    let outcome = changes::mark_theirs(&visitor.app, person, id, typed).await;
    finish(&visitor, id, &fields, outcome).await
}

async fn finish(
    visitor: &Visitor,
    id: EntryId,
    fields: &Fields,
    outcome: Result<Listed, Error>,
) -> Result<Response, Failure> {
    match outcome {
        Ok(listed) => Ok(Redirect::to(&path(&listed.entry)).into_response()),
        Err(Error::Invalid(errors)) if !visitor.json => show(visitor, id, Some((fields, errors))).await,
        Err(other) => Err(other.into()),
    }
}
