//! Host names (RFC 1123 section 2.1), stored as lower-case ASCII without the trailing dot.

use serde::{Deserialize, Serialize};

use super::{ContactError, text_conversions};
use crate::domain::address::parse::{ends_in_number, parse_address};
use crate::domain::address::text::{clean, shown};

/// Longest host name in characters, without the trailing dot (RFC 1035 section 3.1).
const NAME_LIMIT: usize = 253;
/// Longest label in characters (RFC 1035 section 2.3.4).
const LABEL_LIMIT: usize = 63;
/// Longest text that is looked at, in octets; a name outside ASCII may shrink when it becomes A-labels.
const TEXT_LIMIT: usize = 2048;

/// Who answers for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// Public DNS.
    Public,
    /// The resolver of the customer, asked through the tunnel.
    Customer,
}

/// A host name that may be given to a resolver. It is no address and cannot be read as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

text_conversions!(HostName);

impl HostName {
    /// Reads a host name. A trailing dot and invisible characters around it are dropped; a name outside ASCII becomes
    /// its A-labels (UTS 46, non-transitional).
    ///
    /// # Errors
    /// Where the text is no host name, is an address, would be read as one, or names the machine itself.
    pub fn parse(text: &str) -> Result<Self, ContactError> {
        let text = clean(text);
        let received = shown(text);
        let refuse = |why: String| Err(ContactError::HostName { received: shown(text), why });
        if text.is_empty() {
            return Err(ContactError::Empty { what: "host name" });
        }
        if text.len() > TEXT_LIMIT {
            return Err(ContactError::TooLong { received, length: text.len(), unit: "octets", limit: TEXT_LIMIT });
        }
        if let Some(odd) = text.chars().find(|&character| is_refused(character)) {
            return refuse(hint(odd));
        }
        if is_address(text) {
            return Err(ContactError::IsAddress { received });
        }
        let Some(name) = to_ascii(text) else {
            return refuse("its characters outside ASCII make no international name (UTS 46)".to_owned());
        };
        let name = name.strip_suffix('.').unwrap_or(&name).to_ascii_lowercase();
        // The name is judged again after the mapping, which may turn look-alikes into digits and dots.
        if is_address(&name) {
            return Err(ContactError::IsAddress { received });
        }
        if name.len() > NAME_LIMIT {
            return Err(ContactError::TooLong { received, length: name.len(), unit: "characters", limit: NAME_LIMIT });
        }
        if let Some(why) = name.split('.').find_map(label_fault) {
            return refuse(why);
        }
        if names_this_machine(&name) {
            return Err(ContactError::ThisMachine { received });
        }
        Ok(Self(name))
    }

    /// The name in lower-case ASCII (A-labels), as it is looked up and stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name for people: A-labels turned back into their characters. Equal to [`HostName::as_str`] for most names.
    pub fn unicode(&self) -> String {
        let (unicode, outcome) = idna::domain_to_unicode(&self.0);
        if outcome.is_ok() { unicode } else { self.0.clone() }
    }

    /// Whether it has one label only, like `relay`. Such a name needs the customer's own resolver.
    pub fn is_single_label(&self) -> bool {
        !self.0.contains('.')
    }

    /// Whether the resolver can be asked for this name: single labels mean something to the customer's own one only.
    pub fn may_be_asked_of(&self, resolver: Resolver) -> bool {
        match resolver {
            Resolver::Public => !self.is_single_label(),
            Resolver::Customer => true,
        }
    }

    /// Whether a label has an underscore: it can be looked up, but stands in no public certificate (RFC 1123 section
    /// 2.1), so that a warning is due.
    pub fn has_underscore(&self) -> bool {
        self.0.contains('_')
    }

    /// What a person should know about an accepted name.
    pub fn warnings(&self) -> Vec<String> {
        if !self.has_underscore() {
            return Vec::new();
        }
        vec![format!(
            "{self} has an underscore, which a public certificate cannot name; the name cannot be checked by TLS"
        )]
    }
}

/// Characters that no host name has in any script. Letters of other scripts go through UTS 46.
fn is_refused(character: char) -> bool {
    character.is_control()
        || character.is_whitespace()
        || (character.is_ascii() && !character.is_ascii_alphanumeric() && !"-._".contains(character))
}

fn hint(odd: char) -> String {
    match odd {
        ':' => "leave out the port and the scheme; the port has its own field".to_owned(),
        '/' => "leave out the scheme and the path".to_owned(),
        '@' => "this looks like an e-mail address".to_owned(),
        odd if odd.is_control() => "it contains a control character".to_owned(),
        odd if odd.is_whitespace() => "it contains a space; enter one name only".to_owned(),
        odd => format!("\"{odd}\" is not allowed; use letters, digits, dots and hyphens"),
    }
}

fn is_address(text: &str) -> bool {
    ends_in_number(text)
        || parse_address(text).is_ok()
        || text.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
}

