//! Customers, tunnels, product tenants and people of the demo, made by the same use cases as real ones.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{Ends, MailServer};
use crate::app::admin::{self, Place};
use crate::app::{App, Error, token};
use crate::clock::fresh_id;
use crate::domain::actor::{Person, Role};
use crate::domain::customer::{Architecture, Customer};
use crate::domain::id::TunnelId;
use crate::domain::log::hex;
use crate::domain::tunnel::{Tunnel, TunnelState};
use crate::secret::Secret;

/// The tunnel of the first customer, whose server is private.
pub(in crate::cli) const FIRST_TUNNEL: &str = "alder-1";
/// The tunnel of the second customer, whose server is public.
pub(super) const SECOND_TUNNEL: &str = "brightwater-1";

/// Somebody who can sign in.
#[derive(Clone, Debug)]
pub struct Login {
    /// Address.
    pub email: String,
    /// Password, made at start.
    pub password: Secret,
    /// What this person is, in a few words.
    pub what: &'static str,
}

/// Everybody in the demo.
#[derive(Clone, Debug)]
pub struct People {
    /// Contact of Alder Mutual: VPN, private server.
    pub customer: Person,
    /// Works the queue: support and network.
    pub engineer: Person,
    /// Answers for overdue cases.
    pub lead: Person,
    /// Administers.
    pub admin: Person,
    /// Contact of Brightwater Rail: VPN, public server.
    pub brightwater: Person,
    /// Contact of Cedar Health: Secure Relay.
    pub cedar: Person,
}

/// A key as the product's API takes it.
pub(super) fn api_key() -> Secret {
    Secret::new(token::fresh())
}

/// Makes all records. `products` are address and key of the products of Alder Mutual and Brightwater Rail; `server` is the
/// customers' mail server.
pub(super) async fn make(
    app: &Arc<App>,
    products: [(String, Secret); 2],
    server: &MailServer,
) -> Result<(People, Vec<Login>), Error> {
    let alder = admin::add_customer(app, "Alder Mutual".to_owned(), Architecture::Vpn).await?;
    let brightwater = admin::add_customer(app, "Brightwater Rail".to_owned(), Architecture::Vpn).await?;
    let cedar = admin::add_customer(app, "Cedar Health".to_owned(), Architecture::SecureRelay).await?;
    let [first, second] = products;
    admin::put_tenant(app, (alder.id, "alder".to_owned()), Some(first)).await?;
    admin::put_tenant(app, (brightwater.id, "brightwater".to_owned()), Some(second)).await?;
    admin::put_tenant(app, (cedar.id, "cedar".to_owned()), None).await?;
    let [first, second] = server.ends();
    for (customer, name, ends) in [(&alder, FIRST_TUNNEL, first), (&brightwater, SECOND_TUNNEL, second)] {
        admin::put_tunnel(app, tunnel(customer, name, &ends, server.ca_pem())?).await?;
    }
    people(app, [&alder, &brightwater, &cedar]).await
}

fn tunnel(customer: &Customer, name: &str, ends: &Ends, ca_pem: &str) -> Result<Tunnel, Error> {
    let defect = |text: &str| Error::Internal(format!("the demo's own tunnel holds {text:?}, which does not parse"));
    let ip = |text: &str| text.parse::<IpAddr>().map_err(|_not_an_address| defect(text));
    let network = |text: &str| text.parse::<IpNet>().map_err(|_not_a_network| defect(text));
    Ok(Tunnel {
        customer: customer.id,
        id: TunnelId::new(fresh_id()),
        name: name.to_owned(),
        our_gateway: ip(&ends.our_gateway)?,
        peer_gateway: ip(&ends.peer_gateway)?,
        our_selectors: vec![network(&ends.our_network)?],
        peer_selectors: vec![network(&ends.peer_network)?],
        alerting_ip: ip(&ends.alerting_ip)?,
        standby_ip: None,
        routing_domain: "default".to_owned(),
        device: None,
        inside_gateway: ends.inside_gateway.as_deref().map(ip).transpose()?,
        ca_pem: Some(ca_pem.to_owned()),
        state: TunnelState::InUse,
    })
}

async fn people(app: &Arc<App>, [alder, brightwater, cedar]: [&Customer; 3]) -> Result<(People, Vec<Login>), Error> {
    let contact = |customer: &Customer| Place::Contact { customer: customer.id, all_cases: true };
    let staff = |roles: &[Role]| Place::Staff(roles.iter().copied().collect::<BTreeSet<_>>());
    let logins = [
        ("customer@demo.example", "customer, Alder Mutual: VPN, private server"),
        ("engineer@demo.example", "engineer, support and network"),
        ("lead@demo.example", "lead"),
        ("admin@demo.example", "administrator"),
        ("brightwater@demo.example", "customer, Brightwater Rail: VPN, public server"),
        ("cedar@demo.example", "customer, Cedar Health: Secure Relay"),
    ]
    .map(|(email, what)| Login { email: email.to_owned(), password: password(), what });
    let add = async |name: &str, login: &Login, place: Place| {
        admin::add_person(app, (name.to_owned(), login.email.clone()), place, Some(login.password.clone())).await
    };
    let [customer, engineer, lead, admin, public, relay] = &logins;
    // Hashing takes the time; as many go at once as there are cores.
    let (customer, engineer, lead, admin, brightwater, cedar) = tokio::try_join!(
        add("Dana Kern", customer, contact(alder)),
        add("Erik Lund", engineer, staff(&[Role::Support, Role::Network])),
        add("Lea Moreau", lead, staff(&[Role::Lead])),
        add("Ada Novak", admin, staff(&[Role::Admin])),
        add("Ben Osei", public, contact(brightwater)),
        add("Cleo Park", relay, contact(cedar)),
    )?;
    let second_contact = ("Lee Marsh".to_owned(), "firewall@demo.example".to_owned());
    admin::add_person(app, second_contact, contact(alder), None).await?;
    Ok((People { customer, engineer, lead, admin, brightwater, cedar }, logins.to_vec()))
}

/// Sixteen hexadecimal digits in groups of four, easy to type.
fn password() -> Secret {
    let digits = hex(&token::random::<8>());
    let groups: Vec<&str> = [0..4, 4..8, 8..12, 12..16].into_iter().filter_map(|range| digits.get(range)).collect();
    Secret::new(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::passwords::PASSWORD_LENGTH;

    #[test]
    fn passwords_differ_and_are_long_enough_to_sign_in_with() {
        assert!(PASSWORD_LENGTH.contains(&password().expose().len()));
        assert_ne!(password(), password());
    }
}
