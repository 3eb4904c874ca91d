//! Notices that the IP of a customer's server changes: who may confirm one, when it takes place, and the entry that it is in
//! calendars.

mod entry;
mod standing;
mod when;

pub use entry::{Entry, Status};
pub use standing::{KNOWN_FOR, Objection, Standing};
pub use when::{Fault, instant, shown};
