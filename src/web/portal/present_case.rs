//! A case in the words of its customer: whose turn it is, the next act, how far it is, what was said.

use chrono::{DateTime, Utc};

use super::for_provider::{ForProvider, Service};
use super::words::{self, Texts};
use super::{act_form, family, messages};
use crate::app::cases::{self, View};
use crate::app::{App, Error};
use crate::domain::actor::Person;
use crate::domain::case::{self, WaitingOn};
use crate::domain::cause::{Cause, Owner};
use crate::domain::channel::Channel;
use crate::domain::id::MessageId;
use crate::domain::objective::Objective;
use crate::domain::workflow::wording;
use crate::domain::workflow::{Phase, ProgressStatus, Rule, State, StateKind};
use crate::store::probes::Probe;
use crate::views::case::{Case, Turn};
use crate::views::common::{Act, Fact, FileRow, Happening, Message, Note, Step, StepStatus, Tag, TestRow, Tone};
use crate::views::portal::Sent;
use crate::views::size;

/// What customers told us, in the order of the request.
const TOLD: [&str; 27] = [
    "former_ip",
    "smtp_location",
    "smtp_host",
    "smtp_ip",
    "smtp_port",
    "encryption",
    "sender_address",
    "filters_inbound",
    "tls_name",
    "test_recipient",
    "change_timing",
    "effective_at",
    "effective_zone",
    "overlap",
    "cutover_contact",
    "relay_name",
    "provider_ref",
    "syslog_location",
    "syslog_host",
    "syslog_ip",
    "syslog_port",
    "transport",
    "framing",
    "input_type",
    "directories",
    "threshold",
    "profiles",
];
/// Those of them that are words and no values to copy.
const WORDS: [&str; 13] = [
    "effective_at",
    "change_timing",
    "effective_zone",
    "overlap",
    "cutover_contact",
    "smtp_location",
    "encryption",
    "filters_inbound",
    "relay_name",
    "syslog_location",
    "transport",
    "framing",
    "input_type",
];

/// Answers that belong into the history as both sides read it.
const SPOKEN: [&str; 8] =
    ["question", "answer", "reason", "note", "change_ref", "provider_ref", "override_reason", "hold_until"];

/// The page of a case.
///
/// # Errors
/// [`Error::Internal`] where the definition lacks the case's state: a defect.
pub(super) fn case(app: &App, view: &View<'_>) -> Result<Case, Error> {
    let texts = Texts::new(app, view.definition, &view.case);
    let state = texts.state()?;
    let tag = words::standing(&view.case, state);
    let (acts, more) = acts(view, state, &texts);
    let write = ("message", "Write a message", "Send message");
    Ok(Case {
        number: words::count(view.case.number),
        heading: view.case.title.clone(),
        opened_at: view.case.opened_at,
        turn: turn(view, state, &texts, app.now()),
        acts,
        more,
        steps: steps(view, &texts, &tag),
        tests: view.probes.iter().map(|probe| test_row(view.case.number, probe)).collect(),
        messages: conversation(view, &app.brand.vendor),
        message: (view.case.is_open || family::closing_until(&view.case, state).is_some())
            .then(|| messages::form(view.case.number, write, false)),
        facts: facts(view),
        history: history(view),
        overrides: overrides(view),
        notes: family::notes(view, state),
        family: family::relatives(app, view, words::standing)?,
        tag,
    })
}

/// The confirmation of a request.
///
/// # Errors
/// As [`case()`].
pub(super) fn sent(app: &App, view: &View<'_>, person: &Person) -> Result<Sent, Error> {
    let texts = Texts::new(app, view.definition, &view.case);
    let ahead = view.definition.progress(&view.case.flow).into_iter().filter(|step| match step.status {
        ProgressStatus::Now | ProgressStatus::Trouble | ProgressStatus::NotYet => true,
        ProgressStatus::Done => false,
    });
    let first = match promise(&view.case, app.now()) {
        Some(promise) => format!("An engineer checks it. {promise}"),
        None => "An engineer checks it.".to_owned(),
    };
    let steps = std::iter::once(first).chain(ahead.map(|step| format!("{}.", texts.fill(&step.title))));
    Ok(Sent {
        number: words::count(view.case.number),
        case: format!("/cases/{}", view.case.number),
        steps: steps.collect(),
        mail_to: person.email.clone(),
        again: "/start".to_owned(),
    })
}

