//! The vendor's policy of promises, and how they were kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, Utc};

use super::calendars::By;
use super::{App, Error, FieldError};
use crate::clock::fresh_id;
use crate::domain::actor::{Person, Role};
use crate::domain::case::Priority;
use crate::domain::id::PolicyRowId;
use crate::domain::objective::{Objective, Outcome, Targets};
use crate::domain::workflow::Delay;
use crate::store::objectives::{self, Urgent};
use crate::store::policy::{self, Row};

/// The most rows of a list of urgent promises; the count beside it says how many there are.
pub const MOST_URGENT: i64 = 100;

/// A row of policy as somebody wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// `P1` to `P4`.
    pub priority: String,
    /// A date; empty for today.
    pub valid_from: String,
    /// Spans, by objective.
    pub spans: BTreeMap<Objective, String>,
}

/// All rows of policy, by priority and newest first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Row>, Error> {
    Ok(policy::list(&mut app.db.read().await?).await?)
}

/// What holds for cases that are opened at an instant, by priority.
///
/// # Errors
/// What the database says.
pub async fn in_force(app: &App, at: DateTime<Utc>) -> Result<Vec<(Priority, Targets, Option<Row>)>, Error> {
    let mut tx = app.db.read().await?;
    let mut all = Vec::new();
    for priority in Priority::ALL {
        let row = policy::in_force(&mut tx, *priority, at).await?;
        let targets = row.as_ref().map_or_else(|| Targets::standard(*priority), |row| row.targets);
        all.push((*priority, targets, row));
    }
    Ok(all)
}

/// Adds a row. It holds from its date on, at the earliest from this moment: what was promised is not changed afterwards.
///
/// # Errors
/// [`Error::Invalid`] names every part that needs another look.
pub async fn add(app: &Arc<App>, By(made_by): By, draft: &Draft) -> Result<Row, Error> {
    let now = app.now();
    let mut errors = Vec::new();
    let priority = Priority::parse(draft.priority.trim());
    if priority.is_none() {
        errors.push(FieldError::new("priority", "unknown", "Choose a priority: P1, P2, P3 or P4"));
    }
    let valid_from = read_date(&draft.valid_from, now).map_err(|error| errors.push(error)).ok();
    let mut span = |objective: Objective| {
        let text = draft.spans.get(&objective).map_or("", |text| text.trim());
        let read = Delay::parse(text);
        if read.is_none() {
            let text = "Enter a span like 4bh (business hours), 2bd (business days), 30m, 8h or 3d";
            errors.push(FieldError::new(objective.as_str(), "no_span", text));
        }
        read
    };
    let spans = (span(Objective::FirstAnswer), span(Objective::NextUpdate), span(Objective::Done));
    let (Some(priority), Some(valid_from), (Some(first_answer), Some(next_update), Some(done))) =
        (priority, valid_from, spans)
    else {
        return Err(Error::Invalid(errors));
    };
    let targets = Targets { first_answer, next_update, done };
    let row = Row { id: PolicyRowId::new(fresh_id()), priority, valid_from, targets, made_at: now, made_by };
    let made = row.clone();
    app.db
        .write(move |tx| {
            let row = made.clone();
            Box::pin(async move { Ok::<(), Error>(policy::add(tx, &row).await?) })
        })
        .await?;
    Ok(row)
}

/// A date from today on. Today means this moment, another day its beginning in UTC.
fn read_date(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, FieldError> {
    let wrong = |text: &str| FieldError::new("valid_from", "no_date", text);
    if text.trim().is_empty() {
        return Ok(now);
    }
    let day: NaiveDate =
        text.trim().parse().map_err(|_no_date| wrong("Enter a date like 2026-12-01, or leave it empty for today"))?;
    let today = now.date_naive();
    if day < today {
        return Err(wrong("Enter today or a later date: cases that were opened before keep what they were promised"));
    }
    Ok(if day == today { now } else { day.and_time(NaiveTime::MIN).and_utc() })
}

/// Running promises that are late or will be soon, by objective, with how many there are of each.
///
/// # Errors
/// [`Error::Forbidden`] for people who are neither lead nor administrator; what the database says.
pub async fn urgent(app: &App, person: &Person) -> Result<Vec<(Objective, Vec<Urgent>, i64)>, Error> {
    if !person.is(Role::Lead) && !person.is(Role::Admin) {
        return Err(Error::Forbidden("This page is for leads and administrators"));
    }
    let now = app.now();
    let mut tx = app.db.read().await?;
    let mut all = Vec::new();
    for objective in Objective::ALL {
        let (rows, count) = objectives::urgent(&mut tx, *objective, now, MOST_URGENT).await?;
        all.push((*objective, rows, count));
    }
    Ok(all)
}

/// How the promises of a month went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// Its first day.
    pub first: NaiveDate,
    /// How many were met and missed, by objective.
    pub kept: BTreeMap<Objective, (i64, i64)>,
}

/// How promises went in this month and those before it, newest first. A promise counts in the month (UTC) in which it was
/// kept or found to be late; one that nobody had to keep in the end does not count.
///
/// # Errors
/// What the database says.
pub async fn months(app: &App, count: u32) -> Result<Vec<Month>, Error> {
    let mut tx = app.db.read().await?;
    let today = app.now().date_naive();
    let mut first = today.with_day(1).unwrap_or(today);
    let mut months = Vec::new();
    for _ in 0..count {
        let next = first.checked_add_months(chrono::Months::new(1)).unwrap_or(first);
        let [from, until] = [first, next].map(|day| day.and_time(NaiveTime::MIN).and_utc());
        let mut kept: BTreeMap<Objective, (i64, i64)> = BTreeMap::new();
        for settled in objectives::settled(&mut tx, from, until).await? {
            let (met, missed) = kept.entry(settled.objective).or_default();
            match settled.outcome {
                Some(Outcome::Met) => *met += settled.count,
                Some(Outcome::Missed) => *missed += settled.count,
                Some(Outcome::Void) | None => {}
            }
        }
        months.push(Month { first, kept });
        first = first.checked_sub_months(chrono::Months::new(1)).unwrap_or(first);
    }
    Ok(months)
}
