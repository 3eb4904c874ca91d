//! The TLS handshake of a test. The certificate is judged beside the handshake and not inside it, so that chain and
//! name are two results and the report can show the certificate that was refused. Whoever calls this must stop before
//! anything secret is sent where the certificate is not right; the dialogue does.

use std::pin::Pin as StdPin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::{fmt, io};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::{self, Examined};
use super::request::Pin;
use crate::clock::Clock;
use crate::domain::cause::Cause;
use crate::smtp::dialogue::TlsOutcome;
use crate::smtp::reply::escape;
use crate::smtp::report::CertificateReport;

/// How many of the server's first bytes are kept to quote them.
const KEPT_BYTES: usize = 256;

/// The public roots, parsed once for all tests.
static PUBLIC_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Arc::new(roots)
});

/// What all handshakes share; each adds its own verifier. No session is resumed: every test sees the certificate.
static SHARED: LazyLock<Result<ClientConfig, Error>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
});

/// What a certificate is judged by.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    /// Certification authorities.
    pub roots: Arc<RootCertStore>,
    /// The name or address that the certificate must contain; also what is sent as SNI where it is a name.
    pub name: ServerName<'static>,
    /// The one certificate to accept whatever its chain and name.
    pub pin: Option<Pin>,
    /// For the dates.
    pub clock: Clock,
}

/// How a handshake ended.
pub(super) struct Handshake {
    /// For the dialogue.
    pub outcome: TlsOutcome,
    /// The encrypted connection.
    pub stream: Option<Box<TlsStream<Recorder>>>,
    /// The server's certificate.
    pub certificate: Option<CertificateReport>,
}

/// The public roots, and those of a PEM text.
pub(super) fn roots(extra_pem: Option<&str>) -> Result<Arc<RootCertStore>, String> {
    let Some(pem) = extra_pem else { return Ok(Arc::clone(&PUBLIC_ROOTS)) };
    let mut roots = RootCertStore::clone(&PUBLIC_ROOTS);
    let mut added = 0;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| format!("the CA file is not PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("a certificate of the CA file cannot be used: {error}"))?;
        added += 1;
    }
    if added == 0 { Err("the CA file contains no certificate".to_owned()) } else { Ok(Arc::new(roots)) }
}

/// Does the handshake. The caller limits its time.
pub(super) async fn handshake(trust: &Trust, tcp: TcpStream) -> Handshake {
    let mut config = match &*SHARED {
        Ok(config) => config.clone(),
        Err(error) => return failed(Cause::ProbeNotRun, error.to_string(), None),
    };
    let provider = Arc::clone(config.crypto_provider());
    let observer = Arc::new(Observer { trust: trust.clone(), provider, seen: Mutex::default() });
    let asked = Arc::new(ClientCertificate::default());
    config.dangerous().set_certificate_verifier(observer.clone());
    config.client_auth_cert_resolver = asked.clone();
    config.time_provider = Arc::new(Wall(trust.clock.clone()));
    let recorder = Recorder { tcp, first: Vec::new() };
    let connecting = TlsConnector::from(Arc::new(config)).connect(trust.name.clone(), recorder).into_fallible();
    let result = connecting.await;
    let seen = observer.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (report, judged, warnings) = match seen {
        Some(Examined { report, judged, warnings }) => (report, judged, warnings),
        None => (None, Err((Cause::CertUnsupportedFormat, "the server sent no certificate".to_owned())), Vec::new()),
    };
    match result {
        Ok(stream) => {
            let outcome = TlsOutcome::Established { detail: described(&stream, trust), certificate: judged, warnings };
            Handshake { outcome, stream: Some(Box::new(stream)), certificate: report }
        }
        Err((error, recorder)) => {
            let (cause, detail) = failure(&error, &recorder.first, asked.asked.load(Ordering::Relaxed));
            failed(cause, detail, report)
        }
    }
}

/// The cause behind an error of an encrypted connection that was already set up.
pub(super) fn later_failure(error: &io::Error) -> Option<Cause> {
    let wanted = matches!(tls_error(error), Some(Error::AlertReceived(AlertDescription::CertificateRequired)));
    wanted.then_some(Cause::TlsClientCertWanted)
}

fn failed(cause: Cause, detail: String, certificate: Option<CertificateReport>) -> Handshake {
    Handshake { outcome: TlsOutcome::Failed { cause, detail }, stream: None, certificate }
}

