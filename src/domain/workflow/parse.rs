//! TOML text -> definition, or every fault with file, line and column.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::Definition;
use super::diagnostic::{Code, Diagnostic, Place, Source};
use super::guard::Guard;
use super::model::{
    Branch, Calendar, ClockRule, Condition, Delay, Due, EngineerWording, Escalation, Expiry, Field, FieldType, Item,
    Order, Progress, ProgressRule, Role, Rule, Scope, State, Store, Style, Target, Verb, Wording,
};
use super::raw::{
    AtMostOneKey, DelayText, Hours, Name, RawCalendar, RawClock, RawDefinition, RawEffect, RawField, RawProgress,
    RawRule, RawState,
};
use super::schema::schema_of;
use super::shape;
use super::wording::placeholders;

/// Characters of a text unless its field says otherwise.
const TEXT_LIMIT: usize = 4_000;
/// Entries of a list unless its field says otherwise.
const LIST_LIMIT: usize = 16;

/// Reads one definition.
///
/// # Errors
/// Every fault of shape, and every guard that cannot be read.
pub fn parse(file: &str, text: &str) -> Result<Definition, Vec<Diagnostic>> {
    let source = Source::new(file, text);
    let raw: RawDefinition = read(&source)?;
    let mut faults = Vec::new();
    let definition = Reader { source: &source, faults: &mut faults }.definition(raw);
    if faults.is_empty() {
        Ok(definition)
    } else {
        faults.sort();
        Err(faults)
    }
}

