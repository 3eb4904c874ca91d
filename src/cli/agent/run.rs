//! The loop of an agent: asks for work while it has a place for it, and outlives every absence of the service.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use rand::RngExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

pub use super::client::{Client, Trouble};
use super::work::Work;
use crate::clock::Clock;
use crate::probe::Prober;
use crate::probe::job::Job;

/// The first pause after a failure; each further one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How an agent works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The networks that it may test.
    pub allow: Vec<IpNet>,
    /// The network namespace that tests run in.
    pub netns: Option<String>,
    /// The device to leave by, in place of the tunnel's.
    pub device: Option<String>,
    /// How many jobs run at a time.
    pub jobs: usize,
    /// What runs a test.
    pub prober: Prober,
    /// Where to connect in place of an address, for tests of this program; no flag sets it.
    pub dial: BTreeMap<SocketAddr, SocketAddr>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            netns: None,
            device: None,
            jobs: 1,
            prober: Prober::real(Clock::System),
            dial: BTreeMap::new(),
        }
    }
}

/// Works until `stop` says so; then finishes what runs within `drain`, and gives the rest back.
///
/// # Errors
/// [`Trouble::TokenRefused`], after which asking is of no use; [`Trouble::Refused`] for another version of the protocol.
pub async fn until_stopped(
    client: Client,
    settings: Settings,
    stop: watch::Receiver<bool>,
    drain: Duration,
) -> Result<(), Trouble> {
    let places = Arc::new(Semaphore::new(settings.jobs));
    let mut desk = Desk { client: client.clone(), places, held: Held::default(), stop };
    let (given_up, give_up) = watch::channel(false);
    let work = Work { client, settings: Arc::new(settings), give_up };
    let mut tasks = JoinSet::new();
    let outcome = loop {
        while tasks.try_join_next().is_some() {}
        let (hold, place) = match desk.next().await {
            Ok(Some(next)) => next,
            Ok(None) => break Ok(()),
            Err(trouble) => break Err(trouble),
        };
        let work = work.clone();
        tasks.spawn(async move {
            work.run(&hold.job).await;
            drop((hold, place));
        });
    };
    if tokio::time::timeout(drain, finish(&mut tasks)).await.is_err() {
        given_up.send_replace(true);
        finish(&mut tasks).await;
    }
    outcome
}

/// Where work comes in.
struct Desk {
    client: Client,
    places: Arc<Semaphore>,
    held: Held,
    stop: watch::Receiver<bool>,
}

impl Desk {
    /// The next job with the place that it takes, as soon as there are both; `None` once the agent is to stop.
    async fn next(&mut self) -> Result<Option<(Hold, OwnedSemaphorePermit)>, Trouble> {
        let mut pauses = Pauses::default();
        loop {
            let place = tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return Ok(None),
                place = Arc::clone(&self.places).acquire_owned() => place.map_err(|closed| Trouble::Away(closed.to_string()))?,
            };
            let asked = tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return Ok(None),
                asked = self.client.next() => asked,
            };
            match asked {
                Ok(None) => pauses = Pauses::default(),
                Ok(Some(job)) => {
                    if let Some(hold) = self.held.take(job) {
                        return Ok(Some((hold, place)));
                    }
                }
                Err(trouble @ (Trouble::TokenRefused | Trouble::Refused(_))) => return Err(trouble),
                Err(trouble @ (Trouble::Away(_) | Trouble::Lost)) => self.pause(&trouble, pauses.next()).await,
            }
        }
    }

    async fn pause(&mut self, trouble: &Trouble, pause: Duration) {
        tracing::warn!(error = %trouble, pause_ms = pause.as_millis(), "no work could be asked for");
        tokio::select! {
            () = stopped(&mut self.stop) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn finish(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

/// Resolves once the value is true, or its sender is gone.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Pauses between tries, each drawn from a span that doubles: agents that lost the service together do not come back
/// together.
pub(super) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Pauses {
    /// The next pause: half of the span for certain, the rest by chance.
    pub(super) fn next(&mut self) -> Duration {
        let span = self.0;
        self.0 = (span * 2).min(LONGEST_PAUSE);
        span.mul_f64(rand::rng().random_range(0.5..1.0))
    }
}

/// The jobs that this agent has. After an absence of the service a lease may have ended, and a job that still runs here
/// comes once more: it is then held again, and its report, when it comes, is as good.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<BTreeSet<String>>>);

/// A job that is held until this is dropped.
struct Hold {
    job: Job,
    held: Held,
}

impl Held {
    fn take(&self, job: Job) -> Option<Hold> {
        let new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(job.id.clone());
        new.then(|| Hold { job, held: self.clone() })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.job.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        let mut pauses = Pauses::default();
        let drawn: Vec<Duration> = (0..20).map(|_| pauses.next()).collect();
        assert!(drawn[0] >= FIRST_PAUSE / 2 && drawn[0] < FIRST_PAUSE);
        assert!(drawn[10..].iter().all(|pause| *pause >= LONGEST_PAUSE / 2 && *pause < LONGEST_PAUSE));
        assert!(drawn[10..].windows(2).any(|pair| pair[0] != pair[1]));
    }
}
