//! Query parameters, read strictly: an unknown one is refused with the nearest known, so that no filter is silently left
//! out; and cursors, which carry the filter of the list that they belong to.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;

use crate::app::Error;
use crate::domain::id::CaseId;
use crate::domain::problem::ProblemCode;
use crate::domain::workflow::diagnostic::nearest;
use crate::store::queue::{Cursor, View};
use crate::web::fields::decode;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// Items of a page where nothing else is asked for, and at most.
const PAGE: i64 = 50;
const LONGEST_PAGE: i64 = 200;

/// The parameters of a request by name.
pub(super) struct Query(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        Visitor::from_request_parts(parts, state).await?.person()?;
        read(parts.uri.query().unwrap_or_default())
    }
}

fn read(query: &str) -> Result<Query, Failure> {
    let mut values = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(name), Some(value)) = (decode(name), decode(value)) else {
            return Err(bad(format!("The parameter {pair:?} is not valid percent-encoded UTF-8")));
        };
        if value.chars().any(char::is_control) {
            return Err(bad(format!("The parameter {name:?} holds a control character")));
        }
        if values.insert(name.clone(), value).is_some() {
            return Err(bad(format!("The parameter {name:?} was sent more than once")));
        }
    }
    Ok(Query(values))
}

fn bad(detail: String) -> Failure {
    Error::malformed(ProblemCode::BadParameter, detail).into()
}

impl Query {
    /// Refuses parameters that the resource does not know.
    ///
    /// # Errors
    /// [`Error::Malformed`] names the first and the nearest known one.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Failure> {
        let Some(name) = self.0.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
        let advice = match (nearest(name, known.iter().copied()), known) {
            (Some(near), _) => format!("did you mean {near}?"),
            (None, []) => "this resource takes none".to_owned(),
            (None, _) => format!("known are {}", known.join(", ")),
        };
        Err(Error::malformed(ProblemCode::UnknownParameter, format!("The parameter {name:?} is not known: {advice}"))
            .into())
    }

    /// A parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// How many items a page may have.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything but 1 to 200.
    pub(super) fn limit(&self) -> Result<i64, Failure> {
        let Some(text) = self.get("limit") else { return Ok(PAGE) };
        let limit = text.parse().ok().filter(|limit| (1..=LONGEST_PAGE).contains(limit));
        limit.ok_or_else(|| bad(format!("limit is {text:?}; send a number from 1 to {LONGEST_PAGE}")))
    }

    /// The view of the queue, and where to begin in it; the default view from its top where neither was sent.
    ///
    /// # Errors
    /// [`Error::Malformed`] for an unknown view, a cursor of another list, or both where they contradict each other.
    pub(super) fn view(&self, top: Cursor) -> Result<(View, Cursor), Failure> {
        let named = match self.get("view") {
            None => None,
            Some(word) => Some(View::parse(word).ok_or_else(|| unknown_view(word))?),
        };
        let Some(text) = self.get("cursor") else { return Ok((named.unwrap_or(View::Unclaimed), top)) };
        let found = read_queue_cursor(text).ok_or_else(foreign_cursor)?;
        match named {
            Some(view) if view != found.0 => Err(foreign_cursor()),
            Some(_) | None => Ok(found),
        }
    }

    /// The case number after which the list of watched servers goes on.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a cursor of another list.
    pub(super) fn after(&self) -> Result<i64, Failure> {
        let Some(text) = self.get("cursor") else { return Ok(0) };
        let number = unwrap(text).and_then(|text| text.strip_prefix("after.")?.parse().ok());
        number.ok_or_else(foreign_cursor)
    }

    /// The case number below which a customer's list goes on.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a cursor of another list.
    pub(super) fn before(&self) -> Result<i64, Failure> {
        let Some(text) = self.get("cursor") else { return Ok(i64::MAX) };
        let number = unwrap(text).and_then(|text| text.strip_prefix("own.")?.parse().ok());
        number.ok_or_else(foreign_cursor)
    }
}

fn unknown_view(word: &str) -> Failure {
    let known: Vec<&str> = View::ALL.iter().map(|view| view.as_str()).collect();
    bad(format!("view is {word:?}; send one of {}", known.join(", ")))
}

fn foreign_cursor() -> Failure {
    bad("The cursor is not one of this list; begin without one, and take the next from each answer".to_owned())
}

/// The cursor behind a case of a queue's view.
pub(super) fn queue_cursor(view: View, cursor: Cursor) -> String {
    wrap(&format!("{view}.{}.{}", cursor.due_at.timestamp_micros(), cursor.id))
}

/// The cursor behind a watched server in the list of them.
pub(super) fn after_cursor(number: i64) -> String {
    wrap(&format!("after.{number}"))
}

/// The cursor behind a case in a customer's own list.
pub(super) fn own_cursor(number: i64) -> String {
    wrap(&format!("own.{number}"))
}

fn read_queue_cursor(text: &str) -> Option<(View, Cursor)> {
    let text = unwrap(text)?;
    let mut parts = text.split('.');
    let view = View::parse(parts.next()?)?;
    // An instant before all of ours may be one that a database cannot hold.
    let due_at =
        DateTime::from_timestamp_micros(parts.next()?.parse().ok()?).filter(|at| *at >= DateTime::UNIX_EPOCH)?;
    let id = CaseId::new(parts.next()?.parse().ok()?);
    parts.next().is_none().then_some((view, Cursor { due_at, id }))
}

/// Opaque, so that nobody builds one by hand and is broken by the next version.
fn wrap(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn unwrap(text: &str) -> Option<String> {
    URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<T>(result: Result<T, Failure>) -> String {
        result.map(drop).map_err(|failure| failure.error().to_string()).unwrap_err()
    }

    #[test]
    fn an_unknown_parameter_is_refused_with_the_nearest_known() {
        let query = read("limti=5").unwrap();
        assert_eq!(said(query.only(&["limit", "cursor"])), "The parameter \"limti\" is not known: did you mean limit?");
        assert!(said(read("zzzzzz=1").unwrap().only(&["limit"])).ends_with("known are limit"));
        assert!(said(read("a=1").unwrap().only(&[])).ends_with("takes none"));
        assert!(said(read("limit=1&limit=2")).contains("more than once"));
        assert!(said(read("tunnel=%00")).contains("control character"));
        assert!(said(read("tunnel=%zz")).contains("percent-encoded"));
    }

    #[test]
    fn limits_and_cursors_are_judged() {
        for bad in ["0", "201", "-1", "x", ""] {
            assert!(said(read(&format!("limit={bad}")).unwrap().limit()).contains("1 to 200"), "{bad}");
        }
        let cursor = Cursor {
            due_at: DateTime::from_timestamp_micros(1_764_000_000_123_456).unwrap(),
            id: CaseId::new(uuid::Uuid::max()),
        };
        let text = queue_cursor(View::Mine, cursor);
        let top = Cursor { due_at: DateTime::UNIX_EPOCH, id: CaseId::new(uuid::Uuid::nil()) };
        assert_eq!(read(&format!("cursor={text}")).unwrap().view(top).unwrap(), (View::Mine, cursor));
        assert!(said(read(&format!("cursor={text}&view=open")).unwrap().view(top)).contains("not one of this list"));
        assert!(said(read(&format!("cursor={text}")).unwrap().before()).contains("not one of this list"));
        assert_eq!(read(&format!("cursor={}", own_cursor(1042))).unwrap().before().unwrap(), 1042);
        assert!(said(read("view=mien").unwrap().view(top)).contains("unclaimed, mine, customer, open"));
    }
}
