//! The first stage: what was entered becomes a request, or the test is refused before anything is sent.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::progress::Progress;
use super::request::{FULL_TOTAL, Pin, ProbeRequest, Protocol, REACH_TOTAL, TunnelFacts};
use crate::domain::address::parse_address;
use crate::domain::cause::Cause;
use crate::domain::contact::{EmailAddress, HostName, Port};
use crate::domain::mail_settings::{Encryption, MailHost, MailHostError};
use crate::secret::Secret;
use crate::smtp::auth::Credentials;
use crate::smtp::dialogue::ClearAuth;
use crate::smtp::report::Level;
use crate::smtp::stage::{Limits, Stage};

/// What was entered, as text.
#[derive(Clone, Debug, Default)]
pub struct Entered {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: String,
    /// One of the four words.
    pub encryption: String,
    /// The account.
    pub account: Option<String>,
    /// The password that belongs to it.
    pub password: Option<Secret>,
    /// The sender.
    pub sender: Option<String>,
    /// The recipients.
    pub recipients: Vec<String>,
    /// How far to go; by what is given, where it is not said.
    pub level: Option<Level>,
    /// Whether a message is to be sent.
    pub send: bool,
    /// The last stage.
    pub until: Option<String>,
    /// The alerting IP.
    pub source: Option<String>,
    /// The device.
    pub device: Option<String>,
    /// The name in the certificate.
    pub tls_name: Option<String>,
    /// Further certification authorities, PEM.
    pub ca_pem: Option<String>,
    /// The fingerprint of the certificate, hexadecimal, with or without colons.
    pub pin: Option<String>,
    /// Whether the password may go out unencrypted inside the tunnel.
    pub insecure_auth_in_tunnel: bool,
    /// Our name.
    pub ehlo_name: Option<String>,
    /// `STAGE=SECONDS`.
    pub limits: Vec<String>,
    /// Seconds for everything.
    pub total: Option<String>,
    /// Networks to let through.
    pub allow: Vec<IpNet>,
}

/// Why what was entered cannot be tested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct FormFault {
    /// The stable cause.
    pub cause: Cause,
    /// The field, as the command line calls it.
    pub field: &'static str,
    /// What was received and what to do.
    pub detail: String,
}

impl Entered {
    /// Reads every field. The first fault ends it.
    pub fn parse(&self) -> Result<ProbeRequest, FormFault> {
        let host = MailHost::parse(&self.host).map_err(|error| fault(host_cause(&error), "host", error))?;
        let port = Port::parse(&self.port).map_err(|error| fault(Cause::FormPortRange, "port", error))?;
        let encryption =
            Encryption::parse(&self.encryption).map_err(|error| fault(Cause::FormModeConflict, "encryption", error))?;
        let sender = self.sender.as_deref().map(|text| address(text, "sender")).transpose()?;
        let recipients =
            self.recipients.iter().map(|text| address(text, "recipient")).collect::<Result<Vec<_>, _>>()?;
        if sender.is_none() && (self.send || !recipients.is_empty()) {
            return Err(fault(Cause::FormSenderMissing, "sender", "a recipient needs a sender; enter one"));
        }
        if self.send && recipients.is_empty() {
            return Err(fault(Cause::FormAddressInvalid, "recipient", "a message needs a recipient; enter one"));
        }
        let credentials = self.credentials()?;
        let more = credentials.is_some() || sender.is_some();
        let level = self.level.unwrap_or(if more { Level::Full } else { Level::Reach });
        Ok(ProbeRequest {
            protocol: Protocol::Smtp,
            host,
            port: port.get(),
            encryption,
            credentials,
            sender,
            recipients,
            level,
            send: None,
            until: self.until.as_deref().map(|text| stage(text, "until")).transpose()?,
            source: self.source.as_deref().map(source).transpose()?,
            device: self.device.as_deref().map(device).transpose()?,
            tunnel: TunnelFacts::default(),
            tls_name: self.tls_name.as_deref().map(tls_name).transpose()?,
            ca_pem: self.ca_pem.clone(),
            pin: self.pin.as_deref().map(pin).transpose()?,
            clear_auth: if self.insecure_auth_in_tunnel { ClearAuth::AllowedInTunnel } else { ClearAuth::Refused },
            ehlo_name: self.ehlo_name.as_deref().map(ehlo_name).transpose()?,
            limits: self.limits(level)?,
            allow: self.allow.clone(),
            own: Vec::new(),
            grant: None,
            look_up: None,
            dial: BTreeMap::new(),
            progress: Progress::default(),
        })
    }

