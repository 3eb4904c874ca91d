//! Sessions, one-time links and API tokens. The database holds SHA-256 of each token, never the token.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::PersonId;

statements! {
    INSERT_SESSION = "INSERT INTO sessions
            (token_hash, person_id, created_at, seen_at, proved_at, address, browser, waits_for_code)
        VALUES ($1, $2, $3, $3, $3, $4, $5, $6)";
    SELECT_SESSION = "SELECT s.token_hash, s.person_id, s.created_at, s.seen_at, s.proved_at, s.address, s.browser,
            s.waits_for_code, f.confirmed_at IS NOT NULL AS has_factor
        FROM sessions s
        LEFT JOIN second_factors f ON f.person_id = s.person_id
        WHERE s.token_hash = $1";
    LIST_SESSIONS = "SELECT s.token_hash, s.person_id, s.created_at, s.seen_at, s.proved_at, s.address, s.browser,
            s.waits_for_code, f.confirmed_at IS NOT NULL AS has_factor
        FROM sessions s
        LEFT JOIN second_factors f ON f.person_id = s.person_id
        WHERE s.person_id = $1 AND NOT s.waits_for_code
        ORDER BY s.seen_at DESC
        LIMIT 50";
    PROVE_SESSION = "UPDATE sessions SET proved_at = $2 WHERE token_hash = $1";
    DELETE_SESSION_OF = "DELETE FROM sessions WHERE person_id = $1 AND token_hash = $2";
    DELETE_OTHERS = "DELETE FROM sessions WHERE person_id = $1 AND token_hash <> $2";
    DELETE_OLD = "DELETE FROM sessions WHERE seen_at < $1";
    TOUCH_SESSION = "UPDATE sessions SET seen_at = $2 WHERE token_hash = $1";
    DELETE_SESSION = "DELETE FROM sessions WHERE token_hash = $1";
    DELETE_SESSIONS_OF = "DELETE FROM sessions WHERE person_id = $1";
    DELETE_LINKS_OF = "DELETE FROM one_time_links WHERE person_id = $1";
    DELETE_TOKENS_OF = "DELETE FROM api_tokens WHERE person_id = $1";
    INSERT_LINK = "INSERT INTO one_time_links (token_hash, purpose, person_id, expires_at) VALUES ($1, $2, $3, $4)";
    DELETE_LINKS = "DELETE FROM one_time_links WHERE purpose = $1";
    SELECT_LINK = "SELECT person_id FROM one_time_links WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3";
    INSERT_TOKEN = "INSERT INTO api_tokens (token_hash, person_id, name, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5)";
    SELECT_TOKEN = "SELECT person_id FROM api_tokens WHERE token_hash = $1 AND expires_at > $2";
}

record! {
    /// A session as stored.
    #[derive(Clone, Debug)]
    pub struct Session {
        /// SHA-256 of its token, which tells nobody the token.
        pub token_hash: Vec<u8>,
        /// Whose session it is.
        pub person_id: PersonId,
        /// When the person signed in.
        pub created_at: DateTime<Utc>,
        /// When it was last used, to the minute.
        pub seen_at: DateTime<Utc>,
        /// When the person last showed who it is: by signing in, or when asked again.
        pub proved_at: Option<DateTime<Utc>>,
        /// The address it was begun from, where one is known.
        pub address: Option<String>,
        /// The family of the browser it was begun with, in our words.
        pub browser: Option<String>,
        /// The password was right and the code of the second factor is awaited: it opens nothing else.
        pub waits_for_code: bool,
        /// The person has a second factor.
        pub has_factor: bool,
    }
}

/// Starts a session.
///
/// # Errors
/// What the database says.
pub async fn start(tx: &mut Tx, session: &Session) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_SESSION)
        .bind(&session.token_hash).bind(session.person_id).bind(session.created_at).bind(&session.address)
        .bind(&session.browser).bind(session.waits_for_code)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The session with this token.
///
/// # Errors
/// What the database says.
pub async fn find(tx: &mut Tx, token_hash: &[u8]) -> Result<Option<Session>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_SESSION).bind(token_hash).fetch_optional(conn).await)?)
}

/// The open sessions of a person, the one used last first, at most 50.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx, person: PersonId) -> Result<Vec<Session>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_SESSIONS).bind(person).fetch_all(conn).await)?)
}

