//! The customer's pages but the case itself: the list, the questions of a request, the check, the confirmation.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{Empty, Fact, Link, Note, Tag, Tone};
use super::form::{Button, Choice, Field, Form, Kind, Style};
use super::samples;

/// The customer's cases, those that need the reader first.
#[derive(Clone, Debug, Serialize)]
pub struct Cases {
    /// Where a request is started; none where the reader may not.
    pub start: Option<String>,
    /// A draft that waits to be finished.
    pub draft: Option<Draft>,
    /// "Needs you", "With us", "Done": only those that have rows.
    pub groups: Vec<Group>,
    /// In place of the groups, where there are none.
    pub empty: Option<Empty>,
    /// For customers on a Secure Relay, who set the server themselves.
    pub relay: Option<Note>,
    /// The next page of the list; none on the last one.
    pub older: Option<Link>,
}

/// A request that was begun and not sent.
#[derive(Clone, Debug, Serialize)]
pub struct Draft {
    /// The page to go on at.
    pub href: String,
    /// When the last answer was saved.
    pub saved_at: DateTime<Utc>,
    /// Until when the answers are kept.
    pub kept_until: DateTime<Utc>,
}

/// Cases of one heading.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// `Needs you`.
    pub heading: String,
    /// Its cases.
    pub rows: Vec<CaseRow>,
    /// True where the rows are folded away at first.
    pub folded: bool,
}

/// One case of the list.
#[derive(Clone, Debug, Serialize)]
pub struct CaseRow {
    /// Number of the case.
    pub number: u64,
    /// Its page.
    pub href: String,
    /// What it is about.
    pub title: String,
    /// Whose turn it is.
    pub tag: Tag,
    /// The next act, in one sentence.
    pub next: String,
    /// When it last moved.
    pub at: DateTime<Utc>,
}

impl Cases {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "portal/cases.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let bare = Self {
            start: Some("/start".into()),
            draft: None,
            groups: Vec::new(),
            empty: None,
            relay: None,
            older: None,
        };
        let never = "You have no cases yet. Start a request to have your SMTP server whitelisted for the VPN tunnel.";
        let draft =
            Draft { href: "/start/server".into(), saved_at: samples::at(0), kept_until: samples::at(30 * 24 * 60) };
        let full = Self {
            draft: Some(draft),
            older: Some(Link::new("Older cases", "/cases?before=2011")),
            groups: vec![
                Group {
                    heading: "Needs you".into(),
                    folded: false,
                    rows: vec![row(2041, Tone::You, "Waiting on you", "Let our alerting IP through your firewall")],
                },
                Group {
                    heading: "With us".into(),
                    folded: false,
                    rows: vec![
                        row(2043, Tone::Us, "With us", "We answer by 24 November 2026 at 13:00 UTC"),
                        row(2039, Tone::Failed, "Test failed", "We are looking at step 4 of the tunnel test"),
                    ],
                },
                Group {
                    heading: "Done".into(),
                    folded: true,
                    rows: vec![row(2011, Tone::Done, "Done", "Alerts reach you through the tunnel")],
                },
            ],
            ..bare.clone()
        };
        let mut hostile = full.clone();
        for row in hostile.groups.iter_mut().flat_map(|group| &mut group.rows) {
            row.title = samples::HOSTILE.to_owned();
            row.next = samples::unbroken();
        }
        let relay = Note {
            link: Some(Link::new("Start", "/start")),
            ..Note::new(Tone::Us, "Your site uses Secure Relay, so you can set the SMTP server yourself.")
        };
        vec![
            ("empty", Self { empty: Some(Empty { text: never.into(), link: None }), ..bare.clone() }),
            ("relay", Self { relay: Some(relay), start: None, ..bare.clone() }),
            ("full", full),
            ("hostile", hostile),
            ("away", Self { empty: Some(Empty { text: AWAY.into(), link: None }), start: None, ..bare }),
        ]
    }
}

const AWAY: &str = "Your cases cannot be shown right now. They are safe. Reload in a minute.";

fn row(number: u64, tone: Tone, tag: &str, next: &str) -> CaseRow {
    CaseRow {
        number,
        href: format!("/cases/{number}"),
        title: "Whitelist mail.corp.example for the VPN tunnel".into(),
        tag: Tag::new(tone, tag),
        next: next.into(),
        at: samples::at(68),
    }
}

