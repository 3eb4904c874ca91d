//! Calendars on record: adding, changing, holidays out of a file, whose they are. A change leaves the due times that were
//! computed before as they are; `reckoning` computes them again where an administrator asks for it.

use std::sync::Arc;

use chrono::Datelike as _;

use super::admin::{check_text, require_admin, taken};
use super::{App, Error, FieldError};
use crate::clock::fresh_id;
use crate::domain::actor::Person;
use crate::domain::calendar::{Calendar, MOST_HOLIDAYS, Named, ics};
use crate::domain::id::{CalendarId, CustomerId, PersonId};
use crate::store::{calendars, objectives, timers};

/// How many years ahead a yearly holiday of a file is written down.
const YEARS_AHEAD: i32 = 5;

/// A calendar as somebody wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// Name of its zone in the IANA database.
    pub time_zone: String,
    /// Lines of days and hours.
    pub hours: String,
    /// Lines of dates and names.
    pub holidays: String,
    /// Whether it is the vendor's.
    pub is_vendor: bool,
}

impl Draft {
    /// What is on record of a calendar, to be changed.
    pub fn of(named: &Named) -> Self {
        Self {
            name: named.name.clone(),
            time_zone: named.calendar.zone.name().to_owned(),
            hours: named.calendar.week.to_string(),
            holidays: crate::domain::calendar::holiday_lines(&named.calendar.holidays),
            is_vendor: named.is_vendor,
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Error::Invalid`] names every part that needs another look.
    fn read(&self, id: CalendarId) -> Result<Named, Error> {
        let mut errors = super::admin::text_errors("name", "name of the calendar", &self.name);
        match Calendar::parse(&self.time_zone, &self.hours, &self.holidays) {
            Ok(calendar) if errors.is_empty() => {
                Ok(Named { id, name: self.name.trim().to_owned(), is_vendor: self.is_vendor, calendar })
            }
            Ok(_) => Err(Error::Invalid(errors)),
            Err(faults) => {
                let said = |fault: String| {
                    fault.chars().next().map(|first| {
                        first.to_uppercase().collect::<String>() + fault.get(first.len_utf8()..).unwrap_or_default()
                    })
                };
                errors.extend(faults.into_iter().map(|(field, fault)| {
                    FieldError::new(field, "not_usable", said(fault.to_string()).unwrap_or_default())
                }));
                Err(Error::Invalid(errors))
            }
        }
    }
}

/// What is changed by whom: nobody, where it is done on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By(pub Option<PersonId>);

impl By {
    /// An administrator.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for everybody else.
    pub fn admin(person: &Person) -> Result<Self, Error> {
        require_admin(person)?;
        Ok(Self(Some(person.id)))
    }
}

/// All calendars by name.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Named>, Error> {
    Ok(calendars::list(&mut app.db.read().await?).await?)
}

/// A calendar, and the customers whose own it is.
///
/// # Errors
/// [`Error::NotFound`]; what the database says.
pub async fn one(app: &App, id: CalendarId) -> Result<(Named, Vec<String>), Error> {
    let mut tx = app.db.read().await?;
    let named = calendars::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    Ok((named, calendars::customers(&mut tx, id).await?))
}

/// A calendar by its name.
///
/// # Errors
/// [`Error::NotFound`]; what the database says.
pub async fn by_name(app: &App, name: &str) -> Result<Named, Error> {
    list(app).await?.into_iter().find(|named| named.name == name.trim()).ok_or(Error::NotFound)
}

/// Adds a calendar.
///
/// # Errors
/// [`Error::Invalid`] names every part that needs another look, and a name that is taken.
pub async fn add(app: &Arc<App>, by: By, draft: &Draft) -> Result<Named, Error> {
    save(app, by, draft.read(CalendarId::new(fresh_id()))?).await
}

/// Changes a calendar. Due times that were computed before stay as they are.
///
/// # Errors
/// [`Error::NotFound`]; as [`add`].
pub async fn change(app: &Arc<App>, by: By, id: CalendarId, draft: &Draft) -> Result<Named, Error> {
    one(app, id).await?;
    save(app, by, draft.read(id)?).await
}

async fn save(app: &Arc<App>, By(person): By, named: Named) -> Result<Named, Error> {
    check_text("name", "name of the calendar", &named.name)?;
    let (made, at) = (named.clone(), app.now());
    app.db
        .write(move |tx| {
            let named = made.clone();
            Box::pin(async move {
                calendars::put(tx, &named, person, at).await.map_err(|error| taken(error, "name", "calendar"))
            })
        })
        .await?;
    Ok(named)
}

/// What a file of holidays did to a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Days that were not there before.
    pub added: usize,
    /// Days of the file that were there already, whatever their name.
    pub known: usize,
    /// Events of the file that were left out, each with the reason.
    pub left_out: Vec<String>,
}

/// Adds the holidays of an iCalendar file (RFC 5545) from this year on. What is there stays, under its name.
///
/// # Errors
/// [`Error::Invalid`] for a file that is none, that holds no holiday, or too many; [`Error::NotFound`].
pub async fn import(app: &Arc<App>, by: By, id: CalendarId, file: &[u8]) -> Result<Imported, Error> {
    let wrong = |text: String| Error::field("file", "not_usable", format!("This file cannot be used: {text}"));
    let text = std::str::from_utf8(file).map_err(|_no_text| wrong("it is no UTF-8 text".to_owned()))?;
    let year = app.now().year();
    let found = ics::read(text, year..=year + YEARS_AHEAD).map_err(wrong)?;
    if found.days.is_empty() {
        let why = found.left_out.first().map_or_else(String::new, |reason| format!("; left out: {reason}"));
        return Err(wrong(format!("it holds no holiday from {year} to {}{why}", year + YEARS_AHEAD)));
    }
    let (mut named, _) = one(app, id).await?;
    let before = named.calendar.holidays.len();
    let in_file = found.days.len();
    for (day, name) in found.days {
        named.calendar.holidays.entry(day).or_insert(name);
    }
    if named.calendar.holidays.len() > MOST_HOLIDAYS {
        return Err(wrong(format!("the calendar would hold more than {MOST_HOLIDAYS} holidays; take past ones out")));
    }
    let added = named.calendar.holidays.len() - before;
    save(app, by, named).await?;
    Ok(Imported { added, known: in_file - added, left_out: found.left_out })
}

/// Takes a calendar away.
///
/// # Errors
/// [`Error::Invalid`] where it is the vendor's, a customer's, or the rule of a due time on record; [`Error::NotFound`].
pub async fn delete(app: &Arc<App>, id: CalendarId) -> Result<(), Error> {
    app.db
        .write(move |tx| {
            Box::pin(async move {
                let named = calendars::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                let used = |text: String| Err(Error::field("calendar", "in_use", text));
                if named.is_vendor {
                    return used("Make another calendar the vendor's first".to_owned());
                }
                if let Some(customer) = calendars::customers(tx, id).await?.first() {
                    return used(format!("Give {customer} another calendar first"));
                }
                if timers::count_of_calendar(tx, id).await? + objectives::count_of_calendar(tx, id).await? > 0 {
                    return used("Due times of cases were computed with it, so it stays on record".to_owned());
                }
                Ok(calendars::delete(tx, id).await?)
            })
        })
        .await
}

/// A customer's own calendar; none where the vendor's serves.
///
/// # Errors
/// What the database says.
pub async fn of_customer(app: &App, customer: CustomerId) -> Result<Option<Named>, Error> {
    Ok(calendars::of_customer(&mut app.db.read().await?, customer).await?)
}

/// Gives a customer a calendar of its own, or the vendor's again.
///
/// # Errors
/// [`Error::Invalid`] for a calendar that is not there; [`Error::NotFound`] where there is no such customer.
pub async fn assign(app: &Arc<App>, customer: CustomerId, calendar: Option<CalendarId>) -> Result<(), Error> {
    app.db
        .write(move |tx| {
            Box::pin(async move {
                if let Some(id) = calendar {
                    let unknown = || Error::field("calendar", "unknown", "Choose a calendar of the list");
                    calendars::by_id(tx, id).await?.ok_or_else(unknown)?;
                }
                if calendars::set_of_customer(tx, customer, calendar).await? { Ok(()) } else { Err(Error::NotFound) }
            })
        })
        .await
}
