//! Texts with a pattern, and single values.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::domain::workflow::model::Delay;
use crate::domain::workflow::value::Value;

/// Defines a text with a pattern: the schema shows the pattern, `PATTERNS` holds the test for it.
macro_rules! texts {
    ($($name:ident $pattern:literal $test:path, $what:literal;)*) => {
        $(
            #[doc = $what]
            #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
            #[serde(transparent)]
            pub(crate) struct $name(pub(crate) String);

            impl JsonSchema for $name {
                fn schema_name() -> std::borrow::Cow<'static, str> {
                    stringify!($name).into()
                }
                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({ "type": "string", "pattern": $pattern, "description": $what })
                }
            }
        )*

        /// Every pattern of the schema with the function that tests it and the words that describe it.
        pub(crate) const PATTERNS: &[(&str, fn(&str) -> bool, &str)] = &[$(($pattern, $test, $what)),*];
    };
}

texts! {
    Name "^[a-z][a-z0-9_]{1,39}$" is_name, "a name: 2 to 40 of a-z, 0-9 and _, beginning with a letter";
    Slug "^[a-z][a-z0-9-]{1,39}$" is_slug, "a name: 2 to 40 of a-z, 0-9 and -, beginning with a letter";
    DelayText "^[1-9][0-9]{0,3}(m|h|d|bh|bd)$" is_delay, "a duration: 30m 8h 3d by the wall clock, 4bh 2bd by the business hours and days of the clock's calendar";
    TargetText "^([a-z][a-z0-9_]{1,39}|@same|@previous)$" is_target, "a state, @same (its clock runs on) or @previous (out of a waiting room)";
    StepId "^P[0-9]{2}$" is_step, "a step of the procedure: P and two digits";
    Hours "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$" is_hours, "opening hours: 09:00-17:00";
}

fn is_word(text: &str, separator: char) -> bool {
    (2..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == separator)
}

fn is_name(text: &str) -> bool {
    is_word(text, '_')
}

fn is_slug(text: &str) -> bool {
    is_word(text, '-')
}

fn is_delay(text: &str) -> bool {
    Delay::parse(text).is_some()
}

fn is_target(text: &str) -> bool {
    is_name(text) || text == "@same" || text == "@previous"
}

fn is_step(text: &str) -> bool {
    text.len() == 3 && text.strip_prefix('P').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_hours(text: &str) -> bool {
    text.split_once('-').is_some_and(|(from, to)| is_time(from) && is_time(to) && from < to)
}

fn is_time(text: &str) -> bool {
    let two = |digits: &str, limit: u8| digits.len() == 2 && digits.parse::<u8>().is_ok_and(|number| number < limit);
    text.split_once(':').is_some_and(|(hours, minutes)| two(hours, 24) && two(minutes, 60))
}

/// A single value in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Scalar(pub(crate) Value);

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "integer", "string"] })
    }
}

/// A value in an example.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct RawValue(pub(crate) Value);

impl JsonSchema for RawValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "integer", "string", "array"], "items": { "type": ["integer", "string"] } })
    }
}
