//! Help: how the procedure goes, and one page for each cause of a failed test.

use serde::Serialize;

use super::common::{Fact, Link, Section};
use super::samples;

/// How it works, the words in use, and the way to every problem.
#[derive(Clone, Debug, Serialize)]
pub struct Help {
    /// Problems by stage: heading, then links in the order of the test.
    pub problems: Vec<ProblemGroup>,
    /// Words in use, each with its meaning.
    pub words: Section,
}

/// Problems of one stage of the test.
#[derive(Clone, Debug, Serialize)]
pub struct ProblemGroup {
    /// Stage in words: `TCP connection`.
    pub heading: String,
    /// One link per cause.
    pub links: Vec<Link>,
}

impl Help {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "help/index.html";

    /// The words of the pages, with their meaning.
    pub fn words() -> Section {
        let facts = [
            ("Alerting IP", "The source IP that our alerts come from."),
            ("Case", "One request with its number, steps and messages."),
            ("Both ends", "Our whitelist and yours. A connection needs both."),
            ("Peer gateway", "The end of the VPN tunnel in your network."),
            ("Source IP filter", "A server that accepts mail only from IPs it knows."),
            ("Test alert", "A real mail, sent to prove that alerts arrive."),
            ("Traffic selector", "The addresses that the tunnel carries, per side."),
            ("Tunnel test", "Eight steps from our whitelist to the sender and recipient."),
            ("Whitelist entry", "An IP or range, a port and a tunnel that may talk."),
        ];
        let facts = facts.into_iter().map(|(word, meaning)| Fact::new(word, meaning)).collect();
        Section { heading: "Words".to_owned(), facts }
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let links = vec![Link::new("No answer on the port", "/help/problems/tcp.timeout")];
        let full =
            Self { problems: vec![ProblemGroup { heading: "TCP connection".into(), links }], words: Self::words() };
        vec![("full", full), ("bare", Self { problems: Vec::new(), words: Self::words() })]
    }
}

/// One cause of a failed test: what we saw, why, and what each side can do.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// Stable id: `tcp.timeout`.
    pub code: String,
    /// The problem in words: the heading.
    pub heading: String,
    /// Name of the next line: what the test saw, or what happened.
    pub seen_label: String,
    /// What was seen.
    pub seen: String,
    /// What may explain it, most likely first; empty where the line before says it.
    pub likely: Vec<String>,
    /// Who acts, in words; none where it is the reader.
    pub owner: Option<String>,
    /// Heading of what the customer, or whoever reads this, can do.
    pub for_customer_label: String,
    /// What the customer can do.
    pub for_customer: String,
    /// What an engineer can do; none for readers it is not meant for.
    pub for_engineer: Option<String>,
    /// The step of the test that it is seen at; none where it is no cause of a test.
    pub step: Option<String>,
    /// Problems that are easily taken for this one.
    pub related: Vec<Link>,
}

impl Problem {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "help/problem.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let plain = Self {
            code: "tcp.timeout".into(),
            heading: "No answer on the port".into(),
            seen_label: "What the test saw".into(),
            seen: "Nothing answered our connection within 10 seconds.".into(),
            likely: vec!["A firewall drops the packets".into(), "The server is switched off".into()],
            owner: Some("The customer".into()),
            for_customer_label: "What the customer can do".into(),
            for_customer: "Let the alerting IP reach the SMTP port of the server.".into(),
            for_engineer: Some("Capture on the tunnel while the test runs.".into()),
            step: Some("TCP connection".into()),
            related: vec![Link::new("The connection was refused", "/help/problems/tcp.refused")],
        };
        let hostile = Self {
            seen: samples::HOSTILE.into(),
            likely: vec![samples::unbroken()],
            for_engineer: None,
            ..plain.clone()
        };
        vec![("plain", plain), ("hostile", hostile)]
    }
}
