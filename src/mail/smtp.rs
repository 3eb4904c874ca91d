//! Handing a mail to a server: lettre speaks, this file sets limits and says what went wrong without showing a password.

use std::error::Error as _;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as LettreTls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::build::Built;
use super::error::MailError;
use crate::redact::{excerpt, redact};
use crate::secret::Secret;

/// The whole of one delivery, from the connection to the answer after the final dot. lettre's own limit covers the
/// connection only.
const LIMIT: Duration = Duration::from_secs(30);
/// Longest foreign text in an error.
const TEXT_BYTES: usize = 500;

/// How the connection to our own mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Clear text: `none`.
    None,
    /// Required upgrade (RFC 3207): `starttls`.
    StartTls,
    /// TLS from the first byte (RFC 8314): `implicit_tls`.
    ImplicitTls,
}

impl Tls {
    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StartTls => "starttls",
            Self::ImplicitTls => "implicit_tls",
        }
    }
}

/// The mail server that Postern sends through.
#[derive(Debug)]
pub struct SmtpServer {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Protection.
    pub tls: Tls,
    /// Account and password, where the server wants them.
    pub account: Option<(String, Secret)>,
    /// Further trusted roots in PEM, for a server with a certificate of the house.
    pub ca_pem: Option<String>,
    /// What we call ourselves in EHLO; the name of the machine where absent.
    pub hello_name: Option<String>,
    /// Limit of one delivery; 30 s where absent.
    pub limit: Option<Duration>,
}

/// A configured way to a mail server; clones share its connections.
#[derive(Clone)]
pub(super) struct SmtpSender {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    server: Arc<SmtpServer>,
    limit: Duration,
}

impl SmtpSender {
    /// Checks the settings; connects to nobody. An account without TLS is refused unless the server is this machine.
    pub(super) fn new(server: SmtpServer) -> Result<Self, MailError> {
        check(&server)?;
        let limit = server.limit.unwrap_or(LIMIT);
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.as_str())
            .port(server.port)
            .timeout(Some(limit))
            .tls(match server.tls {
                Tls::None => LettreTls::None,
                Tls::StartTls => LettreTls::Required(parameters(&server)?),
                Tls::ImplicitTls => LettreTls::Wrapper(parameters(&server)?),
            });
        if let Some((account, password)) = &server.account {
            builder = builder.credentials(Credentials::new(account.clone(), password.expose().to_owned()));
        }
        if let Some(name) = &server.hello_name {
            builder = builder.hello_name(ClientId::Domain(name.clone()));
        }
        Ok(Self { transport: builder.build(), server: Arc::new(server), limit })
    }

    /// One line without secrets.
    pub(super) fn describe(&self) -> String {
        let SmtpServer { host, port, tls, account, .. } = self.server.as_ref();
        let account = account.as_ref().map_or(String::new(), |(name, _)| format!(", as {name}"));
        format!("Mail is sent through {host}:{port} ({}{account})", tls.word())
    }

    /// Delivers within the limit; the answer is the server's last reply.
    pub(super) async fn send(&self, built: &Built) -> Result<String, MailError> {
        let (envelope, bytes) = (built.message.envelope(), built.message.formatted());
        match tokio::time::timeout(self.limit, self.transport.send_raw(envelope, &bytes)).await {
            Ok(Ok(response)) => {
                let lines: Vec<&str> = response.message().collect();
                Ok(self.clean(&format!("{} {}", response.code(), lines.join(" "))))
            }
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_elapsed) => Err(MailError::Temporary {
                code: None,
                text: format!("{}:{} gave no answer within {:?}", self.server.host, self.server.port, self.limit),
            }),
        }
    }

    fn explain(&self, error: &lettre::transport::smtp::Error) -> MailError {
        let code = error.status().map(u16::from);
        let said = error.source().map_or_else(|| error.to_string(), chain);
        let text = self.clean(&said);
        match code {
            // These blame our account, not the mail (RFC 4954 section 6): they end when the settings are put right.
            Some(530 | 534 | 535 | 538) => MailError::Temporary {
                code,
                text: format!("{text} (the account of the mail server was not accepted: check [mail] in the settings)"),
            },
            Some(500..) => MailError::Permanent { code, text },
            Some(_) => MailError::Temporary { code, text },
            None => MailError::Temporary {
                code,
                text: format!("{}:{}: {}", self.server.host, self.server.port, self.clean(&error_text(error))),
            },
        }
    }

    /// A foreign text as one line, without our password in any form that a server may repeat.
    fn clean(&self, text: &str) -> String {
        let clean = match &self.server.account {
            Some((account, password)) => {
                let plain = Secret::new(STANDARD.encode(format!("\0{account}\0{}", password.expose())));
                redact(text, &[&plain, password])
            }
            None => text.to_owned(),
        };
        excerpt(&clean, TEXT_BYTES)
    }
}

impl fmt::Debug for SmtpSender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("SmtpSender").field(&self.describe()).finish()
    }
}

fn check(server: &SmtpServer) -> Result<(), MailError> {
    let invalid =
        |field, received: &str, problem| MailError::Invalid { field, received: excerpt(received, 120), problem };
    if server.host.is_empty() || server.host.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(invalid("mail server", &server.host, "a host name or an address is needed"));
    }
    if server.port == 0 {
        return Err(invalid("mail server port", "0", "a port is a number from 1 to 65535"));
    }
    if let Some(name) = &server.hello_name
        && (name.is_empty() || !name.chars().all(|c| c.is_ascii_graphic()))
    {
        return Err(invalid("hello name", name, "it is a host name in ASCII"));
    }
    if server.account.is_some() && server.tls == Tls::None && !is_this_machine(&server.host) {
        let problem =
            "an account needs starttls or implicit_tls: without them its password crosses the network in clear text";
        return Err(invalid("mail server encryption", "none", problem));
    }
    Ok(())
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn parameters(server: &SmtpServer) -> Result<TlsParameters, MailError> {
    let invalid = |field, problem| MailError::Invalid { field, received: server.host.clone(), problem };
    let mut builder = TlsParameters::builder(server.host.clone());
    if let Some(pem) = &server.ca_pem {
        let problem = "the text given as trusted roots holds no certificate in PEM";
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            return Err(invalid("mail server", problem));
        }
        let roots = Certificate::from_pem(pem.as_bytes()).ok().ok_or_else(|| invalid("mail server", problem))?;
        builder = builder.add_root_certificate(roots);
    }
    builder.build().map_err(|error| {
        tracing::error!(%error, "TLS for the mail server could not be set up");
        invalid("mail server", "TLS cannot be set up for this name; give a host name or an address")
    })
}

/// An error with its causes; lettre repeats the first cause in its own text, so only the rest is added.
fn error_text(error: &lettre::transport::smtp::Error) -> String {
    match error.source().and_then(std::error::Error::source) {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
