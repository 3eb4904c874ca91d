//! Answers, typed: what came with an event becomes canonical values, or every problem at once.

use std::collections::BTreeSet;

use serde::Serialize;

use super::engine::Policy;
use super::model::{Field, FieldType, Rule, Scope, Store};
use super::value::{Data, Value};
use super::{Definition, Event};
use crate::domain::address::{Class, Kind, Options, classify};
use crate::domain::contact::{EmailAddress, HostName};

/// What is wrong with one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// The field.
    pub field: String,
    /// A stable word: `missing`, `unexpected`, `not_an_option`, `not_bool`, `must_be`, `too_long`, `control_char`,
    /// `not_an_address`, `not_private`, `not_public`, `rejected`, `not_a_port`, `not_a_host`, `not_an_email`,
    /// `not_a_timestamp`, `not_a_number`, `too_many`, `in_case_data`.
    pub code: &'static str,
    /// What was received, made visible; none where nothing was, or where it was a secret.
    pub received: Option<String>,
    /// What to do, as a sentence for people.
    pub message: String,
}

/// Types the answers of an event. The problems come in the order in which the rule asks, unexpected fields last.
///
/// # Errors
/// Every answer that is missing, unexpected or of the wrong kind.
pub(crate) fn answers(
    definition: &Definition,
    rule: &Rule,
    event: &Event,
    policy: &Policy,
) -> Result<Data, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let mut answers = Data::new();
    let required: &[String] = &rule.ask;
    for (index, name) in rule.questions().enumerate() {
        let Some(field) = definition.fields.get(name) else { continue };
        let needed = index < required.len();
        let narrowed = rule.scope.get(name).and_then(|narrowing| narrowing.scope(&event.data)).unwrap_or(field.scope);
        match (field.store, event.data.get(name).filter(|value| !is_blank(value))) {
            (Store::Vault, Some(_)) => problems.push(in_case_data(name)),
            (Store::Vault, None) if needed && !event.sealed.contains(name) => problems.push(missing(name, field)),
            (Store::Vault, None) => {}
            (Store::Case, Some(value)) => match typed(field, narrowed, value, policy) {
                Ok(value) => {
                    answers.insert(name.clone(), value);
                }
                Err((code, message)) => problems.push(problem(name, code, Some(value), message)),
            },
            (Store::Case, None) if needed => problems.push(missing(name, field)),
            (Store::Case, None) => {}
        }
    }
    problems.extend(unexpected(definition, rule, event));
    if problems.is_empty() { Ok(answers) } else { Err(problems) }
}

/// Types the values that a case is born with.
///
/// # Errors
/// Every input that is missing, unknown or of the wrong kind.
pub(crate) fn inputs(definition: &Definition, given: &Data, policy: &Policy) -> Result<Data, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let mut data = Data::new();
    let optional: BTreeSet<&String> = definition.optional_inputs.iter().collect();
    let known: BTreeSet<&String> = definition.inputs.iter().chain(&definition.optional_inputs).collect();
    for name in &known {
        let Some(field) = definition.fields.get(*name) else { continue };
        match given.get(*name).filter(|value| !is_blank(value)) {
            Some(value) => match typed(field, field.scope, value, policy) {
                Ok(value) => {
                    data.insert((*name).clone(), value);
                }
                Err((code, message)) => problems.push(problem(name, code, Some(value), message)),
            },
            None if optional.contains(name) => {}
            None => problems.push(missing(name, field)),
        }
    }
    for (name, value) in given.iter().filter(|(name, _)| !known.contains(name)) {
        problems.push(problem(name, "unexpected", Some(value), "A case is not born with this field.".to_owned()));
    }
    if problems.is_empty() { Ok(data) } else { Err(problems) }
}

fn missing(name: &str, field: &Field) -> FieldProblem {
    problem(name, "missing", None, format!("Answer the question \"{}\".", field.label))
}

/// A vault field that came as plain data: the value is not repeated anywhere.
fn in_case_data(name: &str) -> FieldProblem {
    problem(name, "in_case_data", None, "This is kept in the vault only; send it through its own form.".to_owned())
}

fn unexpected(definition: &Definition, rule: &Rule, event: &Event) -> Vec<FieldProblem> {
    let asked = |name: &String| rule.ask.contains(name) || rule.may.contains(name);
    let in_vault = |name: &String| definition.fields.get(name).is_some_and(|field| field.store == Store::Vault);
    let message = || "This step does not ask for this field.".to_owned();
    let plain = event.data.iter().filter(|(name, _)| !asked(name)).map(|(name, value)| {
        if in_vault(name) { in_case_data(name) } else { problem(name, "unexpected", Some(value), message()) }
    });
    let sealed = event.sealed.iter().filter(|name| !asked(name) || !in_vault(name));
    plain.chain(sealed.map(|name| problem(name, "unexpected", None, message()))).collect()
}

