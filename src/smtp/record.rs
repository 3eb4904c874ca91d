//! What happens during a test, stage by stage, while it happens. The driver and the dialogue write into the same record.

use std::time::Duration;

use zeroize::Zeroizing;

use super::command::REDACTED;
use super::reply::{Reply, escape};
use super::report::{RecipientReport, Remedy, Speaker, StageReport, Status, TranscriptLine};
use super::stage::Stage;
use super::wait::suggested_wait;
use crate::domain::cause::{Cause, WorkflowVerdict};

/// The most text of a conversation that is kept, in octets; what follows is dropped, and a last line says so.
const MAX_TRANSCRIPT_BYTES: usize = 64 * 1024;
/// The most text of one reply that is kept with its stage, in octets.
const MAX_STAGE_BYTES: usize = 16 * 1024;
/// The longest sentence about a stage or a recipient, in characters; a server may have filled it.
const MAX_DETAIL_CHARS: usize = 1000;
/// What stands where something was cut.
const CUT: &str = "(cut here)";

/// The record of one test against one address. Instants are durations since the test began.
#[derive(Clone, Debug, Default)]
pub struct Record {
    stages: Vec<StageReport>,
    warnings: Vec<Cause>,
    ended: Option<(Stage, Cause)>,
    /// One row for each recipient that was tried.
    pub recipients: Vec<RecipientReport>,
    transcript: Vec<TranscriptLine>,
    transcript_bytes: usize,
    retry_after: Option<Duration>,
    traces: Vec<Zeroizing<String>>,
}

impl Record {
    /// Texts that are replaced wherever they occur in what the server says.
    pub fn hide(&mut self, traces: Vec<Zeroizing<String>>) {
        self.traces.extend(traces);
    }

    /// A stage begins. It counts as not run until something is said about it.
    pub fn begin(&mut self, stage: Stage, now: Duration) {
        let report = StageReport { start_ms: millis(now), ..StageReport::plain(stage, Status::NotRun) };
        self.stages.retain(|known| known.stage != stage);
        self.stages.push(report);
    }

    /// A stage passed.
    pub fn pass(&mut self, stage: Stage, now: Duration, reply: Option<&Reply>) {
        if self.ended.is_some_and(|(ended, _)| ended == stage) {
            return;
        }
        self.close(stage, now, Status::Pass, reply);
    }

    /// A stage is not needed; the detail says why.
    pub fn skip(&mut self, stage: Stage, why: &str) {
        let report = StageReport { detail: Some(why.to_owned()), ..StageReport::plain(stage, Status::Skipped) };
        self.stages.retain(|known| known.stage != stage);
        self.stages.push(report);
    }

    /// A stage passed or will pass, and something about it should change.
    pub fn warn(&mut self, stage: Stage, cause: Cause) {
        if !self.warnings.contains(&cause) {
            self.warnings.push(cause);
        }
        let report = self.entry(stage);
        if matches!(report.status, Status::Pass | Status::NotRun) {
            report.status = Status::Warn;
        }
        if report.cause.is_none() {
            report.cause = Some(cause);
            report.remedy = Some(cause.into());
        }
    }

