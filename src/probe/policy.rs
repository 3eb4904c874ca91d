//! Which addresses and ports may be tested. A test that connects wherever somebody says is a port scanner and a way into
//! networks that are none of the customer's; so every target is decided here before any socket is opened, again after a
//! name was resolved. The decision is pure: whatever listens at the target, it takes the same time and has the same words.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::domain::address::{Class, METADATA, Options, classify_ip};
use crate::domain::cause::Cause;

/// Ports of mail servers and of SYSLOG receivers. Any other needs a reason by a lead.
pub const USUAL_PORTS: [u16; 7] = [25, 465, 587, 2525, 514, 601, 6514];

/// What the records say about a test that belongs to a case: it goes to one approved address and port of one tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// What our whitelist of the tunnel holds for this case; none where it holds nothing.
    pub approved: Option<(IpAddr, u16)>,
    /// A lead gave a reason for a port that is not a usual one.
    pub has_port_reason: bool,
    /// Networks on the customer's side that the tunnel carries.
    pub carried: Vec<IpNet>,
    /// Networks of other customers in the same routing domain.
    pub others: Vec<IpNet>,
    /// Documentation networks count as public here (laboratories, the demo).
    pub allow_documentation: bool,
}

/// Everything that a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'f> {
    /// Where the test wants to go.
    pub address: IpAddr,
    /// At which port.
    pub port: u16,
    /// Networks of our own, which are never tested.
    pub own: &'f [IpNet],
    /// Networks that whoever runs the command line answers for, although they are refused otherwise.
    pub allow: &'f [IpNet],
    /// What the records say; none on the command line.
    pub grant: Option<&'f Grant>,
}

/// A target that may be tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The address, canonical.
    pub address: IpAddr,
    /// Its class.
    pub class: Class,
}

/// Why a target may not be tested. The texts are for engineers: a customer reads the cause, which tells nothing about
/// other networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is ours.
    #[error("{0} belongs to a network of our own")]
    Own(IpAddr),
    /// It is not what was approved.
    #[error("{0} port {1} is not on our whitelist of this tunnel")]
    NotApproved(IpAddr, u16),
    /// The port is not one of mail or SYSLOG, and nobody gave a reason.
    #[error("port {0} is none of {ports} and no lead has given a reason for it", ports = usual_ports())]
    UnusualPort(u16),
    /// Another customer's network, where one routing table cannot tell them apart.
    #[error("{0} lies in a network of another customer of the same routing domain")]
    Neighbour(IpAddr),
    /// A cloud's answers about our own machine.
    #[error("{0} is the metadata service of a cloud")]
    Metadata(IpAddr),
    /// Shared address space (RFC 6598) that the tunnel does not carry.
    #[error("{0} is shared address space, which only the tunnel can allow")]
    Shared(IpAddr),
    /// No host can be there.
    #[error("{0}")]
    Rejected(String),
}

impl Refusal {
    /// The stable cause. That our own whitelist lacks a target is our fault; all else reads the same.
    pub fn cause(&self) -> Cause {
        match self {
            Self::NotApproved(..) => Cause::PolicyNotApproved,
            Self::Own(_)
            | Self::UnusualPort(_)
            | Self::Neighbour(_)
            | Self::Metadata(_)
            | Self::Shared(_)
            | Self::Rejected(_) => Cause::PolicyTargetForbidden,
        }
    }
}

/// Decides about one target.
///
/// # Errors
/// The first [`Refusal`] that applies.
pub fn decide(facts: &Facts<'_>) -> Result<Allowed, Refusal> {
    let address = facts.address.to_canonical();
    if within(facts.own, address) {
        return Err(Refusal::Own(address));
    }
    if let Some(grant) = facts.grant {
        if grant.approved.map(|(approved, port)| (approved.to_canonical(), port)) != Some((address, facts.port)) {
            return Err(Refusal::NotApproved(address, facts.port));
        }
        if !is_usual(facts.port) && !grant.has_port_reason {
            return Err(Refusal::UnusualPort(facts.port));
        }
        if within(&grant.others, address) {
            return Err(Refusal::Neighbour(address));
        }
    }
    let allow_documentation = facts.grant.is_some_and(|grant| grant.allow_documentation);
    let classified = classify_ip(address, Options { allow_documentation });
    let allowed = Allowed { address, class: classified.class };
    if within(facts.allow, address) {
        return Ok(allowed);
    }
    if METADATA.contains(&address) {
        return Err(Refusal::Metadata(address));
    }
    match classified.class {
        Class::Private | Class::Public => Ok(allowed),
        Class::Shared if facts.grant.is_some_and(|grant| within(&grant.carried, address)) => Ok(allowed),
        Class::Shared => Err(Refusal::Shared(address)),
        Class::Rejected => {
            let reason = classified.reason.unwrap_or_else(|| "the address may not be tested".to_owned());
            Err(Refusal::Rejected(format!("{address}: {reason}")))
        }
    }
}

