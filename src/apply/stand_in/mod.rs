//! A stand-in for the product's API, for the demo and for tests: strict about what it is sent, able to misbehave in
//! the ways a product does, and it records what it was asked.

mod syslogs;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::fields::{ACCOUNT, HOST, PASSWORD, PORT, RELAY, SENDER, STARTTLS, TLS};

/// A running stand-in on a free port of 127.0.0.1; it stops when dropped.
#[derive(Debug)]
pub struct StandIn {
    /// `http://127.0.0.1:PORT`.
    pub base_url: String,
    shared: Arc<Mutex<Shared>>,
    server: JoinHandle<()>,
}

/// How the stand-in answers requests with the right key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// As the product's API is described.
    Normal,
    /// 401, as if the key had been renewed.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 429 with `Retry-After: 7`.
    RateLimited,
    /// 302 to another host.
    Redirect,
    /// 500, nothing stored; the body tells what was sent and what is stored, passwords too, as careless products do.
    ServerError,
    /// Waits so many milliseconds before it does anything.
    Slow(u64),
    /// 200 with an HTML page, nothing stored.
    Garbage,
    /// 200 without storing.
    StoresNothing,
    /// Stores the address and nothing else, answers 200.
    StoresPartly,
    /// Stores everything, then answers 500.
    StoresThenFails,
}

/// What the stand-in answers in the place of the password; the real product's way is not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordShown {
    /// The password itself.
    Clear,
    /// Eight asterisks, or `null` where none is stored.
    Masked,
    /// `null` always.
    Null,
}

/// One request as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// `GET`, `PATCH`, `POST`.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Whether the API key was right.
    pub key_accepted: bool,
    /// The body as JSON; `null` where there was none, a string where it was no JSON.
    pub body: Value,
}

#[derive(Debug)]
struct Shared {
    key: String,
    settings: Map<String, Value>,
    alerts: syslogs::Alerts,
    shown: PasswordShown,
    behaviour: Behaviour,
    next: VecDeque<Behaviour>,
    requests: Vec<Recorded>,
    /// What is read at other addresses.
    beside: BTreeMap<String, Value>,
}

