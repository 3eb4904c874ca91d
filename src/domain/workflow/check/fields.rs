//! W13, W14, W15, W19, W20: what fields may be set and shown, and by whom.

use std::collections::{BTreeMap, BTreeSet};

use super::FileFindings;
use crate::domain::workflow::diagnostic::{Code, Place, nearest};
use crate::domain::workflow::model::{Field, Order, Rule, Sensitivity, Store};
use crate::domain::workflow::wording::placeholders;
use crate::domain::workflow::{Definition, Kind};

/// Placeholders that belong to the installation.
const BRAND: [&str; 2] = ["brand.product", "brand.vendor"];

pub(super) fn check(definition: &Definition, found: &mut FileFindings<'_>) {
    set_by_nothing(definition, found);
    secrets(definition, found);
    words(definition, found);
    meanings(definition, found);
    for (_, rule) in definition.all_rules() {
        privileges(definition, rule, found);
    }
}

/// W13; what a child may be handed over is judged with its parents.
fn set_by_nothing(definition: &Definition, found: &mut FileFindings<'_>) {
    let inputs = definition.inputs.iter().chain(&definition.optional_inputs);
    let mut set: BTreeSet<&str> = inputs.map(String::as_str).collect();
    set.extend(definition.all_rules().flat_map(|(_, rule)| rule.questions()).map(String::as_str));
    set.extend(definition.orders().filter_map(|(_, order)| set_field(order)));
    let is_handed = |field: &Field| definition.kind == Kind::Child && field.store == Store::Vault;
    let unset = definition.fields.iter().filter(|(name, field)| !set.contains(name.as_str()) && !is_handed(field));
    for (name, field) in unset {
        found.error(Code::W13, field.place, format!("nothing ever sets {name}"));
    }
}

fn set_field(order: &Order) -> Option<&str> {
    order.verb.assigns().filter(|(_, value)| value.is_some()).map(|(field, _)| field)
}

/// W14: a secret lives in the vault, and what lives there is asked for and nothing else.
fn secrets(definition: &Definition, found: &mut FileFindings<'_>) {
    for (name, field) in &definition.fields {
        match (field.sensitive == Some(Sensitivity::Secret), field.store == Store::Vault) {
            (true, false) => {
                found.error(
                    Code::W14,
                    field.place,
                    format!("{name} is secret, so it must be kept in the vault: store = \"vault\""),
                );
            }
            (false, true) => {
                found.error(
                    Code::W14,
                    field.place,
                    format!("{name} is kept in the vault, so say why: sensitive = \"secret\""),
                );
            }
            (true, true) | (false, false) => {}
        }
        if field.store == Store::Vault && field.default.is_some() {
            found.error(
                Code::W14,
                field.place,
                format!("{name} is kept in the vault and cannot have a default in a file"),
            );
        }
    }
    let vault = |name: &str| definition.fields.get(name).is_some_and(|field| field.store == Store::Vault);
    for input in definition.inputs.iter().chain(&definition.optional_inputs).filter(|name| vault(name)) {
        found.error(Code::W14, Place::START, format!("{input} is kept in the vault and cannot be given at birth"));
    }
    for state in &definition.states {
        for name in state.placeholders.iter().filter(|name| vault(name)) {
            found.error(Code::W14, state.place, format!("the wording of {} shows the secret {name}", state.id));
        }
    }
    for (_, rule) in definition.all_rules() {
        for name in rule.guards().flat_map(|guard| guard.reads()).filter(|name| vault(name)) {
            found.error(
                Code::W14,
                rule.place,
                format!("a condition of {} reads the secret {name}; only known({name}) may be asked", rule.event),
            );
        }
    }
    for (_, order) in definition.orders() {
        let named = order.verb.reads().into_iter().chain(set_field(order));
        for name in named.filter(|name| vault(name)) {
            found.error(Code::W14, order.place, format!("`{}` names the secret {name}", order.verb.word()));
        }
    }
    for list in &definition.progress {
        for name in list.steps.iter().flat_map(|step| placeholders(&step.title)).filter(|name| vault(name)) {
            found.error(Code::W14, list.place, format!("the progress list shows the secret {name}"));
        }
    }
}

/// W15.
fn words(definition: &Definition, found: &mut FileFindings<'_>) {
    let mut judge = |place: Place, what: &str, name: &str| {
        if !definition.fields.contains_key(name) && !BRAND.contains(&name) {
            let names = definition.fields.keys().map(String::as_str).chain(BRAND);
            let hint = nearest(name, names).map_or_else(String::new, |near| format!("; did you mean {near}?"));
            found.error(Code::W15, place, format!("{what} uses the unknown placeholder {{{{ {name} }}}}{hint}"));
        }
    };
    for state in &definition.states {
        let mut texts = vec![&state.customer.headline, &state.customer.body, &state.customer.next];
        texts.extend(state.engineer.iter().flat_map(|wording| [&wording.headline, &wording.body]));
        texts.extend(state.checklist.iter().map(|item| &item.text));
        for name in texts.into_iter().flat_map(|text| placeholders(text)) {
            judge(state.place, &format!("the wording of {}", state.id), name);
        }
    }
    for step in definition.progress.iter().flat_map(|list| &list.steps) {
        for name in placeholders(&step.title) {
            judge(step.place, "the progress list", name);
        }
    }
}

/// W19: an event that looks different in two states confuses people and statistics.
fn meanings(definition: &Definition, found: &mut FileFindings<'_>) {
    let mut seen: BTreeMap<&str, (&Rule, &str)> = BTreeMap::new();
    for state in &definition.states {
        for rule in &state.rules {
            match seen.get(rule.event.as_str()) {
                Some((first, where_first)) if (&first.label, &first.ask) != (&rule.label, &rule.ask) => {
                    let message = format!(
                        "{} in {} has another label or asks other questions than in {where_first}",
                        rule.event, state.id
                    );
                    found.warning(Code::W19, rule.place, message);
                }
                Some(_) => {}
                None => {
                    seen.insert(&rule.event, (rule, &state.id));
                }
            }
        }
    }
}

/// W20.
fn privileges(definition: &Definition, rule: &Rule, found: &mut FileFindings<'_>) {
    for name in rule.questions() {
        let Some(field) = definition.fields.get(name).filter(|field| !field.set_by.is_empty()) else { continue };
        let others: Vec<&str> = rule.by.difference(&field.set_by).map(String::as_str).collect();
        if !others.is_empty() {
            let allowed = field.set_by.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let message =
                format!("{name} may be set by {allowed} only, but {} may fire {}", others.join(", "), rule.event);
            found.error(Code::W20, rule.place, message);
        }
    }
}
