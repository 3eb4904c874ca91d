//! Programs of others that ours is compared with, where `tests/run setup` has installed them.

use std::path::{Path, PathBuf};

use postern::config::environment;

/// The Python that has what `tests/peers/requirements.txt` asks for; none where it is not installed, or another version is.
/// In CI it is always there.
pub(crate) fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted = std::fs::read_to_string(root.join("tests/peers/requirements.txt")).unwrap();
    let installed = std::fs::read_to_string(root.join("target/peers/installed.txt")).ok();
    let is_there = installed.is_some_and(|installed| installed == wanted);
    assert!(is_there || environment("CI").is_none(), "tests/run setup installs {}", wanted.trim());
    is_there.then(|| root.join("target/peers/venv/bin/python"))
}