/// Reads any of the files into the struct that describes it.
pub(crate) fn read<T: DeserializeOwned + JsonSchema>(source: &Source<'_>) -> Result<T, Vec<Diagnostic>> {
    let (document, errors) = toml::de::DeTable::parse_recoverable(source.text);
    let mut faults: Vec<Diagnostic> =
        errors.iter().map(|error| source.shape_error(&error.span().unwrap_or_default(), error.message())).collect();
    if faults.is_empty() {
        let schema = schema_of::<T>("");
        let found = shape::check(&document, &schema);
        faults.extend(found.into_iter().map(|(span, message)| source.shape_error(&span, message)));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    toml::from_str(source.text)
        .map_err(|error| vec![source.shape_error(&error.span().unwrap_or_default(), error.message())])
}

struct Reader<'a> {
    source: &'a Source<'a>,
    faults: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn definition(&mut self, raw: RawDefinition) -> Definition {
        let hash = hash(&raw);
        let mut states: Vec<(usize, State)> =
            raw.state.into_iter().map(|(id, state)| (id.span().start, self.state(&id, state))).collect();
        states.sort_by_key(|(offset, _)| *offset);
        let mut definition = Definition {
            id: raw.id.0,
            version: raw.version,
            kind: raw.kind,
            title: raw.title,
            initial_place: self.place(&raw.initial),
            initial: raw.initial.into_inner().0,
            inputs: raw.inputs.into_iter().map(|name| name.0).collect(),
            optional_inputs: raw.optional_inputs.into_iter().map(|name| name.0).collect(),
            children: raw.children.into_iter().map(|name| name.0).collect(),
            signals: strings(raw.signals),
            at_most_one: raw.at_most_one.is_some(),
            beside_others: raw.at_most_one.as_ref().is_some_and(|rule| matches!(rule.key, AtMostOneKey::Workflow)),
            on_second: raw.at_most_one.and_then(|rule| rule.on_second).map(|event| event.0),
            on_parent_end: raw.on_parent_end.map(|name| name.0),
            on_parent_move: raw.on_parent_move.map(|name| name.0),
            on_server_move: raw.on_server_move.map(|name| name.0),
            calendars: raw.calendar.into_iter().map(|(name, calendar)| (name.0, self::calendar(calendar))).collect(),
            roles: raw
                .role
                .into_iter()
                .map(|(name, role)| (name.0, Role { side: role.side, title: role.title }))
                .collect(),
            fields: raw
                .field
                .into_iter()
                .map(|(name, field)| {
                    let place = self.place(&name);
                    (name.into_inner().0, self::field(field, place))
                })
                .collect(),
            clocks: raw
                .clock
                .into_iter()
                .map(|(name, clock)| {
                    let place = self.place(&name);
                    (name.into_inner().0, self::clock(clock, place))
                })
                .collect(),
            states: states.into_iter().map(|(_, state)| state).collect(),
            anywhere: raw.anywhere.into_iter().map(|rule| self.rule(rule, true, Style::Other)).collect(),
            progress: raw.progress.into_iter().map(|progress| self.progress(progress)).collect(),
            file: self.source.file.to_owned(),
            hash,
            index: BTreeMap::new(),
            anywhere_at: Vec::new(),
        };
        definition.connect();
        definition
    }

    fn state(&mut self, id: &Spanned<Name>, raw: RawState) -> State {
        let mut texts = vec![&raw.customer.headline, &raw.customer.body, &raw.customer.next];
        texts.extend(raw.engineer.iter().flat_map(|wording| [&wording.headline, &wording.body]));
        texts.extend(raw.checklist.iter().map(|item| &item.text));
        let shown: BTreeSet<String> = texts
            .into_iter()
            .flat_map(|text| placeholders(text))
            .filter(|name| !name.starts_with("brand."))
            .map(ToOwned::to_owned)
            .collect();
        let rules = raw
            .on
            .into_iter()
            .enumerate()
            .map(|(index, rule)| self.rule(rule, false, if index == 0 { Style::Main } else { Style::Other }));
        let rules = rules.collect();
        let enter = self.orders(raw.enter);
        State {
            id: id.get_ref().0.clone(),
            kind: raw.kind,
            phase: raw.phase,
            owner: raw.owner.map(|name| name.0),
            clock: raw.clock.map(|name| name.0),
            title: raw.title,
            customer: Wording { headline: raw.customer.headline, body: raw.customer.body, next: raw.customer.next },
            engineer: raw.engineer.map(|wording| EngineerWording { headline: wording.headline, body: wording.body }),
            outcome: raw.outcome.map(|name| name.0),
            enter,
            covers: raw.covers.into_iter().map(|step| step.0).collect(),
            checklist: raw
                .checklist
                .into_iter()
                .map(|item| Item {
                    id: item.id.0,
                    text: item.text,
                    covers: item.covers.into_iter().map(|step| step.0).collect(),
                })
                .collect(),
            rules,
            place: self.place(id),
            placeholders: shown,
        }
    }

    fn rule(&mut self, raw: RawRule, anywhere: bool, style: Style) -> Rule {
        let place = self.place(&raw.event);
        let event = raw.event.into_inner().0;
        if anywhere && raw.phases.is_empty() {
            self.fault(place, format!("the anywhere-rule `{event}` lacks the key `phases`"));
        }
        let everywhere = !raw.phases.is_empty() || !raw.except.is_empty() || !raw.owners.is_empty();
        if everywhere && !anywhere {
            self.fault(place, format!("`{event}`: `phases`, `except` and `owners` belong to [[anywhere]] only"));
        }
        if raw.branch.len() == 1 {
            self.fault(place, format!("`{event}` has one branch; write `to` or add the other branches"));
        }
        let mut branches: Vec<Branch> = Vec::new();
        if let Some(to) = raw.to {
            branches.push(Branch {
                guard: None,
                place: self.place(&to),
                to: target(to.into_inner().0),
                orders: Vec::new(),
            });
        }
        for branch in raw.branch {
            branches.push(Branch {
                guard: self.guard(&branch.when),
                place: self.place(&branch.to),
                to: target(branch.to.into_inner().0),
                orders: self.orders(branch.effects),
            });
        }
        let condition = raw
            .when
            .as_ref()
            .and_then(|when| self.guard(when))
            .map(|guard| Condition { guard, refuse: raw.refuse.unwrap_or_default() });
        Rule {
            event,
            label: raw.label,
            help: raw.help,
            style: raw.style.unwrap_or(style),
            by: raw.by.into_iter().map(|name| name.0).collect(),
            ask: strings(raw.ask),
            may: strings(raw.may),
            scope: raw.scope.into_iter().map(|(name, scope)| (name.0, scope.0.into())).collect(),
            second_contact: raw.second_contact,
            condition,
            branches,
            orders: self.orders(raw.effects),
            covers: raw.covers.into_iter().map(|step| step.0).collect(),
            phases: raw.phases.into_iter().collect(),
            except: strings(raw.except),
            owners: raw.owners.into_iter().map(|name| name.0).collect(),
            place,
        }
    }

    fn progress(&mut self, raw: RawProgress) -> Progress {
        let steps = raw.steps.into_iter().map(|step| ProgressRule {
            place: self.place(&step.title),
            title: step.title.into_inner(),
            states: strings(step.states),
            trouble: strings(step.trouble),
        });
        let steps = steps.collect();
        Progress {
            guard: raw.when.as_ref().and_then(|when| self.guard(when)),
            place: self.place(&raw.title),
            title: raw.title.into_inner(),
            steps,
        }
    }

    /// A guard, whose own columns are turned into columns of the file.
    fn guard(&mut self, text: &Spanned<String>) -> Option<Guard> {
        let place = self.place(text);
        match Guard::parse(text.get_ref()) {
            Ok(guard) => Some(guard),
            Err(error) => {
                let inside = u32::try_from(error.column).unwrap_or(0);
                let place = Place { column: place.column.saturating_add(inside), ..place };
                self.faults.push(place.error(self.source.file, Code::W02, error.to_string()));
                None
            }
        }
    }

    fn orders(&self, effects: Vec<Spanned<RawEffect>>) -> Vec<Order> {
        effects
            .into_iter()
            .map(|effect| Order { place: self.place(&effect), verb: verb(effect.into_inner()) })
            .collect()
    }

    fn place<T>(&self, spanned: &Spanned<T>) -> Place {
        self.source.place(spanned.span().start)
    }

    fn fault(&mut self, place: Place, message: String) {
        self.faults.push(place.error(self.source.file, Code::W01, message));
    }
}

