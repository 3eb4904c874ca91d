//! Your cases: those that need the reader first.

use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;

use super::{path_number, words};
use crate::app::campaign::board;
use crate::app::{App, Error, cases, requests};
use crate::domain::case::{Case, WaitingOn};
use crate::domain::customer::Architecture;
use crate::views::common::{Empty, Link, Note, Page, Tone};
use crate::views::portal::{CaseRow, Cases, Draft, Group};
use crate::web::problem::Failure;
use crate::web::visit::Visitor;
use crate::web::{alerting_ips, frame};

/// Rows of a page.
const ROWS: usize = 50;

const NEVER: &str = "You have no cases yet. Start a request to have your SMTP server whitelisted for the VPN tunnel.";
const NEVER_RELAY: &str = "You have no cases yet. Start when you have the data of your SMTP server at hand.";
const NO_OLDER: &str = "There are no older cases.";

/// Which part of the list.
#[derive(Deserialize)]
pub(super) struct Part {
    before: Option<String>,
}

/// Shows the cases of a contact.
pub(super) async fn page(visitor: Visitor, Query(part): Query<Part>) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    let before = part.before.as_deref().map(path_number).transpose()?;
    let most = i64::try_from(ROWS).unwrap_or(i64::MAX);
    let mut found = cases::mine(app, person, before.unwrap_or(i64::MAX), most + 1).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let is_relay = requests::customer_of(app, person).await?.architecture == Architecture::SecureRelay;
    let draft = requests::draft_with_age(app, person).await?.filter(|_| before.is_none()).map(|(_, at)| Draft {
        href: "/start/check".to_owned(),
        saved_at: at,
        kept_until: at + requests::KEEP_DRAFT,
    });
    let empty = found.is_empty().then(|| Empty {
        text: if before.is_some() {
            NO_OLDER
        } else if is_relay {
            NEVER_RELAY
        } else {
            NEVER
        }
        .to_owned(),
        link: before.map(|_| Link::new("All your cases", "/cases")),
    });
    let relay = is_relay.then(|| Note {
        link: Some(Link::new("How to set it", "/start")),
        ..Note::new(Tone::Us, "Your site uses Secure Relay, so you can set the SMTP server yourself.")
    });
    let oldest = found.last().filter(|_| more).map(|case| case.number);
    let body = Cases {
        start: Some("/start".to_owned()),
        draft,
        groups: groups(app, &found)?,
        empty,
        relay,
        older: oldest.map(|number| Link::new("Older cases", format!("/cases?before={number}"))),
    };
    let mut page = Page::new("Your cases", frame::frame(&visitor), body);
    page.notice = alerting_ips::note(&board::of_person(app, person).await?);
    frame::show(&visitor, Cases::TEMPLATE, &page)
}

fn groups(app: &App, found: &[Case]) -> Result<Vec<Group>, Error> {
    let mut groups = Vec::new();
    for (heading, side, folded) in [
        ("Needs you", WaitingOn::Customer, false),
        ("With us", WaitingOn::Vendor, false),
        ("Done", WaitingOn::Nobody, true),
    ] {
        let rows = found.iter().filter(|case| case.waiting_on == side).map(|case| row(app, case));
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        if !rows.is_empty() {
            groups.push(Group { heading: heading.to_owned(), rows, folded });
        }
    }
    Ok(groups)
}

fn row(app: &App, case: &Case) -> Result<CaseRow, Error> {
    let texts = words::Texts::new(app, app.workflows.of(&case.workflow)?, case);
    let state = texts.state()?;
    Ok(CaseRow {
        number: words::count(case.number),
        href: format!("/cases/{}", case.number),
        title: case.title.clone(),
        tag: words::standing(case, state),
        next: texts.fill(&state.customer.next),
        at: case.waiting_since,
    })
}
