//! The page of a case as the customer sees it, and the page of one act.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{Act, Fact, FileRow, Happening, Link, Message, Note, Step, StepStatus, Tag, TestRow, Tone};
use super::family::Relative;
use super::form::{Button, Choice, Field, Form, Kind, Style};
use super::portal::ask;
use super::samples;

/// A case: whose turn it is, the one next act, and how far it is.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// Number of the case.
    pub number: u64,
    /// What it is about: the heading.
    pub heading: String,
    /// Whose turn it is.
    pub tag: Tag,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// What the reader is told first.
    pub turn: Turn,
    /// The acts the reader has, the main one first; none where nothing is to be done.
    pub acts: Vec<Act>,
    /// Acts that are possible at any time and are not the next one.
    pub more: Vec<Act>,
    /// The process list.
    pub steps: Vec<Step>,
    /// Tunnel tests, newest first.
    pub tests: Vec<TestRow>,
    /// The conversation, newest last.
    pub messages: Vec<Message>,
    /// Writes a message; none once the case is closed for good.
    pub message: Option<Form>,
    /// What the customer told us.
    pub facts: Vec<Fact>,
    /// Everything that happened, oldest first.
    pub history: Vec<Happening>,
    /// A lead's decision to go on without a passed test; stays visible for good.
    pub overrides: Vec<Note>,
    /// What the reader should know first: closed until when, a change under way.
    pub notes: Vec<Note>,
    /// The case that this one belongs to, and those that belong to it.
    pub family: Vec<Relative>,
}

/// The one box that says whose turn it is and what comes next.
#[derive(Clone, Debug, Serialize)]
pub struct Turn {
    /// You, us, somebody else, done or failed: the edge of the box.
    pub tone: Tone,
    /// `What you need to do now`, `Nothing for you to do now`, or the state's own headline.
    pub heading: String,
    /// What is going on.
    pub text: String,
    /// What to do, line by line; empty where the text is enough.
    pub checklist: Vec<String>,
    /// What happens next.
    pub next: Option<String>,
    /// The promise of the vendor, absolute: `We answer by 24 November 2026 at 13:00 UTC`.
    pub promise: Option<String>,
    /// Values the reader has to carry elsewhere: the alerting IPs, the text for the provider.
    pub copy: Vec<Fact>,
}

impl Case {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "portal/case.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let yours = yours();
        let mut ours = yours.clone();
        ours.tag = Tag::new(Tone::Us, "With us");
        ours.turn = Turn {
            tone: Tone::Us,
            heading: "Nothing for you to do now".into(),
            text: "We whitelist 10.20.4.15 inside your VPN tunnel.".into(),
            checklist: Vec::new(),
            next: Some("We tell you which address to let in on your firewall.".into()),
            promise: Some("We answer by 24 November 2026 at 13:00 UTC.".into()),
            copy: Vec::new(),
        };
        ours.acts = Vec::new();
        ours.messages = Vec::new();
        ours.tests = Vec::new();
        let mut settings = yours.clone();
        settings.turn.heading = "Enter your SMTP settings".into();
        settings.turn.text = "The tunnel works. We now need the account that your server asks for.".into();
        settings.turn.copy = Vec::new();
        settings.acts = vec![settings_act()];
        let mut done = ours.clone();
        done.tag = Tag::new(Tone::Done, "Done");
        done.turn = Turn {
            tone: Tone::Done,
            heading: "Done. Alerts reach you through the tunnel.".into(),
            text: "Tell us before the server's IP changes.".into(),
            checklist: Vec::new(),
            next: None,
            promise: None,
            copy: Vec::new(),
        };
        done.acts = vec![Act::link("Give notice of an IP change", "/cases/2041/act/notify_ip_change")];
        done.notes = vec![
            Note::new(
                Tone::Neutral,
                "Closed on 24 November 2026. Answer by 8 December 2026 at 13:00 UTC to reopen this case: it goes on where it was.",
            ),
            Note {
                link: Some(Link::new("Case 2044: Change of the SMTP settings: mail.corp.example", "/cases/2044")),
                ..Note::new(Tone::You, "A change is under way in a case of its own.")
            },
        ];
        done.family = Relative::samples();
        done.overrides =
            vec![Note::new(Tone::You, "Lee M. went on without a passed test: the server answers only at night.")];
        vec![
            ("yours", yours.clone()),
            ("ours", ours),
            ("settings", settings),
            ("done", done),
            ("hostile", hostile(yours)),
        ]
    }
}

