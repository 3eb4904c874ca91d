//! `postern whitelist`: the lists of tunnels. Acts are done in the name of a person, whose roles count as on the pages.

mod flags;

use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

pub(super) use flags::WhitelistCommand;
use flags::{AddArgs, AppliedArgs, DecideArgs, ListArgs, RetireArgs};

use super::out::{self, Code, Given, Stop};
use super::place::acting;
use crate::app::whitelist::lists::{self, Wanted};
use crate::app::whitelist::register::{self, Added, Typed};
use crate::app::whitelist::{changes, export, requests};
use crate::app::{App, Error, Once, Outcome};
use crate::clock::fresh_id;
use crate::domain::id::{EntryId, ListRequestId, TunnelId};
use crate::domain::whitelist::{Finding, Format};
use crate::store::register::Listed;

/// Runs one of the commands.
pub(super) fn run(command: &WhitelistCommand) -> ExitCode {
    out::end(match command {
        WhitelistCommand::List(args) => args.place.run(async |app| list(&app, args).await),
        WhitelistCommand::Add(args) => args.place.run(async |app| add(&app, args).await),
        WhitelistCommand::Requests { json, person, place } => place.run(async |app| asked(&app, person, *json).await),
        WhitelistCommand::Approve(args) => args.place.run(async |app| decide(&app, args, true).await),
        WhitelistCommand::Refuse(args) => args.place.run(async |app| decide(&app, args, false).await),
        WhitelistCommand::Retire(args) => args.place.run(async |app| retire(&app, args).await),
        WhitelistCommand::Applied(args) => args.place.run(async |app| applied(&app, args).await),
        WhitelistCommand::Export { tunnel, format, place } => {
            place.run(async |app| whole(&app, tunnel, (*format).into()).await)
        }
    })
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    id: String,
    network: String,
    port: i64,
    protocol: String,
    tunnel: String,
    customer: String,
    ours: String,
    theirs: String,
    leaves: bool,
    case: Option<i64>,
}

fn row(listed: Listed) -> Row {
    let entry = listed.entry;
    Row {
        id: entry.id.to_string(),
        network: entry.network,
        port: entry.port,
        protocol: entry.protocol.to_string(),
        tunnel: listed.tunnel,
        customer: listed.customer,
        ours: entry.ours.to_string(),
        theirs: entry.theirs.to_string(),
        leaves: entry.leave_at.is_some(),
        case: listed.case_number,
    }
}

async fn list(app: &App, args: &ListArgs) -> Result<(), Stop> {
    let mut wanted = Wanted {
        tunnel: args.tunnel.clone().unwrap_or_default(),
        search: args.find.clone().unwrap_or_default(),
        with_gone: args.gone,
        ..Wanted::default()
    };
    let mut rows = Vec::new();
    loop {
        let given = [Given { field: "q", flag: "--find", received: Some(&wanted.search) }];
        let missing = || no_tunnel(&wanted.tunnel);
        let page = lists::rows(app, &wanted, 1_000).await.map_err(|error| missing_or(error, missing, &given))?;
        rows.extend(page.rows.into_iter().map(|(listed, _)| row(listed)));
        let Some(next) = page.next else { break };
        wanted.after = Some(next);
    }
    let header = ["network", "port", "tunnel", "customer", "our side", "their side", "case", "id"];
    out::list(args.json, &header, &rows, |row| {
        let ours = if row.leaves { "to leave".to_owned() } else { row.ours.clone() };
        let case = row.case.map(|number| number.to_string()).unwrap_or_default();
        let port = format!("{}/{}", row.port, row.protocol);
        let (tunnel, customer) = (row.tunnel.clone(), row.customer.clone());
        vec![row.network.clone(), port, tunnel, customer, ours, row.theirs.clone(), case, row.id.clone()]
    })
}

async fn add(app: &Arc<App>, args: &AddArgs) -> Result<(), Stop> {
    let person = acting(app, &args.person).await?;
    let typed = Typed {
        tunnel: args.tunnel.clone(),
        network: args.network.clone(),
        port: args.port.clone(),
        protocol: args.protocol.clone(),
        reason: args.reason.clone(),
    };
    let given = [
        Given { field: "tunnel", flag: "--tunnel", received: Some(&args.tunnel) },
        Given { field: "network", flag: "--network", received: Some(&args.network) },
        Given { field: "port", flag: "--port", received: Some(&args.port) },
        Given { field: "protocol", flag: "--protocol", received: Some(&args.protocol) },
        Given { field: "reason", flag: "--reason", received: Some(&args.reason) },
    ];
    let judged = register::judge_only(app, &person, &typed).await.map_err(|error| out::about_flags(error, &given))?;
    let line = |finding: &Finding| format!("{}: {}", finding.weight, finding.detail);
    if args.validate_only {
        out::print(&judged.findings.iter().map(line).collect::<Vec<_>>())?;
        return if judged.is_blocked() {
            Err(Stop::Said(Code::NotAllowed, "it cannot be added".into()))
        } else {
            Ok(())
        };
    }
    // A command is given once; a repeat of it is another act, which finds the entry there.
    let once = Once { scope: "whitelist add".into(), key: fresh_id().to_string(), fingerprint: String::new() };
    match register::add(app, &person, typed, once).await.map_err(|error| out::about_flags(error, &given))? {
        Outcome::Done(Added::Entry(listed)) => {
            out::print(&[listed.entry.id.to_string()])?;
            out::say(&format!("{} is on the list of tunnel {} and waits to be applied.", judged.target, args.tunnel));
        }
        Outcome::Done(Added::Request(request)) => {
            out::print(&[request.id.to_string()])?;
            out::say("A lead has to approve it.");
            out::say(&format!("Next: postern whitelist approve {} --as LEAD", request.id));
        }
        Outcome::Before(_) => {}
    }
    for finding in &judged.findings {
        out::say(&format!("Note: {}", finding.detail));
    }
    Ok(())
}

