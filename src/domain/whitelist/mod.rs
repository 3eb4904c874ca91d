//! The whitelist of a tunnel: what may stand on it, judged before it is added, and the forms in which firewalls read it.

use std::net::IpAddr;

use ipnet::IpNet;

use super::words::words;

/// The list as other programs read it.
pub mod export;
/// What speaks for and against an entry.
pub mod judge;

pub use export::Format;
pub use judge::{Finding, Ground, Known, Neighbour, Weight, judge};

words! {
    /// The transport that an entry lets through.
    pub enum Protocol {
        /// SMTP, and SYSLOG over TCP or TLS.
        Tcp = "tcp",
        /// SYSLOG over UDP.
        Udp = "udp",
    }
}

words! {
    /// How far a request that needs a lead has come.
    pub enum RequestState {
        /// No lead has looked yet.
        Pending = "pending",
        /// A lead approved it, and the entry stands on the list.
        Approved = "approved",
        /// A lead refused it.
        Refused = "refused",
    }
}

/// What is to be let through the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// One host by rule.
    pub network: IpNet,
    /// The port.
    pub port: u16,
    /// The transport.
    pub protocol: Protocol,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} port {}/{}", self.network, self.port, self.protocol)
    }
}

/// Whether a network holds more than one host.
pub fn is_wide(network: IpNet) -> bool {
    network.prefix_len() < network.max_prefix_len()
}

/// The lowest and the highest address of a network as bytes that sort as addresses do, IPv4 before IPv6, so that a
/// database finds what lies inside a network by comparing bytes.
pub fn keys(network: IpNet) -> (Vec<u8>, Vec<u8>) {
    (key(network.network()), key(network.broadcast()))
}

fn key(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => [&[4][..], &address.octets()].concat(),
        IpAddr::V6(address) => [&[6][..], &address.octets()].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_addresses_and_bound_what_lies_inside() {
        let of = |text: &str| keys(text.parse().unwrap());
        let (first, last) = of("10.20.0.0/16");
        for inside in ["10.20.0.0/32", "10.20.255.255/32", "10.20.4.0/24", "10.20.0.0/16"] {
            let (low, high) = of(inside);
            assert!(first <= low && high <= last, "{inside}");
        }
        for outside in ["10.19.255.255/32", "10.21.0.0/32", "10.0.0.0/8", "::a14:40f/128"] {
            let (low, high) = of(outside);
            assert!(low < first || high > last, "{outside}");
        }
        assert!(of("255.255.255.255/32").0 < of("::/128").0);
        assert!(is_wide("10.0.0.0/31".parse().unwrap()) && !is_wide("fd00::1/128".parse().unwrap()));
    }
}
