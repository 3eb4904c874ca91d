//! Judges an entry before it is added: what stands on the list already, what is ours, who else has these addresses, and
//! whether the tunnel carries them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Protocol, Target, is_wide};
use crate::domain::address::Relation;
use crate::domain::address::overlap::{address_count_text, compare, overlap};
use crate::domain::tunnel::{Tunnel, TunnelState};
use crate::domain::words;

words! {
    /// What a finding means for the entry.
    pub enum Weight {
        /// The entry cannot be made.
        Blocks = "blocks",
        /// The entry can be made where a lead approves it.
        NeedsLead = "needs_lead",
        /// Worth knowing.
        Remark = "remark",
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Stable word for the kind.
    pub code: &'static str,
    /// What it means for the entry.
    pub weight: Weight,
    /// What was found and what to do, as sentences.
    pub detail: String,
}

impl Finding {
    fn new(code: &'static str, weight: Weight, detail: String) -> Self {
        Self { code, weight, detail }
    }
}

/// An entry that stands on the tunnel's list, or that a lead is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it lets through.
    pub target: Target,
    /// It waits for a lead.
    pub is_asked_for: bool,
}

/// Another tunnel of the same routing domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The tunnel's name.
    pub tunnel: String,
    /// Its customer's name.
    pub customer: String,
    /// It is the same customer's as the tunnel of the list.
    pub is_same_customer: bool,
    /// What it carries and what its whitelist holds.
    pub networks: Vec<IpNet>,
}

/// Everything that the judgement rests on.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'g> {
    /// The tunnel of the list.
    pub tunnel: &'g Tunnel,
    /// What stands on its list.
    pub known: &'g [Known],
    /// Tunnels that share its routing table.
    pub neighbours: &'g [Neighbour],
    /// Networks of our own beside those of the tunnel.
    pub own: &'g [IpNet],
    /// Addresses that are never tested, whoever owns them: metadata services of clouds.
    pub closed: &'g [IpAddr],
    /// The port is one of mail or SYSLOG.
    pub is_usual_port: bool,
}

/// What speaks against an entry, what needs a lead, and what is worth knowing; in this order.
pub fn judge(target: &Target, ground: &Ground<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(ours(target, ground));
    findings.extend(closed(target, ground));
    findings.extend(uncarried(target, ground));
    findings.extend(shared(target, ground));
    findings.extend(listed(target, ground));
    findings.extend(wide(target));
    findings.extend(unusual(target, ground));
    findings.extend(unused(ground));
    findings.sort_by_key(|finding| finding.weight);
    findings
}

fn ours(target: &Target, ground: &Ground<'_>) -> Option<Finding> {
    let tunnel = ground.tunnel;
    let gateways = [tunnel.our_gateway, tunnel.peer_gateway].map(IpNet::from);
    let alerting = tunnel.alerting_ips().into_iter().map(IpNet::from);
    let own = gateways.into_iter().chain(alerting).chain(tunnel.our_selectors.iter().copied());
    let hit = own.chain(ground.own.iter().copied()).find(|own| overlap(*own, target.network))?;
    let detail = format!(
        "{} shares addresses with {hit}, which belongs to us or to the tunnel itself. Ask the customer for the IP of the server.",
        target.network
    );
    Some(Finding::new("ours", Weight::Blocks, detail))
}

fn closed(target: &Target, ground: &Ground<'_>) -> Option<Finding> {
    let hit = ground.closed.iter().find(|address| target.network.contains(*address))?;
    let detail = format!("{hit} is the metadata service of a cloud. Leave it out.");
    Some(Finding::new("metadata", Weight::Blocks, detail))
}

fn uncarried(target: &Target, ground: &Ground<'_>) -> Option<Finding> {
    let network = target.network;
    if ground.tunnel.peer_selectors.iter().any(|selector| selector.contains(&network)) {
        return None;
    }
    let inside: Vec<String> = ground
        .tunnel
        .peer_selectors
        .iter()
        .filter(|selector| overlap(**selector, network))
        .map(ToString::to_string)
        .collect();
    let detail = if inside.is_empty() {
        format!(
            "No traffic selector of tunnel {} covers {network}. Add its network to the selectors on both gateways and to the \
             tunnel's record, then try again.",
            ground.tunnel.name
        )
    } else {
        format!(
            "Only {} of {network} is carried by tunnel {}. Enter what is carried.",
            inside.join(", "),
            ground.tunnel.name
        )
    };
    Some(Finding::new("no_selector", Weight::Blocks, detail))
}

