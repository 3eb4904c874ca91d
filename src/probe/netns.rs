//! Running a test inside another network namespace. Only a program with the right to do so (`CAP_SYS_ADMIN`) can; the
//! agent beside a gateway has it, the service has not.

use std::fs::File;
use std::path::Path;

use nix::sched::{CloneFlags, setns};

/// Where `ip netns` keeps the namespaces that have names.
const NAMED: &str = "/run/netns";

/// Moves the calling thread, and the threads it starts from then on, into a network namespace. Meant for a thread that
/// runs one test and ends.
///
/// # Errors
/// A sentence that names the namespace and says why it could not be entered.
pub fn enter(name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(format!("received {name:?}; give the name of a network namespace as `ip netns list` shows it"));
    }
    let path = Path::new(NAMED).join(name);
    let file = File::open(&path).map_err(|error| format!("the network namespace {name} cannot be opened: {error}"))?;
    setns(file, CloneFlags::CLONE_NEWNET)
        .map_err(|error| format!("the network namespace {name} cannot be entered: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_is_not_there_is_named_and_a_path_is_no_name() {
        assert!(enter("postern-has-no-such-namespace").unwrap_err().contains("postern-has-no-such-namespace"));
        for name in ["", "../net", "..", "a/b"] {
            assert!(enter(name).unwrap_err().starts_with("received"), "{name}");
        }
    }
}
