//! Postern's own mail: built here, sent by SMTP, or kept in memory or in a folder. Deciding when to send, and sending
//! again, is the outbox's work; a repeat carries the same Message-ID.

mod backoff;
mod build;
mod error;
/// Mail that came in: read, told apart, without what it quotes.
pub mod incoming;
mod smtp;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

pub use backoff::retry_at;
pub use build::{keyed, message_id};
pub use error::MailError;
pub use smtp::{SmtpServer, Tls};

use build::Built;
use smtp::SmtpSender;

use crate::files;

/// Where mail goes, and in whose name its identifiers are made.
#[derive(Clone, Debug)]
pub struct Mailer {
    identity: Identity,
    transport: Transport,
}

/// The ways out. Memory is for tests, a folder for an installation that has no mail server yet.
#[derive(Clone, Debug)]
enum Transport {
    /// To a mail server.
    Smtp(SmtpSender),
    /// Into a list that tests read.
    Memory(Arc<Mutex<Vec<Sent>>>),
    /// Into files `<local part of the Message-ID>.eml`; a repeat overwrites itself.
    Folder(PathBuf),
}

/// What Message-IDs are made from.
#[derive(Clone)]
pub struct Identity {
    /// Key of the HMAC; any length. It must stay the same over restarts, or repeats look like new mail.
    pub key: Vec<u8>,
    /// Right side of every Message-ID: a domain that is ours.
    pub domain: String,
}

/// A person or desk with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Shown name, any language; no control characters.
    pub name: Option<String>,
    /// `local@domain`; the domain may be an internationalized name, the part before `@` is ASCII.
    pub address: String,
}

/// One mail to one recipient.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Names the effect that asked for this mail; the same key gives the same Message-ID.
    pub effect_key: String,
    /// The recipient.
    pub to: Mailbox,
    /// The sender, also used as return path.
    pub from: Mailbox,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<String>,
    /// Subject, one line.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// An entry for calendars.
    pub calendar: Option<CalendarPart>,
    /// Message-ID (`<…@…>`) of the mail that this one answers.
    pub in_reply_to: Option<String>,
    /// Message-IDs of the thread, oldest first.
    pub references: Vec<String>,
    /// The Date header; the outbox gives the instant of the effect, so that a repeat is equal byte by byte.
    pub date: DateTime<Utc>,
}

/// A calendar object in a mail (RFC 6047).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarPart {
    /// `PUBLISH` or `CANCEL`, as the object says itself.
    pub method: &'static str,
    /// The object.
    pub text: String,
}

/// A mail that was taken over by the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// With its angle brackets.
    pub message_id: String,
    /// The recipient's address as it stands in the envelope.
    pub to: String,
    /// The subject as it was given.
    pub subject: String,
    /// The text part as it was given.
    pub text: String,
    /// The message as bytes, RFC 5322.
    pub raw: Vec<u8>,
}

/// What a delivery left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// With its angle brackets.
    pub message_id: String,
    /// The server's last answer, or where the mail was put.
    pub answer: String,
}

impl Mailer {
    /// Sends to a mail server. Refuses settings that cannot work or that would show a password to the network.
    pub fn smtp(identity: Identity, server: SmtpServer) -> Result<Self, MailError> {
        Ok(Self { identity, transport: Transport::Smtp(SmtpSender::new(server)?) })
    }

    /// Keeps mail in memory.
    pub fn memory(identity: Identity) -> Self {
        Self { identity, transport: Transport::Memory(Arc::default()) }
    }

    /// Writes mail into `folder`, which is made when the first mail arrives.
    pub fn folder(identity: Identity, folder: PathBuf) -> Self {
        Self { identity, transport: Transport::Folder(folder) }
    }

    /// One line for the start-up message and the admin page; no secret in it.
    pub fn describe(&self) -> String {
        match &self.transport {
            Transport::Smtp(sender) => sender.describe(),
            Transport::Memory(_) => "Mail is kept in memory; nobody receives it".to_owned(),
            Transport::Folder(folder) => format!(
                "No mail server is configured: mail is written to {}/*.eml and nobody receives it",
                folder.display()
            ),
        }
    }

    /// The mails kept in memory, oldest first; empty for the other ways.
    pub fn sent(&self) -> Vec<Sent> {
        match &self.transport {
            Transport::Memory(sent) => sent.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Transport::Smtp(_) | Transport::Folder(_) => Vec::new(),
        }
    }

    /// Hands one mail over. Ends within the limit of the transport. An error of kind `Temporary` may also mean that the
    /// server took the mail and its answer was lost: the repeat carries the same Message-ID.
    pub async fn send(&self, outgoing: &Outgoing) -> Result<Receipt, MailError> {
        let built = build::build(&self.identity, outgoing)?;
        let answer = match &self.transport {
            Transport::Smtp(sender) => sender.send(&built).await?,
            Transport::Memory(list) => {
                let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
                list.push(built.sent(outgoing));
                format!("kept in memory as number {}", list.len())
            }
            Transport::Folder(folder) => write(folder, &built).await?,
        };
        Ok(Receipt { message_id: built.message_id, answer })
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Identity").field("domain", &self.domain).finish_non_exhaustive()
    }
}

async fn write(folder: &Path, built: &Built) -> Result<String, MailError> {
    let (folder, name, bytes) = (folder.to_owned(), format!("{}.eml", built.local_part()), built.message.formatted());
    let shown = folder.join(&name);
    let result = tokio::task::spawn_blocking(move || files::write_whole(&folder, &name, &bytes)).await;
    let failed = |text: String| MailError::Temporary {
        code: None,
        text: format!("{} could not be written: {text}", shown.display()),
    };
    match result {
        Ok(Ok(path)) => Ok(format!("written to {}", path.display())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}
