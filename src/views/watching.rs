//! Watching a server in use: the band of its last rounds, the table of them, and what was changed in the product.

use serde::Serialize;

use super::common::{Change, Fact, Link, Note, Tone};
use super::form::{Form, Style};
use super::records::Cell;
use super::samples;
use super::tables::{Group, TableRow};

/// Width of a round in the band, in units of its picture.
const STEP: usize = 6;
/// Height of the band, in the same units.
const HEIGHT: usize = 24;

/// What watching has seen of one server.
#[derive(Clone, Debug, Serialize)]
pub struct Watching {
    /// Number of the case that holds it.
    pub number: i64,
    /// Its page.
    pub back: String,
    /// What the server is called.
    pub server: String,
    /// What the reader should know first.
    pub notes: Vec<Note>,
    /// When rounds come, and what they are compared with.
    pub facts: Vec<Fact>,
    /// The last rounds as a picture; none where there was no round.
    pub band: Option<Band>,
    /// The last rounds as a table.
    pub rounds: Group,
    /// What differs between what was applied and what stands in the product.
    pub drift: Vec<Change>,
    /// When that was read.
    pub drift_read: Option<String>,
    /// What can be done about it.
    pub decide: Vec<Form>,
    /// Begin a round, pause, go on.
    pub acts: Vec<Form>,
}

/// The last rounds, oldest first. Every kind of round has a height of its own, for readers who see no colors.
#[derive(Clone, Debug, Serialize)]
pub struct Band {
    /// Width of the picture.
    pub width: usize,
    /// Height of the picture.
    pub height: usize,
    /// What it shows, in words.
    pub text: String,
    /// Its bars.
    pub bars: Vec<Bar>,
}

/// One round of the band.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// From the left.
    pub x: usize,
    /// From the top.
    pub y: usize,
    /// Downwards.
    pub height: usize,
    /// `good`, `changed`, `failed` or `unclear`.
    pub mark: &'static str,
}

impl Band {
    /// The band of these marks, oldest first, as their words; `text` says it in words.
    pub fn new(marks: &[&'static str], text: String) -> Self {
        let bar = |(index, mark): (usize, &&'static str)| {
            let height = match *mark {
                "good" => 8,
                "changed" => 16,
                "failed" => HEIGHT,
                _ => 3,
            };
            Bar { x: index * STEP, y: HEIGHT - height, height, mark }
        };
        Self { width: marks.len() * STEP, height: HEIGHT, text, bars: marks.iter().enumerate().map(bar).collect() }
    }
}

impl Watching {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "portal/watching.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let full = Self::full();
        let empty = Self {
            notes: Vec::new(),
            band: None,
            rounds: Group { rows: Vec::new(), note: Some("No round has ended yet.".into()), ..full.rounds.clone() },
            drift: Vec::new(),
            drift_read: None,
            decide: Vec::new(),
            ..full.clone()
        };
        let hostile = Self {
            server: samples::HOSTILE.into(),
            rounds: Group {
                rows: vec![row("1", Tone::You, "Something changed", &samples::unbroken())],
                ..full.rounds.clone()
            },
            drift: vec![Change {
                label: samples::HOSTILE.into(),
                was: Some(samples::unbroken()),
                now: None,
                meaning: None,
            }],
            ..full.clone()
        };
        vec![("full", full), ("empty", empty), ("hostile", hostile)]
    }

    /// The face with everything on it.
    fn full() -> Self {
        let mut marks = vec!["good"; 92];
        marks.extend(["unclear", "changed", "failed", "failed"]);
        Self {
            number: 2041,
            back: "/cases/2041".into(),
            server: "mail.corp.example".into(),
            notes: vec![Note {
                link: Some(Link::new("Case 2050: Trouble that watching found: mail.corp.example", "/cases/2050")),
                ..Note::new(Tone::Us, "Two rounds in a row found trouble.")
            }],
            facts: vec![
                Fact::new("Next round", "25 November 2026 at 11:04 UTC"),
                Fact::code("The name resolves to", "10.20.4.15"),
                Fact::new("Certificate", "mail.corp.example by CN=Corp CA, valid until 2027-02-01 00:00 UTC"),
            ],
            band: Some(Band::new(
                &marks,
                "The last 96 rounds: 92 in order, 1 changed, 2 not reached, 1 could not tell.".into(),
            )),
            rounds: sample_rounds(),
            drift: vec![Change {
                label: "SMTP server port".into(),
                was: Some("587".into()),
                now: Some("25".into()),
                meaning: None,
            }],
            drift_read: Some("2026-11-25T10:04:00Z".into()),
            decide: vec![
                samples::button(
                    "take-over",
                    "/cases/2041/watch/take-over",
                    Style::Other,
                    "Take over what stands in the product",
                ),
                samples::button("again", "/cases/2041/act/apply_again", Style::Other, "Apply our settings again"),
            ],
            acts: vec![
                samples::button("now", "/cases/2041/watch/now", Style::Main, "Begin a round"),
                samples::button("pause", "/cases/2041/watch/pause", Style::Other, "Pause watching"),
            ],
        }
    }
}

fn row(number: &str, tone: Tone, mark: &str, seen: &str) -> TableRow {
    TableRow {
        name: number.into(),
        href: Some("/cases/2041/tests/7".into()),
        cells: vec![Cell::new("2026-11-25 10:04 UTC"), Cell::tag(tone, mark), Cell::new(seen), Cell::new("412 ms")],
    }
}

fn sample_rounds() -> Group {
    Group {
        heading: "Rounds".into(),
        columns: ["Round", "Ended", "Result", "What was seen", "Took"].map(str::to_owned).to_vec(),
        rows: vec![
            row("98", Tone::Failed, "Not reached", "No answer to the connection attempt"),
            row("97", Tone::You, "Something changed", "The certificate was for mail.corp.example by CN=Corp CA before"),
            row("96", Tone::Skipped, "Could not tell", "The agent is silent"),
            row("95", Tone::Done, "In order", ""),
        ],
        note: Some("Rounds are kept for 90 days; the last 96 are shown.".into()),
    }
}
