//! One client of the built-in mail server: each line is answered, and what is sent is kept or refused.

use std::io;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;

use super::{ACCOUNT, Kept, NAME, SILENCE, Shared, lock};
use crate::secret::Secret;

/// The longest line, in octets with its end; RFC 4954 section 4 asks for more than RFC 5321.
const LONGEST_LINE: u64 = 12_288;
/// The largest mail, in octets; announced by SIZE (RFC 1870).
const LARGEST_MAIL: usize = 1024 * 1024;
/// How many recipients one mail may have (RFC 5321 section 4.5.3.1.8).
const MOST_RECIPIENTS: usize = 100;
/// How many mails are kept; the oldest go first.
const MOST_MAILS: usize = 500;
/// After so many commands that fail, the connection ends.
const MOST_FAULTS: u32 = 10;
/// The domain whose mail is taken without sign-in.
const DOMAIN: &str = "customer.example";

/// What a client has said so far.
pub(super) struct Session<'s, S> {
    stream: BufReader<S>,
    shared: &'s Shared,
    encrypted: bool,
    greeted: bool,
    account: Option<String>,
    from: Option<String>,
    to: Vec<String>,
    faults: u32,
}

/// What follows a command.
enum Then {
    GoOn,
    Close,
    Upgrade,
}

impl<'s, S: AsyncRead + AsyncWrite + Unpin> Session<'s, S> {
    pub(super) fn new(stream: S, shared: &'s Shared, encrypted: bool) -> Self {
        let stream = BufReader::new(stream);
        Self { stream, shared, encrypted, greeted: false, account: None, from: None, to: Vec::new(), faults: 0 }
    }

    /// Speaks until the client leaves; gives the connection back where it is to be encrypted.
    pub(super) async fn run(mut self, greet: bool) -> io::Result<Option<S>> {
        if greet {
            self.say(&format!("220 {NAME} ESMTP Postern demo")).await?;
        }
        while let Some(line) = self.line().await? {
            match self.answer(&line).await? {
                Then::GoOn if self.faults >= MOST_FAULTS => {
                    self.say("421 4.7.0 Too many commands failed").await?;
                    break;
                }
                Then::GoOn => {}
                Then::Close => break,
                Then::Upgrade => return Ok(Some(self.stream.into_inner())),
            }
        }
        Ok(None)
    }

