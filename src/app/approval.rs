//! What the records say about where a test may go: our whitelist, the tunnel, its neighbours in the routing domain, our
//! own networks. `probe::policy` decides on it.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{App, Error};
use crate::domain::tunnel::{Progress, Tunnel};
use crate::domain::whitelist::Protocol;
use crate::probe::policy::Grant;
use crate::store::{Tx, tunnels, whitelist};

/// What is approved, and what is closed whatever is approved.
pub(super) struct Approval {
    /// For this tunnel and target.
    pub(super) grant: Grant,
    /// Networks of our own.
    pub(super) own: Vec<IpNet>,
}

/// Reads the records for one target behind one tunnel.
///
/// # Errors
/// What the database says.
pub(super) async fn of(app: &App, tx: &mut Tx, tunnel: &Tunnel, (host, port): (&str, i64)) -> Result<Approval, Error> {
    let entry = match host.parse::<IpAddr>() {
        Ok(address) => {
            // The approval is one of address and port: where either transport stands on the list, the other tells no
            // more about the customer's network.
            let network = IpNet::from(address).to_string();
            let mut approved = None;
            for protocol in Protocol::ALL {
                let entry = whitelist::find(tx, tunnel.id, &network, (port, *protocol)).await?;
                let stands = entry.filter(|entry| matches!(entry.ours, Progress::Applied | Progress::Proven));
                approved = approved.or(stands);
            }
            approved.map(|entry| (address, entry))
        }
        // Entries are addresses; a name would lead to whatever its owner says at the moment.
        Err(_) => None,
    };
    let domain = tunnels::in_routing_domain(tx, &tunnel.routing_domain).await?;
    let mut own = app.probe.own_networks.clone();
    let mut others = Vec::new();
    for other in &domain {
        own.extend(other.our_selectors.iter().copied());
        own.extend(other.alerting_ips().into_iter().chain([other.our_gateway]).map(IpNet::from));
        if other.customer != tunnel.customer {
            others.extend(other.peer_selectors.iter().copied());
        }
    }
    let grant = Grant {
        approved: entry.as_ref().and_then(|(address, _)| Some((*address, u16::try_from(port).ok()?))),
        has_port_reason: entry.is_some_and(|(_, entry)| entry.port_reason.is_some()),
        carried: tunnel.peer_selectors.clone(),
        others,
        allow_documentation: app.policy.allow_documentation,
    };
    Ok(Approval { grant, own })
}
