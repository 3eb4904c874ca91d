//! Types of what guards compare: a comparison that can never be true is a slip of the pen.

use crate::domain::workflow::Definition;
use crate::domain::workflow::guard::{Expression, Guard, Operand};
use crate::domain::workflow::model::{Field, FieldType};
use crate::domain::workflow::value::Value;

/// What is wrong with the fields and values of a guard, one sentence each.
pub(super) fn faults(definition: &Definition, guard: &Guard) -> Vec<String> {
    let unknown =
        guard.reads().into_iter().chain(guard.asks_known()).filter(|field| !definition.fields.contains_key(*field));
    let mut found: Vec<String> =
        unknown.map(|field| format!("the condition reads the unknown field {field}")).collect();
    judge(definition, guard.expression(), &mut found);
    found
}

fn judge(definition: &Definition, expression: &Expression, found: &mut Vec<String>) {
    match expression {
        Expression::Any(parts) | Expression::All(parts) => parts.iter().for_each(|part| judge(definition, part, found)),
        Expression::Not(part) => judge(definition, part, found),
        Expression::Known(_) => {}
        Expression::True(name) => {
            if let Some(field) = definition.fields.get(name).filter(|field| field.field_type != FieldType::Bool) {
                found.push(format!("{name} is {}, not a yes or no: compare it with something", field.field_type));
            }
        }
        Expression::Equal(left, right) => comparison(definition, left, right, found),
        Expression::OneOf(operand, options) => {
            options.iter().for_each(|option| comparison(definition, operand, option, found));
        }
    }
}

fn comparison(definition: &Definition, left: &Operand, right: &Operand, found: &mut Vec<String>) {
    match (left, right) {
        (Operand::Field(name), Operand::Literal(value)) | (Operand::Literal(value), Operand::Field(name)) => {
            if let Some(field) = definition.fields.get(name) {
                found.extend(mismatch(name, field, value));
            }
        }
        (Operand::Field(left), Operand::Field(right)) => {
            let types = [left, right].map(|name| definition.fields.get(name).map(|field| field.field_type));
            if let [Some(first), Some(second)] = types
                && first != second
            {
                found.push(format!("{left} ({first}) is compared with {right} ({second})"));
            }
        }
        (Operand::Literal(_), Operand::Literal(_)) => {
            found.push("two fixed values are compared, which says nothing about the case".to_owned());
        }
    }
}

/// Why a field can never have a value, if it cannot.
pub(super) fn mismatch(name: &str, field: &Field, value: &Value) -> Option<String> {
    let fits = match (field.field_type, value) {
        (FieldType::Enum, Value::Text(text)) => field.options.contains(text),
        (FieldType::Bool, Value::Bool(_)) | (FieldType::Port | FieldType::Number, Value::Integer(_)) => true,
        (
            FieldType::Ip | FieldType::Host | FieldType::Email | FieldType::Text | FieldType::Timestamp,
            Value::Text(_),
        ) => true,
        (
            FieldType::Enum
            | FieldType::Bool
            | FieldType::Port
            | FieldType::Number
            | FieldType::NumberList
            | FieldType::Ip
            | FieldType::IpList
            | FieldType::Host
            | FieldType::Email
            | FieldType::Text
            | FieldType::Timestamp,
            _,
        ) => false,
    };
    let options = || if field.options.is_empty() { String::new() } else { format!(" ({})", field.options.join(", ")) };
    (!fits).then(|| match field.field_type {
        FieldType::Enum => format!("{name} is compared with '{value}', which is none of its options{}", options()),
        FieldType::Bool
        | FieldType::Port
        | FieldType::Number
        | FieldType::NumberList
        | FieldType::Ip
        | FieldType::IpList
        | FieldType::Host
        | FieldType::Email
        | FieldType::Text
        | FieldType::Timestamp => format!("{name} is {} and can never be {value}", field.field_type),
    })
}
