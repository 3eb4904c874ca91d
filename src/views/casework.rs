//! The page of a case as an engineer sees it: the panel of its step, the facts, the conversation.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{Act, Change, Fact, FileRow, Happening, Link, Message, Note, Step, StepStatus, Tag, TestRow, Tone};
use super::family::Relative;
use super::form::{Field, Form, Kind, Style};
use super::portal::ask;
use super::samples;

/// A case as an engineer sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// Number of the case.
    pub number: u64,
    /// What it is about: the heading.
    pub heading: String,
    /// Name of the customer.
    pub customer: String,
    /// Whose turn it is.
    pub tag: Tag,
    /// Priority: `P3`.
    pub priority: String,
    /// The clock that runs, as words with a tone: `First answer due 24 November 2026 at 13:00 UTC (in 50 minutes)`.
    pub clock: Tag,
    /// Who has the case.
    pub claim: Claim,
    /// What to do at this step.
    pub panel: Panel,
    /// Everything known about the server, the tunnel and the people.
    pub facts: Vec<Fact>,
    /// Further pages of the case: its settings, what the product holds.
    pub links: Vec<Link>,
    /// The process list.
    pub steps: Vec<Step>,
    /// Tunnel tests, newest first.
    pub tests: Vec<TestRow>,
    /// Messages and internal notes, newest last.
    pub messages: Vec<Message>,
    /// Answers the customer.
    pub reply: Option<Form>,
    /// Texts that a reply can begin with, for those who may write one.
    pub texts: Vec<Link>,
    /// Writes a note that the customer never sees.
    pub note: Option<Form>,
    /// Everything that happened, oldest first.
    pub history: Vec<Happening>,
    /// A lead's decision to go on without a passed test; stays visible for good.
    pub overrides: Vec<Note>,
    /// What the reader should know first: closed until when, a change under way.
    pub notes: Vec<Note>,
    /// The case that this one belongs to, and those that belong to it.
    pub family: Vec<Relative>,
}

/// Who has the case, and what the reader may do about it.
#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    /// `Claimed by you`, `Claimed by Bo L.`, `Not claimed`.
    pub text: String,
    /// Claim, release, take over: those that are allowed.
    pub forms: Vec<Form>,
    /// Where the case is handed over.
    pub hand_over: Option<String>,
}

/// The panel of the step the case stands at.
#[derive(Clone, Debug, Serialize)]
pub struct Panel {
    /// `Step 3 of 7`.
    pub position: String,
    /// What to do: `Whitelist the IP`.
    pub heading: String,
    /// How to do it.
    pub text: String,
    /// What was checked by itself: selector, clash, class of the address.
    pub checks: Vec<Check>,
    /// What the act changes: a line of the whitelist, or settings.
    pub changes: Vec<Change>,
    /// The main act with its form, and others of this step.
    pub acts: Vec<Act>,
    /// Acts that are possible now and belong to no step: asking, pausing, withdrawing.
    pub folded: Vec<Act>,
    /// Acts that are not possible now, each with its reason.
    pub blocked: Vec<Act>,
    /// What the reader should know before acting; does not stop.
    pub notes: Vec<Note>,
}

/// One thing that was checked by itself.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What was checked: `Selector`.
    pub label: String,
    /// What was found, as a tag: done, you (look at it), failed or neutral (not known).
    pub tag: Tag,
    /// The evidence: `10.20.0.0/16 covers 10.20.4.15`.
    pub text: String,
}

impl Case {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "queue/case.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let whitelist = whitelist_case();
        let mut apply = whitelist.clone();
        apply.panel = apply_panel();
        apply.overrides =
            vec![Note::new(Tone::You, "Lee M. went on without a passed test: the server answers only at night.")];
        let mut theirs = whitelist.clone();
        theirs.claim = Claim {
            text: "Not claimed".into(),
            forms: vec![samples::button("claim", "/cases/2041/claim", Style::Main, "Claim")],
            hand_over: None,
        };
        theirs.panel.acts = Vec::new();
        theirs.family = Relative::samples();
        theirs.tests = Vec::new();
        theirs.messages = Vec::new();
        let mut hostile = whitelist.clone();
        hostile.heading = samples::HOSTILE.into();
        hostile.customer = samples::long_name();
        hostile.panel.text = samples::unbroken();
        hostile.panel.changes = vec![change(samples::HOSTILE, None, Some(&samples::unbroken()))];
        hostile.facts = vec![Fact::code("Host name", samples::unbroken()), Fact::new("Contacts", samples::HOSTILE)];
        hostile.messages =
            hostile.messages.into_iter().map(|message| Message { text: samples::unbroken(), ..message }).collect();
        vec![("whitelist", whitelist), ("apply", apply), ("unclaimed", theirs), ("hostile", hostile)]
    }
}

