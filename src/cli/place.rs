//! Where a command works: the flags that every command with a database shares, and what opens from them.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::out::{self, Code, Stop};
use super::value;
use crate::app::chain;
use crate::app::vault::Vault;
use crate::app::{App, Error, people};
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, Flags};
use crate::domain::actor::Person;
use crate::mail::{Identity, Mailer, SmtpServer, Tls};
use crate::probe::Prober;
use crate::store::StoreError;

/// The flags that say where a command works.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Place {
    /// Configuration file; without it /etc/postern/config.toml, where that exists
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder: database, master key, mail that is written to files
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Database: `sqlite:PATH` or `postgres://USER@HOST/NAME`
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

impl Place {
    /// The configuration, with the address to listen on where a flag gives one.
    pub(super) fn configuration(&self, listen: Option<std::net::SocketAddr>) -> Result<Config, Stop> {
        let flags =
            Flags { file: self.config.clone(), data: self.data.clone(), database: self.database.clone(), listen };
        let config = Config::load(flags, &config::environment).map_err(|error| match error {
            ConfigError::Read { .. } | ConfigError::Parse { .. } | ConfigError::Environment { .. } => {
                Stop::Said(Code::Usage, chain(&error))
            }
        })?;
        if !["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| config.database.starts_with(scheme)) {
            // The rest may hold a password.
            let scheme = config.database.split([':', '/', '@']).next().unwrap_or_default();
            return Err(Stop::usage("--database", scheme, "use sqlite:PATH or postgres://USER@HOST/NAME"));
        }
        Ok(config)
    }

    /// Opens the service's parts for one command, which sends no mail and runs no test.
    pub(super) async fn open(&self) -> Result<Arc<App>, Stop> {
        let config = self.configuration(None)?;
        let folder = config.data.join("mail");
        open(&config, |vault| Ok(Mailer::folder(identity(&config, vault), folder))).await
    }

    /// Opens the database, does the work and closes the database again.
    pub(super) fn run<F>(&self, work: impl FnOnce(Arc<App>) -> F) -> Result<(), Stop>
    where
        F: Future<Output = Result<(), Stop>>,
    {
        runtime()?.block_on(async {
            let app = self.open().await?;
            let outcome = work(Arc::clone(&app)).await;
            app.db.close().await;
            outcome
        })
    }
}

/// The person in whose name a command acts, by the address.
pub(super) async fn acting(app: &App, email: &str) -> Result<Person, Stop> {
    let missing = || {
        let text = format!("no active person has the address \"{}\": see `postern user list`", email.trim());
        Stop::Said(Code::NotFound, text)
    };
    people::acting(app, email).await.map_err(|error| out::or_missing(error, missing))
}

/// Opening would make a new database, in which everything is in order because nothing is there.
pub(super) fn refuse_missing(url: &str) -> Result<(), Stop> {
    let Some(path) = url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//")) else { return Ok(()) };
    let path = path.split('?').next().unwrap_or(path);
    if Path::new(path).exists() {
        return Ok(());
    }
    let advice = "name the data folder with --data, or the database with --database";
    Err(Stop::Said(Code::NotFound, format!("there is no database at {path}: {advice}")))
}

/// The runtime of a command.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| Stop::failed(format!("cannot start: {error}")))
}

/// Opens the service's parts. A database that does not open is away, whatever the reason, unless it does not fit.
pub(super) async fn open(
    config: &Config,
    mailer: impl FnOnce(&Vault) -> Result<Mailer, Error>,
) -> Result<Arc<App>, Stop> {
    let clock = Clock::System;
    let opened = App::open(config, clock.clone(), mailer, Prober::real(clock)).await;
    opened.map_err(|error| {
        if let Error::Store(error @ (StoreError::Unavailable(_) | StoreError::Database(_))) = &error {
            let kind = if config.database.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" };
            return Stop::Said(Code::Away, format!("the {kind} database does not open: {}", chain(error)));
        }
        error.into()
    })
}

/// In whose name mail is identified; the key is derived from the master key, so that it stays over restarts.
pub(super) fn identity(config: &Config, vault: &Vault) -> Identity {
    Identity { key: vault.derive("message id"), domain: crate::app::mails::domain_of(&config.public_url) }
}

/// The way out for mail that the configuration names: a server, or files where there is none.
pub(super) fn mailer(config: &Config, vault: &Vault) -> Result<Mailer, Stop> {
    let identity = identity(config, vault);
    let mail = &config.mail;
    let Some(host) = &mail.host else { return Ok(Mailer::folder(identity, config.data.join("mail"))) };
    let tls = match mail.encryption.as_deref() {
        None | Some("starttls") => Tls::StartTls,
        Some("implicit_tls") => Tls::ImplicitTls,
        Some("none") => Tls::None,
        Some(other) => return Err(Stop::usage("[mail] encryption", other, "enter none, starttls or implicit_tls")),
    };
    let account = match (&mail.account, &mail.password_file) {
        (None, None) => None,
        (Some(account), Some(file)) => Some((account.clone(), value::secret("[mail] password_file", file)?)),
        (Some(account), None) => {
            return Err(Stop::usage(
                "[mail] account",
                account,
                "password_file is missing; name the file of its password",
            ));
        }
        (None, Some(file)) => {
            let file = file.to_string_lossy();
            return Err(Stop::usage(
                "[mail] password_file",
                &file,
                "account is missing; enter the account it belongs to",
            ));
        }
    };
    let server = SmtpServer {
        host: host.clone(),
        port: mail.port.unwrap_or(587),
        tls,
        account,
        ca_pem: None,
        hello_name: None,
        limit: None,
    };
    Mailer::smtp(identity, server).map_err(|error| Stop::Said(Code::Usage, format!("[mail]: {error}")))
}
