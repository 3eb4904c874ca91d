//! The last steps of a case: applying its settings to the product, and the test alert.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::firing::{Firing, answers, came_too_late};
use super::syslog::product;
use super::turn::fire;
use super::webhooks::events;
use super::{App, Error, Secrets};
use crate::apply::{Applied, ApplyError, ApplyRequest, FileTarget, Outcome, PasswordChange, Target, TieTarget};
use crate::domain::actor::Actor;
use crate::domain::case::Case;
use crate::domain::id::{SettingsId, TenantId};
use crate::domain::workflow::{Data, Value};
use crate::secret::Secret;
use crate::store::outbox::Effect;
use crate::store::settings::{self, Settings};
use crate::store::{Tx, cases, customers, outbox};

/// A task of the outbox, with what it needs from the vault.
pub struct Task {
    /// The settings.
    pub settings: Settings,
    /// Account and password, opened.
    pub account: Option<Secret>,
    /// The password.
    pub password: Option<Secret>,
    /// The case.
    pub case: Case,
    /// The event that answers.
    pub answers: String,
}

/// Loads what an apply or a test alert needs.
///
/// # Errors
/// What the database and the vault say.
pub async fn load(app: &App, tx: &mut Tx, effect: &Effect) -> Result<Task, Error> {
    let missing = |what: &str| missing(effect, what);
    let id: SettingsId = serde_json::from_value(effect.payload.0.get("settings").cloned().unwrap_or_default())
        .map_err(|_not_an_id| missing("settings"))?;
    let answers = answers_of(effect)?;
    let case = cases::by_id(tx, effect.customer_id, effect.case_id).await?.ok_or_else(|| missing("case"))?;
    let settings = settings::by_id(tx, effect.customer_id, id).await?.ok_or_else(|| missing("settings"))?;
    Ok(Task { answers, ..opened(app, tx, case, settings).await? })
}

/// Settings of a case with what they need from the vault; no event answers.
///
/// # Errors
/// What the database and the vault say.
pub async fn opened(app: &App, tx: &mut Tx, case: Case, settings: Settings) -> Result<Task, Error> {
    let account = match settings.account_id {
        Some(id) => Some(app.vault.get(tx, case.customer, id).await?),
        None => None,
    };
    let password = match settings.password_id {
        Some(id) => Some(app.vault.get(tx, case.customer, id).await?),
        None => None,
    };
    Ok(Task { settings, account, password, case, answers: String::new() })
}

fn missing(effect: &Effect, what: &str) -> Error {
    Error::Internal(format!("outbox row {}: {what} is missing", effect.effect_key))
}

/// The event with which the machine answers an effect.
fn answers_of(effect: &Effect) -> Result<String, Error> {
    let answers = effect.payload.0.get("answers").and_then(Json::as_str);
    answers.map(str::to_owned).ok_or_else(|| missing(effect, "answers"))
}

/// Where the settings of a case go, and the SMTP password that is in force there, if our vault knows it.
///
/// # Errors
/// What the database and the vault say; [`Error::Internal`] for a tenant whose API is not usable.
pub async fn target(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    tenant: Option<TenantId>,
) -> Result<(Target, Option<Secret>), Error> {
    let customer = case.customer;
    let tenant = match tenant {
        Some(id) => customers::tenant(tx, customer, id).await?,
        None => None,
    };
    let name = tenant.as_ref().map_or_else(|| format!("case-{}", case.number), |tenant| tenant.name.clone());
    let Some((base_url, key)) = tenant.as_ref().and_then(|tenant| tenant.base_url.clone().zip(tenant.api_key)) else {
        return Ok((Target::File(FileTarget { folder: app.data.join("settings"), tenant: name }), None));
    };
    let key = app.vault.get(tx, customer, key).await?;
    let target = TieTarget::new(&base_url, key, None).map_err(|error| Error::Internal(error.to_string()))?;
    let in_use = match tenant.and_then(|tenant| tenant.settings_in_use) {
        Some(id) => settings::by_id(tx, customer, id).await?,
        None => None,
    };
    let previous = match in_use.and_then(|settings| settings.password_id) {
        Some(id) => Some(app.vault.get(tx, customer, id).await?),
        None => None,
    };
    Ok((Target::Tie(target), previous))
}

/// What the product is asked to hold.
///
/// # Errors
/// [`Error::Internal`] for a port outside 1 to 65535.
pub fn request(task: &Task) -> Result<ApplyRequest, Error> {
    let port = u16::try_from(task.settings.port).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(ApplyRequest {
        reference: format!("case-{}", task.case.number),
        host: task.settings.host.clone(),
        port,
        encryption: task.settings.encryption,
        account: task.account.as_ref().map(|account| account.expose().to_owned()),
        password: match (&task.password, task.settings.password_id) {
            (Some(password), Some(id)) => {
                PasswordChange::Set { password: password.clone(), vault_reference: id.to_string() }
            }
            _ => PasswordChange::Clear,
        },
        sender: task.settings.sender.clone(),
    })
}

/// How an apply ended, in the words of the workflow.
pub struct ApplyAnswer {
    /// `applied`, `by_hand` or `failed`.
    pub outcome: &'static str,
    /// A sentence or two for the case page.
    pub evidence: String,
}

