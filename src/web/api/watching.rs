//! Watching of servers in use: lists, one server, and the acts on it.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::body::Body;
use super::query::{Query, after_cursor};
use super::resource;
use crate::app::watching::{self, Seen};
use crate::store::watches::{DriftRow, Listed, RoundRow};
use crate::web::portal::path_number;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;
use crate::web::watching::server;

/// Watched servers in the order of their cases, after the number in `cursor`.
pub(super) async fn list(visitor: Visitor, query: Query) -> Result<Response, Failure> {
    query.only(&["cursor"])?;
    let after = query.after()?;
    let found = watching::list(&visitor.app, visitor.person()?, after).await?;
    let next = found
        .last()
        .map(|row| format!("{}/api/v1/watches?cursor={}", visitor.app.public_url, after_cursor(row.number)));
    let items: Vec<Json> = found.iter().map(listed).collect();
    Ok(resource(StatusCode::OK, &json!({"items": items, "next": next})))
}

/// The server of a case.
pub(super) async fn of_case(visitor: Visitor, Path(number): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    let seen = watching::of_case(&visitor.app, visitor.person()?, path_number(&number)?).await?;
    Ok(resource(StatusCode::OK, &shape(&seen)))
}

/// A server by its identifier.
pub(super) async fn of_server(visitor: Visitor, Path(id): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    let seen = watching::of_server(&visitor.app, visitor.person()?, server(&id)?).await?;
    Ok(resource(StatusCode::OK, &shape(&seen)))
}

/// Begins a round, pauses, goes on, or takes over what stands in the product; answers the server as it stands then.
pub(super) async fn act(
    visitor: Visitor,
    Path((number, act)): Path<(String, String)>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let (person, number) = (visitor.person()?, path_number(&number)?);
    body.only(&[])?;
    match act.as_str() {
        "now" => watching::now(&visitor.app, person, number).await?,
        "pause" => watching::pause(&visitor.app, person, number, true).await?,
        "resume" => watching::pause(&visitor.app, person, number, false).await?,
        "take-over" => watching::take_over(&visitor.app, person, number).await?,
        _ => return Err(crate::app::Error::NotFound.into()),
    }
    let seen = watching::of_case(&visitor.app, person, number).await?;
    Ok(resource(StatusCode::OK, &shape(&seen)))
}

fn listed(row: &Listed) -> Json {
    json!({
        "case": row.number,
        "title": row.title,
        "next_at": row.next_at,
        "paused_at": row.paused_at,
        "rounds": row.rounds,
        "troubled": row.memory.0.is_troubled(),
        "trouble": row.trouble,
        "notice": row.notice,
    })
}

fn shape(seen: &Seen) -> Json {
    let watch = &seen.watch;
    let round = |round: &RoundRow| {
        json!({
            "number": round.number,
            "at": round.at,
            "mark": round.mark,
            "cause": round.cause,
            "seen": round.seen,
            "test": round.test,
            "ms": round.ms,
        })
    };
    let changed = |row: &DriftRow| json!({"label": row.label, "applied": row.ours, "in_product": row.theirs});
    let drift = watch
        .settings_read
        .as_ref()
        .map(|read| json!({"read_at": read.0.at, "changed": read.0.rows.iter().map(changed).collect::<Vec<_>>()}));
    json!({
        "case": seen.case.number,
        "server": seen.case.server,
        "next_at": watch.next_at,
        "paused_at": watch.paused_at,
        "troubled": watch.memory.0.is_troubled(),
        "trouble": watch.trouble,
        "notice": watch.notice,
        "resolves_to": watch.memory.0.addresses,
        "certificate": watch.memory.0.certificate,
        "settings": drift,
        "rounds": seen.rounds.iter().map(round).collect::<Vec<_>>(),
    })
}
