//! `postern demo --walk BRANCH`: drives a branch of the procedure over HTTP as customer and engineer would, against servers
//! that we did not write, and says whether the case ended where it must. `vpn`, `relay` and `syslog` hold the branches; here
//! are the steps that they are made of.

/// Our alerting IP changes.
mod alerting;
/// The IP of a server in use changes.
mod notice;
/// A Secure Relay.
mod relay;
/// The settings of a server in use change.
mod settings;
/// SYSLOG receivers behind the tunnel.
mod syslog;
/// Servers that are reached through the tunnel.
mod vpn;
/// A server in use is watched.
mod watching;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::json;

use crate::app::{cases, chain};
use crate::cli::demo::lab::{Lab, Stands};
use crate::cli::demo::{Demo, MailServer, Options, Receiver};
use crate::cli::foreign_smtp::{ForeignSmtp, ForeignSmtpError};
use crate::cli::foreign_syslog::{ForeignSyslog, ForeignSyslogError};
use crate::cli::out::{self, Code, Stop};
use crate::cli::sink::Sink;
use crate::cli::sink::syslog::SyslogSink;
use crate::cli::visitor::Visitor;
use crate::config::WatchConfig;
use crate::domain::case::Case;

/// How long the machine may take for one of its steps.
const PATIENCE: Duration = Duration::from_secs(40);
/// Seconds between two rounds of watching, where they are what is walked.
const WATCH_SECONDS: u32 = 5;
/// How often a page is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// A branch of the procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Branch {
    /// A server inside the customer's network.
    Private,
    /// A server outside it that lets in known IPs only.
    PublicFiltered,
    /// A server outside it that lets everybody in.
    PublicUnfiltered,
    /// A server outside it, of which nobody knows whether it filters; the test tells.
    PublicUnknown,
    /// The customer's own relay.
    SecureRelay,
    /// Alerts are on and stop arriving.
    Trouble,
    /// SYSLOG receivers inside the network, over TCP and over UDP.
    Syslog,
    /// Alerts are on and the settings change.
    SettingsChange,
    /// Alerts are on, and watching sees what goes wrong by itself.
    Watching,
    /// Alerts are on and the IP of the server changes.
    IpChange,
    /// Alerts are on and our alerting IP changes.
    AlertingIpChange,
    /// One after the other.
    All,
}

impl Branch {
    const EACH: [Self; 11] = [
        Self::Private,
        Self::PublicFiltered,
        Self::PublicUnfiltered,
        Self::PublicUnknown,
        Self::SecureRelay,
        Self::Trouble,
        Self::Syslog,
        Self::SettingsChange,
        Self::Watching,
        Self::IpChange,
        Self::AlertingIpChange,
    ];

    /// Which of the lab's mail servers the branch is about; none where no tunnel is part of it.
    fn in_the_lab(self) -> Option<Stands> {
        match self {
            Self::Private | Self::Trouble | Self::Syslog | Self::SettingsChange | Self::Watching | Self::IpChange => {
                Some(Stands::BehindTunnel)
            }
            Self::PublicFiltered | Self::PublicUnfiltered | Self::PublicUnknown => Some(Stands::Outside),
            Self::SecureRelay | Self::AlertingIpChange | Self::All => None,
        }
    }
}

/// What is broken on purpose, to see that the walk notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Break {
    /// The mail server is switched off.
    SmtpDown,
    /// The customer enters a wrong password.
    WrongPassword,
    /// The product answers 200 and stores nothing.
    ProductLies,
}

/// What is walked, and how.
pub(in crate::cli) struct Plan {
    /// The branch.
    pub(in crate::cli) branch: Branch,
    /// What is broken on purpose.
    pub(in crate::cli) broken: Option<Break>,
    /// The built-in mail server in place of a foreign one.
    pub(in crate::cli) sink: bool,
    /// The command of the lab, whose tunnel and mail server are used.
    pub(in crate::cli) lab: Option<PathBuf>,
    /// Steps as JSON lines.
    pub(in crate::cli) json: bool,
}

