//! Tunnels as people describe them: fields of text read strictly, and what an engineer should look at beside them.

use std::net::IpAddr;

use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::{App, Error, FieldError, admin};
use crate::domain::address::placement::{Placed, clashes, overlaps_with_ours};
use crate::domain::address::{Classified, Options, classify, classify_server};
use crate::domain::customer::Customer;
use crate::domain::id::{CustomerId, TunnelId};
use crate::domain::tunnel::{Tunnel, TunnelState};
use crate::store;

/// The longest name of a network device (IFNAMSIZ of Linux without its end).
const LONGEST_DEVICE: usize = 15;
/// The most networks of one side that a form takes.
const MOST_NETWORKS: usize = 100;

/// A tunnel of a customer.
///
/// # Errors
/// [`Error::NotFound`] where the customer has none with this identifier.
pub async fn one(app: &App, customer: CustomerId, id: TunnelId) -> Result<Tunnel, Error> {
    let mut tx = app.db.read().await?;
    store::tunnels::by_id(&mut tx, customer, id).await?.ok_or(Error::NotFound)
}

/// Reads a tunnel from the fields of a form. `id` and, for one that is on record, its name are kept.
///
/// # Errors
/// [`Error::Invalid`] names every field that needs another look.
pub fn read(app: &App, customer: CustomerId, id: TunnelId, typed: &dyn Fn(&str) -> String) -> Result<Tunnel, Error> {
    let mut form =
        Form { options: Options { allow_documentation: app.policy.allow_documentation }, typed, errors: Vec::new() };
    let name = typed("name").trim().to_owned();
    form.text("name", "name of the tunnel", &name);
    let our_gateway = form.address("our_gateway");
    let peer_gateway = form.address("peer_gateway");
    let our_selectors = form.networks("our_networks");
    let peer_selectors = form.networks("peer_networks");
    let alerting_ip = form.address("alerting_ip");
    let standby_ip = form.optional("standby_ip", Form::address);
    let inside_gateway = form.optional("inside_gateway", Form::address);
    let routing_domain = typed("routing_domain").trim().to_owned();
    form.text("routing_domain", "routing domain", &routing_domain);
    let device = form.optional("device", Form::device);
    let ca_pem = form.optional("ca_pem", Form::certificates);
    let state = form.state();
    if let Some((theirs, ours)) = overlaps_with_ours(&peer_selectors, &our_selectors).first() {
        let text =
            format!("{theirs} shares addresses with {ours} of our side. Enter the network after address translation");
        form.errors.push(FieldError::new("peer_networks", "overlap", text));
    }
    match (our_gateway, peer_gateway, alerting_ip, state) {
        (Some(our_gateway), Some(peer_gateway), Some(alerting_ip), Some(state)) if form.errors.is_empty() => {
            Ok(Tunnel {
                customer,
                id,
                name,
                our_gateway,
                peer_gateway,
                inside_gateway,
                our_selectors,
                peer_selectors,
                alerting_ip,
                standby_ip,
                routing_domain,
                device,
                ca_pem,
                state,
            })
        }
        (_, _, _, _) => Err(Error::Invalid(form.errors)),
    }
}

/// A form while it is read: what is wrong is collected, so that a person is told everything at once.
struct Form<'f> {
    options: Options,
    typed: &'f dyn Fn(&str) -> String,
    errors: Vec<FieldError>,
}

impl Form<'_> {
    fn text(&mut self, field: &str, what: &str, text: &str) {
        self.errors.extend(admin::text_errors(field, what, text));
    }

    fn optional<V>(&mut self, field: &'static str, read: fn(&mut Self, &'static str) -> Option<V>) -> Option<V> {
        if (self.typed)(field).trim().is_empty() { None } else { read(self, field) }
    }

    fn address(&mut self, field: &'static str) -> Option<IpAddr> {
        let text = (self.typed)(field);
        if text.trim().is_empty() {
            self.errors.push(FieldError::new(field, "missing", "Enter one IP, like 10.20.4.15"));
            return None;
        }
        let verdict = classify_server(&text, self.options);
        let address = verdict.accepted_address();
        if address.is_none() {
            self.errors.push(refused(field, &verdict, "Enter one IP, like 10.20.4.15"));
        }
        address
    }

    /// Networks, one on a line or with commas between them; one address counts as the network of that address alone.
    fn networks(&mut self, field: &'static str) -> Vec<IpNet> {
        let text = (self.typed)(field);
        let parts: Vec<&str> = text.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect();
        let advice = "Enter networks, one on a line, like 10.20.0.0/16";
        if parts.is_empty() || parts.len() > MOST_NETWORKS {
            self.errors.push(FieldError::new(field, "missing", format!("{advice}, up to {MOST_NETWORKS}")));
            return Vec::new();
        }
        let mut networks = Vec::with_capacity(parts.len());
        for part in parts {
            let verdict = classify(part, self.options);
            match verdict.accepted_network() {
                Some(network) if networks.contains(&network) => {
                    let text = format!("{network} is there twice. Leave one out");
                    self.errors.push(FieldError::new(field, "repeated", text));
                    return Vec::new();
                }
                Some(network) => networks.push(network),
                None => {
                    self.errors.push(refused(field, &verdict, advice));
                    return Vec::new();
                }
            }
        }
        networks
    }

    fn device(&mut self, field: &'static str) -> Option<String> {
        let text = (self.typed)(field).trim().to_owned();
        if is_device(&text) {
            return Some(text);
        }
        let message = format!("Enter the name of a network device, up to {LONGEST_DEVICE} characters, like ipsec0");
        self.errors.push(FieldError::new(field, "unknown", message));
        None
    }

    fn certificates(&mut self, field: &'static str) -> Option<String> {
        let text = (self.typed)(field);
        if has_certificates(&text) {
            return Some(text);
        }
        let message = "Paste certificates in PEM form, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----";
        self.errors.push(FieldError::new(field, "unreadable", message));
        None
    }

    fn state(&mut self) -> Option<TunnelState> {
        let text = (self.typed)("state");
        let found = [TunnelState::Planned, TunnelState::InUse, TunnelState::Stopped]
            .into_iter()
            .find(|state| state.as_str() == text);
        if found.is_none() {
            self.errors.push(FieldError::new("state", "missing", "Choose whether the tunnel is to be used"));
        }
        found
    }
}

