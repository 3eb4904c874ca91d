//! `postern demo --walk private`: drives the main job over HTTP as customer and engineer would, against a mail server that
//! we did not write, and says whether the case ended where it must.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::json;

use super::demo::lab::Lab;
use super::demo::{Demo, MailServer, Options};
use super::foreign_smtp::{ForeignSmtp, ForeignSmtpError};
use super::out::{self, Code, Stop};
use super::sink::Sink;
use super::visitor::Visitor;
use crate::app::{cases, chain};
use crate::apply::Behaviour;
use crate::domain::case::Case;
use crate::secret::Secret;

/// How long the machine may take for one of its steps.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often a page is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// A branch of the procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Branch {
    /// A server inside the customer's network.
    Private,
}

/// What is broken on purpose, to see that the walk notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Break {
    /// The mail server is switched off.
    SmtpDown,
    /// The customer enters a wrong password.
    WrongPassword,
    /// The product answers 200 and stores nothing.
    ProductLies,
}

/// What is walked, and how.
pub(super) struct Plan {
    /// What is broken on purpose.
    pub(super) broken: Option<Break>,
    /// The built-in mail server in place of a foreign one.
    pub(super) sink: bool,
    /// The command of the lab, whose tunnel and mail server are used.
    pub(super) lab: Option<PathBuf>,
    /// Steps as JSON lines.
    pub(super) json: bool,
}

/// Walks the branch and tells each step; fails with the name of the step that did not end where it must.
///
/// # Errors
/// [`Code::Away`] without the mail server's package; [`Code::Failed`] names the step.
pub(super) async fn run(plan: &Plan) -> Result<(), Stop> {
    let server = mail_server(plan).await?;
    let listen = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
    let demo =
        Demo::start(Options { listen, server, database: None }).await.map_err(|error| Stop::failed(chain(&error)))?;
    let mut walk = Walk { demo, json: plan.json, began: Instant::now(), number: 0 };
    let outcome = walk.private(plan.broken).await;
    walk.demo.stop().await;
    outcome.map_err(|Fault { step, what }| Stop::Said(Code::Failed, format!("{step}: {what}")))
}

