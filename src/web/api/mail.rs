//! Which mail whoever asks wants, and the zone of its times.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value as Json, json};

use super::body::Body;
use super::query::Query;
use super::resource;
use crate::app::mail_wishes::{self, Draft, Wishes};
use crate::domain::mail_wish::About;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// What is wanted.
pub(super) async fn one(visitor: Visitor, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    let wishes = mail_wishes::of(&visitor.app, visitor.person()?).await?;
    Ok(resource(StatusCode::OK, &shape(&wishes)))
}

/// Replaces what is sent; what is left out stays.
pub(super) async fn put(visitor: Visitor, query: Query, body: Body) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    let choices = About::choices(person.is_staff());
    let known: Vec<&str> = std::iter::once("time_zone").chain(choices.iter().map(|about| about.as_str())).collect();
    body.only(&known)?;
    let mut draft = Draft::default();
    if body.members.contains_key("time_zone") {
        draft.time_zone = Some(body.text("time_zone")?);
    }
    for about in choices.iter().filter(|about| body.members.contains_key(about.as_str())) {
        draft.wishes.push((about.to_string(), body.text(about.as_str())?));
    }
    let wishes = mail_wishes::change(&visitor.app, person, &draft).await?;
    Ok(resource(StatusCode::OK, &shape(&wishes)))
}

fn shape(wishes: &Wishes) -> Json {
    let mut members = Map::from_iter([("time_zone".to_owned(), json!(wishes.zone.name()))]);
    members.extend(wishes.wishes.iter().map(|(about, wish)| (about.to_string(), json!(wish))));
    Json::Object(members)
}
