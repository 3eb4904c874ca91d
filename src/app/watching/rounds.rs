//! A round: the product is read, the test is queued like any other, and its report is judged against what is remembered,
//! in one transaction with everything that follows from it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use sqlx::types::Json;

use super::drift::Reading;
use super::found::{self, Moving};
use super::is_watched;
use crate::app::{App, Error, facts, probes};
use crate::domain::case::Case;
use crate::domain::cause::{Cause, WorkflowVerdict};
use crate::domain::watching::{Certificate, Judgement, Memory, Name, Path, Round, Settings, judge, next_round};
use crate::domain::workflow::ProbeLevel;
use crate::smtp::report::{CertificateReport, NameReport, Report, Verdict};
use crate::store::probes::Probe;
use crate::store::watches::{self, RoundRow, SettingsRead, Watch};
use crate::store::{self, Tx, cases};

/// So many rounds are begun in one go.
const BATCH: i64 = 20;
/// A round whose test never ends is begun again after this: longer than any test with its wait for an agent.
const GIVEN_UP: TimeDelta = TimeDelta::minutes(15);
/// The longest list of what a round saw, in characters.
const LONGEST_SEEN: usize = 2_000;

/// The watches whose round is due, a bounded number of them.
///
/// # Errors
/// What the database says.
pub async fn due(app: &App) -> Result<Vec<Watch>, Error> {
    Ok(watches::due(&mut app.db.read().await?, app.now(), BATCH).await?)
}

/// Begins the round of a watch, unless somebody else did meanwhile: what was read in the product is kept, and the test is
/// queued with everybody's.
///
/// # Errors
/// What the database says.
pub async fn begin_due(app: &Arc<App>, watch: &Watch, reading: Reading) -> Result<(), Error> {
    let (shared, key, number) = (Arc::clone(app), (watch.customer_id, watch.case_id), watch.rounds + 1);
    let begun = app
        .db
        .write(move |tx| {
            let (app, reading) = (Arc::clone(&shared), reading.clone());
            Box::pin(async move {
                let Some(case) = cases::hold_by_id(tx, key.0, key.1).await? else { return Ok(false) };
                let at = app.now();
                if !watches::claim(tx, key, (at, at + GIVEN_UP.max(app.watch_interval)), reading.0.as_ref()).await? {
                    return Ok(false);
                }
                if !is_watched(&app, &case)? {
                    watches::end(tx, key).await?;
                    return Ok(false);
                }
                // The one before waits for its turn or for an agent: a second one would tell no more.
                if watches::queued_test(tx, key).await?.is_some() {
                    return Ok(false);
                }
                let watch = watches::of_case(tx, key).await?;
                let by_customer = watch.is_some_and(|watch| watch.memory.is_asked);
                let mut not_before = at;
                if by_customer {
                    store::probes::lock_counts(tx).await?;
                    let limit = app.probe.per_customer_hour;
                    not_before = store::probes::next_start(tx, case.customer, limit, at).await?;
                }
                let server = case.channel().server();
                let target = (facts::text(&case, server.address)?, facts::number(&case, server.port)?);
                let ask = probes::Ask {
                    effect_key: format!("{}.{number:08}.watch", case.id),
                    level: ProbeLevel::Reach,
                    answers: watches::ANSWERS,
                    settings: None,
                    target,
                    by_customer,
                };
                probes::queue(tx, &case, ask, (at, not_before)).await?;
                Ok::<_, Error>(true)
            })
        })
        .await?;
    if begun {
        app.wake.notify_waiters();
    }
    Ok(())
}

