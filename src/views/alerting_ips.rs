//! The page of alerting IPs: what to let in, in forms that people and machines copy, and what changes.

use serde::Serialize;

use super::common::{Link, Note, Tag, Tone};
use super::samples;
use super::tables::Group;

/// What a reader has to let in.
#[derive(Clone, Debug, Serialize)]
pub struct AlertingIps {
    /// Changes under way, and what to do about them.
    pub notes: Vec<Note>,
    /// The reader's servers that a change concerns.
    pub servers: Vec<Server>,
    /// The addresses.
    pub rows: Vec<Row>,
    /// In their place, where there are none.
    pub empty: Option<String>,
    /// All that is to be let in, one a line.
    pub all: String,
    /// The same for machines.
    pub formats: Vec<Link>,
    /// Which edition this is, and since when.
    pub edition: String,
    /// The addresses of the reader's tunnels.
    pub tunnels: Option<Group>,
    /// What happened.
    pub history: Option<Group>,
}

/// One address.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The address as it is copied.
    pub address: String,
    /// Which alerts come from it.
    pub purpose: String,
    /// Where it is.
    pub region: String,
    /// Its state.
    pub tag: Tag,
    /// Since or from when.
    pub since: String,
}

/// A server that a change concerns.
#[derive(Clone, Debug, Serialize)]
pub struct Server {
    /// Its name and port, which lead to its case.
    pub link: Link,
    /// Where it stands.
    pub tag: Tag,
    /// What changes, and when.
    pub text: String,
    /// What to do; none where nothing is to be done.
    pub act: Option<Link>,
}

impl AlertingIps {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "portal/alerting_ips.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |address: &str, tag: Tag, region: &str| Row {
            address: address.into(),
            purpose: "All alerts".into(),
            region: region.into(),
            tag,
            since: "24 November 2026 at 09:12 UTC".into(),
        };
        let server = |name: &str, act: bool| Server {
            link: Link::new(name, "/cases/2041"),
            tag: if act { Tag::new(Tone::You, "Not answered") } else { Tag::new(Tone::Done, "Proven") },
            text: "198.51.100.24 becomes 198.51.100.99 on 1 December 2026 at 08:00 UTC.".into(),
            act: act.then(|| Link::new("We have whitelisted the new IP", "/cases/2041/act/acknowledge")),
        };
        let group = |heading: &str, cell: &str| Group {
            heading: heading.into(),
            columns: ["When", "What"].map(str::to_owned).to_vec(),
            rows: vec![super::tables::TableRow {
                name: "24 November 2026".into(),
                href: None,
                cells: vec![super::records::Cell::new(cell)],
            }],
            note: None,
        };
        let full = Self {
            notes: vec![Note::new(Tone::You, "One of your servers has to let a new IP in.")],
            servers: vec![server("smtp2.corp.example, port 587", true), server("10.20.4.15, port 25", false)],
            rows: vec![
                row("198.51.100.24", Tag::new(Tone::Done, "In use"), "Frankfurt"),
                row("198.51.100.99", Tag::new(Tone::Other, "Planned from 1 December 2026"), ""),
            ],
            empty: None,
            all: "198.51.100.24\n198.51.100.99".into(),
            formats: vec![Link::new("JSON", "/alerting-ips.json"), Link::new("Atom", "/alerting-ips.atom")],
            edition: "Edition 7, since 24 November 2026 at 09:12 UTC".into(),
            tunnels: Some(group("Your tunnels", "10.99.0.8")),
            history: Some(group("History", "198.51.100.99 is planned")),
        };
        let hostile = Self {
            rows: vec![row(&samples::unbroken(), Tag::new(Tone::Done, "In use"), samples::HOSTILE)],
            servers: vec![server(samples::HOSTILE, true), server(&samples::unbroken(), false)],
            ..full.clone()
        };
        let empty = Self {
            notes: Vec::new(),
            servers: Vec::new(),
            rows: Vec::new(),
            empty: Some("No alerting IP is published yet.".into()),
            all: String::new(),
            tunnels: None,
            history: None,
            ..full.clone()
        };
        vec![("full", full), ("empty", empty), ("hostile", hostile)]
    }
}
