//! What a server says it can do: the answer to EHLO (RFC 5321 section 4.1.1.1).

use super::command::Needs;
use super::reply::{Reply, escape};

/// The extensions a server offers. Keywords are compared without regard to case, as the RFC demands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// The keywords in upper case, in the order given.
    pub keywords: Vec<String>,
    /// The mechanisms of AUTH in upper case; the old form `AUTH=` counts as well.
    pub mechanisms: Vec<String>,
}

impl Features {
    /// Reads the answer to EHLO. The first line holds the server's name and is no keyword.
    pub fn read(reply: &Reply) -> Self {
        let mut features = Self::default();
        for text in reply.lines.iter().skip(1).map(|line| line.get(4..).unwrap_or_default()) {
            let line = escape(text).to_ascii_uppercase();
            let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
            let Some(keyword) = words.next() else { continue };
            if keyword == "AUTH" {
                for mechanism in words {
                    if !features.mechanisms.iter().any(|known| known == mechanism) {
                        features.mechanisms.push(mechanism.to_owned());
                    }
                }
            }
            features.keywords.push(keyword.to_owned());
        }
        features
    }

    /// True where the server offers STARTTLS.
    pub fn starttls(&self) -> bool {
        self.has("STARTTLS")
    }

    /// True where the server offers sign-in.
    pub fn auth(&self) -> bool {
        self.has("AUTH")
    }

    /// The extension that is needed and not offered, if one is.
    pub fn missing(&self, needs: Needs) -> Option<&'static str> {
        if needs.smtputf8 && !self.has("SMTPUTF8") {
            return Some("SMTPUTF8");
        }
        (needs.eight_bit && !self.has("8BITMIME")).then_some("8BITMIME")
    }

    /// True where a firewall has overwritten keywords with X, as Cisco's SMTP inspection does.
    pub fn masked(&self) -> bool {
        self.keywords.iter().any(|keyword| keyword.bytes().take(4).eq([b'X'; 4]))
    }

    fn has(&self, keyword: &str) -> bool {
        self.keywords.iter().any(|known| known == keyword)
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply::{Parsed, ReplyParser};
    use super::*;

    fn features(bytes: &[u8]) -> Features {
        match ReplyParser::default().push(bytes) {
            Parsed::Reply(reply, _) => Features::read(&reply),
            other @ (Parsed::Pending | Parsed::Fault(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn keywords_are_found_in_any_case_and_on_the_last_line() {
        assert!(features(b"250-mx\r\n250-AUTH LOGIN PLAIN\r\n250 STARTTLS\r\n").starttls());
        let lower = features(b"250-mx\r\n250-starttls\r\n250 auth plain\r\n");
        assert!(lower.starttls() && lower.mechanisms == ["PLAIN"]);
        assert_eq!(
            features(b"250-mx\r\n250-AUTH PLAIN LOGIN\r\n250-AUTH=PLAIN LOGIN\r\n250 8BITMIME\r\n").mechanisms,
            ["PLAIN", "LOGIN"]
        );
    }

    #[test]
    fn a_host_named_starttls_offers_nothing() {
        assert!(!features(b"250 STARTTLS\r\n").starttls());
        assert!(features(b"250-mx\r\n250-XXXXXXXA\r\n250 SIZE 1000\r\n").masked());
    }
}
