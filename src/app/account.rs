//! Somebody's own account: name, password, open sessions, and what happened to it; and what administrators see of it.

use std::sync::Arc;

use super::access::life;
use super::admin::{check_text, require_admin};
use super::passwords::{self, check_password};
use super::throttle::Origin;
use super::{App, Error, Once, factor, sign_in};
use crate::domain::account::AccountEvent;
use crate::domain::actor::Person;
use crate::domain::id::PersonId;
use crate::secret::Secret;
use crate::store::accounts::{self, Event};
use crate::store::people;
use crate::store::sessions::{self, Session};

/// What an account has beside its name.
pub struct Account {
    /// Open sessions, the one used last first.
    pub sessions: Vec<Session>,
    /// Its second factor.
    pub factor: factor::Status,
    /// What happened to it, newest first.
    pub events: Vec<Event>,
}

/// The account of a person.
///
/// # Errors
/// What the database says.
pub async fn of(app: &App, person: &Person) -> Result<Account, Error> {
    let (idle, whole) = life(person);
    let at = app.now();
    let factor = factor::status(app, person.id).await?;
    let mut tx = app.db.read().await?;
    let mut sessions = sessions::list(&mut tx, person.id).await?;
    sessions.retain(|session| at - session.seen_at <= idle && at - session.created_at <= whole);
    let events = accounts::events(&mut tx, person.id).await?;
    Ok(Account { sessions, factor, events })
}

/// The same for an administrator.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for others than administrators.
pub async fn for_admin(app: &App, admin: &Person, id: PersonId) -> Result<Account, Error> {
    require_admin(admin)?;
    let entry = people::by_id(&mut app.db.read().await?, id).await?.ok_or(Error::NotFound)?;
    of(app, &entry.person).await
}

/// Changes what others call a person.
///
/// # Errors
/// [`Error::Invalid`] for an empty or too long name.
pub async fn rename(app: &Arc<App>, person: &Person, name: &str, origin: &Origin) -> Result<(), Error> {
    check_text("name", "name", name)?;
    let (id, name, address, at) = (person.id, name.trim().to_owned(), origin.address_text(), app.now());
    app.db
        .write(move |tx| {
            let (name, address) = (name.clone(), address.clone());
            Box::pin(async move {
                people::set_name(tx, id, &name).await?;
                accounts::note(tx, id, AccountEvent::Changed, (None, address.as_deref()), at).await?;
                Ok::<(), Error>(())
            })
        })
        .await
}

/// Changes a person's password. Every other session ends, and so do links that were mailed.
///
/// # Errors
/// [`Error::Invalid`] names the field: the present password is another one, or the one wanted is none that we take;
/// [`Error::Throttled`] after several wrong ones.
pub async fn change_password(
    app: &Arc<App>,
    session: &Session,
    (present, wanted): (Secret, Secret),
    (origin, once): (&Origin, Once),
) -> Result<(), Error> {
    // By the second sending of a form the present password is another one.
    if once.before(&mut app.db.read().await?).await?.is_some() {
        return Ok(());
    }
    if let Some(error) = check_password(&wanted) {
        return Err(Error::Invalid(vec![error]));
    }
    if present == wanted {
        return Err(Error::field("password", "unchanged", "Choose another password than the present one"));
    }
    sign_in::check_password(app, session, present, "present").await?;
    let hash = passwords::hash(app, wanted).await?;
    let (id, token_hash, address, at) =
        (session.person_id, session.token_hash.clone(), origin.address_text(), app.now());
    app.db
        .write(move |tx| {
            let (hash, token_hash, address) = (hash.clone(), token_hash.clone(), address.clone());
            let once = once.clone();
            Box::pin(async move {
                people::set_password(tx, id, &hash).await?;
                sessions::end_others(tx, id, &token_hash).await?;
                sessions::clear_links_of(tx, id).await?;
                sessions::prove(tx, &token_hash, at).await?;
                accounts::note(tx, id, AccountEvent::PasswordChanged, (None, address.as_deref()), at).await?;
                once.keep(tx, 303, String::new(), at).await?;
                Ok::<(), Error>(())
            })
        })
        .await
}

/// Which sessions are to end.
#[derive(Clone, Debug)]
pub enum Ending {
    /// One, by the hash of its token.
    One(Vec<u8>),
    /// All but the one that asks.
    Others,
}

/// Ends sessions of whoever asks.
///
/// # Errors
/// [`Error::NotFound`] where the person has no such session (any more).
pub async fn end_sessions(app: &Arc<App>, session: &Session, ending: Ending, origin: &Origin) -> Result<(), Error> {
    let (id, own, address, at) = (session.person_id, session.token_hash.clone(), origin.address_text(), app.now());
    app.db
        .write(move |tx| {
            let (own, ending, address) = (own.clone(), ending.clone(), address.clone());
            Box::pin(async move {
                match ending {
                    Ending::One(hash) => {
                        if !sessions::end_of(tx, id, &hash).await? {
                            return Err(Error::NotFound);
                        }
                    }
                    Ending::Others => sessions::end_others(tx, id, &own).await?,
                }
                accounts::note(tx, id, AccountEvent::SessionsEnded, (None, address.as_deref()), at).await?;
                Ok::<(), Error>(())
            })
        })
        .await
}

/// Ends every session of a person, for an administrator.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for others than administrators.
pub async fn end_sessions_of(app: &Arc<App>, admin: &Person, id: PersonId, origin: &Origin) -> Result<(), Error> {
    require_admin(admin)?;
    let (by, address, at) = (admin.id, origin.address_text(), app.now());
    app.db
        .write(move |tx| {
            let address = address.clone();
            Box::pin(async move {
                people::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                sessions::end_all(tx, id).await?;
                accounts::note(tx, id, AccountEvent::SessionsEnded, (Some(by), address.as_deref()), at).await?;
                Ok::<(), Error>(())
            })
        })
        .await
}
