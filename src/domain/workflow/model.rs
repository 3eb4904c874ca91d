//! The vocabulary of a definition: fields, clocks, states, rules and the effects they order.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::Place;
use super::guard::Guard;
pub use super::narrowing::Narrowing;
use super::value::Value;
pub use super::verb::{Order, Verb};
pub use super::words::{
    AlertPath, ApplyKind, End, FieldType, Kind, Phase, Priority, ProbeKind, ProbeLevel, Scope, Sensitivity, Side,
    StateKind, Store, Style, Weekday, WhitelistAction,
};

/// Business hours of a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Days on which work is done.
    pub days: BTreeSet<Weekday>,
    /// Opening time, minutes after midnight.
    pub opens_minute: u16,
    /// Closing time, minutes after midnight.
    pub closes_minute: u16,
    /// Name in the IANA time zone database.
    pub time_zone: String,
    /// Name of a list of holidays.
    pub holidays: Option<String>,
}

/// Who may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Whose clock runs while this role is awaited.
    pub side: Side,
    /// What people call it.
    pub title: String,
}

/// One datum that a case can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What it holds.
    pub field_type: FieldType,
    /// The question as people read it.
    pub label: String,
    /// A line of help beside the question.
    pub help: Option<String>,
    /// The options of an enum.
    pub options: Vec<String>,
    /// The class of address admitted unless a rule narrows it.
    pub scope: Scope,
    /// Characters of a text, entries of a list.
    pub max: usize,
    /// The only answer that is accepted.
    pub must_be: Option<bool>,
    /// Value at birth.
    pub default: Option<Value>,
    /// If not empty: roles whose events alone may ask for it.
    pub set_by: BTreeSet<String>,
    /// Why it is handled with care.
    pub sensitive: Option<Sensitivity>,
    /// Where it is kept.
    pub store: Store,
    /// Where it stands in the file.
    pub place: Place,
}

/// Up to so many characters a text is one line: a reference, a name. Longer ones are written in paragraphs.
const LONGEST_LINE: usize = 512;

impl Field {
    /// Whether the answer is one line, in which a line end is a mistake or an attack.
    pub fn is_line(&self) -> bool {
        self.field_type != FieldType::Text || self.max <= LONGEST_LINE
    }
}

/// A span of time by the wall clock or by business hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// How many.
    pub amount: u32,
    /// Of what.
    pub unit: DelayUnit,
}

/// Unit of a [`Delay`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelayUnit {
    /// `m`: minutes.
    Minutes,
    /// `h`: hours.
    Hours,
    /// `d`: days.
    Days,
    /// `bh`: hours in which the calendar is open.
    BusinessHours,
    /// `bd`: days on which the calendar is open.
    BusinessDays,
}

impl Delay {
    /// Reads `30m`, `8h`, `3d`, `4bh`, `2bd`; at most four digits, not beginning with zero.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.find(|c: char| !c.is_ascii_digit())?;
        let (digits, unit) = text.split_at(letters);
        let unit = match unit {
            "m" => DelayUnit::Minutes,
            "h" => DelayUnit::Hours,
            "d" => DelayUnit::Days,
            "bh" => DelayUnit::BusinessHours,
            "bd" => DelayUnit::BusinessDays,
            _ => return None,
        };
        let amount = digits.parse().ok()?;
        (digits.len() <= 4 && !digits.starts_with('0')).then_some(Self { amount, unit })
    }
}

impl std::fmt::Display for Delay {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.unit {
            DelayUnit::Minutes => "m",
            DelayUnit::Hours => "h",
            DelayUnit::Days => "d",
            DelayUnit::BusinessHours => "bh",
            DelayUnit::BusinessDays => "bd",
        };
        write!(out, "{}{unit}", self.amount)
    }
}

/// When a clock strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// So long after the state was entered.
    After(Delay),
    /// At the instant that this field holds.
    At(String),
}

/// A reusable clock: remind < due <= escalate < expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockRule {
    /// Business hours it counts in, where a delay is in business time.
    pub calendar: Option<String>,
    /// When the act is due.
    pub due: Due,
    /// When the owner is reminded.
    pub remind: Vec<Delay>,
    /// How long before the instant that it is due at the owner is reminded, by the wall clock.
    pub remind_before: Vec<Delay>,
    /// Who else is told, and when.
    pub escalate: Vec<Escalation>,
    /// The event fired at the end.
    pub expire: Option<Expiry>,
    /// Where it stands in the file.
    pub place: Place,
}

