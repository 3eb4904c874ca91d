//! The service without its shell: use cases and worker steps over a database, with a clock that a test moves, mail kept in
//! memory and scripted tunnel tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use postern::app::admin::{self, Place};
use postern::app::cases::{self, Act};
use postern::app::requests::{self, Draft};
use postern::app::vault::Vault;
use postern::app::{App, Error, Once, Outcome, queue};
use postern::apply::StandIn;
use postern::clock::{Clock, fresh_id};
use postern::config::{Config, Flags};
use postern::domain::actor::{Person, Role};
use postern::domain::case::Case;
use postern::domain::customer::{Architecture, Customer};
use postern::domain::id::TunnelId;
use postern::domain::log::{self, Entry};
use postern::domain::tunnel::{Tunnel, TunnelState};
use postern::mail::{Identity, Mailer, Sent, SmtpServer, Tls};
use postern::probe::{Prober, Script};
use postern::secret::Secret;
use postern::store;
use postern::worker::{self, Step};

use super::db::TestDb;

/// The key of the stand-in product.
pub(crate) const PRODUCT_KEY: &str = "stand-in-key-0123456789";

/// A Wednesday morning inside business hours.
pub(crate) fn wednesday() -> DateTime<Utc> {
    "2026-11-25T10:00:00Z".parse().unwrap()
}

/// The service with one customer, Alder Mutual, whose tunnel carries 10.20.0.0/16.
pub(crate) struct TestApp {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Clock,
    /// Answers of tunnel tests; the ones of test alerts come from it too.
    pub(crate) script: Script,
    pub(crate) customer: Customer,
    pub(crate) contact: Person,
    /// Support and network.
    pub(crate) engineer: Person,
    pub(crate) lead: Person,
    pub(crate) admin: Person,
}

impl TestApp {
    /// Opens it over a database that is empty.
    pub(crate) async fn new(db: &TestDb) -> Self {
        Self::with(db, |_| {}).await
    }

    /// The same where the vendor's people need a second factor, as installations do unless they say otherwise.
    pub(crate) async fn strict(db: &TestDb) -> Self {
        Self::with(db, |config| config.accounts.staff_second_factor = true).await
    }

    /// The same, for tests that open sockets: the alerting IP is not bound, since this machine does not have it.
    pub(crate) async fn in_lab(db: &TestDb) -> Self {
        Self::with(db, |config| config.lab.bind_source = Some(false)).await
    }

    /// The same with what a test changes in the configuration.
    pub(crate) async fn with(db: &TestDb, change: impl FnOnce(&mut Config)) -> Self {
        let clock = Clock::manual(wednesday());
        let script = Script::new(clock.clone(), []);
        let app = open(db, &clock, (Prober::Scripted(script.clone()), change), Mailer::memory).await;
        let customer = admin::add_customer(&app, "Alder Mutual".into(), Architecture::Vpn).await.unwrap();
        admin::put_tunnel(&app, tunnel(&customer, "alder-1", "10.20.0.0/16")).await.unwrap();
        let contact = contact(&app, &customer, "Dana Field", "dana@alder.example").await;
        let engineer = staff(&app, "Kim Castle", "kim@vendor.example", &[Role::Support, Role::Network]).await;
        let lead = staff(&app, "Lou Grant", "lou@vendor.example", &[Role::Lead]).await;
        let admin = staff(&app, "Ada Root", "ada@vendor.example", &[Role::Admin]).await;
        Self { app, clock, script, customer, contact, engineer, lead, admin }
    }

    /// The same service on another node: same database, same master key, same clock, same script.
    pub(crate) async fn second_node(&self, db: &TestDb) -> Arc<App> {
        let (prober, lab) = (Prober::Scripted(self.script.clone()), self.app.lab.clone());
        open(db, &self.clock, (prober, |config: &mut Config| config.lab = lab), Mailer::memory).await
    }

    /// As [`TestApp::second_node`] with definitions of a folder beside those in the program; or why it does not start.
    pub(crate) async fn node_with_definitions(&self, db: &TestDb, folder: &Path) -> Result<Arc<App>, Error> {
        let change = |config: &mut Config| config.workflows = Some(folder.to_owned());
        try_open(db, &self.clock, (Prober::Scripted(self.script.clone()), change), Mailer::memory).await
    }

    /// As [`TestApp::second_node`], with a mail server that is never there.
    pub(crate) async fn node_without_mail_server(&self, db: &TestDb) -> Arc<App> {
        let nowhere = SmtpServer {
            host: "127.0.0.1".into(),
            port: 1,
            tls: Tls::None,
            account: None,
            ca_pem: None,
            hello_name: None,
            limit: None,
        };
        let mailer = |identity| Mailer::smtp(identity, nowhere).unwrap();
        open(db, &self.clock, (Prober::Scripted(self.script.clone()), |_: &mut Config| {}), mailer).await
    }

