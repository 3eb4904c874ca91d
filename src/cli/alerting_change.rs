//! `postern alerting-change`: from one alerting IP to another, for every server that depends on it.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::out::{self, Given, Stop};
use super::place::{Place, acting};
use crate::app::campaign::board::{self, Summary};
use crate::app::campaign::{self, Draft};
use crate::app::whitelist::lists;
use crate::app::{App, Error};
use crate::domain::alerting_ip::campaign::Standing;

/// The commands of `postern alerting-change`.
#[derive(Debug, Subcommand)]
pub(super) enum AlertingChangeCommand {
    /// Announce a change: every server behind a tunnel that names the former IP gets a case
    Announce(AnnounceArgs),
    /// Move the dates; everybody is told
    Move(MoveArgs),
    /// Go on without the proofs that are missing
    GoOn(GoOnArgs),
    /// Call a change off
    Withdraw(ReasonArgs),
    /// List changes and how far they have come
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        acting: Acting,
        #[command(flatten)]
        place: Place,
    },
    /// List the servers of a change
    Show {
        /// Number of the change
        number: i64,
        /// Only those that stand so: told, testing, `not_let_in`, unclear, overdue, proven, overridden
        #[arg(long, value_name = "WORD")]
        state: Option<String>,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        acting: Acting,
        #[command(flatten)]
        place: Place,
    },
}

/// Who acts.
#[derive(Debug, Args)]
pub(super) struct Acting {
    /// Address of the lead who decides, or of whoever looks
    #[arg(long = "as", value_name = "EMAIL")]
    person: String,
}

/// A change as flags.
#[derive(Debug, Args)]
pub(super) struct AnnounceArgs {
    /// Number of the IP that ends
    #[arg(long, value_name = "N")]
    old: String,
    /// Number of the IP that takes its place
    #[arg(long, value_name = "N")]
    new: String,
    /// First day of the new IP, 30 days ahead or more
    #[arg(long, value_name = "DATE", default_value = "")]
    effective: String,
    /// Last day of the former IP
    #[arg(long, value_name = "DATE", default_value = "")]
    until: String,
    /// Why it cannot wait 30 days
    #[arg(long, value_name = "TEXT", default_value = "")]
    emergency: String,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    place: Place,
}

/// Other dates as flags.
#[derive(Debug, Args)]
pub(super) struct MoveArgs {
    /// Number of the change
    number: i64,
    /// First day of the new IP; without it as before
    #[arg(long, value_name = "DATE", default_value = "")]
    effective: String,
    /// Last day of the former IP; without it as before
    #[arg(long, value_name = "DATE", default_value = "")]
    until: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    place: Place,
}

/// A decision with its reason.
#[derive(Debug, Args)]
pub(super) struct ReasonArgs {
    /// Number of the change
    number: i64,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    place: Place,
}

/// The decision to go on, everywhere or behind one tunnel.
#[derive(Debug, Args)]
pub(super) struct GoOnArgs {
    /// Behind this tunnel alone; without it behind every one that still uses the former IP
    #[arg(long, value_name = "NAME")]
    tunnel: Option<String>,
    #[command(flatten)]
    decision: ReasonArgs,
}

/// Runs one of the commands.
pub(super) fn run(command: &AlertingChangeCommand) -> ExitCode {
    use AlertingChangeCommand::{Announce, GoOn, List, Move, Show, Withdraw};
    out::end(match command {
        Announce(args) => args.place.run(async |app| announce(&app, args).await),
        Move(args) => args.place.run(async |app| move_dates(&app, args).await),
        GoOn(args) => args.decision.place.run(async |app| go_on(&app, args).await),
        Withdraw(args) => args.place.run(async |app| {
            let lead = acting(&app, &args.acting.person).await?;
            let outcome = campaign::withdraw(&app, &lead, args.number, &args.reason).await;
            outcome.map_err(|error| about(error, args.number, &[reason(&args.reason)]))?;
            out::say("The change is called off; everybody is told.");
            Ok(())
        }),
        List { json, acting: who, place } => place.run(async |app| list(&app, who, *json).await),
        Show { number, state, json, acting: who, place } => {
            place.run(async |app| show(&app, who, (*number, state.as_deref()), *json).await)
        }
    })
}

fn reason(received: &str) -> Given<'_> {
    Given { field: "reason", flag: "--reason", received: Some(received) }
}