/// What a request needs and how long it takes, before its first question.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// The way back.
    pub back: String,
    /// When the vendor answers, as the contract says: `within 4 working hours`.
    pub promise: String,
    /// The first question about e-mail; the button is a link, because nothing is sent yet.
    pub next: String,
    /// The first question about SYSLOG.
    pub next_syslog: String,
    /// On a Secure Relay nobody has to be asked: the button that leads through the customer's own steps.
    pub relay: Option<Form>,
}

impl Start {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "portal/start.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let plain = Self {
            back: "/cases".into(),
            promise: "within 4 working hours".into(),
            next: "/start/where".into(),
            next_syslog: "/start/syslog/where".into(),
            relay: None,
        };
        let relay = Form::new("relay", "/start/check", samples::KEY, Button::main("Continue"));
        vec![("relay", Self { relay: Some(relay), ..plain.clone() }), ("plain", plain)]
    }
}

/// One question, or one tight group, of a request. A single radio question is the heading of its page.
#[derive(Clone, Debug, Serialize)]
pub struct Question {
    /// The way back, which keeps what was entered.
    pub back: String,
    /// `Question 2 of 4`, once the branch and with it the count is known.
    pub counter: Option<String>,
    /// Heading of a group; none where the single question is the heading.
    pub heading: Option<String>,
    /// One sentence below the heading.
    pub lead: Option<String>,
    /// The fields and "Continue".
    pub form: Form,
    /// Warnings that do not stop: the cleaned value that will be used, an unusual port.
    pub notes: Vec<Note>,
}

impl Question {
    /// The template that reads this, for every question.
    pub const TEMPLATE: &'static str = "portal/question.html";

    /// "Where is your SMTP server?"
    pub fn place(back: &str, action: &str, key: &str) -> Self {
        let choices = vec![
            Choice::new("private", "Inside our network").hint("It has a private IP, like 10.20.4.15"),
            Choice::new("public", "Outside our network").hint("It has a public IP or belongs to a provider"),
        ];
        Self::single(back, action, key, Field::new(Kind::Radio, "smtp_location", PLACE).options(choices))
    }

    /// "Does the server accept mail only from IPs it knows?"
    pub fn filters(back: &str, action: &str, key: &str) -> Self {
        let choices = vec![
            Choice::new("yes", "Yes, it filters by source IP").hint("We will give you our alerting IP"),
            Choice::new("no", "No"),
            Choice::new("unknown", "I do not know").hint("We will test it and tell you"),
        ];
        let field = Field::new(Kind::Radio, "filters_inbound", FILTERS).hint("Many hosted mail services do");
        Self::single(back, action, key, field.options(choices))
    }

    /// "Your SMTP server": address, port, name, encryption and sender, for a server inside (`private`) or outside.
    pub fn server(back: &str, action: &str, key: &str, private: bool) -> Self {
        let address = if private { "Private IP" } else { "Public IP" };
        let hint =
            if private { "One IP in your network, like 10.20.4.15" } else { "The IP that the host name leads to" };
        let encryption = vec![
            Choice::new("starttls", "STARTTLS"),
            Choice::new("implicit_tls", "TLS from the start"),
            Choice::new("none", "No encryption"),
            Choice::new("unknown", "I do not know").hint("We will try STARTTLS, then TLS from the start"),
        ];
        let sender =
            Field::new(Kind::Email, "sender_address", "Sender address").hint("Alerts will come from this address");
        let fields = vec![
            Field::new(Kind::Code, "smtp_host", "Host name").optional(),
            Field::new(Kind::Code, "smtp_ip", address).hint(hint),
            Field::new(Kind::Number, "smtp_port", "SMTP port").hint("Usually 25, 465 or 587"),
            Field::new(Kind::Radio, "encryption", "Encryption").options(encryption),
            sender,
        ];
        let form = Form::new("form", action, key, Button::main("Continue")).fields(fields);
        Self {
            back: back.to_owned(),
            counter: None,
            heading: Some("Your SMTP server".into()),
            lead: Some("The account and its password are asked later, when the tunnel works.".into()),
            form,
            notes: Vec::new(),
        }
    }

