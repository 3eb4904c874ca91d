//! What a person typed of a request so far, by the names of the workflow's fields, and the events that it becomes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::app::answers::{self, typed};
use crate::app::{App, Error, FieldError};
use crate::domain::channel::Channel;
use crate::domain::customer::Architecture;
use crate::domain::workflow::{Data, Definition, Value};

/// What a person typed so far, untouched: nothing is lost, and each answer is judged when it is sent. Each name is that of a
/// field of the workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Draft {
    /// `smtp` or `syslog`; e-mail where nothing is said.
    pub channel: String,
    /// `private` or `public`.
    pub smtp_location: String,
    /// `yes`, `no` or `unknown`; asked for a public server of either channel.
    pub filters_inbound: String,
    /// Host name, optional.
    pub smtp_host: String,
    /// Address.
    pub smtp_ip: String,
    /// Port.
    pub smtp_port: String,
    /// One of the four words.
    pub encryption: String,
    /// Sender of alerts.
    pub sender_address: String,
    /// `private` or `public`.
    pub syslog_location: String,
    /// Host name, optional.
    pub syslog_host: String,
    /// Address.
    pub syslog_ip: String,
    /// Port.
    pub syslog_port: String,
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    /// `octet_counting` or `lf`; optional, and none for UDP.
    pub framing: String,
    /// Name in the receiver's certificate, optional.
    pub tls_name: String,
    /// What alerts are about.
    pub input_type: String,
}

/// What a request for e-mail alerts consists of, beside the channel.
const SMTP: [&str; 7] =
    ["smtp_location", "smtp_host", "smtp_ip", "smtp_port", "encryption", "sender_address", "filters_inbound"];
/// What a request for SYSLOG alerts consists of, beside the channel.
const SYSLOG: [&str; 9] = [
    "syslog_location",
    "syslog_host",
    "syslog_ip",
    "syslog_port",
    "transport",
    "framing",
    "tls_name",
    "input_type",
    "filters_inbound",
];

impl Draft {
    /// A request as the members of one JSON object, each in its field's own type; null counts as not sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] names every member that a request does not have, or whose type its field does not take.
    pub fn from_json(app: &App, members: &Map<String, Json>) -> Result<Self, Error> {
        let (mut draft, mut errors) = (Self::default(), Vec::new());
        match members.get("channel") {
            None | Some(Json::Null) => {}
            Some(Json::String(word)) if Channel::parse(word).is_some() => draft.channel.clone_from(word),
            Some(_) => {
                errors.push(FieldError::new(
                    "channel",
                    "not_an_option",
                    "Send smtp or syslog; smtp where it is left out",
                ));
            }
        }
        let channel = draft.channel();
        let definition = app.workflows.newest(channel)?;
        for (name, json) in members.iter().filter(|(name, _)| *name != "channel") {
            let known = draft.names().contains(&name.as_str());
            let Some(slot) = draft.slot(name).filter(|_| known) else {
                let text = format!("A request for {} alerts has no such member", channel.name());
                errors.push(FieldError::new(name, "unexpected", text));
                continue;
            };
            let field_type = definition.fields.get(name).map(|field| field.field_type);
            match answers::value(field_type, json) {
                _ if json.is_null() => {}
                Some(value) => *slot = value.to_string(),
                None => errors.push(answers::wrong_type(name, field_type, json)),
            }
        }
        if draft.transport == "udp" && !draft.framing.is_empty() {
            errors.push(FieldError::new("framing", "unexpected", "UDP has no framing; leave it out"));
        }
        if errors.is_empty() { Ok(draft) } else { Err(Error::Invalid(errors)) }
    }

    /// What alerts are asked for; e-mail until something else is said.
    pub fn channel(&self) -> Channel {
        Channel::parse(self.channel.trim()).unwrap_or(Channel::Smtp)
    }

    /// Whether the server stands outside the customer's network.
    pub fn is_public(&self) -> bool {
        self.get(self.channel().server().location).unwrap_or_default().trim() == "public"
    }

