//! The service, as an agent speaks to it (docs/agent-protocol.md): HTTPS, a token, and every answer told apart by what
//! the agent is to do about it.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode, Url, redirect};
use serde_json::Value;

use crate::app::chain;
use crate::cli::out::Code;
use crate::domain::address::text::shown;
use crate::probe::job::{Job, PROTOCOL, PROTOCOL_HEADER};
use crate::secret::Secret;
use crate::tls;

/// How long the service may hold a request for work.
const WAIT: Duration = Duration::from_secs(25);
/// How long an answer may take beyond that.
const LIMIT: Duration = Duration::from_secs(15);
/// The largest job that is read, in octets; certificates of an authority are the largest part.
const LARGEST_JOB: usize = 4 * 1024 * 1024;
/// How much of an answer is read to say what was wrong.
const LARGEST_PROBLEM: usize = 16 * 1024;

/// A client of one service with the token of one agent.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

/// Why a request did not do what it was for.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The service cannot be reached, is busy, or says something that no service of ours says: another time.
    #[error("{0}")]
    Away(String),
    /// The job is somebody else's, or was none of this agent's.
    #[error("the job is not held by this agent any more")]
    Lost,
    /// The service will not take this, however often it is sent.
    #[error("the service refuses it: {0}")]
    Refused(String),
    /// The token is not good, or not any more.
    #[error("the service refuses the token: it is wrong, or the agent was revoked (see `postern agent list`)")]
    TokenRefused,
}

impl Trouble {
    /// The exit code of a command that ends because of it.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::TokenRefused => Code::NotAllowed,
            Self::Away(_) => Code::Away,
            Self::Lost | Self::Refused(_) => Code::Failed,
        }
    }
}

impl Client {
    /// Checks address, token and certificates; connects to nobody.
    ///
    /// # Errors
    /// A sentence that names the flag, what was received and what to do.
    pub fn new(server: &str, token: &Secret, ca_pem: Option<&str>) -> Result<Self, String> {
        let base = base(server)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_not_a_header| {
            "--token-file: the token holds characters that no token has; copy it again".to_owned()
        })?;
        bearer.set_sensitive(true);
        let headers =
            [(AUTHORIZATION, bearer), (HeaderName::from_static(PROTOCOL_HEADER), HeaderValue::from(PROTOCOL))];
        let tls = tls::client(ca_pem.map(str::as_bytes)).map_err(|error| format!("--ca-file: {error}"))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            // A proxy of the environment is not meant for this token.
            .no_proxy()
            .user_agent(concat!("postern-agent/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers.into_iter().collect())
            .connect_timeout(LIMIT)
            .timeout(LIMIT)
            .build()
            .map_err(|error| chain(&error))?;
        Ok(Self { http, base })
    }

    /// Scheme, host and port, for people.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Waits for a job; `None` where there was none.
    pub(super) async fn next(&self) -> Result<Option<Job>, Trouble> {
        let path = format!("agent/v1/jobs/next?wait={}", WAIT.as_secs());
        let answer = self.post(&path, None, WAIT + LIMIT).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let bytes = read(answer, LARGEST_JOB).await?;
        Job::read(&bytes).map(Some).map_err(|why| Trouble::Away(format!("the job cannot be understood: {why}")))
    }

    /// Tells how far a test has come.
    pub(super) async fn events(&self, id: &str, events: &Value) -> Result<(), Trouble> {
        self.post(&format!("agent/v1/jobs/{id}/events"), Some(events), LIMIT).await.map(drop)
    }

    /// Hands in a report.
    pub(super) async fn report(&self, id: &str, report: &Value) -> Result<(), Trouble> {
        self.post(&format!("agent/v1/jobs/{id}/report"), Some(report), LIMIT).await.map(drop)
    }

    /// Gives a job back.
    pub(super) async fn release(&self, id: &str) -> Result<(), Trouble> {
        self.post(&format!("agent/v1/jobs/{id}/release"), None, LIMIT).await.map(drop)
    }

    async fn post(&self, path: &str, body: Option<&Value>, limit: Duration) -> Result<Response, Trouble> {
        let url = self.base.join(path).map_err(|error| Trouble::Away(error.to_string()))?;
        let mut request = self.http.post(url).timeout(limit);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(broken)?;
        let status = answer.status();
        match status {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(answer),
            StatusCode::UNAUTHORIZED => Err(Trouble::TokenRefused),
            StatusCode::NOT_FOUND | StatusCode::CONFLICT => Err(Trouble::Lost),
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                let said = read(answer, LARGEST_PROBLEM).await.unwrap_or_default();
                Err(Trouble::Refused(detail(&said).unwrap_or_else(|| status.to_string())))
            }
            status => Err(Trouble::Away(format!("the service answered {status}"))),
        }
    }
}

fn broken(error: reqwest::Error) -> Trouble {
    Trouble::Away(chain(&error.without_url()))
}

async fn read(mut answer: Response, most: usize) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > most {
            return Err(Trouble::Away(format!("the answer is longer than {most} octets")));
        }
    }
    Ok(bytes)
}

/// The sentence of a problem (RFC 9457), fit for a log.
fn detail(problem: &[u8]) -> Option<String> {
    let problem: Value = serde_json::from_slice(problem).ok()?;
    let text = problem.get("detail")?.as_str()?;
    Some(shown(text))
}

fn base(text: &str) -> Result<Url, String> {
    let refused = |received: &str, advice: &str| format!("--server is \"{}\": {advice}", shown(received));
    let wrong = |advice: &str| refused(text, advice);
    let example = "enter scheme and host, like https://postern.example";
    let url = Url::parse(text.trim()).map_err(|_not_a_url| wrong(example))?;
    if !url.username().is_empty() || url.password().is_some() {
        // The text itself is not repeated: it holds a password.
        let received = url.host_str().unwrap_or_default();
        return Err(refused(received, "no user or password belongs into it; the token is enough"));
    }
    let here = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if here => {}
        "http" => {
            return Err(wrong(
                "use https: over http the token and passwords of mail servers cross the network in clear text",
            ));
        }
        _ => return Err(wrong(example)),
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(example));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_crosses_no_network_in_clear_text() {
        for (text, good) in [
            ("https://postern.example", true),
            ("https://postern.example:8443/", true),
            ("http://127.0.0.1:8080", true),
            ("http://localhost:8080", true),
            ("http://[::1]:8080", true),
            ("http://postern.example", false),
            ("http://10.0.0.1:8080", false),
            ("http://127.0.0.1.example", false),
            ("ftp://postern.example", false),
            ("https://postern.example/sub/", false),
            ("https://postern.example?x", false),
            ("postern.example", false),
            ("", false),
        ] {
            assert_eq!(base(text).is_ok(), good, "{text}");
        }
        let message = base("https://me:hunter2@postern.example").unwrap_err();
        assert!(!message.contains("hunter2"), "{message}");
    }
}
