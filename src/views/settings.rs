//! The pane of SMTP settings, with the labels of the vendor's product.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{Change, Empty, Fact, Link, Note, Tag, TestRow, Tone};
use super::form::{Button, Choice, Field, Form, Kind, Style, Width};
use super::samples;

/// SMTP settings of one server: what is in use, what the reader may change, how they were proven.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// Name or address of the server: part of the heading.
    pub server: String,
    /// Since when and by whom they are in use; none before the first apply.
    pub in_use: Option<InUse>,
    /// Whether the product was asked and answered the same.
    pub read_back: Option<Note>,
    /// Warnings that do not stop.
    pub notes: Vec<Note>,
    /// The fields, "Save", and "Test these settings without saving".
    pub form: Form,
    /// The last test of the server.
    pub last_test: Option<TestRow>,
    /// Sends a test alert.
    pub alert: Option<Form>,
    /// Earlier settings, newest first.
    pub history: Vec<Version>,
}

/// Since when settings are in use.
#[derive(Clone, Debug, Serialize)]
pub struct InUse {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who set them.
    pub by: String,
}

/// One change of the settings.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
    /// What differed.
    pub changes: Vec<Change>,
    /// Puts them back; none where that is not possible.
    pub put_back: Option<Form>,
}

impl Settings {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "servers/settings.html";

    /// The fields in the order and with the labels of the vendor's pane. `relays` has one choice per Secure Relay and
    /// is empty on sites without one.
    pub fn fields(relays: Vec<Choice>, password_set: bool) -> Vec<Field> {
        let encryption = vec![
            Choice::new("none", "No encryption"),
            Choice::new("starttls", "STARTTLS"),
            Choice::new("implicit_tls", "TLS from the start"),
        ];
        let password =
            Field::new(Kind::Password, "smtp_password", "SMTP account password").autocomplete("new-password");
        let password = match password_set {
            true => password.hint("A password is stored. Leave empty to keep it"),
            false => password.hint("Stored encrypted and shown to nobody"),
        };
        let mut fields = vec![
            Field::new(Kind::Code, "smtp_host", "SMTP server address"),
            Field::new(Kind::Number, "smtp_port", "SMTP server port"),
            Field::new(Kind::Code, "smtp_account", "SMTP account").optional(),
            password.width(Width::Short).optional(),
            Field::new(Kind::Select, "encryption", "SMTP encryption").options(encryption),
            Field::new(Kind::Email, "sender_address", "Email address of the sender"),
        ];
        if !relays.is_empty() {
            fields.insert(0, Field::new(Kind::Select, "relay", "Relay").options(relays));
        }
        fields
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let fill = |fields: Vec<Field>| {
            let value = |field: Field| match field.name.as_str() {
                "smtp_host" => field.value("10.20.4.15"),
                "smtp_port" => field.value("587"),
                "smtp_account" => field.value("alerts"),
                "encryption" => field.value("starttls"),
                "sender_address" => field.value("alerts@corp.example"),
                _ => field,
            };
            fields.into_iter().map(value).collect::<Vec<Field>>()
        };
        let relays = vec![Choice::new("2", "eu-relay-2"), Choice::new("3", "us-relay-1")];
        let plain = Self::sample(fill(Self::fields(Vec::new(), true)));
        let relay = Self {
            last_test: None,
            alert: None,
            history: Vec::new(),
            in_use: None,
            ..Self::sample(fill(Self::fields(relays, false)))
        };
        let broken = Self::fields(Vec::new(), true)
            .into_iter()
            .map(|field| field.value(samples::unbroken()).error(samples::HOSTILE));
        let hostile = Self { server: samples::HOSTILE.into(), ..Self::sample(broken.collect()) };
        vec![("plain", plain), ("relay", relay), ("hostile", hostile)]
    }

    fn sample(fields: Vec<Field>) -> Self {
        let test = Button {
            action: Some("/servers/12/test".into()),
            ..Button::of(Style::Other, "Test these settings without saving")
        };
        let form = Form::new("form", "/servers/12/smtp", samples::KEY, Button::main("Save")).fields(fields);
        let alert = samples::button("alert", "/servers/12/alert", Style::Other, "Send test alert");
        let change =
            Change { label: "SMTP server port".into(), was: Some("25".into()), now: Some("587".into()), meaning: None };
        Self {
            server: "smtp2.corp.example".into(),
            in_use: Some(InUse { since: samples::at(386), by: "Ana P.".into() }),
            read_back: Some(Note::new(
                Tone::Done,
                "Read back from the product, equal. The password cannot be read back.",
            )),
            notes: vec![Note::new(Tone::You, "Port 465 is for TLS from the start. STARTTLS uses 587.")],
            form: Form { also: Some(test), ..form },
            last_test: Some(TestRow {
                number: 9,
                href: "/cases/2041/tests/9".into(),
                tag: Tag::new(Tone::Done, "Reachable"),
                text: "The server takes our mail.".into(),
                at: samples::at(384),
            }),
            alert: Some(alert.fields(vec![
                Field::new(Kind::Email, "test_recipient", "Send a test alert to").value("dana@corp.example"),
            ])),
            history: vec![Version {
                at: samples::at(386),
                by: "Ana P.".into(),
                changes: vec![change],
                put_back: Some(samples::button("back-1", "/servers/12/smtp/put-back", Style::Small, "Put back")),
            }],
        }
    }
}

