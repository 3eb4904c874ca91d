//! Networks in prefix notation, and the notations that are refused with an offer.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use super::{Fault, address, is_digits, is_mapped, strict};
use crate::domain::address::overlap::address_count_text;
use crate::domain::address::text::shown;
use crate::domain::address::{Code, Kind};

/// Reads `address/length`, from text with a slash that is ASCII and free of control characters.
pub(super) fn parse(text: &str) -> Result<IpNet, Fault> {
    if text.contains('%') {
        return Err(fault(Code::Zone, format!("\"{}\" names a zone; a network has none", shown(text))));
    }
    let (host, length) = text.split_once('/').unwrap_or((text, ""));
    if host.ends_with(':') && !host.ends_with("::") {
        return Err(fault(Code::NotAnAddress, format!("\"{}\" looks like a URL; enter the address only", shown(text))));
    }
    if host.is_empty() {
        return Err(fault(Code::NotAnAddress, format!("\"{}\" has no address before the slash", shown(text))));
    }
    if let Some(range) = range_fault(host) {
        return Err(range);
    }
    let address = address(host).map_err(|inner| Fault { kind: Kind::Network, candidates: Vec::new(), ..inner })?;
    let length = prefix_length(text, address, length)?;
    let network = IpNet::new(address, length).map_err(|_too_long| range_of_length(text, address))?;
    let mapped = match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => is_mapped(address),
    };
    if network.addr() != network.network() {
        return Err(host_bits_fault(network, mapped));
    }
    if mapped {
        let ipv4 = format!("{}/{}", address.to_canonical(), length.saturating_sub(96));
        let reason = format!("\"{}\" is an IPv4-mapped network; write {ipv4}", shown(text));
        return Err(fault(Code::MappedPrefix, reason).offering([ipv4]));
    }
    Ok(network)
}

/// The fault of a range (`10.0.0.0-10.0.0.255`, `10.0.0.0-255`) or a wildcard (`10.0.0.*`); None for other text. The
/// network is offered where the range is exactly one.
pub(super) fn range_fault(text: &str) -> Option<Fault> {
    let received = shown(text);
    if text.contains('*') {
        let reason = format!("\"{received}\" has a wildcard; write a network with its prefix length");
        return Some(
            fault(Code::AddressRange, reason).offering(wildcard_network(text).map(|network| network.to_string())),
        );
    }
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim_end(), last.trim_start());
    let start = strict(first).ok()?;
    let end = strict(last).ok().or_else(|| {
        let (head, _) = first.rsplit_once('.')?;
        is_digits(last).then(|| strict(&format!("{head}.{last}")).ok())?
    })?;
    let reason = format!("\"{received}\" is a range; write a network with its prefix length");
    Some(fault(Code::AddressRange, reason).offering(exact_network(start, end).map(|network| network.to_string())))
}

/// The fault of 0.0.0.0/0 and `::/0`.
pub(in crate::domain::address) fn default_route_fault(network: IpNet) -> Fault {
    let also = match network {
        IpNet::V4(_) => "",
        IpNet::V6(_) => " in IPv6, while an IPv4 list says nothing about IPv6; state the networks of both families",
    };
    fault(Code::DefaultRoute, format!("{network} covers everything{also}"))
}

fn prefix_length(text: &str, address: IpAddr, length: &str) -> Result<u8, Fault> {
    let received = shown(text);
    if length.is_empty() {
        return Err(fault(Code::PrefixMissing, format!("\"{received}\" ends in a slash; add the prefix length")));
    }
    if let Ok(mask) = length.parse::<Ipv4Addr>() {
        let reason = format!("\"{received}\" uses a mask; use a prefix length");
        let prefix = mask_length(mask).filter(|_| address.is_ipv4());
        return Err(fault(Code::Netmask, reason).offering(prefix.map(|prefix| format!("{address}/{prefix}"))));
    }
    let digits = length.split(|character: char| character.is_ascii_whitespace() || ",;".contains(character)).next();
    if digits.is_some_and(|digits| is_digits(digits) && digits.len() < length.len()) {
        return Err(fault(Code::TrailingText, format!("\"{received}\" has text behind the network; enter one only")));
    }
    if !is_digits(length) || (length.len() > 1 && length.starts_with('0')) {
        let reason = format!("\"{received}\" has \"/{}\"; write a plain number without leading zero", shown(length));
        return Err(fault(Code::PrefixSyntax, reason));
    }
    length.parse().map_err(|_too_long| range_of_length(text, address))
}

fn range_of_length(text: &str, address: IpAddr) -> Fault {
    let longest = if address.is_ipv4() { 32 } else { 128 };
    fault(Code::PrefixRange, format!("\"{}\" has a prefix length over {longest}", shown(text)))
}

fn host_bits_fault(network: IpNet, mapped: bool) -> Fault {
    let (address, whole) = (network.addr(), network.trunc());
    let everything = if network.prefix_len() == 0 { ", and a prefix length of 0 covers everything" } else { "" };
    let single = IpNet::from(address);
    let reason = format!(
        "{network} has bits set behind its prefix length{everything}; one address is {single}, the network is {whole} \
         with {} addresses",
        address_count_text(whole)
    );
    let fault = fault(Code::HostBits, reason);
    if mapped { fault } else { fault.offering([single.to_string(), whole.to_string()]) }
}

/// The prefix length of a netmask (255.0.0.0) or of a host mask (0.255.255.255).
fn mask_length(mask: Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    let ones = if bits.leading_ones() > 0 { bits } else { !bits };
    let length = ones.leading_ones();
    let whole = ones.count_ones() == length && (1..=32).contains(&length) && bits != 0;
    if whole { u8::try_from(length).ok() } else { None }
}

/// The network of a text like 10.0.0.* or 10.1.*.*: numbers first, then only stars.
fn wildcard_network(text: &str) -> Option<IpNet> {
    let parts: Vec<&str> = text.split('.').collect();
    let numbers = parts.iter().take_while(|part| **part != "*").count();
    let prefix = u8::try_from(numbers * 8).ok()?;
    if parts.len() != 4 || numbers == 0 || parts.iter().skip(numbers).any(|part| *part != "*") {
        return None;
    }
    let address = text.replace('*', "0").parse().ok()?;
    Ipv4Net::new(address, prefix).ok().map(IpNet::V4)
}

/// The one network that is exactly the range, both ends included.
fn exact_network(start: IpAddr, end: IpAddr) -> Option<IpNet> {
    let (differing, bits) = match (start, end) {
        (IpAddr::V4(start), IpAddr::V4(end)) => (u128::from(u32::from(start) ^ u32::from(end)), 32),
        (IpAddr::V6(start), IpAddr::V6(end)) => (u128::from(start) ^ u128::from(end), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    let prefix = u8::try_from(bits - (128 - differing.leading_zeros())).ok()?;
    let network = IpNet::new(start, prefix).ok()?;
    (network.network() == start && network.broadcast() == end).then_some(network)
}

fn fault(code: Code, reason: String) -> Fault {
    Fault::new(Kind::Network, code, reason)
}