    pub(super) fn single(back: &str, action: &str, key: &str, field: Field) -> Self {
        let form = Form::new("form", action, key, Button::main("Continue")).fields(vec![field.heading()]);
        Self { back: back.to_owned(), counter: None, heading: None, lead: None, form, notes: Vec::new() }
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let place = Self::place("/start", "/start/where", samples::KEY);
        let mut filters = Self::filters("/start/where", "/start/filters", samples::KEY);
        filters.counter = Some("Question 2 of 3".into());
        let server = Self::server("/start/where", "/start/server", samples::KEY, true);
        let mut unanswered = place.clone();
        fill(&mut unanswered, |field| field.error("Choose where your SMTP server is"));
        let mut wrong = server.clone();
        wrong.counter = Some("Question 2 of 2".into());
        fill(&mut wrong, |field| match field.name.as_str() {
            "smtp_ip" => field.value("203.0.113.19").error("Private IP must be in a private range, like 10.20.4.15"),
            "smtp_port" => field.value("58 7").error("SMTP port must be a number from 1 to 65535"),
            "smtp_host" => field.value("mail.corp.example"),
            "encryption" => field.value("starttls"),
            _ => field.error("Enter the sender address in the form name@example.com"),
        });
        wrong.notes = vec![Note::new(Tone::You, "Port 110 is for fetching mail. SMTP uses 25, 465 or 587.")];
        let mut hostile = server.clone();
        fill(&mut hostile, |field| field.value(samples::HOSTILE).error(samples::HOSTILE).hint(samples::HOSTILE));
        let mut long = server.clone();
        fill(&mut long, |field| field.value(samples::unbroken()).error(samples::unbroken()));
        let mut faces = vec![
            ("place", place),
            ("filters", filters),
            ("server", server),
            ("unanswered", unanswered),
            ("wrong", wrong),
            ("hostile", hostile),
            ("long", long),
        ];
        faces.extend(Self::receiver_samples(samples::KEY));
        faces
    }
}

const PLACE: &str = "Where is your SMTP server?";
const FILTERS: &str = "Does the server accept mail only from IPs it knows?";

fn fill(question: &mut Question, change: impl Fn(Field) -> Field) {
    question.form.fields = std::mem::take(&mut question.form.fields).into_iter().map(change).collect();
}

/// Every answer once more, before the request is sent.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// The way back.
    pub back: String,
    /// The answers, each with the way to change it.
    pub facts: Vec<Fact>,
    /// What to look at before sending; does not stop.
    pub notes: Vec<Note>,
    /// "Send request".
    pub form: Form,
}

impl Check {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "portal/check.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let plain = Self {
            back: "/start/server".into(),
            facts: vec![
                Fact::new("Where the server is", "Inside our network").change("/start/where"),
                Fact::missing("Host name").change("/start/server"),
                Fact::code("Private IP", "10.20.4.15").change("/start/server"),
                Fact::code("SMTP port", "587").change("/start/server"),
                Fact::new("Encryption", "STARTTLS").change("/start/server"),
                Fact::code("Sender address", "alerts@corp.example").change("/start/server"),
            ],
            notes: Vec::new(),
            form: Form::new("send", "/start/check", samples::KEY, Button::main("Send request")),
        };
        let mut hostile = plain.clone();
        hostile.facts = vec![
            Fact::new(samples::HOSTILE, samples::HOSTILE).change("/start/server"),
            Fact::code("Host name", samples::unbroken()).change("/start/server"),
        ];
        hostile.notes = vec![Note::new(Tone::You, samples::HOSTILE)];
        vec![("plain", plain), ("hostile", hostile)]
    }
}

/// The request was sent: number, what happens next and when. Stays valid for good.
#[derive(Clone, Debug, Serialize)]
pub struct Sent {
    /// Number of the case.
    pub number: u64,
    /// Its page.
    pub case: String,
    /// What happens, in order.
    pub steps: Vec<String>,
    /// Who is mailed at each step.
    pub mail_to: String,
    /// Where another request is started.
    pub again: String,
}

impl Sent {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "portal/sent.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let plain = Self {
            number: 2041,
            case: "/cases/2041".into(),
            steps: vec![
                "An engineer checks it. We answer by 24 November 2026 at 13:00 UTC.".into(),
                "We whitelist 10.20.4.15 and tell you which address to let in on your firewall.".into(),
                "We test the tunnel and apply your SMTP settings.".into(),
            ],
            mail_to: "dana@corp.example".into(),
            again: "/start".into(),
        };
        let hostile = Self {
            steps: vec![samples::HOSTILE.into(), samples::unbroken()],
            mail_to: samples::HOSTILE.into(),
            ..plain.clone()
        };
        vec![("plain", plain), ("hostile", hostile)]
    }
}

/// A form of one text area, for the samples of several pages.
pub(super) fn ask(id: &str, action: &str, label: &str, style: Style, name: &str, question: &str) -> Form {
    samples::button(id, action, style, label).fields(vec![Field::new(Kind::Textarea, name, question)])
}