/// The settings of a case: every revision, newest first, to be read only. Secrets are named, never shown.
#[derive(Clone, Debug, Serialize)]
pub struct CaseSettings {
    /// Number of the case.
    pub number: u64,
    /// The page of the case.
    pub back: String,
    /// `SMTP settings` or `SYSLOG settings`.
    pub heading: String,
    /// Name or address of the server: part of the heading.
    pub server: String,
    /// What is in use, and warnings that do not stop.
    pub notes: Vec<Note>,
    /// Where the settings are entered, while the case asks for them.
    pub act: Option<Link>,
    /// What the product has to choose from, where it was asked.
    pub choices: Vec<Choices>,
    /// The revisions, newest first.
    pub revisions: Vec<Revision>,
    /// In place of the revisions, where there are none.
    pub empty: Option<Empty>,
}

/// A list of the product that settings name entries of by their id.
#[derive(Clone, Debug, Serialize)]
pub struct Choices {
    /// `Directories in the product`.
    pub heading: String,
    /// Id and name.
    pub items: Vec<Fact>,
    /// How many more there are.
    pub left_out: u64,
}

/// One revision of the settings.
#[derive(Clone, Debug, Serialize)]
pub struct Revision {
    /// Counts from 1 in the case.
    pub number: u64,
    /// Passed, applied.
    pub tags: Vec<Tag>,
    /// When it was entered.
    pub at: DateTime<Utc>,
    /// Who entered it.
    pub by: String,
    /// The settings under the labels of the vendor's pane, then how they were proven and applied.
    pub facts: Vec<Fact>,
}

impl CaseSettings {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "queue/settings.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let revision = Revision {
            number: 2,
            tags: vec![Tag::new(Tone::Done, "Full test passed"), Tag::new(Tone::Done, "Applied")],
            at: samples::at(380),
            by: "Dana K.".into(),
            facts: vec![
                Fact::code("SMTP server address", "10.20.4.15"),
                Fact::code("SMTP server port", "587"),
                Fact::new("SMTP account", "Stored, not shown"),
                Fact::new("SMTP account password", "Stored, not shown"),
                Fact::new("SMTP encryption", "STARTTLS"),
                Fact::code("Email address of the sender", "alerts@corp.example"),
                Fact::missing("Name in the certificate"),
            ],
        };
        let first = Revision {
            number: 1,
            tags: vec![Tag::new(Tone::Failed, "Full test failed")],
            facts: vec![Fact::code("SMTP server port", samples::unbroken())],
            by: samples::HOSTILE.into(),
            ..revision.clone()
        };
        let full = Self {
            number: 2041,
            back: "/cases/2041".into(),
            heading: "SMTP settings".into(),
            server: "10.20.4.15".into(),
            notes: vec![Note::new(Tone::You, "Port 465 is for TLS from the start. STARTTLS uses 587.")],
            act: Some(Link::new("Enter settings", "/cases/2041/act/submit_settings")),
            choices: Vec::new(),
            revisions: vec![revision, first],
            empty: None,
        };
        let directories = vec![Fact::new("1", "corp.example"), Fact::new("4", samples::HOSTILE)];
        let syslog = Self {
            heading: "SYSLOG settings".into(),
            notes: vec![Note::new(Tone::Neutral, "Profiles could not be read from the product.")],
            choices: vec![
                Choices { heading: "Directories in the product".into(), items: directories, left_out: 3 },
                Choices { heading: "Profiles in the product".into(), items: Vec::new(), left_out: 0 },
            ],
            ..full.clone()
        };
        let text = "No settings were entered yet.".to_owned();
        let none = Self {
            notes: Vec::new(),
            act: None,
            revisions: Vec::new(),
            empty: Some(Empty { text, link: None }),
            ..full.clone()
        };
        vec![("full", full), ("syslog", syslog), ("empty", none)]
    }
}