fn problem(field: &str, code: &'static str, received: Option<&Value>, message: String) -> FieldProblem {
    let shown = received.map(|value| value.to_string().escape_debug().take(120).collect());
    FieldProblem { field: field.to_owned(), code, received: shown, message }
}

/// An empty form field is no answer.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.trim().is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Numbers(numbers) => numbers.is_empty(),
        Value::Bool(_) | Value::Integer(_) => false,
    }
}

type Wrong = (&'static str, String);

fn typed(field: &Field, scope: Scope, value: &Value, policy: &Policy) -> Result<Value, Wrong> {
    match field.field_type {
        FieldType::Enum => option(field, value),
        FieldType::Bool => truth(field, value),
        FieldType::Port => port(value),
        FieldType::Number => number(field, value),
        FieldType::NumberList => numbers(field, value),
        FieldType::Ip => Ok(Value::Text(address(plain(value, "not_an_address")?, scope, policy)?)),
        FieldType::IpList => list(field, value, scope, policy),
        FieldType::Host => Ok(Value::Text(host(plain(value, "not_a_host")?, policy)?)),
        FieldType::Email => EmailAddress::parse(plain(value, "not_an_email")?)
            .map(|email| Value::from(email.as_str()))
            .map_err(|error| ("not_an_email", error.to_string())),
        FieldType::Timestamp => timestamp(plain(value, "not_a_timestamp")?),
        FieldType::Text => text(field, plain(value, "control_char")?),
    }
}

/// The text of an answer without surrounding white space and without control characters other than line ends and tabs.
fn plain<'a>(value: &'a Value, wrong_kind: &'static str) -> Result<&'a str, Wrong> {
    let Some(text) = value.as_text() else {
        return Err((wrong_kind, "A text is expected here.".to_owned()));
    };
    let text = text.trim();
    control_char(text).map_or(Ok(text), |advice| Err(("control_char", advice)))
}

/// What to do about the first control character of a text that is no line end and no tab, where it holds one.
pub fn control_char(text: &str) -> Option<String> {
    let found = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r'))?;
    Some(format!("Remove the invisible character {}.", found.escape_default()))
}

fn option(field: &Field, value: &Value) -> Result<Value, Wrong> {
    let found = value.as_text().and_then(|text| field.options.iter().find(|option| *option == text.trim()));
    found.map(|option| Value::Text(option.clone())).ok_or_else(|| {
        let help = field.help.as_ref().map(|help| format!(" {help}")).unwrap_or_default();
        ("not_an_option", format!("Choose one of {}.{help}", field.options.join(", ")))
    })
}

fn truth(field: &Field, value: &Value) -> Result<Value, Wrong> {
    let answer = match value {
        Value::Bool(answer) => *answer,
        Value::Text(text) if text == "true" => true,
        Value::Text(text) if text == "false" => false,
        Value::Text(_) | Value::Integer(_) | Value::Numbers(_) | Value::List(_) => {
            return Err(("not_bool", "Answer yes or no.".to_owned()));
        }
    };
    match field.must_be {
        Some(needed) if needed != answer => {
            let word = if needed { "yes" } else { "no" };
            Err(("must_be", format!("This goes on with \"{word}\" only.")))
        }
        Some(_) | None => Ok(Value::Bool(answer)),
    }
}

fn port(value: &Value) -> Result<Value, Wrong> {
    let number = match value {
        Value::Integer(number) => Some(*number),
        Value::Text(text) => {
            let text = text.trim();
            let digits = text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        }
        Value::Bool(_) | Value::Numbers(_) | Value::List(_) => None,
    };
    number
        .filter(|number| (1..=65_535).contains(number))
        .map(Value::Integer)
        .ok_or_else(|| ("not_a_port", "Enter a number from 1 to 65535.".to_owned()))
}

/// The longest number that is read: beyond it nothing has an id.
const LONGEST_NUMBER: usize = 15;

fn whole(text: &str) -> Option<i64> {
    let digits = text.trim();
    let is_plain = digits.len() <= LONGEST_NUMBER && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| digits.parse().ok()).flatten()
}

fn number(field: &Field, value: &Value) -> Result<Value, Wrong> {
    let most = i64::try_from(field.max).unwrap_or(i64::MAX);
    let found = match value {
        Value::Integer(number) => Some(*number),
        Value::Text(text) => whole(text),
        Value::Bool(_) | Value::Numbers(_) | Value::List(_) => None,
    };
    found
        .filter(|number| (0..=most).contains(number))
        .map(Value::Integer)
        .ok_or_else(|| ("not_a_number", format!("Enter a whole number from 0 to {most}.")))
}

