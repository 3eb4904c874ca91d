//! Calendars of the vendor and its customers.

use chrono::{DateTime, NaiveDate, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::calendar::{Calendar, Named, Week, parse_holidays, zone};
use crate::domain::id::{CalendarId, CustomerId, PersonId};

statements! {
    LIST_CALENDARS = "SELECT id, name, time_zone, hours, is_vendor FROM calendars ORDER BY name LIMIT 1000";
    SELECT_CALENDAR = "SELECT id, name, time_zone, hours, is_vendor FROM calendars WHERE id = $1";
    SELECT_OF_VENDOR = "SELECT id, name, time_zone, hours, is_vendor FROM calendars WHERE is_vendor";
    SELECT_OF_CUSTOMER = "SELECT c.id, c.name, c.time_zone, c.hours, c.is_vendor
        FROM customers
        JOIN calendars c ON c.id = customers.calendar_id
        WHERE customers.id = $1";
    PUT_CALENDAR = "INSERT INTO calendars (id, name, time_zone, hours, is_vendor, changed_at, changed_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (id) DO UPDATE
        SET name = excluded.name, time_zone = excluded.time_zone, hours = excluded.hours, is_vendor = excluded.is_vendor,
            changed_at = excluded.changed_at, changed_by = excluded.changed_by";
    RELIEVE_VENDOR = "UPDATE calendars SET is_vendor = FALSE WHERE is_vendor AND id <> $1";
    DELETE_CALENDAR = "DELETE FROM calendars WHERE id = $1";
    LIST_HOLIDAYS = "SELECT day, name FROM holidays WHERE calendar_id = $1 ORDER BY day";
    DELETE_HOLIDAYS = "DELETE FROM holidays WHERE calendar_id = $1";
    INSERT_HOLIDAY = "INSERT INTO holidays (calendar_id, day, name) VALUES ($1, $2, $3)";
    LIST_CUSTOMERS = "SELECT name FROM customers WHERE calendar_id = $1 ORDER BY name LIMIT 1000";
    SET_OF_CUSTOMER = "UPDATE customers SET calendar_id = $2 WHERE id = $1";
}

record! {
    struct CalendarRow {
        id: CalendarId,
        name: String,
        time_zone: String,
        hours: String,
        is_vendor: bool,
    }
}

fn corrupt(column: &'static str, detail: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt { table: "calendars", column, detail: detail.to_string() }
}

async fn whole(tx: &mut Tx, row: CalendarRow) -> Result<Named, StoreError> {
    let days: Vec<(String, String)> =
        on!(tx, conn => sqlx::query_as(LIST_HOLIDAYS).bind(row.id).fetch_all(conn).await)?;
    let lines: Vec<String> = days.into_iter().map(|(day, name)| format!("{day} {name}")).collect();
    let calendar = Calendar {
        zone: zone(&row.time_zone).map_err(|fault| corrupt("time_zone", fault))?,
        week: Week::parse(&row.hours).map_err(|fault| corrupt("hours", fault))?,
        holidays: parse_holidays(&lines.join("\n")).map_err(|fault| corrupt("holidays", fault))?,
    };
    Ok(Named { id: row.id, name: row.name, is_vendor: row.is_vendor, calendar })
}

/// All calendars by name, at most a thousand.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx) -> Result<Vec<Named>, StoreError> {
    let rows: Vec<CalendarRow> = on!(tx, conn => sqlx::query_as(LIST_CALENDARS).fetch_all(conn).await)?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        all.push(whole(tx, row).await?);
    }
    Ok(all)
}

/// A calendar.
///
/// # Errors
/// What the database says.
pub async fn by_id(tx: &mut Tx, id: CalendarId) -> Result<Option<Named>, StoreError> {
    let row: Option<CalendarRow> =
        on!(tx, conn => sqlx::query_as(SELECT_CALENDAR).bind(id).fetch_optional(conn).await)?;
    match row {
        Some(row) => whole(tx, row).await.map(Some),
        None => Ok(None),
    }
}

/// The vendor's calendar.
///
/// # Errors
/// What the database says.
pub async fn of_vendor(tx: &mut Tx) -> Result<Option<Named>, StoreError> {
    let row: Option<CalendarRow> = on!(tx, conn => sqlx::query_as(SELECT_OF_VENDOR).fetch_optional(conn).await)?;
    match row {
        Some(row) => whole(tx, row).await.map(Some),
        None => Ok(None),
    }
}

/// A customer's own calendar.
///
/// # Errors
/// What the database says.
pub async fn of_customer(tx: &mut Tx, customer: CustomerId) -> Result<Option<Named>, StoreError> {
    let row: Option<CalendarRow> =
        on!(tx, conn => sqlx::query_as(SELECT_OF_CUSTOMER).bind(customer).fetch_optional(conn).await)?;
    match row {
        Some(row) => whole(tx, row).await.map(Some),
        None => Ok(None),
    }
}

/// Adds or replaces a calendar with its holidays. Where it becomes the vendor's, the one that was is no longer.
///
/// # Errors
/// [`StoreError::Duplicate`] where another calendar has the name.
pub async fn put(tx: &mut Tx, named: &Named, by: Option<PersonId>, at: DateTime<Utc>) -> Result<(), StoreError> {
    if named.is_vendor {
        on!(tx, conn => sqlx::query(RELIEVE_VENDOR).bind(named.id).execute(conn).await.map(|_| ()))?;
    }
    let Calendar { zone, week, holidays } = &named.calendar;
    on!(tx, conn => sqlx::query(PUT_CALENDAR)
        .bind(named.id).bind(&named.name).bind(zone.name()).bind(week.to_string()).bind(named.is_vendor).bind(at).bind(by)
        .execute(conn).await.map(|_| ()))?;
    on!(tx, conn => sqlx::query(DELETE_HOLIDAYS).bind(named.id).execute(conn).await.map(|_| ()))?;
    for (day, name) in holidays {
        add_holiday(tx, named.id, *day, name).await?;
    }
    Ok(())
}

async fn add_holiday(tx: &mut Tx, calendar: CalendarId, day: NaiveDate, name: &str) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_HOLIDAY).bind(calendar).bind(day.to_string()).bind(name)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Takes a calendar away that nothing refers to.
///
/// # Errors
/// What the database says.
pub async fn delete(tx: &mut Tx, id: CalendarId) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_HOLIDAYS).bind(id).execute(conn).await.map(|_| ()))?;
    on!(tx, conn => sqlx::query(DELETE_CALENDAR).bind(id).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Names of the customers whose own calendar it is, at most a thousand.
///
/// # Errors
/// What the database says.
pub async fn customers(tx: &mut Tx, id: CalendarId) -> Result<Vec<String>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(LIST_CUSTOMERS).bind(id).fetch_all(conn).await)?)
}

/// Gives a customer a calendar of its own, or the vendor's again; says whether the customer exists.
///
/// # Errors
/// What the database says.
pub async fn set_of_customer(
    tx: &mut Tx,
    customer: CustomerId,
    calendar: Option<CalendarId>,
) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(SET_OF_CUSTOMER).bind(customer).bind(calendar)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}
