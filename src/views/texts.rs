//! Texts that engineers begin a message with.

use serde::Serialize;

use super::form::{Button, Field, Form, Kind, Style};
use super::samples;

/// All of them, each with its form, and one for another.
#[derive(Clone, Debug, Serialize)]
pub struct Texts {
    /// Adds one.
    pub add: Form,
    /// Those that there are.
    pub texts: Vec<Text>,
}

/// One text.
#[derive(Clone, Debug, Serialize)]
pub struct Text {
    /// Its name.
    pub name: String,
    /// Changes it.
    pub change: Form,
    /// Takes it away.
    pub delete: Form,
}

impl Texts {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "queue/texts.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let fields = |name: &str, body: &str| {
            vec![
                Field::new(Kind::Text, "name", "Name").value(name),
                Field::new(Kind::Textarea, "body", "Text").value(body),
            ]
        };
        let form = |id: &str| Form::new(id, "/queue/texts", "key", Button::of(Style::Other, "Save"));
        let text = |name: &str| Text {
            name: name.to_owned(),
            change: form("text-1").fields(fields(name, "Please let {{ field.smtp_ip }} in.")),
            delete: samples::button("delete-1", "/queue/texts/1/delete", Style::Other, "Delete"),
        };
        let add = form("add").fields(fields("", ""));
        let mut wrong = add.clone();
        if let Some(field) = wrong.fields.last_mut() {
            field.error = Some("field.prot is not known".to_owned());
        }
        vec![
            ("one", Self { add: add.clone(), texts: vec![text("Ask for the port")] }),
            ("none", Self { add: wrong, texts: Vec::new() }),
            ("hostile", Self { add, texts: vec![text(samples::HOSTILE)] }),
        ]
    }
}
