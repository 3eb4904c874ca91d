//! How networks lie to each other, by bits and never by text.

use std::cmp::Ordering;
use std::net::IpAddr;

use ipnet::IpNet;

use super::parse::{Fault, parse_network};

/// How the first network lies to the second. Two networks never overlap in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The same addresses.
    Same,
    /// The first holds the whole second and more.
    Contains,
    /// The first lies inside the second.
    Contained,
    /// No address in common (always so between families).
    Disjoint,
}

/// A remark on a list: two entries that share addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Position of the earlier entry, from 0.
    pub first: usize,
    /// Position of the later entry, from 0.
    pub second: usize,
    /// How the earlier lies to the later; never [`Relation::Disjoint`].
    pub relation: Relation,
}

impl Overlap {
    /// The remark for people, for example `10.1.0.0/16 is contained in 10.0.0.0/8`.
    pub fn note(&self, networks: &[IpNet]) -> Option<String> {
        let (first, second) = (networks.get(self.first)?, networks.get(self.second)?);
        match self.relation {
            Relation::Same => Some(format!("{second} is listed twice")),
            Relation::Contains => Some(format!("{second} is contained in {first}")),
            Relation::Contained => Some(format!("{first} is contained in {second}")),
            Relation::Disjoint => None,
        }
    }
}

/// How `first` lies to `second`.
pub fn compare(first: IpNet, second: IpNet) -> Relation {
    let (first, second) = (first.trunc(), second.trunc());
    match (first.contains(&second), second.contains(&first)) {
        (true, true) => Relation::Same,
        (true, false) => Relation::Contains,
        (false, true) => Relation::Contained,
        (false, false) => Relation::Disjoint,
    }
}

/// Whether the two share an address.
pub fn overlap(first: IpNet, second: IpNet) -> bool {
    match compare(first, second) {
        Relation::Same | Relation::Contains | Relation::Contained => true,
        Relation::Disjoint => false,
    }
}

/// Whether the address is in the network. All addresses count, the lowest and the highest too; an IPv4-mapped address
/// counts as its IPv4.
pub fn is_member(network: IpNet, address: IpAddr) -> bool {
    network.contains(&address.to_canonical())
}

/// Every pair of entries that share addresses, in the order of the list.
pub fn overlaps(networks: &[IpNet]) -> Vec<Overlap> {
    let mut found = Vec::new();
    for (first, &earlier) in networks.iter().enumerate() {
        for (second, &later) in networks.iter().enumerate().skip(first + 1) {
            let relation = compare(earlier, later);
            if relation != Relation::Disjoint {
                found.push(Overlap { first, second, relation });
            }
        }
    }
    found
}

/// Whether the network is wider than a prefix length allows: a smaller prefix length is the wider network, so /20 is
/// wider than 24 and /28 is not.
pub fn wider_than(network: IpNet, prefix_length: u8) -> bool {
    network.prefix_len().cmp(&prefix_length) == Ordering::Less
}

/// How many addresses the network holds; None only for `::/0`, whose 2^128 does not fit.
pub fn address_count(network: IpNet) -> Option<u128> {
    1_u128.checked_shl(u32::from(network.max_prefix_len() - network.prefix_len()))
}

/// The count as people read it: `16,777,216`, and `2^64` where the digits would say nothing.
pub fn address_count_text(network: IpNet) -> String {
    let bits = network.max_prefix_len() - network.prefix_len();
    match address_count(network) {
        Some(count) if bits <= 32 => grouped(count),
        Some(_) | None => format!("2^{bits}"),
    }
}

/// A list of networks or addresses, one per entry; a malformed entry fails the list and is never skipped.
///
/// # Errors
/// Every entry that is no network, with its position from 0.
pub fn parse_list(entries: &[&str]) -> Result<Vec<IpNet>, Vec<(usize, Fault)>> {
    let mut networks = Vec::new();
    let mut faults = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        match parse_network(entry) {
            Ok(network) => networks.push(network),
            Err(fault) => faults.push((index, fault)),
        }
    }
    if faults.is_empty() { Ok(networks) } else { Err(faults) }
}

fn grouped(count: u128) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
