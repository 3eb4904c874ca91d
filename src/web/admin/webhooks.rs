//! Webhooks: the list, one endpoint with what was sent to it, adding and changing, another key, sending again.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::{administrator, again, fill, identifier, page, present_webhooks as present, wrong};
use crate::app::webhooks::endpoints::{self, Draft, View};
use crate::app::webhooks::sending::page as path;
use crate::app::webhooks::{KEPT, log};
use crate::app::{Error, FieldError};
use crate::domain::id::{EndpointId, EventId};
use crate::domain::webhook::Topic;
use crate::secret::Secret;
use crate::views::common::{Link, Note, Tone};
use crate::views::records::{Edit, Listing, Record};
use crate::web::fields::Fields;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

pub(super) const LIST: &str = "/admin/webhooks";
/// Messages on one page.
const PAGE: i64 = 25;

/// All endpoints.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let all = endpoints::list(&visitor.app).await?;
    page(&visitor, "Webhooks", Vec::new(), Listing::TEMPLATE, present::list(&all))
}

#[derive(Deserialize)]
pub(super) struct Older {
    before: Option<Uuid>,
}

/// One endpoint with its log.
pub(super) async fn one(
    visitor: Visitor,
    Path(id): Path<String>,
    Query(older): Query<Older>,
) -> Result<Response, Failure> {
    administrator(&visitor)?;
    show(&visitor, endpoint_id(&id)?, older.before.map(EventId::new), (Vec::new(), &[])).await
}

async fn show(
    visitor: &Visitor,
    id: EndpointId,
    before: Option<EventId>,
    (notes, errors): (Vec<Note>, &[FieldError]),
) -> Result<Response, Failure> {
    let view = endpoints::one(&visitor.app, id).await?;
    let (rows, next) = log::page(&visitor.app, id, before, PAGE).await?;
    let undone = log::undone(&visitor.app, id).await?;
    let mut body = present::one(&view, &rows, undone, visitor.app.now());
    body.notes.splice(0..0, notes);
    body.links.extend(next.map(|next| Link::new("Earlier messages", format!("{}?before={next}", path(id)))));
    if let Some(form) = &mut body.form {
        for error in errors {
            if let Some(field) = form.fields.iter_mut().find(|field| field.name == error.field) {
                field.error = Some(error.message.clone());
            }
        }
    }
    let summary = body.form.as_ref().map(crate::views::form::Form::errors).unwrap_or_default();
    wrong(visitor, (&view.endpoint.name, crumbs(None)), Record::TEMPLATE, body, summary)
}

/// The empty form.
pub(super) async fn new(visitor: Visitor) -> Result<Response, Failure> {
    let owner = administrator(&visitor)?.email.clone();
    visitor.proved("/admin/webhooks/new")?;
    let topics = Topic::to_subscribe().map(|topic| topic.to_string()).collect();
    std::future::ready(again(&visitor, present::adding(&Draft { owner, topics, ..Draft::default() }))).await
}

/// Adds an endpoint and shows its key once.
pub(super) async fn add(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    visitor.proved("/admin/webhooks/new")?;
    let draft = read(&fields)?;
    let once = fields.once(&visitor)?;
    match endpoints::add(&visitor.app, &draft, Some(once)).await {
        Ok((view, Some(key))) => show_key(&visitor, &view, &key),
        Ok((view, None)) => Ok(Redirect::to(&path(view.endpoint.id)).into_response()),
        Err(Error::Invalid(errors)) => refill(&visitor, &fields, &errors, present::adding(&draft)),
        Err(other) => Err(other.into()),
    }
}

/// The form with what is on record.
pub(super) async fn edit(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let view = endpoints::one(&visitor.app, endpoint_id(&id)?).await?;
    visitor.proved(&format!("{}/edit", path(view.endpoint.id)))?;
    again(&visitor, present::changing(&view, &view.draft()))
}

/// Changes an endpoint.
pub(super) async fn change(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let view = endpoints::one(&visitor.app, endpoint_id(&id)?).await?;
    visitor.proved(&format!("{}/edit", path(view.endpoint.id)))?;
    let draft = read(&fields)?;
    match endpoints::change(&visitor.app, view.endpoint.id, &draft).await {
        Ok(view) => Ok(Redirect::to(&path(view.endpoint.id)).into_response()),
        Err(Error::Invalid(errors)) => refill(&visitor, &fields, &errors, present::changing(&view, &draft)),
        Err(other) => Err(other.into()),
    }
}

