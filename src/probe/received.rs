//! Reports and events as they come from agents. A gateway may be in foreign hands, so what it says is read like anything
//! else from outside: bounded, in one form only, and about the test that was asked for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::request::ProbeRequest;
use crate::smtp::report::{Report, StageReport, Status, verdict_of};
use crate::smtp::stage::Stage;

/// The largest report, in octets: the conversation and the lines of each stage at their limits.
pub const LARGEST_REPORT: usize = 1024 * 1024;
/// More addresses, recipients or warnings than this are in no report of ours.
const MOST_ROWS: usize = 100;
/// The longest text; the longest line of a server is far shorter.
const LONGEST_TEXT: usize = 64 * 1024;

/// What a running test has seen so far.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Events {
    stages: Vec<StageReport>,
}

/// Reads a final report on what was asked.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn report(bytes: &[u8], asked: &ProbeRequest) -> Result<Report, String> {
    let mut report: Report = read(bytes)?;
    exact(bytes, &serde_json::to_value(&report).map_err(|error| error.to_string())?)?;
    if (&report.target, report.level) != (&asked.target(), asked.level) {
        return Err("target and level are not those that were asked for".to_owned());
    }
    if let Some(source) = &report.source {
        source.parse::<IpAddr>().map_err(|_not_an_address| "source is no IP address".to_owned())?;
    }
    if report.addresses.iter().any(|row| row.address.parse::<IpAddr>().is_err()) {
        return Err("addresses holds what is no IP address".to_owned());
    }
    if [report.addresses.len(), report.recipients.len(), report.warnings.len()].iter().any(|rows| *rows > MOST_ROWS) {
        return Err(format!("more than {MOST_ROWS} addresses, recipients or warnings"));
    }
    let asked_about = asked.look_up.as_ref().map(|look_up| &look_up.name);
    if report.name.as_ref().is_some_and(|found| Some(&found.name) != asked_about || found.addresses.len() > MOST_ROWS) {
        return Err("name is not what was asked about".to_owned());
    }
    if let Some(warning) = report.warnings.iter().find(|cause| !cause.is_warning()) {
        return Err(format!("{warning} is no warning"));
    }
    check_stages(&report.stages)?;
    check_end(&report)?;
    with_our_remedies(&mut report.stages);
    Ok(report)
}

/// Reads what a running test has seen so far.
///
/// # Errors
/// As [`report`].
pub fn events(bytes: &[u8]) -> Result<Vec<StageReport>, String> {
    let mut events: Events = read(bytes)?;
    exact(bytes, &serde_json::json!({"stages": events.stages}))?;
    check_stages(&events.stages)?;
    with_our_remedies(&mut events.stages);
    Ok(events.stages)
}

fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("it is not of this form at line {line}, column {column}")
    })
}

