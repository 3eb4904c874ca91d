//! Webhooks as their pages show them.

use chrono::{DateTime, Utc};

use super::webhooks::LIST;
use crate::app::webhooks::endpoints::{Draft, View};
use crate::app::webhooks::log::Detail;
use crate::app::webhooks::sending::page as path;
use crate::domain::id::{EndpointId, EventId};
use crate::domain::webhook::{Delivery, EndpointState, OffReason, Topic, message_id};
use crate::secret::Secret;
use crate::store::deliveries::{Attempt, Logged};
use crate::views::common::{Empty, Fact, Link, Note, Section, Tag, Tone};
use crate::views::form::{Button, Choice, Field, Form, Kind, Style};
use crate::views::instant;
use crate::views::records::{Cell, Edit, Listing, Record, Row};
use crate::views::tables::{Group, TableRow};
use crate::web::visit::form_key;

/// The page of a message.
pub(super) fn message(id: EndpointId, event: EventId) -> String {
    format!("{}/deliveries/{event}", path(id))
}

/// All endpoints.
pub(super) fn list(all: &[View]) -> Listing {
    let row = |view: &View| Row {
        cells: vec![Cell::code(view.endpoint.url.clone()), Cell::new(topics(view)), state_cell(view)],
        link: Link::new(view.endpoint.name.clone(), path(view.endpoint.id)),
    };
    let intro = "Programs of yours are told what happens: each message is signed, and sent again for three days until the \
                 program takes it.";
    Listing {
        heading: "Webhooks".to_owned(),
        intro: Some(intro.to_owned()),
        add: Some(Link::new("Add an endpoint", "/admin/webhooks/new")),
        columns: ["Endpoint", "Address", "Told of", "State"].map(str::to_owned).to_vec(),
        rows: all.iter().map(row).collect(),
        empty: all.is_empty().then(|| Empty { text: "No program is told of anything yet.".to_owned(), link: None }),
    }
}

