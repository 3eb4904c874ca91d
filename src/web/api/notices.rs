//! Notices that the IP of a server changes: giving one, and verifying a contact.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;

use super::body::Body;
use super::query::Query;
use super::{describe, resource};
use crate::app::notices::{self, Draft};
use crate::app::resource as shape;
use crate::app::{Error, cases};
use crate::domain::id::PersonId;
use crate::web::portal::{notice, path_number};
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// Gives notice: the case of the notice is made.
pub(super) async fn give(
    visitor: Visitor,
    Path(server): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    let case = notice::in_use(&visitor, &server).await?;
    body.only(&["new_ip", "how", "date", "time", "zone", "call"])?;
    let draft = Draft {
        new_ip: body.text("new_ip")?,
        how: body.text("how")?,
        date: body.text("date")?,
        time: body.text("time")?,
        zone: body.text("zone")?,
        call: body.text("call")?,
    };
    let number = notices::give(&visitor.app, person, &case, (&draft, body.once(&visitor)?)).await?;
    let made = cases::one(&visitor.app, person, number).await?;
    let body = shape::case(&visitor.app, person, &made)?;
    let mut response = resource(StatusCode::CREATED, &body);
    describe(&mut response, &body)?;
    Ok(response)
}

/// Writes down that an engineer verified a contact, and how.
pub(super) async fn verify(
    visitor: Visitor,
    Path((number, contact)): Path<(String, String)>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&["how"])?;
    let number = path_number(&number)?;
    let contact = contact.parse().map(PersonId::new).map_err(|_not_an_id| Error::NotFound)?;
    let case = notices::verify(&visitor.app, person, (number, contact), &body.text("how")?).await?;
    let body = shape::case(&visitor.app, person, &case)?;
    let mut response = resource(StatusCode::OK, &body);
    describe(&mut response, &body)?;
    Ok(response)
}
