//! The queue: lists, counts, claim, claim next, release, hand over. A claim is a compare-and-set: one wins, the other reads
//! who did.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{App, Error, Once, Outcome, resource, turn};
use crate::clock::fresh_id;
use crate::domain::actor::{Actor, Person};
use crate::domain::case::Case;
use crate::domain::id::{CaseId, MessageId, PersonId};
use crate::store::messages::{self, Message};
use crate::store::queue::{self, Counts, Cursor, View};
use crate::store::{Tx, cases, people};

/// Rows of a page.
pub const PAGE: i64 = 50;

/// One page of a view.
pub struct Page {
    /// The cases, most urgent first, with the name of who claimed each.
    pub cases: Vec<(Case, Option<String>)>,
    /// How many cases each view holds.
    pub counts: Counts,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// Before the first row.
pub fn top() -> Cursor {
    Cursor { due_at: DateTime::<Utc>::UNIX_EPOCH, id: CaseId::new(uuid::Uuid::nil()) }
}

/// A page of the queue.
///
/// # Errors
/// [`Error::Forbidden`] for people who do not work it; what the database says.
pub async fn list(app: &App, person: &Person, view: View, after: Cursor) -> Result<Page, Error> {
    require_engineer(person)?;
    let mut tx = app.db.read().await?;
    let (found, next) = page(&mut tx, person, view, (after, PAGE)).await?;
    let counts = queue::counts(&mut tx, person.id).await?;
    let mut names: std::collections::BTreeMap<PersonId, String> = std::collections::BTreeMap::new();
    let mut rows = Vec::with_capacity(found.len());
    for case in found {
        let name = match case.claimant() {
            Some(id) if !names.contains_key(&id) => {
                let name = name_of(&mut tx, id).await?;
                names.insert(id, name.clone());
                Some(name)
            }
            Some(id) => names.get(&id).cloned(),
            None => None,
        };
        rows.push((case, name));
    }
    Ok(Page { cases: rows, counts, next })
}

/// At most `limit` cases of a view, and where to go on; without names and counts.
///
/// # Errors
/// As [`list`].
pub async fn rows(
    app: &App,
    person: &Person,
    view: View,
    (after, limit): (Cursor, i64),
) -> Result<(Vec<Case>, Option<Cursor>), Error> {
    require_engineer(person)?;
    page(&mut app.db.read().await?, person, view, (after, limit)).await
}

async fn page(
    tx: &mut Tx,
    person: &Person,
    view: View,
    (after, limit): (Cursor, i64),
) -> Result<(Vec<Case>, Option<Cursor>), Error> {
    let mut found = queue::list(tx, view, person.id, after, limit + 1).await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| more).map(|case| Cursor { due_at: case.due_at, id: case.id });
    Ok((found, next))
}

/// Claims a case.
///
/// # Errors
/// [`Error::Claimed`] where a colleague was faster; [`Error::NotFound`]; [`Error::Forbidden`].
pub async fn claim(app: &Arc<App>, person: &Person, number: i64) -> Result<Case, Error> {
    claim_at(app, person, number, None).await
}

/// Claims a case, at the revision that the person has read where one is given.
///
/// # Errors
/// [`Error::Changed`] where it has another; as [`claim`].
pub async fn claim_at(app: &Arc<App>, person: &Person, number: i64, revision: Option<i64>) -> Result<Case, Error> {
    require_engineer(person)?;
    change(app, person, (number, revision), Change::Claim).await
}

/// Gives a case back to the queue.
///
/// # Errors
/// [`Error::Claimed`] where somebody else holds it and the person is no lead.
pub async fn release(app: &Arc<App>, person: &Person, number: i64, note: String) -> Result<Case, Error> {
    release_at(app, person, (number, None), note).await
}

/// As [`release`], at the revision that the person has read where one is given.
///
/// # Errors
/// [`Error::Changed`] where it has another; as [`release`].
pub async fn release_at(app: &Arc<App>, person: &Person, at: (i64, Option<i64>), note: String) -> Result<Case, Error> {
    require_engineer(person)?;
    change(app, person, at, Change::Release(note)).await
}

/// Passes a case on to a colleague.
///
/// # Errors
/// [`Error::Invalid`] where the colleague does not work the queue; as [`release`].
pub async fn hand_over(
    app: &Arc<App>,
    person: &Person,
    number: i64,
    (colleague, note): (PersonId, String),
) -> Result<Case, Error> {
    require_engineer(person)?;
    change(app, person, (number, None), Change::HandOver(colleague, note)).await
}

/// Claims the most urgent case that nobody has, or gives nothing where there is none.
///
/// # Errors
/// What the database says.
pub async fn claim_next(app: &Arc<App>, person: &Person) -> Result<Option<Case>, Error> {
    require_engineer(person)?;
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person) = (Arc::clone(&shared), person.clone());
            Box::pin(async move { take_next(&app, tx, &person).await })
        })
        .await
}

