//! `postern demo`: everything on this machine, in a temporary folder: the service with its real workers, three
//! customers, a mail server, a product. Nothing of it is a mock-up of Postern; what is not real is what stands around it.
//!
//! Reading order: this file starts and stops it, `records` makes customers and people, `cases` lets them work.

mod cases;
mod records;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub use records::{Login, People};

use super::foreign_smtp::ForeignSmtp;
use super::out::{self, Code, Stop};
use super::place;
use super::service::{Service, Signals};
use super::sink::{Sink, SinkError};
use super::walk::{self, Branch, Break, Plan};
use crate::app::{App, Error};
use crate::apply::StandIn;
use crate::clock::Clock;
use crate::config::{Brand, Config, Lab, MailConfig, Policy};
use crate::mail::Mailer;
use crate::probe::Prober;
use crate::secret::Secret;
use crate::telemetry;

/// Where the demo listens if nothing else is said; another port is taken where this one is in use.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
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

/// Options of `postern demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Address and port to listen on; 127.0.0.1:8080, or another port where that is in use
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Drive one branch of the procedure from request to end, print each step, and exit
    #[arg(long, value_enum, value_name = "BRANCH")]
    walk: Option<Branch>,
    /// Break something on purpose; the walk must notice
    #[arg(long, value_enum, value_name = "WHAT", requires = "walk")]
    r#break: Option<Break>,
    /// Walk against the built-in mail server instead of Exim
    #[arg(long, requires = "walk")]
    sink: bool,
    /// Print the steps as JSON lines
    #[arg(long, requires = "walk")]
    json: bool,
}

/// What stands around the service.
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The customers' mail server.
    pub server: MailServer,
    /// Database URL; a SQLite file in the temporary folder where absent.
    pub database: Option<String>,
}

/// The customers' mail server.
#[derive(Debug)]
pub enum MailServer {
    /// The built-in one.
    Sink(Sink),
    /// One that we did not write.
    Foreign(Box<ForeignSmtp>),
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
    /// The product of Alder Mutual.
    pub product: StandIn,
    /// The product of Brightwater Rail.
    pub second_product: StandIn,
    service: Service,
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
        let app = App::open(&config, clock.clone(), mailer, Prober::real(clock)).await?;
        let [first, second] = keys;
        let products = [(product.base_url.clone(), first), (second_product.base_url.clone(), second)];
        let (people, logins) = records::make(&app, products, options.server.ca_pem()).await?;
        let service = Service::start(Arc::clone(&app), listener)?;
        Ok(Self { app, address, logins, people, server: options.server, product, second_product, service, folder })
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
        self.service.stop().await;
    }
}

impl MailServer {
    /// The account that may send to anybody.
    pub fn account(&self) -> &str {
        match self {
            Self::Sink(sink) => &sink.account,
            Self::Foreign(server) => &server.account,
        }
    }

    /// Its password.
    pub fn password(&self) -> &Secret {
        match self {
            Self::Sink(sink) => &sink.password,
            Self::Foreign(server) => &server.password,
        }
    }

    /// The name in its certificate.
    pub fn name(&self) -> &str {
        match self {
            Self::Sink(sink) => &sink.name,
            Self::Foreign(server) => &server.name,
        }
    }

    /// The certification authority of its certificate, PEM.
    pub fn ca_pem(&self) -> &str {
        match self {
            Self::Sink(sink) => &sink.ca_pem,
            Self::Foreign(server) => &server.ca_pem,
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
        }
    }

    /// Switches it off; what it took stays readable.
    pub fn stop(&mut self) {
        match self {
            Self::Sink(sink) => sink.stop(),
            Self::Foreign(server) => server.stop(),
        }
    }

    /// Its ports for STARTTLS and for implicit TLS. The foreign one has only the first.
    fn ports(&self) -> (u16, u16) {
        match self {
            Self::Sink(sink) => (sink.port, sink.implicit_port),
            Self::Foreign(server) => (server.port, server.port),
        }
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
        lab: Lab { dial: dial(options.server.ports()), bind_source: Some(false) },
        file: None,
    }
}