/// What the state offers, its main act first and with its form where that is short; and what is possible at any time.
fn acts(view: &View<'_>, state: &State, texts: &Texts<'_>) -> (Vec<Act>, Vec<Act>) {
    let is_own = |rule: &&Rule| state.rules.iter().any(|own| own.event == rule.event);
    let (own, anywhere): (Vec<&Rule>, Vec<&Rule>) = view.offers.iter().copied().partition(is_own);
    let link = |rule: &Rule| Act {
        help: rule.help.as_deref().map(|help| texts.fill(help)),
        ..Act::link(texts.fill(&rule.label), act_form::page(&view.case, &rule.event))
    };
    let mut acts: Vec<Act> = own.iter().map(|rule| link(rule)).collect();
    if let (Some(rule), Some(act)) = (own.first(), acts.first_mut()) {
        let form = act_form::form(view.definition, &view.case, rule, None);
        act.form = act_form::is_short(&form).then_some(form);
    }
    (acts, anywhere.into_iter().map(link).collect())
}

fn turn(view: &View<'_>, state: &State, texts: &Texts<'_>, now: DateTime<Utc>) -> Turn {
    let case = &view.case;
    Turn {
        tone: words::standing(case, state).tone,
        heading: texts.fill(&state.customer.headline),
        text: texts.fill(&state.customer.body),
        checklist: state.checklist.iter().map(|item| texts.fill(&item.text)).filter(|_| is_theirs(case)).collect(),
        next: Some(texts.fill(&state.customer.next)),
        promise: promise(case, now),
        copy: copy(view, state),
    }
}

/// Until when the vendor answers, while the vendor has the turn and a clock runs.
fn promise(case: &case::Case, now: DateTime<Utc>) -> Option<String> {
    // A state without a clock is stored as due in the far future.
    let has_clock = case.due_at < now + chrono::TimeDelta::days(366);
    (case.is_open && has_clock && (case.waiting_on == WaitingOn::Vendor || case.objective.is_some())).then(|| {
        let due = case.due_at.format("%-d %B %Y at %H:%M UTC");
        match (case.objective, case.due_at < now) {
            (Some(Objective::NextUpdate), false) => format!("You hear from us by {due}."),
            (Some(Objective::Done), false) => format!("We are done by {due}."),
            (Some(Objective::FirstAnswer) | None, false) => format!("We answer by {due}."),
            (Some(Objective::Done), true) => format!("We wanted to be done by {due}. We are late, and we know it."),
            (_, true) => format!("We wanted to answer by {due}. We are late, and we know it."),
        }
    })
}

fn is_theirs(case: &case::Case) -> bool {
    case.waiting_on == WaitingOn::Customer
}

