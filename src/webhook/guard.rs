//! Which addresses messages go to: public ones, and what the configuration lists. Whoever enters an address must not be
//! able to make the service speak to machines of its own network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use thiserror::Error;

use crate::domain::address::{Class, METADATA, Options, classify_ip};

/// Ports of public receivers: HTTPS and its usual neighbour.
pub const PORTS: [u16; 2] = [443, 8443];

/// What the installation adds to the rules.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Networks that messages may go to although they are not public, at any port.
    pub allow: Vec<IpNet>,
    /// Networks of the vendor.
    pub own: Vec<IpNet>,
}

/// Why messages do not go to an address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Clouds describe the machine that asks there, and hand out its credentials.
    #[error("{0} is an address at which clouds describe their machines: no message goes there")]
    Metadata(IpAddr),
    /// No host can be there, or every host.
    #[error("{0} is the address of no single host")]
    NoHost(IpAddr),
    /// It is not public, and the configuration does not list it.
    #[error("{0} is not a public address: where a receiver is there, list its network under [webhooks] allow")]
    NotPublic(IpAddr),
    /// The port of a public address is none of [`PORTS`].
    #[error("Port {0} is not one of 443 and 8443: other ports are for networks listed under [webhooks] allow")]
    Port(u16),
}

impl Rules {
    /// Whether an address is in a network that the configuration lists.
    pub fn lists(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allow.iter().any(|network| network.contains(&address))
    }

    /// Decides about one address, and gives it in its canonical form.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies. A list of the configuration opens neither metadata services nor addresses of
    /// no single host.
    pub fn decide(&self, target: SocketAddr) -> Result<SocketAddr, Refusal> {
        let address = target.ip().to_canonical();
        // Clouds use several link-local addresses (169.254.169.254, 169.254.170.2, 169.254.170.23), and no receiver has one.
        let is_link_local = matches!(address, IpAddr::V4(address) if address.is_link_local());
        if is_link_local || METADATA.contains(&address) {
            return Err(Refusal::Metadata(address));
        }
        let is_broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
        if address.is_unspecified() || address.is_multicast() || is_broadcast {
            return Err(Refusal::NoHost(address));
        }
        if !self.lists(address) {
            let is_own = self.own.iter().any(|network| network.contains(&address));
            if is_own || classify_ip(address, Options::default()).class != Class::Public {
                return Err(Refusal::NotPublic(address));
            }
            if !PORTS.contains(&target.port()) {
                return Err(Refusal::Port(target.port()));
            }
        }
        Ok(SocketAddr::new(address, target.port()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], own: &[&str]) -> Rules {
        let read = |list: &[&str]| list.iter().map(|network| network.parse().unwrap()).collect();
        Rules { allow: read(allow), own: read(own) }
    }

    fn at(rules: &Rules, text: &str) -> Result<SocketAddr, Refusal> {
        rules.decide(SocketAddr::new(text.parse().unwrap(), 443))
    }

    #[test]
    fn nothing_but_public_addresses_is_dialed() {
        let none = rules(&[], &["198.105.8.0/24"]);
        for text in [
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "::",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "169.254.1.1",
            "100.64.0.1",
            "100.100.100.200",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.2.7",
            "198.18.0.1",
            "168.63.129.16",
            "fec0::1",
            "198.105.8.9",
            "::ffff:198.105.8.9",
        ] {
            assert!(at(&none, text).is_err(), "{text}");
        }
        for text in ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9"] {
            assert!(at(&none, text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_list_opens_what_it_names_and_never_metadata() {
        let wide = rules(&["0.0.0.0/0", "::/0"], &["10.99.0.0/16"]);
        for text in ["127.0.0.1", "10.1.2.3", "10.99.0.8", "fd00::1", "::ffff:10.1.2.3"] {
            assert!(at(&wide, text).is_ok(), "{text}");
        }
        for text in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.1.1",
            "100.100.100.200",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "168.63.129.16",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "::ffff:169.254.169.254",
        ] {
            assert!(at(&wide, text).is_err(), "{text}");
        }
        let narrow = rules(&["10.1.2.0/24"], &[]);
        assert!(at(&narrow, "10.1.2.3").is_ok() && at(&narrow, "10.1.3.3").is_err());
    }

    #[test]
    fn other_ports_are_for_listed_networks() {
        let narrow = rules(&["10.1.2.0/24"], &[]);
        let ask = |text: &str| narrow.decide(text.parse().unwrap()).is_ok();
        assert!(ask("9.9.9.9:443") && ask("9.9.9.9:8443") && !ask("9.9.9.9:22") && !ask("9.9.9.9:80"));
        assert!(ask("10.1.2.3:9000"));
    }
}
