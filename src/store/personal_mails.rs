//! Mail to one person that belongs to no case: written with what it tells of, sent later, under the same key every time.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::outbox::{is_held, why_held};
use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::PersonId;

macro_rules! due {
    () => {
        "SELECT mail_key, person_id, template, payload, asked_at, not_before, attempts, last_error FROM personal_mails
            WHERE not_before <= $1
            ORDER BY not_before, mail_key
            LIMIT 1"
    };
}

statements! {
    // One that is there is not asked for twice.
    ASK = "INSERT INTO personal_mails (mail_key, person_id, template, payload, asked_at, not_before, attempts)
        VALUES ($1, $2, $3, $4, $5, $6, 0)
        ON CONFLICT (mail_key) DO NOTHING";
    HOLD_ONE = concat!("UPDATE personal_mails SET not_before = NULL, last_error = '", why_held!(), "'
        WHERE mail_key = $1 AND not_before IS NOT NULL AND ", is_held!());
    SELECT_DUE = due!();
    // As above; SKIP LOCKED lets several nodes claim without waiting for each other. SQLite has one writer instead.
    SELECT_DUE_LOCKED = concat!(due!(), " FOR UPDATE SKIP LOCKED");
    LEASE = "UPDATE personal_mails SET not_before = $2, attempts = attempts + 1 WHERE mail_key = $1";
    SETTLE = "UPDATE personal_mails SET not_before = $2, last_error = $3 WHERE mail_key = $1";
    SELECT_LAST = "SELECT mail_key, person_id, template, payload, asked_at, not_before, attempts, last_error FROM personal_mails
        WHERE person_id = $1
        ORDER BY asked_at DESC, mail_key DESC
        LIMIT 1";
    HOLD = concat!("UPDATE personal_mails SET not_before = NULL, last_error = '", why_held!(), "'
        WHERE not_before IS NOT NULL");
    REVIVE_HELD = concat!("UPDATE personal_mails SET not_before = $1, attempts = 0, last_error = NULL
        WHERE last_error = '", why_held!(), "' AND not_before IS NULL");
    // One that was sent has no error.
    LIST_DEAD = "SELECT mail_key, person_id, template, payload, asked_at, not_before, attempts, last_error FROM personal_mails
        WHERE not_before IS NULL AND last_error IS NOT NULL
        ORDER BY asked_at
        LIMIT 200";
    REVIVE = "UPDATE personal_mails SET not_before = $2, attempts = 0, last_error = NULL
        WHERE mail_key = $1 AND not_before IS NULL AND last_error IS NOT NULL";
    SELECT_KEY = "SELECT mail_key FROM personal_mails WHERE mail_key = $1";
    DELETE_OLD = "DELETE FROM personal_mails WHERE asked_at < $1 AND not_before IS NULL";
}

record! {
    /// A mail to one person.
    #[derive(Clone, Debug)]
    pub struct PersonalMail {
        /// Names it over all tries; its Message-ID comes of this.
        pub mail_key: String,
        /// Who gets it.
        pub person_id: PersonId,
        /// Its folder below `templates/letter`.
        pub template: String,
        /// What the template is filled with; never a secret.
        pub payload: Json<serde_json::Value>,
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

/// Asks for a mail, from its `not_before` on; one of the same key is not asked for twice. While effects are held, it is
/// held too.
///
/// # Errors
/// What the database says.
pub async fn ask(tx: &mut Tx, mail: &PersonalMail) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(ASK)
        .bind(&mail.mail_key).bind(mail.person_id).bind(&mail.template).bind(&mail.payload).bind(mail.asked_at)
        .bind(mail.not_before)
        .execute(conn).await.map(|_| ()))?;
    on!(tx, conn => sqlx::query(HOLD_ONE).bind(&mail.mail_key).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Claims the mail that has been due longest: nobody else tries it before `until`.
///
/// # Errors
/// What the database says.
pub async fn claim(tx: &mut Tx, at: DateTime<Utc>, until: DateTime<Utc>) -> Result<Option<PersonalMail>, StoreError> {
    let text = match tx {
        Tx::Sqlite(_) => SELECT_DUE,
        Tx::Postgres(_) => SELECT_DUE_LOCKED,
    };
    let found: Option<PersonalMail> = on!(tx, conn => sqlx::query_as(text).bind(at).fetch_optional(conn).await)?;
    if let Some(mail) = &found {
        on!(tx, conn => sqlx::query(LEASE).bind(&mail.mail_key).bind(until).execute(conn).await.map(|_| ()))?;
    }
    Ok(found)
}

/// Notes what became of a mail: when it is tried again, and why.
///
/// # Errors
/// What the database says.
pub async fn settle(
    tx: &mut Tx,
    mail: &PersonalMail,
    again: Option<DateTime<Utc>>,
    error: Option<&str>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SETTLE).bind(&mail.mail_key).bind(again).bind(error)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The last mail to a person.
///
/// # Errors
/// What the database says.
pub async fn last(tx: &mut Tx, person: PersonId) -> Result<Option<PersonalMail>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_LAST).bind(person).fetch_optional(conn).await)?)
}

/// Mails that were given up or are held, oldest first.
///
/// # Errors
/// What the database says.
pub async fn dead(tx: &mut Tx) -> Result<Vec<PersonalMail>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_DEAD).fetch_all(conn).await)?)
}

/// Tries a mail again that was given up or is held; says whether there was one with this key.
///
/// # Errors
/// What the database says.
pub async fn revive(tx: &mut Tx, key: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(REVIVE).bind(key).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Whether there is a mail with this key, whatever became of it.
///
/// # Errors
/// What the database says.
pub async fn exists(tx: &mut Tx, key: &str) -> Result<bool, StoreError> {
    let found: Option<String> = on!(tx, conn => sqlx::query_scalar(SELECT_KEY).bind(key).fetch_optional(conn).await)?;
    Ok(found.is_some())
}

/// Holds everything that waits.
///
/// # Errors
/// What the database says.
pub async fn hold(tx: &mut Tx) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(HOLD).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Lets everything go out that is held; says how much that is.
///
/// # Errors
/// What the database says.
pub async fn revive_held(tx: &mut Tx, at: DateTime<Utc>) -> Result<u64, StoreError> {
    Ok(on!(tx, conn => sqlx::query(REVIVE_HELD).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?)
}

/// Forgets what was sent or given up and was asked for before an instant.
///
/// # Errors
/// What the database says.
pub async fn forget_before(tx: &mut Tx, before: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_OLD).bind(before).execute(conn).await.map(|_| ()))?;
    Ok(())
}
