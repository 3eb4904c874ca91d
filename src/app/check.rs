//! Checks an installation without changing it: whether the schema fits, rows are whole, secrets open, logs are unbroken.

use std::path::Path;

use super::vault::Vault;
use super::{Error, replay};
use crate::store::migrate::newest;
use crate::store::{Db, accounts, outbox, vault, webhooks};

/// How many secrets are read at once.
const PAGE: i64 = 500;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is, in one word.
    pub name: &'static str,
    /// What was found; `Err` where it is a fault.
    pub found: Result<String, String>,
}

/// Looks at everything. Where the schema does not fit, nothing else can be read.
///
/// # Errors
/// The database is away.
pub async fn all(db: &Db, key: &Path) -> Result<Vec<Check>, Error> {
    let mut checks = vec![schema(db).await?];
    if checks.iter().any(|check| check.found.is_err()) {
        return Ok(checks);
    }
    let pages = db.broken_pages().await?;
    checks.push(Check { name: "pages", found: none_of(&pages, "whole") });
    let dangling = db.dangling().await?;
    checks.push(Check { name: "references", found: none_of(&dangling, "every row finds those it refers to") });
    checks.push(Check { name: "secrets", found: secrets(db, key).await? });
    checks.push(Check { name: "logs", found: logs(db).await? });
    checks.push(Check { name: "outbox", found: Ok(effects(db).await?) });
    Ok(checks)
}

async fn schema(db: &Db) -> Result<Check, Error> {
    let (found, known) = (db.schema().await?, newest());
    let found = match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(format!("{found}, as this build knows it")),
        std::cmp::Ordering::Less => Err(format!("{found}; this build needs {known}: `postern serve` brings it there")),
        std::cmp::Ordering::Greater => Err(format!("{found}; this build knows {known}: use the newer build")),
    };
    Ok(Check { name: "schema", found })
}

fn none_of(faults: &[String], good: &str) -> Result<String, String> {
    if faults.is_empty() { Ok(good.to_owned()) } else { Err(faults.join("; ")) }
}

/// Opens every secret. A key is never made here: one that is missing is a fault.
async fn secrets(db: &Db, key: &Path) -> Result<Result<String, String>, Error> {
    let mut tx = db.read().await?;
    let mut after = None;
    let mut opened = 0_u64;
    let mut closed = Vec::new();
    let vault = key.exists().then(|| Vault::open(key)).transpose();
    loop {
        let page = vault::page(&mut tx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.customer_id, last.id));
        for row in &page {
            match &vault {
                Ok(Some(vault)) => match vault.opens(row) {
                    Ok(()) => opened += 1,
                    Err(error) => closed.push(error.to_string()),
                },
                Ok(None) => closed.push(format!("there is no master key at {}", key.display())),
                Err(error) => closed.push(error.to_string()),
            }
        }
    }
    let factors = accounts::factors(&mut tx).await?;
    let keys = webhooks::all_keys(&mut tx).await?;
    let mut note = |outcome: Result<(), Error>| match outcome {
        Ok(()) => opened += 1,
        Err(error) => closed.push(error.to_string()),
    };
    match &vault {
        Ok(Some(vault)) => {
            factors.iter().for_each(|factor| note(vault.open_factor(factor).map(|_secret| ())));
            keys.iter().for_each(|key| note(vault.open_webhook(key).map(|_secret| ())));
        }
        Ok(None) => {
            let missing = || Err(Error::Internal(format!("there is no master key at {}", key.display())));
            (0..factors.len() + keys.len()).for_each(|_| note(missing()));
        }
        Err(error) => (0..factors.len() + keys.len()).for_each(|_| note(Err(Error::Internal(error.to_string())))),
    }
    Ok(match closed.first() {
        None => Ok(format!("{opened} open with the master key")),
        Some(first) => Err(format!("{} of {} do not open: {first}", closed.len(), closed.len() as u64 + opened)),
    })
}

async fn logs(db: &Db) -> Result<Result<String, String>, Error> {
    let replayed = replay::all(db).await?;
    Ok(match replayed.findings.first() {
        None => Ok(format!("{} cases are what their {} log entries say", replayed.cases, replayed.entries)),
        Some(first) => {
            let found = replayed.findings.len();
            Err(format!("{found} of {} cases are not: case {}: {}", replayed.cases, first.number, first.detail))
        }
    })
}

async fn effects(db: &Db) -> Result<String, Error> {
    let mut tx = db.read().await?;
    let waiting = outbox::pending(&mut tx).await?;
    let (since, held) = outbox::held(&mut tx).await?;
    let ending = if since.is_some() { "; everything is held until `postern outbox release`" } else { "" };
    Ok(format!("{waiting} effects wait, {held} are held{ending}"))
}
