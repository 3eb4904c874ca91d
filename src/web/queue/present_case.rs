//! A case in the words of the engineers: facts, people, conversation, history, who holds it.

use chrono::{DateTime, Utc};

use super::present_list::{due, instant, span};
use super::{present_panel, relays};
use crate::app::cases::View;
use crate::app::desk::Surroundings;
use crate::app::{App, Error};
use crate::domain::actor::{Person, Role};
use crate::domain::case::{self, WaitingOn};
use crate::domain::channel::Channel;
use crate::domain::customer::Architecture;
use crate::domain::tunnel::{Progress, TunnelState};
use crate::domain::workflow::{Definition, Phase, ProgressStatus, State, StateKind};
use crate::store::whitelist::Entry;
use crate::views::casework::{Case, Claim};
use crate::views::common::{Fact, Happening, Link, Step, StepStatus, Tag, Tone};
use crate::views::form::{Button, Form, Style};
use crate::web::portal::words::{self, Texts};
use crate::web::portal::{family, messages, present_case as shared};
use crate::web::visit::form_key;

/// The page of a case.
///
/// # Errors
/// [`Error::Internal`] where the definition lacks the case's state: a defect.
pub(super) fn case(app: &App, person: &Person, view: &View<'_>, around: &Surroundings) -> Result<Case, Error> {
    let now = app.now();
    let texts = Texts::new(app, view.definition, &view.case);
    let state = texts.state()?;
    let tag = standing(&view.case, state);
    let number = view.case.number;
    let writes = person.works_queue();
    let form = |parts, internal| writes.then(|| messages::form(number, parts, internal));
    Ok(Case {
        number: words::count(number),
        heading: view.case.title.clone(),
        customer: view.customer.name.clone(),
        priority: view.case.priority.as_str().to_owned(),
        clock: clock(&view.case, now),
        claim: claim(view, person),
        panel: present_panel::panel(view, around, person, state, &texts),
        facts: facts(view, around),
        links: links(view, around, writes),
        steps: steps(view, &texts, &tag),
        tests: view.probes.iter().map(|probe| shared::test_row(number, probe)).collect(),
        messages: shared::conversation(view, &app.brand.vendor),
        texts: Vec::new(),
        reply: form(("reply", "Reply to the customer", "Send"), false),
        note: form(("note", "Internal note", "Save note"), true),
        history: history(view),
        overrides: shared::overrides(view),
        notes: family::notes(view, state),
        family: family::relatives(app, view, standing)?,
        tag,
    })
}

/// Whose turn it is, for those who work on it.
fn standing(case: &case::Case, state: &State) -> Tag {
    match (state.kind, case.waiting_on) {
        (StateKind::Terminal, _) => Tag::new(Tone::Neutral, "Closed"),
        (StateKind::Hold, _) if state.phase == Phase::Closed => Tag::new(Tone::Neutral, "Closed"),
        (StateKind::Ongoing, _) => Tag::new(Tone::Done, "Done"),
        (StateKind::Normal | StateKind::Hold, WaitingOn::Customer) => Tag::new(Tone::Other, "Waiting on customer"),
        (StateKind::Hold, WaitingOn::Vendor | WaitingOn::Nobody) if state.phase == Phase::Waiting => {
            Tag::new(Tone::Neutral, "Paused")
        }
        (StateKind::Normal | StateKind::Hold, WaitingOn::Vendor | WaitingOn::Nobody) => Tag::new(Tone::Us, "With us"),
    }
}

/// The clock that runs, absolute and relative.
fn clock(case: &case::Case, now: DateTime<Utc>) -> Tag {
    let tag = due(case, now);
    let at = instant(case.due_at);
    let words = |due: &str| {
        case.objective
            .map_or_else(|| due.to_owned(), |objective| format!("{} {}", objective.title(), due.to_lowercase()))
    };
    match tag.tone {
        Tone::You => Tag::new(Tone::You, format!("{} {at} (in {})", words("Due"), span(case.due_at - now))),
        Tone::Failed => {
            let told = if case.escalated_at.is_some() { ", leads told" } else { "" };
            let text = format!("{} since {at} ({}){told}", words("Overdue"), span(now - case.due_at));
            Tag::new(Tone::Failed, text)
        }
        Tone::Neutral if case.is_open && case.waiting_on == WaitingOn::Customer && case.objective.is_none() => {
            Tag::new(Tone::Neutral, format!("Clock stopped since {}", instant(case.waiting_since)))
        }
        Tone::Neutral | Tone::Skipped | Tone::Us | Tone::Other | Tone::Done => tag,
    }
}

