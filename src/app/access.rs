//! Who is there: sessions, API tokens, the one-time set-up link. `sign_in` begins sessions.

use std::sync::Arc;

use chrono::TimeDelta;

use super::passwords::hash;
use super::{App, Error, token};
use crate::clock::fresh_id;
use crate::domain::actor::{Person, Role};
use crate::domain::id::PersonId;
use crate::secret::Secret;
use crate::store::people::{self, Entry};
use crate::store::sessions::Session;
use crate::store::{Tx, sessions};

/// How long a set-up link is good.
const SETUP_GOOD: TimeDelta = TimeDelta::days(7);

/// The person whose session this is, and the session. Rights are read anew with each request.
///
/// # Errors
/// [`Error::SignedOut`] where the token is unknown, the session too old or waiting for a code, or the account not active.
pub async fn session(app: &Arc<App>, token: &str) -> Result<(Person, Session), Error> {
    let stored = token::stored(token);
    let now = app.now();
    let (session, entry) = {
        let mut tx = app.db.read().await?;
        let session = sessions::find(&mut tx, &stored).await?.ok_or(Error::SignedOut)?;
        if session.waits_for_code {
            return Err(Error::SignedOut);
        }
        let entry = active(&mut tx, session.person_id).await?;
        (session, entry)
    };
    let (idle, whole) = life(&entry.person);
    if now - session.seen_at > idle || now - session.created_at > whole {
        end(app, token).await?;
        return Err(Error::SignedOut);
    }
    if now - session.seen_at > TimeDelta::minutes(1) {
        app.db
            .write(move |tx| {
                let stored = stored.clone();
                Box::pin(async move { Ok::<(), Error>(sessions::touch(tx, &stored, now).await?) })
            })
            .await?;
    }
    Ok((entry.person, session))
}

/// How long a session rests at most, and how old it becomes.
pub(super) fn life(person: &Person) -> (TimeDelta, TimeDelta) {
    if person.is_staff() {
        (TimeDelta::minutes(30), TimeDelta::hours(12))
    } else {
        (TimeDelta::hours(8), TimeDelta::days(30))
    }
}

/// The person whose API token this is.
///
/// # Errors
/// [`Error::SignedOut`] where the token is unknown or expired, or the account not active.
pub async fn bearer(app: &App, token: &str) -> Result<Person, Error> {
    let mut tx = app.db.read().await?;
    let id = sessions::token(&mut tx, &token::stored(token), app.now()).await?.ok_or(Error::SignedOut)?;
    Ok(active(&mut tx, id).await?.person)
}

async fn active(tx: &mut Tx, id: PersonId) -> Result<Entry, Error> {
    people::by_id(tx, id).await?.filter(|entry| entry.active).ok_or(Error::SignedOut)
}

/// Ends a session.
///
/// # Errors
/// What the database says.
pub async fn end(app: &Arc<App>, token: &str) -> Result<(), Error> {
    let stored = token::stored(token);
    app.db
        .write(move |tx| {
            let stored = stored.clone();
            Box::pin(async move { Ok::<(), Error>(sessions::end(tx, &stored).await?) })
        })
        .await
}

/// Makes an API token for a person; it is shown once.
///
/// # Errors
/// [`Error::NotFound`] where nobody has this address.
pub async fn make_token(app: &Arc<App>, email: &str, name: String, good: TimeDelta) -> Result<String, Error> {
    let id = {
        let mut tx = app.db.read().await?;
        people::credentials(&mut tx, email).await?.map(|(id, _)| id).ok_or(Error::NotFound)?
    };
    let token = token::fresh();
    let stored = token::stored(&token);
    let at = app.now();
    app.db
        .write(move |tx| {
            let (stored, name) = (stored.clone(), name.clone());
            Box::pin(
                async move { Ok::<(), Error>(sessions::add_token(tx, &stored, id, &name, (at, at + good)).await?) },
            )
        })
        .await?;
    Ok(token)
}

/// The token of the set-up page, made anew while there is no administrator; `None` once there is one.
///
/// # Errors
/// What the database says.
pub async fn setup_token(app: &Arc<App>) -> Result<Option<String>, Error> {
    let token = token::fresh();
    let stored = token::stored(&token);
    let expires = app.now() + SETUP_GOOD;
    let made = app
        .db
        .write(move |tx| {
            let stored = stored.clone();
            Box::pin(async move {
                if people::has_admin(tx).await? {
                    sessions::clear_links(tx, "setup").await?;
                    return Ok(false);
                }
                sessions::set_link(tx, "setup", &stored, None, expires).await?;
                Ok::<_, Error>(true)
            })
        })
        .await?;
    Ok(made.then_some(token))
}

/// Whether a set-up token is good.
///
/// # Errors
/// What the database says.
pub async fn is_setup_token(app: &App, token: &str) -> Result<bool, Error> {
    let mut tx = app.db.read().await?;
    let good = sessions::link(&mut tx, "setup", &token::stored(token), app.now()).await?.is_some();
    Ok(good && !people::has_admin(&mut tx).await?)
}

/// Makes the first administrator with the set-up token, which is used up by it.
///
/// # Errors
/// [`Error::Forbidden`] for a token that is not good; [`Error::Invalid`] for the fields.
pub async fn set_up(
    app: &Arc<App>,
    token: &str,
    (name, email): (String, String),
    password: Secret,
) -> Result<(), Error> {
    super::admin::check_person(&name, &email, Some(&password))?;
    let hash = hash(app, password).await?;
    let (stored, at) = (token::stored(token), app.now());
    app.db
        .write(move |tx| {
            let (stored, name, email, hash) = (stored.clone(), name.clone(), email.clone(), hash.clone());
            Box::pin(async move {
                let good = sessions::link(tx, "setup", &stored, at).await?.is_some();
                if !good || people::has_admin(tx).await? {
                    return Err(Error::Forbidden("This set-up link is used up or too old"));
                }
                let person = Person {
                    id: PersonId::new(fresh_id()),
                    name,
                    email,
                    roles: std::collections::BTreeSet::from([Role::Admin, Role::Lead]),
                    customer: None,
                    all_cases: true,
                };
                people::add(tx, &Entry { person, active: true, wants_mail: true, has_password: true }, Some(&hash), at)
                    .await?;
                sessions::clear_links(tx, "setup").await?;
                Ok::<(), Error>(())
            })
        })
        .await
}
