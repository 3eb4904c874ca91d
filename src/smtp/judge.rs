//! What a reply means at each stage. The first digit decides between "no" and "not at the moment"; words only refine
//! a "no", because servers often state the cause at a later stage than the one it belongs to.

use super::reply::{Reply, Severity};
use crate::domain::cause::Cause;

/// The greeting: only 220 is one.
pub fn banner(reply: &Reply) -> Result<(), Cause> {
    match reply.severity() {
        Severity::Positive if reply.code == 220 => Ok(()),
        Severity::Positive | Severity::Intermediate => Err(Cause::ReplyMalformed),
        Severity::Transient => Err(Cause::BannerBusy),
        Severity::Permanent => Err(Cause::BannerRejected),
    }
}

/// True where the server does not know EHLO, so that HELO is worth a try: never after 421 or a refusal of our name.
pub fn knows_no_ehlo(reply: &Reply) -> bool {
    matches!(reply.code, 500 | 502) && !names_helo(reply)
}

/// The answer to EHLO or HELO.
pub fn ehlo(reply: &Reply) -> Result<(), Cause> {
    match reply.severity() {
        Severity::Positive if reply.code == 250 => Ok(()),
        Severity::Positive | Severity::Intermediate => Err(Cause::ReplyMalformed),
        Severity::Transient if names_helo(reply) => Err(Cause::EhloNameRejected),
        Severity::Transient => Err(Cause::BannerBusy),
        Severity::Permanent if matches!(reply.code, 501 | 504) || names_helo(reply) => Err(Cause::EhloNameRejected),
        Severity::Permanent => Err(Cause::EhloRejected),
    }
}

/// The answer to STARTTLS: only 220 is a go-ahead (RFC 3207 section 4).
pub fn starttls(reply: &Reply) -> Result<(), Cause> {
    if reply.code == 220 { Ok(()) } else { Err(Cause::StarttlsRefused) }
}

/// The outcome of a sign-in: only 235 is a success (RFC 4954 section 6).
pub fn auth(reply: &Reply) -> Result<(), Cause> {
    match reply.severity() {
        Severity::Positive if reply.code == 235 => Ok(()),
        Severity::Positive | Severity::Intermediate => Err(Cause::ReplyMalformed),
        Severity::Transient => Err(Cause::AuthTemporary),
        Severity::Permanent => Err(match reply.code {
            530 | 538 if reply.code == 538 || mentions(reply, &["starttls", "tls", "encrypt"]) => {
                Cause::StarttlsRequiredByServer
            }
            530 => Cause::AuthRequired,
            504 | 534 => Cause::AuthNoCommonMechanism,
            502 | 503 => Cause::AuthNotOffered,
            535 => Cause::AuthBadCredentials,
            _ => Cause::AuthRejected,
        }),
    }
}

/// The answer to MAIL FROM.
pub fn mail(reply: &Reply) -> Result<(), Cause> {
    match reply.severity() {
        Severity::Positive => Ok(()),
        Severity::Intermediate => Err(Cause::ReplyMalformed),
        Severity::Transient => Err(Cause::MailTemporary),
        Severity::Permanent => Err(elsewhere(reply).unwrap_or(match reply.code {
            552 => Cause::DataTooBig,
            _ if names_client(reply) => Cause::RcptClientRejected,
            _ => Cause::MailSenderNotAllowed,
        })),
    }
}

/// The answer to RCPT TO.
pub fn rcpt(reply: &Reply) -> Result<(), Cause> {
    match reply.severity() {
        Severity::Positive => Ok(()),
        Severity::Intermediate => Err(Cause::ReplyMalformed),
        Severity::Transient => Err(Cause::RcptGreylisted),
        Severity::Permanent => Err(elsewhere(reply).unwrap_or_else(|| refused_recipient(reply))),
    }
}

