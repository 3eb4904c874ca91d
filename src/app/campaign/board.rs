//! How far a change has come: for leads, and for the customers whose servers it concerns.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use super::{addresses_of, require_viewer};
use crate::app::alerting_ips::MOST_NAMING;
use crate::app::{App, Error};
use crate::domain::actor::Person;
use crate::domain::alerting_ip::AlertingIp;
use crate::domain::alerting_ip::campaign::{CampaignState, Standing};
use crate::domain::id::TunnelId;
use crate::domain::workflow::{Data, Value};
use crate::store::alerting_campaigns::{self as rows, Campaign, Dates};
use crate::store::alerting_servers::{self as servers, GoneOver, Line};
use crate::store::alerting_tunnels::{self, Naming};

/// Changes on one page of the list.
const PAGE: i64 = 50;
/// Servers on one page of the board.
pub const LINES: i64 = 100;

/// A change with its addresses and how far it has come.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The change.
    pub campaign: Campaign,
    /// The address that ends.
    pub old: AlertingIp,
    /// The one that takes its place.
    pub new: AlertingIp,
    /// How many servers stand where.
    pub counts: BTreeMap<Standing, i64>,
}

impl Summary {
    /// How many servers it concerns.
    pub fn servers(&self) -> i64 {
        self.counts.values().sum()
    }

    /// How many stand so.
    pub fn count(&self, standing: Standing) -> i64 {
        self.counts.get(&standing).copied().unwrap_or_default()
    }
}

/// A page of the board.
#[derive(Clone, Debug)]
pub struct Board {
    /// The change.
    pub summary: Summary,
    /// Dates as they were promised, newest first.
    pub dates: Vec<Dates>,
    /// How many tunnels have gone over.
    pub gone_over: GoneOver,
    /// How many still name the former address.
    pub left: i64,
    /// Which ones, by name, at most [`MOST_NAMING`]; none once the change is over.
    pub left_tunnels: Vec<Naming>,
    /// Servers.
    pub lines: Vec<Server>,
    /// Where the next page begins; none on the last one.
    pub next: Option<i64>,
}

/// A server on the board.
#[derive(Clone, Debug)]
pub struct Server {
    /// As it is on record.
    pub line: Line,
    /// Where it stands.
    pub standing: Standing,
    /// Who has answered for it.
    pub acknowledged_by: Option<String>,
}

/// Changes, newest first, with numbers below `before`.
///
/// # Errors
/// [`Error::Forbidden`] for customers; what the database says.
pub async fn list(app: &App, person: &Person, before: i64) -> Result<Vec<Summary>, Error> {
    require_viewer(person)?;
    let mut tx = app.db.read().await?;
    let mut all = Vec::new();
    for campaign in rows::list(&mut tx, before, PAGE).await? {
        let (old, new) = addresses_of(&mut tx, (campaign.old_ip, campaign.new_ip)).await?;
        let counts = counts(&servers::counts(&mut tx, campaign.number).await?);
        all.push(Summary { campaign, old, new, counts });
    }
    Ok(all)
}

fn counts(found: &[servers::Count]) -> BTreeMap<Standing, i64> {
    let mut counts = BTreeMap::new();
    for row in found {
        *counts.entry(Standing::of(&row.state)).or_default() += row.count;
    }
    counts
}

/// One change with a page of its servers: those of one standing where it is named, behind the case `after`.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for customers; what the database says.
pub async fn board(
    app: &App,
    person: &Person,
    number: i64,
    (standing, after): (Option<Standing>, i64),
) -> Result<Board, Error> {
    require_viewer(person)?;
    let mut tx = app.db.read().await?;
    let campaign = rows::by_number(&mut tx, number).await?.ok_or(Error::NotFound)?;
    let (old, new) = addresses_of(&mut tx, (campaign.old_ip, campaign.new_ip)).await?;
    let counts = counts(&servers::counts(&mut tx, number).await?);
    let dates = rows::dates(&mut tx, number).await?;
    let gone_over = servers::gone_over(&mut tx, number).await?;
    let left = alerting_tunnels::count(&mut tx, old.network.addr()).await?;
    let left_tunnels = match campaign.state {
        CampaignState::Open => alerting_tunnels::naming(&mut tx, old.network.addr(), MOST_NAMING).await?,
        CampaignState::Finished | CampaignState::Withdrawn => Vec::new(),
    };
    let state = standing.map_or("", Standing::as_str);
    let mut lines = servers::board(&mut tx, number, (state, after), LINES + 1).await?;
    let is_longer = i64::try_from(lines.len()).is_ok_and(|count| count > LINES);
    lines.truncate(usize::try_from(LINES).unwrap_or(usize::MAX));
    let next = lines.last().map(|line| line.parent).filter(|_| is_longer);
    let lines = lines
        .into_iter()
        .map(|line| Server {
            standing: Standing::of(&line.state),
            acknowledged_by: text(&line.data.0, "acknowledged_by"),
            line,
        })
        .collect();
    Ok(Board { summary: Summary { campaign, old, new, counts }, dates, gone_over, left, left_tunnels, lines, next })
}

