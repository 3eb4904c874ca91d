//! An engineer opens a case for a contact of a customer, who asked by telephone or mail: the same questions, the same
//! events, in the contact's name; the log says who did it for whom.

use std::sync::Arc;

use super::requests::{self, Draft};
use super::{App, Error, Once, Outcome, resource};
use crate::domain::actor::{Actor, Person};
use crate::domain::case::Case;
use crate::domain::customer::Customer;
use crate::domain::id::{CustomerId, PersonId};
use crate::store::{Tx, customers, people};

fn require_engineer(person: &Person) -> Result<(), Error> {
    if person.works_queue() { Ok(()) } else { Err(Error::Forbidden("Opening a case for a customer is for engineers")) }
}

/// The customers whom a case can be opened for.
///
/// # Errors
/// [`Error::Forbidden`] for people who do not work the queue; what the database says.
pub async fn customers(app: &App, person: &Person) -> Result<Vec<Customer>, Error> {
    require_engineer(person)?;
    Ok(customers::list(&mut app.db.read().await?).await?)
}

/// A customer with its active contacts.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`]; what the database says.
pub async fn customer(app: &App, person: &Person, id: CustomerId) -> Result<(Customer, Vec<Person>), Error> {
    require_engineer(person)?;
    let mut tx = app.db.read().await?;
    let customer = customers::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    let contacts = people::contacts(&mut tx, id).await?;
    Ok((customer, contacts.into_iter().map(|entry| entry.person).collect()))
}

/// Opens a case in the name of a contact, once however often the button is pressed.
///
/// # Errors
/// [`Error::Invalid`] names every field; [`Error::Refused`] where the customer has no tunnel yet; [`Error::Forbidden`];
/// [`Error::NotFound`].
pub async fn open(
    app: &Arc<App>,
    person: &Person,
    (customer, contact): (CustomerId, String),
    draft: Draft,
    once: Once,
) -> Result<Outcome<Case>, Error> {
    require_engineer(person)?;
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person, once) = (Arc::clone(&shared), person.clone(), once.clone());
            let (draft, contact) = (draft.clone(), contact.clone());
            Box::pin(async move {
                if let Some(answer) = once.before(tx).await? {
                    return Ok(Outcome::Before(answer));
                }
                let customer = customers::by_id(tx, customer).await?.ok_or(Error::NotFound)?;
                let contact = contact_of(tx, &customer, &contact).await?;
                let actor = Actor::OnBehalf { by: person.clone(), of: contact.id };
                let case = requests::open(&app, tx, (&customer, &contact), &actor, &draft).await?;
                once.keep(tx, 201, resource::case(&app, &person, &case)?.to_string(), app.now()).await?;
                Ok::<_, Error>(Outcome::Done(case))
            })
        })
        .await
}

async fn contact_of(tx: &mut Tx, customer: &Customer, typed: &str) -> Result<Person, Error> {
    let unknown = || Error::field("contact", "missing", "Choose the contact who asked for it");
    let id = typed.trim().parse().map(PersonId::new).map_err(|_no_id| unknown())?;
    let contacts = people::contacts(tx, customer.id).await?;
    contacts.into_iter().map(|entry| entry.person).find(|person| person.id == id).ok_or_else(unknown)
}
