//! A VPN tunnel of one customer: its ends, what it carries, and the address that our alerts come from.

use std::net::IpAddr;

use ipnet::IpNet;

use super::id::{CustomerId, TunnelId};
use super::words::words;

words! {
    /// Whether a tunnel is to be used.
    pub enum TunnelState {
        /// Agreed, not built.
        Planned = "planned",
        /// Built.
        InUse = "in_use",
        /// Stopped by us.
        Stopped = "stopped",
    }
}

words! {
    /// How far one side of a whitelist entry has come.
    pub enum Progress {
        /// Nobody asked for it.
        None = "none",
        /// Asked for.
        Wanted = "wanted",
        /// Somebody, or automation, says that it was done.
        Applied = "applied",
        /// A probe from the alerting IP showed that it was done.
        Proven = "proven",
        /// Taken away.
        Retired = "retired",
    }
}

/// A tunnel as it is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// Whose tunnel it is.
    pub customer: CustomerId,
    /// Identifies the tunnel.
    pub id: TunnelId,
    /// What engineers call it.
    pub name: String,
    /// Outside address of our gateway.
    pub our_gateway: IpAddr,
    /// Outside address of the customer's gateway.
    pub peer_gateway: IpAddr,
    /// Inside address of the customer's gateway, which a test asks for an echo; `None` where nobody answers there.
    pub inside_gateway: Option<IpAddr>,
    /// Networks on our side that the tunnel carries (local traffic selectors, RFC 7296 section 2.9).
    pub our_selectors: Vec<IpNet>,
    /// Networks on the customer's side that the tunnel carries (remote traffic selectors).
    pub peer_selectors: Vec<IpNet>,
    /// Source address of our alerts.
    pub alerting_ip: IpAddr,
    /// Source address after a fail-over on our side.
    pub standby_ip: Option<IpAddr>,
    /// Tunnels in one routing domain share a routing table, so their remote networks must not overlap.
    pub routing_domain: String,
    /// Network device of the tunnel on this node, where it has one.
    pub device: Option<String>,
    /// Certificates (PEM) of the customer's own authority, which servers behind the tunnel may be signed by.
    pub ca_pem: Option<String>,
    /// Whether it is to be used.
    pub state: TunnelState,
}

impl Tunnel {
    /// The traffic selector that carries an address, if any.
    pub fn selector_for(&self, address: IpAddr) -> Option<IpNet> {
        self.peer_selectors.iter().copied().find(|network| network.contains(&address))
    }

    /// Whether an address belongs to the tunnel itself or to our side of it, and so is nobody's mail server.
    pub fn is_our_side(&self, address: IpAddr) -> bool {
        address == self.our_gateway
            || address == self.peer_gateway
            || address == self.alerting_ip
            || Some(address) == self.standby_ip
            || self.our_selectors.iter().any(|network| network.contains(&address))
    }

    /// The addresses that alerts may come from: the one in use first, then the stand-by.
    pub fn alerting_ips(&self) -> Vec<IpAddr> {
        std::iter::once(self.alerting_ip).chain(self.standby_ip).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tunnel() -> Tunnel {
        Tunnel {
            customer: CustomerId::new(Uuid::nil()),
            id: TunnelId::new(Uuid::nil()),
            name: "alder-1".into(),
            our_gateway: "198.51.100.1".parse().unwrap(),
            peer_gateway: "203.0.113.2".parse().unwrap(),
            inside_gateway: None,
            our_selectors: vec!["10.99.0.0/24".parse().unwrap()],
            peer_selectors: vec!["10.20.0.0/16".parse().unwrap()],
            alerting_ip: "10.99.0.8".parse().unwrap(),
            standby_ip: Some("10.99.0.9".parse().unwrap()),
            routing_domain: "alder".into(),
            device: None,
            ca_pem: None,
            state: TunnelState::InUse,
        }
    }

    #[test]
    fn the_selector_that_carries_an_address_is_found() {
        assert_eq!(tunnel().selector_for("10.20.4.15".parse().unwrap()), Some("10.20.0.0/16".parse().unwrap()));
        assert_eq!(tunnel().selector_for("10.21.0.1".parse().unwrap()), None);
    }

    #[test]
    fn addresses_of_the_tunnel_itself_are_ours() {
        for ours in ["198.51.100.1", "203.0.113.2", "10.99.0.8", "10.99.0.9", "10.99.0.77"] {
            assert!(tunnel().is_our_side(ours.parse().unwrap()), "{ours}");
        }
        assert!(!tunnel().is_our_side("10.20.4.15".parse().unwrap()));
    }
}
