//! Commands become bytes here and nowhere else. A value with CR, LF or NUL never becomes part of a command, and what
//! is secret is marked where it is written, so that no log has to know.

use zeroize::Zeroizing;

/// What stands in place of a secret wherever commands are shown.
pub const REDACTED: &str = "<redacted>";

/// A command of the client (RFC 5321 section 4.1, RFC 3207, RFC 4954).
#[derive(Debug)]
pub enum Command<'a> {
    /// EHLO with our host name or address literal.
    Ehlo(&'a str),
    /// HELO, for servers that do not know EHLO.
    Helo(&'a str),
    /// STARTTLS.
    StartTls,
    /// AUTH with a mechanism and, where it fits, the initial response in base64.
    Auth(&'a str, Option<&'a str>),
    /// An answer to a challenge of AUTH, in base64.
    AuthAnswer(&'a str),
    /// Breaks off AUTH (RFC 4954 section 4).
    AuthCancel,
    /// MAIL FROM, with what the message needs.
    Mail(&'a str, Needs),
    /// RCPT TO.
    Rcpt(&'a str),
    /// DATA.
    Data,
    /// QUIT.
    Quit,
}

/// What sender, recipients and message need beyond RFC 5321; told with MAIL where it is needed, and only there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// An address holds characters outside ASCII (RFC 6531).
    pub smtputf8: bool,
    /// The message holds octets above 127 (RFC 6152).
    pub eight_bit: bool,
}

impl Needs {
    /// What an envelope with these addresses and this message needs.
    pub fn of<'a>(mut addresses: impl Iterator<Item = &'a str>, message: &[u8]) -> Self {
        Self { smtputf8: addresses.any(|address| !address.is_ascii()), eight_bit: !message.is_ascii() }
    }

    fn parameters(self) -> &'static str {
        match (self.eight_bit, self.smtputf8) {
            (false, false) => "",
            (true, false) => " BODY=8BITMIME",
            (false, true) => " SMTPUTF8",
            (true, true) => " BODY=8BITMIME SMTPUTF8",
        }
    }
}

/// Bytes for the wire, and what may be shown of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The bytes to send in one write; wiped when dropped, because they may hold a secret.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The same as text, secrets replaced, without the line end.
    pub shown: String,
}

/// A value that would break out of its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value for the command {0} contains a line break or NUL and was not sent")]
pub struct Forbidden(&'static str);

impl Command<'_> {
    /// The bytes of the command. Refuses CR, LF and NUL inside a value: the second guard after the form's.
    pub fn wire(&self) -> Result<Wire, Forbidden> {
        let (verb, line, shown) = match self {
            Self::Ehlo(name) => ("EHLO", format!("EHLO {name}"), None),
            Self::Helo(name) => ("HELO", format!("HELO {name}"), None),
            Self::StartTls => ("STARTTLS", "STARTTLS".to_owned(), None),
            Self::Auth(mechanism, None) => ("AUTH", format!("AUTH {mechanism}"), None),
            Self::Auth(mechanism, Some(response)) => {
                ("AUTH", format!("AUTH {mechanism} {response}"), Some(format!("AUTH {mechanism} {REDACTED}")))
            }
            Self::AuthAnswer(answer) => ("AUTH", (*answer).to_owned(), Some(REDACTED.to_owned())),
            Self::AuthCancel => ("AUTH", "*".to_owned(), None),
            Self::Mail(sender, needs) => ("MAIL", format!("MAIL FROM:<{sender}>{}", needs.parameters()), None),
            Self::Rcpt(recipient) => ("RCPT", format!("RCPT TO:<{recipient}>"), None),
            Self::Data => ("DATA", "DATA".to_owned(), None),
            Self::Quit => ("QUIT", "QUIT".to_owned(), None),
        };
        let line = Zeroizing::new(line);
        if line.contains(['\r', '\n', '\0']) {
            return Err(Forbidden(verb));
        }
        let shown = shown.unwrap_or_else(|| line.to_string());
        let mut bytes = Zeroizing::new(Vec::with_capacity(line.len() + 2));
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        Ok(Wire { bytes, shown })
    }
}

/// A message as it goes over the wire after DATA: line ends made CRLF, leading dots doubled, closed by a lone dot
/// (RFC 5321 section 4.5.2). However the text was written, it stays one message.
pub fn message_wire(message: &[u8]) -> Wire {
    let mut bytes = Zeroizing::new(Vec::with_capacity(message.len() + message.len() / 40 + 5));
    let mut rest = message;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        let (line, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        if line.first() == Some(&b'.') {
            bytes.push(b'.');
        }
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
        rest = match tail {
            [b'\r', b'\n', tail @ ..] | [_, tail @ ..] => tail,
            [] => &[],
        };
    }
    bytes.extend_from_slice(b".\r\n");
    let shown = format!("(message of {} octets)", bytes.len());
    Wire { bytes, shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_bytes_are_exact() {
        let bytes = |command: Command<'_>| String::from_utf8(command.wire().unwrap().bytes.to_vec()).unwrap();
        assert_eq!(bytes(Command::Mail("a@b.example", Needs::default())), "MAIL FROM:<a@b.example>\r\n");
        assert_eq!(bytes(Command::Rcpt("c@d.example")), "RCPT TO:<c@d.example>\r\n");
        assert_eq!(bytes(Command::Ehlo("[IPv6:2001:db8::7]")), "EHLO [IPv6:2001:db8::7]\r\n");
        assert_eq!(bytes(Command::Auth("LOGIN", None)), "AUTH LOGIN\r\n");
    }

    #[test]
    fn a_value_cannot_break_out_of_its_command() {
        for hostile in ["x\r\nMAIL FROM:<a@b>", "x\n", "x\0y", "x\r"] {
            assert!(Command::Ehlo(hostile).wire().is_err() && Command::Rcpt(hostile).wire().is_err());
        }
    }

    #[test]
    fn secrets_are_replaced_without_a_trace_of_their_length() {
        let shown = |command: Command<'_>| command.wire().unwrap().shown;
        assert_eq!(shown(Command::Auth("PLAIN", Some("AHUAcA=="))), "AUTH PLAIN <redacted>");
        assert_eq!(shown(Command::AuthAnswer("cA==")), shown(Command::AuthAnswer("cGFzc3dvcmQ=")));
    }

    #[test]
    fn a_message_stays_one_message() {
        let wire = |text: &[u8]| String::from_utf8(message_wire(text).bytes.to_vec()).unwrap();
        assert_eq!(wire(b"a\r\n.\r\nMAIL FROM:<x@evil>"), "a\r\n..\r\nMAIL FROM:<x@evil>\r\n.\r\n");
        assert_eq!(wire(b"a\rb\nc\r\n\r\n.d"), "a\r\nb\r\nc\r\n\r\n..d\r\n.\r\n");
        assert_eq!(wire(b"\n.\n"), "\r\n..\r\n.\r\n");
        assert_eq!(wire(b""), ".\r\n");
    }
}
