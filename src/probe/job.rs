//! A test as an agent gets it: the request as versioned JSON (docs/agent-protocol.md). Read strictly on both sides: a
//! member that is not known may be a restriction, and to pass over it would be to test what was not asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::form;
use super::look_up::LookUp;
use super::policy::Grant;
use super::progress::Progress;
use super::request::{ProbeRequest, Protocol, TunnelFacts};
use crate::domain::log::hex;
use crate::domain::mail_settings::{Encryption, MailHost};
use crate::secret::Secret;
use crate::smtp::auth::Credentials;
use crate::smtp::dialogue::ClearAuth;
use crate::smtp::report::Level;
use crate::smtp::stage::{Limits, Stage};

/// The version of the protocol between service and agents.
pub const PROTOCOL: u32 = 1;
/// The header in which both sides name it.
pub const PROTOCOL_HEADER: &str = "postern-agent-protocol";

/// One piece of work for an agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Names the job in the addresses that its events and its report go to.
    pub id: String,
    /// Seconds after which it is given to somebody else, unless an event prolongs that.
    pub lease_s: u64,
    /// What is to be done.
    pub request: Asked,
}

/// A [`ProbeRequest`] on its way. Where laboratories really dial is not part of it: an agent follows nobody's map.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    protocol: Protocol,
    host: MailHost,
    port: u16,
    encryption: Encryption,
    level: Level,
    credentials: Option<Account>,
    sender: Option<String>,
    recipients: Vec<String>,
    /// Base64 (RFC 4648, section 4).
    message: Option<String>,
    until: Option<Stage>,
    source: Option<IpAddr>,
    device: Option<String>,
    tls_name: Option<String>,
    ca_pem: Option<String>,
    /// Hexadecimal SHA-256.
    pin: Option<String>,
    clear_auth: bool,
    ehlo_name: Option<String>,
    limits_ms: BTreeMap<Stage, u64>,
    total_ms: u64,
    allow: Vec<IpNet>,
    own: Vec<IpNet>,
    grant: Option<Grant>,
    tunnel: TunnelFacts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look_up: Option<LookUp>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    account: Exposed,
    password: Exposed,
}

/// A secret that is written out here, over TLS and to one agent, and nowhere else.
#[derive(Clone, Debug)]
struct Exposed(Secret);

impl Serialize for Exposed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Exposed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl Asked {
    /// What of a request an agent is told. An account goes along with a full test only.
    pub fn of(request: &ProbeRequest) -> Self {
        let ProbeRequest {
            protocol,
            host,
            port,
            encryption,
            credentials,
            sender,
            recipients,
            level,
            send,
            until,
            source,
            device,
            tls_name,
            ca_pem,
            pin,
            clear_auth,
            ehlo_name,
            limits,
            allow,
            own,
            grant,
            tunnel,
            look_up,
            dial: _,
            progress: _,
        } = request;
        let account = |known: &Credentials| Account {
            account: Exposed(Secret::new(known.account.clone())),
            password: Exposed(known.password.clone()),
        };
        Self {
            protocol: protocol.clone(),
            host: host.clone(),
            port: *port,
            encryption: *encryption,
            level: *level,
            credentials: credentials.as_ref().filter(|_| *level == Level::Full).map(account),
            sender: sender.clone(),
            recipients: recipients.clone(),
            message: send.as_ref().map(|bytes| STANDARD.encode(bytes)),
            until: *until,
            source: *source,
            device: device.clone(),
            tls_name: tls_name.clone(),
            ca_pem: ca_pem.clone(),
            pin: pin.map(|pin| hex(&pin.0)),
            clear_auth: *clear_auth == ClearAuth::AllowedInTunnel,
            ehlo_name: ehlo_name.clone(),
            limits_ms: Stage::ALL.iter().map(|stage| (*stage, milliseconds(limits.of(*stage)))).collect(),
            total_ms: milliseconds(limits.total),
            allow: allow.clone(),
            own: own.clone(),
            grant: grant.clone(),
            tunnel: tunnel.clone(),
            look_up: look_up.clone(),
        }
    }

    /// The request again.
    ///
    /// # Errors
    /// A sentence that names the member that cannot be used.
    pub fn request(self) -> Result<ProbeRequest, String> {
        let message = self.message.map(|text| STANDARD.decode(text)).transpose();
        let mut limits = Limits::with_total(Duration::from_millis(self.total_ms));
        for (stage, limit) in &self.limits_ms {
            limits.set(*stage, Duration::from_millis(*limit));
        }
        Ok(ProbeRequest {
            protocol: self.protocol,
            host: self.host,
            port: self.port,
            encryption: self.encryption,
            credentials: self
                .credentials
                .map(|known| Credentials { account: known.account.0.expose().to_owned(), password: known.password.0 }),
            sender: self.sender,
            recipients: self.recipients,
            level: self.level,
            send: message.map_err(|error| format!("message is no Base64: {error}"))?,
            until: self.until,
            source: self.source,
            device: self.device,
            tls_name: self.tls_name,
            ca_pem: self.ca_pem,
            pin: self.pin.as_deref().map(form::pin).transpose().map_err(|fault| fault.to_string())?,
            clear_auth: if self.clear_auth { ClearAuth::AllowedInTunnel } else { ClearAuth::Refused },
            ehlo_name: self.ehlo_name,
            limits,
            allow: self.allow,
            own: self.own,
            grant: self.grant,
            tunnel: self.tunnel,
            look_up: self.look_up,
            dial: BTreeMap::new(),
            progress: Progress::default(),
        })
    }
}

