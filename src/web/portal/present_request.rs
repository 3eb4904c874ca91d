//! The questions of a request: which there are, in which order, what each asks, and how what is wrong is said.

use super::present_case::short_label;
use super::words;
use crate::app::FieldError;
use crate::app::requests::Draft;
use crate::domain::address::{Options, classify};
use crate::domain::channel::Channel;
use crate::domain::mail_settings::Encryption;
use crate::domain::workflow::{Definition, DelayUnit, Due, Target};
use crate::views::common::{Fact, Note, Tone};
use crate::views::form::Field;
use crate::views::portal::Question;
use crate::web::visit::form_key;

/// One page of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// E-mail: inside or outside.
    Place,
    /// E-mail: whether a public server filters.
    Filters,
    /// The mail server itself.
    Server,
    /// SYSLOG: inside or outside.
    ReceiverPlace,
    /// SYSLOG: whether a public receiver filters.
    ReceiverFilters,
    /// The receiver itself.
    Receiver,
}

impl Asked {
    /// The pages that these answers lead through, in order.
    pub(super) fn of(draft: &Draft) -> Vec<Self> {
        let [place, filters, server] = Self::all(draft.channel());
        if draft.is_public() { vec![place, filters, server] } else { vec![place, server] }
    }

    /// Every page of a channel, in order.
    fn all(channel: Channel) -> [Self; 3] {
        match channel {
            Channel::Smtp => [Self::Place, Self::Filters, Self::Server],
            Channel::Syslog => [Self::ReceiverPlace, Self::ReceiverFilters, Self::Receiver],
        }
    }

    /// The last page of a channel.
    pub(super) fn last(channel: Channel) -> Self {
        let [_, _, last] = Self::all(channel);
        last
    }

    /// What its alerts travel as.
    pub(super) fn channel(self) -> Channel {
        match self {
            Self::Place | Self::Filters | Self::Server => Channel::Smtp,
            Self::ReceiverPlace | Self::ReceiverFilters | Self::Receiver => Channel::Syslog,
        }
    }

    /// Where it is.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Place => "/start/where",
            Self::Filters => "/start/filters",
            Self::Server => "/start/server",
            Self::ReceiverPlace => "/start/syslog/where",
            Self::ReceiverFilters => "/start/syslog/filters",
            Self::Receiver => "/start/syslog/receiver",
        }
    }

    /// The fields that it asks; it judges no others.
    pub(super) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Place => &["smtp_location"],
            Self::Filters | Self::ReceiverFilters => &["filters_inbound"],
            Self::Server => &["smtp_host", "smtp_ip", "smtp_port", "encryption", "sender_address"],
            Self::ReceiverPlace => &["syslog_location"],
            Self::Receiver => {
                &["syslog_host", "syslog_ip", "transport", "syslog_port", "framing", "tls_name", "input_type"]
            }
        }
    }

    /// The page with these answers and what is wrong with them. `suffix` is the query that leads back to the check.
    pub(super) fn question(self, draft: &Draft, suffix: &str, errors: &[FieldError]) -> Question {
        let (action, key) = (format!("{}{suffix}", self.path()), form_key());
        let place = draft.get(self.channel().server().location).unwrap_or_default();
        let is_private = place.trim() != "public";
        // The pages of the other channel can be opened too; there the way back is their own beginning.
        let pages =
            if draft.channel() == self.channel() { Self::of(draft) } else { Self::all(self.channel()).to_vec() };
        let position = pages.iter().position(|page| *page == self).unwrap_or_default();
        let before = position.checked_sub(1).and_then(|before| pages.get(before)).map_or("/start", |page| page.path());
        let back = if suffix.is_empty() { before } else { "/start/check" };
        let mut question = match self {
            Self::Place => Question::place(back, &action, &key),
            Self::Filters => Question::filters(back, &action, &key),
            Self::Server => Question::server(back, &action, &key, is_private),
            Self::ReceiverPlace => Question::receiver_place(back, &action, &key),
            Self::ReceiverFilters => Question::receiver_filters(back, &action, &key),
            Self::Receiver => Question::receiver(back, &action, &key, is_private),
        };
        // The count is known once the branch is.
        question.counter = (position > 0).then(|| format!("Question {} of {}", position + 1, pages.len()));
        for field in &mut question.form.fields {
            let typed = draft.get(&field.name).unwrap_or_default().to_owned();
            *field = field.clone().value(typed);
            if let Some(error) = errors.iter().find(|error| error.field == field.name) {
                field.error = Some(said(error, is_private));
            }
        }
        question
    }
}

/// The names of all questions of a channel, in their order.
pub(in crate::web) fn all_names(channel: Channel) -> impl Iterator<Item = &'static str> {
    Asked::all(channel).into_iter().flat_map(|page| page.fields().iter().copied())
}

