//! One exchange with the product's API: limits, no redirects, and every way in which it can go wrong told apart.

use std::time::Duration;

use reqwest::header::{HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode, Url, redirect};
use serde_json::Value;

use super::error::{ApplyError, Step};
use super::fields::{ACCOUNT, PASSWORD};
use crate::redact::{excerpt, redact, redact_member};
use crate::secret::Secret;
use crate::tls::{self, TlsError};

/// The part of a foreign answer that is kept in errors.
const BODY_BYTES: usize = 2_048;
/// The longest answer that is read at all; the product's is about 1 KiB.
const LONGEST_BODY_BYTES: usize = 1_048_576;

/// A client bound to one tenant of the product.
pub(super) struct Exchange {
    client: Client,
    base: Url,
    api_key: Secret,
    limit: Duration,
}

impl Exchange {
    /// Checks address and key; connects to nobody.
    pub(super) fn new(
        base_url: &str,
        api_key: Secret,
        ca_pem: Option<&str>,
        limit: Duration,
    ) -> Result<Self, ApplyError> {
        let base = base(base_url)?;
        header(&api_key)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client(ca_pem.map(str::as_bytes)).map_err(roots)?)
            .redirect(redirect::Policy::none())
            // The environment is read in config.rs only, and a proxy there is not meant for this key.
            .no_proxy()
            .user_agent(concat!("postern/", env!("CARGO_PKG_VERSION")))
            .timeout(limit)
            .build()
            .map_err(|error| {
                tracing::error!(error = %chain(&error), "the HTTP client could not be made");
                misconfigured("base URL", base_url, "the HTTP client could not be made for it; see the log")
            })?;
        Ok(Self { client, base, api_key, limit })
    }

    /// Scheme, host and port, for people.
    pub(super) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Sends one request and reads the whole answer as JSON; an empty answer is `null`. `secrets` are taken out of
    /// whatever the product says in an error.
    pub(super) async fn send(
        &self,
        step: Step,
        method: Method,
        path: &str,
        body: Option<&Value>,
        secrets: &[&Secret],
    ) -> Result<Value, ApplyError> {
        let url = self.base.join(path).map_err(|error| {
            tracing::error!(%error, path, "a path does not fit the base URL");
            misconfigured("base URL", self.base(), "give scheme and host only, such as https://name.tenable.ad")
        })?;
        let mut request = self.client.request(method, url).header("x-api-key", header(&self.api_key)?);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.broken(step, error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = self.read(step, response).await?;
        let text = String::from_utf8_lossy(&bytes);
        let said = || self.clean(&text, secrets);
        let of = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        if status.is_success() {
            return parse(&bytes).map_err(|problem| ApplyError::Garbage { step, problem, body: said() });
        }
        Err(match status {
            StatusCode::UNAUTHORIZED => ApplyError::Unauthorized { step, body: said() },
            StatusCode::FORBIDDEN => ApplyError::Forbidden { step, body: said() },
            StatusCode::NOT_FOUND => ApplyError::NotFound { step, body: said() },
            StatusCode::TOO_MANY_REQUESTS => ApplyError::RateLimited {
                step,
                retry_after_seconds: of(RETRY_AFTER).and_then(|value| value.trim().parse().ok()),
            },
            status if status.is_redirection() => ApplyError::Redirected {
                step,
                status: status.as_u16(),
                location: self.clean(of(LOCATION).unwrap_or_default(), secrets),
            },
            status if status.is_server_error() => {
                ApplyError::ServerError { step, status: status.as_u16(), body: said() }
            }
            status => ApplyError::Rejected { step, status: status.as_u16(), body: said() },
        })
    }

    async fn read(&self, step: Step, mut response: Response) -> Result<Vec<u8>, ApplyError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(step, error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST_BODY_BYTES {
                let problem = format!("it is longer than {LONGEST_BODY_BYTES} bytes");
                return Err(ApplyError::Garbage { step, problem, body: String::new() });
            }
        }
        Ok(bytes)
    }

    fn broken(&self, step: Step, error: reqwest::Error) -> ApplyError {
        let (connecting, timed_out) = (error.is_connect(), error.is_timeout());
        // The address may hold what should not be in a log; the caller knows it anyway.
        let detail = excerpt(&chain(&error.without_url()), BODY_BYTES);
        if connecting {
            ApplyError::Unreachable { step, detail }
        } else if timed_out {
            ApplyError::TimedOut { step, seconds: self.limit.as_secs() }
        } else {
            ApplyError::Broken { step, detail }
        }
    }

    /// A foreign text without our secrets, nor the account and password that the product itself may tell.
    fn clean(&self, text: &str, secrets: &[&Secret]) -> String {
        let mut all = vec![&self.api_key];
        all.extend_from_slice(secrets);
        excerpt(&redact_member(&redact_member(&redact(text, &all), PASSWORD), ACCOUNT), BODY_BYTES)
    }
}