fn text(data: &Data, field: &str) -> Option<String> {
    data.get(field).and_then(Value::as_text).map(str::to_owned)
}

/// A server of a customer that a change concerns.
#[derive(Clone, Debug)]
pub struct Concerned {
    /// Number of its case.
    pub number: i64,
    /// The server.
    pub server: String,
    /// Where it stands.
    pub standing: Standing,
    /// The address that ends.
    pub old_ip: String,
    /// The one that takes its place.
    pub new_ip: String,
    /// When alerts begin to come from the new one.
    pub effective_at: Option<DateTime<Utc>>,
    /// Until when the former one may be used.
    pub until_at: Option<DateTime<Utc>>,
}

/// The servers that changes under way concern, of a customer's person: those in the cases that the person may see. Nobody of
/// the vendor has any.
///
/// # Errors
/// What the database says.
pub async fn of_person(app: &App, person: &Person) -> Result<Vec<Concerned>, Error> {
    let Some(customer) = person.customer else { return Ok(Vec::new()) };
    let opener = (!person.all_cases).then_some(person.id);
    let found = servers::of_customer(&mut app.db.read().await?, customer, opener).await?;
    let concerned = |row: servers::OfCustomer| {
        let value = |field: &str| text(&row.data.0, field).unwrap_or_default();
        let port = row.data.0.get("smtp_port").map(ToString::to_string).unwrap_or_default();
        let host = text(&row.data.0, "smtp_host").unwrap_or_else(|| value("smtp_ip"));
        Concerned {
            number: row.number,
            server: format!("{host}, port {port}"),
            standing: Standing::of(&row.state),
            old_ip: value("old_ip"),
            new_ip: value("new_ip"),
            effective_at: value("effective_at").parse().ok(),
            until_at: value("until_at").parse().ok(),
        }
    };
    Ok(found.into_iter().map(concerned).collect())
}

/// A change as a resource.
pub fn resource(summary: &Summary) -> Json {
    let Summary { campaign, old, new, counts } = summary;
    let counts: BTreeMap<&str, i64> = counts.iter().map(|(standing, count)| (standing.as_str(), *count)).collect();
    json!({
        "number": campaign.number,
        "old": old.shown(),
        "new": new.shown(),
        "state": campaign.state,
        "effective_at": campaign.effective_at,
        "until_at": campaign.until_at,
        "revision": campaign.revision,
        "emergency_reason": campaign.emergency_reason,
        "override_reason": campaign.override_reason.as_ref().filter(|_| campaign.state != CampaignState::Withdrawn),
        "opened_at": campaign.opened_at,
        "ended_at": campaign.ended_at,
        "servers": summary.servers(),
        "counts": counts,
    })
}

/// A board as a resource.
pub fn board_resource(app: &App, board: &Board) -> Json {
    let mut body = resource(&board.summary);
    let dates: Vec<Json> = board
        .dates
        .iter()
        .map(|dates| {
            json!({
                "revision": dates.revision,
                "effective_at": dates.effective_at,
                "until_at": dates.until_at,
                "reason": dates.reason,
                "at": dates.at,
                "by": dates.by_name,
            })
        })
        .collect();
    let shown: Vec<Json> = board
        .lines
        .iter()
        .map(|server| {
            json!({
                "case": server.line.number,
                "url": format!("{}/cases/{}", app.public_url, server.line.number),
                "of_case": server.line.parent,
                "customer": server.line.customer_name,
                "tunnel": {"id": TunnelId::uuid(server.line.tunnel_id), "name": server.line.tunnel_name},
                "state": server.standing,
                "acknowledged_by": server.acknowledged_by,
            })
        })
        .collect();
    if let Some(members) = body.as_object_mut() {
        members.insert("dates".to_owned(), json!(dates));
        members.insert(
            "tunnels".to_owned(),
            json!({
                "gone_over": board.gone_over.count,
                "overridden": board.gone_over.overridden,
                "left": board.left,
            }),
        );
        members.insert("items".to_owned(), json!(shown));
        members.insert("next".to_owned(), json!(board.next));
    }
    body
}
