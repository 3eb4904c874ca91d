//! A step of a test in words: what was seen, how long it took, and what proves it.

use super::fold::{Fold, Group};
use super::{path, verdict};
use crate::domain::cause::{Cause, Step};
use crate::smtp::report::{Level, PathReport, StageReport, Status, Verdict};
use crate::smtp::stage::Stage;
use crate::views::common::{Fact, Link, Tag, Tone};
use crate::views::probe::{Evidence, Line, TestStep};
use crate::views::{instant, took};

/// The steps as this reader may see them.
pub(super) fn all(fold: &Fold<'_>, is_staff: bool) -> Vec<TestStep> {
    fold.groups.iter().map(|group| step(fold, group, is_staff)).collect()
}

fn step(fold: &Fold<'_>, group: &Group<'_>, is_staff: bool) -> TestStep {
    let seen = fold.status(group);
    let (tone, word) = status(seen, fold.report.verdict);
    let times: Vec<u64> = group.stages.iter().filter(|stage| ran(stage)).map(|stage| stage.ms).collect();
    let cause = if group.is_end { fold.ended } else { group.stages.iter().find_map(|stage| stage.cause) };
    TestStep {
        title: group.step.title().to_owned(),
        tag: Tag::new(tone, word),
        text: text(fold, group, seen, cause),
        cause: cause.map(|cause| Link::new(cause.id(), help(cause))),
        ms: (!times.is_empty()).then(|| times.iter().sum()),
        evidence: evidence(fold, group, cause, is_staff),
    }
}

/// The address of the help page of a cause.
pub(super) fn help(cause: Cause) -> String {
    format!("/help/problems/{}", cause.id())
}

fn ran(stage: &StageReport) -> bool {
    !matches!(stage.status, Status::NotRun | Status::Skipped)
}

fn text(fold: &Fold<'_>, group: &Group<'_>, seen: Status, cause: Option<Cause>) -> String {
    match (seen, cause, fold.stopped) {
        (Status::Fail | Status::Deferred | Status::Warn, Some(cause), _) => cause.entry().title.to_owned(),
        (Status::NotRun, _, Some(stopped)) if fold.is_behind(group.step, stopped) => {
            format!("Needs step {}", stopped + 1)
        }
        (Status::NotRun, _, _) => not_run(fold, group.step).to_owned(),
        (Status::Skipped, _, _) => skipped(group.step).to_owned(),
        (Status::Pass, _, _) => passed(fold, group.step),
        (Status::Warn, None, _) if group.step == Step::Tunnel => {
            "Said to be down, and yet it carried an answer".to_owned()
        }
        (Status::Warn, None, _) => "Works, and should change".to_owned(),
        (Status::Fail | Status::Deferred, None, _) => "Did not pass".to_owned(),
    }
}

fn not_run(fold: &Fold<'_>, step: Step) -> &'static str {
    match (step, fold.report.level) {
        (Step::Tunnel, _) => "Nothing was measured",
        (Step::SignIn | Step::SenderRecipient, Level::Reach) => "A reach test ends before this step",
        _ => "Not part of this test",
    }
}

fn skipped(step: Step) -> &'static str {
    match step {
        Step::Encryption => "No encryption is set",
        Step::SignIn => "No account is set",
        Step::Whitelist
        | Step::Tunnel
        | Step::Route
        | Step::Tcp
        | Step::Greeting
        | Step::SenderRecipient
        | Step::TestAlert
        | Step::Syslog
        | Step::Machinery => "Not needed with these settings",
    }
}

fn passed(fold: &Fold<'_>, step: Step) -> String {
    let report = fold.report;
    let path = report.path.as_ref();
    let selector = path.and_then(|path| path.selector.as_ref());
    let since = path.and_then(|path| path.tunnel.as_ref()).and_then(|tunnel| tunnel.since);
    let up = path.and_then(|path| path.tunnel.as_ref()).is_some_and(|tunnel| tunnel.up);
    match (step, selector, since) {
        (Step::Whitelist, ..) => "The address may be tested".to_owned(),
        (Step::Tunnel, _, Some(since)) if up => format!("Up since {}", instant(since)),
        (Step::Tunnel, ..) if up => "Up".to_owned(),
        (Step::Tunnel, ..) => "It carried our packets and the answer".to_owned(),
        (Step::Route, Some(selector), _) => format!("{selector} covers it, and the tunnel carries that"),
        (Step::Route, None, _) => "Our side has a way to the address".to_owned(),
        (Step::Tcp, ..) => format!("Port {} accepts connections", report.target.port),
        (Step::Greeting, ..) => "The server greets us and answers EHLO".to_owned(),
        (Step::Encryption, ..) => "Encrypted, and the certificate is accepted".to_owned(),
        (Step::SignIn, ..) => "The account is accepted".to_owned(),
        (Step::SenderRecipient, ..) => "Sender and recipient are accepted".to_owned(),
        (Step::TestAlert, ..) => "The test alert was handed over".to_owned(),
        (Step::Syslog, ..) => "The connection took the message".to_owned(),
        (Step::Machinery, ..) => "As expected".to_owned(),
    }
}