/// Makes another key and shows it once.
pub(super) async fn rotate(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let id = endpoint_id(&id)?;
    endpoints::one(&visitor.app, id).await?;
    visitor.proved(&path(id))?;
    fields.only(&[])?;
    match endpoints::rotate(&visitor.app, id, Some(fields.once(&visitor)?)).await? {
        (view, Some(key)) => show_key(&visitor, &view, &key),
        (_, None) => Ok(Redirect::to(&path(id)).into_response()),
    }
}

fn show_key(visitor: &Visitor, view: &View, key: &Secret) -> Result<Response, Failure> {
    let body = present::key(view, key);
    page(visitor, "Signing key", crumbs(Some(view)), Record::TEMPLATE, body)
}

/// Switches an endpoint off.
pub(super) async fn off(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let id = endpoint_id(&id)?;
    fields.only(&[])?;
    endpoints::switch_off(&visitor.app, id).await?;
    Ok(Redirect::to(&path(id)).into_response())
}

/// Switches an endpoint on.
pub(super) async fn on(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let id = endpoint_id(&id)?;
    fields.only(&[])?;
    endpoints::switch_on(&visitor.app, id).await?;
    Ok(Redirect::to(&path(id)).into_response())
}

/// Sends a message that tells nothing, and shows what becomes of it.
pub(super) async fn ping(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let id = endpoint_id(&id)?;
    fields.only(&[])?;
    let event = log::ping(&visitor.app, id, Some(fields.once(&visitor)?)).await?;
    Ok(Redirect::to(&present::message(id, event)).into_response())
}

/// One message with its tries.
pub(super) async fn delivery(visitor: Visitor, Path((id, event)): Path<(String, String)>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let (id, event) = (endpoint_id(&id)?, event_id(&event)?);
    let view = endpoints::one(&visitor.app, id).await?;
    let detail = log::one(&visitor.app, id, event).await?;
    let body = present::delivery(&view, &detail);
    page(&visitor, &format!("Message {}", detail.logged.topic), crumbs(Some(&view)), Record::TEMPLATE, body)
}

/// Sends one message again.
pub(super) async fn redeliver(
    visitor: Visitor,
    Path((id, event)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let (id, event) = (endpoint_id(&id)?, event_id(&event)?);
    fields.only(&[])?;
    log::redeliver(&visitor.app, id, event).await?;
    Ok(Redirect::to(&present::message(id, event)).into_response())
}

/// Sends everything again that was given up or missed since an instant.
pub(super) async fn redeliver_since(
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let id = endpoint_id(&id)?;
    endpoints::one(&visitor.app, id).await?;
    fields.only(&["since"])?;
    let since = match since(fields.get("since"), visitor.app.now()) {
        Ok(since) => since,
        Err(error) => return show(&visitor, id, None, (Vec::new(), &[error])).await,
    };
    let count = log::redeliver_since(&visitor.app, id, since).await?;
    let text = match count {
        1 => "1 message is sent again.".to_owned(),
        _ => format!("{count} messages are sent again."),
    };
    show(&visitor, id, None, (vec![Note::new(Tone::Done, text)], &[])).await
}

/// Reads an instant in UTC; an empty text means everything that is on record.
fn since(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(now - KEPT);
    }
    let instant = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").ok();
    let day = || text.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let wrong =
        || FieldError::new("since", "not_an_instant", "Enter a day or an instant in UTC, like 2026-11-25 08:00");
    instant.or_else(day).map(|at| at.and_utc()).ok_or_else(wrong)
}

fn read(fields: &Fields) -> Result<Draft, Failure> {
    let boxes: Vec<String> = Topic::to_subscribe().map(|topic| format!("topics-{topic}")).collect();
    let known: Vec<&str> = ["name", "url", "owner"].into_iter().chain(boxes.iter().map(String::as_str)).collect();
    fields.only(&known)?;
    let chosen = Topic::to_subscribe().filter(|topic| !fields.get(&format!("topics-{topic}")).is_empty());
    Ok(Draft {
        name: fields.get("name").to_owned(),
        url: fields.get("url").to_owned(),
        owner: fields.get("owner").to_owned(),
        topics: chosen.map(|topic| topic.to_string()).collect(),
    })
}

fn refill(visitor: &Visitor, fields: &Fields, errors: &[FieldError], mut body: Edit) -> Result<Response, Failure> {
    fill(&mut body.form, fields, errors);
    again(visitor, body)
}

fn crumbs(view: Option<&View>) -> Vec<Link> {
    let mut crumbs = vec![Link::new("Webhooks", LIST)];
    crumbs.extend(view.map(|view| Link::new(view.endpoint.name.clone(), path(view.endpoint.id))));
    crumbs
}

fn endpoint_id(text: &str) -> Result<EndpointId, Failure> {
    identifier(text).map(EndpointId::new)
}

fn event_id(text: &str) -> Result<EventId, Failure> {
    identifier(text).map(EventId::new)
}