fn claim(view: &View<'_>, person: &Person) -> Claim {
    let case = &view.case;
    let act = |id: &str, label: &str, style| {
        Form::new(id, format!("/cases/{}/{id}", case.number), form_key(), Button::of(style, label))
    };
    let works = person.works_queue() && case.is_open;
    let hand_over = format!("/cases/{}/hand-over", case.number);
    match case.claim {
        None => Claim {
            text: "Not claimed".to_owned(),
            forms: if works { vec![act("claim", "Claim", Style::Other)] } else { Vec::new() },
            hand_over: works.then_some(hand_over),
        },
        Some((holder, at)) => {
            let is_mine = holder == person.id;
            let may = works && (is_mine || person.is(Role::Lead));
            let who = match view.names.get(&holder.to_string()) {
                _ if is_mine => "you",
                Some(name) => name,
                None => "a colleague",
            };
            Claim {
                text: format!("Claimed by {who} since {}", instant(at)),
                forms: if may { vec![act("release", "Release", Style::Small)] } else { Vec::new() },
                hand_over: may.then_some(hand_over),
            }
        }
    }
}

fn facts(view: &View<'_>, around: &Surroundings) -> Vec<Fact> {
    let case = &view.case;
    // A case that changes something says what is in use beside it.
    let beside = |fact: Fact, field: &str| match shared::former(view, field) {
        Some(former) => fact.tag(Tone::Neutral, &format!("in use: {former}")),
        None => fact,
    };
    let known =
        |label: &str, field: &str| words::shown(case, field).map(|value| beside(Fact::code(label, value), field));
    let chosen = |label: &str, field: &str| {
        words::shown(case, field).map(|value| beside(Fact::new(label, words::choice_label(field, &value)), field))
    };
    let fields = case.channel().server();
    let server = words::shown(case, fields.address).zip(words::shown(case, fields.port));
    let mut facts = vec![server.map_or_else(
        || Fact::missing("Server"),
        |(address, port)| beside(Fact::code("Server", endpoint(&address, &port)), fields.port),
    )];
    facts.extend(known("Host name", fields.host));
    facts.extend(chosen("Transport", "transport"));
    facts.extend(chosen("Framing", "framing"));
    facts.extend(chosen("Alerts", "input_type"));
    facts.extend(chosen("Encryption", "encryption"));
    facts.extend(chosen("Encryption found", "encryption_found"));
    facts.extend(known("Sender", "sender_address"));
    facts.extend(chosen("Filters by source IP", "filters_inbound"));
    if let Some((tunnel, _)) = &view.whitelist {
        let (tone, word) = match tunnel.state {
            TunnelState::Planned => (Tone::You, "Planned"),
            TunnelState::InUse => (Tone::Done, "In use"),
            TunnelState::Stopped => (Tone::Failed, "Stopped"),
        };
        facts.push(Fact::new("Tunnel", tunnel.name.as_str()).tag(tone, word));
        let ours: Vec<String> = tunnel.alerting_ips().iter().map(ToString::to_string).collect();
        facts.push(Fact::code("Our side", ours.join(", ")));
    }
    if let Some(entry) = &view.entry {
        facts.extend(whitelist(view, entry));
    }
    facts.extend(known("Test alert to", "test_recipient"));
    facts.push(Fact::new(
        "Product",
        around.tenant.as_ref().map_or("No tenant on record", |tenant| tenant.name.as_str()),
    ));
    facts.push(contacts(around));
    facts.push(earlier(around));
    if let Some(ticket) = &case.vendor_ticket {
        facts.push(Fact::code("Our ticket", ticket.as_str()));
    }
    facts
}

/// Address and port as one writes them together (RFC 3986, section 3.2.2, puts IPv6 in brackets).
fn endpoint(address: &str, port: &str) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// Both sides of the whitelist entry: how far each has come, who said so and how.
fn whitelist(view: &View<'_>, entry: &Entry) -> [Fact; 2] {
    let words = |how: &String| by_label(view.definition, how);
    let side = |label: &str, progress, by: &Option<String>, how: &Option<String>, at: Option<DateTime<Utc>>| {
        let (tone, word) = match progress {
            Progress::None => (Tone::Neutral, "Not asked for"),
            Progress::Wanted => (Tone::You, "Wanted"),
            Progress::Applied => (Tone::Us, "Said to be done"),
            Progress::Proven => (Tone::Done, "Proven by a test"),
            Progress::Retired => (Tone::Neutral, "Taken away"),
        };
        let said = [by.clone(), how.as_ref().map(words), at.map(instant)].into_iter().flatten().collect::<Vec<_>>();
        Fact::new(label, said.join(", ")).tag(tone, word)
    };
    [
        side("Whitelist, our side", entry.ours, &entry.ours_by, &entry.ours_how, entry.ours_at),
        side("Whitelist, their side", entry.theirs, &entry.theirs_by, &entry.theirs_how, entry.theirs_at),
    ]
}