    fn credentials(&self) -> Result<Option<Credentials>, FormFault> {
        let account = self.account.as_deref().filter(|account| !account.is_empty());
        match (account, &self.password) {
            (None, None) => Ok(None),
            (None, Some(_)) => {
                Err(fault(Cause::FormOptionInvalid, "account", "a password needs an account; enter one"))
            }
            (Some(_), None) => {
                Err(fault(Cause::FormOptionInvalid, "password", "an account needs a password; enter one"))
            }
            (Some(account), Some(password)) => {
                if account.contains(['\r', '\n', '\0']) || password.expose().contains('\0') {
                    return Err(fault(
                        Cause::FormControlChar,
                        "account",
                        "account or password contains a control character",
                    ));
                }
                if password.is_mask() {
                    return Err(fault(
                        Cause::FormMaskAsSecret,
                        "password",
                        "the password consists of mask characters only",
                    ));
                }
                Ok(Some(Credentials { account: account.to_owned(), password: password.clone() }))
            }
        }
    }

    fn limits(&self, level: Level) -> Result<Limits, FormFault> {
        let total = match (&self.total, level) {
            (Some(text), _) => seconds(text, "total")?,
            (None, Level::Reach) => REACH_TOTAL,
            (None, Level::Full) => FULL_TOTAL,
        };
        let mut limits = Limits::with_total(total);
        for text in &self.limits {
            let Some((name, limit)) = text.split_once('=') else {
                return Err(fault(Cause::FormOptionInvalid, "limit", format!("{text:?} is not STAGE=SECONDS")));
            };
            limits.set(stage(name, "limit")?, seconds(limit, "limit")?);
        }
        Ok(limits)
    }
}

pub(super) fn fault(cause: Cause, field: &'static str, detail: impl ToString) -> FormFault {
    #[expect(clippy::needless_pass_by_value, reason = "errors and literals are handed over where they arise")]
    fn text(detail: impl ToString) -> String {
        detail.to_string()
    }
    FormFault { cause, field, detail: text(detail) }
}

fn host_cause(error: &MailHostError) -> Cause {
    match error {
        MailHostError::HasScheme { .. } => Cause::FormHostHasScheme,
        MailHostError::HasPort { .. } => Cause::FormHostHasPort,
        MailHostError::ControlChar(_) => Cause::FormControlChar,
        MailHostError::AmbiguousNumber { .. } => Cause::FormAmbiguousNumber,
        MailHostError::Invalid(_) => Cause::FormHostInvalid,
    }
}

fn address(text: &str, field: &'static str) -> Result<String, FormFault> {
    if text.trim().is_empty() && field == "sender" {
        return Err(fault(Cause::FormSenderMissing, field, "nothing was entered; enter the sender address"));
    }
    if text.chars().any(char::is_control) {
        return Err(fault(Cause::FormControlChar, field, format!("{text:?} contains a control character")));
    }
    let parsed = EmailAddress::parse(text).map_err(|error| fault(Cause::FormAddressInvalid, field, error))?;
    Ok(parsed.as_str().to_owned())
}

fn source(text: &str) -> Result<IpAddr, FormFault> {
    parse_address(text)
        .map_err(|error| fault(Cause::FormOptionInvalid, "source", format!("{text:?}: {}", error.reason)))
}

fn device(text: &str) -> Result<String, FormFault> {
    // IFNAMSIZ of Linux is 16 with the closing NUL.
    let fits = (1..16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    if fits {
        Ok(text.to_owned())
    } else {
        Err(fault(Cause::FormOptionInvalid, "device", format!("{text:?} is no network device")))
    }
}

fn tls_name(text: &str) -> Result<String, FormFault> {
    let parsed = HostName::parse(text).map_err(|error| fault(Cause::FormOptionInvalid, "tls-name", error))?;
    Ok(parsed.as_str().to_owned())
}

/// RFC 5321 section 4.1.1.1: a host name, or an address in brackets (section 4.1.3).
fn ehlo_name(text: &str) -> Result<String, FormFault> {
    let text = text.trim_matches(' ');
    if text.chars().any(char::is_control) {
        return Err(fault(Cause::FormControlChar, "ehlo-name", format!("{text:?} contains a control character")));
    }
    let literal = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let right = match literal {
        Some(inside) => match inside.strip_prefix("IPv6:") {
            Some(address) => parse_address(address).is_ok_and(|address| address.is_ipv6()),
            None => parse_address(inside).is_ok_and(|address| address.is_ipv4()),
        },
        None => {
            return HostName::parse(text)
                .map(|name| name.as_str().to_owned())
                .map_err(|error| fault(Cause::FormHeloInvalid, "ehlo-name", error));
        }
    };
    if right {
        return Ok(text.to_owned());
    }
    let detail = format!("{text:?} is no address literal; write [10.99.0.8] or [IPv6:2001:db8::7]");
    Err(fault(Cause::FormHeloInvalid, "ehlo-name", detail))
}

/// A fingerprint: 64 hexadecimal digits, with or without colons.
pub(super) fn pin(text: &str) -> Result<Pin, FormFault> {
    let digits: String = text.trim().chars().filter(|character| *character != ':').collect();
    let wrong = || {
        fault(
            Cause::FormOptionInvalid,
            "pin",
            format!("{text:?} is no SHA-256: 64 hexadecimal digits, with or without colons"),
        )
    };
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return Err(wrong());
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let text = std::str::from_utf8(pair).unwrap_or_default();
        let Ok(value) = u8::from_str_radix(text, 16) else { return Err(wrong()) };
        *byte = value;
    }
    Ok(Pin(bytes))
}

