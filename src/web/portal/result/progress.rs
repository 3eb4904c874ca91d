//! The rows of a test that runs: what an agent has told of it so far.

use crate::domain::cause::Step;
use crate::smtp::report::{StageReport, Status};
use crate::store::probes::Probe;
use crate::views::common::{Tag, Tone};
use crate::views::probe::{TestResult, TestStep};

/// The page of a running test with the steps that something is known about, in the order in which they were reached; as
/// it is where nobody tells.
pub(super) fn so_far(page: TestResult, probe: &Probe) -> TestResult {
    let steps = steps(probe);
    if steps.is_empty() {
        return page;
    }
    TestResult { text: "It has come this far.".to_owned(), summary: format!("{} so far", steps.len()), steps, ..page }
}

fn steps(probe: &Probe) -> Vec<TestStep> {
    let told = probe.progress.as_ref().and_then(|seen| seen.0.get("stages"));
    let stages: Vec<StageReport> =
        told.and_then(|stages| serde_json::from_value(stages.clone()).ok()).unwrap_or_default();
    let mut steps: Vec<Step> = Vec::new();
    for stage in &stages {
        let step = stage.stage.step();
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps.into_iter().map(|step| shown(step, stages.iter().filter(|stage| stage.stage.step() == step))).collect()
}

fn shown<'s>(step: Step, stages: impl Iterator<Item = &'s StageReport>) -> TestStep {
    let stages: Vec<&StageReport> = stages.collect();
    let has = |wanted: &[Status]| stages.iter().find(|stage| wanted.contains(&stage.status));
    let (tone, word, text) = match (has(&[Status::Fail, Status::Deferred]), has(&[Status::Warn])) {
        (Some(stage), _) => {
            (Tone::Neutral, "Stopped here", stage.cause.map_or("Did not pass", |cause| cause.entry().title))
        }
        (None, Some(stage)) => (Tone::You, "Warning", stage.cause.map_or("As expected", |cause| cause.entry().title)),
        (None, None) => (Tone::Done, "Passed", "As expected"),
    };
    let times: Vec<u64> = stages.iter().filter(|stage| stage.status != Status::Skipped).map(|stage| stage.ms).collect();
    TestStep {
        title: step.title().to_owned(),
        tag: Tag::new(tone, word),
        text: text.to_owned(),
        cause: None,
        ms: (!times.is_empty()).then(|| times.iter().sum()),
        evidence: None,
    }
}
