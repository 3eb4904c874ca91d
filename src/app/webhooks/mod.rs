//! Webhooks: programs of the vendor are told what happens (Standard Webhooks 1.0.0).
//!
//! Reading order: `events` (what is told, in the transaction of what happened), `endpoints` (who is told, with which
//! key), `sending` (as the worker does it), `log` (what was sent, and sending it again), `resource` (as the API gives it).
//! At least once, in any order: a receiver folds repeats by `webhook-id`.

pub mod endpoints;
pub mod events;
pub mod log;
pub mod resource;
pub mod sending;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{App, Error};
use crate::store::deliveries;

/// The most endpoints: an event is written down for each, in its own transaction.
pub const MOST_ENDPOINTS: i64 = 50;

/// How long it is kept what was sent and what came back.
pub const KEPT: TimeDelta = TimeDelta::days(30);

/// Forgets what was sent long ago, some of it at a time, so that nobody waits for it.
pub(super) async fn forget_old(app: &Arc<App>, at: DateTime<Utc>) -> Result<(), Error> {
    let before = at - KEPT;
    loop {
        let gone = app
            .db
            .write(move |tx| Box::pin(async move { Ok::<u64, Error>(deliveries::forget_before(tx, before).await?) }))
            .await?;
        if gone == 0 {
            return Ok(());
        }
    }
}
