//! The form of any event, made from the definition: for the page of an act and for the one next act on a case page.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use super::words;
use crate::app::FieldError;
use crate::app::conversation::CREDENTIAL;
use crate::domain::case::Case;
use crate::domain::credential;
use crate::domain::workflow::{self, Definition, FieldType, Rule, Store};
use crate::views::common::Fact;
use crate::views::form::{Button, Choice, Field, Form, Kind, Style, Width};
use crate::web::visit::form_key;

/// The most questions of a form that stands on the case page itself.
const MOST_INLINE: usize = 4;

/// Above so many options, a folded list is quicker to read than all of them at once.
const MOST_RADIOS: usize = 5;

/// How people write an instant; always in UTC.
const INSTANT: &str = "%Y-%m-%d %H:%M";

/// Where an act is sent.
pub(in crate::web) fn action(number: i64, event: &str) -> String {
    format!("/cases/{number}/act/{event}")
}

/// The form of an event with what is known of the answers; with `typed`, exactly what was typed instead. Secrets are
/// never filled in.
pub(in crate::web) fn form(
    definition: &Definition,
    case: &Case,
    rule: &Rule,
    typed: Option<&BTreeMap<String, String>>,
) -> Form {
    let style = match rule.style {
        workflow::Style::Danger => Style::Danger,
        workflow::Style::Main | workflow::Style::Other => Style::Main,
    };
    let required = rule.ask.iter().map(|name| (name, false));
    let fields = required.chain(rule.may.iter().map(|name| (name, true))).filter_map(|(name, optional)| {
        let field = definition.fields.get(name)?;
        let mut question = question(name, field, case.flow.sealed.contains(name));
        question.optional = optional;
        let value = match typed {
            Some(typed) => typed.get(name).cloned(),
            None => known(field, case, name),
        };
        let is_secret = field.store == Store::Vault;
        Some(if is_secret { question } else { question.value(value.unwrap_or_default()) })
    });
    let fields = fields.collect();
    Form::new("act", action(case.number, &rule.event), form_key(), Button::of(style, rule.label.as_str()))
        .fields(fields)
        .entered(case.flow.entered)
}

/// Whether a form is short enough for the case page.
pub(in crate::web) fn is_short(form: &Form) -> bool {
    form.fields.len() <= MOST_INLINE && form.fields.iter().all(|field| field.kind != Kind::Password)
}

/// Writes what is wrong beside each field.
pub(in crate::web) fn mark(form: &mut Form, errors: &[FieldError]) {
    for field in &mut form.fields {
        if let Some(error) = errors.iter().find(|error| error.field == field.name) {
            field.error = Some(error.message.clone());
        }
    }
}

/// Warns of texts that look as if they held a password or key, where none belongs: an answer is read by more people.
pub(in crate::web) fn credentials(definition: &Definition, typed: &BTreeMap<String, String>) -> Vec<FieldError> {
    let is_text = |name: &str| {
        definition
            .fields
            .get(name)
            .is_some_and(|field| field.field_type == FieldType::Text && field.store != Store::Vault && !field.is_line())
    };
    let found = typed.iter().filter(|(name, _)| is_text(name)).filter_map(|(name, text)| {
        let what = credential::found(text)?;
        let text = format!("This looks like {what}. Take it out, or confirm below that you want to send it");
        Some(FieldError::new(name, CREDENTIAL, text))
    });
    found.collect()
}

/// The box with which somebody confirms that a text is to be sent as it is.
pub(in crate::web) fn confirmation(name: &str) -> Field {
    let choice = Choice::new("yes", "Send it as it is: it holds no password or key that is in use");
    Field::new(Kind::Checkbox, name, "Confirm").options(vec![choice])
}

/// The form with answers to choose from beside one of its questions, whose input still takes any text.
pub(in crate::web) fn suggest(mut form: Form, name: &str, answers: &[String]) -> Form {
    for field in form.fields.iter_mut().filter(|field| field.name == name && !answers.is_empty()) {
        field.suggestions = answers.to_vec();
        field.hint = Some(format!("Your relays: {}", answers.join(", ")));
    }
    form
}

/// What was typed, for a page that cannot show the form again. Secrets are left out.
pub(in crate::web) fn kept(definition: &Definition, typed: &BTreeMap<String, String>) -> Vec<Fact> {
    let is_secret = |name: &str| definition.fields.get(name).is_some_and(|field| field.store == Store::Vault);
    typed
        .iter()
        .filter(|(name, value)| !value.is_empty() && !is_secret(name))
        .map(|(name, value)| Fact::new(words::label(definition, name), words::choice_label(name, value)))
        .collect()
}

/// Answers as the engine reads them: people write instants in a shorter form than RFC 3339.
pub(in crate::web) fn answers(definition: &Definition, typed: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut answers = typed.clone();
    for (name, value) in &mut answers {
        let is_instant = definition.fields.get(name).is_some_and(|field| field.field_type == FieldType::Timestamp);
        if is_instant && let Ok(instant) = NaiveDateTime::parse_from_str(value.trim(), INSTANT) {
            *value = instant.and_utc().to_rfc3339();
        }
    }
    answers
}

