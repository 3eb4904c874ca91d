//! Moves open cases from one version of a definition to the next, by a map that says for each state what happens.
//!
//! Each case moves in a transaction of its own, as an ordinary entry of its log. A case waits until the cases that it began
//! have ended, since those run on its version. Closed cases keep the version that they ended on.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::firing::Firing;
use super::{App, Error, Secrets, clocks, family, mails, turn, workflows};
use crate::domain::actor::Actor;
use crate::domain::case::Case;
use crate::domain::workflow::migrate::{ClockMove, Migration, Notice};
use crate::domain::workflow::{Data, Definition, State, Value};
use crate::store::{Tx, cases};

/// How many cases are looked at in one reading.
const PAGE: i64 = 200;

/// What becomes of the cases of one state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The state that they go to; none where they stay on their version.
    pub to: Option<String>,
    /// What their clock does; none where they stay.
    pub clock: Option<ClockMove>,
    /// How many move.
    pub moved: u64,
    /// How many stay, as the map says or because of the state that they will come back to.
    pub stayed: u64,
    /// How many wait until the open cases beside them have ended.
    pub waiting: u64,
    /// How many are told.
    pub told: u64,
    /// When the step of those that move was due, earliest and latest.
    pub due_before: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The same on the new version.
    pub due_after: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// What becomes of open cases, by the state that they are in.
pub type Report = BTreeMap<String, Row>;

/// What becomes of one case.
enum Fate {
    Stays,
    Waits,
    Moves(Moved),
}

struct Moved {
    to: String,
    clock: ClockMove,
    /// When its clock is to have begun, where it starts anew.
    began: Option<DateTime<Utc>>,
    told: bool,
    due: [Option<DateTime<Utc>>; 2],
}

/// The two versions that a map is between.
///
/// # Errors
/// [`Error::Invalid`] where this service does not hold one of them.
pub fn versions<'a>(app: &'a App, map: &Migration) -> Result<(&'a Definition, &'a Definition), Error> {
    let of = |(id, version): &(String, u32)| {
        app.workflows.version(id, i64::from(*version)).ok_or_else(|| {
            let text = format!("{id} version {version} is not in this program nor in the folder of definitions");
            Error::field("map", "unknown_version", text)
        })
    };
    Ok((of(&map.from)?, of(&map.to)?))
}

/// What [`apply`] would do, case by case as of now.
///
/// # Errors
/// As [`apply`].
pub async fn look(app: &Arc<App>, map: &Arc<Migration>) -> Result<Report, Error> {
    versions(app, map)?;
    let (mut report, mut last) = (Report::new(), 0);
    loop {
        let mut tx = app.db.read().await?;
        let page = cases::open_on(&mut tx, (&map.from.0, i64::from(map.from.1)), last, PAGE).await?;
        let Some(newest) = page.last() else { return Ok(report) };
        last = newest.number;
        for mut case in page {
            let state = case.flow.state.clone();
            let fate = settle(app, &mut tx, map, &mut case).await?;
            count(report.entry(state).or_default(), fate);
        }
    }
}

/// Moves what the map moves; a case that is opened meanwhile begins on the newest version anyhow.
///
/// # Errors
/// [`Error::Invalid`] where a version is missing; what the database says. Cases that were moved before it stay moved, and
/// the next run goes on from there.
pub async fn apply(app: &Arc<App>, map: &Arc<Migration>) -> Result<Report, Error> {
    versions(app, map)?;
    let (mut report, mut last) = (Report::new(), 0);
    loop {
        let mut tx = app.db.read().await?;
        let page = cases::open_on(&mut tx, (&map.from.0, i64::from(map.from.1)), last, PAGE).await?;
        drop(tx);
        let Some(newest) = page.last() else { return Ok(report) };
        last = newest.number;
        for case in page {
            let (number, state) = (case.number, case.flow.state);
            if let Some(fate) = move_one(app, map, number).await? {
                count(report.entry(state).or_default(), fate);
            }
        }
    }
}

/// One case; none where it has ended or moved since it was found.
async fn move_one(app: &Arc<App>, map: &Arc<Migration>, number: i64) -> Result<Option<Fate>, Error> {
    let (shared, map) = (Arc::clone(app), Arc::clone(map));
    let work = app.db.write(move |tx| {
        let (app, map) = (Arc::clone(&shared), Arc::clone(&map));
        Box::pin(async move {
            let Some(mut case) = cases::hold(tx, number).await?.filter(|case| is_on(case, &map.from)) else {
                return Ok(None);
            };
            let before = case.clone();
            let fate = settle(&app, tx, &map, &mut case).await?;
            if let Fate::Moves(moved) = &fate {
                carry_out(&app, tx, (&before, &mut case), (&map, moved)).await?;
            }
            Ok(Some(fate))
        })
    });
    work.await
}

