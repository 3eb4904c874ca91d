//! The backup file: a line with the format and a hash over everything after it, a line of JSON that says what is inside,
//! then a SQLite database. The hash covers every later byte, so damage anywhere is seen before anything is read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{BackupError, Manifest};
use crate::domain::log::hex;

/// What a backup begins with. A format that this build cannot read has another number.
const FORMAT: &str = "postern-backup 1";
/// Bytes of a line before it is taken for something else.
const LONGEST_LINE: u64 = 1 << 20;

/// Writes the file `path`, which is not there yet, readable by its owner only; it is there whole or not at all.
pub(super) fn write(path: &Path, manifest: &Manifest, database: &Path) -> Result<(), BackupError> {
    let failed = |source: io::Error| BackupError::File { path: path.to_owned(), source };
    let line = serde_json::to_string(manifest).map_err(|error| failed(error.into()))? + "\n";
    let mut hash = Sha256::new();
    hash.update(&line);
    File::open(database).and_then(|file| hash_all(file, &mut hash)).map_err(failed)?;
    let head = format!("{FORMAT} {}\n{line}", hex(&hash.finalize()));
    let draft = database.with_extension("draft");
    write_draft(&draft, &head, database).map_err(failed)?;
    if path.exists() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    fs::rename(&draft, path).map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn write_draft(draft: &Path, head: &str, database: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    let mut output = BufWriter::new(file);
    output.write_all(head.as_bytes())?;
    io::copy(&mut File::open(database)?, &mut output)?;
    output.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Reads the file, checks it, and writes the database that is inside to `database`.
pub(super) fn read(path: &Path, database: &Path) -> Result<Manifest, BackupError> {
    let failed = |source: io::Error| BackupError::File { path: path.to_owned(), source };
    let damaged = |what: &str| BackupError::Damaged { path: path.to_owned(), what: what.to_owned() };
    let mut input = BufReader::new(File::open(path).map_err(failed)?);
    let head = line(&mut input).map_err(failed)?;
    let promised = head
        .strip_prefix(FORMAT.as_bytes())
        .and_then(|rest| rest.strip_prefix(b" "))
        .ok_or_else(|| damaged("it does not begin as a backup of Postern does"))?;
    let described = line(&mut input).map_err(failed)?;
    let mut hash = Sha256::new();
    hash.update(&described);
    hash.update(b"\n");
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(database).map_err(failed)?;
    let mut output = BufWriter::new(file);
    let mut part = vec![0; 1 << 16];
    loop {
        let count = input.read(&mut part).map_err(failed)?;
        let Some(read) = part.get(..count).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
        output.write_all(read).map_err(failed)?;
    }
    output.flush().map_err(failed)?;
    if hex(&hash.finalize()).as_bytes() != promised {
        return Err(damaged("its SHA-256 is not the one that was written with it"));
    }
    serde_json::from_slice(&described).map_err(|error| damaged(&format!("its description cannot be read: {error}")))
}

/// The next line without its end.
fn line(input: &mut BufReader<File>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    input.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(line)
}

fn hash_all(mut file: File, hash: &mut Sha256) -> io::Result<()> {
    let mut part = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut part)?;
        let Some(read) = part.get(..count).filter(|read| !read.is_empty()) else { return Ok(()) };
        hash.update(read);
    }
}
