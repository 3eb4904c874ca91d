//! From text or address to class: the most specific registry row decides, and an IPv4 address inside an IPv6 address
//! is judged as IPv4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

use super::overlap::address_count_text;
use super::parse::{Fault, default_route_fault, parse};
use super::registry::{self, Row, Treatment};
use super::text::{clean, shown};
use super::{Class, Classified, Code, Kind, Options, Parsed};

/// Classifies what a person typed: an address or a network.
pub fn classify(text: &str, options: Options) -> Classified {
    let mut classified = match parse(text) {
        Ok(Parsed::Address(address)) => classify_ip(address, options),
        Ok(Parsed::Network(network)) => classify_network(network, options),
        Err(fault) => refused(fault, options),
    };
    let cleaned = clean(text);
    if cleaned != text && !cleaned.is_empty() {
        let warning = format!("spaces or invisible characters around it were dropped: read as \"{}\"", shown(cleaned));
        classified.warnings.insert(0, warning);
    }
    text.clone_into(&mut classified.input);
    classified
}

/// Classifies the address of one server as a person typed it. A network of a single address (`10.20.4.15/32`) counts
/// as that address; a wider one is rejected.
pub fn classify_server(text: &str, options: Options) -> Classified {
    let classified = classify(text, options);
    let Some(Parsed::Network(network)) = classified.parsed else { return classified };
    if network.prefix_len() == network.max_prefix_len() {
        let warnings = [classified.warnings, vec![format!("read as the address {}", network.addr())]].concat();
        return Classified { input: classified.input, warnings, ..classify_ip(network.addr(), options) };
    }
    let count = address_count_text(network);
    let reason = format!("{network} is a network of {count} addresses; enter one address");
    Classified { class: Class::Rejected, code: Some(Code::AddressRange), reason: Some(reason), ..classified }
}

/// Classifies an address, typed or resolved. An IPv4-mapped address becomes its IPv4.
pub fn classify_ip(address: IpAddr, options: Options) -> Classified {
    let canonical = address.to_canonical();
    let row = registry::holding(canonical);
    let verdict = verdict(canonical, row, options);
    let mut classified = decided(Kind::Address, canonical.to_string(), row, verdict);
    classified.parsed = Some(Parsed::Address(canonical));
    classified.input = address.to_string();
    if canonical != address {
        classified.warnings.insert(0, format!("{address} is an IPv4-mapped address and means {canonical}"));
    }
    match (canonical, row.map(|row| row.treatment)) {
        (IpAddr::V6(address), Some(Treatment::Nat64)) => through_nat64(classified, low_ipv4(address), options),
        (IpAddr::V4(_) | IpAddr::V6(_), _) => classified,
    }
}

/// Classifies a network: all of its addresses must be of one class.
pub fn classify_network(network: IpNet, options: Options) -> Classified {
    let network = network.trunc();
    if let Some(ipv4) = mapped_network(network) {
        return Classified { input: network.to_string(), ..classify_network(ipv4, options) };
    }
    let canonical = network.to_string();
    if network.prefix_len() == 0 {
        let reason = default_route_fault(network).reason;
        return rejected(Kind::Network, Some(Parsed::Network(network)), canonical, Code::DefaultRoute, reason);
    }
    let row = registry::covering(network);
    if let (IpNet::V6(nat64), Some(Treatment::Nat64)) = (network, row.map(|row| row.treatment)) {
        let classified = decided(Kind::Network, canonical, row, Verdict::Use(Class::Public));
        let classified = Classified { parsed: Some(Parsed::Network(network)), ..classified };
        return network_through_nat64(classified, nat64, options);
    }
    let verdict = verdict(network.addr(), row, options);
    let class = verdict.class();
    let other = registry::inside(network).find(|inner| block_class(inner, options) != class);
    if let Some(other) = other {
        return mixed(network, class, other, options);
    }
    Classified { parsed: Some(Parsed::Network(network)), ..decided(Kind::Network, canonical, row, verdict) }
}

#[derive(Clone, Copy)]
enum Verdict {
    Use(Class),
    Refuse(Code),
    /// A documentation block that the options let pass as public.
    Example,
}

impl Verdict {
    fn class(self) -> Class {
        match self {
            Self::Use(class) => class,
            Self::Refuse(_) => Class::Rejected,
            Self::Example => Class::Public,
        }
    }
}

