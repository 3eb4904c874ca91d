//! Exim for tests. A machine without it fails the test: nothing is skipped silently.

use postern::cli::foreign_smtp::ForeignSmtp;

/// A running Exim.
pub(crate) fn start() -> ForeignSmtp {
    ForeignSmtp::start().unwrap_or_else(|error| panic!("{error}"))
}