/// Walks the branch and tells each step; fails with the name of the step that did not end where it must.
///
/// # Errors
/// [`Code::Usage`] for a branch that cannot be walked as asked; [`Code::Away`] without the mail server's package;
/// [`Code::Failed`] names the step.
pub(in crate::cli) async fn run(plan: &Plan) -> Result<(), Stop> {
    let branches = if plan.branch == Branch::All { &Branch::EACH[..] } else { std::slice::from_ref(&plan.branch) };
    for branch in branches {
        if plan.lab.is_some() && branch.in_the_lab().is_none() {
            if plan.branch == Branch::All {
                continue;
            }
            let what = "no tunnel is part of this branch; leave --lab out";
            return Err(Stop::Said(Code::Usage, what.to_owned()));
        }
        if plan.broken.is_some() && *branch != Branch::Private {
            return Err(Stop::Said(Code::Usage, "--break belongs to --walk private".to_owned()));
        }
        walk(plan, *branch).await?;
    }
    Ok(())
}

async fn walk(plan: &Plan, branch: Branch) -> Result<(), Stop> {
    let server = mail_server(plan, branch).await?;
    let receiver = receiver(plan, branch, &server).await?;
    let listen = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
    let interval = if branch == Branch::Watching { WATCH_SECONDS } else { WatchConfig::default().interval };
    let watch = WatchConfig { interval };
    let demo = Demo::start(Options { listen, server, receiver, database: None, watch })
        .await
        .map_err(|error| Stop::failed(chain(&error)))?;
    let mut walk = Walk { demo, json: plan.json, began: Instant::now(), number: 0, by_address: None };
    let outcome = match branch {
        Branch::Private => walk.private(plan.broken).await,
        Branch::PublicFiltered => walk.public("yes").await,
        Branch::PublicUnfiltered => walk.public("no").await,
        Branch::PublicUnknown => walk.public("unknown").await,
        Branch::SecureRelay => walk.secure_relay().await,
        Branch::Trouble => walk.trouble().await,
        Branch::Syslog => walk.syslog().await,
        Branch::SettingsChange => walk.settings_change().await,
        Branch::Watching => walk.watching().await,
        Branch::IpChange => walk.ip_change().await,
        Branch::AlertingIpChange => walk.alerting_ip_change().await,
        Branch::All => Ok(()),
    };
    walk.demo.stop().await;
    outcome.map_err(|Fault { step, what }| Stop::Said(Code::Failed, format!("{step}: {what}")))
}

async fn mail_server(plan: &Plan, branch: Branch) -> Result<MailServer, Stop> {
    if let Some((command, stands)) = plan.lab.as_ref().zip(branch.in_the_lab()) {
        let lab = Lab::read(command, stands).map_err(|error| Stop::Said(Code::Away, chain(&error)))?;
        return Ok(MailServer::Lab(Box::new(lab)));
    }
    if plan.sink {
        let sink = Sink::start(&["10.20.4.15"]).await.map_err(|error| Stop::failed(chain(&error)))?;
        return Ok(MailServer::Sink(sink));
    }
    match tokio::task::spawn_blocking(ForeignSmtp::start).await.map_err(Stop::failed)? {
        Ok(server) => Ok(MailServer::Foreign(Box::new(server))),
        Err(error @ ForeignSmtpError::Missing) => Err(Stop::Said(Code::Away, error.to_string())),
        Err(error) => Err(Stop::failed(chain(&error))),
    }
}

/// The foreign receiver is started only for the branch that needs it, so that the others need no package of it.
async fn receiver(plan: &Plan, branch: Branch, server: &MailServer) -> Result<Receiver, Stop> {
    if let MailServer::Lab(lab) = server {
        let log = lab.syslog_log();
        return log.map(Receiver::Lab).ok_or_else(|| Stop::Said(Code::Away, "the lab says no SYSLOG_LOG".to_owned()));
    }
    if plan.sink || branch != Branch::Syslog {
        return Ok(Receiver::Sink(SyslogSink::start().await.map_err(Stop::failed)?));
    }
    match tokio::task::spawn_blocking(ForeignSyslog::start).await.map_err(Stop::failed)? {
        Ok(receiver) => Ok(Receiver::Foreign(Box::new(receiver))),
        Err(error @ ForeignSyslogError::Missing) => Err(Stop::Said(Code::Away, error.to_string())),
        Err(error) => Err(Stop::failed(chain(&error))),
    }
}

