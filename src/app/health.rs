//! Whether the service is fit for work, and the figures that a monitor draws.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::App;
use crate::store::migrate::newest;
use crate::store::{StoreError, figures, outbox};

/// Longer than the longest step of a worker: a test alert with all its stages.
const LONGEST_STEP: TimeDelta = TimeDelta::seconds(300);
/// An effect that was due so long ago and is not being carried out shows that nobody does.
const LONGEST_BACKLOG: TimeDelta = TimeDelta::minutes(15);

/// When each worker looked for work last.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<BTreeMap<&'static str, Beat>>);

#[derive(Clone, Copy, Debug)]
struct Beat {
    at: DateTime<Utc>,
    ended: bool,
}

impl Pulse {
    /// A worker looks for work.
    pub fn beat(&self, worker: &'static str, at: DateTime<Utc>) {
        self.beats().insert(worker, Beat { at, ended: false });
    }

    /// A worker has ended, in order or not.
    pub fn end(&self, worker: &'static str) {
        if let Some(beat) = self.beats().get_mut(worker) {
            beat.ended = true;
        }
    }

    /// When each worker looked last.
    pub fn last(&self) -> BTreeMap<&'static str, DateTime<Utc>> {
        self.beats().iter().map(|(worker, beat)| (*worker, beat.at)).collect()
    }

    fn faults(&self, now: DateTime<Utc>) -> Vec<Reason> {
        let fault = |(worker, beat): (&&'static str, &Beat)| {
            let detail = match beat.ended {
                true => format!("the worker {worker} has ended"),
                false if now - beat.at > LONGEST_STEP => {
                    format!("the worker {worker} has not looked for work for {} s", (now - beat.at).num_seconds())
                }
                false => return None,
            };
            Some(Reason { part: "workers", detail })
        };
        self.beats().iter().filter_map(fault).collect()
    }

    fn beats(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Beat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the service is not fit for work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// `database`, `migrations`, `workers` or `outbox`.
    pub part: &'static str,
    /// What is wrong, without a value of anybody.
    pub detail: String,
}

/// Everything for which work should not be given to this process; empty where it is well.
pub async fn reasons(app: &App) -> Vec<Reason> {
    let now = app.now();
    let mut reasons = match of_database(app, now).await {
        Ok(reasons) => reasons,
        Err(error) => {
            tracing::warn!(error = %super::chain(&error), "not ready");
            vec![Reason { part: "database", detail: "the database does not answer".to_owned() }]
        }
    };
    reasons.extend(app.pulse.faults(now));
    reasons
}

async fn of_database(app: &App, now: DateTime<Utc>) -> Result<Vec<Reason>, StoreError> {
    let mut reasons = Vec::new();
    let (schema, known) = (app.db.schema().await?, newest());
    // A newer schema is one that another node of an upgrade in progress has made; released schemas bear the build before.
    if schema < known {
        let detail = format!("the database has schema {schema}, this build needs {known}");
        reasons.push(Reason { part: "migrations", detail });
    }
    let mut tx = app.db.read().await?;
    if let Some(due) = outbox::oldest_due(&mut tx, now).await?.filter(|due| now - *due > LONGEST_BACKLOG) {
        let detail = format!("an effect has been due for {} s and nobody carries it out", (now - due).num_seconds());
        reasons.push(Reason { part: "outbox", detail });
    }
    Ok(reasons)
}

/// The figures that a monitor draws, as they are at this instant.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Open cases by the side they wait for.
    pub open: Vec<figures::Count>,
    /// Open cases that wait for the vendor beyond their time.
    pub overdue: i64,
    /// Effects by their state.
    pub effects: Vec<figures::Count>,
    /// Messages to programs by their state.
    pub webhooks: Vec<figures::Count>,
    /// Effects that are held after a restore.
    pub held: i64,
    /// For how many seconds the oldest effect that nobody carries out has been due.
    pub backlog_s: i64,
    /// Tests that wait or run.
    pub tests: i64,
    /// When each worker looked for work last.
    pub workers: BTreeMap<&'static str, DateTime<Utc>>,
    /// Whether there is no reason against being ready.
    pub ready: bool,
}

/// Reads the figures.
///
/// # Errors
/// What the database says.
pub async fn figures(app: &App) -> Result<Figures, StoreError> {
    let now = app.now();
    let ready = reasons(app).await.is_empty();
    let mut tx = app.db.read().await?;
    let oldest = outbox::oldest_due(&mut tx, now).await?;
    Ok(Figures {
        open: figures::open_cases(&mut tx).await?,
        overdue: figures::overdue(&mut tx, now).await?,
        effects: figures::effects(&mut tx).await?,
        webhooks: figures::webhooks(&mut tx).await?,
        held: outbox::held(&mut tx).await?.1,
        backlog_s: oldest.map_or(0, |due| (now - due).num_seconds()),
        tests: figures::tests(&mut tx).await?,
        workers: app.pulse.last(),
        ready,
    })
}
