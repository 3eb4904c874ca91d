//! The laboratory of tests/lab as what stands around a demo: a real VPN tunnel with a mail server behind it. The demo
//! reads what the lab says about itself; tests go through an agent in the network namespace of the cloud's side.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use ipnet::IpNet;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Ends, records};
use crate::app::{App, Error, agents};
use crate::cli::agent::run::{Client, Settings, Trouble, until_stopped};
use crate::clock::Clock;
use crate::probe::watch::Watch;
use crate::probe::{Prober, Resolver};
use crate::secret::Secret;

/// How long the agent may finish what runs when the demo ends.
const DRAIN: Duration = Duration::from_secs(5);

/// Why the lab cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The command is not there.
    #[error("{path} cannot be run; start the walk in the project's folder")]
    Command {
        /// The command.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It says that it is not up, or another thing.
    #[error("the lab cannot be used: {0}")]
    Away(String),
    /// What it says lacks something.
    #[error("the lab says no usable {0}")]
    Says(&'static str),
    /// One of its files.
    #[error("{path} of the lab cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A lab that is up.
#[derive(Debug)]
pub struct Lab {
    command: PathBuf,
    says: BTreeMap<String, String>,
    /// The account of the mail server.
    pub account: String,
    /// Its password.
    pub password: Secret,
    /// The name in its certificate.
    pub name: String,
    /// The certification authority of its certificate, PEM.
    pub ca_pem: String,
    /// The address of the mail server.
    pub address: IpAddr,
    stands: Stands,
    is_stopped: bool,
}

/// Which of the lab's mail servers takes the alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// The private one behind the first customer's tunnel.
    BehindTunnel,
    /// The public one of a provider, which lets in the alerting IP and nobody else.
    Outside,
}

impl Stands {
    /// What the lab calls its address, its name and its mailbox.
    fn variables(self) -> [&'static str; 3] {
        match self {
            Self::BehindTunnel => ["SMTP", "SMTP_NAME", "MAILBOX"],
            Self::Outside => ["SMTP_PUBLIC", "SMTP_PUBLIC_NAME", "MAILBOX_PUBLIC"],
        }
    }

    /// The fault that makes it unreachable. Outside it is a filter that does not know us, which from here looks like a
    /// server that is switched off.
    fn fault(self) -> &'static str {
        match self {
            Self::BehindTunnel => "port-closed",
            Self::Outside => "public-allowlist-missing",
        }
    }
}

/// An agent that runs beside the demo.
pub(super) struct Beside {
    stop: watch::Sender<bool>,
    running: JoinHandle<Result<(), Trouble>>,
}

