//! Taking secrets out of texts that others wrote: a server that repeats what it was told must not fill our logs with it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;

/// What stands where a secret was.
pub const HIDDEN: &str = "[hidden]";

/// `text` without any of `secrets`: as they are, as a JSON string, and in Base64 (as AUTH PLAIN and LOGIN send them).
/// Empty secrets hide nothing.
pub fn redact(text: &str, secrets: &[&Secret]) -> String {
    let mut forms: Vec<String> = secrets.iter().flat_map(|secret| forms(secret.expose())).collect();
    // The longest first, so that a secret that contains another one leaves no rest behind.
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.iter().fold(text.to_owned(), |text, form| text.replace(form, HIDDEN))
}

/// `text` with the value of each JSON member called `name` hidden, where it is a string. Found by eye and not by parser:
/// the text may be cut off, broken, or JSON inside a JSON string. Hides too much rather than too little.
pub fn redact_member(text: &str, name: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(name) {
        result.push_str(before);
        result.push_str(name);
        rest = after;
        if let Some((depth, value)) = string_value(after) {
            result.push_str("\": ");
            result.push_str(HIDDEN);
            rest = after_string(value, depth);
        }
    }
    result.push_str(rest);
    result
}

/// At most `max_bytes` of `text`, cut between characters, with control characters written out as escapes: a foreign
/// text enters a log as one line.
pub fn excerpt(text: &str, max_bytes: usize) -> String {
    let mut result = String::new();
    for character in text.chars() {
        let piece = if character.is_control() { character.escape_default().to_string() } else { character.to_string() };
        if result.len() + piece.len() > max_bytes {
            result.push('…');
            break;
        }
        result.push_str(&piece);
    }
    result
}

fn forms(secret: &str) -> Vec<String> {
    if secret.is_empty() {
        return Vec::new();
    }
    let json = serde_json::Value::from(secret).to_string();
    let inside = json.trim_start_matches('"').strip_suffix('"').unwrap_or(&json).to_owned();
    let mut forms = vec![secret.to_owned(), STANDARD.encode(secret)];
    if inside != secret && !inside.is_empty() {
        forms.push(inside);
    }
    forms
}

/// After a member's name: the number of backslashes before each quotation mark at this depth, and the text of the value
/// after its opening quotation mark. `None` where no string follows.
fn string_value(after_name: &str) -> Option<(usize, &str)> {
    let colon = after_name.trim_start_matches('\\').strip_prefix('"')?.trim_start();
    let value = colon.strip_prefix(':')?.trim_start();
    let quoted = value.trim_start_matches('\\');
    Some((value.len() - quoted.len(), quoted.strip_prefix('"')?))
}

/// What follows the quotation mark that closes a string at this depth; nothing where none does.
fn after_string(text: &str, depth: usize) -> &str {
    let mut backslashes = 0;
    for (at, character) in text.char_indices() {
        match character {
            '"' if backslashes == depth => return text.get(at + 1..).unwrap_or(""),
            '\\' => backslashes += 1,
            _ => backslashes = 0,
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_secret_is_hidden_raw_escaped_and_in_base64() {
        let password = secret("pa\"ss");
        let text = format!("raw pa\"ss, json pa\\\"ss, base64 {}", STANDARD.encode("pa\"ss"));
        assert_eq!(redact(&text, &[&password]), "raw [hidden], json [hidden], base64 [hidden]");
    }

    #[test]
    fn an_empty_secret_hides_nothing_and_a_longer_one_goes_first() {
        assert_eq!(redact("abc", &[&secret("")]), "abc");
        assert_eq!(redact("abcd", &[&secret("ab"), &secret("abcd")]), HIDDEN);
    }

    #[test]
    fn a_member_is_hidden_even_where_the_text_breaks_off() {
        assert_eq!(redact_member(r#"{"p" : "a\"b","q":1}"#, "p"), r#"{"p": [hidden],"q":1}"#);
        assert_eq!(redact_member(r#"{"p":"abc"#, "p"), r#"{"p": [hidden]"#);
        assert_eq!(redact_member(r#"{"p":null}"#, "p"), r#"{"p":null}"#);
        let nested = r#"{"error":"got {\"pass\":\"a\\\"b\",\"q\":1}"}"#;
        let hidden = redact_member(nested, "pass");
        assert!(!hidden.contains("a\\") && !hidden.contains('b') && hidden.ends_with(r#",\"q\":1}"}"#), "{hidden}");
    }

    #[test]
    fn an_excerpt_is_one_line_and_no_longer_than_asked() {
        assert_eq!(excerpt("a\r\nb", 100), "a\\r\\nb");
        assert_eq!(excerpt("äöü", 4), "äö…");
    }
}