/// The answer to DATA: only 354 is a go-ahead.
pub fn data(reply: &Reply) -> Result<(), Cause> {
    match reply.severity() {
        Severity::Intermediate if reply.code == 354 => Ok(()),
        Severity::Positive | Severity::Intermediate => Err(Cause::ReplyMalformed),
        Severity::Transient => Err(Cause::DataTemporary),
        Severity::Permanent => Err(elsewhere(reply).unwrap_or(Cause::DataContentRefused)),
    }
}

/// The answer to the end of the message.
pub fn data_end(reply: &Reply) -> Result<(), Cause> {
    match reply.severity() {
        Severity::Positive => Ok(()),
        Severity::Intermediate => Err(Cause::ReplyMalformed),
        Severity::Transient => Err(Cause::DataTemporary),
        Severity::Permanent => Err(elsewhere(reply).unwrap_or(match reply.code {
            552 => Cause::DataTooBig,
            _ if mentions(reply, &["line too long", "lines too long", "line length"]) => Cause::DataLineTooLong,
            _ if mentions(reply, &["relay"]) => Cause::RcptRelayDenied,
            _ => Cause::DataContentRefused,
        })),
    }
}

/// True where the greeting is masked with asterisks, as Cisco's SMTP inspection does.
pub fn is_masked(reply: &Reply) -> bool {
    reply.texts().any(|text| text.windows(4).any(|window| window == b"****"))
}

/// What a service that is not SMTP looks like, by its first bytes.
pub fn guess_service(first_line: &[u8]) -> &'static str {
    const SIGNS: &[(&[u8], &str)] = &[
        (b"* OK", "imap"),
        (b"* PREAUTH", "imap"),
        (b"* BYE", "imap"),
        (b"+OK", "pop3"),
        (b"HTTP/", "http"),
        (b"SSH-", "ssh"),
        (b"RFB ", "vnc"),
        (b"\x15\x03", "tls"),
        (b"\x16\x03", "tls"),
        (b"-ERR", "redis or pop3"),
        (b"-NOAUTH", "redis"),
        (b"\xff\xfb", "telnet"),
        (b"\xff\xfd", "telnet"),
        (b"<", "a web page"),
    ];
    SIGNS.iter().find(|(sign, _)| first_line.starts_with(sign)).map_or("unknown", |(_, name)| name)
}

/// A cause that belongs to an earlier stage than the one whose reply names it.
fn elsewhere(reply: &Reply) -> Option<Cause> {
    let enhanced = reply.enhanced.as_deref().unwrap_or_default();
    if reply.code == 530 || enhanced == "5.7.57" {
        let tls = mentions(reply, &["starttls", "encrypt"]);
        return Some(if tls { Cause::StarttlsRequiredByServer } else { Cause::AuthRequired });
    }
    if mentions(reply, &["authentication required", "not authenticated", "must authenticate"]) {
        return Some(Cause::AuthRequired);
    }
    if names_helo(reply) {
        return Some(Cause::EhloNameRejected);
    }
    let names_sender = enhanced == "5.7.60"
        || mentions(
            reply,
            &["sender address rejected", "sender rejected", "sender denied", "sendas", "not owned by", "send as"],
        );
    names_sender.then_some(Cause::MailSenderNotAllowed)
}

fn refused_recipient(reply: &Reply) -> Cause {
    let enhanced = reply.enhanced.as_deref().unwrap_or_default();
    if matches!(enhanced, "5.7.54") || mentions(reply, &["relay"]) {
        Cause::RcptRelayDenied
    } else if names_client(reply) {
        Cause::RcptClientRejected
    } else if matches!(enhanced, "5.1.1" | "5.1.10")
        || mentions(
            reply,
            &[
                "user unknown",
                "unknown user",
                "no such user",
                "does not exist",
                "no mailbox",
                "recipient not found",
                "unrouteable",
            ],
        )
    {
        Cause::RcptUnknownUser
    } else {
        Cause::RcptRejected
    }
}

fn names_client(reply: &Reply) -> bool {
    reply.enhanced.as_deref() == Some("5.7.25")
        || mentions(
            reply,
            &["client host", "client address", "your ip", "blocked using", "access denied", "host rejected"],
        )
}