    /// The test ends at this stage. The first end is the one that counts. A cause that is only a warning leaves one.
    pub fn fail(&mut self, stage: Stage, now: Duration, cause: Cause, reply: Option<&Reply>, detail: &str) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some((stage, cause));
        let status = if cause.verdict() == WorkflowVerdict::Deferred {
            Status::Deferred
        } else if cause.is_warning() {
            Status::Warn
        } else {
            Status::Fail
        };
        if status == Status::Deferred {
            self.retry_after = reply.and_then(suggested_wait);
        }
        self.close(stage, now, status, reply);
        let detail = self.told(detail);
        let report = self.entry(stage);
        report.cause = Some(cause);
        report.remedy = Some(Remedy::from(cause));
        report.detail = Some(detail);
    }

    /// Replaces the cause that ended the test by one that a closer look has shown.
    pub fn revise(&mut self, cause: Cause, detail: &str) {
        let detail = self.told(detail);
        if let Some((stage, ended)) = &mut self.ended {
            *ended = cause;
            let stage = *stage;
            let report = self.entry(stage);
            report.cause = Some(cause);
            report.remedy = Some(Remedy::from(cause));
            report.detail = Some(detail);
        }
    }

    /// Adds what was seen to a stage.
    pub fn note(&mut self, stage: Stage, detail: &str) {
        let detail = self.told(detail);
        let report = self.entry(stage);
        report.detail = Some(match report.detail.take() {
            Some(known) => format!("{known}; {detail}"),
            None => detail,
        });
    }

    /// We said something; the text is already without secrets.
    pub fn sent(&mut self, now: Duration, shown: &str) {
        self.speak(now, Speaker::Us, shown.to_owned());
    }

    /// The server said something.
    pub fn received(&mut self, now: Duration, lines: &[Vec<u8>]) {
        for line in lines {
            let text = self.hidden(escape(line));
            self.speak(now, Speaker::Server, text);
        }
    }

    /// Where and why the test ended, if it did not pass.
    pub fn ended(&self) -> Option<(Stage, Cause)> {
        self.ended
    }

    /// Whether a stage ended with an answer, be it a refusal, and not with silence.
    pub fn answered(&self, stage: Stage) -> bool {
        let silent = self.ended.is_some_and(|(_, cause)| cause.verdict() == WorkflowVerdict::Timeout);
        !silent && self.stages.iter().any(|report| report.stage == stage && report.status != Status::NotRun)
    }

    /// How long the server asked us to wait before the next attempt, where it deferred this one and named a time.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The warnings so far, in the order they came up.
    pub fn warnings(&self) -> &[Cause] {
        &self.warnings
    }

    /// When a stage began and how long it took, in milliseconds.
    pub fn timing(&self, stage: Stage) -> Option<(u64, u64)> {
        self.stages.iter().find(|report| report.stage == stage).map(|report| (report.start_ms, report.ms))
    }

    /// All stages in the given order; those that nothing is known about were not run.
    pub fn stages(&self, order: &[Stage]) -> Vec<StageReport> {
        let known = |stage: &Stage| self.stages.iter().find(|report| report.stage == *stage).cloned();
        order.iter().map(|stage| known(stage).unwrap_or_else(|| StageReport::plain(*stage, Status::NotRun))).collect()
    }

    /// What a report keeps: the stages in the given order (those that nothing is known about were not run), the
    /// recipients, and the conversation.
    pub fn into_parts(mut self, order: &[Stage]) -> (Vec<StageReport>, Vec<RecipientReport>, Vec<TranscriptLine>) {
        let mut take = |stage: &Stage| {
            let known = self.stages.iter().position(|report| report.stage == *stage);
            known.map_or_else(|| StageReport::plain(*stage, Status::NotRun), |at| self.stages.swap_remove(at))
        };
        let stages = order.iter().map(&mut take).collect();
        (stages, self.recipients, self.transcript)
    }

    /// The conversation.
    pub fn transcript(&self) -> &[TranscriptLine] {
        &self.transcript
    }

    fn close(&mut self, stage: Stage, now: Duration, status: Status, reply: Option<&Reply>) {
        let lines = reply.map(|reply| self.shown(reply));
        let report = self.entry(stage);
        report.ms = millis(now).saturating_sub(report.start_ms);
        if !(status == Status::Pass && report.status == Status::Warn) {
            report.status = status;
        }
        if let (Some(reply), Some(lines)) = (reply, lines) {
            report.code = Some(reply.code);
            report.enhanced.clone_from(&reply.enhanced);
            report.server_lines = lines;
        }
    }

    fn entry(&mut self, stage: Stage) -> &mut StageReport {
        let at = self.stages.iter().position(|report| report.stage == stage).unwrap_or(self.stages.len());
        if at == self.stages.len() {
            self.stages.push(StageReport::plain(stage, Status::NotRun));
        }
        #[expect(clippy::indexing_slicing, reason = "the entry at this index was found or pushed just above")]
        &mut self.stages[at]
    }

    fn speak(&mut self, now: Duration, from: Speaker, text: String) {
        if self.transcript_bytes > MAX_TRANSCRIPT_BYTES {
            return;
        }
        self.transcript_bytes += text.len();
        let text = if self.transcript_bytes > MAX_TRANSCRIPT_BYTES { CUT.to_owned() } else { text };
        self.transcript.push(TranscriptLine { ms: millis(now), from, text });
    }

    /// The lines of a reply as a stage keeps them.
    fn shown(&self, reply: &Reply) -> Vec<String> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        for line in reply.shown_lines() {
            let line = self.hidden(line);
            bytes += line.len();
            if bytes > MAX_STAGE_BYTES {
                lines.push(CUT.to_owned());
                break;
            }
            lines.push(line);
        }
        lines
    }

    /// A sentence that may quote the server: without secrets, and not longer than a person reads. Secrets go first,
    /// because a cut through one would leave its beginning.
    pub fn told(&self, text: &str) -> String {
        let mut text = self.hidden(text.to_owned());
        if let Some((end, _)) = text.char_indices().nth(MAX_DETAIL_CHARS) {
            text.truncate(end);
            text.push_str(CUT);
        }
        text
    }

    /// The text with every trace of a secret replaced.
    fn hidden(&self, mut text: String) -> String {
        for trace in &self.traces {
            text = text.replace(trace.as_str(), REDACTED);
            let escaped = escape(trace.as_bytes());
            text = text.replace(&escaped, REDACTED);
        }
        text
    }
}

