//! What follows from a round: a case for trouble, or the notice of an IP change that a name's new address amounts to; once,
//! and ended by itself where nobody has acted.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::app::firing::{Firing, answers};
use crate::app::turn::{self, Handed};
use crate::app::{App, Error, Secrets, facts, family, notices};
use crate::domain::actor::Actor;
use crate::domain::address::{Class, Options, classify_ip};
use crate::domain::case::Case;
use crate::domain::watching::{Finding, Judgement, Subject};
use crate::domain::workflow::{Data, Value};
use crate::store::watches::Watch;
use crate::store::{Tx, cases};

/// The workflow of trouble.
const TROUBLE: &str = "server-trouble";
/// The event that begins the notice of an IP change for a name that leads elsewhere.
const NOTICED: &str = "watch_noticed";
/// The longest evidence that a definition takes, less what goes before it.
const LONGEST_EVIDENCE: usize = 3_900;

/// Where a case that watching began has ended, its outcome says what becomes of what it was about.
///
/// Only a person who settles a trouble says that what stands there is meant so. An address that a confirmed notice brings is
/// another one on record, which begins anew; one that was rejected must not be learned.
///
/// # Errors
/// What the database says.
pub(super) async fn look_after(tx: &mut Tx, watch: &mut Watch) -> Result<(), Error> {
    if ended(tx, &mut watch.notice).await?.is_some() {
        // That the former address did not answer was part of the notice.
        watch.memory.0 = std::mem::take(&mut watch.memory.0).dealt_with(&[Subject::Path]);
    }
    let Some(trouble) = ended(tx, &mut watch.trouble).await? else { return Ok(()) };
    let memory = std::mem::take(&mut watch.memory.0);
    watch.memory.0 = match trouble.outcome.as_deref() {
        Some("settled") => {
            let was_name = facts::text(&trouble, "found").is_ok_and(|found| found == Subject::Name.as_str());
            let told = Subject::ALL.iter().copied().filter(|one| memory.is_told(*one));
            let told: Vec<Subject> = told.filter(|one| *one != Subject::Name || was_name).collect();
            memory.dealt_with(&told)
        }
        Some("handed_over") => memory.counted_anew(&[Subject::Path, Subject::Certificate]),
        _ => memory,
    };
    Ok(())
}

/// The case that watching began, once it has ended.
async fn ended(tx: &mut Tx, number: &mut Option<i64>) -> Result<Option<Case>, Error> {
    let Some(known) = *number else { return Ok(None) };
    let case = cases::by_number(tx, known).await?.filter(|case| !case.is_open);
    if case.is_some() {
        *number = None;
    }
    Ok(case)
}

/// Whether a notice is under way that a person gave or took up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Moving {
    /// There is none.
    No,
    /// Another address is what is expected.
    Ahead,
    /// The time of the change has come: the former address may be switched off.
    Due,
}

/// Whether the server of a case is about to move by what a person knows.
///
/// # Errors
/// What the database says.
pub(super) async fn moving(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    watch: &Watch,
    at: DateTime<Utc>,
) -> Result<Moving, Error> {
    let mut moving = Moving::No;
    for child in cases::open_children(tx, case.number).await? {
        if child.workflow.id != notices::WORKFLOW || (Some(child.number) == watch.notice && is_untouched(app, &child)?)
        {
            continue;
        }
        let planned = facts::text(&child, "effective_at").ok().and_then(|text| text.parse::<DateTime<Utc>>().ok());
        let is_now = facts::text(&child, "change_timing").is_ok_and(|timing| timing == "now");
        moving = if is_now || planned.is_some_and(|planned| planned <= at) { Moving::Due } else { Moving::Ahead };
    }
    Ok(moving)
}

/// Whether a case that watching began still stands where it began, and nobody has claimed it: only then it is taken back or
/// replaced without a person.
fn is_untouched(app: &App, child: &Case) -> Result<bool, Error> {
    Ok(child.flow.state == app.workflows.of(&child.workflow)?.initial && child.claim.is_none())
}

/// Tells what two rounds agree on, and what is over.
///
/// # Errors
/// What the database says.
pub(super) async fn act(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    watch: &mut Watch,
    (judged, test): (&Judgement, i64),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let mut trouble: Vec<&Finding> = Vec::new();
    for finding in &judged.found {
        match finding.subject {
            Subject::Settings => {
                let data = answers([("drift", &clip(&finding.text))]);
                tell(app, tx, case, ("settings_drifted", data), at).await?;
            }
            Subject::Name => {
                if !notify(app, tx, case, watch, finding, at).await? {
                    trouble.push(finding);
                }
            }
            Subject::Certificate | Subject::Path | Subject::Expiry => trouble.push(finding),
        }
    }
    // That the former address no longer answers is part of the notice.
    trouble.retain(|finding| finding.subject != Subject::Path || watch.notice.is_none());
    if let Some(first) = leading(&trouble) {
        open(app, tx, case, watch, (first, &evidence(&trouble, test)), at).await?;
    }
    if judged.over.contains(&Subject::Settings) {
        tell(app, tx, case, ("drift_over", Data::new()), at).await?;
    }
    let still = [Subject::Path, Subject::Certificate, Subject::Expiry].iter().any(|one| judged.memory.is_told(*one));
    let some_over = judged.over.iter().any(|subject| *subject != Subject::Settings);
    let name_told = judged.memory.is_told(Subject::Name);
    if some_over && !still && !(name_told && watch.notice.is_none()) {
        over(app, tx, case, watch.trouble, "recovered", at).await?;
    }
    if judged.over.contains(&Subject::Name) {
        withdraw(app, tx, case, watch, at).await?;
    }
    Ok(())
}

