//! The queue: one page of a view, or what a search finds.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::present_list::{self, Listed};
use crate::app::{Error, desk, queue};
use crate::domain::id::CaseId;
use crate::store::queue::{Cursor, View};
use crate::views::common::Page;
use crate::views::form::ErrorLink;
use crate::views::queue::Queue;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// What the address of the page may say.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    view: String,
    after: String,
    q: String,
}

/// A view, or a search; a search that finds one case leads to it.
pub(super) async fn page(visitor: Visitor, wanted: Result<Query<Wanted>, QueryRejection>) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    let Ok(Query(wanted)) = wanted else { return Err(Error::NotFound.into()) };
    let view = match wanted.view.as_str() {
        "" => View::Unclaimed,
        word => View::parse(word).ok_or(Error::NotFound)?,
    };
    let after = match wanted.after.as_str() {
        "" => queue::top(),
        text => read_cursor(text).ok_or(Error::NotFound)?,
    };
    let mut page = queue::list(app, person, view, after).await?;
    let mut errors = Vec::new();
    let searched = !wanted.q.trim().is_empty();
    if searched {
        page.next = None;
        page.cases = match desk::find(app, person, &wanted.q).await {
            Ok(found) => found,
            Err(Error::Invalid(faults)) => {
                let link = |message| ErrorLink { target: Some("q".to_owned()), message };
                errors.extend(faults.into_iter().map(|fault| link(fault.message)));
                Vec::new()
            }
            Err(other) => return Err(other.into()),
        };
        if let [(case, _)] = page.cases.as_slice() {
            return Ok(Redirect::to(&format!("/cases/{}", case.number)).into_response());
        }
    }
    let cases: Vec<_> = page.cases.iter().map(|(case, _)| case).collect();
    let names = desk::customer_names(app, &cases).await?;
    let listed = Listed {
        view,
        is_first: wanted.after.is_empty(),
        searched: searched.then_some(wanted.q.as_str()),
        refresh: &visitor.uri,
        more: page.next.map(write_cursor),
        names: &names,
    };
    let body = present_list::queue(app, person, &page, &listed)?;
    let mut shown = Page::new(body.caption.clone(), frame::frame(&visitor), body);
    shown.errors = errors;
    frame::show(&visitor, Queue::TEMPLATE, &shown)
}

/// A place in a list as it stands in an address: due time in microseconds, then the case.
fn write_cursor(cursor: Cursor) -> String {
    format!("{}.{}", cursor.due_at.timestamp_micros(), cursor.id.uuid().simple())
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let (micros, id) = text.split_once('.')?;
    // An instant before all of ours may be one that a database cannot hold.
    let due_at =
        DateTime::<Utc>::from_timestamp_micros(micros.parse().ok()?).filter(|at| *at >= DateTime::UNIX_EPOCH)?;
    Some(Cursor { due_at, id: CaseId::new(id.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_list_reads_back_as_itself_and_nothing_else_is_one() {
        let cursor = Cursor {
            due_at: DateTime::from_timestamp_micros(1_795_511_520_123_456).unwrap(),
            id: CaseId::new(crate::clock::fresh_id()),
        };
        assert_eq!(read_cursor(&write_cursor(cursor)), Some(cursor));
        for wrong in ["", "1", "x.y", "1.", ".1", "99999999999999999999.00000000000000000000000000000000", "1.-1"] {
            assert_eq!(read_cursor(wrong), None, "{wrong:?}");
        }
    }
}
