//! The files as they are written: one struct per table, from which serde reads and schemars derives the JSON Schema.
//!
//! What is left out of the hash (`skip_serializing`) is wording: it may change without a new version.

/// Procedure, examples, migration maps.
mod beside;
/// Effects.
mod effect;
/// Texts with a pattern.
mod text;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

pub(crate) use self::beside::{RawMigration, RawProcedure, RawScenario, RawScenarioStep, RawScenarios};
pub(crate) use self::effect::RawEffect;
pub(crate) use self::text::{DelayText, Hours, Name, PATTERNS, RawValue, Scalar, Slug, StepId, TargetText};
use super::model::{FieldType, Kind, Phase, Scope, Sensitivity, Side, StateKind, Store, Style, Weekday};

/// A list that may be left out.
type Maybe<T> = Vec<T>;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_empty<T>(list: &[T]) -> bool {
    list.is_empty()
}

/// A case workflow, format 1: a state machine with people in it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDefinition {
    /// Version of the file format.
    #[schemars(range(min = 1, max = 1))]
    pub(crate) format: u32,
    pub(crate) id: Slug,
    #[schemars(range(min = 1))]
    pub(crate) version: u32,
    pub(crate) kind: Kind,
    #[serde(skip_serializing)]
    pub(crate) title: String,
    #[schemars(with = "Name")]
    pub(crate) initial: Spanned<Name>,
    /// Workflows that run beside this one and talk to it by signals.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) children: Maybe<Slug>,
    /// Values that a case has from its birth.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) inputs: Maybe<Name>,
    /// Values that a case may have from its birth.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) optional_inputs: Maybe<Name>,
    /// Signals that this workflow sends to its parent.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) signals: Maybe<Name>,
    /// A child beside which its parent has no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at_most_one: Option<RawAtMostOne>,
    /// The event a child receives when its parent ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_parent_end: Option<Name>,
    /// The event a child receives when its parent leaves the state that it was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_parent_move: Option<Name>,
    /// The event a child receives, with what it is now, when the server of its parent has another address or port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_server_move: Option<Name>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) calendar: BTreeMap<Name, RawCalendar>,
    pub(crate) role: BTreeMap<Name, RawRole>,
    #[schemars(with = "BTreeMap<Name, RawField>")]
    pub(crate) field: BTreeMap<Spanned<Name>, RawField>,
    #[schemars(with = "BTreeMap<Name, RawClock>")]
    pub(crate) clock: BTreeMap<Spanned<Name>, RawClock>,
    #[schemars(with = "BTreeMap<Name, RawState>")]
    pub(crate) state: BTreeMap<Spanned<Name>, RawState>,
    /// Rules that hold in every state of some phases; a state's own rule for the same event wins.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) anywhere: Maybe<RawRule>,
    /// The process list that people see.
    #[serde(default, skip_serializing)]
    pub(crate) progress: Maybe<RawProgress>,
}

/// How many children of a kind may live.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAtMostOne {
    pub(crate) key: AtMostOneKey,
    /// The event that an older child of the same workflow receives; without it, a second one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_second: Option<Name>,
}

/// What "one" is counted by.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AtMostOneKey {
    /// One per case, and no other child beside it.
    Case,
    /// One of this workflow per case; it runs beside children of others.
    Workflow,
}

/// Business hours.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCalendar {
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub(crate) days: Vec<Weekday>,
    pub(crate) hours: Hours,
    /// Name in the IANA time zone database.
    pub(crate) tz: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) holidays: Option<String>,
}

/// Who may act, and whose clock runs while he is awaited.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRole {
    pub(crate) side: Side,
    #[serde(skip_serializing)]
    pub(crate) title: String,
}

/// One datum that a case can hold.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawField {
    #[serde(rename = "type")]
    pub(crate) field_type: FieldType,
    #[serde(skip_serializing)]
    #[schemars(length(min = 1, max = 120))]
    pub(crate) label: String,
    #[serde(default, skip_serializing)]
    #[schemars(length(max = 300))]
    pub(crate) help: Option<String>,
    #[serde(default, skip_serializing_if = "is_empty")]
    #[schemars(extend("uniqueItems" = true))]
    pub(crate) options: Maybe<String>,
    /// Addresses: the class that is admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Scope>,
    /// Texts: characters. Lists: entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) max: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) must_be: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<Scalar>,
    /// Only events limited to these roles may ask for it.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) set_by: Maybe<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sensitive: Option<Sensitivity>,
    /// vault: asked by its own form, sealed, in no case data, log, mail or answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<Store>,
}

/// A reusable clock: remind < due <= escalate < expire.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = [{ "required": ["due"] }, { "required": ["due_at"] }],
    "anyOf" = [{ "required": ["escalate"] }, { "required": ["expire"] }]
))]
pub(crate) struct RawClock {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) calendar: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<DelayText>,
    /// A timestamp field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due_at: Option<Name>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) remind: Maybe<DelayText>,
    /// How long before `due_at` the owner is reminded; what has passed already is left out.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) remind_before: Maybe<DelayText>,
    /// May be left out where the clock expires: the expiry is the end of that wait.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) escalate: Maybe<RawEscalation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expire: Option<RawExpiry>,
}

/// Who is told when nobody acted.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawEscalation {
    pub(crate) after: DelayText,
    pub(crate) to: Name,
}

