//! Changes of alerting IPs: the list, and the board of one.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::decide;
use crate::app::campaign::board::{self, Board, Server, Summary};
use crate::app::{Error, FieldError, alerting_ips};
use crate::domain::actor::Role;
use crate::domain::alerting_ip::IpState;
use crate::domain::alerting_ip::campaign::{CampaignState, Standing};
use crate::views::alerting_change::AlertingChange;
use crate::views::common::{Fact, Link, NavItem, Note, Page, Tag, Tone};
use crate::views::form::Form;
use crate::views::records::Cell;
use crate::views::tables::{Group, TableRow, Tables};
use crate::web::admin::fill;
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::portal::path_number;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

pub(super) const PATH: &str = "/alerting-changes";

/// Which part of the board.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    state: String,
    after: String,
}

/// A form that was sent, with what is wrong with it.
pub(super) type Typed<'t> = (&'t str, &'t Fields, &'t [FieldError]);

/// The changes.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Failure> {
    listed(&visitor, None).await
}

pub(super) async fn listed(visitor: &Visitor, typed: Option<Typed<'_>>) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    let all = board::list(app, person, i64::MAX).await?;
    let form = match person.is(Role::Lead) {
        true => {
            let register: Vec<_> = alerting_ips::list(app).await?.into_iter().map(|listed| listed.ip).collect();
            let mut form = decide::announcing(&register);
            if let Some((_, fields, errors)) = typed {
                fill(&mut form, fields, errors);
            }
            Some(form)
        }
        false => None,
    };
    let errors = form.as_ref().map(Form::errors).unwrap_or_default();
    let body = Tables {
        intro: Some(
            "Every server that a change concerns has a case of its own. The former IP stays with a tunnel until a test from \
             the new one has reached every server behind it, or a lead goes on without the proof."
                .to_owned(),
        ),
        links: vec![Link::new("Alerting IPs", "/alerting-ips")],
        groups: vec![Group {
            heading: "Changes".to_owned(),
            columns: ["Change", "State", "First day", "Servers", "Proven", "Overdue"].map(str::to_owned).to_vec(),
            note: all.is_empty().then(|| "No alerting IP has changed yet.".to_owned()),
            rows: all.iter().map(row).collect(),
        }],
        form_heading: form.is_some().then(|| "Announce a change".to_owned()),
        form,
        ..Tables::new("Changes of alerting IPs")
    };
    let mut page = Page::new("Changes of alerting IPs", frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, Tables::TEMPLATE, &page)
}

fn row(summary: &Summary) -> TableRow {
    let campaign = &summary.campaign;
    TableRow {
        name: format!("{} becomes {}", summary.old.shown(), summary.new.shown()),
        href: Some(format!("{PATH}/{}", campaign.number)),
        cells: vec![
            Cell { tag: Some(state(campaign.state)), ..Cell::new("") },
            Cell::new(crate::views::instant(campaign.effective_at)),
            Cell::new(summary.servers().to_string()),
            Cell::new(summary.count(Standing::Proven).to_string()),
            Cell::new(summary.count(Standing::Overdue).to_string()),
        ],
    }
}

fn state(state: CampaignState) -> Tag {
    match state {
        CampaignState::Open => Tag::new(Tone::Us, "Under way"),
        CampaignState::Finished => Tag::new(Tone::Done, "Finished"),
        CampaignState::Withdrawn => Tag::new(Tone::Neutral, "Called off"),
    }
}

/// The board of one change.
pub(super) async fn board(
    visitor: Visitor,
    Path(number): Path<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Failure> {
    let Ok(Query(wanted)) = wanted else { return Err(Error::NotFound.into()) };
    shown(&visitor, path_number(&number)?, &wanted, None).await
}

pub(super) async fn shown(
    visitor: &Visitor,
    number: i64,
    wanted: &Wanted,
    typed: Option<Typed<'_>>,
) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    let standing = match wanted.state.as_str() {
        "" => None,
        word => Some(Standing::parse(word).ok_or(Error::NotFound)?),
    };
    let after = if wanted.after.is_empty() { 0 } else { path_number(&wanted.after)? };
    let found = board::board(app, person, number, (standing, after)).await?;
    let is_open = found.summary.campaign.state == CampaignState::Open;
    let mut acts = if is_open && person.is(Role::Lead) { decide::acts(&found) } else { Vec::new() };
    if let Some((id, fields, errors)) = typed {
        for act in acts.iter_mut().filter(|act| act.form.id == id) {
            fill(&mut act.form, fields, errors);
            act.is_open = true;
        }
    }
    let errors = acts.iter().flat_map(|act| act.form.errors()).collect();
    let body = AlertingChange { acts, ..body(&found, standing) };
    let mut page = Page::new(body.heading.clone(), frame::frame(visitor), body);
    page.crumbs = vec![Link::new("Changes of alerting IPs", PATH)];
    page.errors = errors;
    frame::show(visitor, AlertingChange::TEMPLATE, &page)
}

