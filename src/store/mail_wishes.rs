//! What mail people want, in which zone times are written to them, and the lines of their mails of the day.

use chrono::{DateTime, Utc};

use super::outbox::why_held;
use super::{StoreError, Tx, on, record, statements, taken_means_contended};
use crate::domain::id::{CaseId, CustomerId, PersonId};
use crate::domain::mail_wish::{About, Wish};

statements! {
    SET_ZONE = "UPDATE people SET time_zone = $2 WHERE id = $1";
    LIST_WISHES = "SELECT p.time_zone, w.about, w.wish FROM people p LEFT JOIN mail_wishes w ON w.person_id = p.id
        WHERE p.id = $1";
    UPSERT_WISH = "INSERT INTO mail_wishes (person_id, about, wish) VALUES ($1, $2, $3)
        ON CONFLICT (person_id, about) DO UPDATE SET wish = excluded.wish";
    // Locks the mail until the line is written: one that was taken to be sent takes no more lines.
    LOCK_MAIL = concat!("UPDATE personal_mails SET attempts = 0
        WHERE mail_key = $1 AND attempts = 0 AND (not_before IS NOT NULL OR last_error = '", why_held!(), "')");
    INSERT_LINE = "INSERT INTO digest_lines (line_key, mail_key, customer_id, case_id, headline, at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    LIST_LINES = "SELECT line_key, mail_key, customer_id, case_id, headline, at FROM digest_lines
        WHERE mail_key = $1
        ORDER BY at, line_key
        LIMIT $2";
    COUNT_LINES = "SELECT COUNT(*) FROM digest_lines WHERE mail_key = $1";
    DELETE_OLD = "DELETE FROM digest_lines WHERE mail_key IN (
            SELECT mail_key FROM personal_mails WHERE asked_at < $1 AND not_before IS NULL)";
}

record! {
    /// What somebody wants.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Wished {
        /// Of which mails.
        pub about: About,
        /// When.
        pub wish: Wish,
    }
}

record! {
    struct Row {
        time_zone: Option<String>,
        about: Option<About>,
        wish: Option<Wish>,
    }
}

record! {
    /// A line of a mail of the day.
    #[derive(Clone, Debug)]
    pub struct Line {
        /// Key of the mail that would have been sent at once.
        pub line_key: String,
        /// The mail that it belongs to.
        pub mail_key: String,
        /// Whose case it is about.
        pub customer_id: CustomerId,
        /// The case.
        pub case_id: CaseId,
        /// What happened, in the words of the moment.
        pub headline: String,
        /// When.
        pub at: DateTime<Utc>,
    }
}

/// Sets the zone; the name was checked.
///
/// # Errors
/// What the database says.
pub async fn set_zone(tx: &mut Tx, person: PersonId, zone: Option<&str>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_ZONE).bind(person).bind(zone).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Name of the zone in which times are written to a person, and what the person wants, of what was ever chosen.
///
/// # Errors
/// What the database says.
pub async fn of(tx: &mut Tx, person: PersonId) -> Result<(Option<String>, Vec<Wished>), StoreError> {
    let rows: Vec<Row> = on!(tx, conn => sqlx::query_as(LIST_WISHES).bind(person).fetch_all(conn).await)?;
    let zone = rows.first().and_then(|row| row.time_zone.clone());
    let chosen = rows.iter().filter_map(|row| Some(Wished { about: row.about?, wish: row.wish? }));
    Ok((zone, chosen.collect()))
}

/// Chooses.
///
/// # Errors
/// What the database says.
pub async fn set_wish(tx: &mut Tx, person: PersonId, wished: Wished) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(UPSERT_WISH).bind(person).bind(wished.about).bind(wished.wish)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Writes a line of a mail of the day; false where that mail was taken to be sent, so that the line belongs to the next.
///
/// # Errors
/// [`StoreError::Contended`] where the line is there: somebody else made the same step of the case first.
pub async fn add_line(tx: &mut Tx, line: &Line) -> Result<bool, StoreError> {
    let is_open = on!(tx, conn => sqlx::query(LOCK_MAIL).bind(&line.mail_key)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    if is_open == 0 {
        return Ok(false);
    }
    on!(tx, conn => sqlx::query(INSERT_LINE)
        .bind(&line.line_key).bind(&line.mail_key).bind(line.customer_id).bind(line.case_id).bind(&line.headline)
        .bind(line.at)
        .execute(conn).await.map(|_| ()))
    .map_err(taken_means_contended)?;
    Ok(true)
}

/// The lines of a mail of the day, oldest first, and how many there are.
///
/// # Errors
/// What the database says.
pub async fn lines(tx: &mut Tx, mail_key: &str, limit: i64) -> Result<(Vec<Line>, i64), StoreError> {
    let all = on!(tx, conn => sqlx::query_scalar(COUNT_LINES).bind(mail_key).fetch_one(conn).await)?;
    let lines = on!(tx, conn => sqlx::query_as(LIST_LINES).bind(mail_key).bind(limit).fetch_all(conn).await)?;
    Ok((lines, all))
}

/// Forgets the lines of mails that were sent or given up and were asked for before an instant.
///
/// # Errors
/// What the database says.
pub async fn forget_before(tx: &mut Tx, before: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_OLD).bind(before).execute(conn).await.map(|_| ()))?;
    Ok(())
}