/// The finding that explains the others: a path that fails over its certificate is a matter of the certificate, a name
/// that is gone or another certificate are said before the path that fails with them.
fn leading<'f>(found: &[&'f Finding]) -> Option<&'f Finding> {
    let mut sorted = found.to_vec();
    sorted.sort_by_key(|finding| finding.subject);
    sorted.first().copied()
}

fn evidence(found: &[&Finding], test: i64) -> String {
    let texts: Vec<&str> = found.iter().map(|finding| finding.text.as_str()).collect();
    clip(&format!("{}. Seen in two rounds in a row, last in test {test}.", texts.join(". ")))
}

fn clip(text: &str) -> String {
    text.chars().take(LONGEST_EVIDENCE).collect()
}

/// Begins a notice for a name that leads elsewhere; says whether it could.
async fn notify(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    watch: &mut Watch,
    finding: &Finding,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    let known: Option<IpAddr> =
        case.flow.data.get(case.channel().server().address).and_then(Value::as_text).and_then(|text| text.parse().ok());
    let Some(new) = finding.leads_to.iter().copied().find(|new| Some(*new) != known) else { return Ok(false) };
    // One that we began about another address and nobody has touched is out of date; the definition ends it.
    let data = answers([("new_location", side_of(app, new)), ("new_ip", &new.to_string())]);
    match tell(app, tx, case, (NOTICED, data), at).await {
        Ok(()) => {}
        Err(Error::Refused(_) | Error::Invalid(_)) => return Ok(false),
        Err(other) => return Err(other),
    }
    watch.notice = newest(tx, case, notices::WORKFLOW).await?;
    Ok(watch.notice.is_some())
}

/// Where an address lies by its class.
fn side_of(app: &App, address: IpAddr) -> &'static str {
    let options = Options { allow_documentation: app.policy.allow_documentation };
    if classify_ip(address, options).class == Class::Public { "public" } else { "private" }
}

/// Begins a case of trouble, or adds to the one that is open.
async fn open(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    watch: &mut Watch,
    (first, evidence): (&Finding, &str),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    if watch.trouble.is_none() {
        watch.trouble = newest(tx, case, TROUBLE).await?;
    }
    if let Some(number) = watch.trouble {
        let data = answers([("found", first.subject.as_str()), ("cause", &first.cause), ("evidence", evidence)]);
        return tell_child(app, tx, case, number, ("more_found", data), at).await;
    }
    let data =
        answers([("watch_found", first.subject.as_str()), ("watch_cause", &first.cause), ("watch_evidence", evidence)]);
    tell(app, tx, case, (super::FOUND, data), at).await?;
    watch.trouble = newest(tx, case, TROUBLE).await?;
    Ok(())
}

async fn over(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    trouble: Option<i64>,
    event: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    match trouble {
        Some(number) => tell_child(app, tx, case, number, (event, Data::new()), at).await,
        None => Ok(()),
    }
}

/// Takes our own notice back, where nobody has touched it.
async fn withdraw(app: &App, tx: &mut Tx, case: &Case, watch: &Watch, at: DateTime<Utc>) -> Result<(), Error> {
    let Some(number) = watch.notice else { return Ok(()) };
    let Some(child) = cases::by_number(tx, number).await? else { return Ok(()) };
    if !is_untouched(app, &child)? {
        return Ok(());
    }
    let Some(event) = app.workflows.of(&child.workflow)?.on_parent_end.as_deref() else { return Ok(()) };
    tell_child(app, tx, case, number, (event, Data::new()), at).await
}

async fn newest(tx: &mut Tx, parent: &Case, workflow: &str) -> Result<Option<i64>, Error> {
    let open = cases::open_children(tx, parent.number).await?;
    Ok(open.iter().filter(|child| child.workflow.id == workflow).map(|child| child.number).max())
}

/// An event of the machine in the case itself.
async fn tell(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    (event, data): (&str, Data),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let secrets = Secrets::new();
    let actor = &Actor::Machine;
    let firing = Firing { actor, event, data, secrets: &secrets, expected_entered: None, probe: None, at };
    turn::fire(app, tx, case, firing).await.map(|_effects| ())
}

/// An event of the machine in a child, which may have ended meanwhile.
async fn tell_child(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    number: i64,
    (event, data): (&str, Data),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(mut child) = cases::hold(tx, number).await? else { return Ok(()) };
    let handed = Handed { case: case.id, number: case.number, sealed: std::collections::BTreeSet::new() };
    family::tell(app, tx, &mut child, (event, &data), &handed, at).await
}
