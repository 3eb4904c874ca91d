//! The list in the forms in which firewalls and scripts read it. Each form is the whole list: an empty one lets nothing
//! through and never everything.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::{Target, is_wide};
use crate::domain::tunnel::Tunnel;
use crate::domain::words;

words! {
    /// A form of the list; the word ends the address of an export.
    pub enum Format {
        /// JSON with sources, targets and states.
        Json = "json",
        /// Networks, one a line.
        Text = "txt",
        /// Sets for `nft -f`.
        Nft = "nft",
    }
}

/// Networks in prefix notation, one a line, each once, in the order of addresses.
pub fn lines(targets: &[Target]) -> String {
    let networks: BTreeSet<IpNet> = targets.iter().map(|target| target.network).collect();
    networks.iter().map(|network| format!("{network}\n")).collect()
}

/// Two named sets (IPv4 and IPv6) of a table of our own, for `nft -f`. Loading is one transaction that replaces what
/// the sets held and leaves everything else alone.
pub fn nft(tunnel: &Tunnel, version: i64, targets: &[Target]) -> String {
    let (four, six): (Vec<&Target>, Vec<&Target>) =
        targets.iter().partition(|target| matches!(target.network, IpNet::V4(_)));
    let name = format!("tunnel_{}", tunnel.id.uuid().simple());
    let mut text = format!("# Whitelist of tunnel {}, version {version}\n", one_line(&tunnel.name));
    text.push_str("# In a chain of this table: ip daddr . ip protocol . th dport @NAME_v4 accept\n");
    text.push_str("add table inet postern\n");
    for (family, kind, members) in [("v4", "ipv4_addr", four), ("v6", "ipv6_addr", six)] {
        let set = format!("inet postern {name}_{family}");
        let elements: BTreeSet<String> = members.into_iter().map(element).collect();
        text +=
            &format!("add set {set} {{ type {kind} . inet_proto . inet_service; flags interval; }}\nflush set {set}\n");
        if !elements.is_empty() {
            let elements: Vec<String> = elements.into_iter().collect();
            text += &format!("add element {set} {{ {} }}\n", elements.join(", "));
        }
    }
    text
}

fn element(target: &Target) -> String {
    let network = if is_wide(target.network) { target.network.to_string() } else { target.network.addr().to_string() };
    format!("{network} . {} . {}", target.protocol, target.port)
}

/// A name must not end the comment that it stands in.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{CustomerId, TunnelId};
    use crate::domain::tunnel::TunnelState;
    use crate::domain::whitelist::Protocol;
    use uuid::Uuid;

    fn target(network: &str, port: u16, protocol: Protocol) -> Target {
        Target { network: network.parse().unwrap(), port, protocol }
    }

    #[test]
    fn lines_are_networks_once_each_in_the_order_of_addresses() {
        let targets = [
            target("fd00::1/128", 587, Protocol::Tcp),
            target("10.20.10.1/32", 587, Protocol::Tcp),
            target("10.20.4.15/32", 587, Protocol::Tcp),
            target("10.20.4.15/32", 514, Protocol::Udp),
        ];
        assert_eq!(lines(&targets), "10.20.4.15/32\n10.20.10.1/32\nfd00::1/128\n");
        assert_eq!(lines(&[]), "");
    }

    #[test]
    fn sets_are_emptied_before_they_are_filled() {
        let ip = "10.99.0.8".parse().unwrap();
        let tunnel = Tunnel {
            customer: CustomerId::new(Uuid::nil()),
            id: TunnelId::new(Uuid::nil()),
            name: "alder\nflush ruleset".into(),
            our_gateway: ip,
            peer_gateway: ip,
            inside_gateway: None,
            our_selectors: Vec::new(),
            peer_selectors: Vec::new(),
            alerting_ip: ip,
            standby_ip: None,
            routing_domain: "alder".into(),
            device: None,
            ca_pem: None,
            state: TunnelState::InUse,
        };
        let text =
            nft(&tunnel, 7, &[target("10.20.4.15/32", 587, Protocol::Tcp), target("10.20.5.0/24", 514, Protocol::Udp)]);
        let name = "inet postern tunnel_00000000000000000000000000000000_v4";
        let expected =
            format!("flush set {name}\nadd element {name} {{ 10.20.4.15 . tcp . 587, 10.20.5.0/24 . udp . 514 }}\n");
        assert!(text.contains(&expected), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("flush ruleset")), "{text}");
        assert_eq!(nft(&tunnel, 7, &[]).matches("add element").count(), 0);
    }
}
