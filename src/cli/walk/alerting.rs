//! Our alerting IP changes at short notice: announced by a lead, answered by the customer, proven by a test from the new IP,
//! then the former one is retired and the published list says so.

use std::time::Instant;

use super::{Fault, LOOK, PATIENCE, Walk};
use crate::app::alerting_ips::{self, Listed};
use crate::app::campaign::board;
use crate::app::chain;
use crate::cli::visitor::Visitor;
use crate::domain::alerting_ip::IpState;

/// The address that takes the place of the one in use.
const NEW: &str = "10.99.0.10";

impl Walk {
    /// After the whole private branch.
    pub(super) async fn alerting_ip_change(&mut self) -> Result<(), Fault> {
        self.private(None).await?;
        let main = self.number;
        let mut customer = self.sign_in("sign in as customer", "customer@demo.example").await?;
        let mut lead = self.sign_in("sign in as lead", "lead@demo.example").await?;
        let former = self.former(main).await?;
        self.announce(&mut lead, &former).await?;
        self.opened(&customer).await?;
        let step = "say who let the new IP in";
        self.act(&mut customer, (step, "act/acknowledge"), &[("acknowledged_by", "Sam Field")]).await?;
        self.leaves("test from the new IP", &["testing"], &["proven", "retired"]).await?;
        self.leaves("the former IP is retired", &["proven"], &["retired"]).await?;
        self.tunnel_uses(main).await?;
        self.published(&customer, &former).await
    }

    /// The address that the tunnel of the case uses.
    async fn former(&self, main: i64) -> Result<Listed, Fault> {
        let step = "find the alerting IP in use";
        let fault = |what: String| Fault { step, what };
        let used = self.case_of(step, main).await?.flow.data.get("alerting_ips").map(ToString::to_string);
        let register = alerting_ips::list(&self.demo.app).await.map_err(|error| fault(chain(&error)))?;
        let found = register.into_iter().find(|listed| Some(listed.ip.shown()) == used);
        found.ok_or_else(|| fault(format!("the register does not hold {used:?}")))
    }

    /// The lead puts the new IP on the register and announces the change as an emergency, since nobody waits 30 days here.
    async fn announce(&self, lead: &mut Visitor, former: &Listed) -> Result<(), Fault> {
        let (step, began) = ("announce the change", Instant::now());
        let fault = |what: String| Fault { step, what };
        let ip = [("network", NEW), ("purpose", "alerting"), ("is_published", "yes")];
        let place = lead.send("/admin/alerting-ips", "/admin/alerting-ips", &ip).await.map_err(fault)?;
        let new = place.rsplit('/').next().unwrap_or_default().to_owned();
        let old = former.ip.number.to_string();
        let change = [
            ("old", old.as_str()),
            ("new", &new),
            ("effective", ""),
            ("until", ""),
            ("emergency", "The provider takes the former address away today"),
        ];
        let place = lead.send("/alerting-changes", "/alerting-changes", &change).await.map_err(fault)?;
        if !place.starts_with("/alerting-changes/") {
            return Err(fault(format!("the answer leads to {place}, not to the board of the change")));
        }
        self.tell(step, lead.email(), began).await
    }

    /// The service has opened a case for the server, and the customer's page has a button for it.
    async fn opened(&mut self, customer: &Visitor) -> Result<(), Fault> {
        let (step, began) = ("the server is told", Instant::now());
        let fault = |what: String| Fault { step, what };
        let owner = &self.demo.people.customer;
        loop {
            let concerned = board::of_person(&self.demo.app, owner).await.map_err(|error| fault(chain(&error)))?;
            if let Some(server) = concerned.first() {
                self.number = server.number;
                break;
            }
            if began.elapsed() > PATIENCE {
                return Err(fault("no case was opened for the server".to_owned()));
            }
            tokio::time::sleep(LOOK).await;
        }
        let page = customer.open("/alerting-ips").await.map_err(fault)?;
        if !page.contains("We have whitelisted the new IP") {
            return Err(fault("the page of alerting IPs has no button for the server".to_owned()));
        }
        self.tell(step, "postern", began).await
    }

    /// The case of the server knows the new address, which its tunnel has from then on.
    async fn tunnel_uses(&self, main: i64) -> Result<(), Fault> {
        let step = "the tunnel uses the new IP";
        let used = self.case_of(step, main).await?.flow.data.get("alerting_ips").map(ToString::to_string);
        if used.as_deref() != Some(NEW) {
            return Err(Fault { step, what: format!("the case of the server says {used:?}") });
        }
        self.tell(step, "postern", Instant::now()).await
    }

    /// Everybody who polls the list reads it.
    async fn published(&self, customer: &Visitor, former: &Listed) -> Result<(), Fault> {
        let step = "the published list says so";
        let fault = |what: String| Fault { step, what };
        let list = customer.open("/.well-known/alerting-ips.txt").await.map_err(fault)?;
        if list.trim() != format!("{NEW}/32") {
            return Err(fault(format!("the list holds {list:?}")));
        }
        let known = alerting_ips::one(&self.demo.app, former.ip.number).await.map_err(|error| fault(chain(&error)))?;
        if known.listed.ip.state != IpState::Retired {
            return Err(fault(format!("{} is {}", former.ip.shown(), known.listed.ip.state)));
        }
        self.tell(step, "everybody", Instant::now()).await
    }
}
