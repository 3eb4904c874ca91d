//! The register: a list with a form that adds, and a page of each address.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};

use serde::Deserialize;

use super::{purpose, state};
use crate::app::alerting_ips::{self, Detail, Draft, Keeper, Listed};
use crate::app::{Error, FieldError};
use crate::domain::alerting_ip::feed::instant;
use crate::domain::alerting_ip::{IpAct, Purpose};
use crate::views::common::{Fact, Link, Page, Section};
use crate::views::form::{Button, Choice, Field, Form, Kind, Style};
use crate::views::records::{Cell, Record};
use crate::views::tables::{Group, TableRow, Tables};
use crate::web::admin::fill;
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::portal::path_number;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

const PATH: &str = "/admin/alerting-ips";
const FIELDS: &[&str] = &["network", "purpose", "region", "from", "until", "is_published"];

fn draft(fields: &Fields) -> Draft {
    let text = |name: &str| fields.get(name).to_owned();
    Draft {
        network: text("network"),
        purpose: text("purpose"),
        region: text("region"),
        from: text("from"),
        until: text("until"),
        is_published: !fields.get("is_published").is_empty(),
    }
}

/// Which part of the register.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    after: String,
}

/// The register, a page at a time.
pub(super) async fn list(visitor: Visitor, wanted: Result<Query<Wanted>, QueryRejection>) -> Result<Response, Failure> {
    alerting_ips::require_keeper(visitor.person()?)?;
    let Ok(Query(Wanted { after })) = wanted else { return Err(Error::NotFound.into()) };
    let after = if after.is_empty() { 0 } else { path_number(&after)? };
    show(&visitor, after, None).await
}

/// Adds an address.
pub(super) async fn add(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let by = Keeper::person(visitor.person()?)?;
    fields.only(FIELDS)?;
    match alerting_ips::add(&visitor.app, by, &draft(&fields)).await {
        Ok(ip) => Ok(Redirect::to(&format!("{PATH}/{}", ip.number)).into_response()),
        Err(Error::Invalid(errors)) if !visitor.json => show(&visitor, 0, Some((&fields, &errors))).await,
        Err(other) => Err(other.into()),
    }
}

async fn show(visitor: &Visitor, after: i64, typed: Option<(&Fields, &[FieldError])>) -> Result<Response, Failure> {
    let (all, next) = alerting_ips::page(&visitor.app, after).await?;
    let more = next.map(|next| Link::new("Next addresses of the register", format!("{PATH}?after={next}")));
    let mut form = Form::new("ip", PATH, form_key(), Button::main("Add")).fields(questions(None));
    if let Some((fields, errors)) = typed {
        fill(&mut form, fields, errors);
    }
    let errors = form.errors();
    let body = Tables {
        intro: Some(
            "The addresses that alerts come from. What is published stands on the lists that customers' machines poll; \
             the others are shown to customers whose tunnels name them."
                .to_owned(),
        ),
        links: [Link::new("Changes", "/alerting-changes"), Link::new("As customers see it", "/alerting-ips")]
            .into_iter()
            .chain(more)
            .collect(),
        groups: vec![Group {
            heading: "Register".to_owned(),
            columns: ["IP", "State", "Alerts", "Region", "Published", "Tunnels"].map(str::to_owned).to_vec(),
            note: all.is_empty().then(|| "No address is on the register yet.".to_owned()),
            rows: all.iter().map(row).collect(),
        }],
        form_heading: Some("Add an address".to_owned()),
        form: Some(form),
        ..Tables::new("Register of alerting IPs")
    };
    let mut page = Page::new("Register of alerting IPs", frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, Tables::TEMPLATE, &page)
}

fn row(listed: &Listed) -> TableRow {
    let ip = &listed.ip;
    TableRow {
        name: ip.shown(),
        href: Some(format!("{PATH}/{}", ip.number)),
        cells: vec![
            Cell { tag: Some(state(ip)), ..Cell::new("") },
            Cell::new(purpose(ip.purpose)),
            Cell::new(ip.region.clone().unwrap_or_else(|| "Not named".to_owned())),
            Cell::new(if ip.is_published { "Yes" } else { "No" }),
            Cell::new(listed.tunnels.to_string()),
        ],
    }
}

fn questions(of: Option<&Listed>) -> Vec<Field> {
    let ip = of.map(|listed| &listed.ip);
    let chosen = ip.map_or(Purpose::Alerting, |ip| ip.purpose);
    let choice = |one: &Purpose| Choice { checked: *one == chosen, ..Choice::new(one.as_str(), purpose(*one)) };
    let date = |at: Option<chrono::DateTime<chrono::Utc>>| at.map(instant).unwrap_or_default();
    let published = Choice { checked: ip.is_none_or(|ip| ip.is_published), ..Choice::new("yes", "Publish it") };
    let mut fields = vec![
        Field::new(Kind::Radio, "purpose", "Which alerts come from it")
            .options(Purpose::ALL.iter().map(choice).collect()),
        Field::new(Kind::Text, "region", "Region")
            .value(ip.and_then(|ip| ip.region.clone()).unwrap_or_default())
            .optional(),
        Field::new(Kind::Code, "from", "From")
            .hint("A date like 2027-01-15 or a time like 2027-01-15T08:00:00Z; empty for now")
            .value(date(ip.map(|ip| ip.from)))
            .optional(),
        Field::new(Kind::Code, "until", "Until")
            .hint("A date counts to its end")
            .value(date(ip.and_then(|ip| ip.until)))
            .optional(),
        Field::new(Kind::Checkbox, "is_published", "Published lists")
            .hint("Everybody who reads the lists sees it")
            .options(vec![published]),
    ];
    if of.is_none() {
        fields.insert(0, Field::new(Kind::Code, "network", "IP or network").hint("Like 198.51.100.24"));
    }
    fields
}

