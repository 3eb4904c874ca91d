//! SMTP settings of the product and of a test.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::address::parse::ends_in_number;
use super::address::parse_address;
use super::address::text::{clean, shown};
use super::contact::{ContactError, EmailAddress, HostName, Port};

/// How the connection to a mail server is encrypted. These four words are used everywhere: in definitions, in the API,
/// in the database and in commands; `tls` occurs only in the product's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Encryption {
    /// Everything in clear text.
    None,
    /// Clear text first, then encrypted by the command STARTTLS, which is required.
    StartTls,
    /// Encrypted from the first byte.
    ImplicitTls,
    /// Not known yet: a test tries STARTTLS, then implicit TLS, and proposes.
    Unknown,
}

/// A word that names no encryption.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionError {
    /// `tls` and `ssl` mean either of two things in other programs.
    #[error(
        "{0:?} may mean either of two: enter starttls (clear text first, then encrypted) or implicit_tls (encrypted from the first byte)"
    )]
    Ambiguous(String),
    /// No known word.
    #[error("{0:?} is no encryption: enter none, starttls, implicit_tls or unknown")]
    Unknown(String),
}

impl Encryption {
    /// Every word, in the order of forms.
    pub const ALL: &[Self] = &[Self::StartTls, Self::ImplicitTls, Self::None, Self::Unknown];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StartTls => "starttls",
            Self::ImplicitTls => "implicit_tls",
            Self::Unknown => "unknown",
        }
    }

    /// Reads a word, without regard to case and to white space around it.
    pub fn parse(text: &str) -> Result<Self, EncryptionError> {
        match text.trim().to_ascii_lowercase().as_str() {
            "none" => Ok(Self::None),
            "starttls" => Ok(Self::StartTls),
            "implicit_tls" => Ok(Self::ImplicitTls),
            "unknown" => Ok(Self::Unknown),
            "tls" | "ssl" | "ssl/tls" => Err(EncryptionError::Ambiguous(text.to_owned())),
            _ => Err(EncryptionError::Unknown(text.to_owned())),
        }
    }

    /// A hint where this port usually goes with another encryption. The port never changes the encryption.
    pub fn port_hint(self, port: u16) -> Option<&'static str> {
        match (port, self) {
            (465, Self::StartTls | Self::None) => Some("Port 465 usually takes implicit TLS."),
            (587, Self::ImplicitTls) => Some("Port 587 usually takes STARTTLS."),
            (25, Self::ImplicitTls) => Some("Port 25 usually takes STARTTLS or no encryption."),
            (_, Self::None | Self::StartTls | Self::ImplicitTls | Self::Unknown) => None,
        }
    }
}

/// A mail server, as a literal or a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MailHost {
    /// An address; an IPv4-mapped one has become its IPv4. Which addresses may be used is not decided here.
    Address(IpAddr),
    /// A host name.
    Name(HostName),
}

/// A text that is no mail server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailHostError {
    /// A URL.
    #[error("\"{received}\" is a web address; enter the host alone{suggestion}")]
    HasScheme {
        /// What was received.
        received: String,
        /// The host that is probably meant, as a clause.
        suggestion: String,
    },
    /// Host and port in one.
    #[error("\"{received}\" contains a port; enter host {host} and port {port}")]
    HasPort {
        /// What was received.
        received: String,
        /// The part before the port.
        host: String,
        /// The port.
        port: String,
    },
    /// A line break or the like.
    #[error("\"{0}\" contains a control character")]
    ControlChar(String),
    /// A spelling that systems read in different ways.
    #[error("\"{received}\" can be read as an address in more than one way: {why}")]
    AmbiguousNumber {
        /// What was received.
        received: String,
        /// The rule that is broken.
        why: String,
    },
    /// Neither an address nor a name.
    #[error(transparent)]
    Invalid(#[from] ContactError),
}

impl MailHost {
    /// Reads what a person entered as server. White space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, MailHostError> {
        let text = clean(text);
        let received = shown(text);
        if text.chars().any(char::is_control) {
            return Err(MailHostError::ControlChar(received));
        }
        if let Some((_, rest)) = text.split_once("://") {
            let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
            let suggestion = if host.is_empty() { String::new() } else { format!(", such as {}", shown(host)) };
            return Err(MailHostError::HasScheme { received, suggestion });
        }
        let parsed = parse_address(text);
        if let Ok(address) = parsed {
            return Ok(Self::Address(address));
        }
        if let Some((host, port)) = with_port(text) {
            return Err(MailHostError::HasPort { received, host: shown(host), port: port.to_owned() });
        }
        if let (Err(fault), true) = (parsed, ends_in_number(text)) {
            return Err(MailHostError::AmbiguousNumber { received, why: fault.reason });
        }
        Ok(Self::Name(HostName::parse(text)?))
    }
}

/// Host and port of a text like `mail.example.com:587`, `10.20.4.15:25` or `[2001:db8::1]:587`.
fn with_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let single = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
    (digits && single).then_some((host.trim_start_matches('[').trim_end_matches(']'), port))
}

