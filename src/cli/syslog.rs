//! `postern probe syslog`: one test message, handed to a SYSLOG receiver.

use std::process::ExitCode;

use clap::Args;

use super::probe::{USAGE, WayArgs, complain, entered_way, run_request, target};
use crate::clock::{Clock, fresh_id};
use crate::domain::syslog::{TestLine, Transport};
use crate::probe::{SyslogEntered, refused_form};
use crate::smtp::report::Level;
use crate::smtp::stage::Stage;

/// What the help ends with.
pub(super) const EXAMPLES: &str = "Examples:
  postern probe syslog --host 10.20.4.16 --port 514 --transport udp --source 10.99.0.8
  postern probe syslog --host 10.20.4.16 --port 6514 --transport tls --tls-name siem.corp.example --ca-file ca.pem

No SYSLOG receiver answers. The test says whether the transport took the message, and prints a test id to look for.

Exit codes: 0 handed over, 2 cannot be used, 3 not reachable, 6 not allowed by policy, 9 could not tell";

/// Arguments of `postern probe syslog`.
#[derive(Debug, Args)]
pub(super) struct SyslogArgs {
    #[command(flatten)]
    way: WayArgs,
    #[arg(long, help = "udp, tcp or tls")]
    transport: String,
    #[arg(long, help = "How messages are parted in a stream: octet_counting (the default) or lf")]
    framing: Option<String>,
}

/// Runs the test and prints its report.
pub(super) fn run(args: &SyslogArgs) -> ExitCode {
    let common = match entered_way(&args.way) {
        Ok(common) => common,
        Err(message) => return complain(&message, USAGE),
    };
    let entered = SyslogEntered { common, transport: args.transport.clone(), framing: args.framing.clone() };
    let clock = Clock::System;
    let test_id = fresh_id().simple().to_string();
    let host = entered.common.source.as_deref().unwrap_or("postern");
    let line = TestLine { at: clock.now(), host, test_id: &test_id }.build();
    let request = entered.parse(line, test_id).map_err(|fault| {
        let stages = Stage::of_syslog(entered.transport().unwrap_or(Transport::Tcp));
        let target = target(&entered.common, entered.encryption());
        refused_form(&clock, target, Level::Reach, &stages, &fault)
    });
    run_request(request, &args.way)
}
