//! SMTP settings in the words of the vendor's pane. Account and password are named, never shown.

use chrono::{DateTime, Utc};

use super::present_list::instant;
use crate::app::cases::View;
use crate::app::desk::Comparison;
use crate::apply::FieldDiff;
use crate::domain::case::Case;
use crate::domain::id::{PersonId, ProbeId, SettingsId};
use crate::domain::mail_settings::Encryption;
use crate::store::settings::Settings;
use crate::views::casework::ApplyCheck;
use crate::views::common::{Change, Empty, Fact, Link, Note, Tag, Tone};
use crate::views::settings::{CaseSettings, Revision};
use crate::web::portal::act_form;
use crate::web::portal::words;

/// What stands for a secret.
const STORED: &str = "Stored, not shown";

/// Every revision of a case.
pub(super) fn settings(view: &View<'_>) -> CaseSettings {
    let case = &view.case;
    let count = view.settings.len();
    let revisions =
        view.settings.iter().enumerate().map(|(index, settings)| revision(view, settings, count.saturating_sub(index)));
    let server = words::shown(case, "smtp_host").or_else(|| words::shown(case, "smtp_ip"));
    let act = view.offers.iter().find(|rule| rule.event == "submit_settings");
    CaseSettings {
        number: words::count(case.number),
        back: format!("/cases/{}", case.number),
        heading: "SMTP settings".to_owned(),
        server: server.unwrap_or_else(|| view.customer.name.clone()),
        notes: view.settings.first().map(warnings).unwrap_or_default(),
        act: act.map(|rule| Link::new("Enter the settings", act_form::action(case.number, &rule.event))),
        choices: Vec::new(),
        revisions: revisions.collect(),
        empty: (count == 0).then(|| Empty { text: "No settings were entered yet.".to_owned(), link: None }),
    }
}

fn revision(view: &View<'_>, settings: &Settings, number: usize) -> Revision {
    let stored = |label: &str, is_set: bool| Fact::new(label, if is_set { STORED } else { "None" });
    let encryption = words::choice_label("encryption", settings.encryption.as_str());
    let facts = vec![
        Fact::code("SMTP server address", settings.host.as_str()),
        Fact::code("SMTP server port", settings.port.to_string()),
        stored("SMTP account", settings.account_id.is_some()),
        stored("SMTP account password", settings.password_id.is_some()),
        Fact::new("SMTP encryption", encryption),
        Fact::code("Email address of the sender", settings.sender.as_str()),
        settings.tls_name.as_ref().map_or_else(
            || Fact::missing("Name in the certificate"),
            |name| Fact::code("Name in the certificate", name),
        ),
        Fact::code("Test alert to", settings.recipient.as_str()),
    ];
    let made = Made {
        number,
        id: settings.id,
        at: settings.made_at,
        by: settings.made_by,
        passed_probe: settings.passed_probe,
        applied: (settings.applied_at, settings.applied_how.as_deref()),
    };
    made.revision(view, facts)
}

/// What revisions of both channels have: which of them it is, who made it, and what became of it.
pub(super) struct Made<'a> {
    pub(super) number: usize,
    pub(super) id: SettingsId,
    pub(super) at: DateTime<Utc>,
    pub(super) by: Option<PersonId>,
    pub(super) passed_probe: Option<ProbeId>,
    pub(super) applied: (Option<DateTime<Utc>>, Option<&'a str>),
}

impl Made<'_> {
    /// The revision with its own facts before those that all have.
    pub(super) fn revision(self, view: &View<'_>, mut facts: Vec<Fact>) -> Revision {
        let (fact, tag) = tested(view, self.passed_probe, self.id);
        facts.push(fact);
        facts.push(match self.applied {
            (Some(at), Some(how)) => Fact::new("Applied", format!("{}, {how}", instant(at))),
            (Some(at), None) => Fact::new("Applied", instant(at)),
            (None, _) => Fact::new("Applied", "No"),
        });
        let applied = self.applied.0.map(|_| Tag::new(Tone::Done, "Applied"));
        let by = self.by.and_then(|id| view.names.get(&id.to_string()).cloned());
        Revision {
            number: u64::try_from(self.number).unwrap_or_default(),
            tags: std::iter::once(tag).chain(applied).collect(),
            at: self.at,
            by: by.unwrap_or_else(|| "Postern".to_owned()),
            facts,
        }
    }
}