/// What the reader carries elsewhere or has to know for the next act.
fn copy(view: &View<'_>, state: &State) -> Vec<Fact> {
    let case = &view.case;
    let mut copy = Vec::new();
    let alerting = words::shown(case, "alerting_ips");
    let fields = case.channel().server();
    let server = words::shown(case, fields.address).zip(words::shown(case, fields.port));
    if let (true, Phase::Configure, Some(alerting), Some((address, port))) =
        (is_theirs(case), state.phase, &alerting, &server)
    {
        copy.push(Fact::code("Alerting IP", alerting));
        copy.push(Fact::code("To", format!("{address} on port {port}")));
        if words::text(case, fields.location) == Some("public") {
            let host = words::shown(case, fields.host);
            let service = match (case.channel(), words::text(case, "transport")) {
                (Channel::Smtp, _) => Service::Mail,
                (Channel::Syslog, transport) => Service::Syslog { udp: transport == Some("udp") },
            };
            let request = ForProvider { service, alerting, address, port, host: host.as_deref(), case: case.number };
            copy.extend(request.texts());
        }
    }
    if let (true, Some(id)) = (is_theirs(case) && state.phase != Phase::Configure, words::shown(case, "test_id")) {
        copy.push(Fact::code("Test id to look for", id));
    }
    if let Some(reason) = view.history.last().and_then(|last| last.answers.get("reason")).filter(|_| is_theirs(case)) {
        copy.push(Fact::new("Reason", reason));
    }
    copy.extend(last_failure(case, state).into_iter().flat_map(|cause| {
        let entry = cause.entry();
        let acts = matches!(entry.owner, Owner::Customer | Owner::Provider) && is_theirs(case);
        let remedy = acts.then(|| Fact::new("What to do about it", entry.remedy_customer));
        [Some(Fact::new("The last test", entry.title)), remedy].into_iter().flatten()
    }));
    copy
}

/// The cause that the last test ended with, where it matters for what is to be done now.
fn last_failure(case: &case::Case, state: &State) -> Option<Cause> {
    let matters = state.kind == StateKind::Normal && matches!(state.phase, Phase::Apply | Phase::Repair);
    let failed = words::text(case, "verdict").is_some_and(|verdict| verdict != "reachable");
    words::text(case, "cause").filter(|_| matters && failed).and_then(Cause::from_id)
}

fn steps(view: &View<'_>, texts: &Texts<'_>, tag: &Tag) -> Vec<Step> {
    let steps = view.definition.progress(&view.case.flow).into_iter();
    steps
        .map(|step| {
            let title = texts.fill(&step.title);
            let here = |status| Step {
                tag: Some(tag.clone()),
                at: Some(view.case.waiting_since),
                ..Step::new(title.clone(), status)
            };
            match step.status {
                ProgressStatus::Done => Step::new(title, StepStatus::Done),
                ProgressStatus::Now => here(StepStatus::Now),
                ProgressStatus::Trouble => here(StepStatus::Trouble),
                ProgressStatus::NotYet => Step::new(title, StepStatus::NotYet),
            }
        })
        .collect()
}

/// One test in a list.
pub(in crate::web) fn test_row(case: i64, probe: &Probe) -> TestRow {
    let cause = probe.cause.as_deref().and_then(Cause::from_id).map(|cause| cause.entry().title);
    let (tone, word) = verdict(probe.verdict.as_deref());
    TestRow {
        number: words::count(probe.number),
        href: format!("/cases/{case}/tests/{}", probe.number),
        tag: Tag::new(tone, word),
        text: match (probe.verdict.as_deref(), cause) {
            (None, _) => "The test is running.".to_owned(),
            (Some(_), Some(cause)) => format!("{cause}."),
            (Some(_), None) => "Every step passed.".to_owned(),
        },
        at: probe.requested_at,
    }
}

/// A verdict of the contract in words; none while the test runs.
pub(in crate::web) fn verdict(word: Option<&str>) -> (Tone, &'static str) {
    match word {
        None => (Tone::Us, "Running"),
        Some("reachable") => (Tone::Done, "Reachable"),
        Some("reachable_with_warnings") => (Tone::Done, "Reachable with warnings"),
        Some("unconfirmed") => (Tone::Neutral, "Not confirmed"),
        Some("deferred") => (Tone::You, "Asked to come again"),
        Some("could_not_tell") => (Tone::Neutral, "Could not tell"),
        Some("refused") => (Tone::Failed, "Not tested"),
        Some(_) => (Tone::Failed, "Not reachable"),
    }
}

fn files(view: &View<'_>, message: MessageId) -> Vec<FileRow> {
    let own = view.files.iter().filter(|file| file.message_id == Some(message));
    own.map(|file| FileRow {
        name: file.name.clone(),
        href: messages::file_path(view.case.number, file.id),
        size: size(file.size.unsigned_abs()),
    })
    .collect()
}

