//! What the bench works on: one customer with a tunnel, two people who are signed in, cases in the queue.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use ipnet::IpNet;

use super::visitor::Visitor;
use crate::app::admin::{self, Place};
use crate::app::requests::{self, Draft};
use crate::app::{App, Error, Once, Outcome, token};
use crate::cli::out::Stop;
use crate::clock::fresh_id;
use crate::domain::actor::{Person, Role};
use crate::domain::case::Case;
use crate::domain::customer::{Architecture, Customer};
use crate::domain::id::{CaseId, TunnelId};
use crate::domain::tunnel::{Tunnel, TunnelState};
use crate::secret::Secret;
use crate::store;

/// How many copies are written in one transaction.
const BATCH: u32 = 500;

/// The people of the bench.
pub(super) struct Cast {
    /// The customer's contact.
    pub(super) contact: Person,
    /// The contact's session.
    pub(super) customer: Visitor,
    /// An engineer.
    pub(super) engineer: Person,
    /// The engineer's session.
    pub(super) desk: Visitor,
}

/// Makes the customer, its tunnel and the people, and signs them in.
pub(super) async fn cast(app: &Arc<App>) -> Result<Cast, Stop> {
    let customer = admin::add_customer(app, "Bench customer".to_owned(), Architecture::Vpn).await?;
    admin::put_tunnel(app, tunnel(&customer)?).await?;
    let password = token::fresh();
    let place = Place::Contact { customer: customer.id, all_cases: true };
    let contact = person(app, ("Bench contact", "contact@customer.example"), place, &password).await?;
    let roles = BTreeSet::from([Role::Support, Role::Network]);
    let engineer = person(app, ("Bench engineer", "engineer@vendor.example"), Place::Staff(roles), &password).await?;
    Ok(Cast {
        customer: Visitor::signed_in(app, &contact.email, &password).await?,
        desk: Visitor::signed_in(app, &engineer.email, &password).await?,
        contact,
        engineer,
    })
}

async fn person(app: &Arc<App>, (name, email): (&str, &str), place: Place, password: &str) -> Result<Person, Stop> {
    let password = Some(Secret::new(password.to_owned()));
    Ok(admin::add_person(app, (name.to_owned(), email.to_owned()), place, password).await?)
}

fn tunnel(customer: &Customer) -> Result<Tunnel, Stop> {
    let address = |text: &str| text.parse::<IpAddr>().map_err(Stop::failed);
    let network = |text: &str| text.parse::<IpNet>().map_err(Stop::failed);
    Ok(Tunnel {
        customer: customer.id,
        id: TunnelId::new(fresh_id()),
        name: "bench-1".to_owned(),
        our_gateway: address("198.51.100.1")?,
        peer_gateway: address("203.0.113.2")?,
        our_selectors: vec![network("10.99.0.0/24")?],
        peer_selectors: vec![network("10.0.0.0/10")?],
        alerting_ip: address("10.99.0.8")?,
        inside_gateway: None,
        standby_ip: None,
        routing_domain: "bench".to_owned(),
        device: None,
        ca_pem: None,
        state: TunnelState::InUse,
    })
}

/// Sends a request as a customer does; `index` chooses the address of its server, below 2^22.
pub(super) async fn request(app: &Arc<App>, contact: &Person, index: u32) -> Result<Case, Stop> {
    let draft = Draft {
        smtp_location: "private".to_owned(),
        smtp_ip: IpAddr::from((0x0A00_0001 + index).to_be_bytes()).to_string(),
        smtp_port: "587".to_owned(),
        encryption: "starttls".to_owned(),
        sender_address: "alerts@customer.example".to_owned(),
        ..Draft::default()
    };
    let once = Once { scope: "bench".to_owned(), key: fresh_id().to_string(), fingerprint: String::new() };
    match requests::send(app, contact, draft, once).await? {
        Outcome::Done(case) => Ok(case),
        Outcome::Before(_) => Err(Error::KeyReused.into()),
    }
}

/// Fills the lists with copies of a case, each with its own number, due a minute after the one before. A list reads
/// nothing of a case but its row, so rows are what is copied.
pub(super) async fn copies(app: &Arc<App>, model: &Case, count: u32) -> Result<(), Stop> {
    let mut made = 0;
    while made < count {
        let batch = BATCH.min(count - made);
        let (model, first) = (model.clone(), made);
        app.db
            .write(move |tx| {
                let model = model.clone();
                Box::pin(async move {
                    for index in first..first + batch {
                        let mut case = model.clone();
                        case.id = CaseId::new(fresh_id());
                        case.number = store::cases::take_number(tx).await?;
                        case.due_at += TimeDelta::minutes(i64::from(index));
                        store::cases::add(tx, &case).await?;
                    }
                    Ok::<(), Error>(())
                })
            })
            .await?;
        made += batch;
    }
    Ok(())
}
