//! The log of the process: text on standard error, one line an event, filtered by `POSTERN_LOG`.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::config;

/// What a service logs where nothing is set: what Postern itself does, and what goes wrong elsewhere.
pub const SERVICE: &str = "warn,postern=info";
/// What a command that talks to a person logs where nothing is set: what goes wrong.
pub const TALK: &str = "warn";

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter has the wrong form.
    #[error(
        "POSTERN_LOG is {received:?}: {detail}; a level is needed (error, warn, info, debug or trace), or pairs like warn,postern=debug"
    )]
    Filter {
        /// The value.
        received: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A log was started already.
    #[error("the log cannot be started: {0}")]
    Start(String),
}

/// Starts the log, once in a process. `POSTERN_LOG` holds a level or pairs of module and level; `default` holds where it
/// is not set.
///
/// # Errors
/// [`TelemetryError`] names the variable, what was received and what fits.
pub fn start(default: &str) -> Result<(), TelemetryError> {
    tracing_subscriber::fmt()
        .with_env_filter(filter(config::environment("POSTERN_LOG"), default)?)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .try_init()
        .map_err(|error| TelemetryError::Start(error.to_string()))
}

fn filter(set: Option<String>, default: &str) -> Result<EnvFilter, TelemetryError> {
    let text = set.unwrap_or_else(|| default.to_owned());
    EnvFilter::try_new(&text)
        .map_err(|error| TelemetryError::Filter { received: text.clone(), detail: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_does_not_parse_is_named() {
        assert!(filter(None, SERVICE).is_ok());
        assert!(filter(Some("debug".into()), SERVICE).is_ok());
        let error = filter(Some("postern=lout".into()), TALK).unwrap_err().to_string();
        assert!(error.contains("POSTERN_LOG") && error.contains("postern=lout"), "{error}");
    }
}