fn verdict(address: IpAddr, row: Option<&Row>, options: Options) -> Verdict {
    match (row, address) {
        (Some(row), _) => match row.treatment {
            Treatment::Private => Verdict::Use(Class::Private),
            Treatment::Shared => Verdict::Use(Class::Shared),
            Treatment::Public | Treatment::Nat64 => Verdict::Use(Class::Public),
            Treatment::Reject(Code::Documentation) if options.allow_documentation => Verdict::Example,
            Treatment::Reject(code) => Verdict::Refuse(code),
            // Callers replace mapped addresses and networks by their IPv4; a wider block is in nobody's hands.
            Treatment::Mapped => Verdict::Refuse(Code::MappedPrefix),
        },
        (None, IpAddr::V4(_)) => Verdict::Use(Class::Public),
        (None, IpAddr::V6(_)) => Verdict::Refuse(Code::Unallocated),
    }
}

/// The class of a whole row inside a wider network. NAT64 as a whole reaches private and public IPv4 alike, so it is
/// of no use there.
fn block_class(row: &Row, options: Options) -> Class {
    match row.treatment {
        Treatment::Nat64 | Treatment::Mapped => Class::Rejected,
        Treatment::Private | Treatment::Shared | Treatment::Public | Treatment::Reject(_) => {
            verdict(row.network.addr(), Some(row), options).class()
        }
    }
}

fn decided(kind: Kind, canonical: String, row: Option<&Row>, verdict: Verdict) -> Classified {
    // Ordinary unicast space stands in no special-purpose registry: nothing restricts it.
    let ordinary = row.is_none_or(|row| row.treatment == Treatment::Public);
    let (code, reason) = match verdict {
        Verdict::Use(_) | Verdict::Example => (None, None),
        Verdict::Refuse(code) => (Some(code), Some(reason(&canonical, row, code))),
    };
    let reachable = match (code, row.filter(|_| !ordinary)) {
        (_, Some(row)) => row.reachable,
        (None, None) => Some(true),
        (Some(_), None) => None,
    };
    let source = match row.filter(|_| !ordinary) {
        Some(row) => Some(row.source()),
        None => code.map(|_| "RFC 4291 section 2.4, IANA IPv6 address space".to_owned()),
    };
    let warnings = warnings(row, verdict);
    let class = verdict.class();
    let input = canonical.clone();
    let canonical = Some(canonical);
    Classified {
        input,
        kind,
        class,
        canonical,
        reachable,
        code,
        reason,
        source,
        suggest: vec![],
        warnings,
        parsed: None,
    }
}

fn reason(canonical: &str, row: Option<&Row>, code: Code) -> String {
    let Some(row) = row else {
        return format!("{canonical} lies outside of 2000::/3 and fc00::/7: {}", code.explanation());
    };
    let Row { network, name, rfc, .. } = row;
    let mut reason = format!("{canonical} is in {network} ({name}, {rfc}): {}", code.explanation());
    if let Some(embedded) = canonical.parse().ok().and_then(|address| embedded_ipv4(address, code)) {
        reason.push_str(&format!("; it carries {embedded}"));
    }
    if canonical == "169.254.169.254" {
        reason.push_str("; clouds answer there with secrets of the machine");
    }
    reason
}

fn warnings(row: Option<&Row>, verdict: Verdict) -> Vec<String> {
    let warning = match (verdict, row) {
        (Verdict::Use(Class::Shared), _) => {
            "shared address space (RFC 6598): accepted only where the tunnel lists it; overlay VPNs use the same range"
                .to_owned()
        }
        (Verdict::Example, _) => "a documentation address, which this installation accepts as public".to_owned(),
        (Verdict::Refuse(Code::AnycastService), Some(row)) => {
            format!("{}: a service address, not a mail server", row.name)
        }
        (Verdict::Use(_) | Verdict::Refuse(_), _) => return Vec::new(),
    };
    vec![warning]
}

/// The IPv4 address inside, where the code speaks of one (RFC 3056 section 2, RFC 4291 section 2.5.5.1, RFC 6145).
fn embedded_ipv4(address: Ipv6Addr, code: Code) -> Option<Ipv4Addr> {
    if code == Code::SixToFour {
        let [_, _, a, b, c, d, ..] = address.octets();
        return Some(Ipv4Addr::new(a, b, c, d));
    }
    matches!(code, Code::Ipv4Compatible | Code::Ipv4Translated).then(|| low_ipv4(address))
}

