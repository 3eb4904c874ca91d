//! The panel of the step at which a case stands: what to do, what was checked by itself, what changes, what can be done.

use crate::app::cases::View;
use crate::app::desk::Surroundings;
use crate::domain::actor::{Person, Role};
use crate::domain::case::WaitingOn;
use crate::domain::cause::Cause;
use crate::domain::tunnel::{Progress, Tunnel, TunnelState};
use crate::domain::workflow::{
    Data, End, Facts, Phase, ProgressStatus, Rule, Side, State, StateKind, Style, Verb, WhitelistAction,
};
use crate::store::settings::Settings;
use crate::views::casework::{Check, Panel};
use crate::views::common::{Act, Change, Link, Note, Tag, Tone};
use crate::web::portal::words::{self, Texts};
use crate::web::portal::{act_form, present_case as shared};

/// The panel for a person.
pub(super) fn panel(
    view: &View<'_>,
    around: &Surroundings,
    person: &Person,
    state: &State,
    texts: &Texts<'_>,
) -> Panel {
    let (heading, text) = wording(view, state, texts);
    let Acts { acts, folded, blocked } = acts(view, person, state, texts);
    Panel {
        position: position(view, state),
        heading,
        text,
        checks: checks(view, state),
        changes: changes(view, around, state),
        acts,
        folded,
        blocked,
        notes: notes(view, person, state),
    }
}

/// What the engineer does; where somebody else has the turn, what that one reads.
fn wording(view: &View<'_>, state: &State, texts: &Texts<'_>) -> (String, String) {
    let customer = || format!("{}. {}", texts.fill(&state.customer.headline), texts.fill(&state.customer.body));
    match (view.case.waiting_on, &state.engineer) {
        (WaitingOn::Vendor, Some(wording)) => {
            let items = state.checklist.iter().enumerate();
            let list: String =
                items.map(|(index, item)| format!("\n{}. {}", index + 1, texts.fill(&item.text))).collect();
            (texts.fill(&wording.headline), texts.fill(&wording.body) + &list)
        }
        (WaitingOn::Customer, _) => ("Wait for the customer".to_owned(), format!("The customer reads: {}", customer())),
        (WaitingOn::Vendor, None) | (WaitingOn::Nobody, _) => (texts.fill(&state.title), customer()),
    }
}

/// `Step 3 of 7`; the state's name where the case is on none of the steps.
fn position(view: &View<'_>, state: &State) -> String {
    let steps = view.definition.progress(&view.case.flow);
    let here = steps.iter().position(|step| matches!(step.status, ProgressStatus::Now | ProgressStatus::Trouble));
    match here {
        Some(index) => format!("Step {} of {}", index + 1, steps.len()),
        None if steps.iter().all(|step| step.status == ProgressStatus::Done) && !steps.is_empty() => {
            "All steps done".to_owned()
        }
        None => state.title.clone(),
    }
}

struct Acts {
    acts: Vec<Act>,
    folded: Vec<Act>,
    blocked: Vec<Act>,
}

/// The state's own acts, the next one with its form where that is short; then those that are possible anywhere; then
/// those that are not possible now, each with its reason. What the machine does is nobody's act.
fn acts(view: &View<'_>, person: &Person, state: &State, texts: &Texts<'_>) -> Acts {
    let mut found = Acts { acts: Vec::new(), folded: Vec::new(), blocked: Vec::new() };
    if !person.works_queue() || held_by(view, person).is_some() {
        return found;
    }
    let is_own = |rule: &Rule| state.rules.iter().any(|own| own.event == rule.event);
    let mut has_main = false;
    for rule in &view.offers {
        let mut act = Act {
            help: help(view, rule, texts),
            ..Act::link(texts.fill(&rule.label), act_form::page(&view.case, &rule.event))
        };
        if let Some(reason) = objection(view, rule) {
            act.blocked = Some(reason);
            found.blocked.push(act);
        } else if !is_own(rule) {
            found.folded.push(act);
        } else if !has_main && rule.style != Style::Danger {
            has_main = true;
            let form = act_form::form(view.definition, &view.case, rule, None);
            act.form = act_form::is_short(&form).then_some(form);
            found.acts.insert(0, act);
        } else {
            found.acts.push(act);
        }
    }
    found
}

/// Who else holds the case, so that the person only watches; a lead may act all the same.
fn held_by(view: &View<'_>, person: &Person) -> Option<String> {
    let holder = view.case.claimant().filter(|holder| *holder != person.id && !person.is(Role::Lead))?;
    Some(view.names.get(&holder.to_string()).cloned().unwrap_or_else(|| "A colleague".to_owned()))
}