/// All questions of a channel on one page, for an engineer who hears the answers in any order.
pub(in crate::web) fn all(draft: &Draft, errors: &[FieldError]) -> Vec<Field> {
    let pages = Asked::all(draft.channel()).into_iter();
    let mut fields: Vec<Field> = pages.flat_map(|page| page.question(draft, "", errors).form.fields).collect();
    for field in &mut fields {
        field.is_heading = false;
        match field.name.as_str() {
            "filters_inbound" => {
                field.optional = true;
                field.hint = Some("Asked for a server outside the customer's network only".to_owned());
            }
            "smtp_ip" | "syslog_ip" => "IP of the server".clone_into(&mut field.label),
            _ => {}
        }
    }
    fields
}

/// What is wrong, in the words of the page. Faults that only the parser knows in detail keep its own sentence.
pub(super) fn said(error: &FieldError, is_private: bool) -> String {
    let address = if is_private { "private" } else { "public" };
    match (error.field.as_str(), error.code) {
        ("smtp_location", _) => "Choose where your SMTP server is".to_owned(),
        ("filters_inbound", _) => "Choose if the server filters by source IP".to_owned(),
        ("encryption", _) => "Choose the encryption, or say that you do not know".to_owned(),
        ("syslog_location", _) => "Choose where your SYSLOG receiver is".to_owned(),
        ("transport", _) => "Choose how your receiver takes messages".to_owned(),
        ("input_type", _) => "Choose which alerts you want".to_owned(),
        ("smtp_ip" | "syslog_ip", "missing") => format!("Enter the {address} IP"),
        ("smtp_ip" | "syslog_ip", "not_private") => "Private IP must be in a private range, like 10.20.4.15".to_owned(),
        ("smtp_ip" | "syslog_ip", "not_public") => {
            "Public IP must not be in a private range. If your server has a private IP, choose \u{201c}Inside our \
             network\u{201d}"
                .to_owned()
        }
        ("smtp_port", "missing") => "Enter the SMTP port".to_owned(),
        ("smtp_port", _) => "SMTP port must be a number from 1 to 65535".to_owned(),
        ("syslog_port", "missing") => "Enter the SYSLOG port".to_owned(),
        ("syslog_port", _) => "SYSLOG port must be a number from 1 to 65535".to_owned(),
        ("sender_address", "missing") => "Enter the sender address in the form name@example.com".to_owned(),
        _ => error.message.clone(),
    }
}

/// The answers for the last look.
pub(super) fn facts(draft: &Draft) -> Vec<Fact> {
    let pages = Asked::of(draft).into_iter();
    let fields = pages.flat_map(|page| page.fields().iter().map(move |field| (page, *field)));
    fields
        .map(|(page, name)| {
            let label = short_label(name).unwrap_or(name);
            let typed = draft.get(name).unwrap_or_default().trim();
            let fact = match name {
                _ if typed.is_empty() => Fact::missing(label),
                "smtp_location" | "syslog_location" | "filters_inbound" | "encryption" | "transport" | "framing"
                | "input_type" => Fact::new(label, words::choice_label(name, typed)),
                _ => Fact::code(label, typed),
            };
            fact.change(format!("{}?from=check", page.path()))
        })
        .collect()
}

/// What to look at before sending; none of it stops.
pub(super) fn notes(draft: &Draft, options: Options) -> Vec<Note> {
    let warning = |text: String| Note::new(Tone::You, text);
    let address = draft.get(draft.channel().server().address).unwrap_or_default();
    let mut notes: Vec<Note> = classify(address, options)
        .warnings
        .into_iter()
        .map(|text| warning(format!("IP of your server: {text}.")))
        .collect();
    if draft.channel() == Channel::Syslog {
        notes.extend(receiver_note(draft).map(warning));
        return notes;
    }
    match draft.smtp_port.trim() {
        port @ ("110" | "143" | "993" | "995") => {
            notes.push(warning(format!("Port {port} is for fetching mail. SMTP uses 25, 465 or 587.")));
        }
        "25" | "465" | "587" | "2525" | "" => {}
        port => notes.push(warning(format!("Port {port} is unusual for SMTP, which uses 25, 465 or 587."))),
    }
    let port = draft.smtp_port.trim().parse().unwrap_or_default();
    let hint = Encryption::parse(&draft.encryption).ok().and_then(|encryption| encryption.port_hint(port));
    notes.extend(hint.map(|hint| warning(hint.to_owned())));
    notes
}

/// A port that does not go with the transport, or that is none of SYSLOG.
fn receiver_note(draft: &Draft) -> Option<String> {
    let (port, transport) = (draft.syslog_port.trim(), draft.transport.trim());
    match (port, transport) {
        ("", _) | ("514", "udp" | "tcp") | ("601", "tcp") | ("6514", "tls") => None,
        ("6514", _) => Some("Port 6514 is for TLS.".to_owned()),
        ("601", _) => Some("Port 601 is for TCP without encryption.".to_owned()),
        ("514", _) => Some("Port 514 is for UDP and TCP. TLS uses 6514.".to_owned()),
        _ => Some(format!(
            "Port {port} is unusual for SYSLOG, which uses 514, 601 or 6514. A lead has to allow it with a reason."
        )),
    }
}

