//! Strict parsers: one reading per text, or a fault that says what is wrong. Nothing here asks a resolver.
//!
//! The spellings that `inet_aton` and its heirs read in two ways (leading zeros, hexadecimal, fewer than four numbers)
//! are refused by name (RFC 6943 section 3.1.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::text::{clean, is_invisible, shown};
use super::{Code, Kind, Parsed};

mod network;

pub(super) use network::default_route_fault;

/// Why a text is no address and no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Fault {
    /// What the text was meant to be.
    pub kind: Kind,
    /// The stable word.
    pub code: Code,
    /// The sentence for people; it repeats what was received.
    pub reason: String,
    /// Readings that may have been meant. They are syntactically right, but not classified yet.
    pub candidates: Vec<String>,
}

impl Fault {
    fn new(kind: Kind, code: Code, reason: String) -> Self {
        Self { kind, code, reason, candidates: Vec::new() }
    }

    fn address(code: Code, reason: String) -> Self {
        Self::new(Kind::Address, code, reason)
    }

    fn offering(mut self, candidates: impl IntoIterator<Item = String>) -> Self {
        self.candidates = candidates.into_iter().collect();
        self
    }
}

/// Reads an address, or a network where the text has a slash or writes a range.
///
/// # Errors
/// The first fault found.
pub fn parse(text: &str) -> Result<Parsed, Fault> {
    let text = clean(text);
    check_characters(text)?;
    if text.contains('/') {
        return network::parse(text).map(Parsed::Network);
    }
    if let Some(fault) = network::range_fault(text) {
        return Err(fault);
    }
    address(text).map(Parsed::Address)
}

/// Reads one address. An IPv4-mapped address is returned as IPv6; [`super::classify()`] turns it into its IPv4.
///
/// # Errors
/// Where the text is not exactly one address in the usual notation (RFC 4291 section 2.2 for IPv6).
pub fn parse_address(text: &str) -> Result<IpAddr, Fault> {
    match parse(text)? {
        Parsed::Address(address) => Ok(address),
        Parsed::Network(network) => Err(Fault::new(
            Kind::Network,
            Code::TrailingText,
            format!("\"{network}\" is a network, one address is asked for"),
        )),
    }
}

/// Reads a network in prefix notation; one address counts as its /32 or /128.
///
/// # Errors
/// Where the text is no network, has host bits set, or covers everything.
pub fn parse_network(text: &str) -> Result<IpNet, Fault> {
    match parse(text)? {
        Parsed::Address(address) => Ok(address.to_canonical().into()),
        Parsed::Network(network) if network.prefix_len() == 0 => Err(default_route_fault(network)),
        Parsed::Network(network) => Ok(network),
    }
}

/// Whether a dotted text ends in a number in the sense of the WHATWG URL standard (all digits, or `0x` and hexadecimal
/// digits, a trailing dot aside). Such a text is an address or nothing, never a host name.
pub fn ends_in_number(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let last = text.rsplit('.').next().unwrap_or(text);
    is_digits(last) || is_hexadecimal(last)
}

fn check_characters(text: &str) -> Result<(), Fault> {
    let unknown = |code, reason| Err(Fault::new(Kind::Unknown, code, reason));
    if text.is_empty() {
        return unknown(Code::Empty, "nothing was entered; enter an address like 10.20.4.15".to_owned());
    }
    if text.chars().any(char::is_control) {
        return unknown(Code::ControlChar, format!("\"{}\" contains a control character", shown(text)));
    }
    let Some(odd) = text.chars().find(|character| !character.is_ascii()) else { return Ok(()) };
    let visible: String = text.chars().filter(|&character| !is_invisible(character)).collect();
    let reason = format!(
        "\"{}\" contains U+{:04X}; an address has only ASCII digits, letters a to f, dots and colons",
        shown(text),
        u32::from(odd)
    );
    let fault = Fault::new(Kind::Unknown, Code::NonAscii, reason);
    if visible.is_ascii() && parse(&visible).is_ok() {
        return Err(fault.offering([visible]));
    }
    Err(fault)
}

/// One address, from text that is ASCII and free of control characters.
fn address(text: &str) -> Result<IpAddr, Fault> {
    if let Ok(address) = strict(text) {
        return Ok(address);
    }
    Err(trailing_text_fault(text)
        .or_else(|| zone_fault(text))
        .or_else(|| port_fault(text))
        .unwrap_or_else(|| if text.contains(':') { ipv6_fault(text) } else { ipv4_fault(text) }))
}

/// The standard library's parsers are strict: no leading zeros, four decimal numbers, no zone, no white space.
fn strict(text: &str) -> Result<IpAddr, std::net::AddrParseError> {
    text.parse()
}

fn trailing_text_fault(text: &str) -> Option<Fault> {
    let (first, rest) =
        text.split_once(|character: char| character.is_ascii_whitespace() || ",;".contains(character))?;
    if !first.contains(['.', ':']) || !first.contains(|character: char| character.is_ascii_digit()) {
        return None;
    }
    let reason = format!("\"{}\" has text behind the address; enter one address only", shown(text));
    let fault = Fault::address(Code::TrailingText, reason);
    // A second number may be the address that was meant, so then nothing is offered.
    let alone = strict(first).is_ok() && !rest.contains(|character: char| character.is_ascii_digit());
    Some(if alone { fault.offering([first.to_owned()]) } else { fault })
}

