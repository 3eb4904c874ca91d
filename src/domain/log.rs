//! The hash chain of a case's log, and commitments to personal values.
//!
//! An entry's hash covers the previous hash, the case, the position, the time and the body, each with its length before
//! it, so that no two entries have the same bytes. The body is canonical JSON text and is stored as text: what is hashed
//! is what is kept. A personal value enters the body as a keyed commitment only; the value and its salt stand in a row
//! beside, so erasing it leaves the chain whole.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::id::CaseId;

/// The hash before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One entry, without its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'e> {
    /// The case.
    pub case: CaseId,
    /// Position in the log, from 1.
    pub seq: i64,
    /// Microseconds since 1970 (UTC).
    pub at_us: i64,
    /// Canonical JSON text.
    pub body: &'e str,
}

/// The entry's hash, chained to the one before; hexadecimal SHA-256.
pub fn hash(entry: &Entry<'_>, previous: &str) -> String {
    let mut sha = Sha256::new();
    let mut part = |bytes: &[u8]| {
        sha.update((bytes.len() as u64).to_be_bytes());
        sha.update(bytes);
    };
    part(previous.as_bytes());
    part(entry.case.uuid().as_bytes());
    part(&entry.seq.to_be_bytes());
    part(&entry.at_us.to_be_bytes());
    part(entry.body.as_bytes());
    hex(&sha.finalize())
}

/// Why a log is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// A position is missing or stands twice.
    #[error("entry {expected} is missing: entry {found} follows entry {}", expected - 1)]
    Gap {
        /// The position that should come next.
        expected: i64,
        /// The position that came.
        found: i64,
    },
    /// An entry's hash does not fit its content and its predecessor.
    #[error("entry {seq} was edited: its hash does not fit its content")]
    Edited {
        /// The entry.
        seq: i64,
    },
}

/// Walks a log in order and says where it was cut or edited. Rows are (entry, hash as stored).
///
/// # Errors
/// The first [`Break`]. A log whose end was cut off, or that was rewritten from some entry on with matching hashes, shows
/// only against a head kept elsewhere.
pub fn verify<'e>(rows: impl IntoIterator<Item = (Entry<'e>, &'e str)>) -> Result<(), Break> {
    let mut previous = GENESIS.to_owned();
    for (expected, (entry, stored)) in (1..).zip(rows) {
        if entry.seq != expected {
            return Err(Break::Gap { expected, found: entry.seq });
        }
        if hash(&entry, &previous) != stored {
            return Err(Break::Edited { seq: entry.seq });
        }
        stored.clone_into(&mut previous);
    }
    Ok(())
}

/// Commits to a personal value: HMAC-SHA256 (RFC 2104) under a salt of its own, hexadecimal. Without the salt, which is
/// erased with the value, the commitment cannot be tested against a guess.
pub fn commitment(salt: &[u8], value: &str) -> String {
    // HMAC takes a key of any length, so the error arm cannot be reached; an empty text there fits no commitment.
    Hmac::<Sha256>::new_from_slice(salt).map_or_else(
        |_any_length_is_valid| String::new(),
        |mut mac| {
            mac.update(value.as_bytes());
            hex(&mac.finalize().into_bytes())
        },
    )
}

/// The one text of a JSON value: keys in byte order, no white space.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<_> = members.iter().collect();
            keys.sort_by_key(|(key, _)| key.as_str());
            let parts: Vec<String> = keys
                .into_iter()
                .map(|(key, member)| format!("{}:{}", Value::String(key.clone()), canonical(member)))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// Lower-case hexadecimal text.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a String does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    fn chain(bodies: &[&'static str]) -> Vec<(i64, &'static str, String)> {
        let mut previous = GENESIS.to_owned();
        let case = CaseId::new(Uuid::nil());
        (1..)
            .zip(bodies)
            .map(|(seq, body)| {
                previous = hash(&Entry { case, seq, at_us: seq * 10, body }, &previous);
                (seq, *body, previous.clone())
            })
            .collect()
    }

    fn check(rows: &[(i64, &'static str, String)]) -> Result<(), Break> {
        let case = CaseId::new(Uuid::nil());
        verify(rows.iter().map(|(seq, body, hash)| (Entry { case, seq: *seq, at_us: seq * 10, body }, hash.as_str())))
    }

    #[test]
    fn an_untouched_log_verifies() {
        assert_eq!(check(&chain(&["{}", "{\"a\":1}", "{\"b\":2}"])), Ok(()));
    }

    #[test]
    fn an_edit_a_cut_and_a_swap_are_told_apart() {
        let mut edited = chain(&["{}", "{\"a\":1}", "{\"b\":2}"]);
        edited[1].1 = "{\"a\":2}";
        assert_eq!(check(&edited), Err(Break::Edited { seq: 2 }));
        let mut cut = chain(&["{}", "{\"a\":1}", "{\"b\":2}"]);
        cut.remove(1);
        assert_eq!(check(&cut), Err(Break::Gap { expected: 2, found: 3 }));
        let mut swapped = chain(&["{}", "{\"a\":1}", "{\"b\":2}"]);
        swapped.swap(1, 2);
        assert_eq!(check(&swapped), Err(Break::Gap { expected: 2, found: 3 }));
    }

    #[test]
    fn canonical_text_does_not_depend_on_the_order_of_keys() {
        let a: Value = serde_json::from_str(r#"{"b":[1,{"y":null,"x":"\u00fc\n"}],"a":true}"#).unwrap();
        assert_eq!(canonical(&a), r#"{"a":true,"b":[1,{"x":"ü\n","y":null}]}"#);
        assert_eq!(canonical(&json!({"a": true, "b": [1, {"x": "ü\n", "y": null}]})), canonical(&a));
    }

    #[test]
    fn a_commitment_depends_on_salt_and_value() {
        let one = commitment(b"salt", "dana@corp.example");
        assert_eq!(one.len(), 64);
        assert_eq!(one, commitment(b"salt", "dana@corp.example"));
        assert_ne!(one, commitment(b"tlas", "dana@corp.example"));
        assert_ne!(one, commitment(b"salt", "lee@corp.example"));
    }
}
