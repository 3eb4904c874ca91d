//! Tunnels name the addresses that their alerts come from: the register holds every one of them.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use crate::app::webhooks::events::list_changed;
use crate::app::{App, Error};
use crate::domain::alerting_ip::{AlertingIp, IpAct, IpState, Purpose, shown};
use crate::domain::tunnel::Tunnel;
use crate::store::alerting_ips as rows;
use crate::store::{Tx, alerting_servers, tunnels};

/// Puts the addresses that a tunnel names on the register, so that it holds everything that alerts come from, and refuses
/// those that are out of use.
///
/// # Errors
/// [`Error::Invalid`] names the field.
pub(in crate::app) async fn admit(tx: &mut Tx, tunnel: &Tunnel, at: DateTime<Utc>) -> Result<(), Error> {
    let named = [("alerting_ip", Some(tunnel.alerting_ip)), ("standby_ip", tunnel.standby_ip)];
    for (field, address) in named {
        let Some(address) = address else { continue };
        let network = IpNet::from(address);
        match rows::hold_network(tx, network).await? {
            Some(known) if known.state == IpState::Retired => {
                let text = format!("{address} is retired as an alerting IP. Choose one in use, or add it again");
                return Err(Error::field(field, "retired", text));
            }
            Some(_) => continue,
            None => {}
        }
        let prefixes = rows::prefixes(tx).await?;
        if prefixes.iter().any(|known| known.network.contains(&address)) {
            continue;
        }
        let ip = AlertingIp {
            number: rows::take_number(tx).await?,
            network,
            purpose: Purpose::Alerting,
            region: None,
            state: IpState::Active,
            from: at,
            until: None,
            replaces: None,
            is_published: false,
            sequence: 0,
            changed_at: at,
        };
        rows::add(tx, &ip).await?;
        rows::note(tx, &ip, (IpAct::Added, None), None).await?;
    }
    Ok(())
}

/// Refuses to give a tunnel back the address that a change under way has taken from it: whoever typed it looked at the tunnel
/// as it was before.
///
/// # Errors
/// [`Error::Invalid`] names the field.
pub(in crate::app) async fn refuse_former(tx: &mut Tx, tunnel: &Tunnel) -> Result<(), Error> {
    let named = [("alerting_ip", Some(tunnel.alerting_ip)), ("standby_ip", tunnel.standby_ip)];
    for (field, address) in named {
        let Some(address) = address else { continue };
        let place = (tunnel.customer, tunnel.id);
        if let Some(network) = alerting_servers::successor(tx, place, IpNet::from(address)).await? {
            let new = network.parse::<IpNet>().map_or(network, shown);
            let text = format!("This tunnel has gone over to {new}. Reload the page and enter the rest again");
            return Err(Error::field(field, "moved", text));
        }
    }
    Ok(())
}

/// Puts another address in the place of one, primary or stand-by, and gives the tunnel as it is then.
///
/// # Errors
/// What the database says.
pub(in crate::app) async fn exchange(
    app: &App,
    tx: &mut Tx,
    tunnel: &Tunnel,
    (old, new): (IpAddr, IpAddr),
    at: DateTime<Utc>,
) -> Result<Tunnel, Error> {
    let mut next = tunnel.clone();
    if next.alerting_ip == old {
        next.alerting_ip = new;
    }
    next.standby_ip = match next.standby_ip {
        Some(standby) if standby == old => Some(new),
        other => other,
    };
    // One address in both places would be no stand-by.
    next.standby_ip = next.standby_ip.filter(|standby| *standby != next.alerting_ip);
    tunnels::replace(tx, &next, at).await?;
    list_changed(app, tx, next.id, at).await?;
    Ok(next)
}
