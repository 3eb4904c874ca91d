//! The second contact: who may confirm a notice, and engineers who verify one.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use crate::app::turn::note;
use crate::app::{App, Error};
use crate::domain::actor::{Actor, Person};
use crate::domain::case::Case;
use crate::domain::id::PersonId;
use crate::domain::notice::{Objection, Standing};
use crate::domain::workflow::{Refusal, Rule};
use crate::store::contacts::{self, Contact};
use crate::store::{Tx, cases, log, people};

/// The longest account of how a contact was verified, in characters.
const LONGEST_HOW: usize = 500;

/// Refuses an event that takes a second contact to whoever is none.
///
/// # Errors
/// [`Error::Refused`] in the words for the person; what the database says.
pub(in crate::app) async fn check(tx: &mut Tx, case: &Case, actor: &Actor, at: DateTime<Utc>) -> Result<(), Error> {
    let Some(person) = actor.person() else { return Ok(()) };
    let contact = contact_of(tx, person).await?;
    let givers = givers(tx, case).await?;
    match refusal(tx, &givers, (person, contact.as_ref()), at).await? {
        Some(objection) => Err(Error::Refused(Refusal::Guard(objection.to_string()))),
        None => Ok(()),
    }
}

/// Why a person may not confirm as its second contact a case that these gave; none where the person may.
///
/// # Errors
/// What the database says.
async fn refusal(
    tx: &mut Tx,
    givers: &BTreeSet<PersonId>,
    (person, contact): (&Person, Option<&Contact>),
    at: DateTime<Utc>,
) -> Result<Option<Objection>, Error> {
    let is_active = match contact {
        Some(_) => true,
        None => person.is_staff() && people::by_id(tx, person.id).await?.is_some_and(|entry| entry.active),
    };
    let standing = Standing {
        is_active,
        gave_notice: givers.contains(&person.id),
        contact_since: contact.map(|contact| contact.since),
        is_verified: contact.is_some_and(|contact| contact.verified_at.is_some()),
    };
    Ok(standing.may_confirm(at).err())
}

async fn contact_of(tx: &mut Tx, person: &Person) -> Result<Option<Contact>, Error> {
    match person.customer {
        Some(customer) => Ok(contacts::one(tx, customer, person.id).await?),
        None => Ok(None),
    }
}

/// Who began a case, and in whose name: its log says so for good.
async fn givers(tx: &mut Tx, case: &Case) -> Result<BTreeSet<PersonId>, Error> {
    let first = log::first(tx, case.customer, case.id).await?;
    let body: Json = first.and_then(|row| serde_json::from_str(&row.body).ok()).unwrap_or_default();
    let ids = ["/actor/id", "/actor/on_behalf_of"].into_iter().filter_map(|place| body.pointer(place)?.as_str());
    Ok(ids.filter_map(|id| id.parse().ok().map(PersonId::new)).collect())
}

/// What stands open about the confirmation of a case.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Events that take a second contact, which the person is not; with the reason.
    pub withheld: Option<Objection>,
    /// For engineers: the customer's contacts who see the case, each with what stands against its confirmation.
    pub contacts: Vec<(Contact, Option<Objection>)>,
}

/// Judges the person, and for engineers every contact, where the case waits for a second contact.
///
/// # Errors
/// What the database says.
pub async fn asked(
    tx: &mut Tx,
    (case, offers): (&Case, &[&Rule]),
    person: &Person,
    at: DateTime<Utc>,
) -> Result<Asked, Error> {
    if !offers.iter().any(|rule| rule.second_contact) {
        return Ok(Asked::default());
    }
    let givers = givers(tx, case).await?;
    let own = contact_of(tx, person).await?;
    let withheld = refusal(tx, &givers, (person, own.as_ref()), at).await?;
    let mut known = Vec::new();
    if person.works_queue() {
        for contact in contacts::list(tx, case.customer).await? {
            let Some(entry) = people::by_id(tx, contact.id).await? else { continue };
            if case.is_visible_to(&entry.person) {
                let against = refusal(tx, &givers, (&entry.person, Some(&contact)), at).await?;
                known.push((contact, against));
            }
        }
    }
    Ok(Asked { withheld, contacts: known })
}

/// An engineer has made sure that a contact is who it says, and writes down how; for good, with the engineer's name.
///
/// # Errors
/// [`Error::Forbidden`] for people who do not work the queue; [`Error::Invalid`] without an account of how;
/// [`Error::NotFound`] for a case that is not there and a person who is no active contact of its customer.
pub async fn verify(
    app: &Arc<App>,
    engineer: &Person,
    (number, contact): (i64, PersonId),
    how: &str,
) -> Result<Case, Error> {
    if !engineer.works_queue() {
        return Err(Error::Forbidden("Contacts are verified by the vendor's engineers"));
    }
    let how = how.trim().to_owned();
    if how.is_empty() {
        return Err(Error::field("how", "missing", "Say how you made sure who this is"));
    }
    if how.chars().count() > LONGEST_HOW {
        return Err(Error::field("how", "too_long", format!("Shorten this to {LONGEST_HOW} characters")));
    }
    let (shared, engineer, at) = (Arc::clone(app), engineer.clone(), app.now());
    app.db
        .write(move |tx| {
            let (app, engineer, how) = (Arc::clone(&shared), engineer.clone(), how.clone());
            Box::pin(async move {
                let mut case = cases::hold(tx, number).await?.ok_or(Error::NotFound)?;
                contacts::one(tx, case.customer, contact).await?.ok_or(Error::NotFound)?;
                contacts::set_verified(tx, (case.customer, contact), (engineer.id, &how), at).await?;
                let detail = json!({"contact": contact, "how": how, "internal": true});
                note(&app, tx, &mut case, &Actor::Person(engineer), ("contact_verified", detail), at).await?;
                Ok::<_, Error>(case)
            })
        })
        .await
}
