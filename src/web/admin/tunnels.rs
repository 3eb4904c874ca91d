//! The tunnels of a customer: both ends, what they carry, and the sheet from which the other side builds its end.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use ipnet::IpNet;

use super::customers::path as customer_path;
use super::{administrator, again, customer_of, fill, identifier, page};
use crate::app::{Error, Outcome, adding, admin, agents, tunnels};
use crate::clock::fresh_id;
use crate::domain::customer::Customer;
use crate::domain::id::TunnelId;
use crate::domain::tunnel::{Tunnel, TunnelState};
use crate::views::common::{Empty, Fact, Link, Note, Section, Tag, Tone};
use crate::views::form::{Button, Choice, Field, Form, Kind, Width};
use crate::views::records::{Cell, Edit, Listing, Record, Row};
use crate::web::fields::Fields;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

const FIELDS: &[&str] = &[
    "name",
    "state",
    "our_gateway",
    "peer_gateway",
    "our_networks",
    "peer_networks",
    "alerting_ip",
    "standby_ip",
    "inside_gateway",
    "routing_domain",
    "device",
    "ca_pem",
];

/// The tunnels of a customer.
pub(super) async fn list(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    let all = admin::tunnels(&visitor.app, customer.id).await?;
    let row = |tunnel: Tunnel| Row {
        link: Link::new(tunnel.name.clone(), path(&customer, tunnel.id)),
        cells: vec![
            Cell::code(lines(&tunnel.peer_selectors, ", ")),
            Cell::code(tunnel.alerting_ip.to_string()),
            Cell { tag: Some(state(tunnel.state)), ..Cell::new("") },
        ],
    };
    let body = Listing {
        heading: format!("Tunnels of {}", customer.name),
        intro: None,
        add: Some(Link::new("Add a tunnel", format!("{}/tunnels/new", customer_path(&customer)))),
        columns: ["Tunnel", "Their networks", "Alerting IP", "State"].map(str::to_owned).to_vec(),
        empty: all.is_empty().then(|| Empty { text: "This customer has no tunnel yet.".to_owned(), link: None }),
        rows: all.into_iter().map(row).collect(),
    };
    page(&visitor, &format!("Tunnels of {}", customer.name), crumbs(&customer, false), Listing::TEMPLATE, body)
}

/// One tunnel, with its settings sheet.
pub(super) async fn one(visitor: Visitor, Path((id, tunnel)): Path<(String, String)>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    let tunnel = tunnels::one(&visitor.app, customer.id, TunnelId::new(identifier(&tunnel)?)).await?;
    let remarks = tunnels::remarks(&visitor.app, &customer, &tunnel).await?;
    let of_agents = agents::list(&visitor.app).await?;
    let agent = of_agents
        .iter()
        .find(|(agent, names)| agent.revoked_at.is_none() && names.contains(&tunnel.name))
        .map_or_else(|| "None: this service tests".to_owned(), |(agent, _)| agent.name.clone());
    let body = Record {
        tag: Some(state(tunnel.state)),
        notes: remarks.into_iter().map(|text| Note::new(Tone::You, text)).collect(),
        sections: vec![Section { heading: "On record".to_owned(), facts: facts(&customer, &tunnel, agent) }],
        sheet: Some(sheet(&tunnel)),
        ..Record::new("Tunnel", tunnel.name.as_str())
    };
    page(&visitor, &tunnel.name, crumbs(&customer, true), Record::TEMPLATE, body)
}

fn facts(customer: &Customer, tunnel: &Tunnel, agent: String) -> Vec<Fact> {
    let edit = format!("{}/edit", path(customer, tunnel.id));
    let maybe = |label: &str, value: Option<String>| match value {
        Some(value) => Fact::code(label, value),
        None => Fact::missing(label),
    };
    let facts = vec![
        Fact::code("Our gateway", tunnel.our_gateway.to_string()),
        Fact::code("Their gateway", tunnel.peer_gateway.to_string()),
        Fact::code("Our networks", lines(&tunnel.our_selectors, ", ")),
        Fact::code("Their networks", lines(&tunnel.peer_selectors, ", ")),
        Fact::code("Alerting IP", tunnel.alerting_ip.to_string()),
        maybe("Stand-by alerting IP", tunnel.standby_ip.map(|ip| ip.to_string())),
        maybe("Inside gateway", tunnel.inside_gateway.map(|ip| ip.to_string())),
        Fact::new("Routing domain", tunnel.routing_domain.as_str()),
        maybe("Network device", tunnel.device.clone()),
        Fact::new("Certificates of their authority", if tunnel.ca_pem.is_some() { "On record" } else { "None" }),
        Fact::new("Agent", agent),
    ];
    let last = facts.len() - 1;
    let change = |(at, fact): (usize, Fact)| if at == last { fact } else { fact.change(edit.as_str()) };
    facts.into_iter().enumerate().map(change).collect()
}

