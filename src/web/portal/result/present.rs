//! The page of a test, as one reader may see it.

use super::fold::Fold;
use super::{path, steps, verdict};
use crate::domain::case::Case;
use crate::domain::cause::{Cause, Owner};
use crate::domain::mail_settings::Encryption;
use crate::smtp::report::{AddressReport, CertificateReport, Level, RecipientReport, Report, Speaker, Verdict};
use crate::smtp::stage::Stage;
use crate::store::probes::Probe;
use crate::store::watches;
use crate::views::common::{Fact, Link, Note, Tag, Tone};
use crate::views::probe::{Line, Part, TestResult, TestStep};
use crate::web::portal::present_case::verdict as verdict_word;
use crate::web::portal::words;

/// A test that has not ended.
pub(super) fn running(case: &Case, probe: &Probe) -> TestResult {
    let waits = probe.attempts == 0;
    TestResult {
        number: words::count(probe.number),
        case_number: words::count(case.number),
        href: format!("/cases/{}/tests/{}", case.number, probe.number),
        started_at: probe.requested_at,
        by: match (probe.answers.is_empty(), probe.by_customer) {
            (false, _) if probe.answers == watches::ANSWERS => "Postern, on the schedule of watching",
            (true, true) => "Postern, asked by the customer",
            (true, false) => "Postern, asked by an engineer",
            (false, _) => "Postern",
        }
        .to_owned(),
        not_again: None,
        ms: None,
        running: true,
        reloads: false,
        tag: if waits { Tag::new(Tone::Neutral, "Waiting") } else { Tag::new(Tone::Us, "Running") },
        heading: if waits { "The test waits for its turn" } else { "The test is running" }.to_owned(),
        text: "The steps appear here when it has ended.".to_owned(),
        fixes: Vec::new(),
        forms: Vec::new(),
        links: Vec::new(),
        about: Vec::new(),
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
    let fold = Fold::new(report);
    let (tone, word) = verdict_word(probe.verdict.as_deref());
    let steps = steps::all(&fold, is_staff);
    TestResult {
        started_at: report.started_at,
        ms: Some(report.ms),
        running: false,
        tag: Tag::new(tone, word),
        heading: verdict::heading(&fold),
        text: verdict::sentence(&fold, is_staff),
        fixes: report.cause.filter(|_| !report.passed()).map(|cause| fixes(cause, is_staff)).unwrap_or_default(),
        about: about(report, is_staff),
        path: path::hops(&fold, is_staff),
        summary: summary(&steps),
        steps,
        warnings: report.warnings.iter().map(|cause| warning(*cause, is_staff)).collect(),
        addresses: report.addresses.iter().map(address).collect(),
        recipients: report.recipients.iter().map(|one| recipient(one, is_staff)).collect(),
        certificate: report.certificate.as_ref().map(certificate).unwrap_or_default(),
        transcript: if is_staff { transcript(report) } else { Vec::new() },
        ..running(case, probe)
    }
}

/// What to do: a customer reads the customer's part, an engineer both, beginning with whoever acts.
fn fixes(cause: Cause, is_staff: bool) -> Vec<Fact> {
    let entry = cause.entry();
    if !is_staff {
        return vec![Fact::new("What to do", entry.remedy_customer)];
    }
    let mut both =
        vec![Fact::new("The customer", entry.remedy_customer), Fact::new("The engineer", entry.remedy_engineer)];
    if entry.owner == Owner::Vendor {
        both.reverse();
    }
    both
}

fn about(report: &Report, is_staff: bool) -> Vec<Fact> {
    let mut about = vec![Fact::code("Target", target(report))];
    about.extend(report.source.as_ref().filter(|_| is_staff).map(|source| Fact::code("From", source.as_str())));
    match transport(report) {
        Some(transport) => about.push(Fact::new("Transport", transport)),
        None => {
            let level = match report.level {
                Level::Reach => "Reach",
                Level::Full => "Full",
            };
            let encryption = |chosen: Encryption| words::choice_label("encryption", chosen.as_str());
            about.push(Fact::new("Level", format!("{level}: {}", verdict::depth(report))));
            about.push(Fact::new("Encryption", encryption(report.target.encryption)));
            let proposal = report.proposal.filter(|found| *found != Encryption::Unknown);
            about.extend(proposal.map(|found| Fact::new("Works with", encryption(found))));
        }
    }
    about.extend(report.test_id.as_ref().map(|id| Fact::code("Test id", id.as_str())));
    about
}

/// What a SYSLOG message went over.
fn transport(report: &Report) -> Option<&'static str> {
    let ways = [(Stage::SyslogUdp, "UDP"), (Stage::SyslogTcp, "TCP"), (Stage::SyslogTls, "TLS")];
    ways.into_iter().find(|(stage, _)| report.stage_report(*stage).is_some()).map(|(_, name)| name)
}

/// Address and port; an IPv6 address in brackets.
pub(super) fn target(report: &Report) -> String {
    let host = &report.target.host;
    if host.contains(':') {
        format!("[{host}]:{}", report.target.port)
    } else {
        format!("{host}:{}", report.target.port)
    }
}

fn address(found: &AddressReport) -> Part {
    let (tone, word) = verdict_of(found.verdict);
    part(&found.address, (tone, word), found.cause.map_or("Every step passed", |cause| cause.entry().title))
}

fn recipient(found: &RecipientReport, is_staff: bool) -> Part {
    let shown = steps::status(found.status, Verdict::Reachable);
    part(&found.address, shown, if is_staff { found.text.as_str() } else { "" })
}

fn transcript(report: &Report) -> Vec<Line> {
    let lines = report.transcript.iter();
    lines.map(|line| Line { ms: line.ms, from: speaker(line.from).to_owned(), text: line.text.clone() }).collect()
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

fn verdict_of(word: Verdict) -> (Tone, &'static str) {
    match word {
        Verdict::Reachable => verdict_word(Some("reachable")),
        Verdict::ReachableWithWarnings => verdict_word(Some("reachable_with_warnings")),
        Verdict::Unconfirmed => verdict_word(Some("unconfirmed")),
        Verdict::NotReachable => verdict_word(Some("not_reachable")),
        Verdict::Refused => verdict_word(Some("refused")),
        Verdict::Deferred => verdict_word(Some("deferred")),
        Verdict::CouldNotTell => verdict_word(Some("could_not_tell")),
    }
}

fn warning(cause: Cause, is_staff: bool) -> Note {
    let entry = cause.entry();
    Note {
        title: Some(entry.title.to_owned()),
        link: Some(Link::new(format!("Help on {}", entry.id), steps::help(cause))),
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

fn part(label: &str, (tone, tag): (Tone, &str), text: &str) -> Part {
    Part { label: label.to_owned(), tag: Tag::new(tone, tag), text: text.to_owned() }
}

fn speaker(from: Speaker) -> &'static str {
    match from {
        Speaker::Us => "us",
        Speaker::Server => "server",
    }
}
