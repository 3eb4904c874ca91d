//! The definitions inside the binary: parsed and checked at start, so that a defect is found before any case meets it.

use std::collections::BTreeMap;

use rust_embed::RustEmbed;

use super::Error;
use crate::domain::case::WorkflowRef;
use crate::domain::channel::Channel;
use crate::domain::workflow::{Definition, Package};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/workflows"]
struct Files;

/// Definitions by id and version.
pub struct Workflows {
    by_version: BTreeMap<(String, i64), Definition>,
}

impl Workflows {
    /// Parses every embedded version.
    ///
    /// # Errors
    /// [`Error::Internal`] names the first fault.
    pub fn embedded() -> Result<Self, Error> {
        let mut folders: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for path in Files::iter() {
            // `smtp-vpn/v1/scenarios/main.toml` belongs to the folder `smtp-vpn/v1`.
            let mut parts = path.splitn(3, '/');
            if path.ends_with(".toml")
                && let (Some(id), Some(version), Some(rest)) = (parts.next(), parts.next(), parts.next())
                && version.starts_with('v')
                && let Some(file) = Files::get(&path)
            {
                let text = String::from_utf8_lossy(&file.data).into_owned();
                folders.entry(format!("{id}/{version}")).or_default().push((rest.to_owned(), text));
            }
        }
        let mut by_version = BTreeMap::new();
        for (folder, files) in folders {
            let package = Package::from_files(files).map_err(|faults| {
                let first = faults.first().map(ToString::to_string).unwrap_or_default();
                Error::Internal(format!("workflows/{folder} does not parse: {first}"))
            })?;
            for (id, definition) in package.definitions {
                by_version.insert((id, i64::from(definition.version)), definition);
            }
        }
        Ok(Self { by_version })
    }

    /// The definition that a case runs on.
    ///
    /// # Errors
    /// [`Error::Internal`] where this build does not hold it: cases keep the version that they began with.
    pub fn of(&self, workflow: &WorkflowRef) -> Result<&Definition, Error> {
        self.by_version.get(&(workflow.id.clone(), workflow.version)).ok_or_else(|| {
            Error::Internal(format!("this build has no workflow {} version {}", workflow.id, workflow.version))
        })
    }

    /// Every definition, by id and version.
    pub fn all(&self) -> impl Iterator<Item = &Definition> {
        self.by_version.values()
    }

    /// The newest version of the workflow that new cases of a channel begin with.
    ///
    /// # Errors
    /// [`Error::Internal`] where there is none.
    pub fn newest(&self, channel: Channel) -> Result<&Definition, Error> {
        let main = channel.workflow();
        self.by_version
            .iter()
            .rfind(|((id, _), _)| id == main)
            .map(|(_, definition)| definition)
            .ok_or_else(|| Error::Internal(format!("this build has no workflow {main}")))
    }
}

/// The reference that a case keeps.
pub fn reference(definition: &Definition) -> WorkflowRef {
    WorkflowRef { id: definition.id.clone(), version: i64::from(definition.version), hash: definition.hash() }
}
