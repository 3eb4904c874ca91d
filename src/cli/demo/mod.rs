//! `postern demo`: everything on this machine, in a temporary folder: the service with its real workers, three
//! customers, a mail server, a product. Nothing of it is a mock-up of Postern; what is not real is what stands around it.
//!
//! Reading order: this file starts and stops it, `records` makes customers and people, `cases` lets them work.

mod cases;
/// The command line's way in.
pub(super) mod command;
/// A real tunnel around the demo.
pub mod lab;
/// The customers' SYSLOG receiver.
pub mod receiver;
mod records;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use tempfile::TempDir;
use tokio::net::TcpListener;

use lab::{Beside, Lab};
pub use receiver::Receiver;
pub(in crate::cli) use records::FIRST_TUNNEL;
pub use records::{Login, People};

use super::foreign_smtp::ForeignSmtp;
use super::place;
use super::service::Service;
use super::sink::{Sink, SinkError};
use crate::app::{App, Error};
use crate::apply::StandIn;
use crate::clock::Clock;
use crate::config::{
    AccountsConfig, AlertingIpsConfig, Brand, Config, MailConfig, MetricsConfig, Policy, ProbeConfig, WatchConfig,
    WebhooksConfig,
};
use crate::mail::Mailer;
use crate::probe::watch::Watch;
use crate::probe::{Prober, Resolver};
use crate::secret::Secret;

/// The customers' mail servers, as their cases name them; behind each stands the mail server of the demo.
const SERVERS: [&str; 10] = [
    "10.20.4.15",
    "10.20.4.16",
    "10.20.4.21",
    "10.20.4.22",
    "10.20.4.23",
    "10.20.4.24",
    "203.0.113.24",
    "203.0.113.25",
    "203.0.113.26",
    "203.0.113.27",
];
/// An address at which nothing answers, for a case in trouble.
const DEAD_SERVER: &str = "10.20.4.40";

/// What stands around the service.
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The customers' mail server.
    pub server: MailServer,
    /// The customers' SYSLOG receiver.
    pub receiver: Receiver,
    /// Database URL; a SQLite file in the temporary folder where absent.
    pub database: Option<String>,
    /// Watching servers in use.
    pub watch: WatchConfig,
}

/// The customers' mail server.
#[derive(Debug)]
pub enum MailServer {
    /// The built-in one.
    Sink(Sink),
    /// One that we did not write.
    Foreign(Box<ForeignSmtp>),
    /// The one behind the real tunnel of the lab.
    Lab(Box<Lab>),
}

/// Both ends of a customer's tunnel, as its record is to say.
pub(super) struct Ends {
    our_gateway: String,
    peer_gateway: String,
    our_network: String,
    peer_network: String,
    alerting_ip: String,
    inside_gateway: Option<String>,
}