impl Job {
    /// Reads a job.
    ///
    /// # Errors
    /// A sentence that says why it is none; it never repeats what stood there.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        // The text of such an error may hold a value, and a value may be a password.
        let job: Self = serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("it cannot be read at line {line}, column {column} ({:?})", error.classify())
        })?;
        if job.protocol != PROTOCOL {
            return Err(format!("it is of protocol {}, and this agent speaks {PROTOCOL}", job.protocol));
        }
        let known = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
        if job.id.is_empty() || job.id.len() > 200 || !job.id.chars().all(known) {
            return Err("its id is not 1 to 200 letters, digits, - and .".to_owned());
        }
        let stages: BTreeSet<Stage> = job.request.limits_ms.keys().copied().collect();
        if stages.len() != Stage::ALL.len() {
            return Err("limits_ms does not name every stage".to_owned());
        }
        Ok(job)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::request::{FULL_TOTAL, Pin};

    fn request(level: Level) -> ProbeRequest {
        let host = MailHost::parse("10.20.4.15").unwrap();
        let mut request = ProbeRequest::reach(host, 587, Encryption::StartTls);
        request.level = level;
        request.credentials = Some(Credentials { account: "alerts".into(), password: Secret::new("hunter2".into()) });
        request.sender = Some("a@alder.example".into());
        request.recipients = vec!["b@alder.example".into()];
        request.send = Some(b"Subject: x\r\n\r\n\xff".to_vec());
        request.until = Some(Stage::Rcpt);
        request.source = Some("10.99.0.8".parse().unwrap());
        request.device = Some("ipsec0".into());
        request.tls_name = Some("mail.alder.example".into());
        request.ca_pem = Some("PEM".into());
        request.pin = Some(Pin([7; 32]));
        request.clear_auth = ClearAuth::AllowedInTunnel;
        request.ehlo_name = Some("probe.example".into());
        request.limits = Limits::with_total(FULL_TOTAL);
        request.limits.set(Stage::Banner, Duration::from_millis(1_500));
        request.allow = vec!["10.20.0.0/16".parse().unwrap()];
        request.own = vec!["10.99.0.0/24".parse().unwrap()];
        request
    }

    fn job(level: Level) -> Job {
        Job { protocol: PROTOCOL, id: "test-1".into(), lease_s: 60, request: Asked::of(&request(level)) }
    }

    #[test]
    fn a_request_arrives_as_it_was_sent() {
        let text = serde_json::to_vec(&job(Level::Full)).unwrap();
        let arrived = Job::read(&text).unwrap().request.request().unwrap();
        let sent = request(Level::Full);
        // What is not shown by Debug is compared by itself.
        assert_eq!(arrived.credentials.as_ref().unwrap().password.expose(), "hunter2");
        for stage in Stage::ALL {
            assert_eq!(arrived.limits.of(*stage), sent.limits.of(*stage), "{stage:?}");
        }
        let same = |request: ProbeRequest| {
            format!("{:?}", ProbeRequest { limits: Limits::with_total(request.limits.total), ..request })
        };
        assert_eq!(same(arrived), same(sent));
    }

    #[test]
    fn an_account_goes_along_with_full_tests_only_and_is_never_shown() {
        let reach = serde_json::to_string(&job(Level::Reach)).unwrap();
        assert!(!reach.contains("hunter2") && !reach.contains("alerts"), "{reach}");
        let full = job(Level::Full);
        let shown = format!("{full:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("alerts"), "{shown}");
        assert!(serde_json::to_string(&full).unwrap().contains("hunter2"));
    }

    #[test]
    fn what_is_not_understood_whole_is_not_run_and_not_repeated() {
        let good = serde_json::to_value(job(Level::Full)).unwrap();
        let with = |pointer: &str, value: serde_json::Value| {
            let mut changed = good.clone();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            changed.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
            Job::read(changed.to_string().as_bytes())
        };
        for (pointer, value) in [
            ("/protocol", serde_json::json!(2)),
            ("/id", serde_json::json!("../../report")),
            ("/id", serde_json::json!("")),
            ("/more", serde_json::json!(true)),
            ("/request/more", serde_json::json!(true)),
            ("/request/credentials/hunter3", serde_json::json!("hunter3")),
            ("/request/credentials", serde_json::json!("hunter3")),
            ("/request/host", serde_json::json!("0x7f.1")),
            ("/request/port", serde_json::json!(70_000)),
            ("/request/limits_ms", serde_json::json!({"tcp": 1})),
        ] {
            let error = with(pointer, value).unwrap_err();
            assert!(!error.contains("hunter"), "{pointer}: {error}");
        }
        let unusable = |pointer, value| with(pointer, value).unwrap().request.request().unwrap_err();
        assert!(unusable("/request/message", serde_json::json!("*")).contains("message"));
        assert!(unusable("/request/pin", serde_json::json!("00")).contains("pin"));
    }
}
