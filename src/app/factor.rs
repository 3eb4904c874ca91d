//! The second factor: codes that an app makes from a key and the time (RFC 6238), each accepted once, and recovery codes
//! for whoever has lost the app.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use totp_rs::{Builder, Totp};

use super::admin::require_admin;
use super::throttle::Origin;
use super::{App, Error, token};
use crate::domain::account::AccountEvent;
use crate::domain::actor::Person;
use crate::domain::id::PersonId;
use crate::secret::Secret;
use crate::store::people;
use crate::store::sessions::{self, Session};
use crate::store::{Tx, accounts};

/// Bytes of a key (RFC 4226, section 4: as long as the hash).
const KEY_BYTES: usize = 20;
/// How many recovery codes somebody gets.
const RECOVERY_CODES: usize = 10;
/// Letters of a recovery code: 80 bits.
const RECOVERY_LENGTH: usize = 16;
/// What codes are written with: no letter looks like a digit.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// Where a person stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Since when signing in asks for a code.
    pub since: Option<DateTime<Utc>>,
    /// A key was made and waits for its first code.
    pub has_begun: bool,
    /// Recovery codes that are left.
    pub recovery_left: i64,
}

/// A key that waits for its first code, to be shown to its owner.
pub struct Enrolment {
    /// The key in base 32, to be typed.
    pub key: Secret,
    /// The same as an address that apps read.
    pub address: Secret,
}

/// Where a person stands.
///
/// # Errors
/// What the database says.
pub async fn status(app: &App, person: PersonId) -> Result<Status, Error> {
    let mut tx = app.db.read().await?;
    let factor = accounts::factor(&mut tx, person).await?;
    let since = factor.as_ref().and_then(|factor| factor.confirmed_at);
    let recovery_left = accounts::recovery_left(&mut tx, person).await?;
    Ok(Status { since, has_begun: factor.is_some() && since.is_none(), recovery_left })
}

/// Makes a key for somebody who has none that works; one that was never confirmed is replaced.
///
/// # Errors
/// [`Error::Invalid`] where a confirmed one stands.
pub async fn begin(app: &Arc<App>, person: &Person) -> Result<(), Error> {
    let key = Secret::new(crate::domain::log::hex(&token::random::<KEY_BYTES>()));
    let (sealed, id, at) = (app.vault.seal_factor(person.id, &key)?, person.id, app.now());
    app.db
        .write(move |tx| {
            let sealed = sealed.clone();
            Box::pin(async move {
                if accounts::begin_factor(tx, id, &sealed, at).await? { Ok(()) } else { Err(there_already()) }
            })
        })
        .await
}

fn there_already() -> Error {
    Error::field("code", "there_already", "You have a second factor. Take it away before you set up another one")
}

/// The key that waits for its first code; none where nothing was begun or it is confirmed.
///
/// # Errors
/// [`Error::Internal`] where the key does not open.
pub async fn enrolment(app: &App, person: &Person) -> Result<Option<Enrolment>, Error> {
    let factor = accounts::factor(&mut app.db.read().await?, person.id).await?;
    let Some(factor) = factor.filter(|factor| factor.confirmed_at.is_none()) else { return Ok(None) };
    let code = codes(app, &app.vault.open_factor(&factor)?, &person.email)?;
    let address = code.to_url().map_err(|error| Error::Internal(format!("address of a second factor: {error}")))?;
    Ok(Some(Enrolment { key: Secret::new(code.secret().to_base32()), address: Secret::new(address) }))
}

/// What makes codes of a key.
fn codes(app: &App, key: &Secret, account: &str) -> Result<Totp, Error> {
    let key: [u8; KEY_BYTES] = token::unhex(key.expose())
        .ok_or_else(|| Error::Internal("the key of a second factor is damaged".to_owned()))?;
    // A colon would end the issuer in the address that apps read.
    let plain = |text: &str| text.replace(':', " ");
    Builder::new()
        .with_secret(key)
        .with_issuer(Some(plain(&format!("Postern {}", app.brand.vendor))))
        .with_account_name(plain(account))
        .build()
        .map_err(|error| Error::Internal(format!("codes of a second factor: {error}")))
}

