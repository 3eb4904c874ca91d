//! The result of a tunnel test: the verdict in one sentence, the path, the steps with their evidence.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{Fact, Link, Note, Tag, Tone};
use super::form::{Form, Style};
use super::samples;

/// One run of the tunnel test, for good under its own address.
#[derive(Clone, Debug, Serialize)]
pub struct TestResult {
    /// Number of the test within its case.
    pub number: u64,
    /// Number of the case.
    pub case_number: u64,
    /// Where this result stays for good.
    pub href: String,
    /// When it was started; while it runs, when it was asked for.
    pub started_at: DateTime<Utc>,
    /// Who started it: a name, or `Postern`.
    pub by: String,
    /// How long it took in milliseconds; none while it runs.
    pub ms: Option<u64>,
    /// True until it has ended.
    pub running: bool,
    /// True where the page of a running test reloads by itself.
    pub reloads: bool,
    /// Verdict in words with its tone: `Not reachable`.
    pub tag: Tag,
    /// Where it stopped: `The test stopped at step 4 of 8: TCP connection timed out`.
    pub heading: String,
    /// What is proven to work, the likely cause, who acts.
    pub text: String,
    /// What to do about it, each with who does it, as far as it is meant for this reader.
    pub fixes: Vec<Fact>,
    /// Run again, where that is allowed now.
    pub forms: Vec<Form>,
    /// From when it can be run again, where the limit of an hour is used up.
    pub not_again: Option<DateTime<Utc>>,
    /// Ways to the same result in other forms: beside the run before it, as text, as JSON.
    pub links: Vec<Link>,
    /// Target, level, encryption: what was tested.
    pub about: Vec<Fact>,
    /// From our sender to the SMTP server.
    pub path: Vec<Hop>,
    /// `3 passed, 1 failed, 4 not run`.
    pub summary: String,
    /// The steps in order.
    pub steps: Vec<TestStep>,
    /// What works but should change.
    pub warnings: Vec<Note>,
    /// Each address of a name with its own verdict; empty for a single address.
    pub addresses: Vec<Part>,
    /// Each recipient with the server's answer; empty where none was tried.
    pub recipients: Vec<Part>,
    /// Subject, issuer, names, dates, fingerprint; empty where none was shown.
    pub certificate: Vec<Fact>,
    /// The conversation without secrets; empty where it is not shown to this reader.
    pub transcript: Vec<Line>,
}

/// One place on the way to the server.
#[derive(Clone, Debug, Serialize)]
pub struct Hop {
    /// What it is: `Our gateway`.
    pub label: String,
    /// Its address, where this reader may see it.
    pub address: Option<String>,
    /// What is known about it: reached, no answer, not reached.
    pub tag: Tag,
    /// What was measured there, a few words each.
    pub notes: Vec<String>,
}

/// One step of the test.
#[derive(Clone, Debug, Serialize)]
pub struct TestStep {
    /// `Whitelist`, `TCP connection`.
    pub title: String,
    /// Passed, warning, failed, not run, not needed, could not test.
    pub tag: Tag,
    /// What was seen, in one sentence.
    pub text: String,
    /// Stable id of the cause, where it did not pass.
    pub cause: Option<Link>,
    /// How long it took in milliseconds; none where it was not run, never 0 for "not measured".
    pub ms: Option<u64>,
    /// What is folded below; none where there is nothing.
    pub evidence: Option<Evidence>,
}

/// What proves the outcome of a step.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    /// True at the failed step.
    pub open: bool,
    /// At the failed step: what may explain it, most likely first.
    pub likely: Vec<String>,
    /// Source, target, codes.
    pub facts: Vec<Fact>,
    /// What the server said, escaped.
    pub lines: Vec<Line>,
}

/// One line of a conversation.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Milliseconds since the start.
    pub ms: u64,
    /// `us` or `server`.
    pub from: String,
    /// The line, escaped; secrets are replaced.
    pub text: String,
}

/// One of several addresses or recipients.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// The address.
    pub label: String,
    /// How it ended.
    pub tag: Tag,
    /// What was seen.
    pub text: String,
}