fn refused(field: &str, verdict: &Classified, advice: &str) -> FieldError {
    let reason = verdict.reason.clone().unwrap_or_else(|| "This cannot be used".to_owned());
    let meant = match verdict.suggest.is_empty() {
        true => String::new(),
        false => format!(". Possibly meant: {}", verdict.suggest.join(", ")),
    };
    FieldError::new(field, "not_usable", format!("{advice}. {reason}{meant}"))
}

/// Whether the kernel would take this as the name of a network device.
pub fn is_device(text: &str) -> bool {
    (1..=LONGEST_DEVICE).contains(&text.len())
        && text.chars().all(|letter| letter.is_ascii_graphic() && !matches!(letter, '/' | ':'))
        && !matches!(text, "." | "..")
}

/// Whether a text holds certificates in PEM form, and nothing that only looks like one.
pub fn has_certificates(text: &str) -> bool {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    found.is_ok_and(|found| !found.is_empty())
}

/// What an engineer should look at although the tunnel can be stored, one sentence each: alerting IPs that the tunnel
/// does not carry, and other tunnels of the same routing domain that lead to the same addresses.
///
/// # Errors
/// What the database says.
pub async fn remarks(app: &App, customer: &Customer, tunnel: &Tunnel) -> Result<Vec<String>, Error> {
    let mut remarks = Vec::new();
    for address in tunnel.alerting_ips() {
        if !tunnel.our_selectors.iter().any(|network| network.contains(&address)) {
            remarks.push(format!(
                "{address} is in none of our networks of this tunnel, so the tunnel carries it only after address translation."
            ));
        }
    }
    let advice = "One of the two needs address translation or another routing domain.";
    remarks.extend(clashing(app, customer, tunnel).await?.into_iter().map(|clash| format!("{clash} {advice}")));
    Ok(remarks)
}

async fn clashing(app: &App, customer: &Customer, tunnel: &Tunnel) -> Result<Vec<String>, Error> {
    let others = {
        let mut tx = app.db.read().await?;
        let owners = store::customers::list(&mut tx).await?;
        let sharing = store::tunnels::in_routing_domain(&mut tx, &tunnel.routing_domain).await?;
        let is_other = |other: &Tunnel| (other.customer, &other.name) != (customer.id, &tunnel.name);
        let owner = |id| owners.iter().find(|owner| owner.id == id).map(|owner| owner.name.clone()).unwrap_or_default();
        sharing.into_iter().filter(is_other).map(|other| (owner(other.customer), other)).collect::<Vec<_>>()
    };
    let domain = tunnel.routing_domain.as_str();
    let placed = |owner, name, network| Placed { routing_domain: domain, customer: owner, tunnel: name, network };
    let mut sentences = Vec::new();
    for &network in &tunnel.peer_selectors {
        let own = placed(&customer.name, &tunnel.name, network);
        let theirs = others.iter().flat_map(|(owner, other)| {
            other.peer_selectors.iter().map(move |&network| placed(owner, &other.name, network))
        });
        let both: Vec<_> = std::iter::once(own).chain(theirs).collect();
        sentences.extend(clashes(&both).iter().filter(|clash| clash.first == own).map(|clash| {
            let Placed { customer, tunnel, network: other, .. } = clash.second;
            format!(
                "{network} shares addresses with {other} of tunnel {tunnel} ({customer}) in routing domain {domain}."
            )
        }));
    }
    Ok(sentences)
}
