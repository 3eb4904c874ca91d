//! The guard language: total, without calls and arithmetic, so that exhaustiveness can be decided.
//!
//! ```text
//! or  := and ('or' and)*      and := not ('and' not)*      not := 'not' not | cmp
//! cmp := '(' or ')' | 'known(' field ')' | value (('==' | '!=') value | 'in' '[' value (',' value)* ']')?
//! ```
//!
//! Reading an unset field is a defect of the definition and never "false".

/// Guards before the answers are there.
mod foresight;

use std::collections::BTreeSet;

use super::value::{Data, Value};

/// How deep parentheses and `not` may nest.
const DEPTH_LIMIT: usize = 16;

/// A condition of a rule or a branch, parsed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    text: String,
    expression: Expression,
}

/// Why a guard cannot be read; `column` counts characters of the guard from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at column {column} of the condition \"{text}\"")]
pub struct GuardError {
    /// The guard as it was written.
    pub text: String,
    /// Where reading stopped.
    pub column: usize,
    /// What was expected and what was found.
    pub message: String,
}

/// A guard read a field that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the condition reads {0}, which is not set")]
pub struct Unset(pub String);

/// What a guard reads: the answers of the event at hand come before what the case already holds.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Answers of the event.
    pub answers: &'a Data,
    /// Values of the case.
    pub data: &'a Data,
    /// Vault fields that came with the event.
    pub sealed_now: &'a BTreeSet<String>,
    /// Vault fields that the case has.
    pub sealed: &'a BTreeSet<String>,
}

impl<'a> Facts<'a> {
    /// The value of a field, if it has one.
    pub fn value(&self, field: &str) -> Option<&'a Value> {
        self.answers.get(field).or_else(|| self.data.get(field))
    }

    /// Whether a field has a value, in the case or in the vault.
    pub fn known(&self, field: &str) -> bool {
        self.value(field).is_some() || self.sealed_now.contains(field) || self.sealed.contains(field)
    }
}

/// The tree of a guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    Any(Vec<Self>),
    All(Vec<Self>),
    Not(Box<Self>),
    Known(String),
    True(String),
    Equal(Operand, Operand),
    OneOf(Operand, Vec<Operand>),
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    Field(String),
    Literal(Value),
}

impl Guard {
    /// Reads a guard.
    ///
    /// # Errors
    /// Names the column where the text stops being a guard.
    pub fn parse(text: &str) -> Result<Self, GuardError> {
        let tokens = tokens(text)?;
        let mut parser = Parser { text, tokens: &tokens, position: 0, depth: 0 };
        let expression = parser.any()?;
        match parser.peek() {
            None => Ok(Self { text: text.to_owned(), expression }),
            Some(_) => Err(parser.expected("the end of the condition")),
        }
    }

    /// The guard as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the guard is true of these facts.
    ///
    /// # Errors
    /// [`Unset`] where a field is read that has no value.
    pub fn holds(&self, facts: &Facts<'_>) -> Result<bool, Unset> {
        self.expression.holds(facts)
    }

    /// Whether the guard may be true once the fields that are `open` are answered; the others are read as they are.
    pub(crate) fn could_hold(&self, facts: &Facts<'_>, open: &dyn Fn(&str) -> bool) -> bool {
        self.expression.foreseen(facts, open) != Some(false)
    }

    /// Fields whose value the guard reads.
    pub fn reads(&self) -> BTreeSet<&str> {
        let (mut reads, mut known) = (BTreeSet::new(), BTreeSet::new());
        self.expression.collect(&mut reads, &mut known);
        reads
    }

    /// Fields of which the guard only asks whether they have a value.
    pub fn asks_known(&self) -> BTreeSet<&str> {
        let (mut reads, mut known) = (BTreeSet::new(), BTreeSet::new());
        self.expression.collect(&mut reads, &mut known);
        known
    }

    pub(crate) fn expression(&self) -> &Expression {
        &self.expression
    }
}