fn shared<'f>(target: &'f Target, ground: &'f Ground<'_>) -> impl Iterator<Item = Finding> + 'f {
    ground.neighbours.iter().filter_map(move |neighbour| {
        let theirs = neighbour.networks.iter().find(|theirs| overlap(**theirs, target.network))?;
        let domain = &ground.tunnel.routing_domain;
        if neighbour.is_same_customer {
            let detail = format!(
                "Tunnel {} of the same customer and routing domain {domain} carries {theirs} too. The routing table decides \
                 which of the two is used.",
                neighbour.tunnel
            );
            return Some(Finding::new("second_tunnel", Weight::Remark, detail));
        }
        let detail = format!(
            "{} shares addresses with {theirs} behind tunnel {} ({}), which has the same routing domain {domain}. One of the \
             two needs address translation or another routing domain.",
            target.network, neighbour.tunnel, neighbour.customer
        );
        Some(Finding::new("neighbour", Weight::Blocks, detail))
    })
}

/// How the entry lies to those that let the same port through.
fn listed<'f>(target: &'f Target, ground: &'f Ground<'_>) -> impl Iterator<Item = Finding> + 'f {
    let same_port = |known: &&Known| (known.target.port, known.target.protocol) == (target.port, target.protocol);
    ground.known.iter().filter(same_port).filter_map(move |known| {
        let other = known.target.network;
        match (compare(target.network, other), known.is_asked_for) {
            (Relation::Same, false) => {
                let detail = format!("{target} stands on the list of tunnel {} already.", ground.tunnel.name);
                Some(Finding::new("on_list", Weight::Blocks, detail))
            }
            (Relation::Same, true) => {
                let detail = format!("A lead is asked for {target} already.");
                Some(Finding::new("asked_for", Weight::Blocks, detail))
            }
            (Relation::Contained, false) => {
                let detail =
                    format!("{} is contained in {other}, which lets this port through already.", target.network);
                Some(Finding::new("contained", Weight::Remark, detail))
            }
            (Relation::Contains, false) => {
                let detail = format!("{} contains {other}, which stands on the list with this port.", target.network);
                Some(Finding::new("containing", Weight::Remark, detail))
            }
            (Relation::Contained | Relation::Contains, true) | (Relation::Disjoint, _) => None,
        }
    })
}

fn wide(target: &Target) -> Option<Finding> {
    is_wide(target.network).then(|| {
        let detail = format!(
            "{} holds {} addresses. One host is the rule; a wider entry needs a reason and the approval of a lead.",
            target.network,
            address_count_text(target.network)
        );
        Finding::new("wider", Weight::NeedsLead, detail)
    })
}

fn unusual(target: &Target, ground: &Ground<'_>) -> Option<Finding> {
    let over_udp = target.protocol == Protocol::Udp && target.port != SYSLOG_UDP;
    (!ground.is_usual_port || over_udp).then(|| {
        let detail = format!(
            "Port {}/{} is none that mail or SYSLOG use. It needs a reason and the approval of a lead.",
            target.port, target.protocol
        );
        Finding::new("unusual_port", Weight::NeedsLead, detail)
    })
}

/// The port of SYSLOG over UDP (RFC 5426).
const SYSLOG_UDP: u16 = 514;

