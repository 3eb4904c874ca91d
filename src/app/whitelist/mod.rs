//! The whitelist of tunnels: wanted, applied by somebody, proven by a probe; on our side and on theirs.
//!
//! Reading order: `of_cases` (as cases change it), `register` (as engineers add to it, after a judgement), `requests`
//! (what a lead approves), `changes` (what is to be applied, and what leaves), `lists` (pages and search), `export` (as
//! firewalls pull it), `resource` (as the API gives it). Postern writes no firewall itself: somebody, or the vendor's
//! automation, applies the list and says so.

pub mod changes;
pub mod export;
pub mod lists;
mod of_cases;
pub mod register;
pub mod requests;
pub mod resource;

pub use of_cases::{Check, check};
pub(super) use of_cases::{change, protocol_of};

use chrono::{DateTime, Utc};

use super::Error;
use crate::clock::fresh_id;
use crate::domain::actor::{Person, Role};
use crate::domain::id::ChangeId;
use crate::store::Tx;
use crate::store::whitelist::{self, Change, Entry};

/// The most entries that stand on one tunnel's list. A list that is pulled is whole or refused, never cut off.
pub const MOST_ENTRIES: i64 = 5_000;

/// Lists are for the vendor's people.
fn require_staff(person: &Person) -> Result<(), Error> {
    if person.is_staff() { Ok(()) } else { Err(Error::Forbidden("Whitelists are for the vendor's people")) }
}

/// Changes are for people who work the queue.
fn require_engineer(person: &Person) -> Result<(), Error> {
    if person.works_queue() {
        Ok(())
    } else {
        Err(Error::Forbidden("Changing the whitelist is for support, network engineers and leads"))
    }
}

fn require_lead(person: &Person) -> Result<(), Error> {
    if person.is(Role::Lead) { Ok(()) } else { Err(Error::Forbidden("This needs a lead")) }
}

/// Writes down who changed an entry and how.
async fn note(
    tx: &mut Tx,
    entry: &Entry,
    (who, what, how): (&str, &str, &str),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let change = Change { at, who: who.to_owned(), what: what.to_owned(), how: how.to_owned() };
    Ok(whitelist::note(tx, entry, ChangeId::new(fresh_id()), &change).await?)
}
