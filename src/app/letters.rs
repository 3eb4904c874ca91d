//! Invitations and new passwords: a letter with a link that works once. The link is made when the letter is sent, and the
//! database keeps its hash only.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::admin::require_admin;
use super::passwords::{self, check_password};
use super::throttle::Origin;
use super::{App, Error, Once, mails, throttle, token};
use crate::clock::fresh_id;
use crate::domain::account::AccountEvent;
use crate::domain::actor::Person;
use crate::domain::id::PersonId;
use crate::mail::Outgoing;
use crate::secret::Secret;
use crate::store::letters::{self, Letter};
use crate::store::people::{self, Entry};
use crate::store::{Tx, accounts, sessions};
use crate::views::common::Brand;
use crate::views::mail::{LetterContext, Recipient};

/// How long the link of an invitation is good.
const INVITATION_GOOD: TimeDelta = TimeDelta::days(7);
/// How long the link for a new password is good.
const RESET_GOOD: TimeDelta = TimeDelta::hours(1);
/// Nobody can have a mailbox filled: letters that anybody may ask for are this far apart.
const GAP: TimeDelta = TimeDelta::minutes(2);
/// Longer than sending a mail takes.
const LEASE: TimeDelta = TimeDelta::minutes(4);

/// Asks for a link to a new password. Whether anybody has the address is not told, neither in words nor by time.
///
/// # Errors
/// What the database says.
pub async fn ask(app: &Arc<App>, email: &str) -> Result<(), Error> {
    if email.contains('\0') {
        // No account has such an address, and PostgreSQL takes no such text.
        return Ok(());
    }
    order(app, email.trim().to_owned()).await
}

