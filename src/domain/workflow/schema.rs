//! The JSON Schema of the files, derived from the structs that read them; editors complete from it and `shape` checks by it.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::raw::RawDefinition;

/// The schema of a definition (draft-07), as `workflows/schema/workflow.schema.json` holds it.
pub fn definition_schema() -> Value {
    schema_of::<RawDefinition>("Case workflow definition, format 1")
}

/// The schema of any of the files, without the alternatives that TOML does not have (`null`).
pub(crate) fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    without_null(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), Value::from(title));
    }
    schema
}

/// TOML has no null: an optional key is one that may be absent.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            strip_nullable(keys);
            keys.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn strip_nullable(keys: &mut Map<String, Value>) {
    // A key that may be left out says so by not being required; its empty default adds nothing.
    let is_empty = |default: &Value| match default {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(keys) => keys.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if keys.get("default").is_some_and(is_empty) {
        keys.remove("default");
    }
    if let Some(Value::Array(types)) = keys.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keys.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = keys.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            keys.remove("anyOf");
            keys.extend(only);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_closed_and_knows_no_null() {
        let schema = definition_schema();
        assert_eq!(schema["additionalProperties"], false);
        assert!(!schema.to_string().contains("\"null\""));
        assert_eq!(schema["properties"]["state"]["type"], "object");
    }
}
