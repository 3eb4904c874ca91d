//! Second factors with their recovery codes, and what happened to accounts. Keys are sealed by `app::vault`; of recovery
//! codes there are keyed hashes.

use chrono::{DateTime, Utc};

use super::vault::Sealed;
use super::{StoreError, Tx, on, record, statements};
use crate::domain::account::AccountEvent;
use crate::domain::id::{EntryId, PersonId, SecretId};

statements! {
    UPSERT_FACTOR = "INSERT INTO second_factors (person_id, id, key_id, nonce, sealed, last_step, made_at, confirmed_at)
        VALUES ($1, $2, $3, $4, $5, 0, $6, NULL)
        ON CONFLICT (person_id) DO UPDATE SET id = excluded.id, key_id = excluded.key_id, nonce = excluded.nonce,
            sealed = excluded.sealed, last_step = 0, made_at = excluded.made_at
        WHERE second_factors.confirmed_at IS NULL";
    SELECT_FACTOR = "SELECT person_id, id, key_id, nonce, sealed, last_step, confirmed_at FROM second_factors
        WHERE person_id = $1";
    LIST_FACTORS = "SELECT person_id, id, key_id, nonce, sealed, last_step, confirmed_at FROM second_factors
        ORDER BY person_id
        LIMIT 10000";
    CONFIRM_FACTOR = "UPDATE second_factors SET confirmed_at = $2 WHERE person_id = $1 AND confirmed_at IS NULL";
    TAKE_STEP = "UPDATE second_factors SET last_step = $2 WHERE person_id = $1 AND last_step < $2";
    DELETE_FACTOR = "DELETE FROM second_factors WHERE person_id = $1";
    INSERT_RECOVERY = "INSERT INTO recovery_codes (code_hash, person_id, made_at) VALUES ($1, $2, $3)";
    TAKE_RECOVERY = "DELETE FROM recovery_codes WHERE code_hash = $1 AND person_id = $2";
    COUNT_RECOVERY = "SELECT COUNT(*) FROM recovery_codes WHERE person_id = $1";
    DELETE_RECOVERY = "DELETE FROM recovery_codes WHERE person_id = $1";
    INSERT_EVENT = "INSERT INTO account_events (id, person_id, at, what, by_id, address) VALUES ($1, $2, $3, $4, $5, $6)";
    LIST_EVENTS = "SELECT e.at, e.what, e.address, b.name AS by_name
        FROM account_events e
        LEFT JOIN people b ON b.id = e.by_id
        WHERE e.person_id = $1
        ORDER BY e.at DESC, e.id DESC
        LIMIT 20";
    DELETE_OLD_EVENTS = "DELETE FROM account_events WHERE at < $1";
}

record! {
    /// A second factor as stored.
    pub struct Factor {
        /// Whose it is; part of what the seal is bound to.
        pub person_id: PersonId,
        /// Identifies the key; part of what the seal is bound to.
        pub id: SecretId,
        /// Which master key sealed it.
        pub key_id: String,
        /// As in [`Sealed`].
        pub nonce: Vec<u8>,
        /// As in [`Sealed`].
        pub sealed: Vec<u8>,
        /// Time step (RFC 6238) of the last code that was accepted.
        pub last_step: i64,
        /// When a first code showed that it works; before that it asks nobody for anything.
        pub confirmed_at: Option<DateTime<Utc>>,
    }
}

record! {
    /// Something that happened to an account.
    #[derive(Clone, Debug)]
    pub struct Event {
        /// When.
        pub at: DateTime<Utc>,
        /// What.
        pub what: AccountEvent,
        /// From which address, where one is known.
        pub address: Option<String>,
        /// Who did it, where it was not the owner.
        pub by_name: Option<String>,
    }
}

/// Stores a key that nobody has confirmed yet, in the place of an earlier one like it; false where a confirmed one stands.
///
/// # Errors
/// What the database says.
pub async fn begin_factor(tx: &mut Tx, person: PersonId, key: &Sealed, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = on!(tx, conn => sqlx::query(UPSERT_FACTOR)
        .bind(person).bind(key.id).bind(&key.key_id).bind(&key.nonce).bind(&key.sealed).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// The factor of a person.
///
/// # Errors
/// What the database says.
pub async fn factor(tx: &mut Tx, person: PersonId) -> Result<Option<Factor>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_FACTOR).bind(person).fetch_optional(conn).await)?)
}

/// All factors, at most 10 000, for a check of them all.
///
/// # Errors
/// What the database says.
pub async fn factors(tx: &mut Tx) -> Result<Vec<Factor>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_FACTORS).fetch_all(conn).await)?)
}

/// Makes a factor one that signing in asks for.
///
/// # Errors
/// What the database says.
pub async fn confirm_factor(tx: &mut Tx, person: PersonId, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = on!(tx, conn => sqlx::query(CONFIRM_FACTOR).bind(person).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Uses up a time step; false where it, or a later one, was used before.
///
/// # Errors
/// What the database says.
pub async fn take_step(tx: &mut Tx, person: PersonId, step: i64) -> Result<bool, StoreError> {
    let done = on!(tx, conn => sqlx::query(TAKE_STEP).bind(person).bind(step)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Takes a factor away, with its recovery codes.
///
/// # Errors
/// What the database says.
pub async fn delete_factor(tx: &mut Tx, person: PersonId) -> Result<(), StoreError> {
    for text in [DELETE_FACTOR, DELETE_RECOVERY] {
        on!(tx, conn => sqlx::query(text).bind(person).execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

/// Stores fresh recovery codes in the place of all earlier ones.
///
/// # Errors
/// What the database says.
pub async fn set_recovery(
    tx: &mut Tx,
    person: PersonId,
    hashes: &[Vec<u8>],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_RECOVERY).bind(person).execute(conn).await.map(|_| ()))?;
    for hash in hashes {
        on!(tx, conn => sqlx::query(INSERT_RECOVERY).bind(hash).bind(person).bind(at).execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

/// Uses up a recovery code; false where the person has none like it.
///
/// # Errors
/// What the database says.
pub async fn take_recovery(tx: &mut Tx, person: PersonId, hash: &[u8]) -> Result<bool, StoreError> {
    let done = on!(tx, conn => sqlx::query(TAKE_RECOVERY).bind(hash).bind(person)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// How many recovery codes a person has left.
///
/// # Errors
/// What the database says.
pub async fn recovery_left(tx: &mut Tx, person: PersonId) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_RECOVERY).bind(person).fetch_one(conn).await)?)
}

/// Notes what happened to an account; `by` is whoever did it to somebody else's.
///
/// # Errors
/// What the database says.
pub async fn note(
    tx: &mut Tx,
    person: PersonId,
    what: AccountEvent,
    (by, address): (Option<PersonId>, Option<&str>),
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let id = EntryId::new(crate::clock::fresh_id());
    on!(tx, conn => sqlx::query(INSERT_EVENT).bind(id).bind(person).bind(at).bind(what).bind(by).bind(address)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// What happened to an account, newest first, at most 20.
///
/// # Errors
/// What the database says.
pub async fn events(tx: &mut Tx, person: PersonId) -> Result<Vec<Event>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_EVENTS).bind(person).fetch_all(conn).await)?)
}

/// Forgets what happened before an instant.
///
/// # Errors
/// What the database says.
pub async fn forget_events_before(tx: &mut Tx, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_OLD_EVENTS).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}
