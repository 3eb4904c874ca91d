//! A tunnel test in words: the verdict in a sentence, the eight steps with what each saw, the conversation for engineers.

use super::present_case::verdict;
use super::words;
use crate::domain::case::Case;
use crate::domain::cause::{Cause, Owner, Step, WorkflowVerdict};
use crate::smtp::report::{CertificateReport, Report, Speaker, StageReport, Status, Verdict};
use crate::smtp::stage::Stage;
use crate::store::probes::Probe;
use crate::views::common::{Fact, Link, Note, Tag, Tone};
use crate::views::probe::{Evidence, Hop, Line, Part, TestResult, TestStep};

/// The steps of every test; sending a test alert is another thing.
const STEPS: [Step; 8] = [
    Step::Whitelist,
    Step::Tunnel,
    Step::Route,
    Step::Tcp,
    Step::Greeting,
    Step::Encryption,
    Step::SignIn,
    Step::SenderRecipient,
];

/// A test that has not ended.
pub(super) fn running(case: &Case, probe: &Probe) -> TestResult {
    TestResult {
        number: words::count(probe.number),
        case_number: words::count(case.number),
        started_at: probe.requested_at,
        by: "Postern".to_owned(),
        ms: None,
        running: true,
        tag: Tag::new(Tone::Us, "Running"),
        heading: "The test is running".to_owned(),
        text: "The steps appear here when it has ended.".to_owned(),
        remedy: None,
        forms: Vec::new(),
        links: Vec::new(),
        path: Vec::new(),
        summary: String::new(),
        steps: Vec::new(),
        warnings: Vec::new(),
        addresses: Vec::new(),
        recipients: Vec::new(),
        certificate: Vec::new(),
        transcript: Vec::new(),
    }
}

/// A test that has ended. Only the vendor's people see addresses of our side, the server's lines and the conversation.
pub(super) fn finished(case: &Case, probe: &Probe, report: &Report, is_staff: bool) -> TestResult {
    let (tone, word) = verdict(probe.verdict.as_deref());
    let ended = report.cause.filter(|_| !report.passed());
    let groups: Vec<Group<'_>> = STEPS.iter().map(|step| Group::of(*step, report)).collect();
    let failed = ended.and_then(|cause| groups.iter().position(|group| group.is_end(report, cause)));
    let steps: Vec<TestStep> = groups.iter().map(|group| group.shown(report, failed, is_staff)).collect();
    let remedy = ended.map(|cause| {
        let entry = cause.entry();
        if is_staff { entry.remedy_engineer } else { entry.remedy_customer }.to_owned()
    });
    let for_staff = |value: Vec<Line>| if is_staff { value } else { Vec::new() };
    TestResult {
        ms: Some(report.ms),
        running: false,
        tag: Tag::new(tone, word),
        heading: heading(report, ended, failed),
        text: sentence(report, ended, failed),
        remedy,
        links: Vec::new(),
        path: path(report, ended, is_staff),
        summary: summary(&steps),
        steps,
        warnings: report.warnings.iter().map(|cause| warning(*cause, is_staff)).collect(),
        addresses: report
            .addresses
            .iter()
            .map(|address| {
                let (tone, word) = verdict_of(address.verdict);
                let cause = address.cause.map_or("Every step passed", |cause| cause.entry().title);
                part(&address.address, tone, word, cause)
            })
            .collect(),
        recipients: report
            .recipients
            .iter()
            .map(|recipient| {
                let (tone, word) = status(recipient.status, Verdict::Reachable);
                let said = if is_staff { recipient.text.as_str() } else { "" };
                part(&recipient.address, tone, word, said)
            })
            .collect(),
        certificate: report.certificate.as_ref().map(certificate).unwrap_or_default(),
        transcript: for_staff(
            report
                .transcript
                .iter()
                .map(|line| Line { ms: line.ms, from: speaker(line.from).to_owned(), text: line.text.clone() })
                .collect(),
        ),
        ..running(case, probe)
    }
}

/// The stages of a report under one step.
struct Group<'r> {
    step: Step,
    stages: Vec<&'r StageReport>,
}

impl<'r> Group<'r> {
    fn of(step: Step, report: &'r Report) -> Self {
        let stages = report.stages.iter();
        Self { step, stages: stages.filter(|stage| stage.stage.step() == step).collect() }
    }

    /// Whether the test ended here: at the step of its cause, or, for faults of our own machinery, of its stage.
    fn is_end(&self, report: &Report, cause: Cause) -> bool {
        let step = cause.entry().step;
        if step == Step::Machinery { report.stage.map(Stage::step) == Some(self.step) } else { step == self.step }
    }

    /// The worst of its stages. The tunnel has no stage of its own: it carried traffic if anything answered.
    fn status(&self, report: &Report) -> Status {
        if self.step == Step::Tunnel {
            let answered = report.stage_report(Stage::Tcp).is_some_and(|tcp| tcp.status == Status::Pass);
            return if answered { Status::Pass } else { Status::NotRun };
        }
        let has = |status| self.stages.iter().any(|stage| stage.status == status);
        let order = [Status::Fail, Status::Deferred, Status::Warn, Status::Pass, Status::Skipped];
        order.into_iter().find(|status| has(*status)).unwrap_or(Status::NotRun)
    }

