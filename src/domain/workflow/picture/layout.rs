//! Where states are put: in layers by their distance from the beginning, ordered so that arrows cross little.

use super::Arrow;
use crate::domain::workflow::Definition;

/// Sweeps over the layers; more change little.
const SWEEPS: usize = 8;

/// The states of each layer, from left to right, by position in the definition.
pub(super) fn layers(definition: &Definition, arrows: &[Arrow<'_>]) -> Vec<Vec<usize>> {
    let depths = depths(definition, arrows);
    let deepest = depths.iter().flatten().copied().max().unwrap_or(0);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); deepest + 2];
    for (state, depth) in depths.iter().enumerate() {
        // What only anywhere-rules lead to stands in a row of its own at the bottom.
        if let Some(layer) = layers.get_mut(depth.unwrap_or(deepest + 1)) {
            layer.push(state);
        }
    }
    layers.retain(|layer| !layer.is_empty());
    for sweep in 0..SWEEPS {
        let downwards = sweep % 2 == 0;
        for step in 1..layers.len() {
            let (layer, neighbor) =
                if downwards { (step, step - 1) } else { (layers.len() - 1 - step, layers.len() - step) };
            let fixed = layers.get(neighbor).cloned().unwrap_or_default();
            if let Some(layer) = layers.get_mut(layer) {
                order(layer, &fixed, arrows);
            }
        }
    }
    layers
}

/// Steps from the beginning to each state; none where only anywhere-rules lead.
fn depths(definition: &Definition, arrows: &[Arrow<'_>]) -> Vec<Option<usize>> {
    let mut depths: Vec<Option<usize>> = vec![None; definition.states.len()];
    let mut frontier: Vec<usize> = definition.index.get(&definition.initial).copied().into_iter().collect();
    let mut depth = 0;
    while !frontier.is_empty() {
        for state in &frontier {
            if let Some(place) = depths.get_mut(*state) {
                *place = Some(depth);
            }
        }
        let leading = arrows.iter().filter(|arrow| frontier.contains(&arrow.from)).map(|arrow| arrow.to);
        let mut next: Vec<usize> = leading.filter(|state| depths.get(*state) == Some(&None)).collect();
        next.sort_unstable();
        next.dedup();
        frontier = next;
        depth += 1;
    }
    depths
}

/// Orders a layer by the mean position of each state's neighbors in the layer beside it; in thousandths, so that equal
/// means keep the order of the file.
fn order(layer: &mut [usize], fixed: &[usize], arrows: &[Arrow<'_>]) {
    let position = |state: usize| fixed.iter().position(|other| *other == state);
    let old: Vec<usize> = layer.to_vec();
    let mean = |state: usize| {
        let neighbors = arrows.iter().filter_map(|arrow| match (arrow.from == state, arrow.to == state) {
            (true, false) => position(arrow.to),
            (false, true) => position(arrow.from),
            (true, true) | (false, false) => None,
        });
        let positions: Vec<usize> = neighbors.collect();
        let own = old.iter().position(|other| *other == state).unwrap_or(0);
        (positions.iter().sum::<usize>() * 1_000).checked_div(positions.len()).unwrap_or(own * 1_000)
    };
    layer.sort_by_key(|state| mean(*state));
}
