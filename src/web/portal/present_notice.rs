//! The notice of a change of the IP in the words of its customer.

use super::act_form;
use super::words::{self, Texts};
use crate::app::cases::View;
use crate::app::notices::{self, Draft, Plan};
use crate::app::{App, FieldError};
use crate::domain::actor::Person;
use crate::domain::case::Case;
use crate::domain::notice;
use crate::views::common::{Change, Fact, Note, Tone};
use crate::views::form::{Button, Choice, Field, Form, Hidden, Kind, Width};
use crate::views::notice::{Check, Sent};
use crate::views::portal::Question;
use crate::web::visit::form_key;

/// The ways in which an IP changes.
const WAYS: [(&str, &str, &str); 3] = [
    (
        "keep_both",
        "Keep both for 48 hours",
        "Safest: we test the new server before the change, and the old one stays as a way back",
    ),
    ("switch", "Switch at that time", "The same server gets the new IP; the old one is taken off right after the test"),
    ("changed", "It has already changed", "Urgent, but confirmed by a second contact all the same"),
];

/// Where a notice is asked for.
fn path(server: &str) -> String {
    format!("/servers/{server}/change-ip")
}

/// The question, with what was typed.
pub(super) fn question(server: &str, case: &Case, (draft, errors): (&Draft, &[FieldError])) -> Question {
    let held = words::text(case, "smtp_ip").unwrap_or_default();
    let location = words::text(case, "smtp_location").unwrap_or_default();
    let ways = WAYS.iter().map(|(value, label, hint)| Choice::new(*value, *label).hint(*hint)).collect();
    let fields = vec![
        Field::new(Kind::Code, "new_ip", "New IP").hint("One IP, not a range").value(&draft.new_ip),
        Field::new(Kind::Radio, "how", "How does it change?").options(ways).value(&draft.how),
        Field::new(Kind::Code, "date", "Date").hint("Like 2026-12-01").value(&draft.date).optional(),
        Field::new(Kind::Code, "time", "Time").hint("Like 08:00").value(&draft.time).width(Width::Tiny).optional(),
        Field::new(Kind::Text, "zone", "Time zone")
            .hint("Like Europe/Berlin")
            .value(&draft.zone)
            .width(Width::Short)
            .optional(),
        Field::new(Kind::Text, "call", "Who to call at the switch")
            .hint("Name and number")
            .value(&draft.call)
            .optional(),
    ];
    let mut form = Form::new("notice", path(server), form_key(), Button::main("Continue")).fields(fields);
    act_form::mark(&mut form, errors);
    form.cancel = Some(format!("/cases/{}", case.number));
    Question {
        back: format!("/cases/{}", case.number),
        counter: None,
        heading: Some("The IP of your SMTP server will change".to_owned()),
        lead: Some(format!(
            "Now: {held} ({location}). Tell us before it changes: otherwise alerts stop arriving. Date, time and time zone are \
             needed unless it has already changed."
        )),
        form,
        notes: Vec::new(),
    }
}

/// Every answer once more, old and new side by side.
pub(super) fn check(server: &str, case: &Case, (draft, plan): (&Draft, &Plan), is_soon: bool) -> Check {
    let value = |name: &str| plan.answers.get(name).cloned();
    let way = WAYS.iter().find(|(value, ..)| *value == draft.how).map(|(_, label, _)| *label);
    let mut facts = Vec::new();
    if let Some(at) = plan.at {
        facts.push(Fact::new("When", notice::shown(at, Some(&draft.zone))));
    }
    facts.push(Fact::new("How", way.unwrap_or_default()));
    facts.push(match value("cutover_contact") {
        Some(call) => Fact::new("Who to call at the switch", call),
        None => Fact::missing("Who to call at the switch"),
    });
    let mut notes = Vec::new();
    if plan.is_other_kind {
        let into = if value("new_location").as_deref() == Some("private") { "inside" } else { "outside" };
        notes.push(Note::new(
            Tone::You,
            format!(
                "This moves the server {into} your network, so it becomes a new request once it is confirmed. Your answers are \
                 carried over."
            ),
        ));
    }
    if is_soon {
        notes.push(Note::new(
            Tone::You,
            "This is sooner than our usual 2 working days. We will try. To be safe choose \"Keep both for 48 hours\".",
        ));
    }
    if plan.at.is_none() {
        notes.push(Note::new(
            Tone::You,
            "Alerts may be lost already, so this is urgent. We still have it confirmed first.",
        ));
    }
    let mut form = Form::new("notice", format!("{}/send", path(server)), form_key(), Button::main("Send notice"));
    let hidden = [
        ("new_ip", &draft.new_ip),
        ("how", &draft.how),
        ("date", &draft.date),
        ("time", &draft.time),
        ("zone", &draft.zone),
        ("call", &draft.call),
    ];
    form.hidden = hidden.map(|(name, value)| Hidden { name: name.to_owned(), value: value.clone() }).into();
    Check {
        back: path(server),
        changes: vec![Change {
            label: "IP of your SMTP server".to_owned(),
            was: words::shown(case, "smtp_ip"),
            now: value("new_ip"),
            meaning: None,
        }],
        facts,
        notes,
        form,
    }
}

/// The confirmation: what happens when.
pub(super) fn sent(app: &App, view: &View<'_>, person: &Person) -> Sent {
    let texts = Texts::new(app, view.definition, &view.case);
    let first = "A second contact of your company confirms it, or we call one of you back.".to_owned();
    let ahead = view.definition.progress(&view.case.flow).into_iter().skip(1);
    let steps = std::iter::once(first).chain(ahead.map(|step| format!("{}.", texts.fill(&step.title))));
    Sent {
        number: words::count(view.case.number),
        case: format!("/cases/{}", view.case.number),
        steps: steps.collect(),
        calendar: notices::has_entry(&view.case).then(|| format!("/cases/{}/notice.ics", view.case.number)),
        mail_to: person.email.clone(),
    }
}
