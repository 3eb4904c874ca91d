//! TLS of the clients that speak HTTP: the public roots, and those that somebody names.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The text of further roots is none.
    #[error("it holds no usable certificate: name certificates in PEM")]
    NoCertificate,
    /// The library refuses its own defaults.
    #[error("TLS could not be set up: {0}")]
    SetUp(#[from] rustls::Error),
}

/// Trusts the public roots and the certificates of a PEM text, where there is one.
///
/// # Errors
/// [`TlsError`]; not for a certificate that cannot be read beside one that can.
pub fn client(pem: Option<&[u8]>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = pem {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
        let (added, _ignored) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(TlsError::NoCertificate);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
