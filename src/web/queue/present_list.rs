//! The queue in words: what is due, what is asked for, what comes next.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::queue::Page;
use crate::app::{App, Error};
use crate::domain::actor::Person;
use crate::domain::case::{Case, WaitingOn};
use crate::domain::id::CustomerId;
use crate::store::queue::{Counts, View};
use crate::views::common::{Empty, Link, NavItem, Tag, Tone};
use crate::views::duration;
use crate::views::form::{Button, Form, Style};
use crate::views::queue::{Queue, Row, Search};
use crate::web::portal::words::{self, Texts};
use crate::web::visit::form_key;

/// Due within this time is due soon.
const SOON: TimeDelta = TimeDelta::minutes(60);
/// A state without a clock is stored as due in the far future.
const NEVER: TimeDelta = TimeDelta::days(3_660);

/// Which part of which list is shown.
pub(super) struct Listed<'l> {
    /// The view.
    pub(super) view: View,
    /// The list is shown from its top.
    pub(super) is_first: bool,
    /// What was searched, where the rows are what was found.
    pub(super) searched: Option<&'l str>,
    /// The address of this page.
    pub(super) refresh: &'l str,
    /// Where the next page begins.
    pub(super) more: Option<String>,
    /// Names of the customers of the rows.
    pub(super) names: &'l BTreeMap<CustomerId, String>,
}