/// Whether tests go to this port without a reason.
pub fn is_usual(port: u16) -> bool {
    USUAL_PORTS.contains(&port)
}

/// The usual ports in words.
pub fn usual_ports() -> String {
    USUAL_PORTS.map(|port| port.to_string()).join(", ")
}

/// A mapped or canonical form must not slip past a network, so networks are compared with the canonical address.
fn within(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|network| network.parse().unwrap()).collect()
    }

    fn bare(text: &str) -> Result<Class, Refusal> {
        let own = networks(&["10.99.0.0/24"]);
        let facts = Facts { address: text.parse().unwrap(), port: 587, own: &own, allow: &[], grant: None };
        decide(&facts).map(|allowed| allowed.class)
    }

    fn granted(text: &str, port: u16, change: impl FnOnce(&mut Grant)) -> Result<Class, Refusal> {
        let address = text.parse().unwrap();
        let mut grant =
            Grant { approved: Some((address, port)), carried: networks(&["10.20.0.0/16"]), ..Grant::default() };
        change(&mut grant);
        decide(&Facts { address, port, own: &[], allow: &[], grant: Some(&grant) }).map(|allowed| allowed.class)
    }

    #[test]
    fn dangerous_targets_are_refused() {
        for text in [
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "169.254.169.254",
            "100.64.0.1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "224.0.0.1",
            "ff02::1",
            "192.0.2.7",
            "fd00:ec2::254",
            "168.63.129.16",
            "100.100.100.200",
            "10.99.0.8",
        ] {
            assert!(bare(text).is_err(), "{text}");
            // Neither an approval nor the tunnel's own networks change that.
            let wide = granted(text, 587, |grant| grant.carried = networks(&["10.20.0.0/16"]));
            assert!(text == "10.99.0.8" || wide.is_err(), "{text}");
        }
    }

    #[test]
    fn mail_servers_are_let_through() {
        assert_eq!(bare("10.20.4.15"), Ok(Class::Private));
        assert_eq!(bare("::ffff:10.20.4.15"), Ok(Class::Private));
        assert_eq!(bare("9.9.9.9"), Ok(Class::Public));
        assert_eq!(granted("10.20.4.15", 587, |_| {}), Ok(Class::Private));
    }

    #[test]
    fn what_is_allowed_never_opens_our_own_networks() {
        let (any, own) = (networks(&["0.0.0.0/0"]), networks(&["10.99.0.0/24"]));
        let ask = |text: &str| {
            decide(&Facts { address: text.parse().unwrap(), port: 25, own: &own, allow: &any, grant: None })
        };
        assert!(ask("127.0.0.1").is_ok());
        assert!(ask("10.99.0.8").is_err() && ask("::ffff:10.99.0.8").is_err());
    }

    #[test]
    fn a_case_is_held_to_its_one_address_and_port() {
        let approved = |target: Option<(&str, u16)>| {
            granted("10.20.4.15", 587, |grant| {
                grant.approved = target.map(|(address, port)| (address.parse().unwrap(), port));
            })
        };
        assert!(approved(Some(("::ffff:10.20.4.15", 587))).is_ok());
        for other in [None, Some(("10.20.4.16", 587)), Some(("10.20.4.15", 25))] {
            let refusal = approved(other).unwrap_err();
            assert_eq!(refusal.cause(), Cause::PolicyNotApproved, "{other:?}");
        }
    }

    #[test]
    fn a_port_beyond_the_list_needs_a_reason() {
        for port in USUAL_PORTS {
            assert!(granted("10.20.4.15", port, |_| {}).is_ok(), "{port}");
        }
        for port in [22, 80, 6379, 26, 8025, 65535] {
            assert_eq!(granted("10.20.4.15", port, |_| {}), Err(Refusal::UnusualPort(port)));
            assert!(granted("10.20.4.15", port, |grant| grant.has_port_reason = true).is_ok());
        }
    }

    #[test]
    fn networks_of_other_customers_are_closed_and_shared_space_opens_only_inside_the_tunnel() {
        let neighbour = granted("10.20.4.15", 587, |grant| grant.others = networks(&["10.20.4.0/24"])).unwrap_err();
        assert_eq!(neighbour.cause(), Cause::PolicyTargetForbidden);
        assert!(granted("100.64.7.1", 587, |_| {}).is_err());
        assert_eq!(granted("100.64.7.1", 587, |grant| grant.carried = networks(&["100.64.7.0/24"])), Ok(Class::Shared));
        // A careless record does not open what no tunnel carries.
        for text in ["127.0.0.1", "169.254.169.254", "224.0.0.1", "fd00:ec2::254"] {
            let careless = granted(text, 587, |grant| grant.carried = networks(&["0.0.0.0/0", "::/0"]));
            assert!(careless.is_err(), "{text}");
        }
        let lab = granted("192.0.2.25", 25, |grant| grant.allow_documentation = true);
        assert_eq!(lab, Ok(Class::Public));
    }
}
