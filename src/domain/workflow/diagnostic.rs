//! What the checker says: a code, a place in a file and a sentence.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// One finding about a definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Diagnostic {
    /// File as it was given to the package.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Which check spoke.
    pub code: Code,
    /// Whether the definition may be used.
    pub severity: Severity,
    /// What is wrong, naming what was found and what to do.
    pub message: String,
}

/// Whether a finding stops a definition from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The definition must not be loaded.
    Error,
    /// The definition works, but a person should look at it.
    Warning,
}

/// The checks, by the number under which documentation and tests know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Code {
    /// Shape: syntax, keys, types, lengths.
    W01,
    /// A reference leads nowhere, or to something of another type.
    W02,
    /// A state that no way leads to.
    W03,
    /// A state without an event of its own.
    W04,
    /// A state that only cancellation leads out of.
    W05,
    /// An event whose branches leave a case uncovered.
    W06,
    /// An event of which two branches fit one case.
    W07,
    /// The owner of a state can do nothing in it.
    W08,
    /// An effect answers with an event that the machine cannot fire there.
    W09,
    /// Nobody is reminded of a state.
    W10,
    /// Clock: order of its marks, an expiry nobody hears, an escalation to oneself.
    W11,
    /// A value is read where it can be unset.
    W12,
    /// A field that nothing sets.
    W13,
    /// A secret outside the vault, or shown, or read.
    W14,
    /// Wording with an unknown placeholder.
    W15,
    /// A loop without a person or a clock in it.
    W16,
    /// An ill-shaped end or waiting room.
    W17,
    /// Parent and child do not understand each other.
    W18,
    /// One event name with two meanings.
    W19,
    /// Somebody may set what is not his to set.
    W20,
    /// A step of the procedure that nothing covers.
    W21,
    /// A published version was edited.
    W22,
    /// A migration map leaves a case without a place.
    W23,
    /// Examples that leave transitions untried.
    W24,
    /// A mail template that is missing or reads what it must not.
    W25,
    /// A state that waits for the customer without writing to him.
    W26,
    /// A place in which the turn is nobody's.
    W27,
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self:?}")
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, code, severity, message } = self;
        write!(out, "{file}:{line}:{column}: {severity} {code}: {message}")
    }
}

/// A place in a file, both from 1; column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl Place {
    /// The first character of a file, for findings about the file as a whole.
    pub const START: Self = Self { line: 1, column: 1 };

    /// A finding at this place.
    pub fn error(self, file: &str, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            file: file.to_owned(),
            line: self.line,
            column: self.column,
            code,
            severity: Severity::Error,
            message: message.into(),
        }
    }

    /// A finding at this place that does not stop the definition from being used.
    pub fn warning(self, file: &str, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..self.error(file, code, message) }
    }
}

/// A file's text, able to turn byte offsets into places.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
    /// Byte offsets at which lines begin.
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(offset, _)| offset + 1);
        Self { file, text, lines: [0].into_iter().chain(ends).collect() }
    }

    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        Place { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) }
    }

    pub(crate) fn shape_error(&self, span: &Range<usize>, message: impl Into<String>) -> Diagnostic {
        self.place(span.start).error(self.file, Code::W01, message)
    }
}

/// The candidate nearest to a misspelt word, if one is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, candidate)| *edits * 2 <= candidate.len().max(word.len()).min(8))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance: insertions, deletions and replacements that turn one word into the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((to, pair), column) in right.iter().zip(row.windows(2)).zip(1..) {
            let (diagonal, above) = (pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0));
            let before = next.get(column - 1).copied().unwrap_or(0);
            next.push((diagonal + usize::from(from != *to)).min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let source = Source::new("a.toml", "a = 1\nü = 'x'\n");
        assert_eq!(source.place(0), Place { line: 1, column: 1 });
        assert_eq!(source.place(8), Place { line: 2, column: 2 });
    }

    #[test]
    fn a_misspelt_key_finds_its_neighbour_and_a_stranger_does_not() {
        assert_eq!(nearest("remnd", ["due", "remind", "escalate"]), Some("remind"));
        assert_eq!(nearest("zzz", ["due", "remind", "escalate"]), None);
    }
}
