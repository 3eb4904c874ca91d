//! What can be read off a case without the database.

use super::Error;
use super::watching::TAKE_OVER;
use crate::domain::actor::{Actor, Person};
use crate::domain::case::Case;
use crate::domain::workflow::{Definition, Rule, Value};

/// What a person may do with a case now; each event once. What is done on a page of its own is not among it.
pub(super) fn offers<'d>(definition: &'d Definition, case: &Case, person: &Person) -> Vec<&'d Rule> {
    let roles = Actor::Person(person.clone()).workflow_roles();
    definition
        .rules_at(&case.flow.state)
        .into_iter()
        .filter(|rule| rule.event != TAKE_OVER && roles.iter().any(|role| rule.by.contains(*role)))
        .collect()
}

/// A field that the checker promises to be set here.
pub(super) fn text(case: &Case, field: &str) -> Result<String, Error> {
    match case.flow.data.get(field) {
        Some(Value::Text(text)) => Ok(text.clone()),
        Some(Value::Bool(_) | Value::Integer(_) | Value::Numbers(_) | Value::List(_)) | None => Err(unset(case, field)),
    }
}

/// As [`text`], for a number.
pub(super) fn number(case: &Case, field: &str) -> Result<i64, Error> {
    match case.flow.data.get(field) {
        Some(Value::Integer(number)) => Ok(*number),
        Some(Value::Bool(_) | Value::Text(_) | Value::Numbers(_) | Value::List(_)) | None => Err(unset(case, field)),
    }
}

fn unset(case: &Case, field: &str) -> Error {
    Error::Internal(format!("case {} has no {field} in {}", case.number, case.flow.state))
}