/// `EVENT in case NUMBER`, as records have it where nobody gave a reference, with the words of the event's button.
fn by_label(definition: &Definition, how: &str) -> String {
    let named = how.split_once(" in case ").and_then(|(event, number)| {
        definition.rule_named(event).map(|rule| format!("\u{201c}{}\u{201d} in case {number}", rule.label))
    });
    named.unwrap_or_else(|| how.to_owned())
}

fn contacts(around: &Surroundings) -> Fact {
    let people: Vec<String> =
        around.contacts.iter().map(|entry| format!("{} <{}>", entry.person.name, entry.person.email)).collect();
    if people.is_empty() { Fact::missing("Contacts") } else { Fact::new("Contacts", people.join(", ")) }
}

fn earlier(around: &Surroundings) -> Fact {
    let text = match around.earlier.as_slice() {
        [] => "None".to_owned(),
        [last, ..] => {
            format!("{}, last: case {} of {}", around.earlier.len(), last.number, last.opened_at.format("%-d %B %Y"))
        }
    };
    Fact::new("Earlier cases", text)
}

fn links(view: &View<'_>, around: &Surroundings, works: bool) -> Vec<Link> {
    let number = view.case.number;
    let mut links = Vec::new();
    if works && view.case.is_open {
        links.push(Link::new("Change the priority", format!("/cases/{number}/priority")));
    }
    let channel = view.case.channel();
    // The page of SYSLOG settings also holds what the product has to choose from, before there is a revision.
    let (has_page, has_settings) = match channel {
        Channel::Smtp => (!view.settings.is_empty(), true),
        Channel::Syslog => (true, view.case.flow.data.contains_key("directories")),
    };
    if has_page {
        links.push(Link::new(format!("{} settings", channel.name()), format!("/cases/{number}/settings")));
        if has_settings && around.tenant.as_ref().is_some_and(|tenant| tenant.base_url.is_some()) {
            links.push(Link::new("Compare with the product", format!("/cases/{number}/apply-check")));
        }
    }
    if view.customer.architecture == Architecture::SecureRelay {
        links.push(Link::new("Relays of the customer", relays::path(view.case.customer)));
    }
    links.extend(
        around
            .earlier
            .first()
            .map(|last| Link::new(format!("Case {}", last.number), format!("/cases/{}", last.number))),
    );
    links
}

fn steps(view: &View<'_>, texts: &Texts<'_>, tag: &Tag) -> Vec<Step> {
    let steps = view.definition.progress(&view.case.flow).into_iter().map(|step| {
        let (status, is_here) = match step.status {
            ProgressStatus::Done => (StepStatus::Done, false),
            ProgressStatus::Now => (StepStatus::Now, true),
            ProgressStatus::Trouble => (StepStatus::Trouble, true),
            ProgressStatus::NotYet => (StepStatus::NotYet, false),
        };
        Step {
            tag: is_here.then(|| tag.clone()),
            at: is_here.then_some(view.case.waiting_since),
            ..Step::new(texts.fill(&step.title), status)
        }
    });
    steps.collect()
}

/// Everything that happened, with what was written.
fn history(view: &View<'_>) -> Vec<Happening> {
    let entries = view.history.iter().map(|happening| Happening {
        at: happening.at,
        who: happening.who.clone(),
        what: happening.what.clone(),
        facts: happening
            .answers
            .iter()
            .map(|(name, value)| Fact::new(words::label(view.definition, name), words::choice_label(name, value)))
            .collect(),
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::workflows::Workflows;

    #[test]
    fn records_name_an_event_by_its_button_and_a_reference_as_it_was_given() {
        let workflows = Workflows::load(None).unwrap();
        let definition = workflows.newest(crate::domain::channel::Channel::Smtp).unwrap();
        assert_eq!(by_label(definition, "let_in_done in case 1001"), "\u{201c}It is done\u{201d} in case 1001");
        assert_eq!(by_label(definition, "CHG-4711"), "CHG-4711");
        assert_eq!(by_label(definition, "moved in case 7"), "moved in case 7");
    }

    #[test]
    fn an_address_and_its_port_can_be_copied_as_they_stand() {
        assert_eq!(endpoint("10.20.4.15", "587"), "10.20.4.15:587");
        assert_eq!(endpoint("fd00::15", "25"), "[fd00::15]:25");
    }
}