fn unused(ground: &Ground<'_>) -> Option<Finding> {
    let state = match ground.tunnel.state {
        TunnelState::InUse => return None,
        TunnelState::Planned => "planned and not built yet",
        TunnelState::Stopped => "stopped",
    };
    let detail = format!("Tunnel {} is {state}.", ground.tunnel.name);
    Some(Finding::new("tunnel_unused", Weight::Remark, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{CustomerId, TunnelId};
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
            peer_selectors: vec!["10.20.0.0/16".parse().unwrap(), "10.99.0.0/16".parse().unwrap()],
            alerting_ip: "10.99.0.8".parse().unwrap(),
            standby_ip: None,
            routing_domain: "alder".into(),
            device: None,
            ca_pem: None,
            state: TunnelState::InUse,
        }
    }

    fn target(network: &str, port: u16) -> Target {
        Target { network: network.parse().unwrap(), port, protocol: Protocol::Tcp }
    }

    /// What is around the tunnel of a test.
    #[derive(Default)]
    struct Around {
        known: Vec<Known>,
        neighbours: Vec<Neighbour>,
        own: Vec<IpNet>,
        closed: Vec<IpAddr>,
    }

    fn found(network: &str, port: u16, around: &Around) -> Vec<(&'static str, Weight)> {
        let tunnel = tunnel();
        let ground = Ground {
            tunnel: &tunnel,
            known: &around.known,
            neighbours: &around.neighbours,
            own: &around.own,
            closed: &around.closed,
            is_usual_port: port == 587,
        };
        judge(&target(network, port), &ground).into_iter().map(|finding| (finding.code, finding.weight)).collect()
    }

    fn alone(network: &str) -> Vec<(&'static str, Weight)> {
        found(network, 587, &Around::default())
    }

    #[test]
    fn one_host_that_the_tunnel_carries_passes() {
        assert_eq!(alone("10.20.4.15/32"), []);
    }

    #[test]
    fn what_is_ours_is_found_from_inside_and_from_outside() {
        for network in ["10.99.0.8/32", "10.99.0.77/32", "10.99.0.0/20"] {
            assert!(alone(network).contains(&("ours", Weight::Blocks)), "{network}");
        }
        assert_eq!(alone("10.99.1.1/32"), [], "the customer's part of the same /16 is not ours");
        let around = Around { own: vec!["10.20.4.0/24".parse().unwrap()], ..Around::default() };
        assert_eq!(found("10.20.4.15/32", 587, &around), [("ours", Weight::Blocks)]);
    }

    #[test]
    fn a_network_must_be_carried_as_a_whole() {
        assert_eq!(alone("10.30.0.1/32"), [("no_selector", Weight::Blocks)]);
        let codes = alone("10.20.0.0/15");
        assert_eq!(codes, [("no_selector", Weight::Blocks), ("wider", Weight::NeedsLead)]);
    }

    #[test]
    fn exact_contained_and_containing_are_told_apart_by_port() {
        let known = vec![
            Known { target: target("10.20.4.15/32", 587), is_asked_for: false },
            Known { target: target("10.20.5.0/24", 587), is_asked_for: false },
            Known { target: target("10.20.6.0/24", 587), is_asked_for: true },
        ];
        let around = Around { known, ..Around::default() };
        let on = |network, port| found(network, port, &around);
        assert_eq!(on("10.20.4.15/32", 587), [("on_list", Weight::Blocks)]);
        assert_eq!(on("10.20.4.15/32", 25), [("unusual_port", Weight::NeedsLead)], "25 is unusual to this ground only");
        assert_eq!(on("10.20.5.9/32", 587), [("contained", Weight::Remark)]);
        assert_eq!(on("10.20.4.0/24", 587), [("wider", Weight::NeedsLead), ("containing", Weight::Remark)]);
        assert_eq!(on("10.20.6.0/24", 587), [("asked_for", Weight::Blocks), ("wider", Weight::NeedsLead)]);
        assert_eq!(on("10.20.6.1/32", 587), [], "what is only asked for contains nothing");
    }

    #[test]
    fn neighbours_clouds_and_stopped_tunnels_are_named() {
        let neighbour = Neighbour {
            tunnel: "birch-1".into(),
            customer: "Birch".into(),
            is_same_customer: false,
            networks: vec!["10.20.4.0/24".parse().unwrap()],
        };
        let second = Neighbour { is_same_customer: true, ..neighbour.clone() };
        let beside = |neighbour| Around { neighbours: vec![neighbour], ..Around::default() };
        assert_eq!(found("10.20.4.15/32", 587, &beside(neighbour)), [("neighbour", Weight::Blocks)]);
        assert_eq!(found("10.20.4.15/32", 587, &beside(second)), [("second_tunnel", Weight::Remark)]);
        let cloud = Around { closed: vec!["10.20.4.15".parse().unwrap()], ..Around::default() };
        assert_eq!(found("10.20.4.15/32", 587, &cloud), [("metadata", Weight::Blocks)]);
        let stopped = Tunnel { state: TunnelState::Stopped, ..tunnel() };
        let ground =
            Ground { tunnel: &stopped, known: &[], neighbours: &[], own: &[], closed: &[], is_usual_port: true };
        let udp = Target { protocol: Protocol::Udp, ..target("10.20.4.15/32", 6514) };
        let codes: Vec<_> = judge(&udp, &ground).into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["unusual_port", "tunnel_unused"]);
        let syslog = Target { port: 514, ..udp };
        assert_eq!(judge(&syslog, &ground).len(), 1, "SYSLOG over UDP is usual");
    }
}