/// Puts the result of an apply into words.
pub fn judge(result: &Result<Applied, ApplyError>) -> ApplyAnswer {
    match result {
        Ok(applied) => match &applied.outcome {
            Outcome::Applied => ApplyAnswer {
                outcome: "applied",
                evidence: "Every field was read back equal. The product does not show its password, so only the test \
                           alert proves that."
                    .to_owned(),
            },
            Outcome::WrittenToFile { path } => ApplyAnswer {
                outcome: "by_hand",
                evidence: format!(
                    "The settings were written to {}. Enter them in the product and confirm.",
                    path.display()
                ),
            },
            Outcome::Failed { reason, .. } => {
                let back = applied.put_back.as_ref().map(crate::apply::PutBack::sentence).unwrap_or_default();
                ApplyAnswer { outcome: "failed", evidence: format!("{reason}. {back}") }
            }
        },
        Err(error) => ApplyAnswer { outcome: "failed", evidence: format!("{error}. The product was not changed.") },
    }
}

/// Settles an apply: records it, and fires the answer unless the case has moved on.
///
/// # Errors
/// What the database says.
pub async fn settle_apply(app: &Arc<App>, effect: Effect, answer: ApplyAnswer) -> Result<(), Error> {
    let fields = answers([("apply_outcome", answer.outcome), ("evidence", &clip(&answer.evidence))]);
    let applied = (answer.outcome == "applied").then_some(Applying::Smtp);
    settle(app, &app.node, effect, fields, applied).await
}

/// Settles an apply of SYSLOG settings, as [`settle_apply`]; `product_id` is what the product calls them.
///
/// # Errors
/// What the database says.
pub async fn settle_syslog(
    app: &Arc<App>,
    effect: Effect,
    answer: ApplyAnswer,
    product_id: Option<i64>,
) -> Result<(), Error> {
    let fields = answers([("apply_outcome", answer.outcome), ("evidence", &clip(&answer.evidence))]);
    let applied = (answer.outcome == "applied").then_some(Applying::Syslog(product_id));
    settle(app, &app.node, effect, fields, applied).await
}

/// Settings that came into force.
#[derive(Clone, Copy)]
enum Applying {
    /// Those of the SMTP server.
    Smtp,
    /// An alert by SYSLOG, with what the product calls it.
    Syslog(Option<i64>),
}

/// Settles a test alert that `owner` holds.
///
/// # Errors
/// What the database says.
pub async fn settle_alert(
    app: &Arc<App>,
    owner: &str,
    effect: Effect,
    sent: bool,
    (evidence, test_id): (&str, Option<&str>),
) -> Result<(), Error> {
    let word = if sent { "sent" } else { "failed" };
    let mut data = answers([("alert_outcome", word), ("evidence", &clip(evidence))]);
    data.extend(test_id.map(|id| ("test_id".to_owned(), Value::from(id))));
    settle(app, owner, effect, data, None).await
}

async fn settle(
    app: &Arc<App>,
    owner: &str,
    effect: Effect,
    data: Data,
    applied: Option<Applying>,
) -> Result<(), Error> {
    let (shared, owner) = (Arc::clone(app), owner.to_owned());
    app.db
        .write(move |tx| {
            let (app, owner, effect, data) = (Arc::clone(&shared), owner.clone(), effect.clone(), data.clone());
            Box::pin(async move {
                let at = app.now();
                if !outbox::settle(tx, &effect.effect_key, &owner, at).await? {
                    return Ok(());
                }
                // Held before it is read, so that a person's act at the same moment waits.
                let held = cases::hold_by_id(tx, effect.customer_id, effect.case_id).await?;
                let mut case = held.ok_or_else(|| missing(&effect, "case"))?;
                match applied {
                    Some(Applying::Smtp) => record_applied(&app, tx, &effect, at).await?,
                    Some(Applying::Syslog(id)) => product::record_applied(tx, &effect, id, at).await?,
                    None => {}
                }
                let event = answers_of(&effect)?;
                let firing = Firing {
                    actor: &Actor::Machine,
                    event: &event,
                    data,
                    secrets: &Secrets::new(),
                    expected_entered: u64::try_from(effect.case_entered).ok(),
                    probe: None,
                    at,
                };
                let late = came_too_late(fire(&app, tx, &mut case, firing).await)?;
                if late {
                    tracing::info!(key = effect.effect_key, "an answer came after the case had moved on");
                }
                Ok::<(), Error>(())
            })
        })
        .await
}

async fn record_applied(app: &App, tx: &mut Tx, effect: &Effect, at: DateTime<Utc>) -> Result<(), Error> {
    let task = load(app, tx, effect).await?;
    let (customer, id) = (task.case.customer, task.settings.id);
    settings::set_applied(tx, (customer, id), at, "read back").await?;
    if let Some(tenant) = task.settings.tenant_id {
        customers::set_settings_in_use(tx, (customer, tenant), id).await?;
    }
    events::applied(app, tx, &task.case, id, at).await
}

/// The longest evidence that a definition takes.
fn clip(text: &str) -> String {
    text.chars().take(2_000).collect()
}
