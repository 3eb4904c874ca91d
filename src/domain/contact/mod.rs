//! E-mail addresses, host names and ports: parsed once at the door, then trusted.

/// E-mail addresses.
mod email_address;
/// Host names.
mod host_name;
/// Ports.
mod port;

pub use email_address::EmailAddress;
pub use host_name::{HostName, Resolver};
pub use port::Port;

/// Why a contact value was refused. The text repeats what was received and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// Nothing but white space was received.
    #[error("nothing was entered; enter the {what}")]
    Empty {
        /// The value asked for, for example `host name`.
        what: &'static str,
    },
    /// The value is over its limit.
    #[error("\"{received}\" has {length} {unit}; the limit is {limit}")]
    TooLong {
        /// What was received, shortened.
        received: String,
        /// Its length.
        length: usize,
        /// What is counted: octets of UTF-8 or characters.
        unit: &'static str,
        /// The longest length that is accepted.
        limit: usize,
    },
    /// A host name that breaks a rule of RFC 1123 section 2.1 or RFC 5891.
    #[error("\"{received}\" is not a host name: {why}")]
    HostName {
        /// What was received, shortened.
        received: String,
        /// The rule that is broken.
        why: String,
    },
    /// An address was written where a host name belongs, or a text that resolvers would take for an address.
    #[error("\"{received}\" is an address or would be read as one; enter it as IP, or enter a host name")]
    IsAddress {
        /// What was received, shortened.
        received: String,
    },
    /// A name of the machine itself (RFC 6761 section 6.3).
    #[error("\"{received}\" names the machine itself; enter the host name of the server")]
    ThisMachine {
        /// What was received, shortened.
        received: String,
    },
    /// An e-mail address that breaks a rule of RFC 5321 section 4.1.2.
    #[error("\"{received}\" is not an e-mail address like name@example.com: {why}")]
    EmailAddress {
        /// What was received, shortened.
        received: String,
        /// The rule that is broken.
        why: String,
    },
    /// Not a number from 1 to 65535.
    #[error("\"{received}\" is not a port; enter a number from 1 to 65535")]
    Port {
        /// What was received, shortened.
        received: String,
    },
}

/// Text conversions that every parsed text has: shown as it is stored, and read from JSON through its parser.
macro_rules! text_conversions {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::contact::ContactError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::domain::contact::ContactError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.as_str().to_owned()
            }
        }
    };
}
use text_conversions;
