//! The IP of a server in use changes: a notice that its giver and a contact of today cannot confirm, then the new IP beside
//! the old one, the cut-over at the agreed time, and the old one retired.

use std::time::Instant;

use chrono::{SecondsFormat, TimeDelta};
use serde_json::json;

use super::{Fault, Walk};
use crate::app::chain;
use crate::cli::demo::MailServer;
use crate::cli::visitor::Visitor;
use crate::domain::whitelist::Protocol;
use crate::store::{contacts, whitelist};

/// How far ahead the cut-over is: the agreed time comes while the walk looks on.
const AHEAD: TimeDelta = TimeDelta::seconds(3);

impl Walk {
    /// After the whole private branch, in which the product knows the server by its IP.
    pub(super) async fn ip_change(&mut self) -> Result<(), Fault> {
        self.by_address = Some(self.demo.server.address());
        self.carry(&self.demo.server.second_address(), false)?;
        let outcome = self.whole_change().await;
        // The firewall of the lab is as it was, however the walk ended.
        self.carry(&self.demo.server.second_address(), true)?;
        self.carry(&self.demo.server.address(), true)?;
        outcome
    }

    async fn whole_change(&mut self) -> Result<(), Fault> {
        self.private(None).await?;
        let main = self.number;
        let mut customer = self.sign_in("sign in as customer", "customer@demo.example").await?;
        let mut second = self.sign_in("sign in as second contact", "firewall@demo.example").await?;
        let mut stranger = self.sign_in("sign in as another customer", "brightwater@demo.example").await?;
        let mut engineer = self.sign_in("sign in as engineer", "engineer@demo.example").await?;
        self.give_notice(main, &mut customer, &mut stranger).await?;
        self.confirmed(&mut customer, &mut second, &mut engineer).await?;
        let step = "whitelist the new IP";
        self.act(&mut engineer, (step, "act/change_configured"), &[("change_ref", "CHG-4713")]).await?;
        self.reaches(step, "ip_let_in").await?;
        self.carry(&self.demo.server.second_address(), true)?;
        self.act(&mut customer, ("let our alerting IP in", "act/let_in_done"), &[]).await?;
        self.leaves("test before the change", &["ip_early_test"], &["ip_scheduled"]).await?;
        self.entries_are(main, ["proven", "applied"]).await?;
        self.product_knows(&self.demo.server.address())?;
        self.cut_over(main, &mut customer).await?;
        self.both_answer("both answer during the overlap", [true, true]).await?;
        let step = "the overlap is over";
        self.act(&mut customer, (step, "act/overlap_over"), &[]).await?;
        self.reaches(step, "ip_done").await?;
        self.entries_are(main, ["retired", "proven"]).await?;
        self.carry(&self.demo.server.address(), false)?;
        self.both_answer("only the new IP answers", [false, true]).await
    }

    /// In the lab, the engineers' firewall does what the whitelist says.
    fn carry(&self, address: &str, is_carried: bool) -> Result<(), Fault> {
        let MailServer::Lab(lab) = &self.demo.server else { return Ok(()) };
        lab.carry(address, is_carried).map_err(|what| Fault { step: "set the firewall of the lab", what })
    }

    /// In the lab, whether the server answers at the old and at the new IP, and the packets that the firewall let through
    /// say the same. Elsewhere both lead to the one server of this machine.
    async fn both_answer(&self, step: &'static str, wanted: [bool; 2]) -> Result<(), Fault> {
        let MailServer::Lab(lab) = &self.demo.server else { return Ok(()) };
        let (began, fault) = (Instant::now(), |what: String| Fault { step, what });
        for (address, answers) in [self.demo.server.address(), self.demo.server.second_address()].iter().zip(wanted) {
            let before = lab.let_through().map_err(fault)?;
            let greeted = lab.greets(address);
            let packets = lab.let_through().map_err(fault)? - before;
            if greeted != answers || (packets > 0) != answers {
                return Err(fault(format!("{address}: answered {greeted}, {packets} packets were let through")));
            }
        }
        self.tell(step, "postern", began).await
    }

    /// The page of the server, the last look, the notice; another customer finds no such server.
    async fn give_notice(&mut self, main: i64, customer: &mut Visitor, stranger: &mut Visitor) -> Result<(), Fault> {
        let (step, began) = ("give notice", Instant::now());
        let fault = |what: String| Fault { step, what };
        let case = self.case_of(step, main).await?;
        let server = case.server.ok_or_else(|| fault("the case names no server".to_owned()))?;
        let path = format!("/servers/{server}/change-ip");
        if !stranger.open(&path).await.is_err_and(|what| what.ends_with("404 Not Found")) {
            return Err(fault("another customer finds the server".to_owned()));
        }
        let tomorrow = self.demo.app.now() + TimeDelta::days(1);
        let (new_ip, date) = (self.demo.server.second_address(), tomorrow.format("%Y-%m-%d").to_string());
        let answers =
            [("new_ip", new_ip.as_str()), ("date", date.as_str()), ("time", "08:00"), ("zone", "Europe/Berlin")];
        let send = format!("{path}/send");
        let place = customer.send_checked(&path, &send, &answers).await.map_err(fault)?;
        self.number = super::number(place.trim_end_matches("/notice"))
            .filter(|number| *number != main)
            .ok_or_else(|| fault(format!("the answer leads to {place}")))?;
        let calendar = customer.open(&format!("/cases/{}/notice.ics", self.number)).await.map_err(fault)?;
        if !calendar.contains("STATUS:TENTATIVE") || !calendar.contains(&new_ip) {
            return Err(fault(format!("the calendar file says {calendar}")));
        }
        self.tell(step, customer.email(), began).await
    }

