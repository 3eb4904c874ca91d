//! The IANA special-purpose address registries as a table, and the most specific row that covers a value.
//!
//! Rows are a snapshot of the IPv4 and IPv6 registries taken on `SNAPSHOT_DATE`. Rows marked "beside" stand in other
//! IANA registries (multicast, IPv6 address space) and decide where the special-purpose registries are silent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Code;

/// The day on which the registries were read (ISO 8601).
pub const SNAPSHOT_DATE: &str = "2026-07-18";

/// How a row is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Private.
    Private,
    /// Shared address space.
    Shared,
    /// Public.
    Public,
    /// Rejected with this code.
    Reject(Code),
    /// An IPv4 address in IPv6 clothes: the IPv4 address decides and replaces it.
    Mapped,
    /// Reaches an IPv4 address through a translator: the IPv4 address must be public.
    Nat64,
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The block.
    pub network: IpNet,
    /// Its name in the registry.
    pub name: &'static str,
    /// The document that made it.
    pub rfc: &'static str,
    /// "Globally reachable"; None where the registry says N/A or nothing.
    pub reachable: Option<bool>,
    /// How Postern treats it.
    pub treatment: Treatment,
}

impl Row {
    /// The row as evidence, for example `RFC 1918, 10.0.0.0/8`.
    pub fn source(&self) -> String {
        format!("{}, {}", self.rfc, self.network)
    }
}

/// The most specific row that holds the whole network.
pub fn covering(network: IpNet) -> Option<&'static Row> {
    rows(network.addr()).iter().find(|row| row.network.contains(&network))
}

/// The most specific row that holds the address.
pub fn holding(address: IpAddr) -> Option<&'static Row> {
    rows(address).iter().find(|row| row.network.contains(&address))
}

/// The rows that lie inside the network and are smaller than it.
pub fn inside(network: IpNet) -> impl Iterator<Item = &'static Row> {
    rows(network.addr()).iter().filter(move |row| network != row.network && network.contains(&row.network))
}

/// Both tables, most specific rows first.
pub fn all() -> impl Iterator<Item = &'static Row> {
    IPV4.iter().chain(IPV6)
}

fn rows(family: IpAddr) -> &'static [Row] {
    match family {
        IpAddr::V4(_) => IPV4,
        IpAddr::V6(_) => IPV6,
    }
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);
/// The registry says N/A, leaves the flag blank, or has no such row.
const OPEN: Option<bool> = None;

use Code::{
    AnycastService, Benchmarking, Broadcast, Deprecated, DiscardOnly, Documentation, Dummy, Ipv4Compatible,
    Ipv4Translated, LinkLocal, Loopback, Multicast, Nat64Local, ProtocolAssignment, Reserved, SiteLocal, SixToFour,
    Srv6, Teredo, ThisNetwork, Unspecified,
};
use Treatment::{Mapped, Nat64, Private, Public, Reject, Shared};

/// Most specific first, so that the first match is the longest prefix. Snapshot of `SNAPSHOT_DATE`.
const IPV4: &[Row] = &[
    v4([0, 0, 0, 0], 32, "\"This host on this network\"", "RFC 1122 section 3.2.1.3", NO, Reject(Unspecified)),
    v4([192, 0, 0, 8], 32, "IPv4 dummy address", "RFC 7600", NO, Reject(Dummy)),
    v4([192, 0, 0, 9], 32, "Port Control Protocol Anycast", "RFC 7723", YES, Reject(AnycastService)),
    v4([192, 0, 0, 10], 32, "Traversal Using Relays around NAT Anycast", "RFC 8155", YES, Reject(AnycastService)),
    v4([192, 0, 0, 170], 32, "NAT64/DNS64 Discovery", "RFC 8880; RFC 7050 section 2.2", NO, Reject(ProtocolAssignment)),
    v4([192, 0, 0, 171], 32, "NAT64/DNS64 Discovery", "RFC 8880; RFC 7050 section 2.2", NO, Reject(ProtocolAssignment)),
    v4([192, 88, 99, 2], 32, "6a44-relay anycast address", "RFC 6751", NO, Reject(AnycastService)),
    v4([255, 255, 255, 255], 32, "Limited Broadcast", "RFC 8190; RFC 919 section 7", NO, Reject(Broadcast)),
    v4([192, 0, 0, 0], 29, "IPv4 Service Continuity Prefix", "RFC 7335", NO, Reject(ProtocolAssignment)),
    v4([192, 0, 0, 0], 24, "IETF Protocol Assignments", "RFC 6890 section 2.1", NO, Reject(ProtocolAssignment)),
    v4([192, 0, 2, 0], 24, "Documentation (TEST-NET-1)", "RFC 5737", NO, Reject(Documentation)),
    v4([192, 31, 196, 0], 24, "AS112-v4", "RFC 7535", YES, Reject(AnycastService)),
    v4([192, 52, 193, 0], 24, "AMT", "RFC 7450", YES, Reject(AnycastService)),
    v4([192, 88, 99, 0], 24, "Deprecated (6to4 Relay Anycast)", "RFC 7526", OPEN, Reject(Deprecated)),
    v4([192, 175, 48, 0], 24, "Direct Delegation AS112 Service", "RFC 7534", YES, Reject(AnycastService)),
    v4([198, 51, 100, 0], 24, "Documentation (TEST-NET-2)", "RFC 5737", NO, Reject(Documentation)),
    v4([203, 0, 113, 0], 24, "Documentation (TEST-NET-3)", "RFC 5737", NO, Reject(Documentation)),
    v4([169, 254, 0, 0], 16, "Link Local", "RFC 3927", NO, Reject(LinkLocal)),
    v4([192, 168, 0, 0], 16, "Private-Use", "RFC 1918", NO, Private),
    v4([198, 18, 0, 0], 15, "Benchmarking", "RFC 2544", NO, Reject(Benchmarking)),
    v4([172, 16, 0, 0], 12, "Private-Use", "RFC 1918", NO, Private),
    v4([100, 64, 0, 0], 10, "Shared Address Space", "RFC 6598", NO, Shared),
    v4([0, 0, 0, 0], 8, "\"This network\"", "RFC 791 section 3.2", NO, Reject(ThisNetwork)),
    v4([10, 0, 0, 0], 8, "Private-Use", "RFC 1918", NO, Private),
    v4([127, 0, 0, 0], 8, "Loopback", "RFC 1122 section 3.2.1.3", NO, Reject(Loopback)),
    // Beside: the IPv4 multicast registry.
    v4([224, 0, 0, 0], 4, "Multicast", "RFC 5771", OPEN, Reject(Multicast)),
    v4([240, 0, 0, 0], 4, "Reserved", "RFC 1112 section 4", NO, Reject(Reserved)),
];