    fn shown(&self, report: &Report, failed: Option<usize>, is_staff: bool) -> TestStep {
        let here = failed.and_then(|index| STEPS.get(index)) == Some(&self.step);
        let seen = self.status(report);
        let shown = match (here, seen) {
            (true, Status::Pass | Status::Warn | Status::Skipped | Status::NotRun) => Status::Fail,
            (_, seen) => seen,
        };
        let (tone, word) = status(shown, report.verdict);
        let ran = |stage: &&&StageReport| !matches!(stage.status, Status::NotRun | Status::Skipped);
        let times: Vec<u64> = self.stages.iter().filter(ran).map(|stage| stage.ms).collect();
        let cause = if here { report.cause } else { self.stages.iter().find_map(|stage| stage.cause) };
        TestStep {
            title: self.step.title().to_owned(),
            tag: Tag::new(tone, word),
            text: self.text(shown, failed, cause),
            cause: cause.map(|cause| Link::new(cause.id(), format!("/help/problems/{}", cause.id()))),
            ms: (!times.is_empty()).then(|| times.iter().sum()),
            evidence: self.evidence(here, cause, is_staff),
        }
    }

    fn text(&self, status: Status, failed: Option<usize>, cause: Option<Cause>) -> String {
        match (status, cause, failed) {
            (Status::Fail | Status::Deferred | Status::Warn, Some(cause), _) => cause.entry().title.to_owned(),
            (Status::NotRun, _, Some(step)) => format!("Needs step {}", step + 1),
            (Status::NotRun, _, None) if self.step == Step::Tunnel => "Nothing was measured".to_owned(),
            (Status::NotRun, _, None) => "Not part of this test".to_owned(),
            (Status::Skipped, _, _) => "Not needed with these settings".to_owned(),
            (Status::Pass | Status::Warn, _, _) => "As expected".to_owned(),
            (Status::Fail | Status::Deferred, None, _) => "Did not pass".to_owned(),
        }
    }

