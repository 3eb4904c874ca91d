//! SYSLOG settings and the product: applying them, what it offers to choose from, what it holds.

use chrono::{DateTime, Utc};

use super::newest;
use crate::app::completion::{self, ApplyAnswer};
use crate::app::desk::Comparison;
use crate::app::{App, Error};
use crate::apply::{ApplyError, Offers, Outcome, SyslogApplied, SyslogRequest, Target};
use crate::domain::actor::Person;
use crate::domain::case::Case;
use crate::domain::id::SettingsId;
use crate::store::outbox::Effect;
use crate::store::syslog_settings::{self as settings, SyslogSettings};
use crate::store::{Tx, cases};

/// What an apply in the outbox needs: where it goes and what shall stand there.
///
/// # Errors
/// What the database and the vault say; [`Error::Internal`] where the row lacks something.
pub async fn task(app: &App, tx: &mut Tx, effect: &Effect) -> Result<(Target, SyslogRequest), Error> {
    let missing = |what: &str| Error::Internal(format!("outbox row {}: {what} is missing", effect.effect_key));
    let case = cases::by_id(tx, effect.customer_id, effect.case_id).await?.ok_or_else(|| missing("case"))?;
    let id = settings_of(effect).ok_or_else(|| missing("settings"))?;
    let wanted = settings::by_id(tx, effect.customer_id, id).await?.ok_or_else(|| missing("settings"))?;
    place(app, tx, &case, &wanted).await
}

async fn place(app: &App, tx: &mut Tx, case: &Case, wanted: &SyslogSettings) -> Result<(Target, SyslogRequest), Error> {
    let (target, _password) = completion::target(app, tx, case, wanted.tenant_id).await?;
    let earlier = settings::of_case(tx, case.customer, case.id).await?;
    let port = u16::try_from(wanted.port).map_err(|error| Error::Internal(error.to_string()))?;
    let request = SyslogRequest {
        reference: format!("case-{}", case.number),
        known: earlier.iter().find_map(|revision| revision.product_id),
        host: wanted.host.clone(),
        port,
        transport: wanted.transport,
        input: wanted.input_type,
        directories: wanted.directories.0.clone(),
        threshold: wanted.threshold,
        profiles: wanted.profiles.0.clone(),
        checkers: wanted.checkers.0.clone(),
        attack_types: wanted.attack_types.0.clone(),
        health_checks: wanted.health_checks.0.clone(),
        initial: wanted.initial_alerts,
    };
    Ok((target, request))
}

fn settings_of(effect: &Effect) -> Option<SettingsId> {
    effect.payload.0.get("settings").cloned().and_then(|id| serde_json::from_value(id).ok())
}

/// Puts the result of an apply into words; with it the product's id where the settings are in force.
pub fn judge(result: &Result<SyslogApplied, ApplyError>) -> (ApplyAnswer, Option<i64>) {
    let applied = match result {
        Ok(applied) => applied,
        Err(error) => {
            let evidence = format!("{error}. The product was not changed.");
            return (ApplyAnswer { outcome: "failed", evidence }, None);
        }
    };
    let answer = match &applied.outcome {
        Outcome::Applied => ApplyAnswer {
            outcome: "applied",
            evidence: format!("Every field was read back equal.{}", others(&applied.others)),
        },
        Outcome::WrittenToFile { path } => ApplyAnswer {
            outcome: "by_hand",
            evidence: format!(
                "The settings were written to {}. Enter them in the product and confirm.",
                path.display()
            ),
        },
        Outcome::Failed { reason, .. } => {
            let back = applied.put_back.as_deref().unwrap_or_default();
            ApplyAnswer { outcome: "failed", evidence: format!("{reason}. {back}") }
        }
    };
    (answer, applied.id)
}

/// Other alerts to the same receiver are somebody's wish until somebody says otherwise.
fn others(ids: &[i64]) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    format!(" The product has other alerts to this receiver ({}); they were left as they are.", ids.join(", "))
}

/// Records that the settings of an apply are in force.
///
/// # Errors
/// What the database says.
pub(in crate::app) async fn record_applied(
    tx: &mut Tx,
    effect: &Effect,
    product_id: Option<i64>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(id) = settings_of(effect) else { return Ok(()) };
    Ok(settings::set_applied(tx, (effect.customer_id, id), at, ("read back", product_id)).await?)
}

/// What the product of a case offers to choose from; `None` where it cannot be asked. Never inside a transaction.
///
/// # Errors
/// [`Error::Forbidden`] for people who do not work the queue; what the database and the vault say.
pub async fn offers(app: &App, person: &Person, case: &Case) -> Result<Option<Offers>, Error> {
    if !person.works_queue() {
        return Err(Error::Forbidden("The product is asked for the vendor's engineers"));
    }
    let (target, _password) = completion::target(app, &mut app.db.read().await?, case, case.tenant).await?;
    Ok(target.offers().await)
}

/// What the product holds beside the newest settings of a case.
///
/// # Errors
/// [`Error::NotFound`] where the case has no settings yet; what the database and the vault say.
pub async fn compare(app: &App, case: &Case) -> Result<Comparison, Error> {
    let (target, request) = {
        let mut tx = app.db.read().await?;
        let wanted = match newest(&mut tx, case).await {
            Ok(wanted) => wanted,
            Err(Error::Internal(_none)) => return Err(Error::NotFound),
            Err(other) => return Err(other),
        };
        place(app, &mut tx, case, &wanted).await?
    };
    Ok(match target.compare_syslog(&request).await {
        Ok(Some(rows)) => Comparison::Read(rows),
        Ok(None) => Comparison::NoApi(target.describe()),
        Err(error) => Comparison::Failed(error),
    })
}
