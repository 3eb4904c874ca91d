//! `postern user`: who may sign in, as what, and for whom.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::out::{self, Code, Given, Stop};
use super::place::Place;
use super::{customer, user_mail, value};
use crate::app::App;
use crate::app::admin::{self, Place as Position};
use crate::domain::actor::Role;

/// The commands of `postern user`.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a person of the vendor (--role) or a contact of a customer (--customer)
    Add(AddArgs),
    /// Change a person's password or roles, or whether the person may sign in; open sessions end
    Set(SetArgs),
    /// Show or change which mail a person gets when, and the time zone of its times
    Mail(user_mail::MailArgs),
    /// List the people
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// A new person as flags.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("position").required(true).args(["role", "customer"]))]
pub(super) struct AddArgs {
    /// Name that others see
    #[arg(long)]
    name: String,
    /// Email address, used to sign in
    #[arg(long)]
    email: String,
    /// What a person of the vendor is; may be repeated
    #[arg(long, value_enum)]
    role: Vec<RoleWord>,
    /// The customer that the person is a contact of
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    /// The contact sees only the cases that the contact opened
    #[arg(long, requires = "customer")]
    own_cases: bool,
    /// File with the password on its first line; - reads standard input. Without one the person cannot sign in yet
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Changes of a person as flags.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(["role", "disable", "enable", "password_file"]))]
pub(super) struct SetArgs {
    /// Email address of the person
    #[arg(long)]
    email: String,
    /// The roles from here on, in the place of those before; may be repeated
    #[arg(long, value_enum)]
    role: Vec<RoleWord>,
    /// The person may no longer sign in
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// The person may sign in again
    #[arg(long)]
    enable: bool,
    /// File with the new password on its first line; - reads standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// What a person of the vendor may be.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum RoleWord {
    /// Works the queue and speaks with customers
    Support,
    /// Works on tunnels and whitelists
    Network,
    /// Answers for overdue cases and may override
    Lead,
    /// Administers customers, people and tunnels
    Admin,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Support => Self::Support,
            RoleWord::Network => Self::Network,
            RoleWord::Lead => Self::Lead,
            RoleWord::Admin => Self::Admin,
        }
    }
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    email: String,
    name: String,
    roles: Vec<Role>,
    customer: Option<String>,
    all_cases: bool,
    active: bool,
}

/// Runs one of the commands.
pub(super) fn run(command: &UserCommand) -> ExitCode {
    out::end(match command {
        UserCommand::Add(args) => args.place.run(async |app| add(&app, args).await),
        UserCommand::Set(args) => args.place.run(async |app| set(&app, args).await),
        UserCommand::Mail(args) => args.place.run(async |app| user_mail::run(&app, args).await),
        UserCommand::List { json, place } => place.run(async |app| list(&app, *json).await),
    })
}

async fn add(app: &Arc<App>, args: &AddArgs) -> Result<(), Stop> {
    let password = args.password_file.as_deref().map(|path| value::secret("--password-file", path)).transpose()?;
    let position = match &args.customer {
        Some(name) => Position::Contact { customer: customer::named(app, name).await?.id, all_cases: !args.own_cases },
        None => Position::Staff(args.role.iter().copied().map(Role::from).collect()),
    };
    let has_password = password.is_some();
    let given = [
        Given { field: "name", flag: "--name", received: Some(&args.name) },
        Given { field: "email", flag: "--email", received: Some(&args.email) },
        Given { field: "password", flag: "--password-file", received: None },
    ];
    let who = (args.name.trim().to_owned(), args.email.trim().to_owned());
    let person =
        admin::add_person(app, who, position, password).await.map_err(|error| out::about_flags(error, &given))?;
    out::say(&format!("{} <{}> was added.", person.name, person.email));
    if has_password {
        out::say("Next: postern user list");
    } else {
        out::say(&format!("Next: postern user set --email {} --password-file FILE", person.email));
    }
    Ok(())
}

async fn set(app: &Arc<App>, args: &SetArgs) -> Result<(), Stop> {
    let email = args.email.trim().to_lowercase();
    let unknown =
        || Stop::not_found("person", &args.email, "see `postern user list`, or add the person with `postern user add`");
    let known = admin::people(app).await?.into_iter().find(|entry| entry.person.email == email).ok_or_else(unknown)?;
    if !args.role.is_empty() && !known.person.is_staff() {
        let text =
            format!("--role: {email} is a contact of a customer and cannot work for the vendor; use another address");
        return Err(Stop::Said(Code::Usage, text));
    }
    let password = args.password_file.as_deref().map(|path| value::secret("--password-file", path)).transpose()?;
    let roles: Option<BTreeSet<Role>> =
        (!args.role.is_empty()).then(|| args.role.iter().copied().map(Role::from).collect());
    let active = match (args.enable, args.disable) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    };
    let given = [Given { field: "password", flag: "--password-file", received: None }];
    admin::set_person(app, &email, (roles, active), password).await.map_err(|error| out::about_flags(error, &given))?;
    out::say(&format!("{email} was changed, and has to sign in again."));
    out::say("Next: postern user list");
    Ok(())
}

async fn list(app: &App, json: bool) -> Result<(), Stop> {
    let customers = admin::customers(app).await?;
    let name = |id| customers.iter().find(|customer| Some(customer.id) == id).map(|customer| customer.name.clone());
    let rows: Vec<Row> = admin::people(app)
        .await?
        .into_iter()
        .map(|entry| Row {
            customer: name(entry.person.customer),
            email: entry.person.email,
            name: entry.person.name,
            roles: entry.person.roles.into_iter().collect(),
            all_cases: entry.person.all_cases,
            active: entry.active,
        })
        .collect();
    out::list(json, &["email", "name", "roles", "customer", "state"], &rows, |row| {
        let roles: Vec<&str> = row.roles.iter().map(|role| role.as_str()).collect();
        let state = if row.active { "active" } else { "disabled" };
        vec![
            row.email.clone(),
            row.name.clone(),
            roles.join(","),
            row.customer.clone().unwrap_or_else(|| "-".to_owned()),
            state.to_owned(),
        ]
    })?;
    if rows.is_empty() {
        out::say("Next: postern setup --email ADDRESS --name NAME --password-file FILE");
    }
    Ok(())
}
