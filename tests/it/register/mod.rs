//! The whitelist register: judged before adding, decided by a second lead, applied, pulled by firewalls, taken away.

mod adding;
mod exports;
mod leaving;
mod pages;
mod relays;
mod searching;

use postern::app::admin;
use postern::domain::actor::{Person, Role};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Client;

/// A second lead.
async fn second_lead(t: &TestApp) -> Person {
    let place = admin::Place::Staff([Role::Lead].into());
    admin::add_person(&t.app, ("Max Lead".into(), "max@vendor.example".into()), place, None).await.unwrap()
}

/// Somebody's program that adds this to the list of alder-1.
async fn add(client: &Client, network: &str, more: &Value) -> Value {
    let mut body = json!({"tunnel": "alder-1", "network": network, "port": 587});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post("/api/v1/whitelist", &[], &body).await.expect(201)
}

/// The identifier of the tunnel alder-1.
async fn tunnel_id(t: &TestApp) -> String {
    admin::tunnels(&t.app, t.customer.id).await.unwrap()[0].id.to_string()
}
