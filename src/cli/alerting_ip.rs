//! `postern alerting-ip`: the register of the addresses that alerts come from, and the lists made of it.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::out::{self, Given, Stop};
use super::place::Place;
use crate::app::alerting_ips::{self, Draft, Keeper, Listed, lists};
use crate::app::{App, Error};
use crate::domain::alerting_ip::AlertingIp;
use crate::domain::alerting_ip::feed::Format;

/// The commands of `postern alerting-ip`.
#[derive(Debug, Subcommand)]
pub(super) enum AlertingIpCommand {
    /// Put an address on the register
    Add(IpArgs),
    /// Correct an address: what the flags name; the rest stays as it is
    Correct {
        /// Number of the address
        number: i64,
        #[command(flatten)]
        corrections: Corrections,
        #[command(flatten)]
        place: Place,
    },
    /// Take an address out of use that no tunnel names
    Retire {
        /// Number of the address
        number: i64,
        #[command(flatten)]
        place: Place,
    },
    /// List the register
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Print a published list, as it is served
    Published {
        /// The form
        #[arg(long, value_enum, default_value_t = FormatWord::Json)]
        format: FormatWord,
        #[command(flatten)]
        place: Place,
    },
}

/// A form as a word of the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum FormatWord {
    /// Prefixes with state and dates
    Json,
    /// Networks, one a line
    Txt,
    /// The feed
    Atom,
    /// The calendar
    Ics,
}

/// An address as flags.
#[derive(Debug, Args)]
pub(super) struct IpArgs {
    /// Address or network, like 198.51.100.24
    network: String,
    #[command(flatten)]
    about: About,
    #[command(flatten)]
    place: Place,
}

/// What is known of an address.
#[derive(Debug, Args)]
pub(super) struct About {
    /// Which alerts come from it: alerting (all of them), smtp or syslog
    #[arg(long, value_name = "WORD", default_value = "alerting")]
    purpose: String,
    /// Where it is
    #[arg(long, value_name = "TEXT", default_value = "")]
    region: String,
    /// From when on alerts come from it; without it from now on
    #[arg(long, value_name = "DATE", default_value = "")]
    from: String,
    /// Until when
    #[arg(long, value_name = "DATE", default_value = "")]
    until: String,
    /// Show it on the lists that everybody reads
    #[arg(long)]
    published: bool,
}

/// What is to be known of an address from now on; what is not given stays.
#[derive(Debug, Args)]
pub(super) struct Corrections {
    /// Which alerts come from it: alerting (all of them), smtp or syslog
    #[arg(long, value_name = "WORD")]
    purpose: Option<String>,
    /// Where it is; empty to say nothing
    #[arg(long, value_name = "TEXT")]
    region: Option<String>,
    /// From when on alerts come from it
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Until when; empty where that is not known
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Whether the lists that everybody reads show it
    #[arg(long, value_enum)]
    published: Option<YesNo>,
}

/// An answer as a word of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum YesNo {
    /// They show it
    Yes,
    /// They do not
    No,
}

impl Corrections {
    /// Everything that is known of an address, with the corrections in it.
    fn of(&self, ip: &AlertingIp) -> About {
        let or = |given: &Option<String>, known: String| given.clone().unwrap_or(known);
        About {
            purpose: or(&self.purpose, ip.purpose.to_string()),
            region: or(&self.region, ip.region.clone().unwrap_or_default()),
            from: or(&self.from, ip.from.to_rfc3339()),
            until: or(&self.until, ip.until.map(|until| until.to_rfc3339()).unwrap_or_default()),
            published: self.published.map_or(ip.is_published, |word| word == YesNo::Yes),
        }
    }
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    number: i64,
    address: String,
    state: String,
    purpose: String,
    region: Option<String>,
    from: String,
    until: Option<String>,
    published: bool,
    tunnels: i64,
}

/// Runs one of the commands.
pub(super) fn run(command: &AlertingIpCommand) -> ExitCode {
    out::end(match command {
        AlertingIpCommand::Add(args) => args.place.run(async |app| add(&app, args).await),
        AlertingIpCommand::Correct { number, corrections, place } => {
            place.run(async |app| correct(&app, *number, corrections).await)
        }
        AlertingIpCommand::Retire { number, place } => place.run(async |app| retire(&app, *number).await),
        AlertingIpCommand::List { json, place } => place.run(async |app| list(&app, *json).await),
        AlertingIpCommand::Published { format, place } => place.run(async |app| published(&app, *format).await),
    })
}

