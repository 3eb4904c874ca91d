//! What a lead approves: entries wider than one host, and ports beyond those of mail and SYSLOG. Whoever asked does not
//! decide.

use std::sync::Arc;

use super::register::{self, Read};
use super::{require_lead, require_staff};
use crate::app::{App, Error, admin};
use crate::domain::actor::{Person, Role};
use crate::domain::id::ListRequestId;
use crate::domain::whitelist::{RequestState, Target};
use crate::store::Tx;
use crate::store::list_requests::{self, Decision, Request};

/// Requests that wait, oldest first, and those that were decided last.
#[derive(Clone, Debug)]
pub struct Requests {
    /// They wait for a lead.
    pub pending: Vec<Request>,
    /// They were decided, newest first.
    pub decided: Vec<Request>,
}

/// What is asked for.
pub(super) fn target(request: &Request) -> Result<Target, Error> {
    let broken = |error: ipnet::AddrParseError| Error::Internal(format!("request {}: {error}", request.id));
    Ok(Target {
        network: request.network.parse().map_err(broken)?,
        port: register::port(request.port)?,
        protocol: request.protocol,
    })
}

/// Whether a person may approve a request: a lead who did not ask for it.
pub fn may_approve(person: &Person, request: &Request) -> bool {
    person.is(Role::Lead) && person.id != request.asked_by
}

/// Whether a person may refuse a request, or take it back.
pub fn may_refuse(person: &Person, request: &Request) -> bool {
    person.is(Role::Lead) || person.id == request.asked_by
}

/// All requests.
///
/// # Errors
/// [`Error::Forbidden`] for customers; what the database says.
pub async fn list(app: &App, person: &Person) -> Result<Requests, Error> {
    require_staff(person)?;
    let mut tx = app.db.read().await?;
    Ok(Requests { pending: list_requests::pending(&mut tx).await?, decided: list_requests::decided(&mut tx).await? })
}

/// Approves a request: the entry is judged once more and made.
///
/// # Errors
/// [`Error::Forbidden`] for others than leads and for whoever asked; [`Error::Settled`] where it was decided before;
/// [`Error::Invalid`] where something stands against the entry by now; [`Error::NotFound`].
pub async fn approve(app: &Arc<App>, person: &Person, id: ListRequestId, note: String) -> Result<Request, Error> {
    require_lead(person)?;
    decide(app, person, id, (RequestState::Approved, note)).await
}

/// Refuses a request, or takes back one's own.
///
/// # Errors
/// As [`approve`].
pub async fn refuse(app: &Arc<App>, person: &Person, id: ListRequestId, note: String) -> Result<Request, Error> {
    super::require_engineer(person)?;
    decide(app, person, id, (RequestState::Refused, note)).await
}

async fn decide(
    app: &Arc<App>,
    person: &Person,
    id: ListRequestId,
    (state, note): (RequestState, String),
) -> Result<Request, Error> {
    let note = note.trim().to_owned();
    if !note.is_empty() {
        admin::check_text("note", "note", &note)?;
    }
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person, note) = (Arc::clone(&shared), person.clone(), note.clone());
            Box::pin(async move {
                let request = list_requests::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                if let Some(settled) = settled(&request, &person, state)? {
                    return Ok(settled);
                }
                let entry = match state {
                    RequestState::Approved => Some(entry(&app, tx, &request, &person).await?),
                    RequestState::Pending | RequestState::Refused => None,
                };
                let decision = Decision {
                    state,
                    by: person.id,
                    at: app.now(),
                    note: Some(note).filter(|note| !note.is_empty()),
                    entry,
                };
                if !list_requests::decide(tx, (request.customer_id, request.id), &decision).await? {
                    return Err(Error::Store(crate::store::StoreError::Contended));
                }
                list_requests::by_id(tx, id).await?.ok_or(Error::NotFound)
            })
        })
        .await
}

/// The request where the same was decided before, so that a repeat is harmless.
fn settled(request: &Request, person: &Person, state: RequestState) -> Result<Option<Request>, Error> {
    if request.state == RequestState::Pending {
        return match state {
            RequestState::Approved if !may_approve(person, request) => {
                Err(Error::Forbidden("You asked for this entry, so another lead has to approve it"))
            }
            RequestState::Refused if !may_refuse(person, request) => Err(Error::Forbidden("This needs a lead")),
            RequestState::Approved | RequestState::Refused | RequestState::Pending => Ok(None),
        };
    }
    if request.state == state {
        return Ok(Some(request.clone()));
    }
    let who = request.decided_by_name.as_deref().unwrap_or("Somebody");
    Err(Error::Settled(format!("{who} decided before you: the request was {}", request.state)))
}

async fn entry(
    app: &App,
    tx: &mut Tx,
    request: &Request,
    person: &Person,
) -> Result<crate::domain::id::EntryId, Error> {
    let read =
        Read { tunnel: request.tunnel_name.clone(), target: target(request)?, reason: Some(request.reason.clone()) };
    let judged = register::judged(app, tx, read, Some(request.id)).await?;
    if judged.is_blocked() {
        return Err(Error::Invalid(judged.objections()));
    }
    let how = format!("Asked for by {}: {}", request.asked_by_name, request.reason);
    let made = register::make(app, tx, &judged, (&person.name, "Approved", &how), app.now()).await?;
    Ok(made.entry.id)
}
