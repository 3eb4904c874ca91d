//! Pasted text: what is dropped around a value, and how a value is shown in a message.

/// Longest piece of received text that a message repeats, in characters.
const SHOWN_CHARS: usize = 64;

/// The value without ASCII white space and invisible characters around it. Such characters come along when a value is
/// copied from a web page or a document, and a person cannot see them.
pub fn clean(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_ascii_whitespace() || is_invisible(character))
}

/// Whether a character takes no visible room or only looks like a space: no-break spaces, soft hyphen, zero-width
/// characters, marks of text direction, byte order mark.
pub fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{A0}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202F}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
}

/// The text as a message may repeat it: control and invisible characters escaped, long text cut.
pub fn shown(text: &str) -> String {
    let mut shown = escaped(&text.chars().take(SHOWN_CHARS).collect::<String>());
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// The whole text with control and invisible characters escaped, so that it cannot disturb a terminal.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) || matches!(character, '\u{2028}' | '\u{2029}') {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_dropped_around_a_value_and_nowhere_else() {
        assert_eq!(clean("\u{FEFF} \t10.0.0.5\u{A0}\u{200B}\r\n"), "10.0.0.5");
        assert_eq!(clean("10.\u{200B}0.0.5"), "10.\u{200B}0.0.5");
        assert_eq!(clean(" \u{AD} "), "");
    }

    #[test]
    fn a_message_repeats_no_control_character_and_no_endless_text() {
        assert_eq!(shown("a\u{0}b\u{200B}c"), "a\\u{0}b\\u{200b}c");
        assert_eq!(shown(&"é".repeat(65)), format!("{}…", "é".repeat(64)));
        assert_eq!(shown(&"é".repeat(64)), "é".repeat(64));
    }
}