fn yours() -> Case {
    let form =
        samples::button("act", "/cases/2041/act/let_in_done", Style::Main, "Our firewall lets them in").entered(4);
    let main = Act { form: Some(form), ..Act::link("Our firewall lets them in", "/cases/2041/act/let_in_done") };
    Case {
        number: 2041,
        heading: "Whitelist mail.corp.example for the VPN tunnel".into(),
        tag: Tag::new(Tone::You, "Waiting on you"),
        opened_at: samples::at(0),
        turn: Turn {
            tone: Tone::You,
            heading: "Let our alerting IP through your firewall".into(),
            text: "Our alerts reach your server from the addresses below. Let them in to 10.20.4.15 on port 587, then tell us.".into(),
            checklist: vec!["Open the port on the firewall.".into(), "Open it on the server itself.".into()],
            next: Some("We test the tunnel. This takes minutes.".into()),
            promise: None,
            copy: vec![
                Fact::code("Alerting IP", "198.51.100.24"),
                Fact::code("Stand-by alerting IP", "198.51.100.25"),
                Fact::code("To", "10.20.4.15:587"),
            ],
        },
        acts: vec![
            main,
            Act::link("I need help", "/cases/2041/act/need_help"),
        ],
        more: vec![Act::link("Withdraw this case", "/cases/2041/act/cancel")],
        steps: private_steps(),
        tests: vec![TestRow {
            number: 1,
            href: "/cases/2041/tests/1".into(),
            tag: Tag::new(Tone::Failed, "Not reachable"),
            text: "The test stopped at step 4 of 8: TCP connection timed out.".into(),
            at: samples::at(60),
        }],
        messages: vec![
            message("Dana K.", "Corp", "Our firewall team asks for the port.\nIs it 587?"),
            message("Ana P.", "Tenable", "Yes, port 587 from both addresses."),
        ],
        message: Some(ask("message", "/cases/2041/messages", "Send message", Style::Other, "text", "Write a message")),
        facts: vec![
            Fact::code("Private IP", "10.20.4.15"),
            Fact::missing("Host name"),
            Fact::code("SMTP port", "587"),
            Fact::new("Encryption", "STARTTLS"),
            Fact::code("Sender address", "alerts@corp.example"),
        ],
        history: vec![
            happening(0, "Dana K.", "Sent the request", vec![Fact::code("Private IP", "10.20.4.15")]),
            happening(51, "Ana P.", "Whitelisted 10.20.4.15", vec![Fact::code("Change reference", "CHG-4711")]),
        ],
        overrides: Vec::new(),
        notes: Vec::new(),
        family: Vec::new(),
    }
}

fn private_steps() -> Vec<Step> {
    let done = |title: &str, minutes| Step { at: Some(samples::at(minutes)), ..Step::new(title, StepStatus::Done) };
    let now = Step { at: Some(samples::at(51)), ..Step::new("You let our alerting IP in", StepStatus::Now) };
    vec![
        done("You sent the request", 0),
        Step { note: Some("Ana P., change CHG-4711".into()), ..done("We whitelisted 10.20.4.15", 51) },
        Step { tag: Some(Tag::new(Tone::You, "Waiting on you")), ..now },
        Step::new("We test the tunnel", StepStatus::NotYet),
        Step::new("You enter your SMTP settings", StepStatus::NotYet),
        Step::new("We apply them", StepStatus::NotYet),
        Step::new("You tell us that the test alert arrived", StepStatus::NotYet),
    ]
}

fn settings_act() -> Act {
    let fields = vec![
        Field::new(Kind::Code, "smtp_account", "SMTP account").optional(),
        Field::new(Kind::Password, "smtp_password", "SMTP account password")
            .hint("Stored encrypted and shown to nobody")
            .autocomplete("new-password")
            .optional(),
        Field::new(Kind::Email, "test_recipient", "Who gets the test alert"),
    ];
    let form = samples::button("act", "/cases/2041/act/submit_settings", Style::Main, "Save and test").entered(6);
    Act { form: Some(form.fields(fields)), ..Act::link("Save and test", "/cases/2041/act/submit_settings") }
}

