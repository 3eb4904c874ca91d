//! Turning an [`Outgoing`] into a message: checked fields, a stable Message-ID, text beside HTML.

use chrono::{Datelike, Timelike};
use hmac::{Hmac, KeyInit, Mac};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, MessageBuilder, MultiPart, SinglePart};
use lettre::{Address, Message};
use sha2::Sha256;

use super::{CalendarPart, Identity, MailError, Mailbox, Outgoing, Sent};
use crate::redact::excerpt;

/// RFC 4648 section 6, in lower case: mail systems may fold the case of what they compare.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Characters of the HMAC that are used: 160 bits.
const ID_CHARACTERS: usize = 32;
/// Longest subject and name in bytes; more is a mistake of the caller.
const LONGEST_LINE_BYTES: usize = 500;
/// References kept: the first mail of the thread and the latest ones (RFC 5322 section 3.6.4 sets no limit).
const MOST_REFERENCES: usize = 20;

/// A message ready for a transport.
pub(super) struct Built {
    pub(super) message: Message,
    pub(super) message_id: String,
}

impl Built {
    /// What stands before the `@` of the Message-ID: safe as a file name.
    pub(super) fn local_part(&self) -> &str {
        self.message_id.trim_start_matches('<').split('@').next().unwrap_or_default()
    }

    pub(super) fn sent(&self, outgoing: &Outgoing) -> Sent {
        Sent {
            message_id: self.message_id.clone(),
            to: self.message.envelope().to().iter().map(ToString::to_string).collect(),
            subject: outgoing.subject.clone(),
            text: outgoing.text.clone(),
            raw: self.message.formatted(),
        }
    }
}

/// The Message-ID of the effect `effect_key`: `<` HMAC-SHA256(key, effect key) in Base32, 32 characters `@` domain `>`.
/// Stable over retries, and it tells nothing about the case.
pub fn message_id(key: &[u8], domain: &str, effect_key: &str) -> String {
    format!("<{}@{domain}>", keyed(key, effect_key))
}

/// Checks every field and builds the message. The same input gives the same bytes.
pub(super) fn build(identity: &Identity, outgoing: &Outgoing) -> Result<Built, MailError> {
    let message_id = message_id(&identity.key, &identity.domain, &outgoing.effect_key);
    one_line("Message-ID domain", &identity.domain)?;
    one_line("subject", &outgoing.subject)?;
    let mut builder = Message::builder()
        .message_id(Some(message_id.clone()))
        .date(date(outgoing)?)
        .from(mailbox("sender", &outgoing.from)?)
        .to(mailbox("recipient", &outgoing.to)?)
        .subject(outgoing.subject.as_str())
        // RFC 3834 section 5: no robot shall answer; the second header says the same to Exchange.
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .raw_header(raw("X-Auto-Response-Suppress", "All"));
    if let Some(address) = &outgoing.reply_to {
        builder = builder.reply_to(mailbox("reply address", &Mailbox { name: None, address: address.clone() })?);
    }
    builder = thread(builder, outgoing)?;
    let boundary = format!("=_{}", keyed(&identity.key, &format!("boundary {}", outgoing.effect_key)));
    let parts = MultiPart::alternative()
        .boundary(boundary)
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body(&outgoing.text)))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(body(&outgoing.html)));
    let parts = match &outgoing.calendar {
        Some(calendar) => with_calendar(identity, outgoing, parts, calendar)?,
        None => parts,
    };
    let message = builder.multipart(parts).map_err(|error| {
        tracing::error!(%error, "a checked mail could not be built");
        invalid("mail", &outgoing.subject, "it could not be built; sender and recipient are needed")
    })?;
    Ok(Built { message, message_id })
}

/// The wording with an attached calendar object (RFC 6047, section 2.4).
fn with_calendar(
    identity: &Identity,
    outgoing: &Outgoing,
    wording: MultiPart,
    calendar: &CalendarPart,
) -> Result<MultiPart, MailError> {
    let kind = format!("text/calendar; charset=utf-8; method={}", calendar.method);
    let kind = ContentType::parse(&kind).map_err(|_unreadable| invalid("calendar", &kind, "its type is none"))?;
    let boundary = format!("=_{}", keyed(&identity.key, &format!("mixed {}", outgoing.effect_key)));
    let part = Attachment::new("ip-change.ics".to_owned()).body(calendar.text.clone(), kind);
    Ok(MultiPart::mixed().boundary(boundary).multipart(wording).singlepart(part))
}

/// A body as mail may carry it: every line end the same (a lone CR is one; lettre writes CR LF), no other control
/// character but the tab (RFC 5322 section 2.3 and RFC 5321 section 2.3.8 forbid NUL and lone CR or LF).
fn body(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    lines.replace(|c: char| c.is_control() && c != '\n' && c != '\t', "\u{fffd}")
}

