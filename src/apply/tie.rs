//! Applying settings through the API of Tenable Identity Exposure: read, write, read back, put back on failure.
//!
//! The rules: only SMTP fields are sent and `smtpRelayId` never; what the product answers in the place of the password
//! may be a mask and is neither kept nor sent; fields that we do not know are tolerated in answers.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::error::{ApplyError, Step};
use super::exchange::Exchange;
use super::fields::{self, COMPARED, PASSWORD};
use super::relays::{self, RelaysRead};
use super::{
    Applied, ApplyRequest, BeforeImage, Comparison, FieldCheck, Outcome, PasswordAfter, PasswordChange, PutBack,
    PutBackState, TestAlert,
};
use crate::redact::excerpt;
use crate::secret::Secret;

const SETTINGS: &str = "/api/application-settings";
const TEST_MESSAGE: &str = "/api/email-notifiers/test-message";
/// The limit of one exchange.
const LIMIT: Duration = Duration::from_secs(15);

/// One tenant of the product.
pub struct TieTarget {
    exchange: Exchange,
}

impl TieTarget {
    /// Checks the tenant's base URL (`https://name.tenable.ad`; plain http only to this machine) and API key. `ca_pem`
    /// adds trusted roots for a product with a certificate of the house. Connects to nobody.
    pub fn new(base_url: &str, api_key: Secret, ca_pem: Option<&str>) -> Result<Self, ApplyError> {
        Self::with_limit(base_url, api_key, ca_pem, LIMIT)
    }

    /// The same with a limit of its own for each exchange.
    pub fn with_limit(
        base_url: &str,
        api_key: Secret,
        ca_pem: Option<&str>,
        limit: Duration,
    ) -> Result<Self, ApplyError> {
        Ok(Self { exchange: Exchange::new(base_url, api_key, ca_pem, limit)? })
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub(super) fn describe(&self) -> String {
        format!("Settings are applied through the product's API at {}", self.exchange.base())
    }

    /// The settings in force.
    pub async fn current(&self) -> Result<BeforeImage, ApplyError> {
        self.read(Step::Read, &[]).await
    }

    pub(super) async fn relays(&self) -> Result<RelaysRead, ApplyError> {
        relays::read(&self.exchange).await
    }

    pub(super) async fn apply(
        &self,
        request: &ApplyRequest,
        previous_password: Option<&Secret>,
    ) -> Result<Applied, ApplyError> {
        let body = fields::with_password(&fields::wanted(request)?, &request.password);
        let secrets = secrets(&request.password, previous_password);
        let before = self.current().await?;
        let written = self.write(Step::Write, &body, &secrets).await;
        let trouble = match written {
            Ok(_) => None,
            Err(error) if error.may_have_written() => Some(error),
            Err(error) => return Err(error),
        };
        let (after, unread) = match self.read_twice(&secrets).await {
            Ok(after) => (Some(after), None),
            Err(error) => (None, Some(error)),
        };
        let read_back = fields::compare(&body, after.as_ref());
        let failure = judge(&body, &before, &read_back, trouble, unread);
        let put_back = match &failure {
            None => None,
            Some(_) => Some(self.undo(&before, after.as_ref(), &body, previous_password).await),
        };
        let outcome = failure.unwrap_or(Outcome::Applied);
        Ok(Applied { before: Some(before), sent: fields::hidden(&body), read_back, outcome, put_back })
    }

    /// Writes settings that stood there before, for a case that is rolled back. `password_was_changed` says whether
    /// the product's password is not the one of that time; it is restored only from `previous_password`.
    pub async fn put_back(
        &self,
        before: &BeforeImage,
        password_was_changed: bool,
        previous_password: Option<&Secret>,
    ) -> PutBack {
        let mut body: Map<String, Value> = Map::new();
        for name in COMPARED {
            // A sender is not nullable in the product; an absent one is left as it is.
            if let Some(value) = before.fields.get(name)
                && !(name == fields::SENDER && value.is_null())
            {
                body.insert(name.to_owned(), value.clone());
            }
        }
        let password = match (password_was_changed, previous_password) {
            (false, _) => PasswordAfter::Untouched,
            (true, Some(previous)) => {
                body.insert(PASSWORD.to_owned(), json!(previous.expose()));
                PasswordAfter::Restored
            }
            (true, None) => {
                // The new password belongs to the new server and must not be shown to the previous one.
                body.insert(PASSWORD.to_owned(), Value::Null);
                PasswordAfter::PreviousUnknown
            }
        };
        let secrets: Vec<&Secret> = previous_password.into_iter().collect();
        let state = match self.write_and_compare(&body, &secrets).await {
            Ok(()) => PutBackState::Done,
            Err(reason) => PutBackState::Failed { reason },
        };
        // What was not stored was not restored either.
        let password = match (&state, password) {
            (PutBackState::Failed { .. }, PasswordAfter::Restored) => PasswordAfter::PreviousUnknown,
            (_, password) => password,
        };
        PutBack { state, sent: fields::hidden(&body), password }
    }

    pub(super) async fn product_test_alert(&self, to: &str, directories: &[i64]) -> Result<TestAlert, ApplyError> {
        let refused = |field, received: &str, advice| {
            Err(ApplyError::Refused { field, received: excerpt(received, 120), advice })
        };
        if !to.contains('@') || to.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refused("recipient", to, "give one e-mail address");
        }
        if directories.is_empty() {
            return refused("directories", "none", "the product wants at least one directory id, usually 1");
        }
        let sent = json!({
            "address": to,
            "criticityThreshold": 0,
            "directories": directories,
            "inputType": "healthChecks",
        });
        let answer = self.exchange.send(Step::TestAlert, Method::POST, TEST_MESSAGE, Some(&sent), &[]).await?;
        Ok(TestAlert { sent, answer })
    }

