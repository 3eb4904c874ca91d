//! TCP and UDP ports.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ContactError;
use crate::domain::address::text::{clean, shown};

/// A port from 1 to 65535. In JSON a number; a string with the same digits is read too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "NumberOrText", into = "u16")]
pub struct Port(NonZeroU16);

impl Port {
    /// Reads a port: ASCII digits without sign and without leading zero, spaces around them dropped.
    ///
    /// # Errors
    /// Where the text is empty or no such number.
    pub fn parse(text: &str) -> Result<Self, ContactError> {
        let text = clean(text);
        if text.is_empty() {
            return Err(ContactError::Empty { what: "port" });
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let number = text.parse().ok().filter(|_| plain);
        number.map(Self).ok_or_else(|| ContactError::Port { received: shown(text) })
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for Port {
    type Err = ContactError;

    fn from_str(text: &str) -> Result<Self, ContactError> {
        Self::parse(text)
    }
}

impl From<Port> for u16 {
    fn from(port: Port) -> Self {
        port.get()
    }
}

impl TryFrom<u16> for Port {
    type Error = ContactError;

    fn try_from(number: u16) -> Result<Self, ContactError> {
        NonZeroU16::new(number).map(Self).ok_or_else(|| ContactError::Port { received: number.to_string() })
    }
}

/// What JSON may hold for a port.
#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Text(String),
}

impl TryFrom<NumberOrText> for Port {
    type Error = ContactError;

    fn try_from(value: NumberOrText) -> Result<Self, ContactError> {
        match value {
            NumberOrText::Number(number) => Self::parse(&number.to_string()),
            NumberOrText::Text(text) => Self::parse(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_plain_number_from_1_to_65535() {
        for (text, number) in [("1", 1), (" 587\u{A0}", 587), ("65535", 65535)] {
            assert_eq!(Port::parse(text).unwrap().get(), number);
        }
        for text in ["0", "65536", "-1", "+25", "025", "25.0", "2 5", "٢٥", "0x19", "99999999999999999999", "25;"] {
            assert!(matches!(Port::parse(text), Err(ContactError::Port { .. })), "{text}");
        }
        assert_eq!(Port::parse(" "), Err(ContactError::Empty { what: "port" }));
    }

    #[test]
    fn json_holds_a_number_and_reads_a_string_too() {
        let port: Port = serde_json::from_str("\"587\"").unwrap();
        assert_eq!(serde_json::to_string(&port).unwrap(), "587");
        assert_eq!(serde_json::from_str::<Port>("587").unwrap(), port);
        for json in ["0", "65536", "-5", "\"0587\"", "5.5", "null"] {
            assert!(serde_json::from_str::<Port>(json).is_err(), "{json}");
        }
    }
}
