//! Where the search begins: everything that a case can be born with.

use std::collections::BTreeSet;

use super::Seed;
use super::abstraction::{ANY, Abstraction, UNSET};
use crate::domain::workflow::Definition;

/// What cases are born with: defaults, then every combination of the inputs.
pub(super) fn starts(
    definition: &Definition,
    abstraction: &Abstraction<'_>,
    seeds: Option<&BTreeSet<Seed>>,
) -> Vec<Vec<u8>> {
    let defaults = abstraction.carried.iter().map(|field| {
        let default = definition.fields.get(*field).and_then(|field| field.default.as_ref());
        default.map_or(UNSET, |value| abstraction.code(field, value))
    });
    let mut starts: Vec<Vec<u8>> = vec![defaults.collect()];
    let with = |codes: &[u8], slot: usize, code: u8| {
        let mut codes = codes.to_vec();
        if let Some(place) = codes.get_mut(slot) {
            *place = code;
        }
        codes
    };
    if let Some(seeds) = seeds.filter(|seeds| !seeds.is_empty()) {
        let base = starts.swap_remove(0);
        return seeds.iter().map(|seed| seeded(abstraction, &base, seed)).collect();
    }
    let inputs: BTreeSet<&String> = definition.inputs.iter().chain(&definition.optional_inputs).collect();
    for (field, slot) in inputs.into_iter().filter_map(|field| Some((field, abstraction.slot(field)?))) {
        let mut choices = abstraction.choices(field);
        if definition.optional_inputs.contains(field) {
            choices.push(UNSET);
        }
        starts = starts.iter().flat_map(|codes| choices.iter().map(|code| with(codes, slot, *code))).collect();
    }
    starts
}

fn seeded(abstraction: &Abstraction<'_>, base: &[u8], seed: &Seed) -> Vec<u8> {
    let mut codes = base.to_vec();
    for (field, value) in seed {
        if let Some(place) = abstraction.slot(field).and_then(|slot| codes.get_mut(slot)) {
            *place = value.as_ref().map_or(ANY, |value| abstraction.code(field, value));
        }
    }
    codes
}