    /// Gives the customer a product tenant whose API is a stand-in.
    pub(crate) async fn with_product(&self) -> StandIn {
        let product = StandIn::start(PRODUCT_KEY).await.unwrap();
        let access = (product.base_url.clone(), Secret::new(PRODUCT_KEY.to_owned()));
        let tenant = (self.customer.id, "alder-prod".to_owned());
        admin::put_tenant(&self.app, tenant, Some(access)).await.unwrap();
        product
    }

    /// Another engineer.
    pub(crate) async fn colleague(&self, name: &str) -> Person {
        staff(&self.app, name, &format!("{}@vendor.example", name.to_lowercase()), &[Role::Support, Role::Network])
            .await
    }

    /// A contact of another customer.
    pub(crate) async fn stranger(&self) -> Person {
        let other = admin::add_customer(&self.app, "Brightwater Rail".into(), Architecture::Vpn).await.unwrap();
        contact(&self.app, &other, "Sam Stranger", "sam@brightwater.example").await
    }

    /// Runs worker steps until nothing is due.
    pub(crate) async fn drain(&self) {
        drain(&self.app).await;
    }

    /// Lets time pass and the workers do what has become due.
    pub(crate) async fn pass(&self, span: TimeDelta) {
        self.clock.advance(span);
        self.drain().await;
    }

    /// A case that was sent off and waits for the network engineer to whitelist 10.20.4.15.
    pub(crate) async fn request(&self) -> Case {
        self.request_for("10.20.4.15").await
    }

    /// As [`TestApp::request`] for another server.
    pub(crate) async fn request_for(&self, address: &str) -> Case {
        done(requests::send(&self.app, &self.contact, draft(address), fresh_once()).await.unwrap())
    }

    /// Somebody does something in a case.
    pub(crate) async fn act(
        &self,
        person: &Person,
        number: i64,
        event: &str,
        answers: &[(&str, &str)],
    ) -> Result<Case, Error> {
        cases::act(&self.app, person, act(number, event, answers)).await.map(done)
    }

    /// The case as it stands.
    pub(crate) async fn case(&self, number: i64) -> Case {
        let mut tx = self.app.db.read().await.unwrap();
        store::cases::by_number(&mut tx, number).await.unwrap().unwrap()
    }

