//! The branch of a Secure Relay: the customer enters the settings in the product; help where it is needed; and on.

use std::time::Instant;

use super::{Fault, Walk};

/// What the customer records of the SMTP pane.
const PANE: [(&str, &str); 6] = [
    ("relay_name", "relay-berlin"),
    ("smtp_host", "mail.customer.example"),
    ("smtp_port", "587"),
    ("encryption", "starttls"),
    ("sender_address", "alerts@customer.example"),
    ("save_confirmed", "true"),
];

impl Walk {
    pub(super) async fn secure_relay(&mut self) -> Result<(), Fault> {
        let mut customer = self.sign_in("sign in as customer", "cedar@demo.example").await?;
        let (step, began) = ("start", Instant::now());
        let fault = |what: String| Fault { step, what };
        let sent = customer.send("/start", "/start/check", &[]).await.map_err(fault)?;
        self.number = super::number(&sent).ok_or_else(|| fault(format!("the answer leads to {sent}")))?;
        self.tell(step, customer.email(), began).await?;
        self.act(&mut customer, ("enter the SMTP settings", "act/relay_applied"), &PANE).await?;
        self.reaches("settings recorded", "relay_confirm").await?;
        self.act(&mut customer, ("no test alert arrives", "act/it_did_not_arrive"), &[]).await?;
        self.reaches("help is asked for", "relay_assist").await?;
        let mut engineer = self.sign_in("sign in as engineer", "engineer@demo.example").await?;
        self.act(&mut engineer, ("claim the case", "claim"), &[]).await?;
        let answer = [("evidence", "The relay host could not resolve the server's name. Enter its IP.")];
        self.act(&mut engineer, ("answer", "act/assist_done"), &answer).await?;
        self.reaches("answered", "relay_setup").await?;
        let mut corrected = PANE;
        corrected[1] = ("smtp_host", "10.30.4.15");
        self.act(&mut customer, ("enter the settings again", "act/relay_applied"), &corrected).await?;
        self.act(&mut customer, ("confirm the test alert", "act/it_arrived"), &[]).await?;
        self.reaches("alerts are on", "relay_done").await?;
        self.act(&mut customer, ("change the settings later", "act/change_relay_settings"), &[]).await?;
        self.act(&mut customer, ("enter the changed settings", "act/relay_applied"), &PANE).await?;
        self.act(&mut customer, ("confirm once more", "act/it_arrived"), &[]).await?;
        self.reaches("alerts are on again", "relay_done").await?;
        let products = [&self.demo.product, &self.demo.second_product];
        if products
            .iter()
            .any(|product| product.settings().get("smtpServerAddress").is_some_and(|held| !held.is_null()))
        {
            return Err(Fault { step: "look into the products", what: "settings were sent to a product".to_owned() });
        }
        Ok(())
    }
}
