//! Scalable vector graphics: no script, no style from outside, a title and a description for those who listen.

use std::collections::BTreeMap;

use super::layout::layers;
use super::{Arrow, arrows, color, push, who};
use crate::domain::workflow::Definition;
use crate::domain::workflow::model::{State, StateKind};

const WIDTH: usize = 200;
const HEIGHT: usize = 64;
const GAP_X: usize = 36;
const GAP_Y: usize = 72;
const MARGIN: usize = 48;
/// Characters of a line in a box.
const LINE: usize = 24;

/// The upper left corner of a state, and its layer.
#[derive(Clone, Copy)]
struct Spot {
    x: usize,
    y: usize,
    layer: usize,
}

/// Draws a definition. Each state is a group with the id `state-NAME`; the current one has a broad border and says
/// "current" in its title.
pub fn svg(definition: &Definition, current: Option<&str>) -> String {
    let arrows = arrows(definition);
    let layers = layers(definition, &arrows);
    let widest = layers.iter().map(Vec::len).max().unwrap_or(1);
    let total = MARGIN * 2 + widest * (WIDTH + GAP_X);
    let tall = MARGIN * 2 + layers.len() * (HEIGHT + GAP_Y) - GAP_Y;
    let mut spots = BTreeMap::new();
    for (layer, states) in layers.iter().enumerate() {
        let left = (total - states.len() * (WIDTH + GAP_X) + GAP_X) / 2;
        for (column, state) in states.iter().enumerate() {
            let spot = Spot { x: left + column * (WIDTH + GAP_X), y: MARGIN + layer * (HEIGHT + GAP_Y), layer };
            spots.insert(*state, spot);
        }
    }
    let title = escape(&definition.title);
    let here = current.and_then(|id| definition.state(id));
    let label = here.map_or_else(|| title.clone(), |state| format!("{title}. Current state: {}", escape(&state.title)));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {total} {tall}\" role=\"img\" aria-label=\"{label}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<title>{label}</title>\n\
         <desc>{} states; the table of the same definition says the same in text.</desc>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"#374151\"/></marker></defs>\n",
        definition.states.len()
    );
    for arrow in &arrows {
        if let (Some(from), Some(to)) = (spots.get(&arrow.from), spots.get(&arrow.to)) {
            draw_arrow(&mut out, definition, arrow, *from, *to);
        }
    }
    for (index, state) in definition.states.iter().enumerate() {
        if let Some(spot) = spots.get(&index) {
            draw_state(&mut out, definition, state, *spot, current == Some(state.id.as_str()));
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Downwards from edge to edge, upwards in a bow around the right side, within a layer in a bow below it.
fn draw_arrow(out: &mut String, definition: &Definition, arrow: &Arrow<'_>, from: Spot, to: Spot) {
    let name = |state: usize| definition.states.get(state).map(|state| escape(&state.title)).unwrap_or_default();
    let half = WIDTH / 2;
    let path = if to.layer > from.layer {
        let (x1, y1, x2, y2) = (from.x + half, from.y + HEIGHT, to.x + half, to.y);
        let bend = (y2 - y1) / 2;
        format!("M{x1} {y1} C{x1} {} {x2} {} {x2} {y2}", y1 + bend, y2 - bend)
    } else if to.layer == from.layer {
        let (x1, x2, y) = (from.x + half, to.x + half, from.y + HEIGHT);
        let low = y + GAP_Y * 2 / 3;
        format!("M{x1} {y} C{x1} {low} {x2} {low} {x2} {y}")
    } else {
        let (x1, y1, x2, y2) = (from.x + WIDTH, from.y + HEIGHT / 2, to.x + WIDTH, to.y + HEIGHT / 2);
        let out_to = x1.max(x2) + GAP_X;
        format!("M{x1} {y1} C{out_to} {y1} {out_to} {y2} {x2} {y2}")
    };
    let dash = if arrow.machine { " stroke-dasharray=\"5 4\"" } else { "" };
    push(
        out,
        format_args!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"#374151\" stroke-width=\"1.2\"{dash} marker-end=\"url(#tip)\">\
             <title>{} to {}: {}</title></path>\n",
            name(arrow.from),
            name(arrow.to),
            escape(&arrow.events.join(", "))
        ),
    );
}

fn draw_state(out: &mut String, definition: &Definition, state: &State, spot: Spot, current: bool) {
    let Spot { x, y, .. } = spot;
    let (stroke, width) = if current {
        ("#b45309", "5")
    } else {
        ("#374151", if state.kind == StateKind::Ongoing { "3" } else { "1.2" })
    };
    let dash = if state.kind == StateKind::Hold { " stroke-dasharray=\"6 4\"" } else { "" };
    let mark = if current { " (current)" } else { "" };
    let (id, title, fill) = (&state.id, escape(&state.title), color(definition, state));
    push(
        out,
        format_args!(
            "<g id=\"state-{id}\">\n<title>{title}{mark}</title>\n<rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" rx=\"8\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"{width}\"{dash}/>\n"
        ),
    );
    if state.kind == StateKind::Terminal {
        let (x, y, width, height) = (x + 4, y + 4, WIDTH - 8, HEIGHT - 8);
        push(
            out,
            format_args!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\" fill=\"none\" stroke=\"{stroke}\"/>\n"
            ),
        );
    }
    let weight = if current { " font-weight=\"bold\"" } else { "" };
    let center = x + WIDTH / 2;
    for (line, text) in wrap(&state.title).iter().enumerate() {
        let y = y + 20 + line * 16;
        push(
            out,
            format_args!("<text x=\"{center}\" y=\"{y}\" text-anchor=\"middle\"{weight}>{}</text>\n", escape(text)),
        );
    }
    let (y, who) = (y + HEIGHT - 9, escape(&who(definition, state)));
    push(
        out,
        format_args!(
            "<text x=\"{center}\" y=\"{y}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#1f2937\">{who}</text>\n</g>\n"
        ),
    );
}

/// At most two lines; what does not fit ends in an ellipsis, and the title of the group has it whole.
fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let length = |line: &String| line.chars().count();
        let full = lines.last().is_some_and(|line| length(line) > 0 && length(line) + 1 + word.chars().count() > LINE);
        if full && lines.len() == 2 {
            if let Some(line) = lines.last_mut() {
                line.push('…');
            }
            return lines;
        }
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
