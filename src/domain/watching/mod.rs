//! Watching a server in use: what a round saw, what is held against it, and what is found once two rounds agree.
//!
//! One round proves nothing: lines flap, and a test may have been the last straw of a busy minute. So a subject is found
//! wrong after two rounds that say the same, and right again after two that say so; in between nobody is told anything.

mod judge;
mod pace;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use judge::{Finding, Judgement, judge};
pub use pace::next_round;

use super::words::words;

/// So many rounds in a row have to agree before anything is told.
pub const ROUNDS_TO_TELL: u32 = 2;

words! {
    /// What is watched, in the order in which one explains the other: an expired certificate breaks the path.
    pub enum Subject {
        /// What the server's name resolves to.
        Name = "name",
        /// Who issued the certificate, and for which names.
        Certificate = "certificate",
        /// Whether the server is reached.
        Path = "path",
        /// How long the certificate is still valid.
        Expiry = "expiry",
        /// What stands in the product.
        Settings = "settings",
    }
}

words! {
    /// What a round says in one word.
    pub enum Mark {
        /// Everything is as it should be.
        Good = "good",
        /// The server is reached, and something has changed.
        Changed = "changed",
        /// The server is not reached.
        Failed = "failed",
        /// Our own side could not tell; it counts for nothing.
        Unclear = "unclear",
    }
}

impl Mark {
    /// What people read.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Good => "In order",
            Self::Changed => "Something changed",
            Self::Failed => "Not reached",
            Self::Unclear => "Could not tell",
        }
    }
}

/// What one round saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// The address that was tested: the one on record.
    pub address: IpAddr,
    /// Whether the server was reached.
    pub path: Path,
    /// What its name resolved to.
    pub name: Name,
    /// The certificate that it showed; none where it showed none, or the test ended before.
    pub certificate: Option<Certificate>,
    /// What stands in the product.
    pub settings: Settings,
}

/// Whether the server was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// It was.
    Reached,
    /// It was not.
    Failed {
        /// The id of the cause.
        cause: String,
        /// What was seen, in a sentence.
        text: String,
    },
    /// The fault is ours, or the server asks for a later attempt.
    Unclear,
}

/// What a name resolved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// The server has no name on record.
    NotAsked,
    /// These addresses.
    Addresses(BTreeSet<IpAddr>),
    /// The name does not exist, or has no address.
    Gone,
    /// Nobody answered.
    Unclear,
}

/// What is compared of a certificate. A renewal keeps issuer and names, and is nothing to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Distinguished name of the issuer.
    pub issuer: String,
    /// DNS names and IP addresses in it.
    pub names: BTreeSet<String>,
    /// Valid until.
    pub not_after: DateTime<Utc>,
}

/// What stands in the product, beside what was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settings {
    /// It was not read.
    NotRead,
    /// As applied.
    Same,
    /// Somebody changed it there: the fields that differ, in a line.
    Differ(String),
}

/// What is remembered of a server between rounds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The address that all this is about; another one begins anew.
    pub address: Option<IpAddr>,
    /// What the name resolved to when it was in order.
    pub addresses: BTreeSet<IpAddr>,
    /// The certificate that is in order.
    pub certificate: Option<Certificate>,
    /// What is held against the server.
    pub doubts: BTreeMap<Subject, Doubt>,
    /// Rounds in a row that could not tell.
    pub unclear: u32,
    /// Whether somebody of the customer asked for the round that comes next.
    pub is_asked: bool,
}

/// What is held against a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// What is wrong; another text begins the count again.
    pub what: String,
    /// Rounds in a row that said so.
    pub bad: u32,
    /// Rounds in a row that said otherwise since.
    pub good: u32,
    /// What was told last.
    pub told: Option<String>,
}

impl Memory {
    /// Whether somebody was told of something that has not ended.
    pub fn is_troubled(&self) -> bool {
        self.doubts.values().any(|doubt| doubt.told.is_some())
    }

    /// Whether a subject was told of and has not ended.
    pub fn is_told(&self, subject: Subject) -> bool {
        self.doubts.get(&subject).is_some_and(|doubt| doubt.told.is_some())
    }

    /// A person has dealt with these: what stands there is taken as it is, and what still fails is counted anew. What is
    /// only a date or stands in the product stays told, because time and the next reading say more.
    #[must_use]
    pub fn dealt_with(mut self, subjects: &[Subject]) -> Self {
        for subject in subjects {
            match subject {
                Subject::Name => self.addresses.clear(),
                Subject::Certificate => self.certificate = None,
                Subject::Path => {}
                Subject::Expiry | Subject::Settings => continue,
            }
            self.doubts.remove(subject);
        }
        self
    }

    /// What is still wrong about these is told again after two rounds, against what is remembered.
    #[must_use]
    pub fn counted_anew(mut self, subjects: &[Subject]) -> Self {
        self.doubts.retain(|subject, _| !subjects.contains(subject));
        self
    }
}