impl Expression {
    fn holds(&self, facts: &Facts<'_>) -> Result<bool, Unset> {
        match self {
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(facts)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(facts)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Not(part) => Ok(!part.holds(facts)?),
            Self::Known(field) => Ok(facts.known(field)),
            Self::True(field) => Ok(read(field, facts)? == &Value::Bool(true)),
            Self::Equal(left, right) => Ok(left.value(facts)? == right.value(facts)?),
            Self::OneOf(operand, options) => {
                let value = operand.value(facts)?;
                for option in options {
                    if option.value(facts)? == value {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    fn collect<'a>(&'a self, reads: &mut BTreeSet<&'a str>, known: &mut BTreeSet<&'a str>) {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().for_each(|part| part.collect(reads, known)),
            Self::Not(part) => part.collect(reads, known),
            Self::Known(field) => {
                known.insert(field);
            }
            Self::True(field) => {
                reads.insert(field);
            }
            Self::Equal(left, right) => reads.extend([left, right].into_iter().filter_map(Operand::field)),
            Self::OneOf(operand, options) => {
                reads.extend(operand.field());
                reads.extend(options.iter().filter_map(Operand::field));
            }
        }
    }
}

impl Operand {
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Self::Field(name) => Some(name),
            Self::Literal(_) => None,
        }
    }

    fn value<'a>(&'a self, facts: &Facts<'a>) -> Result<&'a Value, Unset> {
        match self {
            Self::Field(name) => read(name, facts),
            Self::Literal(value) => Ok(value),
        }
    }
}

fn read<'a>(field: &str, facts: &Facts<'a>) -> Result<&'a Value, Unset> {
    facts.value(field).ok_or_else(|| Unset(field.to_owned()))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Symbol(&'static str),
    Word(String),
    Text(String),
    Number(i64),
}

const SYMBOLS: [&str; 7] = ["==", "!=", "(", ")", "[", "]", ","];

