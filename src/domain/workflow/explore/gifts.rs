//! What one case gives another may be unset where the other does without it.

use std::collections::BTreeMap;

use crate::domain::workflow::Definition;
use crate::domain::workflow::model::Verb;

/// Whether an order does without this field: a child or a parent that takes it as optional.
pub(super) fn may_be_unset(
    package: &BTreeMap<String, Definition>,
    definition: &Definition,
    verb: &Verb,
    field: &str,
) -> bool {
    let named = |with: &BTreeMap<String, String>, takes: &dyn Fn(&String) -> bool| {
        with.iter().filter(|(_, ours)| *ours == field).all(|(theirs, _)| takes(theirs))
    };
    match verb {
        Verb::Spawn { workflow, with, .. } => {
            let child = package.get(workflow);
            child.is_some_and(|child| named(with, &|theirs| child.optional_inputs.contains(theirs)))
        }
        Verb::Signal { signal, with, .. } => {
            let parents = package.values().filter(|parent| parent.children.contains(&definition.id));
            let mut rules = parents.flat_map(Definition::all_rules).filter(|(_, rule)| rule.event == *signal);
            rules.all(|(_, rule)| named(with, &|theirs| rule.may.contains(theirs)))
        }
        Verb::Mail { .. }
        | Verb::OpenCase { .. }
        | Verb::CloseCase { .. }
        | Verb::Set { .. }
        | Verb::Unset { .. }
        | Verb::Probe { .. }
        | Verb::Whitelist { .. }
        | Verb::Apply { .. }
        | Verb::SendTestAlert { .. } => false,
    }
}