/// What the product holds beside what the case would write: asked for on its own page, so that a slow product keeps
/// nobody from the case.
#[derive(Clone, Debug, Serialize)]
pub struct ApplyCheck {
    /// Number of the case.
    pub number: u64,
    /// The page of the case.
    pub back: String,
    /// Name of the product tenant.
    pub tenant: String,
    /// Whether the product answered, and what the comparison means.
    pub outcome: Note,
    /// What an apply would change.
    pub changes: Vec<Change>,
    /// What stays as it is.
    pub same: Vec<Fact>,
    /// When the product was asked.
    pub read_at: DateTime<Utc>,
}

impl ApplyCheck {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "queue/apply_check.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let read = Self {
            number: 2041,
            back: "/cases/2041".into(),
            tenant: "alder-prod".into(),
            outcome: Note::new(Tone::You, "3 of 6 settings would change."),
            changes: apply_panel().changes,
            same: vec![Fact::code("SMTP server port", "587")],
            read_at: samples::at(70),
        };
        let failed = Self {
            outcome: Note::new(Tone::Failed, "The product could not be asked: it did not answer in time."),
            changes: Vec::new(),
            same: Vec::new(),
            ..read.clone()
        };
        let hostile = Self {
            tenant: samples::HOSTILE.into(),
            changes: vec![change("SMTP server address", Some(samples::HOSTILE), Some(&samples::unbroken()))],
            ..read.clone()
        };
        vec![("read", read), ("failed", failed), ("hostile", hostile)]
    }
}

fn message(from: &str, side: &str, text: &str, internal: bool) -> Message {
    let file = FileRow { name: "smtp.log".into(), href: "/cases/2041/files/1".into(), size: "12 KiB".into() };
    Message {
        at: samples::at(55),
        from: from.into(),
        side: side.into(),
        text: text.into(),
        internal,
        files: vec![file],
    }
}

fn ready_texts() -> Vec<Link> {
    vec![Link::new("Ask for the port", "/cases/2041?text=1"), Link::new("Change ready texts", "/queue/texts")]
}

fn whitelist_case() -> Case {
    let step = |title: &str, status, minutes: i64| Step { at: Some(samples::at(minutes)), ..Step::new(title, status) };
    Case {
        number: 2041,
        heading: "Whitelist 10.20.4.15".into(),
        customer: "Alder Mutual".into(),
        tag: Tag::new(Tone::Us, "With us"),
        priority: "P3".into(),
        clock: Tag::new(Tone::You, "First answer due 24 November 2026 at 13:00 UTC (in 50 minutes)"),
        claim: Claim {
            text: "Claimed by you".into(),
            forms: vec![samples::button("release", "/cases/2041/release", Style::Small, "Release")],
            hand_over: Some("/cases/2041/hand-over".into()),
        },
        panel: whitelist_panel(),
        facts: vec![
            Fact::code("Server", "10.20.4.15:587"),
            Fact::new("Encryption", "STARTTLS"),
            Fact::code("Sender", "alerts@alder.example"),
            Fact::code("Alerting IP", "10.99.0.8"),
            Fact::new("Tunnel", "alder-1").tag(Tone::Done, "Up"),
            Fact::new("Contacts", "Dana K., firewall: Lee M."),
            Fact::new("Earlier cases", "2, last on 3 March 2026"),
        ],
        links: vec![Link::new("SMTP settings", "/cases/2041/settings")],
        steps: vec![
            step("Customer sent the request", StepStatus::Done, 0),
            Step { tag: Some(Tag::new(Tone::Us, "With us")), ..step("We whitelist 10.20.4.15", StepStatus::Now, 51) },
            Step::new("Customer lets our alerting IP in", StepStatus::NotYet),
            Step::new("We test the tunnel", StepStatus::NotYet),
        ],
        tests: vec![TestRow {
            number: 7,
            href: "/cases/2041/tests/7".into(),
            tag: Tag::new(Tone::Failed, "Not reachable"),
            text: "The test stopped at step 4 of 8: TCP connection timed out.".into(),
            at: samples::at(60),
        }],
        messages: vec![
            message("Dana K.", "Alder Mutual", "Is port 587 right?", false),
            message("Ana P.", "Tenable", "Their firewall team is in UTC+1.", true),
        ],
        texts: ready_texts(),
        reply: Some(ask("reply", "/cases/2041/messages", "Send", Style::Main, "text", "Reply to the customer")),
        note: Some(ask("note", "/cases/2041/notes", "Save note", Style::Other, "text", "Internal note")),
        history: vec![Happening {
            at: samples::at(0),
            who: "Dana K.".into(),
            what: "Sent the request".into(),
            facts: vec![Fact::code("Private IP", "10.20.4.15")],
        }],
        overrides: Vec::new(),
        notes: Vec::new(),
        family: Vec::new(),
    }
}

