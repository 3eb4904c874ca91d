//! The ceiling of the prober: the same dialogue over tokio and rustls without our code. It reads until a line ends a
//! reply, keeps nothing and judges nothing but the certificate.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::responder::NAME;
use crate::cli::out::Stop;

/// What every bare dialogue with STARTTLS shares: no session is resumed, as in a test.
pub(super) fn connector(ca_pem: &str) -> Result<TlsConnector, Stop> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).map_err(Stop::failed)?).map_err(Stop::failed)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Stop::failed)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// One dialogue from TCP to QUIT; with STARTTLS where there is a connector.
pub(super) async fn dialogue(server: SocketAddr, connector: Option<&TlsConnector>) -> Result<(), Stop> {
    let mut stream = TcpStream::connect(server).await.map_err(Stop::failed)?;
    let mut buffer = [0; 4096];
    reply(&mut stream, &mut buffer).await?;
    command(&mut stream, b"EHLO [127.0.0.1]\r\n", &mut buffer).await?;
    let Some(connector) = connector else {
        return command(&mut stream, b"QUIT\r\n", &mut buffer).await;
    };
    command(&mut stream, b"STARTTLS\r\n", &mut buffer).await?;
    let name = ServerName::try_from(NAME).map_err(Stop::failed)?;
    let mut stream = connector.connect(name, stream).await.map_err(Stop::failed)?;
    command(&mut stream, b"EHLO [127.0.0.1]\r\n", &mut buffer).await?;
    command(&mut stream, b"QUIT\r\n", &mut buffer).await?;
    // The responder has said goodbye by then, and may be gone.
    match stream.shutdown().await {
        Err(error) if error.kind() != ErrorKind::BrokenPipe && error.kind() != ErrorKind::ConnectionReset => {
            Err(Stop::failed(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn command<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    command: &[u8],
    buffer: &mut [u8],
) -> Result<(), Stop> {
    stream.write_all(command).await.map_err(Stop::failed)?;
    stream.flush().await.map_err(Stop::failed)?;
    reply(stream, buffer).await
}

/// Reads up to the line whose code a space follows.
async fn reply<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut [u8]) -> Result<(), Stop> {
    let mut held = 0;
    loop {
        let room = buffer.get_mut(held..).unwrap_or_default();
        let count = stream.read(room).await.map_err(Stop::failed)?;
        if count == 0 {
            return Err(Stop::failed("the responder hung up, or said too much"));
        }
        held += count;
        let text = buffer.get(..held).unwrap_or_default();
        let last = text.strip_suffix(b"\r\n").and_then(|text| text.rsplit(|byte| *byte == b'\n').next());
        if last.is_some_and(|line| line.get(3) == Some(&b' ')) {
            return Ok(());
        }
    }
}