pub(in crate::web) fn conversation(view: &View<'_>, vendor: &str) -> Vec<Message> {
    let messages = view.messages.iter();
    messages
        .map(|message| {
            let is_staff = message.author_id.is_some_and(|id| view.staff.contains(&id.to_string()));
            Message {
                at: message.at,
                from: message.author_name.clone().unwrap_or_else(|| "Postern".to_owned()),
                side: if is_staff { vendor.to_owned() } else { view.customer.name.clone() },
                text: message.body.clone(),
                internal: message.is_internal,
                files: files(view, message.id),
            }
        })
        .collect()
}

fn facts(view: &View<'_>) -> Vec<Fact> {
    let case = &view.case;
    let told = TOLD.iter().filter_map(|name| {
        let value = wording::spoken(view.definition.fields.get(*name), case.flow.data.get(*name)?);
        let label = short_label(name).map_or_else(|| words::label(view.definition, name), str::to_owned);
        let is_word = WORDS.contains(name);
        let value = words::choice_label(name, &value);
        let fact = if is_word { Fact::new(label, value) } else { Fact::code(label, value) };
        Some(match former(view, name) {
            Some(former) => fact.tag(Tone::Neutral, &format!("in use: {former}")),
            None => fact,
        })
    });
    let mut facts: Vec<Fact> = told.collect();
    for (name, label) in [("smtp_account", "Account"), ("smtp_password", "Account password")] {
        if case.flow.sealed.contains(name) {
            facts.push(Fact::new(label, "Stored encrypted"));
        }
    }
    facts
}

/// What is in force, where a case that is to change it holds another value.
pub(in crate::web) fn former(view: &View<'_>, name: &str) -> Option<String> {
    let parent = view.family.parent.as_ref().filter(|_| view.case.is_open)?;
    let former = words::shown(parent, name)?;
    let differs = words::shown(&view.case, name).is_some_and(|value| value != former);
    differs.then(|| words::choice_label(name, &former))
}

/// Questions as names of facts.
pub(super) fn short_label(field: &str) -> Option<&'static str> {
    Some(match field {
        "smtp_location" => "Where the server is",
        "syslog_location" => "Where the receiver is",
        "syslog_host" => "Host name",
        "syslog_ip" => "IP",
        "syslog_port" => "SYSLOG port",
        "transport" => "Transport",
        "framing" => "Framing",
        "tls_name" => "Name in the certificate",
        "input_type" => "Alerts",
        "smtp_host" => "Host name",
        "smtp_ip" => "IP",
        "smtp_port" => "SMTP port",
        "encryption" => "Encryption",
        "sender_address" => "Sender address",
        "filters_inbound" => "Filters by source IP",
        "test_recipient" => "Mailbox for the test alert",
        "relay_name" => "Relay",
        _ => return None,
    })
}

/// What happened, without what stays inside, and without what the machine noted for itself.
fn history(view: &View<'_>) -> Vec<Happening> {
    let shown = view.history.iter().filter(|happening| !happening.is_internal);
    shown
        .map(|happening| Happening {
            at: happening.at,
            who: happening.who.clone(),
            what: happening.what.clone(),
            facts: spoken(view, happening),
        })
        .collect()
}

fn spoken(view: &View<'_>, happening: &cases::Happening) -> Vec<Fact> {
    let words = SPOKEN.iter().filter_map(|name| happening.answers.get(*name).map(|text| (*name, text)));
    words.map(|(name, text)| Fact::new(words::label(view.definition, name), text)).collect()
}

/// Every decision of a lead to go on without a passed test; they stay visible for good.
pub(in crate::web) fn overrides(view: &View<'_>) -> Vec<Note> {
    let decisions = view.history.iter().filter_map(|happening| {
        let reason = happening.answers.get("override_reason")?;
        Some(Note::new(Tone::You, format!("{} went on without a passed test: {reason}", happening.who)))
    });
    decisions.collect()
}
