//! The definitions inside the binary and those of a folder beside it: parsed at start, so that a defect is found before
//! any case meets it, and compared with the cases that run on them.

use std::collections::BTreeMap;
use std::path::Path;

use rust_embed::RustEmbed;

use super::Error;
use crate::domain::case::WorkflowRef;
use crate::domain::channel::Channel;
use crate::domain::workflow::{Definition, Package};
use crate::store::{Db, versions};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/workflows"]
struct Files;

/// Definitions by id and version.
pub struct Workflows {
    by_version: BTreeMap<(String, i64), Definition>,
}

impl Workflows {
    /// Reads every embedded version and, where there is one, a folder with more of them (`smtp-vpn/v2/workflow.toml`).
    ///
    /// # Errors
    /// [`Error::Definitions`] names the first fault: a definition that does not parse, one that was edited after it was
    /// published, or a version that is there twice.
    pub fn load(folder: Option<&Path>) -> Result<Self, Error> {
        let mut all = Self { by_version: BTreeMap::new() };
        let embedded = Files::iter().filter_map(|path| {
            let file = Files::get(&path)?;
            Some((path.into_owned(), String::from_utf8_lossy(&file.data).into_owned()))
        });
        all.add("workflows", embedded.collect())?;
        if let Some(folder) = folder {
            let files = files_below(folder).map_err(|error| {
                Error::Definitions(format!("the definitions in {} cannot be read: {error}", folder.display()))
            })?;
            all.add(&folder.display().to_string(), files)?;
        }
        Ok(all)
    }

    fn add(&mut self, place: &str, files: Vec<(String, String)>) -> Result<(), Error> {
        let mut folders: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for (path, text) in files {
            // `smtp-vpn/v1/scenarios/main.toml` belongs to the folder `smtp-vpn/v1`.
            let mut parts = path.splitn(3, '/');
            if let (Some(id), Some(version), Some(rest)) = (parts.next(), parts.next(), parts.next())
                && version.starts_with('v')
            {
                folders.entry(format!("{id}/{version}")).or_default().push((rest.to_owned(), text));
            }
        }
        for (folder, files) in folders {
            let fault = |what: String| Error::Definitions(format!("{place}/{folder} {what}"));
            let package = Package::from_files(files).map_err(|faults| {
                let first = faults.first().map(ToString::to_string).unwrap_or_default();
                fault(format!("does not parse: {first}"))
            })?;
            if package.lock.as_ref().is_some_and(|lock| *lock != package.hash()) {
                return Err(fault(
                    "was edited after it was published; raise the version in a folder of its own".into(),
                ));
            }
            for (id, definition) in package.definitions {
                let key = (id, i64::from(definition.version));
                if self.by_version.contains_key(&key) {
                    return Err(fault(format!("defines {} version {} a second time", key.0, key.1)));
                }
                self.by_version.insert(key, definition);
            }
        }
        Ok(())
    }

    /// Whether every case runs on a definition that is here and is what it was when the case began.
    ///
    /// # Errors
    /// [`Error::Definitions`] names the definition and counts its cases; what the database says.
    pub async fn hold_all(&self, db: &Db) -> Result<(), Error> {
        let mut tx = db.read().await?;
        for (workflow, cases) in versions::counted(&mut tx).await? {
            let WorkflowRef { id, version, hash } = workflow;
            let what = match self.version(&id, version) {
                None => "which is missing: put its folder back",
                Some(definition) if definition.hash() != hash => {
                    "which was edited since: put it back, and publish what was changed as a version of its own"
                }
                Some(_) => continue,
            };
            let count = if cases == 1 { "1 case runs".to_owned() } else { format!("{cases} cases run") };
            return Err(Error::Definitions(format!("{count} on {id} version {version}, {what}")));
        }
        Ok(())
    }

    /// A definition by its id and version.
    pub fn version(&self, id: &str, version: i64) -> Option<&Definition> {
        self.by_version.get(&(id.to_owned(), version))
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

    /// The child workflow that runs beside a case: the one of the same version.
    ///
    /// # Errors
    /// [`Error::Internal`] where this build does not hold it.
    pub fn beside(&self, parent: &WorkflowRef, id: &str) -> Result<&Definition, Error> {
        self.by_version
            .get(&(id.to_owned(), parent.version))
            .ok_or_else(|| Error::Internal(format!("this build has no workflow {id} version {}", parent.version)))
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
        self.newest_of(channel.workflow())
    }

    /// The newest version of a workflow.
    ///
    /// # Errors
    /// [`Error::Internal`] where there is none.
    pub fn newest_of(&self, id: &str) -> Result<&Definition, Error> {
        self.by_version
            .iter()
            .rfind(|((known, _), _)| known == id)
            .map(|(_, definition)| definition)
            .ok_or_else(|| Error::Internal(format!("this build has no workflow {id}")))
    }
}

/// The text files of the version folders below a folder, named from there.
fn files_below(folder: &Path) -> std::io::Result<Vec<(String, String)>> {
    let (mut files, mut todo) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = todo.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            if path.is_dir() {
                todo.push(path);
            } else if name.ends_with(".toml") || name.ends_with("/LOCK") {
                files.push((name, std::fs::read_to_string(&path)?));
            }
        }
    }
    Ok(files)
}

/// The reference that a case keeps.
pub fn reference(definition: &Definition) -> WorkflowRef {
    WorkflowRef { id: definition.id.clone(), version: i64::from(definition.version), hash: definition.hash() }
}
