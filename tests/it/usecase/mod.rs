//! Use cases and workers over both databases, without the web.

mod calendars;
mod closing;
pub(crate) mod family;
mod limits;
mod mail_wishes;
mod migration;
mod notices;
mod outbox;
mod private_branch;
mod promises;
mod races;
mod repeats;
mod replay;
mod stuck;
mod timers;
pub(crate) mod watching;
