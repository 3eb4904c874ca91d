//! Watching of a server in use: its page, for the customer and for engineers, and the acts on it.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};

use super::fields::Fields;
use super::frame;
use super::portal::path_number;
use super::problem::Failure;
use super::visit::{Visitor, form_key};
use crate::app::watching::{self, Seen};
use crate::app::{App, Error, conversation};
use crate::domain::actor::Person;
use crate::domain::watching::Mark;
use crate::store::watches::RoundRow;
use crate::views::common::{Change, Fact, Link, Note, Page, Tone};
use crate::views::form::{Button, Form, Style};
use crate::views::records::Cell;
use crate::views::tables::{Group, TableRow};
use crate::views::watching::{Band, Watching};
use crate::views::{instant, took};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/cases/{number}/watch", get(page))
        .route("/cases/{number}/watch/now", post(now))
        .route("/cases/{number}/watch/pause", post(pause))
        .route("/cases/{number}/watch/resume", post(resume))
        .route("/cases/{number}/watch/take-over", post(take_over))
}

/// The page.
async fn page(visitor: Visitor, Path(number): Path<String>) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let seen = watching::of_case(&visitor.app, person, path_number(&number)?).await?;
    let body = body(person, &seen);
    let page = Page::new(format!("Watching {}", body.server), frame::frame(&visitor), body);
    frame::show(&visitor, Watching::TEMPLATE, &page)
}

async fn now(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let number = asked(&visitor, &number, &fields)?;
    watching::now(&visitor.app, visitor.person()?, number).await?;
    Ok(back(number))
}

async fn pause(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let number = asked(&visitor, &number, &fields)?;
    watching::pause(&visitor.app, visitor.person()?, number, true).await?;
    Ok(back(number))
}

async fn resume(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let number = asked(&visitor, &number, &fields)?;
    watching::pause(&visitor.app, visitor.person()?, number, false).await?;
    Ok(back(number))
}

async fn take_over(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let number = asked(&visitor, &number, &fields)?;
    watching::take_over(&visitor.app, visitor.person()?, number).await?;
    Ok(Redirect::to(&format!("/cases/{number}")).into_response())
}

fn asked(visitor: &Visitor, number: &str, fields: &Fields) -> Result<i64, Failure> {
    visitor.person()?;
    let number = path_number(number)?;
    fields.only(&[])?;
    Ok(number)
}

fn back(number: i64) -> Response {
    Redirect::to(&format!("/cases/{number}/watch")).into_response()
}

fn body(person: &Person, seen: &Seen) -> Watching {
    let number = seen.case.number;
    let data = |field: &str| seen.case.flow.data.get(field).map(ToString::to_string);
    let server = seen.case.channel().server();
    let drift = seen.watch.settings_read.as_ref().map(|read| &read.0).filter(|read| !read.rows.is_empty());
    let decides = data("drift").is_some() && drift.is_some();
    Watching {
        number,
        back: format!("/cases/{number}"),
        server: data(server.host).or_else(|| data(server.address)).unwrap_or_default(),
        notes: notes(seen),
        facts: facts(seen),
        band: (!seen.rounds.is_empty()).then(|| band(&seen.rounds)),
        rounds: table(number, &seen.rounds),
        drift: drift.iter().flat_map(|read| &read.rows).map(change).collect(),
        drift_read: drift.map(|read| read.at.to_rfc3339()),
        decide: if decides { decisions(number, seen.case.flow.entered) } else { Vec::new() },
        acts: acts(person, seen),
    }
}

fn notes(seen: &Seen) -> Vec<Note> {
    let child = |number: i64, text: &str| Note {
        link: Some(Link::new(format!("Case {number}"), format!("/cases/{number}"))),
        ..Note::new(Tone::Us, text)
    };
    let watch = &seen.watch;
    let paused = watch.paused_at.map(|at| {
        let by = seen.paused_by.as_deref().unwrap_or("a person who is gone");
        Note::new(
            Tone::You,
            format!("Paused by {by} on {}. No round begins until somebody lets it go on.", instant(at)),
        )
    });
    let unused = watch
        .next_at
        .is_none()
        .then(|| Note::new(Tone::Neutral, "The server is not in use at the moment, so no round begins."));
    let trouble = watch.trouble.map(|number| child(number, "Two rounds in a row found trouble."));
    let notice =
        watch.notice.map(|number| child(number, "The name leads elsewhere, so a change of the IP was noticed."));
    paused.into_iter().chain(unused).chain(trouble).chain(notice).collect()
}

