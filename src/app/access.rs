//! Who is there: signing in and out, sessions, API tokens, the one-time set-up link.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::passwords::{fits, hash};
use super::{App, Error, token};
use crate::clock::fresh_id;
use crate::domain::actor::{Person, Role};
use crate::domain::id::PersonId;
use crate::secret::Secret;
use crate::store::people::{self, Entry};
use crate::store::{Tx, sessions};

/// How long a set-up link is good.
const SETUP_GOOD: TimeDelta = TimeDelta::days(7);

/// Signs somebody in and gives the session's token, which is shown once and stored as its hash only.
///
/// # Errors
/// [`Error::WrongPassword`]; [`Error::Throttled`] after several failures on one account: each doubles the wait, and a
/// stranger can slow an account down but never lock it.
pub async fn sign_in(app: &Arc<App>, email: &str, password: Secret) -> Result<(String, Person), Error> {
    if email.contains('\0') {
        // No account has such an address, and PostgreSQL takes no such text.
        return Err(Error::WrongPassword);
    }
    let subject = subject(email);
    let (credentials, failures) = {
        let mut tx = app.db.read().await?;
        (people::credentials(&mut tx, email).await?, people::failures(&mut tx, &subject).await?)
    };
    let now = app.now();
    if let Some((_, next_at)) = failures.filter(|(_, next_at)| *next_at > now) {
        return Err(Error::Throttled(next_at));
    }
    let (id, stored) = credentials.map_or((None, None), |(id, hash)| (Some(id), hash));
    let good = fits(app, password, stored).await?;
    let Some(id) = id.filter(|_| good) else {
        count_failure(app, subject, failures.map_or(0, |(count, _)| count) + 1).await?;
        return Err(Error::WrongPassword);
    };
    begin(app, id, Some(subject)).await
}

/// Under what failures on an account are counted: the address itself is nobody's to read there.
pub(super) fn subject(email: &str) -> String {
    format!("account:{}", token::fingerprint(&[email.to_lowercase().as_bytes()]))
}

/// The waits after failures: the first five are free, then they double, up to a quarter of an hour.
fn wait_after(failures: i64) -> TimeDelta {
    let doublings = u32::try_from((failures - 5).clamp(0, 10)).unwrap_or(0);
    if failures <= 5 { TimeDelta::zero() } else { TimeDelta::seconds(2_i64.pow(doublings).min(900)) }
}

async fn count_failure(app: &Arc<App>, subject: String, count: i64) -> Result<(), Error> {
    let next_at = app.now() + wait_after(count);
    app.db
        .write(move |tx| {
            let subject = subject.clone();
            Box::pin(async move { Ok::<(), Error>(people::set_failures(tx, &subject, count, next_at).await?) })
        })
        .await
}

/// Starts a session for a person, with a token of its own.
///
/// # Errors
/// [`Error::WrongPassword`] where the person may not sign in.
async fn begin(app: &Arc<App>, id: PersonId, subject: Option<String>) -> Result<(String, Person), Error> {
    let token = token::fresh();
    let stored = token::stored(&token);
    let at = app.now();
    let person = app
        .db
        .write(move |tx| {
            let (stored, subject) = (stored.clone(), subject.clone());
            Box::pin(async move {
                let entry = people::by_id(tx, id).await?.filter(|entry| entry.active).ok_or(Error::WrongPassword)?;
                if let Some(subject) = subject {
                    people::clear_failures(tx, &subject).await?;
                }
                sessions::start(tx, &stored, id, at).await?;
                Ok::<_, Error>(entry.person)
            })
        })
        .await?;
    Ok((token, person))
}

/// The person whose session this is. Rights are read anew with each request.
///
/// # Errors
/// [`Error::SignedOut`] where the token is unknown, the session too old or the account not active.
pub async fn session(app: &Arc<App>, token: &str) -> Result<Person, Error> {
    let stored = token::stored(token);
    let now = app.now();
    let (session, entry) = {
        let mut tx = app.db.read().await?;
        let session = sessions::find(&mut tx, &stored).await?.ok_or(Error::SignedOut)?;
        (session, active(&mut tx, session.person).await?)
    };
    let (idle, whole) = if entry.person.is_staff() {
        (TimeDelta::minutes(30), TimeDelta::hours(12))
    } else {
        (TimeDelta::hours(8), TimeDelta::days(30))
    };
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
    Ok(entry.person)
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

/// When the next try on an account is looked at, after so many failures.
pub fn next_try(failures: i64, at: DateTime<Utc>) -> DateTime<Utc> {
    at + wait_after(failures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_never_become_a_lock() {
        assert_eq!(wait_after(5), TimeDelta::zero());
        assert_eq!(wait_after(6), TimeDelta::seconds(2));
        assert_eq!(wait_after(8), TimeDelta::seconds(8));
        assert_eq!(wait_after(10_000), TimeDelta::seconds(900));
    }
}
