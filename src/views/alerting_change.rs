//! The board of one change of an alerting IP: how far every server has come, and what a lead decides.

use serde::Serialize;

use super::common::{Fact, Link, NavItem, Note, Tag, Tone};
use super::form::{Button, Field, Form, Kind, Style};
use super::records::Cell;
use super::samples;
use super::tables::{Group, TableRow};

/// One change.
#[derive(Clone, Debug, Serialize)]
pub struct AlertingChange {
    /// Both addresses.
    pub heading: String,
    /// Its state.
    pub tag: Tag,
    /// What somebody should look at.
    pub notes: Vec<Note>,
    /// What is on record.
    pub facts: Vec<Fact>,
    /// Servers by where they stand, with their counts.
    pub views: Vec<NavItem>,
    /// The servers of the view.
    pub servers: Group,
    /// The next page of them.
    pub more: Option<Link>,
    /// Dates as they were promised.
    pub dates: Group,
    /// What a lead may decide.
    pub acts: Vec<Act>,
}

/// A decision with its heading.
#[derive(Clone, Debug, Serialize)]
pub struct Act {
    /// What it is.
    pub heading: String,
    /// The form.
    pub form: Form,
    /// Open because something in it needs another look.
    pub is_open: bool,
}

impl AlertingChange {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "queue/alerting_change.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |customer: &str, tag: Cell| TableRow {
            name: customer.into(),
            href: Some("/cases/2041".into()),
            cells: vec![tag, Cell::new("10.20.4.15"), Cell::new("alder-1"), Cell::new("Sam Field")],
        };
        let servers = |rows: Vec<TableRow>| Group {
            heading: "Servers".into(),
            columns: ["Customer", "State", "Server", "Tunnel", "Answered by"].map(str::to_owned).to_vec(),
            note: rows.is_empty().then(|| "No server stands so.".into()),
            rows,
        };
        let act = |error: Option<&str>| {
            let mut field = Field::new(Kind::Textarea, "reason", "Reason");
            field.error = error.map(str::to_owned);
            let form =
                Form::new("go-on", "/alerting-changes/1/go-on", samples::KEY, Button::of(Style::Danger, "Go on"));
            Act { heading: "Go on without the proof".into(), form: form.fields(vec![field]), is_open: error.is_some() }
        };
        let full = Self {
            heading: "198.51.100.24 becomes 198.51.100.99".into(),
            tag: Tag::new(Tone::Us, "Under way"),
            notes: vec![Note::new(Tone::You, "3 servers are overdue.")],
            facts: vec![Fact::code("Former IP", "198.51.100.24"), Fact::new("Tunnels that have gone over", "40 of 52")],
            views: vec![
                NavItem::new("All", "/alerting-changes/1", true).count(52),
                NavItem::new("Overdue", "/alerting-changes/1?state=overdue", false).count(3),
            ],
            servers: servers(vec![
                row("Alder Mutual", Cell::tag(Tone::Failed, "Overdue")),
                row("Brightwater Rail", Cell::tag(Tone::Done, "Proven")),
            ]),
            more: Some(Link::new("Next servers", "/alerting-changes/1?after=2044")),
            dates: Group { heading: "Dates".into(), ..servers(Vec::new()) },
            acts: vec![act(None)],
        };
        let hostile = Self {
            servers: servers(vec![
                row(samples::HOSTILE, Cell::new(samples::unbroken())),
                row(&samples::unbroken(), Cell::new(samples::HOSTILE)),
            ]),
            ..full.clone()
        };
        vec![
            ("wrong", Self { acts: vec![act(Some("Enter why"))], ..full.clone() }),
            ("over", Self { acts: Vec::new(), more: None, servers: servers(Vec::new()), ..full.clone() }),
            ("full", full),
            ("hostile", hostile),
        ]
    }
}
