//! The classifier against a naive implementation that reads tests/corpus/address/iana-special.tsv row by row.
//!
//! The naive one shares no code with the product: it scans all rows with bit masks and keeps the longest match.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use postern::domain::address::{Class, Options, classify, classify_ip};
use postern::domain::contact::HostName;

const TABLE: &str = include_str!("../corpus/address/iana-special.tsv");
const STRICT: Options = Options { allow_documentation: false };

/// A row of the table: the block as number and length, and what its columns mean.
pub(crate) struct Row {
    six: bool,
    base: u128,
    length: u32,
    prefix: String,
    name: String,
    reachable: Option<bool>,
}

/// What the naive implementation says: class, code, reachable, block that decided.
#[derive(Debug, PartialEq)]
pub(crate) struct Naive<'a> {
    pub(crate) class: Class,
    code: Option<&'a str>,
    reachable: Option<bool>,
    block: Option<&'a str>,
}

pub(crate) fn rows() -> Vec<Row> {
    TABLE.lines().skip(1).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.split('\t').collect();
    let (address, length) = cells[2].split_once('/').unwrap();
    let reachable = match cells[5] {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    };
    let six = cells[0] == "6";
    let base = number(address.parse().unwrap()).1;
    Row { six, base, length: length.parse().unwrap(), prefix: cells[2].into(), name: cells[3].into(), reachable }
}

pub(crate) fn number(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(address) => (false, u128::from(address.to_bits())),
        IpAddr::V6(address) => (true, address.to_bits()),
    }
}

pub(crate) fn address(six: bool, bits: u128) -> IpAddr {
    if six { Ipv6Addr::from_bits(bits).into() } else { Ipv4Addr::from_bits(u32::try_from(bits).unwrap()).into() }
}

pub(crate) fn width(six: bool) -> u32 {
    if six { 128 } else { 32 }
}

fn longest(rows: &[Row], six: bool, bits: u128) -> Option<&Row> {
    let mut best: Option<&Row> = None;
    for row in rows.iter().filter(|row| row.six == six) {
        let shift = width(six) - row.length;
        let inside = (bits >> shift) == (row.base >> shift);
        if inside && best.is_none_or(|best| row.length > best.length) {
            best = Some(row);
        }
    }
    best
}

/// The code of a registry name; "" where the row is used and not rejected.
fn code_of(name: &str) -> &'static str {
    match name {
        "Private-Use" | "Unique-Local" | "Shared Address Space (CGNAT)" | "Global unicast" => "",
        "\"This network\"" => "this_network",
        "\"This host on this network\"" | "Unspecified Address" => "unspecified",
        "Loopback" | "Loopback Address" => "loopback",
        "Link Local" | "Link-Local Unicast" => "link_local",
        "IPv4 dummy address" | "Dummy IPv6 Prefix" => "dummy",
        "Benchmarking" => "benchmarking",
        "Reserved" => "reserved",
        "Limited Broadcast" => "broadcast",
        "Multicast" => "multicast",
        "6to4" => "six_to_four",
        "TEREDO" => "teredo",
        "IPv4-IPv6 Translat. (local-use)" => "nat64_local",
        "IPv4-Compatible (deprecated)" => "ipv4_compatible",
        "IPv4-translated (SIIT)" => "ipv4_translated",
        "Discard-Only Address Block" => "discard_only",
        "Segment Routing (SRv6) SIDs" => "srv6",
        "Site-Local (deprecated)" => "site_local",
        name if name.starts_with("Documentation") => "documentation",
        name if name.starts_with("Deprecated") => "deprecated",
        name if name.contains("Anycast") || name.contains("anycast") || name.contains("AS112") || name == "AMT" => {
            "anycast_service"
        }
        "IETF Protocol Assignments" | "IPv4 Service Continuity Prefix" | "NAT64/DNS64 Discovery" | "ORCHIDv2" => {
            "protocol_assignment"
        }
        name if name.starts_with("Drone") => "protocol_assignment",
        other => panic!("the naive implementation does not know the row {other:?}"),
    }
}

pub(crate) fn naive(rows: &[Row], six: bool, bits: u128) -> Naive<'_> {
    let Some(row) = longest(rows, six, bits) else {
        let (class, code, reachable) =
            if six { (Class::Rejected, Some("unallocated"), None) } else { (Class::Public, None, Some(true)) };
        return Naive { class, code, reachable, block: None };
    };
    let inner = || naive(rows, false, bits & 0xffff_ffff);
    match row.name.as_str() {
        "IPv4-mapped Address" => return inner(),
        "IPv4-IPv6 Translat. (well-known)" => {
            let inner = inner();
            let code = match (inner.class, inner.code) {
                (Class::Public, _) => None,
                (Class::Rejected, Some("anycast_service")) => Some("anycast_service"),
                _ => Some("nat64_private"),
            };
            let class = if code.is_none() { Class::Public } else { Class::Rejected };
            return Naive { class, code, reachable: inner.reachable, block: Some(&row.prefix) };
        }
        "Global unicast" => return Naive { class: Class::Public, code: None, reachable: Some(true), block: None },
        _ => {}
    }
    let class = match row.name.as_str() {
        "Private-Use" | "Unique-Local" => Class::Private,
        "Shared Address Space (CGNAT)" => Class::Shared,
        _ => Class::Rejected,
    };
    let code = Some(code_of(&row.name)).filter(|code| !code.is_empty());
    Naive { class, code, reachable: row.reachable, block: Some(&row.prefix) }
}

