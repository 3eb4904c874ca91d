//! A page of tables: promises that are late, policy and how it was kept, due times that would move.

use serde::Serialize;

use super::common::{Link, Note, Tone};
use super::form::{Button, Choice, Field, Form, Kind};
use super::records::Cell;
use super::samples;

/// Tables under one heading, with a form behind them where something can be done about them.
#[derive(Clone, Debug, Serialize)]
pub struct Tables {
    /// What they are about.
    pub heading: String,
    /// What they are for, in one or two sentences.
    pub intro: Option<String>,
    /// What somebody should look at.
    pub notes: Vec<Note>,
    /// Pages around it.
    pub links: Vec<Link>,
    /// The tables.
    pub groups: Vec<Group>,
    /// Heading of the form.
    pub form_heading: Option<String>,
    /// The form.
    pub form: Option<Form>,
}

/// One table.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// Its heading.
    pub heading: String,
    /// Headings of the columns; the first one is of the row itself.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<TableRow>,
    /// In place of the rows where there are none, or below them where there are more.
    pub note: Option<String>,
}

/// One row.
#[derive(Clone, Debug, Serialize)]
pub struct TableRow {
    /// What it is about.
    pub name: String,
    /// Its page.
    pub href: Option<String>,
    /// Its other columns, in their order.
    pub cells: Vec<Cell>,
}

impl Tables {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "admin/tables.html";

    /// A page without tables.
    pub fn new(heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            intro: None,
            notes: Vec::new(),
            links: Vec::new(),
            groups: Vec::new(),
            form_heading: None,
            form: None,
        }
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |name: &str, customer: &str, due| TableRow {
            name: name.into(),
            href: Some("/cases/2041".into()),
            cells: vec![Cell::new(customer), Cell::new("P2"), due, Cell::new("Ana P.")],
        };
        let group = |rows: Vec<TableRow>| Group {
            heading: "First answer".into(),
            columns: ["Case", "Customer", "Priority", "Due", "Claimed by"].map(str::to_owned).to_vec(),
            note: Some(if rows.is_empty() { "None is late or urgent." } else { "100 of 240 are shown." }.into()),
            rows,
        };
        let late = Cell::tag(Tone::Failed, "Overdue by 25 minutes");
        let full = Self {
            intro: Some("Promises that are late or will be soon.".into()),
            notes: vec![Note::new(Tone::You, "Three due times would move.")],
            links: vec![Link::new("Policy", "/admin/objectives")],
            groups: vec![
                group(vec![
                    row("2041", "Alder Mutual", late.clone()),
                    row("2043", "Brightwater Rail", Cell::tag(Tone::You, "Due in 50 min")),
                ]),
                Group { heading: "Done".into(), ..group(Vec::new()) },
            ],
            form_heading: Some("Add a row".into()),
            form: Some(form()),
            ..Self::new("Overdue and at risk")
        };
        let mut wrong = full.clone();
        for field in wrong.form.iter_mut().flat_map(|form| &mut form.fields) {
            field.error = Some("Enter a span like 4bh".into());
        }
        let hostile = Self {
            heading: samples::HOSTILE.into(),
            groups: vec![group(vec![row(&samples::unbroken(), samples::HOSTILE, late)])],
            ..full.clone()
        };
        vec![
            ("empty", Self { groups: vec![group(Vec::new())], form: None, ..full.clone() }),
            ("full", full),
            ("wrong", wrong),
            ("hostile", hostile),
        ]
    }
}

fn form() -> Form {
    let priorities = ["P1", "P2"].map(|word| Choice::new(word, word)).to_vec();
    Form::new("row", "/admin/objectives", samples::KEY, Button::main("Add row")).fields(vec![
        Field::new(Kind::Radio, "priority", "Priority").options(priorities),
        Field::new(Kind::Code, "first_answer", "First answer").hint("Like 4bh or 2bd"),
    ])
}
