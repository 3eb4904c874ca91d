//! The administrators' pages in words.

use std::fmt::Write as _;

use crate::app::dead_letters::DeadLetter;
use crate::app::installation::Installation;
use crate::views::admin::{About, Outbox, OutboxRow};
use crate::views::common::{Empty, Fact, Link, NavItem, Note, Section, Tag, Tone};
use crate::views::form::{Button, Form, Hidden, Style};
use crate::web::portal::words;
use crate::web::visit::form_key;

/// What runs here.
pub(super) fn about(here: &Installation) -> About {
    let yes = |flag: bool| if flag { "Yes" } else { "No" };
    let workflows =
        here.workflows.iter().map(|(id, version, hash)| Fact::code(format!("{id} version {version}"), hash));
    let mut notes = Vec::new();
    if here.given_up > 0 {
        let link = Some(Link::new("Open the outbox", "/admin/outbox"));
        let text = "Something could not be delivered and was given up.";
        notes.push(Note { link, ..Note::new(Tone::Failed, text) });
    }
    if here.redirected > 0 {
        let text = "This is a laboratory: tests dial other addresses than the ones that are approved.";
        notes.push(Note::new(Tone::You, text));
    }
    About {
        notes,
        sections: vec![
            section("Program", vec![Fact::code("Version", here.version)]),
            section(
                "Data",
                vec![
                    Fact::code("Data folder", here.data.as_str()),
                    Fact::new("Database", here.database).tag(Tone::Done, "Answers"),
                ],
            ),
            section(
                "Mail",
                vec![
                    Fact::new("Way", here.mail.as_str()),
                    here.mail_from.as_ref().map_or_else(|| Fact::missing("Sender"), |from| Fact::code("Sender", from)),
                    Fact::new("Waiting", here.waiting.to_string()),
                    Fact::new("Given up", here.given_up.to_string()),
                ],
            ),
            section(
                "Configuration",
                vec![
                    Fact::code("Address for people", here.public_url.as_str()),
                    Fact::new("Documentation networks count as public", yes(here.allow_documentation)),
                    Fact::new("Servers dialed elsewhere", here.redirected.to_string()),
                ],
            ),
            section("Workflows", workflows.collect()),
        ],
        support_text: support_text(here),
    }
}

fn section(heading: &str, facts: Vec<Fact>) -> Section {
    Section { heading: heading.to_owned(), facts }
}

/// The same for a report, line by line.
fn support_text(here: &Installation) -> String {
    let mut text = format!(
        "postern {}\ndatabase {}\nmail {}\npublic_url {}\nallow_documentation {}\nredirected {}\nwaiting {}\ngiven_up {}",
        here.version,
        here.database,
        here.mail,
        here.public_url,
        here.allow_documentation,
        here.redirected,
        here.waiting,
        here.given_up,
    );
    for (id, version, hash) in &here.workflows {
        // Writing into a string cannot fail.
        let _always_ok = write!(text, "\nworkflow {id} {version} {hash}");
    }
    text
}

/// Effects that were given up.
pub(super) fn outbox(transport: &str, letters: &[DeadLetter], waiting: i64) -> Outbox {
    let waiting = match waiting {
        0 => "Nothing waits.".to_owned(),
        1 => "1 effect waits to be carried out.".to_owned(),
        count => format!("{count} effects wait to be carried out."),
    };
    let given_up = u64::try_from(letters.len()).unwrap_or_default();
    Outbox {
        transport: Note::new(Tone::Us, format!("{transport}. {waiting}")),
        views: vec![
            NavItem::new("Given up", "/admin/outbox", true).count(given_up),
            NavItem::new("What mails say", "/admin/mails", false),
        ],
        rows: letters.iter().enumerate().map(|(index, letter)| row(index, letter)).collect(),
        empty: letters.is_empty().then(|| Empty { text: "Nothing was given up.".to_owned(), link: None }),
        more: None,
    }
}

fn row(index: usize, letter: &DeadLetter) -> OutboxRow {
    let button = Button::of(Style::Small, "Send again").about(format!("\u{201c}{}\u{201d}", letter.subject));
    let mut form = Form::new(&format!("resend-{index}"), "/admin/outbox/resend", form_key(), button);
    form.hidden.push(Hidden { name: "effect_key".to_owned(), value: letter.key.clone() });
    OutboxRow {
        tag: Tag::new(Tone::Failed, "Given up"),
        subject: letter.subject.clone(),
        to: letter.to.clone(),
        case: letter.case.map(|number| Link::new(number.to_string(), format!("/cases/{number}"))),
        at: letter.at,
        tries: words::count(letter.attempts),
        last_error: letter.last_error.clone(),
        resend: Some(form),
    }
}