/// Splits a guard into tokens with the column each begins at.
fn tokens(text: &str) -> Result<Vec<(usize, Token)>, GuardError> {
    let fail = |offset: usize, message: String| GuardError {
        text: text.to_owned(),
        column: text.get(..offset).unwrap_or(text).chars().count() + 1,
        message,
    };
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let offset = text.len() - rest.len();
        let (token, length) = if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            (Token::Symbol(symbol), symbol.len())
        } else if let Some(quoted) = rest.strip_prefix('\'') {
            let end = quoted.find('\'').ok_or_else(|| fail(offset, "a text without its closing quote".to_owned()))?;
            (Token::Text(quoted.get(..end).unwrap_or_default().to_owned()), end + 2)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let word: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let length = word.len();
            (Token::Word(word), length)
        } else if first.is_ascii_digit() {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let number = digits.parse().map_err(|error| fail(offset, format!("the number {digits}: {error}")))?;
            (Token::Number(number), digits.len())
        } else {
            return Err(fail(offset, format!("a character that no condition uses, '{}',", first.escape_default())));
        };
        found.push((text.get(..offset).unwrap_or(text).chars().count() + 1, token));
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(found)
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [(usize, Token)],
    position: usize,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Expression, GuardError> {
        let mut parts = vec![self.all()?];
        while self.take_word("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() > 1 { Expression::Any(parts) } else { parts.swap_remove(0) })
    }

    fn all(&mut self) -> Result<Expression, GuardError> {
        let mut parts = vec![self.not()?];
        while self.take_word("and") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() > 1 { Expression::All(parts) } else { parts.swap_remove(0) })
    }

    fn not(&mut self) -> Result<Expression, GuardError> {
        if !self.take_word("not") {
            return self.comparison();
        }
        self.deeper(|parser| Ok(Expression::Not(Box::new(parser.not()?))))
    }

    fn comparison(&mut self) -> Result<Expression, GuardError> {
        if self.take_symbol("(") {
            let inner = self.deeper(Self::any)?;
            self.need_symbol(")")?;
            return Ok(inner);
        }
        if self.peek() == Some(&Token::Word("known".to_owned())) {
            self.position += 1;
            self.need_symbol("(")?;
            let field = match self.operand()? {
                Operand::Field(name) => name,
                Operand::Literal(_) => return Err(self.expected("the name of a field")),
            };
            self.need_symbol(")")?;
            return Ok(Expression::Known(field));
        }
        let left = self.operand()?;
        if self.take_symbol("==") {
            return Ok(Expression::Equal(left, self.operand()?));
        }
        if self.take_symbol("!=") {
            return Ok(Expression::Not(Box::new(Expression::Equal(left, self.operand()?))));
        }
        if self.take_word("in") {
            self.need_symbol("[")?;
            let mut options = vec![self.operand()?];
            while self.take_symbol(",") {
                options.push(self.operand()?);
            }
            self.need_symbol("]")?;
            return Ok(Expression::OneOf(left, options));
        }
        match left {
            Operand::Field(name) => Ok(Expression::True(name)),
            Operand::Literal(_) => Err(self.expected("==, != or in after a bare value")),
        }
    }

    fn operand(&mut self) -> Result<Operand, GuardError> {
        let operand = match self.peek() {
            Some(Token::Text(text)) => Operand::Literal(Value::Text(text.clone())),
            Some(Token::Number(number)) => Operand::Literal(Value::Integer(*number)),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Operand::Literal(Value::Bool(true)),
                "false" => Operand::Literal(Value::Bool(false)),
                "and" | "or" | "not" | "in" | "known" => return Err(self.expected("a value")),
                _ => Operand::Field(word.clone()),
            },
            Some(Token::Symbol(_)) | None => return Err(self.expected("a value")),
        };
        self.position += 1;
        Ok(operand)
    }

    fn deeper(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Expression, GuardError>,
    ) -> Result<Expression, GuardError> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(self.expected(&format!("at most {DEPTH_LIMIT} levels of parentheses and not")));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position).map(|(_, token)| token)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.position += usize::from(found);
        found
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(found)) if *found == symbol);
        self.position += usize::from(found);
        found
    }

    fn need_symbol(&mut self, symbol: &str) -> Result<(), GuardError> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.expected(symbol)) }
    }

    fn expected(&self, what: &str) -> GuardError {
        let found = match self.peek() {
            None => "the end".to_owned(),
            Some(Token::Symbol(symbol)) => format!("\"{symbol}\""),
            Some(Token::Word(word)) => format!("\"{word}\""),
            Some(Token::Text(text)) => format!("'{text}'"),
            Some(Token::Number(number)) => number.to_string(),
        };
        let column = self.tokens.get(self.position).map_or(self.text.chars().count() + 1, |(column, _)| *column);
        GuardError { text: self.text.to_owned(), column, message: format!("expected {what}, found {found}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> Result<bool, Unset> {
        let data = Data::from([
            ("verdict".to_owned(), Value::from("timeout")),
            ("ready".to_owned(), Value::Bool(true)),
            ("port".to_owned(), Value::Integer(25)),
        ]);
        let (answers, sealed) = (Data::new(), BTreeSet::new());
        Guard::parse(text).unwrap().holds(&Facts {
            answers: &answers,
            data: &data,
            sealed_now: &sealed,
            sealed: &sealed,
        })
    }

    #[test]
    fn and_binds_tighter_than_or_and_not_tighter_than_both() {
        assert_eq!(holds("ready or ready and not ready"), Ok(true));
        assert_eq!(holds("not ready and ready or ready"), Ok(true));
        assert_eq!(holds("(ready or ready) and not ready"), Ok(false));
    }

    #[test]
    fn comparisons_read_fields_texts_numbers_and_lists() {
        assert_eq!(holds("verdict in ['reachable', 'timeout'] and port == 25"), Ok(true));
        assert_eq!(holds("verdict != 'timeout'"), Ok(false));
        assert_eq!(holds("known(port) and not known(host)"), Ok(true));
    }

    #[test]
    fn an_unset_field_is_a_defect_unless_known_was_asked_first() {
        assert_eq!(holds("host == 'a'"), Err(Unset("host".to_owned())));
        assert_eq!(holds("known(host) and host == 'a'"), Ok(false));
    }

    #[test]
    fn faults_name_their_column() {
        let column = |text: &str| Guard::parse(text).unwrap_err().column;
        assert_eq!(column("smtp_ip = 1"), 9);
        assert_eq!(column("ready and"), 10);
        assert_eq!(column("'a'"), 4);
        assert_eq!(column("verdict in []"), 13);
        assert_eq!(column("ready ready"), 7);
        assert_eq!(column("known('a')"), 10);
        assert_eq!(column("a == 'b"), 6);
    }

    #[test]
    fn nesting_beyond_sixteen_levels_is_refused_and_sixteen_is_not() {
        let nested = |depth: usize| format!("{}ready{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Guard::parse(&nested(16)).is_ok());
        assert!(Guard::parse(&nested(17)).is_err());
        assert!(Guard::parse(&format!("{}ready", "not ".repeat(100_000))).is_err());
    }
}
