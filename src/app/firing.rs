//! An event on its way into a case, and what the machine says in one.

use chrono::{DateTime, Utc};

use super::{Error, Secrets};
use crate::domain::actor::Actor;
use crate::domain::id::ProbeId;
use crate::domain::workflow::{Data, Effect, Refusal, Value};

/// An event on its way into a case.
pub(super) struct Firing<'f> {
    /// Who does it.
    pub(super) actor: &'f Actor,
    /// What.
    pub(super) event: &'f str,
    /// With which answers.
    pub(super) data: Data,
    /// And which secrets.
    pub(super) secrets: &'f Secrets,
    /// The state entry that the form or the machine's task was made for.
    pub(super) expected_entered: Option<u64>,
    /// The test that a machine's answer rests on.
    pub(super) probe: Option<ProbeId>,
    /// When.
    pub(super) at: DateTime<Utc>,
}

/// A data set of text values, for events that the machine fires.
pub(super) fn answers<const N: usize>(pairs: [(&str, &str); N]) -> Data {
    pairs.into_iter().map(|(field, value)| (field.to_owned(), Value::from(value))).collect()
}

/// Whether a machine's answer came too late: the case has moved on since it was asked for.
pub(super) fn came_too_late(result: Result<Vec<Effect>, Error>) -> Result<bool, Error> {
    match result {
        Ok(_) => Ok(false),
        Err(Error::Refused(Refusal::Stale { .. } | Refusal::Unhandled { .. })) => Ok(true),
        Err(other) => Err(other),
    }
}
