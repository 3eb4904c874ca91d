//! The conversation of a case: writing in it, reading it, and the files that belong to it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::cases::{held, visible};
use super::firing::{Firing, answers};
use super::{App, Error, FieldError, Once, Outcome, Secrets, resource, token, turn};
use crate::clock::fresh_id;
use crate::domain::actor::{Actor, Person, Role};
use crate::domain::attachment::{self, Refusal};
use crate::domain::case::Case;
use crate::domain::credential;
use crate::domain::id::{AttachmentId, MessageId};
use crate::domain::workflow::StateKind;
use crate::store::Tx;
use crate::store::attachments::{self, Attachment};
use crate::store::messages::{self, Message};

/// The longest message.
pub const LONGEST_MESSAGE: usize = 10_000;
/// The most files of one message.
pub const MOST_FILES: usize = 5;
/// The code of the warning before a text is kept that looks like a credential; sending it again confirmed keeps it.
pub const CREDENTIAL: &str = "credential";

/// Something that a person writes.
#[derive(Clone, Debug)]
pub struct Post {
    /// In which case.
    pub number: i64,
    /// The text as typed.
    pub body: String,
    /// A note that stays inside; only the vendor's people write any.
    pub is_internal: bool,
    /// Drafts of the same person that become part of it.
    pub files: Vec<AttachmentId>,
    /// The person has seen the warning that the text looks like a credential.
    pub is_confirmed: bool,
}

impl Post {
    /// A text without files.
    pub fn new(number: i64, body: impl Into<String>, is_internal: bool) -> Self {
        Self { number, body: body.into(), is_internal, files: Vec::new(), is_confirmed: false }
    }
}

/// The event by which a customer answers what the vendor asked; its one question is the field of the same name.
const ANSWER: &str = "answer";

/// Where a case waits for an answer of its customer, a message of the customer's is that answer: the case goes on as by
/// the form. Anywhere else a message is only read.
pub(super) async fn wake(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    (person, body): (&Person, &str),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let definition = app.workflows.of(&case.workflow)?;
    let waits = definition.state(&case.flow.state).is_some_and(|state| state.kind == StateKind::Hold);
    let is_open = definition
        .rules_at(&case.flow.state)
        .iter()
        .any(|rule| rule.event == ANSWER && rule.by.contains(Role::Customer.as_str()) && rule.ask.iter().eq([ANSWER]));
    if person.is_staff() || !waits || !is_open {
        return Ok(());
    }
    let most = definition.fields.get(ANSWER).map_or(0, |field| field.max);
    let text: String = body.trim().chars().take(most).collect();
    let firing = Firing {
        actor: &Actor::Person(person.clone()),
        event: ANSWER,
        data: answers([(ANSWER, &text)]),
        secrets: &Secrets::new(),
        expected_entered: None,
        probe: None,
        at,
    };
    match turn::fire(app, tx, case, firing).await {
        // A message that is no answer for the definition is a message all the same.
        Ok(_) | Err(Error::Refused(_) | Error::Invalid(_)) => Ok(()),
        Err(other) => Err(other),
    }
}

/// Administrators keep records; they take no part in cases.
///
/// # Errors
/// [`Error::Forbidden`] for administrators who do nothing else.
pub fn takes_part(person: &Person) -> Result<(), Error> {
    if person.is_staff() && !person.works_queue() {
        return Err(Error::Forbidden("Administrators do not act in cases"));
    }
    Ok(())
}

