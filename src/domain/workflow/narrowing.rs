//! The class of address that an event admits.

use super::value::{Data, Value};
use super::words::Scope;

/// Narrows the class of an address for one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Narrowing {
    /// Always to this one.
    To(Scope),
    /// To the one that another question of the event is answered with.
    As(String),
}

impl From<String> for Narrowing {
    fn from(word: String) -> Self {
        match word.as_str() {
            "private" => Self::To(Scope::Private),
            "public" => Self::To(Scope::Public),
            "any" => Self::To(Scope::Any),
            _ => Self::As(word),
        }
    }
}

impl Narrowing {
    /// The class, where the answers tell it.
    pub(super) fn scope(&self, answers: &Data) -> Option<Scope> {
        match self {
            Self::To(scope) => Some(*scope),
            Self::As(question) => match answers.get(question).and_then(Value::as_text) {
                Some("private") => Some(Scope::Private),
                Some("public") => Some(Scope::Public),
                Some(_) | None => None,
            },
        }
    }
}
