//! The stand-in's alerts by SYSLOG (`/api/syslogs`), as strict as the product's description of them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::{Behaviour, problem};
use crate::apply::syslogs::{
    ATTACKS, CHECKERS, DESCRIPTION, DIRECTORIES, HEALTH, INITIAL, INPUT, IP, PORT, PROFILES, PROTOCOL, THRESHOLD, TLS,
};

const RELAY: &str = "relayId";
const FILTER: &str = "filterExpression";
/// Every alert has these.
const REQUIRED: [&str; 8] = [IP, PORT, PROTOCOL, TLS, INPUT, THRESHOLD, DIRECTORIES, INITIAL];

/// The alerts that it holds.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    entries: Vec<Map<String, Value>>,
    last_id: i64,
}

impl Alerts {
    /// As stored.
    pub(super) fn entries(&self) -> Vec<Value> {
        self.entries.iter().cloned().map(Value::Object).collect()
    }

    /// Adds one as somebody would on the product's pages.
    pub(super) fn add(&mut self, alert: &Map<String, Value>) -> i64 {
        self.last_id += 1;
        let mut entry = alert.clone();
        entry.insert("id".to_owned(), json!(self.last_id));
        for name in [RELAY, FILTER, DESCRIPTION, PROFILES, CHECKERS, ATTACKS, HEALTH] {
            entry.entry(name).or_insert(Value::Null);
        }
        self.entries.push(entry);
        self.last_id
    }

    /// Answers one request below `/api/syslogs`; `id` is what follows in the path.
    pub(super) fn answer(&mut self, method: &str, id: Option<&str>, body: &Value, behaviour: Behaviour) -> Response {
        let position = id.map(|id| self.entries.iter().position(|entry| entry.get("id") == Some(&json!(number(id)))));
        match (method, position) {
            ("GET", None) => Json(Value::Array(self.entries())).into_response(),
            ("POST", None) => self.make(body, behaviour),
            ("GET", Some(Some(at))) => self.show(at),
            ("PATCH", Some(Some(at))) => self.change(at, body, behaviour),
            ("DELETE", Some(Some(at))) => {
                if behaviour != Behaviour::StoresNothing {
                    self.entries.remove(at);
                }
                StatusCode::NO_CONTENT.into_response()
            }
            _ => problem(StatusCode::NOT_FOUND, "Not found"),
        }
    }

    fn show(&self, at: usize) -> Response {
        Json(self.entries.get(at).cloned().map_or(Value::Null, Value::Object)).into_response()
    }

    fn make(&mut self, body: &Value, behaviour: Behaviour) -> Response {
        let Some(alerts) = body.as_array().filter(|alerts| !alerts.is_empty()) else {
            return problem(StatusCode::BAD_REQUEST, "the body must be an array with at least one alert");
        };
        for alert in alerts {
            let Value::Object(alert) = alert else {
                return problem(StatusCode::BAD_REQUEST, "an alert must be a JSON object");
            };
            let missing =
                REQUIRED.iter().find(|name| !alert.contains_key(**name)).map(|name| format!("{name} is missing"));
            if let Some(fault) = missing.or_else(|| fault(alert)) {
                return problem(StatusCode::BAD_REQUEST, &fault);
            }
        }
        let mut made = Vec::new();
        for alert in alerts.iter().filter_map(Value::as_object) {
            let mut kept = alert.clone();
            if behaviour == Behaviour::StoresNothing {
                made.push(Value::Object(kept));
                continue;
            }
            if behaviour == Behaviour::StoresPartly {
                kept.insert(THRESHOLD.to_owned(), json!(99));
            }
            self.add(&kept);
            made.extend(self.entries.last().cloned().map(Value::Object));
        }
        if behaviour == Behaviour::StoresThenFails {
            return problem(StatusCode::INTERNAL_SERVER_ERROR, "it broke on the way out");
        }
        (StatusCode::CREATED, Json(Value::Array(made))).into_response()
    }

