//! The report of a test as the command line prints it: one JSON object, or text.

use std::io::{self, Write};

use crate::smtp::report::{PathReport, Report, Status, Target, Verdict};

/// One JSON object on a line.
pub(super) fn write_json(report: &Report, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, report)?;
    writeln!(output)
}

/// Verdict, stages, evidence, who acts.
pub(super) fn write_text(report: &Report, output: &mut impl Write) -> io::Result<()> {
    let Target { host, port, encryption } = &report.target;
    let verdict = match report.verdict {
        Verdict::Reachable => "Reachable",
        Verdict::ReachableWithWarnings => "Reachable with warnings",
        Verdict::Unconfirmed => "Sent, cannot be confirmed",
        Verdict::NotReachable => "Not reachable",
        Verdict::Deferred => "Deferred: test again later",
        Verdict::CouldNotTell => "Could not tell",
        Verdict::Refused => "Refused: nothing was sent",
    };
    writeln!(output, "{verdict}: {host} port {port}, {encryption}")?;
    if let Some(source) = &report.source {
        writeln!(output, "from {source}, {} ms", report.ms)?;
    }
    if let Some(seconds) = report.retry_after_s {
        writeln!(output, "the server asks to wait {seconds} s before the next attempt")?;
    }
    writeln!(output)?;
    for stage in &report.stages {
        let status = match stage.status {
            Status::Pass => "passed",
            Status::Warn => "warning",
            Status::Fail => "failed",
            Status::Deferred => "deferred",
            Status::Skipped => "not needed",
            Status::NotRun => "not run",
        };
        let cause = stage.cause.map_or_else(String::new, |cause| format!("  {cause}: {}", cause.entry().title));
        writeln!(output, "{:<10} {status:<10} {:>7} ms{cause}", stage.stage.as_str(), stage.ms)?;
        if let (Some(detail), Some(_)) = (&stage.detail, stage.cause) {
            writeln!(output, "           {detail}")?;
        }
        for line in stage.server_lines.iter().filter(|_| stage.cause.is_some()) {
            writeln!(output, "           server: {line}")?;
        }
    }
    write_rows(report, output)?;
    if let Some(cause) = report.cause {
        let entry = cause.entry();
        writeln!(output, "\nActs next: {}", entry.owner.as_str())?;
        writeln!(output, "Customer:  {}\nEngineer:  {}", entry.remedy_customer, entry.remedy_engineer)?;
    }
    for warning in &report.warnings {
        let entry = warning.entry();
        writeln!(output, "\nWarning:   {} ({})\n           {}", entry.title, entry.id, entry.remedy_customer)?;
    }
    if let Some(test_id) = &report.test_id {
        writeln!(output, "\nLook for {test_id} on the SYSLOG receiver: only that shows that the message arrived.")?;
    }
    if let Some(proposal) = report.proposal {
        writeln!(output, "\nProposed encryption: {proposal}")?;
    }
    Ok(())
}

fn write_rows(report: &Report, output: &mut impl Write) -> io::Result<()> {
    if let Some(path) = &report.path {
        write_path(path, output)?;
    }
    if report.addresses.len() > 1 {
        writeln!(output, "\nAddresses")?;
        for row in &report.addresses {
            let cause = row.cause.map_or("works", |cause| cause.id());
            writeln!(output, "  {}  {cause}  {} ms", row.address, row.ms)?;
        }
    }
    if !report.recipients.is_empty() {
        writeln!(output, "\nRecipients")?;
        for row in &report.recipients {
            let code = row.code.map_or_else(String::new, |code| code.to_string());
            writeln!(output, "  {}  {code} {}", row.address, row.text)?;
        }
    }
    if let Some(certificate) = &report.certificate {
        writeln!(output, "\nCertificate\n  holder  {}\n  issuer  {}", certificate.subject, certificate.issuer)?;
        writeln!(output, "  names   {}", certificate.names.join(", "))?;
        writeln!(
            output,
            "  valid   {} to {}",
            certificate.not_before.format("%Y-%m-%d"),
            certificate.not_after.format("%Y-%m-%d")
        )?;
        writeln!(output, "  SHA-256 {}\n  chain {}, name {}", certificate.sha256, certificate.chain, certificate.name)?;
    }
    Ok(())
}

fn write_path(path: &PathReport, output: &mut impl Write) -> io::Result<()> {
    writeln!(output, "\nPath")?;
    if let Some(interface) = &path.interface {
        let by = path.gateway.as_ref().map_or_else(String::new, |gateway| format!(" by {gateway}"));
        writeln!(output, "  leaves  {interface}{by}")?;
    }
    if let Some(selector) = &path.selector {
        writeln!(output, "  on record in {selector}")?;
    }
    if let Some(tunnel) = &path.tunnel {
        let since =
            tunnel.since.map_or_else(String::new, |since| format!(" since {}", since.format("%Y-%m-%d %H:%M:%S UTC")));
        writeln!(output, "  tunnel  {}: {}{since}", tunnel.kind, tunnel.detail)?;
    }
    if let (Some(sent), Some(received)) = (path.sent, path.received) {
        writeln!(output, "  during the attempt {sent} packets went in and {received} came out")?;
    }
    if let Some(by) = &path.refused_by {
        writeln!(output, "  ICMP type {}, code {} from {}", by.icmp_type, by.icmp_code, by.address)?;
    }
    if let Some(echo) = &path.echo {
        let answer = echo.ms.map_or_else(|| "no answer".to_owned(), |ms| format!("answer after {ms} ms"));
        writeln!(output, "  echo to {}: {answer}", echo.address)?;
    }
    for candidate in &path.candidates {
        writeln!(output, "  possible: {candidate}")?;
    }
    Ok(())
}