/// Most specific first, so that the first match is the longest prefix. Snapshot of `SNAPSHOT_DATE`.
const IPV6: &[Row] = &[
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "Unspecified Address", "RFC 4291", NO, Reject(Unspecified)),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "Loopback Address", "RFC 4291", NO, Reject(Loopback)),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, "Port Control Protocol Anycast", "RFC 7723", YES, Reject(AnycastService)),
    v6(
        [0x2001, 1, 0, 0, 0, 0, 0, 2],
        128,
        "Traversal Using Relays around NAT Anycast",
        "RFC 8155",
        YES,
        Reject(AnycastService),
    ),
    v6(
        [0x2001, 1, 0, 0, 0, 0, 0, 3],
        128,
        "DNS-SD Service Registration Protocol Anycast",
        "RFC 9665",
        YES,
        Reject(AnycastService),
    ),
    // Beside: deprecated by RFC 4291 itself.
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4-Compatible", "RFC 4291 section 2.5.5.1", OPEN, Reject(Ipv4Compatible)),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "IPv4-mapped Address", "RFC 4291", NO, Mapped),
    // Beside: stateless translation.
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, "IPv4-translated", "RFC 2765; RFC 6145", OPEN, Reject(Ipv4Translated)),
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "IPv4-IPv6 Translation", "RFC 6052", YES, Nat64),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "Discard-Only Address Block", "RFC 6666", NO, Reject(DiscardOnly)),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "Dummy IPv6 Prefix", "RFC 9780", NO, Reject(Dummy)),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "IPv4-IPv6 Translation", "RFC 8215", NO, Reject(Nat64Local)),
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "Benchmarking", "RFC 5180; errata 1752", NO, Reject(Benchmarking)),
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, "AS112-v6", "RFC 7535", YES, Reject(AnycastService)),
    v6(
        [0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0],
        48,
        "Direct Delegation AS112 Service",
        "RFC 7534",
        YES,
        Reject(AnycastService),
    ),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "TEREDO", "RFC 4380; RFC 8190", OPEN, Reject(Teredo)),
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, "AMT", "RFC 7450", YES, Reject(AnycastService)),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "Documentation", "RFC 3849", NO, Reject(Documentation)),
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "Deprecated (previously ORCHID)", "RFC 4843", OPEN, Reject(Deprecated)),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2", "RFC 7343", YES, Reject(ProtocolAssignment)),
    v6(
        [0x2001, 0x30, 0, 0, 0, 0, 0, 0],
        28,
        "Drone Remote ID Protocol Entity Tags",
        "RFC 9374",
        YES,
        Reject(ProtocolAssignment),
    ),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "IETF Protocol Assignments", "RFC 2928", NO, Reject(ProtocolAssignment)),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "Documentation", "RFC 9637", NO, Reject(Documentation)),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4", "RFC 3056", OPEN, Reject(SixToFour)),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "Segment Routing (SRv6) SIDs", "RFC 9602", NO, Reject(Srv6)),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "Link-Local Unicast", "RFC 4291", NO, Reject(LinkLocal)),
    // Beside: deprecated in 2004.
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "Site-Local", "RFC 3879", OPEN, Reject(SiteLocal)),
    // Beside: the IPv6 multicast registry.
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "Multicast", "RFC 4291", OPEN, Reject(Multicast)),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "Unique-Local", "RFC 4193; RFC 8190", NO, Private),
    // Beside: the IPv6 address space registry. Outside of it nothing is allocated as ordinary unicast.
    v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, "Global unicast", "RFC 4291 section 2.4", OPEN, Public),
];

const fn v4(
    octets: [u8; 4],
    prefix: u8,
    name: &'static str,
    rfc: &'static str,
    reachable: Option<bool>,
    treatment: Treatment,
) -> Row {
    let network = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from_octets(octets), prefix));
    Row { network, name, rfc, reachable, treatment }
}

const fn v6(
    segments: [u16; 8],
    prefix: u8,
    name: &'static str,
    rfc: &'static str,
    reachable: Option<bool>,
    treatment: Treatment,
) -> Row {
    let network = IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), prefix));
    Row { network, name, rfc, reachable, treatment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_most_specific_first_without_host_bits_and_without_doubles() {
        for table in [IPV4, IPV6] {
            for pair in table.windows(2) {
                assert!(pair[0].network.prefix_len() >= pair[1].network.prefix_len(), "{pair:?}");
            }
            for (index, row) in table.iter().enumerate() {
                assert_eq!(row.network, row.network.trunc(), "{row:?}");
                assert!(table[..index].iter().all(|earlier| earlier.network != row.network), "{row:?}");
            }
        }
    }
}
