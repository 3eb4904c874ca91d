//! What several tests need.

/// The service without its shell.
pub(crate) mod app;
/// A program that uses the JSON API.
pub(crate) mod client;
/// Databases.
pub(crate) mod db;
/// A real mail server.
pub(crate) mod exim;
/// A browser without a window.
pub(crate) mod http;
/// Programs of others that ours is compared with.
pub(crate) mod peers;
/// A PostgreSQL server that a test may stop.
pub(crate) mod postgres;
/// Reports of tunnel tests.
pub(crate) mod reports;
/// Scripts of SMTP dialogues.
pub(crate) mod script;
/// Mail servers of a few lines, on loopback.
pub(crate) mod servers;
/// A mail server that takes everything, or fails where it is told to.
pub(crate) mod smtp_sink;