impl StandIn {
    /// Starts one that accepts `key` and holds no SMTP settings yet. Errors: no port can be had.
    pub async fn start(key: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Mutex::new(Shared {
            key: key.to_owned(),
            settings: factory_settings(),
            alerts: syslogs::Alerts::default(),
            shown: PasswordShown::Masked,
            behaviour: Behaviour::Normal,
            next: VecDeque::new(),
            requests: Vec::new(),
            beside: BTreeMap::new(),
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the stand-in product stopped");
            }
        });
        Ok(Self { base_url, shared, server })
    }

    /// The settings as stored, the password in clear text among them.
    pub fn settings(&self) -> Map<String, Value> {
        lock(&self.shared).settings.clone()
    }

    /// Answers reads of another address with this from here on.
    pub fn serve(&self, path: &str, answer: Value) {
        lock(&self.shared).beside.insert(path.to_owned(), answer);
    }

    /// Changes stored settings behind everybody's back.
    pub fn store(&self, settings: Value) {
        if let Value::Object(settings) = settings {
            lock(&self.shared).settings.extend(settings);
        }
    }

    /// The alerts by SYSLOG as stored.
    pub fn syslogs(&self) -> Vec<Value> {
        lock(&self.shared).alerts.entries()
    }

    /// Stores an alert behind everybody's back, and gives its id.
    pub fn store_syslog(&self, alert: &Value) -> i64 {
        alert.as_object().map(|alert| lock(&self.shared).alerts.add(alert)).unwrap_or_default()
    }

    /// Every request so far, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared).requests.clone()
    }

    /// Behaves so from here on.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        lock(&self.shared).behaviour = behaviour;
    }

    /// Behaves so for the next requests, one each, then as set before.
    pub fn set_next(&self, behaviours: &[Behaviour]) {
        lock(&self.shared).next = behaviours.iter().copied().collect();
    }

    /// Shows the password so from here on.
    pub fn set_password_shown(&self, shown: PasswordShown) {
        lock(&self.shared).shown = shown;
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The whole answer of `GET /api/application-settings`, with a field that no description knows.
fn factory_settings() -> Map<String, Value> {
    let settings = json!({
        HOST: null, PORT: null, ACCOUNT: null, PASSWORD: null, STARTTLS: false, TLS: false, RELAY: null,
        SENDER: "noreply@product.example",
        "internalCertificate": null, "defaultProfileId": 1, "defaultRoleIds": [1], "userRegistration": false,
        "activityLogsIsActive": true, "activityLogsRetentionDurationInMonth": 3, "telemetryEnabled": false,
        "ioaAutomaticConfiguration": true, "cloudStatisticsIsActive": false,
        "healthCheckGlobalStatusDisplayEnabled": true, "aFieldOfTomorrow": {"nested": true},
    });
    match settings {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

async fn answer(
    State(shared): State<Arc<Mutex<Shared>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (behaviour, recorded) = record(&mut lock(&shared), &method, &uri, &headers, &body);
    if uri.path() == "/api/about" && method == Method::GET {
        return Json(json!({"version": "3.77.0", "hostname": "stand-in", "isSaaSDeployment": true})).into_response();
    }
    if !recorded.key_accepted {
        return problem(StatusCode::UNAUTHORIZED, "Unauthorized");
    }
    match behaviour {
        Behaviour::Normal | Behaviour::StoresNothing | Behaviour::StoresPartly | Behaviour::StoresThenFails => {}
        Behaviour::Unauthorized => return problem(StatusCode::UNAUTHORIZED, "Unauthorized"),
        Behaviour::Forbidden => return problem(StatusCode::FORBIDDEN, "Forbidden"),
        Behaviour::NotFound => return problem(StatusCode::NOT_FOUND, "Not found"),
        Behaviour::RateLimited => {
            return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "7")], "slow down").into_response();
        }
        Behaviour::Redirect => {
            return (StatusCode::FOUND, [(header::LOCATION, "https://elsewhere.example/api")], "").into_response();
        }
        Behaviour::ServerError => {
            let settings = Value::Object(lock(&shared).settings.clone());
            let message = format!("cannot handle {} with {settings}", recorded.body);
            return problem(StatusCode::INTERNAL_SERVER_ERROR, &message);
        }
        Behaviour::Slow(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        Behaviour::Garbage => return "<html><body>Gateway</body></html>".into_response(),
    }
    let path = uri.path();
    if let Some(rest) = path.strip_prefix("/api/syslogs") {
        let id = rest.strip_prefix('/');
        if rest.is_empty() || id.is_some() {
            return lock(&shared).alerts.answer(method.as_str(), id, &recorded.body, behaviour);
        }
    }
    if let Some(offers) = syslogs::offers(path).filter(|_| method == Method::GET) {
        return Json(offers).into_response();
    }
    match (method.as_str(), path) {
        ("GET", "/api/application-settings") => settings_answer(&lock(&shared)),
        ("PATCH", "/api/application-settings") => patch(&mut lock(&shared), &recorded.body, behaviour),
        ("POST", "/api/email-notifiers/test-message") => test_message(&recorded.body),
        ("GET", path) => match lock(&shared).beside.get(path) {
            Some(answer) => Json(answer.clone()).into_response(),
            None => problem(StatusCode::NOT_FOUND, "Not found"),
        },
        _ => problem(StatusCode::NOT_FOUND, "Not found"),
    }
}

fn record(shared: &mut Shared, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> (Behaviour, Recorded) {
    let given = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    let recorded = Recorded {
        method: method.to_string(),
        path: uri.path().to_owned(),
        key_accepted: given == Some(shared.key.as_str()),
        body: match body.as_ref() {
            [] => Value::Null,
            bytes => serde_json::from_slice(bytes)
                .unwrap_or_else(|_no_json| Value::String(String::from_utf8_lossy(bytes).into_owned())),
        },
    };
    shared.requests.push(recorded.clone());
    (shared.next.pop_front().unwrap_or(shared.behaviour), recorded)
}

fn settings_answer(shared: &Shared) -> Response {
    let mut settings = shared.settings.clone();
    let stored = settings.get(PASSWORD).cloned().unwrap_or_default();
    let shown = match shared.shown {
        PasswordShown::Clear => stored,
        PasswordShown::Masked if stored.is_null() => Value::Null,
        PasswordShown::Masked => json!("********"),
        PasswordShown::Null => Value::Null,
    };
    settings.insert(PASSWORD.to_owned(), shown);
    Json(Value::Object(settings)).into_response()
}

fn patch(shared: &mut Shared, body: &Value, behaviour: Behaviour) -> Response {
    let Value::Object(fields) = body else {
        return problem(StatusCode::BAD_REQUEST, "the body must be a JSON object");
    };
    if let Some(fault) = fields.iter().find_map(|(name, value)| fault(name, value)) {
        return problem(StatusCode::BAD_REQUEST, &fault);
    }
    match behaviour {
        Behaviour::StoresNothing => {}
        Behaviour::StoresPartly => {
            shared.settings.extend(fields.get(HOST).map(|host| (HOST.to_owned(), host.clone())));
        }
        Behaviour::StoresThenFails => {
            shared.settings.extend(fields.clone());
            return problem(StatusCode::INTERNAL_SERVER_ERROR, "it broke on the way out");
        }
        Behaviour::Normal
        | Behaviour::Unauthorized
        | Behaviour::Forbidden
        | Behaviour::NotFound
        | Behaviour::RateLimited
        | Behaviour::Redirect
        | Behaviour::ServerError
        | Behaviour::Slow(_)
        | Behaviour::Garbage => shared.settings.extend(fields.clone()),
    }
    settings_answer(shared)
}

/// What is wrong with one field of a change, by the product's description (`additionalProperties: false`).
fn fault(name: &str, value: &Value) -> Option<String> {
    let text = value.is_string();
    let right = match name {
        HOST | ACCOUNT | PASSWORD | "internalCertificate" => text || value.is_null(),
        PORT => value.is_null() || value.as_u64().is_some_and(|port| (1..=65_535).contains(&port)),
        RELAY => value.is_null() || value.is_number(),
        SENDER => text,
        "defaultProfileId" => value.is_i64(),
        "defaultRoleIds" => value.as_array().is_some_and(|ids| ids.iter().all(Value::is_i64)),
        "activityLogsRetentionDurationInMonth" => value.as_u64().is_some_and(|months| (1..=6).contains(&months)),
        STARTTLS
        | TLS
        | "userRegistration"
        | "activityLogsIsActive"
        | "telemetryEnabled"
        | "ioaAutomaticConfiguration"
        | "cloudStatisticsIsActive"
        | "healthCheckGlobalStatusDisplayEnabled" => value.is_boolean(),
        _ => return Some(format!("{name} is not a field of the application settings")),
    };
    (!right).then(|| format!("{name} has a wrong type or value"))
}

/// The product's own test message: checked like the product does, and then nothing is sent.
fn test_message(body: &Value) -> Response {
    const KNOWN: [&str; 9] = [
        "address",
        "criticityThreshold",
        "directories",
        "description",
        "inputType",
        "checkers",
        "attackTypes",
        "profiles",
        "healthCheckNames",
    ];
    let Value::Object(fields) = body else {
        return problem(StatusCode::BAD_REQUEST, "the body must be a JSON object");
    };
    if let Some(name) = fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return problem(StatusCode::BAD_REQUEST, &format!("{name} is not a field of a test message"));
    }
    let list = |name: &str| fields.get(name).and_then(Value::as_array).is_some_and(|ids| !ids.is_empty());
    let complete = match fields.get("inputType").and_then(Value::as_str) {
        Some("healthChecks") => true,
        Some("deviances") => list("checkers") && list("profiles"),
        Some("attacks") => list("attackTypes") && list("profiles"),
        Some(_) | None => false,
    };
    let address = fields.get("address").is_some_and(Value::is_string);
    let threshold = fields.get("criticityThreshold").is_some_and(Value::is_i64);
    if complete && address && threshold && list("directories") {
        Json(Value::Null).into_response()
    } else {
        problem(StatusCode::BAD_REQUEST, "a required field of the test message is missing or wrong")
    }
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": message}))).into_response()
}

fn lock(shared: &Arc<Mutex<Shared>>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
