//! A program that uses the JSON API in process, with a token.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use chrono::TimeDelta;
use postern::app::{App, access};
use postern::clock::fresh_id;
use postern::domain::actor::Person;
use serde_json::Value;
use tower::ServiceExt as _;

/// A program with somebody's token, or without one.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    token: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Client {
    /// A program that nobody gave a token.
    pub(crate) fn stranger(app: &Arc<App>) -> Self {
        Self { router: postern::web::router(Arc::clone(app)), token: None }
    }

    /// A program with this token.
    pub(crate) fn with_token(app: &Arc<App>, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::stranger(app) }
    }

    /// A program that acts for a person.
    pub(crate) async fn of(app: &Arc<App>, person: &Person) -> Self {
        let token = access::make_token(app, &person.email, "test".into(), TimeDelta::days(400)).await.unwrap();
        Self { token: Some(token), ..Self::stranger(app) }
    }

    /// Sends any request.
    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], String::new()).await
    }

    /// Writes under a fresh key, with these headers beside it.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.post_as(path, &fresh_id().to_string(), headers, body).await
    }

    /// Writes under a key.
    pub(crate) async fn post_as(&self, path: &str, key: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut all = vec![(CONTENT_TYPE.as_str(), "application/json"), ("idempotency-key", key)];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, body.to_string()).await
    }

    /// Reads a case and acts on it as read.
    pub(crate) async fn act(&self, number: i64, event: &str, answers: &Value) -> Answer {
        let tag = self.get(&format!("/api/v1/cases/{number}")).await.header("etag");
        self.post(&format!("/api/v1/cases/{number}/events/{event}"), &[("if-match", &tag)], answers).await
    }
}

impl Answer {
    /// The body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    /// A header as text; empty where it is not there.
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// The body, where the status is this one.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The problem, which must be whole (RFC 9457) and have this status and code.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(
            (problem["status"].as_u64(), problem["code"].as_str()),
            (Some(u64::from(status)), Some(code)),
            "{problem}"
        );
        for member in ["type", "title", "detail", "instance", "trace_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
        }
        assert!(problem["type"].as_str().unwrap().ends_with(&format!("/help/problems/{code}")));
        problem
    }

    /// Pointer and code of each field that a problem names.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        let problem = self.json();
        let text = |fault: &Value, member: &str| fault[member].as_str().unwrap().to_owned();
        problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| (text(fault, "pointer"), text(fault, "code")))
            .collect()
    }
}
