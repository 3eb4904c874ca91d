//! Values as the search sees them: unset, some value, or one of few that guards tell apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::workflow::guard::{Expression, Operand};
use crate::domain::workflow::model::{FieldType, Rule, State, Verb};
use crate::domain::workflow::value::Value;
use crate::domain::workflow::{Definition, Due};

/// No value.
pub(super) const UNSET: u8 = 0;
/// A value that no guard tells from another.
pub(super) const ANY: u8 = 1;
/// The first of the values that guards tell apart.
const FIRST: u8 = 2;

/// Which fields are carried from state to state, and which values each can have.
pub(super) struct Abstraction<'a> {
    /// Carried fields, by slot.
    pub(super) carried: Vec<&'a str>,
    slots: BTreeMap<&'a str, usize>,
    /// The values of fields whose values are read; other fields only have a value or not.
    domains: BTreeMap<&'a str, Vec<Value>>,
    /// By slot: whether the value is read later than by the rule that asks for it, so that it must be carried.
    told_apart: Vec<bool>,
}

impl<'a> Abstraction<'a> {
    /// `package` tells what children do with what they are given.
    pub(super) fn of(definition: &'a Definition, package: &BTreeMap<String, Definition>) -> Self {
        let mut read = BTreeSet::new();
        let mut later = BTreeSet::new();
        let mut carried = BTreeSet::new();
        for (_, rule) in definition.all_rules() {
            read.extend(rule.guards().flat_map(|guard| guard.reads()));
            carried.extend(brought_along(rule));
            let values = rule.guards().flat_map(|guard| guard.reads());
            later.extend(values.filter(|field| !rule.ask.iter().any(|asked| asked == field)));
        }
        for state in &definition.states {
            carried.extend(read_on_entry(definition, state));
        }
        for (_, order) in definition.orders() {
            if let Verb::Spawn { workflow, with, .. } = &order.verb {
                let Some(child) = package.get(workflow) else { continue };
                let told_apart = told_apart(child);
                for (theirs, ours) in with {
                    if told_apart.contains(theirs.as_str()) {
                        read.insert(ours);
                        later.insert(ours);
                        carried.insert(ours);
                    }
                    // Whether it is given what it can do without is not carried: a child must do with it and without.
                    if !child.optional_inputs.contains(theirs) {
                        carried.insert(ours);
                    }
                }
            } else {
                carried.extend(order.verb.reads());
            }
        }
        let carried: Vec<&str> = carried.into_iter().filter(|field| definition.fields.contains_key(*field)).collect();
        let slots = carried.iter().enumerate().map(|(slot, field)| (*field, slot)).collect();
        let told_apart = carried.iter().map(|field| later.contains(field)).collect();
        let domains = read.into_iter().map(|field| (field, finite(definition, field))).collect();
        Self { carried, slots, domains, told_apart }
    }

    pub(super) fn slot(&self, field: &str) -> Option<usize> {
        self.slots.get(field).copied()
    }

    /// Every value that an answer can have.
    pub(super) fn choices(&self, field: &str) -> Vec<u8> {
        match self.domains.get(field).map_or(0, Vec::len) {
            0 => vec![ANY],
            count => (0..count).filter_map(|index| u8::try_from(index).ok()?.checked_add(FIRST)).collect(),
        }
    }

    /// The code of a concrete value.
    pub(super) fn code(&self, field: &str, value: &Value) -> u8 {
        let position = self.domains.get(field).and_then(|domain| domain.iter().position(|known| known == value));
        position.and_then(|index| u8::try_from(index).ok()?.checked_add(FIRST)).unwrap_or(ANY)
    }

    /// A code as it is carried in this slot.
    pub(super) fn carry(&self, slot: usize, code: u8) -> u8 {
        if self.told_apart.get(slot) == Some(&true) { code } else { code.min(ANY) }
    }

    /// The concrete value behind a code, if it has one.
    pub(super) fn value(&self, field: &str, code: u8) -> Option<&Value> {
        self.domains.get(field)?.get(usize::from(code.checked_sub(FIRST)?))
    }
}

/// The fields of a child whose value its guards tell apart.
fn told_apart(child: &Definition) -> BTreeSet<&str> {
    let rules = child.all_rules().map(|(_, rule)| rule);
    let read = rules.flat_map(|rule| {
        let read = rule.guards().flat_map(|guard| guard.reads());
        read.filter(|field| !rule.ask.iter().any(|asked| asked == field))
    });
    read.collect()
}

/// Fields that a rule's guards read and that its own questions do not bring.
pub(super) fn brought_along(rule: &Rule) -> impl Iterator<Item = &str> {
    let read = rule.guards().flat_map(|guard| guard.reads().into_iter().chain(guard.asks_known()));
    read.filter(|field| !rule.ask.iter().any(|asked| asked == field))
}

