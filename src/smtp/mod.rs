//! The SMTP dialogue of a test as a state machine: bytes and instants in, one output for each. Pure: no socket, no
//! clock, no async. `crate::probe` moves the bytes.
//!
//! Two rules. Everything that decides what is sent next is in `dialogue.rs`; and one command is sent only when the
//! reply to the one before it is complete. The machine, with the stage that each wait belongs to:
//!
//! ```text
//!             implicit TLS                                        STARTTLS chosen
//!  Connected ------------> tls, cert --+                  +-> starttls -> tls, cert -> ehlo2 --+
//!      |                               v                  |                                   v
//!      +----------------------------> banner -> ehlo -----+---------------------------------> auth -> mail -> rcpt
//!                                                |  500   |                          (reach: stops here)      |
//!                                                v  502   |                                                   v
//!                                               HELO -----+                       quit <- data_end <- data (only to send)
//!
//!  any failure -----> quit, where the connection still lives -----> Finished
//! ```
//!
//! Reading order: `stage`, `reply`, `features`, `command`, `auth`, `judge`, `wait`, `dialogue`, `record`, `report`.

/// Sign-in.
pub mod auth;
/// Commands to bytes.
pub mod command;
/// The machine.
pub mod dialogue;
/// What a server says it can do.
pub mod features;
/// What a reply means at each stage.
pub mod judge;
/// What happened, stage by stage, while it happens.
pub mod record;
/// Bytes to replies.
pub mod reply;
/// What happened, as others read it.
pub mod report;
/// Stages in order and their limits.
pub mod stage;
/// How long a server asks us to wait.
mod wait;
