//! How somebody signs in, as an administrator sees it: sessions, second factor, what happened last.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::{found, path};
use crate::app::{account, factor};
use crate::domain::id::PersonId;
use crate::views::common::{Fact, Section};
use crate::views::form::Form;
use crate::views::instant;
use crate::web::account::{happening, standing};
use crate::web::fields::Fields;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// What happened last, at most so much.
const LAST: usize = 5;

/// How a person signs in, and what an administrator can do about it.
pub(super) async fn section(
    visitor: &Visitor,
    id: PersonId,
    act: &impl Fn(&str, &str) -> Form,
) -> Result<(Section, Vec<Form>), Failure> {
    let account = account::for_admin(&visitor.app, visitor.person()?, id).await?;
    let mut facts = standing(&account.factor);
    facts.push(Fact::new("Open sessions", account.sessions.len().to_string()));
    for event in account.events.iter().take(LAST) {
        let event = happening(event);
        facts.push(Fact::new(instant(event.at), format!("{}, {}", event.what, event.who)));
    }
    let mut acts = Vec::new();
    if !account.sessions.is_empty() {
        acts.push(act("sessions/end", "End all sessions"));
    }
    if account.factor.since.is_some() || account.factor.has_begun {
        acts.push(act("factor/reset", "Take the second factor away"));
    }
    Ok((Section { heading: "Signing in".to_owned(), facts }, acts))
}

/// Ends all sessions of a person.
pub(in crate::web::admin) async fn end_sessions(
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    fields.only(&[])?;
    let (entry, _) = found(&visitor, &id).await?;
    visitor.proved(&path(entry.person.id))?;
    account::end_sessions_of(&visitor.app, visitor.person()?, entry.person.id, &visitor.origin).await?;
    Ok(Redirect::to(&path(entry.person.id)).into_response())
}

/// Takes the second factor away of somebody who has lost it.
pub(in crate::web::admin) async fn reset_factor(
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    fields.only(&[])?;
    let (entry, _) = found(&visitor, &id).await?;
    visitor.proved(&path(entry.person.id))?;
    factor::reset(&visitor.app, visitor.person()?, entry.person.id, &visitor.origin).await?;
    Ok(Redirect::to(&path(entry.person.id)).into_response())
}
