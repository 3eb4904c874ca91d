//! Values that must not be seen: passwords, keys, tokens.

use std::fmt;

use zeroize::Zeroizing;

/// A text that shows itself nowhere: no `Display`, no `Serialize`, an empty `Debug`, wiped when dropped.
/// Whoever needs the value says so with [`Secret::expose`], which is easy to search for.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the value over; the given string is the only copy.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Whether it is what forms show in place of a value, and so was copied from one.
    pub fn is_mask(&self) -> bool {
        self.0.chars().count() >= 3 && self.0.chars().all(|character| matches!(character, '*' | '•' | '●' | '·'))
    }

    /// The value itself, for the one place that uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_forms_show_is_no_secret() {
        let is_mask = |text: &str| Secret::new(text.to_owned()).is_mask();
        assert!(is_mask("***") && is_mask("••••••••"));
        assert!(!is_mask("") && !is_mask("**") && !is_mask("***a"));
    }

    #[test]
    fn debug_shows_neither_the_value_nor_its_length() {
        assert_eq!(format!("{:?}", Secret::new("pa§s".to_owned())), format!("{:?}", Secret::new(String::new())));
        assert_eq!(Secret::new("pa§s".to_owned()).expose(), "pa§s");
    }
}