/// SHA-256 over everything but wording, as hexadecimal digits.
fn hash(raw: &RawDefinition) -> String {
    let canonical = serde_json::to_vec(raw).unwrap_or_default();
    Sha256::digest(&canonical).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn calendar(raw: RawCalendar) -> Calendar {
    let (opens_minute, closes_minute) = minutes(&raw.hours);
    Calendar {
        days: raw.days.into_iter().collect(),
        opens_minute,
        closes_minute,
        time_zone: raw.tz,
        holidays: raw.holidays,
    }
}

/// Minutes after midnight of both ends; the shape is already checked.
fn minutes(hours: &Hours) -> (u16, u16) {
    let minute = |time: &str| {
        let (hours, minutes) = time.split_once(':').unwrap_or(("0", "0"));
        hours.parse::<u16>().unwrap_or(0) * 60 + minutes.parse::<u16>().unwrap_or(0)
    };
    hours.0.split_once('-').map_or((0, 0), |(opens, closes)| (minute(opens), minute(closes)))
}

fn field(raw: RawField, place: Place) -> Field {
    let limit =
        if matches!(raw.field_type, FieldType::IpList | FieldType::NumberList) { LIST_LIMIT } else { TEXT_LIMIT };
    Field {
        field_type: raw.field_type,
        label: raw.label,
        help: raw.help,
        options: raw.options,
        scope: raw.scope.unwrap_or(Scope::Any),
        max: raw.max.and_then(|max| usize::try_from(max).ok()).unwrap_or(limit),
        must_be: raw.must_be,
        default: raw.default.map(|scalar| scalar.0),
        set_by: raw.set_by.into_iter().map(|name| name.0).collect(),
        sensitive: raw.sensitive,
        store: raw.store.unwrap_or(Store::Case),
        place,
    }
}

fn clock(raw: RawClock, place: Place) -> ClockRule {
    ClockRule {
        calendar: raw.calendar.map(|name| name.0),
        due: due(raw.due.as_ref(), raw.due_at),
        remind: raw.remind.iter().map(delay).collect(),
        remind_before: raw.remind_before.iter().map(delay).collect(),
        escalate: raw
            .escalate
            .into_iter()
            .map(|escalation| Escalation { after: delay(&escalation.after), to: escalation.to.0 })
            .collect(),
        expire: raw.expire.map(|expiry| Expiry { when: due(expiry.after.as_ref(), expiry.at), event: expiry.event.0 }),
        place,
    }
}

/// Exactly one of the two is there; the shape is already checked.
fn due(after: Option<&DelayText>, at: Option<Name>) -> Due {
    match at {
        Some(field) => Due::At(field.0),
        None => Due::After(after.map_or_else(no_delay, delay)),
    }
}

fn delay(text: &DelayText) -> Delay {
    Delay::parse(&text.0).unwrap_or_else(no_delay)
}

fn no_delay() -> Delay {
    Delay { amount: 0, unit: super::model::DelayUnit::Minutes }
}

fn target(text: String) -> Target {
    match text.as_str() {
        "@same" => Target::Same,
        "@previous" => Target::Previous,
        _ => Target::State(text),
    }
}

fn verb(raw: RawEffect) -> Verb {
    match raw {
        RawEffect::Mail(raw) => Verb::Mail { template: raw.mail.0, to: raw.to.0 },
        RawEffect::OpenCase(raw) => Verb::OpenCase { queue: raw.open_case.0, priority: raw.priority },
        RawEffect::CloseCase(raw) => Verb::CloseCase { outcome: raw.close_case.0 },
        RawEffect::Set(raw) => Verb::Set { field: raw.set.0, value: raw.value.0 },
        RawEffect::Unset(raw) => Verb::Unset { field: raw.unset.0 },
        RawEffect::Probe(raw) => {
            Verb::Probe { level: raw.probe, kind: raw.kind, host: raw.host.0, port: raw.port.0, answers: raw.answers.0 }
        }
        RawEffect::Whitelist(raw) => {
            Verb::Whitelist { action: raw.whitelist, side: raw.side, host: raw.host.0, port: raw.port.0 }
        }
        RawEffect::Apply(raw) => Verb::Apply { kind: raw.apply, answers: raw.answers.0 },
        RawEffect::SendTestAlert(raw) => {
            Verb::SendTestAlert { path: raw.send_test_alert, to: raw.to.0, answers: raw.answers.0 }
        }
        RawEffect::Spawn(raw) => Verb::Spawn {
            workflow: raw.spawn.0,
            priority: raw.priority,
            with: (raw.fields.into_iter().map(|name| (name.0.clone(), name.0)))
                .chain(raw.also.into_iter().map(|(theirs, ours)| (theirs.0, ours.0)))
                .collect(),
            secrets: strings(raw.secrets),
        },
        RawEffect::Signal(raw) => Verb::Signal {
            signal: raw.signal.0,
            with: raw.fields.into_iter().map(|(theirs, ours)| (theirs.0, ours.0)).collect(),
            secrets: strings(raw.secrets),
        },
    }
}

fn strings(names: Vec<Name>) -> Vec<String> {
    names.into_iter().map(|name| name.0).collect()
}
