//! What pages share: the frame around them, and the words they are made of (links, tags, facts, notes, steps).

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::form::{ErrorLink, Form};

/// One whole page: the frame and, flattened beside it, the body that one template reads.
#[derive(Clone, Debug, Serialize)]
pub struct Page<B: Serialize> {
    /// State, then thing: `Waiting on you: case 2041`. The layout adds the product and, on errors, the word "Error".
    pub title: String,
    /// What surrounds every page of this visitor.
    pub frame: Frame,
    /// The way back, outermost first, without the page itself.
    pub crumbs: Vec<Link>,
    /// The outcome of the last act. Not shown while there are errors.
    pub notice: Option<Note>,
    /// The summary of what is to be fixed, in the order of the fields.
    pub errors: Vec<ErrorLink>,
    /// The context of the template; its fields become variables of their own.
    #[serde(flatten)]
    pub body: B,
}

impl<B: Serialize> Page<B> {
    /// A page without breadcrumb, notice and errors.
    pub fn new(title: impl Into<String>, frame: Frame, body: B) -> Self {
        Self { title: title.into(), frame, crumbs: Vec::new(), notice: None, errors: Vec::new(), body }
    }
}

/// What surrounds every page of one visitor: made once for each request.
#[derive(Clone, Debug, Serialize)]
pub struct Frame {
    /// Path in front of every link of ours: empty, or like `/postern` behind a proxy. No slash at its end.
    pub root: String,
    /// Where the style sheet is, with its content hash: `/assets/postern.1a2b.css`.
    pub style: String,
    /// Where the icon is.
    pub icon: String,
    /// Version of the program.
    pub version: String,
    /// Light, dark, or as the browser prefers.
    pub theme: Theme,
    /// Names of the vendor and its product.
    pub brand: Brand,
    /// Main navigation without Help, which the layout puts last on every page (WCAG 2.2, 3.2.6).
    pub nav: Vec<NavItem>,
    /// True on the help pages.
    pub help_current: bool,
    /// Who is signed in; none before.
    pub user: Option<User>,
    /// How to reach people, as one sentence of the vendor: telephone, hours and their zone.
    pub support: Option<String>,
}

/// The colors a visitor has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the browser prefers.
    Auto,
    /// Light, whatever the browser prefers.
    Light,
    /// Dark, whatever the browser prefers.
    Dark,
}

/// The names of the vendor that runs this service and of its product.
#[derive(Clone, Debug, Serialize)]
pub struct Brand {
    /// Product whose alerts are delivered.
    pub product: String,
    /// Vendor that runs this service.
    pub vendor: String,
}

/// The person who is signed in.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    /// Name as the person wrote it.
    pub name: String,
    /// Role in words: `Customer administrator`.
    pub role: String,
    /// The form that signs out: no fields.
    pub sign_out: Form,
}

/// One entry of a navigation, or one view of the queue.
#[derive(Clone, Debug, Serialize)]
pub struct NavItem {
    /// Words of the link.
    pub text: String,
    /// Where it leads.
    pub href: String,
    /// True on the page it leads to.
    pub current: bool,
    /// How many things wait there; none where nothing is counted.
    pub count: Option<u64>,
}

impl NavItem {
    /// An entry without a count.
    pub fn new(text: &str, href: impl Into<String>, current: bool) -> Self {
        Self { text: text.to_owned(), href: href.into(), current, count: None }
    }

    /// The same entry with its count.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }
}

/// A way to another page.
#[derive(Clone, Debug, Serialize)]
pub struct Link {
    /// Words of the link, which make sense when read alone.
    pub text: String,
    /// Where it leads.
    pub href: String,
}

impl Link {
    /// A link from its words and its target.
    pub fn new(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self { text: text.into(), href: href.into() }
    }
}

/// What a status means. It decides color and symbol; the words come beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Not started, or a clock that stands still.
    Neutral,
    /// Left out: not run, not needed.
    Skipped,
    /// The vendor works on it.
    Us,
    /// The reader acts, or should look: waiting on you, due soon, warning.
    You,
    /// Somebody else acts: the provider, or a planned date.
    Other,
    /// Done, passed, reachable.
    Done,
    /// Failed, overdue, not reachable.
    Failed,
}

impl Tone {
    /// The mark in front of the words, of its own shape for readers who see no colors.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Neutral => "○",
            Self::Skipped => "–",
            Self::Us => "●",
            Self::You => "▲",
            Self::Other => "◆",
            Self::Done => "✓",
            Self::Failed => "✕",
        }
    }
}

/// A status in words, with its tone. Never a link and never a button.
#[derive(Clone, Debug, Serialize)]
pub struct Tag {
    /// What the status means.
    pub tone: Tone,
    /// The mark of the tone.
    pub symbol: &'static str,
    /// Adjective or past participle: `Waiting on you`.
    pub text: String,
}

impl Tag {
    /// A tag of this tone.
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, symbol: tone.symbol(), text: text.into() }
    }
}

/// A box of one message. Its tone gives the edge its color.
#[derive(Clone, Debug, Serialize)]
pub struct Note {
    /// What the message means.
    pub tone: Tone,
    /// The mark of the tone.
    pub symbol: &'static str,
    /// One bold line; none where the text is enough.
    pub title: Option<String>,
    /// One or two sentences.
    pub text: String,
    /// What to do about it.
    pub link: Option<Link>,
}

