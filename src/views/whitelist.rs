//! Pages of the whitelist register: the list with its search, one entry, what a lead decides, what is to be applied.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{Change, Empty, Fact, Happening, Link, NavItem, Note, Section, Tag, Tone};
use super::form::{Button, Choice, Field, Form, Kind, Style};
use super::samples;

/// Entries in the order of addresses.
#[derive(Clone, Debug, Serialize)]
pub struct Register {
    /// What the list is called here, as a heading.
    pub heading: String,
    /// Views: what stands on lists, with what is gone, requests.
    pub views: Vec<NavItem>,
    /// Where search and choice of a tunnel are sent (GET).
    pub action: String,
    /// What was searched; empty at first.
    pub search: String,
    /// Tunnels to choose from.
    pub tunnels: Vec<Choice>,
    /// Adds an entry; none for people who may only read.
    pub add: Option<Link>,
    /// The difference to be applied, where the list is that of one tunnel.
    pub plan: Option<Link>,
    /// Caption of the table.
    pub caption: String,
    /// The entries.
    pub rows: Vec<Row>,
    /// True where rows say how they lie to what was searched.
    pub is_search: bool,
    /// In place of the rows, where there are none.
    pub empty: Option<Empty>,
    /// The next page of a long list.
    pub more: Option<Link>,
}

/// One entry of the list.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The network, which leads to its page.
    pub network: Link,
    /// Port and transport: `587/tcp`.
    pub port: String,
    /// How it lies to what was searched: `Contains it`.
    pub relation: Option<String>,
    /// The tunnel's list.
    pub tunnel: Link,
    /// The customer's entries.
    pub customer: Link,
    /// How far our side has come.
    pub ours: Tag,
    /// How far their side has come.
    pub theirs: Tag,
    /// The case that asked for it, or who added it.
    pub origin: String,
    /// That case.
    pub case: Option<Link>,
}

impl Register {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "whitelist/register.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |network: &str, ours, theirs| Row {
            network: Link::new(network, "/whitelist/1"),
            port: "587/tcp".into(),
            relation: None,
            tunnel: Link::new("alder-1", "/whitelist?tunnel=alder-1"),
            customer: Link::new("Alder Mutual", "/whitelist?customer=1"),
            ours,
            theirs,
            origin: "Added by Kim Castle".into(),
            case: None,
        };
        let full = Self {
            heading: "Whitelist".into(),
            views: vec![
                NavItem::new("On the list", "/whitelist", true),
                NavItem::new("With what is gone", "/whitelist?gone=true", false),
                NavItem::new("Requests", "/whitelist/requests", false).count(2),
            ],
            action: "/whitelist".into(),
            search: String::new(),
            tunnels: vec![Choice::new("", "All tunnels"), Choice::new("alder-1", "alder-1 (Alder Mutual)")],
            add: Some(Link::new("Add an entry", "/whitelist/add")),
            plan: Some(Link::new("What is to be applied in alder-1", "/whitelist/plan/1")),
            caption: "Entries of tunnel alder-1".into(),
            rows: vec![
                Row {
                    case: Some(Link::new("Case 2041", "/cases/2041")),
                    ..row("10.20.4.15/32", Tag::new(Tone::Done, "Proven"), Tag::new(Tone::Done, "Proven"))
                },
                row("10.20.5.0/28", Tag::new(Tone::You, "Wanted"), Tag::new(Tone::Neutral, "Not asked for")),
            ],
            is_search: false,
            empty: None,
            more: Some(Link::new("Show more entries", "/whitelist?after=x")),
        };
        let mut found = Self { search: "10.20.4.15".into(), is_search: true, more: None, ..full.clone() };
        for (row, word) in found.rows.iter_mut().zip(["The same", "Contains it"]) {
            row.relation = Some(word.to_owned());
        }
        let mut hostile = found.clone();
        for row in &mut hostile.rows {
            row.customer.text = samples::HOSTILE.into();
            row.origin = samples::unbroken();
        }
        hostile.search = samples::HOSTILE.into();
        let none = Some(Empty { text: "No entry stands on a list yet.".into(), link: None });
        let empty = Self { rows: Vec::new(), empty: none, plan: None, add: None, more: None, ..full.clone() };
        vec![("full", full), ("found", found), ("hostile", hostile), ("empty", empty)]
    }
}