/// As [`claim_next`], once however often the same request comes: an answer that was lost on the way costs no second
/// case. Where there was nothing to claim, nothing is kept, and a repeat looks again.
///
/// # Errors
/// [`Error::KeyReused`]; as [`claim_next`].
pub async fn claim_next_once(app: &Arc<App>, person: &Person, once: Once) -> Result<Option<Outcome<Case>>, Error> {
    require_engineer(person)?;
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person, once) = (Arc::clone(&shared), person.clone(), once.clone());
            Box::pin(async move {
                if let Some(answer) = once.before(tx).await? {
                    return Ok(Some(Outcome::Before(answer)));
                }
                let Some(case) = take_next(&app, tx, &person).await? else { return Ok(None) };
                once.keep(tx, 200, resource::case(&app, &person, &case)?.to_string(), app.now()).await?;
                Ok::<_, Error>(Some(Outcome::Done(case)))
            })
        })
        .await
}

async fn take_next(app: &App, tx: &mut Tx, person: &Person) -> Result<Option<Case>, Error> {
    let Some((customer, id)) = queue::next_unclaimed(tx).await? else { return Ok(None) };
    let Some(mut case) = cases::hold_by_id(tx, customer, id).await? else { return Ok(None) };
    apply(app, tx, &mut case, person, &Change::Claim).await?;
    Ok(Some(case))
}

/// The people to whom a case can be handed over.
///
/// # Errors
/// What the database says.
pub async fn colleagues(app: &App, person: &Person) -> Result<Vec<Person>, Error> {
    require_engineer(person)?;
    let mut tx = app.db.read().await?;
    let everybody = people::list(&mut tx).await?;
    Ok(everybody
        .into_iter()
        .filter(|entry| entry.active && entry.person.works_queue() && entry.person.id != person.id)
        .map(|entry| entry.person)
        .collect())
}

#[derive(Clone)]
enum Change {
    Claim,
    Release(String),
    HandOver(PersonId, String),
}

async fn change(
    app: &Arc<App>,
    person: &Person,
    (number, revision): (i64, Option<i64>),
    change: Change,
) -> Result<Case, Error> {
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person, change) = (Arc::clone(&shared), person.clone(), change.clone());
            Box::pin(async move {
                let mut case = cases::hold(tx, number).await?.ok_or(Error::NotFound)?;
                if revision.is_some_and(|revision| revision != case.revision) {
                    return Err(Error::Changed { number, revision: case.revision });
                }
                apply(&app, tx, &mut case, &person, &change).await?;
                Ok::<_, Error>(case)
            })
        })
        .await
}

async fn apply(app: &App, tx: &mut Tx, case: &mut Case, person: &Person, change: &Change) -> Result<(), Error> {
    let at = app.now();
    if let (Change::HandOver(colleague, _), Some((holder, _))) = (change, case.claim)
        && *colleague == holder
    {
        return Ok(());
    }
    let held_by_other = case.claim.filter(|(holder, _)| *holder != person.id);
    let may_overrule = person.is(crate::domain::actor::Role::Lead) && !matches!(change, Change::Claim);
    if let Some((holder, at)) = held_by_other.filter(|_| !may_overrule) {
        return Err(Error::Claimed { number: case.number, by: name_of(tx, holder).await?, at });
    }
    let (act, detail) = match change {
        Change::Claim if case.claim.is_some() => return Ok(()),
        // Done twice is done once: a repeat leaves no second line in the log.
        Change::Release(_) if case.claim.is_none() => return Ok(()),
        Change::Claim => {
            case.claim = Some((person.id, at));
            ("claimed", json!({}))
        }
        Change::Release(note) => {
            case.claim = None;
            ("released", json!({"note": note}))
        }
        Change::HandOver(colleague, note) => {
            let entry = people::by_id(tx, *colleague).await?.filter(|entry| entry.active && entry.person.works_queue());
            let Some(entry) = entry else {
                return Err(Error::field("colleague", "unknown", "Choose an engineer who works the queue"));
            };
            case.claim = Some((entry.person.id, at));
            ("handed_over", json!({"to": entry.person.id, "note": note}))
        }
    };
    turn::note(app, tx, case, &Actor::Person(person.clone()), (act, detail), at).await?;
    match change {
        Change::Release(note) | Change::HandOver(_, note) if !note.trim().is_empty() => {
            leave_note(tx, case, person, note, at).await
        }
        Change::Claim | Change::Release(_) | Change::HandOver(..) => Ok(()),
    }
}

/// What somebody says on letting go of a case stands where the next one reads: among the internal notes.
async fn leave_note(tx: &mut Tx, case: &Case, person: &Person, note: &str, at: DateTime<Utc>) -> Result<(), Error> {
    let message = Message {
        id: MessageId::new(fresh_id()),
        at,
        author_id: Some(person.id),
        author_name: None,
        is_internal: true,
        body: note.to_owned(),
    };
    Ok(messages::add(tx, case.customer, case.id, &message).await?)
}

async fn name_of(tx: &mut Tx, id: PersonId) -> Result<String, Error> {
    Ok(people::by_id(tx, id).await?.map_or_else(|| "A colleague".to_owned(), |entry| entry.person.name))
}

fn require_engineer(person: &Person) -> Result<(), Error> {
    if person.works_queue() { Ok(()) } else { Err(Error::Forbidden("The queue is for the vendor's engineers")) }
}
