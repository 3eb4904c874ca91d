//! `postern classify`: one verdict per value, in the order of the values.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::process::ExitCode;

use clap::Args;

use crate::domain::address::text::escaped;
use crate::domain::address::{Class, Classified, Options, classify};

/// Widest value in its column; IPv6 text needs at most 43 characters with a prefix length.
const COLUMN_LIMIT: usize = 43;
/// How much of one line of standard input is read, in octets. What is longer is cut and rejected as text.
const LINE_LIMIT: u64 = 64 * 1024;

/// Arguments of `postern classify`.
#[derive(Debug, Args)]
pub(super) struct ClassifyArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Accept documentation networks (RFC 5737, 3849, 9637) as public, for labs
    #[arg(long)]
    allow_documentation: bool,
    /// Addresses or networks; - reads one per line from standard input
    #[arg(required = true, value_name = "VALUE", allow_negative_numbers = true)]
    values: Vec<OsString>,
}

/// Prints the verdicts. Exit code 0 where no value was rejected, else 1.
pub(super) fn run(args: &ClassifyArgs) -> ExitCode {
    let mut output = BufWriter::new(io::stdout().lock());
    match write_all(args, &mut io::stdin().lock(), &mut output).and_then(|clean| output.flush().map(|()| clean)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // A reader that has seen enough closes the pipe; that needs no message.
            if error.kind() != io::ErrorKind::BrokenPipe {
                // Where standard error is closed too, the exit code alone tells.
                drop(writeln!(io::stderr().lock(), "postern classify: cannot read or write: {error}"));
            }
            ExitCode::FAILURE
        }
    }
}

/// Returns whether no value was rejected.
fn write_all(args: &ClassifyArgs, input: &mut impl Read, output: &mut impl Write) -> io::Result<bool> {
    let options = Options { allow_documentation: args.allow_documentation };
    let values = args.values.iter().map(|value| escaped(&value.to_string_lossy()).chars().count());
    let reads_input = args.values.iter().any(|value| value == "-");
    let width = if reads_input { COLUMN_LIMIT } else { values.max().unwrap_or_default().min(COLUMN_LIMIT) };
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let mut clean = true;
    for value in &args.values {
        if value != "-" {
            clean &= write_one(&classify(&value.to_string_lossy(), options), args.json, width, output)?;
            continue;
        }
        let mut line = Vec::new();
        while read_line(&mut input, &mut line)? {
            clean &= write_one(&classify(&String::from_utf8_lossy(&line), options), args.json, width, output)?;
            // Whoever writes a line and waits for its answer gets it.
            if input.buffer().is_empty() {
                output.flush()?;
            }
        }
    }
    Ok(clean)
}

/// Reads a line without its end (LF or CR LF) into `line`; false at the end of the input.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if input.by_ref().take(LINE_LIMIT).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.pop_if(|last| *last == b'\n').is_none() {
        input.skip_until(b'\n')?;
    }
    line.pop_if(|last| *last == b'\r');
    Ok(true)
}

fn write_one(verdict: &Classified, json: bool, width: usize, output: &mut impl Write) -> io::Result<bool> {
    if json {
        serde_json::to_writer(&mut *output, verdict)?;
        writeln!(output)?;
    } else {
        writeln!(output, "{}", line(verdict, width))?;
    }
    Ok(verdict.class != Class::Rejected)
}

/// The line for people: value, class, then what it is read as, or the code with reason and offers.
fn line(verdict: &Classified, width: usize) -> String {
    let mut line = format!("{:<width$}  {:<8}  ", escaped(&verdict.input), verdict.class);
    match (&verdict.code, &verdict.reason) {
        (Some(code), Some(reason)) => line.push_str(&format!("{code}: {reason}")),
        (Some(_) | None, _) => {
            line.push_str(verdict.canonical.as_deref().unwrap_or_default());
            if let Some(source) = &verdict.source {
                line.push_str(&format!(" ({source})"));
            }
        }
    }
    if !verdict.suggest.is_empty() {
        line.push_str(&format!("; possibly meant: {}", verdict.suggest.join(", ")));
    }
    for warning in &verdict.warnings {
        line.push_str(&format!("; note: {warning}"));
    }
    line
}
