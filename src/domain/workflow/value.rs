//! Values that a case holds: what a person answered, what the machine measured.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One value of a field, in its canonical form. Stored and sent as plain JSON: `true`, `587`, `["10.1.2.3"]`, `"vpn"`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A port, or another number.
    Integer(i64),
    /// Several numbers.
    Numbers(Vec<i64>),
    /// Several addresses.
    List(Vec<String>),
    /// Everything else.
    Text(String),
}

/// The values of a case by field name.
pub type Data = BTreeMap<String, Value>;

impl Value {
    /// The text, if this is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bool(_) | Self::Integer(_) | Self::Numbers(_) | Self::List(_) => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(true) => out.write_str("yes"),
            Self::Bool(false) => out.write_str("no"),
            Self::Integer(number) => write!(out, "{number}"),
            Self::Numbers(numbers) => {
                let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                out.write_str(&texts.join(", "))
            }
            Self::List(items) => out.write_str(&items.join(", ")),
            Self::Text(text) => out.write_str(text),
        }
    }
}
