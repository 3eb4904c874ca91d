//! What mail somebody wants, and the zone in which times are written to the reader; and the mail of the day.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{App, Error, FieldError, personal_mails};
use crate::domain::actor::Person;
use crate::domain::calendar;
use crate::domain::case::{Case, WaitingOn};
use crate::domain::mail_wish::{About, Reader, Wish, next_digest};
use crate::store::mail_wishes::{self, Line, Wished};
use crate::store::personal_mails::PersonalMail;
use crate::store::{Tx, cases};
use crate::views::instant_in;

/// The folder of the mail of the day.
pub(super) const DIGEST: &str = "digest";
/// The most lines of one mail of the day; more are counted.
const MOST_LINES: i64 = 200;

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// The zone in which times are written.
    pub zone: Tz,
    /// What is wanted of everything that can be chosen.
    pub wishes: Vec<(About, Wish)>,
}

/// The same as it was entered.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Name of a zone of the IANA database; `None` leaves it as it is.
    pub time_zone: Option<String>,
    /// Words of [`About`] and [`Wish`]; what is not named stays as it is.
    pub wishes: Vec<(String, String)>,
}

/// What a person wants.
///
/// # Errors
/// What the database says.
pub async fn of(app: &App, person: &Person) -> Result<Wishes, Error> {
    load(&mut app.db.read().await?, person).await
}

/// The same in a transaction.
pub(super) async fn load(tx: &mut Tx, person: &Person) -> Result<Wishes, Error> {
    let (zone, chosen) = mail_wishes::of(tx, person.id).await?;
    // A zone that the database of zones no longer knows must not keep mail from its reader.
    let zone = zone.and_then(|name| calendar::zone(&name).ok()).unwrap_or(Tz::UTC);
    let wish =
        |about: About| chosen.iter().find(|wished| wished.about == about).map_or(Wish::Now, |wished| wished.wish);
    let wishes = About::choices(person.is_staff()).iter().map(|about| (*about, wish(*about))).collect();
    Ok(Wishes { zone, wishes })
}

/// Changes what a person wants.
///
/// # Errors
/// [`Error::Invalid`] for a zone that is none, and for a choice that is none or cannot be made.
pub async fn change(app: &Arc<App>, person: &Person, draft: &Draft) -> Result<Wishes, Error> {
    let mut errors = Vec::new();
    let zone = draft.time_zone.as_ref().map(|text| calendar::zone(if text.trim().is_empty() { "UTC" } else { text }));
    if let Some(Err(fault)) = &zone {
        errors.push(FieldError::new("time_zone", "unknown", format!("Check the time zone: {fault}")));
    }
    let mut wishes = Vec::new();
    for (about, wish) in &draft.wishes {
        match read(person, about, wish) {
            Ok(wished) => wishes.push(wished),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let (id, zone) = (person.id, zone.and_then(Result::ok));
    app.db
        .write(move |tx| {
            let wishes = wishes.clone();
            Box::pin(async move {
                if let Some(zone) = zone {
                    mail_wishes::set_zone(tx, id, Some(zone.name())).await?;
                }
                for wished in wishes {
                    mail_wishes::set_wish(tx, id, wished).await?;
                }
                Ok::<(), Error>(())
            })
        })
        .await?;
    of(app, person).await
}

fn read(person: &Person, about: &str, wish: &str) -> Result<Wished, FieldError> {
    let choices = About::choices(person.is_staff());
    let Some(found) = About::parse(about).filter(|found| choices.contains(found)) else {
        let known: Vec<&str> = choices.iter().map(|about| about.as_str()).collect();
        let text = match About::parse(about) {
            Some(About::Turn) => "Mail about your own turn is always sent at once".to_owned(),
            Some(_) | None => format!("There is no choice {about:?}: choose from {}", known.join(", ")),
        };
        return Err(FieldError::new(About::parse(about).map_or("about", About::as_str), "unknown", text));
    };
    let words: Vec<&str> = Wish::ALL.iter().map(|wish| wish.as_str()).collect();
    let wish = Wish::parse(wish)
        .ok_or_else(|| FieldError::new(about, "unknown", format!("Choose one of {}", words.join(", "))))?;
    Ok(Wished { about: found, wish })
}

/// When a mail about a case is sent to a person.
pub(super) fn decide(case: &Case, person: &Person, wishes: &Wishes, template: &str) -> Wish {
    let about = About::of(template);
    let side = if person.is_staff() { WaitingOn::Vendor } else { WaitingOn::Customer };
    let reader = Reader {
        is_staff: person.is_staff(),
        has_claimed: case.claimant() == Some(person.id),
        waits_for_side: case.waiting_on == side,
    };
    reader.decide(about, wishes.wishes.iter().find(|(known, _)| *known == about).map(|(_, wish)| *wish))
}

/// Writes a line of a person's next mail of the day, which is asked for with its first line.
///
/// # Errors
/// What the database says.
pub(super) async fn put_off(
    tx: &mut Tx,
    case: &Case,
    (person, zone): (&Person, Tz),
    (key, headline): (String, String),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let mut after = at;
    // A mail that was taken to be sent at this very moment takes no more lines: then the next one does.
    for _ in 0..3 {
        let due = next_digest(zone, after);
        let mail_key = format!("digest.{}.{}", person.id, due.timestamp());
        personal_mails::ask(tx, (mail_key.clone(), person.id), (DIGEST, Value::Null), (at, due)).await?;
        let line = Line {
            line_key: key.clone(),
            mail_key,
            customer_id: case.customer,
            case_id: case.id,
            headline: headline.clone(),
            at,
        };
        if mail_wishes::add_line(tx, &line).await? {
            return Ok(());
        }
        after = due;
    }
    Err(Error::Internal(format!("no mail of the day takes the line {key}")))
}

/// What a mail of the day says; none where nothing is left that its reader may see. Rights are those of this moment.
///
/// # Errors
/// What the database says.
pub(super) async fn digest(
    app: &App,
    tx: &mut Tx,
    mail: &PersonalMail,
    person: &Person,
) -> Result<Option<Value>, Error> {
    let zone = load(tx, person).await?.zone;
    let (lines, all) = mail_wishes::lines(tx, &mail.mail_key, MOST_LINES).await?;
    let mut rows: Vec<Value> = Vec::with_capacity(lines.len());
    for line in &lines {
        let Some(case) = cases::by_id(tx, line.customer_id, line.case_id).await? else { continue };
        if !case.is_visible_to(person) {
            continue;
        }
        rows.push(json!({
            "number": case.number,
            "title": case.title,
            "headline": line.headline,
            "at": instant_in(line.at, zone),
            "url": format!("{}/cases/{}", app.public_url, case.number),
        }));
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let more = all - i64::try_from(lines.len()).unwrap_or(all);
    Ok(Some(
        json!({"rows": rows, "count": rows.len(), "more": more, "settings": format!("{}/account", app.public_url)}),
    ))
}
