//! Mail that people answer with. It adds a message to a case and never acts, but that a case which waits for its customer
//! goes on; whatever is not surely an answer of the
//! person whom we wrote to waits for an engineer. The sender's server is told nothing: every mail is taken.

use std::sync::Arc;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{App, Error, conversation, mails, turn};
use crate::clock::fresh_id;
use crate::domain::actor::{Actor, Person};
use crate::domain::case::Case;
use crate::domain::credential;
use crate::domain::id::{IncomingId, MessageId};
use crate::mail::incoming::{Class, Letter, Trouble};
use crate::mail::keyed;
use crate::store::incoming::{self, Incoming};
use crate::store::messages::{self, Message};
use crate::store::{Tx, cases, people};

/// What the left side of every reply address begins with.
const PREFIX: &str = "reply+";
/// Days after its end in which a case can still be answered by mail.
const OPEN_AFTER_END: i64 = 30;
/// From so many mails of one sender that wait, further ones are dropped. Answers that fit a case are no part of that.
const FLOOD: i64 = 100;
/// Within which time they are counted.
const FLOOD_WITHIN: chrono::TimeDelta = chrono::TimeDelta::hours(1);
/// How long a mail is kept that became part of no case.
const KEEP_WAITING: chrono::TimeDelta = chrono::TimeDelta::days(30);

/// The address at which one person answers about one case; none where replies are not read.
pub(super) fn reply_address(app: &App, case: &Case, person: &Person) -> Option<String> {
    let domain = app.reply_domain.as_ref()?;
    Some(format!("{PREFIX}{}.{}@{domain}", case.number, reply_token(app, case, person)))
}

/// 160 bits that nobody can guess, for one person and one case; nothing has to be stored for it.
fn reply_token(app: &App, case: &Case, person: &Person) -> String {
    keyed(&app.vault.derive("reply address"), &format!("{} {}", case.id, person.id))
}

/// Takes a mail: into the case, or to where engineers look. A mail that was taken before is taken again without effect.
///
/// # Errors
/// What the database says: then nothing was kept, and the sender's server has to come again.
pub async fn take(
    app: &Arc<App>,
    letter: Letter,
    (raw, size): (Vec<u8>, u64),
    recipient: Option<String>,
) -> Result<(), Error> {
    let (shared, letter, raw) = (Arc::clone(app), Arc::new(letter), Arc::new(raw));
    let recipient = recipient.map(|address| address.to_lowercase());
    app.db
        .write(move |tx| {
            let (app, letter, raw, recipient) =
                (Arc::clone(&shared), Arc::clone(&letter), Arc::clone(&raw), recipient.clone());
            Box::pin(async move { keep(&app, tx, &letter, (&raw, size), recipient).await })
        })
        .await
}

async fn keep(
    app: &App,
    tx: &mut Tx,
    letter: &Letter,
    (raw, size): (&[u8], u64),
    recipient: Option<String>,
) -> Result<(), Error> {
    let at = app.now();
    let addressed: Vec<&String> =
        recipient.iter().chain(recipient.is_none().then_some(&letter.recipients).into_iter().flatten()).collect();
    let found = addressee(app, tx, letter, &addressed).await?;
    let reason = refusal(app, letter, found.as_ref());
    let mut mail = Incoming {
        id: IncomingId::new(fresh_id()),
        at,
        sender: letter.sender.clone(),
        subject: letter.subject.clone(),
        body: letter.text.clone(),
        reason: reason.unwrap_or("Added to the case").to_owned(),
        is_waiting: reason.is_some(),
        customer_id: None,
        case_id: None,
        message_id: None,
        size: i64::try_from(size).unwrap_or(i64::MAX),
    };
    let fingerprint = fingerprint(letter, raw, &addressed);
    let Some((mut case, person)) = found.filter(|_| reason.is_none()) else {
        if incoming::waiting_of(tx, &mail.sender, at - FLOOD_WITHIN).await? >= FLOOD {
            tracing::warn!(size, "a mail was dropped, because its sender fills the list of those that wait");
            return Ok(());
        }
        incoming::add(tx, &mail, &fingerprint, raw).await?;
        return Ok(());
    };
    let id = MessageId::new(fresh_id());
    (mail.customer_id, mail.case_id, mail.message_id) = (Some(case.customer), Some(case.id), Some(id));
    if !incoming::add(tx, &mail, &fingerprint, raw).await? {
        return Ok(());
    }
    let body = letter.answer.clone();
    let message = Message { id, at, author_id: Some(person.id), author_name: None, is_internal: false, body };
    messages::add(tx, case.customer, case.id, &message).await?;
    let detail = json!({"message": id, "internal": false, "by": "mail"});
    let actor = Actor::Person(person.clone());
    turn::wrote(app, tx, &mut case, &actor, at).await?;
    turn::note(app, tx, &mut case, &actor, ("wrote", detail), at).await?;
    conversation::wake(app, tx, &mut case, (&person, &message.body), at).await
}

