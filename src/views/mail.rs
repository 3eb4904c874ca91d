//! What mails are made from: three templates per mail (`subject.txt`, `body.txt`, `body.html`) and one context.

use std::collections::BTreeMap;

use serde::Serialize;

use super::common::Brand;
use super::{ViewError, Views};

/// The context of every mail. A template reads the state's wording, the case and the fields it names.
#[derive(Clone, Debug, Serialize)]
pub struct MailContext {
    /// Names of the vendor and its product.
    pub brand: Brand,
    /// The case.
    pub case: MailCase,
    /// Every field of the definition that is no secret, as people read it; empty text where it is not set.
    pub field: BTreeMap<String, String>,
    /// Who gets the mail.
    pub to: Recipient,
    /// `whitelist`, or the word that the settings put in its place.
    pub list_word: String,
    /// True where replies by mail are read into the case.
    pub replies_read: bool,
}

/// The case a mail is about.
#[derive(Clone, Debug, Serialize)]
pub struct MailCase {
    /// Number of the case.
    pub number: u64,
    /// What it is about.
    pub title: String,
    /// Absolute address of its page.
    pub url: String,
    /// Wording of the state, filled: what is going on.
    pub headline: String,
    /// Wording of the state, filled: the details.
    pub body: String,
    /// Wording of the state, filled: what happens next.
    pub next: String,
}

/// Who gets a mail.
#[derive(Clone, Debug, Serialize)]
pub struct Recipient {
    /// Name as the person wrote it.
    pub name: String,
}

/// The context of letters about an account, which belong to no case.
#[derive(Clone, Debug, Serialize)]
pub struct LetterContext {
    /// Names of the vendor and its product.
    pub brand: Brand,
    /// Who gets the letter.
    pub to: Recipient,
    /// The link, which works once.
    pub url: String,
    /// How long the link works: `7 days`.
    pub good_for: String,
}

/// The context of a mail to one person that belongs to no case.
#[derive(Clone, Debug, Serialize)]
pub struct PersonalContext {
    /// Names of the vendor and its product.
    pub brand: Brand,
    /// Who gets it.
    pub to: Recipient,
    /// What it tells; each template has its own.
    pub facts: serde_json::Value,
}

/// A mail ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailText {
    /// One line: line breaks are folded into spaces.
    pub subject: String,
    /// The plain text, complete on its own.
    pub text: String,
    /// The light HTML beside it.
    pub html: String,
}

impl Views {
    /// Makes one letter of the folder `templates/letter/<name>/`.
    pub fn letter(&self, name: &str, context: &LetterContext) -> Result<MailText, ViewError> {
        self.of_folder(&format!("letter/{name}"), context)
    }

    /// Makes one mail to a person that belongs to no case, of the folder `templates/letter/<name>/`.
    pub fn personal(&self, name: &str, context: &PersonalContext) -> Result<MailText, ViewError> {
        self.of_folder(&format!("letter/{name}"), context)
    }

    /// Makes one mail of the folder `templates/mail/<name>/`.
    pub fn mail(&self, name: &str, context: &MailContext) -> Result<MailText, ViewError> {
        self.of_folder(&format!("mail/{name}"), context)
    }

    fn of_folder(&self, folder: &str, context: &impl Serialize) -> Result<MailText, ViewError> {
        let subject = self.render(&format!("{folder}/subject.txt"), context)?;
        Ok(MailText {
            subject: subject.split_whitespace().collect::<Vec<&str>>().join(" "),
            text: self.render(&format!("{folder}/body.txt"), context)?,
            html: self.render(&format!("{folder}/body.html"), context)?,
        })
    }
}