impl Lab {
    /// Asks a lab about itself.
    ///
    /// # Errors
    /// [`LabError`] says what is missing.
    pub fn read(command: &Path, stands: Stands) -> Result<Self, LabError> {
        let asked = Command::new(command).arg("env").output();
        let asked = asked.map_err(|source| LabError::Command { path: command.to_owned(), source })?;
        if !asked.status.success() {
            return Err(LabError::Away(String::from_utf8_lossy(&asked.stderr).trim().to_owned()));
        }
        let says: BTreeMap<String, String> = String::from_utf8_lossy(&asked.stdout)
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let says_of = |name: &'static str| says.get(name).cloned().ok_or(LabError::Says(name));
        let file = |name: &'static str| {
            let path = PathBuf::from(says_of(name)?);
            fs::read_to_string(&path).map_err(|source| LabError::File { path, source })
        };
        let [address, name, _] = stands.variables();
        Ok(Self {
            command: command.to_owned(),
            account: says_of("SMTP_ACCOUNT")?,
            password: Secret::new(file("SMTP_PASSWORD_FILE")?),
            name: says_of(name)?,
            ca_pem: file("CA")?,
            address: says_of(address)?.parse().map_err(|_not_an_address| LabError::Says(address))?,
            says,
            stands,
            is_stopped: false,
        })
    }

    /// The tunnel, as its record is to say.
    pub(super) fn ends(&self) -> Ends {
        let says = |name: &str| self.says.get(name).cloned().unwrap_or_default();
        Ends {
            our_gateway: says("OUR_GATEWAY"),
            peer_gateway: says("PEER_GATEWAY"),
            our_network: says("OUR_NETWORK"),
            peer_network: self.peer_network(),
            alerting_ip: says("SOURCE"),
            inside_gateway: self.says.get("ECHO").cloned(),
        }
    }

    /// What the tunnel's record says lies beyond it: outside, the one public server.
    fn peer_network(&self) -> String {
        match self.stands {
            Stands::BehindTunnel => self.says.get("PEER_NETWORK").cloned().unwrap_or_default(),
            Stands::Outside => IpNet::from(self.address).to_string(),
        }
    }

    /// Every mail in the mailbox (maildir), as text.
    ///
    /// # Errors
    /// The mailbox cannot be read.
    pub fn delivered(&self) -> io::Result<String> {
        let [.., mailbox] = self.stands.variables();
        let Some(folder) = self.says.get(mailbox).map(Path::new).filter(|folder| folder.exists()) else {
            return Ok(String::new());
        };
        fs::read_dir(folder)?.map(|entry| fs::read_to_string(entry?.path())).collect()
    }

    /// The file in which its SYSLOG receiver keeps what it got.
    pub fn syslog_log(&self) -> Option<PathBuf> {
        self.says.get("SYSLOG_LOG").map(PathBuf::from)
    }

    /// The customer's resolver behind the tunnel.
    pub fn resolver(&self) -> Option<&str> {
        self.says.get("RESOLVER").map(String::as_str)
    }

    /// Switches a fault on.
    pub fn fault(&self, name: &str) {
        self.order(&["fault", name]);
    }

    /// Switches a fault off.
    pub fn heal(&self, name: &str) {
        self.order(&["heal", name]);
    }

    /// Switches the mail server off until it is started again or this is dropped.
    pub fn stop(&mut self) {
        self.is_stopped = true;
        self.order(&["fault", self.stands.fault()]);
    }

    /// Switches the mail server on again.
    pub fn start_again(&mut self) {
        self.is_stopped = false;
        self.order(&["heal", self.stands.fault()]);
    }

    fn order(&self, words: &[&str]) {
        match Command::new(&self.command).args(words).output() {
            Ok(done) if done.status.success() => {}
            Ok(done) => tracing::warn!(said = %String::from_utf8_lossy(&done.stderr), "the lab did not do as told"),
            Err(error) => tracing::warn!(%error, "the lab could not be told"),
        }
    }

    /// The tunnel whose customer owns the mail server.
    pub(super) fn tunnel(&self) -> &'static str {
        match self.stands {
            Stands::BehindTunnel => records::FIRST_TUNNEL,
            Stands::Outside => records::SECOND_TUNNEL,
        }
    }

    /// Registers an agent for that tunnel and lets it work for the service at this address.
    ///
    /// # Errors
    /// What the use case says; [`Error::Internal`] where the lab's own words cannot be used.
    pub(super) async fn agent(&self, app: &Arc<App>, service: SocketAddr) -> Result<Beside, Error> {
        let unusable = |what: String| Error::Internal(format!("the lab's agent cannot work: {what}"));
        let token = Secret::new(agents::register(app, "lab gateway", &[self.tunnel().to_owned()]).await?);
        let client = Client::new(&format!("http://{service}"), &token, None).map_err(unusable)?;
        let network = self.peer_network().parse().map_err(|_no_network| unusable("no PEER_NETWORK".to_owned()))?;
        let watch = match (self.stands, self.says.get("VICI"), self.says.get("WG_DEVICE")) {
            (Stands::BehindTunnel, Some(socket), _) => Watch::StrongSwan { socket: socket.into() },
            (Stands::BehindTunnel, None, Some(device)) => Watch::WireGuard { device: device.clone() },
            // A provider's server lies outside the networks that the lab's tunnel carries: it sees the alerting IP come
            // over the internet.
            (Stands::BehindTunnel, None, None) | (Stands::Outside, _, _) => Watch::None,
        };
        let settings = Settings {
            allow: vec![network],
            netns: self.says.get("NETNS").cloned(),
            prober: Prober::Real { clock: Clock::System, resolver: Resolver::System, watch },
            ..Settings::default()
        };
        let (stop, stopped) = watch::channel(false);
        Ok(Beside { stop, running: tokio::spawn(until_stopped(client, settings, stopped, DRAIN)) })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.is_stopped {
            self.start_again();
        }
    }
}

impl Beside {
    /// Stops asking for work, and waits for what runs.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        if let Ok(Err(trouble)) = self.running.await {
            tracing::warn!(%trouble, "the agent of the lab had ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn command(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("lab");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_lab_that_is_not_up_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            Lab::read(&command(folder.path(), "echo 'lab: not up' >&2; exit 1"), Stands::BehindTunnel).unwrap_err();
        assert_eq!(error.to_string(), "the lab cannot be used: lab: not up");
        assert!(matches!(Lab::read(Path::new("/nonexistent/lab"), Stands::Outside), Err(LabError::Command { .. })));
        let error = Lab::read(&command(folder.path(), "echo SMTP=10.20.0.25"), Stands::BehindTunnel).unwrap_err();
        assert_eq!(error.to_string(), "the lab says no usable SMTP_ACCOUNT");
    }

    #[test]
    fn a_lab_is_read_and_heals_what_was_switched_off() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("told");
        fs::write(folder.path().join("secret"), "hunter22").unwrap();
        fs::write(folder.path().join("ca"), "an authority").unwrap();
        let script = format!(
            "echo \"$*\" >>{}; cat <<END\nSMTP=10.20.0.25\nSMTP_ACCOUNT=alerts\nSMTP_NAME=mail.x.example\n\
             SMTP_PUBLIC=192.0.2.25\nSMTP_PUBLIC_NAME=mail.p.example\n\
             SMTP_PASSWORD_FILE={f}/secret\nCA={f}/ca\nSOURCE=198.51.100.25\nEND",
            told.display(),
            f = folder.path().display()
        );
        let lab = Lab::read(&command(folder.path(), &script), Stands::Outside).unwrap();
        assert_eq!((lab.name.as_str(), lab.address.to_string().as_str()), ("mail.p.example", "192.0.2.25"));
        fs::remove_file(&told).unwrap();
        let mut lab = Lab::read(&command(folder.path(), &script), Stands::BehindTunnel).unwrap();
        assert_eq!((lab.account.as_str(), lab.ends().alerting_ip.as_str()), ("alerts", "198.51.100.25"));
        assert!(!format!("{lab:?}").contains("hunter22"), "{lab:?}");
        lab.stop();
        drop(lab);
        assert_eq!(fs::read_to_string(told).unwrap(), "env\nfault port-closed\nheal port-closed\n");
    }
}
