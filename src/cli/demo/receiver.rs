//! The customers' SYSLOG receiver of a demo.

use std::path::PathBuf;
use std::{fs, io};

use crate::cli::foreign_syslog::ForeignSyslog;
use crate::cli::sink::syslog::SyslogSink;

/// The customers' SYSLOG receiver.
#[derive(Debug)]
pub enum Receiver {
    /// The built-in one.
    Sink(SyslogSink),
    /// One that we did not write.
    Foreign(Box<ForeignSyslog>),
    /// The one behind the real tunnel of the lab, which writes what it gets to this file.
    Lab(PathBuf),
}

impl Receiver {
    /// Everything that it got so far, a line each.
    ///
    /// # Errors
    /// What it wrote cannot be read.
    pub fn received(&self) -> io::Result<String> {
        match self {
            Self::Sink(sink) => Ok(sink.lines().join("\n")),
            Self::Foreign(receiver) => receiver.received(),
            Self::Lab(file) => match fs::read_to_string(file) {
                Ok(text) => Ok(text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
                Err(error) => Err(error),
            },
        }
    }

    /// Its port on this machine; none where it has a network of its own.
    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Self::Sink(sink) => Some(sink.port),
            Self::Foreign(receiver) => Some(receiver.port),
            Self::Lab(_) => None,
        }
    }
}
