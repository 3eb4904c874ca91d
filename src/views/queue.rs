//! The queue, and a lost race for a claim.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{Empty, Link, NavItem, Tag, Tone};
use super::form::{Button, Form, Style};
use super::samples;

/// The queue: one view of it, most urgent first.
#[derive(Clone, Debug, Serialize)]
pub struct Queue {
    /// Caption of the table: `Unclaimed cases, most urgent first`.
    pub caption: String,
    /// All views with their counts; the current one is marked.
    pub views: Vec<NavItem>,
    /// Where a search is sent (GET), and what was searched.
    pub search: Search,
    /// "Claim next case"; none where nothing is unclaimed.
    pub claim_next: Option<Form>,
    /// Opens a case for a customer.
    pub open: Link,
    /// When the rows were read.
    pub read_at: DateTime<Utc>,
    /// Reads them again.
    pub refresh: Link,
    /// The rows.
    pub rows: Vec<Row>,
    /// In place of the rows, where there are none.
    pub empty: Option<Empty>,
    /// The next page of a long list.
    pub more: Option<Link>,
}

/// The search above the queue.
#[derive(Clone, Debug, Serialize)]
pub struct Search {
    /// Where it is sent.
    pub action: String,
    /// What was searched; empty at first.
    pub value: String,
}

/// One case of the queue: seven columns.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// `Overdue 25 min`, `Due in 50 min`, `Clock stopped`.
    pub due: Tag,
    /// Number of the case.
    pub number: u64,
    /// Its page.
    pub href: String,
    /// Name of the customer.
    pub customer: String,
    /// What is asked for, without the value: `Whitelist`.
    pub asks: String,
    /// The value that it is about, for monospace.
    pub value: Option<String>,
    /// For changes: the value before.
    pub was: Option<String>,
    /// What the engineer does next, as a verb phrase.
    pub next_step: String,
    /// Seconds since the ball came to us.
    pub waiting_seconds: u64,
    /// Claims the case; none where it is claimed.
    pub claim: Option<Form>,
    /// Who has it, where it is claimed: `you` or a name.
    pub claimed_by: Option<String>,
}

impl Queue {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "queue/queue.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let rows = vec![
            row(2041, Tone::Failed, "Overdue 25 min", "Alder Mutual", "Check tunnel range", 15_900),
            Row {
                asks: "IP change".into(),
                was: Some("203.0.113.7".into()),
                value: Some("203.0.113.19".into()),
                ..row(2043, Tone::You, "Due in 50 min", "Brightwater Rail", "Confirm the cut-over", 11_400)
            },
            Row {
                asks: "Alerting IP for the provider".into(),
                value: None,
                ..row(
                    2044,
                    Tone::Neutral,
                    "Due 25 November 2026 at 09:00 UTC",
                    "Cedar Health",
                    "Give the alerting IP",
                    720,
                )
            },
            Row {
                claim: None,
                claimed_by: Some("you".into()),
                ..row(2039, Tone::Neutral, "Clock stopped", "Dunmore Water", "Read the answer", 180_000)
            },
        ];
        let hostile = rows.iter().cloned().map(hostile).collect();
        let full = Self {
            caption: "Unclaimed cases, most urgent first".into(),
            views: views(),
            search: Search { action: "/queue".into(), value: String::new() },
            claim_next: Some(samples::button("next", "/queue/next", Style::Main, "Claim next case")),
            open: Link::new("Open a case for a customer", "/queue/open"),
            read_at: samples::at(150),
            refresh: Link::new("Refresh", "/queue?view=unclaimed"),
            rows,
            empty: None,
            more: Some(Link::new("Show 50 more", "/queue?view=unclaimed&after=2044")),
        };
        let none = Self { rows: Vec::new(), claim_next: None, more: None, ..full.clone() };
        let empty = |text: &str, link| Some(Empty { text: text.into(), link });
        let mine = Some(Link::new("Go to Mine", "/queue?view=mine"));
        let clear = Some(Link::new("Clear the search", "/queue"));
        vec![
            ("hostile", Self { rows: hostile, ..full.clone() }),
            ("full", full),
            ("empty", Self { empty: empty("No unclaimed cases. 2 of your own are open.", mine), ..none.clone() }),
            (
                "nothing-found",
                Self {
                    search: Search { action: "/queue".into(), value: samples::HOSTILE.into() },
                    empty: empty(&format!("No case matches \u{201c}{}\u{201d}.", samples::HOSTILE), clear),
                    ..none
                },
            ),
        ]
    }
}

fn hostile(row: Row) -> Row {
    Row { customer: samples::HOSTILE.into(), next_step: samples::long_name(), value: Some(samples::unbroken()), ..row }
}

fn views() -> Vec<NavItem> {
    let view = |text, id: &str, count| NavItem::new(text, format!("/queue?view={id}"), id == "unclaimed").count(count);
    vec![
        view("Unclaimed", "unclaimed", 3),
        view("Mine", "mine", 2),
        view("All open", "open", 12),
        view("Waiting on customer", "customer", 6),
        view("Waiting on provider", "provider", 0),
        view("Test failed", "failed", 1),
        view("Due today", "today", 2),
        view("Planned IP changes", "planned", 4),
    ]
}

fn row(number: u64, tone: Tone, due: &str, customer: &str, next_step: &str, waiting_seconds: u64) -> Row {
    let button = Button::of(Style::Small, "Claim").about(format!("case {number}"));
    Row {
        due: Tag::new(tone, due),
        number,
        href: format!("/cases/{number}"),
        customer: customer.into(),
        asks: "Whitelist".into(),
        value: Some("10.20.4.15".into()),
        was: None,
        next_step: next_step.into(),
        waiting_seconds,
        claim: Some(Form::new(&format!("claim-{number}"), format!("/cases/{number}/claim"), samples::KEY, button)),
        claimed_by: None,
    }
}

/// Somebody else was faster. No fault and no red: two ways on.
#[derive(Clone, Debug, Serialize)]
pub struct ClaimLost {
    /// Number of the case.
    pub number: u64,
    /// Who has it now.
    pub who: String,
    /// How long ago, in seconds.
    pub seconds: u64,
    /// The page of the case.
    pub watch: String,
    /// Claims the next one; none where nothing is unclaimed.
    pub claim_next: Option<Form>,
}

impl ClaimLost {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "queue/claim_lost.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let plain = Self {
            number: 2041,
            who: "Bo L.".into(),
            seconds: 4,
            watch: "/cases/2041".into(),
            claim_next: Some(samples::button("next", "/queue/next", Style::Main, "Claim the next one")),
        };
        let hostile = Self { who: samples::HOSTILE.into(), seconds: 300, claim_next: None, ..plain.clone() };
        vec![("plain", plain), ("hostile", hostile)]
    }
}