/// One address.
pub(super) async fn one(visitor: Visitor, Path(number): Path<String>) -> Result<Response, Failure> {
    alerting_ips::require_keeper(visitor.person()?)?;
    let detail = alerting_ips::one(&visitor.app, path_number(&number)?).await?;
    shown(&visitor, &detail, None)
}

/// Corrects it.
pub(super) async fn correct(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let by = Keeper::person(visitor.person()?)?;
    let detail = alerting_ips::one(&visitor.app, path_number(&number)?).await?;
    fields.only(FIELDS)?;
    match alerting_ips::correct(&visitor.app, by, detail.listed.ip.number, &draft(&fields)).await {
        Ok(ip) => Ok(Redirect::to(&format!("{PATH}/{}", ip.number)).into_response()),
        Err(Error::Invalid(errors)) if !visitor.json => shown(&visitor, &detail, Some((&fields, &errors))),
        Err(other) => Err(other.into()),
    }
}

/// Takes it out of use.
pub(super) async fn retire(visitor: Visitor, Path(number): Path<String>) -> Result<Response, Failure> {
    let by = Keeper::person(visitor.person()?)?;
    let ip = alerting_ips::retire(&visitor.app, by, path_number(&number)?).await?;
    Ok(Redirect::to(&format!("{PATH}/{}", ip.number)).into_response())
}

fn shown(visitor: &Visitor, detail: &Detail, typed: Option<(&Fields, &[FieldError])>) -> Result<Response, Failure> {
    let ip = &detail.listed.ip;
    let path = format!("{PATH}/{}", ip.number);
    let mut form = Form::new("ip", &path, form_key(), Button::main("Save")).fields(questions(Some(&detail.listed)));
    if let Some((fields, errors)) = typed {
        fill(&mut form, fields, errors);
    }
    let errors = form.errors();
    let is_over = !ip.is_to_be_let_in();
    let day = crate::views::instant;
    let mut facts = vec![
        Fact::code("Network", ip.cidr()),
        Fact::new("Alerts", purpose(ip.purpose)),
        ip.region.as_ref().map_or_else(|| Fact::missing("Region"), |region| Fact::new("Region", region.as_str())),
        Fact::new("From", day(ip.from)),
        ip.until.map_or_else(|| Fact::missing("Until"), |until| Fact::new("Until", day(until))),
        Fact::new("Published", if ip.is_published { "Yes" } else { "No" }),
        Fact::new("Tunnels that name it", detail.listed.tunnels.to_string()),
    ];
    if let Some(replaced) = &detail.replaces {
        facts.push(Fact::code("Replaces", replaced.shown()));
    }
    let mut sections = vec![Section { heading: "On record".to_owned(), facts }];
    if !detail.naming.is_empty() {
        let fact = |naming: &crate::store::alerting_tunnels::Naming| {
            let role = if naming.is_primary { "in use" } else { "stand-by" };
            Fact::new(&naming.name, format!("{}, {role}", naming.customer_name))
        };
        sections.push(Section { heading: "Tunnels".to_owned(), facts: detail.naming.iter().map(fact).collect() });
    }
    let past = |past: &crate::store::alerting_ips::Past| {
        let by = past.by_name.as_deref().unwrap_or("by itself");
        let why = past.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        Fact::new(day(past.at), format!("{}, {by}{why}", act(past.act)))
    };
    sections.push(Section { heading: "History".to_owned(), facts: detail.history.iter().map(past).collect() });
    let end =
        Form::new("retire", format!("{path}/retire"), form_key(), Button::of(Style::Danger, "Take it out of use"));
    let body = Record {
        tag: Some(state(ip)),
        sections,
        acts: if is_over || detail.listed.tunnels > 0 { Vec::new() } else { vec![end] },
        form_heading: (!is_over).then(|| "Correct it".to_owned()),
        form: (!is_over).then_some(form),
        ..Record::new("Alerting IP", ip.shown())
    };
    let mut page = Page::new(ip.shown(), frame::frame(visitor), body);
    page.crumbs = vec![Link::new("Register of alerting IPs", PATH)];
    page.errors = errors;
    frame::show(visitor, Record::TEMPLATE, &page)
}

const fn act(act: IpAct) -> &'static str {
    match act {
        IpAct::Added => "Added",
        IpAct::Planned => "Planned",
        IpAct::Started => "In use",
        IpAct::Ending => "Ending",
        IpAct::Moved => "Dates moved",
        IpAct::Corrected => "Corrected",
        IpAct::Kept => "Kept",
        IpAct::Withdrawn => "Withdrawn",
        IpAct::Retired => "Retired",
    }
}
