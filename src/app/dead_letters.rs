//! Effects that were given up, in the words of the administrator's page: what should have reached whom, and why it did not.

use std::sync::Arc;

use super::{App, Error, admin, mails};
use crate::domain::actor::Person;
use crate::domain::case::Case;
use crate::domain::channel::Channel;
use crate::store::outbox::{self, Dead, Effect, Kind};
use crate::store::{Tx, cases, personal_mails};

/// An effect that was given up.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The row as it is stored.
    pub dead: Dead,
    /// What it was: the subject of the mail, or the task.
    pub subject: String,
    /// Who should have got it: an address, or the product.
    pub to: String,
    /// The number of its case.
    pub case: Option<i64>,
}

/// Effects that were given up, newest first, and how many wait.
///
/// # Errors
/// [`Error::Forbidden`] for others than administrators; what the database says.
pub async fn list(app: &App, person: &Person) -> Result<(Vec<DeadLetter>, i64), Error> {
    let (dead, waiting) = admin::dead_letters(app, person).await?;
    let mut tx = app.db.read().await?;
    let mut letters = Vec::with_capacity(dead.len());
    for dead in dead.into_iter().rev() {
        letters.push(describe(app, &mut tx, dead).await?);
    }
    Ok((letters, waiting))
}

/// The same for the command line, whose user has the database and the master key anyway.
///
/// # Errors
/// What the database says.
pub async fn all(app: &App) -> Result<Vec<DeadLetter>, Error> {
    let mut tx = app.db.read().await?;
    let mut letters = Vec::new();
    for dead in outbox::dead(&mut tx).await?.into_iter().rev() {
        letters.push(describe(app, &mut tx, dead).await?);
    }
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
                        let personal = personal_mails::revive_held(tx, at).await?;
                        Ok(outbox::revive_held(tx, at).await? + personal)
                    }
                    Release::Nothing => Ok(0),
                    Release::These(keys) => {
                        for key in &keys {
                            if !outbox::revive(tx, key, at).await? {
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

async fn describe(app: &App, tx: &mut Tx, dead: Dead) -> Result<DeadLetter, Error> {
    let case = cases::by_id(tx, dead.customer_id, dead.case_id).await?;
    let channel = case.as_ref().map_or(Channel::Smtp, Case::channel);
    let case = case.map(|case| case.number);
    let (subject, to) = match dead.kind {
        Kind::Mail => mail(app, tx, &dead).await?,
        Kind::Apply => (format!("Apply the {} settings", channel.name()), app.brand.product.clone()),
        Kind::TestAlert => ("Test alert".to_owned(), format!("The customer's {}", channel.server_name())),
    };
    Ok(DeadLetter { dead, subject, to, case })
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