    async fn read(&self, step: Step, secrets: &[&Secret]) -> Result<BeforeImage, ApplyError> {
        let answer = self.exchange.send(step, Method::GET, SETTINGS, None, secrets).await?;
        // The answer may hold a password, so none of it is repeated.
        fields::image(&answer).map_err(|problem| ApplyError::Garbage { step, problem, body: "(not repeated)".into() })
    }

    /// Reading changes nothing, so one stumble of the product does not undo a good apply.
    async fn read_twice(&self, secrets: &[&Secret]) -> Result<BeforeImage, ApplyError> {
        match self.read(Step::ReadBack, secrets).await {
            Ok(image) => Ok(image),
            Err(_first) => self.read(Step::ReadBack, secrets).await,
        }
    }

    async fn write(&self, step: Step, body: &Map<String, Value>, secrets: &[&Secret]) -> Result<Value, ApplyError> {
        let body = Value::Object(body.clone());
        let answer = self.exchange.send(step, Method::PATCH, SETTINGS, Some(&body), secrets).await?;
        if answer.is_object() {
            return Ok(answer);
        }
        let problem = "a JSON object was expected".to_owned();
        Err(ApplyError::Garbage { step, problem, body: "(not repeated)".into() })
    }

    async fn write_and_compare(&self, body: &Map<String, Value>, secrets: &[&Secret]) -> Result<(), String> {
        self.write(Step::PutBack, body, secrets).await.map_err(|error| error.to_string())?;
        let after = self.read_twice(secrets).await.map_err(|error| error.to_string())?;
        match different(&fields::compare(body, Some(&after))) {
            names if names.is_empty() => Ok(()),
            names => Err(format!("after that {} still read otherwise", names.join(", "))),
        }
    }

    async fn undo(
        &self,
        before: &BeforeImage,
        after: Option<&BeforeImage>,
        body: &Map<String, Value>,
        previous_password: Option<&Secret>,
    ) -> PutBack {
        let touches_password = body.contains_key(PASSWORD);
        if let Some(after) = after
            && fields::same_settings(before, after)
        {
            // The product stores a change as one: where another field shows that it was not stored, the password was
            // not stored either. Where the password is the only change, nothing shows it.
            let shown = different(&fields::compare(body, Some(after)));
            let unknown = touches_password && shown.is_empty();
            let password = if unknown { PasswordAfter::PreviousUnknown } else { PasswordAfter::Untouched };
            return PutBack { state: PutBackState::NotNeeded, sent: Value::Null, password };
        }
        self.put_back(before, touches_password, previous_password).await
    }
}

impl std::fmt::Debug for TieTarget {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TieTarget").field("base_url", &self.exchange.base()).finish_non_exhaustive()
    }
}

/// `None` where the settings are in force. A write without a clear answer counts as done where the reading proves it:
/// everything reads as wanted, and something of it did not before (or no password was part of it).
fn judge(
    body: &Map<String, Value>,
    before: &BeforeImage,
    read_back: &[FieldCheck],
    trouble: Option<ApplyError>,
    unread: Option<ApplyError>,
) -> Option<Outcome> {
    if let Some(unread) = unread {
        let first = trouble.map(|error| format!("{error}. Then ")).unwrap_or_default();
        return Some(Outcome::Failed { reason: format!("{first}{unread}"), retryable: unread.retryable() });
    }
    let names = different(read_back);
    if !names.is_empty() {
        let said = match &trouble {
            Some(error) => error.to_string(),
            None => "the product answered that it stored the settings".to_owned(),
        };
        let reason = format!("{said}; read back, {} differ from what was sent", names.join(", "));
        // A product that stores something else will do so again; one that stumbled may not.
        return Some(Outcome::Failed { reason, retryable: trouble.is_some_and(|error| error.retryable()) });
    }
    let error = trouble?;
    let changed = !different(&fields::compare(body, Some(before))).is_empty();
    let proven = changed || !body.contains_key(PASSWORD);
    if proven {
        return None;
    }
    let reason = format!("{error}; whether the password was stored cannot be read");
    Some(Outcome::Failed { reason, retryable: error.retryable() })
}

fn different(checks: &[FieldCheck]) -> Vec<String> {
    let differs = |check: &&FieldCheck| check.result == Comparison::Different;
    checks.iter().filter(differs).map(|check| check.field.clone()).collect()
}

fn secrets<'a>(change: &'a PasswordChange, previous: Option<&'a Secret>) -> Vec<&'a Secret> {
    let new = match change {
        PasswordChange::Set { password, .. } => Some(password),
        PasswordChange::Keep | PasswordChange::Clear => None,
    };
    new.into_iter().chain(previous).collect()
}
