//! `postern customer`: whom the vendor serves, and through which architecture.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::out::{self, Given, Stop};
use super::place::Place;
use crate::app::{App, admin};
use crate::domain::customer::{Architecture, Customer};

/// The commands of `postern customer`.
#[derive(Debug, Subcommand)]
pub(super) enum CustomerCommand {
    /// Add a customer
    Add(CustomerArgs),
    /// Change how the product reaches a customer
    Set(CustomerArgs),
    /// List the customers
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// A customer as flags.
#[derive(Debug, Args)]
pub(super) struct CustomerArgs {
    /// Name that engineers see
    #[arg(long)]
    name: String,
    /// How the product reaches the customer's network
    #[arg(long, value_enum)]
    architecture: ArchitectureWord,
    #[command(flatten)]
    place: Place,
}

/// How the product reaches a customer's network.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ArchitectureWord {
    /// Through a VPN tunnel
    Vpn,
    /// By a relay in the customer's own environment
    #[value(name = "secure_relay")]
    SecureRelay,
}

impl From<ArchitectureWord> for Architecture {
    fn from(word: ArchitectureWord) -> Self {
        match word {
            ArchitectureWord::Vpn => Self::Vpn,
            ArchitectureWord::SecureRelay => Self::SecureRelay,
        }
    }
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    name: String,
    architecture: Architecture,
    id: String,
}

/// Runs one of the commands.
pub(super) fn run(command: &CustomerCommand) -> ExitCode {
    out::end(match command {
        CustomerCommand::Add(args) => args.place.run(async |app| add(&app, args).await),
        CustomerCommand::Set(args) => args.place.run(async |app| set(&app, args).await),
        CustomerCommand::List { json, place } => place.run(async |app| list(&app, *json).await),
    })
}

async fn add(app: &std::sync::Arc<App>, args: &CustomerArgs) -> Result<(), Stop> {
    let given = [Given { field: "name", flag: "--name", received: Some(&args.name) }];
    let name = args.name.trim().to_owned();
    let customer = admin::add_customer(app, name, args.architecture.into())
        .await
        .map_err(|error| out::about_flags(error, &given))?;
    out::say(&format!("Customer {} was added.", customer.name));
    out::say(&match customer.architecture {
        Architecture::Vpn => format!("Next: postern tunnel add --customer \"{}\" --name NAME …", customer.name),
        Architecture::SecureRelay => {
            format!("Next: postern user add --customer \"{}\" --name NAME --email ADDRESS", customer.name)
        }
    });
    Ok(())
}

async fn set(app: &std::sync::Arc<App>, args: &CustomerArgs) -> Result<(), Stop> {
    let customer = named(app, &args.name).await?;
    let architecture = Architecture::from(args.architecture);
    admin::set_architecture(app, &customer.name, architecture).await?;
    out::say(&format!("Customer {} has the architecture {architecture}. Cases that run keep theirs.", customer.name));
    out::say("Next: postern customer list");
    Ok(())
}

async fn list(app: &App, json: bool) -> Result<(), Stop> {
    let rows: Vec<Row> = admin::customers(app)
        .await?
        .into_iter()
        .map(|customer| Row { name: customer.name, architecture: customer.architecture, id: customer.id.to_string() })
        .collect();
    out::list(json, &["name", "architecture", "id"], &rows, |row| {
        vec![row.name.clone(), row.architecture.to_string(), row.id.clone()]
    })?;
    if rows.is_empty() {
        out::say("Next: postern customer add --name NAME --architecture vpn");
    }
    Ok(())
}

/// The customer that a flag names.
pub(super) async fn named(app: &App, name: &str) -> Result<Customer, Stop> {
    let advice = "see `postern customer list`, or add it with `postern customer add`";
    let missing = || Stop::not_found("customer", name, advice);
    admin::customer(app, name.trim()).await.map_err(|error| out::or_missing(error, missing))
}