fn body(found: &Board, standing: Option<Standing>) -> AlertingChange {
    let Summary { campaign, old, new, .. } = &found.summary;
    let path = format!("{PATH}/{}", campaign.number);
    let day = crate::views::instant;
    let in_view = |word: &str| if word.is_empty() { path.clone() } else { format!("{path}?state={word}") };
    let count = |count: i64| u64::try_from(count).unwrap_or_default();
    let mut views = vec![NavItem::new("All", in_view(""), standing.is_none()).count(count(found.summary.servers()))];
    views.extend(Standing::ALL.iter().filter(|one| **one != Standing::Over).map(|one| {
        let found = found.summary.count(*one);
        NavItem::new(one.title(), in_view(one.as_str()), standing == Some(*one)).count(count(found))
    }));
    let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    AlertingChange {
        heading: format!("{} becomes {}", old.shown(), new.shown()),
        tag: state(campaign.state),
        notes: notes(found),
        facts: facts(found),
        views,
        servers: Group {
            heading: standing.map_or("Servers", Standing::title).to_owned(),
            columns: columns(&["Customer", "State", "Server", "Tunnel", "Answered by", "Since"]),
            note: found.lines.is_empty().then(|| "No server stands here.".to_owned()),
            rows: found.lines.iter().map(line).collect(),
        },
        more: found.next.map(|next| {
            let word = standing.map_or("", Standing::as_str);
            Link::new("Next servers", format!("{path}?state={word}&after={next}"))
        }),
        dates: Group {
            heading: "Dates as they were promised".to_owned(),
            columns: columns(&["Since", "First day", "Last day", "Why", "By"]),
            rows: found
                .dates
                .iter()
                .map(|dates| TableRow {
                    name: day(dates.at),
                    href: None,
                    cells: vec![
                        Cell::new(day(dates.effective_at)),
                        Cell::new(day(dates.until_at)),
                        Cell::new(dates.reason.clone()),
                        Cell::new(dates.by_name.clone().unwrap_or_default()),
                    ],
                })
                .collect(),
            note: None,
        },
        acts: Vec::new(),
    }
}

fn facts(found: &Board) -> Vec<Fact> {
    let Summary { campaign, old, new, .. } = &found.summary;
    let day = crate::views::instant;
    let all = found.gone_over.count + found.left;
    let mut facts = vec![
        Fact::code("Former IP", old.shown()),
        Fact::code("New IP", new.shown()),
        Fact::new("First day of the new IP", day(campaign.effective_at)),
        Fact::new("Last day of the former IP", day(campaign.until_at)),
        Fact::new("Tunnels that have gone over", format!("{} of {all}", found.gone_over.count)),
        Fact::new("Of these without the proof", found.gone_over.overridden.to_string()),
    ];
    if let Some(reason) = &campaign.emergency_reason {
        facts.push(Fact::new("Emergency", reason.as_str()));
    }
    if let Some(reason) = &campaign.override_reason {
        let label = if campaign.state == CampaignState::Withdrawn { "Called off because" } else { "Gone on because" };
        facts.push(Fact::new(label, reason.as_str()));
    }
    facts
}

fn notes(found: &Board) -> Vec<Note> {
    let overdue = found.summary.count(Standing::Overdue);
    let mut notes = Vec::new();
    if overdue > 0 {
        let text = match overdue {
            1 => "1 server is overdue: the new IP is in use, and no test from it has passed.".to_owned(),
            count => format!("{count} servers are overdue: the new IP is in use, and no test from it has passed."),
        };
        notes.push(Note::new(Tone::Failed, text));
    }
    let is_open = found.summary.campaign.state == CampaignState::Open;
    if is_open && found.summary.new.state == IpState::Active && found.left > 0 {
        let text = format!("{} tunnels still use the former IP. It is retired when none does.", found.left);
        notes.push(Note::new(Tone::Us, text));
    }
    notes
}

fn line(server: &Server) -> TableRow {
    let tone = match server.standing {
        Standing::Overdue | Standing::NotLetIn => Tone::Failed,
        Standing::Unclear => Tone::You,
        Standing::Told => Tone::Other,
        Standing::Testing => Tone::Us,
        Standing::Proven => Tone::Done,
        Standing::Overridden | Standing::Over => Tone::Neutral,
    };
    let title = server.line.title.rsplit(": ").next().unwrap_or_default();
    TableRow {
        name: server.line.customer_name.clone(),
        href: Some(format!("/cases/{}", server.line.number)),
        cells: vec![
            Cell::tag(tone, server.standing.title()),
            Cell::code(title),
            Cell::new(server.line.tunnel_name.clone()),
            Cell::new(server.acknowledged_by.clone().unwrap_or_else(|| "Nobody".to_owned())),
            Cell::new(crate::views::instant(server.line.waiting_since)),
        ],
    }
}
