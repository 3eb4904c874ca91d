//! Effects that were given up, in the words of the administrator's page: what should have reached whom, and why it did not.

use super::{App, Error, admin, mails};
use crate::domain::actor::Person;
use crate::store::outbox::{Dead, Effect, Kind};
use crate::store::{Tx, cases};

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

async fn describe(app: &App, tx: &mut Tx, dead: Dead) -> Result<DeadLetter, Error> {
    let case = cases::by_id(tx, dead.customer_id, dead.case_id).await?.map(|case| case.number);
    let (subject, to) = match dead.kind {
        Kind::Mail => mail(app, tx, &dead).await?,
        Kind::Apply => ("Apply the SMTP settings".to_owned(), app.brand.product.clone()),
        Kind::TestAlert => ("Test alert".to_owned(), "The customer's SMTP server".to_owned()),
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
