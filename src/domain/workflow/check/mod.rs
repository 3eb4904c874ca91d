//! What is wrong with a package before any case meets it: W02 to W27 (W01 is what reading it found, W23 what a map found).

/// W11: clocks.
mod clocks;
/// W18, W21, W22, W24: what only the package as a whole shows.
mod family;
/// W13, W14, W15, W19, W20: fields and words.
mod fields;
/// W25, W26: mails.
mod mails;
/// W02: references.
mod references;
/// W04, W08, W09, W10, W17: the shape of states.
mod states;
/// Types of what guards compare.
mod types;

use super::diagnostic::{Code, Diagnostic, Place, Severity};
use super::explore::{Exploration, explore};
use super::package::Package;
use super::template::TemplateFacts;
use super::{Definition, Kind};

/// Checks a package against itself and the mail templates that exist. The findings come in the order of files and lines.
pub fn check(package: &Package, templates: &[TemplateFacts]) -> Vec<Diagnostic> {
    let mut found = Findings::default();
    for definition in package.definitions.values() {
        references::check(definition, package, &mut found.of(definition));
    }
    // What leads nowhere would only be reported again, in other words, by every later check.
    if !found.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        for definition in package.definitions.values() {
            let mut found = found.of(definition);
            states::check(definition, &mut found);
            clocks::check(definition, &mut found);
            fields::check(definition, &mut found);
        }
        let explorations = explorations(package);
        for (definition, exploration) in &explorations {
            mails::check(definition, exploration, templates, &mut found.of(definition));
        }
        for exploration in explorations.into_iter().map(|(_, exploration)| exploration) {
            exploration.findings.into_iter().for_each(|diagnostic| found.add(diagnostic));
        }
        family::check(package, &mut found);
    }
    found.list.sort();
    found.list.dedup();
    found.list
}

/// Searches the main definitions first, because children start with what their parents give them.
fn explorations(package: &Package) -> Vec<(&Definition, Exploration<'_>)> {
    let mut explored: Vec<(&Definition, Exploration<'_>)> = Vec::new();
    for kind in [Kind::Main, Kind::Child] {
        for definition in package.definitions.values().filter(|definition| definition.kind == kind) {
            let mut seeds = std::collections::BTreeSet::new();
            for (_, parent) in &explored {
                seeds.extend(parent.spawned.get(&definition.id).cloned().unwrap_or_default());
            }
            let seeds = (!seeds.is_empty()).then_some(seeds);
            explored.push((definition, explore(definition, &package.definitions, seeds.as_ref())));
        }
    }
    explored
}

/// Findings while they are gathered.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Diagnostic>,
}

impl Findings {
    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    fn of<'a>(&'a mut self, definition: &'a Definition) -> FileFindings<'a> {
        FileFindings { file: &definition.file, findings: self }
    }
}

/// Findings about one file.
pub(super) struct FileFindings<'a> {
    file: &'a str,
    findings: &'a mut Findings,
}

impl FileFindings<'_> {
    pub(super) fn error(&mut self, code: Code, place: Place, message: impl Into<String>) {
        self.findings.add(place.error(self.file, code, message));
    }

    pub(super) fn warning(&mut self, code: Code, place: Place, message: impl Into<String>) {
        self.findings.add(place.warning(self.file, code, message));
    }
}
