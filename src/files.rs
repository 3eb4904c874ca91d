//! Files that are there whole or not at all, after a power cut too.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::clock::fresh_id;

/// Writes `bytes` as `folder/name`, readable by the owner only (0600), replacing what was there in one step: a reader
/// sees the old file or the new one. Returns when file and folder are on the disk. The folder is made if it is missing.
/// Blocks; call it from `spawn_blocking`. Errors are those of the file system; nothing half-written stays behind.
pub fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(name);
    // The identifier keeps two writers of the same name out of each other's way.
    let draft = folder.join(format!(".{name}.{}.tmp", fresh_id()));
    let written = write_and_rename(&draft, &path, bytes);
    if written.is_err() && fs::remove_file(&draft).is_err() {
        tracing::warn!(draft = %draft.display(), "an unfinished file could not be removed");
    }
    written?;
    File::open(folder)?.sync_all()?;
    Ok(path)
}

fn write_and_rename(draft: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(draft, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("made/on/the/way");
        write_whole(&inside, "a.json", b"a long first version").unwrap();
        let path = write_whole(&inside, "a.json", b"short").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 1, "no draft stays behind");
    }

    #[test]
    fn a_name_that_cannot_be_written_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("taken")).unwrap();
        assert!(write_whole(folder.path(), "taken", b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
