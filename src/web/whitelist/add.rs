//! Adding an entry: a form, a look at what it means and what changes, then the act.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{crumbs, list, word};
use crate::app::whitelist::lists;
use crate::app::whitelist::register::{self, Added, Judged, Typed};
use crate::app::{Error, FieldError, Outcome};
use crate::domain::whitelist::{Finding, Weight};
use crate::store::register::TunnelChoice;
use crate::views::common::{Change, Fact, Note, Page, Tone};
use crate::views::form::{Button, Choice, Field, Form, Hidden, Kind, Style};
use crate::views::records::Edit;
use crate::views::whitelist::Checked;
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

const FIELDS: &[&str] = &["tunnel", "network", "port", "protocol", "reason"];

/// What the address of the form may say.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    tunnel: String,
}

/// The form.
pub(super) async fn form(visitor: Visitor, asked: Result<Query<Asked>, QueryRejection>) -> Result<Response, Failure> {
    let person = visitor.person()?;
    if !person.works_queue() {
        return Err(Error::Forbidden("Changing the whitelist is for support, network engineers and leads").into());
    }
    let Ok(Query(asked)) = asked else { return Err(Error::NotFound.into()) };
    let typed = Typed { tunnel: asked.tunnel, protocol: "tcp".to_owned(), ..Typed::default() };
    show(&visitor, &typed, &[]).await
}

async fn show(visitor: &Visitor, typed: &Typed, errors: &[FieldError]) -> Result<Response, Failure> {
    let tunnels = lists::tunnel_choices(&visitor.app, visitor.person()?).await?;
    let mut form = blank(&tunnels);
    for field in &mut form.fields {
        let value = match field.name.as_str() {
            "tunnel" => &typed.tunnel,
            "network" => &typed.network,
            "port" => &typed.port,
            "protocol" => &typed.protocol,
            _ => &typed.reason,
        };
        *field = field.clone().value(value.as_str());
        let faults: Vec<&str> =
            errors.iter().filter(|fault| fault.field == field.name).map(|fault| fault.message.as_str()).collect();
        field.error = (!faults.is_empty()).then(|| faults.join(" "));
    }
    let errors = form.errors();
    let intro = "One host is the rule. A wider network, or a port beyond those of mail and SYSLOG, needs a reason and the \
                 approval of a lead.";
    let heading = format!("Add to the {}", word(visitor));
    let body = Edit { heading: heading.clone(), intro: Some(intro.to_owned()), form };
    let mut page = Page::new(heading, frame::frame(visitor), body);
    page.crumbs = crumbs(visitor);
    page.errors = errors;
    frame::show(visitor, Edit::TEMPLATE, &page)
}

fn blank(tunnels: &[TunnelChoice]) -> Form {
    let nothing = std::iter::once(Choice::new("", "Choose one"));
    let transports = vec![Choice::new("tcp", "TCP"), Choice::new("udp", "UDP").hint("SYSLOG over UDP only")];
    let mut form = Form::new("add", "/whitelist/add", form_key(), Button::main("Check")).fields(vec![
        Field::new(Kind::Select, "tunnel", "Tunnel").options(nothing.chain(tunnels.iter().map(list::choice)).collect()),
        Field::new(Kind::Code, "network", "IP or network").hint("Like 10.20.4.15, or 10.20.4.0/28 for a cluster"),
        Field::new(Kind::Number, "port", "Port"),
        Field::new(Kind::Radio, "protocol", "Transport").options(transports),
        Field::new(Kind::Textarea, "reason", "Reason")
            .hint("Needed for networks and unusual ports; a lead decides by it")
            .optional(),
    ]);
    form.cancel = Some("/whitelist".to_owned());
    form
}

fn typed(fields: &Fields) -> Typed {
    Typed {
        tunnel: fields.get("tunnel").to_owned(),
        network: fields.get("network").to_owned(),
        port: fields.get("port").to_owned(),
        protocol: fields.get("protocol").to_owned(),
        reason: fields.get("reason").to_owned(),
    }
}

