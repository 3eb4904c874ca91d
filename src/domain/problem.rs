//! Why a request was not carried out: one entry per code, in the words that pages, the API and the commands share.
//!
//! The identifiers are stable: they stand in `application/problem+json` (RFC 9457) and in the address of the page that
//! explains each. What a single answer says beyond that (a time, a name, a field) is its detail.

use std::fmt;

macro_rules! problems {
    ($($variant:ident $id:literal $title:literal $happened:literal $what_to_do:literal)*) => {
        /// A kind of refusal or failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProblemCode { $(#[doc = $happened] $variant,)* }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable identifier.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// The heading.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What happened, in general.
            pub fn happened(self) -> &'static str {
                match self { $(Self::$variant => $happened,)* }
            }

            /// What whoever reads it does about it.
            pub fn what_to_do(self) -> &'static str {
                match self { $(Self::$variant => $what_to_do,)* }
            }
        }
    };
}

problems! {
    NotFound "not_found"
        "Not found"
        "There is nothing at this address, or it is not for you to see."
        "Check the address or the name. If you followed a link from a mail, sign in as the person it was sent to."
    MethodNotAllowed "method_not_allowed"
        "This address does not take this method"
        "The address exists and was asked in a way that it does not know."
        "Use the method that the description of the API names."
    Forbidden "forbidden"
        "Not allowed"
        "Your role does not allow this act."
        "Ask a colleague who has the role."
    SignedOut "signed_out"
        "Nobody is signed in"
        "The request came without a session or token, or with one that has ended."
        "Sign in again, or send an API token as Authorization: Bearer TOKEN."
    Unproved "unproved"
        "Show again who you are"
        "The act needs somebody who has shown lately who it is; the session is older than that. Nothing was changed."
        "Enter your password, or a code of your second factor, at /account/prove, then repeat the act."
    FactorMissing "factor_missing"
        "A second factor is needed"
        "This installation asks the people of the vendor for a second factor, and this account has none."
        "Set one up at /account/factor, then repeat what you wanted."
    WrongPassword "wrong_password"
        "Not signed in"
        "Email address and password do not match, or the account is not active."
        "Check both, or ask your administrator for a new password."
    Throttled "throttled"
        "Too many tries"
        "There were too many failed tries, so the next one is looked at a little later."
        "Wait until the time that the answer names."
    TestTooSoon "test_too_soon"
        "Too many tests"
        "The people of one customer can start a few tunnel tests an hour, and have started them."
        "Wait until the time that the answer names. Tests that the procedure starts run by themselves."
    Invalid "invalid"
        "Some fields need another look"
        "Fields are missing, are not known, or hold something that cannot be used. Nothing was changed."
        "Correct the fields that the answer names and send it again."
    Changed "changed"
        "The case has changed"
        "Somebody changed the case after you read it, so your act was not carried out."
        "Read the case again, then act where it still fits."
    Stale "stale"
        "The case has moved on"
        "Somebody acted before you, so your act was not carried out."
        "Look at the case, and act again where it still fits."
    Claimed "claimed"
        "A colleague works on this case"
        "Somebody else has claimed the case. Nothing was changed."
        "Speak with the colleague, or ask a lead to hand the case over."
    ListChanged "list_changed"
        "The whitelist has changed"
        "Somebody changed the whitelist after you read it, so what you applied may not be what it holds. Nothing was recorded."
        "Read the list again, apply what differs, then say so with its version."
    Settled "settled"
        "This was settled before"
        "Somebody decided or did this before. Nothing was changed; the answer says who or what."
        "Look at what was decided. Speak with whoever did it where it is not what you meant."
    Refused "refused"
        "This is not possible as the case stands"
        "The procedure does not allow the act at this point. The answer says what is missing."
        "Do what the answer says, then try again."
    KeyReused "key_reused"
        "This key was used for another request"
        "The idempotency key of the request belongs to another one."
        "Reload the page and send the form again; with the API, use a fresh Idempotency-Key for each request."
    KeyMissing "key_missing"
        "This request needs an Idempotency-Key"
        "The request changes something and came without a key, so a repeat could do it twice."
        "Send an Idempotency-Key, a fresh one for each request and the same one for each repeat. A UUID will do."
    BadKey "bad_key"
        "This request cannot be read"
        "The Idempotency-Key is empty, longer than 255 characters, or holds more than visible ASCII characters."
        "Send a UUID."
    RevisionMissing "revision_missing"
        "This request needs If-Match"
        "An act is for the case as you have read it, and the request does not say which version that was."
        "Read the case and send its ETag as If-Match."
    UnknownParameter "unknown_parameter"
        "This request cannot be read"
        "The address has a parameter that is not known here. Left out silently, it would give a wrong answer."
        "Use the parameter that the answer names."
    BadParameter "bad_parameter"
        "This request cannot be read"
        "A parameter of the address is missing, stands twice, or has a value that is not possible."
        "Correct the parameter that the answer names."
    Unreadable "unreadable"
        "This request cannot be read"
        "The body is not valid JSON, or a member stands in it twice."
        "Send one JSON object in which each member stands once."
    NotJson "not_json"
        "The body must be JSON"
        "The body came with another media type."
        "Send it with Content-Type: application/json."
    AgentProtocol "agent_protocol"
        "This request cannot be read"
        "The agent speaks another version of the protocol than this service, or names none."
        "Install the agent of the same release as the service."
    BadEvents "bad_events"
        "This request cannot be read"
        "What the agent told of a running test does not have the form that was agreed."
        "Install the agent of the same release as the service. The answer says what is wrong."
    BadReport "bad_report"
        "This request cannot be read"
        "The agent's report is not about the test that was asked for, or does not have the form that was agreed."
        "Install the agent of the same release as the service. The answer says what is wrong."
    JobLost "job_lost"
        "This job is not yours any more"
        "The agent speaks of a job that another agent has, that has ended, or that nobody has fetched."
        "Nothing: the agent drops it and fetches the next one."
    CrossSite "cross_site"
        "This request was sent from another site"
        "A page of another site sent the form. Nothing was changed."
        "Open the page here and send the form again; programs use an API token."
    TooLarge "too_large"
        "This is too large"
        "The request is larger than what is taken here. Nothing was changed."
        "Send less at once."
    Unavailable "unavailable"
        "Postern is not ready"
        "The database does not answer. Nothing was changed, and nothing is lost."
        "Try again in a moment. An administrator finds the reason in the log."
    Busy "busy"
        "Postern is busy"
        "Too many others changed the same thing at once. Nothing was changed."
        "Try again in a moment."
    Internal "internal"
        "There is a problem with Postern"
        "Something failed that should not fail. The reference of the page names it in the log."
        "Look at what became of your last act before you act again. Give the reference to an administrator."
}

impl ProblemCode {
    /// The code with this identifier.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == id)
    }
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_says_what_happened_and_what_to_do_in_sentences() {
        for code in ProblemCode::ALL {
            for text in [code.happened(), code.what_to_do()] {
                assert!(text.ends_with('.') && text.split(' ').count() >= 3, "{code}: {text:?}");
            }
            assert!(!code.title().is_empty() && !code.title().ends_with('.'), "{code}");
            assert_eq!(ProblemCode::from_id(code.as_str()), Some(*code));
        }
    }
}
