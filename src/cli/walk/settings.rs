//! The SMTP settings of a server in use change, in cases of their own: another port, a password mistyped, a test alert that
//! does not arrive, a product that stores nothing.

use std::time::Instant;

use super::{Fault, Walk};
use crate::apply::Behaviour;
use crate::cli::visitor::Visitor;
use crate::domain::whitelist::Protocol;
use crate::store::{StoreError, whitelist};

impl Walk {
    /// After the whole private branch: four changes, of which two are taken over and two leave everything as it was.
    pub(super) async fn settings_change(&mut self) -> Result<(), Fault> {
        self.private(None).await?;
        let main = self.number;
        let mut customer = self.sign_in("sign in as customer", "customer@demo.example").await?;
        let mut engineer = self.sign_in("sign in as engineer", "engineer@demo.example").await?;
        self.another_port(main, &mut customer, &mut engineer).await?;
        self.another_password(main, &mut customer).await?;
        self.no_alert(main, &mut customer).await?;
        self.product_lies(main, &mut customer, &mut engineer).await
    }

    /// The customer opens a change from the page of the case; it leads to a case of its own.
    async fn begin(&mut self, main: i64, customer: &mut Visitor) -> Result<(), Fault> {
        let (step, began) = ("begin a change", Instant::now());
        let fault = |what: String| Fault { step, what };
        let path = format!("/cases/{main}/act/change_settings");
        let place = customer.send(&path, &path, &[]).await.map_err(fault)?;
        self.number = super::number(&place)
            .filter(|number| *number != main)
            .ok_or_else(|| fault(format!("the answer leads to {place}, not to a case of its own")))?;
        let page = customer.open(&format!("/cases/{main}")).await.map_err(fault)?;
        if !page.contains(&format!("Case {}", self.number)) {
            return Err(fault(format!("the page of case {main} does not name case {}", self.number)));
        }
        self.tell(step, customer.email(), began).await
    }

    /// Port 587 becomes 25: whitelisted on both sides, tested, applied, confirmed; the former port is retired.
    async fn another_port(&mut self, main: i64, customer: &mut Visitor, engineer: &mut Visitor) -> Result<(), Fault> {
        self.begin(main, customer).await?;
        let port = [("smtp_port", "25"), ("encryption", "starttls")];
        self.act(customer, ("enter another port", "act/change_connection"), &port).await?;
        let step = "whitelist the new port";
        self.act(engineer, (step, "act/port_whitelisted"), &[("change_ref", "CHG-4712")]).await?;
        self.reaches(step, "change_let_in").await?;
        self.act(customer, ("let our alerting IP in", "act/let_in_done"), &[]).await?;
        self.confirmed_with(main, customer, 25).await?;
        self.whitelist_is(main, [(25, "proven"), (587, "retired")]).await
    }

    /// A mistyped password stops in the test; the right one passes. What is in force never stops being so.
    async fn another_password(&mut self, main: i64, customer: &mut Visitor) -> Result<(), Fault> {
        self.begin(main, customer).await?;
        let wrong = [("smtp_password", "not-the-password")];
        self.act(customer, ("enter a wrong password", "act/change_account"), &wrong).await?;
        self.ends_in("the test refuses it", "change_asked").await?;
        self.product_holds(25, "alerts@customer.example")?;
        let right = self.demo.server.password().clone();
        self.act(customer, ("enter the right one", "act/change_account"), &[("smtp_password", right.expose())]).await?;
        self.confirmed_with(main, customer, 25).await
    }

