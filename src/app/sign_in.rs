//! Signing in: the password, then, for whoever has a second factor, its code; and proving again who one is.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::passwords::fits;
use super::throttle::{Origin, Subjects, device};
use super::{App, Error, factor, token};
use crate::domain::account::AccountEvent;
use crate::domain::actor::Person;
use crate::domain::id::PersonId;
use crate::secret::Secret;
use crate::store::people::{self, Entry};
use crate::store::sessions::{self, Session};
use crate::store::{Tx, accounts};

/// How long a session waits for its code.
const CODE_AWAITED: TimeDelta = TimeDelta::minutes(10);

/// A session that was begun.
pub struct SignedIn {
    /// The session's token, which is shown once and stored as its hash only.
    pub token: String,
    /// Whose it is.
    pub person: Person,
    /// The code of the second factor is awaited; until then the session opens nothing.
    pub waits_for_code: bool,
    /// The cookie by which this browser is known from here on; nothing while a code is awaited.
    pub device: Option<String>,
}

/// Signs somebody in.
///
/// # Errors
/// [`Error::WrongPassword`]; [`Error::Throttled`] after several failures, as `app::throttle` says.
pub async fn sign_in(app: &Arc<App>, email: &str, password: Secret, origin: &Origin) -> Result<SignedIn, Error> {
    if email.contains('\0') {
        // No account has such an address, and PostgreSQL takes no such text.
        return Err(Error::WrongPassword);
    }
    let credentials = people::credentials(&mut app.db.read().await?, email).await?;
    let (id, stored) = credentials.map_or((None, None), |(id, hash)| (Some(id), hash));
    let subjects = Subjects::of(app, email, id, origin);
    count(app, &subjects).await?;
    let good = fits(app, password, stored).await?;
    let Some(id) = id.filter(|_| good) else { return Err(Error::WrongPassword) };
    let (shared, origin, at) = (Arc::clone(app), origin.clone(), app.now());
    app.db
        .write(move |tx| {
            let (app, origin, subjects) = (Arc::clone(&shared), origin.clone(), subjects.clone());
            Box::pin(async move {
                let entry = people::by_id(tx, id).await?.filter(|entry| entry.active).ok_or(Error::WrongPassword)?;
                let factor = accounts::factor(tx, id).await?;
                let waits_for_code = factor.is_some_and(|factor| factor.confirmed_at.is_some());
                subjects.take_back(tx, !waits_for_code, at).await?;
                begin(&app, tx, entry, (&origin, waits_for_code), at).await
            })
        })
        .await
}

/// Takes the code that a session waits for, or a recovery code in its place, and begins the session proper.
///
/// # Errors
/// [`Error::SignedOut`] where no session waits; [`Error::Invalid`] for a code that is wrong or was used;
/// [`Error::Throttled`].
pub async fn code(app: &Arc<App>, session: &str, code: Secret, origin: &Origin) -> Result<SignedIn, Error> {
    let (stored, at) = (token::stored(session), app.now());
    let person = waiting(&mut app.db.read().await?, &stored, at).await?.person;
    let subjects = Subjects::of(app, &person.email, Some(person.id), origin).with_codes(person.id);
    count(app, &subjects).await?;
    let (shared, origin) = (Arc::clone(app), origin.clone());
    app.db
        .write(move |tx| {
            let (app, origin, subjects) = (Arc::clone(&shared), origin.clone(), subjects.clone());
            let (stored, code) = (stored.clone(), code.clone());
            Box::pin(async move {
                let entry = waiting(tx, &stored, at).await?;
                factor::accept(&app, tx, entry.person.id, &code, at).await?;
                subjects.take_back(tx, true, at).await?;
                // The session proper has a token of its own, which nobody saw before the code.
                sessions::end(tx, &stored).await?;
                begin(&app, tx, entry, (&origin, false), at).await
            })
        })
        .await
}

/// Whose session waits for a code.
///
/// # Errors
/// [`Error::SignedOut`] where none does.
pub async fn awaited(app: &App, session: &str) -> Result<Person, Error> {
    Ok(waiting(&mut app.db.read().await?, &token::stored(session), app.now()).await?.person)
}