/// The page of the queue.
///
/// # Errors
/// [`Error::Internal`] where a case's workflow is not in this build.
pub(super) fn queue(app: &App, person: &Person, page: &Page, listed: &Listed<'_>) -> Result<Queue, Error> {
    let now = app.now();
    let rows = page.cases.iter().map(|(case, claimant)| {
        let customer = listed.names.get(&case.customer).cloned().unwrap_or_default();
        row(app, case, (customer, claimant.clone()), person, now)
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let claim_next = (page.counts.unclaimed > 0)
        .then(|| Form::new("next", "/queue/next", form_key(), Button::main("Claim next case")));
    Ok(Queue {
        caption: match listed.searched {
            Some(text) => format!("Cases that match \u{201c}{text}\u{201d}"),
            None => caption(listed.view).to_owned(),
        },
        views: views(&page.counts, listed.searched.is_none().then_some(listed.view)),
        search: Search { action: "/queue".to_owned(), value: listed.searched.unwrap_or_default().to_owned() },
        claim_next,
        open: Link::new("Open a case for a customer", "/queue/open"),
        read_at: now,
        refresh: Link::new("Refresh", listed.refresh),
        empty: rows.is_empty().then(|| empty(&page.counts, listed)),
        more: listed
            .more
            .as_ref()
            .map(|cursor| Link::new("Show more cases", format!("/queue?view={}&after={cursor}", listed.view.as_str()))),
        rows,
    })
}

fn caption(view: View) -> &'static str {
    match view {
        View::Unclaimed => "Unclaimed cases, most urgent first",
        View::Mine => "Your cases, most urgent first",
        View::Customer => "Cases that wait for the customer",
        View::Open => "All open cases, most urgent first",
    }
}

fn views(counts: &Counts, current: Option<View>) -> Vec<NavItem> {
    let entries = View::ALL.iter().map(|view| {
        let (text, count) = match view {
            View::Unclaimed => ("Unclaimed", counts.unclaimed),
            View::Mine => ("Mine", counts.mine),
            View::Customer => ("Waiting on customer", counts.customer),
            View::Open => ("All open", counts.open),
        };
        let href = format!("/queue?view={}", view.as_str());
        NavItem::new(text, href, current == Some(*view)).count(words::count(count))
    });
    entries.collect()
}

/// Nothing found, nothing left and nothing there are three texts.
fn empty(counts: &Counts, listed: &Listed<'_>) -> Empty {
    let link = |text: &str, href: &str| Some(Link::new(text, href));
    let say = |text: &str, link| Empty { text: text.to_owned(), link };
    if let Some(text) = listed.searched {
        return say(&format!("No case matches \u{201c}{text}\u{201d}."), link("Clear the search", "/queue"));
    }
    if !listed.is_first {
        let top = format!("/queue?view={}", listed.view.as_str());
        return say("There are no further cases.", link("Go to the first page", &top));
    }
    match (listed.view, counts.mine) {
        (View::Unclaimed, 0) => say("No unclaimed cases.", None),
        (View::Unclaimed, 1) => {
            say("No unclaimed cases. 1 of your own is open.", link("Go to Mine", "/queue?view=mine"))
        }
        (View::Unclaimed, mine) => {
            let text = format!("No unclaimed cases. {mine} of your own are open.");
            say(&text, link("Go to Mine", "/queue?view=mine"))
        }
        (View::Mine, _) => say("You have claimed no case.", link("Go to Unclaimed", "/queue?view=unclaimed")),
        (View::Customer, _) => say("No case waits for a customer.", None),
        (View::Open, _) => say("No case is open.", None),
    }
}

fn row(
    app: &App,
    case: &Case,
    (customer, claimant): (String, Option<String>),
    person: &Person,
    now: DateTime<Utc>,
) -> Result<Row, Error> {
    let texts = Texts::new(app, app.workflows.of(&case.workflow)?, case);
    let state = texts.state()?;
    let (asks, was, value) = asks(case);
    let number = case.number;
    let is_free = case.is_open && case.claim.is_none();
    Ok(Row {
        due: due(case, now),
        number: words::count(number),
        href: format!("/cases/{number}"),
        customer,
        asks,
        value,
        was,
        next_step: match (case.waiting_on, &state.engineer) {
            (WaitingOn::Customer, _) => "Wait for the customer".to_owned(),
            (WaitingOn::Vendor, Some(wording)) => texts.fill(&wording.headline),
            (WaitingOn::Vendor, None) | (WaitingOn::Nobody, _) => texts.fill(&state.title),
        },
        waiting_seconds: words::count((now - case.waiting_since).num_seconds()),
        claim: is_free.then(|| {
            let button = Button::of(Style::Small, "Claim").about(format!("case {number}"));
            Form::new(&format!("claim-{number}"), format!("/cases/{number}/claim"), form_key(), button)
        }),
        claimed_by: case.claimant().map(|id| match claimant {
            _ if id == person.id => "you".to_owned(),
            Some(name) => name,
            None => "a colleague".to_owned(),
        }),
    })
}

/// What is asked for, with the value it is about; for a change, the value before.
fn asks(case: &Case) -> (String, Option<String>, Option<String>) {
    let text = |field: &str| words::shown(case, field);
    if let Some(parent) = case.parent.filter(|_| case.workflow.id != "ip-change") {
        let what = case.title.split(": ").next().unwrap_or_default();
        return (format!("{what}, part of case {parent}"), None, text("smtp_ip"));
    }
    let say = |asks: &str, was, value| (asks.to_owned(), was, value);
    let fields = case.channel().server();
    match (text("former_ip"), words::text(case, "architecture"), words::text(case, fields.location)) {
        (former @ Some(_), _, _) if case.workflow.id == "ip-change" => {
            let part = case.parent.map_or_else(String::new, |parent| format!(", part of case {parent}"));
            (format!("IP change{part}"), former, text("smtp_ip"))
        }
        (_, Some("secure_relay"), _) => say("Help with the Secure Relay", None, None),
        (_, _, Some("private")) => say("Whitelist", None, text(fields.address)),
        (_, _, Some("public")) => say("Reach through the tunnel", None, text(fields.address)),
        (_, _, _) => (case.title.clone(), None, None),
    }
}

/// When the promise that is due first is due, or the step where none runs: in words with a tone. A clock that stands
/// still says so.
pub(super) fn due(case: &Case, now: DateTime<Utc>) -> Tag {
    let left = case.due_at - now;
    match case.waiting_on {
        _ if !case.is_open => Tag::new(Tone::Neutral, "Closed"),
        _ if let Some(objective) = case.objective => promise(case, objective.title(), now),
        WaitingOn::Customer => Tag::new(Tone::Neutral, "Clock stopped"),
        WaitingOn::Nobody => Tag::new(Tone::Neutral, "Nothing due"),
        WaitingOn::Vendor if left > NEVER => Tag::new(Tone::Neutral, "No due time"),
        WaitingOn::Vendor if left < TimeDelta::zero() => Tag::new(Tone::Failed, format!("Overdue {}", span(-left))),
        WaitingOn::Vendor if left <= SOON => Tag::new(Tone::You, format!("Due in {}", span(left))),
        WaitingOn::Vendor => Tag::new(Tone::Neutral, format!("Due {}", instant(case.due_at))),
    }
}

/// The promise that lists name; whether a lead knows that one is broken stands behind it.
fn promise(case: &Case, what: &str, now: DateTime<Utc>) -> Tag {
    let left = case.due_at - now;
    let told = if case.escalated_at.is_some() { ", leads told" } else { "" };
    let is_soon = case.soon_at.is_some_and(|soon| soon <= now);
    if left < TimeDelta::zero() {
        Tag::new(Tone::Failed, format!("{what} overdue {}{told}", span(-left)))
    } else if is_soon {
        Tag::new(Tone::You, format!("{what} due in {}{told}", span(left)))
    } else {
        Tag::new(Tone::Neutral, format!("{what} due {}{told}", instant(case.due_at)))
    }
}

/// A span in the words of the pages.
pub(super) fn span(span: TimeDelta) -> String {
    duration(words::count(span.num_seconds()))
}

/// An instant in the words of the pages.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y at %H:%M UTC").to_string()
}
