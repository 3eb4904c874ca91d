//! The JSON API: the contract of each resource, for both sides.

mod acts;
mod clocks;
mod reads;
mod requests;
mod strict;

use serde_json::{Value, json};

/// A private server with STARTTLS, as a program asks for it.
fn request() -> Value {
    json!({
        "smtp_location": "private", "smtp_ip": "10.20.4.15", "smtp_port": 587, "encryption": "starttls",
        "sender_address": "alerts@alder.example",
    })
}
