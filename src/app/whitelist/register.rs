//! Adding to the whitelist by hand: read what was typed, judge it, then make the entry or ask a lead for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use super::{MOST_ENTRIES, note, require_engineer, resource};
use crate::app::webhooks::events;
use crate::app::{App, Error, FieldError, Once, Outcome};
use crate::clock::fresh_id;
use crate::domain::actor::Person;
use crate::domain::address::{Options, classify};
use crate::domain::contact::Port;
use crate::domain::id::{CustomerId, EntryId, ListRequestId, TunnelId};
use crate::domain::tunnel::{Progress, Tunnel};
use crate::domain::whitelist::{Finding, Ground, Known, Neighbour, Protocol, RequestState, Target, Weight, judge};
use crate::probe::policy;
use crate::store::list_requests::{self, Request};
use crate::store::register::{self, Listed};
use crate::store::whitelist::{self, Entry};
use crate::store::{Db, StoreError, Tx, customers, tunnels};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// An entry as somebody typed it.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// Name of the tunnel.
    pub tunnel: String,
    /// An address, or a network in prefix notation.
    pub network: String,
    /// The port.
    pub port: String,
    /// `tcp` or `udp`; TCP where nothing was typed.
    pub protocol: String,
    /// Why it is needed; may be empty for one host and a usual port.
    pub reason: String,
}

/// What was typed, read and judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The tunnel.
    pub tunnel: Tunnel,
    /// Name of its customer.
    pub customer: String,
    /// What is to be let through.
    pub target: Target,
    /// Why.
    pub reason: Option<String>,
    /// What was found, the weightiest first.
    pub findings: Vec<Finding>,
}

impl Judged {
    /// Whether the entry cannot be made.
    pub fn is_blocked(&self) -> bool {
        self.has(Weight::Blocks)
    }

    /// Whether a lead has to approve it.
    pub fn needs_lead(&self) -> bool {
        self.has(Weight::NeedsLead)
    }

    fn has(&self, weight: Weight) -> bool {
        self.findings.iter().any(|finding| finding.weight == weight)
    }

    /// What stands against the entry, as faults of the field `network`.
    pub(super) fn objections(&self) -> Vec<FieldError> {
        let blocking = self.findings.iter().filter(|finding| finding.weight == Weight::Blocks);
        blocking.map(|finding| FieldError::new("network", finding.code, finding.detail.clone())).collect()
    }
}

/// What adding led to.
#[derive(Clone, Debug)]
pub enum Added {
    /// The entry stands on the list and waits to be applied.
    Entry(Box<Listed>),
    /// A lead is asked.
    Request(Box<Request>),
}

/// Judges an entry without making it.
///
/// # Errors
/// [`Error::Invalid`] for what cannot be read; [`Error::Forbidden`]; what the database says.
pub async fn judge_only(app: &App, person: &Person, typed: &Typed) -> Result<Judged, Error> {
    require_engineer(person)?;
    let read = read(app, typed)?;
    judged(app, &mut app.db.read().await?, read, None).await
}

/// Makes an entry, or asks a lead where the entry needs one.
///
/// # Errors
/// [`Error::Invalid`] for what cannot be read, what stands against it, and a reason that is missing;
/// [`Error::Forbidden`]; what the database says.
pub async fn add(app: &Arc<App>, person: &Person, typed: Typed, once: Once) -> Result<Outcome<Added>, Error> {
    require_engineer(person)?;
    let read = read(app, &typed)?;
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person, read, once) = (Arc::clone(&shared), person.clone(), read.clone(), once.clone());
            Box::pin(async move {
                if let Some(answer) = once.before(tx).await? {
                    return Ok(Outcome::Before(answer));
                }
                let at = app.now();
                let judged = judged(&app, tx, read, None).await?;
                if judged.is_blocked() {
                    return Err(Error::Invalid(judged.objections()));
                }
                let added = if judged.needs_lead() {
                    Added::Request(Box::new(ask(tx, &person, &judged, at).await?))
                } else {
                    let how = judged.reason.clone().unwrap_or_default();
                    let made = make(&app, tx, &judged, (&person.name, "Added to the list", &how), at).await?;
                    Added::Entry(Box::new(made))
                };
                once.keep(tx, 201, resource::added(&app, &added).to_string(), at).await?;
                Ok::<_, Error>(Outcome::Done(added))
            })
        })
        .await
}

/// Values that could be read, beside the tunnel's name.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) tunnel: String,
    pub(super) target: Target,
    pub(super) reason: Option<String>,
}

