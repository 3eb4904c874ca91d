//! The branch of SYSLOG: once over TCP, where the transport tells, and once over UDP, where only a person can.

use std::time::Instant;

use serde_json::json;

use super::{Fault, LOOK, PATIENCE, Walk};
use crate::cli::visitor::Visitor;

/// What the engineer enters once the product has said what there is.
const SETTINGS: [(&str, &str); 5] =
    [("input_type", "attacks"), ("directories", "1, 4"), ("threshold", "30"), ("profiles", "1"), ("attack_types", "5")];

impl Walk {
    pub(super) async fn syslog(&mut self) -> Result<(), Fault> {
        self.receiver("tcp").await?;
        self.receiver("udp").await
    }

    /// From the request to alerts that arrive.
    async fn receiver(&mut self, transport: &'static str) -> Result<(), Fault> {
        let mut customer = self.sign_in("sign in as customer", "customer@demo.example").await?;
        self.ask_for_syslog(&mut customer, transport).await?;
        let mut engineer = self.sign_in("sign in as engineer", "engineer@demo.example").await?;
        self.act(&mut engineer, ("claim the case", "claim"), &[]).await?;
        let step = "whitelist the IP";
        self.act(&mut engineer, (step, "act/configuration_done"), &[("change_ref", "CHG-4712")]).await?;
        self.reaches(step, "let_us_in").await?;
        self.act(&mut customer, ("let our alerting IP in", "act/let_in_done"), &[]).await?;
        if transport == "udp" {
            self.reaches("tunnel test (UDP)", "confirm_line").await?;
            self.line_arrived("t1").await?;
            self.act(&mut customer, ("the test line is there", "act/line_arrived"), &[]).await?;
        }
        self.reaches("tunnel test", "settings").await?;
        self.offers(&mut engineer).await?;
        self.act(&mut engineer, ("enter the SYSLOG settings", "act/submit_settings"), &SETTINGS).await?;
        self.leaves("test with the settings", &["full_test"], &["applying", "apply_failed", "confirm_delivery"])
            .await?;
        self.leaves("apply and read back", &["applying"], &["confirm_delivery"]).await?;
        self.product_holds_alert(transport)?;
        self.line_arrived("a").await?;
        self.act(&mut customer, ("confirm the test line", "act/it_arrived"), &[]).await?;
        self.reaches("alerts are on", "active").await
    }

    async fn ask_for_syslog(&mut self, customer: &mut Visitor, transport: &str) -> Result<(), Fault> {
        let step = "send the request";
        let began = Instant::now();
        let fault = |what: String| Fault { step, what };
        let [address, _] = self.demo.server.addresses();
        let place = [("syslog_location", "private")];
        customer.send("/start/syslog/where", "/start/syslog/where", &place).await.map_err(fault)?;
        let answers = [
            ("syslog_ip", address.as_str()),
            ("syslog_port", "514"),
            ("transport", transport),
            ("input_type", "attacks"),
        ];
        customer.send("/start/syslog/receiver", "/start/syslog/receiver", &answers).await.map_err(fault)?;
        let sent = customer.send("/start/check", "/start/check", &[]).await.map_err(fault)?;
        self.number = super::number(&sent).ok_or_else(|| fault(format!("the answer leads to {sent}")))?;
        self.tell(step, customer.email(), began).await
    }

    /// The engineer reads in the case what the product has to choose from.
    async fn offers(&self, engineer: &mut Visitor) -> Result<(), Fault> {
        let step = "read directories and profiles";
        let began = Instant::now();
        let page = format!("/cases/{}/settings", self.number);
        let page = engineer.open(&page).await.map_err(|what| Fault { step, what })?;
        for wanted in ["Directories in the product", "lab.corp.example", "Profiles in the product", "DCSync"] {
            if !page.contains(wanted) {
                return Err(Fault { step, what: format!("the page does not show {wanted}") });
            }
        }
        self.tell(step, engineer.email(), began).await
    }

    /// The product holds exactly this alert, and no relay.
    fn product_holds_alert(&self, transport: &str) -> Result<(), Fault> {
        let step = "look into the product";
        let description = json!(format!("Postern case-{}", self.number));
        let held = self.demo.product.syslogs().into_iter().find(|alert| alert.get("description") == Some(&description));
        let Some(held) = held else {
            return Err(Fault { step, what: "the product holds no alert of this case".to_owned() });
        };
        let wanted = json!({
            "ip": self.demo.server.addresses()[0], "port": 514, "protocol": transport.to_uppercase(), "tls": false,
            "inputType": "attacks", "directories": [1, 4], "criticityThreshold": 30, "profiles": [1],
            "attackTypes": [5], "relayId": null,
        });
        let differs: Vec<&str> = wanted
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, value)| held.get(*field) != Some(value))
            .map(|(field, _)| field.as_str())
            .collect();
        if differs.is_empty() {
            return Ok(());
        }
        Err(Fault { step, what: format!("other values in {}", differs.join(", ")) })
    }

    /// The receiver holds a line of this case whose test id goes on with this letter; it is written a moment after it came.
    async fn line_arrived(&self, kind: &str) -> Result<(), Fault> {
        let step = "look at the receiver";
        let began = Instant::now();
        let wanted = format!("postern-{}-{kind}", self.number);
        while began.elapsed() < PATIENCE {
            let lines = self.demo.receiver.received().map_err(|error| Fault { step, what: error.to_string() })?;
            if lines.contains(&wanted) {
                return self.tell(step, "postern", began).await;
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(Fault { step, what: format!("no line with {wanted} arrived") })
    }
}