/// A running demo. The folder vanishes when this is dropped; [`Demo::stop`] ends it in order.
pub struct Demo {
    /// The service's parts.
    pub app: Arc<App>,
    /// Where it listens.
    pub address: SocketAddr,
    /// One login per role.
    pub logins: Vec<Login>,
    /// Everybody in it.
    pub people: People,
    /// The customers' mail server.
    pub server: MailServer,
    /// The customers' SYSLOG receiver.
    pub receiver: Receiver,
    /// The product of Alder Mutual.
    pub product: StandIn,
    /// The product of Brightwater Rail.
    pub second_product: StandIn,
    service: Service,
    agent: Option<Beside>,
    folder: TempDir,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}; give another one with --listen ADDRESS:PORT")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The temporary folder, or a port of what stands around the service.
    #[error("the surroundings of the demo cannot be made")]
    Surroundings(#[from] io::Error),
    /// The mail server.
    #[error("the built-in mail server cannot be started")]
    Sink(#[from] SinkError),
    /// The service, or one of its use cases.
    #[error("the demo cannot be set up")]
    App(#[from] Error),
}

impl Demo {
    /// Starts everything; when this returns, the service answers and everybody can sign in. Cases are made by
    /// [`Demo::make_cases`].
    ///
    /// # Errors
    /// [`DemoError`] says what could not be had.
    pub async fn start(options: Options) -> Result<Self, DemoError> {
        let listener = TcpListener::bind(options.listen)
            .await
            .map_err(|source| DemoError::Listen { address: options.listen, source })?;
        let address = listener.local_addr()?;
        let folder = tempfile::Builder::new().prefix("postern-demo-").tempdir()?;
        let keys = [records::api_key(), records::api_key()];
        let product = StandIn::start(keys[0].expose()).await?;
        let second_product = StandIn::start(keys[1].expose()).await?;
        let config = config(&options, address, folder.path().to_owned());
        let mail = folder.path().join("mail");
        let clock = Clock::System;
        let mailer = |vault: &_| Ok(Mailer::folder(place::identity(&config, vault), mail));
        // Names of the demo are known to it alone.
        let names = options.server.name().to_owned();
        let [leads_to, _] = options.server.addresses();
        let resolver = Resolver::Fixed([(names, leads_to.parse().into_iter().collect())].into());
        let prober = Prober::Real { clock: clock.clone(), resolver, watch: Watch::None };
        let app = App::open(&config, clock, mailer, prober).await?;
        let [first, second] = keys;
        let products = [(product.base_url.clone(), first), (second_product.base_url.clone(), second)];
        let (people, logins) = records::make(&app, products, &options.server).await?;
        let service = Service::start(Arc::clone(&app), listener)?;
        let (server, receiver) = (options.server, options.receiver);
        let agent = match &server {
            MailServer::Lab(lab) => Some(lab.agent(&app, address).await?),
            MailServer::Sink(_) | MailServer::Foreign(_) => None,
        };
        Ok(Self { app, address, logins, people, server, receiver, product, second_product, service, agent, folder })
    }

    /// Makes cases in several states, by the acts of the people in them. The tests of these cases run meanwhile.
    ///
    /// # Errors
    /// What a use case refused.
    pub async fn make_cases(&self) -> Result<(), Error> {
        cases::make(&self.app, &self.people, &self.server).await
    }

    /// Where Postern's own mail is written, one file each.
    pub fn mail_folder(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    /// Stops the service in order; then everything around it ends and the folder vanishes.
    pub async fn stop(self) {
        if let Some(agent) = self.agent {
            agent.stop().await;
        }
        self.service.stop().await;
    }
}

impl MailServer {
    /// The account that may send to anybody.
    pub fn account(&self) -> &str {
        match self {
            Self::Sink(sink) => &sink.account,
            Self::Foreign(server) => &server.account,
            Self::Lab(lab) => &lab.account,
        }
    }

    /// Its password.
    pub fn password(&self) -> &Secret {
        match self {
            Self::Sink(sink) => &sink.password,
            Self::Foreign(server) => &server.password,
            Self::Lab(lab) => &lab.password,
        }
    }

    /// The name in its certificate.
    pub fn name(&self) -> &str {
        match self {
            Self::Sink(sink) => &sink.name,
            Self::Foreign(server) => &server.name,
            Self::Lab(lab) => &lab.name,
        }
    }

    /// The certification authority of its certificate, PEM.
    pub fn ca_pem(&self) -> &str {
        match self {
            Self::Sink(sink) => &sink.ca_pem,
            Self::Foreign(server) => &server.ca_pem,
            Self::Lab(lab) => &lab.ca_pem,
        }
    }

    /// Everything that it took so far, as text.
    ///
    /// # Errors
    /// The mailbox cannot be read.
    pub fn delivered(&self) -> io::Result<String> {
        match self {
            Self::Sink(sink) => Ok(sink.kept().into_iter().map(|mail| mail.text).collect()),
            Self::Foreign(server) => server.delivered(),
            Self::Lab(lab) => lab.delivered(),
        }
    }

    /// Switches it off; what it took stays readable.
    pub fn stop(&mut self) {
        match self {
            Self::Sink(sink) => sink.stop(),
            Self::Foreign(server) => server.stop(),
            Self::Lab(lab) => lab.stop(),
        }
    }

    /// Switches it on again.
    ///
    /// # Errors
    /// It does not come up; the built-in one never does.
    pub fn start_again(&mut self) -> io::Result<()> {
        match self {
            Self::Sink(_) => {
                Err(io::Error::other("the built-in mail server cannot be started again; walk against Exim"))
            }
            Self::Foreign(server) => server.start_again().map_err(io::Error::other),
            Self::Lab(lab) => {
                lab.start_again();
                Ok(())
            }
        }
    }

    /// The address that the first customer's request names.
    pub fn address(&self) -> String {
        let [first, _] = self.addresses();
        first
    }

    /// The address that the first customer's request names, and that which the second customer's does.
    pub fn addresses(&self) -> [String; 2] {
        match self {
            Self::Sink(_) | Self::Foreign(_) => ["10.20.4.15".to_owned(), "203.0.113.24".to_owned()],
            // It stands in one place, which only one of the two asks for.
            Self::Lab(lab) => [lab.address.to_string(), lab.address.to_string()],
        }
    }

    /// The address that it answers at too, behind the same tunnel.
    pub fn second_address(&self) -> String {
        match self {
            Self::Sink(_) | Self::Foreign(_) => "10.20.4.16".to_owned(),
            Self::Lab(lab) => lab.second_address.to_string(),
        }
    }

    /// Somebody at the server's domain.
    pub fn recipient(&self) -> String {
        format!("soc@{}", self.name().trim_start_matches("mail."))
    }

    /// The alerting IP of the second customer's tunnel.
    pub fn second_alerting_ip(&self) -> String {
        let [_, second] = self.ends();
        second.alerting_ip
    }

    /// The tunnels of the first and the second customer.
    fn ends(&self) -> [Ends; 2] {
        let first = Ends::of(["198.51.100.1", "203.0.113.2", "10.99.0.0/24", "10.20.0.0/16", "10.99.0.8"]);
        let second = Ends::of(["198.51.100.1", "203.0.113.130", "10.99.1.0/24", "203.0.113.16/28", "10.99.1.8"]);
        match self {
            Self::Lab(lab) if lab.tunnel() == records::FIRST_TUNNEL => [lab.ends(), second],
            Self::Lab(lab) => [first, lab.ends()],
            Self::Sink(_) | Self::Foreign(_) => [first, second],
        }
    }

    /// Where tests really connect, and whether they bind the alerting IP: the lab has all addresses, this machine none.
    fn lab(&self, receiver: &Receiver) -> crate::config::Lab {
        let (starttls, implicit) = match self {
            Self::Sink(sink) => (sink.port, sink.implicit_port),
            // The foreign one speaks STARTTLS only.
            Self::Foreign(server) => (server.port, server.port),
            Self::Lab(_) => return crate::config::Lab::default(),
        };
        crate::config::Lab { dial: dial(starttls, implicit, receiver.port()), bind_source: Some(false) }
    }
}

impl Ends {
    /// Our gateway, the customer's gateway, our network, the customer's network, alerting IP.
    fn of(words: [&str; 5]) -> Self {
        let [our_gateway, peer_gateway, our_network, peer_network, alerting_ip] = words.map(str::to_owned);
        Self { our_gateway, peer_gateway, our_network, peer_network, alerting_ip, inside_gateway: None }
    }
}

/// The configuration of the demo; the file and the environment have no say in it.
fn config(options: &Options, address: SocketAddr, data: PathBuf) -> Config {
    let database = options.database.clone();
    Config {
        database: database.unwrap_or_else(|| format!("sqlite:{}", data.join("postern.db").display())),
        data,
        listen: address,
        public_url: format!("http://{address}"),
        brand: Brand::default(),
        policy: Policy { allow_documentation: true },
        mail: MailConfig::default(),
        watch: options.watch,
        // Its logins are for everybody who reads the terminal.
        accounts: AccountsConfig { staff_second_factor: false },
        alerting_ips: AlertingIpsConfig { public: true },
        trusted_proxies: Vec::new(),
        metrics: MetricsConfig::default(),
        // People who try the demo press the buttons more often than customers do.
        probe: ProbeConfig { per_customer_hour: 60, ..ProbeConfig::default() },
        webhooks: WebhooksConfig { allow: loopback(), ca_file: None },
        lab: options.server.lab(&options.receiver),
        workflows: None,
        file: None,
    }
}

/// Whoever tries the demo has a receiver of webhooks on this machine, if any.
fn loopback() -> Vec<IpNet> {
    [IpNet::from(IpAddr::from(Ipv4Addr::LOCALHOST)), IpNet::from(IpAddr::from(Ipv6Addr::LOCALHOST))].to_vec()
}

/// Where tests really connect: the usual ports of every server lead to the one mail server and the one SYSLOG receiver on
/// this machine.
fn dial(starttls: u16, implicit: u16, syslog: Option<u16>) -> BTreeMap<SocketAddr, SocketAddr> {
    let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ports = [(25, starttls), (465, implicit), (587, starttls)];
    let mut map = BTreeMap::new();
    for ip in SERVERS.into_iter().filter_map(|text| text.parse().ok()) {
        map.extend(ports.map(|(port, real)| (SocketAddr::new(ip, port), local(real))));
        let receivers = syslog.into_iter().flat_map(|real| [514, 601, 6514].map(|port| (port, real)));
        map.extend(receivers.map(|(port, real)| (SocketAddr::new(ip, port), local(real))));
    }
    if let Ok(ip) = DEAD_SERVER.parse() {
        // Port 1 (tcpmux) has no server on any machine of these days.
        map.extend(ports.map(|(port, _)| (SocketAddr::new(ip, port), local(1))));
    }
    map
}