/// The same mail to the same address is one, however often a server hands it over.
fn fingerprint(letter: &Letter, raw: &[u8], addressed: &[&String]) -> Vec<u8> {
    let mut sha = Sha256::new();
    if letter.message_id.is_empty() {
        sha.update(raw);
    } else {
        for part in [&letter.message_id, &letter.sender].into_iter().chain(addressed.iter().copied()) {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part.as_bytes());
        }
    }
    sha.finalize().to_vec()
}

/// The case and the person that an address of ours was made for, where the mail says it comes from that person.
async fn addressee(
    app: &App,
    tx: &mut Tx,
    letter: &Letter,
    addressed: &[&String],
) -> Result<Option<(Case, Person)>, Error> {
    let Some(domain) = &app.reply_domain else { return Ok(None) };
    for address in addressed {
        let local = address.strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('@'));
        let parts = local.and_then(|local| local.strip_prefix(PREFIX)).and_then(|rest| rest.split_once('.'));
        let Some((number, token)) = parts else { continue };
        let Some(number) = number.parse().ok() else { continue };
        let Some(case) = cases::hold(tx, number).await? else { continue };
        let Some(entry) = people::by_email(tx, &letter.sender).await? else { continue };
        let fits = bool::from(reply_token(app, &case, &entry.person).as_bytes().ct_eq(token.as_bytes()));
        if fits && entry.active && case.is_visible_to(&entry.person) {
            return Ok(Some((case, entry.person)));
        }
    }
    Ok(None)
}

/// Why a mail waits for an engineer, in words for the page; none where it becomes a message.
fn refusal(app: &App, letter: &Letter, found: Option<&(Case, Person)>) -> Option<&'static str> {
    let is_ours = letter.sender == mails::sender(app).to_lowercase()
        || app.reply_domain.as_ref().is_some_and(|domain| letter.sender.ends_with(&format!("@{domain}")))
        || letter.message_id.ends_with(&format!("@{}", mails::domain(app)));
    if is_ours {
        return Some("It is a mail of this service");
    }
    match letter.trouble {
        Some(Trouble::TooLarge) => return Some("It is too large to be read"),
        Some(Trouble::TooManyParts) => return Some("It has too many parts to be read"),
        Some(Trouble::NoMail) => return Some("It cannot be read as a mail of one sender"),
        Some(Trouble::Charset) => return Some("Its text is not in the character set that it names"),
        Some(Trouble::NoText) | None => {}
    }
    match letter.class {
        Class::Automatic => return Some("A program wrote it"),
        Class::Bounce => return Some("It reports about the delivery of another mail"),
        Class::List => return Some("It came over a mailing list"),
        Class::Bulk => return Some("It was sent in bulk"),
        Class::Loop => return Some("It goes round in a circle"),
        Class::Person => {}
    }
    let Some((case, _)) = found else {
        return Some("No case and person fit its sender and the address it was sent to");
    };
    if !is_authentic(app, letter) {
        return Some("The mail server did not confirm its sender");
    }
    if case.closed_at.is_some_and(|end| end + chrono::TimeDelta::days(OPEN_AFTER_END) < app.now()) {
        return Some("The case has been closed for long");
    }
    if letter.trouble == Some(Trouble::NoText) {
        return Some("It has no text of its own");
    }
    if letter.answer.chars().count() > conversation::LONGEST_MESSAGE {
        return Some("It is longer than a message may be");
    }
    credential::found(&letter.answer).map(|_| "It looks as if it held a password or key")
}