fn facts(seen: &Seen) -> Vec<Fact> {
    let memory = &seen.watch.memory.0;
    let next = seen.watch.next_at.filter(|_| seen.watch.paused_at.is_none());
    let mut facts = vec![match next {
        Some(at) => Fact::new("Next round", instant(at)),
        None => Fact::new("Next round", "None"),
    }];
    if !memory.addresses.is_empty() {
        let listed: Vec<String> = memory.addresses.iter().map(ToString::to_string).collect();
        facts.push(Fact::code("The name resolves to", listed.join(", ")));
    }
    if let Some(known) = &memory.certificate {
        let names: Vec<&str> = known.names.iter().map(String::as_str).collect();
        let text = format!("{} by {}, valid until {}", names.join(", "), known.issuer, instant(known.not_after));
        facts.push(Fact::new("Certificate", text));
    }
    facts
}

fn band(rounds: &[RoundRow]) -> Band {
    let marks: Vec<&'static str> = rounds.iter().rev().map(|round| round.mark.as_str()).collect();
    let counted = Mark::ALL.iter().filter_map(|mark| {
        let count = rounds.iter().filter(|round| round.mark == *mark).count();
        (count > 0).then(|| format!("{count} {}", mark.title().to_lowercase()))
    });
    let counts: Vec<String> = counted.collect();
    let first =
        if rounds.len() == 1 { "The last round".to_owned() } else { format!("The last {} rounds", rounds.len()) };
    Band::new(&marks, format!("{first}: {}.", counts.join(", ")))
}

fn table(number: i64, rounds: &[RoundRow]) -> Group {
    let tone = |mark: Mark| match mark {
        Mark::Good => Tone::Done,
        Mark::Changed => Tone::You,
        Mark::Failed => Tone::Failed,
        Mark::Unclear => Tone::Skipped,
    };
    let row = |round: &RoundRow| TableRow {
        name: round.number.to_string(),
        href: Some(format!("/cases/{number}/tests/{}", round.test)),
        cells: vec![
            Cell::new(instant(round.at)),
            Cell::tag(tone(round.mark), round.mark.title()),
            Cell::new(round.seen.as_str()),
            Cell::new(took(u64::try_from(round.ms).unwrap_or_default())),
        ],
    };
    let note = if rounds.is_empty() {
        "No round has ended yet."
    } else {
        "Rounds are kept for 90 days; the last 96 are shown."
    };
    Group {
        heading: "Rounds".to_owned(),
        columns: ["Round", "Ended", "Result", "What was seen", "Took"].map(str::to_owned).to_vec(),
        rows: rounds.iter().map(row).collect(),
        note: Some(note.to_owned()),
    }
}

fn change(row: &crate::store::watches::DriftRow) -> Change {
    Change { label: row.label.clone(), was: Some(row.ours.clone()), now: Some(row.theirs.clone()), meaning: None }
}

fn decisions(number: i64, entered: u64) -> Vec<Form> {
    let button = |label| Button::of(Style::Other, label);
    let take = button("Take over what stands in the product");
    let again = button("Apply our settings again");
    vec![
        Form::new("take-over", format!("/cases/{number}/watch/take-over"), form_key(), take),
        Form::new("again", format!("/cases/{number}/act/apply_again"), form_key(), again).entered(entered),
    ]
}

fn acts(person: &Person, seen: &Seen) -> Vec<Form> {
    let form = |id: &str, button| Form::new(id, format!("/cases/{}/watch/{id}", seen.case.number), form_key(), button);
    let is_paused = seen.watch.paused_at.is_some();
    let may_ask = seen.watch.next_at.is_some() && !is_paused && conversation::takes_part(person).is_ok();
    let now = may_ask.then(|| form("now", Button::main("Begin a round")));
    let other = person.works_queue().then(|| match is_paused {
        true => form("resume", Button::of(Style::Other, "Let watching go on")),
        false => form("pause", Button::of(Style::Other, "Pause watching")),
    });
    now.into_iter().chain(other).collect()
}

/// What the page of a case says first about watching: that its server is watched, or what waits for a decision.
pub(in crate::web) fn note(number: i64, is_watched: bool, has_drifted: bool) -> Option<Note> {
    let link = Some(Link::new("See the rounds", format!("/cases/{number}/watch")));
    let text = match (is_watched, has_drifted) {
        (_, true) => (Tone::You, "The SMTP settings were changed in the product. Decide which ones hold."),
        (true, false) => (Tone::Neutral, "This server is watched: tested and looked up on a schedule."),
        (false, false) => return None,
    };
    Some(Note { link, ..Note::new(text.0, text.1) })
}

/// Where a server that is not there would be looked for.
pub(in crate::web) fn server(text: &str) -> Result<crate::domain::id::ServerId, Failure> {
    text.parse().map(crate::domain::id::ServerId::new).map_err(|_no_id| Error::NotFound.into())
}
