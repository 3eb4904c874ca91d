//! `postern tenant`: the installations of the product that settings are applied to.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::out::{self, Given, Stop};
use super::place::Place;
use super::{customer, value};
use crate::app::{App, admin};
use crate::apply::TieTarget;
use crate::domain::customer::Tenant;
use crate::secret::Secret;

/// The commands of `postern tenant`.
#[derive(Debug, Subcommand)]
pub(super) enum TenantCommand {
    /// Add a product tenant; without --base-url, settings are written to a file and applied by hand
    Add(AddArgs),
    /// Change how the API of a product tenant is reached
    Set(SetArgs),
    /// List product tenants
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

/// A new tenant as flags.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The customer whose tenant it is
    #[arg(long, value_name = "NAME")]
    customer: String,
    /// Name that engineers see
    #[arg(long)]
    name: String,
    /// Address of the product's API, like `https://customer.tenable.ad`
    #[arg(long, value_name = "URL", requires = "api_key_file")]
    base_url: Option<String>,
    /// File with the API key on its first line; - reads standard input
    #[arg(long, value_name = "FILE", requires = "base_url")]
    api_key_file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Changes of a tenant as flags.
#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The customer whose tenant it is
    #[arg(long, value_name = "NAME")]
    customer: String,
    /// Name of the tenant
    #[arg(long)]
    name: String,
    /// Address of the product's API; without it the present one stays
    #[arg(long, value_name = "URL", requires = "api_key_file")]
    base_url: Option<String>,
    /// File with the API key on its first line; - reads standard input
    #[arg(long, value_name = "FILE", required_unless_present = "no_api")]
    api_key_file: Option<PathBuf>,
    /// Forget address and key: settings are written to a file and applied by hand
    #[arg(long, conflicts_with_all = ["base_url", "api_key_file"])]
    no_api: bool,
    #[command(flatten)]
    place: Place,
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    customer: String,
    name: String,
    base_url: Option<String>,
    api_key_set: bool,
    id: String,
}

/// Runs one of the commands.
pub(super) fn run(command: &TenantCommand) -> ExitCode {
    out::end(match command {
        TenantCommand::Add(args) => args.place.run(async |app| add(&app, args).await),
        TenantCommand::Set(args) => args.place.run(async |app| set(&app, args).await),
        TenantCommand::List { customer, json, place } => {
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
            "this customer has a tenant of that name; change it with `postern tenant set`",
        ));
    }
    let access = match (&args.base_url, &args.api_key_file) {
        (Some(url), Some(file)) => Some(access(url, file)?),
        (None | Some(_), _) => None,
    };
    let by_file = access.is_none();
    put(app, (&customer, name), access).await?;
    out::say(&format!("Tenant {name} of {} was added.", customer.name));
    if by_file {
        out::say("It has no API key: settings are written to a file, and an engineer confirms that they were entered.");
    }
    out::say(&format!("Next: postern tenant list --customer \"{}\"", customer.name));
    Ok(())
}

async fn set(app: &Arc<App>, args: &SetArgs) -> Result<(), Stop> {
    let customer = customer::named(app, &args.customer).await?;
    let name = args.name.trim();
    let advice = "see `postern tenant list`, or add it with `postern tenant add`";
    let known = find(app, &customer, name).await?.ok_or_else(|| Stop::not_found("tenant", name, advice))?;
    let access = match &args.api_key_file {
        None => None,
        Some(file) => {
            let url = args.base_url.as_ref().or(known.base_url.as_ref());
            let advice = "it has no address yet; give --base-url too";
            Some(access(url.ok_or_else(|| Stop::usage("--name", name, advice))?, file)?)
        }
    };
    put(app, (&customer, name), access).await?;
    out::say(&format!("Tenant {name} of {} was changed.", customer.name));
    out::say(&format!("Next: postern tenant list --customer \"{}\"", customer.name));
    Ok(())
}

/// Address and key, judged by the code that will use them.
fn access(url: &str, key_file: &std::path::Path) -> Result<(String, Secret), Stop> {
    let key = value::secret("--api-key-file", key_file)?;
    TieTarget::new(url.trim(), key.clone(), None).map_err(|error| Stop::usage("--base-url", url, error))?;
    Ok((url.trim().to_owned(), key))
}

async fn put(
    app: &Arc<App>,
    (customer, name): (&crate::domain::customer::Customer, &str),
    access: Option<(String, Secret)>,
) -> Result<(), Stop> {
    let given = [Given { field: "name", flag: "--name", received: Some(name) }];
    let key = (customer.id, name.to_owned());
    admin::put_tenant(app, key, access).await.map_err(|error| out::about_flags(error, &given))
}

async fn find(app: &App, customer: &crate::domain::customer::Customer, name: &str) -> Result<Option<Tenant>, Stop> {
    Ok(admin::tenants(app, customer.id).await?.into_iter().find(|tenant| tenant.name == name))
}

async fn list(app: &App, customer: Option<&str>, json: bool) -> Result<(), Stop> {
    let customers = match customer {
        Some(name) => vec![customer::named(app, name).await?],
        None => admin::customers(app).await?,
    };
    let mut rows = Vec::new();
    for customer in customers {
        rows.extend(admin::tenants(app, customer.id).await?.into_iter().map(|tenant| Row {
            customer: customer.name.clone(),
            name: tenant.name,
            base_url: tenant.base_url,
            api_key_set: tenant.api_key.is_some(),
            id: tenant.id.to_string(),
        }));
    }
    out::list(json, &["customer", "name", "API", "id"], &rows, |row| {
        let api = row.base_url.clone().unwrap_or_else(|| "file".to_owned());
        vec![row.customer.clone(), row.name.clone(), api, row.id.clone()]
    })?;
    if rows.is_empty() {
        out::say("Next: postern tenant add --customer NAME --name NAME");
    }
    Ok(())
}
