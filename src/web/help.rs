//! Help: how the procedure goes, the words in use, and a page for each cause of a failed test and each problem code.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;

use super::frame;
use super::problem::Failure;
use super::visit::Visitor;
use crate::app::{App, Error};
use crate::domain::cause::{Cause, Entry, Owner, Step};
use crate::domain::problem::ProblemCode;
use crate::views::common::{Link, Page};
use crate::views::help::{Help, Problem, ProblemGroup};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/help", get(index)).route("/help/problems/{code}", get(problem))
}

async fn index(visitor: Visitor) -> Result<Response, Failure> {
    let body = Help { problems: groups(), words: Help::words() };
    let page = Page::new("Help", frame::frame(&visitor), body);
    std::future::ready(frame::show(&visitor, Help::TEMPLATE, &page)).await
}

async fn problem(visitor: Visitor, Path(code): Path<String>) -> Result<Response, Failure> {
    let is_staff = visitor.person.as_ref().is_some_and(crate::domain::actor::Person::is_staff);
    let body = Cause::from_id(&code)
        .map(|cause| of_cause(cause, is_staff))
        .or_else(|| ProblemCode::from_id(&code).map(of_code))
        .ok_or(Error::NotFound)?;
    let mut page = Page::new(format!("{}: help", body.heading), frame::frame(&visitor), body);
    page.crumbs = vec![Link::new("Help", "/help")];
    std::future::ready(frame::show(&visitor, Problem::TEMPLATE, &page)).await
}

/// The causes under their steps, in the order of the test.
fn groups() -> Vec<ProblemGroup> {
    let mut groups: Vec<(Step, ProblemGroup)> = Vec::new();
    for entry in Cause::ALL.iter().map(|cause| cause.entry()) {
        let link = link(entry);
        match groups.iter_mut().find(|(step, _)| *step == entry.step) {
            Some((_, group)) => group.links.push(link),
            None => {
                groups.push((entry.step, ProblemGroup { heading: entry.step.title().to_owned(), links: vec![link] }));
            }
        }
    }
    groups.sort_by_key(|(step, _)| *step);
    groups.into_iter().map(|(_, group)| group).collect()
}

/// What a test can end with. The engineers' words are for the vendor's people only.
fn of_cause(cause: Cause, is_staff: bool) -> Problem {
    let (entry, explanation) = (cause.entry(), cause.explanation());
    let owner = match entry.owner {
        Owner::Customer => "The customer",
        Owner::Provider => "Whoever runs the mail server",
        Owner::Vendor => "The vendor",
        Owner::Nobody => "Nobody has to act",
    };
    let related = explanation.related.iter().map(|other| link(other.entry()));
    Problem {
        code: entry.id.to_owned(),
        heading: entry.title.to_owned(),
        seen_label: "What we saw".to_owned(),
        seen: explanation.seen(),
        likely: explanation.likely.iter().map(|reason| (*reason).to_owned()).collect(),
        owner: Some(owner.to_owned()),
        for_customer_label: "What the customer can do".to_owned(),
        for_customer: entry.remedy_customer.to_owned(),
        for_engineer: is_staff.then(|| entry.remedy_engineer.to_owned()),
        step: Some(entry.step.title().to_owned()),
        related: related.collect(),
    }
}

fn link(entry: &Entry) -> Link {
    Link::new(entry.title, format!("/help/problems/{}", entry.id))
}

/// What the service answers with.
fn of_code(code: ProblemCode) -> Problem {
    Problem {
        code: code.as_str().to_owned(),
        heading: code.title().to_owned(),
        seen_label: "What happened".to_owned(),
        seen: code.happened().to_owned(),
        likely: Vec::new(),
        owner: None,
        for_customer_label: "What to do".to_owned(),
        for_customer: code.what_to_do().to_owned(),
        for_engineer: None,
        step: None,
        related: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engineers_words_stay_inside() {
        for cause in Cause::ALL {
            assert!(of_cause(*cause, false).for_engineer.is_none());
            assert!(of_cause(*cause, true).for_engineer.is_some());
        }
    }

    #[test]
    fn the_index_leads_to_every_cause() {
        let links: usize = groups().iter().map(|group| group.links.len()).sum();
        assert_eq!(links, Cause::ALL.len());
    }
}
