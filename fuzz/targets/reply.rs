//! Bytes of a server through the reply parser: cut into pieces, they say the same as in one, and nothing exceeds its
//! limit. The first octet of the input is the size of the pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_fuzz::smtp::features::Features;
use postern_fuzz::smtp::judge;
use postern_fuzz::smtp::reply::{
    MAX_LINE_BYTES, MAX_REPLY_BYTES, MAX_REPLY_LINES, Parsed, Reply, ReplyFault, ReplyParser, escape,
};

fuzz_target!(|input: &[u8]| {
    let Some((size, bytes)) = input.split_first() else { return };
    let together = read(bytes, bytes.len().max(1));
    assert_eq!(together, read(bytes, usize::from(*size).max(1)), "how the bytes were cut must not matter");
    for reply in &together.0 {
        check(reply);
    }
});

/// Everything the parser says about bytes that arrive in pieces.
fn read(bytes: &[u8], size: usize) -> (Vec<Reply>, Option<ReplyFault>) {
    let (mut parser, mut replies) = (ReplyParser::default(), Vec::new());
    for piece in bytes.chunks(size) {
        let mut rest = piece;
        loop {
            let parsed = parser.push(rest);
            let held: usize = parser.partial().iter().map(Vec::len).sum();
            assert!(held <= MAX_REPLY_BYTES, "{held} octets are held");
            match parsed {
                Parsed::Pending => break,
                Parsed::Reply(reply, taken) => {
                    assert!((1..=rest.len()).contains(&taken));
                    replies.push(reply);
                    rest = &rest[taken..];
                }
                Parsed::Fault(fault) => {
                    assert_eq!(parser.push(b"250 ok\r\n"), Parsed::Fault(fault), "a fault is final");
                    return (replies, Some(fault));
                }
            }
        }
    }
    (replies, None)
}

fn check(reply: &Reply) {
    assert!((200..600).contains(&reply.code));
    assert!((1..=MAX_REPLY_LINES).contains(&reply.lines.len()));
    assert!(reply.lines.iter().all(|line| (3..=MAX_LINE_BYTES).contains(&line.len())));
    assert!(reply.lines.iter().map(Vec::len).sum::<usize>() <= MAX_REPLY_BYTES);
    let digit = char::from(b'0' + u8::try_from(reply.code / 100).unwrap());
    assert!(reply.enhanced.as_ref().is_none_or(|enhanced| enhanced.starts_with(digit) && enhanced.len() <= 9));
    for text in reply.shown_lines().into_iter().chain([reply.text()]) {
        assert!(!text.contains(char::is_control), "{text:?}");
        assert_eq!(escape(text.as_bytes()).replace("\\\\", "\\"), text, "what is escaped is printable");
    }
    // No judgement may panic, whatever stage the reply comes at.
    let judges: [fn(&Reply) -> Result<(), _>; 8] = [
        judge::banner,
        judge::ehlo,
        judge::starttls,
        judge::auth,
        judge::mail,
        judge::rcpt,
        judge::data,
        judge::data_end,
    ];
    let passed = judges.iter().filter(|judge| judge(reply).is_ok()).count();
    assert!(passed == 0 || reply.code < 400, "a refusal passes nowhere: {}", reply.code);
    let features = Features::read(reply);
    assert!(features.keywords.len() < reply.lines.len().max(1));
}
