//! The Secure Relays that a tenant of the product uses. Its API lists none, but names each where it is used, so those
//! places are read. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;

use super::error::{ApplyError, Step};
use super::exchange::Exchange;
use super::fields::RELAY;

/// Where a relay is named: the address, the member with its number, the member with its UUID, and what it is used for.
const PLACES: [(&str, &str, &str, &str); 4] = [
    ("/api/directories", "relayId", "relayUuid", "directories"),
    ("/api/syslogs", "relayId", "relayUuid", "SYSLOG alerts"),
    ("/api/ldap-configuration", "relayId", "relayUuid", "LDAP sign-in"),
    ("/api/application-settings", RELAY, "smtpRelayUuid", "SMTP server"),
];

/// A relay that the product names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelaySeen {
    /// Its number in the product.
    pub id: i64,
    /// Its UUID, where the product tells it.
    pub uuid: Option<String>,
    /// What it is used for, in words.
    pub used_for: BTreeSet<&'static str>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelaysRead {
    /// Relays by number.
    pub relays: Vec<RelaySeen>,
    /// Places that the key's user may not read or that this version of the product does not have, with the reason.
    pub unread: Vec<String>,
}

/// Reads every place. One that cannot be read does not hide the others.
pub(super) async fn read(exchange: &Exchange) -> Result<RelaysRead, ApplyError> {
    let mut seen: BTreeMap<i64, RelaySeen> = BTreeMap::new();
    let mut unread = Vec::new();
    for (path, id, uuid, used_for) in PLACES {
        let answer = match exchange.send(Step::Read, Method::GET, path, None, &[]).await {
            Ok(answer) => answer,
            Err(error @ (ApplyError::Forbidden { .. } | ApplyError::NotFound { .. })) => {
                let status = if matches!(error, ApplyError::Forbidden { .. }) { 403 } else { 404 };
                unread.push(format!("{path} ({status})"));
                continue;
            }
            Err(error) => return Err(error),
        };
        let objects = match &answer {
            Value::Array(objects) => objects.as_slice(),
            other @ (Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                std::slice::from_ref(other)
            }
        };
        for object in objects {
            let Some(number) = object.get(id).and_then(Value::as_i64) else { continue };
            let relay = seen.entry(number).or_insert_with(|| RelaySeen { id: number, ..RelaySeen::default() });
            relay.used_for.insert(used_for);
            let uuid = object.get(uuid).and_then(Value::as_str).filter(|text| is_uuid(text));
            relay.uuid = relay.uuid.take().or_else(|| uuid.map(str::to_owned));
        }
    }
    Ok(RelaysRead { relays: seen.into_values().collect(), unread })
}

/// What is kept from elsewhere is what it should be, and short.
fn is_uuid(text: &str) -> bool {
    text.parse::<uuid::Uuid>().is_ok()
}
