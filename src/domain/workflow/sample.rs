//! Chance: which event comes next, by whom, with which answers. The same seed gives the same ways.

use std::collections::{BTreeMap, BTreeSet};

use super::Definition;
use super::engine::{CaseState, Event};
use super::model::{Field, FieldType, Phase, Rule, Scope, State, Store, Style, Target};
use super::value::{Data, Value};

/// `SplitMix64`: small, fast, and the same on every machine and in every version.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64, lane: u64) -> Self {
        Self(seed ^ lane.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = (limit as u64).max(1);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    pub(crate) fn in_hundred(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}

/// The rules of each state with how often each is taken, computed once.
pub(crate) struct Choices<'a> {
    definition: &'a Definition,
    by_state: BTreeMap<&'a str, Vec<Choice<'a>>>,
}

struct Choice<'a> {
    /// Sum of the weights up to and including this one.
    until: usize,
    rule: &'a Rule,
    roles: Vec<&'a str>,
}

impl<'a> Choices<'a> {
    /// `told`: events that cases of one family tell each other, and nobody else.
    pub(crate) fn of(definition: &'a Definition, told: &BTreeSet<&str>) -> Self {
        let states = definition.states.iter();
        let by_state = states.map(|state| (state.id.as_str(), choices(definition, state, told))).collect();
        Self { definition, by_state }
    }

    pub(crate) fn definition(&self) -> &'a Definition {
        self.definition
    }

    /// What a case is born with: every input, every other optional input.
    pub(crate) fn inputs(&self, chance: &mut Chance) -> Data {
        let mut data = Data::new();
        let definition = self.definition;
        let required = definition.inputs.iter().map(|name| (name, 100));
        for (name, percent) in required.chain(definition.optional_inputs.iter().map(|name| (name, 50))) {
            if let Some(field) = definition.fields.get(name).filter(|_| chance.in_hundred(percent)) {
                data.insert(name.clone(), answer(field, field.scope, &Data::new(), chance, Leaning::None));
            }
        }
        data
    }

    /// Something that may happen to the case; none where nothing can. One in a hundred is done by the wrong hands or with
    /// an answer missing, so that refusals are walked too.
    pub(crate) fn event(&self, case: &CaseState, chance: &mut Chance) -> Option<Event> {
        let choices = self.by_state.get(case.state.as_str())?;
        let drawn = chance.below(choices.last()?.until);
        let Choice { rule, roles, .. } = choices.iter().find(|choice| drawn < choice.until)?;
        let mut event = Event {
            name: rule.event.clone(),
            role: chance.pick(roles).map(|role| (*role).to_owned()).unwrap_or_default(),
            data: Data::new(),
            sealed: BTreeSet::new(),
            expected_entered: None,
        };
        let leaning = if chance.in_hundred(LUCK) { Leaning::First } else { Leaning::None };
        for (index, name) in rule.questions().enumerate() {
            let Some(field) = self.definition.fields.get(name) else { continue };
            if index >= rule.ask.len() && chance.in_hundred(50) {
                continue;
            }
            match field.store {
                Store::Vault => {
                    event.sealed.insert(name.clone());
                }
                Store::Case => {
                    let scope = rule.scope.get(name).copied().unwrap_or(field.scope);
                    event.data.insert(name.clone(), answer(field, scope, &case.data, chance, leaning));
                }
            }
        }
        match chance.below(200) {
            0 => event.role = "nobody".to_owned(),
            1 => event.data.clear(),
            _ => {}
        }
        Some(event)
    }
}

/// How often, in a hundred, a step goes the way that its author put first.
const LUCK: usize = 55;
/// Weights: a state's own rules are taken most often, ends and what loses something seldom, so that walks get far.
const OWN: usize = 80;
const OWN_END: usize = 4;
const ANYWHERE: usize = 3;
const ANYWHERE_END: usize = 2;