/// Fields that are read on every way into a state: its wording, its orders, its clock.
pub(super) fn read_on_entry<'a>(definition: &'a Definition, state: &'a State) -> Vec<&'a str> {
    let shown = state.placeholders.iter().map(String::as_str);
    let ordered = state.enter.iter().flat_map(|order| order.verb.reads());
    shown.chain(ordered).chain(clock_fields(definition, state)).collect()
}

/// Timestamp fields that the clock of a state reads.
pub(super) fn clock_fields<'a>(definition: &'a Definition, state: &State) -> Vec<&'a str> {
    let clock = state.clock.as_ref().and_then(|clock| definition.clocks.get(clock));
    let dues = clock.into_iter().flat_map(|clock| [Some(&clock.due), clock.expire.as_ref().map(|expiry| &expiry.when)]);
    let fields = dues.flatten().filter_map(|due| match due {
        Due::At(field) => Some(field.as_str()),
        Due::After(_) => None,
    });
    fields.collect()
}

/// The values of a field that has few.
fn finite(definition: &Definition, field: &str) -> Vec<Value> {
    let Some(field) = definition.fields.get(field) else { return Vec::new() };
    match (field.field_type, field.must_be) {
        (FieldType::Enum, _) => field.options.iter().map(|option| Value::Text(option.clone())).collect(),
        (FieldType::Bool, Some(only)) => vec![Value::Bool(only)],
        (FieldType::Bool, None) => vec![Value::Bool(false), Value::Bool(true)],
        (
            FieldType::Ip
            | FieldType::IpList
            | FieldType::Host
            | FieldType::Port
            | FieldType::Number
            | FieldType::NumberList
            | FieldType::Email
            | FieldType::Text
            | FieldType::Timestamp,
            _,
        ) => Vec::new(),
    }
}

/// What a guard is read against: codes of fields, and an assumed truth for each comparison that codes cannot decide.
pub(super) struct View<'a> {
    pub(super) abstraction: &'a Abstraction<'a>,
    pub(super) codes: &'a dyn Fn(&str) -> u8,
    pub(super) assumed: &'a [(&'a Expression, bool)],
}

impl View<'_> {
    /// Whether the guard is true, or the field it reads unset.
    pub(super) fn holds<'e>(&self, expression: &'e Expression) -> Result<bool, &'e str> {
        match expression {
            Expression::Any(parts) => {
                for part in parts {
                    if self.holds(part)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Expression::All(parts) => {
                for part in parts {
                    if !self.holds(part)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Expression::Not(part) => Ok(!self.holds(part)?),
            Expression::Known(field) => Ok((self.codes)(field) != UNSET),
            Expression::True(field) => {
                let code = self.read(field)?;
                Ok(self.abstraction.value(field, code) == Some(&Value::Bool(true)))
            }
            Expression::Equal(left, right) => self.equal(expression, left, right),
            Expression::OneOf(operand, options) => {
                for option in options {
                    if self.equal(expression, operand, option)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    fn equal<'e>(&self, whole: &'e Expression, left: &'e Operand, right: &'e Operand) -> Result<bool, &'e str> {
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        match (left, right) {
            (Some(left), Some(right)) => Ok(left == right),
            _ => Ok(self.assumed.iter().any(|(known, truth)| *known == whole && *truth)),
        }
    }

    /// The value of an operand, none where the code does not tell it.
    fn operand<'e>(&self, operand: &'e Operand) -> Result<Option<Value>, &'e str> {
        match operand {
            Operand::Literal(value) => Ok(Some(value.clone())),
            Operand::Field(field) => {
                let code = self.read(field)?;
                Ok(self.abstraction.value(field, code).cloned())
            }
        }
    }

    fn read<'e>(&self, field: &'e str) -> Result<u8, &'e str> {
        let code = (self.codes)(field);
        if code == UNSET { Err(field) } else { Ok(code) }
    }
}

/// Comparisons that codes cannot decide, because a field of them has more values than are told apart.
pub(super) fn undecided<'a>(
    abstraction: &Abstraction<'_>,
    expression: &'a Expression,
    found: &mut Vec<&'a Expression>,
) {
    let many = |operand: &Operand| {
        operand.field().is_some_and(|field| abstraction.domains.get(field).is_none_or(Vec::is_empty))
    };
    let open = match expression {
        Expression::Any(parts) | Expression::All(parts) => {
            parts.iter().for_each(|part| undecided(abstraction, part, found));
            false
        }
        Expression::Not(part) => {
            undecided(abstraction, part, found);
            false
        }
        Expression::Known(_) | Expression::True(_) => false,
        Expression::Equal(left, right) => many(left) || many(right),
        Expression::OneOf(operand, options) => many(operand) || options.iter().any(many),
    };
    if open && !found.contains(&expression) {
        found.push(expression);
    }
}
