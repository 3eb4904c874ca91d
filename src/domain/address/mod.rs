//! Addresses and networks: strict parsers, and a class by the IANA special-purpose registries.
//!
//! Reading order: `code` and this file give the words, `text` cleans what was pasted, `parse` turns text into an
//! address or a network, `registry` is the table, `classify` decides, `answers` judges what a name resolved to, and
//! `overlap` and `placement` compare networks. Text that the parser refuses is never handed to a resolver.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Judgement over everything that one name resolved to.
pub mod answers;
/// From text or address to class.
pub mod classify;
/// Why a value was rejected, as stable words.
pub mod code;
/// How networks lie to each other.
pub mod overlap;
/// Strict parsers.
pub mod parse;
/// Clashes between tunnels, customers and our own side.
pub mod placement;
/// The special-purpose registries as a table.
pub mod registry;
/// Cleaning and showing of pasted text.
pub mod text;

pub use answers::{Answers, judge_answers, same_class, unapproved};
pub use classify::{classify, classify_ip, classify_network, classify_server};
pub use code::Code;
pub use overlap::{Relation, compare};
pub use parse::{Fault, parse_address, parse_network};

/// Addresses under which clouds answer questions about the machine that asks, outside the rejected ranges: Amazon over
/// IPv6 (machines, and pods of EKS), Google over IPv6, Azure, Alibaba.
pub const METADATA: [IpAddr; 5] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
];

/// What an address may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// RFC 1918 or RFC 4193: reached through a tunnel.
    Private,
    /// RFC 6598 (100.64.0.0/10): reached through a tunnel, and only where that tunnel lists it.
    Shared,
    /// Reached over the Internet.
    Public,
    /// Of no use as the address of a mail or SYSLOG server.
    Rejected,
}

impl Class {
    /// The word used in JSON, logs and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Shared => "shared",
            Self::Public => "public",
            Self::Rejected => "rejected",
        }
    }

    /// Whether an engineer may override this class by `other`: only between private and public, never out of rejected.
    pub fn may_be_overridden_by(self, other: Self) -> bool {
        matches!((self, other), (Self::Private, Self::Public) | (Self::Public, Self::Private))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What the text was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One address.
    Address,
    /// A network in prefix notation (or a range, which is refused as one).
    Network,
    /// Neither could be made out.
    Unknown,
}

/// What the installation permits beyond the registries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Documentation networks (RFC 5737, RFC 3849, RFC 9637) count as public. For labs and the demo.
    pub allow_documentation: bool,
}

/// A value that the parser accepted, IPv4-mapped addresses already turned into IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// One address.
    Address(IpAddr),
    /// A network without host bits.
    Network(IpNet),
}

/// The verdict on one value. Serializes to the JSON object of `postern classify --json`, fields in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Classified {
    /// The value as it was received.
    pub input: String,
    /// What the value was meant to be.
    pub kind: Kind,
    /// Its class; [`Class::Rejected`] always comes with a code and a reason.
    pub class: Class,
    /// RFC 5952 text of the value; an IPv4-mapped address appears as its IPv4. None where the text is no value.
    pub canonical: Option<String>,
    /// "Globally reachable" of the registry; None where the registry leaves it open or the value is in no registry.
    pub reachable: Option<bool>,
    /// Why it was rejected, as a stable word.
    pub code: Option<Code>,
    /// Why it was rejected, as a sentence for people.
    pub reason: Option<String>,
    /// The document and the registry row that decided, for example `RFC 1918, 10.0.0.0/8`.
    pub source: Option<String>,
    /// Accepted values that may have been meant.
    pub suggest: Vec<String>,
    /// What a person should know although the value was accepted (or beside the reason).
    pub warnings: Vec<String>,
    /// The value itself; not part of the JSON.
    #[serde(skip)]
    pub parsed: Option<Parsed>,
}

impl Classified {
    /// The address behind an accepted single address.
    pub fn accepted_address(&self) -> Option<IpAddr> {
        match (self.class, self.parsed) {
            (Class::Private | Class::Shared | Class::Public, Some(Parsed::Address(address))) => Some(address),
            (Class::Private | Class::Shared | Class::Public | Class::Rejected, _) => None,
        }
    }

    /// The network behind an accepted network; one address counts as its /32 or /128.
    pub fn accepted_network(&self) -> Option<IpNet> {
        match (self.class, self.parsed) {
            (Class::Private | Class::Shared | Class::Public, Some(Parsed::Network(network))) => Some(network),
            (Class::Private | Class::Shared | Class::Public, Some(Parsed::Address(address))) => Some(address.into()),
            (Class::Private | Class::Shared | Class::Public | Class::Rejected, _) => None,
        }
    }
}
