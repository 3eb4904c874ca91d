//! A notice as people answer it, on its page and on the command line: one way, a date and a time in their own time zone.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::cases::{self, Act};
use crate::app::clocks::Calendars;
use crate::app::{App, Error, FieldError, Once};
use crate::domain::actor::Person;
use crate::domain::address::{Class, Options, classify};
use crate::domain::case::Case;
use crate::domain::notice::{self, Fault};
use crate::domain::schedule::Span;

/// How long before it our side likes to know.
const NOTICE: &str = "2bd";

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The new IP.
    pub new_ip: String,
    /// `keep_both`, `switch` or `changed`.
    pub how: String,
    /// The date, like 2026-12-01.
    pub date: String,
    /// The time, like 08:00.
    pub time: String,
    /// Its time zone.
    pub zone: String,
    /// Who to call at the switch.
    pub call: String,
}

/// What the answers come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Answers of the act [`GIVE`](super::GIVE).
    pub answers: BTreeMap<String, String>,
    /// The planned time; none where the IP has changed already.
    pub at: Option<DateTime<Utc>>,
    /// Whether the new IP is on the other side of the network's edge than the old one.
    pub is_other_kind: bool,
}

impl Draft {
    /// The act that these answers come to, in the words of the workflow.
    ///
    /// # Errors
    /// [`Error::Invalid`] names every answer that is missing or wrong.
    pub fn plan(&self, app: &App, case: &Case, now: DateTime<Utc>) -> Result<Plan, Error> {
        let mut errors = Vec::new();
        let (location, new_ip) = match self.address(app, case) {
            Ok(found) => found,
            Err(error) => {
                errors.push(error);
                (String::new(), String::new())
            }
        };
        let mut answers =
            BTreeMap::from([("new_location".to_owned(), location.clone()), ("new_ip".to_owned(), new_ip)]);
        let mut put = |name: &str, value: &str| answers.insert(name.to_owned(), value.to_owned());
        let mut at = None;
        match self.how.as_str() {
            "changed" => drop(put("change_timing", "now")),
            "keep_both" | "switch" => {
                put("change_timing", "planned");
                put("overlap", if self.how == "switch" { "none" } else { "two_days" });
                match self.planned(now) {
                    Ok(planned) => {
                        at = Some(planned);
                        put("effective_at", &planned.to_rfc3339());
                        put("effective_zone", self.zone.trim());
                    }
                    Err(error) => errors.push(error),
                }
            }
            _ => errors.push(FieldError::new("how", "missing", "Choose how the IP changes".to_owned())),
        }
        if !self.call.trim().is_empty() {
            put("cutover_contact", self.call.trim());
        }
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let held = case.flow.data.get("smtp_location").map(ToString::to_string);
        Ok(Plan { answers, at, is_other_kind: held.is_some_and(|held| held != location) })
    }

    /// Where the new IP is, and its canonical text.
    fn address(&self, app: &App, case: &Case) -> Result<(String, String), FieldError> {
        let error = |code, text: String| FieldError::new("new_ip", code, text);
        if self.new_ip.trim().is_empty() {
            return Err(error("missing", "Enter the new IP".to_owned()));
        }
        let judged = classify(self.new_ip.trim(), Options { allow_documentation: app.policy.allow_documentation });
        let location = match judged.class {
            Class::Private | Class::Shared => "private",
            Class::Public => "public",
            Class::Rejected => {
                let text = judged.reason.unwrap_or_else(|| "This IP cannot be used".to_owned());
                return Err(error("rejected", text));
            }
        };
        let text = judged.canonical.unwrap_or_default();
        if text.parse::<std::net::IpAddr>().is_err() {
            return Err(error("not_an_address", "Enter one IP, not a network".to_owned()));
        }
        let held = case.flow.data.get("smtp_ip").map(ToString::to_string);
        if held.as_ref() == Some(&text) {
            return Err(error("same", "This is the IP in use. Enter the new one".to_owned()));
        }
        Ok((location.to_owned(), text))
    }

    fn planned(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, FieldError> {
        let planned = notice::instant(&self.date, &self.time, &self.zone).map_err(|fault| {
            let (field, code) = match fault {
                Fault::Date => ("date", "not_a_date"),
                Fault::Time => ("time", "not_a_time"),
                Fault::Skipped => ("time", "skipped"),
                Fault::Zone => ("zone", "not_a_zone"),
            };
            FieldError::new(field, code, fault.to_string())
        })?;
        match super::fault_of(planned, now) {
            Some((code, text)) => Err(FieldError::new("date", code, text.to_owned())),
            None => Ok(planned),
        }
    }
}

/// Gives the notice, once for each key; the number of its case.
///
/// # Errors
/// What [`Draft::plan`] and [`cases::act`] say.
pub async fn give(app: &Arc<App>, person: &Person, case: &Case, (draft, once): (&Draft, Once)) -> Result<i64, Error> {
    let plan = draft.plan(app, case, app.now())?;
    let act = Act {
        number: case.number,
        event: super::GIVE.to_owned(),
        answers: plan.answers.into(),
        entered: None,
        revision: None,
        once,
    };
    cases::act(app, person, act).await?;
    // Something else may have begun beside it meanwhile.
    let children = crate::store::cases::children(&mut app.db.read().await?, case.number).await?;
    let given = children.iter().find(|child| child.workflow.id == super::WORKFLOW);
    given.map(|child| child.number).ok_or(Error::NotFound)
}

/// Whether a time is sooner than our side likes to know, in the vendor's calendar.
///
/// # Errors
/// What the database says.
pub async fn is_soon(app: &App, case: &Case, at: DateTime<Utc>) -> Result<bool, Error> {
    let mut tx = app.db.read().await?;
    let definition = app.workflows.of(&case.workflow)?;
    let counted = Calendars::of(&mut tx, case).await?.of_promises(definition);
    let span = Span::parse(NOTICE).ok_or_else(|| Error::Internal(format!("{NOTICE} is no span")))?;
    Ok(at < span.ends(app.now(), TimeDelta::zero(), counted.calendar.as_ref()))
}

/// The time zone that the customer's people plan in: that of the customer's calendar, or else of the vendor's.
///
/// # Errors
/// What the database says.
pub async fn zone_of(app: &App, case: &Case) -> Result<String, Error> {
    let mut tx = app.db.read().await?;
    let own = crate::store::calendars::of_customer(&mut tx, case.customer).await?;
    let named = match own {
        Some(named) => Some(named),
        None => crate::store::calendars::of_vendor(&mut tx).await?,
    };
    Ok(named.map_or_else(|| "UTC".to_owned(), |named| named.calendar.zone.to_string()))
}
