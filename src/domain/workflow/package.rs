//! The files of one folder, read together: definitions, procedure, examples and, where it was published, its lock.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::Definition;
use super::diagnostic::{Code, Diagnostic, Place, Source};
use super::parse::{parse, read};
use super::raw::RawProcedure;
use super::scenario::{self, Scenario};

/// Definitions that belong together, with what is tested against them.
#[derive(Debug, Clone)]
pub struct Package {
    /// The definitions by name.
    pub definitions: BTreeMap<String, Definition>,
    /// The procedure that they carry out.
    pub procedure: Vec<Step>,
    /// Executable examples.
    pub scenarios: Vec<Scenario>,
    /// The hash under which the package was published, if it was.
    pub lock: Option<String>,
}

/// One step of the procedure, in the words of the manual's reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number: P and two digits.
    pub id: String,
    /// What it says.
    pub text: String,
    /// The file it stands in.
    pub file: String,
    /// Where it stands.
    pub place: Place,
}

impl Package {
    /// Reads the files of a folder, given as (name relative to the folder, text): `*.toml` are definitions,
    /// `procedure.toml` the procedure, `scenarios/*.toml` examples, `LOCK` the published hash. Other files are left alone.
    ///
    /// # Errors
    /// Every fault of every file, in the order of files and lines.
    pub fn from_files(files: Vec<(String, String)>) -> Result<Self, Vec<Diagnostic>> {
        let mut package =
            Self { definitions: BTreeMap::new(), procedure: Vec::new(), scenarios: Vec::new(), lock: None };
        let mut faults = Vec::new();
        for (file, text) in files {
            if let Err(found) = package.add(&file, &text) {
                faults.extend(found);
            }
        }
        if package.definitions.is_empty() && faults.is_empty() {
            let message = "there is no definition in this folder: a .toml file beside procedure.toml";
            faults.push(Place::START.error("workflow.toml", Code::W01, message));
        }
        faults.sort();
        if faults.is_empty() { Ok(package) } else { Err(faults) }
    }

    /// SHA-256 over the definitions without their wording, as hexadecimal digits; what a lock holds.
    pub fn hash(&self) -> String {
        let mut digest = Sha256::new();
        for (id, definition) in &self.definitions {
            digest.update(format!("{id} {}\n", definition.hash()));
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The main definition, if there is exactly one.
    pub fn main(&self) -> Option<&Definition> {
        let mut mains = self.definitions.values().filter(|definition| definition.kind == super::Kind::Main);
        mains.next().filter(|_| mains.next().is_none())
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), Vec<Diagnostic>> {
        let name = file.rsplit('/').next().unwrap_or(file);
        let is_example = file.split('/').any(|part| part == "scenarios");
        match name {
            "LOCK" => self.lock = Some(text.trim().to_owned()),
            "procedure.toml" => self.procedure.extend(procedure(file, text)?),
            _ if !name.ends_with(".toml") => {}
            _ if is_example => self.scenarios.extend(scenario::parse(file, text)?),
            _ => {
                let definition = parse(file, text)?;
                if let Some(other) = self.definitions.get(&definition.id) {
                    let message = format!("the workflow {} is already defined in {}", definition.id, other.file);
                    return Err(vec![Place::START.error(file, Code::W01, message)]);
                }
                self.definitions.insert(definition.id.clone(), definition);
            }
        }
        Ok(())
    }
}

fn procedure(file: &str, text: &str) -> Result<Vec<Step>, Vec<Diagnostic>> {
    let source = Source::new(file, text);
    let raw: RawProcedure = read(&source)?;
    let mut seen = BTreeSet::new();
    let mut steps = Vec::new();
    for step in raw.step {
        let place = source.place(step.id.span().start);
        let id = step.id.into_inner().0;
        if !seen.insert(id.clone()) {
            return Err(vec![place.error(file, Code::W01, format!("the step {id} appears twice"))]);
        }
        steps.push(Step { id, text: step.text, file: file.to_owned(), place });
    }
    Ok(steps)
}