/// What the other side needs, with the sides named from its view. A pre-shared key is never on record here.
fn sheet(tunnel: &Tunnel) -> String {
    let mut alerting: Vec<String> = tunnel.alerting_ips().iter().map(ToString::to_string).collect();
    if let Some(standby) = alerting.get_mut(1) {
        standby.push_str(" (after a fail-over)");
    }
    [
        format!("Tunnel:           {}", tunnel.name),
        format!("Your gateway:     {}", tunnel.peer_gateway),
        format!("Remote gateway:   {}", tunnel.our_gateway),
        format!("Your networks:    {}", lines(&tunnel.peer_selectors, ", ")),
        format!("Remote networks:  {}", lines(&tunnel.our_selectors, ", ")),
        format!("Alerts come from: {}", alerting.join(", ")),
        "Pre-shared key:   comes by another way".to_owned(),
    ]
    .join("\n")
}

/// The empty form.
pub(super) async fn new(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    let mut body = adding(&customer);
    for field in &mut body.form.fields {
        match field.name.as_str() {
            "state" => *field = field.clone().value(TunnelState::InUse.as_str()),
            "routing_domain" => *field = field.clone().value("default"),
            _ => {}
        }
    }
    again(&visitor, body)
}

/// Adds a tunnel.
pub(super) async fn add(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    fields.only(FIELDS)?;
    let customer = customer_of(&visitor, &id).await?;
    let (id, once) = (TunnelId::new(fresh_id()), fields.once(&visitor)?);
    let outcome = async {
        let tunnel = tunnels::read(&visitor.app, customer.id, id, &|name| fields.get(name).to_owned())?;
        adding::tunnel(&visitor.app, visitor.person.as_ref().ok_or(Error::SignedOut)?, tunnel, once).await
    };
    match outcome.await {
        Ok(Outcome::Done(tunnel)) => Ok(Redirect::to(&path(&customer, tunnel.id)).into_response()),
        Ok(Outcome::Before(answer)) => {
            let id = TunnelId::new(identifier(&answer.answer)?);
            Ok(Redirect::to(&path(&customer, id)).into_response())
        }
        Err(Error::Invalid(errors)) => {
            let mut body = adding(&customer);
            fill(&mut body.form, &fields, &errors);
            again(&visitor, body)
        }
        Err(other) => Err(other.into()),
    }
}

/// The form with what is on record.
pub(super) async fn edit(visitor: Visitor, Path((id, tunnel)): Path<(String, String)>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    let tunnel = tunnels::one(&visitor.app, customer.id, TunnelId::new(identifier(&tunnel)?)).await?;
    again(&visitor, changing(&customer, &tunnel))
}