/// Who is told when nobody acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// How long after the state was entered.
    pub after: Delay,
    /// The role that is told.
    pub to: String,
}

/// The event that a clock fires at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// When.
    pub when: Due,
    /// The event, fired by the machine.
    pub event: String,
}

/// Where a case can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its name.
    pub id: String,
    /// What it is for.
    pub kind: StateKind,
    /// Part of the procedure.
    pub phase: Phase,
    /// Who is awaited; none in an end.
    pub owner: Option<String>,
    /// The clock that starts on the way in; none in an end.
    pub clock: Option<String>,
    /// What people call it.
    pub title: String,
    /// What the customer reads.
    pub customer: Wording,
    /// What the engineer reads.
    pub engineer: Option<EngineerWording>,
    /// What the case ended as; ends only.
    pub outcome: Option<String>,
    /// What happens on every way in.
    pub enter: Vec<Order>,
    /// Steps of the procedure that the state covers.
    pub covers: Vec<String>,
    /// Lines to tick off.
    pub checklist: Vec<Item>,
    /// What can happen here.
    pub rules: Vec<Rule>,
    /// Where it stands in the file.
    pub place: Place,
    /// Placeholders of its wording and checklist, without those of the brand.
    pub placeholders: BTreeSet<String>,
}

/// What the customer reads; may hold `{{ field }}` and `{{ brand.product }}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// Where the case stands.
    pub headline: String,
    /// What that means.
    pub body: String,
    /// What he does next.
    pub next: String,
}

/// What the engineer reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineerWording {
    /// What to do.
    pub headline: String,
    /// How.
    pub body: String,
}

/// A line to tick off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub id: String,
    /// What to do.
    pub text: String,
    /// Steps of the procedure that it covers.
    pub covers: Vec<String>,
}

/// What can happen in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The event.
    pub event: String,
    /// Text of its button.
    pub label: String,
    /// One line beside the button.
    pub help: Option<String>,
    /// How the button looks.
    pub style: Style,
    /// Roles that may fire it.
    pub by: BTreeSet<String>,
    /// Whether it takes another person than the one who began the case; for a contact, one known for long enough.
    pub second_contact: bool,
    /// Required answers, in the order in which they are asked.
    pub ask: Vec<String>,
    /// Optional answers.
    pub may: Vec<String>,
    /// Class of address for this event.
    pub scope: BTreeMap<String, Narrowing>,
    /// The condition under which it is accepted at all.
    pub condition: Option<Condition>,
    /// Where it leads; exactly one branch fits, and a rule with one target has one branch without a guard.
    pub branches: Vec<Branch>,
    /// What it causes whichever branch is taken.
    pub orders: Vec<Order>,
    /// Steps of the procedure that it covers.
    pub covers: Vec<String>,
    /// Anywhere-rules: phases in which it holds.
    pub phases: BTreeSet<Phase>,
    /// Anywhere-rules: states in which it does not.
    pub except: Vec<String>,
    /// Anywhere-rules: if not empty, the owner of the state must be one of these.
    pub owners: BTreeSet<String>,
    /// Where it stands in the file.
    pub place: Place,
}

/// A guard with the words for the person whom it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The guard.
    pub guard: Guard,
    /// What the refused person reads.
    pub refuse: String,
}

/// One way of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// When it is taken; none where it is the only one.
    pub guard: Option<Guard>,
    /// Where it leads.
    pub to: Target,
    /// What it causes.
    pub orders: Vec<Order>,
    /// Where it stands in the file.
    pub place: Place,
}

/// Where a rule leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// To a state; its clock starts anew.
    State(String),
    /// Nowhere; the clock runs on.
    Same,
    /// Out of a waiting room, to where the case came from.
    Previous,
}

impl std::fmt::Display for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::State(state) => state,
            Self::Same => "@same",
            Self::Previous => "@previous",
        })
    }
}

/// One process list; the first whose guard is true applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// When it applies; none in the last.
    pub guard: Option<Guard>,
    /// What people read above it.
    pub title: String,
    /// Its lines.
    pub steps: Vec<ProgressRule>,
    /// Where it stands in the file.
    pub place: Place,
}

/// One line of a process list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressRule {
    /// What people read.
    pub title: String,
    /// States in which the line is at hand.
    pub states: Vec<String>,
    /// States in which the line is in trouble.
    pub trouble: Vec<String>,
    /// Where it stands in the file.
    pub place: Place,
}
