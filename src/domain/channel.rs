//! What alerts travel as. Each way has a workflow of its own; what both do alike finds its fields here by name.

use super::words::words;

words! {
    /// What alerts travel as.
    pub enum Channel {
        /// E-mail.
        Smtp = "smtp",
        /// SYSLOG messages.
        Syslog = "syslog",
    }
}

/// The fields in which a case holds the server that alerts go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerFields {
    /// Inside the customer's network or outside.
    pub location: &'static str,
    /// Its name.
    pub host: &'static str,
    /// Its address.
    pub address: &'static str,
    /// Its port.
    pub port: &'static str,
}

impl Channel {
    /// The workflow of new cases.
    pub const fn workflow(self) -> &'static str {
        match self {
            Self::Smtp => "smtp-vpn",
            Self::Syslog => "syslog-vpn",
        }
    }

    /// What the cases of a workflow are about. Workflows beside the main ones belong to e-mail.
    pub fn of(workflow: &str) -> Self {
        if workflow == Self::Syslog.workflow() { Self::Syslog } else { Self::Smtp }
    }

    /// Where its cases hold the server.
    pub const fn server(self) -> ServerFields {
        match self {
            Self::Smtp => {
                ServerFields { location: "smtp_location", host: "smtp_host", address: "smtp_ip", port: "smtp_port" }
            }
            Self::Syslog => ServerFields {
                location: "syslog_location",
                host: "syslog_host",
                address: "syslog_ip",
                port: "syslog_port",
            },
        }
    }

    /// The ports that need no reason: those of mail (RFC 5321, RFC 6409, RFC 8314) or of SYSLOG (RFC 5426, RFC 6587,
    /// RFC 5425). 2525 is what providers offer where 25 is closed.
    pub const fn usual_ports(self) -> &'static [u16] {
        match self {
            Self::Smtp => &[25, 465, 587, 2525],
            Self::Syslog => &[514, 601, 6514],
        }
    }

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Syslog => "SYSLOG",
        }
    }

    /// What people call the server.
    pub const fn server_name(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP server",
            Self::Syslog => "SYSLOG receiver",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_leads_back_to_its_channel() {
        for channel in Channel::ALL {
            assert_eq!(Channel::of(channel.workflow()), *channel);
        }
        assert_eq!(Channel::of("ip-change"), Channel::Smtp);
    }
}
