//! Use cases and workers over both databases, without the web.

mod calendars;
mod closing;
mod family;
mod limits;
mod migration;
mod outbox;
mod private_branch;
mod promises;
mod races;
mod repeats;
mod replay;
mod stuck;
mod timers;
pub(crate) mod watching;
