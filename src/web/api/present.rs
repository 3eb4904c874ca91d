//! Tests as JSON, and how much of a test each side sees.

use serde_json::{Map, Value as Json, json};

use crate::app::App;
use crate::domain::actor::Person;
use crate::domain::cause::Cause;
use crate::store::probes::Probe;

/// A test as lists give it.
pub(super) fn test(app: &App, case: i64, test: &Probe) -> Json {
    json!({
        "number": test.number,
        "case": case,
        "status": if test.state == "done" { "done" } else { "running" },
        "level": test.level,
        "settings": test.settings_id,
        "target": {"host": test.target_host, "port": test.target_port},
        "requested_at": test.requested_at,
        "finished_at": test.finished_at,
        "verdict": test.verdict,
        "cause": test.cause,
        "url": format!("{}/api/v1/cases/{case}/tests/{}", app.public_url, test.number),
    })
}

/// A test with what it saw; `report` is null while it runs. The vendor's people get the whole report.
pub(super) fn test_with_report(app: &App, person: &Person, case: i64, probe: &Probe) -> Json {
    let report = probe.report.as_ref().map(|report| &report.0);
    let report = if person.is_staff() { report.cloned() } else { report.map(for_customer) };
    let mut resource = test(app, case, probe);
    if let Some(members) = resource.as_object_mut() {
        members.insert("report".to_owned(), report.unwrap_or_default());
        members.insert("progress".to_owned(), progress(person, probe));
    }
    resource
}

/// The stages that a running test has passed so far, where an agent tells them; null otherwise.
fn progress(person: &Person, probe: &Probe) -> Json {
    let Some(seen) = &probe.progress else { return Json::Null };
    if person.is_staff() {
        return seen.0.get("stages").cloned().unwrap_or_default();
    }
    each(&seen.0, "stages", &STAGE_OF_CUSTOMER)
}

/// What a customer gets of a stage: never the server's lines or what we wrote down about them.
const STAGE_OF_CUSTOMER: [&str; 5] = ["stage", "status", "start_ms", "ms", "cause"];

/// A report as a customer gets it: how each stage ended and what to do. Never the server's lines, what we wrote down about
/// them, the conversation, or an address of ours.
fn for_customer(report: &Json) -> Json {
    let kept = [
        "level",
        "verdict",
        "stage",
        "cause",
        "target",
        "started_at",
        "ms",
        "warnings",
        "certificate",
        "test_id",
        "retry_after_s",
        "test_id",
    ];
    let mut shown = pick(report, &kept);
    let cause = report.get("cause").and_then(Json::as_str).and_then(Cause::from_id);
    shown.insert("title".to_owned(), json!(cause.map(|cause| cause.entry().title)));
    shown.insert("remedy".to_owned(), json!(cause.map(|cause| cause.entry().remedy_customer)));
    let stages = each(report, "stages", &STAGE_OF_CUSTOMER);
    shown.insert("stages".to_owned(), stages);
    shown.insert("addresses".to_owned(), each(report, "addresses", &["address", "verdict", "stage", "cause", "ms"]));
    shown.insert("recipients".to_owned(), each(report, "recipients", &["address", "status", "code"]));
    shown.insert("path".to_owned(), report.get("path").and_then(path_for_customer).unwrap_or_default());
    Json::Object(shown)
}

/// What was measured on the way, without devices, addresses of our side and texts that may name them. A test that has no
/// such measurement has none here either.
fn path_for_customer(path: &Json) -> Option<Json> {
    path.as_object()?;
    let mut shown = pick(path, &["selector", "sent", "received"]);
    let tunnel = path.get("tunnel").filter(|tunnel| tunnel.is_object());
    let tunnel = tunnel.map(|tunnel| Json::Object(pick(tunnel, &["up", "since", "remote"])));
    shown.insert("tunnel".to_owned(), tunnel.unwrap_or_default());
    shown.insert("echo".to_owned(), path.get("echo").cloned().unwrap_or_default());
    Some(Json::Object(shown))
}

fn each(report: &Json, list: &str, members: &[&str]) -> Json {
    let items = report.get(list).and_then(Json::as_array).into_iter().flatten();
    items.map(|item| Json::Object(pick(item, members))).collect()
}

fn pick(from: &Json, members: &[&str]) -> Map<String, Json> {
    members.iter().map(|name| ((*name).to_owned(), from.get(*name).cloned().unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_reads_what_happened_and_nothing_that_was_said() {
        let report = json!({
            "level": "full", "verdict": "not_reachable", "stage": "auth", "cause": "auth.bad_credentials",
            "target": {"host": "10.20.4.15", "port": 587, "encryption": "starttls"},
            "source": "10.99.0.8", "started_at": "2026-11-25T10:00:00Z", "ms": 900,
            "stages": [{"stage": "auth", "status": "fail", "start_ms": 1, "ms": 2, "cause": "auth.bad_credentials",
                "code": 535, "enhanced": "5.7.8", "server_lines": ["535 CANARY"], "detail": "CANARY",
                "remedy": {"customer": "x", "engineer": "CANARY"}}],
            "warnings": [], "addresses": [],
            "recipients": [{"address": "a@b.example", "status": "fail", "code": 550, "text": "CANARY"}],
            "certificate": null, "transcript": [{"ms": 1, "from": "server", "text": "CANARY"}],
            "path": {"interface": "CANARY", "selector": "10.20.0.0/16", "sent": 3, "received": null, "candidates": ["CANARY"],
                "tunnel": {"kind": "CANARY", "up": true, "detail": "CANARY", "since": null, "packets_in": 1, "packets_out": 1,
                    "local": ["10.99.0.8/32"], "remote": ["10.20.0.0/16"]},
                "refused_by": {"address": "10.99.0.8", "icmp_type": 3, "icmp_code": 13}, "echo": null},
        });
        let shown = for_customer(&report);
        let text = shown.to_string();
        assert!(!text.contains("CANARY") && !text.contains("10.99.0.8"), "{text}");
        assert_eq!(shown["stages"][0]["status"], "fail");
        assert_eq!((&shown["path"]["sent"], &shown["path"]["received"]), (&json!(3), &Json::Null), "absent, not zero");
        assert_eq!(shown["path"]["tunnel"], json!({"up": true, "since": null, "remote": ["10.20.0.0/16"]}));
        assert_eq!(shown["remedy"], Cause::from_id("auth.bad_credentials").unwrap().entry().remedy_customer);
    }
}
