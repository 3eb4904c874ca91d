//! Reading mail that came in. Pure: bytes in, a letter out, with the reason where it must not be taken by itself.
//!
//! Mail is hostile until shown otherwise: sizes and parts are counted before anything is parsed, so that memory stays
//! bounded by the kept bytes, and what the sender says about itself is believed only where it makes us more careful.

mod answer;
mod class;

use mail_parser::{Address, HeaderName, Message, MessageParser};

pub use answer::without_quotes;
pub use class::Class;

/// The largest mail that is read, in bytes.
pub const LARGEST: usize = 16 * 1024 * 1024;
/// What is kept of a larger one, in bytes.
pub const KEPT_OF_LARGER: usize = 256 * 1024;
/// The largest header, in bytes.
const LARGEST_HEADER: usize = 256 * 1024;
/// The most lines that can begin a part, or say what one is.
const MOST_PART_LINES: usize = 200;
/// Longest address, subject and text that are kept beside the original, in characters.
const LONGEST: (usize, usize, usize) = (254, 300, 20_000);

/// Why a mail cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The whole is larger than [`LARGEST`], or its header is larger than any that people's programs write.
    TooLarge,
    /// It has more parts than any that people's programs write.
    TooManyParts,
    /// It is no mail, or has no sender that can be read.
    NoMail,
    /// Its text is not in the character set that it says.
    Charset,
    /// It has no text besides what it quotes.
    NoText,
}

/// A mail as it was read.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The address of its one author (RFC 5322, From), in lower case; empty where there is not exactly one.
    pub sender: String,
    /// Addresses that it names as its recipients, in lower case.
    pub recipients: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// Its identifier without brackets; empty where it has none.
    pub message_id: String,
    /// Its whole text.
    pub text: String,
    /// What its author wrote, without what is quoted below.
    pub answer: String,
    /// What kind of mail it is.
    pub class: Class,
    /// What our own mail server found out about its sender (RFC 8601), line by line.
    pub authentication: Vec<String>,
    /// Why it cannot be taken by itself.
    pub trouble: Option<Trouble>,
}

/// Reads a mail. `size` is that of the whole, also where `raw` is only its beginning.
pub fn read(raw: &[u8], size: u64) -> Letter {
    let counted = counted(raw, size);
    let parser = MessageParser::default();
    let message = match counted {
        None => parser.parse(raw),
        // Who sent it is worth knowing; nothing behind the first lines is looked at.
        Some(_) => parser.parse_headers(raw.get(..raw.len().min(16 * 1024)).unwrap_or_default()),
    };
    let Some(message) = message else { return unread(counted.unwrap_or(Trouble::NoMail)) };
    let sender = one_address(message.from());
    let text = if counted.is_none() { message.body_text(0).unwrap_or_default().into_owned() } else { String::new() };
    let is_garbled = message.text_part(0).is_some_and(|part| part.is_encoding_problem) || text.contains('\u{fffd}');
    let answer = without_quotes(&text);
    let trouble = counted
        .or_else(|| sender.is_empty().then_some(Trouble::NoMail))
        .or_else(|| is_garbled.then_some(Trouble::Charset))
        .or_else(|| answer.is_empty().then_some(Trouble::NoText));
    Letter {
        recipients: recipients(&message),
        subject: cut(message.subject().unwrap_or_default(), LONGEST.1).replace('\n', " "),
        message_id: cut(message.message_id().unwrap_or_default(), LONGEST.0),
        class: class::of(&message, &sender),
        authentication: class::raw_headers(&message, "authentication-results").map(str::to_owned).collect(),
        text: cut(&text, LONGEST.2),
        sender,
        answer,
        trouble,
    }
}

/// What can be told by counting, before anything is parsed.
fn counted(raw: &[u8], size: u64) -> Option<Trouble> {
    let header = raw.windows(2).position(|pair| pair == b"\n\n");
    let header = raw.windows(4).take(LARGEST_HEADER).position(|four| four == b"\r\n\r\n").or(header);
    if size > LARGEST as u64 || header.unwrap_or(raw.len()) > LARGEST_HEADER {
        return Some(Trouble::TooLarge);
    }
    let begins = |line: &[u8]| {
        let head = line.get(..13).unwrap_or_default();
        line.starts_with(b"--") || head.eq_ignore_ascii_case(b"content-type:")
    };
    let parts = raw.split(|byte| *byte == b'\n').filter(|line| begins(line)).take(MOST_PART_LINES + 1).count();
    (parts > MOST_PART_LINES).then_some(Trouble::TooManyParts)
}

fn unread(trouble: Trouble) -> Letter {
    Letter {
        sender: String::new(),
        recipients: Vec::new(),
        subject: String::new(),
        message_id: String::new(),
        text: String::new(),
        answer: String::new(),
        class: Class::Person,
        authentication: Vec::new(),
        trouble: Some(trouble),
    }
}

fn one_address(from: Option<&Address<'_>>) -> String {
    let addresses: Vec<&str> = from.into_iter().flat_map(|from| from.iter()).filter_map(|one| one.address()).collect();
    match addresses.as_slice() {
        [one] => cut(one, LONGEST.0).to_lowercase(),
        _ => String::new(),
    }
}

/// Where mail servers put the envelope's recipient when they do not say it otherwise, then what the author wrote.
fn recipients(message: &Message<'_>) -> Vec<String> {
    let envelope = ["delivered-to", "x-original-to"].into_iter().flat_map(|name| class::raw_headers(message, name));
    let written = [HeaderName::To, HeaderName::Cc].into_iter().filter_map(|name| message.header(name)?.as_address());
    let written = written.flat_map(|list| list.iter()).filter_map(|one| one.address());
    envelope.chain(written).map(|address| address.trim().to_lowercase()).take(100).collect()
}

/// Text for the database: no NUL and no other control character but line ends and tabs, at most so long.
fn cut(text: &str, longest: usize) -> String {
    let clean = text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'));
    clean.take(longest).collect()
}
