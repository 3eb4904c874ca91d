//! All SQL, and nothing but SQL: two databases behind one closed enum, one statement text for both.
//!
//! Reading order: this file (the two databases, one way in), `connect` (pools, pragmas), `migrate` (schemas), `portable`
//! (everything of one database into the other), `column` (how our
//! types become columns), then one file per aggregate. Every function takes `&mut Tx`, so functions compose and the
//! caller owns the transaction. Where a text must differ between the databases, both stand side by side in a `match`
//! with the reason.

mod column;
mod connect;
mod error;
pub mod migrate;
pub mod portable;

pub mod accounts;
pub mod agents;
pub mod alerting_campaigns;
pub mod alerting_ips;
pub mod alerting_servers;
pub mod alerting_tunnels;
pub mod attachments;
pub mod calendars;
pub mod cases;
pub mod contacts;
pub mod customers;
pub mod deliveries;
pub mod drafts;
pub mod figures;
pub mod idempotency;
pub mod incoming;
pub mod jobs;
pub mod letters;
pub mod list_requests;
pub mod log;
pub mod mail_wishes;
pub mod messages;
pub mod objectives;
pub mod outbox;
pub mod people;
pub mod personal_mails;
pub mod policy;
pub mod probes;
pub mod queue;
pub mod ready_texts;
pub mod register;
pub mod relays;
pub mod sessions;
pub mod settings;
mod soundness;
pub mod syslog_settings;
pub mod throttle;
pub mod timers;
pub mod tunnels;
pub mod vault;
pub mod versions;
pub mod watches;
pub mod webhooks;
pub mod whitelist;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sqlx::{Postgres, Sqlite, Transaction};

pub use connect::Db;
pub use error::StoreError;

/// A transaction on either database. Dropped without a commit, it is rolled back.
pub enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

/// Runs one expression on the connection of whichever database the transaction is on. The body is compiled once for
/// each driver, so a type error shows twice and every statement runs with native types.
macro_rules! on {
    ($tx:expr, $conn:ident => $body:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(tx) => {
                let $conn = &mut **tx;
                $body
            }
            $crate::store::Tx::Postgres(tx) => {
                let $conn = &mut **tx;
                $body
            }
        }
    };
}
pub(crate) use on;

/// Names the statements of one aggregate and lists them, so that a test can prepare each on both databases.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$doc])* const $name: &str = $text;)*
        /// Every statement of this file with its name.
        pub(super) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}
pub(crate) use statements;

/// A row whose fields are its columns, readable from both databases.
macro_rules! record {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($(#[$field_doc:meta])* $field_vis:vis $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        $vis struct $name { $($(#[$field_doc])* $field_vis $field: $type,)* }
        $crate::store::record!(@from $name, sqlx::sqlite::SqliteRow, $($field),*);
        $crate::store::record!(@from $name, sqlx::postgres::PgRow, $($field),*);
    };
    (@from $name:ident, $row:ty, $($field:ident),*) => {
        impl<'r> sqlx::FromRow<'r, $row> for $name {
            fn from_row(row: &'r $row) -> Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                Ok(Self { $($field: row.try_get(stringify!($field))?,)* })
            }
        }
    };
}
pub(crate) use record;

/// A boxed future, as [`Db::write`] takes its work.
pub type BoxFuture<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;

/// How often a unit of work is run again when another transaction was faster.
const MOST_TRIES: u32 = 10;

impl Db {
    /// Opens a transaction that only reads.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite { readers, .. } => Ok(Tx::Sqlite(readers.begin().await?)),
            Self::Postgres(pool) => {
                Ok(Tx::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?))
            }
        }
    }

    /// Runs a unit of work in one transaction and commits it.
    ///
    /// The work runs in a task of its own, so a client that hangs up can neither cancel it half way nor leave a
    /// connection inside a transaction. When another transaction was faster (serialization failure, deadlock, a lost
    /// compare-and-set), the whole work is run again, hence `Fn`. An `Ok` means committed and on disk.
    ///
    /// # Errors
    /// Whatever the work returns; [`StoreError`] for what the database says.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreError> + std::error::Error + Send + 'static,
    {
        let db = self.clone();
        let work = Arc::new(work);
        tokio::spawn(async move {
            let mut tries = 0;
            loop {
                tries += 1;
                match db.try_write(&*work).await {
                    Err(error) if tries < MOST_TRIES && is_contention(&error) => {
                        tracing::debug!(tries, "another transaction was faster; running the unit of work again");
                    }
                    outcome => return outcome,
                }
            }
        })
        .await
        .map_err(|join| E::from(StoreError::Interrupted(join.to_string())))?
    }

    async fn try_write<T, E, F>(&self, work: &F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
        E: From<StoreError>,
    {
        let mut tx = self.begin_write().await?;
        let value = work(&mut tx).await?;
        tx.commit().await?;
        Ok(value)
    }

    async fn begin_write(&self) -> Result<Tx, StoreError> {
        match self {
            // A deferred transaction that reads before it writes fails at once when another has written meanwhile.
            Self::Sqlite { writer, .. } => Ok(Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)),
            Self::Postgres(pool) => Ok(Tx::Postgres(pool.begin().await?)),
        }
    }
}

