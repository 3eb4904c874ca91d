//! What leads look at: promises that are late or will be soon, by objective.

use axum::response::Response;
use chrono::{DateTime, Utc};

use super::present_list::span;
use crate::app::policy;
use crate::domain::objective::Objective;
use crate::store::objectives::Urgent;
use crate::views::common::{Page, Tone};
use crate::views::records::Cell;
use crate::views::tables::{Group, TableRow, Tables};
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// The page.
pub(super) async fn page(visitor: Visitor) -> Result<Response, Failure> {
    let app = &visitor.app;
    let all = policy::urgent(app, visitor.person()?).await?;
    let now = app.now();
    let body = Tables {
        intro: Some("Promises to customers that are late, or of whose time a quarter or an hour is left.".to_owned()),
        groups: all.iter().map(|(objective, rows, count)| group(*objective, rows, *count, now)).collect(),
        ..Tables::new("Overdue and at risk")
    };
    let page = Page::new("Overdue and at risk", frame::frame(&visitor), body);
    frame::show(&visitor, Tables::TEMPLATE, &page)
}

fn group(objective: Objective, rows: &[Urgent], count: i64, now: DateTime<Utc>) -> Group {
    let note = match count {
        0 => Some("None is late or at risk.".to_owned()),
        count if count > policy::MOST_URGENT => Some(format!("{} of {count} are shown.", policy::MOST_URGENT)),
        _ => None,
    };
    Group {
        heading: objective.title().to_owned(),
        columns: ["Case", "Due", "Customer", "About", "Priority", "Claimed by"].map(str::to_owned).to_vec(),
        rows: rows.iter().map(|row| line(row, now)).collect(),
        note,
    }
}

fn line(row: &Urgent, now: DateTime<Utc>) -> TableRow {
    let due = match row.due_at {
        Some(due) if due <= now => Cell::tag(Tone::Failed, &format!("Overdue {}", span(now - due))),
        Some(due) => Cell::tag(Tone::You, &format!("Due in {}", span(due - now))),
        None => Cell::new("Clock stopped"),
    };
    TableRow {
        name: row.number.to_string(),
        href: Some(format!("/cases/{}", row.number)),
        cells: vec![
            due,
            Cell::new(row.customer.as_str()),
            Cell::new(row.title.as_str()),
            Cell::new(row.priority.as_str()),
            Cell::new(row.claimed_by.as_deref().unwrap_or("Nobody")),
        ],
    }
}