fn help(view: &View<'_>, rule: &Rule, texts: &Texts<'_>) -> Option<String> {
    let own = rule.help.as_deref().map(|help| texts.fill(help));
    let is_theirs = view.case.waiting_on == WaitingOn::Customer
        && rule.by.iter().any(|role| view.definition.side_of(role) == Some(Side::Customer));
    match (own, is_theirs) {
        (Some(own), true) => Some(format!("On behalf of the customer. {own}")),
        (None, true) => Some("On behalf of the customer.".to_owned()),
        (own, false) => own,
    }
}

/// Why an act cannot be done now, as far as that is known before anything is answered.
fn objection(view: &View<'_>, rule: &Rule) -> Option<String> {
    if whitelists_ours(rule)
        && let Some((_, check)) = &view.whitelist
        && let Some(text) = check.objection()
    {
        return Some(text);
    }
    let condition = rule.condition.as_ref()?;
    // What is asked may change what the condition reads, so that it is judged when the answers are there.
    let depends = condition.guard.reads().iter().any(|read| rule.questions().any(|question| question == read));
    if depends {
        return None;
    }
    let (answers, sealed_now) = (Data::new(), std::collections::BTreeSet::new());
    let flow = &view.case.flow;
    let facts = Facts { answers: &answers, data: &flow.data, sealed_now: &sealed_now, sealed: &flow.sealed };
    (condition.guard.holds(&facts) == Ok(false)).then(|| condition.refuse.clone())
}

/// Whether an act says that our side of the whitelist is done.
fn whitelists_ours(rule: &Rule) -> bool {
    rule.all_orders()
        .any(|order| matches!(order.verb, Verb::Whitelist { action: WhitelistAction::Applied, side: End::Ours, .. }))
}

/// What was checked by itself, where the step is about the whitelist or the way to the server.
fn checks(view: &View<'_>, state: &State) -> Vec<Check> {
    let matters = matches!(state.phase, Phase::Configure | Phase::Repair) && state.kind == StateKind::Normal;
    let Some((tunnel, found)) = view.whitelist.as_ref().filter(|_| matters) else { return Vec::new() };
    let address = found.address;
    let mut checks = vec![tunnel_check(tunnel)];
    if found.is_ours {
        checks.push(check("Address", Tone::Failed, "Ours", format!("{address} belongs to our side of the tunnel")));
    }
    checks.push(match found.selector {
        Some(selector) => check("Selector", Tone::Done, "Covered", format!("{selector} covers {address}")),
        None => {
            let selectors: Vec<String> = tunnel.peer_selectors.iter().map(ToString::to_string).collect();
            let text = format!("none of {} covers {address}", selectors.join(", "));
            check("Selector", Tone::Failed, "Not covered", text)
        }
    });
    checks.push(match found.clashes.as_slice() {
        [] => {
            let text = format!("no other tunnel of the routing table {} carries it", tunnel.routing_domain);
            check("Clash", Tone::Done, "None", text)
        }
        others => {
            let text = format!("{address} is also inside {}", others.join(", "));
            check("Clash", Tone::Failed, "Clash", text)
        }
    });
    checks
}

fn tunnel_check(tunnel: &Tunnel) -> Check {
    let (tone, word) = match tunnel.state {
        TunnelState::Planned => (Tone::You, "Planned"),
        TunnelState::InUse => (Tone::Done, "In use"),
        TunnelState::Stopped => (Tone::Failed, "Stopped"),
    };
    let ends = format!("{}, from {} to {}", tunnel.name, tunnel.our_gateway, tunnel.peer_gateway);
    check("Tunnel", tone, word, ends)
}

fn check(label: &str, tone: Tone, tag: &str, text: String) -> Check {
    Check { label: label.to_owned(), tag: Tag::new(tone, tag), text }
}

/// The line of the whitelist that is to be made, or what an apply replaces as far as we know it.
fn changes(view: &View<'_>, around: &Surroundings, state: &State) -> Vec<Change> {
    if state.rules.iter().any(whitelists_ours) {
        return whitelist_line(view).into_iter().collect();
    }
    let applies = state.phase == Phase::Apply && view.case.waiting_on == WaitingOn::Vendor;
    match (view.settings.first().filter(|_| applies), &around.in_use) {
        (Some(newest), Some(in_use)) if newest.id != in_use.id => settings_changes(in_use, newest),
        (Some(_) | None, Some(_) | None) => Vec::new(),
    }
}

