//! Use cases: what a person or the machine does. The only place that opens a write transaction.
//!
//! Reading order: this file, `error`, then `turn` (one event of a case: decide, save, log, effects, all in one
//! transaction), `firing` (the event itself), `effects` and `clocks` (what it leaves behind), then one file per use case.

pub mod access;
pub mod account;
pub mod adding;
pub mod admin;
pub mod agents;
pub mod alerts;
mod answers;
mod approval;
pub mod backup;
pub mod calendars;
pub mod cases;
pub mod check;
mod clocks;
pub mod completion;
pub mod conversation;
pub mod dead_letters;
pub mod desk;
mod effects;
mod error;
pub mod factor;
mod facts;
pub mod family;
mod firing;
pub mod health;
pub mod incoming;
pub mod installation;
pub mod letters;
pub mod mail_samples;
pub mod mails;
pub mod migration;
mod objectives;
pub mod opening;
pub mod passwords;
pub mod people;
pub mod policy;
pub mod priority;
pub mod probes;
pub mod queue;
pub mod ready_texts;
pub mod reckoning;
pub mod relays;
pub mod replay;
pub mod requests;
pub mod resource;
mod revisions;
pub mod sign_in;
pub mod syslog;
pub mod throttle;
pub mod timers;
pub mod token;
pub mod tunnels;
mod turn;
pub mod vault;
pub mod watching;
pub mod whitelist;
pub mod workflows;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;

pub use error::{Error, FieldError, chain};
use vault::Vault;
use workflows::Workflows;

use crate::clock::Clock;
use crate::config::{Brand, Config, Lab, ProbeConfig};
use crate::domain::workflow::Policy;
use crate::mail::Mailer;
use crate::probe::Prober;
use crate::secret::Secret;
use crate::store::Db;
use crate::store::Tx;
use crate::store::idempotency::{self, Answer};
use crate::views::Views;

/// Everything a use case needs; shared by all tasks.
pub struct App {
    /// The database.
    pub db: Db,
    /// Time.
    pub clock: Clock,
    /// Definitions.
    pub workflows: Workflows,
    /// Templates.
    pub views: Views,
    /// Master key.
    pub vault: Vault,
    /// Outgoing mail.
    pub mailer: Mailer,
    /// Sender of outgoing mail, where one is set.
    pub mail_from: Option<String>,
    /// Domain of the addresses at which people answer; none where answers are not read.
    pub reply_domain: Option<String>,
    /// The mail server whose findings about senders are believed.
    pub authentication_by: Option<String>,
    /// Tunnel tests.
    pub prober: Prober,
    /// Names of vendor and product.
    pub brand: Brand,
    /// What the installation permits.
    pub policy: Policy,
    /// Limits of tunnel tests.
    pub probe: ProbeConfig,
    /// Where laboratories dial.
    pub lab: Lab,
    /// Address at which people reach the service.
    pub public_url: String,
    /// Whether that address is https, so that cookies can be bound to it.
    pub is_secure: bool,
    /// Where data lives.
    pub data: PathBuf,
    /// Names this process in leases.
    pub node: String,
    /// Keeps password hashing from starving the machine: two at a time.
    pub hashing: Arc<tokio::sync::Semaphore>,
    /// Wakes the workers when an event left them something to do.
    pub wake: Arc<tokio::sync::Notify>,
    /// Becomes true when the service stops: whoever waits for work is sent away.
    pub closing: tokio::sync::watch::Sender<bool>,
    /// When each worker looked for work last.
    pub pulse: health::Pulse,
    /// Proxies that are believed about the address of whoever asks.
    pub trusted_proxies: Vec<IpNet>,
    /// The vendor's people need a second factor.
    pub staff_second_factor: bool,
    /// Agents that wait for work.
    pub waiting: agents::Waiting,
    /// How long an agent may be silent until its tests end.
    pub agent_silence: TimeDelta,
    /// How long after a round of watching the next one comes.
    pub watch_interval: TimeDelta,
    /// When this process began; an agent could not be heard before.
    pub started_at: DateTime<Utc>,
}

