//! The verdict in words: where the test stopped, what is proven to work, what is most likely wrong, who acts.

use super::fold::{Fold, is_syslog, sends_alert};
use crate::domain::cause::{Cause, Owner, Step};
use crate::domain::mail_settings::Encryption;
use crate::smtp::report::{Level, Report, Status, Verdict};
use crate::views::duration;

/// Where it stopped.
pub(super) fn heading(fold: &Fold<'_>) -> String {
    let (Some(cause), verdict) = (fold.ended, fold.report.verdict) else { return passed(fold.report).to_owned() };
    match fold.stopped {
        _ if verdict == Verdict::CouldNotTell => "We could not run the test".to_owned(),
        Some(step) => {
            format!("The test stopped at step {} of {}: {}", step + 1, fold.groups.len(), cause.entry().title)
        }
        None => format!("The test stopped: {}", cause.entry().title),
    }
}

fn passed(report: &Report) -> &'static str {
    match (is_syslog(report), report.verdict, report.level) {
        (_, Verdict::Unconfirmed, _) => "The message was sent; nothing can confirm that it arrived",
        (true, _, _) => "The SYSLOG receiver took our message",
        (false, _, Level::Reach) => "The server is reachable through the tunnel",
        (false, _, Level::Full) => "The server takes our mail through the tunnel",
    }
}

/// What is proven, what is likely, who acts.
pub(super) fn sentence(fold: &Fold<'_>, is_staff: bool) -> String {
    let report = fold.report;
    let Some(cause) = fold.ended else { return passing_sentence(fold) };
    if report.verdict == Verdict::CouldNotTell {
        return if is_staff {
            format!("Nothing is known about the server. {} We act next.", cause.explanation().seen())
        } else {
            "Nothing is known about your server. We look into it.".to_owned()
        };
    }
    let seen = cause.explanation().seen_of(&server(report));
    let proven = proven(fold);
    let stopped = if proven.is_empty() { seen } else { format!("{}, but {}", joined(&proven), lower(&seen)) };
    let likely = likely(report, cause, is_staff).into_iter().next().unwrap_or_default();
    let wait =
        report.retry_after_s.map(|seconds| format!(" It asked us to wait {}.", duration(seconds))).unwrap_or_default();
    format!("{} Most likely: {}.{wait} {}", upper(&stopped), lower(&likely), acts(cause, is_staff))
}

fn passing_sentence(fold: &Fold<'_>) -> String {
    let report = fold.report;
    if report.verdict == Verdict::Unconfirmed {
        return match &report.test_id {
            Some(id) => {
                format!("UDP confirms nothing. Look for {id} on the SYSLOG receiver: it arrived where it stands there.")
            }
            None => "UDP confirms nothing. Look for the message on the SYSLOG receiver.".to_owned(),
        };
    }
    let all = match report.warnings.len() {
        0 => "Every step that it needs has passed.".to_owned(),
        1 => "Every step that it needs has passed; there is 1 thing that should change.".to_owned(),
        many => format!("Every step that it needs has passed; there are {many} things that should change."),
    };
    let look = match &report.test_id {
        Some(id) => format!(" SYSLOG has no answer, so look for {id} on the receiver."),
        None => String::new(),
    };
    let kind = match (is_syslog(report), report.level) {
        (true, _) => "This was a SYSLOG test",
        (false, Level::Reach) => "This was a reach test",
        (false, Level::Full) => "This was a full test",
    };
    format!("{kind}, {}. {all}{look}", depth(report))
}

/// How far a test goes.
pub(super) fn depth(report: &Report) -> &'static str {
    match (report.level, report.target.encryption) {
        _ if is_syslog(report) => "up to the message",
        (Level::Full, _) if sends_alert(report) => "up to a test alert",
        (Level::Full, _) => "up to sender and recipient",
        (Level::Reach, Encryption::StartTls | Encryption::Unknown) => "up to EHLO and STARTTLS",
        (Level::Reach, Encryption::ImplicitTls) => "TLS from the start, up to EHLO",
        (Level::Reach, Encryption::None) => "up to EHLO",
    }
}

/// The reasons to think of, most likely first. What the path showed goes before what is usual.
pub(super) fn likely(report: &Report, cause: Cause, is_staff: bool) -> Vec<String> {
    let usual = cause.explanation().likely.iter().map(|text| (*text).to_owned());
    let measured = report.path.as_ref().map(|path| path.candidates.as_slice()).unwrap_or_default();
    let is_measured = cause == Cause::TunnelLostBeyondEntry && !measured.is_empty();
    let reasons: Vec<String> = if is_measured { measured.to_vec() } else { usual.collect() };
    let shown = reasons.iter().map(|text| upper(text.trim_end_matches('.')));
    if is_staff {
        shown.collect()
    } else {
        shown.map(|text| to_customer(&super::path::without_ours(&text, report))).collect()
    }
}

/// A reason, said to the customer whom it speaks of.
fn to_customer(text: &str) -> String {
    let said = [("The customer's", "Your"), ("the customer's", "your"), ("the customer network", "your network")];
    said.iter().fold(text.to_owned(), |text, (of_them, of_you)| text.replace(of_them, of_you))
}

/// What works for certain, in the order of the path. A later proof takes in an earlier one.
fn proven(fold: &Fold<'_>) -> Vec<&'static str> {
    let holds = |step: Step| {
        let group = fold.groups.iter().find(|group| group.step == step);
        group.is_some_and(|group| matches!(fold.status(group), Status::Pass | Status::Warn))
    };
    let is_up = fold.report.path.as_ref().and_then(|path| path.tunnel.as_ref()).is_some_and(|tunnel| tunnel.up);
    let tunnel = holds(Step::Tunnel).then_some(if is_up { "the tunnel is up" } else { "the tunnel carries traffic" });
    let server = if holds(Step::Greeting) {
        Some("the server speaks SMTP")
    } else if holds(Step::Tcp) || fold.was_answered() {
        Some("the port is open")
    } else {
        holds(Step::Route).then_some("the route is right")
    };
    let encryption = holds(Step::Encryption).then_some("the connection is encrypted");
    let account = holds(Step::SignIn).then_some("the account is accepted");
    [tunnel, server, encryption, account].into_iter().flatten().collect()
}

fn acts(cause: Cause, is_staff: bool) -> &'static str {
    match (cause.entry().owner, is_staff) {
        (Owner::Customer, true) => "The customer acts next.",
        (Owner::Customer, false) => "You act next.",
        (Owner::Provider, _) => "Whoever runs the mail server acts next.",
        (Owner::Vendor, _) => "We act next.",
        (Owner::Nobody, _) => "Nobody has to act.",
    }
}

fn server(report: &Report) -> String {
    format!("{} on port {}", report.target.host, report.target.port)
}

/// `a, b and c`.
fn joined(parts: &[&str]) -> String {
    match parts {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The text within a sentence; abbreviations such as `TLS` stay as they are.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    if letters.clone().next().is_some_and(char::is_uppercase) {
        return text.to_owned();
    }
    first.to_lowercase().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_and_abbreviations_keep_their_capitals() {
        assert_eq!(joined(&["a", "b", "c"]), "a, b and c");
        assert_eq!(joined(&["a", "b"]), "a and b");
        assert_eq!(lower("The tunnel"), "the tunnel");
        assert_eq!(lower("A firewall"), "a firewall");
        assert_eq!(lower("TLS is opened"), "TLS is opened");
        assert_eq!(lower("10.20.4.15 did not"), "10.20.4.15 did not");
        assert_eq!(upper("the port"), "The port");
    }
}
