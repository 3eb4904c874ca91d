//! A server that does what the input says, against the dialogue. The first octet chooses the plan; then comes, octet by
//! octet, what happens: a letter below, `S` and a line of the server, or a length and so many bytes of the server.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use postern_fuzz::domain::cause::Cause;
use postern_fuzz::secret::Secret;
use postern_fuzz::smtp::auth::Credentials;
use postern_fuzz::smtp::dialogue::{ClearAuth, Dialogue, Input, Mode, Output, Plan, TlsOutcome};
use postern_fuzz::smtp::record::Record;
use postern_fuzz::smtp::report::Level;
use postern_fuzz::smtp::stage::{Limits, Stage};

/// Long enough that no server spells it by chance, and of letters that base64 and escaping both change.
const PASSWORD: &str = "Pä§§wörd hunter22";
const ACCOUNT: &str = "alerts";
const TOTAL: Duration = Duration::from_secs(180);

fuzz_target!(|input: &[u8]| {
    let [choice, rest @ ..] = input else { return };
    let mut server = Server { rest };
    let mode = [Mode::Clear, Mode::StartTls, Mode::ImplicitTls][usize::from(choice % 3)];
    let mut client = Client::new(plan(*choice, mode));
    client.take(Input::Connected);
    while let Some(event) = server.next() {
        match event {
            Event::Says(bytes) => client.take(Input::Bytes(bytes)),
            Event::Later(time) => client.now += time,
            Event::Late => client.late(),
            Event::Closes => client.take(Input::Closed),
            Event::Breaks => client.take(Input::Broken(None, "connection reset by peer".to_owned())),
            Event::Tls(outcome) => {
                // A driver reports a handshake only when it was asked for one.
                if client.upgrades {
                    client.encrypted = matches!(outcome, TlsOutcome::Established { .. });
                    client.take(Input::Tls(outcome));
                }
            }
        }
    }
    client.ends();
});

/// Every form in which the password goes over the wire, and itself.
fn secrets() -> &'static [String; 3] {
    static SECRETS: LazyLock<[String; 3]> = LazyLock::new(|| {
        let plain = format!("\0{ACCOUNT}\0{PASSWORD}");
        [PASSWORD.to_owned(), STANDARD.encode(PASSWORD), STANDARD.encode(plain)]
    });
    &SECRETS
}

/// The plan that an octet chooses.
fn plan(choice: u8, mode: Mode) -> Plan {
    let bit = |index: u8| choice >> index & 1 == 1;
    let credentials = Credentials { account: ACCOUNT.to_owned(), password: Secret::new(PASSWORD.to_owned()) };
    Plan {
        mode,
        ehlo_name: "probe.vendor.example".to_owned(),
        credentials: bit(2).then_some(credentials),
        clear_auth: if bit(3) { ClearAuth::AllowedInTunnel } else { ClearAuth::Refused },
        sender: bit(4).then(|| "a@x.example".to_owned()),
        recipients: if bit(5) {
            vec!["c@d.example".into(), "jörg@d.example".into()]
        } else {
            vec!["c@d.example".into()]
        },
        message: bit(6).then(|| b"Subject: x\r\n\r\n.x\r\n".to_vec()),
        level: if bit(7) { Level::Reach } else { Level::Full },
        until: None,
        limits: Limits::with_total(TOTAL),
    }
}

enum Event<'a> {
    Says(&'a [u8]),
    Later(Duration),
    Late,
    Closes,
    Breaks,
    Tls(TlsOutcome),
}

struct Server<'a> {
    rest: &'a [u8],
}

impl<'a> Server<'a> {
    fn next(&mut self) -> Option<Event<'a>> {
        let [word, rest @ ..] = self.rest else { return None };
        self.rest = rest;
        Some(match word {
            b'T' => Event::Tls(TlsOutcome::Established {
                detail: "TLSv1_3".to_owned(),
                certificate: Ok(()),
                warnings: vec![Cause::CertExpiresSoon],
            }),
            b'X' => Event::Tls(TlsOutcome::Established {
                detail: "TLSv1_3".to_owned(),
                certificate: Err((Cause::CertExpired, "expired".to_owned())),
                warnings: Vec::new(),
            }),
            b'F' => Event::Tls(TlsOutcome::Failed { cause: Cause::TlsFailed, detail: "no".to_owned() }),
            b'L' => Event::Late,
            b'W' => Event::Later(Duration::from_secs(7)),
            b'C' => Event::Closes,
            b'R' => Event::Breaks,
            // The rest of a line, as people write seeds; other octets give a length.
            b'S' => {
                let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
                self.take(end)
            }
            length => self.take(usize::from(*length).min(rest.len())),
        })
    }

    fn take(&mut self, count: usize) -> Event<'a> {
        let (said, rest) = self.rest.split_at(count);
        self.rest = rest;
        Event::Says(said)
    }
}