fn low_ipv4(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

/// Joins the verdict on a NAT64 value with the verdict on the IPv4 that it reaches (RFC 6052 section 3.1).
fn through_nat64(outer: Classified, ipv4: Ipv4Addr, options: Options) -> Classified {
    join_nat64(outer, classify_ip(IpAddr::V4(ipv4), options))
}

fn network_through_nat64(outer: Classified, network: ipnet::Ipv6Net, options: Options) -> Classified {
    let prefix = network.prefix_len().saturating_sub(96);
    let Ok(ipv4) = Ipv4Net::new(low_ipv4(network.addr()), prefix) else { return outer };
    if prefix == 0 {
        let canonical = network.to_string();
        let reason = format!("{canonical} reaches every IPv4 address, private and public");
        return rejected(Kind::Network, outer.parsed, canonical, Code::MixedClass, reason);
    }
    join_nat64(outer, classify_network(IpNet::V4(ipv4), options))
}

fn join_nat64(outer: Classified, inner: Classified) -> Classified {
    let reached = inner.canonical.unwrap_or_default();
    let canonical = outer.canonical.as_deref().unwrap_or_default();
    let code = match (inner.class, inner.code) {
        (Class::Public, _) => {
            let note = format!("reaches {reached} through NAT64");
            let warnings = [vec![note], inner.warnings].concat();
            return Classified { reachable: inner.reachable, warnings, ..outer };
        }
        // Where the registry lets the IPv4 be reached, the prefix may carry it, but the service is still no mail server.
        (Class::Rejected, Some(code @ (Code::AnycastService | Code::MixedClass))) => code,
        (Class::Private | Class::Shared | Class::Rejected, _) => Code::Nat64Private,
    };
    let inner_reason = inner.reason.unwrap_or_else(|| format!("{reached} is {}", inner.class));
    let reason = format!("{canonical} reaches {reached} through NAT64 (RFC 6052): {inner_reason}");
    let reason = if code == Code::Nat64Private { format!("{reason}; {}", code.explanation()) } else { reason };
    Classified {
        class: Class::Rejected,
        code: Some(code),
        reason: Some(reason),
        reachable: inner.reachable,
        warnings: inner.warnings,
        ..outer
    }
}

fn mapped_network(network: IpNet) -> Option<IpNet> {
    match network {
        IpNet::V4(_) => None,
        IpNet::V6(network) => {
            let ipv4 = network.addr().to_ipv4_mapped()?;
            let prefix = network.prefix_len().checked_sub(96)?;
            Ipv4Net::new(ipv4, prefix).ok().map(IpNet::V4)
        }
    }
}

/// A network with addresses of several classes; the usable blocks inside are offered.
fn mixed(network: IpNet, class: Class, other: &Row, options: Options) -> Classified {
    let canonical = network.to_string();
    let rest = block_class(other, options);
    let reason = format!(
        "{canonical} crosses the border between {class} and {rest} addresses: it also holds {} ({}, {})",
        other.network, other.name, other.rfc
    );
    let usable = registry::inside(network).filter(|row| match block_class(row, options) {
        Class::Private | Class::Shared => true,
        Class::Public | Class::Rejected => false,
    });
    let suggest = usable.map(|row| row.network.to_string()).collect();
    let rejected = rejected(Kind::Network, Some(Parsed::Network(network)), canonical, Code::MixedClass, reason);
    Classified { suggest, ..rejected }
}

/// A text that the parser refused. Of what the parser thinks was meant, only usable values are offered.
fn refused(fault: Fault, options: Options) -> Classified {
    let Fault { kind, mut code, mut reason, candidates } = fault;
    let readings: Vec<Classified> = candidates.iter().map(|candidate| classify(candidate, options)).collect();
    let usable = readings.iter().filter(|reading| reading.class != Class::Rejected);
    let mut suggest: Vec<String> = usable.map(|reading| reading.input.clone()).collect();
    if let [only] = readings.as_slice()
        && let Some(also) = &only.reason
    {
        reason.push_str(&format!("; and {also}"));
    }
    // A usable address whose network crosses a border: the border is the greater fault of the two.
    if let (Code::HostBits, [single, whole]) = (code, readings.as_slice())
        && single.class != Class::Rejected
        && whole.code == Some(Code::MixedClass)
    {
        code = Code::MixedClass;
        reason.push_str(&format!("; and {}", whole.reason.as_deref().unwrap_or_default()));
        suggest.extend(whole.suggest.iter().cloned());
    }
    Classified { canonical: None, suggest, ..rejected(kind, None, String::new(), code, reason) }
}

fn rejected(kind: Kind, parsed: Option<Parsed>, canonical: String, code: Code, reason: String) -> Classified {
    Classified {
        input: canonical.clone(),
        kind,
        class: Class::Rejected,
        canonical: Some(canonical),
        reachable: None,
        code: Some(code),
        reason: Some(reason),
        source: None,
        suggest: Vec::new(),
        warnings: Vec::new(),
        parsed,
    }
}
