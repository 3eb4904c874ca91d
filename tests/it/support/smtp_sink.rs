//! An SMTP server that keeps what it is given, and fails at the stage and in the way a test asks for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Where a fault strikes: in the place of the server's answer to this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    MailFrom,
    RcptTo,
    Data,
    /// After the final dot; the mail has been kept.
    Body,
}

/// What happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This reply line.
    Reply(&'static str),
    /// The connection is closed.
    Close,
    /// Nothing, for good.
    Mute,
}

/// How the sink protects connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    None,
    StartTls,
    Implicit,
}

/// One mail that arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) data: String,
    pub(crate) encrypted: bool,
    pub(crate) account: Option<String>,
}

/// A sink on a free port of 127.0.0.1; it stops when dropped.
pub(crate) struct SmtpSink {
    pub(crate) address: SocketAddr,
    /// The certificate to trust, where it speaks TLS (for the name `localhost`).
    pub(crate) certificate_pem: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    protection: Protection,
    login: Option<(String, String)>,
    fault: Mutex<Option<(Stage, Fault)>>,
    arrived: Mutex<Vec<Arrived>>,
    acceptor: TlsAcceptor,
}

enum End<S> {
    Closed,
    Upgrade(S),
}

impl SmtpSink {
    pub(crate) async fn start(protection: Protection, login: Option<(&str, &str)>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let shared = Arc::new(Shared {
            protection,
            login: login.map(|(account, password)| (account.to_owned(), password.to_owned())),
            fault: Mutex::new(None),
            arrived: Mutex::default(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, certificate_pem: made.cert.pem(), shared, server }
    }

    /// Fails so from here on; `None` heals.
    pub(crate) fn set_fault(&self, fault: Option<(Stage, Fault)>) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.shared.arrived.lock().unwrap().clone()
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&shared)));
    }
}

/// A client that hangs up ends the session; that is no fault of the sink, so errors stop here.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let acceptor = shared.acceptor.clone();
    if shared.protection == Protection::Implicit {
        if let Ok(stream) = acceptor.accept(stream).await {
            session(stream, &shared, true, true).await.ok();
        }
        return;
    }
    if let Ok(End::Upgrade(stream)) = session(stream, &shared, true, false).await
        && let Ok(stream) = acceptor.accept(stream).await
    {
        session(stream, &shared, false, true).await.ok();
    }
}

async fn session<S>(stream: S, shared: &Shared, greet: bool, encrypted: bool) -> std::io::Result<End<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    let (mut from, mut to, mut account) = (String::new(), Vec::new(), None);
    if greet && !say(&mut stream, shared, Stage::Greeting, "220 sink.example ESMTP").await? {
        return Ok(End::Closed);
    }
    loop {
        let Some(line) = read_line(&mut stream).await? else { return Ok(End::Closed) };
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let goes_on = match verb.as_str() {
            "EHLO" => say(&mut stream, shared, Stage::Ehlo, &capabilities(shared, encrypted)).await?,
            "STARTTLS" => {
                let goes_on = say(&mut stream, shared, Stage::StartTls, "220 go ahead").await?;
                if goes_on && faultless(shared, Stage::StartTls) {
                    return Ok(End::Upgrade(stream.into_inner()));
                }
                goes_on
            }
            "AUTH" => {
                account = accepted(shared, &line);
                let answer =
                    if account.is_some() { "235 2.7.0 welcome".to_owned() } else { format!("535 5.7.8 no: {line}") };
                say(&mut stream, shared, Stage::Auth, &answer).await?
            }
            "MAIL" => {
                from = between_brackets(&line);
                say(&mut stream, shared, Stage::MailFrom, "250 2.1.0 ok").await?
            }
            "RCPT" => {
                to.push(between_brackets(&line));
                say(&mut stream, shared, Stage::RcptTo, "250 2.1.5 ok").await?
            }
            "DATA" => {
                let (from, to) = (std::mem::take(&mut from), std::mem::take(&mut to));
                let mail = Arrived { from, to, data: String::new(), encrypted, account: account.clone() };
                take_mail(&mut stream, shared, mail).await?
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                false
            }
            _ => {
                stream.write_all(b"250 ok\r\n").await?;
                true
            }
        };
        if !goes_on {
            return Ok(End::Closed);
        }
    }
}

/// Takes the body of a mail and keeps it; `false` ends the session.
async fn take_mail<S>(stream: &mut BufReader<S>, shared: &Shared, mut mail: Arrived) -> std::io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let goes_on = say(stream, shared, Stage::Data, "354 go on").await?;
    if !goes_on || !faultless(shared, Stage::Data) {
        return Ok(goes_on);
    }
    let Some(data) = read_body(stream).await? else { return Ok(false) };
    mail.data = data;
    shared.arrived.lock().unwrap().push(mail);
    say(stream, shared, Stage::Body, "250 2.0.0 kept as 1A2B").await
}

fn faultless(shared: &Shared, stage: Stage) -> bool {
    !matches!(*shared.fault.lock().unwrap(), Some((at, _)) if at == stage)
}

/// Answers, or does what the fault of this stage demands; `false` ends the session.
async fn say<S: AsyncWrite + Unpin>(
    stream: &mut S,
    shared: &Shared,
    stage: Stage,
    answer: &str,
) -> std::io::Result<bool> {
    let fault = *shared.fault.lock().unwrap();
    let text = match fault {
        Some((at, Fault::Close)) if at == stage => return Ok(false),
        Some((at, Fault::Mute)) if at == stage => std::future::pending().await,
        Some((at, Fault::Reply(text))) if at == stage => text,
        Some(_) | None => answer,
    };
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    stream.flush().await?;
    Ok(true)
}

fn capabilities(shared: &Shared, encrypted: bool) -> String {
    let mut lines = vec!["sink.example"];
    if shared.protection == Protection::StartTls && !encrypted {
        lines.push("STARTTLS");
    }
    if shared.login.is_some() {
        lines.push("AUTH PLAIN LOGIN");
    }
    lines.push("8BITMIME");
    let last = lines.pop().unwrap();
    let mut text: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
    text.push_str(&format!("250 {last}"));
    text
}

/// The account of an AUTH PLAIN with its initial answer, if account and password are right.
fn accepted(shared: &Shared, line: &str) -> Option<String> {
    let (account, password) = shared.login.as_ref()?;
    let given = STANDARD.decode(line.rsplit(' ').next()?).ok()?;
    (given == format!("\0{account}\0{password}").into_bytes()).then(|| account.clone())
}

async fn read_line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    stream.read_until(b'\n', &mut bytes).await?;
    Ok(bytes.strip_suffix(b"\r\n").map(|line| String::from_utf8_lossy(line).into_owned()))
}

async fn read_body<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<Option<String>> {
    let mut data = String::new();
    while let Some(line) = read_line(stream).await? {
        if line == "." {
            return Ok(Some(data));
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
        data.push_str("\r\n");
    }
    Ok(None)
}

fn between_brackets(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map(|(address, _)| address.to_owned()).unwrap_or_default()
}