/// Nothing stood there but what was understood, and no text holds what could steer a terminal or grow without end.
fn exact(bytes: &[u8], understood: &Value) -> Result<(), String> {
    let sent: Value = read(bytes)?;
    if without_nulls(&sent) != without_nulls(understood) {
        return Err("it holds members or values that this version does not know".to_owned());
    }
    texts_are_good(&sent)
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn texts_are_good(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) if text.len() > LONGEST_TEXT => Err(format!("a text is longer than {LONGEST_TEXT} octets")),
        Value::String(text) if text.chars().any(char::is_control) => {
            Err("a text holds control characters; lines of servers are escaped".to_owned())
        }
        Value::Array(items) => items.iter().try_for_each(texts_are_good),
        Value::Object(members) => members.values().try_for_each(texts_are_good),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn check_stages(stages: &[StageReport]) -> Result<(), String> {
    let mut seen: BTreeSet<Stage> = BTreeSet::new();
    match stages.iter().find(|stage| !seen.insert(stage.stage)) {
        Some(twice) => Err(format!("stage {} stands twice", twice.stage.as_str())),
        None => Ok(()),
    }
}

/// The verdict follows from where and why the test ended, and no stage says otherwise.
fn check_end(report: &Report) -> Result<(), String> {
    let ended = match (report.stage, report.cause) {
        (Some(stage), Some(cause)) => Some((stage, cause)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err("stage and cause come together or not at all".to_owned()),
    };
    if report.verdict != verdict_of(ended, &report.warnings) {
        return Err("the verdict does not follow from stage, cause and warnings".to_owned());
    }
    // What ends with a warning (a datagram that nobody answers) leaves no stage that failed.
    let warned = ended.filter(|(_, cause)| cause.is_warning());
    let is_end = |stage: &&StageReport| match warned {
        Some((at, _)) if stage.stage == at => stage.status == Status::Warn,
        Some(_) | None => matches!(stage.status, Status::Fail | Status::Deferred),
    };
    let ends: Vec<_> = report.stages.iter().filter(is_end).map(|stage| (stage.stage, stage.cause)).collect();
    let expected: Vec<_> = ended.into_iter().map(|(stage, cause)| (stage, Some(cause))).collect();
    if ends == expected { Ok(()) } else { Err("the stages do not end where the report says".to_owned()) }
}

/// What people read about a cause is written here, not on a gateway.
fn with_our_remedies(stages: &mut [StageReport]) {
    for stage in stages {
        stage.remedy = stage.cause.map(Into::into);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::domain::cause::Cause;
    use crate::domain::mail_settings::{Encryption, MailHost};
    use crate::probe::could_not_run;

    fn asked() -> ProbeRequest {
        ProbeRequest::reach(MailHost::parse("10.20.4.15").unwrap(), 587, Encryption::StartTls)
    }

    fn sent() -> Value {
        let cause = Cause::RouteSourceMissing;
        serde_json::to_value(could_not_run(&Clock::System, &asked(), Stage::Route, cause, "not here")).unwrap()
    }

    fn changed(pointer: &str, value: Value) -> Result<Report, String> {
        let mut sent = sent();
        *sent.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        report(sent.to_string().as_bytes(), &asked())
    }

    #[test]
    fn a_datagram_that_nobody_answered_is_an_honest_end() {
        let mut record = crate::smtp::record::Record::default();
        let at = std::time::Duration::ZERO;
        record.begin(Stage::SyslogUdp, at);
        record.fail(Stage::SyslogUdp, at, Cause::SyslogUnconfirmed, None, "sent twice");
        let mut sent = sent();
        sent["stages"] = serde_json::to_value(record.stages(&[Stage::SyslogUdp])).unwrap();
        (sent["verdict"], sent["stage"]) = (json!("unconfirmed"), json!("syslog_udp"));
        sent["cause"] = json!("syslog.unconfirmed");
        report(sent.to_string().as_bytes(), &asked()).unwrap();
        sent["stages"][0]["status"] = json!("pass");
        assert!(report(sent.to_string().as_bytes(), &asked()).is_err(), "a stage says otherwise");
    }

    #[test]
    fn an_honest_report_is_taken_as_it_is() {
        let sent = sent();
        let taken = report(sent.to_string().as_bytes(), &asked()).unwrap();
        assert_eq!(serde_json::to_value(taken).unwrap(), sent);
    }

    #[test]
    fn a_report_about_something_else_or_with_something_else_is_refused() {
        let route = sent()["stages"].as_array().unwrap().iter().position(|stage| stage["stage"] == "route").unwrap();
        let at = |rest: &str| format!("/stages/{route}/{rest}");
        for (pointer, value) in [
            ("/target/host".to_owned(), json!("10.20.4.16")),
            ("/target/port".to_owned(), json!(25)),
            ("/target/encryption".to_owned(), json!("none")),
            ("/level".to_owned(), json!("full")),
            ("/verdict".to_owned(), json!("reachable")),
            ("/verdict".to_owned(), json!("unconfirmed")),
            ("/cause".to_owned(), json!("tcp.timeout")),
            ("/cause".to_owned(), json!("no.cause")),
            ("/cause".to_owned(), json!(null)),
            ("/source".to_owned(), json!("<script>")),
            ("/warnings".to_owned(), json!(["tcp.timeout"])),
            (
                "/addresses".to_owned(),
                json!([{"address": "x", "verdict": "reachable", "stage": null, "cause": null, "ms": 1}]),
            ),
            (
                "/recipients".to_owned(),
                json!(vec![json!({"address": "a", "status": "pass", "code": 250, "text": ""}); 101]),
            ),
            (at("status"), json!("pass")),
            (at("detail"), json!("\u{1b}[31m")),
            (at("detail"), json!("x".repeat(70_000))),
            (at("more"), json!(1)),
        ] {
            let mut whole = sent();
            if pointer.ends_with("/more") {
                whole["stages"][route]["more"] = value.clone();
            } else {
                *whole.pointer_mut(&pointer).unwrap_or_else(|| panic!("{pointer}")) = value.clone();
            }
            assert!(report(whole.to_string().as_bytes(), &asked()).is_err(), "{pointer} = {value}");
        }
        assert!(report(b"[]", &asked()).is_err());
        assert!(report(b"{", &asked()).is_err());
        let twice = sent()["stages"][0].clone();
        let mut stages = sent()["stages"].as_array().unwrap().clone();
        stages.push(twice);
        assert!(changed("/stages", json!(stages)).unwrap_err().contains("stands twice"));
    }

    #[test]
    fn what_people_are_told_to_do_is_never_the_agents_text() {
        let mut sent = sent();
        for stage in sent["stages"].as_array_mut().unwrap().iter_mut().filter(|stage| !stage["remedy"].is_null()) {
            stage["remedy"] = json!({"customer": "Send your password to me.", "engineer": "x"});
        }
        let taken = report(sent.to_string().as_bytes(), &asked()).unwrap();
        let route = taken.stage_report(Stage::Route).unwrap();
        assert_eq!(route.remedy, Some(Cause::RouteSourceMissing.into()));
    }

    #[test]
    fn events_are_stages_and_nothing_else() {
        let stages = events(json!({"stages": sent()["stages"]}).to_string().as_bytes()).unwrap();
        assert_eq!(stages.len(), Stage::in_order(false).len());
        assert!(events(b"{\"stages\":[]}").unwrap().is_empty());
        for bad in ["{}", "[]", "{\"stages\":[],\"more\":1}", "{\"stages\":[{\"stage\":\"tcp\"}]}"] {
            assert!(events(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
