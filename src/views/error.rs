//! Pages for what went wrong. The heading has no code and no red; the text says what became of the entered values.

use serde::Serialize;

use super::common::{Fact, Link};
use super::form::Form;
use super::samples;

/// What went wrong, in words for the reader, and the way on.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorPage {
    /// HTTP status, for the small print.
    pub status: u16,
    /// One sentence: `Page not found`.
    pub heading: String,
    /// What became of the reader's act, and what to do.
    pub text: Vec<String>,
    /// What was entered, so that nothing is lost; secrets are left out.
    pub kept: Vec<Fact>,
    /// Sends the kept values once more, where that can help.
    pub again: Option<Form>,
    /// Ways on.
    pub links: Vec<Link>,
    /// Id of the request, for those who look into the log.
    pub reference: Option<String>,
}

impl ErrorPage {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "error/page.html";

    /// 404, for what does not exist and for what is not the reader's.
    pub fn not_found(home: Link) -> Self {
        Self::plain(404, "Page not found", &[NOT_FOUND], home)
    }

    /// 403: the reader's role does not allow it.
    pub fn forbidden(home: Link) -> Self {
        Self::plain(403, "You cannot do this", &["Your role does not allow it. Nothing was changed."], home)
    }

    /// 403: the request did not come from a page of ours.
    pub fn cross_site(home: Link) -> Self {
        Self::plain(403, "This form was sent from another site", &[CROSS_SITE], home)
    }

    /// 409: the same key is being worked on, or was used for something else.
    pub fn conflict(home: Link) -> Self {
        Self::plain(409, "This was sent already", &[CONFLICT], home)
    }

    /// 412: the case moved on while the reader was writing. `kept` is what was entered.
    pub fn stale(case: Link, kept: Vec<Fact>) -> Self {
        let page = Self::plain(412, "This case changed while you were writing", &[STALE], case);
        Self { kept, ..page }
    }

    /// 422, where no form can be shown again: a value that no field of the form has.
    pub fn invalid(problems: &[&str], home: Link) -> Self {
        Self::plain(422, "The form could not be read", problems, home)
    }

    /// 429: too many tries. `wait` is a time in words: `2 minutes`.
    pub fn throttled(wait: &str, home: Link) -> Self {
        let text = format!("Nothing was changed. Wait {wait}, then try again.");
        Self::plain(429, "Too many tries", &[&text], home)
    }

    /// 500: a defect of ours, or of what we depend on.
    pub fn internal(reference: &str, home: Link) -> Self {
        let page = Self::plain(500, "There is a problem with Postern", &[INTERNAL], home);
        Self { reference: Some(reference.to_owned()), ..page }
    }

    /// 503: the database is away, or the service starts or stops.
    pub fn unavailable(reference: &str, home: Link) -> Self {
        let page = Self::plain(503, "Postern is not ready", &[UNAVAILABLE], home);
        Self { reference: Some(reference.to_owned()), ..page }
    }

    fn plain(status: u16, heading: &str, text: &[&str], link: Link) -> Self {
        Self {
            status,
            heading: heading.to_owned(),
            text: text.iter().map(|line| (*line).to_owned()).collect(),
            kept: Vec::new(),
            again: None,
            links: vec![link],
            reference: None,
        }
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let home = || Link::new("Your cases", "/cases");
        let kept = vec![Fact::code("Change reference", "CHG-4711"), Fact::new("Reason", samples::HOSTILE)];
        vec![
            ("not-found", Self::not_found(home())),
            ("forbidden", Self::forbidden(home())),
            ("cross-site", Self::cross_site(home())),
            ("conflict", Self::conflict(home())),
            ("stale", Self::stale(Link::new("Go to case 2041", "/cases/2041"), kept)),
            ("invalid", Self::invalid(&["The form has no field \u{201c}x\u{201d}.", samples::HOSTILE], home())),
            ("throttled", Self::throttled("2 minutes", home())),
            ("internal", Self::internal("019a7f3a", home())),
            ("unavailable", Self::unavailable(samples::HOSTILE, home())),
        ]
    }
}

const NOT_FOUND: &str = "If you followed a link from a mail, the case may have been moved.";
const CROSS_SITE: &str = "Nothing was changed. Open the page here and send the form again.";
const CONFLICT: &str =
    "The first sending is still being worked on. Nothing is done twice. Reload the page in a few seconds.";
const STALE: &str = "Somebody acted before you, so your act was not carried out. What you entered is below. \
                     Look at the case, and act again where it still fits.";
const INTERNAL: &str =
    "Your last act may not have been carried out. Go back, reload the page and look before you act again.";
const UNAVAILABLE: &str = "Nothing is lost. Your last act was not carried out. Try again in a minute.";
