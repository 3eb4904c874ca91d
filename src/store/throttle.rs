//! Failures to sign in, by what they are counted under: an account from an address, a browser, an address, everybody.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, statements};
use crate::domain::throttle::Tally;

statements! {
    // Holds the row until the transaction ends, so that tries that come at once are counted one after the other.
    HOLD = "INSERT INTO sign_in_failures (subject, failures, next_at) VALUES ($1, 0, $2)
        ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject
        RETURNING failures, next_at";
    SET = "UPDATE sign_in_failures SET failures = $2, next_at = $3 WHERE subject = $1";
    DELETE = "DELETE FROM sign_in_failures WHERE subject = $1";
    DELETE_OLD = "DELETE FROM sign_in_failures WHERE next_at < $1";
}

/// The tally of a subject, which nobody else reads or changes until this transaction ends.
///
/// # Errors
/// What the database says.
pub async fn hold(tx: &mut Tx, subject: &str, at: DateTime<Utc>) -> Result<Tally, StoreError> {
    let (failures, next_at) = on!(tx, conn => sqlx::query_as(HOLD).bind(subject).bind(at).fetch_one(conn).await)?;
    Ok(Tally { failures, next_at })
}

/// Stores the tally of a subject that is held.
///
/// # Errors
/// What the database says.
pub async fn set(tx: &mut Tx, subject: &str, tally: Tally) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET).bind(subject).bind(tally.failures).bind(tally.next_at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Forgets the failures of a subject.
///
/// # Errors
/// What the database says.
pub async fn clear(tx: &mut Tx, subject: &str) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE).bind(subject).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Forgets everything whose next try has been free since before an instant.
///
/// # Errors
/// What the database says.
pub async fn forget_before(tx: &mut Tx, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_OLD).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}