/// Whole milliseconds of a duration.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::reply::{Parsed, ReplyParser};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_end_counts_and_warnings_stay_with_their_stage() {
        let mut record = Record::default();
        record.begin(Stage::Banner, SECOND);
        record.warn(Stage::Banner, Cause::BannerSlow);
        record.pass(Stage::Banner, 2 * SECOND, None);
        record.begin(Stage::Ehlo, 2 * SECOND);
        record.fail(Stage::Ehlo, 3 * SECOND, Cause::EhloRejected, None, "first");
        record.fail(Stage::Quit, 4 * SECOND, Cause::ReplyClosed, None, "second");
        assert_eq!(record.ended(), Some((Stage::Ehlo, Cause::EhloRejected)));
        let stages = record.stages(&[Stage::Banner, Stage::Ehlo, Stage::Auth]);
        let statuses: Vec<_> = stages.iter().map(|stage| (stage.status, stage.ms)).collect();
        assert_eq!(statuses, [(Status::Warn, 1000), (Status::Fail, 1000), (Status::NotRun, 0)]);
    }

    #[test]
    fn a_server_that_repeats_a_secret_does_not_reveal_it() {
        let mut record = Record::default();
        record.hide(vec![Zeroizing::new("hunter22".to_owned())]);
        record.received(SECOND, &[b"535 hunter22 is wrong".to_vec()]);
        assert_eq!(record.transcript()[0].text, "535 <redacted> is wrong");
    }

    #[test]
    fn a_conversation_without_end_is_cut() {
        let mut record = Record::default();
        for _ in 0..1000 {
            record.received(SECOND, &[vec![b'a'; 1000]]);
        }
        assert_eq!(record.transcript().last().unwrap().text, CUT);
        let kept: usize = record.transcript().iter().map(|line| line.text.len()).sum();
        assert!((63 * 1024..=64 * 1024 + CUT.len()).contains(&kept), "{kept}");
    }

    #[test]
    fn a_sentence_is_cut_without_leaving_the_beginning_of_a_secret() {
        let mut record = Record::default();
        record.hide(vec![Zeroizing::new("hunter22".to_owned())]);
        record.fail(Stage::Auth, SECOND, Cause::AuthRejected, None, &format!("{}hunter22 ü", "é".repeat(996)));
        let detail = record.stages(&[Stage::Auth]).remove(0).detail.unwrap();
        assert!(!detail.contains("hunt") && detail.ends_with(CUT), "{detail}");
    }

    #[test]
    fn a_reply_of_many_lines_is_cut_in_its_stage() {
        let bytes = [b"250-".to_vec(), vec![b'a'; 1000], b"\r\n".to_vec()].concat().repeat(60);
        let Parsed::Reply(reply, _) = ReplyParser::default().push(&[bytes, b"250 end\r\n".to_vec()].concat()) else {
            panic!("a reply of 60 KiB is within the limits");
        };
        let mut record = Record::default();
        record.pass(Stage::Ehlo, SECOND, Some(&reply));
        let lines = record.stages(&[Stage::Ehlo]).remove(0).server_lines;
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (17, CUT));
    }
}