/// The look at an entry before it is added.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// What is to be added.
    pub heading: String,
    /// The list that it goes on.
    pub facts: Vec<Fact>,
    /// What was found.
    pub findings: Vec<Note>,
    /// What changes on the list.
    pub changes: Vec<Change>,
    /// Adds it, or asks a lead.
    pub form: Form,
}

impl Checked {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "whitelist/checked.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let plain = Self {
            heading: "Add 10.20.4.15/32 port 587/tcp?".into(),
            facts: vec![Fact::new("Tunnel", "alder-1"), Fact::new("Customer", "Alder Mutual")],
            findings: Vec::new(),
            changes: vec![change("Our side", None, Some("10.20.4.15/32 port 587/tcp"))],
            form: samples::button("add", "/whitelist", Style::Main, "Add to the whitelist"),
        };
        let wide = Self {
            findings: vec![Note::new(Tone::You, "10.20.4.0/24 holds 256 addresses. One host is the rule.")],
            form: samples::button("add", "/whitelist", Style::Main, "Ask a lead"),
            ..plain.clone()
        };
        let hostile = Self {
            heading: samples::HOSTILE.into(),
            findings: vec![Note::new(Tone::You, samples::unbroken())],
            ..plain.clone()
        };
        vec![("plain", plain), ("wide", wide), ("hostile", hostile)]
    }
}

fn change(label: &str, was: Option<&str>, now: Option<&str>) -> Change {
    Change { label: label.to_owned(), was: was.map(str::to_owned), now: now.map(str::to_owned), meaning: None }
}

/// One entry.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The network.
    pub heading: String,
    /// Port and transport.
    pub port: String,
    /// How it stands.
    pub tag: Tag,
    /// What somebody should look at.
    pub notes: Vec<Note>,
    /// Both sides, origin, use.
    pub sections: Vec<Section>,
    /// Pages around it.
    pub links: Vec<Link>,
    /// Changes, newest first.
    pub history: Vec<Happening>,
    /// Keeps it where it is to leave.
    pub stay: Option<Form>,
    /// Asks for it to leave.
    pub retire: Option<Form>,
    /// Records the customer's side.
    pub theirs: Option<Form>,
}

impl Entry {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "whitelist/entry.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let why = Field::new(Kind::Text, "reason", "Why is it not needed any more?");
        let confirm = Field::new(Kind::Code, "confirm", "Enter 10.20.4.15/32 to take it away nevertheless");
        let retire = Form::new("retire", "/whitelist/1/retire", samples::KEY, Button::of(Style::Other, "Take it off"));
        let states = vec![Choice::new("wanted", "Asked for"), Choice::new("applied", "Done, they say")];
        let theirs = Form::new("theirs", "/whitelist/1/theirs", samples::KEY, Button::of(Style::Other, "Save"));
        let full = Self {
            heading: "10.20.4.15/32".into(),
            port: "port 587/tcp".into(),
            tag: Tag::new(Tone::Done, "On the list"),
            notes: vec![Note::new(Tone::You, "It is in use.")],
            sections: vec![Section {
                heading: "Both sides".into(),
                facts: vec![
                    Fact::new("Our side", "Kim Castle, CHG-1").tag(Tone::Done, "Proven"),
                    Fact::missing("Their side"),
                ],
            }],
            links: vec![Link::new("Case 2041", "/cases/2041")],
            history: vec![Happening {
                at: samples::at(0),
                who: "Kim Castle".into(),
                what: "Applied on our side: CHG-1".into(),
                facts: Vec::new(),
            }],
            stay: None,
            retire: Some(retire.fields(vec![why, confirm])),
            theirs: Some(theirs.fields(vec![
                Field::new(Kind::Radio, "state", "What is known of their side?").options(states),
                Field::new(Kind::Text, "how", "Who said so, or a reference"),
            ])),
        };
        let leaving = Self {
            tag: Tag::new(Tone::You, "To leave"),
            stay: Some(samples::button("stay", "/whitelist/1/stay", Style::Other, "Keep it")),
            retire: None,
            ..full.clone()
        };
        let mut hostile = Self { heading: samples::unbroken(), ..full.clone() };
        for one in &mut hostile.history {
            one.what = samples::HOSTILE.into();
        }
        for field in hostile.retire.iter_mut().flat_map(|form| &mut form.fields) {
            field.error = Some(samples::HOSTILE.into());
        }
        vec![("full", full), ("leaving", leaving), ("hostile", hostile)]
    }
}

