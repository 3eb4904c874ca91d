//! E-mail addresses as an SMTP envelope takes them (RFC 5321 section 4.1.2, RFC 6531 for letters outside ASCII).

use serde::{Deserialize, Serialize};

use super::{ContactError, HostName, text_conversions};
use crate::domain::address::text::{clean, shown};

/// Longest local part in octets (RFC 5321 section 4.5.3.1.1).
const LOCAL_LIMIT: usize = 64;
/// Longest address in octets: a path of 256 without its angle brackets (RFC 5321 section 4.5.3.1.3).
const ADDRESS_LIMIT: usize = 254;

/// An e-mail address. The local part is kept as it is; the domain is a host name in ASCII, never an address literal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    text: String,
    /// Position of the @ between local part and domain.
    at: usize,
}

text_conversions!(EmailAddress);

impl EmailAddress {
    /// Reads an e-mail address without display name and without angle brackets.
    ///
    /// # Errors
    /// Where the text is no such address, or is over the limits of RFC 5321.
    pub fn parse(text: &str) -> Result<Self, ContactError> {
        let text = clean(text);
        let received = shown(text);
        let refuse = |why: String| Err(ContactError::EmailAddress { received: shown(text), why });
        if text.is_empty() {
            return Err(ContactError::Empty { what: "e-mail address" });
        }
        if text.chars().any(char::is_control) {
            return refuse("it contains a control character".to_owned());
        }
        let Some((local, domain)) = text.rsplit_once('@') else { return refuse("the @ is missing".to_owned()) };
        if local.len() > LOCAL_LIMIT {
            return Err(ContactError::TooLong {
                received,
                length: local.len(),
                unit: "octets before the @",
                limit: LOCAL_LIMIT,
            });
        }
        if let Some(why) = local_fault(local) {
            return refuse(why);
        }
        if clean(domain) != domain || domain.ends_with('.') {
            return refuse("the part behind the @ starts or ends with a space or a dot".to_owned());
        }
        let domain = match HostName::parse(domain) {
            Ok(domain) => domain,
            Err(error) => return refuse(format!("the part behind the @ is refused ({error})")),
        };
        let text = format!("{local}@{domain}");
        if text.len() > ADDRESS_LIMIT {
            return Err(ContactError::TooLong { received, length: text.len(), unit: "octets", limit: ADDRESS_LIMIT });
        }
        Ok(Self { text, at: local.len() })
    }

    /// The whole address, its domain in ASCII.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the @, with quotes where it has them.
    pub fn local_part(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// The part behind the @, in ASCII.
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// Whether a server must offer SMTPUTF8 to take it (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        !self.text.is_ascii()
    }
}

/// The rule that a local part breaks. It is a dot-string or a quoted string.
fn local_fault(local: &str) -> Option<String> {
    if local.is_empty() {
        return Some("the part before the @ is missing".to_owned());
    }
    if let Some(inner) = local.strip_prefix('"') {
        let fault = match inner.strip_suffix('"') {
            Some(inner) => quoted_fault(inner),
            None => Some("a quote is opened and not closed"),
        };
        return fault.map(str::to_owned);
    }
    if local.split('.').any(str::is_empty) {
        return Some("the part before the @ has a dot at an end, or two dots together".to_owned());
    }
    if local.chars().any(char::is_whitespace) {
        return Some("it contains a space".to_owned());
    }
    let allowed = |character: char| {
        character == '.'
            || !character.is_ascii()
            || character.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~".contains(character)
    };
    let (index, odd) = local.chars().enumerate().find(|(_, character)| !allowed(*character))?;
    Some(format!("\"{odd}\", character {}, is not allowed; leave out names and brackets", index + 1))
}

/// The rule that the inside of a quoted string breaks: a quote or backslash needs a backslash before it.
fn quoted_fault(inner: &str) -> Option<&'static str> {
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        let broken = match character {
            '"' => true,
            '\\' => characters.next().is_none_or(|escaped| !escaped.is_ascii()),
            _ => false,
        };
        if broken {
            return Some("a quote or a backslash inside the quotes needs a backslash before it");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_rfc_5321_allows_are_accepted() {
        for (text, stored) in [
            (" alerts@Corp.Example ", "alerts@corp.example"),
            ("First.Last+tag@corp.example", "First.Last+tag@corp.example"),
            ("\"john doe\"@corp.example", "\"john doe\"@corp.example"),
            ("\"a@b\"@corp.example", "\"a@b\"@corp.example"),
            ("o'brien@bücher.example", "o'brien@xn--bcher-kva.example"),
            ("jörg@corp.example", "jörg@corp.example"),
            ("root@relay", "root@relay"),
        ] {
            let address = EmailAddress::parse(text).unwrap();
            assert_eq!(address.as_str(), stored);
            assert_eq!(format!("{}@{}", address.local_part(), address.domain()), stored);
        }
        assert!(EmailAddress::parse("jörg@corp.example").unwrap().needs_smtputf8());
        assert!(!EmailAddress::parse("o@bücher.example").unwrap().needs_smtputf8());
    }

    #[test]
    fn everything_else_is_refused_with_the_rule() {
        for (text, rule) in [
            ("alerts", "@ is missing"),
            ("@corp.example", "before the @ is missing"),
            ("alerts@", "host name"),
            ("a b@corp.example", "space"),
            ("a@corp.example\r\nRCPT TO:<x@y>", "control"),
            (".a@corp.example", "dot"),
            ("a..b@corp.example", "dot"),
            ("Alerts <a@corp.example>", "space"),
            ("<a@corp.example>", "not allowed"),
            ("a@b@corp.example", "not allowed"),
            ("\"a\"b\"@corp.example", "backslash"),
            ("\"a\\\"@corp.example", "backslash"),
            ("\"a@corp.example", "quote"),
            ("a@[10.0.0.5]", "refused"),
            ("a@10.0.0.5", "refused"),
            ("a@localhost", "refused"),
            ("a@ corp.example", "space"),
            ("a@corp.example.", "dot"),
            ("a@corp.example,b@corp.example", "not allowed"),
        ] {
            let error = EmailAddress::parse(text).unwrap_err().to_string();
            assert!(error.contains(rule), "{text:?}: {error}");
        }
    }

    #[test]
    fn lengths_are_counted_in_octets() {
        assert!(EmailAddress::parse(&format!("{}@a.example", "a".repeat(64))).is_ok());
        assert!(EmailAddress::parse(&format!("{}@a.example", "a".repeat(65))).is_err());
        assert!(EmailAddress::parse(&format!("{}@a.example", "ö".repeat(33))).is_err());
        let label = "b".repeat(63);
        let domain = format!("{label}.{label}.{}", "c".repeat(61));
        let whole = format!("{}@{domain}", "a".repeat(64));
        assert_eq!(EmailAddress::parse(&whole).unwrap().as_str().len(), 254);
        assert!(EmailAddress::parse(&format!("{whole}c")).is_err());
    }
}