fn numbers(field: &Field, value: &Value) -> Result<Value, Wrong> {
    let found: Option<Vec<i64>> = match value {
        Value::Numbers(numbers) => Some(numbers.clone()),
        Value::Integer(number) => Some(vec![*number]),
        Value::Text(text) => {
            text.split([',', ' ', '\n', '\t', '\r']).filter(|item| !item.is_empty()).map(whole).collect()
        }
        Value::List(items) => items.iter().map(|item| whole(item)).collect(),
        Value::Bool(_) => None,
    };
    let Some(found) = found.filter(|numbers| numbers.iter().all(|number| *number >= 0)) else {
        return Err(("not_a_number", "Enter whole numbers with commas between them, like 1, 4.".to_owned()));
    };
    if found.len() > field.max {
        return Err(("too_many", format!("Enter {} numbers at most; {} were received.", field.max, found.len())));
    }
    let mut kept: Vec<i64> = Vec::new();
    for number in found {
        if !kept.contains(&number) {
            kept.push(number);
        }
    }
    Ok(Value::Numbers(kept))
}

/// The canonical text of an address that the scope admits.
fn address(text: &str, scope: Scope, policy: &Policy) -> Result<String, Wrong> {
    let judged = classify(text, Options { allow_documentation: policy.allow_documentation });
    let canonical = match (judged.kind, judged.canonical) {
        (Kind::Address, Some(canonical)) => canonical,
        (Kind::Network, Some(_)) => {
            return Err(("not_an_address", "Enter one address, without a prefix length.".to_owned()));
        }
        (Kind::Address | Kind::Network | Kind::Unknown, _) => {
            return Err(("not_an_address", judged.reason.unwrap_or_else(|| "This is not an address.".to_owned())));
        }
    };
    match (judged.class, scope) {
        (Class::Private | Class::Shared, Scope::Private | Scope::Any) | (Class::Public, Scope::Public | Scope::Any) => {
            Ok(canonical)
        }
        (Class::Public, Scope::Private) => {
            Err(("not_private", format!("{canonical} is public; a private address is expected.")))
        }
        (Class::Private | Class::Shared, Scope::Public) => {
            Err(("not_public", format!("{canonical} is private; a public address is expected.")))
        }
        (Class::Rejected, _) => {
            Err(("rejected", judged.reason.unwrap_or_else(|| format!("{canonical} cannot be used."))))
        }
    }
}

fn list(field: &Field, value: &Value, scope: Scope, policy: &Policy) -> Result<Value, Wrong> {
    let items: Vec<&str> = match value {
        Value::List(items) => items.iter().map(String::as_str).collect(),
        Value::Text(text) => text.split([',', ' ', '\n', '\t', '\r']).filter(|item| !item.is_empty()).collect(),
        Value::Bool(_) | Value::Integer(_) | Value::Numbers(_) => {
            return Err(("not_an_address", "Enter addresses.".to_owned()));
        }
    };
    if items.len() > field.max {
        return Err(("too_many", format!("Enter {} addresses at most; {} were received.", field.max, items.len())));
    }
    let mut addresses: Vec<String> = Vec::new();
    for item in items {
        let canonical = address(item, scope, policy)?;
        if !addresses.contains(&canonical) {
            addresses.push(canonical);
        }
    }
    Ok(Value::List(addresses))
}

/// A host: an address if it reads as one, else a name. What our parser refuses as an address never becomes a name.
fn host(text: &str, policy: &Policy) -> Result<String, Wrong> {
    if let Ok(canonical) = address(text, Scope::Any, policy) {
        return Ok(canonical);
    }
    HostName::parse(text).map(|name| name.as_str().to_owned()).map_err(|error| ("not_a_host", error.to_string()))
}

fn timestamp(text: &str) -> Result<Value, Wrong> {
    chrono::DateTime::parse_from_rfc3339(text)
        .map(|instant| Value::Text(instant.to_utc().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)))
        .map_err(|error| ("not_a_timestamp", format!("Enter a date and time such as 2031-05-01T06:00:00Z ({error}).")))
}

fn text(field: &Field, text: &str) -> Result<Value, Wrong> {
    if field.is_line() && text.contains(['\n', '\r']) {
        return Err(("control_char", "Write this on one line.".to_owned()));
    }
    let length = text.chars().count();
    if length > field.max {
        return Err(("too_long", format!("Shorten this to {} characters; {length} were received.", field.max)));
    }
    Ok(Value::from(text))
}
