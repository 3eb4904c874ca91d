//! Pages for what went wrong. The heading has no code and no red; the text says what became of the entered values.

use serde::Serialize;

use super::common::{Fact, Link};
use super::samples;
use crate::domain::problem::ProblemCode;

/// What went wrong, in words for the reader, and the way on.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorPage {
    /// HTTP status, for the small print.
    pub status: u16,
    /// The stable identifier of what went wrong; there is a page of help under it.
    pub code: &'static str,
    /// What went wrong, in a few words.
    pub heading: String,
    /// What happened, and what became of the reader's act.
    pub text: String,
    /// What is wrong with single values.
    pub faults: Vec<String>,
    /// What to do about it.
    pub what_to_do: &'static str,
    /// What was entered, so that nothing is lost; secrets are left out.
    pub kept: Vec<Fact>,
    /// Ways on.
    pub links: Vec<Link>,
    /// Id of the request, for those who look into the log.
    pub reference: Option<String>,
}

impl ErrorPage {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "error/page.html";

    /// What is told about this code; `detail` is what happened this time.
    pub fn of(code: ProblemCode, status: u16, detail: &str, home: Link) -> Self {
        Self {
            status,
            code: code.as_str(),
            heading: code.title().to_owned(),
            text: detail.to_owned(),
            faults: Vec::new(),
            what_to_do: code.what_to_do(),
            kept: Vec::new(),
            links: vec![home],
            reference: None,
        }
    }

    /// The page of every code, and those that show more.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let home = || Link::new("Your cases", "/cases");
        let plain = |code: &ProblemCode| (code.as_str(), Self::of(*code, 400, code.happened(), home()));
        let mut samples: Vec<_> = ProblemCode::ALL.iter().map(plain).collect();
        let page = |code: ProblemCode| Self::of(code, 400, samples::HOSTILE, home());
        let kept = vec![Fact::code("Change reference", "CHG-4711"), Fact::new("Reason", samples::HOSTILE)];
        let faults = vec!["smtp_ip: Enter an IP address".to_owned(), samples::HOSTILE.to_owned()];
        samples.extend([
            ("kept", Self { kept, ..page(ProblemCode::Stale) }),
            ("faults", Self { faults, ..page(ProblemCode::Invalid) }),
            ("reference", Self { reference: Some(samples::HOSTILE.to_owned()), ..page(ProblemCode::Internal) }),
        ]);
        samples
    }
}
