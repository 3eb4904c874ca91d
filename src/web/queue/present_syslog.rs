//! SYSLOG settings in the words of the vendor's pane, and what the product offers to choose from.

use super::present_settings::Made;
use crate::app::cases::View;
use crate::apply::{Offer, Offers};
use crate::store::syslog_settings::SyslogSettings;
use crate::views::common::{Empty, Fact, Link, Note, Tone};
use crate::views::settings::{CaseSettings, Choices, Revision};
use crate::web::portal::{act_form, words};

/// Every revision of a case, and the lists that its forms name things of.
pub(super) fn settings(view: &View<'_>, revisions: &[SyslogSettings], offers: Option<&Offers>) -> CaseSettings {
    let case = &view.case;
    let fields = case.channel().server();
    let server = words::shown(case, fields.host).or_else(|| words::shown(case, fields.address));
    let act = view.offers.iter().find(|rule| rule.event == "submit_settings");
    let count = revisions.len();
    let rows = revisions.iter().enumerate();
    let rows = rows.map(|(index, settings)| revision(view, settings, count.saturating_sub(index)));
    let (choices, notes) = offers.map(choices).unwrap_or_default();
    CaseSettings {
        number: words::count(case.number),
        back: format!("/cases/{}", case.number),
        heading: "SYSLOG settings".to_owned(),
        server: server.unwrap_or_else(|| view.customer.name.clone()),
        notes,
        act: act.map(|rule| Link::new("Enter the settings", act_form::action(case.number, &rule.event))),
        choices,
        revisions: rows.collect(),
        empty: (count == 0).then(|| Empty { text: "No settings were entered yet.".to_owned(), link: None }),
    }
}

fn revision(view: &View<'_>, settings: &SyslogSettings, number: usize) -> Revision {
    let word = |field: &str, word: &str| words::choice_label(field, word);
    let transport = word("transport", settings.transport.as_str());
    let mut facts = vec![
        Fact::code("SYSLOG receiver", settings.host.as_str()),
        Fact::code("Port", settings.port.to_string()),
        Fact::new("Transport", transport),
        Fact::new("Alerts", word("input_type", settings.input_type.as_str())),
        Fact::code("Directories", listed(&settings.directories.0)),
        Fact::code("Criticity threshold", settings.threshold.to_string()),
    ];
    let lists = [
        ("Profiles", &settings.profiles.0),
        ("Indicators of exposure", &settings.checkers.0),
        ("Indicators of attack", &settings.attack_types.0),
    ];
    facts.extend(lists.iter().filter(|(_, ids)| !ids.is_empty()).map(|(label, ids)| Fact::code(*label, listed(ids))));
    if !settings.health_checks.0.is_empty() {
        facts.push(Fact::code("Health checks", settings.health_checks.0.join(", ")));
    }
    facts.push(Fact::new("During the first analysis", if settings.initial_alerts { "Sent" } else { "Not sent" }));
    facts.extend(settings.product_id.map(|id| Fact::code("Id in the product", id.to_string())));
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

fn listed(ids: &[i64]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The most entries of a list that a page shows.
const MOST_SHOWN: usize = 200;

/// The lists that could be read, and a note for each that could not.
fn choices(offers: &Offers) -> (Vec<Choices>, Vec<Note>) {
    let (mut choices, mut notes) = (Vec::new(), Vec::new());
    for (what, list) in &offers.lists {
        match list {
            Ok(items) => choices.push(Choices {
                heading: format!("{what} in the product"),
                items: items.iter().take(MOST_SHOWN).map(choice).collect(),
                left_out: words::count(i64::try_from(items.len().saturating_sub(MOST_SHOWN)).unwrap_or_default()),
            }),
            Err(error) => {
                let title = Some(format!("{what} could not be read from the product. Enter their ids all the same."));
                notes.push(Note { title, ..Note::new(Tone::Neutral, error.to_string()) });
            }
        }
    }
    (choices, notes)
}

fn choice(offer: &Offer) -> Fact {
    if offer.name.is_empty() {
        Fact::missing(offer.id.to_string())
    } else {
        Fact::new(offer.id.to_string(), offer.name.as_str())
    }
}
