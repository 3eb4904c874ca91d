//! Bytes of a server become replies (RFC 5321 section 4.2), one byte at a time, within limits.
//!
//! The parser takes what servers really send: bare codes, lines that end in LF alone, bytes outside ASCII, NUL. It
//! refuses what no client can make sense of. What it reports does not depend on how the bytes were cut into pieces.

use std::fmt::Write as _;

/// The longest line that is taken, in octets without its end. RFC 5321 section 4.5.3.1.5 says 512.
pub const MAX_LINE_BYTES: usize = 4096;
/// Most lines of servers are shorter.
const USUAL_LINE_BYTES: usize = 64;
/// The longest reply that is taken, in octets.
pub const MAX_REPLY_BYTES: usize = 64 * 1024;
/// The most lines of one reply.
pub const MAX_REPLY_LINES: usize = 512;

/// A complete reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The reply code, 200 to 599.
    pub code: u16,
    /// The enhanced status code of the first line (RFC 3463), for example `5.7.1`.
    pub enhanced: Option<String>,
    /// The lines as sent, without their ends; never empty.
    pub lines: Vec<Vec<u8>>,
}

/// What the first digit of a reply says (RFC 5321 section 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// 2yz: done.
    Positive,
    /// 3yz: go on.
    Intermediate,
    /// 4yz: not at the moment.
    Transient,
    /// 5yz: no.
    Permanent,
}

/// Why bytes are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyFault {
    /// A line, or the reply as a whole, exceeds the limits above.
    #[error("the server sent more than {MAX_LINE_BYTES} octets in a line or {MAX_REPLY_BYTES} in a reply")]
    TooLong,
    /// A line does not begin with a code, or the codes of one reply differ.
    #[error("the server sent a line that does not begin with one three-digit reply code")]
    Malformed,
}

/// What became of the bytes that were given to the parser.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// More bytes are needed; all bytes were taken.
    Pending,
    /// A reply is complete; so many of the given bytes belong to it, the others follow it.
    Reply(Reply, usize),
    /// The bytes are no reply; the parser takes no more.
    Fault(ReplyFault),
}

/// Collects bytes until a reply is complete, then starts afresh.
#[derive(Clone, Debug, Default)]
pub struct ReplyParser {
    line: Vec<u8>,
    lines: Vec<Vec<u8>>,
    bytes: usize,
    fault: Option<ReplyFault>,
}

impl ReplyParser {
    /// Takes bytes up to the end of the first complete reply.
    pub fn push(&mut self, bytes: &[u8]) -> Parsed {
        if let Some(fault) = self.fault {
            return Parsed::Fault(fault);
        }
        for (index, byte) in bytes.iter().enumerate() {
            match self.push_byte(*byte) {
                Ok(None) => {}
                Ok(Some(reply)) => return Parsed::Reply(reply, index + 1),
                Err(fault) => {
                    self.fault = Some(fault);
                    return Parsed::Fault(fault);
                }
            }
        }
        Parsed::Pending
    }

    /// What arrived of a reply that is not complete: its whole lines, then the beginning of the next.
    pub fn partial(&self) -> Vec<Vec<u8>> {
        let mut lines = self.lines.clone();
        if !self.line.is_empty() {
            lines.push(self.line.clone());
        }
        lines
    }

    fn push_byte(&mut self, byte: u8) -> Result<Option<Reply>, ReplyFault> {
        self.bytes += 1;
        if self.bytes > MAX_REPLY_BYTES {
            return Err(ReplyFault::TooLong);
        }
        if byte != b'\n' {
            if self.line.is_empty() {
                self.line.reserve(USUAL_LINE_BYTES);
            }
            self.line.push(byte);
            // One octet more is let in, because it may be the CR of the line's end.
            let within = self.line.len() <= MAX_LINE_BYTES || (self.line.len() == MAX_LINE_BYTES + 1 && byte == b'\r');
            return if within { Ok(None) } else { Err(ReplyFault::TooLong) };
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        self.end_of_line()
    }

    fn end_of_line(&mut self) -> Result<Option<Reply>, ReplyFault> {
        let line = std::mem::take(&mut self.line);
        let parsed = code_of(&line);
        let first = self.lines.first().and_then(|first| code_of(first));
        self.lines.push(line);
        let (code, last) = parsed.ok_or(ReplyFault::Malformed)?;
        if first.is_some_and(|(first, _)| first != code) {
            return Err(ReplyFault::Malformed);
        }
        if !last {
            return if self.lines.len() < MAX_REPLY_LINES { Ok(None) } else { Err(ReplyFault::TooLong) };
        }
        let lines = std::mem::take(&mut self.lines);
        self.bytes = 0;
        let enhanced = lines.first().and_then(|line| enhanced_of(line));
        Ok(Some(Reply { code, enhanced, lines }))
    }
}

impl Reply {
    /// What the first digit says.
    pub fn severity(&self) -> Severity {
        match self.code / 100 {
            2 => Severity::Positive,
            3 => Severity::Intermediate,
            4 => Severity::Transient,
            // The parser lets in 200 to 599 only.
            _ => Severity::Permanent,
        }
    }