fn topics(view: &View) -> String {
    match (view.topics.len(), Topic::to_subscribe().count()) {
        (chosen, all) if chosen == all => "Everything".to_owned(),
        (_, _) => view.topics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn state(view: &View) -> (Tone, &'static str) {
    match view.endpoint.state() {
        EndpointState::Off => (Tone::Neutral, "Off"),
        EndpointState::Failing => (Tone::Failed, "Failing"),
        EndpointState::On => (Tone::Done, "On"),
    }
}

fn state_cell(view: &View) -> Cell {
    let (tone, text) = state(view);
    Cell::tag(tone, text)
}

/// One endpoint with its log.
pub(super) fn one(view: &View, rows: &[Logged], undone: i64, now: DateTime<Utc>) -> Record {
    let endpoint = &view.endpoint;
    let edit = format!("{}/edit", path(endpoint.id));
    let key = view.key_made_at.map_or_else(String::new, |at| format!("Made on {}", instant(at)));
    let mut facts = vec![
        Fact::code("Address", endpoint.url.as_str()).change(edit.as_str()),
        Fact::new("Told of", topics(view)).change(edit.as_str()),
        Fact::new("Owner", format!("{} ({})", endpoint.owner_name, endpoint.owner_email)).change(edit),
        Fact::new("Signing key", key),
    ];
    facts.extend(view.former_until.map(|at| Fact::new("Former key", format!("Signs too until {}", instant(at)))));
    let act = |name: &str, label: &str| {
        Form::new(name, format!("{}/{name}", path(endpoint.id)), form_key(), Button::of(Style::Other, label))
    };
    let is_on = endpoint.off_since.is_none();
    let acts = if is_on {
        vec![act("ping", "Send a ping"), act("rotate", "Make another key"), act("off", "Switch off")]
    } else {
        vec![act("on", "Switch on"), act("rotate", "Make another key")]
    };
    let (tone, text) = state(view);
    Record {
        tag: Some(Tag::new(tone, text)),
        notes: note(view, now).into_iter().collect(),
        sections: vec![Section { heading: "On record".to_owned(), facts }],
        groups: vec![messages(rows)],
        acts,
        form_heading: (is_on && undone > 0).then(|| "Send again what failed".to_owned()),
        form: (is_on && undone > 0).then(|| again(endpoint.id, undone)),
        ..Record::new("Webhook", endpoint.name.as_str())
    }
}

fn note(view: &View, now: DateTime<Utc>) -> Option<Note> {
    let endpoint = &view.endpoint;
    if let Some(since) = endpoint.off_since {
        let why = match endpoint.off_why {
            Some(OffReason::Gone) => "it answered 410 Gone",
            Some(OffReason::Failing) => "every message to it failed for three days",
            Some(OffReason::Person) | None => "somebody switched it off",
        };
        let text = format!(
            "Nothing is sent since {}: {why}. What happens meanwhile is kept for 30 days and can be sent once it is on.",
            instant(since)
        );
        return Some(Note::new(Tone::You, text));
    }
    let rests = endpoint.rests_until.filter(|until| *until > now);
    if let Some(until) = rests {
        return Some(Note::new(Tone::You, format!("It asked to be left alone until {}.", instant(until))));
    }
    let since = endpoint.failing_since?;
    Some(Note::new(
        Tone::Failed,
        format!("Every message since {} has failed. After three days it is switched off.", instant(since)),
    ))
}

fn again(id: EndpointId, undone: i64) -> Form {
    let field =
        Field::new(Kind::Code, "since", "Since").hint("In UTC, like 2026-11-25 08:00; empty for 30 days").optional();
    let label = if undone == 1 { "Send 1 again".to_owned() } else { format!("Send up to {undone} again") };
    Form::new("again", format!("{}/redeliver", path(id)), form_key(), Button::of(Style::Other, label))
        .fields(vec![field])
}

fn messages(rows: &[Logged]) -> Group {
    let row = |row: &Logged| TableRow {
        name: row.topic.to_string(),
        href: Some(message(row.endpoint_id, row.event_id)),
        cells: vec![Cell::new(instant(row.at)), delivery_cell(row), Cell::new(last(row))],
    };
    Group {
        heading: "Messages".to_owned(),
        columns: ["Topic", "Happened", "State", "Last try"].map(str::to_owned).to_vec(),
        rows: rows.iter().map(row).collect(),
        note: rows.is_empty().then(|| "Nothing was sent in the last 30 days.".to_owned()),
    }
}

fn delivery_state(row: &Logged) -> (Tone, &'static str) {
    match row.state {
        Delivery::Delivered => (Tone::Done, "Delivered"),
        Delivery::Failed => (Tone::Failed, "Given up"),
        Delivery::Missed => (Tone::Neutral, "Not sent"),
        Delivery::Waiting if row.attempts > 0 => (Tone::You, "To be tried again"),
        Delivery::Waiting => (Tone::Us, "On its way"),
    }
}

fn delivery_cell(row: &Logged) -> Cell {
    let (tone, text) = delivery_state(row);
    Cell::tag(tone, text)
}

fn last(row: &Logged) -> String {
    match (row.attempts, row.status, &row.error) {
        (0, _, _) => "None".to_owned(),
        (1, Some(status), None) => format!("Answered {status}"),
        (tries, Some(status), None) => format!("Try {tries} answered {status}"),
        (tries, _, Some(error)) => format!("Try {tries}: {error}"),
        (tries, None, None) => format!("Try {tries} was cut off"),
    }
}

/// One message with its tries.
pub(super) fn delivery(view: &View, detail: &Detail) -> Record {
    let row = &detail.logged;
    let mut facts = vec![
        Fact::new("Topic", row.topic.to_string()),
        Fact::new("Happened", instant(row.at)),
        Fact::code("webhook-id", message_id(row.event_id)),
        Fact::code("Body", detail.body.as_str()),
    ];
    if row.state == Delivery::Waiting && row.attempts > 0 {
        facts.push(Fact::new("Next try", instant(row.not_before)));
    }
    let mut sections = vec![Section { heading: "Message".to_owned(), facts }];
    sections.extend(detail.attempts.iter().map(attempt));
    let (tone, text) = delivery_state(row);
    let again = Form::new(
        "redeliver",
        format!("{}/redeliver", message(row.endpoint_id, row.event_id)),
        form_key(),
        Button::of(Style::Other, "Send again"),
    );
    let is_on = view.endpoint.off_since.is_none();
    Record {
        tag: Some(Tag::new(tone, text)),
        sections,
        links: vec![Link::new(format!("All messages to {}", view.endpoint.name), path(view.endpoint.id))],
        acts: is_on.then_some(again).into_iter().collect(),
        ..Record::new("Message", row.topic.to_string())
    }
}

fn attempt(one: &Attempt) -> Section {
    let mut facts = vec![Fact::new("When", instant(one.at))];
    match one.took_ms {
        Some(took) => facts.push(Fact::new("Took", format!("{took} ms"))),
        None => facts.push(Fact::new("Outcome", "Under way, or cut off before there was one")),
    }
    facts.extend(one.status.map(|status| Fact::code("Status", status.to_string())));
    facts.extend(one.error.as_ref().map(|error| Fact::new("Failed", error.as_str())));
    facts.extend(one.answer.as_ref().map(|answer| Fact::code("Answer, as the receiver wrote it", answer.as_str())));
    Section { heading: format!("Try {}", one.number), facts }
}

/// The key, which is shown once.
pub(super) fn key(view: &View, key: &Secret) -> Record {
    let mut facts = vec![Fact::code("Signing key", key.expose())];
    facts.extend(view.former_until.map(|at| Fact::new("Former key", format!("Signs too until {}", instant(at)))));
    let text = "Copy the key into the receiver: it is shown now and never again.";
    Record {
        notes: vec![Note::new(Tone::You, text)],
        sections: vec![Section { heading: "Key".to_owned(), facts }],
        links: vec![Link::new("I have kept it", path(view.endpoint.id))],
        ..Record::new("Webhook", view.endpoint.name.as_str())
    }
}

/// The form that adds an endpoint.
pub(super) fn adding(draft: &Draft) -> Edit {
    let intro = "Its key is shown once, when it is added.";
    Edit {
        heading: "Add an endpoint".to_owned(),
        intro: Some(intro.to_owned()),
        form: form((LIST.to_owned(), "Add endpoint", LIST.to_owned()), draft),
    }
}

/// The form that changes one.
pub(super) fn changing(view: &View, draft: &Draft) -> Edit {
    let to = path(view.endpoint.id);
    Edit {
        heading: format!("Change webhook {}", view.endpoint.name),
        intro: Some("What waits goes to the address that is on record when it is sent.".to_owned()),
        form: form((format!("{to}/edit"), "Save", to), draft),
    }
}

fn form((action, label, cancel): (String, &str, String), draft: &Draft) -> Form {
    let choices = Topic::to_subscribe().map(|topic| Choice {
        checked: draft.topics.iter().any(|word| word == topic.as_str()),
        ..Choice::new(topic.as_str(), topic.as_str()).hint(topic.meaning())
    });
    let mut form = Form::new("form", action, form_key(), Button::main(label)).fields(vec![
        Field::new(Kind::Text, "name", "Name").value(draft.name.as_str()),
        Field::new(Kind::Code, "url", "Address")
            .hint("Like https://automation.example.com/postern")
            .width(crate::views::form::Width::Full)
            .value(draft.url.as_str()),
        Field::new(Kind::Email, "owner", "Owner's email address")
            .hint("Gets a mail when the endpoint is switched off")
            .value(draft.owner.as_str()),
        Field::new(Kind::Checkbox, "topics", "Told of").options(choices.collect()),
    ]);
    form.cancel = Some(cancel);
    form
}
