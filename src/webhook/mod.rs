//! How messages reach programs of the vendor: one POST, to an address that one look-up gave and that was judged before
//! any socket is opened. No redirect is followed, no proxy is used, and what comes back is a stranger's text.
//!
//! Reading order: `target` (which addresses can be written down), `guard` (which of them are dialed), `resolve`, then
//! `Sender::send`.

pub mod guard;
mod resolve;
mod target;

pub use resolve::{Answers, Resolver};
pub use target::Target;

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use reqwest::{Client, Response, redirect};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::config::WebhooksConfig;
use crate::redact::excerpt;
use crate::tls;

/// How long one try may take, from the look-up to the last byte that is read.
pub const LIMIT: Duration = Duration::from_secs(15);
/// The longest answer that is read; the rest is left on the line.
const LONGEST_ANSWER: usize = 64 * 1024;
/// What is kept of an answer.
const KEPT_ANSWER: usize = 2 * 1024;
/// What is kept of an error of a library.
const KEPT_ERROR: usize = 300;

/// A signed message.
#[derive(Clone, Debug)]
pub struct Message<'m> {
    /// Where it goes.
    pub url: &'m str,
    /// `webhook-id`: the same for every try.
    pub id: &'m str,
    /// `webhook-timestamp`: when this try was signed, in seconds since 1970 (UTC).
    pub timestamp: i64,
    /// `webhook-signature`.
    pub signature: &'m str,
    /// The body, JSON.
    pub body: &'m str,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its `Retry-After`, as written.
    pub retry_after: Option<String>,
    /// The beginning of its body, control characters as escapes. A stranger wrote it.
    pub body: String,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// The address cannot be used.
    #[error("{0}")]
    Target(#[from] target::Fault),
    /// The message could not be signed.
    #[error("The signing key cannot be opened with this master key: make another key for this endpoint")]
    Key,
    /// The name has no address, or nobody answers about it.
    #[error("{0}")]
    Name(String),
    /// The address is none that messages go to; no socket was opened.
    #[error("{0}")]
    Refused(#[from] guard::Refusal),
    /// No answer came in time.
    #[error("No answer came within {} seconds", LIMIT.as_secs())]
    TimedOut,
    /// Nobody takes connections there, or TLS failed.
    #[error("No connection: {0}")]
    Connect(String),
    /// The connection broke, or what came is no HTTP.
    #[error("The answer cannot be read: {0}")]
    Broken(String),
}

impl SendError {
    /// The same in one fixed word, for the log of the process: the texts hold what strangers wrote.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Target(_) => "target",
            Self::Key => "key",
            Self::Name(_) => "name",
            Self::Refused(_) => "refused",
            Self::TimedOut => "timed_out",
            Self::Connect(_) => "no_connection",
            Self::Broken(_) => "broken",
        }
    }
}

/// Sends messages.
#[derive(Clone, Debug)]
pub struct Sender {
    resolver: Resolver,
    rules: guard::Rules,
    tls: rustls::ClientConfig,
}

impl Sender {
    /// A sender with the system's resolver. `own` are networks of the vendor, to which messages go only where the
    /// configuration lists them.
    ///
    /// # Errors
    /// Says what is wrong with the file of trusted roots.
    pub fn new(config: &WebhooksConfig, own: &[IpNet]) -> Result<Self, String> {
        let rules = guard::Rules { allow: config.allow.clone(), own: own.to_vec() };
        Ok(Self { resolver: Resolver::System, rules, tls: trusted(config)? })
    }

    /// The same with another resolver.
    #[must_use]
    pub fn with_resolver(self, resolver: Resolver) -> Self {
        Self { resolver, ..self }
    }

    /// Whether messages could go to an address that somebody wrote down. What a name resolves to is judged when a
    /// message is sent.
    ///
    /// # Errors
    /// What is wrong with it and what to do.
    pub fn check(&self, url: &str) -> Result<(), SendError> {
        let target = Target::parse(url, &self.rules)?;
        if let Some(address) = target.literal {
            self.rules.decide(SocketAddr::new(address, target.port))?;
        }
        Ok(())
    }

    /// Sends one message and reads the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn send(&self, message: &Message<'_>) -> Result<Answer, SendError> {
        let deadline = Instant::now() + LIMIT;
        let target = Target::parse(message.url, &self.rules)?;
        let addresses = match target.literal {
            Some(address) => vec![address],
            None => self.resolver.resolve(&target.host, deadline).await?,
        };
        let mut allowed = Vec::with_capacity(addresses.len());
        for address in addresses {
            // One that is not permitted refuses them all: whoever answers for the name must not choose which is dialed.
            allowed.push(self.rules.decide(SocketAddr::new(address, target.port))?);
        }
        let client = self.client(&target.host, &allowed, deadline)?;
        let request = client.post(target.url).headers(headers(message)?).body(message.body.to_owned());
        let response = match timeout_at(deadline, request.send()).await {
            Ok(response) => response.map_err(broken)?,
            Err(_elapsed) => return Err(SendError::TimedOut),
        };
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer { status, retry_after, body: read(response, deadline).await })
    }

    /// A client that knows no address but those that were judged, for one message.
    fn client(&self, host: &str, addresses: &[SocketAddr], deadline: Instant) -> Result<Client, SendError> {
        Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .redirect(redirect::Policy::none())
            // The environment is read in config.rs only, and a proxy would dial what nobody judged.
            .no_proxy()
            .resolve_to_addrs(host, addresses)
            .pool_max_idle_per_host(0)
            .timeout(deadline.saturating_duration_since(Instant::now()))
            .build()
            .map_err(|error| SendError::Broken(root(&error)))
    }
}

/// The status says whether the message was taken, so an answer that breaks off is kept as far as it came.
async fn read(mut response: Response, deadline: Instant) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_ANSWER {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) => bytes.extend_from_slice(&chunk),
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        }
    }
    bytes.truncate(LONGEST_ANSWER);
    excerpt(&String::from_utf8_lossy(&bytes), KEPT_ANSWER)
}

fn headers(message: &Message<'_>) -> Result<HeaderMap, SendError> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| SendError::Broken(error.to_string()));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("Postern/", env!("CARGO_PKG_VERSION"))));
    headers.insert(HeaderName::from_static("webhook-id"), value(message.id)?);
    headers.insert(HeaderName::from_static("webhook-timestamp"), HeaderValue::from(message.timestamp));
    headers.insert(HeaderName::from_static("webhook-signature"), value(message.signature)?);
    Ok(headers)
}

fn broken(error: reqwest::Error) -> SendError {
    let (connecting, timed_out) = (error.is_connect(), error.is_timeout());
    // The address may hold what should not be in a log; whoever reads this knows it anyway.
    let text = root(&error.without_url());
    match (timed_out, connecting) {
        (true, _) => SendError::TimedOut,
        (false, true) => SendError::Connect(text),
        (false, false) => SendError::Broken(text),
    }
}

/// The innermost cause: those around it only say that a request was being sent.
fn root(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    excerpt(&innermost.to_string(), KEPT_ERROR)
}

fn trusted(config: &WebhooksConfig) -> Result<rustls::ClientConfig, String> {
    let Some(path) = &config.ca_file else { return tls::client(None).map_err(|error| error.to_string()) };
    let wrong = |what: String| format!("[webhooks] ca_file {}: {what}", path.display());
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    tls::client(Some(&pem)).map_err(|error| wrong(error.to_string()))
}