fn about(error: Error, number: i64, given: &[Given<'_>]) -> Stop {
    if matches!(error, Error::NotFound) {
        return Stop::not_found("change", &number.to_string(), "see `postern alerting-change list`");
    }
    out::about_flags(error, given)
}

async fn announce(app: &Arc<App>, args: &AnnounceArgs) -> Result<(), Stop> {
    let lead = acting(app, &args.acting.person).await?;
    let draft = Draft {
        old: args.old.clone(),
        new: args.new.clone(),
        effective: args.effective.clone(),
        until: args.until.clone(),
        emergency: args.emergency.clone(),
    };
    let one = |field, flag, received| Given { field, flag, received: Some(received) };
    let given = [
        one("old", "--old", args.old.as_str()),
        one("new", "--new", &args.new),
        one("effective", "--effective", &args.effective),
        one("until", "--until", &args.until),
        one("emergency", "--emergency", &args.emergency),
    ];
    let opened = campaign::open(app, &lead, &draft).await.map_err(|error| out::about_flags(error, &given))?;
    out::say(&format!("Change {} is announced; the running service opens a case for every server.", opened.number));
    out::say(&format!("Next: postern alerting-change show {} --as EMAIL", opened.number));
    Ok(())
}

async fn move_dates(app: &Arc<App>, args: &MoveArgs) -> Result<(), Stop> {
    let lead = acting(app, &args.acting.person).await?;
    let one = |field, flag, received| Given { field, flag, received: Some(received) };
    let given = [
        one("effective", "--effective", args.effective.as_str()),
        one("until", "--until", &args.until),
        reason(&args.reason),
    ];
    let typed = (args.effective.as_str(), args.until.as_str(), args.reason.as_str());
    let moved =
        campaign::slip(app, &lead, args.number, typed).await.map_err(|error| about(error, args.number, &given))?;
    out::say(&format!("The dates are {} and {}.", moved.effective_at.to_rfc3339(), moved.until_at.to_rfc3339()));
    Ok(())
}

async fn go_on(app: &Arc<App>, GoOnArgs { tunnel, decision }: &GoOnArgs) -> Result<(), Stop> {
    let lead = acting(app, &decision.acting.person).await?;
    let (number, why) = (decision.number, &decision.reason);
    let given = [reason(why), Given { field: "tunnel", flag: "--tunnel", received: tunnel.as_deref() }];
    let wrong = |error| about(error, number, &given);
    let whose = match tunnel {
        None => {
            campaign::go_on(app, &lead, number, why).await.map_err(wrong)?;
            "Every tunnel"
        }
        Some(name) => {
            let missing = || Stop::not_found("tunnel", name, "see `postern tunnel list`");
            let found = lists::tunnel_named(app, name).await?.ok_or_else(missing)?;
            campaign::go_on_with_tunnel(app, &lead, (number, found.id), why).await.map_err(wrong)?;
            name
        }
    };
    out::say(&format!("{whose} gives up the former IP; customers without a proof are told."));
    Ok(())
}

/// One line of the list of changes.
#[derive(Serialize)]
struct Row {
    number: i64,
    old: String,
    new: String,
    state: String,
    effective_at: String,
    servers: i64,
    proven: i64,
    overdue: i64,
}

async fn list(app: &App, who: &Acting, json: bool) -> Result<(), Stop> {
    let person = acting(app, &who.person).await?;
    let row = |summary: Summary| Row {
        number: summary.campaign.number,
        old: summary.old.shown(),
        new: summary.new.shown(),
        state: summary.campaign.state.to_string(),
        effective_at: summary.campaign.effective_at.to_rfc3339(),
        servers: summary.servers(),
        proven: summary.count(Standing::Proven),
        overdue: summary.count(Standing::Overdue),
    };
    let rows: Vec<Row> = board::list(app, &person, i64::MAX).await?.into_iter().map(row).collect();
    let header = ["number", "old", "new", "state", "effective at", "servers", "proven", "overdue"];
    out::list(json, &header, &rows, |row| {
        let texts = [row.number.to_string(), row.old.clone(), row.new.clone(), row.state.clone()];
        let counts = [row.servers, row.proven, row.overdue].map(|count| count.to_string());
        texts.into_iter().chain([row.effective_at.clone()]).chain(counts).collect()
    })
}

/// One line of a change's servers.
#[derive(Serialize)]
struct Line {
    case: i64,
    customer: String,
    server: String,
    tunnel: String,
    state: String,
    acknowledged_by: Option<String>,
}

async fn show(app: &App, who: &Acting, (number, state): (i64, Option<&str>), json: bool) -> Result<(), Stop> {
    let person = acting(app, &who.person).await?;
    let standing = match state {
        None => None,
        Some(word) => {
            let known = Standing::parse(word);
            Some(known.ok_or_else(|| Stop::usage("--state", word, "see `postern alerting-change show --help`"))?)
        }
    };
    let mut lines = Vec::new();
    let mut after = 0;
    loop {
        let page = board::board(app, &person, number, (standing, after)).await;
        let page = page.map_err(|error| about(error, number, &[]))?;
        lines.extend(page.lines.into_iter().map(|server| Line {
            case: server.line.number,
            customer: server.line.customer_name,
            server: server.line.title.rsplit(": ").next().unwrap_or_default().to_owned(),
            tunnel: server.line.tunnel_name,
            state: server.standing.to_string(),
            acknowledged_by: server.acknowledged_by,
        }));
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    out::list(json, &["case", "customer", "server", "tunnel", "state", "acknowledged by"], &lines, |line| {
        let who = line.acknowledged_by.clone().unwrap_or_default();
        vec![
            line.case.to_string(),
            line.customer.clone(),
            line.server.clone(),
            line.tunnel.clone(),
            line.state.clone(),
            who,
        ]
    })
}