/// 160 bits of HMAC-SHA256 in Base32: nobody without the key can make them, and they tell nothing about the text.
pub fn keyed(key: &[u8], text: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104 section 2)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(text.as_bytes());
    base32(&mac.finalize().into_bytes()).chars().take(ID_CHARACTERS).collect()
}

fn base32(bytes: &[u8]) -> String {
    let mut result = String::new();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        buffer = (buffer << 8 | u32::from(*byte)) & 0xffff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let index = usize::try_from(buffer >> bits & 31).unwrap_or_default();
            result.extend(BASE32.get(index).copied().map(char::from));
        }
    }
    if bits > 0 {
        let index = usize::try_from(buffer << (5 - bits) & 31).unwrap_or_default();
        result.extend(BASE32.get(index).copied().map(char::from));
    }
    result
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn thread(builder: MessageBuilder, outgoing: &Outgoing) -> Result<MessageBuilder, MailError> {
    let mut builder = builder;
    if let Some(id) = &outgoing.in_reply_to {
        builder = builder.in_reply_to(checked_id("In-Reply-To", id)?);
    }
    let references =
        outgoing.references.iter().map(|id| checked_id("References", id)).collect::<Result<Vec<_>, _>>()?;
    let skipped = references.len().saturating_sub(MOST_REFERENCES);
    let kept: Vec<String> = references
        .into_iter()
        .enumerate()
        .filter(|(index, _)| *index == 0 || *index > skipped)
        .map(|(_, id)| id)
        .collect();
    if kept.is_empty() { Ok(builder) } else { Ok(builder.references(kept.join(" "))) }
}

fn checked_id(field: &'static str, id: &str) -> Result<String, MailError> {
    let inside = id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or_default();
    let plain = inside.chars().all(|c| c.is_ascii_graphic() && c != '<' && c != '>');
    if inside.contains('@') && plain && id.len() <= 250 {
        Ok(id.to_owned())
    } else {
        Err(invalid(field, id, "a Message-ID is written <left@right>, in ASCII, at most 250 characters"))
    }
}

fn date(outgoing: &Outgoing) -> Result<std::time::SystemTime, MailError> {
    let date = outgoing.date.with_nanosecond(0).unwrap_or(outgoing.date);
    if (1970..=9998).contains(&date.year()) {
        Ok(date.into())
    } else {
        Err(invalid("date", &date.to_rfc3339(), "a mail is dated between 1970 and 9998"))
    }
}

fn mailbox(field: &'static str, mailbox: &Mailbox) -> Result<lettre::message::Mailbox, MailError> {
    if let Some(name) = &mailbox.name {
        one_line(field, name)?;
    }
    let name = mailbox.name.clone().filter(|name| !name.trim().is_empty());
    Ok(lettre::message::Mailbox::new(name, address(field, &mailbox.address)?))
}

fn address(field: &'static str, address: &str) -> Result<Address, MailError> {
    one_line(field, address)?;
    let wrong = |problem| invalid(field, address, problem);
    let (local, domain) = address.rsplit_once('@').ok_or_else(|| wrong("an e-mail address has an @"))?;
    if !local.is_ascii() {
        return Err(wrong("the part before the @ must be ASCII: few mail servers take anything else (RFC 6531)"));
    }
    let domain = idna::domain_to_ascii(domain).ok().filter(|domain| !domain.is_empty());
    let domain = domain.ok_or_else(|| wrong("the part after the @ is no domain"))?;
    Address::new(local, domain).ok().ok_or_else(|| wrong("this is not an e-mail address such as name@example.com"))
}

/// Refuses what could end a header line and begin another one.
fn one_line(field: &'static str, text: &str) -> Result<(), MailError> {
    if text.chars().any(char::is_control) || text.contains(['\u{2028}', '\u{2029}']) {
        return Err(invalid(field, text, "line breaks, NUL and other control characters are not allowed in a header"));
    }
    if text.len() > LONGEST_LINE_BYTES {
        return Err(invalid(field, text, "it is longer than 500 bytes"));
    }
    Ok(())
}

fn invalid(field: &'static str, received: &str, problem: &'static str) -> MailError {
    MailError::Invalid { field, received: excerpt(received, 120), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_agrees_with_the_vectors_of_rfc_4648() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(base32(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn the_message_id_is_stable_and_differs_by_key_and_effect() {
        let id = message_id(b"key", "postern.example", "case/1/7/mail");
        assert_eq!(id, message_id(b"key", "postern.example", "case/1/7/mail"));
        assert_ne!(id, message_id(b"key", "postern.example", "case/1/8/mail"));
        assert_ne!(id, message_id(b"other", "postern.example", "case/1/7/mail"));
        assert_eq!(id.len(), "<@postern.example>".len() + 32);
        assert!(!id.contains("case"));
    }
}
