//! Pages about running the service: what runs, and what mail is on its way.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{Empty, Fact, Link, NavItem, Note, Section, Tag, Tone};
use super::form::{Button, Form, Style};
use super::samples;

/// What runs, with which data and which configuration.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// What needs an administrator: no outgoing mail, no backup, a clock that drifts.
    pub notes: Vec<Note>,
    /// Program, data, configuration, queues.
    pub sections: Vec<Section>,
    /// The same as text without secrets, to paste into a report.
    pub support_text: String,
}

impl About {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "admin/about.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let note =
            Note::new(Tone::You, "No outgoing mail is configured: mails are written to data/mail and reach nobody.");
        let plain = Self {
            notes: vec![note],
            sections: vec![
                Section {
                    heading: "Program".into(),
                    facts: vec![Fact::code("Version", "0.1.0"), Fact::new("Running for", "12 days")],
                },
                Section {
                    heading: "Data".into(),
                    facts: vec![
                        Fact::code("Data folder", "/var/lib/postern"),
                        Fact::code("Database", "sqlite:/var/lib/postern/postern.db").tag(Tone::Done, "Answers"),
                        Fact::missing("Last backup"),
                    ],
                },
            ],
            support_text: "postern 0.1.0\ndatabase sqlite\nschema 3".into(),
        };
        let hostile = Self {
            sections: vec![Section {
                heading: samples::HOSTILE.into(),
                facts: vec![Fact::code("Data folder", samples::unbroken())],
            }],
            support_text: samples::unbroken(),
            ..plain.clone()
        };
        vec![("plain", plain), ("hostile", hostile)]
    }
}

/// Outgoing mail: waiting, sent, given up.
#[derive(Clone, Debug, Serialize)]
pub struct Outbox {
    /// How mail leaves: by which server, or into which folder.
    pub transport: Note,
    /// Views: given up, waiting, sent.
    pub views: Vec<NavItem>,
    /// The mails of the view.
    pub rows: Vec<OutboxRow>,
    /// In place of the rows, where there are none.
    pub empty: Option<Empty>,
    /// The next page of a long list.
    pub more: Option<Link>,
}

/// One mail.
#[derive(Clone, Debug, Serialize)]
pub struct OutboxRow {
    /// Waiting, sent, given up.
    pub tag: Tag,
    /// Subject of the mail.
    pub subject: String,
    /// Who gets it.
    pub to: String,
    /// The case it is about.
    pub case: Option<Link>,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// How often it was tried.
    pub tries: u64,
    /// What the mail server said last.
    pub last_error: Option<String>,
    /// Sends it once more.
    pub resend: Option<Form>,
}

impl Outbox {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "admin/outbox.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |tone, tag: &str, subject: &str, tries, error: Option<&str>| OutboxRow {
            tag: Tag::new(tone, tag),
            subject: subject.into(),
            to: "dana@corp.example".into(),
            case: Some(Link::new("2041", "/cases/2041")),
            at: samples::at(70),
            tries,
            last_error: error.map(str::to_owned),
            resend: error.map(|_| {
                let button = Button::of(Style::Small, "Send again").about(format!("\u{201c}{subject}\u{201d}"));
                Form::new("resend-1", "/admin/outbox/1/resend", samples::KEY, button)
            }),
        };
        let view =
            |text, id: &str, count| NavItem::new(text, format!("/admin/outbox?view={id}"), id == "dead").count(count);
        let full = Self {
            transport: Note::new(Tone::Us, "Mail leaves by mail.tenable.example on port 587."),
            views: vec![view("Given up", "dead", 1), view("Waiting", "waiting", 1), view("Sent", "sent", 1204)],
            rows: vec![
                row(
                    Tone::Failed,
                    "Given up",
                    "[2041] Waiting on you: let our alerting IP in",
                    12,
                    Some("550 5.1.1 no such user"),
                ),
                row(Tone::Us, "Waiting", "[2043] With us: IP change received", 0, None),
            ],
            empty: None,
            more: Some(Link::new("Show 50 more", "/admin/outbox?after=2")),
        };
        let hostile = Self {
            rows: vec![row(Tone::Failed, "Given up", samples::HOSTILE, 1, Some(&samples::unbroken()))],
            ..full.clone()
        };
        let none = Some(Empty { text: "No mail was given up.".into(), link: None });
        vec![
            ("empty", Self { rows: Vec::new(), empty: none, more: None, ..full.clone() }),
            ("full", full),
            ("hostile", hostile),
        ]
    }
}

/// One mail with made-up values.
#[derive(Clone, Debug, Serialize)]
pub struct MailSample {
    /// What definitions call it.
    pub name: String,
    /// Its subject.
    pub subject: String,
    /// Its plain text.
    pub text: String,
    /// Where the part stands that programs show as a page.
    pub html: String,
}

impl MailSample {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "admin/mail.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let plain = Self {
            name: "tunnel-works".into(),
            subject: "[2041] Waiting on you: enter your SMTP settings".into(),
            text: "Enter your SMTP settings: the tunnel works.\n\nhttps://postern.corp.example/cases/2041".into(),
            html: "/admin/mails/tunnel-works/page".into(),
        };
        let hostile = Self { subject: samples::HOSTILE.into(), text: samples::unbroken(), ..plain.clone() };
        vec![("plain", plain), ("hostile", hostile)]
    }
}
