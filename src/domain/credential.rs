//! Whether a text looks as if it held a password or a key. A warning asks before such a text is kept: a message is read by
//! more people than a password should have. It may be wrong both ways, so it only asks.

/// Words before a value that is secret.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "pwd",
    "kennwort",
    "secret",
    "secretkey",
    "secret_key",
    "secret key",
    "api key",
    "apikey",
    "api_key",
    "api-key",
    "access key",
    "accesskey",
    "access_key",
    "pre-shared key",
    "preshared key",
    "shared key",
    "psk",
    "token",
    "mot de passe",
    "contrase\u{f1}a",
];
/// How keys of widespread services begin, and how long the rest is at least.
const PREFIXES: &[(&str, usize)] = &[
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 30),
    ("gho_", 30),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("sk_live_", 16),
    ("SG.", 40),
    ("whsec_", 20),
    ("eyJ", 60),
];
/// The shortest value behind a name that is taken for a secret.
const SHORTEST: usize = 6;
/// From this length on, a run of mixed letters and digits is taken for a key.
const LONG_RUN: usize = 32;

/// What a text looks like it holds, in words for the warning.
pub fn found(text: &str) -> Option<&'static str> {
    if text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    let words = || text.split(|letter: char| letter.is_whitespace() || "\"'`,;()<>=".contains(letter));
    if words().any(is_known_key) {
        return Some("a key of a service");
    }
    if text.lines().any(names_a_secret) {
        return Some("a password");
    }
    words().any(is_random).then_some("a key")
}

fn is_known_key(word: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    PREFIXES.iter().any(|(prefix, rest)| {
        word.strip_prefix(prefix).is_some_and(|tail| tail.len() >= *rest && tail.chars().all(is_plain))
    })
}

/// `Password: value`, `pwd=value`, `the password is value`: behind a colon anything of some length counts; behind "is"
/// only what no word of a language looks like, since people write about passwords too.
fn names_a_secret(line: &str) -> bool {
    let line = line.to_lowercase();
    NAMES.iter().any(|name| {
        line.match_indices(name).any(|(at, _)| {
            let starts = line.get(..at).and_then(|head| head.chars().next_back()).is_none_or(|c| !c.is_alphanumeric());
            let rest = line.get(at + name.len()..).unwrap_or_default().trim_start();
            starts && holds_a_value(rest)
        })
    })
}

fn holds_a_value(rest: &str) -> bool {
    let value = |text: &str| {
        text.split_whitespace().next().unwrap_or_default().trim_matches(['"', '\'', '`', '.', ',']).to_owned()
    };
    let is_odd = |word: &str| {
        let classes = [
            word.chars().any(char::is_alphabetic),
            word.chars().any(|letter| letter.is_ascii_digit()),
            word.chars().any(|letter| !letter.is_alphanumeric()),
        ];
        classes.iter().filter(|has| **has).count() >= 2
    };
    if let Some(after) = rest.strip_prefix([':', '=']) {
        let text = value(after);
        // "Password: see the vault" is a sentence; a secret stands alone, or looks like none.
        let is_alone = after.split_whitespace().count() == 1;
        return text.chars().count() >= SHORTEST && (is_alone || is_odd(&text));
    }
    let after = ["is ", "ist ", "est ", "es "].iter().find_map(|word| rest.strip_prefix(word));
    after.map(value).is_some_and(|text| text.chars().count() >= SHORTEST && is_odd(&text))
}

/// A long run with upper case, lower case and digits. Digests in one case of hexadecimal digits are not meant.
fn is_random(word: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "+/_-".contains(letter);
    word.len() >= LONG_RUN
        && word.chars().all(is_plain)
        && word.chars().any(|letter| letter.is_ascii_uppercase())
        && word.chars().any(|letter| letter.is_ascii_lowercase())
        && word.chars().filter(char::is_ascii_digit).count() >= 3
        && !word.contains("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_credential_is_found() {
        for text in [
            "Password: Winter2026!",
            "The account is alerts@corp.example,\npwd=hunter22",
            "the password is Tr0ub4dor&3.",
            "Passwort ist geheim123",
            "PSK: correct-horse-9",
            "accessKey=0123456789abcdef;secretKey=fedcba9876543210",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
            "use AKIAIOSFODNN7EXAMPLE",
            "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghij",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1234",
        ] {
            assert!(found(text).is_some(), "{text}");
        }
    }

    #[test]
    fn ordinary_messages_pass() {
        for text in [
            "Which port is it, 587 or 465?",
            "Is the password correct? Please enter the password again on the settings page.",
            "Password: see the vault",
            "Our server answered 535 5.7.8 Authentication credentials invalid",
            "The token expired, the secret is out of date",
            "https://portal.corp.example/changes/CHG0012345/Details?View=Full",
            "sha256 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
            "From 198.51.100.24 to 2001:db8:0:1:248:1893:25c8:1946 port 587",
            "",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
