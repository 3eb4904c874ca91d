//! Postern leads a security vendor and its customers through getting alert mail (SMTP) and SYSLOG through a VPN tunnel.
//!
//! It proves each step instead of believing it: a staged probe from the alerting IP through the tunnel, settings read
//! back from the product, a test alert that a person confirms.
//!
//! Arrows between modules go one way, and an arrow may skip but never turn:
//! `main -> cli -> {web, worker} -> app -> {store, mail, probe, apply, webhook, views} -> {domain, smtp}`.
//! `domain` and `smtp` are pure: no I/O, no clock, no async. Time, identifiers and the environment come from `clock`
//! and `config` only. `tests/it/architecture.rs` keeps these sentences true.

/// The vocabulary and the decisions: addresses, workflow, causes, cases. Pure.
pub mod domain;
/// The SMTP and SYSLOG dialogues as state machines over bytes and instants. Pure.
pub mod smtp;

/// The only sources of time and identifiers.
pub mod clock;
/// Configuration, parsed once; the only reader of the environment.
pub mod config;
/// Files that are there whole or not at all.
pub mod files;
/// Taking secrets out of texts that others wrote.
pub mod redact;
/// Values that must not be seen.
pub mod secret;
/// The log of the process.
pub mod telemetry;
/// TLS of the clients that speak HTTP.
pub mod tls;

/// Writes SMTP settings into the product and reads them back.
pub mod apply;
/// Building and sending Postern's own mail.
pub mod mail;
/// The tunnel test: moves bytes between a dialogue and a socket.
pub mod probe;
/// All SQL.
pub mod store;
/// Templates and the contexts they are given.
pub mod views;
/// Messages to programs of the vendor.
pub mod webhook;

/// Use cases; the only place that opens a write transaction.
pub mod app;
/// Pages and JSON API.
pub mod web;
/// What happens later: outbox, timers, probes.
pub mod worker;

/// Commands.
pub mod cli;
