//! Why settings were not applied, or a product could not be asked: each variant says what was received and what to do.

use std::path::PathBuf;

use thiserror::Error;

/// What was being done with the product's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading the settings in force.
    Read,
    /// Writing the new ones.
    Write,
    /// Reading back what was written.
    ReadBack,
    /// Writing the previous ones again.
    PutBack,
    /// Asking for a test message.
    TestAlert,
}

impl std::fmt::Display for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Read => "reading the settings",
            Self::Write => "writing the settings",
            Self::ReadBack => "reading the settings back",
            Self::PutBack => "putting the previous settings back",
            Self::TestAlert => "asking for a test message",
        })
    }
}

/// Why the product's settings could not be read or written.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The request itself cannot be sent.
    #[error("{field} {received:?} cannot be applied: {advice}")]
    Refused {
        /// Which part of the request.
        field: &'static str,
        /// What was given; never a password.
        received: String,
        /// What would do.
        advice: &'static str,
    },
    /// The target cannot do this at all.
    #[error("{what} is not possible here: {advice}")]
    NotPossible {
        /// What was asked.
        what: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// The tenant's connection settings are unusable.
    #[error("the product's {field} {received:?} cannot be used: {advice}")]
    Misconfigured {
        /// Which part.
        field: &'static str,
        /// What was given; never a key.
        received: String,
        /// What would do.
        advice: &'static str,
    },
    /// 401.
    #[error(
        "{step}: the product does not accept the API key (401): make a new key in the product and store it with the tenant. It said: {body}"
    )]
    Unauthorized {
        /// What was being done.
        step: Step,
        /// The first part of the answer.
        body: String,
    },
    /// 403.
    #[error(
        "{step}: the user of the API key may not do this (403): give its role the right to the application settings and to alerts by SYSLOG. It said: {body}"
    )]
    Forbidden {
        /// What was being done.
        step: Step,
        /// The first part of the answer.
        body: String,
    },
    /// 404.
    #[error("{step}: there is no such address at the product (404): check the tenant's base URL. It said: {body}")]
    NotFound {
        /// What was being done.
        step: Step,
        /// The first part of the answer.
        body: String,
    },
    /// 429.
    #[error("{step}: the product asks for patience (429){}", after(.retry_after_seconds))]
    RateLimited {
        /// What was being done.
        step: Step,
        /// From `Retry-After`, where it was a number of seconds.
        retry_after_seconds: Option<u64>,
    },
    /// Another status below 500 that is no success.
    #[error(
        "{step}: the product refused the request ({status}): compare the settings with the product's pages. It said: {body}"
    )]
    Rejected {
        /// What was being done.
        step: Step,
        /// HTTP status.
        status: u16,
        /// The first part of the answer.
        body: String,
    },
    /// A redirect, which is not followed: the key would go to whoever is named there.
    #[error("{step}: the product redirects to {location:?} ({status}): enter the final address as base URL")]
    Redirected {
        /// What was being done.
        step: Step,
        /// HTTP status.
        status: u16,
        /// The `Location` header.
        location: String,
    },
    /// 5xx.
    #[error(
        "{step}: the product failed ({status}): try again; if it stays, ask the product's operators. It said: {body}"
    )]
    ServerError {
        /// What was being done.
        step: Step,
        /// HTTP status.
        status: u16,
        /// The first part of the answer.
        body: String,
    },
    /// A success whose body is not what the product answers.
    #[error(
        "{step}: the answer is not the product's ({problem}): check the base URL and what stands between. It said: {body}"
    )]
    Garbage {
        /// What was being done.
        step: Step,
        /// What is wrong with it.
        problem: String,
        /// The first part of the answer.
        body: String,
    },
    /// No whole answer within the limit.
    #[error("{step}: no whole answer within {seconds} s: try again; if it stays, check the way to the product")]
    TimedOut {
        /// What was being done.
        step: Step,
        /// The limit.
        seconds: u64,
    },
    /// No connection came about: refused, no such name, no trust in the certificate.
    #[error("{step}: the product could not be reached ({detail}): check the base URL, the network and the certificate")]
    Unreachable {
        /// What was being done.
        step: Step,
        /// The chain of causes.
        detail: String,
    },
    /// The connection broke after the request had begun.
    #[error("{step}: the connection to the product broke ({detail}): try again")]
    Broken {
        /// What was being done.
        step: Step,
        /// The chain of causes.
        detail: String,
    },
    /// The file could not be written.
    #[error("the settings file could not be written to {}: check that the folder exists, has room and belongs to us", .folder.display())]
    File {
        /// The folder.
        folder: PathBuf,
        /// The file system's reason.
        #[source]
        source: std::io::Error,
    },
}

impl ApplyError {
    /// Whether the same request may succeed later without anybody changing anything.
    pub fn retryable(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::ServerError { .. }
            | Self::TimedOut { .. }
            | Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::File { .. } => true,
            Self::Refused { .. }
            | Self::NotPossible { .. }
            | Self::Misconfigured { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Rejected { .. }
            | Self::Redirected { .. }
            | Self::Garbage { .. } => false,
        }
    }

    /// Whether the product may have stored something although this error came back.
    pub(super) fn may_have_written(&self) -> bool {
        match self {
            Self::ServerError { .. } | Self::Garbage { .. } | Self::TimedOut { .. } | Self::Broken { .. } => true,
            Self::Refused { .. }
            | Self::NotPossible { .. }
            | Self::Misconfigured { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::RateLimited { .. }
            | Self::Rejected { .. }
            | Self::Redirected { .. }
            | Self::Unreachable { .. }
            | Self::File { .. } => false,
        }
    }
}

fn after(seconds: &Option<u64>) -> String {
    seconds.map(|seconds| format!(": try again after {seconds} s")).unwrap_or_default()
}
