//! What the engineer's pages show beside a case or a list: names, people, earlier cases, what the product holds; and
//! finding a case by what people have in hand.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::completion;
use super::syslog::product;
use super::{App, Error, FieldError, queue};
use crate::apply::{self, ApplyError, FieldDiff};
use crate::domain::actor::Person;
use crate::domain::case::Case;
use crate::domain::channel::Channel;
use crate::domain::customer::Tenant;
use crate::domain::id::{CustomerId, PersonId};
use crate::store::people::{self, Entry};
use crate::store::settings::Settings;
use crate::store::{Tx, cases, customers, settings};

/// The longest note with which a case is handed over.
pub const LONGEST_NOTE: usize = 2_000;
/// The longest text that is searched for: that of a host name.
const LONGEST_SEARCH: usize = 253;
/// How many cases a search shows; more are found by a narrower search.
const MOST_FOUND: i64 = 50;
/// How far back earlier cases are counted.
const MOST_EARLIER: i64 = 100;

/// Names of the customers of some cases.
///
/// # Errors
/// What the database says.
pub async fn customer_names(app: &App, cases: &[&Case]) -> Result<BTreeMap<CustomerId, String>, Error> {
    let mut tx = app.db.read().await?;
    let mut names = BTreeMap::new();
    for case in cases {
        if !names.contains_key(&case.customer)
            && let Some(customer) = customers::by_id(&mut tx, case.customer).await?
        {
            names.insert(case.customer, customer.name);
        }
    }
    Ok(names)
}

/// Cases that fit a search, newest first, with the name of who claimed each: by number, by host name or address of the
/// server, by name of the customer.
///
/// # Errors
/// [`Error::Invalid`] for a text that no case can be found by; [`Error::Forbidden`]; what the database says.
pub async fn find(app: &App, person: &Person, text: &str) -> Result<Vec<(Case, Option<String>)>, Error> {
    require_queue(person)?;
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(Error::field("q", "control_char", "Search text must not contain control characters"));
    }
    if text.chars().count() > LONGEST_SEARCH {
        let message = format!("Search text must be {LONGEST_SEARCH} characters or fewer");
        return Err(Error::field("q", "too_long", message));
    }
    let mut tx = app.db.read().await?;
    let mut found = Vec::new();
    for case in matching(&mut tx, text).await? {
        let name = match case.claimant() {
            Some(id) => people::by_id(&mut tx, id).await?.map(|entry| entry.person.name),
            None => None,
        };
        found.push((case, name));
    }
    Ok(found)
}

async fn matching(tx: &mut Tx, text: &str) -> Result<Vec<Case>, Error> {
    if let Ok(number) = text.trim_start_matches('#').parse::<i64>()
        && let Some(case) = cases::by_number(tx, number).await?
    {
        return Ok(vec![case]);
    }
    let lower = text.trim_end_matches('.').to_lowercase();
    // An address is stored in its canonical form, however it is written here.
    let server = text.parse::<IpAddr>().map_or_else(|_not_an_address| lower.clone(), |address| address.to_string());
    let by_server = crate::store::queue::by_server(tx, &server, MOST_FOUND).await?;
    if !by_server.is_empty() {
        return Ok(by_server);
    }
    Ok(crate::store::queue::by_customer_name(tx, &lower, MOST_FOUND).await?)
}

/// How many cases nobody has claimed.
///
/// # Errors
/// [`Error::Forbidden`] for people who do not work the queue; what the database says.
pub async fn unclaimed(app: &App, person: &Person) -> Result<i64, Error> {
    require_queue(person)?;
    let mut tx = app.db.read().await?;
    Ok(crate::store::queue::counts(&mut tx, person.id).await?.unclaimed)
}

/// What stands around a case.
pub struct Surroundings {
    /// The customer's active contacts.
    pub contacts: Vec<Entry>,
    /// Earlier cases of the same customer, newest first, at most a hundred.
    pub earlier: Vec<Case>,
    /// The product tenant whose settings the case ends in.
    pub tenant: Option<Tenant>,
    /// What was last applied to that tenant.
    pub in_use: Option<Settings>,
}

