//! The engineers' and administrators' pages.

mod admin;
mod case;
mod claims;
mod clocks;
mod hostile;
mod open;
mod people;
mod queue;
mod records;
mod settings;