impl TestResult {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "tests/result.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let failed = failed();
        let mut running = failed.clone();
        running.running = true;
        running.reloads = true;
        running.ms = None;
        running.tag = Tag::new(Tone::Us, "Running");
        running.heading = "The test is running".into();
        running.text = "The steps appear here when it has ended.".into();
        running.fixes = Vec::new();
        running.forms = Vec::new();
        running.links = vec![Link::new("Stop reloading", "/cases/2041/tests/7?reload=no")];
        running.about = Vec::new();
        running.path = Vec::new();
        running.steps = Vec::new();
        running.transcript = Vec::new();
        let mut ours = failed.clone();
        ours.tag = Tag::new(Tone::Neutral, "Could not tell");
        ours.heading = "We could not run the test".into();
        ours.text = "Nothing is known about your server.".into();
        ours.steps = Vec::new();
        ours.path = Vec::new();
        ours.transcript = Vec::new();
        ours.forms = Vec::new();
        ours.not_again = Some(samples::at(190));
        let mut hostile = failed.clone();
        hostile.text = samples::HOSTILE.into();
        hostile.transcript = vec![line(1, "server", &samples::unbroken()), line(2, "us", samples::HOSTILE)];
        hostile.fixes = vec![Fact::new("The engineer", samples::HOSTILE)];
        hostile.about = vec![Fact::code("Target", samples::unbroken())];
        for hop in &mut hostile.path {
            hop.address = Some(samples::unbroken());
            hop.notes = vec![samples::unbroken(), samples::HOSTILE.into()];
        }
        hostile.recipients = vec![part(&samples::unbroken(), Tone::Failed, "Refused", samples::HOSTILE)];
        for step in &mut hostile.steps {
            step.text = samples::unbroken();
        }
        vec![
            ("failed", failed),
            ("passed", passed()),
            ("running", running),
            ("could-not-tell", ours),
            ("hostile", hostile),
        ]
    }
}

/// A test beside the one that ended before it.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Number of the case.
    pub case_number: u64,
    /// Number of the test within its case.
    pub number: u64,
    /// The page of the test.
    pub href: String,
    /// True until it has ended.
    pub running: bool,
    /// Number of the test that it is compared with; none where there is none.
    pub before: Option<u64>,
    /// What differs.
    pub rows: Vec<Difference>,
}

/// Something that two tests saw differently.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// What it is: `Verdict`, `Step: Encryption`.
    pub label: String,
    /// As the earlier test has it; none where it has nothing of the kind.
    pub before: Option<String>,
    /// As the later test has it.
    pub after: Option<String>,
}

impl Comparison {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "tests/compare.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |label: &str, before: Option<&str>, after: Option<&str>| Difference {
            label: label.into(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let differs = Self {
            case_number: 2041,
            number: 7,
            href: "/cases/2041/tests/7".into(),
            running: false,
            before: Some(6),
            rows: vec![
                row("Verdict", Some("Not reachable"), Some("Reachable")),
                row("Step: TCP connection", Some("Failed: No answer"), Some("Passed: Port 587 accepts connections")),
                row("TCP connection: Seen", Some("no SYN-ACK"), None),
            ],
        };
        let hostile = Self {
            rows: vec![row(&samples::unbroken(), Some(samples::HOSTILE), Some(&samples::unbroken()))],
            ..differs.clone()
        };
        let same = Self { rows: Vec::new(), ..differs.clone() };
        let alone = Self { before: None, ..same.clone() };
        let running = Self { running: true, ..alone.clone() };
        vec![("differs", differs), ("same", same), ("alone", alone), ("running", running), ("hostile", hostile)]
    }
}

fn failed() -> TestResult {
    TestResult {
        number: 7,
        case_number: 2041,
        href: "/cases/2041/tests/7".into(),
        started_at: samples::at(148),
        by: "Ana P.".into(),
        ms: Some(10_052),
        running: false,
        reloads: false,
        tag: Tag::new(Tone::Failed, "Not reachable"),
        heading: "The test stopped at step 4 of 8: TCP connection timed out".into(),
        text: "The tunnel is up and the route is right, but 10.20.4.15 did not answer on port 587 within 10 seconds. \
               Most likely a firewall in the customer network. The customer acts next."
            .into(),
        fixes: vec![
            Fact::new("The customer", "Let 198.51.100.24 reach 10.20.4.15 on port 587 in your firewall."),
            Fact::new("The engineer", "Capture on the tunnel: does the SYN leave, does anything come back?"),
        ],
        forms: vec![samples::button("again", "/cases/2041/tests", Style::Main, "Run the test again")],
        not_again: None,
        links: vec![
            Link::new("Compare with test 6", "/cases/2041/tests/7/compare"),
            Link::new("Copy as text", "/cases/2041/tests/7.txt"),
            Link::new("JSON", "/api/v1/cases/2041/tests/7"),
        ],
        about: vec![Fact::code("Target", "10.20.4.15:587"), Fact::new("Level", "Reach: up to EHLO and STARTTLS")],
        path: vec![
            hop("Our sender", Some("10.99.0.8"), Tone::Done, "Sent"),
            hop("Our gateway", Some("198.51.100.1"), Tone::Done, "Tunnel up"),
            hop("Peer gateway", Some("203.0.113.2"), Tone::Done, "Tunnel up"),
            hop("Customer network", None, Tone::Failed, "No answer"),
            hop("SMTP server", Some("10.20.4.15"), Tone::Skipped, "Not reached"),
        ],
        summary: "3 passed, 1 failed, 4 not run".into(),
        steps: failed_steps(),
        warnings: Vec::new(),
        addresses: Vec::new(),
        recipients: Vec::new(),
        certificate: Vec::new(),
        transcript: vec![line(41, "us", "connect 10.20.4.15:587")],
    }
}

