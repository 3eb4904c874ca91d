//! Mail servers of a few lines on loopback: each connection is played from the same list of steps.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// One step of a server.
#[derive(Clone)]
pub(crate) enum Act {
    /// Sends these bytes in one write.
    Say(Vec<u8>),
    /// Sends these bytes one at a time with this pause.
    Drip(Vec<u8>, Duration),
    /// Sends this byte until the client is gone.
    Flood(u8),
    /// Reads one line of the client.
    Hear,
    /// Reads whatever comes next, once.
    HearBytes,
    /// Waits.
    Pause(Duration),
    /// Goes over to TLS as server.
    Tls(Arc<ServerConfig>),
    /// Stays silent until the client is gone.
    Hold,
}

/// Text as a step.
pub(crate) fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

/// A listening server; it ends when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), acts).await
    }

    /// Listens on this address.
    pub(crate) async fn start_on(address: SocketAddr, acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (count, ears) = (Arc::clone(&connections), Arc::clone(&heard));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, acts.clone(), Arc::clone(&ears)));
            }
        });
        Self { address, connections, heard, task }
    }

    /// How many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Everything that clients said, decrypted.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, acts: Vec<Act>, heard: Arc<Mutex<Vec<u8>>>) {
    let encrypts = acts.iter().position(|act| matches!(act, Act::Tls(_)));
    let Some(at) = encrypts else {
        play(stream, &acts, &heard).await;
        return;
    };
    let Some(stream) = play(stream, &acts[..at], &heard).await else { return };
    let Act::Tls(config) = &acts[at] else { return };
    if let Ok(stream) = TlsAcceptor::from(Arc::clone(config)).accept(stream).await {
        play(stream, &acts[at + 1..], &heard).await;
    }
}

async fn play<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, acts: &[Act], heard: &Mutex<Vec<u8>>) -> Option<S> {
    for act in acts {
        match act {
            Act::Say(bytes) => stream.write_all(bytes).await.ok()?,
            Act::Drip(bytes, pause) => {
                for byte in bytes {
                    stream.write_all(&[*byte]).await.ok()?;
                    tokio::time::sleep(*pause).await;
                }
            }
            Act::Flood(byte) => loop {
                stream.write_all(&[*byte; 1024]).await.ok()?;
            },
            Act::Hear => loop {
                let byte = stream.read_u8().await.ok()?;
                heard.lock().unwrap().push(byte);
                if byte == b'\n' {
                    break;
                }
            },
            Act::HearBytes => {
                let mut bytes = [0; 4096];
                let count = stream.read(&mut bytes).await.ok()?;
                heard.lock().unwrap().extend_from_slice(&bytes[..count]);
                if count == 0 {
                    return None;
                }
            }
            Act::Pause(pause) => tokio::time::sleep(*pause).await,
            Act::Tls(_) => return Some(stream),
            Act::Hold => while stream.read(&mut [0; 256]).await.ok()? > 0 {},
        }
        stream.flush().await.ok()?;
    }
    Some(stream)
}

/// A certificate to serve, and the PEM of the authority that issued it (itself, where it is self-signed).
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) ca_pem: String,
    pub(crate) certificate: CertificateDer<'static>,
    key_der: Vec<u8>,
}

/// How a certificate is made.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Good,
    Expired,
    NotYet,
    Soon,
    SelfSigned,
    SelfSignedAuthority,
}

/// Makes a certificate for these names.
pub(crate) fn identity(names: &[&str], kind: Kind) -> Identity {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "Test authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "mail.corp.example");
    match kind {
        Kind::Expired => params.not_after = date_time_ymd(2020, 1, 2),
        Kind::NotYet => params.not_before = date_time_ymd(3000, 1, 1),
        Kind::Soon => params.not_after = date_time_ymd(2030, 1, 10),
        Kind::SelfSignedAuthority => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        Kind::Good | Kind::SelfSigned => {}
    }
    let own = matches!(kind, Kind::SelfSigned | Kind::SelfSignedAuthority);
    let certificate = if own { params.self_signed(&key) } else { params.signed_by(&key, &issuer) }.unwrap();
    let ca_pem = if own { certificate.pem() } else { authority_pem };
    let der = certificate.der().clone();
    let key_der = key.serialize_der();
    let key = PrivateKeyDer::try_from(key_der.clone()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key)
        .unwrap();
    Identity { config: Arc::new(config), ca_pem, certificate: der, key_der }
}

/// The same server, but it demands a certificate of the client.
pub(crate) fn demands_client_certificate(identity: &Identity) -> Arc<ServerConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(identity.ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let key = PrivateKeyDer::try_from(identity.key_der.clone()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate.clone()], key)
        .unwrap();
    Arc::new(config)
}
