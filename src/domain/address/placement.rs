//! Clashes between tunnels, customers and our own side. A routing domain is what shares one routing table: the same
//! address may stand in two domains and mean two machines.

use std::net::IpAddr;

use ipnet::IpNet;

use super::overlap::{is_member, overlap};

/// A network that a customer reaches through a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    /// The routing domain of the tunnel.
    pub routing_domain: &'a str,
    /// The customer.
    pub customer: &'a str,
    /// The name of the tunnel.
    pub tunnel: &'a str,
    /// The customer's network behind it.
    pub network: IpNet,
}

/// Two tunnels of one routing domain that lead to the same addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clash<'a> {
    /// The earlier placement.
    pub first: Placed<'a>,
    /// The later placement.
    pub second: Placed<'a>,
}

/// The two ends of a tunnel as far as they are ours or the gateway's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelEnds<'a> {
    /// Networks on our side, the alerting IPs among them.
    pub our_side: &'a [IpNet],
    /// Outside addresses of both gateways.
    pub gateways: &'a [IpAddr],
}

/// Every pair of placements that one routing table cannot keep apart: same routing domain, different tunnel, shared
/// addresses. Different domains, or address translation that gives a different `network`, cure it.
pub fn clashes<'a>(placed: &[Placed<'a>]) -> Vec<Clash<'a>> {
    let mut found = Vec::new();
    for (index, &first) in placed.iter().enumerate() {
        for &second in placed.iter().skip(index + 1) {
            let same_table = first.routing_domain == second.routing_domain;
            let other_tunnel = (first.customer, first.tunnel) != (second.customer, second.tunnel);
            if same_table && other_tunnel && overlap(first.network, second.network) {
                found.push(Clash { first, second });
            }
        }
    }
    found
}

/// Whether a server address belongs to the tunnel itself: our own side, or the outside address of a gateway.
pub fn belongs_to_tunnel(server: IpAddr, ends: TunnelEnds<'_>) -> bool {
    ends.our_side.iter().any(|&network| is_member(network, server))
        || ends.gateways.iter().any(|gateway| gateway.to_canonical() == server.to_canonical())
}

/// Pairs (customer's range, our internal range) that share addresses: such a customer cannot be routed without
/// address translation.
pub fn overlaps_with_ours(customer: &[IpNet], ours: &[IpNet]) -> Vec<(IpNet, IpNet)> {
    let pairs = customer.iter().flat_map(|&theirs| ours.iter().map(move |&own| (theirs, own)));
    pairs.filter(|&(theirs, own)| overlap(theirs, own)).collect()
}
