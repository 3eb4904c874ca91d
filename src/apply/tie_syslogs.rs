//! Applying an alert by SYSLOG through the API of Tenable Identity Exposure: find it, make or change it, read it back, put
//! back on failure. An alert that is not ours is never touched.

use reqwest::Method;
use serde_json::{Map, Value};

use super::error::{ApplyError, Step};
use super::syslogs::{self, DESCRIPTION, IP, PORT, SyslogApplied, SyslogRequest};
use super::tie::TieTarget;
use super::{Comparison, FieldCheck, FieldDiff, Outcome};

const ALERTS: &str = "/api/syslogs";

/// Something of the product that an alert can name by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its id.
    pub id: i64,
    /// Its name, for people.
    pub name: String,
}

/// What the product offers to choose from; an error says why a list could not be read.
#[derive(Debug)]
pub struct Offers {
    /// What is listed, and the list or why there is none.
    pub lists: Vec<(&'static str, Result<Vec<Offer>, ApplyError>)>,
}

/// The lists, by the product's addresses.
const LISTS: [(&str, &str); 4] = [
    ("Directories", "/api/directories"),
    ("Profiles", "/api/profiles"),
    ("Indicators of exposure", "/api/checkers"),
    ("Indicators of attack", "/api/attack-types"),
];

impl TieTarget {
    /// What there is to choose from. A list that the key may not read leaves the others readable.
    pub(super) async fn offers(&self) -> Offers {
        let mut lists = Vec::new();
        for (what, path) in LISTS {
            let answer = self.exchange().send(Step::Read, Method::GET, path, None, &[]).await;
            lists.push((what, answer.and_then(|answer| offers_in(&answer))));
        }
        Offers { lists }
    }

    /// The alert as it stands beside the one wanted.
    pub(super) async fn compare_syslog(&self, request: &SyslogRequest) -> Result<Vec<FieldDiff>, ApplyError> {
        let wanted = request.wanted()?;
        let listed = self.alerts(Step::Read).await?;
        Ok(syslogs::diff(ours(&listed, request), &wanted))
    }

    pub(super) async fn apply_syslog(&self, request: &SyslogRequest) -> Result<SyslogApplied, ApplyError> {
        let wanted = request.wanted()?;
        let listed = self.alerts(Step::Read).await?;
        let before = ours(&listed, request).cloned();
        let written = match before.as_ref().and_then(id_of) {
            Some(id) => self.change(Step::Write, id, &wanted).await,
            // The product takes an array, of one here.
            None => {
                self.send(Step::Write, Method::POST, ALERTS, Value::Array(vec![Value::Object(wanted.clone())])).await
            }
        };
        let trouble = match written {
            Ok(()) => None,
            Err(error) if error.may_have_written() => Some(error),
            Err(error) => return Err(error),
        };
        // Reading changes nothing, so one stumble of the product does not undo a good apply.
        let read = match self.alerts(Step::ReadBack).await {
            Ok(listed) => Ok(listed),
            Err(_first) => self.alerts(Step::ReadBack).await,
        };
        let (after, unread) = match &read {
            Ok(listed) => (ours(listed, request), None),
            Err(error) => (None, Some(error)),
        };
        let read_back =
            syslogs::compare(&wanted, if unread.is_some() { None } else { Some(after.unwrap_or(&Value::Null)) });
        let failure = judge(&read_back, after.is_some(), trouble.as_ref(), unread);
        let put_back = match &failure {
            None => None,
            Some(_) => Some(self.restore(before.as_ref(), request, &wanted).await),
        };
        let others = read.as_deref().unwrap_or(&listed).iter().filter(|entry| leads_to(entry, request));
        let own = after.and_then(id_of);
        let others = others.filter_map(id_of).filter(|id| Some(*id) != own).collect();
        let id = own.filter(|_| failure.is_none());
        let sent = Value::Object(wanted);
        Ok(SyslogApplied { id, sent, read_back, outcome: failure.unwrap_or(Outcome::Applied), put_back, others })
    }

    /// Puts back what stood there, or takes away what was made, and proves it. Says what became of it.
    async fn restore(&self, before: Option<&Value>, request: &SyslogRequest, sent: &Map<String, Value>) -> String {
        let listed = match self.alerts(Step::ReadBack).await {
            Ok(listed) => listed,
            Err(error) => return by_hand(&error.to_string()),
        };
        let outcome = match (before, ours(&listed, request)) {
            (None, None) => return "The product holds no such alert, as before.".to_owned(),
            (Some(before), Some(now))
                if different(&syslogs::compare(&fields_of(before, sent), Some(now))).is_empty() =>
            {
                return "The product still holds the previous alert.".to_owned();
            }
            (None, Some(made)) => match id_of(made) {
                Some(id) => self.send(Step::PutBack, Method::DELETE, &format!("{ALERTS}/{id}"), Value::Null).await,
                None => return by_hand("the new alert has no id"),
            },
            (Some(before), _) => match id_of(before) {
                Some(id) => self.change(Step::PutBack, id, &fields_of(before, sent)).await,
                None => return by_hand("the previous alert has no id"),
            },
        };
        let after = match outcome {
            Ok(()) => self.alerts(Step::ReadBack).await,
            Err(error) => Err(error),
        };
        match (after, before) {
            (Err(error), _) => by_hand(&error.to_string()),
            (Ok(listed), None) if ours(&listed, request).is_none() => "The new alert was removed again.".to_owned(),
            (Ok(_), None) => by_hand("the new alert is still there"),
            (Ok(listed), Some(before)) => {
                let found = listed.iter().find(|entry| id_of(entry) == id_of(before));
                match different(&syslogs::compare(&fields_of(before, sent), found)) {
                    names if names.is_empty() && found.is_some() => {
                        "The previous alert was put back and read back equal.".to_owned()
                    }
                    names => by_hand(&format!("after that {} still read otherwise", names.join(", "))),
                }
            }
        }
    }

