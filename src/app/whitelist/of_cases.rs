//! The whitelist as cases change it.

use std::net::IpAddr;

use ipnet::IpNet;

use super::note;
use crate::app::firing::Firing;
use crate::app::webhooks::events;
use crate::app::{App, Error, facts};
use crate::clock::fresh_id;
use crate::domain::case::Case;
use crate::domain::channel::Channel;
use crate::domain::id::EntryId;
use crate::domain::tunnel::{Progress, Tunnel};
use crate::domain::whitelist::Protocol;
use crate::domain::workflow::{End, Refusal, Value, WhitelistAction};
use crate::store::whitelist::{self, Entry};
use crate::store::{Tx, tunnels};

/// What speaks for or against an entry, for the engineer's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The address to be whitelisted.
    pub address: IpAddr,
    /// The tunnel's selector that carries it.
    pub selector: Option<IpNet>,
    /// Other tunnels of the same routing table that carry the same address.
    pub clashes: Vec<String>,
    /// The address belongs to the tunnel itself or to our side of it.
    pub is_ours: bool,
    /// The port, where it is none of its kind of server and no lead has given a reason for it.
    pub unusual_port: Option<i64>,
    /// What alerts travel as.
    pub channel: Channel,
}

impl Check {
    /// Whether the entry can be made.
    pub fn passes(&self) -> bool {
        self.selector.is_some() && self.clashes.is_empty() && !self.is_ours && self.unusual_port.is_none()
    }

    /// What stands against the entry, and what to do.
    pub fn objection(&self) -> Option<String> {
        let address = self.address;
        if self.is_ours {
            return Some(format!(
                "{address} belongs to the tunnel itself. Ask the customer for the IP of the {}.",
                self.channel.server_name()
            ));
        }
        if let Some(port) = self.unusual_port {
            return Some(format!(
                "Port {port} is none of {}, the ports of {}. Ask the customer for the right port, or have a lead allow this one \
                 with a reason.",
                listed(self.channel.usual_ports()),
                self.channel.name()
            ));
        }
        if self.selector.is_none() {
            return Some(format!(
                "No traffic selector of the tunnel covers {address}. Add its network to the selectors on both gateways and \
                 to the tunnel's record, then try again."
            ));
        }
        (!self.clashes.is_empty()).then(|| {
            format!(
                "{address} is also inside {} in the same routing table. One of them needs address translation.",
                self.clashes.join(", ")
            )
        })
    }
}

/// Judges the address of a case against its tunnel; `None` while the case has no tunnel or no address.
///
/// # Errors
/// What the database says.
pub async fn check(tx: &mut Tx, case: &Case) -> Result<Option<(Tunnel, Check)>, Error> {
    let channel = case.channel();
    let address = case.flow.data.get(channel.server().address).and_then(Value::as_text);
    let address = address.and_then(|text| text.parse().ok());
    let (Some(id), Some(address)) = (case.tunnel, address) else { return Ok(None) };
    let Some(tunnel) = tunnels::by_id(tx, case.customer, id).await? else { return Ok(None) };
    let others = tunnels::in_routing_domain(tx, &tunnel.routing_domain).await?;
    let clashes = others
        .into_iter()
        .filter(|other| other.id != tunnel.id && other.selector_for(address).is_some())
        .map(|other| format!("tunnel {}", other.name))
        .collect();
    let check = Check {
        address,
        selector: tunnel.selector_for(address),
        clashes,
        is_ours: tunnel.is_our_side(address),
        unusual_port: port_of(case).filter(|port| !is_usual(channel, *port) && port_reason(case, *port).is_none()),
        channel,
    };
    Ok(Some((tunnel, check)))
}

fn port_of(case: &Case) -> Option<i64> {
    facts::number(case, case.channel().server().port).ok()
}

fn is_usual(channel: Channel, port: i64) -> bool {
    u16::try_from(port).is_ok_and(|port| channel.usual_ports().contains(&port))
}

fn listed(ports: &[u16]) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What a lead wrote about this very port; a reason for another port is none.
fn port_reason(case: &Case, port: i64) -> Option<String> {
    let allowed = facts::number(case, "unusual_port").ok();
    allowed.filter(|allowed| *allowed == port).and_then(|_| facts::text(case, "port_reason").ok())
}