fn zone_fault(text: &str) -> Option<Fault> {
    let (before, zone) = text.split_once('%')?;
    let address = strict(before).ok()?;
    let reason = if zone.is_empty() {
        format!("\"{}\" ends in an empty zone (RFC 4007); leave the % away", shown(text))
    } else {
        format!(
            "\"{}\" names the zone \"{}\" (RFC 4007), which means something on one machine only; leave it away",
            shown(text),
            shown(zone)
        )
    };
    Some(Fault::address(Code::Zone, reason).offering([address.to_string()]))
}

fn port_fault(text: &str) -> Option<Fault> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => text.split_once(':').filter(|(host, _)| host.contains('.'))?,
    };
    let address = strict(host).ok()?;
    let port = port.trim_start_matches(':');
    if port.is_empty() {
        let reason = format!("\"{}\" is not an address as it stands; write {address}", shown(text));
        return Some(Fault::address(Code::NotAnAddress, reason).offering([address.to_string()]));
    }
    let reason = format!("\"{}\" has a port attached; enter {address} here and the port in its own field", shown(text));
    is_digits(port).then(|| Fault::address(Code::PortAttached, reason).offering([address.to_string()]))
}

fn ipv6_fault(text: &str) -> Fault {
    let groups: Vec<&str> = text.split(':').collect();
    let embedded = groups.last().filter(|last| last.contains('.')).copied();
    if let Some(ipv4) = embedded.filter(|last| last.parse::<Ipv4Addr>().is_err()) {
        let inner = ipv4_fault(ipv4);
        let reason = format!("\"{}\" is not an IPv6 address: in its IPv4 part, {}", shown(text), inner.reason);
        // Faults of a number keep their word; faults of the shape make the whole no IPv6 address.
        let keeps = matches!(inner.code, Code::LeadingZero | Code::OctetRange);
        return Fault::address(if keeps { inner.code } else { Code::NotAnAddress }, reason);
    }
    let expected = if embedded.is_some() { 7 } else { 8 };
    let hexadecimal = |group: &&&str| group.chars().all(|character| character.is_ascii_hexdigit());
    let plain = || groups.iter().filter(|group| Some(**group) != embedded);
    let why = if let Some(odd) = plain().find(|group| !hexadecimal(group)) {
        format!("\"{}\" is not hexadecimal", shown(odd))
    } else if let Some(long) = plain().find(|group| group.len() > 4) {
        format!("the group \"{}\" has more than four digits", shown(long))
    } else if text.contains(":::") || text.matches("::").count() > 1 {
        "\"::\" may stand in it once, and three colons nowhere".to_owned()
    } else if groups.len() != expected && !text.contains("::") {
        format!("it has {} groups where {expected} are needed", groups.len())
    } else {
        "its groups do not add up to 128 bits".to_owned()
    };
    Fault::address(Code::NotAnAddress, format!("\"{}\" is not an IPv6 address: {why}", shown(text)))
}

fn ipv4_fault(text: &str) -> Fault {
    if let Some(rest) = text.strip_suffix('.').filter(|rest| ends_in_number(rest)) {
        return match strict(rest) {
            Ok(_) => Fault::address(
                Code::TrailingDot,
                format!("\"{}\" ends in a dot; an address has none, only a host name may", shown(text)),
            )
            .offering([rest.to_owned()]),
            Err(_not_an_address) => ipv4_fault(rest),
        };
    }
    let parts: Vec<&str> = text.split('.').collect();
    let received = shown(text);
    if ends_in_number(text) || parts.iter().all(|part| is_number_like(part)) {
        let (code, reason) = number_fault(&received, &parts);
        return Fault::address(code, reason);
    }
    let reason = format!("\"{received}\" is neither an IPv4 nor an IPv6 address; a host name has its own field");
    Fault::new(Kind::Unknown, Code::NotAnAddress, reason)
}

/// What is wrong with dotted numbers that the strict parser refused.
fn number_fault(received: &str, parts: &[&str]) -> (Code, String) {
    if let Some(part) =
        parts.iter().find(|part| is_hexadecimal(part) || (is_number_like(part) && part.contains(['x', 'X'])))
    {
        return (Code::NotDecimal, format!("\"{received}\" has \"{}\", which is not a decimal number", shown(part)));
    }
    if let Some(part) = parts.iter().find(|part| !part.is_empty() && !is_digits(part)) {
        return (Code::NotAnAddress, format!("\"{received}\" is not an address: \"{}\" is not a number", shown(part)));
    }
    if parts.iter().any(|part| part.is_empty()) {
        return (Code::NotAnAddress, format!("\"{received}\" is not an address: a number is missing between the dots"));
    }
    if parts.len() == 1 {
        return (Code::NotDecimal, format!("\"{received}\" is a plain number; write four numbers with dots between"));
    }
    if let Some(part) = parts.iter().find(|part| part.len() > 1 && part.starts_with('0')) {
        let part = shown(part);
        let reason = format!("\"{received}\" has \"{part}\" with a leading zero, which some programs read as octal");
        return (Code::LeadingZero, reason);
    }
    match parts.len() {
        0..4 => (Code::ShortForm, format!("\"{received}\" has {} numbers, an IPv4 address needs four", parts.len())),
        4 => (Code::OctetRange, format!("\"{received}\" has a number over 255")),
        5.. => (Code::TooManyParts, format!("\"{received}\" has {} numbers, an IPv4 address has four", parts.len())),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the text starts like a number, so that its writer meant one.
fn is_number_like(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

fn is_hexadecimal(text: &str) -> bool {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether the address is an IPv4-mapped one (RFC 4291 section 2.5.5.2).
fn is_mapped(address: Ipv6Addr) -> bool {
    address.to_ipv4_mapped().is_some()
}