    async fn alerts(&self, step: Step) -> Result<Vec<Value>, ApplyError> {
        let answer = self.exchange().send(step, Method::GET, ALERTS, None, &[]).await?;
        let Value::Array(entries) = answer else {
            let problem = "a JSON array was expected".to_owned();
            return Err(ApplyError::Garbage { step, problem, body: "(not repeated)".into() });
        };
        if let Some(entry) = entries.iter().find(|entry| id_of(entry).is_none()) {
            let problem = format!("an alert without an id: {}", crate::redact::excerpt(&entry.to_string(), 200));
            return Err(ApplyError::Garbage { step, problem, body: "(not repeated)".into() });
        }
        Ok(entries)
    }

    async fn change(&self, step: Step, id: i64, fields: &Map<String, Value>) -> Result<(), ApplyError> {
        self.send(step, Method::PATCH, &format!("{ALERTS}/{id}"), Value::Object(fields.clone())).await
    }

    async fn send(&self, step: Step, method: Method, path: &str, body: Value) -> Result<(), ApplyError> {
        let body = (!body.is_null()).then_some(&body);
        self.exchange().send(step, method, path, body, &[]).await.map(|_answer| ())
    }
}

/// The alert of this case: by the id of an earlier apply, else by its description, which a repeat of an apply without an
/// answer finds too.
fn ours<'l>(listed: &'l [Value], request: &SyslogRequest) -> Option<&'l Value> {
    let description = request.description();
    let described = |entry: &&Value| entry.get(DESCRIPTION).and_then(Value::as_str) == Some(description.as_str());
    let known = request.known.and_then(|known| listed.iter().find(|entry| id_of(entry) == Some(known)));
    known.or_else(|| listed.iter().find(described))
}

/// Whether an alert leads to the receiver of the request.
fn leads_to(entry: &Value, request: &SyslogRequest) -> bool {
    let host = entry.get(IP).and_then(Value::as_str).is_some_and(|host| host.eq_ignore_ascii_case(&request.host));
    host && entry.get(PORT).and_then(Value::as_f64) == Some(f64::from(request.port))
}

fn id_of(entry: &Value) -> Option<i64> {
    entry.get("id").and_then(Value::as_i64)
}

/// The fields of an alert that an apply touches, as they stand.
fn fields_of(entry: &Value, sent: &Map<String, Value>) -> Map<String, Value> {
    sent.keys().filter_map(|name| Some((name.clone(), entry.get(name)?.clone()))).collect()
}

fn offers_in(answer: &Value) -> Result<Vec<Offer>, ApplyError> {
    let Value::Array(items) = answer else {
        let problem = "a JSON array was expected".to_owned();
        return Err(ApplyError::Garbage { step: Step::Read, problem, body: "(not repeated)".into() });
    };
    let offer = |item: &Value| {
        let name = ["name", "codename", "title"].iter().find_map(|key| item.get(*key).and_then(Value::as_str));
        Some(Offer { id: id_of(item)?, name: crate::redact::excerpt(name.unwrap_or_default(), 120) })
    };
    Ok(items.iter().filter_map(offer).collect())
}

/// `None` where the alert is in force. A write without a clear answer counts as done where the reading proves it.
fn judge(
    read_back: &[FieldCheck],
    is_there: bool,
    trouble: Option<&ApplyError>,
    unread: Option<&ApplyError>,
) -> Option<Outcome> {
    let first = || trouble.map(|error| format!("{error}. Then ")).unwrap_or_default();
    if let Some(unread) = unread {
        return Some(Outcome::Failed { reason: format!("{}{unread}", first()), retryable: unread.retryable() });
    }
    let said = trouble.map_or_else(|| "the product answered that it stored the alert".to_owned(), ToString::to_string);
    let retryable = trouble.is_some_and(ApplyError::retryable);
    if !is_there {
        return Some(Outcome::Failed { reason: format!("{said}; read back, the alert is not there"), retryable });
    }
    let names = different(read_back);
    let reason = format!("{said}; read back, {} differ from what was sent", names.join(", "));
    (!names.is_empty()).then_some(Outcome::Failed { reason, retryable })
}

fn different(checks: &[FieldCheck]) -> Vec<String> {
    let differs = |check: &&FieldCheck| check.result != Comparison::Equal;
    checks.iter().filter(differs).map(|check| check.field.clone()).collect()
}

fn by_hand(reason: &str) -> String {
    format!("What stood there could not be put back ({reason}): compare it in the product by hand.")
}