    /// The lines as text that can be shown anywhere, code included.
    pub fn shown_lines(&self) -> Vec<String> {
        self.lines.iter().map(|line| escape(line)).collect()
    }

    /// The text of each line: what follows the code, and on the first line the enhanced code.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let enhanced = self.enhanced.as_ref().map_or(0, String::len);
        self.lines.iter().enumerate().map(move |(index, line)| {
            let text = line.get(4..).unwrap_or_default();
            if index == 0 && enhanced > 0 { text.get(enhanced..).unwrap_or_default().trim_ascii_start() } else { text }
        })
    }

    /// The text of all lines in one, escaped.
    pub fn text(&self) -> String {
        self.texts().map(escape).collect::<Vec<_>>().join(" ")
    }

    /// The text in lower case, for looking for words that servers use.
    pub fn lower(&self) -> String {
        let joined: Vec<u8> = self.lines.join(&b' ');
        String::from_utf8_lossy(&joined).to_lowercase()
    }

    /// True where the server sent the code alone (RFC 5321 section 4.2 asks clients to bear it).
    pub fn is_bare(&self) -> bool {
        self.lines.iter().all(|line| line.len() == 3)
    }

    /// True where a line is longer than RFC 5321 section 4.5.3.1.5 allows, its end included.
    pub fn has_long_line(&self) -> bool {
        self.lines.iter().any(|line| line.len() + 2 > 512)
    }
}

/// The code of a line, and whether the line is the last of its reply.
fn code_of(line: &[u8]) -> Option<(u16, bool)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let [first @ b'2'..=b'5', second @ b'0'..=b'9', third @ b'0'..=b'9'] = digits else {
        return None;
    };
    let code = u16::from(first - b'0') * 100 + u16::from(second - b'0') * 10 + u16::from(third - b'0');
    match rest.first() {
        None | Some(b' ' | b'\t') => Some((code, true)),
        Some(b'-') => Some((code, false)),
        Some(_) => None,
    }
}

/// The enhanced status code that follows the code of a line, if its class agrees with the code (RFC 2034 section 4).
fn enhanced_of(line: &[u8]) -> Option<String> {
    let word = line.get(4..)?.split(|byte| *byte == b' ').next()?;
    let text = std::str::from_utf8(word).ok()?;
    let parts: Vec<&str> = text.split('.').collect();
    let [class, subject, detail] = parts.as_slice() else { return None };
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let class_agrees = class.len() == 1 && class.as_bytes().first() == line.first();
    (class_agrees && number(subject) && number(detail)).then(|| text.to_owned())
}

/// Bytes as text that can be shown, logged and stored anywhere: what is not printable becomes `\xNN`, a backslash
/// becomes two. Readable letters of any script stay; characters that steer the direction or the width of text do not.
pub fn escape(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        // Most of what servers say needs nothing of this.
        if chunk.valid().bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\') {
            shown.push_str(chunk.valid());
            push_bytes(&mut shown, chunk.invalid());
            continue;
        }
        for character in chunk.valid().chars() {
            match character {
                '\\' => shown.push_str("\\\\"),
                _ if is_plain(character) => shown.push(character),
                _ => push_bytes(&mut shown, character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        push_bytes(&mut shown, chunk.invalid());
    }
    shown
}

fn push_bytes(shown: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing into a string cannot fail.
        write!(shown, "\\x{byte:02x}").unwrap_or_default();
    }
}

fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(bytes: &[u8]) -> Reply {
        match ReplyParser::default().push(bytes) {
            Parsed::Reply(reply, taken) => {
                assert_eq!(taken, bytes.len());
                reply
            }
            other @ (Parsed::Pending | Parsed::Fault(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn code_enhanced_code_and_text_are_three_things() {
        let queued = whole(b"250 2.6.0 <id@host> Queued mail for delivery\r\n");
        assert_eq!((queued.code, queued.enhanced.as_deref()), (250, Some("2.6.0")));
        assert_eq!(queued.text(), "<id@host> Queued mail for delivery");
        let plain = whole(b"250 message processed\r\n");
        assert_eq!((plain.enhanced.as_deref(), plain.text().as_str()), (None, "message processed"));
        let address = whole(b"250 2.6.0.1 is no enhanced code\r\n");
        assert_eq!(address.enhanced, None);
        assert_eq!(whole(b"250 5.7.1 class differs\r\n").enhanced, None);
    }

    #[test]
    fn bare_codes_line_feeds_and_strange_bytes_are_taken() {
        assert!(whole(b"220\r\n").is_bare());
        assert_eq!(whole(b"220 mx\n").code, 220);
        assert_eq!(whole(b"220 m\x00x ESMTP\r\n").shown_lines(), ["220 m\\x00x ESMTP"]);
        assert_eq!(whole(b"535 \xc3\xdc\xc2\r\n").shown_lines(), ["535 \\xc3\\xdc\\xc2"]);
        assert_eq!(escape("grüße \u{202e}a\\".as_bytes()), "grüße \\xe2\\x80\\xaea\\\\");
    }

    #[test]
    fn all_lines_of_a_reply_are_kept_in_order() {
        let reply = whole(b"550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three\r\n");
        assert_eq!((reply.lines.len(), reply.enhanced.as_deref()), (3, Some("5.7.1")));
        assert_eq!(whole(b"220-rules apply\r\n220-second line\r\n220 \r\n").lines.len(), 3);
    }

    #[test]
    fn what_follows_a_reply_is_not_taken() {
        let bytes = b"220 go\r\n250-evil.injected\r\n";
        assert!(matches!(ReplyParser::default().push(bytes), Parsed::Reply(_, 8)));
    }

    #[test]
    fn other_protocols_and_mixed_codes_are_malformed() {
        for bytes in [
            &b"* OK ready\r\n"[..],
            b"HTTP/1.1 400 Bad Request\r\n",
            b"199 x\r\n",
            b"2200\r\n",
            b"250-a\r\n251 b\r\n",
            b"\r\n",
        ] {
            assert_eq!(ReplyParser::default().push(bytes), Parsed::Fault(ReplyFault::Malformed), "{}", escape(bytes));
        }
    }

    #[test]
    fn limits_hold_to_the_octet() {
        let line = |length: usize| [b"220 ".to_vec(), vec![b'a'; length - 4], b"\r\n".to_vec()].concat();
        assert!(whole(&line(MAX_LINE_BYTES)).has_long_line());
        assert_eq!(ReplyParser::default().push(&line(MAX_LINE_BYTES + 1)), Parsed::Fault(ReplyFault::TooLong));
        assert_eq!(
            ReplyParser::default().push(&b"250-x\r\n".repeat(MAX_REPLY_LINES)),
            Parsed::Fault(ReplyFault::TooLong)
        );
        let long = [b"250-".to_vec(), vec![b'a'; 1000], b"\r\n".to_vec()].concat().repeat(70);
        assert_eq!(ReplyParser::default().push(&long), Parsed::Fault(ReplyFault::TooLong));
    }

    /// Everything the parser says about a stream of bytes that arrives in the given pieces.
    fn transcript(pieces: &[&[u8]]) -> (Vec<Reply>, Option<ReplyFault>) {
        let mut parser = ReplyParser::default();
        let mut replies = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            loop {
                match parser.push(rest) {
                    Parsed::Pending => break,
                    Parsed::Reply(reply, taken) => {
                        replies.push(reply);
                        rest = &rest[taken..];
                    }
                    Parsed::Fault(fault) => return (replies, Some(fault)),
                }
            }
        }
        (replies, None)
    }

    fn bytes_like_replies() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            Just(b"250-".to_vec()),
            Just(b"250 ".to_vec()),
            Just(b"220".to_vec()),
            Just(b"535 5.7.8 ".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\n".to_vec()),
            Just(vec![b'a'; 4090]),
            proptest::collection::vec(any::<u8>(), 0..20),
        ];
        proptest::collection::vec(word, 0..40).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic_and_their_cutting_does_not_matter(
            bytes in bytes_like_replies(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8)
        ) {
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            let together = transcript(&[&bytes]);
            prop_assert_eq!(&together, &transcript(&pieces));
            prop_assert_eq!(&together, &transcript(&single));
            for reply in &together.0 {
                prop_assert!((200..600).contains(&reply.code) && !reply.text().contains(char::is_control));
                prop_assert_eq!(reply.lines.len(), reply.texts().count());
            }
        }
    }
}
