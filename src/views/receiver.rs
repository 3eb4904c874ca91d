//! The questions of a request for SYSLOG alerts.

use super::form::{Button, Choice, Field, Form, Kind};
use super::portal::Question;

const PLACE: &str = "Where is your SYSLOG receiver?";
const FILTERS: &str = "Does the receiver accept messages only from IPs it knows?";

impl Question {
    /// "Where is your SYSLOG receiver?"
    pub fn receiver_place(back: &str, action: &str, key: &str) -> Self {
        let choices = vec![
            Choice::new("private", "Inside our network").hint("It has a private IP, like 10.20.4.30"),
            Choice::new("public", "Outside our network").hint("It has a public IP or belongs to a provider"),
        ];
        Self::single(back, action, key, Field::new(Kind::Radio, "syslog_location", PLACE).options(choices))
    }

    /// "Does the receiver accept messages only from IPs it knows?"
    pub fn receiver_filters(back: &str, action: &str, key: &str) -> Self {
        let choices = vec![
            Choice::new("yes", "Yes, it filters by source IP").hint("We will give you our alerting IP"),
            Choice::new("no", "No"),
            Choice::new("unknown", "I do not know").hint("We will test it and tell you"),
        ];
        let field = Field::new(Kind::Radio, "filters_inbound", FILTERS).hint("Many hosted receivers do");
        Self::single(back, action, key, field.options(choices))
    }

    /// "Your SYSLOG receiver": address, port, transport and kind of alerts, for a receiver inside (`private`) or outside.
    pub fn receiver(back: &str, action: &str, key: &str, private: bool) -> Self {
        let address = if private { "Private IP" } else { "Public IP" };
        let hint =
            if private { "One IP in your network, like 10.20.4.30" } else { "The IP that the host name leads to" };
        let transports = vec![
            Choice::new("udp", "UDP").hint("Nothing confirms a message: you look for a test id on the receiver"),
            Choice::new("tcp", "TCP"),
            Choice::new("tls", "TLS").hint("Encrypted, over TCP"),
        ];
        let framings = vec![
            Choice::new("octet_counting", "Octet counting").hint("The usual way, and the only one with TLS"),
            Choice::new("lf", "A line feed after each message"),
        ];
        let alerts = vec![
            Choice::new("deviances", "Deviances").hint("What indicators of exposure find"),
            Choice::new("attacks", "Attacks").hint("What indicators of attack see"),
            Choice::new("object_changes", "Changes of objects").hint("Every change in your directories: many messages"),
            Choice::new("health_checks", "Health checks").hint("When a health check changes its status"),
        ];
        let fields = vec![
            Field::new(Kind::Code, "syslog_host", "Host name").optional(),
            Field::new(Kind::Code, "syslog_ip", address).hint(hint),
            Field::new(Kind::Radio, "transport", "How it takes messages").options(transports),
            Field::new(Kind::Number, "syslog_port", "SYSLOG port").hint("Usually 514, with TLS 6514"),
            Field::new(Kind::Radio, "framing", "How messages are parted in a stream").options(framings).optional(),
            Field::new(Kind::Code, "tls_name", "Name in its certificate")
                .hint("For TLS, where the certificate names another host")
                .optional(),
            Field::new(Kind::Radio, "input_type", "Which alerts do you want as SYSLOG?").options(alerts),
        ];
        let form = Form::new("form", action, key, Button::main("Continue")).fields(fields);
        Self {
            back: back.to_owned(),
            counter: None,
            heading: Some("Your SYSLOG receiver".into()),
            lead: Some("An engineer asks you later which directories are meant, if that is not clear.".into()),
            form,
            notes: Vec::new(),
        }
    }

    /// Every face of these pages.
    pub(super) fn receiver_samples(key: &str) -> Vec<(&'static str, Self)> {
        let receiver = Self::receiver("/start/syslog/where", "/start/syslog/receiver", key, true);
        let mut wrong = receiver.clone();
        wrong.counter = Some("Question 2 of 2".into());
        wrong.form.fields = wrong
            .form
            .fields
            .into_iter()
            .map(|field| match field.name.as_str() {
                "syslog_ip" => {
                    field.value("203.0.113.19").error("Private IP must be in a private range, like 10.20.4.15")
                }
                "transport" => field.value("tls"),
                "syslog_port" => field.value("65 14").error("SYSLOG port must be a number from 1 to 65535"),
                "input_type" => field.error("Choose which alerts you want"),
                _ => field,
            })
            .collect();
        vec![
            ("receiver-place", Self::receiver_place("/start", "/start/syslog/where", key)),
            ("receiver-filters", Self::receiver_filters("/start/syslog/where", "/start/syslog/filters", key)),
            ("receiver", receiver),
            ("receiver-wrong", wrong),
        ]
    }
}