impl Note {
    /// A note of one text.
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, symbol: tone.symbol(), title: None, text: text.into(), link: None }
    }
}

/// What stands in place of a list that has nothing to show.
#[derive(Clone, Debug, Serialize)]
pub struct Empty {
    /// What will be here, or why nothing is. Never used, filtered away and could not be loaded are three texts.
    pub text: String,
    /// One way on.
    pub link: Option<Link>,
}

/// One row of a summary list.
#[derive(Clone, Debug, Serialize)]
pub struct Fact {
    /// Name of the fact.
    pub label: String,
    /// Its value in words; none reads as "Not provided".
    pub value: Option<String>,
    /// True for what is copied to other systems (addresses, host names, references): set in monospace.
    pub code: bool,
    /// A status behind the value.
    pub tag: Option<Tag>,
    /// Where to change it; the hidden text of the link names the row.
    pub change: Option<String>,
}

impl Fact {
    /// A fact in words.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: Some(value.into()), code: false, tag: None, change: None }
    }

    /// A fact to be copied: address, host name, reference.
    pub fn code(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { code: true, ..Self::new(label, value) }
    }

    /// A fact that nobody has given.
    pub fn missing(label: impl Into<String>) -> Self {
        Self { value: None, ..Self::new(label, "") }
    }

    /// The same fact with a tag behind its value.
    #[must_use]
    pub fn tag(mut self, tone: Tone, text: &str) -> Self {
        self.tag = Some(Tag::new(tone, text));
        self
    }

    /// The same fact with a link that changes it.
    #[must_use]
    pub fn change(mut self, href: impl Into<String>) -> Self {
        self.change = Some(href.into());
        self
    }
}

/// A titled group of facts.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// Heading of the group.
    pub heading: String,
    /// Its rows.
    pub facts: Vec<Fact>,
}

/// How far a step of the process list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Finished.
    Done,
    /// The case stands here.
    Now,
    /// The case stands here, and something is wrong.
    Trouble,
    /// Cannot start yet.
    NotYet,
    /// Left out on this branch.
    NotNeeded,
}

/// One step of the process list.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Who does what: `We whitelist 10.20.4.15`.
    pub title: String,
    /// How far it is.
    pub status: StepStatus,
    /// Whose turn it is, at the step the case stands at.
    pub tag: Option<Tag>,
    /// One line below: who did it, or what is awaited.
    pub note: Option<String>,
    /// When it was finished, or since when the case stands here.
    pub at: Option<DateTime<Utc>>,
}

impl Step {
    /// A step without tag, note and time.
    pub fn new(title: impl Into<String>, status: StepStatus) -> Self {
        Self { title: title.into(), status, tag: None, note: None, at: None }
    }
}

/// One entry of the history of a case.
#[derive(Clone, Debug, Serialize)]
pub struct Happening {
    /// When.
    pub at: DateTime<Utc>,
    /// Who: a name, or `Postern`.
    pub who: String,
    /// What happened, in one line.
    pub what: String,
    /// What was entered with it.
    pub facts: Vec<Fact>,
}

/// One message of the conversation of a case.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// When.
    pub at: DateTime<Utc>,
    /// Name of the writer.
    pub from: String,
    /// The writer's side in words: `Alder Mutual`, or the vendor.
    pub side: String,
    /// The text; line breaks are kept.
    pub text: String,
    /// True for notes that the customer never sees.
    pub internal: bool,
    /// Its files.
    pub files: Vec<FileRow>,
}

/// A file of a message.
#[derive(Clone, Debug, Serialize)]
pub struct FileRow {
    /// Its name.
    pub name: String,
    /// Where it is downloaded.
    pub href: String,
    /// How large it is, in words.
    pub size: String,
}

/// A changed value: what was, what is, and what it means.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// Name of the field.
    pub label: String,
    /// Value before; none where there was none.
    pub was: Option<String>,
    /// Value after; none where it is taken away.
    pub now: Option<String>,
    /// What the difference means: `same /24`.
    pub meaning: Option<String>,
}

/// One row of a list of tunnel tests.
#[derive(Clone, Debug, Serialize)]
pub struct TestRow {
    /// Number of the test within its case.
    pub number: u64,
    /// Page of its result.
    pub href: String,
    /// Verdict in words.
    pub tag: Tag,
    /// The sentence of the verdict.
    pub text: String,
    /// When it was started.
    pub at: DateTime<Utc>,
}

/// Something a person can do at a case now.
#[derive(Clone, Debug, Serialize)]
pub struct Act {
    /// Words of the button.
    pub label: String,
    /// One line beside the button.
    pub help: Option<String>,
    /// The page of the act, which has its form.
    pub href: String,
    /// The form itself, where it is short enough to stand on the case page.
    pub form: Option<Form>,
    /// Why it cannot be done now; the act is then shown without a way in.
    pub blocked: Option<String>,
}

impl Act {
    /// An act behind a link.
    pub fn link(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), help: None, href: href.into(), form: None, blocked: None }
    }
}