    async fn answer(&mut self, line: &str) -> io::Result<Then> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let reply = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.ehlo(rest),
            "HELO" => {
                self.reset();
                self.greeted = true;
                format!("250 {NAME}")
            }
            "STARTTLS" => return self.start_tls().await,
            "AUTH" => self.auth(rest).await?,
            "MAIL" => self.mail(rest),
            "RCPT" => self.rcpt(rest),
            "DATA" => return self.data().await,
            "RSET" => {
                self.reset();
                "250 2.0.0 Forgotten".to_owned()
            }
            "NOOP" => "250 2.0.0 Done".to_owned(),
            "VRFY" => "252 2.5.0 Send mail, then you know".to_owned(),
            "QUIT" => {
                self.say("221 2.0.0 Goodbye").await?;
                return Ok(Then::Close);
            }
            _ => "500 5.5.1 Unknown command".to_owned(),
        };
        self.say(&reply).await?;
        Ok(Then::GoOn)
    }

    fn ehlo(&mut self, name: &str) -> String {
        if name.trim().is_empty() {
            return "501 5.5.4 EHLO needs a name".to_owned();
        }
        self.reset();
        self.greeted = true;
        let offer = if self.encrypted { "AUTH PLAIN LOGIN" } else { "STARTTLS" };
        format!(
            "250-{NAME}\r\n250-PIPELINING\r\n250-SIZE {LARGEST_MAIL}\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 {offer}"
        )
    }

    async fn start_tls(&mut self) -> io::Result<Then> {
        if self.encrypted {
            self.say("503 5.5.1 The connection is encrypted already").await?;
            return Ok(Then::GoOn);
        }
        // Bytes that came along in clear text would be read as if they were encrypted.
        if !self.stream.buffer().is_empty() {
            self.say("501 5.5.4 Nothing may follow STARTTLS before the handshake").await?;
            return Ok(Then::Close);
        }
        self.say("220 2.0.0 Go ahead").await?;
        Ok(Then::Upgrade)
    }

    async fn auth(&mut self, rest: &str) -> io::Result<String> {
        if !self.encrypted {
            return Ok("538 5.7.11 Encryption is needed first".to_owned());
        }
        if self.account.is_some() || self.from.is_some() {
            return Ok("503 5.5.1 Not now".to_owned());
        }
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let answer = if initial.is_empty() { self.challenge("").await? } else { initial.to_owned() };
                plain(&answer)
            }
            "LOGIN" => {
                // The words are those that clients look for, in Base64.
                let account =
                    if initial.is_empty() { self.challenge("VXNlcm5hbWU6").await? } else { initial.to_owned() };
                let password = self.challenge("UGFzc3dvcmQ6").await?;
                decoded(&account).zip(decoded(&password))
            }
            _ => return Ok("504 5.5.4 PLAIN or LOGIN".to_owned()),
        };
        let Some((account, password)) = given else { return Ok("501 5.5.2 That cannot be read".to_owned()) };
        let (account, password) = (account, Secret::new(password));
        let same =
            subtle::ConstantTimeEq::ct_eq(password.expose().as_bytes(), self.shared.password.expose().as_bytes());
        if account == ACCOUNT && bool::from(same) {
            self.account = Some(account);
            return Ok("235 2.7.0 Welcome".to_owned());
        }
        Ok("535 5.7.8 Account and password do not fit together".to_owned())
    }

    /// Asks for one more answer; `*` cancels (RFC 4954 section 4) and reads as nothing.
    async fn challenge(&mut self, text: &str) -> io::Result<String> {
        self.say(&format!("334 {text}")).await?;
        let answer = self.line().await?.unwrap_or_default();
        Ok(if answer == "*" { String::new() } else { answer })
    }

    fn mail(&mut self, rest: &str) -> String {
        if !self.greeted {
            return "503 5.5.1 EHLO first".to_owned();
        }
        if self.from.is_some() {
            return "503 5.5.1 There is a sender already".to_owned();
        }
        let Some((from, parameters)) = path(rest, "FROM:") else {
            return "501 5.5.4 MAIL FROM:<address> is needed".to_owned();
        };
        let size = parameters
            .split(' ')
            .find_map(|word| word.to_ascii_uppercase().strip_prefix("SIZE=")?.parse::<usize>().ok());
        if size.is_some_and(|size| size > LARGEST_MAIL) {
            return "552 5.3.4 The mail is too large".to_owned();
        }
        self.from = Some(from.to_owned());
        "250 2.1.0 Good".to_owned()
    }

    fn rcpt(&mut self, rest: &str) -> String {
        if self.from.is_none() {
            return "503 5.5.1 MAIL first".to_owned();
        }
        let Some((to, _)) = path(rest, "TO:").filter(|(to, _)| !to.is_empty()) else {
            return "501 5.5.4 RCPT TO:<address> is needed".to_owned();
        };
        let ours = to.rsplit_once('@').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(DOMAIN));
        if !ours && self.account.is_none() {
            return "550 5.7.1 Relay not permitted; sign in first".to_owned();
        }
        if self.to.len() >= MOST_RECIPIENTS {
            return "452 4.5.3 Too many recipients".to_owned();
        }
        self.to.push(to.to_owned());
        "250 2.1.5 Good".to_owned()
    }

    async fn data(&mut self) -> io::Result<Then> {
        if self.to.is_empty() {
            self.say("503 5.5.1 RCPT first").await?;
            return Ok(Then::GoOn);
        }
        self.say("354 End with a dot on a line of its own").await?;
        let Some(body) = self.body().await? else { return Ok(Then::Close) };
        let (from, to) = (self.from.take().unwrap_or_default(), std::mem::take(&mut self.to));
        let reply = match body {
            Ok(text) => {
                let mail = Kept { from, to, text, encrypted: self.encrypted, account: self.account.clone() };
                let mut kept = lock(&self.shared.kept);
                if kept.len() >= MOST_MAILS {
                    kept.pop_front();
                }
                kept.push_back(mail);
                let before = self.shared.taken.fetch_add(1, Ordering::Relaxed);
                format!("250 2.0.0 Kept as number {}", before + 1)
            }
            Err(refusal) => refusal.to_owned(),
        };
        self.say(&reply).await?;
        Ok(Then::GoOn)
    }

    /// Reads up to the dot. A line that ends otherwise than CRLF spoils the mail: such lines let one mail pass for two.
    async fn body(&mut self) -> io::Result<Option<Result<String, &'static str>>> {
        let (mut mail, mut refusal) = (Vec::new(), None);
        loop {
            let Some(line) = self.octets().await? else { return Ok(None) };
            if line == b".\r\n" {
                break;
            }
            if !line.ends_with(b"\r\n") {
                refusal = Some("554 5.6.0 A line of the mail is too long or does not end in CRLF");
            }
            if mail.len() + line.len() > LARGEST_MAIL {
                refusal = Some("552 5.3.4 The mail is too large");
            }
            if refusal.is_none() {
                mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            }
        }
        Ok(Some(refusal.map_or_else(|| Ok(String::from_utf8_lossy(&mail).into_owned()), Err)))
    }

    /// A command line without its end; `None` where the client has gone.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let Some(mut line) = self.octets().await? else { return Ok(None) };
        while line.last().is_some_and(|octet| matches!(octet, b'\r' | b'\n')) {
            line.pop();
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }

    /// One line with its end, cut at the limit.
    async fn octets(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(LONGEST_LINE);
        let count = timeout(SILENCE, limited.read_until(b'\n', &mut line))
            .await
            .map_err(|_elapsed| io::ErrorKind::TimedOut)??;
        Ok((count > 0).then_some(line))
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        if reply.starts_with('5') {
            self.faults += 1;
        }
        self.stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }
}

/// The address between angle brackets behind `FROM:` or `TO:`, and the parameters behind it.
fn path<'l>(rest: &'l str, word: &str) -> Option<(&'l str, &'l str)> {
    let (start, after) = rest.split_at_checked(word.len())?;
    if !start.eq_ignore_ascii_case(word) {
        return None;
    }
    let (address, parameters) = after.trim_start().strip_prefix('<')?.split_once('>')?;
    let good = !address.chars().any(|letter| letter.is_control() || letter == ' ');
    good.then_some((address, parameters.trim()))
}

/// Account and password of AUTH PLAIN (RFC 4616): identity, account and password, a NUL before each of the latter two.
fn plain(answer: &str) -> Option<(String, String)> {
    let text = decoded(answer)?;
    let mut parts = text.split('\0').skip(1);
    let pair = (parts.next()?.to_owned(), parts.next()?.to_owned());
    parts.next().is_none().then_some(pair)
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok().filter(|text| !text.is_empty())
}
