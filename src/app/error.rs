//! Why a use case did not do what was asked. Knows nothing of HTTP; `web::problem` turns each into a status and a text.

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::domain::workflow::Refusal;
use crate::store::StoreError;
use crate::views::ViewError;

/// What is wrong with one field that somebody filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Name of the field.
    pub field: String,
    /// Stable word for the kind of fault.
    pub code: &'static str,
    /// What to do, in the words of the page.
    pub message: String,
}

impl FieldError {
    /// A fault of a field.
    pub fn new(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), code, message: message.into() }
    }
}

/// Why a use case did not do what was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no such thing, or it is not for this person to know of: both look the same.
    #[error("there is no such thing, or it is not yours")]
    NotFound,
    /// The person is known and has no right to this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    SignedOut,
    /// The person must first show again who it is; afterwards the page at this path is opened.
    #[error("the person must show again who it is")]
    Unproved(String),
    /// The person must first set up a second factor.
    #[error("the person must set up a second factor")]
    FactorMissing,
    /// Address and password do not fit together, or the account is not active.
    #[error("the address and the password do not fit together")]
    WrongPassword,
    /// Too many tries.
    #[error("too many tries; the next one is looked at from {0}")]
    Throttled(DateTime<Utc>),
    /// The people of a customer have started as many tests as they can for the moment.
    #[error("the next test can start at {0}")]
    TestTooSoon(DateTime<Utc>),
    /// The workflow does not accept the event.
    #[error("{0}")]
    Refused(Refusal),
    /// Fields are missing or wrong, all of them at once.
    #[error("{} fields need another look", .0.len())]
    Invalid(Vec<FieldError>),
    /// The case has changed since the page or the resource was read.
    #[error("the case has changed since it was read: it is at revision {revision}")]
    Changed {
        /// Its number.
        number: i64,
        /// Its revision at this moment.
        revision: i64,
    },
    /// Somebody else has claimed the case.
    #[error("{by} claimed this case")]
    Claimed {
        /// The case's number.
        number: i64,
        /// Who.
        by: String,
        /// When.
        at: DateTime<Utc>,
    },
    /// The same idempotency key came with another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// A request that could be repeated came without the key that makes a repeat harmless.
    #[error("the request has no idempotency key")]
    KeyMissing,
    /// An act in a case came without the revision that its sender has read.
    #[error("the act does not say which revision of the case it is for")]
    RevisionMissing,
    /// The request cannot be read, or asks for something that is not known here.
    #[error("{detail}")]
    Malformed {
        /// Stable word for the kind of fault.
        code: &'static str,
        /// What was received and what to do, as a sentence.
        detail: String,
    },
    /// The body is of a kind that is not read here.
    #[error("the body is {0:?}, not JSON")]
    NotJson(String),
    /// An agent speaks of a job that it does not hold (any more).
    #[error("the job is not held by this agent")]
    JobLost,
    /// The database, or a transaction, did not do what was asked.
    #[error("the database did not do what was asked")]
    Store(#[from] StoreError),
    /// A page or a mail could not be made.
    #[error("a template could not be rendered")]
    View(#[from] ViewError),
    /// A defect of Postern or of its installation; the text is for the log.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    /// A request that cannot be read.
    pub fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Malformed { code, detail: detail.into() }
    }

    /// A single field's fault.
    pub fn field(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, message)])
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Fields(problems) => Self::Invalid(
                problems
                    .into_iter()
                    .map(|problem| FieldError { field: problem.field, code: problem.code, message: problem.message })
                    .collect(),
            ),
            Refusal::Defect(what) => Self::Internal(what),
            other @ (Refusal::Unhandled { .. }
            | Refusal::Forbidden { .. }
            | Refusal::Stale { .. }
            | Refusal::Guard(_)) => Self::Refused(other),
        }
    }
}

/// An error with its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
