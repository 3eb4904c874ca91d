//! The engineers' and administrators' pages.

mod admin;
mod case;
mod claims;
mod hostile;
mod queue;
mod settings;