impl App {
    /// Puts the parts together: opens the database, the master key and the definitions.
    ///
    /// # Errors
    /// [`Error`] says which part is missing and what to do.
    pub async fn open(
        config: &Config,
        clock: Clock,
        mailer: impl FnOnce(&Vault) -> Result<Mailer, Error>,
        prober: Prober,
    ) -> Result<Arc<Self>, Error> {
        std::fs::create_dir_all(&config.data)
            .map_err(|error| Error::Internal(format!("data folder {}: {error}", config.data.display())))?;
        let vault = Vault::open(&config.data.join("master.key"))?;
        let started_at = clock.now();
        let db = backup::open(&config.database, &config.data, started_at).await?;
        let workflows = Workflows::load(config.workflows.as_deref())?;
        workflows.hold_all(&db).await?;
        whitelist::register::complete(&db).await?;
        Ok(Arc::new(Self {
            db,
            clock,
            workflows,
            views: Views::load()?,
            mailer: mailer(&vault)?,
            vault,
            mail_from: config.mail.from.clone(),
            reply_domain: config.mail.reply_domain.as_ref().map(|domain| domain.to_lowercase()),
            authentication_by: config.mail.authentication_by.clone(),
            prober,
            brand: config.brand.clone(),
            policy: Policy { allow_documentation: config.policy.allow_documentation },
            probe: config.probe.clone(),
            lab: config.lab.clone(),
            public_url: config.public_url.clone(),
            is_secure: config.is_secure(),
            data: config.data.clone(),
            node: crate::clock::fresh_id().to_string(),
            hashing: Arc::new(tokio::sync::Semaphore::new(2)),
            wake: Arc::new(tokio::sync::Notify::new()),
            closing: tokio::sync::watch::Sender::new(false),
            pulse: health::Pulse::default(),
            trusted_proxies: config.trusted_proxies.clone(),
            staff_second_factor: config.accounts.staff_second_factor,
            waiting: agents::Waiting::default(),
            agent_silence: TimeDelta::seconds(i64::from(config.probe.agent_silence)),
            watch_interval: TimeDelta::seconds(i64::from(config.watch.interval)),
            started_at,
        }))
    }

    /// The present instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// Secrets of one form, by field name. They go into the vault and nowhere else.
pub type Secrets = BTreeMap<String, Secret>;

/// A request that may be repeated: whose it is, its key, and what it was.
#[derive(Clone, Debug)]
pub struct Once {
    /// Person and route.
    pub scope: String,
    /// The key that the client chose, at most 255 characters.
    pub key: String,
    /// Fingerprint of method, path and body.
    pub fingerprint: String,
}

/// What a use case that is applied once gives back.
#[derive(Clone, Debug)]
pub enum Outcome<T> {
    /// It was done now.
    Done(T),
    /// It had been done: the answer as it was given then.
    Before(Answer),
}

impl Once {
    /// The answer given to this request before.
    ///
    /// # Errors
    /// [`Error::KeyReused`] where the key came with another request.
    async fn before(&self, tx: &mut Tx) -> Result<Option<Answer>, Error> {
        match idempotency::find(tx, &self.scope, &self.key).await? {
            Some(answer) if answer.request_hash == self.fingerprint => Ok(Some(answer)),
            Some(_) => Err(Error::KeyReused),
            None => Ok(None),
        }
    }

    /// Keeps the answer.
    async fn keep(&self, tx: &mut Tx, status: i64, answer: String, at: DateTime<Utc>) -> Result<(), Error> {
        let answer = Answer { request_hash: self.fingerprint.clone(), status, answer };
        Ok(idempotency::keep(tx, (&self.scope, &self.key), &answer, at).await?)
    }
}

/// How long answers to repeated requests are kept.
pub const KEEP_ANSWERS: TimeDelta = TimeDelta::hours(48);

/// How long it is kept what happened to accounts.
const KEEP_EVENTS: TimeDelta = TimeDelta::days(400);
/// No session rests that long.
const KEEP_SESSIONS: TimeDelta = TimeDelta::days(31);

/// Forgets answers to requests that nobody repeats any more, files that were uploaded for a message nobody sent, sessions
/// and failures that have ended by themselves, rounds of watching and mail of long ago.
///
/// # Errors
/// What the database says.
pub async fn forget_old_answers(app: &Arc<App>) -> Result<(), Error> {
    let at = app.now();
    let before = at - KEEP_ANSWERS;
    app.db
        .write(move |tx| {
            Box::pin(async move {
                throttle::forget_old(tx, at).await?;
                incoming::forget_old(tx, at).await?;
                watching::forget_old(tx, at).await?;
                crate::store::sessions::forget_before(tx, at - KEEP_SESSIONS).await?;
                crate::store::accounts::forget_events_before(tx, at - KEEP_EVENTS).await?;
                crate::store::attachments::forget_drafts_before(tx, before).await?;
                Ok::<(), Error>(idempotency::forget_before(tx, before).await?)
            })
        })
        .await
}

/// Takes over what a process that ended without a word had begun. On SQLite there is one process, so nobody else can be
/// at work; on PostgreSQL other nodes may be, and leases run out by themselves.
///
/// # Errors
/// What the database says.
pub async fn take_over(app: &Arc<App>) -> Result<(), Error> {
    if !matches!(app.db, Db::Sqlite { .. }) {
        return Ok(());
    }
    app.db
        .write(|tx| {
            Box::pin(async move {
                crate::store::outbox::forget_leases(tx).await?;
                crate::store::probes::forget_leases(tx).await?;
                Ok::<(), Error>(())
            })
        })
        .await
}