/// The exact entry: network, port and sources; none where it must not be made.
fn whitelist_line(view: &View<'_>) -> Option<Change> {
    let (tunnel, found) = view.whitelist.as_ref()?;
    let is_made = view.entry.as_ref().is_some_and(|entry| matches!(entry.ours, Progress::Applied | Progress::Proven));
    if found.objection().is_some() {
        return None;
    }
    let port = words::shown(&view.case, view.case.channel().server().port)?;
    let protocol = if words::text(&view.case, "transport") == Some("udp") { "udp" } else { "tcp" };
    let sources: Vec<String> = tunnel.alerting_ips().iter().map(ToString::to_string).collect();
    let network = ipnet::IpNet::from(found.address);
    let line = format!("{network} {protocol}/{port} from {}", sources.join(" and "));
    Some(Change {
        label: format!("Whitelist of {}", tunnel.name),
        was: is_made.then(|| line.clone()),
        now: Some(line),
        meaning: is_made.then(|| "It is on record already".to_owned()),
    })
}

/// The settings on record as in use beside those that would replace them.
fn settings_changes(was: &Settings, now: &Settings) -> Vec<Change> {
    let encryption = |settings: &Settings| words::choice_label("encryption", settings.encryption.as_str());
    let rows = [
        ("SMTP server address", was.host.clone(), now.host.clone()),
        ("SMTP server port", was.port.to_string(), now.port.to_string()),
        ("SMTP encryption", encryption(was), encryption(now)),
        ("Email address of the sender", was.sender.clone(), now.sender.clone()),
    ];
    let mut changes: Vec<Change> = rows
        .into_iter()
        .filter(|(_, was, now)| was != now)
        .map(|(label, was, now)| Change { label: label.to_owned(), was: Some(was), now: Some(now), meaning: None })
        .collect();
    if (was.account_id, was.password_id) != (now.account_id, now.password_id) {
        let meaning = Some("Account or password differ; neither is shown".to_owned());
        changes.push(Change { label: "SMTP account".to_owned(), was: None, now: None, meaning });
    }
    changes
}

fn notes(view: &View<'_>, person: &Person, state: &State) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(holder) = held_by(view, person) {
        notes.push(Note::new(Tone::Other, format!("{holder} works on this case. You can read and write, not act.")));
    }
    let objection = view.whitelist.as_ref().and_then(|(_, check)| check.objection());
    if let Some(text) = objection.filter(|_| state.rules.iter().any(whitelists_ours)) {
        let title = Some("This entry cannot be made as things stand".to_owned());
        notes.push(Note { title, ..Note::new(Tone::Failed, text) });
    }
    notes.extend(super::contacts::notes(view));
    notes.extend(test_note(view, state));
    if let (Phase::Apply, WaitingOn::Vendor, Some(evidence)) =
        (state.phase, view.case.waiting_on, words::text(&view.case, "evidence"))
    {
        let outcome = words::text(&view.case, "apply_outcome");
        let tone = if outcome == Some("failed") { Tone::Failed } else { Tone::Us };
        let title = outcome.map(|_| "What applying led to".to_owned());
        if title.is_some() {
            notes.push(Note { title, ..Note::new(tone, evidence) });
        }
    }
    notes
}

/// The test that runs, or the last one with its cause and what to do, where the step is about it.
fn test_note(view: &View<'_>, state: &State) -> Option<Note> {
    let probe = view.probes.first().filter(|_| matches!(state.phase, Phase::Test | Phase::Repair | Phase::Apply))?;
    let (tone, word) = shared::verdict(probe.verdict.as_deref());
    let link = |text: String, href: String| Some(Link::new(text, href));
    if probe.verdict.is_none() {
        let text = "It moves the case on by itself.".to_owned();
        return Some(Note {
            title: Some(format!("Test {} is running", probe.number)),
            link: link("Reload this page".to_owned(), format!("/cases/{}", view.case.number)),
            ..Note::new(tone, text)
        });
    }
    let cause = probe.cause.as_deref().and_then(Cause::from_id).map(Cause::entry);
    let title = match cause {
        Some(cause) => format!("Test {}: {word}. {}", probe.number, cause.title),
        None => format!("Test {}: {word}", probe.number),
    };
    Some(Note {
        title: Some(title),
        link: link(
            format!("Open the result of test {}", probe.number),
            format!("/cases/{}/tests/{}", view.case.number, probe.number),
        ),
        ..Note::new(tone, cause.map_or("Every step passed.", |cause| cause.remedy_engineer))
    })
}