async fn mail_server(plan: &Plan) -> Result<MailServer, Stop> {
    if let Some(command) = &plan.lab {
        let lab = Lab::read(command).map_err(|error| Stop::Said(Code::Away, chain(&error)))?;
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
}

impl Walk {
    async fn private(&mut self, broken: Option<Break>) -> Result<(), Fault> {
        let mut customer = self.sign_in("sign in as customer", "customer@demo.example").await?;
        self.request(&mut customer).await?;
        let mut engineer = self.sign_in("sign in as engineer", "engineer@demo.example").await?;
        self.act(&mut engineer, ("claim the case", "claim"), &[]).await?;
        let step = "whitelist the IP";
        self.act(&mut engineer, (step, "act/configuration_done"), &[("change_ref", "CHG-4711")]).await?;
        self.reaches(step, "let_us_in").await?;
        if broken == Some(Break::SmtpDown) {
            self.demo.server.stop();
        }
        self.act(&mut customer, ("let our alerting IP in", "act/let_in_done"), &[]).await?;
        self.reaches("tunnel test (reach)", "settings").await?;
        if broken == Some(Break::ProductLies) {
            self.demo.product.set_behaviour(Behaviour::StoresNothing);
        }
        let account = self.demo.server.account().to_owned();
        let wrong = Secret::new("not-the-password".to_owned());
        let right = self.demo.server.password().clone();
        let password = if broken == Some(Break::WrongPassword) { wrong } else { right };
        let settings = [
            ("test_recipient", "soc@customer.example"),
            ("smtp_account", account.as_str()),
            ("smtp_password", password.expose()),
        ];
        self.act(&mut customer, ("enter the SMTP settings", "act/submit_settings"), &settings).await?;
        self.leaves("full test", &["full_test"], &["applying", "apply_failed", "confirm_delivery"]).await?;
        self.leaves("apply and read back", &["applying"], &["confirm_delivery"]).await?;
        self.product_holds(&account, &password)?;
        self.alert_arrived().await?;
        self.act(&mut customer, ("confirm the test alert", "act/it_arrived"), &[]).await?;
        self.reaches("alerts are on", "active").await?;
        self.on_record().await
    }

    async fn sign_in(&self, step: &'static str, email: &str) -> Result<Visitor, Fault> {
        let fault = |what: String| Fault { step, what };
        let login = self.demo.logins.iter().find(|login| login.email == email);
        let login = login.ok_or_else(|| fault(format!("the demo has no login for {email}")))?;
        let base = format!("http://{}", self.demo.address);
        Visitor::signed_in(&base, email, &login.password).await.map_err(fault)
    }

    /// Questions, check page, sent.
    async fn request(&mut self, customer: &mut Visitor) -> Result<(), Fault> {
        let step = "send the request";
        let began = Instant::now();
        let (name, address) = (self.demo.server.name().to_owned(), self.demo.server.address());
        let answers = [
            ("smtp_host", name.as_str()),
            ("smtp_ip", address.as_str()),
            ("smtp_port", "587"),
            ("encryption", "starttls"),
            ("sender_address", "alerts@customer.example"),
        ];
        let fault = |what: String| Fault { step, what };
        customer.send("/start/where", "/start/where", &[("smtp_location", "private")]).await.map_err(fault)?;
        customer.send("/start/server", "/start/server", &answers).await.map_err(fault)?;
        let sent = customer.send("/start/check", "/start/check", &[]).await.map_err(fault)?;
        let number = sent.trim_start_matches("/cases/").trim_end_matches("/sent").parse();
        self.number = number.map_err(|_no_number| fault(format!("the answer leads to {sent}")))?;
        self.tell(step, customer.email(), began).await
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

    /// The product holds exactly what was tested.
    fn product_holds(&self, account: &str, password: &Secret) -> Result<(), Fault> {
        let holds = self.demo.product.settings();
        let wanted = json!({
            "smtpServerAddress": self.demo.server.name(), "smtpServerPort": 587, "smtpAccount": account,
            "smtpUseStartTLS": true, "tls": false, "emailSender": "alerts@customer.example",
            "smtpAccountPassword": password.expose(),
        });
        let differs: Vec<&str> = wanted
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, value)| holds.get(*field) != Some(value))
            .map(|(field, _)| field.as_str())
            .collect();
        if differs.is_empty() {
            return Ok(());
        }
        Err(Fault { step: "look into the product", what: format!("other values in {}", differs.join(", ")) })
    }

    /// The foreign mailbox holds the test alert; delivery follows the server's last answer by a moment.
    async fn alert_arrived(&self) -> Result<(), Fault> {
        let step = "look into the mailbox";
        let began = Instant::now();
        let wanted = format!("{}-", self.number);
        while began.elapsed() < PATIENCE {
            let mailbox = self.demo.server.delivered().map_err(|error| Fault { step, what: error.to_string() })?;
            if mailbox.contains("Postern test alert") && mailbox.contains(&wanted) {
                return self.tell(step, "postern", began).await;
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(Fault { step, what: "no test alert arrived".to_owned() })
    }

    /// The record says so too: these settings passed, were applied and read back, and mails went out.
    async fn on_record(&self) -> Result<(), Fault> {
        let step = "look at the record";
        let fault = |what: &str| Fault { step, what: what.to_owned() };
        let engineer = &self.demo.people.engineer;
        let view = cases::view(&self.demo.app, engineer, self.number)
            .await
            .map_err(|error| Fault { step, what: chain(&error) })?;
        let newest = view.settings.first().ok_or_else(|| fault("no settings are on record"))?;
        newest.passed_probe.ok_or_else(|| fault("the settings passed no test"))?;
        newest.applied_at.ok_or_else(|| fault("the settings were not applied"))?;
        let mails = std::fs::read_dir(self.demo.mail_folder()).map_or(0, Iterator::count);
        if mails < 5 {
            return Err(Fault { step, what: format!("only {mails} mails went out") });
        }
        let total = self.began.elapsed().as_millis();
        let facts = [("mails", mails.to_string()), ("total_ms", total.to_string())];
        self.say(step, "postern", &view.case, self.began.elapsed(), &BTreeMap::from(facts))
    }

    async fn case(&self, step: &'static str) -> Result<Case, Fault> {
        let engineer = &self.demo.people.engineer;
        let view = cases::view(&self.demo.app, engineer, self.number).await;
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
            format!("{who:<22}  {step:<26}  {:<22}  {ms:>6} ms  {}", case.flow.state, facts.join(", "))
        };
        out::print(&[line.trim_end().to_owned()]).map_err(|stop| Fault { step, what: stop.text().to_owned() })
    }
}
