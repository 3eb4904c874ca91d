//! `postern tunnel`: the VPN tunnels on record: both ends, what they carry, and where our alerts come from.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::out::{self, Given, Stop};
use super::place::Place;
use super::{customer, value};
use crate::app::{App, admin, tunnels};
use crate::clock::fresh_id;
use crate::domain::address::Options;
use crate::domain::address::placement::overlaps_with_ours;
use crate::domain::customer::Customer;
use crate::domain::id::TunnelId;
use crate::domain::tunnel::{Tunnel, TunnelState};

/// The commands of `postern tunnel`.
#[derive(Debug, Subcommand)]
pub(super) enum TunnelCommand {
    /// Add a tunnel
    Add(Box<AddArgs>),
    /// Change what is on record of a tunnel; what is not given stays
    Set(Box<SetArgs>),
    /// List tunnels
    List {
        /// Only those of this customer
        #[arg(long, value_name = "NAME")]
        customer: Option<String>,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// A new tunnel as flags.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The customer whose tunnel it is
    #[arg(long, value_name = "NAME")]
    customer: String,
    /// Name that engineers see
    #[arg(long)]
    name: String,
    /// Outside address of our gateway
    #[arg(long, value_name = "IP")]
    our_gateway: String,
    /// Outside address of the customer's gateway
    #[arg(long, value_name = "IP")]
    peer_gateway: String,
    /// Network on our side that the tunnel carries; may be repeated
    #[arg(long, value_name = "NETWORK", required = true)]
    our_network: Vec<String>,
    /// Network on the customer's side that the tunnel carries; may be repeated
    #[arg(long, value_name = "NETWORK", required = true)]
    peer_network: Vec<String>,
    /// Address that our alerts come from
    #[arg(long, value_name = "IP")]
    alerting_ip: String,
    /// Tunnels in one routing domain share a routing table
    #[arg(long, value_name = "NAME", default_value = "default")]
    routing_domain: String,
    #[command(flatten)]
    more: MoreArgs,
    #[command(flatten)]
    place: Place,
}

/// Changes of a tunnel as flags.
#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The customer whose tunnel it is
    #[arg(long, value_name = "NAME")]
    customer: String,
    /// Name of the tunnel
    #[arg(long)]
    name: String,
    /// Outside address of our gateway
    #[arg(long, value_name = "IP")]
    our_gateway: Option<String>,
    /// Outside address of the customer's gateway
    #[arg(long, value_name = "IP")]
    peer_gateway: Option<String>,
    /// All networks on our side that the tunnel carries; may be repeated
    #[arg(long, value_name = "NETWORK")]
    our_network: Vec<String>,
    /// All networks on the customer's side that the tunnel carries; may be repeated
    #[arg(long, value_name = "NETWORK")]
    peer_network: Vec<String>,
    /// Address that our alerts come from
    #[arg(long, value_name = "IP")]
    alerting_ip: Option<String>,
    /// Tunnels in one routing domain share a routing table
    #[arg(long, value_name = "NAME")]
    routing_domain: Option<String>,
    #[command(flatten)]
    more: MoreArgs,
    #[command(flatten)]
    place: Place,
}

/// What a tunnel may have beside its ends.
#[derive(Debug, Args)]
struct MoreArgs {
    /// Address that our alerts come from after a fail-over on our side
    #[arg(long, value_name = "IP")]
    standby_ip: Option<String>,
    /// Inside address of the customer's gateway, where it answers pings; a test that fails asks it for an echo
    #[arg(long, value_name = "IP")]
    echo: Option<String>,
    /// Network device of the tunnel on the machine that tests: this one, or that of the tunnel's agent
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Certificates (PEM) of the authority that signs the customer's servers; - reads standard input
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Whether the tunnel is to be used
    #[arg(long, value_enum)]
    state: Option<StateWord>,
}

/// Whether a tunnel is to be used.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateWord {
    /// Agreed, not built
    Planned,
    /// Built
    #[value(name = "in_use")]
    InUse,
    /// Stopped by us
    Stopped,
}