fn whitelist_panel() -> Panel {
    let fields = vec![Field::new(Kind::Code, "change_ref", "Change reference")];
    let form = samples::button("act", "/cases/2041/acts/configuration_done", Style::Main, "Added to the whitelist");
    let main = Act {
        form: Some(form.fields(fields).entered(4)),
        ..Act::link("Added to the whitelist", "/cases/2041/acts/configuration_done")
    };
    let reason = "Cannot apply settings: no passed test since the last whitelist change.";
    Panel {
        position: "Step 2 of 7".into(),
        heading: "Whitelist the IP".into(),
        text: "Add the line below to our side of the tunnel alder-1, then enter the reference of the change.".into(),
        checks: vec![
            check("Tunnel", Tone::Done, "Up", "alder-1, for 12 days"),
            check("Selector", Tone::Done, "Covered", "10.20.0.0/16 covers 10.20.4.15"),
            check("Clash", Tone::Done, "None", "no other network of this routing domain overlaps"),
        ],
        changes: vec![change("Whitelist of alder-1", None, Some("10.20.4.15/32 tcp/587 from 10.99.0.8"))],
        acts: vec![main, Act::link("Refuse with a reason", "/cases/2041/acts/configuration_refused")],
        folded: vec![Act::link("Ask the customer", "/cases/2041/acts/ask_customer")],
        blocked: vec![Act {
            blocked: Some(reason.into()),
            ..Act::link("Apply SMTP settings", "/cases/2041/acts/apply")
        }],
        notes: Vec::new(),
    }
}

fn apply_panel() -> Panel {
    let form = samples::button("act", "/cases/2041/acts/retry_apply", Style::Main, "Apply SMTP settings").entered(9);
    Panel {
        position: "Step 6 of 7".into(),
        heading: "Apply the SMTP settings".into(),
        text: "The full test passed with exactly these settings. The settings in use are replaced.".into(),
        checks: vec![
            check("Full test", Tone::Done, "Passed", "test 9, 24 November 2026 at 11:40 UTC"),
            check("Product API", Tone::Neutral, "Not known", "it was not asked since 09:00 UTC"),
            check("Other server in use", Tone::You, "Replaced", "smtp1.alder.example is in use today"),
        ],
        changes: vec![
            change("SMTP server address", Some("10.20.4.11"), Some("10.20.4.15")),
            Change {
                meaning: Some("Encryption is added".into()),
                ..change("SMTP encryption", Some("No encryption"), Some("STARTTLS"))
            },
            change("SMTP account", Some("alerts"), None),
        ],
        acts: vec![Act { form: Some(form), ..Act::link("Apply SMTP settings", "/cases/2041/acts/retry_apply") }],
        folded: Vec::new(),
        blocked: Vec::new(),
        notes: vec![Note::new(Tone::You, "Mail may stop for a few seconds while the settings are replaced.")],
    }
}

fn check(label: &str, tone: Tone, tag: &str, text: &str) -> Check {
    Check { label: label.into(), tag: Tag::new(tone, tag), text: text.into() }
}

fn change(label: &str, was: Option<&str>, now: Option<&str>) -> Change {
    Change { label: label.into(), was: was.map(str::to_owned), now: now.map(str::to_owned), meaning: None }
}