    fn change(&mut self, at: usize, body: &Value, behaviour: Behaviour) -> Response {
        let (Value::Object(fields), Some(entry)) = (body, self.entries.get_mut(at)) else {
            return problem(StatusCode::BAD_REQUEST, "the body must be a JSON object");
        };
        let mut whole = entry.clone();
        whole.remove("id");
        whole.extend(fields.clone());
        if let Some(fault) = fault(&whole) {
            return problem(StatusCode::BAD_REQUEST, &fault);
        }
        if behaviour == Behaviour::StoresPartly {
            entry.extend(fields.get(IP).map(|ip| (IP.to_owned(), ip.clone())));
        } else if behaviour != Behaviour::StoresNothing {
            entry.extend(fields.clone());
        }
        if behaviour == Behaviour::StoresThenFails {
            return problem(StatusCode::INTERNAL_SERVER_ERROR, "it broke on the way out");
        }
        self.show(at)
    }
}

fn number(id: &str) -> i64 {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_digit());
    id.parse().ok().filter(|_| is_plain).unwrap_or_default()
}

/// What is wrong with an alert, by the product's description (`additionalProperties: false`).
fn fault(alert: &Map<String, Value>) -> Option<String> {
    let field = alert.iter().find_map(|(name, value)| field_fault(name, value));
    field.or_else(|| {
        let text = |name: &str| alert.get(name).and_then(Value::as_str).unwrap_or_default();
        let list = |name: &str| alert.get(name).and_then(Value::as_array).is_some_and(|items| !items.is_empty());
        let complete = match text(INPUT) {
            "deviances" => list(CHECKERS) && list(PROFILES),
            "attacks" => list(ATTACKS) && list(PROFILES),
            "healthChecks" => list(HEALTH),
            _ => alert.get(THRESHOLD) == Some(&json!(0)),
        };
        if text(PROTOCOL) == "UDP" && alert.get(TLS) == Some(&json!(true)) {
            return Some("tls needs TCP".to_owned());
        }
        (!complete).then(|| format!("a field that {} needs is missing or wrong", text(INPUT)))
    })
}

fn field_fault(name: &str, value: &Value) -> Option<String> {
    let ids = || value.as_array().is_some_and(|items| items.iter().all(Value::is_i64));
    let right = match name {
        IP => value.as_str().is_some_and(|ip| !ip.is_empty()),
        PORT => value.as_u64().is_some_and(|port| (1..=65_535).contains(&port)),
        PROTOCOL => matches!(value.as_str(), Some("UDP" | "TCP")),
        TLS | INITIAL => value.is_boolean(),
        INPUT => matches!(value.as_str(), Some("deviances" | "adObjectChanges" | "attacks" | "healthChecks")),
        THRESHOLD => value.as_i64().is_some_and(|threshold| (0..=100).contains(&threshold)),
        DIRECTORIES => ids() && value.as_array().is_some_and(|items| !items.is_empty()),
        PROFILES | CHECKERS | ATTACKS => value.is_null() || ids(),
        HEALTH => value.is_null() || value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        DESCRIPTION => value.is_null() || value.is_string(),
        FILTER => value.is_null() || value.is_object(),
        RELAY => value.is_null() || value.is_number(),
        _ => return Some(format!("{name} is not a field of an alert by SYSLOG")),
    };
    (!right).then(|| format!("{name} has a wrong type or value"))
}

/// What there is to choose from, where the path is that of a list.
pub(super) fn offers(path: &str) -> Option<Value> {
    Some(match path {
        "/api/directories" => json!([
            {"id": 1, "name": "corp.example", "relayId": null, "type": "active_directory"},
            {"id": 4, "name": "lab.corp.example", "relayId": null, "type": "active_directory"},
        ]),
        "/api/profiles" => json!([{"id": 1, "name": "Default"}, {"id": 3, "name": "Critical only"}]),
        "/api/checkers" => json!([
            {"id": 2, "codename": "C-PASSWORD-POLICY", "remediationCost": 30},
            {"id": 7, "codename": "C-DANGEROUS-TRUST", "remediationCost": 60},
        ]),
        "/api/attack-types" => json!([{"id": 5, "name": "DCSync"}, {"id": 6, "name": "Golden Ticket"}]),
        _ => return None,
    })
}