/// Takes the first code: from here on signing in asks for one. Gives the recovery codes, which are shown once. Every other
/// session ends, since it was begun without a code.
///
/// # Errors
/// [`Error::Invalid`] for a wrong code, and where no key waits.
pub async fn confirm(app: &Arc<App>, session: &Session, code: Secret, origin: &Origin) -> Result<Vec<Secret>, Error> {
    let (id, hash) = (session.person_id, session.token_hash.clone());
    let fresh = fresh_codes();
    let hashes = hashes(app, id, &fresh);
    let (shared, address, at) = (Arc::clone(app), origin.address_text(), app.now());
    app.db
        .write(move |tx| {
            let (app, hash, code) = (Arc::clone(&shared), hash.clone(), code.clone());
            let (hashes, address) = (hashes.clone(), address.clone());
            Box::pin(async move {
                let factor = accounts::factor(tx, id).await?.filter(|factor| factor.confirmed_at.is_none());
                factor.ok_or_else(there_already)?;
                if !takes(&app, tx, id, code.expose(), at).await? {
                    return Err(wrong_code());
                }
                accounts::confirm_factor(tx, id, at).await?;
                accounts::set_recovery(tx, id, &hashes, at).await?;
                sessions::end_others(tx, id, &hash).await?;
                accounts::note(tx, id, AccountEvent::FactorOn, (None, address.as_deref()), at).await?;
                Ok::<(), Error>(())
            })
        })
        .await?;
    Ok(fresh)
}

fn wrong_code() -> Error {
    let text = "This code is wrong, was used already or is too old. Enter the one that your app shows now";
    Error::field("code", "wrong", text)
}

/// Accepts a code or a recovery code, which is used up by it.
///
/// # Errors
/// [`Error::Invalid`] for any other text, and where the person has no second factor.
pub(super) async fn accept(
    app: &App,
    tx: &mut Tx,
    person: PersonId,
    code: &Secret,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let factor = accounts::factor(tx, person).await?;
    factor.filter(|factor| factor.confirmed_at.is_some()).ok_or_else(wrong_code)?;
    let text: String = code.expose().chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
    if text.chars().count() == RECOVERY_LENGTH {
        if accounts::take_recovery(tx, person, &hash(app, person, &text.to_lowercase())).await? {
            accounts::note(tx, person, AccountEvent::RecoveryUsed, (None, None), at).await?;
            return Ok(());
        }
        return Err(wrong_code());
    }
    if takes(app, tx, person, &text, at).await? { Ok(()) } else { Err(wrong_code()) }
}

/// Whether a code fits this time step or one beside it, and is used for the first time.
async fn takes(app: &App, tx: &mut Tx, person: PersonId, text: &str, at: DateTime<Utc>) -> Result<bool, Error> {
    let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let Some(factor) = accounts::factor(tx, person).await? else { return Ok(false) };
    let codes = codes(app, &app.vault.open_factor(&factor)?, "account")?;
    let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
    let is_code = text.len() == 6 && text.bytes().all(|digit| digit.is_ascii_digit());
    let Some(step) = codes.check(&text, seconds).filter(|_| is_code) else { return Ok(false) };
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    Ok(accounts::take_step(tx, person, step).await?)
}

