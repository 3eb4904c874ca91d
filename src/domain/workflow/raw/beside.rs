//! The files beside a definition: procedure, examples, migration maps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::Maybe;
use super::text::{Name, RawValue, Slug, StepId};
use crate::domain::workflow::migrate::ClockMove;

/// The steps of the procedure that the definitions must cover.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProcedure {
    pub(crate) step: Vec<RawStep>,
}

/// One step of the procedure.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawStep {
    #[schemars(with = "StepId")]
    pub(crate) id: Spanned<StepId>,
    pub(crate) text: String,
}

/// Executable examples.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawScenarios {
    pub(crate) scenario: Vec<RawScenario>,
}

/// One example: who does what, and where the case is then.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawScenario {
    #[schemars(with = "String")]
    pub(crate) name: Spanned<String>,
    /// The main workflow unless named.
    #[serde(default)]
    pub(crate) workflow: Option<Slug>,
    /// Values at birth, and with `start` any others.
    #[serde(default)]
    pub(crate) given: BTreeMap<Name, RawValue>,
    #[serde(default)]
    pub(crate) given_sealed: Maybe<Name>,
    /// The state to begin in; the initial one unless named.
    #[serde(default)]
    pub(crate) start: Option<Name>,
    #[serde(default)]
    pub(crate) covers: Maybe<StepId>,
    #[schemars(length(min = 1))]
    pub(crate) step: Vec<RawScenarioStep>,
}

/// One step of an example.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["then"] }, { "required": ["refused"] }]))]
pub(crate) struct RawScenarioStep {
    #[schemars(with = "Name")]
    pub(crate) event: Spanned<Name>,
    pub(crate) by: Name,
    #[serde(default, rename = "with")]
    pub(crate) data: BTreeMap<Name, RawValue>,
    #[serde(default)]
    pub(crate) sealed: Maybe<Name>,
    #[serde(default)]
    pub(crate) then: Option<Name>,
    /// Words that the refusal must contain.
    #[serde(default)]
    pub(crate) refused: Option<String>,
    /// `verb:word` of effects that must be among those produced.
    #[serde(default)]
    pub(crate) effects: Maybe<String>,
}

/// How open cases of one version move to another.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMigration {
    #[schemars(with = "RawVersion")]
    pub(crate) from: Spanned<RawVersion>,
    #[schemars(with = "RawVersion")]
    pub(crate) to: Spanned<RawVersion>,
    /// States that keep their name.
    #[schemars(with = "Vec<Name>")]
    pub(crate) same: Vec<Spanned<Name>>,
    /// States that go elsewhere or gain values.
    #[serde(rename = "move")]
    pub(crate) moves: Vec<RawMove>,
    /// States whose cases stay on the old version.
    #[schemars(with = "Vec<Name>")]
    pub(crate) stay: Vec<Spanned<Name>>,
    /// What happens to the clock of the states in `same`.
    pub(crate) default_clock: ClockMove,
    #[serde(default)]
    pub(crate) notify: Option<RawNotice>,
}

/// A version of a workflow.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawVersion {
    pub(crate) id: Slug,
    pub(crate) version: u32,
}

/// One state that moves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMove {
    #[schemars(with = "Name")]
    pub(crate) state: Spanned<Name>,
    pub(crate) to: Name,
    #[serde(default)]
    pub(crate) clock: Option<ClockMove>,
    #[serde(default)]
    pub(crate) set: BTreeMap<Name, RawValue>,
}

/// The mail that tells people of the move.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawNotice {
    pub(crate) mail: Slug,
    pub(crate) to: Name,
    #[serde(default)]
    pub(crate) only_if: Option<String>,
}
