//! What everybody reads: the lists for machines, at the cost of one row where nothing has changed, and the page.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, LAST_MODIFIED};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::{purpose, state};
use crate::app::Error;
use crate::app::alerting_ips::lists::{self, Page as Found};
use crate::app::campaign::board::{self, Concerned};
use crate::domain::alerting_ip::campaign::Standing;
use crate::domain::alerting_ip::feed::{self, Format};
use crate::domain::alerting_ip::{AlertingIp, IpState};
use crate::views::alerting_ips::{AlertingIps, Row, Server};
use crate::views::common::{Link, Note, Page, Tag, Tone};
use crate::views::records::Cell;
use crate::views::tables::{Group, TableRow};
use crate::web::api::is_known;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// A public list may rest in caches for a while; one for people who are signed in is asked for each time.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=300");
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// As JSON.
pub(super) async fn json(visitor: Visitor, headers: HeaderMap) -> Result<Response, Failure> {
    polled(&visitor, &headers, Format::Json).await
}

/// As networks, one a line.
pub(super) async fn text(visitor: Visitor, headers: HeaderMap) -> Result<Response, Failure> {
    polled(&visitor, &headers, Format::Text).await
}

/// As a feed.
pub(super) async fn atom(visitor: Visitor, headers: HeaderMap) -> Result<Response, Failure> {
    polled(&visitor, &headers, Format::Atom).await
}

/// As a calendar.
pub(super) async fn ics(visitor: Visitor, headers: HeaderMap) -> Result<Response, Failure> {
    polled(&visitor, &headers, Format::Ics).await
}

async fn polled(visitor: &Visitor, headers: &HeaderMap, format: Format) -> Result<Response, Failure> {
    let app = &visitor.app;
    lists::require_reader(app, visitor.person.as_ref())?;
    let keep = if app.public_lists { PUBLIC } else { PRIVATE };
    let tag = lists::etag(app, format).await?;
    if is_known(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, header(&tag)?), (CACHE_CONTROL, keep)]).into_response());
    }
    let (edition, text) = lists::content(app, format).await?;
    // IMF-fixdate (RFC 9110, section 5.6.7).
    let changed = edition.changed_at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = [
        (ETAG, header(&feed::etag(edition, format))?),
        (LAST_MODIFIED, header(&changed)?),
        (CACHE_CONTROL, keep),
        (CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
    ];
    Ok((StatusCode::OK, headers, text).into_response())
}

fn header(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|error| Error::Internal(format!("header {text:?}: {error}")).into())
}

/// The page.
pub(super) async fn page(visitor: Visitor) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person.as_ref());
    let found = lists::page(app, person).await?;
    let servers = match person {
        Some(person) => board::of_person(app, person).await?,
        None => Vec::new(),
    };
    let body = body(&found, &servers);
    frame::show(&visitor, AlertingIps::TEMPLATE, &Page::new("Alerting IPs", frame::frame(&visitor), body))
}

fn body(found: &Found, servers: &[Concerned]) -> AlertingIps {
    let day = crate::views::instant;
    let listed: Vec<&AlertingIp> = found.all.iter().filter(|ip| ip.is_to_be_let_in()).collect();
    let rows = found.all.iter().map(|ip| Row {
        address: ip.shown(),
        purpose: purpose(ip.purpose).to_owned(),
        region: ip.region.clone().unwrap_or_default(),
        tag: state(ip),
        since: if ip.state == IpState::Retired { ip.until.map_or_else(String::new, day) } else { day(ip.from) },
    });
    let history = found.changes.iter().map(|change| TableRow {
        name: day(change.at),
        href: None,
        cells: vec![Cell::new(format!("{}.", feed::sentence(change)))],
    });
    let tunnels = found.tunnels.iter().map(|tunnel| TableRow {
        name: tunnel.name.clone(),
        href: None,
        cells: vec![
            Cell::code(tunnel.alerting_ip.clone()),
            tunnel.standby_ip.clone().map_or_else(|| Cell::new("None"), Cell::code),
        ],
    });
    let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    AlertingIps {
        notes: note(servers).into_iter().collect(),
        servers: servers.iter().map(server).collect(),
        rows: rows.collect(),
        empty: found.all.is_empty().then(|| "No alerting IP is published yet.".to_owned()),
        all: listed.iter().map(|ip| ip.shown()).collect::<Vec<_>>().join("\n"),
        formats: [("JSON", "json"), ("Text, one network a line", "txt"), ("Atom feed", "atom"), ("Calendar", "ics")]
            .map(|(text, end)| Link::new(text, format!("/alerting-ips.{end}")))
            .to_vec(),
        edition: match found.edition.revision {
            0 => "Nothing has been published yet".to_owned(),
            revision => format!("Edition {revision}, since {}", day(found.edition.changed_at)),
        },
        tunnels: (!found.tunnels.is_empty()).then(|| Group {
            heading: "Your tunnels".to_owned(),
            columns: columns(&["Tunnel", "Alerts come from", "After a fail-over from"]),
            rows: tunnels.collect(),
            note: None,
        }),
        history: (!found.changes.is_empty()).then(|| Group {
            heading: "History".to_owned(),
            columns: columns(&["When", "What"]),
            rows: history.collect(),
            note: None,
        }),
    }
}

/// Whether somebody of the customer has to do something about a server.
fn needs_customer(server: &Concerned) -> bool {
    matches!(server.standing, Standing::Told | Standing::NotLetIn | Standing::Overdue)
}

/// What a customer is told on top of pages while servers wait for it.
pub(in crate::web) fn note(servers: &[Concerned]) -> Option<Note> {
    let waiting: Vec<&Concerned> = servers.iter().filter(|server| needs_customer(server)).collect();
    let first = waiting.first()?;
    let from = first.effective_at.map(|at| format!(" from {}", crate::views::instant(at))).unwrap_or_default();
    let text = match waiting.len() {
        1 => format!("Our alerts come from {}{from}. {} has to let it in.", first.new_ip, first.server),
        count => format!("Our alerting IP changes{from}. {count} of your servers have to let the new one in."),
    };
    let is_late = waiting.iter().any(|server| server.standing == Standing::Overdue);
    let tone = if is_late { Tone::Failed } else { Tone::You };
    Some(Note { link: Some(Link::new("See which, and tell us", "/alerting-ips")), ..Note::new(tone, text) })
}

fn server(server: &Concerned) -> Server {
    let day = |at: Option<chrono::DateTime<chrono::Utc>>| at.map(crate::views::instant).unwrap_or_default();
    let tag = match server.standing {
        Standing::Overdue | Standing::NotLetIn => Tag::new(Tone::Failed, server.standing.title()),
        Standing::Told => Tag::new(Tone::You, "Waiting on you"),
        Standing::Testing | Standing::Unclear => Tag::new(Tone::Us, server.standing.title()),
        Standing::Proven => Tag::new(Tone::Done, server.standing.title()),
        Standing::Overridden | Standing::Over => Tag::new(Tone::Neutral, server.standing.title()),
    };
    Server {
        link: Link::new(server.server.clone(), format!("/cases/{}", server.number)),
        tag,
        text: format!(
            "{} becomes {} on {}. The former one may be used until {}.",
            server.old_ip,
            server.new_ip,
            day(server.effective_at),
            day(server.until_at)
        ),
        act: needs_customer(server)
            .then(|| Link::new("We have whitelisted the new IP", format!("/cases/{}/act/acknowledge", server.number))),
    }
}
