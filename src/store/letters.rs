//! Letters about accounts: asked for in the transaction that makes them due, sent later. They hold no link and no secret.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::PersonId;

statements! {
    // One statement for known and unknown addresses, so that both take the same time.
    ASK = "INSERT INTO letters (person_id, letter_key, asked_at, not_before, attempts, last_error)
        SELECT p.id, $2, $3, $3, 0, NULL FROM people p WHERE p.email = $1 AND p.active
        ON CONFLICT (person_id) DO UPDATE SET letter_key = excluded.letter_key, asked_at = excluded.asked_at,
            not_before = excluded.not_before, attempts = 0, last_error = NULL
        WHERE letters.asked_at <= $4";
    SELECT_DUE = "SELECT person_id, letter_key, asked_at, not_before, attempts, last_error FROM letters
        WHERE not_before <= $1
        ORDER BY not_before
        LIMIT 1";
    // As above; SKIP LOCKED lets several nodes claim without waiting for each other. SQLite has one writer instead.
    SELECT_DUE_LOCKED = "SELECT person_id, letter_key, asked_at, not_before, attempts, last_error FROM letters
        WHERE not_before <= $1
        ORDER BY not_before
        LIMIT 1
        FOR UPDATE SKIP LOCKED";
    LEASE = "UPDATE letters SET not_before = $3, attempts = attempts + 1 WHERE person_id = $1 AND letter_key = $2";
    SETTLE = "UPDATE letters SET not_before = $3, last_error = $4 WHERE person_id = $1 AND letter_key = $2";
    SELECT_LETTER = "SELECT person_id, letter_key, asked_at, not_before, attempts, last_error FROM letters
        WHERE person_id = $1";
}

record! {
    /// A letter to one person.
    #[derive(Clone, Debug)]
    pub struct Letter {
        /// Who gets it.
        pub person_id: PersonId,
        /// Names this letter; one that is asked for again is another letter.
        pub letter_key: Uuid,
        /// When it was asked for.
        pub asked_at: DateTime<Utc>,
        /// When it is tried next; nothing once it was sent or given up.
        pub not_before: Option<DateTime<Utc>>,
        /// How often it was tried, without the present try.
        pub attempts: i64,
        /// What went wrong last.
        pub last_error: Option<String>,
    }
}

/// Asks for a letter to the active person with this address, if there is one; one that was asked for after `not_since` is
/// not repeated.
///
/// # Errors
/// What the database says.
pub async fn ask(
    tx: &mut Tx,
    email: &str,
    key: Uuid,
    (at, not_since): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(ASK).bind(email.to_lowercase()).bind(key).bind(at).bind(not_since)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Claims the letter that has been due longest: nobody else tries it before `until`.
///
/// # Errors
/// What the database says.
pub async fn claim(tx: &mut Tx, at: DateTime<Utc>, until: DateTime<Utc>) -> Result<Option<Letter>, StoreError> {
    let text = match tx {
        Tx::Sqlite(_) => SELECT_DUE,
        Tx::Postgres(_) => SELECT_DUE_LOCKED,
    };
    let found: Option<Letter> = on!(tx, conn => sqlx::query_as(text).bind(at).fetch_optional(conn).await)?;
    if let Some(letter) = &found {
        on!(tx, conn => sqlx::query(LEASE).bind(letter.person_id).bind(letter.letter_key).bind(until)
            .execute(conn).await.map(|_| ()))?;
    }
    Ok(found)
}

/// Notes what became of a letter: when it is tried again, and why.
///
/// # Errors
/// What the database says.
pub async fn settle(
    tx: &mut Tx,
    letter: &Letter,
    again: Option<DateTime<Utc>>,
    error: Option<&str>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SETTLE).bind(letter.person_id).bind(letter.letter_key).bind(again).bind(error)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The last letter to a person.
///
/// # Errors
/// What the database says.
pub async fn last(tx: &mut Tx, person: PersonId) -> Result<Option<Letter>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_LETTER).bind(person).fetch_optional(conn).await)?)
}
