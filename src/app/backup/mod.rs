//! Backup: everything of the database in one file, made while the service runs, that restores into either database.
//!
//! The master key is not in it, so a backup in the wrong hands opens no secret; keep a copy of the key elsewhere.

mod container;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::store::migrate::newest;
use crate::store::portable::{Snapshot, Sums};
use crate::store::{Db, StoreError, deliveries, outbox, personal_mails};

/// How many backups before migrations are kept.
const KEPT: usize = 3;
/// What the names of those begin with.
const BEFORE: &str = "before-migration-";
/// What the name of a backup ends with.
const SUFFIX: &str = ".postern-backup";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The version that made it.
    pub version: String,
    /// `SQLite` or `PostgreSQL`: where it was made.
    pub database: String,
    /// The schema of its tables.
    pub schema: i64,
    /// Rows and hash of every table.
    pub tables: Sums,
}

impl Manifest {
    /// Number of rows of a table.
    pub fn rows(&self, table: &str) -> u64 {
        self.tables.get(table).map_or(0, |sum| sum.rows)
    }
}

/// What a restore left behind.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What the backup held.
    pub manifest: Manifest,
    /// Effects that were waiting and are held.
    pub held: u64,
}

/// Why a backup was not made, verified or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file cannot be read or written.
    #[error("backup file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not what was written.
    #[error("backup file {path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// The file is of a newer build.
    #[error(
        "the backup has schema {found} and was made by postern {version}; this build knows schemas up to {known}: use that version or a later one"
    )]
    Newer {
        /// The schema of the backup.
        found: i64,
        /// The newest schema of this build.
        known: i64,
        /// The version that made it.
        version: String,
    },
    /// The database.
    #[error("the database did not do what was asked")]
    Store(#[from] StoreError),
    /// The task that worked on the file ended without an answer.
    #[error("work on the file was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl From<BackupError> for Error {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Store(error) => Self::Store(error),
            other @ (BackupError::File { .. }
            | BackupError::Damaged { .. }
            | BackupError::Newer { .. }
            | BackupError::Interrupted(_)) => Self::Internal(other.to_string()),
        }
    }
}

/// Writes everything that the database holds at this instant into `file`, which is not there yet.
///
/// # Errors
/// [`BackupError`] names the file or says what the database says.
pub async fn create(db: &Db, file: &Path, now: DateTime<Utc>) -> Result<Manifest, BackupError> {
    let failed = |source| BackupError::File { path: file.to_owned(), source };
    if file.exists() {
        return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside the file, so that the last step is a rename; only the owner can enter it.
    let work = tempfile::Builder::new().prefix(".postern-backup-").tempdir_in(folder).map_err(failed)?;
    let database = work.path().join("database");
    let snapshot = Snapshot::take(db, &database).await?;
    let manifest = Manifest {
        created_at: now,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        database: db.kind().to_owned(),
        schema: snapshot.schema().await?,
        tables: snapshot.sums().await?,
    };
    snapshot.close().await;
    let (path, described) = (file.to_owned(), manifest.clone());
    tokio::task::spawn_blocking(move || container::write(&path, &described, &database)).await??;
    Ok(manifest)
}

/// Reads the whole file and says what it holds.
///
/// # Errors
/// [`BackupError::Damaged`] names what differs.
pub async fn verify(file: &Path) -> Result<Manifest, BackupError> {
    let opened = Opened::open(file).await?;
    opened.snapshot.close().await;
    Ok(opened.manifest)
}

/// Writes what a backup holds into a database that is empty. What the backup shows as waiting may have gone out after it
/// was made, so it is held, and so is all that comes up until an administrator ends that.
///
/// # Errors
/// [`BackupError`]; the database is as it was then.
pub async fn restore(db: &Db, file: &Path, now: DateTime<Utc>) -> Result<Restored, BackupError> {
    let opened = Opened::open(file).await?;
    let Opened { manifest, snapshot, _folder: folder } = opened;
    if manifest.schema > newest() {
        return Err(BackupError::Newer { found: manifest.schema, known: newest(), version: manifest.version });
    }
    snapshot.migrate().await?;
    let snapshot = Arc::new(snapshot);
    let source = Arc::clone(&snapshot);
    let held = db
        .write(move |tx| {
            let source = Arc::clone(&source);
            Box::pin(async move {
                source.pour_into(tx).await?;
                deliveries::hold(tx).await?;
                personal_mails::hold(tx).await?;
                Ok::<u64, BackupError>(outbox::hold(tx, now).await?)
            })
        })
        .await?;
    if let Some(snapshot) = Arc::into_inner(snapshot) {
        snapshot.close().await;
    }
    drop(folder);
    Ok(Restored { manifest, held })
}

/// A backup that was checked, with its database beside it.
struct Opened {
    manifest: Manifest,
    snapshot: Snapshot,
    /// Holds the database; vanishes with this value.
    _folder: tempfile::TempDir,
}

impl Opened {
    async fn open(file: &Path) -> Result<Self, BackupError> {
        let folder = tempfile::tempdir().map_err(|source| BackupError::File { path: file.to_owned(), source })?;
        let (path, database) = (file.to_owned(), folder.path().join("database"));
        let inside = database.clone();
        let manifest = tokio::task::spawn_blocking(move || container::read(&path, &inside)).await??;
        let damaged = |what: String| BackupError::Damaged { path: file.to_owned(), what };
        let snapshot = Snapshot::open(&database).await?;
        if let Some(fault) = snapshot.faults().await?.into_iter().next() {
            return Err(damaged(fault));
        }
        let (schema, sums) = (snapshot.schema().await?, snapshot.sums().await?);
        if schema != manifest.schema {
            return Err(damaged(format!("it says schema {} and holds schema {schema}", manifest.schema)));
        }
        let names: std::collections::BTreeSet<_> = sums.keys().chain(manifest.tables.keys()).collect();
        if let Some(name) = names.into_iter().find(|name| sums.get(*name) != manifest.tables.get(*name)) {
            return Err(damaged(format!("the table {name} does not hold what its description says")));
        }
        Ok(Self { manifest, snapshot, _folder: folder })
    }
}

/// Opens a database and brings its schema up to date. One that holds cases is backed up first, into the folder
/// `backups` of the data folder, where the last three such backups are kept.
///
/// # Errors
/// [`BackupError`]; without the backup nothing is migrated.
pub async fn open(url: &str, data: &Path, now: DateTime<Utc>) -> Result<Db, BackupError> {
    let db = Db::connect(url).await?;
    let schema = db.schema().await?;
    if schema > 0 && schema < newest() && db.has_cases().await? {
        let folder = data.join("backups");
        let failed = |source| BackupError::File { path: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let file = folder.join(format!("{BEFORE}{}-{}{SUFFIX}", newest(), now.format("%Y%m%dT%H%M%S%6fZ")));
        create(&db, &file, now).await?;
        tracing::info!(file = %file.display(), from = schema, to = newest(), "backed up before the migration");
        forget_oldest(&folder).map_err(failed)?;
    }
    db.migrate().await?;
    Ok(db)
}

/// Keeps the newest backups before migrations; others in the folder are somebody's and stay.
fn forget_oldest(folder: &Path) -> std::io::Result<()> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(BEFORE) && name.ends_with(SUFFIX) {
            found.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    found.sort();
    let surplus = found.len().saturating_sub(KEPT);
    found.into_iter().take(surplus).try_for_each(|(_, path)| std::fs::remove_file(path))
}
