//! How commands speak: data on standard output, talk on standard error, an exit code at the end (the list stands in
//! `Code`). Writing goes to locked streams, so that a closed pipe is an error and no panic.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use serde::Serialize;

use crate::app::Error;
use crate::app::chain;
use crate::domain::problem::ProblemCode;
use crate::store::StoreError;

/// Exit codes of commands, the same for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// It was not done.
    Failed = 1,
    /// The command line, or a value that no one could accept.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 4,
    /// It changed meanwhile.
    Changed = 5,
    /// Not allowed.
    NotAllowed = 6,
    /// Something that is needed is away: the database, the service.
    Away = 7,
}

/// Why a command ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// A sentence for standard error, and the exit code.
    Said(Code, String),
    /// The reader of standard output has gone; that needs no message.
    Closed,
}

impl Stop {
    /// A value that no one could accept: names the flag, what was received and what to do.
    pub(super) fn usage(flag: &str, received: &str, advice: impl std::fmt::Display) -> Self {
        let received = crate::domain::address::text::shown(received);
        Self::Said(Code::Usage, format!("{flag} is \"{received}\": {advice}"))
    }

    /// Nothing has this name.
    pub(super) fn not_found(what: &str, name: &str, advice: &str) -> Self {
        Self::Said(Code::NotFound, format!("no {what} is named \"{name}\": {advice}"))
    }

    /// The sentence, for a command that goes on although something failed.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Said(_, text) => text,
            Self::Closed => "standard output is closed",
        }
    }

    /// It was not done, for this reason.
    pub(super) fn failed(error: impl std::fmt::Display) -> Self {
        Self::Said(Code::Failed, error.to_string())
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::failed(format!("standard output cannot be written: {error}"))
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable(_) => Code::Away,
            StoreError::Duplicate(_) => Code::Usage,
            StoreError::Contended
            | StoreError::Corrupt { .. }
            | StoreError::Unfit(_)
            | StoreError::Interrupted(_)
            | StoreError::Database(_) => Code::Failed,
        };
        Self::Said(code, last_words(&Error::Store(error)))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        const CODES: &[(ProblemCode, Code)] = &[
            (ProblemCode::NotFound, Code::NotFound),
            (ProblemCode::Forbidden, Code::NotAllowed),
            (ProblemCode::SignedOut, Code::NotAllowed),
            (ProblemCode::Unproved, Code::NotAllowed),
            (ProblemCode::FactorMissing, Code::NotAllowed),
            (ProblemCode::WrongPassword, Code::NotAllowed),
            (ProblemCode::Throttled, Code::NotAllowed),
            (ProblemCode::TestTooSoon, Code::NotAllowed),
            (ProblemCode::Invalid, Code::Usage),
            (ProblemCode::ListChanged, Code::Changed),
        ];
        let code = CODES.iter().find(|(problem, _)| *problem == error.code()).map_or(Code::Failed, |(_, code)| *code);
        if let Error::Store(error) = error {
            return error.into();
        }
        Self::Said(code, last_words(&error))
    }
}

/// What a command says about an error before it ends: what happened and what to do, as pages and the API say it. Whoever
/// runs a command may also know what otherwise stands in the log only.
pub fn last_words(error: &Error) -> String {
    if let Error::Invalid(fields) = error {
        let texts = fields.iter().map(|field| format!("{}: {}", field.field, field.message));
        return texts.collect::<Vec<_>>().join("\n  ");
    }
    let for_the_log = error.code() == ProblemCode::Internal || matches!(error, Error::Store(_));
    let happened = if for_the_log { chain(error) } else { error.detail() };
    // What else a database does says itself what is in the way, and so does a definition that is missing.
    if matches!(error, Error::Store(_) | Error::Definitions(_)) && error.code() == ProblemCode::Internal {
        return happened;
    }
    format!("{happened}\n  {}", error.code().what_to_do())
}

/// One flag as a use case's field errors know it.
pub(super) struct Given<'v> {
    /// The field of the use case.
    pub(super) field: &'static str,
    /// The flag.
    pub(super) flag: &'static str,
    /// What was received; `None` for secrets, which are never shown.
    pub(super) received: Option<&'v str>,
}

