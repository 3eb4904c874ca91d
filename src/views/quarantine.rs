//! Mail that waits for an engineer.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::Empty;
use super::form::{Button, Field, Form, Kind, Style};
use super::samples;

/// Everything that waits, oldest first.
#[derive(Clone, Debug, Serialize)]
pub struct Quarantine {
    /// The mails.
    pub mails: Vec<Waiting>,
    /// In their place, where there are none.
    pub empty: Option<Empty>,
}

/// One mail.
#[derive(Clone, Debug, Serialize)]
pub struct Waiting {
    /// The id of its heading.
    pub id: String,
    /// When it came.
    pub at: DateTime<Utc>,
    /// Who says to have sent it.
    pub sender: String,
    /// Its subject.
    pub subject: String,
    /// Why it waits.
    pub reason: String,
    /// Its text, as far as it could be read.
    pub text: String,
    /// How large it is, in words.
    pub size: String,
    /// Where the original is saved from.
    pub original: String,
    /// Adds it to a case.
    pub attach: Form,
    /// Discards it.
    pub discard: Form,
}

impl Quarantine {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "queue/quarantine.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let case = Field::new(Kind::Number, "case", "Number of the case");
        let waiting = Waiting {
            id: "mail-1".into(),
            at: samples::at(0),
            sender: "dana@corp.example".into(),
            subject: "Re: Which port?".into(),
            reason: "No case and person fit its sender and the address it was sent to".into(),
            text: "Port 587.\n\n> Which port?".into(),
            size: "3 KiB".into(),
            original: "/queue/quarantine/1/original".into(),
            attach: Form::new(
                "attach-1",
                "/queue/quarantine/1/attach",
                "key",
                Button::of(Style::Other, "Add to the case"),
            )
            .fields(vec![case]),
            discard: samples::button("discard-1", "/queue/quarantine/1/discard", Style::Other, "Discard"),
        };
        let mut hostile = Waiting {
            id: "mail-2".into(),
            sender: samples::HOSTILE.into(),
            subject: samples::HOSTILE.into(),
            text: samples::unbroken(),
            ..waiting.clone()
        };
        hostile.attach.id = "attach-2".into();
        let none = Empty { text: "No mail waits.".into(), link: None };
        vec![
            ("two", Self { mails: vec![waiting, hostile], empty: None }),
            ("none", Self { mails: Vec::new(), empty: Some(none) }),
        ]
    }
}