/// The step that did not end where it must, and what was there.
struct Fault {
    step: &'static str,
    what: String,
}

struct Walk {
    demo: Demo,
    json: bool,
    began: Instant,
    number: i64,
    /// The IP by which the product knows the server, where the customer gives no name.
    by_address: Option<String>,
}

impl Walk {
    async fn sign_in(&self, step: &'static str, email: &str) -> Result<Visitor, Fault> {
        let fault = |what: String| Fault { step, what };
        let login = self.demo.logins.iter().find(|login| login.email == email);
        let login = login.ok_or_else(|| fault(format!("the demo has no login for {email}")))?;
        let base = format!("http://{}", self.demo.address);
        Visitor::signed_in(&base, email, &login.password).await.map_err(fault)
    }

    /// One form of the case page or of an act's own page.
    async fn act(
        &mut self,
        visitor: &mut Visitor,
        (step, path): (&'static str, &str),
        answers: &[(&str, &str)],
    ) -> Result<(), Fault> {
        let began = Instant::now();
        let action = format!("/cases/{}/{path}", self.number);
        let page = if path.starts_with("act/") { action.clone() } else { format!("/cases/{}", self.number) };
        visitor.send(&page, &action, answers).await.map_err(|what| Fault { step, what })?;
        self.tell(step, visitor.email(), began).await
    }

    async fn reaches(&self, step: &'static str, state: &str) -> Result<(), Fault> {
        self.leaves(step, &[], &[state]).await
    }

    /// Waits until the case has left what the machine is working on, and asks that it went where it must.
    async fn leaves(&self, step: &'static str, passing: &[&str], good: &[&str]) -> Result<(), Fault> {
        let began = Instant::now();
        loop {
            let case = self.case(step).await?;
            let state = case.flow.state.as_str();
            if good.contains(&state) {
                return self.tell(step, "postern", began).await;
            }
            let is_under_way = passing.contains(&state) || ["tunnel_test", "full_test", "applying"].contains(&state);
            if !is_under_way || began.elapsed() > PATIENCE {
                let why: Vec<String> = ["cause", "evidence"]
                    .into_iter()
                    .filter_map(|field| case.flow.data.get(field).map(ToString::to_string))
                    .collect();
                let what = format!("the case is in {state}, not in {} ({})", good.join(" or "), why.join("; "));
                return Err(Fault { step, what });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn case(&self, step: &'static str) -> Result<Case, Fault> {
        self.case_of(step, self.number).await
    }

    async fn case_of(&self, step: &'static str, number: i64) -> Result<Case, Fault> {
        let engineer = &self.demo.people.engineer;
        let view = cases::view(&self.demo.app, engineer, number).await;
        view.map(|view| view.case).map_err(|error| Fault { step, what: chain(&error) })
    }

    async fn tell(&self, step: &'static str, who: &str, began: Instant) -> Result<(), Fault> {
        let case = self.case(step).await?;
        self.say(step, who, &case, began.elapsed(), &BTreeMap::new())
    }

    fn say(
        &self,
        step: &'static str,
        who: &str,
        case: &Case,
        took: Duration,
        facts: &BTreeMap<&str, String>,
    ) -> Result<(), Fault> {
        let ms = took.as_millis();
        let line = if self.json {
            json!({"step": step, "who": who, "state": case.flow.state, "ms": ms, "facts": facts}).to_string()
        } else {
            let facts: Vec<String> = facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
            format!("{who:<24}  {step:<29}  {:<22}  {ms:>6} ms  {}", case.flow.state, facts.join(", "))
        };
        out::print(&[line.trim_end().to_owned()]).map_err(|stop| Fault { step, what: stop.text().to_owned() })
    }
}

/// The case that an address like `/cases/1001/sent` leads to.
fn number(location: &str) -> Option<i64> {
    location.strip_prefix("/cases/")?.trim_end_matches("/sent").parse().ok()
}