impl Tx {
    /// Makes the transaction's changes durable.
    async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// For rows whose key says which change of a case they belong to: a row that is there already means that somebody else
/// made that change first, and running the unit of work again sees it.
fn taken_means_contended(error: sqlx::Error) -> StoreError {
    let error = StoreError::from(error);
    if matches!(error, StoreError::Duplicate(_)) { StoreError::Contended } else { error }
}

/// Whether the chain of causes holds a lost race, which running the work again can win.
fn is_contention(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(StoreError::Contended) = error.downcast_ref::<StoreError>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// Every statement with the file it stands in.
pub fn all_statements() -> Vec<(&'static str, &'static str, &'static str)> {
    let files: [(&str, &[(&str, &str)]); 43] = [
        ("accounts", accounts::STATEMENTS),
        ("agents", agents::STATEMENTS),
        ("alerting_campaigns", alerting_campaigns::STATEMENTS),
        ("alerting_ips", alerting_ips::STATEMENTS),
        ("alerting_servers", alerting_servers::STATEMENTS),
        ("alerting_tunnels", alerting_tunnels::STATEMENTS),
        ("attachments", attachments::STATEMENTS),
        ("calendars", calendars::STATEMENTS),
        ("cases", cases::STATEMENTS),
        ("contacts", contacts::STATEMENTS),
        ("customers", customers::STATEMENTS),
        ("deliveries", deliveries::STATEMENTS),
        ("drafts", drafts::STATEMENTS),
        ("figures", figures::STATEMENTS),
        ("idempotency", idempotency::STATEMENTS),
        ("incoming", incoming::STATEMENTS),
        ("jobs", jobs::STATEMENTS),
        ("letters", letters::STATEMENTS),
        ("list_requests", list_requests::STATEMENTS),
        ("log", log::STATEMENTS),
        ("mail_wishes", mail_wishes::STATEMENTS),
        ("messages", messages::STATEMENTS),
        ("objectives", objectives::STATEMENTS),
        ("outbox", outbox::STATEMENTS),
        ("people", people::STATEMENTS),
        ("personal_mails", personal_mails::STATEMENTS),
        ("policy", policy::STATEMENTS),
        ("probes", probes::STATEMENTS),
        ("queue", queue::STATEMENTS),
        ("ready_texts", ready_texts::STATEMENTS),
        ("register", register::STATEMENTS),
        ("relays", relays::STATEMENTS),
        ("sessions", sessions::STATEMENTS),
        ("settings", settings::STATEMENTS),
        ("syslog_settings", syslog_settings::STATEMENTS),
        ("throttle", throttle::STATEMENTS),
        ("timers", timers::STATEMENTS),
        ("tunnels", tunnels::STATEMENTS),
        ("vault", vault::STATEMENTS),
        ("versions", versions::STATEMENTS),
        ("watches", watches::STATEMENTS),
        ("webhooks", webhooks::STATEMENTS),
        ("whitelist", whitelist::STATEMENTS),
    ];
    files.into_iter().flat_map(|(file, list)| list.iter().map(move |(name, text)| (file, *name, *text))).collect()
}