fn is_on(case: &Case, (id, version): &(String, u32)) -> bool {
    case.is_open && case.workflow.id == *id && case.workflow.version == i64::from(*version)
}

/// Decides what becomes of a case and, where it moves, makes it the case that it becomes. Nothing is stored.
async fn settle(app: &App, tx: &mut Tx, map: &Migration, case: &mut Case) -> Result<Fate, Error> {
    let (old, new) = versions(app, map)?;
    let Some((flow, entry)) = map.carry(&case.flow) else { return Ok(Fate::Stays) };
    if !family::own_children(app, tx, case).await?.is_empty() {
        return Ok(Fate::Waits);
    }
    let clock = entry.clock.unwrap_or(ClockMove::Keep);
    let has_changed = says(old, case) != new.state(&flow.state).map(customer);
    let told = map.notify.as_ref().is_some_and(|notice| notice.only_if.is_none() || has_changed);
    let before = case.step_due_at;
    let began = match clock {
        ClockMove::Keep => None,
        ClockMove::Shift => Some(clocks::began(tx, case).await?.unwrap_or(case.waiting_since)),
        ClockMove::Restart => Some(app.now()),
    };
    case.flow = flow;
    case.workflow = workflows::reference(new);
    let after = match began {
        Some(began) => clocks::due_from(tx, new, case, began).await?,
        None => before,
    };
    Ok(Fate::Moves(Moved { to: case.flow.state.clone(), clock, began, told, due: [before, after] }))
}

/// The customer's wording of the state that a case is in.
fn says<'a>(definition: &'a Definition, case: &Case) -> Option<[&'a str; 3]> {
    definition.state(&case.flow.state).map(customer)
}

fn customer(state: &State) -> [&str; 3] {
    [&state.customer.headline, &state.customer.body, &state.customer.next]
}

/// Stores a case that was settled, with its clock, its mail and the entry of its log.
async fn carry_out(
    app: &App,
    tx: &mut Tx,
    (before, case): (&Case, &mut Case),
    (map, moved): (&Migration, &Moved),
) -> Result<(), Error> {
    let at = app.now();
    let given: Data =
        case.flow.data.iter().filter(|(field, value)| before.flow.data.get(*field) != Some(*value)).map(own).collect();
    let detail = json!({
        "from": {"version": before.workflow.version, "state": before.flow.state},
        "to": {
            "version": case.workflow.version,
            "definition": case.workflow.hash,
            "state": case.flow.state,
            "previous": case.flow.previous,
        },
        "clock": moved.clock,
        "given": given,
    });
    turn::migrated(app, tx, (before, case), (moved.began, detail), at).await?;
    if let Some(notice) = map.notify.as_ref().filter(|_| moved.told) {
        tell(app, tx, case, notice, at).await?;
    }
    Ok(())
}

fn own((field, value): (&String, &Value)) -> (String, Value) {
    (field.clone(), value.clone())
}

async fn tell(app: &App, tx: &mut Tx, case: &Case, notice: &Notice, at: DateTime<Utc>) -> Result<(), Error> {
    let secrets = Secrets::new();
    let firing = Firing {
        actor: &Actor::Machine,
        event: "migrated",
        data: Data::new(),
        secrets: &secrets,
        expected_entered: None,
        probe: None,
        at,
    };
    let key = super::effects::effect_key(case, 0);
    mails::enqueue(app, tx, case, &key, (&notice.template, &notice.to), &firing).await
}

fn count(row: &mut Row, fate: Fate) {
    match fate {
        Fate::Stays => row.stayed += 1,
        Fate::Waits => row.waiting += 1,
        Fate::Moves(Moved { to, clock, told, due: [before, after], .. }) => {
            row.to = Some(to);
            row.clock = Some(clock);
            row.moved += 1;
            row.told += u64::from(told);
            widen(&mut row.due_before, before);
            widen(&mut row.due_after, after);
        }
    }
}

fn widen(range: &mut Option<(DateTime<Utc>, DateTime<Utc>)>, at: Option<DateTime<Utc>>) {
    let Some(at) = at else { return };
    *range = Some(range.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
}
