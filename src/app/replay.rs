//! Reads every stored case log again: whether it is whole, and whether the case is what its log says.
//!
//! The log holds commitments in the place of personal values. Those that were not erased are put back from the rows
//! beside the log, after they were checked against their commitments; of an erased one only its presence is compared.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Error;
use crate::domain::case::Case;
use crate::domain::log::{self, Entry};
use crate::domain::workflow::{CaseState, Data, Effect, Value, apply};
use crate::store::log::{Personal, Row};
use crate::store::{Db, cases};

/// How many cases are read at once.
const PAGE: i64 = 200;
/// What stands for an erased value while a log is folded; no answer can hold this character.
const ERASED: &str = "\u{0}erased";

/// What was read, and what does not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// How many cases.
    pub cases: u64,
    /// How many log entries.
    pub entries: u64,
    /// Every case that is not what its log says, or whose log is not whole.
    pub findings: Vec<Finding>,
}

/// A case that does not fit its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its number.
    pub number: i64,
    /// What is wrong, in a sentence without personal values.
    pub detail: String,
}

/// Folds the log of every case and compares.
///
/// # Errors
/// What the database says.
pub async fn all(db: &Db) -> Result<Replayed, Error> {
    let mut replayed = Replayed::default();
    let mut last = 0;
    loop {
        let mut tx = db.read().await?;
        let page = cases::after(&mut tx, last, PAGE).await?;
        let Some(newest) = page.last() else { return Ok(replayed) };
        last = newest.number;
        for case in page {
            let rows = crate::store::log::entries(&mut tx, case.customer, case.id).await?;
            let personal = crate::store::log::personal(&mut tx, case.customer, case.id).await?;
            replayed.cases += 1;
            replayed.entries += rows.len() as u64;
            if let Err(detail) = check(&case, &rows, &personal) {
                replayed.findings.push(Finding { number: case.number, detail });
            }
        }
    }
}

/// Compares one case with its log.
fn check(case: &Case, rows: &[Row], personal: &[Personal]) -> Result<(), String> {
    let entries = rows
        .iter()
        .map(|row| (Entry { case: case.id, seq: row.seq, at_us: row.at_us, body: &row.body }, row.hash.as_str()));
    log::verify(entries).map_err(|broken| broken.to_string())?;
    if i64::try_from(rows.len()).ok() != Some(case.revision) {
        return Err(format!("the case is at revision {} and its log has {} entries", case.revision, rows.len()));
    }
    let beside: BTreeMap<(i64, &str), &Personal> =
        personal.iter().map(|value| ((value.seq, value.name.as_str()), value)).collect();
    let mut folded = None;
    for row in rows {
        let at = |what: String| format!("entry {}: {what}", row.seq);
        let mut body: Json = serde_json::from_str(&row.body).map_err(|error| at(error.to_string()))?;
        put_back(&mut body, row.seq, &beside).map_err(at)?;
        folded = fold(folded, body).map_err(at)?;
    }
    let folded = folded.ok_or_else(|| "the log is empty".to_owned())?;
    difference(&case.flow, &folded).map_or(Ok(()), Err)
}

/// Replaces each commitment by the value beside the log.
fn put_back(body: &mut Json, seq: i64, beside: &BTreeMap<(i64, &str), &Personal>) -> Result<(), String> {
    match body {
        Json::Object(members) => {
            for (name, member) in members.iter_mut() {
                match commitment_in(member) {
                    Some(commitment) => *member = Json::String(opened(name, &commitment, seq, beside)?),
                    None => put_back(member, seq, beside)?,
                }
            }
            Ok(())
        }
        Json::Array(items) => items.iter_mut().try_for_each(|item| put_back(item, seq, beside)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
    }
}

/// The commitment, where the value is one: an object with that key and no other.
fn commitment_in(value: &Json) -> Option<String> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.get("commitment").and_then(Json::as_str).map(str::to_owned)
}

fn opened(name: &str, commitment: &str, seq: i64, beside: &BTreeMap<(i64, &str), &Personal>) -> Result<String, String> {
    let row = beside.get(&(seq, name)).ok_or_else(|| format!("the value of {name} is missing beside the log"))?;
    match &row.value {
        None => Ok(ERASED.to_owned()),
        Some(value) if log::commitment(&row.salt, value) == commitment => Ok(value.clone()),
        Some(_) => Err(format!("the value of {name} beside the log is not the one that the log commits to")),
    }
}

/// The case after one more entry.
fn fold(before: Option<CaseState>, mut body: Json) -> Result<Option<CaseState>, String> {
    let mut take = |key: &str| body.get_mut(key).map(Json::take).unwrap_or_default();
    let act = take("act");
    match (act.as_str(), before) {
        (Some("opened"), None) => {
            let born = serde_json::from_value(take("born")).map_err(|error| format!("the newborn case: {error}"))?;
            Ok(Some(born))
        }
        (Some("opened"), Some(_)) => Err("the case is born a second time".to_owned()),
        (_, None) => Err("something happens before the case is born".to_owned()),
        (Some("event"), Some(case)) => {
            let effects: Vec<Effect> =
                serde_json::from_value(take("effects")).map_err(|error| format!("the effects: {error}"))?;
            Ok(Some(apply(&case, &effects)))
        }
        (Some("migrated"), Some(case)) => migrated(case, take("detail")).map(Some),
        // A claim, a message: on record, and the workflow does not move.
        (_, Some(case)) => Ok(Some(case)),
    }
}

