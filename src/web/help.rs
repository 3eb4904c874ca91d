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
use crate::views::common::{Link, Page};
use crate::views::help::{Help, Problem, ProblemGroup};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/help", get(index)).route("/help/problems/{code}", get(problem))
}

/// Codes of `application/problem+json`: code, title, what happened, what to do.
const CODES: &[(&str, &str, &str, &str)] = &[
    (
        "not_found",
        "Not found",
        "There is nothing at this address, or it is not for you to see.",
        "Check the address. If you followed a link from a mail, sign in as the person it was sent to.",
    ),
    (
        "method_not_allowed",
        "This address does not take this method",
        "The address exists and was asked in a way that it does not know.",
        "Use the method that the description of the API names.",
    ),
    ("forbidden", "Not allowed", "Your role does not allow this act.", "Ask a colleague who has the role."),
    (
        "signed_out",
        "Nobody is signed in",
        "The request came without a session or token, or with one that has ended.",
        "Sign in again, or send an API token as Authorization: Bearer TOKEN.",
    ),
    (
        "unproved",
        "Show again who you are",
        "The act needs somebody who has shown lately who it is; the session is older than that.",
        "Enter your password, or a code of your second factor, on the page that is offered, then repeat the act.",
    ),
    (
        "factor_missing",
        "A second factor is needed",
        "This installation asks the people of the vendor for a second factor, and this account has none.",
        "Sign in, set one up on the page that opens, and repeat what you wanted.",
    ),
    (
        "wrong_password",
        "Not signed in",
        "Email address and password do not match, or the account is not active.",
        "Check both, or ask your administrator for a new password.",
    ),
    (
        "throttled",
        "Too many tries",
        "There were too many failed tries, so the next one is looked at a little later.",
        "Wait until the time that the page or the answer names.",
    ),
    (
        "test_too_soon",
        "Too many tests",
        "The people of one customer can start a few tunnel tests an hour, and have started them.",
        "Wait until the time that the answer names. Tests that the procedure starts run by themselves.",
    ),
    (
        "invalid",
        "Some fields need another look",
        "Fields are missing, are not known, or hold something that cannot be used. Nothing was changed.",
        "Correct the fields that the answer names and send it again.",
    ),
    (
        "changed",
        "The case has changed",
        "Somebody changed the case after you read it, so your act was not carried out.",
        "Read the case again, then act where it still fits.",
    ),
    (
        "stale",
        "The case has moved on",
        "Somebody acted before you, so your act was not carried out.",
        "Look at the case, and act again where it still fits.",
    ),
    (
        "claimed",
        "A colleague works on this case",
        "Somebody else has claimed the case. Nothing was changed.",
        "Speak with the colleague, or ask a lead to hand the case over.",
    ),
    (
        "refused",
        "This is not possible as the case stands",
        "The procedure does not allow the act at this point. The answer says what is missing.",
        "Do what the answer says, then try again.",
    ),
    (
        "key_reused",
        "This key was used for another request",
        "The idempotency key of the request belongs to another one.",
        "Reload the page and send the form again; with the API, use a fresh Idempotency-Key for each request.",
    ),
    (
        "key_missing",
        "This request needs an Idempotency-Key",
        "The request changes something and came without a key, so a repeat could do it twice.",
        "Send an Idempotency-Key, a fresh one for each request and the same one for each repeat. A UUID will do.",
    ),
    (
        "bad_key",
        "This request cannot be read",
        "The Idempotency-Key is empty, longer than 255 characters, or holds more than visible ASCII characters.",
        "Send a UUID.",
    ),
    (
        "revision_missing",
        "This request needs If-Match",
        "An act is for the case as you have read it, and the request does not say which version that was.",
        "Read the case and send its ETag as If-Match.",
    ),
    (
        "unknown_parameter",
        "This request cannot be read",
        "The address has a parameter that is not known here. Left out silently, it would give a wrong answer.",
        "Use the parameter that the answer names.",
    ),
    (
        "bad_parameter",
        "This request cannot be read",
        "A parameter of the address is missing, stands twice, or has a value that is not possible.",
        "Correct the parameter that the answer names.",
    ),
    (
        "unreadable",
        "This request cannot be read",
        "The body is not valid JSON, or a member stands in it twice.",
        "Send one JSON object in which each member stands once.",
    ),
    (
        "not_json",
        "The body must be JSON",
        "The body came with another media type.",
        "Send it with Content-Type: application/json.",
    ),
    (
        "agent_protocol",
        "This request cannot be read",
        "The agent speaks another version of the protocol than this service, or names none.",
        "Install the agent of the same release as the service.",
    ),
    (
        "bad_events",
        "This request cannot be read",
        "What the agent told of a running test does not have the form that was agreed.",
        "Install the agent of the same release as the service. The answer says what is wrong.",
    ),
    (
        "bad_report",
        "This request cannot be read",
        "The agent's report is not about the test that was asked for, or does not have the form that was agreed.",
        "Install the agent of the same release as the service. The answer says what is wrong.",
    ),
    (
        "job_lost",
        "This job is not yours any more",
        "The agent speaks of a job that another agent has, that has ended, or that nobody has fetched.",
        "Nothing: the agent drops it and fetches the next one.",
    ),
    (
        "cross_site",
        "This request was sent from another site",
        "A page of another site sent the form. Nothing was changed.",
        "Open the page here and send the form again; programs use an API token.",
    ),
    ("too_large", "This is too large", "The request is larger than 256 KiB.", "Send less at once."),
    (
        "unavailable",
        "Postern is not ready",
        "The database does not answer. Nothing was changed.",
        "Try again in a moment. An administrator finds the reason in the log.",
    ),
    (
        "busy",
        "Postern is busy",
        "Too many others changed the same thing at once. Nothing was changed.",
        "Try again in a moment.",
    ),
    (
        "internal",
        "There is a problem with Postern",
        "Something failed that should not fail. The reference of the page names it in the log.",
        "Reload the page and look before you act again. Give the reference to an administrator.",
    ),
];