impl fmt::Display for MailHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => formatter.pad(&address.to_string()),
            Self::Name(name) => formatter.pad(name.as_str()),
        }
    }
}

impl TryFrom<String> for MailHost {
    type Error = MailHostError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<MailHost> for String {
    fn from(host: MailHost) -> Self {
        host.to_string()
    }
}

/// The SMTP settings of the product. The password is not in here: it lives in the vault and travels as a `Secret`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpSettings {
    /// The server.
    pub host: MailHost,
    /// Its TCP port.
    pub port: Port,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// The account to sign in with, if any.
    pub account: Option<String>,
    /// The address that alerts come from.
    pub sender: EmailAddress,
    /// The name the certificate contains, where it is not the host.
    pub tls_name: Option<HostName>,
}

impl SmtpSettings {
    /// What a person should look at before going on; nothing of it is an error.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        warnings.extend(self.encryption.port_hint(self.port.get()).map(str::to_owned));
        match (self.encryption, &self.account) {
            (Encryption::None, Some(_)) => {
                warnings.push("Without encryption the password would travel in clear text; it is not sent.".to_owned());
            }
            (Encryption::Unknown, _) => {
                warnings.push("The encryption is not known; a test can propose one.".to_owned());
            }
            (Encryption::None | Encryption::StartTls | Encryption::ImplicitTls, _) => {}
        }
        let encrypted = matches!(self.encryption, Encryption::StartTls | Encryption::ImplicitTls);
        if encrypted && self.tls_name.is_none() && matches!(self.host, MailHost::Address(_)) {
            let hint = "The server is given as an address; if its certificate contains only a name, \
                        enter that name as TLS server name.";
            warnings.push(hint.to_owned());
        }
        warnings
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Encryption {
    type Err = EncryptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Encryption {
    type Error = EncryptionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Encryption> for &'static str {
    fn from(encryption: Encryption) -> Self {
        encryption.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_without_regard_to_case_and_outer_space() {
        for encryption in Encryption::ALL {
            assert_eq!(Encryption::parse(encryption.as_str()), Ok(*encryption));
            assert_eq!(serde_json::to_value(encryption).unwrap(), encryption.as_str());
        }
        assert_eq!(Encryption::parse(" StartTLS"), Ok(Encryption::StartTls));
    }

    #[test]
    fn a_refused_word_is_quoted_and_the_accepted_ones_are_named() {
        let error = Encryption::parse("\"starttls\"").unwrap_err().to_string();
        assert!(
            error.contains("\\\"starttls\\\"") && error.contains("none, starttls, implicit_tls or unknown"),
            "{error}"
        );
        let error = Encryption::parse("tls").unwrap_err().to_string();
        assert!(error.contains("\"tls\"") && error.contains("either of two"), "{error}");
    }

    #[test]
    fn an_unusual_port_is_a_hint_and_nothing_more() {
        assert!(Encryption::StartTls.port_hint(465).is_some() && Encryption::ImplicitTls.port_hint(587).is_some());
        assert_eq!(Encryption::StartTls.port_hint(8025), None);
        assert_eq!(Encryption::Unknown.port_hint(465), None);
    }

    #[test]
    fn a_host_that_is_no_host_is_refused_with_the_part_that_is_not() {
        assert_eq!(MailHost::parse("10.20.4.15 ").unwrap().to_string(), "10.20.4.15");
        assert_eq!(MailHost::parse("smtp.example.com ").unwrap().to_string(), "smtp.example.com");
        assert!(matches!(MailHost::parse("http://mail.example.com/"), Err(MailHostError::HasScheme { .. })));
        let error = MailHost::parse("mail.example.com:587").unwrap_err().to_string();
        assert!(error.contains("host mail.example.com and port 587"), "{error}");
        assert!(matches!(MailHost::parse("[2001:db8::1]:587"), Err(MailHostError::HasPort { .. })));
        assert!(matches!(MailHost::parse("a\r\nb"), Err(MailHostError::ControlChar(_))));
        for text in ["127.1", "0x7f000001", "2130706433", "010.0.0.1", "10.0.0"] {
            assert!(matches!(MailHost::parse(text), Err(MailHostError::AmbiguousNumber { .. })), "{text}");
        }
        assert!(
            MailHost::parse("mail example.com").is_err()
                && MailHost::parse("").is_err()
                && MailHost::parse(":25").is_err()
        );
    }

    #[test]
    fn settings_warn_about_clear_text_passwords_and_certificates_of_names() {
        let settings = SmtpSettings {
            host: MailHost::parse("10.20.4.15").unwrap(),
            port: Port::parse("465").unwrap(),
            encryption: Encryption::StartTls,
            account: None,
            sender: EmailAddress::parse("alerts@vendor.example").unwrap(),
            tls_name: None,
        };
        assert_eq!(settings.warnings().len(), 2);
        let clear = SmtpSettings { encryption: Encryption::None, account: Some("u".to_owned()), ..settings };
        assert!(clear.warnings().iter().any(|warning| warning.contains("clear text")));
    }
}