fn read(app: &App, typed: &Typed) -> Result<Read, Error> {
    let mut errors = Vec::new();
    let network = network(app, &typed.network, &mut errors);
    let port = Port::parse(&typed.port).map(Port::get);
    if let Err(error) = &port {
        errors.push(FieldError::new("port", "not_a_port", format!("Enter a port from 1 to 65535: {error}")));
    }
    let protocol = match typed.protocol.trim() {
        "" => Some(Protocol::Tcp),
        word => Protocol::parse(word),
    };
    if protocol.is_none() {
        errors.push(FieldError::new("protocol", "unknown", "Choose tcp or udp"));
    }
    if typed.tunnel.trim().is_empty() {
        errors.push(FieldError::new("tunnel", "missing", "Choose the tunnel"));
    }
    let reason = typed.reason.trim();
    errors.extend(reason_fault(reason));
    match (network, port, protocol) {
        (Some(network), Ok(port), Some(protocol)) if errors.is_empty() => Ok(Read {
            tunnel: typed.tunnel.trim().to_owned(),
            target: Target { network, port, protocol },
            reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
        }),
        (_, _, _) => Err(Error::Invalid(errors)),
    }
}

fn network(app: &App, text: &str, errors: &mut Vec<FieldError>) -> Option<IpNet> {
    let options = Options { allow_documentation: app.policy.allow_documentation };
    let verdict = classify(text, options);
    if let Some(network) = verdict.accepted_network() {
        return Some(network);
    }
    let reason = verdict.reason.unwrap_or_else(|| "This cannot be used".to_owned());
    let meant = match verdict.suggest.is_empty() {
        true => String::new(),
        false => format!(". Possibly meant: {}", verdict.suggest.join(", ")),
    };
    let code = verdict.code.map_or("not_usable", |code| code.as_str());
    let text = format!("Enter one IP, like 10.20.4.15, or a network, like 10.20.4.0/28. {reason}{meant}");
    errors.push(FieldError::new("network", code, text));
    None
}

pub(super) fn reason_fault(reason: &str) -> Option<FieldError> {
    if reason.chars().count() > LONGEST_REASON {
        let text = format!("The reason must be {LONGEST_REASON} characters or fewer");
        return Some(FieldError::new("reason", "too_long", text));
    }
    let hidden = reason.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r'));
    hidden.then(|| FieldError::new("reason", "control_char", "The reason must not contain control characters"))
}

/// Judges what was read against the records, leaving out the request that is decided at the moment.
pub(super) async fn judged(
    app: &App,
    tx: &mut Tx,
    read: Read,
    deciding: Option<ListRequestId>,
) -> Result<Judged, Error> {
    let unknown = || Error::field("tunnel", "unknown", format!("No tunnel is named \u{201c}{}\u{201d}", read.tunnel));
    let tunnel = tunnels::by_name(tx, &read.tunnel).await?.ok_or_else(unknown)?;
    let owners = customers::list(tx).await?;
    let owner = |id| owners.iter().find(|owner| owner.id == id).map(|owner| owner.name.clone()).unwrap_or_default();
    let known = known(tx, &tunnel, deciding).await?;
    if i64::try_from(known.len()).is_ok_and(|count| count >= MOST_ENTRIES) {
        let text = format!("The list of this tunnel is full: {MOST_ENTRIES} entries. Take some off it first");
        return Err(Error::field("tunnel", "full", text));
    }
    let (neighbours, own) = around(app, tx, &tunnel, &owner).await?;
    let ground = Ground {
        tunnel: &tunnel,
        known: &known,
        neighbours: &neighbours,
        own: &own,
        closed: &crate::domain::address::METADATA,
        is_usual_port: policy::is_usual(read.target.port),
    };
    let findings = judge(&read.target, &ground);
    Ok(Judged { customer: owner(tunnel.customer), target: read.target, reason: read.reason, findings, tunnel })
}

async fn known(tx: &mut Tx, tunnel: &Tunnel, deciding: Option<ListRequestId>) -> Result<Vec<Known>, Error> {
    let entries = whitelist::on_list(tx, tunnel.id, MOST_ENTRIES).await?;
    let mut known = Vec::with_capacity(entries.len());
    for entry in entries {
        known.push(Known { target: target(&entry)?, is_asked_for: false });
    }
    for request in list_requests::pending_of(tx, tunnel.id).await? {
        if Some(request.id) != deciding {
            known.push(Known { target: super::requests::target(&request)?, is_asked_for: true });
        }
    }
    Ok(known)
}

/// What an entry lets through.
///
/// # Errors
/// [`Error::Internal`] where the stored port is none; [`Error::Store`] where the network is none.
pub(super) fn target(entry: &Entry) -> Result<Target, Error> {
    Ok(Target { network: entry.net()?, port: port(entry.port)?, protocol: entry.protocol })
}

pub(super) fn port(stored: i64) -> Result<u16, Error> {
    u16::try_from(stored).map_err(|_too_large| Error::Internal(format!("a whitelist entry has port {stored}")))
}

