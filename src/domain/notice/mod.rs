//! Notices that the IP of a customer's server changes: who may confirm one, and the entry that they are in calendars.

mod entry;
mod standing;

pub use entry::{Entry, Status};
pub use standing::{KNOWN_FOR, Objection, Standing};
