//! People as the administrators' pages change them: names and rights, and what happens when somebody leaves.
//!
//! Whatever takes rights away ends every way in at once, in the transaction that takes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::admin::{check_text, require_admin};
use super::{App, Error, turn};
use crate::domain::account::AccountEvent;
use crate::domain::actor::{Actor, Person, Role};
use crate::domain::id::{CustomerId, PersonId};
use crate::store::people::{self, Entry};
use crate::store::{Tx, accounts, cases, sessions};

/// The vendor's people.
///
/// # Errors
/// [`Error::Forbidden`] for others than administrators.
pub async fn vendor(app: &App, admin: &Person) -> Result<Vec<Entry>, Error> {
    require_admin(admin)?;
    let mut tx = app.db.read().await?;
    Ok(people::vendor(&mut tx).await?)
}

/// The people of a customer.
///
/// # Errors
/// [`Error::Forbidden`] for others than administrators.
pub async fn members(app: &App, admin: &Person, customer: CustomerId) -> Result<Vec<Entry>, Error> {
    require_admin(admin)?;
    let mut tx = app.db.read().await?;
    Ok(people::members(&mut tx, customer).await?)
}

/// One person, and how many open cases are this person's.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for others than administrators.
pub async fn one(app: &App, admin: &Person, id: PersonId) -> Result<(Entry, usize), Error> {
    require_admin(admin)?;
    let mut tx = app.db.read().await?;
    let entry = people::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    let open = cases::open_of(&mut tx, id).await?.len();
    Ok((entry, open))
}

/// Those to whom the cases of a leaver can be handed over: active people of the same side.
///
/// # Errors
/// What the database says.
pub async fn heirs(app: &App, leaver: &Person) -> Result<Vec<Person>, Error> {
    let mut tx = app.db.read().await?;
    let all = match leaver.customer {
        Some(customer) => people::members(&mut tx, customer).await?,
        None => people::vendor(&mut tx).await?,
    };
    Ok(all.into_iter().filter(|entry| may_inherit(entry, leaver)).map(|entry| entry.person).collect())
}

fn may_inherit(entry: &Entry, leaver: &Person) -> bool {
    entry.active
        && entry.person.id != leaver.id
        && entry.person.customer == leaver.customer
        && (leaver.customer.is_some() || entry.person.works_queue())
}

/// What a person is to be from here on.
#[derive(Clone, Debug)]
pub struct Change {
    /// Shown to others.
    pub name: String,
    /// Roles of one of the vendor's people; nothing for a contact of a customer.
    pub roles: BTreeSet<Role>,
    /// Whether a customer's contact sees all cases of the customer.
    pub all_cases: bool,
}

/// Changes a person. Sessions go on: rights are read anew with each request.
///
/// # Errors
/// [`Error::Invalid`] for an empty name or no role, and where nobody would administer; [`Error::Forbidden`].
pub async fn change(app: &Arc<App>, admin: &Person, id: PersonId, change: Change) -> Result<(), Error> {
    require_admin(admin)?;
    check_text("name", "name", &change.name)?;
    let (by, at) = (admin.id, app.now());
    app.db
        .write(move |tx| {
            let change = change.clone();
            Box::pin(async move {
                let entry = people::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                people::set_name(tx, id, change.name.trim()).await?;
                accounts::note(tx, id, AccountEvent::Changed, (Some(by), None), at).await?;
                if entry.person.is_staff() {
                    check_roles(&entry.person, &change.roles)?;
                    people::set_roles(tx, id, change.roles.into_iter()).await?;
                    require_an_admin(tx, "roles").await
                } else {
                    people::set_right(tx, id, change.all_cases).await?;
                    Ok(())
                }
            })
        })
        .await
}

/// Judges the roles that somebody is to have.
///
/// # Errors
/// [`Error::Invalid`] for no role, for roles that are not the vendor's, and for a contact of a customer.
pub(super) fn check_roles(person: &Person, roles: &BTreeSet<Role>) -> Result<(), Error> {
    if !person.is_staff() {
        let text = "A contact of a customer cannot work for the vendor. Add the person under another address";
        return Err(Error::field("roles", "not_staff", text));
    }
    if roles.is_empty() || roles.contains(&Role::Customer) {
        return Err(Error::field("roles", "missing", "Choose at least one role"));
    }
    Ok(())
}

