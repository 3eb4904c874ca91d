//! The difference between a tunnel's list as it is wanted and as it was applied, and the word that it was applied.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::{crumbs, identifier, port, word};
use crate::app::whitelist::changes::{self, Plan as Difference};
use crate::app::{Error, FieldError};
use crate::domain::actor::Role;
use crate::domain::id::TunnelId;
use crate::store::register::Listed;
use crate::views::common::{Change, Empty, Fact, Link, Page};
use crate::views::form::{Button, ErrorLink, Field, Form, Hidden, Kind};
use crate::views::whitelist::Plan;
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// The page.
pub(super) async fn page(visitor: Visitor, Path(tunnel): Path<String>) -> Result<Response, Failure> {
    visitor.person()?;
    show(&visitor, TunnelId::new(identifier(&tunnel)?), ("", &[])).await
}

async fn show(
    visitor: &Visitor,
    tunnel: TunnelId,
    (typed, faults): (&str, &[FieldError]),
) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let plan = changes::plan(&visitor.app, person, tunnel).await?;
    let mut body = body(visitor, &plan, person.is(Role::Network));
    let mut errors = Vec::new();
    for fault in faults {
        let field = body.form.iter_mut().flat_map(|form| &mut form.fields).find(|field| field.name == fault.field);
        match field {
            Some(field) => {
                *field = field.clone().value(typed).error(fault.message.as_str());
                errors = body.form.as_ref().map(Form::errors).unwrap_or_default();
            }
            None => errors.push(ErrorLink { target: None, message: fault.message.clone() }),
        }
    }
    let mut page = Page::new(body.heading.clone(), frame::frame(visitor), body);
    page.crumbs = crumbs(visitor);
    page.errors = errors;
    frame::show(visitor, Plan::TEMPLATE, &page)
}

fn body(visitor: &Visitor, plan: &Difference, may_apply: bool) -> Plan {
    let differs = !plan.adding.is_empty() || !plan.leaving.is_empty();
    let added = plan.adding.iter().map(|listed| change(listed, true));
    let left = plan.leaving.iter().map(|listed| change(listed, false));
    let word = word(visitor);
    let standing = match plan.standing {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    };
    let export = |text: &str, ending: &str| Link::new(text, format!("/api/v1/tunnels/{}/{ending}", plan.tunnel.id));
    Plan {
        heading: format!("What is to be applied in {}", plan.tunnel.name),
        facts: vec![
            Fact::new("Customer", plan.customer.as_str()),
            Fact::new("Version of the list", plan.version.to_string()),
            Fact::new("Unchanged", standing),
        ],
        changes: added.chain(left).collect(),
        empty: (!differs)
            .then(|| Empty { text: format!("Nothing differs: the {word} was applied as it is wanted."), link: None }),
        in_cases: plan.in_cases.iter().filter_map(in_case).collect(),
        form: (differs && may_apply).then(|| form(plan)),
        exports: vec![
            export("Networks, one a line", "whitelist.txt"),
            export("Sets for nftables", "whitelist.nft"),
            export("JSON", "whitelist.json"),
        ],
    }
}

fn target(listed: &Listed) -> String {
    format!("{} port {}", listed.entry.network, port(&listed.entry))
}

fn change(listed: &Listed, is_new: bool) -> Change {
    let entry = &listed.entry;
    let (who, why) = match is_new {
        true => (&entry.ours_by, &entry.ours_how),
        false => (&entry.leave_by, &entry.leave_why),
    };
    let label: Vec<&str> = [who, why].into_iter().flatten().map(String::as_str).collect();
    let target = target(listed);
    Change {
        label: label.join(": "),
        was: (!is_new).then(|| target.clone()),
        now: is_new.then_some(target),
        meaning: Some(if is_new { "to be let through" } else { "to be let through no more" }.to_owned()),
    }
}

fn in_case(listed: &Listed) -> Option<Link> {
    let number = listed.case_number?;
    Some(Link::new(format!("{} in case {number}", target(listed)), format!("/cases/{number}")))
}

fn form(plan: &Difference) -> Form {
    let action = format!("/whitelist/plan/{}", plan.tunnel.id);
    let mut form = Form::new("applied", action, form_key(), Button::main("Mark as applied")).fields(vec![
        Field::new(Kind::Code, "change_ref", "Reference of the change").hint("Under which the gateway was changed"),
    ]);
    form.hidden = vec![Hidden { name: "version".to_owned(), value: plan.version.to_string() }];
    form
}

/// Records that what the page showed was applied.
pub(super) async fn applied(visitor: Visitor, Path(tunnel): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    fields.only(&["change_ref", "version"])?;
    let tunnel = TunnelId::new(identifier(&tunnel)?);
    // A version that is no number is none that the list ever had.
    let seen = fields.get("version").parse().unwrap_or(-1);
    let typed = fields.get("change_ref");
    match changes::mark_applied(&visitor.app, person, (tunnel, Some(seen)), typed.to_owned()).await {
        Ok(_) => Ok(Redirect::to(&format!("/whitelist/plan/{tunnel}")).into_response()),
        Err(Error::Invalid(errors)) if !visitor.json => show(&visitor, tunnel, (typed, &errors)).await,
        Err(Error::ListChanged(_)) if !visitor.json => {
            let text = "The list has changed since you looked. Compare again; nothing was recorded";
            let fault = FieldError::new("version", "changed", text);
            show(&visitor, tunnel, (typed, &[fault])).await
        }
        Err(other) => Err(other.into()),
    }
}