    /// Neither the giver nor a contact of today confirms; after an engineer has verified that contact, it does.
    async fn confirmed(
        &mut self,
        customer: &mut Visitor,
        second: &mut Visitor,
        engineer: &mut Visitor,
    ) -> Result<(), Fault> {
        let step = "refuse the giver and a new contact";
        let fault = |what: String| Fault { step, what };
        let (page, act) = (format!("/cases/{}", self.number), format!("/cases/{}/act/confirm_notice", self.number));
        for visitor in [&mut *customer, &mut *second] {
            if visitor.send(&page, &act, &[]).await.is_ok() || visitor.send(&act, &act, &[]).await.is_ok() {
                return Err(fault(format!("{} confirmed the notice", visitor.email())));
            }
        }
        self.reaches(step, "ip_received").await?;
        let (step, began) = ("verify the second contact", Instant::now());
        let fault = |what: String| Fault { step, what };
        let case = self.case(step).await?;
        let mut tx = self.demo.app.db.read().await.map_err(|error| fault(error.to_string()))?;
        let known = contacts::list(&mut tx, case.customer).await.map_err(|error| fault(error.to_string()))?;
        drop(tx);
        let contact = known.iter().find(|contact| contact.email == second.email());
        let contact = contact.ok_or_else(|| fault("there is no second contact".to_owned()))?.id;
        let path = format!("/cases/{}/contacts/{contact}/verify", self.number);
        let how = [("how", "Called back on the number of the contract")];
        engineer.send(&path, &path, &how).await.map_err(fault)?;
        self.tell(step, engineer.email(), began).await?;
        self.act(second, ("confirm the notice", "act/confirm_notice"), &[]).await?;
        self.reaches("confirmed", "ip_reconfigure").await
    }

    /// The date moves to a moment from here; then everything happens by itself.
    async fn cut_over(&mut self, main: i64, customer: &mut Visitor) -> Result<(), Fault> {
        let at = (self.demo.app.now() + AHEAD).to_rfc3339_opts(SecondsFormat::Secs, true);
        self.act(customer, ("move the date", "act/change_date"), &[("effective_at", &at)]).await?;
        let step = "cut over at the agreed time";
        let passing = ["ip_scheduled", "ip_retest", "ip_applying", "ip_second_test"];
        self.leaves(step, &passing, &["ip_overlap"]).await?;
        self.entries_are(main, ["proven", "proven"]).await?;
        let new_ip = self.demo.server.second_address();
        self.product_knows(&new_ip)?;
        let case = self.case_of(step, main).await?;
        let held = case.flow.data.get("smtp_ip").map(ToString::to_string);
        if case.flow.state == "active" && held.as_deref() == Some(&new_ip) {
            return Ok(());
        }
        Err(Fault { step, what: format!("the main case is in {} with {held:?}", case.flow.state) })
    }

    fn product_knows(&self, address: &str) -> Result<(), Fault> {
        let held = self.demo.product.settings().get("smtpServerAddress").cloned();
        if held == Some(json!(address)) {
            return Ok(());
        }
        Err(Fault { step: "look into the product", what: format!("it holds {held:?}, not {address}") })
    }

    /// How far the whitelist entries of the old and the new IP have come on our side.
    async fn entries_are(&self, main: i64, wanted: [&str; 2]) -> Result<(), Fault> {
        let step = "look at the whitelist";
        let case = self.case_of(step, main).await?;
        let mut tx = self.demo.app.db.read().await.map_err(|error| Fault { step, what: chain(&error) })?;
        let Some(tunnel) = case.tunnel else { return Ok(()) };
        let addresses = [self.demo.server.address(), self.demo.server.second_address()];
        for (address, progress) in addresses.into_iter().zip(wanted) {
            let entry = whitelist::find(&mut tx, tunnel, &format!("{address}/32"), (587, Protocol::Tcp)).await;
            let entry = entry.map_err(|error| Fault { step, what: chain(&error) })?;
            let found = entry.map(|entry| entry.ours.as_str());
            if found != Some(progress) {
                return Err(Fault { step, what: format!("{address} is {found:?}, not {progress}") });
            }
        }
        Ok(())
    }
}
