//! Answers on their way into a case: a form sends text for every field, the API sends each in its field's own JSON type.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{Error, FieldError, Secrets};
use crate::domain::workflow::{Data, Definition, FieldType, Store, Value};
use crate::secret::Secret;

/// Answers as they came.
#[derive(Clone)]
pub enum Answers {
    /// From a form: as typed, by field name.
    Form(BTreeMap<String, String>),
    /// From the API: the members of one JSON object.
    Json(Map<String, Json>),
}

impl From<BTreeMap<String, String>> for Answers {
    fn from(form: BTreeMap<String, String>) -> Self {
        Self::Form(form)
    }
}

impl Answers {
    /// Plain values and secrets, apart. A secret left empty is one that was not given: the stored one stays.
    ///
    /// # Errors
    /// [`Error::Invalid`] names every JSON member of a type that its field does not take, and every unfit secret.
    pub(super) fn read(&self, definition: &Definition) -> Result<(Data, Secrets), Error> {
        let (data, secrets) = match self {
            Self::Form(form) => {
                let (plain, secrets) = split(definition, form);
                (typed(definition, plain), secrets)
            }
            Self::Json(members) => from_json(definition, members)?,
        };
        check_secrets(definition, &secrets)?;
        Ok((data, secrets))
    }
}

/// Answers as typed -> values as the definition types them. What does not fit stays text, so that the engine can say what
/// it received.
pub fn typed(definition: &Definition, raw: BTreeMap<String, String>) -> Data {
    raw.into_iter()
        .map(|(name, text)| {
            let value = match definition.fields.get(&name).map(|field| field.field_type) {
                Some(FieldType::Bool) => match text.trim() {
                    "true" | "yes" | "on" => Value::Bool(true),
                    "false" | "no" => Value::Bool(false),
                    _ => Value::Text(text),
                },
                Some(FieldType::Port | FieldType::Number) => {
                    let digits = text.trim();
                    let is_plain =
                        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
                    digits.parse().ok().filter(|_| is_plain).map_or(Value::Text(text), Value::Integer)
                }
                Some(FieldType::IpList) => Value::List(
                    text.split([',', ' ', '\n']).filter(|part| !part.is_empty()).map(str::to_owned).collect(),
                ),
                Some(
                    FieldType::Enum
                    | FieldType::Ip
                    | FieldType::Host
                    | FieldType::Email
                    | FieldType::Text
                    | FieldType::NumberList
                    | FieldType::Timestamp,
                )
                | None => Value::Text(text),
            };
            (name, value)
        })
        .collect()
}

fn split(definition: &Definition, answers: &BTreeMap<String, String>) -> (BTreeMap<String, String>, Secrets) {
    let mut plain = BTreeMap::new();
    let mut secrets = Secrets::new();
    for (name, value) in answers {
        if !is_secret(definition, name) {
            plain.insert(name.clone(), value.clone());
        } else if !value.is_empty() {
            secrets.insert(name.clone(), Secret::new(value.clone()));
        }
    }
    (plain, secrets)
}

/// A member that is null counts as not sent. Members that no field has go on as they are: the engine names them.
fn from_json(definition: &Definition, members: &Map<String, Json>) -> Result<(Data, Secrets), Error> {
    let (mut data, mut secrets, mut errors) = (Data::new(), Secrets::new(), Vec::new());
    for (name, json) in members.iter().filter(|(_, json)| !json.is_null()) {
        let field_type = definition.fields.get(name).map(|field| field.field_type);
        match value(field_type, json) {
            Some(Value::Text(text)) if is_secret(definition, name) => {
                if !text.is_empty() {
                    secrets.insert(name.clone(), Secret::new(text));
                }
            }
            Some(value) => {
                data.insert(name.clone(), value);
            }
            None => errors.push(wrong_type(name, field_type, json)),
        }
    }
    if errors.is_empty() { Ok((data, secrets)) } else { Err(Error::Invalid(errors)) }
}

