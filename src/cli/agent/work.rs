//! One job: judged by the agent's own list, run on a thread of its own, told about while it runs, reported until the
//! service has it.

use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::client::{Client, Trouble};
use super::run::{Pauses, Settings, stopped};
use crate::clock::Clock;
use crate::domain::cause::Cause;
use crate::domain::mail_settings::MailHost;
use crate::probe::job::Job;
use crate::probe::progress::Progress;
use crate::probe::{ProbeRequest, could_not_run, netns};
use crate::smtp::report::{Report, StageReport};
use crate::smtp::stage::Stage;

/// Between two events at least so much; a person does not read faster.
const EVENT_PAUSE: Duration = Duration::from_millis(500);
/// Without anything to tell, a sign of life so often: several fit into a lease.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// What all jobs share.
#[derive(Clone)]
pub(super) struct Work {
    /// The service.
    pub(super) client: Client,
    /// How the agent works.
    pub(super) settings: Arc<Settings>,
    /// Becomes true when there is no time left to finish.
    pub(super) give_up: watch::Receiver<bool>,
}

/// How the run of a test ended.
enum Ran {
    /// With a report.
    Reported(Box<Report>),
    /// Without one, and there is nothing to say to the service: for this reason.
    Dropped(String),
    /// There was no time left.
    GivenUp,
}

impl Work {
    /// Does the job, whatever comes of it.
    pub(super) async fn run(&self, job: &Job) {
        tracing::info!(job = job.id, "a test begins");
        match self.ran(job).await {
            Ran::Reported(report) => self.hand_in(&job.id, &report).await,
            Ran::Dropped(why) => tracing::warn!(job = job.id, why, "nothing is reported"),
            Ran::GivenUp => self.give_back(&job.id).await,
        }
    }

    async fn ran(&self, job: &Job) -> Ran {
        let mut request = match job.request.clone().request() {
            Ok(request) => request,
            // A report on a target that is not known helps nobody; the service waits for its lease to end.
            Err(why) => return Ran::Dropped(format!("the job cannot be understood: {why}")),
        };
        if let Some(device) = &self.settings.device {
            request.device = Some(device.clone());
        }
        request.dial.clone_from(&self.settings.dial);
        // An echo is a packet too.
        request.tunnel.echo = request.tunnel.echo.filter(|gateway| self.may_test(*gateway));
        // And so is a question to a resolver; one that is ours to leave alone is not asked, and the answer says so.
        let resolver = request.look_up.as_ref().and_then(|look_up| look_up.server);
        request.own.extend(resolver.filter(|server| !self.may_test(*server)).map(ipnet::IpNet::from));
        match self.refusal(&request) {
            Some(why) => Ran::Reported(Box::new(refused(&request, &why))),
            None => self.test(&job.id, request).await,
        }
    }

    async fn give_back(&self, id: &str) {
        match self.client.release(id).await {
            Ok(()) => tracing::info!(job = id, "the job was given back"),
            Err(error) => tracing::warn!(job = id, %error, "the job could not be given back; its lease ends"),
        }
    }

    /// Why the target may not be tested from here, whatever the service asks for.
    fn refusal(&self, request: &ProbeRequest) -> Option<String> {
        match &request.host {
            MailHost::Address(address) => {
                let address = address.to_canonical();
                (!self.may_test(address))
                    .then(|| format!("{address} is in none of the networks that the agent may test"))
            }
            // A name could lead elsewhere between this judgment and the connection.
            MailHost::Name(name) => Some(format!("{name} is a name; the agent tests addresses only")),
        }
    }

    fn may_test(&self, address: IpAddr) -> bool {
        self.settings.allow.iter().any(|network| network.contains(&address))
    }

