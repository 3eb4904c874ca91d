//! From what was entered to a SYSLOG test. What it shares with an SMTP test is read by the same rules.

use super::form::{Entered, FormFault, fault};
use super::request::{ProbeRequest, Protocol, SyslogMessage};
use crate::domain::cause::Cause;
use crate::domain::mail_settings::Encryption;
use crate::domain::syslog::{Framing, Transport};
use crate::smtp::stage::Stage;

/// What was entered, as text.
#[derive(Clone, Debug, Default)]
pub struct SyslogEntered {
    /// Host, port and whatever else is not special to SYSLOG; its encryption is not read.
    pub common: Entered,
    /// One of the three words.
    pub transport: String,
    /// One of the two words; octet counting where nothing is said.
    pub framing: Option<String>,
}

impl SyslogEntered {
    /// The transport, also where other fields are wrong.
    pub fn transport(&self) -> Option<Transport> {
        Transport::parse(self.transport.trim())
    }

    /// What reports call the encryption.
    pub fn encryption(&self) -> Encryption {
        if self.transport() == Some(Transport::Tls) { Encryption::ImplicitTls } else { Encryption::None }
    }

    /// Reads every field. The first fault ends it.
    ///
    /// # Errors
    /// Names the field and what to do.
    pub fn parse(&self, line: String, test_id: String) -> Result<ProbeRequest, FormFault> {
        let transport = self.transport().ok_or_else(|| {
            let detail = format!("{:?} is no transport; choose udp, tcp or tls", self.transport);
            fault(Cause::FormOptionInvalid, "transport", detail)
        })?;
        let framing = match self.framing.as_deref().map(str::trim) {
            None => Framing::OctetCounting,
            Some(word) => Framing::parse(word).ok_or_else(|| {
                let detail = format!("{word:?} is no framing; choose octet_counting or lf");
                fault(Cause::FormOptionInvalid, "framing", detail)
            })?,
        };
        if transport == Transport::Udp && self.framing.is_some() {
            let detail = "a datagram is one message and has no framing; leave it out";
            return Err(fault(Cause::FormOptionInvalid, "framing", detail));
        }
        let common = Entered { encryption: self.encryption().as_str().to_owned(), ..self.common.clone() };
        let request = common.parse()?;
        let stages = Stage::of_syslog(transport);
        if let Some(until) = request.until.filter(|until| !stages.contains(until)) {
            let known: Vec<&str> = stages.iter().map(|stage| stage.as_str()).collect();
            let detail = format!("{} is no stage of this test; its stages are {}", until.as_str(), known.join(", "));
            return Err(fault(Cause::FormOptionInvalid, "until", detail));
        }
        let protocol = Protocol::Syslog(SyslogMessage { transport, framing, line, test_id });
        Ok(ProbeRequest { protocol, ..request })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(transport: &str, framing: Option<&str>) -> SyslogEntered {
        SyslogEntered {
            common: Entered { host: "10.20.4.16".into(), port: "6514".into(), ..Entered::default() },
            transport: transport.to_owned(),
            framing: framing.map(str::to_owned),
        }
    }

    fn parse(entered: &SyslogEntered) -> Result<ProbeRequest, FormFault> {
        entered.parse("<116>x".to_owned(), "x".to_owned())
    }

    #[test]
    fn the_transport_decides_about_encryption_and_stages() {
        for (word, encryption, last) in [
            ("udp", Encryption::None, Stage::SyslogUdp),
            ("tcp", Encryption::None, Stage::SyslogTcp),
            ("tls", Encryption::ImplicitTls, Stage::SyslogTls),
        ] {
            let request = parse(&entered(word, None)).unwrap();
            assert_eq!((request.encryption, request.stages(false).pop().unwrap()), (encryption, last), "{word}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let field = |entered: &SyslogEntered| parse(entered).unwrap_err().field;
        assert_eq!(field(&entered("TCP/IP", None)), "transport");
        assert_eq!(field(&entered("tcp", Some("crlf"))), "framing");
        assert_eq!(field(&entered("udp", Some("lf"))), "framing");
        let mut banner = entered("tcp", None);
        banner.common.until = Some("banner".to_owned());
        assert_eq!(field(&banner), "until");
        let mut port = entered("tls", None);
        port.common.port = "0".to_owned();
        assert_eq!(field(&port), "port");
    }
}