fn names_helo(reply: &Reply) -> bool {
    mentions(reply, &["helo", "ehlo"])
        && !mentions(reply, &["send helo", "send ehlo", "helo first", "ehlo first"])
        && !mentions(reply, &["unrecognized", "unknown command", "not implemented", "not recognized"])
}

fn mentions(reply: &Reply, words: &[&str]) -> bool {
    let text = reply.lower();
    words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::super::reply::{Parsed, ReplyParser};
    use super::*;

    fn reply(line: &str) -> Reply {
        match ReplyParser::default().push(format!("{line}\r\n").as_bytes()) {
            Parsed::Reply(reply, _) => reply,
            other @ (Parsed::Pending | Parsed::Fault(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_digit_decides_whether_it_is_temporary() {
        for line in [
            "422 4.2.2 Greylisted",
            "451 4.7.1 Greylisted, try again later",
            "454 4.7.1 Relay access denied",
            "450 user unknown",
        ] {
            assert_eq!(rcpt(&reply(line)), Err(Cause::RcptGreylisted), "{line}");
        }
        assert_eq!(banner(&reply("421 4.3.2 too many connections")), Err(Cause::BannerBusy));
        assert_eq!(banner(&reply("200 ok")), Err(Cause::ReplyMalformed));
    }

    #[test]
    fn a_cause_may_belong_to_another_stage_than_its_reply() {
        let cases = [
            ("504 5.5.2 <probe>: Helo command rejected: need fully-qualified hostname", Cause::EhloNameRejected),
            ("553 5.7.1 <a@x>: Sender address rejected: not owned by user b@x", Cause::MailSenderNotAllowed),
            ("550 5.7.60 SMTP; Client does not have permissions to send as this sender", Cause::MailSenderNotAllowed),
            ("554 5.7.1 <r@other.example>: Relay access denied", Cause::RcptRelayDenied),
            ("554 5.7.1 <unknown[10.99.0.8]>: Client host rejected: Access denied", Cause::RcptClientRejected),
            ("550 5.1.1 no", Cause::RcptUnknownUser),
            ("530 5.7.0 Must issue a STARTTLS command first", Cause::StarttlsRequiredByServer),
            ("530 5.7.57 Client not authenticated to send mail", Cause::AuthRequired),
            ("550 no", Cause::RcptRejected),
        ];
        for (line, cause) in cases {
            assert_eq!(rcpt(&reply(line)), Err(cause), "{line}");
        }
        assert_eq!(data_end(&reply("554 5.2.252 SendAsDenied")), Err(Cause::MailSenderNotAllowed));
    }

    #[test]
    fn a_refused_sign_in_is_not_always_a_wrong_password() {
        assert_eq!(auth(&reply("535 5.7.8 no")), Err(Cause::AuthBadCredentials));
        assert_eq!(auth(&reply("530 Must issue a STARTTLS command first")), Err(Cause::StarttlsRequiredByServer));
        assert_eq!(auth(&reply("538 5.7.11 no")), Err(Cause::StarttlsRequiredByServer));
        assert_eq!(auth(&reply("454 4.7.0 later")), Err(Cause::AuthTemporary));
        assert_eq!(auth(&reply("250 ok")), Err(Cause::ReplyMalformed));
    }

    #[test]
    fn helo_is_tried_only_where_ehlo_is_unknown() {
        assert!(knows_no_ehlo(&reply("500 Command unrecognized")) && knows_no_ehlo(&reply("502 EHLO not implemented")));
        assert!(!knows_no_ehlo(&reply("421 your EHLO name does not match DNS")) && !knows_no_ehlo(&reply("501 bad")));
        assert_eq!(ehlo(&reply("421 your EHLO name does not match DNS")), Err(Cause::EhloNameRejected));
    }

    #[test]
    fn other_services_are_recognized() {
        assert_eq!(guess_service(b"* OK [CAPABILITY IMAP4rev1] Dovecot ready."), "imap");
        assert_eq!(guess_service(b"HTTP/1.1 400 Bad Request"), "http");
        assert_eq!(guess_service(b"hello"), "unknown");
    }
}
