//! `postern version`: what this build is.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::out::{self, Stop};
use crate::app::workflows::Workflows;
use crate::domain::channel::Channel;

/// Options of `postern version`.
#[derive(Debug, Args)]
pub(super) struct VersionArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the version, and as JSON the workflow of new cases too.
pub(super) fn run(args: &VersionArgs) -> ExitCode {
    out::end(write(args))
}

fn write(args: &VersionArgs) -> Result<(), Stop> {
    let version = env!("CARGO_PKG_VERSION");
    if !args.json {
        return out::print(&[format!("postern {version}")]);
    }
    let workflows = Workflows::load(None)?;
    let newest = workflows.newest(Channel::Smtp)?;
    let workflow = json!({"id": newest.id, "version": newest.version});
    out::print(&[json!({"name": "postern", "version": version, "workflow": workflow}).to_string()])
}