/// Makes fresh recovery codes in the place of all earlier ones; they are shown once.
///
/// # Errors
/// [`Error::Invalid`] where the person has no second factor.
pub async fn fresh_recovery(app: &Arc<App>, person: &Person, origin: &Origin) -> Result<Vec<Secret>, Error> {
    let fresh = fresh_codes();
    let (id, hashes) = (person.id, hashes(app, person.id, &fresh));
    let (address, at) = (origin.address_text(), app.now());
    app.db
        .write(move |tx| {
            let (hashes, address) = (hashes.clone(), address.clone());
            Box::pin(async move {
                let factor = accounts::factor(tx, id).await?;
                factor.filter(|factor| factor.confirmed_at.is_some()).ok_or_else(wrong_code)?;
                accounts::set_recovery(tx, id, &hashes, at).await?;
                accounts::note(tx, id, AccountEvent::RecoveryMade, (None, address.as_deref()), at).await?;
                Ok::<(), Error>(())
            })
        })
        .await?;
    Ok(fresh)
}

fn fresh_codes() -> Vec<Secret> {
    let letter = |byte: u8| LETTERS.get(usize::from(byte % 32)).copied().map_or('a', char::from);
    let code = || token::random::<RECOVERY_LENGTH>().into_iter().map(letter).collect();
    (0..RECOVERY_CODES).map(|_| Secret::new(code())).collect()
}

fn hashes(app: &App, person: PersonId, codes: &[Secret]) -> Vec<Vec<u8>> {
    codes.iter().map(|code| hash(app, person, code.expose())).collect()
}

/// Keyed, because a recovery code is shorter than a token.
fn hash(app: &App, person: PersonId, code: &str) -> Vec<u8> {
    let key = app.vault.derive("recovery codes");
    token::fingerprint(&[&key, person.uuid().as_bytes(), code.as_bytes()]).into_bytes()
}

/// Takes the second factor of its owner away, with the recovery codes.
///
/// # Errors
/// [`Error::Forbidden`] where the installation asks the vendor's people for one.
pub async fn remove(app: &Arc<App>, person: &Person, origin: &Origin) -> Result<(), Error> {
    if app.staff_second_factor && person.is_staff() {
        return Err(Error::Forbidden("The vendor's people need a second factor here"));
    }
    take_away(app, person.id, AccountEvent::FactorOff, (None, origin.address_text())).await
}

/// Takes somebody's second factor away, who has lost it: signing in asks for the password alone, until another one is
/// set up. Every session of the person ends.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for others than administrators.
pub async fn reset(app: &Arc<App>, admin: &Person, id: PersonId, origin: &Origin) -> Result<(), Error> {
    require_admin(admin)?;
    take_away(app, id, AccountEvent::FactorReset, (Some(admin.id), origin.address_text())).await?;
    tracing::info!(person = %id, by = %admin.id, "a second factor was taken away");
    Ok(())
}

async fn take_away(
    app: &Arc<App>,
    id: PersonId,
    what: AccountEvent,
    (by, address): (Option<PersonId>, Option<String>),
) -> Result<(), Error> {
    let at = app.now();
    app.db
        .write(move |tx| {
            let address = address.clone();
            Box::pin(async move {
                people::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                accounts::delete_factor(tx, id).await?;
                if by.is_some() {
                    sessions::end_all(tx, id).await?;
                }
                accounts::note(tx, id, what, (by, address.as_deref()), at).await?;
                Ok::<(), Error>(())
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B: SHA-1, the last six of its eight digits.
        let codes = Builder::new().with_secret(*b"12345678901234567890").build().unwrap();
        let table = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (seconds, code) in table {
            assert_eq!(codes.generate(seconds).to_string(), code, "{seconds}");
            assert_eq!(codes.check(code, seconds), Some(seconds / 30));
            assert_eq!(codes.check(code, seconds + 30), Some(seconds / 30), "a step late");
            assert_eq!(codes.check(code, seconds + 90), None, "too late");
        }
    }

    #[test]
    fn recovery_codes_are_long_and_differ() {
        let codes = fresh_codes();
        assert_eq!(codes.len(), RECOVERY_CODES);
        for (index, code) in codes.iter().enumerate() {
            assert_eq!(code.expose().len(), RECOVERY_LENGTH);
            assert!(code.expose().bytes().all(|letter| LETTERS.contains(&letter)));
            assert!(codes.iter().skip(index + 1).all(|other| other != code));
        }
    }
}
