//! W02: everything that is named exists and is of the type that is needed.

use std::collections::BTreeSet;

use super::FileFindings;
use super::types::{faults, mismatch};
use crate::domain::workflow::diagnostic::{Code, Place, nearest};
use crate::domain::workflow::model::{
    AlertPath, Branch, ClockRule, Due, Field, FieldType, Narrowing, Order, Rule, Scope, Side, State, Store, Target,
    Verb,
};
use crate::domain::workflow::package::Package;
use crate::domain::workflow::{Definition, Kind};

pub(super) fn check(definition: &Definition, package: &Package, found: &mut FileFindings<'_>) {
    let steps = package.procedure.iter().map(|step| step.id.as_str()).collect();
    let mut references = References { definition, package, steps, found };
    references.whole();
    for (name, field) in &definition.fields {
        references.field(name, field);
    }
    for (name, clock) in &definition.clocks {
        references.clock(name, clock);
    }
    for state in &definition.states {
        references.state(state);
    }
    for (_, rule) in definition.all_rules() {
        references.rule(rule);
    }
    references.progress();
}

struct References<'a, 'f> {
    definition: &'a Definition,
    package: &'a Package,
    steps: BTreeSet<&'a str>,
    found: &'a mut FileFindings<'f>,
}

impl<'a> References<'a, '_> {
    fn whole(&mut self) {
        let definition = self.definition;
        self.is_state(definition.initial_place, "the workflow begins in", &definition.initial);
        for name in definition.inputs.iter().chain(&definition.optional_inputs) {
            self.is_field(Place::START, "the inputs", name);
        }
        for child in &definition.children {
            let known = self.package.definitions.get(child).is_some_and(|child| child.kind == Kind::Child);
            self.need(known, Place::START, || format!("`children` names {child}, which is no child workflow here"));
        }
        let events: BTreeSet<&str> = definition.all_rules().map(|(_, rule)| rule.event.as_str()).collect();
        for event in definition.told_by_parent() {
            self.need(events.contains(event.as_str()), Place::START, || format!("no rule knows the event {event}"));
        }
    }

    fn field(&mut self, name: &str, field: &Field) {
        let (kind, place) = (field.field_type, field.place);
        let is_enum = kind == FieldType::Enum;
        self.need(is_enum != field.options.is_empty(), place, || match is_enum {
            true => format!("{name} is an enum without options"),
            false => format!("{name} is {kind}; only an enum has options"),
        });
        let is_address = matches!(kind, FieldType::Ip | FieldType::IpList);
        self.need(is_address || field.scope == Scope::Any, place, || {
            format!("{name} is {kind}; only an address has a scope")
        });
        self.need(kind == FieldType::Bool || field.must_be.is_none(), place, || {
            format!("{name} is {kind}; only a bool has `must_be`")
        });
        if let Some(message) = field.default.as_ref().and_then(|value| mismatch(name, field, value)) {
            self.need(false, place, || format!("`default`: {message}"));
        }
        for role in &field.set_by {
            self.is_role(place, "`set_by`", role);
        }
    }

    fn clock(&mut self, name: &str, clock: &ClockRule) {
        let place = clock.place;
        for escalation in &clock.escalate {
            self.is_role(place, &format!("the clock {name} escalates to"), &escalation.to);
        }
        for due in [Some(&clock.due), clock.expire.as_ref().map(|expiry| &expiry.when)].into_iter().flatten() {
            if let Due::At(field) = due {
                self.typed(place, &format!("the clock {name}"), field, &[FieldType::Timestamp]);
            }
        }
        if let Some(calendar) = &clock.calendar {
            let known = self.definition.calendars.contains_key(calendar);
            self.need(known, place, || format!("the clock {name} names the unknown calendar {calendar}"));
        }
    }

    fn state(&mut self, state: &State) {
        if let Some(owner) = &state.owner {
            self.is_role(state.place, &format!("{} is owned by", state.id), owner);
        }
        if let Some(clock) = &state.clock {
            let known = self.definition.clocks.contains_key(clock);
            self.need(known, state.place, || format!("{} names the unknown clock {clock}", state.id));
        }
        let of_list = state.checklist.iter().flat_map(|item| &item.covers);
        state.covers.iter().chain(of_list).for_each(|step| self.is_step(state.place, step));
        for order in &state.enter {
            self.order(order);
        }
    }

    fn rule(&mut self, rule: &Rule) {
        let (place, event) = (rule.place, &rule.event);
        if rule.second_contact {
            let by_machine = rule.by.iter().any(|role| self.definition.side_of(role) == Some(Side::Machine));
            self.need(!by_machine, place, || format!("{event} takes a second contact, and the machine is none"));
        }
        for role in rule.by.iter().chain(&rule.owners) {
            self.is_role(place, event, role);
        }
        for field in rule.questions() {
            self.is_field(place, &format!("{event} asks for"), field);
        }
        for (field, narrowing) in &rule.scope {
            if let Narrowing::As(question) = narrowing {
                let options = self.definition.fields.get(question).map(|field| field.options.as_slice());
                let tells =
                    rule.ask.contains(question) && options.is_some_and(|options| options == ["private", "public"]);
                self.need(tells, place, || {
                    format!("{event} narrows {field} by {question}, which is no required question of private or public")
                });
            }
            let asked = rule.questions().any(|name| name == field);
            self.need(asked, place, || format!("{event} narrows {field}, which it does not ask for"));
            self.typed(place, event, field, &[FieldType::Ip, FieldType::IpList]);
        }
        for state in &rule.except {
            self.is_state(place, &format!("{event} excepts"), state);
        }
        rule.covers.iter().for_each(|step| self.is_step(place, step));
        if let Some(condition) = &rule.condition {
            self.guard(place, event, faults(self.definition, &condition.guard));
        }
        rule.branches.iter().for_each(|branch| self.branch(rule, branch));
        rule.all_orders().for_each(|order| self.order(order));
    }

    fn branch(&mut self, rule: &Rule, branch: &Branch) {
        if let Target::State(state) = &branch.to {
            self.is_state(branch.place, &format!("{} leads to", rule.event), state);
        }
        if let Some(guard) = &branch.guard {
            self.guard(branch.place, &rule.event, faults(self.definition, guard));
        }
    }

    fn guard(&mut self, place: Place, event: &str, faults: Vec<String>) {
        for fault in faults {
            self.need(false, place, || format!("{event}: {fault}"));
        }
    }

    fn order(&mut self, order: &Order) {
        let place = order.place;
        match &order.verb {
            Verb::Mail { to, .. } => {
                let known = self.definition.roles.contains_key(to) || to == "contacts" || to == "others";
                self.need(known, place, || format!("a mail to {to}, which is no role, nor `contacts` or `others`"));
            }
            Verb::OpenCase { queue, .. } => self.is_role(place, "`open_case`", queue),
            Verb::CloseCase { .. } => {}
            Verb::Set { field, value } => {
                self.is_field(place, "`set`", field);
                let message = self.definition.fields.get(field).and_then(|known| mismatch(field, known, value));
                if let Some(message) = message {
                    self.need(false, place, || format!("`set`: {message}"));
                }
            }
            Verb::Unset { field } => self.is_field(place, "`unset`", field),
            Verb::Probe { host, port, .. } | Verb::Whitelist { host, port, .. } => {
                self.typed(place, "`host`", host, &[FieldType::Ip, FieldType::Host]);
                self.typed(place, "`port`", port, &[FieldType::Port]);
            }
            Verb::Apply { .. } => {
                for field in order.verb.reads() {
                    self.is_field(place, "`apply` reads", field);
                }
            }
            Verb::SendTestAlert { path: AlertPath::Direct, to, .. } => {
                self.typed(place, "`to`", to, &[FieldType::Email]);
            }
            Verb::SendTestAlert { path: AlertPath::Syslog, to, .. } => {
                self.typed(place, "`to`", to, &[FieldType::Ip, FieldType::Host]);
            }
            Verb::Spawn { workflow, with, secrets, .. } => {
                let known = self.package.definitions.get(workflow).is_some_and(|child| child.kind == Kind::Child);
                self.need(known, place, || format!("there is no child workflow {workflow} here"));
                with.values().for_each(|field| self.is_field(place, "`with`", field));
                self.are_secrets(place, secrets);
            }
            Verb::Signal { signal, with, secrets } => {
                let known = self.definition.signals.contains(signal);
                self.need(known, place, || format!("the signal {signal} is not among `signals`"));
                with.values().for_each(|field| self.is_field(place, "`with`", field));
                self.are_secrets(place, secrets);
            }
        }
    }

    fn are_secrets(&mut self, place: Place, names: &[String]) {
        for name in names {
            let Some(field) = self.definition.fields.get(name) else {
                self.is_field(place, "`secrets`", name);
                continue;
            };
            self.need(field.store == Store::Vault, place, || {
                format!("`secrets` names {name}, which is not kept in the vault; name it in `with`")
            });
        }
    }

    fn progress(&mut self) {
        let definition = self.definition;
        for (index, list) in definition.progress.iter().enumerate() {
            let last = index + 1 == definition.progress.len();
            self.need(last == list.guard.is_none(), list.place, || match last {
                true => "the last progress list must have no `when`, so that every case has one".to_owned(),
                false => "a progress list without `when` hides those behind it".to_owned(),
            });
            if let Some(guard) = &list.guard {
                self.guard(list.place, "progress", faults(definition, guard));
            }
            for step in &list.steps {
                for state in step.states.iter().chain(&step.trouble) {
                    self.is_state(step.place, "the progress list names", state);
                }
            }
        }
    }

    fn is_state(&mut self, place: Place, what: &str, name: &str) {
        let names = self.definition.states.iter().map(|state| state.id.as_str());
        self.is_known(place, what, "state", name, names);
    }

    fn is_role(&mut self, place: Place, what: &str, name: &str) {
        self.is_known(place, what, "role", name, self.definition.roles.keys().map(String::as_str));
    }

    fn is_field(&mut self, place: Place, what: &str, name: &str) {
        self.is_known(place, what, "field", name, self.definition.fields.keys().map(String::as_str));
    }

    fn is_step(&mut self, place: Place, name: &str) {
        let known = self.steps.contains(name);
        self.need(known, place, || format!("`covers` names {name}, which is no step of the procedure"));
    }

    fn is_known(
        &mut self,
        place: Place,
        what: &str,
        kind: &str,
        name: &str,
        names: impl Iterator<Item = &'a str> + Clone,
    ) {
        if !names.clone().any(|known| known == name) {
            let hint = nearest(name, names).map_or_else(String::new, |near| format!("; did you mean {near}?"));
            self.need(false, place, || format!("{what} {name}, but there is no such {kind}{hint}"));
        }
    }

    fn typed(&mut self, place: Place, what: &str, name: &str, types: &[FieldType]) {
        let Some(field) = self.definition.fields.get(name) else { return self.is_field(place, what, name) };
        let expected = || types.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" or ");
        let kind = field.field_type;
        self.need(types.contains(&kind), place, || {
            format!("{what} names {name}, which is {kind}, expected {}", expected())
        });
    }

    fn need(&mut self, holds: bool, place: Place, message: impl FnOnce() -> String) {
        if !holds {
            self.found.error(Code::W02, place, message());
        }
    }
}