/// Requests that need a lead.
#[derive(Clone, Debug, Serialize)]
pub struct Requests {
    /// They wait, oldest first.
    pub pending: Vec<Asked>,
    /// In their place, where there are none.
    pub empty: Option<Empty>,
    /// They were decided, newest first.
    pub decided: Vec<Asked>,
}

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// What is asked for: the heading.
    pub heading: String,
    /// How far it has come.
    pub tag: Tag,
    /// When it was asked for.
    pub at: DateTime<Utc>,
    /// Tunnel, customer, who, why.
    pub facts: Vec<Fact>,
    /// Approves it; none for whoever asked and for everybody who is no lead.
    pub approve: Option<Form>,
    /// Refuses it or takes it back.
    pub refuse: Option<Form>,
}

impl Requests {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "whitelist/requests.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let asked = |number: i64, tag| Asked {
            heading: "10.20.4.0/24 port 587/tcp".into(),
            tag,
            at: samples::at(number),
            facts: vec![
                Fact::new("Tunnel", "alder-1"),
                Fact::new("Asked for by", "Kim Castle"),
                Fact::new("Reason", "Two relays of a cluster"),
            ],
            approve: Some(samples::button(
                &format!("approve-{number}"),
                "/whitelist/requests/1/approve",
                Style::Main,
                "Approve",
            )),
            refuse: Some(samples::button(
                &format!("refuse-{number}"),
                "/whitelist/requests/1/refuse",
                Style::Other,
                "Refuse",
            )),
        };
        let decided = Asked { approve: None, refuse: None, ..asked(3, Tag::new(Tone::Done, "Approved")) };
        let mut hostile = asked(2, Tag::new(Tone::You, "Waits"));
        hostile.facts = vec![Fact::new("Reason", samples::HOSTILE), Fact::new("Note", samples::unbroken())];
        let none = Some(Empty { text: "No request waits for a lead.".into(), link: None });
        let full = Self {
            pending: vec![asked(1, Tag::new(Tone::You, "Waits")), hostile],
            empty: None,
            decided: vec![decided],
        };
        vec![("full", full), ("none", Self { pending: Vec::new(), empty: none, decided: Vec::new() })]
    }
}

/// The difference between a list as it is wanted and as it was applied.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The tunnel.
    pub heading: String,
    /// Customer, version, what stands unchanged.
    pub facts: Vec<Fact>,
    /// What is to be added and what is to be taken off.
    pub changes: Vec<Change>,
    /// In their place, where nothing differs.
    pub empty: Option<Empty>,
    /// Entries that cases apply by their own step.
    pub in_cases: Vec<Link>,
    /// Records that it was applied; none where nothing differs and for everybody but network engineers.
    pub form: Option<Form>,
    /// The whole list for machines.
    pub exports: Vec<Link>,
}

impl Plan {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "whitelist/plan.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let form = Form::new("applied", "/whitelist/plan/1", samples::KEY, Button::main("Mark as applied"))
            .fields(vec![Field::new(Kind::Code, "change_ref", "Reference of the change")]);
        let full = Self {
            heading: "What is to be applied in alder-1".into(),
            facts: vec![Fact::new("Customer", "Alder Mutual"), Fact::new("Version", "7")],
            changes: vec![
                change("Kim Castle: two relays", None, Some("10.20.4.16/32 port 587/tcp")),
                change("Lou Grant: replaced", Some("10.20.4.15/32 port 587/tcp"), None),
            ],
            empty: None,
            in_cases: vec![Link::new("10.20.4.17/32 port 587/tcp in case 2041", "/cases/2041")],
            form: Some(form),
            exports: vec![Link::new("JSON", "/api/v1/tunnels/1/whitelist.json")],
        };
        let mut hostile = full.clone();
        for change in &mut hostile.changes {
            change.label = samples::HOSTILE.into();
        }
        hostile.heading = samples::unbroken();
        let none = Some(Empty { text: "Nothing differs.".into(), link: None });
        let same = Self { changes: Vec::new(), empty: none, form: None, in_cases: Vec::new(), ..full.clone() };
        vec![("full", full), ("hostile", hostile), ("same", same)]
    }
}
