//! Pages of administration: a list of things, one thing with all that is on record of it, and a form that adds or
//! changes one. Customers, people, tunnels and product tenants share them.

use serde::Serialize;

use super::common::{Empty, Fact, Link, Note, Section, Tag, Tone};
use super::form::{Button, Choice, Field, Form, Kind, Style};
use super::samples;
use super::tables::{Group, TableRow};

/// Things of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// What they are.
    pub heading: String,
    /// What they are for, in one or two sentences.
    pub intro: Option<String>,
    /// Adds one.
    pub add: Option<Link>,
    /// Headings of the columns; the first one is of the thing itself.
    pub columns: Vec<String>,
    /// The things.
    pub rows: Vec<Row>,
    /// In place of the rows, where there are none.
    pub empty: Option<Empty>,
}

/// One thing of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name, which leads to its page.
    pub link: Link,
    /// Its other columns, in their order.
    pub cells: Vec<Cell>,
}

/// One value of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The value.
    pub text: String,
    /// True for what is copied to other systems.
    pub code: bool,
    /// A status in its place.
    pub tag: Option<Tag>,
}

impl Cell {
    /// Words.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: false, tag: None }
    }

    /// An address or a reference.
    pub fn code(text: impl Into<String>) -> Self {
        Self { code: true, ..Self::new(text) }
    }

    /// A status.
    pub fn tag(tone: Tone, text: &str) -> Self {
        Self { tag: Some(Tag::new(tone, text)), ..Self::new("") }
    }
}

impl Listing {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "admin/list.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |name: &str, tag| Row {
            link: Link::new(name, "/admin/customers/1"),
            cells: vec![Cell::new("VPN tunnel"), Cell::code("10.20.0.0/16"), tag],
        };
        let full = Self {
            heading: "Customers".into(),
            intro: Some("Whom you serve, and how the product reaches them.".into()),
            add: Some(Link::new("Add a customer", "/admin/customers/new")),
            columns: ["Customer", "Architecture", "Networks", "State"].map(str::to_owned).to_vec(),
            rows: vec![
                row("Alder Mutual", Cell::tag(Tone::Done, "In use")),
                row("Brightwater Rail", Cell::tag(Tone::Neutral, "Planned")),
            ],
            empty: None,
        };
        let none = Some(Empty { text: "There are no customers yet.".into(), link: None });
        let hostile = Self {
            rows: vec![
                row(samples::HOSTILE, Cell::new(samples::unbroken())),
                row(&samples::unbroken(), Cell::code(samples::HOSTILE)),
            ],
            ..full.clone()
        };
        vec![
            ("empty", Self { rows: Vec::new(), empty: none, intro: None, ..full.clone() }),
            ("full", full),
            ("hostile", hostile),
        ]
    }
}

/// One thing and what is on record of it.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Its name.
    pub heading: String,
    /// What it is: part of the heading.
    pub kind: String,
    /// Its status.
    pub tag: Option<Tag>,
    /// What somebody should look at.
    pub notes: Vec<Note>,
    /// What is on record.
    pub sections: Vec<Section>,
    /// Tables of what belongs to it.
    pub groups: Vec<Group>,
    /// Pages around it.
    pub links: Vec<Link>,
    /// Acts of one button.
    pub acts: Vec<Form>,
    /// Heading of the form below.
    pub form_heading: Option<String>,
    /// An act that asks something.
    pub form: Option<Form>,
    /// The same for another system, to be copied; never with a secret.
    pub sheet: Option<String>,
}

impl Record {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "admin/record.html";

    /// A thing with nothing on record.
    pub fn new(kind: &str, heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            kind: kind.to_owned(),
            tag: None,
            notes: Vec::new(),
            sections: Vec::new(),
            groups: Vec::new(),
            links: Vec::new(),
            acts: Vec::new(),
            form_heading: None,
            form: None,
            sheet: None,
        }
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let heirs = vec![Choice::new("", "Nobody"), Choice::new("1", "Sam Field")];
        let leave = Form::new("leave", "/admin/people/1/disable", samples::KEY, Button::of(Style::Danger, "Disable"))
            .fields(vec![Field::new(Kind::Select, "heir", "Hand open cases over to").options(heirs)]);
        let facts = |value: &str| {
            vec![
                Fact::new("Architecture", value).change("/admin/customers/1/edit"),
                Fact::code("Gateway", "198.51.100.1"),
                Fact::missing("Stand-by alerting IP"),
            ]
        };
        let full = Self {
            tag: Some(Tag::new(Tone::Done, "In use")),
            notes: vec![Note::new(Tone::You, "10.99.0.8 is in none of our networks of this tunnel.")],
            sections: vec![Section { heading: "On record".into(), facts: facts("VPN tunnel") }],
            groups: vec![Group {
                heading: "Messages".into(),
                columns: ["Topic", "State"].map(str::to_owned).to_vec(),
                rows: vec![TableRow {
                    name: "case.created".into(),
                    href: Some("/admin/webhooks/1/deliveries/2".into()),
                    cells: vec![Cell::tag(Tone::Done, "Delivered")],
                }],
                note: None,
            }],
            links: vec![Link::new("Tunnels", "/admin/customers/1/tunnels")],
            acts: vec![samples::button("invite", "/admin/people/1/invite", Style::Other, "Send the invitation again")],
            form_heading: Some("The person leaves".into()),
            form: Some(leave),
            sheet: Some("Our gateway: 198.51.100.1\nYour gateway: 203.0.113.2".into()),
            ..Self::new("Tunnel", "alder-1")
        };
        let mut wrong = full.clone();
        for field in wrong.form.iter_mut().flat_map(|form| &mut form.fields) {
            field.error = Some("Choose somebody who may have these cases".into());
        }
        let hostile = Self {
            heading: samples::HOSTILE.into(),
            sections: vec![Section { heading: samples::HOSTILE.into(), facts: facts(&samples::unbroken()) }],
            sheet: Some(samples::unbroken()),
            ..full.clone()
        };
        vec![("plain", Self::new("Customer", "Alder Mutual")), ("full", full), ("wrong", wrong), ("hostile", hostile)]
    }
}

/// A form on a page of its own.
#[derive(Clone, Debug, Serialize)]
pub struct Edit {
    /// What it does.
    pub heading: String,
    /// What follows from it, in one or two sentences.
    pub intro: Option<String>,
    /// The fields.
    pub form: Form,
}

impl Edit {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "admin/edit.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let form = |value: &str| {
            let roles = vec![Choice::new("support", "Support"), Choice::new("lead", "Lead").hint("May override")];
            Form::new("form", "/admin/customers", samples::KEY, Button::main("Add customer")).fields(vec![
                Field::new(Kind::Text, "name", "Name").value(value),
                Field::new(Kind::Textarea, "networks", "Their networks").hint("One on a line").value(value),
                Field::new(Kind::Checkbox, "roles", "Roles").options(roles),
            ])
        };
        let plain = Self { heading: "Add a customer".into(), intro: None, form: form("") };
        let mut wrong = Self { intro: Some("Cases that run keep theirs.".into()), ..plain.clone() };
        for field in &mut wrong.form.fields {
            field.error = Some(format!("Enter the {}", field.label.to_lowercase()));
        }
        let hostile = Self { heading: samples::HOSTILE.into(), form: form(&samples::unbroken()), ..plain.clone() };
        vec![("plain", plain), ("wrong", wrong), ("hostile", hostile)]
    }
}
