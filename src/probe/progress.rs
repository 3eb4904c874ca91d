//! What a test has seen so far, for whoever watches it run.

use tokio::sync::watch;

use crate::smtp::record::Record;
use crate::smtp::report::{StageReport, Status};
use crate::smtp::stage::Stage;

/// Where a test tells how far it has come; the default tells nobody.
#[derive(Clone, Debug, Default)]
pub struct Progress(Option<watch::Sender<Vec<StageReport>>>);

impl Progress {
    /// A place to tell it to, and the one to watch: the stages that something is known about.
    pub fn watched() -> (Self, watch::Receiver<Vec<StageReport>>) {
        let (sender, receiver) = watch::channel(Vec::new());
        (Self(Some(sender)), receiver)
    }

    /// Tells what stands in the record; secrets are taken out of that already.
    pub(super) fn tell(&self, record: &Record) {
        let Some(sender) = &self.0 else { return };
        let mut stages = record.stages(Stage::ALL);
        stages.retain(|stage| stage.status != Status::NotRun);
        sender.send_if_modified(|known| {
            let news = *known != stages;
            *known = stages;
            news
        });
    }
}
