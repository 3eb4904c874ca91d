//! What is promised for each priority, since when, and how it was kept.

use axum::response::{IntoResponse, Redirect, Response};

use super::{administrator, fill, wrong};
use crate::app::calendars::By;
use crate::app::policy::{self, Draft, Month};
use crate::app::{Error, FieldError};
use crate::domain::case::Priority;
use crate::domain::objective::{Objective, Targets};
use crate::store::policy::Row;
use crate::views::common::Link;
use crate::views::form::{Button, Choice, Field, Form, Kind};
use crate::views::records::Cell;
use crate::views::tables::{Group, TableRow, Tables};
use crate::web::fields::Fields;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

const PATH: &str = "/admin/objectives";
/// Months of the table of figures.
const MONTHS: u32 = 12;

/// Policy and figures.
pub(super) async fn page(visitor: Visitor) -> Result<Response, Failure> {
    administrator(&visitor)?;
    show(&visitor, None).await
}

/// Adds a row of policy.
pub(super) async fn add(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let by = By::admin(visitor.person()?)?;
    fields.only(&["priority", "valid_from", "first_answer", "next_update", "done"])?;
    let draft = Draft {
        priority: fields.get("priority").to_owned(),
        valid_from: fields.get("valid_from").to_owned(),
        spans: Objective::ALL.iter().map(|one| (*one, fields.get(one.as_str()).to_owned())).collect(),
    };
    match policy::add(&visitor.app, by, &draft).await {
        Ok(_) => Ok(Redirect::to(PATH).into_response()),
        Err(Error::Invalid(errors)) if !visitor.json => show(&visitor, Some((&fields, &errors))).await,
        Err(other) => Err(other.into()),
    }
}

async fn show(visitor: &Visitor, typed: Option<(&Fields, &[FieldError])>) -> Result<Response, Failure> {
    let app = &visitor.app;
    let mut form = form();
    if let Some((fields, errors)) = typed {
        fill(&mut form, fields, errors);
    }
    let errors = form.errors();
    let in_force = policy::in_force(app, app.now()).await?;
    let body = Tables {
        intro: Some(
            "How long a first answer, the next update and the whole case may take. Time passes in your calendar while it \
             is your turn. A case keeps the rows that held when it was opened."
                .to_owned(),
        ),
        links: vec![Link::new("Overdue and at risk", "/queue/overdue"), Link::new("Calendars", "/admin/calendars")],
        groups: vec![
            force(&in_force),
            rows(&policy::list(app).await?, app.now()),
            months(&policy::months(app, MONTHS).await?),
        ],
        form_heading: Some("Add a row".to_owned()),
        form: Some(form),
        ..Tables::new("Objectives")
    };
    wrong(visitor, ("Objectives", Vec::new()), Tables::TEMPLATE, body, errors)
}

fn columns(first: &str, rest: &[&str]) -> Vec<String> {
    std::iter::once(first).chain(rest.iter().copied()).map(str::to_owned).collect()
}

fn spans(targets: &Targets) -> Vec<Cell> {
    Objective::ALL.iter().map(|one| Cell::code(targets.of(*one).to_string())).collect()
}

fn force(all: &[(Priority, Targets, Option<Row>)]) -> Group {
    let row = |(priority, targets, row): &(Priority, Targets, Option<Row>)| {
        let mut cells = spans(targets);
        cells.push(Cell::new(match row {
            Some(row) => crate::views::instant(row.valid_from),
            None => "The standard".to_owned(),
        }));
        TableRow { name: priority.to_string(), href: None, cells }
    };
    Group {
        heading: "In force for cases that are opened now".to_owned(),
        columns: columns("Priority", &["First answer", "Next update", "Done", "Since"]),
        rows: all.iter().map(row).collect(),
        note: Some(
            "bh are hours and bd days in which your calendar is open; m, h and d pass by the wall clock.".to_owned(),
        ),
    }
}

fn rows(all: &[Row], now: chrono::DateTime<chrono::Utc>) -> Group {
    let row = |row: &Row| {
        let mut cells = vec![Cell::new(crate::views::instant(row.valid_from))];
        cells.extend(spans(&row.targets));
        cells.push(Cell::new(crate::views::instant(row.made_at)));
        let is_ahead = if row.valid_from > now { ", ahead" } else { "" };
        TableRow { name: format!("{}{is_ahead}", row.priority), href: None, cells }
    };
    Group {
        heading: "All rows".to_owned(),
        columns: columns("Priority", &["Valid from", "First answer", "Next update", "Done", "Made"]),
        rows: all.iter().map(row).collect(),
        note: all.is_empty().then(|| "No row has been added yet: the standard holds.".to_owned()),
    }
}

fn months(all: &[Month]) -> Group {
    let row = |month: &Month| {
        let cell = |objective: &Objective| {
            let (met, missed) = month.kept.get(objective).copied().unwrap_or_default();
            Cell::new(if met + missed == 0 { "None".to_owned() } else { format!("{met} met, {missed} missed") })
        };
        TableRow {
            name: month.first.format("%B %Y").to_string(),
            href: None,
            cells: Objective::ALL.iter().map(cell).collect(),
        }
    };
    Group {
        heading: "Met and missed by month".to_owned(),
        columns: columns("Month (UTC)", &["First answer", "Next update", "Done"]),
        rows: all.iter().map(row).collect(),
        note: Some("What the customer took back before its time was up does not count.".to_owned()),
    }
}

fn form() -> Form {
    let priorities = Priority::ALL.iter().map(|one| Choice::new(one.as_str(), meaning(*one))).collect();
    let span = |objective: Objective, label: &str| {
        Field::new(Kind::Code, objective.as_str(), label).hint("Like 4bh, 2bd, 30m, 8h or 3d")
    };
    Form::new("row", PATH, form_key(), Button::main("Add row")).fields(vec![
        Field::new(Kind::Radio, "priority", "Priority").options(priorities),
        Field::new(Kind::Code, "valid_from", "Valid from").hint("A date like 2026-12-01; empty for today").optional(),
        span(Objective::FirstAnswer, "First answer"),
        span(Objective::NextUpdate, "Next update"),
        span(Objective::Done, "Done"),
    ])
}

/// A priority with what it means.
pub(in crate::web) const fn meaning(priority: Priority) -> &'static str {
    match priority {
        Priority::P1 => "P1, the product cannot be used",
        Priority::P2 => "P2, severely degraded",
        Priority::P3 => "P3, impaired",
        Priority::P4 => "P4, information",
    }
}
