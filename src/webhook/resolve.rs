//! From the name of a receiver to its addresses.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Instant, timeout_at};

use super::SendError;
use crate::redact::excerpt;

/// More addresses of one name than this are not judged, and none of them is dialed.
const MOST_ADDRESSES: usize = 16;

/// Where names are looked up.
#[derive(Clone, Debug)]
pub enum Resolver {
    /// The system's resolver.
    System,
    /// Answers that a test has prepared, each given once whatever the name: for names that change.
    Scripted(Answers),
}

/// Prepared answers of a [`Resolver::Scripted`].
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Mutex<VecDeque<Vec<IpAddr>>>>);

impl Answers {
    /// These, in this order.
    pub fn new(answers: impl IntoIterator<Item = Vec<IpAddr>>) -> Self {
        Self(Arc::new(Mutex::new(answers.into_iter().collect())))
    }

    /// How many were not asked for yet.
    pub fn left(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn next(&self) -> Vec<IpAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or_default()
    }
}

impl Resolver {
    /// The addresses of a name; asked for once.
    pub(super) async fn resolve(&self, name: &str, deadline: Instant) -> Result<Vec<IpAddr>, SendError> {
        let found: Vec<IpAddr> = match self {
            Self::Scripted(answers) => answers.next(),
            Self::System => match timeout_at(deadline, tokio::net::lookup_host((name, 0))).await {
                Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
                Ok(Err(error)) => return Err(unknown(name, &error.to_string())),
                Err(_elapsed) => return Err(unknown(name, "no answer came in time")),
            },
        };
        if found.is_empty() {
            return Err(unknown(name, "it has none"));
        }
        if found.len() > MOST_ADDRESSES {
            let text = format!(
                "{name} has {} addresses, and only names with at most {MOST_ADDRESSES} are sent to: enter a name with fewer",
                found.len()
            );
            return Err(SendError::Name(text));
        }
        Ok(found)
    }
}

fn unknown(name: &str, why: &str) -> SendError {
    let text = format!(
        "No address of {name} was found ({why}): check the name, and the resolver of the machine of this service"
    );
    SendError::Name(excerpt(&text, 600))
}
