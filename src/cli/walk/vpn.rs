//! The branches of the VPN architecture: from the request to alerts that arrive, and back there after trouble.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;

use super::{Break, Fault, LOOK, PATIENCE, Walk};
use crate::app::{cases, chain};
use crate::apply::{Behaviour, StandIn};
use crate::cli::visitor::Visitor;
use crate::secret::Secret;

/// What the customer answers about the server.
struct Server {
    /// The pages of questions that come before, with their answers.
    before: Vec<(&'static str, &'static str, &'static str)>,
    address: String,
}

impl Walk {
    pub(super) async fn private(&mut self, broken: Option<Break>) -> Result<(), Fault> {
        let mut customer = self.sign_in("sign in as customer", "customer@demo.example").await?;
        let [address, _] = self.demo.server.addresses();
        let where_it_is = ("/start/where", "smtp_location", "private");
        self.request(&mut customer, Server { before: vec![where_it_is], address }).await?;
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
        let right = self.demo.server.password().clone();
        let is_wrong = broken == Some(Break::WrongPassword);
        let password = if is_wrong { Secret::new("not-the-password".to_owned()) } else { right };
        self.finish(&mut customer, &password).await
    }

    /// A server outside; `filters` is the customer's answer to whether it lets in known IPs only.
    pub(super) async fn public(&mut self, filters: &'static str) -> Result<(), Fault> {
        let mut customer = self.sign_in("sign in as customer", "brightwater@demo.example").await?;
        let before = vec![("/start/where", "smtp_location", "public"), ("/start/filters", "filters_inbound", filters)];
        let [_, address] = self.demo.server.addresses();
        self.request(&mut customer, Server { before, address }).await?;
        let mut engineer = self.sign_in("sign in as engineer", "engineer@demo.example").await?;
        self.act(&mut engineer, ("claim the case", "claim"), &[]).await?;
        let reference = [("change_ref", "CHG-4712")];
        if filters == "yes" {
            let step = "give the alerting IP";
            self.act(&mut engineer, (step, "act/provide_alerting_ip"), &reference).await?;
            self.provider_lets_us_in(&mut customer, step).await?;
        } else {
            // A server that filters, and nobody knew, looks like one that is switched off.
            let hides_a_filter = filters == "unknown";
            if hides_a_filter {
                self.demo.server.stop();
            }
            self.act(&mut engineer, ("whitelist and route", "act/public_routed"), &reference).await?;
            if hides_a_filter {
                let step = "the test tells";
                self.reaches(step, "provider_whitelisting").await?;
                self.start_server_again(step)?;
                self.provider_lets_us_in(&mut customer, step).await?;
            }
        }
        self.reaches("tunnel test (reach)", "settings").await?;
        let password = self.demo.server.password().clone();
        self.finish(&mut customer, &password).await
    }

    /// The provider whitelists the alerting IP, which stands in the customer's case.
    async fn provider_lets_us_in(&mut self, customer: &mut Visitor, step: &'static str) -> Result<(), Fault> {
        self.reaches(step, "provider_whitelisting").await?;
        let page = customer.open(&format!("/cases/{}", self.number)).await.map_err(|what| Fault { step, what })?;
        if !page.contains(&self.demo.server.second_alerting_ip()) {
            return Err(Fault { step, what: "the customer's page does not give the alerting IP".to_owned() });
        }
        let ticket = [("provider_ref", "PROV-77")];
        self.act(customer, ("the provider has whitelisted", "act/confirm_whitelisted"), &ticket).await
    }

    /// The whole private branch; then the server goes away, everybody who has the turn acts, and alerts arrive again.
    pub(super) async fn trouble(&mut self) -> Result<(), Fault> {
        self.private(None).await?;
        let mut customer = self.sign_in("sign in as customer", "customer@demo.example").await?;
        let mut engineer = self.sign_in("sign in as engineer", "engineer@demo.example").await?;
        self.demo.server.stop();
        let seen = [("channel", "smtp"), ("symptom", "cannot_send")];
        self.act(&mut customer, ("report the trouble", "act/report_problem"), &seen).await?;
        self.reaches("automatic test", "repair_delivery").await?;
        let checks = [("reachable_in_tunnel", "false"), ("whitelisted_ours", "true"), ("whitelisted_theirs", "true")];
        let step = "check both ends";
        self.act(&mut engineer, (step, "act/record_checks"), &checks).await?;
        self.reaches(step, "repair_timeout").await?;
        let checks = [("tunnel_active", "true"), ("routing_ok", "false")];
        let step = "check tunnel and routes";
        self.act(&mut engineer, (step, "act/record_tunnel_checks"), &checks).await?;
        self.reaches(step, "tunnel_fix").await?;
        let step = "repair";
        self.start_server_again(step)?;
        let done = [("evidence", "The route to the server was missing on the customer's gateway.")];
        self.act(&mut engineer, (step, "act/tunnel_repaired"), &done).await?;
        self.leaves("test again", &[], &["confirm_delivery"]).await?;
        self.alert_arrived(2).await?;
        self.act(&mut customer, ("confirm the test alert", "act/it_arrived"), &[]).await?;
        self.reaches("alerts are on again", "active").await
    }