    /// The answer to a question as it was typed; none for a question that no request asks.
    pub fn get(&self, name: &str) -> Option<&str> {
        // One list of names serves reading and writing, and a draft is small.
        Some(match name {
            "channel" => &self.channel,
            "smtp_location" => &self.smtp_location,
            "filters_inbound" => &self.filters_inbound,
            "smtp_host" => &self.smtp_host,
            "smtp_ip" => &self.smtp_ip,
            "smtp_port" => &self.smtp_port,
            "encryption" => &self.encryption,
            "sender_address" => &self.sender_address,
            "syslog_location" => &self.syslog_location,
            "syslog_host" => &self.syslog_host,
            "syslog_ip" => &self.syslog_ip,
            "syslog_port" => &self.syslog_port,
            "transport" => &self.transport,
            "framing" => &self.framing,
            "tls_name" => &self.tls_name,
            "input_type" => &self.input_type,
            _ => return None,
        })
    }

    /// Where the answer to a question is kept.
    pub fn slot(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "channel" => &mut self.channel,
            "smtp_location" => &mut self.smtp_location,
            "filters_inbound" => &mut self.filters_inbound,
            "smtp_host" => &mut self.smtp_host,
            "smtp_ip" => &mut self.smtp_ip,
            "smtp_port" => &mut self.smtp_port,
            "encryption" => &mut self.encryption,
            "sender_address" => &mut self.sender_address,
            "syslog_location" => &mut self.syslog_location,
            "syslog_host" => &mut self.syslog_host,
            "syslog_ip" => &mut self.syslog_ip,
            "syslog_port" => &mut self.syslog_port,
            "transport" => &mut self.transport,
            "framing" => &mut self.framing,
            "tls_name" => &mut self.tls_name,
            "input_type" => &mut self.input_type,
            _ => return None,
        })
    }

    /// The questions of its channel.
    fn names(&self) -> &'static [&'static str] {
        match self.channel() {
            Channel::Smtp => &SMTP,
            Channel::Syslog => &SYSLOG,
        }
    }

    /// The answers that are events' answers, without the place, which is an event of its own.
    fn raw(&self) -> BTreeMap<String, String> {
        let place = self.channel().server().location;
        let answers = self.names().iter().filter(|name| **name != place);
        let typed = answers.filter_map(|name| Some(((*name).to_owned(), self.get(name)?.to_owned())));
        typed.filter(|(_, value)| !value.trim().is_empty()).collect()
    }

    /// The same without NUL, which no database keeps in a text; U+FFFD marks the place.
    pub(super) fn storable(&self) -> Self {
        let mut draft = self.clone();
        for name in SMTP.iter().chain(&SYSLOG).chain(&["channel"]) {
            if let Some(slot) = draft.slot(name) {
                *slot = slot.replace('\0', "\u{fffd}");
            }
        }
        draft
    }

    /// The events that this request consists of, with the answers of each.
    pub(super) fn events(&self, definition: &Definition, architecture: Architecture) -> Vec<(&'static str, Data)> {
        let mut events = match self.channel() {
            Channel::Smtp => vec![("begin", Data::new())],
            Channel::Syslog => Vec::new(),
        };
        if architecture == Architecture::SecureRelay {
            return events;
        }
        let place = self.channel().server().location;
        let answer = Value::from(self.get(place).unwrap_or_default().trim());
        events.push(("classify", Data::from([(place.to_owned(), answer)])));
        let mut answers = typed(definition, self.raw());
        if self.transport.trim() == "udp" {
            // Kept as typed for whoever changes the transport again.
            answers.remove("framing");
        }
        if self.is_public() {
            events.push(("submit_public", answers));
        } else {
            answers.remove("filters_inbound");
            answers.insert("whitelist_request".to_owned(), Value::Bool(true));
            events.push(("submit_private", answers));
        }
        events
    }
}
