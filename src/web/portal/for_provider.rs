//! What a customer sends to whoever runs the server, so that it lets the alerting IP in. Providers take it in
//! different places, so it comes in three lengths: a line for a chat or a form, a message, and a ticket with every field
//! that a firewall team asks for.

use crate::views::common::Fact;

/// What the server is for.
#[derive(Clone, Copy)]
pub(super) enum Service {
    /// It takes mail.
    Mail,
    /// It takes SYSLOG messages.
    Syslog {
        /// Over UDP, else over TCP.
        udp: bool,
    },
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Mail => "SMTP",
            Self::Syslog { .. } => "SYSLOG",
        }
    }

    fn protocol(self) -> &'static str {
        match self {
            Self::Mail | Self::Syslog { udp: false } => "TCP",
            Self::Syslog { udp: true } => "UDP",
        }
    }
}

/// The request to a provider.
pub(super) struct ForProvider<'a> {
    /// What the server is for.
    pub(super) service: Service,
    /// The source IPs to let in.
    pub(super) alerting: &'a str,
    /// The server's IP.
    pub(super) address: &'a str,
    /// The server's port.
    pub(super) port: &'a str,
    /// The server's name, where one is known.
    pub(super) host: Option<&'a str>,
    /// Our reference.
    pub(super) case: i64,
}

impl ForProvider<'_> {
    /// The texts with their labels, the shortest first.
    pub(super) fn texts(&self) -> [Fact; 3] {
        [
            Fact::new("For your provider, one line", self.line()),
            Fact::new("For your provider, a message", self.message()),
            Fact::new("For your provider, a ticket", self.ticket()),
        ]
    }

    fn server(&self) -> &str {
        self.host.unwrap_or(self.address)
    }

    fn line(&self) -> String {
        let Self { alerting, port, .. } = self;
        let (name, protocol) = (self.service.name(), self.service.protocol());
        format!("Allow {name} from {alerting} to {} on {protocol} port {port}.", self.server())
    }

    fn message(&self) -> String {
        let Self { alerting, port, case, .. } = self;
        let what = match self.service {
            Service::Mail => "mail",
            Service::Syslog { .. } => "SYSLOG messages",
        };
        format!(
            "Our monitoring service sends {what} to {} port {port} from {alerting}. Add this source IP to the list of \
             allowed senders for that server and tell us when it is done. Reference: case {case}.",
            self.server()
        )
    }

    fn ticket(&self) -> String {
        let Self { alerting, address, port, case, .. } = self;
        let name = self.host.map_or_else(String::new, |host| format!(" ({host})"));
        let (service, protocol) = (self.service.name(), self.service.protocol());
        let (filter, reason) = match self.service {
            Service::Mail => ("no content filter or greylisting for this source", "security alerts by e-mail"),
            Service::Syslog { .. } => ("no rate limit for this source", "security alerts by SYSLOG"),
        };
        format!(
            "Kind of change: new rule, permanent\n\
             Source: {alerting}\n\
             Destination: {address}{name}\n\
             Protocol and port: {protocol} {port} ({service})\n\
             Direction: inbound to the server\n\
             Action: allow; {filter}\n\
             Reason: {reason}, low volume, from a fixed address\n\
             Check: we test the connection as soon as the rule is active\n\
             Reference: case {case}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_names_source_server_and_port() {
        let request = ForProvider {
            service: Service::Mail,
            alerting: "198.51.100.24",
            address: "203.0.113.9",
            port: "587",
            host: None,
            case: 1001,
        };
        let texts = request.texts().map(|fact| fact.value.unwrap());
        for text in &texts {
            for word in ["198.51.100.24", "203.0.113.9", "587"] {
                assert!(text.contains(word), "{word} in {text}");
            }
        }
        assert!(texts[0].len() < texts[1].len() && texts[1].len() < texts[2].len(), "{texts:?}");
    }

    #[test]
    fn a_receiver_is_no_mail_server() {
        let service = Service::Syslog { udp: true };
        let request = ForProvider {
            service,
            alerting: "198.51.100.24",
            address: "203.0.113.9",
            port: "514",
            host: None,
            case: 7,
        };
        let [line, message, ticket] = request.texts().map(|fact| fact.value.unwrap());
        assert!(line.contains("SYSLOG") && line.contains("UDP port 514"), "{line}");
        assert!(message.contains("SYSLOG messages") && ticket.contains("UDP 514 (SYSLOG)"), "{ticket}");
        assert!(!format!("{line}{message}{ticket}").contains("mail"));
    }

    #[test]
    fn a_name_stands_in_place_of_the_address_and_beside_it_in_the_ticket() {
        let host = Some("smtp.provider.example");
        let request = ForProvider {
            service: Service::Mail,
            alerting: "198.51.100.24",
            address: "203.0.113.9",
            port: "25",
            host,
            case: 7,
        };
        let [line, message, ticket] = request.texts().map(|fact| fact.value.unwrap());
        assert!(line.contains("to smtp.provider.example on") && message.contains("smtp.provider.example port 25"));
        assert!(ticket.contains("Destination: 203.0.113.9 (smtp.provider.example)"), "{ticket}");
    }
}