fn question(name: &str, field: &workflow::Field, is_sealed: bool) -> Field {
    let label = field.label.trim_end_matches(" (optional)");
    let choice = |option: &String| Choice::new(option, words::choice_label(name, option));
    let question = match field.field_type {
        FieldType::Enum if field.options.len() <= MOST_RADIOS => {
            Field::new(Kind::Radio, name, label).options(field.options.iter().map(choice).collect())
        }
        FieldType::Enum => {
            let options = std::iter::once(Choice::new("", "Choose one")).chain(field.options.iter().map(choice));
            Field::new(Kind::Select, name, label).options(options.collect())
        }
        FieldType::Bool if field.must_be == Some(true) => {
            Field::new(Kind::Checkbox, name, "Confirm").options(vec![Choice::new("true", label)])
        }
        FieldType::Bool => {
            Field::new(Kind::Radio, name, label).options(vec![Choice::new("true", "Yes"), Choice::new("false", "No")])
        }
        FieldType::Ip | FieldType::Host => Field::new(Kind::Code, name, label),
        FieldType::IpList => Field::new(Kind::Code, name, label).width(Width::Full),
        FieldType::Port | FieldType::Number => Field::new(Kind::Number, name, label),
        FieldType::NumberList => Field::new(Kind::Code, name, label).width(Width::Full),
        FieldType::Email => Field::new(Kind::Email, name, label),
        FieldType::Timestamp => Field::new(Kind::Code, name, label).hint("In UTC, like 2026-12-01 08:00"),
        FieldType::Text if field.store == Store::Vault => {
            Field::new(Kind::Password, name, label).autocomplete("new-password")
        }
        FieldType::Text if field.is_line() => Field::new(Kind::Text, name, label),
        FieldType::Text => Field::new(Kind::Textarea, name, label),
    };
    match (&field.help, is_sealed) {
        (_, true) if name.ends_with("password") => question.hint("A password is stored. Leave empty to keep it"),
        (_, true) => question.hint("An account is stored. Leave empty to keep it"),
        (Some(help), false) => question.hint(help.as_str()),
        (None, false) => question,
    }
}

/// What the case knows of an answer. Words and ticks are always given anew: those of another time do not count.
fn known(field: &workflow::Field, case: &Case, name: &str) -> Option<String> {
    match field.field_type {
        FieldType::Text | FieldType::Bool => None,
        FieldType::Enum if name == "encryption" && words::text(case, name) == Some("unknown") => {
            words::shown(case, "encryption_found").or_else(|| words::shown(case, name))
        }
        // The test alert goes to the customer's own domain unless somebody says otherwise, and is shown before it is sent.
        FieldType::Email if name == "test_recipient" => {
            words::shown(case, name).or_else(|| words::shown(case, "sender_address"))
        }
        FieldType::Enum
        | FieldType::Ip
        | FieldType::IpList
        | FieldType::Host
        | FieldType::Port
        | FieldType::Number
        | FieldType::NumberList
        | FieldType::Email
        | FieldType::Timestamp => words::shown(case, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::workflows::Workflows;
    use crate::domain::channel::Channel;

    #[test]
    fn every_question_of_every_event_has_an_input_of_its_kind() {
        let workflows = Workflows::load(None).unwrap();
        let definitions = Channel::ALL.iter().map(|channel| workflows.newest(*channel).unwrap());
        for (name, field) in definitions.flat_map(|definition| &definition.fields) {
            let question = question(name, field, false);
            let has_options = matches!(question.kind, Kind::Radio | Kind::Checkbox | Kind::Select);
            assert_eq!(!question.options.is_empty(), has_options, "{name}");
            assert_eq!(question.kind == Kind::Password, field.store == Store::Vault, "{name}");
            assert!(!question.label.contains("optional"), "{name}: {}", question.label);
        }
    }

    #[test]
    fn an_instant_may_be_written_as_people_write_it() {
        let workflows = Workflows::load(None).unwrap();
        let definition = workflows.newest(Channel::Smtp).unwrap();
        let typed = BTreeMap::from([
            ("hold_until".to_owned(), " 2026-12-01 08:00".to_owned()),
            ("reason".to_owned(), "2026-12-01 08:00".to_owned()),
        ]);
        let answers = answers(definition, &typed);
        assert_eq!(answers["hold_until"], "2026-12-01T08:00:00+00:00");
        assert_eq!(answers["reason"], "2026-12-01 08:00", "a text stays as it was typed");
    }

    #[test]
    fn a_secret_is_never_among_what_is_kept() {
        let workflows = Workflows::load(None).unwrap();
        let definition = workflows.newest(Channel::Smtp).unwrap();
        let typed = BTreeMap::from([
            ("smtp_password".to_owned(), "hunter2".to_owned()),
            ("smtp_account".to_owned(), "postmaster".to_owned()),
            ("encryption".to_owned(), "starttls".to_owned()),
        ]);
        let kept = kept(definition, &typed);
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].value.as_deref(), Some("STARTTLS"));
    }
}