fn hostile(mut case: Case) -> Case {
    case.heading = samples::HOSTILE.to_owned();
    case.turn.text = samples::unbroken();
    case.turn.copy = vec![Fact::code(samples::HOSTILE, samples::unbroken())];
    case.facts = vec![Fact::code("Host name", samples::unbroken()), Fact::new(samples::HOSTILE, samples::HOSTILE)];
    case.messages = vec![message(samples::HOSTILE, &samples::long_name(), &samples::unbroken())];
    case.history =
        vec![happening(1, samples::HOSTILE, &samples::unbroken(), vec![Fact::new("Reason", samples::HOSTILE)])];
    case.steps = vec![Step {
        note: Some(samples::HOSTILE.into()),
        tag: Some(Tag::new(Tone::Failed, "There is a problem")),
        ..Step::new(samples::unbroken(), StepStatus::Trouble)
    }];
    case
}

/// A file; a hostile text is a hostile name too.
fn file(name: &str) -> FileRow {
    FileRow { name: name.into(), href: "/cases/2041/files/1".into(), size: "12 KiB".into() }
}

fn message(from: &str, side: &str, text: &str) -> Message {
    Message {
        at: samples::at(55),
        from: from.into(),
        side: side.into(),
        text: text.into(),
        internal: false,
        files: vec![file(text)],
    }
}

fn happening(minutes: i64, who: &str, what: &str, facts: Vec<Fact>) -> Happening {
    Happening { at: samples::at(minutes), who: who.into(), what: what.into(), facts }
}

/// One act of a case on a page of its own: the generic form of any event.
#[derive(Clone, Debug, Serialize)]
pub struct ActPage {
    /// The case, where the way back leads.
    pub back: String,
    /// Number of the case.
    pub number: u64,
    /// What the case is about.
    pub case_title: String,
    /// The act in words: the heading.
    pub heading: String,
    /// What follows from the act.
    pub lead: Option<String>,
    /// Its fields.
    pub form: Form,
}

impl ActPage {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "portal/act.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |heading: &str, form: Form| Self {
            back: "/cases/2041".into(),
            number: 2041,
            case_title: "Whitelist mail.corp.example for the VPN tunnel".into(),
            heading: heading.into(),
            lead: Some("We read it and answer in the case.".into()),
            form: Form { cancel: Some("/cases/2041".into()), ..form.entered(4) },
        };
        let help = ask(
            "act",
            "/cases/2041/act/need_help",
            "Ask for help",
            Style::Main,
            "reason",
            "What do you need help with?",
        );
        let every =
            Form::new("act", "/cases/2041/act/report_problem", samples::KEY, Button::main("Report the problem"));
        let withdraw = ask("act", "/cases/2041/act/cancel", "Withdraw this case", Style::Danger, "reason", "Reason");
        let wrong =
            every.clone().fields(every_kind().into_iter().map(|field| field.error("Enter this value")).collect());
        let hostile = every.clone().fields(every_kind().into_iter().map(worst).collect());
        vec![
            ("help", page("I need help", help)),
            ("every-kind", page("Report a problem", every.fields(every_kind()))),
            ("withdraw", page("Withdraw this case", withdraw)),
            ("wrong", page("Report a problem", wrong)),
            ("hostile", page(samples::HOSTILE, hostile)),
        ]
    }
}

fn every_kind() -> Vec<Field> {
    let channel = vec![Choice::new("smtp", "E-mail alerts"), Choice::new("syslog", "SYSLOG alerts")];
    let planned = vec![Choice::new("now", "It has already changed"), Choice::new("planned", "At a planned time")];
    vec![
        Field::new(Kind::Radio, "channel", "Which kind of alert is affected?").options(channel),
        Field::new(Kind::Select, "change_timing", "When does the IP change?").options(planned),
        Field::new(Kind::Checkbox, "whitelist_request", "Whitelist")
            .options(vec![Choice::new("true", "Whitelist this IP inside the VPN tunnel")]),
        Field::new(Kind::Text, "provider_ref", "Provider's ticket number").optional(),
        Field::new(Kind::Code, "effective_at", "Planned time").hint("In UTC, like 2026-12-01 08:00"),
        Field::new(Kind::Number, "smtp_port", "SMTP port"),
        Field::new(Kind::Email, "test_recipient", "Who gets the test alert").value("dana@corp.example"),
        Field::new(Kind::Password, "smtp_password", "SMTP account password")
            .hint("A password is stored. Leave empty to keep it"),
        Field::new(Kind::Textarea, "evidence", "What did you see?"),
    ]
}

fn worst(field: Field) -> Field {
    let label = samples::HOSTILE.to_owned();
    let options = field.options.iter().map(|option| Choice {
        hint: Some(samples::unbroken()),
        label: label.clone(),
        ..option.clone()
    });
    let options = options.collect();
    Field { label, options, ..field }.value(samples::HOSTILE).hint(samples::unbroken()).error(samples::HOSTILE)
}