fn draft(network: &str, about: &About) -> Draft {
    Draft {
        network: network.to_owned(),
        purpose: about.purpose.clone(),
        region: about.region.clone(),
        from: about.from.clone(),
        until: about.until.clone(),
        is_published: about.published,
    }
}

fn about_flags(error: Error, network: &str, about: &About) -> Stop {
    let one = |field, flag, received| Given { field, flag, received: Some(received) };
    let given = [
        one("network", "the address", network),
        one("purpose", "--purpose", about.purpose.as_str()),
        one("region", "--region", &about.region),
        one("from", "--from", &about.from),
        one("until", "--until", &about.until),
    ];
    out::about_flags(error, &given)
}

fn missing(number: i64) -> Stop {
    Stop::not_found("alerting IP", &number.to_string(), "see `postern alerting-ip list`")
}

async fn add(app: &Arc<App>, args: &IpArgs) -> Result<(), Stop> {
    let draft = draft(&args.network, &args.about);
    let ip = alerting_ips::add(app, Keeper(None), &draft).await;
    let ip = ip.map_err(|error| about_flags(error, &args.network, &args.about))?;
    out::say(&format!("{} is number {} of the register, {}.", ip.shown(), ip.number, ip.state));
    out::say("Next: postern alerting-change announce --new N --old N, or postern tunnel change --alerting-ip IP");
    Ok(())
}

async fn correct(app: &Arc<App>, number: i64, corrections: &Corrections) -> Result<(), Stop> {
    let known = alerting_ips::one(app, number).await.map_err(|error| out::or_missing(error, || missing(number)))?;
    let (network, about) = (known.listed.ip.network.to_string(), corrections.of(&known.listed.ip));
    let ip = alerting_ips::correct(app, Keeper(None), number, &draft(&network, &about)).await;
    let ip = ip.map_err(|error| about_flags(error, &network, &about))?;
    out::say(&format!("{} was corrected.", ip.shown()));
    Ok(())
}

async fn retire(app: &Arc<App>, number: i64) -> Result<(), Stop> {
    let retired = alerting_ips::retire(app, Keeper(None), number).await;
    let ip = retired.map_err(|error| out::or_missing(error, || missing(number)))?;
    out::say(&format!("{} is out of use.", ip.shown()));
    Ok(())
}

async fn list(app: &App, json: bool) -> Result<(), Stop> {
    let row = |Listed { ip, tunnels }: Listed| Row {
        number: ip.number,
        address: ip.shown(),
        state: ip.state.to_string(),
        purpose: ip.purpose.to_string(),
        from: ip.from.to_rfc3339(),
        until: ip.until.map(|until| until.to_rfc3339()),
        published: ip.is_published,
        region: ip.region,
        tunnels,
    };
    let rows: Vec<Row> = alerting_ips::list(app).await?.into_iter().map(row).collect();
    let header = ["number", "address", "state", "purpose", "region", "from", "until", "published", "tunnels"];
    out::list(json, &header, &rows, |row| {
        vec![
            row.number.to_string(),
            row.address.clone(),
            row.state.clone(),
            row.purpose.clone(),
            row.region.clone().unwrap_or_default(),
            row.from.clone(),
            row.until.clone().unwrap_or_default(),
            if row.published { "yes" } else { "no" }.to_owned(),
            row.tunnels.to_string(),
        ]
    })
}

async fn published(app: &App, format: FormatWord) -> Result<(), Stop> {
    let format = match format {
        FormatWord::Json => Format::Json,
        FormatWord::Txt => Format::Text,
        FormatWord::Atom => Format::Atom,
        FormatWord::Ics => Format::Ics,
    };
    let (_, text) = lists::content(app, format).await?;
    // Line ends of a calendar (RFC 5545) stay as they are served.
    let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
    out::print(&lines.map(str::to_owned).collect::<Vec<_>>())
}