/// Writes a message, or a note that stays inside.
///
/// # Errors
/// [`Error::Invalid`] for an empty or too long text, for files that are no drafts of this person in this case, and, with
/// the code [`CREDENTIAL`], for a text that looks like a credential and is not confirmed; [`Error::NotFound`].
pub async fn write(
    app: &Arc<App>,
    person: &Person,
    post: Post,
    once: Once,
) -> Result<Outcome<(Message, Vec<Attachment>)>, Error> {
    check(&post)?;
    let (shared, person, post) = (Arc::clone(app), person.clone(), Arc::new(post));
    app.db
        .write(move |tx| {
            let (app, person, post, once) = (Arc::clone(&shared), person.clone(), Arc::clone(&post), once.clone());
            Box::pin(async move {
                let mut case = held(tx, &person, post.number).await?;
                takes_part(&person)?;
                if let Some(answer) = once.before(tx).await? {
                    return Ok(Outcome::Before(answer));
                }
                let at = app.now();
                let message = Message {
                    id: MessageId::new(fresh_id()),
                    at,
                    author_id: Some(person.id),
                    author_name: Some(person.name.clone()),
                    is_internal: post.is_internal && person.is_staff(),
                    body: post.body.clone(),
                };
                messages::add(tx, case.customer, case.id, &message).await?;
                let files = link(tx, &person, &case, (&post.files, message.id)).await?;
                let detail = json!({"message": message.id, "internal": message.is_internal, "files": files.len()});
                let actor = Actor::Person(person.clone());
                if !message.is_internal {
                    turn::wrote(&app, tx, &mut case, &actor, at).await?;
                }
                turn::note(&app, tx, &mut case, &actor, ("wrote", detail), at).await?;
                wake(&app, tx, &mut case, (&person, &message.body), at).await?;
                once.keep(tx, 201, resource::message(&message, &files).to_string(), at).await?;
                Ok::<_, Error>(Outcome::Done((message, files)))
            })
        })
        .await
}

fn check(post: &Post) -> Result<(), Error> {
    if post.body.trim().is_empty() {
        return Err(Error::field("message", "missing", "Enter the message"));
    }
    if post.body.chars().count() > LONGEST_MESSAGE {
        let text = format!("Message must be {LONGEST_MESSAGE} characters or fewer");
        return Err(Error::field("message", "too_long", text));
    }
    if post.body.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')) {
        return Err(Error::field("message", "control_char", "Message must not contain control characters"));
    }
    if post.files.len() > MOST_FILES {
        let text = format!("A message may have {MOST_FILES} files at most");
        return Err(Error::field("attachments", "too_many", text));
    }
    match credential::found(&post.body) {
        Some(what) if !post.is_confirmed => {
            let text = format!("This looks like {what}. Take it out, or confirm that you want to send it");
            Err(Error::field("message", CREDENTIAL, text))
        }
        Some(_) | None => Ok(()),
    }
}

async fn link(
    tx: &mut Tx,
    person: &Person,
    case: &Case,
    (ids, message): (&[AttachmentId], MessageId),
) -> Result<Vec<Attachment>, Error> {
    let place = (case.customer, case.id);
    let mut files = Vec::new();
    for id in ids {
        // Whether a file is somebody else's, another case's, sent already or none at all looks the same.
        let is_linked = attachments::link(tx, place, (*id, person.id), message).await?;
        let file = if is_linked { attachments::find(tx, place, *id).await? } else { None };
        let unknown = || Error::field("attachments", "unknown", "Upload the file again");
        files.push(file.ok_or_else(unknown)?);
    }
    Ok(files)
}