/// Whether our own mail server found that the sender's domain stands behind the mail (DMARC, RFC 7489, in the header of
/// RFC 8601). Only the topmost header of that server counts: below it stands what the sender wrote.
fn is_authentic(app: &App, letter: &Letter) -> bool {
    let Some(server) = &app.authentication_by else { return true };
    letter.authentication.first().is_some_and(|line| {
        let mut parts = line.split(';').map(str::trim);
        let is_ours = parts.next().and_then(|id| id.split_whitespace().next()) == Some(server.as_str());
        is_ours && parts.any(|part| part.split_whitespace().next() == Some("dmarc=pass"))
    })
}

/// What waits for an engineer, oldest first, at most 200.
///
/// # Errors
/// [`Error::Forbidden`] for people who do not work the queue; what the database says.
pub async fn waiting(app: &App, person: &Person) -> Result<Vec<Incoming>, Error> {
    require_queue(person)?;
    Ok(incoming::waiting(&mut app.db.read().await?).await?)
}

/// Forgets mail that nobody made part of a case for long.
pub(super) async fn forget_old(tx: &mut Tx, at: chrono::DateTime<chrono::Utc>) -> Result<(), Error> {
    Ok(incoming::forget_before(tx, at - KEEP_WAITING).await?)
}

/// The bytes of a mail as it came.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for people who do not work the queue.
pub async fn original(app: &App, person: &Person, id: IncomingId) -> Result<Vec<u8>, Error> {
    require_queue(person)?;
    let mut tx = app.db.read().await?;
    incoming::find(&mut tx, id).await?.ok_or(Error::NotFound)?;
    Ok(incoming::raw(&mut tx, id).await?)
}

/// Ends the waiting of a mail: an engineer adds it to a case, as a note that says where it came from, or discards it.
///
/// # Errors
/// [`Error::NotFound`] where it waits no more; [`Error::Invalid`] where there is no such case.
pub async fn settle(app: &Arc<App>, person: &Person, id: IncomingId, case: Option<i64>) -> Result<(), Error> {
    require_queue(person)?;
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person) = (Arc::clone(&shared), person.clone());
            Box::pin(async move {
                let at = app.now();
                let mail = incoming::find(tx, id).await?.filter(|mail| mail.is_waiting).ok_or(Error::NotFound)?;
                let mut place = None;
                if let Some(number) = case {
                    let missing = || Error::field("case", "unknown", "Enter the number of a case");
                    let mut case = cases::hold(tx, number).await?.ok_or_else(missing)?;
                    let message = note(&person, &mail, at);
                    messages::add(tx, case.customer, case.id, &message).await?;
                    place = Some((case.customer, case.id, message.id));
                    let detail = json!({"message": message.id, "internal": true, "mail": mail.id});
                    turn::note(&app, tx, &mut case, &Actor::Person(person.clone()), ("wrote", detail), at).await?;
                }
                if incoming::settle(tx, id, place, (person.id, at)).await? { Ok(()) } else { Err(Error::NotFound) }
            })
        })
        .await
}

fn note(person: &Person, mail: &Incoming, at: chrono::DateTime<chrono::Utc>) -> Message {
    let text: String = mail.body.chars().take(conversation::LONGEST_MESSAGE - 600).collect();
    Message {
        id: MessageId::new(fresh_id()),
        at,
        author_id: Some(person.id),
        author_name: None,
        is_internal: true,
        body: format!("Mail from {}: {}\n\n{text}", mail.sender, mail.subject),
    }
}

fn require_queue(person: &Person) -> Result<(), Error> {
    if person.works_queue() { Ok(()) } else { Err(Error::Forbidden("The queue is for the vendor's engineers")) }
}
