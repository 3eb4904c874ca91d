//! Entries, requests and judgements as the API gives them. They are made here, not in the web layer, because the answer to
//! a request that may be repeated is kept in the transaction that earned it.

use serde_json::{Value as Json, json};

use super::register::{Added, Judged};
use crate::app::App;
use crate::store::list_requests::Request;
use crate::store::register::Listed;

/// An entry with both sides: what is to be let through, and how far each has come.
pub fn entry(app: &App, listed: &Listed) -> Json {
    let entry = &listed.entry;
    let leaves = entry.leave_at.map(|at| json!({"by": entry.leave_by, "reason": entry.leave_why, "at": at}));
    json!({
        "id": entry.id,
        "tunnel": listed.tunnel,
        "tunnel_id": entry.tunnel_id,
        "customer": listed.customer,
        "customer_id": entry.customer_id,
        "source": listed.sources,
        "network": entry.network,
        "protocol": entry.protocol,
        "port": entry.port,
        "case": listed.case_number,
        "reason": entry.reason,
        "ours": {"state": entry.ours, "by": entry.ours_by, "how": entry.ours_how, "at": entry.ours_at},
        "theirs": {"state": entry.theirs, "by": entry.theirs_by, "how": entry.theirs_how, "at": entry.theirs_at},
        "leaves": leaves,
        "proven_by": entry.proven_by,
        "created_at": entry.created_at,
        "url": format!("{}/api/v1/whitelist/{}", app.public_url, entry.id),
    })
}

/// A request that needs a lead.
pub fn request(app: &App, request: &Request) -> Json {
    json!({
        "id": request.id,
        "tunnel": request.tunnel_name,
        "tunnel_id": request.tunnel_id,
        "customer": request.customer_name,
        "network": request.network,
        "protocol": request.protocol,
        "port": request.port,
        "reason": request.reason,
        "state": request.state,
        "asked_by": request.asked_by_name,
        "asked_at": request.asked_at,
        "decided_by": request.decided_by_name,
        "decided_at": request.decided_at,
        "note": request.note,
        "entry": request.entry_id,
        "url": format!("{}/api/v1/whitelist/requests/{}", app.public_url, request.id),
    })
}

/// What adding led to: an entry, or a request.
pub fn added(app: &App, added: &Added) -> Json {
    match added {
        Added::Entry(listed) => json!({"outcome": "added", "entry": entry(app, listed), "request": null}),
        Added::Request(asked) => json!({"outcome": "needs_lead", "entry": null, "request": request(app, asked)}),
    }
}

/// What adding would lead to.
pub fn judged(judged: &Judged) -> Json {
    let outcome = match (judged.is_blocked(), judged.needs_lead()) {
        (true, _) => "refused",
        (false, true) => "needs_lead",
        (false, false) => "added",
    };
    json!({
        "outcome": outcome,
        "tunnel": judged.tunnel.name,
        "network": judged.target.network,
        "protocol": judged.target.protocol,
        "port": judged.target.port,
        "findings": judged.findings,
    })
}
