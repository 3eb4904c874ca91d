//! Wording: placeholders, and what people see of a case's way.

use chrono::{DateTime, Utc};

use super::Definition;
use super::engine::CaseState;
use super::guard::Facts;
use super::model::{Field, FieldType, Progress, StateKind};
use super::value::{Data, Value};

/// Names that belong to the installation and not to a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// The product whose alerts travel.
    pub product: String,
    /// Who sells it.
    pub vendor: String,
}

/// One line of the process list of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressStep {
    /// Raw wording: fill it with [`Definition::wording`].
    pub title: String,
    /// How far it is.
    pub status: ProgressStatus,
}

/// How far a line of the process list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStatus {
    /// Behind the case.
    Done,
    /// At hand.
    Now,
    /// At hand, and something is wrong.
    Trouble,
    /// Ahead.
    NotYet,
}

impl Definition {
    /// Fills the placeholders of a text. A field without a value shows its label; an unknown name shows itself.
    pub fn wording(&self, text: &str, case: &CaseState, brand: &Brand) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next_placeholder(rest) {
            filled.push_str(before);
            match (name, case.data.get(name), self.fields.get(name)) {
                ("brand.product", _, _) => filled.push_str(&brand.product),
                ("brand.vendor", _, _) => filled.push_str(&brand.vendor),
                (_, Some(value), field) => filled.push_str(&spoken(field, value)),
                (_, None, Some(field)) => filled.push_str(&field.label),
                (_, None, None) => filled.push_str(name),
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    /// The process list of a case: the first list whose guard is true of it, or nothing where the definition has none.
    pub fn progress(&self, case: &CaseState) -> Vec<ProgressStep> {
        let answers = Data::new();
        let nothing = std::collections::BTreeSet::new();
        let facts = Facts { answers: &answers, data: &case.data, sealed_now: &nothing, sealed: &case.sealed };
        let applies = |list: &&Progress| match &list.guard {
            None => true,
            // A list that asks for what is not known yet is not the list of this case.
            Some(guard) => guard.holds(&facts).unwrap_or(false),
        };
        let Some(list) = self.progress.iter().find(applies) else { return Vec::new() };
        let named = |state: &str| {
            list.steps.iter().position(|step| step.states.iter().chain(&step.trouble).any(|named| named == state))
        };
        // In a waiting room the case stands where it came from, unless a list names the waiting room itself.
        let state = match (&case.previous, named(&case.state)) {
            (Some(previous), None) => previous.as_str(),
            (Some(_) | None, _) => case.state.as_str(),
        };
        let over = self
            .state(state)
            .is_some_and(|state| state.kind == StateKind::Ongoing || state.kind == StateKind::Terminal);
        let here = named(state);
        let status = |index: usize, trouble: &[String]| match here {
            Some(here) if index < here => ProgressStatus::Done,
            Some(here) if index > here => ProgressStatus::NotYet,
            Some(_) if trouble.iter().any(|named| named == state) => ProgressStatus::Trouble,
            Some(_) if over => ProgressStatus::Done,
            Some(_) => ProgressStatus::Now,
            None if over => ProgressStatus::Done,
            None => ProgressStatus::NotYet,
        };
        let steps = list.steps.iter().enumerate();
        steps
            .map(|(index, step)| ProgressStep { title: step.title.clone(), status: status(index, &step.trouble) })
            .collect()
    }
}

/// A value as people read it: an instant not as machines write it.
pub fn spoken(field: Option<&Field>, value: &Value) -> String {
    let is_instant = field.is_some_and(|field| field.field_type == FieldType::Timestamp);
    let instant = value.as_text().filter(|_| is_instant).and_then(|text| text.parse::<DateTime<Utc>>().ok());
    instant.map_or_else(|| value.to_string(), |at| at.format("%-d %B %Y at %H:%M UTC").to_string())
}

/// The names between `{{` and `}}` of a text, in order.
pub(crate) fn placeholders(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, name, after)) = next_placeholder(rest) {
        names.push(name);
        rest = after;
    }
    names
}

/// Text before the next placeholder, its name, text after it.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name.trim(), after))
}