    fn start_server_again(&mut self, step: &'static str) -> Result<(), Fault> {
        self.demo.server.start_again().map_err(|error| Fault { step, what: error.to_string() })
    }

    /// Questions, check page, sent.
    async fn request(&mut self, customer: &mut Visitor, server: Server) -> Result<(), Fault> {
        let step = "send the request";
        let began = Instant::now();
        let name = self.demo.server.name().to_owned();
        let answers = [
            ("smtp_host", name.as_str()),
            ("smtp_ip", server.address.as_str()),
            ("smtp_port", "587"),
            ("encryption", "starttls"),
            ("sender_address", "alerts@customer.example"),
        ];
        let fault = |what: String| Fault { step, what };
        for (page, field, answer) in server.before {
            customer.send(page, page, &[(field, answer)]).await.map_err(fault)?;
        }
        customer.send("/start/server", "/start/server", &answers).await.map_err(fault)?;
        let sent = customer.send("/start/check", "/start/check", &[]).await.map_err(fault)?;
        self.number = super::number(&sent).ok_or_else(|| fault(format!("the answer leads to {sent}")))?;
        self.tell(step, customer.email(), began).await
    }

    /// From the settings to alerts that arrive.
    async fn finish(&mut self, customer: &mut Visitor, password: &Secret) -> Result<(), Fault> {
        let account = self.demo.server.account().to_owned();
        let recipient = self.demo.server.recipient();
        let settings = [
            ("test_recipient", recipient.as_str()),
            ("smtp_account", account.as_str()),
            ("smtp_password", password.expose()),
        ];
        self.act(customer, ("enter the SMTP settings", "act/submit_settings"), &settings).await?;
        self.leaves("full test", &["full_test"], &["applying", "apply_failed", "confirm_delivery"]).await?;
        self.leaves("apply and read back", &["applying"], &["confirm_delivery"]).await?;
        let is_first = customer.email() == "customer@demo.example";
        let product = if is_first { &self.demo.product } else { &self.demo.second_product };
        self.holds(product, (587, "alerts@customer.example"), (&account, password))?;
        self.alert_arrived(1).await?;
        self.act(customer, ("confirm the test alert", "act/it_arrived"), &[]).await?;
        self.reaches("alerts are on", "active").await?;
        self.on_record().await
    }

    /// The product holds exactly what was tested.
    pub(super) fn holds(
        &self,
        product: &StandIn,
        (port, sender): (i64, &str),
        (account, password): (&str, &Secret),
    ) -> Result<(), Fault> {
        let holds = product.settings();
        let wanted = json!({
            "smtpServerAddress": self.demo.server.name(), "smtpServerPort": port, "smtpAccount": account,
            "smtpUseStartTLS": true, "tls": false, "emailSender": sender,
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

    /// The foreign mailbox holds so many test alerts of this case; delivery follows the server's last answer by a moment.
    pub(super) async fn alert_arrived(&self, count: usize) -> Result<(), Fault> {
        let step = "look into the mailbox";
        let began = Instant::now();
        let wanted = format!("Subject: Postern test alert {}-", self.number);
        while began.elapsed() < PATIENCE {
            let mailbox = self.demo.server.delivered().map_err(|error| Fault { step, what: error.to_string() })?;
            if mailbox.matches(&wanted).count() >= count {
                return self.tell(step, "postern", began).await;
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(Fault { step, what: format!("{count} test alerts of this case did not arrive") })
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
        let mut mails = 0;
        // The last mail leaves a moment after the act that caused it.
        while mails < 5 {
            if self.began.elapsed() > 2 * PATIENCE {
                return Err(Fault { step, what: format!("only {mails} mails went out") });
            }
            tokio::time::sleep(LOOK).await;
            mails = std::fs::read_dir(self.demo.mail_folder()).map_or(0, Iterator::count);
        }
        let total = self.began.elapsed().as_millis();
        let facts = [("mails", mails.to_string()), ("total_ms", total.to_string())];
        self.say(step, "postern", &view.case, self.began.elapsed(), &BTreeMap::from(facts))
    }
}