fn base(text: &str) -> Result<Url, ApplyError> {
    let wrong = |advice| misconfigured("base URL", text, advice);
    let example = "give scheme and host, such as https://name.tenable.ad";
    let mut url = Url::parse(text.trim()).ok().ok_or_else(|| wrong(example))?;
    if !url.username().is_empty() || url.password().is_some() {
        // The text itself is not repeated: it holds a password.
        let received = url.host_str().unwrap_or_default();
        return Err(misconfigured("base URL", received, "no user or password belongs into it; the API key is enough"));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_this_machine(&url) => {}
        "http" => {
            return Err(wrong("use https: over http the API key and the password cross the network in clear text"));
        }
        _ => return Err(wrong(example)),
    }
    if url.query().is_some() || url.fragment().is_some() || !matches!(url.path(), "/" | "/api" | "/api/") {
        return Err(wrong(example));
    }
    url.set_path("/");
    Ok(url)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

fn header(api_key: &Secret) -> Result<HeaderValue, ApplyError> {
    let text = api_key.expose();
    let value = HeaderValue::from_str(text).ok().filter(|_| !text.is_empty() && text.trim() == text);
    let mut value = value.ok_or_else(|| {
        misconfigured("API key", "[hidden]", "it is empty or holds spaces or line breaks: copy it again")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn roots(error: TlsError) -> ApplyError {
    match error {
        TlsError::NoCertificate => {
            misconfigured("trusted roots", "[PEM]", "the text holds no usable certificate in PEM")
        }
        TlsError::SetUp(error) => {
            tracing::error!(%error, "TLS could not be set up");
            misconfigured("TLS", "ring", "TLS could not be set up; see the log")
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Value, String> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes)
        .map_err(|error| format!("no JSON at line {}, column {}", error.line(), error.column()))
}

fn misconfigured(field: &'static str, received: &str, advice: &'static str) -> ApplyError {
    ApplyError::Misconfigured { field, received: excerpt(received, 200), advice }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_https_or_this_machine_and_nothing_more() {
        for (text, accepted) in [
            ("https://name.tenable.ad", true),
            (" https://name.tenable.ad/api/ ", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080/", true),
            ("http://localhost:8080", true),
            ("http://name.tenable.ad", false),
            ("http://127.0.0.1.example.com", false),
            ("ftp://name.tenable.ad", false),
            ("https://name.tenable.ad/other", false),
            ("https://name.tenable.ad/?q=1", false),
            ("name.tenable.ad", false),
            ("", false),
        ] {
            assert_eq!(base(text).is_ok(), accepted, "{text}");
        }
        let message = base("https://user:hunter2@name.tenable.ad").unwrap_err().to_string();
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn a_key_that_cannot_be_a_header_is_refused_unseen() {
        for text in ["", " key", "ke\ny", "key\r\nx: y"] {
            let message = header(&Secret::new(text.to_owned())).unwrap_err().to_string();
            assert!(message.contains("copy it again"), "{message}");
        }
    }
}