fn described(stream: &TlsStream<Recorder>, trust: &Trust) -> String {
    let (_, connection) = stream.get_ref();
    let version = connection.protocol_version().map_or_else(String::new, |version| format!("{version:?}"));
    let suite = connection.negotiated_cipher_suite().map_or_else(String::new, |suite| format!("{:?}", suite.suite()));
    let sni = if let ServerName::DnsName(name) = &trust.name {
        format!("asked for {}", name.as_ref())
    } else {
        "no server name was sent, because the host is an address".to_owned()
    };
    format!("{version}, {suite}; {sni}")
}

fn failure(error: &io::Error, first: &[u8], client_certificate_asked: bool) -> (Cause, String) {
    let quoted = escape(first.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end());
    if is_clear_text(first) {
        return (Cause::TlsPeerStayedClear, format!("in place of TLS the server said: {quoted}"));
    }
    let Some(tls) = tls_error(error) else {
        let how = if error.kind() == io::ErrorKind::UnexpectedEof {
            "the server closed the connection".to_owned()
        } else {
            error.to_string()
        };
        return (Cause::TlsFailed, how);
    };
    let cause = if let Error::AlertReceived(alert) = tls {
        refused_by_alert(*alert, client_certificate_asked)
    } else if let Error::PeerIncompatible(reason) = tls {
        let old =
            [PeerIncompatible::ServerDoesNotSupportTls12Or13, PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig];
        if old.contains(reason) { Cause::TlsVersionTooOld } else { Cause::TlsNoCommonParameters }
    } else {
        Cause::TlsFailed
    };
    let offered = offered_version(first)
        .map_or_else(String::new, |version| format!("; the server answered with {version}, our minimum is TLS 1.2"));
    (cause, format!("{tls}{offered}"))
}

fn refused_by_alert(alert: AlertDescription, client_certificate_asked: bool) -> Cause {
    let refusal = [AlertDescription::HandshakeFailure, AlertDescription::BadCertificate].contains(&alert);
    if alert == AlertDescription::ProtocolVersion {
        Cause::TlsVersionTooOld
    } else if alert == AlertDescription::CertificateRequired || (refusal && client_certificate_asked) {
        Cause::TlsClientCertWanted
    } else if [AlertDescription::HandshakeFailure, AlertDescription::InsufficientSecurity].contains(&alert) {
        Cause::TlsNoCommonParameters
    } else {
        Cause::TlsFailed
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
}

/// True where the first bytes are text. A TLS record begins with a type of 20 to 23 and the version 3.
pub(super) fn is_clear_text(first: &[u8]) -> bool {
    first.first().is_some_and(|byte| !(20..=23).contains(byte))
        && first.iter().take(3).all(|byte| byte.is_ascii_graphic() || *byte == b' ')
}

/// The version a server chose in its `ServerHello` (RFC 8446 section 4.1.3), where it is an old one.
fn offered_version(first: &[u8]) -> Option<&'static str> {
    match first {
        [22, 3, _, _, _, 2, _, _, _, 3, minor, ..] => match minor {
            0 => Some("SSL 3.0"),
            1 => Some("TLS 1.0"),
            2 => Some("TLS 1.1"),
            _ => None,
        },
        _ => None,
    }
}

/// A connection that keeps the first bytes of the server.
#[derive(Debug)]
pub(super) struct Recorder {
    tcp: TcpStream,
    first: Vec<u8>,
}

impl AsyncRead for Recorder {
    fn poll_read(
        mut self: StdPin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = StdPin::new(&mut self.tcp).poll_read(context, buffer);
        let room = KEPT_BYTES.saturating_sub(self.first.len());
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        self.first.extend(fresh.iter().take(room));
        polled
    }
}

impl AsyncWrite for Recorder {
    fn poll_write(mut self: StdPin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        StdPin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: StdPin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        StdPin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: StdPin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        StdPin::new(&mut self.tcp).poll_shutdown(context)
    }
}

/// Gives the TLS library our clock.
#[derive(Debug)]
struct Wall(Clock);

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().timestamp()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

/// Has no client certificate and remembers that one was asked for.
#[derive(Debug, Default)]
struct ClientCertificate {
    asked: AtomicBool,
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Examines the certificate and lets the handshake go on; signatures are verified, so the server owns the certificate.
struct Observer {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Option<Examined>>,
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer")
    }
}

impl ServerCertVerifier for Observer {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let examined = certificate::examine(&self.trust, leaf, intermediates, now, algorithms);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(examined);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
