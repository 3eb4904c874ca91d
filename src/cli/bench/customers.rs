//! Customers that are made up: each with a tunnel of its own, a contact and a server in use, so that a change of an alerting
//! IP has somebody to tell. They are written as rows, because nobody waits for ten thousand requests to be worked off.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::app::alerting_ips::{self, Draft, Keeper};
use crate::app::{App, Error, workflows};
use crate::clock::fresh_id;
use crate::domain::actor::{Person, Role};
use crate::domain::case::{Case, Priority, WaitingOn};
use crate::domain::channel::Channel;
use crate::domain::customer::{Architecture, Customer};
use crate::domain::id::{CaseId, CustomerId, PersonId, ServerId, SettingsId, TunnelId};
use crate::domain::mail_settings::Encryption;
use crate::domain::tunnel::{Tunnel, TunnelState};
use crate::domain::workflow::{CaseState, Data, Value};
use crate::store::people::Entry;
use crate::store::settings::Settings;
use crate::store::tunnels::Server;
use crate::store::{Tx, cases, customers, people, settings, tunnels};

/// How many customers one transaction writes.
const BATCH: u32 = 250;
/// The address that all of them depend on, and the one that takes its place.
pub const OLD: &str = "198.51.100.24";
/// See [`OLD`].
pub const NEW: &str = "198.51.100.99";

/// What was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// Number of the address that all of them depend on.
    pub old: i64,
    /// Number of the one that takes its place.
    pub new: i64,
    /// A lead, who may announce the change.
    pub lead: Person,
    /// A contact of each customer.
    pub contacts: Vec<Person>,
}

/// Makes `count` customers, and the new address, planned for `from`.
///
/// # Errors
/// What the database says.
pub async fn make(app: &Arc<App>, count: u32, from: &str) -> Result<Made, Error> {
    let lead = Person {
        id: PersonId::new(fresh_id()),
        name: "Lee Lead".to_owned(),
        email: "lead@vendor.example".to_owned(),
        roles: BTreeSet::from([Role::Lead]),
        customer: None,
        all_cases: false,
    };
    let by = lead.clone();
    let at = app.now();
    app.db
        .write(move |tx| {
            let lead = by.clone();
            Box::pin(async move { Ok::<(), Error>(people::add(tx, &entry(lead), None, at).await?) })
        })
        .await?;
    let draft = |network: &str, from: &str| Draft {
        network: network.to_owned(),
        purpose: "alerting".to_owned(),
        from: from.to_owned(),
        is_published: true,
        ..Draft::default()
    };
    let old = alerting_ips::add(app, Keeper(None), &draft(OLD, "")).await?.number;
    let new = alerting_ips::add(app, Keeper(None), &draft(NEW, from)).await?.number;
    let mut contacts = Vec::new();
    let mut made = 0;
    while made < count {
        let last = count.min(made + BATCH);
        let (shared, range) = (Arc::clone(app), made..last);
        let batch = app
            .db
            .write(move |tx| {
                let (app, range) = (Arc::clone(&shared), range.clone());
                Box::pin(async move {
                    let mut contacts = Vec::new();
                    for index in range {
                        contacts.push(one(&app, tx, index).await?);
                    }
                    Ok::<_, Error>(contacts)
                })
            })
            .await?;
        contacts.extend(batch);
        made = last;
    }
    Ok(Made { old, new, lead, contacts })
}

fn entry(person: Person) -> Entry {
    Entry { person, active: true, wants_mail: true, has_password: false }
}

async fn one(app: &App, tx: &mut Tx, index: u32) -> Result<Person, Error> {
    let at = app.now();
    let customer = Customer {
        id: CustomerId::new(fresh_id()),
        name: format!("Customer {index:05}"),
        architecture: Architecture::Vpn,
        list_word: None,
    };
    customers::add(tx, &customer, at).await?;
    let contact = Person {
        id: PersonId::new(fresh_id()),
        name: format!("Contact {index:05}"),
        email: format!("contact-{index:05}@customer.example"),
        roles: BTreeSet::from([Role::Customer]),
        customer: Some(customer.id),
        all_cases: true,
    };
    people::add(tx, &entry(contact.clone()), None, at).await?;
    let tunnel = tunnel(&customer, index)?;
    tunnels::add(tx, &tunnel, at).await?;
    let server = Server {
        customer_id: customer.id,
        id: ServerId::new(fresh_id()),
        tunnel_id: tunnel.id,
        name: None,
        address: "10.20.4.15".to_owned(),
        port: 587,
    };
    let server = tunnels::record_server(tx, &server, at).await?;
    let case = in_use(app, tx, (&customer, &contact, &tunnel), server).await?;
    cases::add(tx, &case).await?;
    settings::add(tx, &applied(&case, &contact)).await?;
    Ok(contact)
}

