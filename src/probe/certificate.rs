//! A server certificate, judged: its chain and its name are two results.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, TimeDelta, Utc};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::tls::Trust;
use crate::domain::cause::Cause;
use crate::smtp::reply::escape;
use crate::smtp::report::CertificateReport;

/// A certificate that expires this soon is worth a warning.
const EXPIRES_SOON: TimeDelta = TimeDelta::days(21);

/// What was found out about a certificate.
#[derive(Debug)]
pub(super) struct Examined {
    /// For the report; none where the certificate cannot be read at all.
    pub report: Option<CertificateReport>,
    /// Whether it is accepted; otherwise why, and what was seen.
    pub judged: Result<(), (Cause, String)>,
    /// What should change about it.
    pub warnings: Vec<Cause>,
}

/// Judges the certificate of a handshake.
pub(super) fn examine(
    trust: &Trust,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    now: UnixTime,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Examined {
    let fingerprint: [u8; 32] = Sha256::digest(leaf).into();
    let pinned = trust.pin.map(|pin| pin.0 == fingerprint);
    let Ok((_, x509)) = X509Certificate::from_der(leaf) else {
        let judged = match pinned {
            Some(true) => Ok(()),
            Some(false) | None => {
                Err((Cause::CertUnsupportedFormat, "the certificate is no readable X.509".to_owned()))
            }
        };
        return Examined { report: None, judged, warnings: Vec::new() };
    };
    let sent = intermediates.len();
    let chain = ParsedCertificate::try_from(leaf).and_then(|parsed| {
        verify_server_cert_signed_by_trust_anchor(&parsed, &trust.roots, intermediates, now, algorithms)
    });
    let chain = chain.map_err(|error| chain_fault(&error, &x509, sent));
    let name = ParsedCertificate::try_from(leaf).and_then(|parsed| verify_server_name(&parsed, &trust.name));
    let names = names_of(&x509);
    let name = name.map_err(|_fault| name_fault(&trust.name, &names));
    let fact =
        |result: &Result<(), (Cause, String)>| result.as_ref().err().map_or("pass", |(cause, _)| cause.id()).to_owned();
    let report = CertificateReport {
        subject: shown(&x509.subject().to_string()),
        issuer: shown(&x509.issuer().to_string()),
        names,
        not_before: instant(x509.validity().not_before.timestamp()),
        not_after: instant(x509.validity().not_after.timestamp()),
        sha256: hex(&fingerprint),
        chain: if pinned == Some(true) { "pinned".to_owned() } else { fact(&chain) },
        name: if pinned == Some(true) { "pinned".to_owned() } else { fact(&name) },
    };
    let soon = report.not_after - trust.clock.now() < EXPIRES_SOON;
    let judged = match pinned {
        Some(true) => Ok(()),
        Some(false) => Err((Cause::CertPinMismatch, format!("the certificate has the SHA-256 {}", report.sha256))),
        None => chain.and(name),
    };
    let warnings = if soon && judged.is_ok() { vec![Cause::CertExpiresSoon] } else { Vec::new() };
    Examined { report: Some(report), judged, warnings }
}

fn chain_fault(error: &Error, x509: &X509Certificate<'_>, sent: usize) -> (Cause, String) {
    let validity = x509.validity();
    let self_signed = x509.subject() == x509.issuer();
    let fingerprint_hint = "compare its SHA-256 with the server's own";
    let reason = if let Error::InvalidCertificate(reason) = error { Some(reason) } else { None };
    if matches!(reason, Some(CertificateError::Expired | CertificateError::ExpiredContext { .. })) {
        return (
            Cause::CertExpired,
            format!("expired on {}", instant(validity.not_after.timestamp()).format("%Y-%m-%d %H:%M UTC")),
        );
    }
    if matches!(reason, Some(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })) {
        return (
            Cause::CertNotYetValid,
            format!("valid from {}", instant(validity.not_before.timestamp()).format("%Y-%m-%d %H:%M UTC")),
        );
    }
    if self_signed {
        return (
            Cause::CertSelfSigned,
            format!("holder and issuer are both {}; {fingerprint_hint}", shown(&x509.subject().to_string())),
        );
    }
    if matches!(reason, Some(CertificateError::UnknownIssuer)) {
        let issuer = shown(&x509.issuer().to_string());
        let intermediates = if sent == 0 {
            "the server sent no intermediate certificate".to_owned()
        } else {
            format!("the server sent {sent} more certificate(s), none of which leads to a known authority")
        };
        return (Cause::CertUnknownIssuer, format!("issuer wanted: {issuer}; {intermediates}"));
    }
    if x509.is_ca() {
        return (Cause::CertCaUsedAsServer, format!("the certificate is one of an authority; {fingerprint_hint}"));
    }
    (Cause::CertUnsupportedFormat, error.to_string())
}

fn name_fault(expected: &ServerName<'_>, names: &[String]) -> (Cause, String) {
    let cause =
        if matches!(expected, ServerName::IpAddress(_)) { Cause::CertIpNotInNames } else { Cause::CertNameMismatch };
    let found = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
    (cause, format!("expected {}; found {found}", expected.to_str()))
}

fn names_of(x509: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternative)) = x509.subject_alternative_name() else { return Vec::new() };
    let names = alternative.value.general_names.iter().filter_map(|name| {
        if let GeneralName::DNSName(name) = name {
            return Some(shown(name));
        }
        let GeneralName::IPAddress(bytes) = name else { return None };
        address(bytes).map(|address| address.to_string())
    });
    names.take(100).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| Ipv6Addr::from(v6).into())
}

/// Text of a certificate is text of a stranger.
fn shown(text: &str) -> String {
    escape(text.as_bytes())
}

fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
