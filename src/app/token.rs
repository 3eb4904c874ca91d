//! Random tokens, and what the database keeps of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};

use crate::domain::log::hex;

/// Bytes from the operating system. Where it has none to give, no token may be made: the process ends.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if SysRng.try_fill_bytes(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

/// A token of 256 random bits in URL-safe text.
pub fn fresh() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// What is stored of a token: looking it up is an exact match of bytes, and the database tells nobody the token.
pub fn stored(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// Hexadecimal SHA-256 of the parts, each with its length before it.
pub fn fingerprint(parts: &[&[u8]]) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    hex(&sha.finalize())
}

/// Reads exactly `N` bytes from lower- or upper-case hexadecimal text.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N * 2 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_differ() {
        assert_eq!(fresh().len(), 43);
        assert_ne!(fresh(), fresh());
    }

    #[test]
    fn hexadecimal_text_reads_back_or_not_at_all() {
        assert_eq!(unhex::<2>("0aFf"), Some([10, 255]));
        assert_eq!(unhex::<2>("0aF"), None);
        assert_eq!(unhex::<2>("0aFg"), None);
        assert_eq!(unhex::<2>("+a+b"), None);
    }

    #[test]
    fn a_fingerprint_depends_on_where_parts_end() {
        assert_ne!(fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]));
    }
}