impl From<StateWord> for TunnelState {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Planned => Self::Planned,
            StateWord::InUse => Self::InUse,
            StateWord::Stopped => Self::Stopped,
        }
    }
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    customer: String,
    name: String,
    state: TunnelState,
    our_gateway: String,
    peer_gateway: String,
    inside_gateway: Option<String>,
    our_networks: Vec<String>,
    peer_networks: Vec<String>,
    alerting_ip: String,
    standby_ip: Option<String>,
    routing_domain: String,
    device: Option<String>,
    ca_set: bool,
    id: String,
}

/// Runs one of the commands.
pub(super) fn run(command: &TunnelCommand) -> ExitCode {
    out::end(match command {
        TunnelCommand::Add(args) => args.place.run(async |app| add(&app, args).await),
        TunnelCommand::Set(args) => args.place.run(async |app| set(&app, args).await),
        TunnelCommand::List { customer, json, place } => {
            place.run(async |app| list(&app, customer.as_deref(), *json).await)
        }
    })
}

async fn add(app: &Arc<App>, args: &AddArgs) -> Result<(), Stop> {
    let customer = customer::named(app, &args.customer).await?;
    let name = args.name.trim();
    if find(app, &customer, name).await?.is_some() {
        return Err(Stop::usage(
            "--name",
            name,
            "this customer has a tunnel of that name; change it with `postern tunnel set`",
        ));
    }
    let options = options(app);
    let tunnel = Tunnel {
        customer: customer.id,
        id: TunnelId::new(fresh_id()),
        name: name.to_owned(),
        our_gateway: value::address("--our-gateway", &args.our_gateway, options)?,
        peer_gateway: value::address("--peer-gateway", &args.peer_gateway, options)?,
        our_selectors: value::networks("--our-network", &args.our_network, options)?,
        peer_selectors: value::networks("--peer-network", &args.peer_network, options)?,
        alerting_ip: value::address("--alerting-ip", &args.alerting_ip, options)?,
        inside_gateway: None,
        standby_ip: None,
        routing_domain: routing_domain(&args.routing_domain)?,
        device: None,
        ca_pem: None,
        state: TunnelState::InUse,
    };
    put(app, &customer, with_more(tunnel, &args.more, options)?).await?;
    out::say(&format!("Tunnel {name} of {} was added.", customer.name));
    out::say(&format!("Next: postern tenant add --customer \"{}\" --name NAME …", customer.name));
    Ok(())
}

async fn set(app: &Arc<App>, args: &SetArgs) -> Result<(), Stop> {
    let customer = customer::named(app, &args.customer).await?;
    let name = args.name.trim();
    let advice = "see `postern tunnel list`, or add it with `postern tunnel add`";
    let mut tunnel = find(app, &customer, name).await?.ok_or_else(|| Stop::not_found("tunnel", name, advice))?;
    let options = options(app);
    if let Some(text) = &args.our_gateway {
        tunnel.our_gateway = value::address("--our-gateway", text, options)?;
    }
    if let Some(text) = &args.peer_gateway {
        tunnel.peer_gateway = value::address("--peer-gateway", text, options)?;
    }
    if !args.our_network.is_empty() {
        tunnel.our_selectors = value::networks("--our-network", &args.our_network, options)?;
    }
    if !args.peer_network.is_empty() {
        tunnel.peer_selectors = value::networks("--peer-network", &args.peer_network, options)?;
    }
    if let Some(text) = &args.alerting_ip {
        tunnel.alerting_ip = value::address("--alerting-ip", text, options)?;
    }
    if let Some(text) = &args.routing_domain {
        tunnel.routing_domain = routing_domain(text)?;
    }
    put(app, &customer, with_more(tunnel, &args.more, options)?).await?;
    out::say(&format!("Tunnel {name} of {} was changed.", customer.name));
    out::say(&format!("Next: postern tunnel list --customer \"{}\"", customer.name));
    Ok(())
}