async fn index(visitor: Visitor) -> Result<Response, Failure> {
    let body = Help { problems: groups(), words: Help::words() };
    let page = Page::new("Help", frame::frame(&visitor), body);
    std::future::ready(frame::show(&visitor, Help::TEMPLATE, &page)).await
}

async fn problem(visitor: Visitor, Path(code): Path<String>) -> Result<Response, Failure> {
    let is_staff = visitor.person.as_ref().is_some_and(crate::domain::actor::Person::is_staff);
    let body = Cause::from_id(&code)
        .map(|cause| of_cause(cause, is_staff))
        .or_else(|| of_code(&code))
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
fn of_code(code: &str) -> Option<Problem> {
    let (code, title, happened, todo) = CODES.iter().find(|(known, ..)| *known == code)?;
    Some(Problem {
        code: (*code).to_owned(),
        heading: (*title).to_owned(),
        seen_label: "What happened".to_owned(),
        seen: (*happened).to_owned(),
        likely: Vec::new(),
        owner: None,
        for_customer_label: "What to do".to_owned(),
        for_customer: (*todo).to_owned(),
        for_engineer: None,
        step: None,
        related: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_that_problems_are_answered_with_has_a_page() {
        let source = include_str!("problem/mod.rs");
        let after_status = source.split("StatusCode::").skip(1);
        let codes: BTreeSet<&str> = after_status
            .filter_map(|rest| {
                let (_, rest) = rest.split_once(',')?;
                let rest = rest.trim_start().trim_start_matches("code:").trim_start().strip_prefix('"')?;
                rest.split('"').next()
            })
            .filter(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
            .collect();
        assert!(codes.len() > 10, "the codes were not found: {codes:?}");
        for code in codes {
            assert!(of_code(code).is_some(), "/help/problems/{code} is missing");
        }
    }

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