/// The case after a move to another version of its definition.
fn migrated(mut case: CaseState, mut detail: Json) -> Result<CaseState, String> {
    let given: Data = serde_json::from_value(detail.get_mut("given").map(Json::take).unwrap_or_default())
        .map_err(|error| format!("what was given: {error}"))?;
    case.data.extend(given);
    let text = |name: &str| detail.pointer(name).and_then(Json::as_str).map(str::to_owned);
    case.state = text("/to/state").ok_or_else(|| "the move names no state".to_owned())?;
    case.previous = text("/to/previous");
    Ok(case)
}

/// The first thing in which the stored case differs from the folded one.
fn difference(stored: &CaseState, folded: &CaseState) -> Option<String> {
    let places = [
        ("state", stored.state.clone(), folded.state.clone()),
        ("previous state", format!("{:?}", stored.previous), format!("{:?}", folded.previous)),
        ("number of events", stored.seq.to_string(), folded.seq.to_string()),
        ("number of entries into states", stored.entered.to_string(), folded.entered.to_string()),
        ("list of sealed fields", format!("{:?}", stored.sealed), format!("{:?}", folded.sealed)),
    ];
    let place = places.into_iter().find(|(_, stored, folded)| stored != folded);
    place
        .map(|(what, stored, folded)| format!("the {what} is {stored}, the log says {folded}"))
        .or_else(|| field_that_differs(&stored.data, &folded.data))
}

fn field_that_differs(stored: &Data, folded: &Data) -> Option<String> {
    let erased = Value::from(ERASED);
    let is_same = |field: &String| match (stored.get(field), folded.get(field)) {
        (Some(_), Some(value)) if *value == erased => true,
        (stored, folded) => stored == folded,
    };
    let field = stored.keys().chain(folded.keys()).find(|field| !is_same(field))?;
    // The values stay out of the message: a field may hold what only its case may show.
    Some(format!("the field {field} is not what the log says"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use serde_json::json;

    fn newborn() -> CaseState {
        let data = Data::from([("sender".to_owned(), Value::from("a@b.example"))]);
        CaseState { state: "intake".into(), previous: None, data, sealed: BTreeSet::new(), seq: 0, entered: 1 }
    }

    #[test]
    fn a_case_is_born_once_and_first() {
        let born = json!({"act": "opened", "born": newborn()});
        let case = fold(None, born.clone()).unwrap();
        assert_eq!(case, Some(newborn()));
        assert!(fold(case, born).is_err());
        assert!(fold(None, json!({"act": "event", "effects": []})).is_err());
    }

    #[test]
    fn events_fold_and_other_acts_leave_the_workflow_where_it_is() {
        let moved = json!({"act": "event", "effects": [{"go": {"from": "intake", "to": "settings"}}]});
        let after = fold(Some(newborn()), moved).unwrap().unwrap();
        assert_eq!((after.state.as_str(), after.seq, after.entered), ("settings", 1, 2));
        assert_eq!(fold(Some(newborn()), json!({"act": "claimed"})).unwrap(), Some(newborn()));
        let to = json!({"to": {"state": "begin", "previous": null}, "given": {"proof": "seen"}});
        let moved = fold(Some(newborn()), json!({"act": "migrated", "detail": to})).unwrap().unwrap();
        assert_eq!((moved.state.as_str(), moved.entered), ("begin", 1));
        assert_eq!(moved.data.get("proof"), Some(&Value::from("seen")));
    }

    #[test]
    fn a_value_beside_the_log_must_fit_its_commitment_unless_it_was_erased() {
        let row = |value: Option<&str>| Personal {
            seq: 2,
            name: "sender".into(),
            value: value.map(str::to_owned),
            salt: b"salt".to_vec(),
        };
        let open = |row: &Personal| {
            let mut body = json!({"data": {"sender": {"commitment": log::commitment(b"salt", "a@b.example")}}});
            put_back(&mut body, 2, &BTreeMap::from([((2, "sender"), row)])).map(|()| body)
        };
        assert_eq!(open(&row(Some("a@b.example"))).unwrap(), json!({"data": {"sender": "a@b.example"}}));
        assert_eq!(open(&row(None)).unwrap(), json!({"data": {"sender": ERASED}}));
        assert!(open(&row(Some("c@d.example"))).unwrap_err().contains("commits to"));
    }

    #[test]
    fn every_kind_of_difference_is_named_without_values() {
        let stored = newborn();
        assert_eq!(difference(&stored, &newborn()), None);
        let mut erased = newborn();
        erased.data.insert("sender".into(), Value::from(ERASED));
        assert_eq!(difference(&stored, &erased), None);
        let mut other = newborn();
        other.data.insert("sender".into(), Value::from("x@y.example"));
        assert_eq!(difference(&stored, &other).unwrap(), "the field sender is not what the log says");
        assert!(difference(&stored, &CaseState { state: "active".into(), ..newborn() }).unwrap().contains("intake"));
        assert!(difference(&stored, &CaseState { entered: 2, ..newborn() }).unwrap().contains("entries into states"));
    }
}
