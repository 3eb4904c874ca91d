//! The register of a customer's Secure Relays.

use serde::Serialize;

use super::common::{Empty, Fact, Note, Tone};
use super::form::{Button, Field, Form, Kind, Style};
use super::samples;

/// The relays of one customer.
#[derive(Clone, Debug, Serialize)]
pub struct Relays {
    /// Name of the customer.
    pub customer: String,
    /// What reading the product led to.
    pub notes: Vec<Note>,
    /// Reads the product.
    pub read: Form,
    /// The relays by name.
    pub relays: Vec<Relay>,
    /// In their place, where there are none.
    pub empty: Option<Empty>,
    /// Adds one by hand.
    pub add: Form,
}

/// One relay.
#[derive(Clone, Debug, Serialize)]
pub struct Relay {
    /// Its name.
    pub name: String,
    /// Number, UUID, use, when it was read.
    pub facts: Vec<Fact>,
    /// Changes name and number.
    pub change: Form,
    /// Takes it out.
    pub delete: Form,
}

impl Relays {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "queue/relays.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let form = |id: &str, label: &str| {
            Form::new(id, "/customers/1/relays", samples::KEY, Button::of(Style::Other, label)).fields(vec![
                Field::new(Kind::Text, "name", "Name"),
                Field::new(Kind::Number, "product_id", "Number in the product").optional(),
            ])
        };
        let relay = |id: &str, name: &str| Relay {
            name: name.into(),
            facts: vec![Fact::code("Number in the product", "3"), Fact::new("Used for", "SMTP server, directories")],
            change: form(id, "Save"),
            delete: samples::button(
                &format!("delete-{id}"),
                "/customers/1/relays/1/delete",
                Style::Other,
                "Take it out",
            ),
        };
        let full = Self {
            customer: "Cedar Health".into(),
            notes: vec![Note::new(Tone::Done, "2 relays were read, 1 of them was not known.")],
            read: samples::button("read", "/customers/1/relays/read", Style::Main, "Read from the product"),
            relays: vec![relay("relay-1", "Relay in the data centre"), relay("relay-2", "Relay 4")],
            empty: None,
            add: form("add", "Add the relay"),
        };
        let mut wrong = full.clone();
        for field in &mut wrong.add.fields {
            field.error = Some("Enter the name of the relay".into());
        }
        let none = Some(Empty { text: "No relay is on record.".into(), link: None });
        let hostile = Self {
            customer: samples::HOSTILE.into(),
            relays: vec![relay("relay-1", samples::HOSTILE), relay("relay-2", &samples::unbroken())],
            ..full.clone()
        };
        let empty = Self { relays: Vec::new(), empty: none, notes: Vec::new(), ..full.clone() };
        vec![("full", full), ("wrong", wrong), ("empty", empty), ("hostile", hostile)]
    }
}