fn failed_steps() -> Vec<TestStep> {
    let evidence = Evidence {
        open: true,
        likely: vec![
            "A firewall in the customer network drops the packets".into(),
            "The server is switched off".into(),
        ],
        facts: vec![
            Fact::code("From", "10.99.0.8"),
            Fact::code("To", "10.20.4.15:587"),
            Fact::code("Seen", "no SYN-ACK"),
        ],
        lines: vec![line(41, "us", "connect 10.20.4.15:587"), line(10_047, "us", "no answer in 10 000 ms")],
    };
    let not_run = |title: &str| step(title, Tone::Skipped, "Not run", "Needs step 4", None);
    vec![
        step("Whitelist", Tone::Done, "Passed", "10.20.4.15/32 is on the whitelist", Some(2)),
        step("Tunnel", Tone::Done, "Passed", "Established 3 h ago, last packet in 2 s ago", Some(41)),
        step("Route", Tone::Done, "Passed", "Covered by traffic selector 10.20.0.0/16", Some(3)),
        TestStep {
            cause: Some(Link::new("tcp.timeout", "/help/problems/tcp.timeout")),
            evidence: Some(evidence),
            ..step("TCP connection", Tone::Failed, "Failed", "No answer to 3 SYN packets on port 587", Some(10_006))
        },
        not_run("SMTP greeting"),
        not_run("Encryption"),
        not_run("Sign-in"),
        not_run("Sender and recipient"),
    ]
}

fn passed() -> TestResult {
    let titles = ["Whitelist", "Tunnel", "Route", "TCP connection", "SMTP greeting", "Encryption"];
    let mut steps: Vec<TestStep> =
        titles.iter().map(|title| step(title, Tone::Done, "Passed", "As expected", Some(12))).collect();
    steps.push(step("Sign-in", Tone::Skipped, "Not needed", "No account is set", None));
    steps.push(step("Sender and recipient", Tone::You, "Warning", "1 of 2 recipients was accepted", Some(64)));
    TestResult {
        tag: Tag::new(Tone::Done, "Reachable with warnings"),
        heading: "The server takes our mail".into(),
        text: "All 8 steps ended, 1 with a warning. The settings can be applied.".into(),
        fixes: Vec::new(),
        ms: Some(412),
        path: vec![
            hop("Our sender", Some("10.99.0.8"), Tone::Done, "Sent"),
            hop("Peer gateway", Some("203.0.113.2"), Tone::Done, "Tunnel up"),
            hop("SMTP server", Some("10.20.4.15"), Tone::Done, "Answered"),
        ],
        summary: "6 passed, 1 with a warning, 1 not needed".into(),
        steps,
        warnings: vec![Note::new(Tone::You, "The certificate of the server ends in 12 days.")],
        addresses: vec![
            part("10.20.4.15", Tone::Done, "Reachable", "412 ms"),
            part("10.20.4.16", Tone::Failed, "Not reachable", "tcp.refused"),
        ],
        recipients: vec![part("dana@corp.example", Tone::Done, "Accepted", "250 2.1.5 Recipient OK")],
        certificate: vec![
            Fact::code("Subject", "CN=mail.corp.example"),
            Fact::code(
                "SHA-256",
                "4f:1c:aa:09:7d:3e:21:55:8b:90:c2:de:17:63:ab:04:4f:1c:aa:09:7d:3e:21:55:8b:90:c2:de:17:63:ab:04",
            ),
            Fact::new("Valid until", "6 December 2026"),
        ],
        transcript: vec![
            line(52, "server", "220 mail.corp.example ESMTP"),
            line(53, "us", "EHLO relay.example"),
            line(60, "server", "250-STARTTLS"),
            line(301, "us", "AUTH PLAIN [hidden, 24 bytes]"),
        ],
        ..failed()
    }
}

fn step(title: &str, tone: Tone, tag: &str, text: &str, ms: Option<u64>) -> TestStep {
    TestStep { title: title.into(), tag: Tag::new(tone, tag), text: text.into(), cause: None, ms, evidence: None }
}

fn hop(label: &str, address: Option<&str>, tone: Tone, tag: &str) -> Hop {
    Hop { label: label.into(), address: address.map(str::to_owned), tag: Tag::new(tone, tag), notes: Vec::new() }
}

fn part(label: &str, tone: Tone, tag: &str, text: &str) -> Part {
    Part { label: label.into(), tag: Tag::new(tone, tag), text: text.into() }
}

fn line(ms: u64, from: &str, text: &str) -> Line {
    Line { ms, from: from.into(), text: text.into() }
}
