//! Commands: each arm parses, calls one function and turns its outcome into an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// `postern classify`.
mod classify;
/// A mail server that we did not write, for the demo walk and for tests.
pub mod foreign_smtp;
/// `postern probe`.
mod probe;
/// `postern workflow`.
mod workflow;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "postern", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether addresses and networks are private, shared, public or rejected, and why
    Classify(classify::ClassifyArgs),
    /// Test a server stage by stage
    Probe(probe::ProbeArgs),
    /// Check, run, walk and draw workflow definitions
    #[command(subcommand)]
    Workflow(workflow::WorkflowCommand),
}

/// Runs the command line. A command line that cannot be understood ends with exit code 2.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Classify(args) => classify::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Workflow(command) => workflow::run(&command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
