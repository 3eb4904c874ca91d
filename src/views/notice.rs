//! A notice that the IP of a server changes: the last look before it is sent, and what happens next.

use serde::Serialize;

use super::common::{Change, Fact, Note, Tone};
use super::form::{Form, Style};
use super::samples;

/// Old and new side by side, with when and how.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// The way back.
    pub back: String,
    /// The old IP and the new one.
    pub changes: Vec<Change>,
    /// When and how.
    pub facts: Vec<Fact>,
    /// What to look at before sending; does not stop.
    pub notes: Vec<Note>,
    /// "Send notice", with the answers unseen.
    pub form: Form,
}

impl Check {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "portal/notice_check.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let form = samples::button("notice", "/servers/12/change-ip/send", Style::Main, "Send notice");
        let change = |was: &str, now: &str| Change {
            label: "IP of your SMTP server".into(),
            was: Some(was.into()),
            now: Some(now.into()),
            meaning: None,
        };
        let plain = Self {
            back: "/servers/12/change-ip".into(),
            changes: vec![change("203.0.113.7", "203.0.113.19")],
            facts: vec![
                Fact::new("When", "1 December 2026 at 08:00 Europe/Berlin (1 December 2026 at 07:00 UTC)"),
                Fact::new("How", "Keep both for 48 hours"),
                Fact::missing("Who to call at the switch"),
            ],
            notes: vec![Note::new(Tone::You, "This is sooner than our usual 2 working days. We will try.")],
            form,
        };
        let hostile = Self {
            changes: vec![change(samples::HOSTILE, &samples::unbroken())],
            facts: vec![Fact::new("Who to call at the switch", samples::HOSTILE)],
            notes: Vec::new(),
            ..plain.clone()
        };
        vec![("plain", plain), ("hostile", hostile)]
    }
}

/// The notice was sent: what happens when. Stays valid for good.
#[derive(Clone, Debug, Serialize)]
pub struct Sent {
    /// Number of the notice's case.
    pub number: u64,
    /// Its page.
    pub case: String,
    /// What happens, in order.
    pub steps: Vec<String>,
    /// The calendar file, where a time is planned.
    pub calendar: Option<String>,
    /// Who is mailed at each step.
    pub mail_to: String,
}

impl Sent {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "portal/notice_sent.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let plain = Self {
            number: 2043,
            case: "/cases/2043".into(),
            steps: vec![
                "A second contact of your company confirms it, or we call you back.".into(),
                "We whitelist 203.0.113.19 next to the old IP.".into(),
            ],
            calendar: Some("/cases/2043/notice.ics".into()),
            mail_to: "dana@corp.example".into(),
        };
        let hostile = Self {
            steps: vec![samples::HOSTILE.into(), samples::unbroken()],
            calendar: None,
            mail_to: samples::HOSTILE.into(),
            ..plain.clone()
        };
        vec![("plain", plain), ("hostile", hostile)]
    }
}