/// Keeps a file as a draft of whoever uploads it, until a message takes it. What it is follows from its bytes.
///
/// # Errors
/// [`Error::Invalid`] for a file that is not taken; [`Error::NotFound`] where the person may not see the case.
pub async fn upload(
    app: &Arc<App>,
    person: &Person,
    number: i64,
    (name, content): (&str, impl Into<Arc<[u8]>>),
    once: Option<Once>,
) -> Result<Outcome<Attachment>, Error> {
    let content = content.into();
    let refused = |refusal: Refusal| Error::Invalid(vec![FieldError::new("file", refusal.code, refusal.message)]);
    let name = attachment::name(name).map_err(refused)?;
    let kind = attachment::kind(&content).map_err(refused)?;
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person, once) = (Arc::clone(&shared), person.clone(), once.clone());
            let (name, content) = (name.clone(), Arc::clone(&content));
            Box::pin(async move {
                let case = held(tx, &person, number).await?;
                takes_part(&person)?;
                if let Some(once) = &once
                    && let Some(answer) = once.before(tx).await?
                {
                    return Ok(Outcome::Before(answer));
                }
                let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
                if attachments::bytes(tx, case.customer, case.id).await? + size > attachment::MOST_IN_A_CASE {
                    let most = attachment::MOST_IN_A_CASE / 1024 / 1024;
                    let text = format!("The files of one case may have {most} MiB together");
                    return Err(Error::field("file", "case_full", text));
                }
                let file = Attachment {
                    // Not by time as other identifiers are: nothing about a file may be guessed from another one's.
                    id: AttachmentId::new(uuid::Builder::from_random_bytes(token::random::<16>()).into_uuid()),
                    at: app.now(),
                    uploader_id: person.id,
                    message_id: None,
                    name,
                    kind: kind.to_owned(),
                    size,
                };
                attachments::add(tx, (case.customer, case.id), &file, &content).await?;
                if let Some(once) = once {
                    once.keep(tx, 201, resource::attachment(&file).to_string(), file.at).await?;
                }
                Ok::<_, Error>(Outcome::Done(file))
            })
        })
        .await
}

/// A file with its bytes. A draft is its uploader's only.
///
/// # Errors
/// [`Error::NotFound`] where the case, the file or the message it belongs to is not for this person.
pub async fn file(app: &App, person: &Person, number: i64, id: AttachmentId) -> Result<(Attachment, Vec<u8>), Error> {
    let mut tx = app.db.read().await?;
    let case = visible(&mut tx, person, number).await?;
    let place = (case.customer, case.id);
    let file = attachments::find(&mut tx, place, id).await?.ok_or(Error::NotFound)?;
    let is_readable = match file.message_id {
        None => file.uploader_id == person.id,
        Some(message) => messages_for(&mut tx, person, &case).await?.iter().any(|known| known.id == message),
    };
    if !is_readable {
        return Err(Error::NotFound);
    }
    let content = attachments::content(&mut tx, place, id).await?;
    Ok((file, content))
}

/// Drafts of a person by their identifiers, as far as they are that: what a form shows of what was uploaded with it.
///
/// # Errors
/// [`Error::NotFound`] where the person may not see the case.
pub async fn drafts(app: &App, person: &Person, number: i64, ids: &[AttachmentId]) -> Result<Vec<Attachment>, Error> {
    let mut tx = app.db.read().await?;
    let case = visible(&mut tx, person, number).await?;
    let mut found = Vec::new();
    for id in ids {
        let file = attachments::find(&mut tx, (case.customer, case.id), *id).await?;
        found.extend(file.filter(|file| file.uploader_id == person.id && file.message_id.is_none()));
    }
    Ok(found)
}

/// The conversation of a case, oldest first, with its files; without notes for a customer.
///
/// # Errors
/// [`Error::NotFound`] where the person may not see the case.
pub async fn read(app: &App, person: &Person, number: i64) -> Result<(Vec<Message>, Vec<Attachment>), Error> {
    let mut tx = app.db.read().await?;
    let case = visible(&mut tx, person, number).await?;
    let messages = messages_for(&mut tx, person, &case).await?;
    let files = files_of(&mut tx, &case, &messages).await?;
    Ok((messages, files))
}

/// The messages of a case that a person may read.
pub(super) async fn messages_for(tx: &mut Tx, person: &Person, case: &Case) -> Result<Vec<Message>, Error> {
    let mut messages = messages::list(tx, case.customer, case.id).await?;
    messages.retain(|message| person.is_staff() || !message.is_internal);
    Ok(messages)
}

/// The files of messages of a case.
pub(super) async fn files_of(tx: &mut Tx, case: &Case, messages: &[Message]) -> Result<Vec<Attachment>, Error> {
    let mut files = attachments::list(tx, case.customer, case.id).await?;
    files.retain(|file| messages.iter().any(|message| file.message_id == Some(message.id)));
    Ok(files)
}
