//! The words of pages for what definitions and the database hold as identifiers.

use crate::app::{App, Error};
use crate::domain::case::{Case, WaitingOn};
use crate::domain::workflow::{Brand, Definition, Phase, State, StateKind, Value};
use crate::views::common::{Tag, Tone};

/// A case with its definition, for filling texts.
pub(in crate::web) struct Texts<'t> {
    definition: &'t Definition,
    case: &'t Case,
    brand: Brand,
}

impl<'t> Texts<'t> {
    /// The texts of a case.
    pub(in crate::web) fn new(app: &App, definition: &'t Definition, case: &'t Case) -> Self {
        let brand = Brand { vendor: app.brand.vendor.clone(), product: app.brand.product.clone() };
        Self { definition, case, brand }
    }

    /// A text of the definition with its placeholders filled.
    pub(in crate::web) fn fill(&self, text: &str) -> String {
        self.definition.wording(text, &self.case.flow, &self.brand)
    }

    /// The state that the case is in.
    ///
    /// # Errors
    /// [`Error::Internal`] where the definition does not have it: a defect.
    pub(in crate::web) fn state(&self) -> Result<&'t State, Error> {
        self.definition.state(&self.case.flow.state).ok_or_else(|| {
            Error::Internal(format!("case {}: its workflow has no state {}", self.case.number, self.case.flow.state))
        })
    }
}

/// Where a case stands, in the few words that customers have to learn.
pub(in crate::web) fn standing(case: &Case, state: &State) -> Tag {
    let failed = text(case, "verdict").is_some_and(|verdict| verdict != "reachable");
    match (state.kind, case.waiting_on) {
        (StateKind::Terminal, _) | (StateKind::Hold, WaitingOn::Nobody) if !case.is_open => {
            match case.outcome.as_deref() {
                Some("cancelled") => Tag::new(Tone::Neutral, "Withdrawn"),
                Some(_) | None => Tag::new(Tone::Neutral, "Closed"),
            }
        }
        (StateKind::Terminal, _) => Tag::new(Tone::Neutral, "Closed"),
        (StateKind::Ongoing, _) => Tag::new(Tone::Done, "Done"),
        (StateKind::Normal | StateKind::Hold, WaitingOn::Customer) => Tag::new(Tone::You, "Waiting on you"),
        (StateKind::Hold, WaitingOn::Vendor | WaitingOn::Nobody) if state.phase == Phase::Waiting => {
            Tag::new(Tone::Neutral, "Paused")
        }
        (StateKind::Normal, WaitingOn::Vendor | WaitingOn::Nobody) if state.phase == Phase::Repair && failed => {
            Tag::new(Tone::Failed, "Test failed")
        }
        (StateKind::Normal | StateKind::Hold, WaitingOn::Vendor | WaitingOn::Nobody) => Tag::new(Tone::Us, "With us"),
    }
}

/// An option of a field as people read it.
pub(in crate::web) fn choice_label(field: &str, option: &str) -> String {
    let known = match (field, option) {
        ("smtp_location" | "syslog_location", "private") => "Inside our network",
        ("smtp_location" | "syslog_location", "public") => "Outside our network",
        ("encryption" | "encryption_found", "starttls") => "STARTTLS",
        ("encryption" | "encryption_found", "implicit_tls") => "TLS from the start",
        ("encryption" | "encryption_found", "none") => "No encryption",
        ("transport", "udp") => "UDP",
        ("transport", "tcp") => "TCP",
        ("transport", "tls") => "TLS",
        ("framing", "octet_counting") => "Octet counting",
        ("framing", "lf") => "A line feed after each message",
        ("input_type", "deviances") => "Deviances",
        ("input_type", "attacks") => "Attacks",
        ("input_type", "object_changes") => "Changes of objects",
        ("input_type", "health_checks") => "Health checks",
        ("filters_inbound", "yes") => "Yes, it filters by source IP",
        ("channel", "smtp") => "E-mail alerts",
        ("channel", "syslog") => "SYSLOG alerts",
        ("symptom", "cannot_send") => "Alerts cannot be sent",
        ("symptom", "timeout") => "The connection times out",
        ("new_location", "private") => "Inside our network",
        ("new_location", "public") => "Outside our network",
        ("overlap", "two_days") => "For 48 hours beside the new one",
        ("overlap", "none") => "Only until the change",
        ("change_timing", "now") => "It has already changed",
        ("change_timing", "planned") => "At a planned time",
        ("begun_by", "person") => "A person",
        ("begun_by", "watching") => "Watching",
        (_, "yes") => "Yes",
        (_, "no") => "No",
        (_, "unknown") => "I do not know",
        (_, other) => other,
    };
    known.to_owned()
}

/// The label of a field without the mark that forms add themselves.
pub(in crate::web) fn label(definition: &Definition, field: &str) -> String {
    let label = definition.fields.get(field).map_or(field, |field| field.label.as_str());
    label.trim_end_matches(" (optional)").to_owned()
}

/// A text that the case holds.
pub(in crate::web) fn text<'c>(case: &'c Case, field: &str) -> Option<&'c str> {
    case.flow.data.get(field).and_then(Value::as_text)
}

/// Any value that the case holds, as a text.
pub(in crate::web) fn shown(case: &Case, field: &str) -> Option<String> {
    case.flow.data.get(field).map(ToString::to_string)
}

/// A number of ours, which is never negative, as pages show it.
pub(in crate::web) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::workflows::Workflows;
    use crate::domain::channel::Channel;
    use crate::domain::workflow::FieldType;

    #[test]
    fn no_option_of_a_form_is_shown_as_an_identifier() {
        let workflows = Workflows::load(None).unwrap();
        let definitions = Channel::ALL.iter().map(|channel| workflows.newest(*channel).unwrap());
        let asked_of_people = definitions
            .flat_map(|definition| &definition.fields)
            .filter(|(_, field)| field.field_type == FieldType::Enum && !field.set_by.contains("machine"))
            .filter(|(name, _)| !matches!(name.as_str(), "architecture" | "test_level"));
        for (name, field) in asked_of_people {
            for option in &field.options {
                let label = choice_label(name, option);
                assert!(label.chars().next().unwrap().is_uppercase(), "{name}: {option} reads {label}");
            }
        }
    }
}