/// The dialogue with what its driver knows of it.
struct Client {
    dialogue: Option<Dialogue>,
    now: Duration,
    greeted: bool,
    encrypted: bool,
    upgrades: bool,
    finished: bool,
    commands: usize,
    signs_in: usize,
    in_clear: bool,
    has_password: bool,
    data: bool,
    mode: Mode,
}

impl Client {
    fn new(plan: Plan) -> Self {
        let (in_clear, mode) = (plan.clear_auth == ClearAuth::AllowedInTunnel, plan.mode);
        // A fuzzer finds out how the secret is spelled; without it in the plan that is a server's text like any other.
        let has_password = plan.credentials.is_some();
        Self {
            dialogue: Some(Dialogue::new(plan, Record::default())),
            now: Duration::from_millis(5),
            greeted: false,
            encrypted: false,
            upgrades: false,
            finished: false,
            commands: 0,
            signs_in: 0,
            in_clear,
            has_password,
            data: false,
            mode,
        }
    }

    fn take(&mut self, input: Input<'_>) {
        let Some(dialogue) = &mut self.dialogue else { return };
        if let Input::Bytes(bytes) = &input {
            // Nothing is said before a whole line of greeting came; that it is one is for the dialogue to say.
            self.greeted |= bytes.contains(&b'\n') && (self.encrypted || self.mode != Mode::ImplicitTls);
        }
        self.now += Duration::from_millis(1);
        let output = dialogue.step(self.now, input);
        assert!(!self.finished || output == Output::Finished, "what is over stays over");
        self.upgrades = output == Output::UpgradeToTls;
        match output {
            Output::Send(wire) => self.sent(&wire.bytes, &wire.shown),
            Output::Finished => self.finished = true,
            Output::Receive | Output::UpgradeToTls => {}
        }
    }

    fn sent(&mut self, bytes: &[u8], shown: &str) {
        assert!(self.greeted, "sent before the greeting: {shown}");
        self.commands += 1;
        assert!(bytes.ends_with(b"\r\n") && !bytes.contains(&0), "{shown}");
        // After DATA comes the message, or QUIT where the server refused.
        if std::mem::take(&mut self.data) && bytes != b"QUIT\r\n" {
            assert!(bytes.ends_with(b"\r\n.\r\n"), "a message ends once");
            assert_eq!(bytes.windows(5).filter(|window| *window == b"\r\n.\r\n").count(), 1);
            return;
        }
        let line = &bytes[..bytes.len() - 2];
        assert!(!line.contains(&b'\r') && !line.contains(&b'\n'), "one command per write: {shown}");
        self.data = line == b"DATA";
        if line.starts_with(b"AUTH ") {
            self.signs_in += 1;
            assert!(self.encrypted || self.in_clear, "a password in clear text");
        }
        assert!(self.signs_in <= 1, "one attempt");
        assert!(line != b"STARTTLS" || (self.mode == Mode::StartTls && !self.encrypted));
        assert!(secrets().iter().all(|secret| !shown.contains(secret)), "{shown}");
    }

    fn late(&mut self) {
        let Some(dialogue) = &self.dialogue else { return };
        self.now = self.now.max(dialogue.deadline());
        self.take(Input::Deadline);
    }

    /// A server that says nothing more: the dialogue ends by its deadlines alone, within its total.
    fn ends(mut self) {
        let before = self.now;
        for _ in 0..3 {
            if self.finished {
                break;
            }
            self.late();
        }
        assert!(self.finished, "a dialogue ends after its deadlines");
        assert!(self.now <= before.max(TOTAL) + Duration::from_millis(10), "the total holds");
        let record = self.dialogue.take().expect("there is one").into_record();
        let kept = serde_json::to_string(&(record.stages(Stage::ALL), record.transcript(), &record.recipients))
            .expect("a record is JSON");
        let spelled = secrets().iter().any(|secret| kept.contains(secret));
        assert!(!(self.has_password && spelled), "{kept}");
        let spoken: usize = record.transcript().iter().map(|line| line.text.len()).sum();
        assert!(spoken <= 64 * 1024 + 16, "{spoken} octets of transcript");
        assert!(kept.len() < 2 * 1024 * 1024, "a record of {} octets", kept.len());
        if let Some((stage, cause)) = record.ended() {
            let report = record.stages(&[stage]).remove(0);
            assert_eq!(report.cause, Some(cause));
            assert!(report.remedy.is_some() && report.detail.is_some());
        }
    }
}
