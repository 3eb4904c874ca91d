//! Commands: each arm parses, calls one function and turns its outcome into an exit code.

use std::process::ExitCode;

/// Runs the command line.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