/// The name in ASCII; None where UTS 46 refuses it. Plain names do not go through it, so that underscores stay.
fn to_ascii(text: &str) -> Option<String> {
    let plain = text.is_ascii() && !text.to_ascii_lowercase().split('.').any(|label| label.starts_with("xn--"));
    if plain { Some(text.to_owned()) } else { idna::domain_to_ascii(text).ok() }
}

fn label_fault(label: &str) -> Option<String> {
    if label.is_empty() {
        return Some("a part between two dots is empty".to_owned());
    }
    if label.len() > LABEL_LIMIT {
        return Some(format!("the part \"{}\" has more than {LABEL_LIMIT} characters", shown(label)));
    }
    if let Some(odd) = label.chars().find(|&character| is_refused(character) || !character.is_ascii()) {
        return Some(hint(odd));
    }
    let at_an_end = label.starts_with('-') || label.ends_with('-');
    at_an_end.then(|| format!("the part \"{}\" starts or ends with a hyphen", shown(label)))
}

/// RFC 6761 section 6.3, and the names that common hosts files give to the loopback addresses.
fn names_this_machine(name: &str) -> bool {
    const NAMES: [&str; 6] =
        ["localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback"];
    NAMES.contains(&name) || name.ends_with(".localhost") || name.ends_with(".localhost.localdomain")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        HostName::parse(text).unwrap().as_str().to_owned()
    }

    #[test]
    fn names_are_stored_in_lower_case_ascii_without_the_trailing_dot() {
        assert_eq!(parsed("Mail.Corp.Example."), "mail.corp.example");
        assert_eq!(parsed("\u{FEFF} mail.corp.example\u{A0}"), "mail.corp.example");
        assert_eq!(parsed("BÜCHER-mail.example"), "xn--bcher-mail-9db.example");
        assert_eq!(parsed("straße.example"), "xn--strae-oqa.example");
        assert_eq!(parsed("3com.example"), "3com.example");
        assert_eq!(HostName::parse("xn--bcher-mail-9db.example").unwrap().unicode(), "bücher-mail.example");
    }

    #[test]
    fn what_a_resolver_would_read_as_an_address_is_no_host_name() {
        for text in ["10.0.0.5", "127.1", "0x7f000001", "2130706433", "a.0x1", "1.2.3.4.", "010.8.8.8", "１２７.0.0.1"]
        {
            assert!(matches!(HostName::parse(text), Err(ContactError::IsAddress { .. })), "{text}");
        }
        for text in ["127。0。0。1", "mail.example。5", "①②⑦.0.0.1"] {
            assert!(matches!(HostName::parse(text), Err(ContactError::IsAddress { .. })), "{text}");
        }
        assert!(HostName::parse("::1").is_err());
        assert!(HostName::parse("[::1]").is_err());
    }

    #[test]
    fn the_machine_itself_is_refused_in_every_spelling() {
        for text in
            ["localhost", "LOCALHOST.", "db.localhost", "localhost.localdomain", "ｌｏｃａｌｈｏｓｔ", "ip6-localhost"]
        {
            assert!(matches!(HostName::parse(text), Err(ContactError::ThisMachine { .. })), "{text}");
        }
        assert_eq!(parsed("localhost.example"), "localhost.example");
    }

    #[test]
    fn a_name_has_limits() {
        let label = "a".repeat(63);
        assert!(HostName::parse(&label).is_ok());
        assert!(HostName::parse(&"a".repeat(64)).is_err());
        let name = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(parsed(&format!("{name}.")).len(), 253);
        assert!(matches!(HostName::parse(&format!("{name}a")), Err(ContactError::TooLong { length: 254, .. })));
    }

    #[test]
    fn other_text_is_refused_with_the_rule() {
        for (text, rule) in [
            ("a..b", "empty"),
            (".", "empty"),
            ("mail.example..", "empty"),
            ("-a.example", "hyphen"),
            ("a-.example", "hyphen"),
            ("mail.example:25", "port"),
            ("smtp://mail.example", "scheme"),
            ("mail example", "space"),
            ("a\r\nb.example", "control"),
            ("a\0.example", "control"),
            ("<script>", "not allowed"),
            ("user@mail.example", "e-mail"),
            ("xn--a.example", "UTS 46"),
            ("a\u{2028}b.example", "space"),
        ] {
            let error = HostName::parse(text).unwrap_err().to_string();
            assert!(error.contains(rule), "{text:?}: {error}");
        }
        assert_eq!(HostName::parse(" \u{200B}"), Err(ContactError::Empty { what: "host name" }));
    }

    #[test]
    fn json_goes_through_the_parser() {
        let name: HostName = serde_json::from_str("\"Relay.Example.\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"relay.example\"");
        assert!(serde_json::from_str::<HostName>("\"127.1\"").is_err());
    }
}
