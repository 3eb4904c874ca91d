//! An address as somebody wrote it, read strictly.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::app::{App, Error, FieldError};
use crate::domain::address::{Options, classify};
use crate::domain::alerting_ip::{AlertingIp, IpState, Purpose};

/// The longest name of a region, in characters.
const LONGEST_REGION: usize = 80;

/// An address as somebody wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Address or network.
    pub network: String,
    /// `alerting`, `smtp` or `syslog`.
    pub purpose: String,
    /// Where it is.
    pub region: String,
    /// From when on; empty for now.
    pub from: String,
    /// Until when; empty where that is not known.
    pub until: String,
    /// Whether the published lists show it.
    pub is_published: bool,
}

/// Reads an instant: a date means its beginning in UTC.
pub(in crate::app) fn instant(field: &str, text: &str) -> Result<DateTime<Utc>, FieldError> {
    read_date(field, text, Some)
}

/// Reads the instant at which something ends: a date means its end in UTC, because it is the last day.
pub(in crate::app) fn end(field: &str, text: &str) -> Result<DateTime<Utc>, FieldError> {
    read_date(field, text, |day| day.succ_opt())
}

fn read_date(
    field: &str,
    text: &str,
    first_after: fn(NaiveDate) -> Option<NaiveDate>,
) -> Result<DateTime<Utc>, FieldError> {
    let text = text.trim();
    let day = text.parse::<NaiveDate>().ok().and_then(first_after).map(|day| day.and_time(NaiveTime::MIN).and_utc());
    day.or_else(|| text.parse().ok()).ok_or_else(|| {
        let advice = "Enter a date like 2027-01-15, or a time like 2027-01-15T08:00:00Z";
        FieldError::new(field, "no_date", advice)
    })
}

/// Reads a draft; it has no number yet.
///
/// # Errors
/// [`Error::Invalid`] names every part that needs another look.
pub(super) fn read(app: &App, draft: &Draft, now: DateTime<Utc>) -> Result<AlertingIp, Error> {
    let mut errors = Vec::new();
    let verdict = classify(&draft.network, Options { allow_documentation: app.policy.allow_documentation });
    let network = verdict.accepted_network();
    if network.is_none() {
        let reason = verdict.reason.clone().unwrap_or_else(|| "This cannot be used".to_owned());
        let text = format!("Enter an address or network, like 198.51.100.24. {reason}");
        errors.push(FieldError::new("network", "not_usable", text));
    }
    let purpose = Purpose::parse(draft.purpose.trim());
    if purpose.is_none() {
        errors.push(FieldError::new(
            "purpose",
            "unknown",
            "Choose which alerts come from it: alerting, smtp or syslog",
        ));
    }
    let region = Some(draft.region.trim().to_owned()).filter(|region| !region.is_empty());
    if region
        .as_ref()
        .is_some_and(|region| region.chars().count() > LONGEST_REGION || region.chars().any(char::is_control))
    {
        let text = format!("Enter the region on one line of up to {LONGEST_REGION} characters");
        errors.push(FieldError::new("region", "too_long", text));
    }
    let mut given = |text: &str, date: Result<DateTime<Utc>, FieldError>| match text.trim().is_empty() {
        true => None,
        false => date.map_err(|error| errors.push(error)).ok(),
    };
    let from = given(&draft.from, instant("from", &draft.from)).unwrap_or(now);
    let until = given(&draft.until, end("until", &draft.until));
    if until.is_some_and(|until| until <= from) {
        errors.push(FieldError::new("until", "no_date", "Enter a last day after the first one"));
    }
    match (network, purpose) {
        (Some(network), Some(purpose)) if errors.is_empty() => Ok(AlertingIp {
            number: 0,
            network,
            purpose,
            region,
            state: if from > now { IpState::Planned } else { IpState::Active },
            from,
            until,
            replaces: None,
            is_published: draft.is_published,
            sequence: 0,
            changed_at: now,
        }),
        (_, _) => Err(Error::Invalid(errors)),
    }
}