/// Changes a tunnel. Its name stays: agents and mails know it by that.
pub(super) async fn change(
    visitor: Visitor,
    Path((id, tunnel)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Failure> {
    administrator(&visitor)?;
    fields.only(FIELDS)?;
    let customer = customer_of(&visitor, &id).await?;
    let known = tunnels::one(&visitor.app, customer.id, TunnelId::new(identifier(&tunnel)?)).await?;
    let typed = |name: &str| if name == "name" { known.name.clone() } else { fields.get(name).to_owned() };
    let outcome = async {
        let tunnel = tunnels::read(&visitor.app, customer.id, known.id, &typed)?;
        admin::put_tunnel(&visitor.app, tunnel).await
    };
    match outcome.await {
        Ok(()) => Ok(Redirect::to(&path(&customer, known.id)).into_response()),
        Err(Error::Invalid(errors)) => {
            let mut body = changing(&customer, &known);
            fill(&mut body.form, &fields, &errors);
            again(&visitor, body)
        }
        Err(other) => Err(other.into()),
    }
}

fn adding(customer: &Customer) -> Edit {
    let list = format!("{}/tunnels", customer_path(customer));
    let mut form = form(&list, "Add tunnel", &list);
    form.fields.insert(0, Field::new(Kind::Code, "name", "Name of the tunnel"));
    Edit { heading: format!("Add a tunnel of {}", customer.name), intro: None, form }
}

fn changing(customer: &Customer, tunnel: &Tunnel) -> Edit {
    let to = path(customer, tunnel.id);
    let mut form = form(&format!("{to}/edit"), "Save", &to);
    for field in &mut form.fields {
        let value = match field.name.as_str() {
            "state" => tunnel.state.as_str().to_owned(),
            "our_gateway" => tunnel.our_gateway.to_string(),
            "peer_gateway" => tunnel.peer_gateway.to_string(),
            "our_networks" => lines(&tunnel.our_selectors, "\n"),
            "peer_networks" => lines(&tunnel.peer_selectors, "\n"),
            "alerting_ip" => tunnel.alerting_ip.to_string(),
            "standby_ip" => tunnel.standby_ip.map(|ip| ip.to_string()).unwrap_or_default(),
            "inside_gateway" => tunnel.inside_gateway.map(|ip| ip.to_string()).unwrap_or_default(),
            "routing_domain" => tunnel.routing_domain.clone(),
            "device" => tunnel.device.clone().unwrap_or_default(),
            _ => tunnel.ca_pem.clone().unwrap_or_default(),
        };
        *field = field.clone().value(value);
    }
    Edit { heading: format!("Change tunnel {}", tunnel.name), intro: None, form }
}

fn form(action: &str, submit: &str, cancel: &str) -> Form {
    let choice = |state: TunnelState| Choice::new(state.as_str(), words(state));
    let states = vec![choice(TunnelState::InUse), choice(TunnelState::Planned), choice(TunnelState::Stopped)];
    let code = |name: &str, label: &str| Field::new(Kind::Code, name, label);
    let mut form = Form::new("form", action, form_key(), Button::main(submit)).fields(vec![
        Field::new(Kind::Radio, "state", "State").options(states),
        code("our_gateway", "Our gateway").hint("Its outside address"),
        code("peer_gateway", "Their gateway").hint("Its outside address"),
        Field::new(Kind::Textarea, "our_networks", "Our networks")
            .hint("Networks on our side that the tunnel carries, one on a line"),
        Field::new(Kind::Textarea, "peer_networks", "Their networks")
            .hint("Networks on the customer's side that the tunnel carries, one on a line"),
        code("alerting_ip", "Alerting IP").hint("Address that our alerts come from"),
        code("standby_ip", "Stand-by alerting IP")
            .hint("Address that our alerts come from after a fail-over")
            .optional(),
        code("inside_gateway", "Inside gateway")
            .hint("Inside address of their gateway, where it answers pings; a test that fails asks it for an echo")
            .optional(),
        Field::new(Kind::Text, "routing_domain", "Routing domain")
            .hint("Tunnels in one routing domain share a routing table")
            .width(Width::Short),
        code("device", "Network device").hint("Device of the tunnel on the machine that tests").optional(),
        Field::new(Kind::Textarea, "ca_pem", "Certificates of their authority")
            .hint("PEM, where their servers are signed by an authority of their own")
            .optional(),
    ]);
    form.cancel = Some(cancel.to_owned());
    form
}

fn crumbs(customer: &Customer, is_tunnel: bool) -> Vec<Link> {
    let to = customer_path(customer);
    let mut crumbs = vec![Link::new("Customers", "/admin/customers"), Link::new(customer.name.as_str(), to.as_str())];
    if is_tunnel {
        crumbs.push(Link::new("Tunnels", format!("{to}/tunnels")));
    }
    crumbs
}

fn path(customer: &Customer, id: TunnelId) -> String {
    format!("{}/tunnels/{}", customer_path(customer), id.uuid().simple())
}

fn lines(networks: &[IpNet], between: &str) -> String {
    networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

fn state(state: TunnelState) -> Tag {
    let tone = match state {
        TunnelState::InUse => Tone::Done,
        TunnelState::Planned => Tone::Neutral,
        TunnelState::Stopped => Tone::Skipped,
    };
    Tag::new(tone, words(state))
}

fn words(state: TunnelState) -> &'static str {
    match state {
        TunnelState::InUse => "In use",
        TunnelState::Planned => "Planned",
        TunnelState::Stopped => "Stopped",
    }
}
