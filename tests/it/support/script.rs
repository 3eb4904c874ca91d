//! Runs a written dialogue through the pure machine. A script has one step a line:
//!
//! * `S:bytes` the server sends this in one segment; `\r\n`, `\xNN` and `\\` are escapes
//! * `C:text` the client must have sent a line that begins with this; a client step that is not named is free
//! * `TLS` the handshake succeeds with a good certificate, `TLS cause.id` it fails, `CERT cause.id` the certificate does
//! * `AFTER 2.5` so many seconds pass; `LATE` the deadline passes; `CLOSE` and `RESET` end the connection

use std::time::Duration;

use postern::domain::cause::Cause;
use postern::secret::Secret;
use postern::smtp::auth::Credentials;
use postern::smtp::dialogue::{ClearAuth, Dialogue, Input, Mode, Output, Plan, TlsOutcome};
use postern::smtp::record::Record;
use postern::smtp::report::{Level, Status};
use postern::smtp::stage::{Limits, Stage};

/// What became of a script.
pub(crate) struct Played {
    pub(crate) record: Record,
    /// Every line and message of the client, as sent.
    pub(crate) sent: Vec<String>,
    /// True where the machine said that it is over.
    pub(crate) finished: bool,
    /// When it ended.
    pub(crate) now: Duration,
}

impl Played {
    pub(crate) fn ended(&self) -> Option<(Stage, Cause)> {
        self.record.ended()
    }

    pub(crate) fn stage(&self, stage: Stage) -> postern::smtp::report::StageReport {
        self.record.stages(&[stage]).remove(0)
    }

    pub(crate) fn status(&self, stage: Stage) -> Status {
        self.stage(stage).status
    }

    pub(crate) fn said(&self, text: &str) -> bool {
        self.sent.iter().any(|line| line.contains(text))
    }
}

/// A plan that only connects, in clear text.
pub(crate) fn plan(mode: Mode) -> Plan {
    Plan {
        mode,
        ehlo_name: "probe.vendor.example".to_owned(),
        credentials: None,
        clear_auth: ClearAuth::Refused,
        sender: None,
        recipients: Vec::new(),
        message: None,
        level: Level::Reach,
        until: None,
        limits: Limits::with_total(Duration::from_secs(180)),
    }
}

/// A full test with sender and one recipient.
pub(crate) fn full(mode: Mode) -> Plan {
    Plan {
        sender: Some("a@x.example".to_owned()),
        recipients: vec!["c@d.example".to_owned()],
        level: Level::Full,
        ..plan(mode)
    }
}

/// A full test that signs in.
pub(crate) fn signed_in(mode: Mode, password: &str) -> Plan {
    let credentials = Credentials { account: "u".to_owned(), password: Secret::new(password.to_owned()) };
    Plan { credentials: Some(credentials), ..full(mode) }
}

/// Plays the script to its end.
pub(crate) fn play(plan: Plan, script: &str) -> Played {
    let mut dialogue = Dialogue::new(plan, Record::default());
    let mut now = Duration::from_millis(5);
    let mut sent = Vec::new();
    let mut output = dialogue.step(now, Input::Connected);
    note(&output, &mut sent);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once([':', ' ']).unwrap_or((line, ""));
        let input = match word {
            "C" => {
                let last = sent.last().map_or("", String::as_str);
                assert!(last.starts_with(rest), "the client should have sent {rest:?}, its last line is {last:?}");
                continue;
            }
            "AFTER" => {
                now += Duration::from_secs_f64(rest.parse().unwrap());
                continue;
            }
            "LATE" => {
                now = now.max(dialogue.deadline());
                Input::Deadline
            }
            "CLOSE" => Input::Closed,
            "RESET" => Input::Broken(None, "connection reset by peer".to_owned()),
            "TLS" | "CERT" => Input::Tls(outcome(word, rest)),
            "S" => {
                now += Duration::from_millis(10);
                let bytes = unescape(rest);
                output = dialogue.step(now, Input::Bytes(&bytes));
                note(&output, &mut sent);
                continue;
            }
            other => panic!("no such step: {other}"),
        };
        output = dialogue.step(now, input);
        note(&output, &mut sent);
    }
    Played { finished: output == Output::Finished, record: dialogue.into_record(), sent, now }
}

fn note(output: &Output, sent: &mut Vec<String>) {
    if let Output::Send(wire) = output {
        sent.push(String::from_utf8_lossy(&wire.bytes).into_owned());
    }
}

fn outcome(word: &str, id: &str) -> TlsOutcome {
    let cause = (!id.is_empty()).then(|| Cause::from_id(id).unwrap_or_else(|| panic!("no cause {id}")));
    let established =
        |certificate| TlsOutcome::Established { detail: String::new(), certificate, warnings: Vec::new() };
    match (word, cause) {
        ("TLS", Some(cause)) => TlsOutcome::Failed { cause, detail: String::new() },
        (_, Some(cause)) => established(Err((cause, "scripted".to_owned()))),
        (_, None) => established(Ok(())),
    }
}

/// Bytes of a text with the escapes of the case table.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let length = match escape.as_bytes()[0] {
            b'r' => (b'\r', 1),
            b'n' => (b'\n', 1),
            b'\\' => (b'\\', 1),
            b'x' => (u8::from_str_radix(&escape[1..3], 16).unwrap(), 3),
            other => panic!("no such escape: {}", char::from(other)),
        };
        bytes.push(length.0);
        rest = &escape[length.1..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