/// One line of the requests.
#[derive(Serialize)]
struct AskedRow {
    id: String,
    state: String,
    network: String,
    port: i64,
    protocol: String,
    tunnel: String,
    asked_by: String,
    reason: String,
}

async fn asked(app: &App, person: &str, json: bool) -> Result<(), Stop> {
    let found = requests::list(app, &acting(app, person).await?).await?;
    let all = found.pending.into_iter().chain(found.decided);
    let rows: Vec<AskedRow> = all
        .map(|request| AskedRow {
            id: request.id.to_string(),
            state: request.state.to_string(),
            network: request.network,
            port: request.port,
            protocol: request.protocol.to_string(),
            tunnel: request.tunnel_name,
            asked_by: request.asked_by_name,
            reason: request.reason,
        })
        .collect();
    out::list(json, &["state", "network", "port", "tunnel", "asked by", "reason", "id"], &rows, |row| {
        let port = format!("{}/{}", row.port, row.protocol);
        let (tunnel, by) = (row.tunnel.clone(), row.asked_by.clone());
        vec![row.state.clone(), row.network.clone(), port, tunnel, by, row.reason.clone(), row.id.clone()]
    })
}

async fn decide(app: &Arc<App>, args: &DecideArgs, approves: bool) -> Result<(), Stop> {
    let person = acting(app, &args.person).await?;
    let missing = || Stop::not_found("request", &args.request, "see `postern whitelist requests`");
    let id = args.request.parse().map(ListRequestId::new).map_err(|_no_id| missing())?;
    let decided = if approves {
        requests::approve(app, &person, id, args.note.clone()).await
    } else {
        requests::refuse(app, &person, id, args.note.clone()).await
    };
    let decided = decided.map_err(|error| out::or_missing(error, missing))?;
    if let Some(entry) = decided.entry_id {
        out::print(&[entry.to_string()])?;
    }
    out::say(&format!("The request for {} was {}.", decided.network, decided.state));
    Ok(())
}

async fn retire(app: &Arc<App>, args: &RetireArgs) -> Result<(), Stop> {
    let person = acting(app, &args.person).await?;
    let missing = || Stop::not_found("entry", &args.entry, "see `postern whitelist list`");
    let id = args.entry.parse().map(EntryId::new).map_err(|_no_id| missing())?;
    let given = [
        Given { field: "reason", flag: "--reason", received: Some(&args.reason) },
        Given { field: "confirm", flag: "--confirm", received: Some(&args.confirm) },
    ];
    let typed = (args.reason.clone(), args.confirm.clone());
    let listed = changes::retire(app, &person, id, typed).await.map_err(|error| missing_or(error, missing, &given))?;
    let entry = listed.entry;
    if entry.leave_at.is_some() {
        out::say(&format!("{} is to leave the list of tunnel {}.", entry.network, listed.tunnel));
        out::say(&format!("Next: postern whitelist applied --tunnel {} --change-ref TEXT --as NETWORK", listed.tunnel));
    } else {
        out::say(&format!("{} is off the list of tunnel {}.", entry.network, listed.tunnel));
    }
    Ok(())
}

async fn applied(app: &Arc<App>, args: &AppliedArgs) -> Result<(), Stop> {
    let person = acting(app, &args.person).await?;
    let given = [Given { field: "change_ref", flag: "--change-ref", received: Some(&args.change_ref) }];
    let at = (tunnel(app, &args.tunnel).await?, args.version);
    let done = changes::mark_applied(app, &person, at, args.change_ref.clone()).await;
    let done = done.map_err(|error| out::about_flags(error, &given))?;
    out::say(&format!("{} added, {} taken off; the list is at version {}.", done.added, done.removed, done.version));
    Ok(())
}

async fn whole(app: &App, name: &str, format: Format) -> Result<(), Stop> {
    let (_, text) = export::whole(app, tunnel(app, name).await?, format).await?;
    out::print(&text.lines().map(str::to_owned).collect::<Vec<_>>())
}

/// What the command names is not there, or a flag needs another look.
fn missing_or(error: Error, missing: impl FnOnce() -> Stop, given: &[Given<'_>]) -> Stop {
    if matches!(error, Error::NotFound) { missing() } else { out::about_flags(error, given) }
}

fn no_tunnel(name: &str) -> Stop {
    Stop::not_found("tunnel", name, "see `postern tunnel list`")
}

async fn tunnel(app: &App, name: &str) -> Result<TunnelId, Stop> {
    let found = lists::tunnel_named(app, name).await?;
    found.map(|tunnel| tunnel.id).ok_or_else(|| no_tunnel(name))
}