/// How soon the vendor answers a request, as its definition says: `within 2 working days`.
pub(super) fn promise(definition: &Definition) -> String {
    let submit = definition.rule_named("submit_private");
    let target = submit.and_then(|rule| rule.branches.first()).map(|branch| &branch.to);
    let state = match target {
        Some(Target::State(state)) => definition.state(state),
        Some(Target::Same | Target::Previous) | None => None,
    };
    let clock = state.and_then(|state| state.clock.as_ref()).and_then(|clock| definition.clocks.get(clock));
    match clock.map(|clock| &clock.due) {
        Some(Due::After(delay)) => {
            let unit = match delay.unit {
                DelayUnit::Minutes => "minute",
                DelayUnit::Hours => "hour",
                DelayUnit::Days => "day",
                DelayUnit::BusinessHours => "working hour",
                DelayUnit::BusinessDays => "working day",
            };
            let plural = if delay.amount == 1 { "" } else { "s" };
            format!("within {} {unit}{plural}", delay.amount)
        }
        Some(Due::At(_)) | None => "as soon as possible".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::workflows::Workflows;

    fn public() -> Draft {
        Draft { smtp_location: "public".into(), smtp_ip: " 203.0.113.9".into(), ..Draft::default() }
    }

    #[test]
    fn only_a_public_server_is_asked_whether_it_filters() {
        assert_eq!(Asked::of(&public()), [Asked::Place, Asked::Filters, Asked::Server]);
        assert_eq!(Asked::of(&Draft::default()), [Asked::Place, Asked::Server]);
        let question = Asked::Server.question(&public(), "", &[]);
        assert_eq!(question.counter.as_deref(), Some("Question 3 of 3"));
        assert_eq!(question.back, "/start/filters");
        assert_eq!(Asked::Place.question(&public(), "", &[]).counter, None, "nothing is certain yet");
    }

    #[test]
    fn a_change_leads_back_to_the_check() {
        let question = Asked::Server.question(&public(), "?from=check", &[]);
        assert_eq!(
            (question.form.action.as_str(), question.back.as_str()),
            ("/start/server?from=check", "/start/check")
        );
        assert!(facts(&public()).iter().all(|fact| fact.change.as_deref().unwrap().ends_with("?from=check")));
    }

    #[test]
    fn every_field_of_every_page_is_kept_as_typed() {
        let mut draft = public();
        for page in Channel::ALL.iter().flat_map(|channel| Asked::all(*channel)) {
            for field in page.fields() {
                " as typed ".clone_into(draft.slot(field).unwrap());
                assert_eq!(draft.get(field), Some(" as typed "), "{field}");
            }
        }
    }

    #[test]
    fn the_pages_of_a_receiver_are_its_own() {
        let draft = Draft { channel: "syslog".into(), syslog_location: "public".into(), ..Draft::default() };
        assert_eq!(Asked::of(&draft), [Asked::ReceiverPlace, Asked::ReceiverFilters, Asked::Receiver]);
        let question = Asked::Receiver.question(&draft, "", &[]);
        assert_eq!(
            (question.counter.as_deref(), question.back.as_str()),
            (Some("Question 3 of 3"), "/start/syslog/filters")
        );
        assert_eq!(
            Asked::ReceiverPlace.question(&public(), "", &[]).back,
            "/start",
            "opened with answers about e-mail"
        );
    }

    #[test]
    fn a_port_that_does_not_go_with_the_transport_is_a_warning() {
        let note = |port: &str, transport: &str| {
            receiver_note(&Draft { syslog_port: port.into(), transport: transport.into(), ..Draft::default() })
        };
        assert!(note("514", "udp").or(note("514", "tcp")).or(note("601", "tcp")).or(note("6514", "tls")).is_none());
        assert!(note("514", "tls").unwrap().contains("6514"));
        assert!(note("6514", "udp").unwrap().contains("TLS"));
        assert!(note("1514", "tcp").unwrap().contains("lead"));
    }

    #[test]
    fn a_port_for_fetching_mail_is_a_warning_and_no_error() {
        let notes = |port: &str| {
            notes(&Draft { smtp_port: port.into(), smtp_ip: "10.1.2.3".into(), ..Draft::default() }, Options::default())
        };
        assert!(notes("110")[0].text.contains("fetching mail"));
        assert!(notes("2600")[0].text.contains("unusual"));
        assert!(notes("587").is_empty());
    }

    #[test]
    fn the_promise_is_what_the_definition_says() {
        let workflows = Workflows::load(None).unwrap();
        assert_eq!(promise(workflows.newest(Channel::Smtp).unwrap()), "within 2 working days");
    }
}
