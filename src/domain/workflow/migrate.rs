//! How open cases of one version move to another: the map, and what is wrong with it (W23).
//!
//! Every state that is not an end is named exactly once; targets exist and are of the same kind; what the new version
//! reads in a target is set there; and every move says what happens to the clock.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Definition;
use super::diagnostic::{Code, Diagnostic, Place, Source};
use super::engine::CaseState;
use super::model::StateKind;
use super::parse::read;
use super::raw::RawMigration;
use super::scenario::data;
use super::value::Data;

/// What happens to the running clock of a case that moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockMove {
    /// The due time stands.
    Keep,
    /// The start time stands, the new durations count from it.
    Shift,
    /// It starts at the moment of the migration.
    Restart,
}

/// A map from one version to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The workflow and version that cases leave.
    pub from: (String, u32),
    /// The workflow and version they go to.
    pub to: (String, u32),
    /// What happens to each state.
    pub moves: Vec<Move>,
    /// States whose cases stay on the old version.
    pub stay: Vec<(String, Place)>,
    /// The mail that tells people.
    pub notify: Option<Notice>,
    /// The file it stands in.
    pub file: String,
    place: Place,
}

/// The one condition on which people are told of a move.
const IF_WORDING_CHANGED: &str = "wording of the current state changed";

/// The mail that tells people of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its template.
    pub template: String,
    /// Its recipient.
    pub to: String,
    /// When it is sent: where what the customer reads has changed; always if unset.
    pub only_if: Option<String>,
}

/// What happens to the cases in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The state they leave.
    pub state: String,
    /// The state they go to.
    pub to: String,
    /// What happens to their clock; unset where the map is silent.
    pub clock: Option<ClockMove>,
    /// Values that they gain.
    pub set: Data,
    /// Where it stands.
    pub place: Place,
}

impl Migration {
    /// Reads a map.
    ///
    /// # Errors
    /// Every fault of its shape.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let source = Source::new(file, text);
        let raw: RawMigration = read(&source)?;
        let default = raw.default_clock;
        let same = raw.same.into_iter().map(|name| Move {
            place: source.place(name.span().start),
            state: name.get_ref().0.clone(),
            to: name.into_inner().0,
            clock: Some(default),
            set: Data::new(),
        });
        let moved = raw.moves.into_iter().map(|entry| Move {
            place: source.place(entry.state.span().start),
            state: entry.state.into_inner().0,
            to: entry.to.0,
            clock: entry.clock,
            set: data(entry.set),
        });
        let stay = raw.stay.into_iter().map(|name| (source.place(name.span().start), name.into_inner().0));
        let place = source.place(raw.from.span().start);
        let (from, to) = (raw.from.into_inner(), raw.to.into_inner());
        Ok(Self {
            from: (from.id.0, from.version),
            to: (to.id.0, to.version),
            moves: same.chain(moved).collect(),
            stay: stay.map(|(place, name)| (name, place)).collect(),
            notify: raw.notify.map(|notice| Notice {
                template: notice.mail.0,
                to: notice.to.0,
                only_if: notice.only_if,
            }),
            file: file.to_owned(),
            place,
        })
    }

    /// What happens to a case in this state; none where it stays on its version.
    pub fn of(&self, state: &str) -> Option<&Move> {
        self.moves.iter().find(|entry| entry.state == state)
    }

    /// The case on the new version, and how it got there; none where it stays on the old one. A case in a waiting room
    /// moves only where the state that it will come back to moves too.
    pub fn carry(&self, case: &CaseState) -> Option<(CaseState, &Move)> {
        let entry = self.of(&case.state)?;
        let back = match &case.previous {
            Some(previous) => Some(self.of(previous)?),
            None => None,
        };
        let mut carried = case.clone();
        carried.state.clone_from(&entry.to);
        carried.previous = back.map(|back| back.to.clone());
        for (field, value) in back.iter().flat_map(|back| &back.set).chain(&entry.set) {
            carried.data.insert(field.clone(), value.clone());
        }
        Some((carried, entry))
    }

    /// What is wrong with the map between these two versions.
    pub fn check(&self, old: &Definition, new: &Definition) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut add = |place: Place, message: String| found.push(place.error(&self.file, Code::W23, message));
        for (named, definition) in [(&self.from, old), (&self.to, new)] {
            if (&named.0, named.1) != (&definition.id, definition.version) {
                let (id, version) = named;
                let found = format!("{} version {}", definition.id, definition.version);
                add(self.place, format!("the map names {id} version {version}, but {found} was given"));
            }
        }
        let condition = self.notify.as_ref().and_then(|notice| notice.only_if.as_deref());
        if let Some(other) = condition.filter(|condition| *condition != IF_WORDING_CHANGED) {
            add(self.place, format!("only_if is {other:?}; it can be {IF_WORDING_CHANGED:?}, or be left out"));
        }
        self.check_names(old, &mut add);
        for entry in &self.moves {
            check_move(entry, old, new, &mut add);
        }
        found.sort();
        found
    }

    fn check_names(&self, old: &Definition, add: &mut impl FnMut(Place, String)) {
        let named = || {
            let moved = self.moves.iter().map(|entry| (entry.state.as_str(), entry.place));
            moved.chain(self.stay.iter().map(|(state, place)| (state.as_str(), *place)))
        };
        for state in old.states.iter().filter(|state| state.kind != StateKind::Terminal) {
            let count = named().filter(|(name, _)| *name == state.id).count();
            if count != 1 {
                add(self.place, format!("the state {} is named {count} times, it must be named once", state.id));
            }
        }
        for (name, place) in named().filter(|(name, _)| old.state(name).is_none()) {
            add(place, format!("the old version has no state {name}"));
        }
    }
}

fn check_move(entry: &Move, old: &Definition, new: &Definition, add: &mut impl FnMut(Place, String)) {
    let Move { state, to, clock, set, place } = entry;
    let Some(target) = new.state(to) else {
        return add(*place, format!("the new version has no state {to}"));
    };
    if let Some(source) = old.state(state).filter(|source| source.kind != target.kind) {
        add(*place, format!("{state} is {} and {to} is {}: they must be of one kind", source.kind, target.kind));
    }
    if clock.is_none() {
        add(*place, format!("{state} moves without a word on its clock; say keep, shift or restart"));
    }
    let read_on_entry = target.enter.iter().flat_map(|order| order.verb.reads());
    let shown = target.placeholders.iter().map(String::as_str);
    let needed: BTreeSet<&str> = read_on_entry.chain(shown).collect();
    for field in needed {
        let is_new = new.fields.contains_key(field) && !old.fields.contains_key(field);
        if is_new && !set.contains_key(field) {
            add(*place, format!("{to} reads {field}, which cases coming from {state} lack; give it in `set`"));
        }
    }
    // What rings after the move was set by the old version, unless the clock starts anew.
    let kept = if *clock == Some(ClockMove::Keep) { old.state(state) } else { None };
    let rung = kept.and_then(|kept| old.clocks.get(kept.clock.as_ref()?)).and_then(|rule| rule.expire.as_ref());
    if let Some(event) = rung.map(|expiry| expiry.event.as_str())
        && !new.rules_at(to).iter().any(|rule| rule.event == event)
    {
        add(*place, format!("the clock of {state} ends in {event}, which {to} does not hear; say shift or restart"));
    }
    for field in set.keys().filter(|field| !new.fields.contains_key(*field)) {
        add(*place, format!("`set` gives {field}, which is no field of the new version"));
    }
}