    /// A claimed case whose tunnel test is queued: requested, whitelisted, let in.
    pub(crate) async fn tested(&self, address: &str) -> i64 {
        let number = self.request_for(address).await.number;
        queue::claim(&self.app, &self.engineer, number).await.unwrap();
        self.act(&self.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        self.act(&self.contact, number, "let_in_done", &[]).await.unwrap();
        assert_eq!(self.case(number).await.flow.state, "tunnel_test");
        number
    }

    /// A claimed case that waits for the customer's settings: requested, whitelisted, let in, reached.
    pub(crate) async fn reached(&self) -> i64 {
        let number = self.tested("10.20.4.15").await;
        self.script.push(None);
        self.drain().await;
        assert_eq!(self.case(number).await.flow.state, "settings");
        number
    }

    /// The customer enters settings with an account; the password is one to search for where it must not be.
    pub(crate) async fn submit_settings(&self, number: i64) {
        let settings = [
            ("encryption", "starttls"),
            ("sender_address", "alerts@alder.example"),
            ("test_recipient", "soc@alder.example"),
            ("smtp_account", "alerts"),
            ("smtp_password", "not to be seen"),
        ];
        self.act(&self.contact, number, "submit_settings", &settings).await.unwrap();
    }

    /// Mails to an address, oldest first.
    pub(crate) fn mails_to(&self, address: &str) -> Vec<Sent> {
        self.app.mailer.sent().into_iter().filter(|mail| mail.to == address).collect()
    }

    /// The case's log, which must be whole: gapless, with every hash in its place, as long as the case's revision says.
    pub(crate) async fn whole_log(&self, number: i64) -> Vec<store::log::Row> {
        let case = self.case(number).await;
        let mut tx = self.app.db.read().await.unwrap();
        let rows = store::log::entries(&mut tx, case.customer, case.id).await.unwrap();
        let entry = |row: &store::log::Row| (row.seq, row.at_us);
        let checked = rows.iter().map(|row| {
            let (seq, at_us) = entry(row);
            (Entry { case: case.id, seq, at_us, body: &row.body }, row.hash.as_str())
        });
        assert_eq!(log::verify(checked), Ok(()));
        assert_eq!(rows.len(), usize::try_from(case.revision).unwrap());
        rows
    }
}

/// The service over an empty database: nobody has set it up.
pub(crate) async fn empty(db: &TestDb) -> Arc<App> {
    let clock = Clock::manual(wednesday());
    open(db, &clock, (Prober::Scripted(Script::new(clock.clone(), [])), |_: &mut Config| {}), Mailer::memory).await
}

async fn open(
    db: &TestDb,
    clock: &Clock,
    with: (Prober, impl FnOnce(&mut Config)),
    way: impl FnOnce(Identity) -> Mailer,
) -> Arc<App> {
    try_open(db, clock, with, way).await.unwrap()
}

async fn try_open(
    db: &TestDb,
    clock: &Clock,
    (prober, change): (Prober, impl FnOnce(&mut Config)),
    way: impl FnOnce(Identity) -> Mailer,
) -> Result<Arc<App>, Error> {
    let flags = Flags { database: Some(db.url.clone()), data: Some(db.folder.join("data")), ..Flags::default() };
    let mut config = Config::load(flags, &|_| None).unwrap();
    "https://postern.vendor.example".clone_into(&mut config.public_url);
    config.accounts.staff_second_factor = false;
    config.mail.reply_domain = Some("in.vendor.example".into());
    change(&mut config);
    let domain = config.public_url.trim_start_matches("https://").to_owned();
    let identity = |vault: &Vault| Identity { key: vault.derive("message id"), domain };
    App::open(&config, clock.clone(), |vault| Ok(way(identity(vault))), prober).await
}

/// Runs worker steps until nothing is due.
pub(crate) async fn drain(app: &Arc<App>) {
    loop {
        let steps = [
            worker::timers::step(app).await.unwrap(),
            worker::probes::step(app).await.unwrap(),
            worker::agents::step(app).await.unwrap(),
            worker::outbox::step(app).await.unwrap(),
            worker::letters::step(app).await.unwrap(),
        ];
        if steps.iter().all(|step| *step == Step::Idle) {
            return;
        }
    }
}

/// A tunnel of a customer with our 10.99.0.0/24, alerting from 10.99.0.8.
pub(crate) fn tunnel(customer: &Customer, name: &str, theirs: &str) -> Tunnel {
    Tunnel {
        customer: customer.id,
        id: TunnelId::new(fresh_id()),
        name: name.to_owned(),
        our_gateway: "198.51.100.1".parse().unwrap(),
        peer_gateway: "203.0.113.2".parse().unwrap(),
        our_selectors: vec!["10.99.0.0/24".parse().unwrap()],
        peer_selectors: vec![theirs.parse().unwrap()],
        alerting_ip: "10.99.0.8".parse().unwrap(),
        inside_gateway: None,
        standby_ip: None,
        routing_domain: "alder".into(),
        device: None,
        ca_pem: None,
        state: TunnelState::InUse,
    }
}

async fn contact(app: &Arc<App>, customer: &Customer, name: &str, email: &str) -> Person {
    let place = Place::Contact { customer: customer.id, all_cases: true };
    admin::add_person(app, (name.into(), email.into()), place, None).await.unwrap()
}

async fn staff(app: &Arc<App>, name: &str, email: &str, roles: &[Role]) -> Person {
    let place = Place::Staff(BTreeSet::from_iter(roles.iter().copied()));
    admin::add_person(app, (name.into(), email.into()), place, None).await.unwrap()
}

/// A private server with STARTTLS.
pub(crate) fn draft(address: &str) -> Draft {
    Draft {
        smtp_location: "private".into(),
        smtp_ip: address.into(),
        smtp_port: "587".into(),
        encryption: "starttls".into(),
        sender_address: "alerts@alder.example".into(),
        ..Draft::default()
    }
}

/// A request that was never made before.
pub(crate) fn fresh_once() -> Once {
    once(&fresh_id().to_string(), "any")
}

/// A request under this key with this body.
pub(crate) fn once(key: &str, body: &str) -> Once {
    Once { scope: "test".into(), key: key.to_owned(), fingerprint: body.to_owned() }
}

/// An act that was never done before.
pub(crate) fn act(number: i64, event: &str, answers: &[(&str, &str)]) -> Act {
    let answers: BTreeMap<_, _> =
        answers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Act { number, event: event.to_owned(), answers: answers.into(), entered: None, revision: None, once: fresh_once() }
}

/// What was done now; a test that repeats nothing expects nothing else.
pub(crate) fn done<T>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Done(value) => value,
        Outcome::Before(answer) => panic!("this had been done before: {}", answer.answer),
    }
}