fn choices<'a>(definition: &'a Definition, state: &'a State, told: &BTreeSet<&str>) -> Vec<Choice<'a>> {
    let mut until = 0;
    let rules = definition.rules(&state.id).enumerate();
    rules
        .filter(|(_, rule)| !(rule.machine_only(definition) && told.contains(rule.event.as_str())))
        .map(|(index, rule)| {
            // What is closed is reopened as often as not.
            let is_own = index < state.rules.len();
            until += if state.phase == Phase::Closed { OWN } else { weight(definition, rule, is_own) };
            Choice { until, rule, roles: rule.by.iter().map(String::as_str).collect() }
        })
        .collect()
}

fn weight(definition: &Definition, rule: &Rule, own: bool) -> usize {
    let ends = rule.branches.iter().all(|branch| match &branch.to {
        Target::State(id) => definition.state(id).is_some_and(|state| state.phase == Phase::Closed),
        Target::Same | Target::Previous => false,
    });
    match (own, ends || rule.style == Style::Danger) {
        (true, false) => OWN,
        (true, true) => OWN_END,
        (false, false) => ANYWHERE,
        (false, true) => ANYWHERE_END,
    }
}

/// Whether answers lean to the first option and to yes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaning {
    First,
    None,
}

/// A value that the field could hold; the same one each time.
pub fn example(field: &Field) -> Value {
    answer(field, field.scope, &Data::new(), &mut Chance::new(1, 0), Leaning::First)
}

const PRIVATE: [&str; 4] = ["10.20.4.15", "10.20.4.16", "192.168.7.25", "fd00::25"];
const PUBLIC: [&str; 4] = ["203.0.113.25", "203.0.113.26", "198.51.100.9", "2001:db8::25"];
const HOSTS: [&str; 2] = ["mail.corp.example", "smtp.provider.example"];
const ADDRESSES: [&str; 2] = ["alerts@corp.example", "security@corp.example"];
const TEXTS: [&str; 3] = ["CHG-4711", "The firewall drops port 587.", "See <b>the</b> note: \"done\""];
const PORTS: [i64; 4] = [25, 465, 587, 2525];

fn answer(field: &Field, scope: Scope, case: &Data, chance: &mut Chance, leaning: Leaning) -> Value {
    let text = |pool: &[&str], chance: &mut Chance| {
        chance.pick(pool).map_or_else(|| Value::from(""), |text| Value::from(*text))
    };
    match field.field_type {
        FieldType::Enum => {
            let option = if leaning == Leaning::First { field.options.first() } else { chance.pick(&field.options) };
            Value::Text(option.cloned().unwrap_or_default())
        }
        FieldType::Bool => Value::Bool(field.must_be.unwrap_or(leaning == Leaning::First || chance.in_hundred(50))),
        FieldType::Port => Value::Integer(chance.pick(&PORTS).copied().unwrap_or(25)),
        FieldType::Number => Value::Integer(i64::try_from(chance.below(field.max.max(1))).unwrap_or_default()),
        FieldType::NumberList => Value::Numbers(vec![1, 4]),
        FieldType::Ip => match scope {
            Scope::Private => text(&PRIVATE, chance),
            Scope::Public => text(&PUBLIC, chance),
            Scope::Any => address_near(case, chance),
        },
        FieldType::IpList => Value::List(vec![PUBLIC.first().map(|text| (*text).to_owned()).unwrap_or_default()]),
        FieldType::Host => text(&HOSTS, chance),
        FieldType::Email => text(&ADDRESSES, chance),
        FieldType::Timestamp => Value::from("2031-05-01T06:00:00Z"),
        FieldType::Text => text(&TEXTS, chance),
    }
}

/// An address, often one that the case already holds, because guards compare addresses with each other.
fn address_near(case: &Data, chance: &mut Chance) -> Value {
    let held: Vec<&Value> = ["new_ip", "smtp_ip"].into_iter().filter_map(|field| case.get(field)).collect();
    match chance.pick(&held) {
        Some(value) if chance.in_hundred(60) => (*value).clone(),
        Some(_) | None => {
            let pool = if chance.in_hundred(50) { PRIVATE } else { PUBLIC };
            chance.pick(&pool).map_or_else(|| Value::from(""), |text| Value::from(*text))
        }
    }
}