/// Changes one side of an entry as an effect says; makes the entry where there is none.
///
/// # Errors
/// [`Error::Invalid`] where the customer named an address of ours; [`Error::Refused`] where the tunnel cannot carry it.
pub(in crate::app) async fn change(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    (action, side): (WhitelistAction, End),
    (host, port): (String, i64),
    firing: &Firing<'_>,
) -> Result<(), Error> {
    let Some((tunnel, check)) = check(tx, case).await? else {
        return Err(Error::Internal(format!("case {} has no tunnel to whitelist {host} in", case.number)));
    };
    match (action, side) {
        (WhitelistAction::Wanted, End::Ours) if check.is_ours => {
            let text = format!("This IP is ours. Enter the IP of your {}", check.channel.server_name());
            return Err(Error::field(check.channel.server().address, "ours", text));
        }
        (WhitelistAction::Applied, End::Ours) => {
            if let Some(objection) = check.objection() {
                return Err(Error::Refused(Refusal::Guard(objection)));
            }
        }
        _ => {}
    }
    let network = host.parse::<IpAddr>().map_or(host, |address| IpNet::from(address).to_string());
    let known = whitelist::find(tx, tunnel.id, &network, (port, protocol_of(case))).await?;
    let is_new = known.is_none();
    let mut entry = known.unwrap_or_else(|| fresh(case, &tunnel, network, port, firing));
    entry.case_id = Some(case.id);
    // What a case wants or has does not leave the list because somebody asked for that before.
    (entry.leave_by, entry.leave_why, entry.leave_at) = (None, None, None);
    if (action, side) == (WhitelistAction::Applied, End::Ours) {
        entry.port_reason = port_reason(case, port).filter(|_| !is_usual(case.channel(), port));
    }
    let stands = matches!(entry.ours, Progress::Applied | Progress::Proven);
    if (action, side) == (WhitelistAction::Wanted, End::Ours) && stands {
        // The list has it; a second wish must not take it off the exports until an engineer comes by.
        whitelist::replace(tx, &entry, firing.at).await?;
        return events::list_changed(app, tx, tunnel.id, firing.at).await;
    }
    mark(&mut entry, (action, side), case, firing);
    if is_new {
        whitelist::add(tx, &entry, firing.at).await?;
    } else {
        whitelist::replace(tx, &entry, firing.at).await?;
    }
    let (who, how) = match side {
        End::Ours => (&entry.ours_by, &entry.ours_how),
        End::Theirs => (&entry.theirs_by, &entry.theirs_how),
    };
    let what = words(action, side);
    let (who, how) =
        (who.clone().unwrap_or_default(), format!("Case {}: {}", case.number, how.as_deref().unwrap_or_default()));
    note(tx, &entry, (&who, what, &how), firing.at).await?;
    events::list_changed(app, tx, tunnel.id, firing.at).await
}

/// What an action of a case did to an entry, in words.
fn words(action: WhitelistAction, side: End) -> &'static str {
    match (action, side) {
        (WhitelistAction::Wanted, End::Ours) => "Wanted on our side",
        (WhitelistAction::Wanted, End::Theirs) => "Wanted on their side",
        (WhitelistAction::Applied, End::Ours) => "Applied on our side",
        (WhitelistAction::Applied, End::Theirs) => "Said to be applied on their side",
        (WhitelistAction::Proven, End::Ours) => "Proven on our side",
        (WhitelistAction::Proven, End::Theirs) => "Proven on their side",
        (WhitelistAction::Retire, End::Ours) => "Taken off our side",
        (WhitelistAction::Retire, End::Theirs) => "Taken off their side",
    }
}

/// The transport of a case's server: TCP, unless the case is about SYSLOG over UDP.
pub(in crate::app) fn protocol_of(case: &Case) -> Protocol {
    match facts::text(case, "transport").as_deref() {
        Ok("udp") => Protocol::Udp,
        Ok(_) | Err(_) => Protocol::Tcp,
    }
}

fn fresh(case: &Case, tunnel: &Tunnel, network: String, port: i64, firing: &Firing<'_>) -> Entry {
    Entry {
        customer_id: case.customer,
        id: EntryId::new(fresh_id()),
        tunnel_id: tunnel.id,
        network,
        port,
        protocol: protocol_of(case),
        case_id: Some(case.id),
        reason: None,
        ours: Progress::None,
        ours_by: None,
        ours_how: None,
        ours_at: None,
        theirs: Progress::None,
        theirs_by: None,
        theirs_how: None,
        theirs_at: None,
        proven_by: None,
        port_reason: None,
        leave_by: None,
        leave_why: None,
        leave_at: None,
        created_at: firing.at,
    }
}

/// Writes down who did what to a side, and how.
fn mark(entry: &mut Entry, (action, side): (WhitelistAction, End), case: &Case, firing: &Firing<'_>) {
    let progress = match action {
        WhitelistAction::Wanted => Progress::Wanted,
        WhitelistAction::Applied => Progress::Applied,
        WhitelistAction::Proven => Progress::Proven,
        WhitelistAction::Retire => Progress::Retired,
    };
    let by = firing.actor.person().map_or_else(|| "Postern".to_owned(), |person| person.name.clone());
    let reference = ["change_ref", "provider_ref"].iter().find_map(|field| firing.data.get(*field));
    let how = reference.map_or_else(|| format!("{} in case {}", firing.event, case.number), ToString::to_string);
    match side {
        End::Ours => {
            entry.ours = progress;
            entry.ours_by = Some(by);
            entry.ours_how = Some(how);
            entry.ours_at = Some(firing.at);
        }
        End::Theirs => {
            entry.theirs = progress;
            entry.theirs_by = Some(by);
            entry.theirs_how = Some(how);
            entry.theirs_at = Some(firing.at);
        }
    }
    if action == WhitelistAction::Proven {
        entry.proven_by = firing.probe;
    }
}
