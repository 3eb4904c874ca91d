//! Effects and mails that were given up or are held, in the words of the administrator's page: what should have reached
//! whom, and why it did not.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{App, Error, admin, mails, personal_mails};
use crate::domain::actor::Person;
use crate::domain::case::Case;
use crate::domain::channel::Channel;
use crate::store::outbox::{self, Dead, Effect, Kind};
use crate::store::personal_mails::PersonalMail;
use crate::store::{self, Tx, cases, people};

/// An effect, or a mail to one person, that was given up or is held.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its key.
    pub key: String,
    /// When it was ordered.
    pub at: DateTime<Utc>,
    /// How often it was tried.
    pub attempts: i64,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// What it was: the subject of the mail, or the task.
    pub subject: String,
    /// Who should have got it: an address, or the product.
    pub to: String,
    /// The number of its case.
    pub case: Option<i64>,
}

/// What was given up or is held, newest first, and how many effects wait.
///
/// # Errors
/// [`Error::Forbidden`] for others than administrators; what the database says.
pub async fn list(app: &App, person: &Person) -> Result<(Vec<DeadLetter>, i64), Error> {
    admin::require_admin(person)?;
    let letters = all(app).await?;
    Ok((letters, outbox::pending(&mut app.db.read().await?).await?))
}

/// The same for the command line, whose user has the database and the master key anyway.
///
/// # Errors
/// What the database says.
pub async fn all(app: &App) -> Result<Vec<DeadLetter>, Error> {
    let mut tx = app.db.read().await?;
    let mut letters = Vec::new();
    for dead in outbox::dead(&mut tx).await? {
        letters.push(describe(app, &mut tx, dead).await?);
    }
    for mail in store::personal_mails::dead(&mut tx).await? {
        letters.push(personal(app, &mut tx, mail).await?);
    }
    letters.sort_by_key(|letter| std::cmp::Reverse(letter.at));
    Ok(letters)
}

/// Which of the held effects go out when the hold ends.
#[derive(Clone, Debug)]
pub enum Release {
    /// All of them.
    All,
    /// None; each can be sent on its own later.
    Nothing,
    /// These, by their keys.
    These(Vec<String>),
}

/// Ends the hold that a restore began, and says how many held effects go out.
///
/// # Errors
/// [`Error::Invalid`] names a key under which nothing was given up or held; nothing has changed then.
pub async fn release(app: &Arc<App>, which: Release) -> Result<u64, Error> {
    let at = app.now();
    let sent = app
        .db
        .write(move |tx| {
            let which = which.clone();
            Box::pin(async move {
                outbox::end_hold(tx).await?;
                match which {
                    Release::All => {
                        let personal = store::personal_mails::revive_held(tx, at).await?;
                        Ok(outbox::revive_held(tx, at).await? + personal)
                    }
                    Release::Nothing => Ok(0),
                    Release::These(keys) => {
                        for key in &keys {
                            if !revive(tx, key, at).await? {
                                let text = format!("nothing is held under {key}: see `postern outbox list`");
                                return Err(Error::field("--key", "unknown", text));
                            }
                        }
                        Ok(keys.len() as u64)
                    }
                }
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(sent)
}

/// Tries again what was given up or is held; where it is on its way again already, nothing is to be done.
///
/// # Errors
/// [`Error::NotFound`] where there is nothing with this key; [`Error::Forbidden`].
pub async fn resend(app: &Arc<App>, person: &Person, key: String) -> Result<(), Error> {
    admin::require_admin(person)?;
    let at = app.now();
    let found = app
        .db
        .write(move |tx| {
            let key = key.clone();
            Box::pin(async move {
                let known = revive(tx, &key, at).await?
                    || outbox::exists(tx, &key).await?
                    || store::personal_mails::exists(tx, &key).await?;
                Ok::<bool, Error>(known)
            })
        })
        .await?;
    app.wake.notify_waiters();
    if found { Ok(()) } else { Err(Error::NotFound) }
}

async fn revive(tx: &mut Tx, key: &str, at: DateTime<Utc>) -> Result<bool, Error> {
    Ok(outbox::revive(tx, key, at).await? || store::personal_mails::revive(tx, key, at).await?)
}

async fn describe(app: &App, tx: &mut Tx, dead: Dead) -> Result<DeadLetter, Error> {
    let case = cases::by_id(tx, dead.customer_id, dead.case_id).await?;
    let channel = case.as_ref().map_or(Channel::Smtp, Case::channel);
    let case = case.map(|case| case.number);
    let (subject, to) = match dead.kind {
        Kind::Mail => mail(app, tx, &dead).await?,
        Kind::Apply => (format!("Apply the {} settings", channel.name()), app.brand.product.clone()),
        Kind::TestAlert => ("Test alert".to_owned(), format!("The customer's {}", channel.server_name())),
    };
    Ok(DeadLetter {
        key: dead.effect_key,
        at: dead.created_at,
        attempts: dead.attempts,
        last_error: dead.last_error,
        subject,
        to,
        case,
    })
}

/// A mail to one person, as it would be sent now.
async fn personal(app: &App, tx: &mut Tx, mail: PersonalMail) -> Result<DeadLetter, Error> {
    let (subject, to) = match personal_mails::compose(app, tx, &mail).await {
        Ok(Some(outgoing)) => (outgoing.subject, outgoing.to.address),
        Ok(None) | Err(Error::Internal(_) | Error::View(_)) => {
            let reader = people::by_id(tx, mail.person_id).await?;
            (format!("Mail {}", mail.template), reader.map(|entry| entry.person.email).unwrap_or_default())
        }
        Err(other) => return Err(other),
    };
    Ok(DeadLetter {
        key: mail.mail_key,
        at: mail.asked_at,
        attempts: mail.attempts,
        last_error: mail.last_error,
        subject,
        to,
        case: None,
    })
}

/// The mail as it would be sent now. One that no longer has a recipient, or whose template is gone, is named by its row.
async fn mail(app: &App, tx: &mut Tx, dead: &Dead) -> Result<(String, String), Error> {
    let effect = Effect {
        effect_key: dead.effect_key.clone(),
        customer_id: dead.customer_id,
        case_id: dead.case_id,
        case_entered: dead.case_entered,
        kind: dead.kind,
        payload: dead.payload.clone(),
        attempts: dead.attempts,
    };
    let unnamed = || {
        let template =
            dead.payload.0.get("template").and_then(serde_json::Value::as_str).unwrap_or("without a template");
        (format!("Mail {template}"), "Nobody who may still read it".to_owned())
    };
    match mails::compose(app, tx, &effect).await {
        Ok(Some(outgoing)) => Ok((outgoing.subject, outgoing.to.address)),
        Ok(None) | Err(Error::Internal(_) | Error::View(_)) => Ok(unnamed()),
        Err(other) => Err(other),
    }
}
