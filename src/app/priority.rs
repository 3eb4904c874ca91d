//! The priority of a case. Its rule of the definition sets it; people who work the queue change it, with a reason.

use std::sync::Arc;

use serde_json::json;

use super::objectives::{counted, name, set_running, targets, wind};
use super::{App, Error, FieldError, Once, Outcome, resource, turn};
use crate::domain::actor::{Actor, Person, Role};
use crate::domain::case::{Case, Priority};
use crate::domain::schedule::Span;
use crate::store::{Tx, cases, objectives, people};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// A wish to change the priority of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Which case.
    pub number: i64,
    /// The revision that the client read, where one is given.
    pub revision: Option<i64>,
    /// `P1` to `P4`.
    pub priority: String,
    /// Why.
    pub reason: String,
}

/// Changes the priority of a case. What is owed runs on from where it is, with the spans of the other priority out of the
/// policy that held when the case was opened.
///
/// # Errors
/// [`Error::Forbidden`] for people who do not work the queue; [`Error::Claimed`] where a colleague works on the case and
/// the person is no lead; [`Error::Invalid`] for a priority that is none and a reason that is empty or too long;
/// [`Error::Changed`]; [`Error::NotFound`].
pub async fn set(app: &Arc<App>, person: &Person, wish: Wish, once: Once) -> Result<Outcome<Case>, Error> {
    if !person.works_queue() {
        return Err(Error::Forbidden("Priorities are set by the vendor's engineers"));
    }
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person, wish, once) = (Arc::clone(&shared), person.clone(), wish.clone(), once.clone());
            Box::pin(async move {
                let mut case = cases::hold(tx, wish.number).await?.ok_or(Error::NotFound)?;
                if let Some(answer) = once.before(tx).await? {
                    return Ok(Outcome::Before(answer));
                }
                if wish.revision.is_some_and(|revision| revision != case.revision) {
                    return Err(Error::Changed { number: case.number, revision: case.revision });
                }
                let priority = judge(tx, &person, &case, &wish).await?;
                if priority != case.priority {
                    change(&app, tx, &mut case, (&person, priority, wish.reason.trim())).await?;
                }
                once.keep(tx, 200, resource::case(&app, &person, &case)?.to_string(), app.now()).await?;
                Ok::<_, Error>(Outcome::Done(case))
            })
        })
        .await
}

async fn judge(tx: &mut Tx, person: &Person, case: &Case, wish: &Wish) -> Result<Priority, Error> {
    if let Some((holder, at)) = case.claim.filter(|(holder, _)| *holder != person.id && !person.is(Role::Lead)) {
        let by = people::by_id(tx, holder).await?.map_or_else(String::new, |entry| entry.person.name);
        return Err(Error::Claimed { number: case.number, by, at });
    }
    let mut errors = Vec::new();
    let priority = Priority::parse(&wish.priority);
    if priority.is_none() {
        errors.push(FieldError::new("priority", "unknown", "Choose a priority: P1, P2, P3 or P4"));
    }
    let reason = wish.reason.trim();
    if reason.is_empty() {
        errors.push(FieldError::new("reason", "missing", "Enter the reason"));
    }
    if reason.chars().count() > LONGEST_REASON {
        errors.push(FieldError::new(
            "reason",
            "too_long",
            format!("Reason must be {LONGEST_REASON} characters or fewer"),
        ));
    }
    if reason.chars().any(char::is_control) {
        errors.push(FieldError::new("reason", "control_char", "Reason must not contain control characters"));
    }
    match priority {
        Some(priority) if errors.is_empty() && case.is_open => Ok(priority),
        Some(_) if errors.is_empty() => Err(Error::field("priority", "closed", "This case is closed")),
        Some(_) | None => Err(Error::Invalid(errors)),
    }
}

async fn change(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    (person, priority, reason): (&Person, Priority, &str),
) -> Result<(), Error> {
    let at = app.now();
    let before = std::mem::replace(&mut case.priority, priority);
    let definition = app.workflows.of(&case.workflow)?;
    let targets = targets(tx, case).await?;
    let mut owed = objectives::open(tx, (case.customer, case.id)).await?;
    for promise in &mut owed {
        let counted = counted(tx, definition, promise).await?;
        let calendar = counted.calendar.as_ref();
        let (old, new) = (Span::parse(&promise.span), Span::Rule(targets.of(promise.objective)));
        if let (Some(since), Some(old)) = (promise.running_since, old) {
            promise.used_s += old.passed(since, at, calendar).num_seconds();
        }
        promise.span = new.to_string();
        promise.calendar_id = promise.calendar_id.filter(|_| new.is_business());
        if promise.running_since.is_some() {
            set_running(promise, (new, &counted), at);
        }
        objectives::replace(tx, promise).await?;
        wind(tx, promise).await?;
    }
    name(case, &owed);
    let detail = json!({"from": before, "to": priority, "reason": reason, "internal": true});
    turn::note(app, tx, case, &Actor::Person(person.clone()), ("prioritized", detail), at).await
}
