//! The pure modules of Postern, by path, for the fuzz targets.
#![allow(dead_code, missing_docs, reason = "the targets use a part of what the main crate has")]

/// What the dialogue knows of the domain.
#[path = "../../src/domain"]
pub mod domain {
    pub mod address;
    pub mod cause;
    pub mod contact;
    pub mod mail_settings;
    pub mod syslog;
    pub mod words;
}
#[path = "../../src/secret.rs"]
pub mod secret;
#[path = "../../src/smtp/mod.rs"]
pub mod smtp;
