//! What happens later. Each worker is a loop around a `step`: claim under a lease, do it outside any transaction, settle.
//! Tests call the steps; the service runs the loops.

pub mod agents;
pub mod campaigns;
pub mod letters;
pub mod outbox;
pub mod personal_mails;
pub mod probes;
pub mod timers;
pub mod watching;
pub mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::webhooks::sending;
use crate::app::{App, Error, chain};

/// How often a worker looks although nobody woke it: for what is due by the clock, or was left by another node.
const TICK: Duration = Duration::from_secs(1);
/// How long it waits when the database is away.
const PAUSE: Duration = Duration::from_secs(2);

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something was due and was dealt with; there may be more.
    Worked,
    /// Nothing is due.
    Idle,
}

/// Starts the workers; they end after the present step once `stop` says so.
pub fn start(app: &Arc<App>, stop: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    for name in ["outbox_1", "outbox_2", "outbox_3", "outbox_4"] {
        let (app, stop) = (Arc::clone(app), stop.clone());
        workers.spawn(async move { run(name, &app, stop, outbox::step).await });
    }
    workers.spawn(serve("tests", Arc::clone(app), stop.clone(), probes::claim, probes::run));
    workers.spawn(serve("webhooks", Arc::clone(app), stop.clone(), sending::claim, webhooks::run));
    let (silent, until) = (Arc::clone(app), stop.clone());
    workers.spawn(async move { run("agents", &silent, until, agents::step).await });
    let (posted, until) = (Arc::clone(app), stop.clone());
    workers.spawn(async move { run("letters", &posted, until, letters::step).await });
    let (told, until) = (Arc::clone(app), stop.clone());
    workers.spawn(async move { run("personal_mails", &told, until, personal_mails::step).await });
    let (swept, until) = (Arc::clone(app), stop.clone());
    workers.spawn(async move { run("campaigns", &swept, until, campaigns::step).await });
    let (tidied, until) = (Arc::clone(app), stop.clone());
    workers.spawn(async move { tidy(&tidied, until).await });
    let (watched, until) = (Arc::clone(app), stop.clone());
    workers.spawn(async move { run("watching", &watched, until, watching::step).await });
    let (app, stop) = (Arc::clone(app), stop.clone());
    workers.spawn(async move { run("timers", &app, stop, timers::step).await });
    workers
}

/// Forgets what nobody will ask for again, at start and every hour.
async fn tidy(app: &Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = crate::app::forget_old_answers(app).await {
            tracing::warn!(error = %chain(&error), "old answers could not be forgotten");
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(3_600)) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Tells the pulse that a worker has ended, however it ends.
pub(crate) struct Alive<'a> {
    app: &'a App,
    name: &'static str,
}

impl<'a> Alive<'a> {
    /// A worker begins.
    pub(crate) fn new(app: &'a App, name: &'static str) -> Self {
        app.pulse.beat(name, app.now());
        Self { app, name }
    }
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.app.pulse.end(self.name);
    }
}

/// Claims one thing after the other and does each in a task of its own, so that a slow one holds up no other. How many are
/// done at once is for `claim` to say. One loop that claims asks the database once a second where many would ask many times.
/// Ends when what was begun has ended.
async fn serve<T, C, R, F>(name: &'static str, app: Arc<App>, mut stop: watch::Receiver<bool>, claim: C, run: R)
where
    C: AsyncFn(&Arc<App>) -> Result<Option<T>, Error>,
    R: Fn(Arc<App>, T) -> F,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let mut running = JoinSet::new();
    let _alive = Alive::new(&app, name);
    while !*stop.borrow() {
        app.pulse.beat(name, app.now());
        // Registered before looking, so that what is left between the look and the wait wakes it.
        let woken = app.wake.notified();
        let wait = match claim(&app).await {
            Ok(Some(claimed)) => {
                let work = run(Arc::clone(&app), claimed);
                running.spawn(async move {
                    if let Err(error) = work.await {
                        tracing::warn!(worker = name, error = %chain(&error), "a step failed and is done again after its lease");
                    }
                });
                continue;
            }
            Ok(None) => TICK,
            Err(error) => {
                tracing::warn!(worker = name, error = %chain(&error), "nothing could be claimed; it is tried again");
                PAUSE
            }
        };
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep(wait) => {}
            // What ended makes room for the next.
            Some(_) = running.join_next() => {}
            _ = stop.changed() => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// The loop of a worker that does one thing at a time.
async fn run<F>(name: &'static str, app: &Arc<App>, mut stop: watch::Receiver<bool>, step: F)
where
    F: AsyncFn(&Arc<App>) -> Result<Step, Error>,
{
    let _alive = Alive::new(app, name);
    while !*stop.borrow() {
        app.pulse.beat(name, app.now());
        // Registered before looking, so that what is left between the look and the wait wakes it.
        let woken = app.wake.notified();
        let wait = match step(app).await {
            Ok(Step::Worked) => continue,
            Ok(Step::Idle) => TICK,
            Err(error) => {
                tracing::warn!(worker = name, error = %chain(&error), "a step failed and will be tried again");
                PAUSE
            }
        };
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep(wait) => {}
            _ = stop.changed() => {}
        }
    }
}
