//! The mail server that the prober is measured against: a process of its own, so that its memory and its work are not
//! the prober's. It ends when its standard input does, that is, with whoever started it.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::cli::out::Stop;

/// The name in its certificate.
pub(super) const NAME: &str = "mail.bench.example";
/// The longest line it reads, in octets; the prober's are shorter.
const MAX_LINE_BYTES: usize = 512;

/// Where it listens, told as its first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ports {
    /// Answers without encryption.
    pub(super) plain: u16,
    /// Answers, and demands nothing, with STARTTLS.
    pub(super) starttls: u16,
    /// Accepts and never says a word.
    pub(super) silent: u16,
    /// As `starttls`, and falls silent after the handshake.
    pub(super) stalled: u16,
    /// The authority of its certificate.
    pub(super) ca_pem: String,
}

/// What a port does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Plain,
    StartTls,
    Silent,
    Stalled,
}

/// What all connections share.
struct Shared {
    acceptor: TlsAcceptor,
    /// How many connections have come to the point where they wait for ever.
    waiting: AtomicUsize,
}

/// Listens, tells where, and answers until standard input ends. Each line on standard input is answered with the number
/// of connections that wait in silence.
pub(super) async fn run() -> Result<(), Stop> {
    let (config, ca_pem) = identity()?;
    let shared = Arc::new(Shared { acceptor: TlsAcceptor::from(config), waiting: AtomicUsize::new(0) });
    let ports = Ports {
        plain: listen(Manner::Plain, &shared)?,
        starttls: listen(Manner::StartTls, &shared)?,
        silent: listen(Manner::Silent, &shared)?,
        stalled: listen(Manner::Stalled, &shared)?,
        ca_pem,
    };
    tell(&serde_json::to_string(&ports).map_err(Stop::failed)?)?;
    // Standard input blocks, so it is read beside the runtime.
    let asked = tokio::task::spawn_blocking(move || {
        for question in std::io::stdin().lines() {
            question.map_err(Stop::failed)?;
            tell(&shared.waiting.load(Ordering::SeqCst).to_string())?;
        }
        Ok(())
    });
    asked.await.map_err(Stop::failed)?
}

fn tell(line: &str) -> Result<(), Stop> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).map_err(Stop::failed)
}

/// Listens on a free port of every loopback address: one address alone would run out of client ports.
fn listen(manner: Manner, shared: &Arc<Shared>) -> Result<u16, Stop> {
    let socket = tokio::net::TcpSocket::new_v4().map_err(Stop::failed)?;
    socket.bind(([0, 0, 0, 0], 0).into()).map_err(Stop::failed)?;
    let listener: TcpListener = socket.listen(4096).map_err(Stop::failed)?;
    let port = listener.local_addr().map_err(Stop::failed)?.port();
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        loop {
            let Ok((stream, peer)) = listener.accept().await else { continue };
            if peer.ip().is_loopback() {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { serve(stream, manner, &shared).await });
            }
        }
    });
    Ok(port)
}

/// A client that is gone ends its connection; nobody has to know.
async fn serve(stream: TcpStream, manner: Manner, shared: &Shared) -> Option<()> {
    if manner == Manner::Silent {
        return wait(stream, shared).await;
    }
    let Some(stream) = talk(stream, true, manner != Manner::Plain).await? else { return Some(()) };
    let stream = shared.acceptor.accept(stream).await.ok()?;
    if manner == Manner::Stalled {
        return wait(stream, shared).await;
    }
    talk(stream, false, false).await?;
    Some(())
}

/// Greets where it is asked to and answers until QUIT; gives the stream back after STARTTLS.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: S, greets: bool, offers: bool) -> Option<Option<S>> {
    let mut stream = BufReader::with_capacity(MAX_LINE_BYTES, stream);
    if greets {
        stream.write_all(b"220 mail.bench.example ESMTP\r\n").await.ok()?;
    }
    loop {
        let line = stream.fill_buf().await.ok()?;
        let end = line.iter().position(|byte| *byte == b'\n')? + 1;
        let verb = line.get(..4)?.to_ascii_uppercase();
        stream.consume(end);
        let answer: &[u8] = match verb.as_slice() {
            b"EHLO" if offers => b"250-mail.bench.example\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250 8BITMIME\r\n",
            b"EHLO" => b"250-mail.bench.example\r\n250-SIZE 10240000\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",
            b"STAR" if offers => b"220 2.0.0 go ahead\r\n",
            b"QUIT" => b"221 2.0.0 bye\r\n",
            _ => b"502 5.5.1 not here\r\n",
        };
        stream.write_all(answer).await.ok()?;
        stream.flush().await.ok()?;
        match verb.as_slice() {
            b"STAR" if offers => return Some(Some(stream.into_inner())),
            b"QUIT" => {
                stream.shutdown().await.ok()?;
                return Some(None);
            }
            _ => {}
        }
    }
}

/// Reads what comes and says nothing, until the client is gone.
async fn wait<S: AsyncRead + AsyncWrite + Unpin>(stream: S, shared: &Shared) -> Option<()> {
    shared.waiting.fetch_add(1, Ordering::SeqCst);
    let mut stream = BufReader::with_capacity(MAX_LINE_BYTES, stream);
    loop {
        let taken = stream.fill_buf().await.ok()?.len();
        if taken == 0 {
            return Some(());
        }
        stream.consume(taken);
    }
}

/// A certificate for [`NAME`], and the authority that issued it, as PEM.
fn identity() -> Result<(Arc<ServerConfig>, String), Stop> {
    let authority_key = KeyPair::generate().map_err(Stop::failed)?;
    let mut authority = CertificateParams::new(Vec::new()).map_err(Stop::failed)?;
    authority.distinguished_name.push(DnType::CommonName, "Bench authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = authority.self_signed(&authority_key).map_err(Stop::failed)?.pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().map_err(Stop::failed)?;
    let params = CertificateParams::new(vec![NAME.to_owned()]).map_err(Stop::failed)?;
    let certificate = params.signed_by(&key, &issuer).map_err(Stop::failed)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Stop::failed)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .map_err(Stop::failed)?;
    Ok((Arc::new(config), ca_pem))
}