/// The event that the clock fires at its end.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["after"] }, { "required": ["at"] }]))]
pub(crate) struct RawExpiry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<DelayText>,
    /// A timestamp field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Name>,
    pub(crate) event: Name,
}

/// Where a case can be.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawState {
    #[serde(default)]
    pub(crate) kind: StateKind,
    pub(crate) phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clock: Option<Name>,
    #[serde(skip_serializing)]
    #[schemars(length(min = 2, max = 90))]
    pub(crate) title: String,
    #[serde(skip_serializing)]
    pub(crate) customer: RawWording,
    #[serde(default, skip_serializing)]
    pub(crate) engineer: Option<RawEngineerWording>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Name>,
    #[serde(default, skip_serializing_if = "is_empty")]
    #[schemars(with = "Maybe<RawEffect>")]
    pub(crate) enter: Maybe<Spanned<RawEffect>>,
    #[serde(default, skip_serializing)]
    pub(crate) covers: Maybe<StepId>,
    #[serde(default, skip_serializing)]
    pub(crate) checklist: Maybe<RawItem>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) on: Maybe<RawRule>,
}

/// What the customer reads.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWording {
    #[schemars(length(min = 2, max = 60))]
    pub(crate) headline: String,
    #[schemars(length(min = 10, max = 400))]
    pub(crate) body: String,
    #[schemars(length(min = 2, max = 120))]
    pub(crate) next: String,
}

/// What the engineer reads: what to do, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawEngineerWording {
    #[schemars(length(min = 2, max = 90))]
    pub(crate) headline: String,
    #[schemars(length(min = 10, max = 600))]
    pub(crate) body: String,
}

/// A line to tick off.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawItem {
    pub(crate) id: Name,
    #[schemars(length(max = 200))]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) covers: Maybe<StepId>,
}

/// What can happen: who may do it, what is asked, where it leads, what it causes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = [{ "required": ["to"] }, { "required": ["branch"] }],
    "dependencies" = { "when": ["refuse"], "refuse": ["when"] }
))]
pub(crate) struct RawRule {
    #[schemars(with = "Name")]
    pub(crate) event: Spanned<Name>,
    /// Text of the button.
    #[serde(skip_serializing)]
    #[schemars(length(min = 2, max = 60))]
    pub(crate) label: String,
    /// One line beside the button.
    #[serde(default, skip_serializing)]
    #[schemars(length(max = 200))]
    pub(crate) help: Option<String>,
    #[serde(default, skip_serializing)]
    pub(crate) style: Option<Style>,
    /// Roles that may fire it.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub(crate) by: Vec<Name>,
    /// A contact other than whoever began the case fires it, known for long enough; for one of the vendor's people, just
    /// another person.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) second_contact: bool,
    /// Required answers.
    #[serde(default, skip_serializing_if = "is_empty")]
    #[schemars(extend("uniqueItems" = true))]
    pub(crate) ask: Maybe<Name>,
    /// Optional answers.
    #[serde(default, skip_serializing_if = "is_empty")]
    #[schemars(extend("uniqueItems" = true))]
    pub(crate) may: Maybe<Name>,
    /// Narrows the class of an address for this event: `private`, `public`, `any`, or a question whose answer is one of
    /// the first two.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) scope: BTreeMap<Name, Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 400))]
    pub(crate) when: Option<Spanned<String>>,
    /// What the person reads when `when` is false.
    #[serde(default, skip_serializing)]
    #[schemars(length(min = 2, max = 160))]
    pub(crate) refuse: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TargetText")]
    pub(crate) to: Option<Spanned<TargetText>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) branch: Maybe<RawBranch>,
    #[serde(default, rename = "do", skip_serializing_if = "is_empty")]
    #[schemars(with = "Maybe<RawEffect>")]
    pub(crate) effects: Maybe<Spanned<RawEffect>>,
    #[serde(default, skip_serializing)]
    pub(crate) covers: Maybe<StepId>,
    /// `[[anywhere]]` only: phases in which the rule holds.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) phases: Maybe<Phase>,
    /// `[[anywhere]]` only: states in which it does not.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) except: Maybe<Name>,
    /// `[[anywhere]]` only: owners of a state of whom one must own it.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) owners: Maybe<Name>,
}

/// One way of a rule that has several.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawBranch {
    #[schemars(with = "String", length(min = 1, max = 400))]
    pub(crate) when: Spanned<String>,
    #[schemars(with = "TargetText")]
    pub(crate) to: Spanned<TargetText>,
    #[serde(default, rename = "do", skip_serializing_if = "is_empty")]
    #[schemars(with = "Maybe<RawEffect>")]
    pub(crate) effects: Maybe<Spanned<RawEffect>>,
}

/// One process list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProgress {
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 400))]
    pub(crate) when: Option<Spanned<String>>,
    #[schemars(with = "String")]
    pub(crate) title: Spanned<String>,
    #[schemars(length(min = 1))]
    pub(crate) steps: Vec<RawProgressStep>,
}

/// One line of a process list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProgressStep {
    #[schemars(with = "String", length(max = 90))]
    pub(crate) title: Spanned<String>,
    #[schemars(length(min = 1))]
    pub(crate) states: Vec<Name>,
    #[serde(default)]
    pub(crate) trouble: Maybe<Name>,
}
