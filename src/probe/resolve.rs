//! From a host name to its addresses.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Instant, timeout_at};

use crate::domain::cause::Cause;

/// More addresses of one name than this are not tested.
const MAX_ADDRESSES: usize = 16;

/// Where names are looked up.
#[derive(Clone, Debug)]
pub enum Resolver {
    /// The system's resolver.
    System,
    /// A fixed table, for labs and tests. A name that is not in it does not exist; about a name without addresses
    /// nobody ever answers.
    Fixed(BTreeMap<String, Vec<IpAddr>>),
    /// Answers that a test of the product has prepared, each given once whatever the name: for names that change.
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
    /// The addresses of a name, without doubles, in the order of the answer.
    pub async fn resolve(&self, name: &str, deadline: Instant) -> Result<Vec<IpAddr>, (Cause, String)> {
        let found = match self {
            Self::Fixed(table) => {
                let addresses = table.get(name).cloned();
                if addresses.as_ref().is_some_and(Vec::is_empty) {
                    tokio::time::sleep_until(deadline).await;
                    return Err(silence(name));
                }
                addresses.unwrap_or_default()
            }
            Self::Scripted(answers) => answers.next(),
            Self::System => match timeout_at(deadline, tokio::net::lookup_host((name, 0))).await {
                Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
                Ok(Err(error)) => return Err(failure(name, &error)),
                Err(_) => return Err(silence(name)),
            },
        };
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in found.into_iter().map(|address| address.to_canonical()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return Err((Cause::DnsNxdomain, format!("{name} has no address")));
        }
        Ok(addresses)
    }
}

fn silence(name: &str) -> (Cause, String) {
    (Cause::DnsTimeout, format!("no answer about {name} in time"))
}

/// The system's resolver tells its reasons apart by text only.
fn failure(name: &str, error: &io::Error) -> (Cause, String) {
    let text = error.to_string();
    let cause = if text.contains("Temporary failure") { Cause::DnsTimeout } else { Cause::DnsNxdomain };
    (cause, format!("{name}: {text}"))
}