/// Which test these settings passed, or how the last one with them ended.
fn tested(view: &View<'_>, passed_probe: Option<ProbeId>, settings: SettingsId) -> (Fact, Tag) {
    let passed = passed_probe.and_then(|id| view.probes.iter().find(|probe| probe.id == id));
    let last = view.probes.iter().find(|probe| probe.settings_id == Some(settings));
    let text = |number: i64, word: &str| Fact::new("Full test", format!("Test {number}: {word}"));
    match (passed, last) {
        (Some(probe), _) => (text(probe.number, "passed"), Tag::new(Tone::Done, "Full test passed")),
        (None, Some(probe)) if probe.verdict.is_none() => {
            (text(probe.number, "running"), Tag::new(Tone::Us, "Full test running"))
        }
        (None, Some(probe)) => (text(probe.number, "not passed"), Tag::new(Tone::Failed, "Full test not passed")),
        (None, None) if passed_probe.is_some() => {
            (Fact::new("Full test", "Passed"), Tag::new(Tone::Done, "Full test passed"))
        }
        (None, None) => (Fact::new("Full test", "Not run"), Tag::new(Tone::Neutral, "Not tested")),
    }
}

/// What looks wrong and may still be right.
fn warnings(settings: &Settings) -> Vec<Note> {
    let text = match (settings.port, settings.encryption) {
        (465, Encryption::StartTls) => "Port 465 is for TLS from the start. STARTTLS uses 587.",
        (587, Encryption::ImplicitTls) => "Port 587 is for STARTTLS. TLS from the start uses 465.",
        (25, _) if settings.account_id.is_some() => {
            "Port 25 rarely asks for an account. Clients sign in on 587 or 465."
        }
        (_, _) => return Vec::new(),
    };
    vec![Note::new(Tone::You, text)]
}

/// What the product holds beside the newest settings.
pub(super) fn comparison(case: &Case, tenant: String, comparison: Comparison, now: DateTime<Utc>) -> ApplyCheck {
    let (outcome, changes, same) = match comparison {
        Comparison::Read(rows) => {
            let (differing, equal): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.changed);
            let outcome = match differing.len() {
                0 => Note::new(Tone::Done, "The product holds these settings already."),
                1 => Note::new(Tone::You, "1 setting would change."),
                count => Note::new(Tone::You, format!("{count} settings would change.")),
            };
            (outcome, differing.iter().map(change).collect(), equal.iter().map(fact).collect())
        }
        Comparison::NoApi(target) => {
            let text = format!("This product cannot be asked. {target}.");
            (Note::new(Tone::Neutral, text), Vec::new(), Vec::new())
        }
        Comparison::Failed(error) => {
            let title = Some("The product could not be asked. Nothing is known about its settings.".to_owned());
            (Note { title, ..Note::new(Tone::Failed, error.to_string()) }, Vec::new(), Vec::new())
        }
    };
    ApplyCheck {
        number: words::count(case.number),
        back: format!("/cases/{}", case.number),
        tenant,
        outcome,
        changes,
        same,
        read_at: now,
    }
}

fn change(row: &FieldDiff) -> Change {
    let (was, now) = shown(row);
    Change { label: row.label.to_owned(), was: Some(was), now: Some(now), meaning: None }
}

fn fact(row: &FieldDiff) -> Fact {
    Fact::new(row.label, shown(row).0)
}

/// Both values in words. The account opens a door as the password does, so that it is told apart and not shown.
fn shown(row: &FieldDiff) -> (String, String) {
    let words = |value: &str| match row.label {
        "SMTP account" if value == "not set" => "None".to_owned(),
        "SMTP account" => STORED.to_owned(),
        "SMTP encryption" => words::choice_label("encryption", value),
        _ => value.to_owned(),
    };
    let (was, now) = (words(&row.old), words(&row.new));
    if row.changed && was == now { (was, "Another one, not shown".to_owned()) } else { (was, now) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &'static str, old: &str, new: &str) -> FieldDiff {
        FieldDiff { field: "any", label, old: old.to_owned(), new: new.to_owned(), changed: old != new }
    }

    #[test]
    fn an_account_is_compared_and_never_shown() {
        let pair = |old, new| shown(&row("SMTP account", old, new));
        assert_eq!(pair("alerts", "alerts").0, STORED);
        assert_eq!(pair("alerts", "other"), (STORED.to_owned(), "Another one, not shown".to_owned()));
        assert_eq!(pair("not set", "other"), ("None".to_owned(), STORED.to_owned()));
        assert_eq!(pair("alerts", "not set"), (STORED.to_owned(), "None".to_owned()));
    }

    #[test]
    fn encryption_is_compared_in_words() {
        let (was, now) = shown(&row("SMTP encryption", "none", "starttls"));
        assert_eq!((was.as_str(), now.as_str()), ("No encryption", "STARTTLS"));
    }
}
