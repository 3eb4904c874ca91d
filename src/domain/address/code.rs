//! Why a value was rejected: stable words for programs, and the sentence that explains each.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($variant:ident $word:literal $explanation:literal,)+) => {
        /// Why a value was rejected. The word of each variant is part of the contract: add, never rename.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $(#[doc = $explanation] #[serde(rename = $word)] $variant,)+
        }

        impl Code {
            /// Every code, in the order of the contract.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word used in JSON and logs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What it means, as the second half of a sentence.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation,)+ }
            }
        }
    };
}

codes! {
    // The text of an address.
    Empty "empty" "nothing was entered",
    ControlChar "control_char" "it contains a control character",
    NonAscii "non_ascii" "an address has only ASCII digits, letters a to f, dots and colons",
    LeadingZero "leading_zero" "programs disagree whether a leading zero means octal",
    NotDecimal "not_decimal" "each of the four numbers must be decimal",
    ShortForm "short_form" "an IPv4 address needs four numbers",
    TooManyParts "too_many_parts" "an IPv4 address has only four numbers",
    OctetRange "octet_range" "each number of an IPv4 address is at most 255",
    TrailingDot "trailing_dot" "an address does not end in a dot",
    TrailingText "trailing_text" "only one value is accepted at a time",
    PortAttached "port_attached" "the port has its own field",
    Zone "zone" "a zone means something on one machine only",
    NotAnAddress "not_an_address" "it is neither an IPv4 nor an IPv6 address",
    // The text of a network.
    HostBits "host_bits" "bits are set behind the prefix length",
    PrefixMissing "prefix_missing" "the prefix length is missing",
    PrefixSyntax "prefix_syntax" "a prefix length is a plain number without leading zero",
    PrefixRange "prefix_range" "the prefix length is too long for its family",
    Netmask "netmask" "masks are not accepted, use a prefix length",
    DefaultRoute "default_route" "it covers everything",
    AddressRange "address_range" "ranges and wildcards are not accepted, use a prefix length",
    MixedClass "mixed_class" "it crosses the border between classes",
    MappedPrefix "mapped_prefix" "an IPv4-mapped network must be written as IPv4",
    // The registries.
    Unspecified "unspecified" "it means \"this host\", and connecting to it reaches the machine itself",
    ThisNetwork "this_network" "it means \"this network\" and is no destination",
    Loopback "loopback" "it never leaves the machine itself",
    LinkLocal "link_local" "it is valid on one link only and cannot be reached through a tunnel",
    ProtocolAssignment "protocol_assignment" "it is set aside for protocols and is no address of a server",
    Documentation "documentation" "it is for examples in documents and was probably copied from one",
    Benchmarking "benchmarking" "it is for benchmarks of network devices",
    Reserved "reserved" "it is reserved for future use",
    Broadcast "broadcast" "it means every machine on the link",
    Multicast "multicast" "it means a group of machines, not a server",
    Deprecated "deprecated" "its use was ended",
    AnycastService "anycast_service" "it belongs to an Internet-wide service and is no mail server",
    SixToFour "six_to_four" "6to4 addresses are not accepted, use the IPv4 address",
    Teredo "teredo" "Teredo addresses are not accepted",
    Nat64Private "nat64_private" "the NAT64 prefix must not carry an IPv4 address that is not global (RFC 6052 section 3.1)",
    Nat64Local "nat64_local" "the local NAT64 prefix has a meaning in one network only",
    Ipv4Compatible "ipv4_compatible" "IPv4-compatible addresses are deprecated, use the IPv4 address",
    Ipv4Translated "ipv4_translated" "IPv4-translated addresses are not accepted, use the IPv4 address",
    DiscardOnly "discard_only" "everything sent to it is thrown away",
    Dummy "dummy" "it is a dummy that no machine has",
    Srv6 "srv6" "it names a segment of a route, not a server",
    SiteLocal "site_local" "site-local addresses were ended, use the unique local ones (RFC 4193)",
    Unallocated "unallocated" "it is not allocated to anyone",
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
