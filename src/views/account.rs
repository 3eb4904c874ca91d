//! Somebody's own account: name, password, second factor, sessions.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{Fact, Happening, Link, Note, Tag, Tone};
use super::form::{Button, Choice, Field, Form, Kind, Style};
use super::samples;
use super::session::code_field;
use crate::domain::mail_wish::{About, Wish};

/// The account of whoever is signed in.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// What the owner cannot change here.
    pub facts: Vec<Fact>,
    /// Changes the name.
    pub name: Form,
    /// Changes the password.
    pub password: Form,
    /// Which mail is sent when, and in which zone its times are written.
    pub mail: Form,
    /// The second factor.
    pub factor: Vec<Fact>,
    /// Pages around it.
    pub factor_links: Vec<Link>,
    /// Acts of one button around it.
    pub factor_acts: Vec<Form>,
    /// Open sessions, the one used last first.
    pub sessions: Vec<SessionRow>,
    /// Ends all sessions but this one; nothing where there is no other.
    pub end_others: Option<Form>,
    /// What happened to the account, newest first.
    pub events: Vec<Happening>,
}

/// An open session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionRow {
    /// Family of the browser.
    pub browser: String,
    /// Where it was begun from, where that is known.
    pub address: Option<String>,
    /// Marks the one that shows the page.
    pub tag: Option<Tag>,
    /// When its owner signed in.
    pub started: DateTime<Utc>,
    /// When it was used last, to the minute.
    pub seen: DateTime<Utc>,
    /// Ends it; nothing for the one that shows the page, which signs out.
    pub end: Option<Form>,
}

impl Account {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "account/account.html";

    /// The form of the name.
    pub fn name_form(key: &str, name: &str) -> Form {
        let field = Field::new(Kind::Text, "name", "Name that others see").value(name).autocomplete("name");
        Form::new("name", "/account/name", key, Button::of(Style::Other, "Save name")).fields(vec![field])
    }

    /// The form of the password.
    pub fn password_form(key: &str) -> Form {
        let fields = vec![
            Field::new(Kind::Password, "present", "Present password").autocomplete("current-password"),
            Field::new(Kind::Password, "password", "New password")
                .hint("At least 12 characters")
                .autocomplete("new-password"),
        ];
        Form::new("password", "/account/password", key, Button::of(Style::Other, "Change password")).fields(fields)
    }

    /// The form of mail: the zone, and a choice for everything that can be done without.
    pub fn mail_form(key: &str, zone: &str, wishes: &[(About, Wish)]) -> Form {
        let options = || Wish::ALL.iter().map(|wish| Choice::new(wish.as_str(), wish.title())).collect();
        let zone = Field::new(Kind::Code, "time_zone", "Time zone of the times in mails")
            .hint("Like Europe/Berlin; the mail of the day comes at 08:00 there")
            .value(zone);
        let choices = wishes.iter().map(|(about, wish)| {
            Field::new(Kind::Radio, about.as_str(), about.title()).options(options()).value(wish.as_str())
        });
        Form::new("mail", "/account/mail", key, Button::of(Style::Other, "Save mail"))
            .fields(std::iter::once(zone).chain(choices).collect())
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |browser: &str, end| SessionRow {
            browser: browser.into(),
            address: Some("203.0.113.9".into()),
            tag: None,
            started: samples::at(0),
            seen: samples::at(70),
            end,
        };
        let end = samples::button("end", "/account/sessions/end", Style::Small, "End");
        let event = |what: &str| Happening {
            at: samples::at(0),
            who: "from 203.0.113.9".into(),
            what: what.into(),
            facts: Vec::new(),
        };
        let full = Self {
            facts: vec![Fact::code("Email address", "dana@corp.example"), Fact::new("Roles", "support")],
            name: Self::name_form(samples::KEY, "Dana Field"),
            password: Self::password_form(samples::KEY),
            mail: Self::mail_form(
                samples::KEY,
                "Europe/Berlin",
                &[(About::Progress, Wish::Now), (About::Queue, Wish::Daily)],
            ),
            factor: vec![Fact::new("Second factor", "Since 24 November 2026").tag(Tone::Done, "On")],
            factor_links: Vec::new(),
            factor_acts: vec![samples::button("fresh", "/account/recovery", Style::Other, "New recovery codes")],
            sessions: vec![
                SessionRow { tag: Some(Tag::new(Tone::Done, "This one")), ..row("Firefox", None) },
                row("Chrome", Some(end)),
            ],
            end_others: Some(samples::button("others", "/account/sessions/end", Style::Other, "End all others")),
            events: vec![event("Signed in"), event("Password changed")],
        };
        let mut wrong = full.clone();
        for field in &mut wrong.password.fields {
            field.error = (field.name == "present").then(|| "This is not your password".into());
        }
        let plain = Self {
            factor: vec![Fact::missing("Second factor")],
            factor_links: vec![Link::new("Set up a second factor", "/account/factor")],
            factor_acts: Vec::new(),
            end_others: None,
            events: Vec::new(),
            ..full.clone()
        };
        let hostile = Self {
            name: Self::name_form(samples::KEY, samples::HOSTILE),
            sessions: vec![row(samples::HOSTILE, None), row(&samples::unbroken(), None)],
            ..full.clone()
        };
        vec![("full", full), ("wrong", wrong), ("plain", plain), ("hostile", hostile)]
    }
}

/// Setting up a second factor.
#[derive(Clone, Debug, Serialize)]
pub struct Factor {
    /// Where the installation asks for one: why nothing else opens.
    pub must: Option<Note>,
    /// The key as text, once it was made.
    pub key: Option<String>,
    /// The same as a picture.
    pub picture: Picture,
    /// Takes the first code.
    pub confirm: Form,
    /// Makes a key, or another one in its place.
    pub begin: Option<Form>,
}

/// A QR code (ISO/IEC 18004) as a path of unit squares.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Picture {
    /// Width and height, with the quiet zone.
    pub size: i32,
    /// Path data of SVG.
    pub path: String,
}

impl Factor {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "account/factor.html";

    /// The form that takes the first code.
    pub fn confirm_form(key: &str) -> Form {
        Form::new("confirm", "/account/factor/confirm", key, Button::main("Turn on")).fields(vec![code_field()])
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let empty = Self {
            must: None,
            key: None,
            picture: Picture::default(),
            confirm: Self::confirm_form(samples::KEY),
            begin: Some(samples::button("begin", "/account/factor", Style::Main, "Make a key")),
        };
        let begun = Self {
            must: Some(Note::new(Tone::You, "This installation asks the vendor's people for a second factor.")),
            key: Some("JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP".into()),
            picture: Picture { size: 12, path: "M4 4h1v1h-1zM6 4h1v1h-1z".into() },
            begin: Some(samples::button("begin", "/account/factor", Style::Other, "Make another key")),
            ..empty.clone()
        };
        let mut wrong = begun.clone();
        for field in &mut wrong.confirm.fields {
            field.error = Some("This code is wrong, was used already or is too old".into());
        }
        vec![("empty", empty), ("begun", begun), ("wrong", wrong)]
    }
}

/// Recovery codes, shown once.
#[derive(Clone, Debug, Serialize)]
pub struct Recovery {
    /// The codes, in groups of four.
    pub codes: Vec<String>,
    /// The way on.
    pub on: Link,
}

impl Recovery {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "account/recovery.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let codes = vec!["abcd-efgh-2345-6789".to_owned(); 10];
        vec![("plain", Self { codes, on: Link::new("I have kept them", "/account") })]
    }
}
