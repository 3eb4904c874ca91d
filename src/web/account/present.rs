//! An account as its page shows it.

use crate::app::account::Account as Found;
use crate::app::factor::Status;
use crate::app::mail_wishes::Wishes;
use crate::domain::actor::Person;
use crate::domain::log::hex;
use crate::store::accounts::Event;
use crate::store::sessions::Session;
use crate::views::account::{Account, SessionRow};
use crate::views::common::{Fact, Happening, Link, Tag, Tone};
use crate::views::form::{Button, Form, Hidden, Style};
use crate::views::instant;
use crate::web::visit::form_key;

/// Fewer recovery codes than these are told.
const FEW_CODES: i64 = 3;

/// The page of an account.
pub(super) fn account(
    person: &Person,
    own: &Session,
    (found, wishes): (&Found, &Wishes),
    staff_needs_factor: bool,
) -> Account {
    let roles: Vec<&str> = person.roles.iter().map(|role| role.as_str()).collect();
    let others = found.sessions.iter().any(|session| session.token_hash != own.token_hash);
    let must = staff_needs_factor && person.is_staff();
    Account {
        facts: vec![Fact::code("Email address", person.email.as_str()), Fact::new("Roles", roles.join(", "))],
        name: Account::name_form(&form_key(), &person.name),
        password: Account::password_form(&form_key()),
        mail: Account::mail_form(&form_key(), wishes.zone.name(), &wishes.wishes),
        factor: standing(&found.factor),
        factor_links: if found.factor.since.is_none() {
            vec![Link::new("Set up a second factor", super::FACTOR)]
        } else {
            Vec::new()
        },
        factor_acts: factor_acts(&found.factor, must),
        sessions: found.sessions.iter().map(|session| row(session, own)).collect(),
        end_others: others.then(|| ending("others", "End all other sessions", None)),
        events: found.events.iter().map(happening).collect(),
    }
}

/// How far somebody is with a second factor.
pub(in crate::web) fn standing(status: &Status) -> Vec<Fact> {
    let Some(since) = status.since else {
        return vec![Fact::new("Second factor", "None: the password alone signs in").tag(Tone::Neutral, "Off")];
    };
    let left = Fact::new("Recovery codes left", status.recovery_left.to_string());
    let left = if status.recovery_left < FEW_CODES { left.tag(Tone::You, "Few") } else { left };
    vec![Fact::new("Second factor", format!("Since {}", instant(since))).tag(Tone::Done, "On"), left]
}

fn factor_acts(status: &Status, must: bool) -> Vec<Form> {
    if status.since.is_none() {
        return Vec::new();
    }
    let act = |id: &str, action: &str, label: &str| Form::new(id, action, form_key(), Button::of(Style::Other, label));
    let mut acts = vec![act("fresh", "/account/recovery", "Make new recovery codes")];
    if !must {
        acts.push(act("off", "/account/factor/remove", "Take the second factor away"));
    }
    acts
}

fn row(session: &Session, own: &Session) -> SessionRow {
    let is_own = session.token_hash == own.token_hash;
    let hash = hex(&session.token_hash);
    SessionRow {
        browser: session.browser.clone().unwrap_or_else(|| "Another browser".to_owned()),
        address: session.address.clone(),
        tag: is_own.then(|| Tag::new(Tone::Done, "This one")),
        started: session.created_at,
        seen: session.seen_at,
        end: (!is_own).then(|| ending(&format!("end-{}", hash.get(..8).unwrap_or_default()), "End", Some(hash))),
    }
}

fn ending(id: &str, label: &str, session: Option<String>) -> Form {
    let style = if session.is_some() { Style::Small } else { Style::Other };
    let mut form = Form::new(id, "/account/sessions/end", form_key(), Button::of(style, label));
    form.hidden.extend(session.map(|value| Hidden { name: "session".to_owned(), value }));
    form
}

/// Something that happened to an account.
pub(in crate::web) fn happening(event: &Event) -> Happening {
    let who = match (&event.by_name, &event.address) {
        (Some(name), _) => format!("by {name}"),
        (None, Some(address)) => format!("from {address}"),
        (None, None) => "from an unknown address".to_owned(),
    };
    Happening { at: event.at, who, what: event.what.words().to_owned(), facts: Vec::new() }
}