fn compare(rows: &[Row], six: bool, bits: u128) -> Class {
    let address = address(six, bits);
    let verdict = classify_ip(address, STRICT);
    let expected = naive(rows, six, bits);
    let source = verdict.source.as_deref().and_then(|source| source.rsplit(", ").next());
    let found = Naive {
        class: verdict.class,
        code: verdict.code.map(|code| code.as_str()),
        reachable: verdict.reachable,
        block: source.filter(|block| block.contains('/')),
    };
    assert_eq!(found, expected, "{address}");
    assert_eq!(verdict.class == Class::Rejected, verdict.reason.is_some(), "{address}");
    verdict.class
}

/// Splitmix64: a seeded generator, so that a failure can be repeated.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn wide(&mut self) -> u128 {
        (u128::from(self.next()) << 64) | u128::from(self.next())
    }

    pub(crate) fn narrow(&mut self) -> u32 {
        u32::try_from(self.next() >> 32).unwrap()
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    /// An address: anywhere, inside a row, close to the edge of a row, or an IPv4 one in some IPv6 clothes.
    pub(crate) fn address(&mut self, rows: &[Row]) -> (bool, u128) {
        let row = &rows[self.below(rows.len())];
        let host = width(row.six) - row.length;
        match self.below(8) {
            0 => (false, u128::from(self.narrow())),
            1 => (true, self.wide()),
            2 => (true, (0b001 << 125) | (self.wide() >> 3)),
            3 | 4 => {
                let inside = if host == 0 { 0 } else { self.wide() >> (128 - host) };
                (row.six, row.base | inside)
            }
            5 => {
                let edge = if self.below(2) == 0 { row.base } else { last(row) };
                let step = self.below(9) as i128 - 4;
                let near = edge.wrapping_add_signed(step);
                (row.six, if row.six { near } else { near & 0xffff_ffff })
            }
            _ => {
                let ipv4 = if row.six { u128::from(self.narrow()) } else { row.base };
                let clothes = [0, 0xffff << 32, 0xffff << 48, 0x0064_ff9b << 96, 0x0064_ff9b_0001 << 80];
                (true, clothes[self.below(clothes.len())] | ipv4)
            }
        }
    }
}

fn last(row: &Row) -> u128 {
    let host = width(row.six) - row.length;
    if host == 0 { row.base } else { row.base | (u128::MAX >> (128 - host)) }
}

#[test]
fn the_table_has_all_rows() {
    assert_eq!(rows().len(), 57);
    assert_eq!(postern::domain::address::registry::all().count(), 57);
}

#[test]
fn the_classifier_agrees_with_the_table_at_every_border() {
    let rows = rows();
    let mut compared = 0;
    for row in &rows {
        for edge in [row.base, last(row)] {
            for near in [edge.checked_sub(1), Some(edge), edge.checked_add(1)].into_iter().flatten() {
                if near >> (width(row.six) - 1) <= 1 {
                    compare(&rows, row.six, near);
                    compared += 1;
                }
                if !row.six && near <= 0xffff_ffff {
                    compare(&rows, true, (0xffff << 32) | near);
                    compare(&rows, true, (0x0064_ff9b << 96) | near);
                    compared += 2;
                }
            }
        }
    }
    assert!(compared > 480, "only {compared} addresses were compared");
}

#[test]
fn the_classifier_agrees_with_the_table_on_a_million_addresses() {
    let rows = rows();
    let mut random = Random(20_260_718);
    let mut counts = [0_u32; 4];
    for _ in 0..1_000_000 {
        let (six, bits) = random.address(&rows);
        counts[compare(&rows, six, bits) as usize] += 1;
    }
    // Every class is met often, so that agreement means something.
    assert!(counts.iter().all(|&count| count > 5_000), "{counts:?}");
}

#[test]
fn text_is_accepted_exactly_where_the_strict_parser_accepts_it() {
    let mut random = Random(7);
    let mut accepted = 0;
    for _ in 0..200_000 {
        let text = text_like_an_address(&mut random);
        let verdict = classify(&text, STRICT);
        let strict: Option<IpAddr> = text.parse().ok();
        if text.contains('/') {
            // Whatever becomes of a network, its canonical text reads as itself.
            if let Some(canonical) = verdict.canonical {
                assert_eq!(classify(&canonical, STRICT).class, verdict.class, "{text:?}");
            }
            continue;
        }
        let canonical = strict.map(|address| address.to_canonical().to_string());
        assert_eq!(verdict.canonical, canonical, "{text:?}");
        accepted += u32::from(strict.is_some());
        let numeric_end = text.trim_end_matches('.').rsplit('.').next().is_some_and(|last| last.parse::<u64>().is_ok());
        assert!(!numeric_end || HostName::parse(&text).is_err(), "{text:?} is taken for a host name");
    }
    assert!(accepted > 10_000, "only {accepted} texts were addresses");
}

/// Either a valid text with a few changes, or a run of characters that occur in addresses.
fn text_like_an_address(random: &mut Random) -> String {
    const LETTERS: &[u8] = b"0123456789abcdefxX.::%/-* ";
    let mut text: Vec<u8> = match random.below(4) {
        0 => Ipv4Addr::from_bits(random.narrow()).to_string().into_bytes(),
        1 => Ipv6Addr::from_bits(random.wide() & random.wide() & random.wide()).to_string().into_bytes(),
        2 => format!("{}/{}", Ipv4Addr::from_bits(random.narrow() << 16), random.below(40)).into_bytes(),
        _ => (0..random.below(20)).map(|_| LETTERS[random.below(LETTERS.len())]).collect(),
    };
    for _ in 0..random.below(3) {
        let at = random.below(text.len() + 1);
        let letter = LETTERS[random.below(LETTERS.len())];
        if at < text.len() && random.below(2) == 0 {
            text[at] = letter;
        } else {
            text.insert(at, letter);
        }
    }
    String::from_utf8(text).unwrap().trim().to_owned()
}