/// Sends a person the invitation, or a link for a new password where one was set before; a form that comes twice sends one.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for others than administrators.
pub async fn invite(app: &Arc<App>, admin: &Person, id: PersonId, once: Once) -> Result<(), Error> {
    require_admin(admin)?;
    let at = app.now();
    app.db
        .write(move |tx| {
            let once = once.clone();
            Box::pin(async move {
                let entry = people::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                if once.before(tx).await?.is_none() {
                    order_in(tx, &entry.person.email, at).await?;
                    once.keep(tx, 303, String::new(), at).await?;
                }
                Ok::<(), Error>(())
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(())
}

async fn order(app: &Arc<App>, email: String) -> Result<(), Error> {
    let (key, at) = (fresh_id(), app.now());
    app.db
        .write(move |tx| {
            let email = email.clone();
            Box::pin(async move { Ok::<(), Error>(letters::ask(tx, &email, key, (at, at - GAP)).await?) })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Asks for the invitation in the transaction that adds the person.
///
/// # Errors
/// What the database says.
pub(super) async fn order_in(tx: &mut Tx, email: &str, at: DateTime<Utc>) -> Result<(), Error> {
    Ok(letters::ask(tx, email, fresh_id(), (at, at)).await?)
}

/// The last letter to a person.
///
/// # Errors
/// What the database says.
pub async fn last(app: &App, id: PersonId) -> Result<Option<Letter>, Error> {
    let mut tx = app.db.read().await?;
    Ok(letters::last(&mut tx, id).await?)
}

/// A letter, and the mail to be sent: none where the person may not have it any more, [`Error::View`] where the template does
/// not render.
type Taken = (Letter, Result<Option<Outgoing>, Error>);

/// Takes the letter that is due.
///
/// # Errors
/// What the database says.
pub async fn take(app: &Arc<App>) -> Result<Option<Taken>, Error> {
    let at = app.now();
    let link = token::fresh();
    let hash = token::stored(&link);
    let taken = app
        .db
        .write(move |tx| {
            let hash = hash.clone();
            Box::pin(async move {
                let Some(letter) = letters::claim(tx, at, at + LEASE).await? else { return Ok(None) };
                let entry = people::by_id(tx, letter.person_id).await?.filter(|entry| entry.active);
                if let Some(entry) = &entry {
                    sessions::set_password_link(tx, &hash, entry.person.id, at + good(entry)).await?;
                }
                Ok::<_, Error>(Some((letter, entry)))
            })
        })
        .await?;
    let Some((letter, entry)) = taken else { return Ok(None) };
    let prepared = entry.map(|entry| compose(app, &letter, entry, &link)).transpose();
    Ok(Some((letter, prepared)))
}

fn good(entry: &Entry) -> TimeDelta {
    if entry.has_password { RESET_GOOD } else { INVITATION_GOOD }
}

fn compose(app: &App, letter: &Letter, entry: Entry, link: &str) -> Result<Outgoing, Error> {
    let (template, good_for) = if entry.has_password { ("reset", "1 hour") } else { ("invitation", "7 days") };
    let context = LetterContext {
        brand: Brand { vendor: app.brand.vendor.clone(), product: app.brand.product.clone() },
        to: Recipient { name: entry.person.name.clone() },
        url: format!("{}/welcome?token={link}", app.public_url),
        good_for: good_for.to_owned(),
    };
    let text = app.views.letter(template, &context)?;
    // Each try has a link of its own, so each is a mail of its own.
    let key = format!("letter.{}.{}", letter.letter_key, letter.attempts);
    Ok(mails::personal(app, entry.person, (key, letter.asked_at), text))
}

/// Notes what became of a letter.
///
/// # Errors
/// What the database says.
pub async fn settle(
    app: &Arc<App>,
    letter: Letter,
    again: Option<DateTime<Utc>>,
    error: Option<String>,
) -> Result<(), Error> {
    app.db
        .write(move |tx| {
            let (letter, error) = (letter.clone(), error.clone());
            Box::pin(async move { Ok::<(), Error>(letters::settle(tx, &letter, again, error.as_deref()).await?) })
        })
        .await
}

/// Whom a link lets choose a password. Looking does not use it up: mail scanners look too.
///
/// # Errors
/// [`Error::Forbidden`] where the link is used up, too old, or none of ours.
pub async fn whose(app: &App, link: &str) -> Result<Person, Error> {
    let mut tx = app.db.read().await?;
    Ok(holder(&mut tx, &token::stored(link), app.now()).await?.person)
}

async fn holder(tx: &mut Tx, hash: &[u8], at: DateTime<Utc>) -> Result<Entry, Error> {
    let refused = Error::Forbidden("This link is used up or too old");
    let Some(id) = sessions::link(tx, "reset", hash, at).await?.flatten() else { return Err(refused) };
    people::by_id(tx, id).await?.filter(|entry| entry.active).ok_or(refused)
}

/// Sets the password of the person whose link this is. The link is used up, and every session ends. Gives the cookie by
/// which the browser is known from here on: whoever guesses at the account meanwhile does not hold its owner up.
///
/// # Errors
/// [`Error::Invalid`] for the password; [`Error::Forbidden`] for a link that is not good.
pub async fn redeem(app: &Arc<App>, link: &str, password: Secret, origin: &Origin) -> Result<String, Error> {
    // Before the work of hashing, which nobody without a link may cause.
    whose(app, link).await?;
    if let Some(error) = check_password(&password) {
        return Err(Error::Invalid(vec![error]));
    }
    let hash = passwords::hash(app, password).await?;
    let (stored, address, at) = (token::stored(link), origin.address_text(), app.now());
    let person = app
        .db
        .write(move |tx| {
            let (stored, hash, address) = (stored.clone(), hash.clone(), address.clone());
            Box::pin(async move {
                let person = holder(tx, &stored, at).await?.person;
                people::set_password(tx, person.id, &hash).await?;
                sessions::clear_links_of(tx, person.id).await?;
                sessions::end_all(tx, person.id).await?;
                accounts::note(tx, person.id, AccountEvent::PasswordChosen, (None, address.as_deref()), at).await?;
                Ok::<PersonId, Error>(person.id)
            })
        })
        .await?;
    Ok(throttle::device(app, person))
}