/// What stands around a case that the caller was given.
///
/// # Errors
/// What the database says.
pub async fn surroundings(app: &App, case: &Case) -> Result<Surroundings, Error> {
    let mut tx = app.db.read().await?;
    let tenant = match case.tenant {
        Some(id) => customers::tenant(&mut tx, case.customer, id).await?,
        None => None,
    };
    let in_use = match tenant.as_ref().and_then(|tenant| tenant.settings_in_use) {
        Some(id) => settings::by_id(&mut tx, case.customer, id).await?,
        None => None,
    };
    Ok(Surroundings {
        contacts: people::contacts(&mut tx, case.customer).await?,
        earlier: cases::of_customer(&mut tx, case.customer, None, case.number, MOST_EARLIER).await?,
        tenant,
        in_use,
    })
}

/// Passes a case on to a colleague, with a note for the colleague to read.
///
/// # Errors
/// [`Error::Invalid`] names the colleague and the note where each needs another look; as [`queue::hand_over`].
pub async fn hand_over(
    app: &Arc<App>,
    person: &Person,
    number: i64,
    (colleague, note): (&str, &str),
) -> Result<Case, Error> {
    require_queue(person)?;
    let id = colleague.parse().ok().map(PersonId::new);
    let mut errors = Vec::new();
    if id.is_none() {
        errors.push(FieldError::new("colleague", "unknown", "Choose who takes the case"));
    }
    if note.trim().is_empty() {
        errors.push(FieldError::new("note", "missing", "Enter a note for your colleague"));
    }
    errors.extend(note_fault(note));
    match id {
        Some(id) if errors.is_empty() => queue::hand_over(app, person, number, (id, note.trim().to_owned())).await,
        Some(_) | None => Err(Error::Invalid(errors)),
    }
}

fn note_fault(note: &str) -> Option<FieldError> {
    if note.chars().count() > LONGEST_NOTE {
        return Some(FieldError::new("note", "too_long", format!("Note must be {LONGEST_NOTE} characters or fewer")));
    }
    let is_hostile = note.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'));
    is_hostile.then(|| FieldError::new("note", "control_char", "Note must not contain control characters"))
}

/// What the product holds beside what a case would write.
pub enum Comparison {
    /// The product answered.
    Read(Vec<FieldDiff>),
    /// This target cannot be asked; the line says where settings go instead.
    NoApi(String),
    /// The product was asked and did not answer as it should.
    Failed(ApplyError),
}

/// Asks the product what is in force and compares it with the newest settings of a case. No transaction is open while
/// the product takes its time.
///
/// # Errors
/// [`Error::NotFound`] where the case has no settings yet; what the database and the vault say.
pub async fn compare(app: &App, case: &Case) -> Result<Comparison, Error> {
    if case.channel() == Channel::Syslog {
        return product::compare(app, case).await;
    }
    let (target, request) = {
        let mut tx = app.db.read().await?;
        let newest = settings::newest(&mut tx, case.customer, case.id).await?.ok_or(Error::NotFound)?;
        let task = completion::opened(app, &mut tx, case.clone(), newest).await?;
        let (target, _previous) = completion::target(app, &mut tx, &task.case, task.settings.tenant_id).await?;
        (target, completion::request(&task)?)
    };
    Ok(match target.current().await {
        Ok(Some(before)) => Comparison::Read(apply::diff(&before, &request)),
        Ok(None) => Comparison::NoApi(target.describe()),
        Err(error) => Comparison::Failed(error),
    })
}

fn require_queue(person: &Person) -> Result<(), Error> {
    if person.works_queue() { Ok(()) } else { Err(Error::Forbidden("The queue is for the vendor's engineers")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_may_have_lines_but_no_control_characters() {
        assert_eq!(note_fault("first\r\nsecond\tcolumn"), None);
        assert_eq!(note_fault("a\0b").unwrap().code, "control_char");
        assert_eq!(note_fault(&"x".repeat(LONGEST_NOTE + 1)).unwrap().code, "too_long");
    }
}