fn stage(text: &str, field: &'static str) -> Result<Stage, FormFault> {
    Stage::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Stage::ALL.iter().map(|stage| stage.as_str()).collect();
        fault(Cause::FormOptionInvalid, field, format!("{text:?} is no stage; the stages are {}", known.join(", ")))
    })
}

fn seconds(text: &str, field: &'static str) -> Result<Duration, FormFault> {
    let parsed = text.trim().parse::<f64>().ok().filter(|seconds| (0.001..=3600.0).contains(seconds));
    parsed.map(Duration::from_secs_f64).ok_or_else(|| {
        fault(Cause::FormOptionInvalid, field, format!("{text:?} is no number of seconds from 0.001 to 3600"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered() -> Entered {
        Entered { host: "10.20.4.15".into(), port: "587".into(), encryption: "starttls".into(), ..Entered::default() }
    }

    fn cause(entered: &Entered) -> Cause {
        entered.parse().unwrap_err().cause
    }

    #[test]
    fn the_level_follows_from_what_is_given() {
        assert_eq!(entered().parse().unwrap().level, Level::Reach);
        assert_eq!(entered().parse().unwrap().limits.total, REACH_TOTAL);
        let full = Entered { sender: Some("a@b.example".into()), ..entered() }.parse().unwrap();
        assert_eq!((full.level, full.limits.total), (Level::Full, FULL_TOTAL));
    }

    /// Rows S097, S100, S113, S114, S116 and S067 of the table of cases.
    #[test]
    fn each_field_is_refused_with_its_own_cause() {
        assert_eq!(cause(&Entered { host: "mail.example.com:587".into(), ..entered() }), Cause::FormHostHasPort);
        assert_eq!(cause(&Entered { host: "http://mail.example.com/".into(), ..entered() }), Cause::FormHostHasScheme);
        assert_eq!(cause(&Entered { host: "0127.0.0.1".into(), ..entered() }), Cause::FormAmbiguousNumber);
        for port in ["0", "65536", "999999", "-1", "25.0", "abc", "", "٢٥"] {
            assert_eq!(cause(&Entered { port: port.into(), ..entered() }), Cause::FormPortRange, "{port}");
        }
        assert_eq!(cause(&Entered { encryption: "tls".into(), ..entered() }), Cause::FormModeConflict);
        assert_eq!(cause(&Entered { sender: Some(String::new()), ..entered() }), Cause::FormSenderMissing);
        assert_eq!(
            cause(&Entered { sender: Some("no-reply<<security@x.example>>".into()), ..entered() }),
            Cause::FormAddressInvalid
        );
        assert_eq!(cause(&Entered { recipients: vec!["c@d.example".into()], ..entered() }), Cause::FormSenderMissing);
        let sender = Some("a@b.example".to_owned());
        let smuggled = Entered { recipients: vec!["a@b>\r\nRCPT TO:<c@d".into()], sender: sender.clone(), ..entered() };
        assert_eq!(cause(&smuggled), Cause::FormControlChar);
        let long = Entered { recipients: vec![format!("{}@b.example", "x".repeat(5000))], sender, ..entered() };
        assert_eq!(cause(&long), Cause::FormAddressInvalid);
        let masked = Entered { account: Some("u".into()), password: Some(Secret::new("***".into())), ..entered() };
        assert_eq!(cause(&masked), Cause::FormMaskAsSecret);
    }

    /// Rows S036 and S111 of the table of cases.
    #[test]
    fn our_own_name_is_a_host_name_or_a_literal() {
        let named = |name: &str| Entered { ehlo_name: Some(name.to_owned()), ..entered() }.parse();
        assert!(
            named("probe.vendor.example").is_ok()
                && named("[10.99.0.8]").is_ok()
                && named("[IPv6:2001:db8::7]").is_ok()
        );
        for name in ["Acme Monitoring", "10.99.0.8", "[2001:db8::7]", "localhost"] {
            assert_eq!(named(name).unwrap_err().cause, Cause::FormHeloInvalid, "{name}");
        }
        assert_eq!(named("x\r\nMAIL FROM:<a@b>").unwrap_err().cause, Cause::FormControlChar);
    }

    #[test]
    fn limits_and_fingerprints_are_read() {
        let request =
            Entered { limits: vec!["banner=2".into()], total: Some("5".into()), ..entered() }.parse().unwrap();
        assert_eq!(request.limits.of(Stage::Banner), Duration::from_secs(2));
        assert!(Entered { limits: vec!["greeting=2".into()], ..entered() }.parse().is_err());
        assert!(Entered { total: Some("-1".into()), ..entered() }.parse().is_err());
        let pinned = Entered { pin: Some(format!("{}:FF", "00:".repeat(31).trim_end_matches(':'))), ..entered() }
            .parse()
            .unwrap();
        assert_eq!(pinned.pin.unwrap().0[31], 255);
    }
}