    /// The customer misses the test alert: the former settings are put back, and the change is withdrawn.
    async fn no_alert(&mut self, main: i64, customer: &mut Visitor) -> Result<(), Fault> {
        self.begin(main, customer).await?;
        let sender = [("sender_address", "siem@customer.example")];
        self.act(customer, ("enter another sender", "act/change_sender"), &sender).await?;
        self.ends_in("test and apply", "change_confirm").await?;
        self.product_holds(25, "siem@customer.example")?;
        self.act(customer, ("no test alert arrives", "act/it_did_not_arrive"), &[]).await?;
        self.ends_in("put the former settings back", "change_not_taken").await?;
        self.product_holds(25, "alerts@customer.example")?;
        self.act(customer, ("withdraw the change", "act/withdraw"), &[]).await?;
        self.reaches("withdrawn", "change_withdrawn").await?;
        self.main_holds(main, "sender_address", "alerts@customer.example").await
    }

    /// The product answers 200 and stores nothing: the former settings are in force; then it works.
    async fn product_lies(&mut self, main: i64, customer: &mut Visitor, engineer: &mut Visitor) -> Result<(), Fault> {
        self.begin(main, customer).await?;
        self.demo.product.set_behaviour(Behaviour::StoresNothing);
        let sender = [("sender_address", "soc@customer.example")];
        self.act(customer, ("enter another sender", "act/change_sender"), &sender).await?;
        self.ends_in("the product stores nothing", "change_not_taken").await?;
        self.product_holds(25, "alerts@customer.example")?;
        self.demo.product.set_behaviour(Behaviour::Normal);
        self.act(engineer, ("test and apply again", "act/try_again"), &[]).await?;
        self.confirmed_with(main, customer, 25).await?;
        self.product_holds(25, "soc@customer.example")?;
        self.main_holds(main, "sender_address", "soc@customer.example").await
    }

    /// Test, apply, test alert, confirmation; then the main case holds what was tested.
    async fn confirmed_with(&mut self, main: i64, customer: &mut Visitor, port: i64) -> Result<(), Fault> {
        self.ends_in("test and apply", "change_confirm").await?;
        self.alert_arrived(1).await?;
        self.act(customer, ("confirm the test alert", "act/it_arrived"), &[]).await?;
        self.reaches("taken over", "change_done").await?;
        self.main_holds(main, "smtp_port", &port.to_string()).await
    }

    async fn ends_in(&self, step: &'static str, state: &str) -> Result<(), Fault> {
        self.leaves(step, &["change_test", "change_applying", "change_putting_back"], &[state]).await
    }

    /// The product holds this port and sender, with the account and password of the mail server.
    fn product_holds(&self, port: i64, sender: &str) -> Result<(), Fault> {
        let (account, password) = (self.demo.server.account().to_owned(), self.demo.server.password().clone());
        self.holds(&self.demo.product, (port, sender), (&account, &password))
    }

    async fn main_holds(&self, main: i64, field: &str, value: &str) -> Result<(), Fault> {
        let step = "look at the main case";
        let case = self.case_of(step, main).await?;
        let held = case.flow.data.get(field).map(ToString::to_string);
        if case.flow.state == "active" && held.as_deref() == Some(value) {
            return Ok(());
        }
        Err(Fault { step, what: format!("in {} with {field} {}", case.flow.state, held.unwrap_or_default()) })
    }

    async fn whitelist_is(&self, main: i64, wanted: [(i64, &str); 2]) -> Result<(), Fault> {
        let step = "look at the whitelist";
        let case = self.case_of(step, main).await?;
        let fault = |error: StoreError| Fault { step, what: error.to_string() };
        let mut tx = self.demo.app.db.read().await.map_err(fault)?;
        let Some(tunnel) = case.tunnel else { return Ok(()) };
        let network = format!("{}/32", self.demo.server.addresses()[0]);
        for (port, progress) in wanted {
            let entry = whitelist::find(&mut tx, tunnel, &network, (port, Protocol::Tcp)).await.map_err(fault)?;
            let found = entry.map(|entry| entry.ours.as_str());
            if found != Some(progress) {
                return Err(Fault { step, what: format!("port {port} is {found:?}, not {progress}") });
            }
        }
        Ok(())
    }
}
