//! What a test is asked to do, parsed and ready.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::look_up::LookUp;
use super::policy::{self, Allowed, Facts, Grant, Refusal};
use super::progress::Progress;
use crate::domain::mail_settings::{Encryption, MailHost};
use crate::domain::syslog::{Framing, Transport};
use crate::smtp::auth::Credentials;
use crate::smtp::dialogue::ClearAuth;
use crate::smtp::report::{Level, Target};
use crate::smtp::stage::{Limits, Stage};

/// The SHA-256 of a certificate that is accepted whatever its chain and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

/// What the record of a tunnel says about the way; nothing where the test goes through none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunnelFacts {
    /// Outside address of the customer's gateway; tells its tunnel from others on the same gateway of ours.
    pub peer_gateway: Option<IpAddr>,
    /// Networks on our side that the tunnel carries.
    pub our_selectors: Vec<IpNet>,
    /// Networks on the customer's side that the tunnel carries.
    pub peer_selectors: Vec<IpNet>,
    /// An inside address of the customer's gateway that may answer an echo.
    pub echo: Option<IpAddr>,
}

impl TunnelFacts {
    /// The network on record that holds the target.
    pub fn selector_for(&self, target: IpAddr) -> Option<IpNet> {
        self.peer_selectors.iter().copied().find(|network| network.contains(&target))
    }
}

/// What is spoken once the server is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// SMTP, as far as the request's account, sender, recipients and level say.
    #[default]
    Smtp,
    /// One SYSLOG message.
    Syslog(SyslogMessage),
}

/// A SYSLOG message to hand over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogMessage {
    /// How it travels.
    pub transport: Transport,
    /// How it is cut out of the stream.
    pub framing: Framing,
    /// The line, without framing.
    pub line: String,
    /// What to search for on the receiver; stands in the line.
    pub test_id: String,
}

/// One test.
#[derive(Clone, Debug)]
pub struct ProbeRequest {
    /// What is spoken.
    pub protocol: Protocol,
    /// The server.
    pub host: MailHost,
    /// Its TCP port; never replaced by another.
    pub port: u16,
    /// How to encrypt.
    pub encryption: Encryption,
    /// Account and password.
    pub credentials: Option<Credentials>,
    /// Sender for MAIL.
    pub sender: Option<String>,
    /// Recipients for RCPT.
    pub recipients: Vec<String>,
    /// How far to go.
    pub level: Level,
    /// The message to send, complete with its header; see `message`.
    pub send: Option<Vec<u8>>,
    /// The last stage to run, if not all.
    pub until: Option<Stage>,
    /// The alerting IP to speak from.
    pub source: Option<IpAddr>,
    /// The network device to leave by.
    pub device: Option<String>,
    /// What is on record about the tunnel that the test goes through.
    pub tunnel: TunnelFacts,
    /// The name the certificate must contain, where it is not the host.
    pub tls_name: Option<String>,
    /// Further certification authorities, PEM.
    pub ca_pem: Option<String>,
    /// The certificate to accept.
    pub pin: Option<Pin>,
    /// Whether a password may go out unencrypted; never granted for a public address.
    pub clear_auth: ClearAuth,
    /// Our name in EHLO; the address literal of our own end where none is given.
    pub ehlo_name: Option<String>,
    /// How long each stage, and everything, may take.
    pub limits: Limits,
    /// Networks that policy lets through although it refuses them otherwise: what the command line was told, for labs.
    pub allow: Vec<IpNet>,
    /// Networks of our own, which are never tested.
    pub own: Vec<IpNet>,
    /// What the records say about the test of a case; none on the command line.
    pub grant: Option<Grant>,
    /// Where to connect in place of an address, for labs and the demo. Policy judges the address before the map.
    pub dial: BTreeMap<SocketAddr, SocketAddr>,
    /// A name to look up beside the test, for watching.
    pub look_up: Option<LookUp>,
    /// Where the test tells how far it has come.
    pub progress: Progress,
}

impl ProbeRequest {
    /// A reach test of this server with nothing else set.
    pub fn reach(host: MailHost, port: u16, encryption: Encryption) -> Self {
        Self {
            protocol: Protocol::Smtp,
            host,
            port,
            encryption,
            credentials: None,
            sender: None,
            recipients: Vec::new(),
            level: Level::Reach,
            send: None,
            until: None,
            source: None,
            device: None,
            tunnel: TunnelFacts::default(),
            tls_name: None,
            ca_pem: None,
            pin: None,
            clear_auth: ClearAuth::Refused,
            ehlo_name: None,
            limits: Limits::with_total(REACH_TOTAL),
            allow: Vec::new(),
            own: Vec::new(),
            grant: None,
            dial: BTreeMap::new(),
            look_up: None,
            progress: Progress::default(),
        }
    }

    /// Whether policy lets this test go to an address.
    ///
    /// # Errors
    /// Why not.
    pub fn decide(&self, address: IpAddr) -> Result<Allowed, Refusal> {
        let (port, own, allow) = (self.port, &self.own, &self.allow);
        policy::decide(&Facts { address, port, own, allow, grant: self.grant.as_ref() })
    }

    /// The stages of this test, in order.
    pub fn stages(&self, implicit_tls: bool) -> Vec<Stage> {
        match &self.protocol {
            Protocol::Smtp => Stage::in_order(implicit_tls),
            Protocol::Syslog(message) => Stage::of_syslog(message.transport),
        }
    }

    /// What to search for on the receiver, where there is such a thing.
    pub fn test_id(&self) -> Option<&str> {
        match &self.protocol {
            Protocol::Smtp => None,
            Protocol::Syslog(message) => Some(&message.test_id),
        }
    }

    /// What reports call the target.
    pub fn target(&self) -> Target {
        Target { host: self.host.to_string(), port: self.port, encryption: self.encryption }
    }
}

/// The total of a reach test.
pub const REACH_TOTAL: std::time::Duration = std::time::Duration::from_secs(60);
/// The total of a full test.
pub const FULL_TOTAL: std::time::Duration = std::time::Duration::from_secs(180);
