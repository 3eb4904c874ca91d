//! Why a use case did not do what was asked. Knows nothing of HTTP; `web::problem` turns each into a status and a text.

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::domain::problem::ProblemCode;
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
        /// The kind of fault.
        code: ProblemCode,
        /// What was received and what to do, without a full stop.
        detail: String,
    },
    /// The body is of a kind that is not read here.
    #[error("the body is {0:?}, not JSON")]
    NotJson(String),
    /// The whitelist of a tunnel has changed since it was read.
    #[error("the whitelist has changed since it was read: it is at version {0}")]
    ListChanged(i64),
    /// Somebody has decided or done it before; the sentence says who or what.
    #[error("{0}")]
    Settled(String),
    /// An agent speaks of a job that it does not hold (any more).
    #[error("the job is not held by this agent")]
    JobLost,
    /// The database, or a transaction, did not do what was asked.
    #[error("the database did not do what was asked")]
    Store(#[from] StoreError),
    /// A page or a mail could not be made.
    #[error("a template could not be rendered")]
    View(#[from] ViewError),
    /// A definition that cases need is missing, was edited, or does not parse; says what to do.
    #[error("{0}")]
    Definitions(String),
    /// A defect of Postern or of its installation; the text is for the log.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    /// A request that cannot be read.
    pub fn malformed(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self::Malformed { code, detail: detail.into() }
    }

    /// A single field's fault.
    pub fn field(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, message)])
    }
}

impl Error {
    /// What kind of failure it is, for whoever asked.
    pub fn code(&self) -> ProblemCode {
        match self {
            Self::NotFound => ProblemCode::NotFound,
            Self::Forbidden(_) | Self::Refused(Refusal::Forbidden { .. }) => ProblemCode::Forbidden,
            Self::SignedOut => ProblemCode::SignedOut,
            Self::Unproved(_) => ProblemCode::Unproved,
            Self::FactorMissing => ProblemCode::FactorMissing,
            Self::WrongPassword => ProblemCode::WrongPassword,
            Self::Throttled(_) => ProblemCode::Throttled,
            Self::TestTooSoon(_) => ProblemCode::TestTooSoon,
            Self::Refused(Refusal::Stale { .. } | Refusal::Unhandled { .. }) => ProblemCode::Stale,
            Self::Refused(Refusal::Guard(_)) => ProblemCode::Refused,
            Self::Invalid(_) => ProblemCode::Invalid,
            Self::Changed { .. } => ProblemCode::Changed,
            Self::Claimed { .. } => ProblemCode::Claimed,
            Self::KeyReused => ProblemCode::KeyReused,
            Self::KeyMissing => ProblemCode::KeyMissing,
            Self::RevisionMissing => ProblemCode::RevisionMissing,
            Self::Malformed { code, .. } => *code,
            Self::NotJson(_) => ProblemCode::NotJson,
            Self::ListChanged(_) => ProblemCode::ListChanged,
            Self::Settled(_) => ProblemCode::Settled,
            Self::JobLost => ProblemCode::JobLost,
            Self::Store(StoreError::Unavailable(_)) => ProblemCode::Unavailable,
            Self::Store(StoreError::Contended) => ProblemCode::Busy,
            Self::Store(
                StoreError::Duplicate(_)
                | StoreError::Corrupt { .. }
                | StoreError::Unfit(_)
                | StoreError::Interrupted(_)
                | StoreError::Database(_),
            )
            | Self::View(_)
            | Self::Definitions(_)
            | Self::Internal(_)
            | Self::Refused(Refusal::Fields(_) | Refusal::Defect(_)) => ProblemCode::Internal,
        }
    }

    /// What happened this time, as sentences for whoever asked: the same on a page, in the API and on a terminal.
    /// Nothing of what only the log may know.
    pub fn detail(&self) -> String {
        match self {
            Self::Forbidden(why) => format!("{why}."),
            Self::Throttled(until) => format!("The next try is looked at from {}.", moment(*until)),
            Self::TestTooSoon(next) => format!("Nothing was started. The next test can start at {}.", moment(*next)),
            Self::Refused(Refusal::Guard(text)) => text.clone(),
            Self::Invalid(fields) => {
                let names = fields.iter().map(|field| if field.field.is_empty() { "the body" } else { &field.field });
                format!("Look again at: {}.", names.collect::<Vec<_>>().join(", "))
            }
            Self::Changed { number, revision } => {
                format!("Case {number} is at revision {revision}, so your act was not carried out.")
            }
            Self::Claimed { number, by, .. } => format!("{by} claimed case {number}. Nothing was changed."),
            Self::ListChanged(version) => format!("The list is at version {version}. Nothing was recorded."),
            Self::Settled(text) => format!("{text}."),
            Self::Malformed { detail, .. } => format!("{detail}."),
            Self::NotJson(received) => format!("{received:?} was received."),
            Self::NotFound
            | Self::SignedOut
            | Self::Unproved(_)
            | Self::FactorMissing
            | Self::WrongPassword
            | Self::Refused(_)
            | Self::KeyReused
            | Self::KeyMissing
            | Self::RevisionMissing
            | Self::JobLost
            | Self::Store(_)
            | Self::View(_)
            | Self::Definitions(_)
            | Self::Internal(_) => self.code().happened().to_owned(),
        }
    }
}

/// A time that is near: the date would not help.
fn moment(at: DateTime<Utc>) -> String {
    format!("{} UTC", at.format("%H:%M:%S"))
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