/// Notes that the owner of a session showed again who it is.
///
/// # Errors
/// What the database says.
pub async fn prove(tx: &mut Tx, token_hash: &[u8], at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(PROVE_SESSION).bind(token_hash).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Ends one session of a person; false where the person has none like it.
///
/// # Errors
/// What the database says.
pub async fn end_of(tx: &mut Tx, person: PersonId, token_hash: &[u8]) -> Result<bool, StoreError> {
    let done = on!(tx, conn => sqlx::query(DELETE_SESSION_OF).bind(person).bind(token_hash)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Ends all sessions of a person but one.
///
/// # Errors
/// What the database says.
pub async fn end_others(tx: &mut Tx, person: PersonId, token_hash: &[u8]) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_OTHERS).bind(person).bind(token_hash).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Forgets sessions that nobody has used since an instant.
///
/// # Errors
/// What the database says.
pub async fn forget_before(tx: &mut Tx, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_OLD).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Notes that a session was used.
///
/// # Errors
/// What the database says.
pub async fn touch(tx: &mut Tx, token_hash: &[u8], at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(TOUCH_SESSION).bind(token_hash).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Ends a session.
///
/// # Errors
/// What the database says.
pub async fn end(tx: &mut Tx, token_hash: &[u8]) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_SESSION).bind(token_hash).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Ends all sessions of a person.
///
/// # Errors
/// What the database says.
pub async fn end_all(tx: &mut Tx, person: PersonId) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_SESSIONS_OF).bind(person).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Makes every way in that a person has useless: sessions, API tokens, one-time links.
///
/// # Errors
/// What the database says.
pub async fn end_every_way_in(tx: &mut Tx, person: PersonId) -> Result<(), StoreError> {
    for text in [DELETE_SESSIONS_OF, DELETE_TOKENS_OF, DELETE_LINKS_OF] {
        on!(tx, conn => sqlx::query(text).bind(person).execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

/// Stores a one-time link and makes earlier ones of the same purpose useless.
///
/// # Errors
/// What the database says.
pub async fn set_link(
    tx: &mut Tx,
    purpose: &'static str,
    token_hash: &[u8],
    person: Option<PersonId>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    clear_links(tx, purpose).await?;
    on!(tx, conn => sqlx::query(INSERT_LINK).bind(token_hash).bind(purpose).bind(person).bind(expires_at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Stores the one link by which a person may choose a password, and makes earlier ones useless.
///
/// # Errors
/// What the database says.
pub async fn set_password_link(
    tx: &mut Tx,
    token_hash: &[u8],
    person: PersonId,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    clear_links_of(tx, person).await?;
    on!(tx, conn => sqlx::query(INSERT_LINK).bind(token_hash).bind("reset").bind(person).bind(expires_at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Makes all links of a person useless.
///
/// # Errors
/// What the database says.
pub async fn clear_links_of(tx: &mut Tx, person: PersonId) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_LINKS_OF).bind(person).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Whether a one-time link is good, and for whom. It stays good until [`clear_links`] in the transaction that used it.
///
/// # Errors
/// What the database says.
pub async fn link(
    tx: &mut Tx,
    purpose: &'static str,
    token_hash: &[u8],
    at: DateTime<Utc>,
) -> Result<Option<Option<PersonId>>, StoreError> {
    let row: Option<(Option<PersonId>,)> = on!(tx, conn => sqlx::query_as(SELECT_LINK).bind(token_hash).bind(purpose).bind(at).fetch_optional(conn).await)?;
    Ok(row.map(|(person,)| person))
}

/// Makes all links of a purpose useless.
///
/// # Errors
/// What the database says.
pub async fn clear_links(tx: &mut Tx, purpose: &'static str) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_LINKS).bind(purpose).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Stores an API token.
///
/// # Errors
/// What the database says.
pub async fn add_token(
    tx: &mut Tx,
    token_hash: &[u8],
    person: PersonId,
    name: &str,
    (created_at, expires_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_TOKEN).bind(token_hash).bind(person).bind(name).bind(created_at).bind(expires_at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Whose API token this is, while it is good.
///
/// # Errors
/// What the database says.
pub async fn token(tx: &mut Tx, token_hash: &[u8], at: DateTime<Utc>) -> Result<Option<PersonId>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(SELECT_TOKEN).bind(token_hash).bind(at).fetch_optional(conn).await)?)
}
