//! The stages of a report under the steps that people see.

use crate::domain::cause::{Cause, Step};
use crate::domain::mail_settings::Encryption;
use crate::smtp::report::{Report, StageReport, Status, Verdict};
use crate::smtp::stage::Stage;

/// The steps of a test of a mail server.
const MAIL: [Step; 8] = [
    Step::Whitelist,
    Step::Tunnel,
    Step::Route,
    Step::Tcp,
    Step::Greeting,
    Step::Encryption,
    Step::SignIn,
    Step::SenderRecipient,
];

/// The steps of a test of a SYSLOG receiver.
const SYSLOG: [Step; 4] = [Step::Whitelist, Step::Tunnel, Step::Route, Step::Syslog];

/// A report, step by step.
pub(super) struct Fold<'r> {
    pub(super) report: &'r Report,
    /// The steps in the order in which the test took them.
    pub(super) groups: Vec<Group<'r>>,
    /// Why the test ended, where it did not pass.
    pub(super) ended: Option<Cause>,
    /// The step at which it ended, counted from 0.
    pub(super) stopped: Option<usize>,
}

/// The stages of a report under one step.
pub(super) struct Group<'r> {
    pub(super) step: Step,
    pub(super) stages: Vec<&'r StageReport>,
    /// The test ended here.
    pub(super) is_end: bool,
}

impl<'r> Fold<'r> {
    pub(super) fn new(report: &'r Report) -> Self {
        let ended = report.cause.filter(|_| !report.passed() && report.verdict != Verdict::Unconfirmed);
        let end = ended.and_then(|cause| end_of(report, cause));
        // The stage that ended the test counts under the step that it proves wrong: a connection attempt that a dead
        // tunnel swallowed says nothing about the port.
        let step_of = |stage: Stage| match end {
            Some(end) if report.stage == Some(stage) => end,
            _ => step_in(report, stage),
        };
        let group = |step| Group {
            step,
            stages: report.stages.iter().filter(|stage| step_of(stage.stage) == step).collect(),
            is_end: end == Some(step),
        };
        let groups: Vec<Group<'_>> = steps(report).into_iter().map(group).collect();
        let stopped = groups.iter().position(|group| group.is_end);
        Self { report, groups, ended, stopped }
    }

    /// Something behind the tunnel took our connection.
    pub(super) fn was_answered(&self) -> bool {
        let passed = |stage: &StageReport| stage.status == Status::Pass || stage.status == Status::Warn;
        self.report.stage_report(Stage::Tcp).is_some_and(passed)
    }

    /// A packet for the server left our machine, as far as is known.
    pub(super) fn was_sent(&self) -> bool {
        let measured = self.report.path.as_ref().and_then(|path| path.sent);
        let tried = |stage: &&StageReport| {
            let connects = stage.stage == Stage::Tcp || stage.stage.step() == Step::Syslog;
            connects && !matches!(stage.status, Status::NotRun | Status::Skipped)
        };
        measured.map_or_else(|| self.report.stages.iter().any(|stage| tried(&stage)), |packets| packets > 0)
    }

    /// Whether a step comes after the one at this place.
    pub(super) fn is_behind(&self, step: Step, place: usize) -> bool {
        self.groups.iter().skip(place + 1).any(|group| group.step == step)
    }

    /// What became of a step. The tunnel has no stage of its own: it is measured, or it carried an answer.
    pub(super) fn status(&self, group: &Group<'_>) -> Status {
        let has = |status| group.stages.iter().any(|stage| stage.status == status);
        let order = [Status::Fail, Status::Deferred, Status::Warn, Status::Pass, Status::Skipped];
        let of_stages = order.into_iter().find(|status| has(*status)).unwrap_or(Status::NotRun);
        let up = self.report.path.as_ref().and_then(|path| path.tunnel.as_ref()).map(|tunnel| tunnel.up);
        match (group.is_end, of_stages) {
            (true, Status::Deferred) => Status::Deferred,
            (true, _) => Status::Fail,
            (false, _) if group.step == Step::Tunnel => match (up, self.was_answered()) {
                (Some(true), _) | (None, true) => Status::Pass,
                (Some(false), true) => Status::Warn,
                (Some(false) | None, false) => Status::NotRun,
            },
            (false, seen) => seen,
        }
    }
}

pub(super) fn is_syslog(report: &Report) -> bool {
    report.stages.iter().any(|stage| stage.stage.step() == Step::Syslog)
}

/// Whether a message was to be handed over at the end.
pub(super) fn sends_alert(report: &Report) -> bool {
    let tried =
        |stage| report.stage_report(stage).is_some_and(|data| !matches!(data.status, Status::NotRun | Status::Skipped));
    tried(Stage::Data) || tried(Stage::DataEnd)
}

fn steps(report: &Report) -> Vec<Step> {
    if is_syslog(report) {
        return SYSLOG.to_vec();
    }
    let mut steps = MAIL.to_vec();
    if report.target.encryption == Encryption::ImplicitTls {
        // Implicit TLS encrypts before the server greets.
        let places = [Step::Greeting, Step::Encryption].map(|step| steps.iter().position(|other| *other == step));
        if let [Some(greeting), Some(encryption)] = places {
            steps.swap(greeting, encryption);
        }
    }
    if sends_alert(report) {
        steps.push(Step::TestAlert);
    }
    steps
}

/// The step of a stage within this report: all that a SYSLOG test does after the route is one step.
fn step_in(report: &Report, stage: Stage) -> Step {
    let step = stage.step();
    if is_syslog(report) && !is_of_the_way(step) { Step::Syslog } else { step }
}

/// The step that a test ended at. Causes of the way there are found out by a later stage and belong to the way; all
/// others belong to where the test stood.
fn end_of(report: &Report, cause: Cause) -> Option<Step> {
    let step = cause.entry().step;
    if is_of_the_way(step) {
        return Some(step);
    }
    let stood = report.stage.map(|stage| step_in(report, stage));
    if step == Step::Machinery { stood } else { stood.or(Some(step)) }
}

fn is_of_the_way(step: Step) -> bool {
    matches!(step, Step::Whitelist | Step::Tunnel | Step::Route)
}
