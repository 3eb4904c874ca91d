//! The vocabulary and the decisions. Pure: no I/O, no clock, no async; every fact a rule needs is an argument.

/// Strict parsers for addresses and networks, and their class by the IANA registries.
pub mod address;
/// Why a probe ended as it did: one entry per cause, with owner and remedies.
pub mod cause;
/// E-mail addresses, host names and ports: parsed once, then trusted.
pub mod contact;
/// SMTP settings of the product and of a probe.
pub mod mail_settings;
/// Workflow definitions, their checker and the engine that decides.
pub mod workflow;