/// Where tests really connect: the usual mail ports of every server lead to the one mail server on this machine.
fn dial((starttls, implicit): (u16, u16)) -> BTreeMap<SocketAddr, SocketAddr> {
    let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ports = [(25, starttls), (465, implicit), (587, starttls)];
    let mut map = BTreeMap::new();
    for ip in SERVERS.into_iter().filter_map(|text| text.parse().ok()) {
        map.extend(ports.map(|(port, real)| (SocketAddr::new(ip, port), local(real))));
    }
    if let Ok(ip) = DEAD_SERVER.parse() {
        // Port 1 (tcpmux) has no server on any machine of these days.
        map.extend(ports.map(|(port, _)| (SocketAddr::new(ip, port), local(1))));
    }
    map
}

/// Runs the demo until a signal ends it.
pub(super) fn run(args: &DemoArgs) -> ExitCode {
    out::end(demo(args))
}

fn demo(args: &DemoArgs) -> Result<(), Stop> {
    telemetry::start(telemetry::TALK).map_err(|error| Stop::Said(Code::Usage, error.to_string()))?;
    let runtime = place::runtime()?;
    let plan = Plan { broken: args.r#break, sink: args.sink, json: args.json };
    let outcome = runtime.block_on(async {
        match args.walk {
            Some(Branch::Private) => walk::run(&plan).await,
            None => until_signalled(args).await,
        }
    });
    runtime.shutdown_background();
    outcome
}

async fn until_signalled(args: &DemoArgs) -> Result<(), Stop> {
    let mut signals = Signals::take().map_err(Stop::failed)?;
    let demo = start(args).await.map_err(|error| Stop::failed(crate::app::chain(&error)))?;
    greet(&demo)?;
    let interrupted = tokio::select! {
        made = demo.make_cases() => {
            match made {
                Ok(()) => out::say("Eight cases are there, in different states."),
                Err(error) => out::say(&format!("Not all cases could be made: {}", Stop::from(error).text())),
            }
            None
        }
        name = signals.wait() => Some(name),
    };
    let name = match interrupted {
        Some(name) => name,
        None => signals.wait().await,
    };
    out::say(&format!("{name}: stopping."));
    tokio::select! {
        () = demo.stop() => {}
        _ = signals.wait() => {}
    }
    Ok(())
}

/// Starts on the address asked for, or on the usual one, or on a free port where the usual one is in use.
async fn start(args: &DemoArgs) -> Result<Demo, DemoError> {
    let mut listen = args.listen.unwrap_or(LISTEN);
    if args.listen.is_none() && TcpListener::bind(listen).await.is_err() {
        listen.set_port(0);
    }
    let server = MailServer::Sink(Sink::start(&SERVERS).await?);
    Demo::start(Options { listen, server, database: None }).await
}

/// The address and one login per role go to standard output, the rest to standard error.
fn greet(demo: &Demo) -> Result<(), Stop> {
    let mut lines = vec![format!("http://{}", demo.address)];
    let width = demo.logins.iter().map(|login| login.email.len()).max().unwrap_or(0);
    for Login { email, password, what } in &demo.logins {
        lines.push(format!("{email:<width$}  {}  {what}", password.expose()));
    }
    out::print(&lines)?;
    out::say(&format!("Data: {} (vanishes at the end)", demo.folder.path().display()));
    out::say(&demo.app.mailer.describe());
    out::say(&format!(
        "A customer's mail server answers behind 10.20.4.15, ports 25, 465 and 587; account {}, password {}, name {}",
        demo.server.account(),
        demo.server.password().expose(),
        demo.server.name(),
    ));
    out::say("Next: sign in as customer@demo.example and start a request. Ctrl-C ends the demo.");
    Ok(())
}