    /// Runs the test and tells the service about it.
    async fn test(&self, id: &str, mut request: ProbeRequest) -> Ran {
        let (progress, mut seen) = Progress::watched();
        request.progress = progress;
        let (mut report, abort) = self.start(request);
        let mut give_up = self.give_up.clone();
        let mut told = Instant::now();
        let mut changed = false;
        loop {
            let due = told + if changed { EVENT_PAUSE } else { SIGN_OF_LIFE };
            tokio::select! {
                done = &mut report => {
                    drop(abort);
                    // A thread that ends without a report has panicked, and then the receiver is told so.
                    return done.map_or(Ran::GivenUp, |report| Ran::Reported(Box::new(report)));
                }
                () = stopped(&mut give_up) => return Ran::GivenUp,
                news = seen.changed(), if !changed => changed = news.is_ok(),
                () = sleep_until(due) => {
                    let stages: Vec<StageReport> = seen.borrow_and_update().clone();
                    (told, changed) = (Instant::now(), false);
                    match self.client.events(id, &clean(&json!({"stages": stages}))).await {
                        Ok(()) => {}
                        Err(error @ Trouble::Lost) => return Ran::Dropped(error.to_string()),
                        // The report matters, events do not.
                        Err(error @ (Trouble::Away(_) | Trouble::Refused(_) | Trouble::TokenRefused)) => {
                            tracing::debug!(job = id, %error, "an event was not taken");
                        }
                    }
                }
            }
        }
    }

    /// Starts the test on a thread of its own, since a network namespace belongs to a thread, with a runtime of its own,
    /// since tasks of a shared one change threads. Dropping the second value breaks the test off.
    fn start(&self, request: ProbeRequest) -> (oneshot::Receiver<Report>, oneshot::Sender<()>) {
        let (done, report) = oneshot::channel();
        let (abort, aborted) = oneshot::channel::<()>();
        let settings = Arc::clone(&self.settings);
        thread::spawn(move || {
            let failed = |why: String| could_not_run(&Clock::System, &request, Stage::Route, Cause::ProbeNotRun, &why);
            if let Some(name) = &settings.netns
                && let Err(why) = netns::enter(name)
            {
                drop(done.send(failed(why)));
                return;
            }
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(done.send(failed(format!("the test cannot be started: {error}")))),
            };
            let ran = runtime.block_on(async {
                tokio::select! {
                    report = settings.prober.run(request) => Some(report),
                    // An answer and a sender that is gone mean the same.
                    _ = aborted => None,
                }
            });
            if let Some(report) = ran {
                // Nobody listens any more where the job was lost.
                drop(done.send(report));
            }
        });
        (report, abort)
    }

    /// Hands the report in until the service has taken or refused it, over restarts of the service.
    async fn hand_in(&self, id: &str, report: &Report) {
        let report = match serde_json::to_value(report) {
            Ok(report) => clean(&report),
            Err(error) => return tracing::error!(job = id, %error, "the report cannot be written"),
        };
        let mut pauses = Pauses::default();
        let mut give_up = self.give_up.clone();
        while let Some(why) = self.not_yet(id, &report).await {
            let pause = pauses.next();
            tracing::warn!(job = id, why, pause_ms = pause.as_millis(), "the report could not be handed in");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped(&mut give_up) => return,
            }
        }
    }

    /// Hands the report in once; says why, where it must be done again.
    async fn not_yet(&self, id: &str, report: &Value) -> Option<String> {
        match self.client.report(id, report).await {
            Ok(()) => tracing::info!(job = id, "the report was taken"),
            Err(Trouble::Away(why)) => return Some(why),
            Err(error @ (Trouble::Lost | Trouble::Refused(_) | Trouble::TokenRefused)) => {
                tracing::error!(job = id, %error, "the report was not taken");
            }
        }
        None
    }
}

fn refused(request: &ProbeRequest, why: &str) -> Report {
    tracing::warn!(why, "a test was refused");
    could_not_run(&Clock::System, request, Stage::Policy, Cause::PolicyTargetForbidden, why)
}

/// Texts without control characters, which the service does not take: a certificate may hold any.
fn clean(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            Value::String(text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect())
        }
        Value::Array(items) => items.iter().map(clean).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), clean(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
