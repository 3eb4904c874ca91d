//! Calendars as resources: for administrators, whose programs bring in holidays. `PUT` replaces the whole one.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use serde_json::{Value as Json, json};

use super::body::Body;
use super::query::Query;
use super::resource;
use crate::app::calendars::{self, By, Draft};
use crate::app::{Error, admin};
use crate::domain::calendar::Named;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// All calendars.
pub(super) async fn list(visitor: Visitor, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    admin::require_admin(visitor.person()?)?;
    let items: Vec<Json> = calendars::list(&visitor.app).await?.iter().map(shape).collect();
    Ok(resource(StatusCode::OK, &json!({"items": items, "next": null})))
}

/// The calendar of a name.
pub(super) async fn one(visitor: Visitor, Path(name): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    admin::require_admin(visitor.person()?)?;
    Ok(resource(StatusCode::OK, &shape(&calendars::by_name(&visitor.app, &name).await?)))
}

/// Adds the calendar of a name or replaces all of it. Sending the same twice does the same once.
pub(super) async fn put(
    visitor: Visitor,
    Path(name): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let by = By::admin(visitor.person()?)?;
    body.only(&["time_zone", "hours", "holidays", "is_vendor"])?;
    let draft = Draft {
        name: name.clone(),
        time_zone: body.text("time_zone")?,
        hours: body.text("hours")?,
        holidays: holidays(body.members.get("holidays"))?,
        is_vendor: body.truth("is_vendor")?,
    };
    let app = &visitor.app;
    match calendars::by_name(app, &name).await {
        Ok(known) => Ok(resource(StatusCode::OK, &shape(&calendars::change(app, by, known.id, &draft).await?))),
        Err(Error::NotFound) => Ok(resource(StatusCode::CREATED, &shape(&calendars::add(app, by, &draft).await?))),
        Err(other) => Err(other.into()),
    }
}

fn shape(named: &Named) -> Json {
    let holidays = named.calendar.holidays.iter().map(|(day, name)| json!({"date": day, "name": name}));
    json!({
        "id": named.id,
        "name": named.name,
        "time_zone": named.calendar.zone.name(),
        "hours": named.calendar.week.to_string(),
        "holidays": holidays.collect::<Vec<_>>(),
        "is_vendor": named.is_vendor,
    })
}

/// Holidays as lines, out of a list of `{"date", "name"}`.
fn holidays(sent: Option<&Json>) -> Result<String, Failure> {
    let wrong =
        || Failure::from(Error::field("holidays", "wrong_type", "holidays takes a list of {\"date\", \"name\"}"));
    let items = match sent {
        None | Some(Json::Null) => return Ok(String::new()),
        Some(Json::Array(items)) => items,
        Some(Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_)) => return Err(wrong()),
    };
    let line = |item: &Json| {
        let text = |name| item.get(name).and_then(Json::as_str);
        let members = item.as_object().map_or(0, serde_json::Map::len);
        let (day, name) = text("date").zip(text("name")).filter(|_| members == 2).ok_or_else(wrong)?;
        let day: NaiveDate = day.parse().map_err(|_no_date| wrong())?;
        Ok(format!("{day} {}", name.replace('\n', " ")))
    };
    Ok(items.iter().map(line).collect::<Result<Vec<_>, Failure>>()?.join("\n"))
}
