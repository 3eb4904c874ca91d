//! The built-in mail server of the demo: it speaks SMTP (RFC 5321) with STARTTLS (RFC 3207), implicit TLS on a second
//! port (RFC 8314) and AUTH (RFC 4954), takes mail for its own domain, or for anybody after sign-in, and keeps it in
//! memory. It delivers nothing to anybody.
//!
//! Reading order: this file listens and encrypts, `session` answers one client.

mod session;
/// The SYSLOG receiver beside it.
pub mod syslog;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use session::Session;

use crate::secret::Secret;

/// The name in the certificate and in the greeting.
const NAME: &str = "mail.customer.example";
/// The account that may send to anybody.
const ACCOUNT: &str = "alerts";
/// How many clients are served at a time.
const MOST_CLIENTS: usize = 32;
/// How long a client may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// A running mail server; it stops when this is dropped.
#[derive(Debug)]
pub struct Sink {
    /// Port for STARTTLS, on 127.0.0.1.
    pub port: u16,
    /// Port for implicit TLS, on 127.0.0.1.
    pub implicit_port: u16,
    /// The account that may send to anybody.
    pub account: String,
    /// Its password.
    pub password: Secret,
    /// The name in the certificate.
    pub name: String,
    /// The certification authority of the certificate, PEM.
    pub ca_pem: String,
    shared: Arc<Shared>,
    servers: [JoinHandle<()>; 2],
}

/// A mail that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The return path; empty for a bounce.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// Header and body as they came, dots unstuffed.
    pub text: String,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// The account that was signed in.
    pub account: Option<String>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// No port can be had.
    #[error("no port can be had for the built-in mail server")]
    Port(#[from] io::Error),
    /// The certificate.
    #[error("no certificate can be made for the built-in mail server")]
    Certificate(#[from] rcgen::Error),
    /// The TLS configuration.
    #[error("the certificate of the built-in mail server cannot be used")]
    Tls(#[from] rustls::Error),
}

struct Shared {
    acceptor: TlsAcceptor,
    password: Secret,
    kept: Mutex<VecDeque<Kept>>,
    /// Also those that were kept once and had to go.
    taken: AtomicUsize,
    clients: Semaphore,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Sink {
    /// Starts one on two free ports with a fresh certificate and password. The certificate holds its name and the
    /// addresses (as text) under which clients know it.
    ///
    /// # Errors
    /// No port or no certificate can be had.
    pub async fn start(addresses: &[&str]) -> Result<Self, SinkError> {
        let (ca_pem, tls) = certificate(addresses)?;
        let password = Secret::new(crate::app::token::fresh());
        let shared = Arc::new(Shared {
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            password: password.clone(),
            kept: Mutex::default(),
            taken: AtomicUsize::new(0),
            clients: Semaphore::new(MOST_CLIENTS),
        });
        let plain = TcpListener::bind(("127.0.0.1", 0)).await?;
        let implicit = TcpListener::bind(("127.0.0.1", 0)).await?;
        Ok(Self {
            port: plain.local_addr()?.port(),
            implicit_port: implicit.local_addr()?.port(),
            account: ACCOUNT.to_owned(),
            password,
            name: NAME.to_owned(),
            ca_pem,
            servers: [
                tokio::spawn(accept(plain, Arc::clone(&shared), false)),
                tokio::spawn(accept(implicit, Arc::clone(&shared), true)),
            ],
            shared,
        })
    }

    /// The mails that are kept, oldest first.
    pub fn kept(&self) -> Vec<Kept> {
        lock(&self.shared.kept).iter().cloned().collect()
    }

    /// How many mails were taken, also of those that are kept no more.
    pub fn count(&self) -> usize {
        self.shared.taken.load(Ordering::Relaxed)
    }

    /// Stops listening, as if the server were switched off; the mails stay.
    pub fn stop(&self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A certificate and its authority, which differ as in real life.
fn certificate(addresses: &[&str]) -> Result<(String, ServerConfig), SinkError> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, "Throw-away authority of a demo");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(
        [&[NAME, "127.0.0.1"], addresses].concat().into_iter().map(str::to_owned).collect::<Vec<_>>(),
    )?;
    server.distinguished_name.push(DnType::CommonName, NAME);
    let certificate = server.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok((ca_pem, tls))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, implicit: bool) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                tokio::spawn(serve(stream, from, Arc::clone(&shared), implicit));
            }
            Err(error) => {
                tracing::warn!(%error, "the built-in mail server could not take a connection");
                // Out of file descriptors, most likely: a moment lets some be closed.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One client, from its connection to its end. A client that hangs up is no fault of ours.
async fn serve(stream: TcpStream, from: SocketAddr, shared: Arc<Shared>, implicit: bool) {
    let Ok(_place) = shared.clients.acquire().await else { return };
    let ended = if implicit {
        match handshake(&shared, stream).await {
            Ok(stream) => Session::new(stream, &shared, true).run(true).await.map(|_| ()),
            Err(error) => Err(error),
        }
    } else {
        plain_then_encrypted(stream, &shared).await
    };
    if let Err(error) = ended {
        tracing::debug!(%from, %error, "a client of the built-in mail server left");
    }
}

async fn plain_then_encrypted(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(stream) = Session::new(stream, shared, false).run(true).await? else { return Ok(()) };
    let stream = handshake(shared, stream).await?;
    // Everything said before is forgotten (RFC 3207 section 4.2), so this is a session of its own without a greeting.
    Session::new(stream, shared, true).run(false).await.map(|_| ())
}

async fn handshake(shared: &Shared, stream: TcpStream) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    timeout(SILENCE, shared.acceptor.accept(stream)).await.map_err(|_elapsed| io::ErrorKind::TimedOut)?
}

fn lock(kept: &Mutex<VecDeque<Kept>>) -> MutexGuard<'_, VecDeque<Kept>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