fn tunnel(customer: &Customer, index: u32) -> Result<Tunnel, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Internal(error.to_string());
    let address = |text: &str| text.parse::<IpAddr>().map_err(|error| wrong(&error));
    let network = |text: &str| text.parse::<IpNet>().map_err(|error| wrong(&error));
    Ok(Tunnel {
        customer: customer.id,
        id: TunnelId::new(fresh_id()),
        name: format!("tunnel-{index:05}"),
        our_gateway: address("198.51.100.1")?,
        peer_gateway: address("203.0.113.2")?,
        our_selectors: vec![network("198.51.100.0/24")?],
        peer_selectors: vec![network("10.20.0.0/16")?],
        alerting_ip: address(OLD)?,
        inside_gateway: None,
        standby_ip: None,
        // Networks of made-up customers are all the same, so each has its own routing table.
        routing_domain: format!("domain-{index:05}"),
        device: None,
        ca_pem: None,
        state: TunnelState::InUse,
    })
}

/// The settings that are in the product for the server of a case.
fn applied(case: &Case, contact: &Person) -> Settings {
    Settings {
        customer_id: case.customer,
        id: SettingsId::new(fresh_id()),
        case_id: case.id,
        tenant_id: None,
        host: "10.20.4.15".to_owned(),
        address: "10.20.4.15".to_owned(),
        port: 587,
        encryption: Encryption::StartTls,
        sender: "alerts@customer.example".to_owned(),
        tls_name: None,
        recipient: "soc@customer.example".to_owned(),
        account_id: None,
        password_id: None,
        made_by: Some(contact.id),
        made_at: case.opened_at,
        passed_probe: None,
        applied_at: Some(case.opened_at),
        applied_how: Some("by hand".to_owned()),
    }
}

/// The case in whose course a server is in use: at rest, waiting for nobody.
async fn in_use(
    app: &App,
    tx: &mut Tx,
    (customer, contact, tunnel): (&Customer, &Person, &Tunnel),
    server: ServerId,
) -> Result<Case, Error> {
    let definition = app.workflows.newest(Channel::Smtp)?;
    let at = app.now();
    let texts = [
        ("architecture", "vpn"),
        ("smtp_location", "private"),
        ("smtp_ip", "10.20.4.15"),
        ("encryption", "starttls"),
        ("sender_address", "alerts@customer.example"),
        ("test_recipient", "soc@customer.example"),
    ];
    let mut data: Data = texts.map(|(field, text)| (field.to_owned(), Value::from(text))).into();
    data.insert("smtp_port".to_owned(), Value::Integer(587));
    data.insert("alerting_ips".to_owned(), Value::List(vec![OLD.to_owned()]));
    Ok(Case {
        customer: customer.id,
        id: CaseId::new(fresh_id()),
        number: cases::take_number(tx).await?,
        parent: None,
        title: "Whitelist 10.20.4.15 for the VPN tunnel".to_owned(),
        workflow: workflows::reference(definition),
        revision: 0,
        flow: CaseState {
            state: "active".to_owned(),
            previous: None,
            data,
            sealed: BTreeSet::new(),
            seq: 1,
            entered: 1,
        },
        priority: Priority::P3,
        vendor_ticket: None,
        waiting_on: WaitingOn::Nobody,
        owner_role: None,
        queued: true,
        claim: None,
        opened_by: contact.id,
        tunnel: Some(tunnel.id),
        server: Some(server),
        tenant: None,
        is_open: true,
        opened_at: at,
        waiting_since: at,
        due_at: at,
        objective: None,
        soon_at: None,
        escalated_at: None,
        step_due_at: None,
        closed_at: None,
        outcome: None,
    })
}