/// An installation without an administrator could be repaired from the command line only.
pub(super) async fn require_an_admin(tx: &mut Tx, field: &str) -> Result<(), Error> {
    if people::has_admin(tx).await? {
        return Ok(());
    }
    Err(Error::field(field, "last_admin", "Somebody must stay administrator. Make another person one first"))
}

/// Lets a person in no longer: sessions, API tokens and links end in the same transaction, and the open cases go to
/// `heir`, or, where there is none, claimed ones back to the queue.
///
/// # Errors
/// [`Error::Invalid`] for the last administrator and for an heir who cannot have the cases; [`Error::Forbidden`].
pub async fn disable(app: &Arc<App>, admin: &Person, id: PersonId, heir: Option<PersonId>) -> Result<(), Error> {
    require_admin(admin)?;
    let (shared, actor, by, at) = (Arc::clone(app), admin.clone(), admin.id, app.now());
    app.db
        .write(move |tx| {
            let (app, actor) = (Arc::clone(&shared), Actor::Person(actor.clone()));
            Box::pin(async move {
                let entry = people::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                people::set_active(tx, id, false).await?;
                sessions::end_every_way_in(tx, id).await?;
                accounts::note(tx, id, AccountEvent::Disabled, (Some(by), None), at).await?;
                require_an_admin(tx, "heir").await?;
                let heir = match heir {
                    Some(heir) => Some(checked_heir(tx, heir, &entry.person).await?),
                    None => None,
                };
                hand_over(&app, tx, (&entry.person, heir), &actor, at).await
            })
        })
        .await?;
    tracing::info!(person = %id, by = %admin.id, "a person may no longer sign in");
    Ok(())
}

async fn checked_heir(tx: &mut Tx, heir: PersonId, leaver: &Person) -> Result<PersonId, Error> {
    let entry = people::by_id(tx, heir).await?.filter(|entry| may_inherit(entry, leaver));
    let text = "Choose somebody who may have these cases";
    entry.map(|entry| entry.person.id).ok_or_else(|| Error::field("heir", "unknown", text))
}

async fn hand_over(
    app: &App,
    tx: &mut Tx,
    (leaver, heir): (&Person, Option<PersonId>),
    actor: &Actor,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    for (customer, id) in cases::open_of(tx, leaver.id).await? {
        let Some(mut case) = cases::hold_by_id(tx, customer, id).await? else { continue };
        let (act, detail) = match heir {
            Some(heir) => ("handed_over", json!({"to": heir, "note": ""})),
            None if case.claimant() == Some(leaver.id) => ("released", json!({"note": ""})),
            None => continue,
        };
        if case.claimant() == Some(leaver.id) {
            case.claim = heir.map(|heir| (heir, at));
        }
        if let Some(heir) = heir.filter(|_| case.opened_by == leaver.id) {
            case.opened_by = heir;
            cases::set_opener(tx, (customer, id), heir).await?;
        }
        turn::note(app, tx, &mut case, actor, (act, detail), at).await?;
    }
    Ok(())
}

/// Lets a person in again. What was ended stays ended: the person signs in anew.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for others than administrators.
pub async fn enable(app: &Arc<App>, admin: &Person, id: PersonId) -> Result<(), Error> {
    require_admin(admin)?;
    let (by, at) = (admin.id, app.now());
    app.db
        .write(move |tx| {
            Box::pin(async move {
                people::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                people::set_active(tx, id, true).await?;
                accounts::note(tx, id, AccountEvent::Enabled, (Some(by), None), at).await?;
                Ok::<(), Error>(())
            })
        })
        .await
}

/// The active person with an address, in whose name a command of the command line acts.
///
/// # Errors
/// [`Error::NotFound`] where there is none; what the database says.
pub async fn acting(app: &App, email: &str) -> Result<Person, Error> {
    let entry = people::by_email(&mut app.db.read().await?, &email.trim().to_lowercase()).await?;
    entry.filter(|entry| entry.active).map(|entry| entry.person).ok_or(Error::NotFound)
}
