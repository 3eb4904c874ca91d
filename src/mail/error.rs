//! Why a mail was not taken over, and whether trying again can help.

use thiserror::Error;

/// Why a mail did not leave.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MailError {
    /// The mail, or the settings of the mail server, are not acceptable as they are; nothing was sent.
    #[error("{field} {received:?} was refused: {problem}")]
    Invalid {
        /// Which part.
        field: &'static str,
        /// What was given, cut to a readable length; never a secret.
        received: String,
        /// What is wrong and what would do.
        problem: &'static str,
    },
    /// The server put the mail off, was away, or failed in a way that is not the mail's fault.
    #[error("the mail server did not take the mail yet: {}{text}", code_and_space(.code))]
    Temporary {
        /// SMTP reply code (RFC 5321 section 4.2), where there was one.
        code: Option<u16>,
        /// The server's words, or what happened to the connection.
        text: String,
    },
    /// The server refused this mail for good.
    #[error("the mail server refused the mail: {}{text}", code_and_space(.code))]
    Permanent {
        /// SMTP reply code (RFC 5321 section 4.2), where there was one.
        code: Option<u16>,
        /// The server's words.
        text: String,
    },
}

impl MailError {
    /// Whether the same mail may be tried again later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Temporary { .. } => true,
            Self::Invalid { .. } | Self::Permanent { .. } => false,
        }
    }
}

fn code_and_space(code: &Option<u16>) -> String {
    code.map(|code| format!("{code} ")).unwrap_or_default()
}
