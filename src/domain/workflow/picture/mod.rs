//! A definition as a picture (Mermaid, Graphviz, SVG) and as a table, the text form of the same picture.
//!
//! Shown are the states and the rules that they write down themselves; rules that hold anywhere would draw an arrow from
//! almost every state, so they are named once.

/// Where states are put.
mod layout;
/// Scalable vector graphics.
mod svg;

use std::fmt::Write;

pub use self::svg::svg;
use super::Definition;
use super::model::{Rule, Side, State, StateKind, Target};

/// One arrow: from a state to a state, for all events that lead there.
pub(super) struct Arrow<'a> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) events: Vec<&'a str>,
    /// Whether only the machine goes this way.
    pub(super) machine: bool,
}

/// The arrows of the states' own rules; ways back out of waiting rooms and events that stay are left out.
pub(super) fn arrows(definition: &Definition) -> Vec<Arrow<'_>> {
    let mut arrows: Vec<Arrow<'_>> = Vec::new();
    for (from, state) in definition.states.iter().enumerate() {
        for rule in &state.rules {
            let targets = rule.branches.iter().filter_map(|branch| match &branch.to {
                Target::State(id) => definition.index.get(id).copied(),
                Target::Same | Target::Previous => None,
            });
            for to in targets {
                let machine = rule.machine_only(definition);
                match arrows.iter_mut().find(|arrow| arrow.from == from && arrow.to == to) {
                    Some(arrow) => {
                        arrow.machine &= machine;
                        if !arrow.events.contains(&rule.event.as_str()) {
                            arrow.events.push(&rule.event);
                        }
                    }
                    None => arrows.push(Arrow { from, to, events: vec![&rule.event], machine }),
                }
            }
        }
    }
    arrows
}

/// A Mermaid state diagram; the current state is of the class `current`.
pub fn mermaid(definition: &Definition, current: Option<&str>) -> String {
    let mut out = format!("stateDiagram-v2\n  [*] --> {}\n", definition.initial);
    for state in &definition.states {
        // A second colon or a semicolon would end the description.
        push(&mut out, format_args!("  {} : {}\n", state.id, state.title.replace([':', ';'], ",")));
        if state.kind == StateKind::Terminal {
            push(&mut out, format_args!("  {} --> [*]\n", state.id));
        }
    }
    for arrow in arrows(definition) {
        if let (Some(from), Some(to)) = (definition.states.get(arrow.from), definition.states.get(arrow.to)) {
            push(&mut out, format_args!("  {} --> {} : {}\n", from.id, to.id, arrow.events.join(", ")));
        }
    }
    if let Some(current) = current {
        push(
            &mut out,
            format_args!("  classDef current stroke-width:4px,font-weight:bold\n  class {current} current\n"),
        );
    }
    out
}

/// A Graphviz graph: double border an end, dashed a waiting room, bold the goal, dashed arrow the machine.
pub fn dot(definition: &Definition, current: Option<&str>) -> String {
    let mut out = format!(
        "digraph \"{}\" {{\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n  \
         start [shape=circle, label=\"\", width=0.2, fillcolor=black];\n  start -> {};\n",
        definition.id, definition.initial
    );
    for state in &definition.states {
        let shape = match state.kind {
            StateKind::Normal => "",
            StateKind::Ongoing => "penwidth=2.5, ",
            StateKind::Hold => "style=\"rounded,filled,dashed\", ",
            StateKind::Terminal => "peripheries=2, ",
        };
        let here = if current == Some(state.id.as_str()) { "color=\"#b45309\", penwidth=4, " } else { "" };
        let (title, who) = (state.title.replace('"', "'"), who(definition, state));
        let fill = color(definition, state);
        push(
            &mut out,
            format_args!("  {} [{shape}{here}fillcolor=\"{fill}\", label=\"{title}\\n({who})\"];\n", state.id),
        );
    }
    for arrow in arrows(definition) {
        if let (Some(from), Some(to)) = (definition.states.get(arrow.from), definition.states.get(arrow.to)) {
            let style = if arrow.machine { ", style=dashed" } else { "" };
            let events = arrow.events.join("\\n");
            push(&mut out, format_args!("  {} -> {} [label=\"{events}\"{style}];\n", from.id, to.id));
        }
    }
    let anywhere: String = definition.anywhere.iter().map(|rule| format!("{}\\l", way(rule))).collect();
    push(
        &mut out,
        format_args!("  anywhere [shape=note, fillcolor=white, label=\"In many states:\\l{anywhere}\"];\n}}\n"),
    );
    out
}

/// The same as a table: one line per event, columns State, Owner, Event, By, Leads to.
pub fn table(definition: &Definition) -> String {
    let mut rows = vec![["State", "Owner", "Event", "By", "Leads to"].map(ToOwned::to_owned)];
    for state in &definition.states {
        if state.rules.is_empty() {
            rows.push([state.title.clone(), who(definition, state), String::new(), String::new(), String::new()]);
        }
        rows.extend(state.rules.iter().map(|rule| row(definition, &state.title, &who(definition, state), rule)));
    }
    rows.extend(definition.anywhere.iter().map(|rule| row(definition, "(in many states)", "", rule)));
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..5).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        push(&mut out, format_args!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end()));
    }
    out
}

fn row(definition: &Definition, state: &str, owner: &str, rule: &Rule) -> [String; 5] {
    let title = |target: &Target| match target {
        Target::State(id) => definition.state(id).map_or_else(|| id.clone(), |state| state.title.clone()),
        Target::Same => "stays".to_owned(),
        Target::Previous => "back".to_owned(),
    };
    let mut targets: Vec<String> = rule.branches.iter().map(|branch| title(&branch.to)).collect();
    targets.dedup();
    let by = rule.by.iter().cloned().collect::<Vec<_>>().join(", ");
    [state.to_owned(), owner.to_owned(), rule.label.clone(), by, targets.join(" | ")]
}

fn way(rule: &Rule) -> String {
    let mut targets: Vec<String> = rule.branches.iter().map(|branch| branch.to.to_string()).collect();
    targets.dedup();
    format!("{} to {}", rule.event, targets.join(" or "))
}

/// Who is awaited in a state, or what it ends as.
pub(super) fn who(definition: &Definition, state: &State) -> String {
    let role = state.owner.as_ref().and_then(|owner| definition.roles.get(owner));
    role.map(|role| role.title.clone()).or_else(|| state.outcome.clone()).unwrap_or_default()
}

/// The fill of a state by the side of its owner; dark text on each has a contrast above 7.
pub(super) fn color(definition: &Definition, state: &State) -> &'static str {
    match state.owner.as_ref().and_then(|owner| definition.side_of(owner)) {
        Some(Side::Customer) => "#dbeafe",
        Some(Side::Vendor) => "#fef3c7",
        Some(Side::Machine) => "#f3f4f6",
        None => "#e5e7eb",
    }
}

/// Appends to a text, which cannot fail.
pub(super) fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    match out.write_fmt(text) {
        Ok(()) | Err(std::fmt::Error) => {}
    }
}