/// Judges the report of a round, and does what follows.
///
/// # Errors
/// What the database says.
pub(in crate::app) async fn settle(app: &App, tx: &mut Tx, probe: &Probe, report: &Report) -> Result<(), Error> {
    let at = app.now();
    let key = (probe.customer_id, probe.case_id);
    let Some(mut case) = cases::hold_by_id(tx, key.0, key.1).await? else { return Ok(()) };
    let Some(mut watch) = watches::of_case(tx, key).await? else { return Ok(()) };
    if !is_watched(app, &case)? {
        return Ok(());
    }
    found::look_after(tx, &mut watch).await?;
    let mut round = round(&case, report, watch.settings_read.as_ref().map(|read| &read.0))?;
    round.at = at;
    let moving = found::moving(app, tx, &case, &watch, at).await?;
    if moving != Moving::No {
        // A person knows of it, and follows it through.
        round.name = Name::Unclear;
    }
    if moving == Moving::Due && matches!(round.path, Path::Failed { .. }) {
        round.path = Path::Unclear;
    }
    let judged = judge(&watch.memory.0, &round);
    found::act(app, tx, &mut case, &mut watch, (&judged, probe.number), at).await?;
    let row = row(&watch, &judged, (probe, report), at);
    let pace = (app.watch_interval, at);
    watch.next_at =
        watch.next_at.map(|_| next_round(pace, (&case.id.to_string(), watch.rounds), (&judged.memory, judged.mark)));
    watch.memory = Json(Memory { is_asked: false, ..judged.memory });
    // An event above may have led the case out of use; then there is no next round.
    if !is_watched(app, &case)? {
        watch.next_at = None;
    }
    watches::settle(tx, &watch).await?;
    watches::add_round(tx, key, &row).await?;
    Ok(())
}

fn row(
    watch: &Watch,
    judged: &Judgement,
    (probe, report): (&Probe, &Report),
    at: chrono::DateTime<chrono::Utc>,
) -> RoundRow {
    let seen: Vec<&str> = judged.seen.iter().map(|finding| finding.text.as_str()).collect();
    let own = report.cause.filter(|_| judged.seen.is_empty());
    let text = if seen.is_empty() { own.map_or("", |cause| cause.entry().title).to_owned() } else { seen.join(". ") };
    RoundRow {
        number: watch.rounds,
        at,
        mark: judged.mark,
        cause: judged
            .seen
            .first()
            .map(|finding| finding.cause.clone())
            .or_else(|| own.map(|cause| cause.id().to_owned())),
        seen: text.chars().take(LONGEST_SEEN).collect(),
        test: probe.number,
        ms: i64::try_from(report.ms).unwrap_or(i64::MAX),
    }
}

/// What a report says, in the words of watching.
fn round(case: &Case, report: &Report, read: Option<&SettingsRead>) -> Result<Round, Error> {
    let address = facts::text(case, case.channel().server().address)?;
    let address = address.parse().map_err(|_no_address| Error::Internal(format!("case {}: {address}", case.number)))?;
    Ok(Round {
        at: report.started_at,
        address,
        path: path(report),
        name: report.name.as_ref().map_or(Name::NotAsked, name),
        certificate: report.certificate.as_ref().map(certificate),
        settings: match read {
            None => Settings::NotRead,
            Some(read) if read.rows.is_empty() => Settings::Same,
            Some(read) => Settings::Differ(super::drift::in_a_line(&read.rows)),
        },
    })
}

/// A test that our own side could not run, or that the server asked to put off, says nothing about the server.
fn path(report: &Report) -> Path {
    match (report.workflow_verdict(), report.verdict, report.cause) {
        (WorkflowVerdict::Reachable, _, _) | (_, _, None) => Path::Reached,
        (WorkflowVerdict::CouldNotTell | WorkflowVerdict::Deferred, _, _) | (_, Verdict::Refused, _) => Path::Unclear,
        (_, _, Some(cause)) => {
            // The customer reads this; details of our side stay on the page of the test, which knows its reader.
            Path::Failed { cause: cause.id().to_owned(), text: cause.entry().title.to_owned() }
        }
    }
}

fn name(report: &NameReport) -> Name {
    match report.cause {
        None => Name::Addresses(report.addresses.iter().copied().collect::<BTreeSet<_>>()),
        Some(Cause::DnsNxdomain) => Name::Gone,
        Some(_) => Name::Unclear,
    }
}

fn certificate(report: &CertificateReport) -> Certificate {
    Certificate {
        issuer: report.issuer.clone(),
        names: report.names.iter().cloned().collect(),
        not_after: report.not_after,
    }
}