    /// Codes and lines are for engineers; a customer gets the remedy at the step that failed.
    fn evidence(&self, here: bool, cause: Option<Cause>, is_staff: bool) -> Option<Evidence> {
        let entry = cause.map(Cause::entry);
        let evidence = Evidence {
            open: here,
            facts: if is_staff {
                self.stages.iter().flat_map(|stage| stage_facts(stage)).collect()
            } else {
                Vec::new()
            },
            lines: if is_staff {
                self.stages.iter().flat_map(|stage| server_lines(stage)).collect()
            } else {
                Vec::new()
            },
            for_customer: entry.map(|entry| entry.remedy_customer.to_owned()),
            for_engineer: entry.filter(|_| is_staff).map(|entry| entry.remedy_engineer.to_owned()),
        };
        let is_empty = evidence.facts.is_empty() && evidence.lines.is_empty() && entry.is_none();
        (!is_empty).then_some(evidence)
    }
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

fn heading(report: &Report, ended: Option<Cause>, failed: Option<usize>) -> String {
    match (ended, failed) {
        (None, _) => "The server is reachable through the tunnel".to_owned(),
        (Some(_), _) if report.verdict == Verdict::CouldNotTell => "We could not run the test".to_owned(),
        (Some(cause), Some(step)) => {
            format!("The test stopped at step {} of {}: {}", step + 1, STEPS.len(), cause.entry().title)
        }
        (Some(cause), None) => format!("The test stopped: {}", cause.entry().title),
    }
}

/// What is proven, what is likely, who acts.
fn sentence(report: &Report, ended: Option<Cause>, failed: Option<usize>) -> String {
    let Some(cause) = ended else {
        return match report.warnings.len() {
            0 => "Every step that these settings need has passed.".to_owned(),
            1 => "Every step passed; there is 1 thing that should change.".to_owned(),
            many => format!("Every step passed; there are {many} things that should change."),
        };
    };
    if cause.verdict() == WorkflowVerdict::CouldNotTell {
        return "Nothing is known about your server. An engineer looks into it.".to_owned();
    }
    let proven = match failed.and_then(|index| index.checked_sub(1)).and_then(|before| STEPS.get(before)) {
        Some(Step::Greeting | Step::Encryption | Step::SignIn | Step::SenderRecipient) => {
            "The tunnel carries traffic and the server answers. "
        }
        Some(Step::Tcp) => "The tunnel carries traffic and the port is open. ",
        Some(Step::Whitelist | Step::Tunnel | Step::Route | Step::TestAlert | Step::Syslog | Step::Machinery)
        | None => "",
    };
    let acts = match cause.entry().owner {
        Owner::Customer => "The customer acts next.",
        Owner::Provider => "Whoever runs the mail server acts next.",
        Owner::Vendor => "We act next.",
        Owner::Nobody => "Nobody has to act.",
    };
    format!("{proven}{} on port {}: {}. {acts}", report.target.host, report.target.port, cause.entry().title)
}

fn path(report: &Report, ended: Option<Cause>, is_staff: bool) -> Vec<Hop> {
    let answered = report.stage_report(Stage::Tcp).is_some_and(|tcp| tcp.status == Status::Pass);
    let not_ours = ended.is_none_or(|cause| cause.verdict() != WorkflowVerdict::CouldNotTell);
    if !not_ours {
        return Vec::new();
    }
    let hop = |label: &str, address: Option<&String>, tone, word| Hop {
        label: label.to_owned(),
        address: address.cloned(),
        tag: Tag::new(tone, word),
    };
    let between = if answered { (Tone::Done, "Passed") } else { (Tone::Failed, "No answer") };
    let server = match (answered, ended) {
        (true, None) => (Tone::Done, "Answered"),
        (true, Some(_)) => (Tone::Failed, "Stopped here"),
        (false, _) => (Tone::Skipped, "Not reached"),
    };
    vec![
        hop("Our sender", report.source.as_ref().filter(|_| is_staff), Tone::Done, "Sent"),
        hop("VPN tunnel and customer network", None, between.0, between.1),
        hop("SMTP server", Some(&report.target.host), server.0, server.1),
    ]
}

/// `3 passed, 1 failed, 4 not run`, by the words of the tags.
fn summary(steps: &[TestStep]) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for step in steps {
        let word = step.tag.text.to_lowercase();
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// What became of a stage, in words. Where our side failed, nothing counts against the server.
fn status(status: Status, verdict: Verdict) -> (Tone, &'static str) {
    match (status, verdict) {
        (Status::Pass, _) => (Tone::Done, "Passed"),
        (Status::Warn, _) => (Tone::You, "Warning"),
        (Status::Fail | Status::Deferred, Verdict::CouldNotTell) => (Tone::Neutral, "Could not test"),
        (
            Status::Fail,
            Verdict::Reachable
            | Verdict::ReachableWithWarnings
            | Verdict::Unconfirmed
            | Verdict::NotReachable
            | Verdict::Deferred
            | Verdict::Refused,
        ) => (Tone::Failed, "Failed"),
        (
            Status::Deferred,
            Verdict::Reachable
            | Verdict::ReachableWithWarnings
            | Verdict::Unconfirmed
            | Verdict::NotReachable
            | Verdict::Deferred
            | Verdict::Refused,
        ) => (Tone::You, "Put off"),
        (Status::Skipped, _) => (Tone::Skipped, "Not needed"),
        (Status::NotRun, _) => (Tone::Skipped, "Not run"),
    }
}

fn verdict_of(word: Verdict) -> (Tone, &'static str) {
    match word {
        Verdict::Reachable => verdict(Some("reachable")),
        Verdict::ReachableWithWarnings => verdict(Some("reachable_with_warnings")),
        Verdict::Unconfirmed => verdict(Some("unconfirmed")),
        Verdict::NotReachable | Verdict::Refused => verdict(Some("not_reachable")),
        Verdict::Deferred => verdict(Some("deferred")),
        Verdict::CouldNotTell => verdict(Some("could_not_tell")),
    }
}

fn warning(cause: Cause, is_staff: bool) -> Note {
    let entry = cause.entry();
    Note {
        title: Some(entry.title.to_owned()),
        link: Some(Link::new(format!("Help on {}", entry.id), format!("/help/problems/{}", entry.id))),
        ..Note::new(Tone::You, if is_staff { entry.remedy_engineer } else { entry.remedy_customer })
    }
}

fn certificate(found: &CertificateReport) -> Vec<Fact> {
    let result = |word: &str| match word {
        "pass" => "Passed".to_owned(),
        "pinned" => "Pinned by an engineer".to_owned(),
        id => Cause::from_id(id).map_or_else(|| id.to_owned(), |cause| cause.entry().title.to_owned()),
    };
    vec![
        Fact::code("Subject", found.subject.as_str()),
        Fact::code("Issuer", found.issuer.as_str()),
        Fact::code("Names", found.names.join(", ")),
        Fact::new("Valid from", found.not_before.format("%-d %B %Y").to_string()),
        Fact::new("Valid until", found.not_after.format("%-d %B %Y").to_string()),
        Fact::code("SHA-256", found.sha256.as_str()),
        Fact::new("Issuer trusted", result(&found.chain)),
        Fact::new("Name fits", result(&found.name)),
    ]
}

fn part(label: &str, tone: Tone, tag: &str, text: &str) -> Part {
    Part { label: label.to_owned(), tag: Tag::new(tone, tag), text: text.to_owned() }
}

fn speaker(from: Speaker) -> &'static str {
    match from {
        Speaker::Us => "us",
        Speaker::Server => "server",
    }
}
