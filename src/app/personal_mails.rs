//! Mail to one person that belongs to no case: asked for in the transaction of what it tells of, sent later, under the same
//! Message-ID however often it is tried.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::types::Json;

use super::{App, Error, mail_wishes, mails};
use crate::domain::id::PersonId;
use crate::mail::Outgoing;
use crate::store::personal_mails::{self, PersonalMail};
use crate::store::{Tx, people};
use crate::views::common::Brand;
use crate::views::mail::{PersonalContext, Recipient};

/// Longer than sending a mail takes.
const LEASE: TimeDelta = TimeDelta::minutes(4);

/// Asks for a mail from the folder `templates/letter/<template>`, filled with `facts`, from the second instant on. A key
/// that was asked for before is not asked for twice.
///
/// # Errors
/// What the database says.
pub(super) async fn ask(
    tx: &mut Tx,
    (key, person): (String, PersonId),
    (template, facts): (&str, Value),
    (asked_at, not_before): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), Error> {
    let mail = PersonalMail {
        mail_key: key,
        person_id: person,
        template: template.to_owned(),
        payload: Json(facts),
        asked_at,
        not_before: Some(not_before),
        attempts: 0,
        last_error: None,
    };
    Ok(personal_mails::ask(tx, &mail).await?)
}

/// Claims the mail that is due.
///
/// # Errors
/// What the database says.
pub async fn claim(app: &Arc<App>) -> Result<Option<PersonalMail>, Error> {
    let at = app.now();
    app.db
        .write(move |tx| Box::pin(async move { Ok::<_, Error>(personal_mails::claim(tx, at, at + LEASE).await?) }))
        .await
}

/// The mail as it is sent; none where the person may not have it any more.
///
/// # Errors
/// What the database says; [`Error::View`] for a template that does not render.
pub async fn compose(app: &App, tx: &mut Tx, mail: &PersonalMail) -> Result<Option<Outgoing>, Error> {
    let entry = people::by_id(tx, mail.person_id).await?.filter(|entry| entry.active);
    let Some(entry) = entry else { return Ok(None) };
    let facts = if mail.template == mail_wishes::DIGEST {
        mail_wishes::digest(app, tx, mail, &entry.person).await?
    } else {
        Some(mail.payload.0.clone())
    };
    let Some(facts) = facts else { return Ok(None) };
    let context = PersonalContext {
        brand: Brand { vendor: app.brand.vendor.clone(), product: app.brand.product.clone() },
        to: Recipient { name: entry.person.name.clone() },
        facts,
    };
    let text = app.views.personal(&mail.template, &context)?;
    Ok(Some(mails::personal(app, entry.person, (format!("personal.{}", mail.mail_key), mail.asked_at), text)))
}

/// Notes what became of a mail.
///
/// # Errors
/// What the database says.
pub async fn settle(
    app: &Arc<App>,
    mail: PersonalMail,
    again: Option<DateTime<Utc>>,
    error: Option<String>,
) -> Result<(), Error> {
    app.db
        .write(move |tx| {
            let (mail, error) = (mail.clone(), error.clone());
            Box::pin(async move { Ok::<(), Error>(personal_mails::settle(tx, &mail, again, error.as_deref()).await?) })
        })
        .await
}

/// The last mail to a person.
///
/// # Errors
/// What the database says.
pub async fn last(app: &App, person: PersonId) -> Result<Option<PersonalMail>, Error> {
    Ok(personal_mails::last(&mut app.db.read().await?, person).await?)
}
