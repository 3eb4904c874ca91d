//! Keys and signatures of messages: HMAC-SHA256 over `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of the shortest key.
pub const SHORTEST_KEY: usize = 24;
/// Bytes of the longest key.
pub const LONGEST_KEY: usize = 64;

/// What every key begins with, so that scanners of source code know it.
const PREFIX: &str = "whsec_";

/// A key as it is shown and configured: `whsec_` and Base64.
pub fn write_key(key: &[u8]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(key))
}

/// Reads a key back; `None` for a text that is none or has another length.
pub fn read_key(text: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
    (SHORTEST_KEY..=LONGEST_KEY).contains(&key.len()).then_some(key)
}

/// The value of `webhook-signature`: one signature for each key, so that a receiver that knows either of two finds its
/// own. `timestamp` is in seconds since 1970 (UTC).
pub fn signature<'k>(keys: impl IntoIterator<Item = &'k [u8]>, (id, timestamp): (&str, i64), body: &str) -> String {
    let signed = keys.into_iter().map(|key| {
        let mac = Hmac::<Sha256>::new_from_slice(key).map_or_else(
            |_any_length_is_valid| Vec::new(),
            |mut mac| {
                mac.update(format!("{id}.{timestamp}.").as_bytes());
                mac.update(body.as_bytes());
                mac.finalize().into_bytes().to_vec()
            },
        );
        format!("v1,{}", STANDARD.encode(mac))
    });
    signed.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the libraries of Standard Webhooks are tested with.
    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_published_example_is_signed_as_published() {
        let key = read_key(KEY).unwrap();
        let signed =
            signature([key.as_slice()], ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330), "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_keys_make_two_signatures_and_every_part_counts() {
        let (one, two) = ([1_u8; 24], [2_u8; 64]);
        let sign = |keys: &[&[u8]], id, at, body| signature(keys.iter().copied(), (id, at), body);
        let both = sign(&[&one, &two], "msg_1", 7, "{}");
        assert_eq!(both, format!("{} {}", sign(&[&one], "msg_1", 7, "{}"), sign(&[&two], "msg_1", 7, "{}")));
        let first = sign(&[&one], "msg_1", 7, "{}");
        for other in [sign(&[&one], "msg_2", 7, "{}"), sign(&[&one], "msg_1", 8, "{}"), sign(&[&one], "msg_1", 7, "[]")]
        {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_key_reads_back_and_anything_else_does_not() {
        assert_eq!(read_key(&write_key(&[7; 32])), Some(vec![7; 32]));
        for text in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &write_key(&[1; 23]), &write_key(&[1; 65])] {
            assert_eq!(read_key(text), None, "{text}");
        }
    }
}
