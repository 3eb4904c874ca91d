//! Parent and child: whether a child may begin, and what it hears of its parent. The use cases and the walks both ask
//! here, so that what is walked is what happens.

use super::Definition;
use super::model::{Phase, State};

/// What becomes of an order to begin a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning<'d> {
    /// It begins.
    Free,
    /// It begins once the open children of its own workflow have received this event.
    Instead(&'d str),
    /// Another child has to end first.
    Refused,
}

/// Judges the beginning of a child beside the children of the same parent that have not ended.
pub fn beginning<'d>(child: &'d Definition, open: &[&Definition]) -> Beginning<'d> {
    let rivals: Vec<&&Definition> = open.iter().filter(|other| compete(child, other)).collect();
    match &child.on_second {
        _ if rivals.is_empty() => Beginning::Free,
        Some(event) if rivals.iter().all(|other| other.id == child.id) => Beginning::Instead(event),
        Some(_) | None => Beginning::Refused,
    }
}

/// Whether two children cannot live beside each other.
fn compete(child: &Definition, other: &Definition) -> bool {
    if child.id == other.id {
        return child.at_most_one;
    }
    !child.beside_others && !other.beside_others && (child.at_most_one || other.at_most_one)
}

/// The event that an open child receives when its parent has gone from one state to another; none where it hears nothing.
pub fn heard<'d>(child: &'d Definition, parent: &Definition, (from, to): (&str, &str)) -> Option<&'d str> {
    let is_closed = |id: &str| parent.state(id).is_some_and(|state: &State| state.phase == Phase::Closed);
    let event = match (is_closed(from), is_closed(to)) {
        (false, true) => child.on_parent_end.as_ref(),
        _ if from != to => child.on_parent_move.as_ref(),
        _ => None,
    };
    event.map(String::as_str)
}
