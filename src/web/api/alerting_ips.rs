//! The register of alerting IPs and their changes as resources, for the vendor's programs.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::body::Body;
use super::query::Query;
use super::{identifier, resource};
use crate::app::Error;
use crate::app::alerting_ips::{self, Draft, Keeper, Listed};
use crate::app::campaign::{self, board};
use crate::domain::alerting_ip::AlertingIp;
use crate::domain::alerting_ip::campaign::Standing;
use crate::domain::id::TunnelId;
use crate::domain::problem::ProblemCode;
use crate::web::portal::path_number;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// Behind which number a page begins.
fn after(query: &Query) -> Result<i64, Failure> {
    let bad = || Error::malformed(ProblemCode::BadParameter, "after is a number that `next` gave").into();
    query.get("after").map_or(Ok(0), |text| text.parse().map_err(|_no_number| bad()))
}

/// The register, a page at a time.
pub(super) async fn list(visitor: Visitor, query: Query) -> Result<Response, Failure> {
    query.only(&["after"])?;
    alerting_ips::require_keeper(visitor.person()?)?;
    let (found, next) = alerting_ips::page(&visitor.app, after(&query)?).await?;
    let items: Vec<Json> = found.iter().map(alerting_ips::resource).collect();
    Ok(resource(StatusCode::OK, &json!({"items": items, "next": next})))
}

/// One address.
pub(super) async fn one(visitor: Visitor, Path(number): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    alerting_ips::require_keeper(visitor.person()?)?;
    let detail = alerting_ips::one(&visitor.app, path_number(&number)?).await?;
    Ok(resource(StatusCode::OK, &alerting_ips::resource(&detail.listed)))
}

fn draft(body: &Body) -> Result<Draft, Failure> {
    body.only(&["network", "purpose", "region", "from", "until", "published"])?;
    let purpose = body.text("purpose")?;
    Ok(Draft {
        network: body.text("network")?,
        purpose: if purpose.is_empty() { "alerting".to_owned() } else { purpose },
        region: body.text("region")?,
        from: body.text("from")?,
        until: body.text("until")?,
        is_published: body.truth("published")?,
    })
}

/// Adds an address.
pub(super) async fn add(visitor: Visitor, query: Query, body: Body) -> Result<Response, Failure> {
    query.only(&[])?;
    let by = Keeper::person(visitor.person()?)?;
    let ip = alerting_ips::add(&visitor.app, by, &draft(&body)?).await?;
    shown(&visitor, StatusCode::CREATED, ip).await
}

/// Replaces everything but the network of an address.
pub(super) async fn put(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let by = Keeper::person(visitor.person()?)?;
    let number = alerting_ips::one(&visitor.app, path_number(&number)?).await?.listed.ip.number;
    let ip = alerting_ips::correct(&visitor.app, by, number, &draft(&body)?).await?;
    shown(&visitor, StatusCode::OK, ip).await
}

/// Takes an address out of use.
pub(super) async fn retire(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let by = Keeper::person(visitor.person()?)?;
    body.only(&[])?;
    let ip = alerting_ips::retire(&visitor.app, by, path_number(&number)?).await?;
    shown(&visitor, StatusCode::OK, ip).await
}

async fn shown(visitor: &Visitor, status: StatusCode, ip: AlertingIp) -> Result<Response, Failure> {
    let tunnels = alerting_ips::one(&visitor.app, ip.number).await?.listed.tunnels;
    Ok(resource(status, &alerting_ips::resource(&Listed { ip, tunnels })))
}

/// Changes, newest first.
pub(super) async fn changes(visitor: Visitor, query: Query) -> Result<Response, Failure> {
    query.only(&["before"])?;
    let before = query.get("before").map(path_number).transpose()?.unwrap_or(i64::MAX);
    let all = board::list(&visitor.app, visitor.person()?, before).await?;
    let items: Vec<Json> = all.iter().map(board::resource).collect();
    Ok(resource(StatusCode::OK, &json!({"items": items})))
}

/// Announces a change.
pub(super) async fn announce(visitor: Visitor, query: Query, body: Body) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    campaign::require_lead(person)?;
    body.only(&["old", "new", "effective", "until", "emergency"])?;
    let draft = campaign::Draft {
        old: body.digits("old")?,
        new: body.digits("new")?,
        effective: body.text("effective")?,
        until: body.text("until")?,
        emergency: body.text("emergency")?,
    };
    let campaign = campaign::open(&visitor.app, person, &draft).await?;
    answer(&visitor, StatusCode::CREATED, campaign.number).await
}

/// The board of one change, a page at a time.
pub(super) async fn change(visitor: Visitor, Path(number): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&["state", "after"])?;
    let bad = |text: &str| Failure::from(Error::malformed(ProblemCode::BadParameter, text));
    let standing = match query.get("state") {
        None => None,
        Some(word) => {
            let words: Vec<&str> = Standing::ALL.iter().map(|one| one.as_str()).collect();
            Some(Standing::parse(word).ok_or_else(|| bad(&format!("state is one of {}", words.join(", "))))?)
        }
    };
    let after = after(&query)?;
    let number = path_number(&number)?;
    let found = board::board(&visitor.app, visitor.person()?, number, (standing, after)).await?;
    Ok(resource(StatusCode::OK, &board::board_resource(&visitor.app, &found)))
}

async fn answer(visitor: &Visitor, status: StatusCode, number: i64) -> Result<Response, Failure> {
    let found = board::board(&visitor.app, visitor.person()?, number, (None, 0)).await?;
    Ok(resource(status, &board::resource(&found.summary)))
}

/// Moves the dates of a change.
pub(super) async fn dates(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    campaign::require_lead(person)?;
    let number = path_number(&number)?;
    body.only(&["effective", "until", "reason"])?;
    let typed = (body.text("effective")?, body.text("until")?, body.text("reason")?);
    campaign::slip(&visitor.app, person, number, (&typed.0, &typed.1, &typed.2)).await?;
    answer(&visitor, StatusCode::OK, number).await
}

/// Calls a change off.
pub(super) async fn withdraw(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    let (number, reason) = reason(&visitor, &number, &query, &body)?;
    campaign::withdraw(&visitor.app, visitor.person()?, number, &reason).await?;
    answer(&visitor, StatusCode::OK, number).await
}

/// Goes on without the proofs that are missing.
pub(super) async fn go_on(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    let (number, reason) = reason(&visitor, &number, &query, &body)?;
    campaign::go_on(&visitor.app, visitor.person()?, number, &reason).await?;
    answer(&visitor, StatusCode::OK, number).await
}

/// The same behind one tunnel.
pub(super) async fn go_on_with_tunnel(
    visitor: Visitor,
    Path((number, tunnel)): Path<(String, String)>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    let (number, reason) = reason(&visitor, &number, &query, &body)?;
    let tunnel = TunnelId::new(identifier(&tunnel)?);
    campaign::go_on_with_tunnel(&visitor.app, visitor.person()?, (number, tunnel), &reason).await?;
    answer(&visitor, StatusCode::OK, number).await
}

fn reason(visitor: &Visitor, number: &str, query: &Query, body: &Body) -> Result<(i64, String), Failure> {
    query.only(&[])?;
    campaign::require_lead(visitor.person()?)?;
    let number = path_number(number)?;
    body.only(&["reason"])?;
    Ok((number, body.text("reason")?))
}