/// The look before the act; nothing is changed.
pub(super) async fn check(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    fields.only(FIELDS)?;
    let typed = typed(&fields);
    match register::judge_only(&visitor.app, person, &typed).await {
        Ok(judged) => {
            let errors = objections(&judged);
            if errors.is_empty() { looked(&visitor, &typed, &judged) } else { show(&visitor, &typed, &errors).await }
        }
        Err(Error::Invalid(errors)) if !visitor.json => show(&visitor, &typed, &errors).await,
        Err(other) => Err(other.into()),
    }
}

/// What stands against it, and a reason that is missing, at their fields.
fn objections(judged: &Judged) -> Vec<FieldError> {
    let blocking = judged.findings.iter().filter(|finding| finding.weight == Weight::Blocks);
    let mut errors: Vec<FieldError> =
        blocking.map(|finding| FieldError::new("network", finding.code, finding.detail.clone())).collect();
    if errors.is_empty() && judged.needs_lead() && judged.reason.is_none() {
        let needs = judged.findings.iter().find(|finding| finding.weight == Weight::NeedsLead);
        let why = needs.map(|finding| finding.detail.clone()).unwrap_or_default();
        errors.push(FieldError::new("reason", "missing", format!("Enter the reason. {why}")));
    }
    errors
}

fn looked(visitor: &Visitor, typed: &Typed, judged: &Judged) -> Result<Response, Failure> {
    let target = judged.target;
    let needs_lead = judged.needs_lead();
    let label = if needs_lead { "Ask a lead to approve".to_owned() } else { format!("Add to the {}", word(visitor)) };
    let mut form = Form::new("add", "/whitelist", form_key(), Button::of(Style::Main, label));
    let network = target.network.to_string();
    let values = [
        ("tunnel", typed.tunnel.as_str()),
        ("network", &network),
        ("port", &typed.port),
        ("protocol", target.protocol.as_str()),
        ("reason", &typed.reason),
    ];
    form.hidden = values.map(|(name, value)| Hidden { name: name.to_owned(), value: value.to_owned() }).to_vec();
    form.cancel = Some("/whitelist".to_owned());
    let sources: Vec<String> = judged.tunnel.alerting_ips().iter().map(ToString::to_string).collect();
    let reason = judged.reason.as_ref().map_or_else(|| Fact::missing("Reason"), |text| Fact::new("Reason", text));
    let body = Checked {
        heading: format!("Add {target}?"),
        facts: vec![
            Fact::new("Tunnel", judged.tunnel.name.as_str()),
            Fact::new("Customer", judged.customer.as_str()),
            Fact::code("From", sources.join(", ")),
            reason,
        ],
        findings: judged.findings.iter().map(finding).collect(),
        changes: vec![Change {
            label: if needs_lead { "After a lead approves" } else { "On our side" }.to_owned(),
            was: None,
            now: Some(target.to_string()),
            meaning: None,
        }],
        form,
    };
    let mut page = Page::new(body.heading.clone(), frame::frame(visitor), body);
    page.crumbs = crumbs(visitor);
    frame::show(visitor, Checked::TEMPLATE, &page)
}

fn finding(finding: &Finding) -> Note {
    let tone = match finding.weight {
        Weight::Blocks => Tone::Failed,
        Weight::NeedsLead => Tone::You,
        Weight::Remark => Tone::Neutral,
    };
    Note::new(tone, finding.detail.as_str())
}

/// The act.
pub(super) async fn add(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    fields.only(FIELDS)?;
    let typed = typed(&fields);
    let once = fields.once(&visitor)?;
    match register::add(&visitor.app, person, typed.clone(), once).await {
        Ok(Outcome::Done(Added::Entry(listed))) => Ok(Redirect::to(&super::path(&listed.entry)).into_response()),
        Ok(Outcome::Done(Added::Request(_))) => Ok(Redirect::to("/whitelist/requests").into_response()),
        Ok(Outcome::Before(answer)) => {
            let answer: serde_json::Value = serde_json::from_str(&answer.answer).unwrap_or_default();
            let id = answer.pointer("/entry/id").and_then(serde_json::Value::as_str);
            let to = id.map_or_else(|| "/whitelist/requests".to_owned(), |id| format!("/whitelist/{id}"));
            Ok(Redirect::to(&to).into_response())
        }
        Err(Error::Invalid(errors)) if !visitor.json => show(&visitor, &typed, &errors).await,
        Err(other) => Err(other.into()),
    }
}