/// Secrets never reach the engine, which judges every other answer, so they are judged here.
fn check_secrets(definition: &Definition, secrets: &Secrets) -> Result<(), Error> {
    let mut errors = Vec::new();
    for (name, secret) in secrets {
        let Some(field) = definition.fields.get(name) else { continue };
        if secret.expose().chars().count() > field.max {
            let text = format!("Shorten this to {} characters.", field.max);
            errors.push(FieldError::new(name, "too_long", text));
        } else if secret.is_mask() {
            let text = "This is what a form shows in place of the value. Enter the value itself.";
            errors.push(FieldError::new(name, "mask", text));
        } else if secret.expose().chars().any(char::is_control) {
            let text = "Remove line ends and other invisible characters.";
            errors.push(FieldError::new(name, "control_char", text));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

/// A JSON value as the field's type takes it; `None` for another type.
pub(super) fn value(field_type: Option<FieldType>, json: &Json) -> Option<Value> {
    match (field_type, json) {
        (Some(FieldType::Bool) | None, Json::Bool(truth)) => Some(Value::Bool(*truth)),
        // A number that is no whole one, or a huge one, is no port either: the engine says so.
        (Some(FieldType::Port | FieldType::Number) | None, Json::Number(number)) => {
            Some(number.as_i64().map_or_else(|| Value::Text(number.to_string()), Value::Integer))
        }
        (Some(FieldType::IpList) | None, Json::Array(items)) => {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>().map(Value::List)
        }
        (Some(FieldType::NumberList), Json::Array(items)) => {
            items.iter().map(Json::as_i64).collect::<Option<_>>().map(Value::Numbers)
        }
        (
            Some(
                FieldType::Enum
                | FieldType::Ip
                | FieldType::Host
                | FieldType::Email
                | FieldType::Text
                | FieldType::Timestamp,
            )
            | None,
            Json::String(text),
        ) => Some(Value::Text(text.clone())),
        (None, other) => Some(Value::Text(other.to_string())),
        (Some(_), _) => None,
    }
}

/// Names what is taken and what came, never the value: it may be a secret.
pub(super) fn wrong_type(name: &str, field_type: Option<FieldType>, json: &Json) -> FieldError {
    let taken = match field_type {
        Some(FieldType::Bool) => "true or false",
        Some(FieldType::Port | FieldType::Number) => "a number",
        Some(FieldType::IpList) => "an array of strings",
        Some(FieldType::NumberList) => "an array of numbers",
        Some(
            FieldType::Enum
            | FieldType::Ip
            | FieldType::Host
            | FieldType::Email
            | FieldType::Text
            | FieldType::Timestamp,
        )
        | None => "a string",
    };
    let came = match json {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    };
    FieldError::new(name, "wrong_type", format!("{name} takes {taken}; {came} was received"))
}

fn is_secret(definition: &Definition, name: &str) -> bool {
    definition.fields.get(name).is_some_and(|field| field.store == Store::Vault)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_type_of_field_takes_its_own_json_type_only() {
        assert_eq!(value(Some(FieldType::Port), &json!(587)), Some(Value::Integer(587)));
        assert_eq!(value(Some(FieldType::Port), &json!("587")), None);
        assert_eq!(value(Some(FieldType::Port), &json!(587.5)), Some(Value::from("587.5")));
        assert_eq!(value(Some(FieldType::Bool), &json!("true")), None);
        assert_eq!(value(Some(FieldType::Text), &json!(1)), None);
        assert_eq!(value(Some(FieldType::IpList), &json!(["10.1.2.3", 4])), None);
        assert_eq!(value(None, &json!({"a": 1})), Some(Value::from("{\"a\":1}")), "the engine refuses it by name");
    }

    #[test]
    fn the_message_names_both_types_and_no_value() {
        let error = wrong_type("smtp_password", Some(FieldType::Text), &json!(123_456));
        assert_eq!(error.message, "smtp_password takes a string; a number was received");
    }
}