/// As a use case's error, with a sentence of the command's own where what the command names does not exist.
pub(super) fn or_missing(error: Error, missing: impl FnOnce() -> Stop) -> Stop {
    if matches!(error, Error::NotFound) { missing() } else { error.into() }
}

/// Turns a use case's field errors into sentences about flags, one line each.
pub(super) fn about_flags(error: Error, given: &[Given<'_>]) -> Stop {
    let Error::Invalid(fields) = error else { return error.into() };
    let lines = fields.iter().map(|fault| match given.iter().find(|known| known.field == fault.field) {
        Some(Given { flag, received: Some(received), .. }) => {
            format!("{flag} is \"{}\": {}", crate::domain::address::text::shown(received), fault.message)
        }
        Some(Given { flag, received: None, .. }) => format!("{flag}: {}", fault.message),
        None => format!("{}: {}", fault.field, fault.message),
    });
    Stop::Said(Code::Usage, lines.collect::<Vec<_>>().join("\n  "))
}

/// Ends a command: the message goes to standard error, the code to whoever started it.
pub(super) fn end(outcome: Result<(), Stop>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Closed) => ExitCode::from(Code::Failed as u8),
        Err(Stop::Said(code, message)) => {
            say(&format!("postern: {message}"));
            ExitCode::from(code as u8)
        }
    }
}

/// One line of talk on standard error. Where that is closed, the exit code alone tells.
pub(super) fn say(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Lines of data on standard output, flushed, so that a reader of a pipe has them at once.
pub(super) fn print(lines: &[String]) -> Result<(), Stop> {
    let mut output = io::stdout().lock();
    for line in lines {
        writeln!(output, "{line}")?;
    }
    Ok(output.flush()?)
}

/// A list: one JSON object a line where asked for, an aligned table with a header on a terminal, else values separated
/// by tabs without a header, for other programs.
pub(super) fn list<T: Serialize>(
    json: bool,
    header: &[&str],
    rows: &[T],
    columns: impl Fn(&T) -> Vec<String>,
) -> Result<(), Stop> {
    if json {
        let lines: Result<Vec<String>, _> = rows.iter().map(serde_json::to_string).collect();
        return print(&lines.map_err(Stop::failed)?);
    }
    let cells: Vec<Vec<String>> = rows.iter().map(columns).collect();
    if !io::stdout().is_terminal() {
        return print(&cells.iter().map(|row| row.join("\t")).collect::<Vec<_>>());
    }
    let titles: Vec<String> = header.iter().map(|title| (*title).to_owned()).collect();
    let table: Vec<Vec<String>> = std::iter::once(titles).chain(cells).collect();
    print(&aligned(&table))
}

/// Columns as wide as their widest cell, two spaces between them, nothing at the end of a line.
fn aligned(table: &[Vec<String>]) -> Vec<String> {
    let count = table.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    table.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::FieldError;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let table = [["name", "role"], ["Börje Åström", "lead"], ["A", "admin"]];
        let table: Vec<Vec<String>> = table.map(|row| row.map(str::to_owned).to_vec()).to_vec();
        assert_eq!(aligned(&table), ["name          role", "Börje Åström  lead", "A             admin"]);
    }

    #[test]
    fn a_field_error_names_its_flag_and_never_a_secret() {
        let error = Error::Invalid(vec![
            FieldError::new("email", "not_an_email", "Enter it in the form name@example.com"),
            FieldError::new("password", "length", "Password must be 12 to 128 characters"),
        ]);
        let given = [
            Given { field: "email", flag: "--email", received: Some("x\u{1b}[31m") },
            Given { field: "password", flag: "--password-file", received: None },
        ];
        let Stop::Said(Code::Usage, text) = about_flags(error, &given) else { panic!() };
        assert!(text.contains("--email is \"x"), "{text}");
        assert!(text.contains("--password-file: Password must"), "{text}");
        assert!(!text.contains('\u{1b}'), "control characters are not repeated");
    }
}
