//! What can be told of a guard before questions are answered.

use super::{Expression, Facts, Operand};

impl Expression {
    /// The truth as far as it can be told before the open fields are answered.
    pub(super) fn foreseen(&self, facts: &Facts<'_>, open: &dyn Fn(&str) -> bool) -> Option<bool> {
        let is_open = |operand: &Operand| matches!(operand, Operand::Field(field) if open(field));
        match self {
            Self::Any(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.foreseen(facts, open)).collect();
                if parts.contains(&Some(true)) { Some(true) } else { (!parts.contains(&None)).then_some(false) }
            }
            Self::All(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.foreseen(facts, open)).collect();
                if parts.contains(&Some(false)) { Some(false) } else { (!parts.contains(&None)).then_some(true) }
            }
            Self::Not(part) => part.foreseen(facts, open).map(|truth| !truth),
            Self::Known(field) if open(field) => facts.known(field).then_some(true),
            Self::True(field) if open(field) => None,
            Self::Equal(left, right) if is_open(left) || is_open(right) => None,
            Self::OneOf(left, right) if is_open(left) || right.iter().any(is_open) => None,
            Self::Known(_) | Self::True(_) | Self::Equal(..) | Self::OneOf(..) => self.holds(facts).ok(),
        }
    }
}