async fn waiting(tx: &mut Tx, stored: &[u8], at: DateTime<Utc>) -> Result<Entry, Error> {
    let session = sessions::find(tx, stored).await?.ok_or(Error::SignedOut)?;
    if !session.waits_for_code || at - session.created_at > CODE_AWAITED {
        return Err(Error::SignedOut);
    }
    people::by_id(tx, session.person_id).await?.filter(|entry| entry.active).ok_or(Error::SignedOut)
}

async fn count(app: &Arc<App>, subjects: &Subjects) -> Result<(), Error> {
    let (subjects, at) = (subjects.clone(), app.now());
    app.db
        .write(move |tx| {
            let subjects = subjects.clone();
            Box::pin(async move { subjects.count(tx, at).await })
        })
        .await
}

async fn begin(
    app: &App,
    tx: &mut Tx,
    entry: Entry,
    (origin, waits_for_code): (&Origin, bool),
    at: DateTime<Utc>,
) -> Result<SignedIn, Error> {
    let (token, person) = (token::fresh(), entry.person);
    let session = Session {
        token_hash: token::stored(&token),
        person_id: person.id,
        created_at: at,
        seen_at: at,
        proved_at: Some(at),
        address: origin.address_text(),
        browser: Some(origin.browser.to_owned()),
        waits_for_code,
        has_factor: waits_for_code,
    };
    sessions::start(tx, &session).await?;
    if waits_for_code {
        return Ok(SignedIn { token, person, waits_for_code, device: None });
    }
    accounts::note(tx, person.id, AccountEvent::SignedIn, (None, session.address.as_deref()), at).await?;
    let device = Some(device(app, person.id));
    Ok(SignedIn { token, person, waits_for_code, device })
}

/// What somebody shows to prove again who it is.
pub enum Proof {
    /// The password.
    Password(Secret),
    /// A code of the second factor.
    Code(Secret),
}

/// Lets the owner of a session prove again who it is; what asks for that is open for some minutes then.
///
/// # Errors
/// [`Error::Invalid`] names the field; [`Error::Throttled`] after several failures in this session.
pub async fn prove(app: &Arc<App>, session: &Session, proof: Proof) -> Result<(), Error> {
    let id = session.person_id;
    let subjects = Subjects::session(&session.token_hash);
    let code = match proof {
        Proof::Password(password) => {
            check_password(app, session, password, "password").await?;
            None
        }
        Proof::Code(code) => {
            count(app, &subjects).await?;
            Some(code)
        }
    };
    let (shared, hash, at) = (Arc::clone(app), session.token_hash.clone(), app.now());
    app.db
        .write(move |tx| {
            let (app, hash, subjects, code) = (Arc::clone(&shared), hash.clone(), subjects.clone(), code.clone());
            Box::pin(async move {
                if let Some(code) = &code {
                    factor::accept(&app, tx, id, code, at).await?;
                    subjects.take_back(tx, true, at).await?;
                }
                sessions::prove(tx, &hash, at).await?;
                Ok::<(), Error>(())
            })
        })
        .await
}

/// Compares the password of a session's owner with the one on record.
///
/// # Errors
/// [`Error::Invalid`] names `field` where it is another one; [`Error::Throttled`] after several failures in this session.
pub(super) async fn check_password(
    app: &Arc<App>,
    session: &Session,
    password: Secret,
    field: &'static str,
) -> Result<(), Error> {
    let subjects = Subjects::session(&session.token_hash);
    count(app, &subjects).await?;
    let stored = stored_hash(app, session.person_id).await?;
    if !fits(app, password, stored).await? {
        return Err(Error::field(field, "wrong", "This is not your password"));
    }
    let at = app.now();
    app.db
        .write(move |tx| {
            let subjects = subjects.clone();
            Box::pin(async move { subjects.take_back(tx, true, at).await })
        })
        .await
}

async fn stored_hash(app: &App, id: PersonId) -> Result<Option<String>, Error> {
    let mut tx = app.db.read().await?;
    let entry = people::by_id(&mut tx, id).await?.ok_or(Error::SignedOut)?;
    Ok(people::credentials(&mut tx, &entry.person.email).await?.and_then(|(_, hash)| hash))
}
