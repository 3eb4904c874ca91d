//! The register: one page of a list, or what a search finds.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use serde::Deserialize;

use super::{path, place, port, progress, word};
use crate::app::whitelist::lists::{self, Page as Found, Wanted};
use crate::app::whitelist::requests;
use crate::app::{Error, FieldError};
use crate::domain::address::Relation;
use crate::domain::id::CustomerId;
use crate::store::register::{Listed, TunnelChoice};
use crate::views::common::{Empty, Link, NavItem, Page};
use crate::views::form::{Choice, ErrorLink};
use crate::views::whitelist::{Register, Row};
use crate::web::fields::encode;
use crate::web::frame;
use crate::web::portal::words;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// What the address of the page may say.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    tunnel: String,
    customer: String,
    q: String,
    gone: String,
    after: String,
}

/// A list, or a search.
pub(super) async fn page(visitor: Visitor, asked: Result<Query<Asked>, QueryRejection>) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    let Ok(Query(asked)) = asked else { return Err(Error::NotFound.into()) };
    let wanted = wanted(&asked)?;
    let tunnels = lists::tunnel_choices(app, person).await?;
    let waiting = requests::list(app, person).await?.pending.len();
    let (found, errors) = match lists::page(app, person, &wanted, lists::PAGE).await {
        Ok(found) => (found, Vec::new()),
        Err(Error::Invalid(errors)) => (Found { rows: Vec::new(), next: None }, errors),
        Err(other) => return Err(other.into()),
    };
    let body = body(&visitor, &wanted, (&found, &tunnels), waiting)?;
    let mut page = Page::new(body.caption.clone(), frame::frame(&visitor), body);
    let link = |fault: FieldError| ErrorLink { target: Some("q".to_owned()), message: fault.message };
    page.errors = errors.into_iter().map(link).collect();
    frame::show(&visitor, Register::TEMPLATE, &page)
}

fn wanted(asked: &Asked) -> Result<Wanted, Failure> {
    if !asked.after.is_empty() {
        return place::read(&asked.after).ok_or_else(|| Error::NotFound.into());
    }
    let customer = match asked.customer.as_str() {
        "" => None,
        text => Some(CustomerId::new(super::identifier(text)?)),
    };
    Ok(Wanted {
        tunnel: asked.tunnel.clone(),
        customer,
        search: asked.q.clone(),
        with_gone: asked.gone == "true",
        after: None,
    })
}

fn body(
    visitor: &Visitor,
    wanted: &Wanted,
    (found, tunnels): (&Found, &[TunnelChoice]),
    waiting: usize,
) -> Result<Register, Failure> {
    let is_search = !wanted.search.trim().is_empty();
    let filter = filter(wanted);
    let views = vec![
        NavItem::new("On the list", format!("/whitelist?{filter}"), !wanted.with_gone),
        NavItem::new("With what is gone", format!("/whitelist?{filter}&gone=true"), wanted.with_gone),
        NavItem::new("Requests", "/whitelist/requests", false).count(words::count(i64::try_from(waiting).unwrap_or(0))),
    ];
    let all = std::iter::once(Choice::new("", "All tunnels"));
    let mut choices: Vec<Choice> = all.chain(tunnels.iter().map(choice)).collect();
    for choice in &mut choices {
        choice.checked = choice.value == wanted.tunnel;
    }
    let chosen = tunnels.iter().find(|tunnel| tunnel.name == wanted.tunnel && !is_search);
    let caption = match (is_search, chosen) {
        (true, _) => format!("Entries around {}", wanted.search.trim()),
        (false, Some(tunnel)) => format!("Entries of tunnel {}", tunnel.name),
        (false, None) if wanted.customer.is_some() => "Entries of one customer".to_owned(),
        (false, None) => "Entries in the order of addresses".to_owned(),
    };
    let add = format!("/whitelist/add?tunnel={}", encode(&wanted.tunnel));
    Ok(Register {
        heading: frame::capital(word(visitor)),
        views,
        action: "/whitelist".to_owned(),
        search: wanted.search.clone(),
        tunnels: choices,
        add: visitor.person()?.works_queue().then(|| Link::new("Add an entry", add)),
        plan: chosen.map(|tunnel| {
            Link::new(format!("What is to be applied in {}", tunnel.name), format!("/whitelist/plan/{}", tunnel.id))
        }),
        rows: found.rows.iter().map(|(listed, relation)| row(listed, *relation)).collect(),
        is_search,
        empty: found.rows.is_empty().then(|| empty(wanted, is_search)),
        more: found
            .next
            .as_ref()
            .map(|at| Link::new("Show more entries", format!("/whitelist?after={}", place::write(wanted, at)))),
        caption,
    })
}

/// A tunnel in a list of choices.
pub(super) fn choice(tunnel: &TunnelChoice) -> Choice {
    Choice::new(tunnel.name.as_str(), format!("{} ({})", tunnel.name, tunnel.customer))
}

/// The filter as it stands in an address.
fn filter(wanted: &Wanted) -> String {
    let customer = wanted.customer.map(|id| id.to_string()).unwrap_or_default();
    let named = [("tunnel", wanted.tunnel.as_str()), ("customer", &customer), ("q", &wanted.search)];
    let named = named.iter().filter(|(_, value)| !value.is_empty());
    named.map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// Never used, nothing found and nothing there any more are three texts.
fn empty(wanted: &Wanted, is_search: bool) -> Empty {
    let say = |text: &str, link| Empty { text: text.to_owned(), link };
    if is_search {
        let link = Link::new("Clear the search", "/whitelist");
        return say("No entry is, contains or lies inside what you searched.", Some(link));
    }
    if wanted.after.is_some() {
        return say("There are no further entries.", Some(Link::new("Go to the first page", "/whitelist")));
    }
    say("Nothing stands on this list yet. Cases put entries here, and engineers add them.", None)
}

fn row(listed: &Listed, relation: Option<Relation>) -> Row {
    let entry = &listed.entry;
    Row {
        network: Link::new(entry.network.as_str(), path(entry)),
        port: port(entry),
        relation: relation.map(|relation| relation_word(relation).to_owned()),
        tunnel: Link::new(listed.tunnel.as_str(), format!("/whitelist?tunnel={}", encode(&listed.tunnel))),
        customer: Link::new(listed.customer.as_str(), format!("/whitelist?customer={}", entry.customer_id)),
        ours: progress(entry.ours, entry.leave_at.is_some()),
        theirs: progress(entry.theirs, false),
        origin: "By hand".to_owned(),
        case: listed.case_number.map(|number| Link::new(format!("Case {number}"), format!("/cases/{number}"))),
    }
}

/// How an entry lies to what was searched.
fn relation_word(relation: Relation) -> &'static str {
    match relation {
        Relation::Same => "The same",
        Relation::Contains => "Contains it",
        Relation::Contained => "Inside it",
        Relation::Disjoint => "Apart",
    }
}
