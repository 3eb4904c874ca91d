//! What runs here, for the administrator's page and for reports: no secret, no value of a case.

use super::{App, Error, admin};
use crate::domain::actor::Person;
use crate::store::{Db, outbox, personal_mails};

/// What runs here.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The program's version.
    pub version: &'static str,
    /// Where data lives.
    pub data: String,
    /// `SQLite` or `PostgreSQL`.
    pub database: &'static str,
    /// How mail leaves, in one line.
    pub mail: String,
    /// Sender of mail, where one is set.
    pub mail_from: Option<String>,
    /// Address at which people reach the service.
    pub public_url: String,
    /// Whether documentation networks count as public.
    pub allow_documentation: bool,
    /// Servers that are dialed elsewhere than they are judged: laboratories only.
    pub redirected: usize,
    /// Id, version and semantic hash of every definition.
    pub workflows: Vec<(String, u32, String)>,
    /// Effects that wait.
    pub waiting: i64,
    /// Effects, and mails to single people, that were given up or are held.
    pub given_up: usize,
}

/// Describes the installation.
///
/// # Errors
/// [`Error::Forbidden`] for others than administrators; what the database says.
pub async fn describe(app: &App, person: &Person) -> Result<Installation, Error> {
    admin::require_admin(person)?;
    let mut tx = app.db.read().await?;
    Ok(Installation {
        version: env!("CARGO_PKG_VERSION"),
        data: app.data.display().to_string(),
        database: match app.db {
            Db::Sqlite { .. } => "SQLite",
            Db::Postgres(_) => "PostgreSQL",
        },
        mail: app.mailer.describe(),
        mail_from: app.mail_from.clone(),
        public_url: app.public_url.clone(),
        allow_documentation: app.policy.allow_documentation,
        redirected: app.lab.dial.len(),
        workflows: app
            .workflows
            .all()
            .map(|definition| (definition.id.clone(), definition.version, definition.hash()))
            .collect(),
        waiting: outbox::pending(&mut tx).await?,
        given_up: outbox::dead(&mut tx).await?.len() + personal_mails::dead(&mut tx).await?.len(),
    })
}