/// What proves a step. Codes, lines and addresses of our side are for engineers.
fn evidence(fold: &Fold<'_>, group: &Group<'_>, cause: Option<Cause>, is_staff: bool) -> Option<Evidence> {
    let report = fold.report;
    let mut facts = Vec::new();
    let connects =
        |stage: &&&StageReport| ran(stage) && (stage.stage == Stage::Tcp || stage.stage.step() == Step::Syslog);
    if group.stages.iter().any(|stage| connects(&stage)) {
        facts.extend(report.source.as_ref().filter(|_| is_staff).map(|source| Fact::code("From", source.as_str())));
        facts.push(Fact::code("To", super::present::target(report)));
    }
    if let Some(path) = &report.path {
        facts.extend(measured(fold, group, path, is_staff));
    }
    if let (Step::Syslog, Some(id)) = (group.step, &report.test_id) {
        facts.push(Fact::code("Test id", id.as_str()));
    }
    let mut lines = Vec::new();
    if is_staff {
        facts.extend(group.stages.iter().flat_map(|stage| stage_facts(stage)));
        lines.extend(group.stages.iter().flat_map(|stage| server_lines(stage)));
    }
    let likely = match cause.filter(|_| group.is_end) {
        Some(cause) if report.verdict != Verdict::CouldNotTell => verdict::likely(report, cause, is_staff),
        Some(_) | None => Vec::new(),
    };
    if facts.is_empty() && lines.is_empty() && likely.is_empty() {
        return None;
    }
    let began = group.stages.iter().filter(|stage| ran(stage)).map(|stage| stage.start_ms).min();
    let began = began.filter(|_| is_staff).map(|ms| Fact::new("Began", format!("{} after the start", took(ms))));
    Some(Evidence { open: group.is_end, likely, facts: began.into_iter().chain(facts).collect(), lines })
}

/// What was measured on the way, at the step that it proves or, where the test ended on the way, at that one.
fn measured(fold: &Fold<'_>, group: &Group<'_>, path: &PathReport, is_staff: bool) -> Vec<Fact> {
    let mut facts = Vec::new();
    if group.step == Step::Tunnel {
        if let Some(tunnel) = &path.tunnel {
            let since = tunnel.since.filter(|_| tunnel.up);
            facts.extend(since.map(|since| Fact::new("Up since", instant(since))));
            if is_staff {
                facts.push(Fact::new(format!("Seen by {}", tunnel.kind), tunnel.detail.as_str()));
                facts.push(Fact::code("Our networks", tunnel.local.join(", ")));
            }
            facts.push(Fact::code("Networks of the customer", tunnel.remote.join(", ")));
        }
        facts.extend(path.sent.map(|packets| Fact::new("Went in", path::packets_of(packets))));
        facts.extend(path.received.map(|packets| Fact::new("Came back", path::packets_of(packets))));
        facts.extend(path.echo.as_ref().map(|echo| {
            let answer = echo.ms.map_or_else(|| "no answer".to_owned(), |ms| format!("answered after {}", took(ms)));
            Fact::new("Echo of the peer gateway", format!("{}: {answer}", echo.address))
        }));
    }
    if group.step == Step::Route {
        facts.extend(path.selector.as_ref().map(|selector| Fact::code("Network on record", selector.as_str())));
        let device = path.interface.as_ref().filter(|_| is_staff);
        facts.extend(device.map(|device| Fact::code("Device", device.as_str())));
        let router = path.gateway.as_ref().filter(|_| is_staff);
        facts.extend(router.map(|router| Fact::code("Router", router.as_str())));
    }
    let refuser = path.refused_by.as_ref().filter(|_| group.is_end);
    facts.extend(
        refuser.and_then(|by| path::refused(by, fold.report, is_staff)).map(|text| Fact::new("ICMP error", text)),
    );
    facts.retain(|fact| fact.value.as_ref().is_some_and(|value| !value.is_empty()));
    facts
}

fn stage_facts(stage: &StageReport) -> Vec<Fact> {
    if matches!(stage.status, Status::NotRun) {
        return Vec::new();
    }
    let code = stage.code.map(|code| match &stage.enhanced {
        Some(enhanced) => format!("{code} {enhanced}"),
        None => code.to_string(),
    });
    let answer = code.map(|code| Fact::code(format!("Answer at {}", stage.stage.as_str()), code));
    let seen = stage.detail.as_ref().map(|detail| Fact::new(format!("Seen at {}", stage.stage.as_str()), detail));
    [answer, seen].into_iter().flatten().collect()
}

fn server_lines(stage: &StageReport) -> Vec<Line> {
    let at = stage.start_ms + stage.ms;
    stage.server_lines.iter().map(|text| Line { ms: at, from: "server".to_owned(), text: text.clone() }).collect()
}

/// What became of a stage, in words. Where our side failed, nothing counts against the server.
pub(super) fn status(status: Status, verdict: Verdict) -> (Tone, &'static str) {
    match (status, verdict) {
        (Status::Pass, _) => (Tone::Done, "Passed"),
        (Status::Warn, Verdict::Unconfirmed) => (Tone::Neutral, "Not confirmed"),
        (Status::Warn, _) => (Tone::You, "Warning"),
        (Status::Fail | Status::Deferred, Verdict::CouldNotTell) => (Tone::Neutral, "Could not test"),
        (Status::Fail, _) => (Tone::Failed, "Failed"),
        (Status::Deferred, _) => (Tone::You, "Put off"),
        (Status::Skipped, _) => (Tone::Skipped, "Not needed"),
        (Status::NotRun, _) => (Tone::Skipped, "Not run"),
    }
}