/// Tunnels of the same routing domain with what they lead to, and networks of our own.
async fn around(
    app: &App,
    tx: &mut Tx,
    tunnel: &Tunnel,
    owner: &impl Fn(CustomerId) -> String,
) -> Result<(Vec<Neighbour>, Vec<IpNet>), Error> {
    let mut listed: BTreeMap<TunnelId, Vec<IpNet>> = BTreeMap::new();
    for (id, network) in whitelist::networks_of_domain(tx, &tunnel.routing_domain).await? {
        listed.entry(id).or_default().push(network);
    }
    let mut own = app.probe.own_networks.clone();
    let mut neighbours = Vec::new();
    for other in tunnels::in_routing_domain(tx, &tunnel.routing_domain).await? {
        if other.id == tunnel.id {
            continue;
        }
        own.extend(other.our_selectors.iter().copied());
        own.extend(other.alerting_ips().into_iter().chain([other.our_gateway]).map(IpNet::from));
        let networks = other.peer_selectors.into_iter().chain(listed.remove(&other.id).unwrap_or_default());
        neighbours.push(Neighbour {
            tunnel: other.name,
            customer: owner(other.customer),
            is_same_customer: other.customer == tunnel.customer,
            networks: networks.collect(),
        });
    }
    Ok((neighbours, own))
}

async fn ask(tx: &mut Tx, person: &Person, judged: &Judged, at: DateTime<Utc>) -> Result<Request, Error> {
    let missing = || {
        let text = "Enter the reason: a lead has to approve this, and decides by it";
        Error::field("reason", "missing", text)
    };
    let request = Request {
        customer_id: judged.tunnel.customer,
        id: ListRequestId::new(fresh_id()),
        tunnel_id: judged.tunnel.id,
        network: judged.target.network.to_string(),
        port: i64::from(judged.target.port),
        protocol: judged.target.protocol,
        reason: judged.reason.clone().ok_or_else(missing)?,
        state: RequestState::Pending,
        asked_by: person.id,
        asked_at: at,
        decided_at: None,
        note: None,
        entry_id: None,
        tunnel_name: judged.tunnel.name.clone(),
        customer_name: judged.customer.clone(),
        asked_by_name: person.name.clone(),
        decided_by_name: None,
    };
    list_requests::add(tx, &request).await?;
    Ok(request)
}

/// Puts an entry on the list, where one that left it before comes back with its history.
pub(super) async fn make(
    app: &App,
    tx: &mut Tx,
    judged: &Judged,
    (who, what, how): (&str, &str, &str),
    at: DateTime<Utc>,
) -> Result<Listed, Error> {
    let Target { network, port, protocol } = judged.target;
    let (network, port) = (network.to_string(), i64::from(port));
    let before = whitelist::find(tx, judged.tunnel.id, &network, (port, protocol)).await?;
    if before.as_ref().is_some_and(|entry| !matches!(entry.ours, Progress::None | Progress::Retired)) {
        // The judgement did not see it, so somebody added it since; judged anew, it does.
        return Err(Error::Store(StoreError::Contended));
    }
    let is_back = before.is_some();
    let unusual = !policy::is_usual(judged.target.port);
    let entry = Entry {
        customer_id: judged.tunnel.customer,
        id: before.map_or_else(|| EntryId::new(fresh_id()), |entry| entry.id),
        tunnel_id: judged.tunnel.id,
        network,
        port,
        protocol,
        case_id: None,
        reason: judged.reason.clone(),
        ours: Progress::Wanted,
        ours_by: Some(who.to_owned()),
        ours_how: Some(how.to_owned()).filter(|how| !how.is_empty()),
        ours_at: Some(at),
        theirs: Progress::None,
        theirs_by: None,
        theirs_how: None,
        theirs_at: None,
        proven_by: None,
        port_reason: judged.reason.clone().filter(|_| unusual),
        leave_by: None,
        leave_why: None,
        leave_at: None,
        created_at: at,
    };
    if is_back {
        whitelist::replace(tx, &entry, at).await?;
    } else {
        whitelist::add(tx, &entry, at).await?;
    }
    note(tx, &entry, (who, what, how), at).await?;
    events::list_changed(app, tx, entry.tunnel_id, at).await?;
    register::by_id(tx, entry.id).await?.ok_or(Error::NotFound)
}

/// Gives entries of an earlier build the keys that searches compare.
///
/// # Errors
/// What the database says.
pub async fn complete(db: &Db) -> Result<(), Error> {
    loop {
        let done =
            db.write(|tx| Box::pin(async move { Ok::<usize, Error>(whitelist::complete_keys(tx).await?) })).await?;
        if done == 0 {
            return Ok(());
        }
    }
}
