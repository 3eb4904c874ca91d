//! W25: mails exist and read what they may; W26: whoever is waited for is written to, with a link.

use super::FileFindings;
use crate::domain::workflow::Definition;
use crate::domain::workflow::diagnostic::Code;
use crate::domain::workflow::explore::{Entry, Exploration};
use crate::domain::workflow::model::{Order, Side, StateKind, Store, Verb};
use crate::domain::workflow::template::TemplateFacts;

pub(super) fn check(
    definition: &Definition,
    exploration: &Exploration<'_>,
    templates: &[TemplateFacts],
    found: &mut FileFindings<'_>,
) {
    for (_, order) in definition.orders() {
        if let Some((template, _)) = mail(order) {
            template_of(definition, order, template, templates, found);
        }
    }
    for entry in &exploration.entries {
        if waits_for_customer(definition, entry) && !tells_customer(definition, entry, templates) {
            let Entry { from, rule, branch, to } = entry;
            let message = format!(
                "{} leads from {} to {}, which waits for the customer, without a mail to him that links to the case",
                rule.event, from.id, to.id
            );
            found.error(Code::W26, branch.place, message);
        }
    }
}

/// W25.
fn template_of(
    definition: &Definition,
    order: &Order,
    name: &str,
    templates: &[TemplateFacts],
    found: &mut FileFindings<'_>,
) {
    let Some(facts) = templates.iter().find(|facts| facts.name == name) else {
        return found.error(Code::W25, order.place, format!("there is no mail template {name}"));
    };
    for field in &facts.fields {
        match definition.fields.get(field) {
            None => found.error(
                Code::W25,
                order.place,
                format!("the mail template {name} reads {field}, which is no field here"),
            ),
            Some(known) if known.store == Store::Vault => {
                found.error(Code::W25, order.place, format!("the mail template {name} reads the secret {field}"));
            }
            Some(_) => {}
        }
    }
}

fn waits_for_customer(definition: &Definition, entry: &Entry<'_>) -> bool {
    let owner = entry.to.owner.as_ref().and_then(|owner| definition.side_of(owner));
    let by_customer = entry.rule.by.iter().all(|role| definition.side_of(role) == Some(Side::Customer));
    owner == Some(Side::Customer)
        && entry.to.kind == StateKind::Normal
        && entry.to.id != definition.initial
        && !by_customer
}

fn tells_customer(definition: &Definition, entry: &Entry<'_>, templates: &[TemplateFacts]) -> bool {
    let orders = entry.rule.orders.iter().chain(&entry.branch.orders).chain(&entry.to.enter);
    // A template that does not exist is W25 and not also a missing link.
    let links = |name: &str| templates.iter().find(|facts| facts.name == name).is_none_or(|facts| facts.links_to_case);
    let to_customer = |to: &str| to == "contacts" || to == "others" || definition.side_of(to) == Some(Side::Customer);
    orders.filter_map(mail).any(|(template, to)| to_customer(to) && links(template))
}

fn mail(order: &Order) -> Option<(&str, &str)> {
    match &order.verb {
        Verb::Mail { template, to } => Some((template, to)),
        Verb::OpenCase { .. }
        | Verb::CloseCase { .. }
        | Verb::Set { .. }
        | Verb::Unset { .. }
        | Verb::Probe { .. }
        | Verb::Whitelist { .. }
        | Verb::Apply { .. }
        | Verb::SendTestAlert { .. }
        | Verb::Spawn { .. }
        | Verb::Signal { .. } => None,
    }
}
