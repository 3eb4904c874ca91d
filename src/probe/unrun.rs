//! The report of a test that was not run, with the reason.

use std::time::Duration;

use super::request::ProbeRequest;
use super::run::scripted_report;
use crate::clock::Clock;
use crate::domain::cause::Cause;
use crate::smtp::record::Record;
use crate::smtp::report::Report;
use crate::smtp::stage::Stage;

/// A report in which nothing happened but that `stage` failed with `cause`.
pub fn could_not_run(clock: &Clock, request: &ProbeRequest, stage: Stage, cause: Cause, detail: &str) -> Report {
    let mut record = Record::default();
    record.fail(stage, Duration::ZERO, cause, None, detail);
    scripted_report(clock, request, record)
}