fn with_more(mut tunnel: Tunnel, args: &MoreArgs, options: Options) -> Result<Tunnel, Stop> {
    if let Some(text) = &args.standby_ip {
        tunnel.standby_ip = Some(value::address("--standby-ip", text, options)?);
    }
    if let Some(text) = &args.echo {
        tunnel.inside_gateway = Some(value::address("--echo", text, options)?);
    }
    if let Some(text) = &args.device {
        tunnel.device = Some(value::device("--device", text)?);
    }
    if let Some(path) = &args.ca_file {
        tunnel.ca_pem = Some(value::certificates("--ca-file", path)?);
    }
    if let Some(word) = args.state {
        tunnel.state = word.into();
    }
    Ok(tunnel)
}

fn routing_domain(text: &str) -> Result<String, Stop> {
    let name = text.trim();
    let good = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if good {
        Ok(name.to_owned())
    } else {
        Err(Stop::usage("--routing-domain", text, "enter a name of 1 to 100 characters"))
    }
}

fn options(app: &App) -> Options {
    Options { allow_documentation: app.policy.allow_documentation }
}

/// Stores a tunnel that can be routed, and says what an engineer should look at.
async fn put(app: &Arc<App>, customer: &Customer, tunnel: Tunnel) -> Result<(), Stop> {
    if let Some((theirs, ours)) = overlaps_with_ours(&tunnel.peer_selectors, &tunnel.our_selectors).first() {
        let advice =
            format!("it shares addresses with {ours} of our side; enter the network after address translation");
        return Err(Stop::usage("--peer-network", &theirs.to_string(), advice));
    }
    for remark in tunnels::remarks(app, customer, &tunnel).await? {
        out::say(&format!("Note: {remark}"));
    }
    let alerting = tunnel.alerting_ip.to_string();
    let standby = tunnel.standby_ip.map(|ip| ip.to_string());
    let given = [
        Given { field: "name", flag: "--name", received: Some(&tunnel.name) },
        Given { field: "alerting_ip", flag: "--alerting-ip", received: Some(&alerting) },
        Given { field: "standby_ip", flag: "--standby-ip", received: standby.as_deref() },
    ];
    let stored = tunnel.clone();
    admin::put_tunnel(app, stored).await.map_err(|error| out::about_flags(error, &given))
}

async fn find(app: &App, customer: &Customer, name: &str) -> Result<Option<Tunnel>, Stop> {
    Ok(admin::tunnels(app, customer.id).await?.into_iter().find(|tunnel| tunnel.name == name))
}

async fn list(app: &App, customer: Option<&str>, json: bool) -> Result<(), Stop> {
    let customers = match customer {
        Some(name) => vec![customer::named(app, name).await?],
        None => admin::customers(app).await?,
    };
    let mut rows = Vec::new();
    for customer in customers {
        rows.extend(admin::tunnels(app, customer.id).await?.into_iter().map(|tunnel| row(&customer.name, tunnel)));
    }
    let header = ["customer", "name", "state", "our networks", "peer networks", "alerting IP", "routing domain"];
    out::list(json, &header, &rows, |row| {
        vec![
            row.customer.clone(),
            row.name.clone(),
            row.state.to_string(),
            row.our_networks.join(","),
            row.peer_networks.join(","),
            row.alerting_ip.clone(),
            row.routing_domain.clone(),
        ]
    })?;
    if rows.is_empty() {
        out::say("Next: postern tunnel add --customer NAME --name NAME …");
    }
    Ok(())
}

fn row(customer: &str, tunnel: Tunnel) -> Row {
    let texts = |networks: Vec<ipnet::IpNet>| networks.iter().map(ToString::to_string).collect();
    Row {
        customer: customer.to_owned(),
        name: tunnel.name,
        state: tunnel.state,
        our_gateway: tunnel.our_gateway.to_string(),
        peer_gateway: tunnel.peer_gateway.to_string(),
        inside_gateway: tunnel.inside_gateway.map(|address| address.to_string()),
        our_networks: texts(tunnel.our_selectors),
        peer_networks: texts(tunnel.peer_selectors),
        alerting_ip: tunnel.alerting_ip.to_string(),
        standby_ip: tunnel.standby_ip.map(|address| address.to_string()),
        routing_domain: tunnel.routing_domain,
        device: tunnel.device,
        ca_set: tunnel.ca_pem.is_some(),
        id: tunnel.id.to_string(),
    }
}
