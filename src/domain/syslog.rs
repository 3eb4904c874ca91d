//! The SYSLOG message of a test, and how it is framed. The line has the form of the product's own alerts, so that a
//! receiver that filters by form treats both alike:
//!
//! `<116>Jan  9 09:24:42 host AlsidForAD[4]: "0" "1" …`
//!
//! Facility 14 (log alert) and severity 4 (warning) make the priority 116; the header is that of RFC 3164 section 4.1.

use chrono::{DateTime, Utc};

use super::words::words;

words! {
    /// How SYSLOG messages travel.
    pub enum Transport {
        /// RFC 5426, usually port 514. Nothing confirms a message.
        Udp = "udp",
        /// RFC 6587, usually port 514 or 601.
        Tcp = "tcp",
        /// RFC 5425, usually port 6514.
        Tls = "tls",
    }
}

words! {
    /// How a stream of messages is cut into messages. A datagram is one message and needs neither.
    pub enum Framing {
        /// The length before each message (RFC 6587 section 3.4.1); the only one that RFC 5425 knows.
        OctetCounting = "octet_counting",
        /// A line feed after each message (RFC 6587 section 3.4.2).
        Lf = "lf",
    }
}

words! {
    /// What the SYSLOG alerts of the product are about.
    pub enum InputType {
        /// Each deviance of an indicator of exposure.
        Deviances = "deviances",
        /// Each attack.
        Attacks = "attacks",
        /// Every change of an object.
        ObjectChanges = "object_changes",
        /// Changes of the status of a health check.
        HealthChecks = "health_checks",
    }
}

/// The most octets of a line. Every receiver takes 480 (RFC 5426 section 3.2, RFC 5424 section 6.1), and a datagram of
/// that size fits through any tunnel in one piece.
pub const MAX_LINE_BYTES: usize = 480;
/// The most octets of the host in the header; longer ones are cut, so that the test id always fits.
const MAX_HOST_BYTES: usize = 64;
/// The most octets of the test id.
const MAX_ID_BYTES: usize = 64;
/// Priority, program and process of the product's alerts.
const PRIORITY: u8 = 116;
const TAG: &str = "AlsidForAD[4]:";

/// What stands in the message of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestLine<'t> {
    /// When it is sent. RFC 3164 knows no time zone; ours is UTC.
    pub at: DateTime<Utc>,
    /// Who sends it: a host name without a domain, or the alerting IP.
    pub host: &'t str,
    /// What to search for on the receiver.
    pub test_id: &'t str,
}

impl TestLine<'_> {
    /// The line without framing: printable ASCII only, at most [`MAX_LINE_BYTES`] octets.
    pub fn build(&self) -> String {
        let host = word(self.host, MAX_HOST_BYTES);
        let id = quoted(cut(self.test_id, MAX_ID_BYTES));
        // RFC 3164 section 4.1.2 pads the day with a blank, not with a zero.
        let at = self.at.format("%b %e %H:%M:%S");
        let text = quoted("Test of the SYSLOG path by Postern. No action is needed.");
        let line = format!("<{PRIORITY}>{at} {host} {TAG} \"0\" \"1\" \"postern-test\" {id} {text}");
        cut(&line, MAX_LINE_BYTES).to_owned()
    }
}

/// A line as it goes onto a stream.
pub fn framed(line: &str, framing: Framing) -> Vec<u8> {
    match framing {
        Framing::OctetCounting => format!("{} {line}", line.len()).into_bytes(),
        // A line feed inside would end the message early; `build` lets none through, other callers may.
        Framing::Lf => format!("{}\n", line.replace('\n', " ")).into_bytes(),
    }
}

/// One word of the header: no blanks, no control characters, nothing beyond ASCII, never empty.
fn word(text: &str, most: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    let clean = cut(&clean, most);
    if clean.is_empty() { "-".to_owned() } else { clean.to_owned() }
}

/// A field of the product's form: in quotation marks, with marks and backslashes inside escaped by a backslash.
fn quoted(text: &str) -> String {
    let mut field = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => field.extend(['\\', c]),
            ' '..='~' => field.push(c),
            _ => field.push('?'),
        }
    }
    field.push('"');
    field
}

/// The beginning of a text, whole characters only.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(host: &str, test_id: &str) -> String {
        TestLine { at: "2026-01-09T09:24:42Z".parse().unwrap(), host, test_id }.build()
    }

    #[test]
    fn the_line_has_the_form_of_the_products_alerts() {
        let text = "\"Test of the SYSLOG path by Postern. No action is needed.\"";
        let expected =
            format!("<116>Jan  9 09:24:42 10.99.0.8 AlsidForAD[4]: \"0\" \"1\" \"postern-test\" \"7f3a\" {text}");
        assert_eq!(line("10.99.0.8", "7f3a"), expected);
    }

    #[test]
    fn nothing_that_is_given_can_end_the_line_or_a_field_early() {
        let hostile = line("ho st\r\n<0>x", "a\"b\\c\n<134>evil é");
        assert!(hostile.contains(" ho_st__<0>x AlsidForAD[4]: "), "{hostile}");
        assert!(hostile.contains("\"a\\\"b\\\\c?<134>evil ?\""), "{hostile}");
        assert!(hostile.chars().all(|c| (' '..='~').contains(&c)));
        assert!(line("", "x").contains(" - AlsidForAD[4]: "));
    }

    #[test]
    fn the_line_stays_short_and_keeps_the_whole_test_id() {
        for host in ["h".repeat(10_000), "é".repeat(10_000)] {
            let long = line(&host, &"\"".repeat(10_000));
            assert!(long.len() <= MAX_LINE_BYTES, "{}", long.len());
            assert!(long.ends_with("needed.\""), "{long}");
        }
        let id = "0123456789abcdef0123456789abcdef";
        assert!(line(&"h".repeat(300), id).contains(&format!("\"{id}\"")));
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("é", 0), "");
    }

    #[test]
    fn both_framings_of_rfc_6587() {
        assert_eq!(framed("<116>x", Framing::OctetCounting), b"6 <116>x");
        assert_eq!(framed("<116>x", Framing::Lf), b"<116>x\n");
        assert_eq!(framed("a\nb", Framing::Lf), b"a b\n");
        // The count is of octets, not of characters.
        assert_eq!(framed("é", Framing::OctetCounting), "2 é".as_bytes());
    }
}
