//! Whole ways: the running service with its workers, an agent beside it, a mail server of a few lines.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postern::app::{App, agents, take_over};
use postern::cli::agent::run::{Client, Settings, Trouble, until_stopped};
use postern::cli::service::Service;
use postern::domain::cause::Cause;
use postern::domain::tunnel::Tunnel;
use postern::secret::Secret;
use postern::store;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::app::{TestApp, tunnel};
use crate::support::db::on_both;
use crate::support::servers::{Act, Identity, Kind, Server, identity, say};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// An agent that runs beside the test.
struct Agent {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), Trouble>>,
}

impl Agent {
    fn start(address: SocketAddr, token: &str, settings: Settings) -> Self {
        let client = Client::new(&format!("http://{address}"), &Secret::new(token.to_owned()), None).unwrap();
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(until_stopped(client, settings, stopped, PATIENCE)) }
    }

    async fn end(self) -> Result<(), Trouble> {
        self.stop.send_replace(true);
        self.task.await.unwrap()
    }
}

/// An agent that may test the customer's network, in which 10.20.4.15 port 587 is the given server.
fn settings(server: &Server) -> Settings {
    Settings {
        allow: vec!["10.20.0.0/16".parse().unwrap()],
        jobs: 2,
        dial: BTreeMap::from([("10.20.4.15:587".parse().unwrap(), server.address)]),
        ..Settings::default()
    }
}

async fn serve(app: &Arc<App>, address: SocketAddr) -> Service {
    Service::start(Arc::clone(app), TcpListener::bind(address).await.unwrap()).unwrap()
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Waits until the case is in a state.
async fn until_state(app: &App, number: i64, state: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let case = {
            let mut tx = app.db.read().await.unwrap();
            store::cases::by_number(&mut tx, number).await.unwrap().unwrap()
        };
        if case.flow.state == state {
            return;
        }
        assert!(Instant::now() < end, "case {number} is in {} and not in {state}", case.flow.state);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A server for every level: EHLO, STARTTLS, AUTH, one mail. Each connection goes as far as the client wants.
fn mail_server(identity: &Identity, before: Duration) -> Vec<Act> {
    vec![
        Act::Pause(before),
        say("220 mx ESMTP\r\n"),
        Act::Hear,
        say("250-mx\r\n250 STARTTLS\r\n"),
        Act::Hear,
        say("220 go\r\n"),
        Act::Tls(identity.config.clone()),
        Act::Hear,
        say("250-mx\r\n250 AUTH PLAIN\r\n"),
        Act::Hear,
        say("235 2.7.0 welcome\r\n"),
        Act::Hear,
        say("250 2.1.0 ok\r\n"),
        Act::Hear,
        say("250 2.1.5 ok\r\n"),
        Act::Hear,
        say("354 go on\r\n"),
        Act::HearBytes,
        say("250 2.0.0 kept\r\n"),
        Act::Hear,
        say("221 bye\r\n"),
    ]
}

fn trusting(t: &TestApp, identity: &Identity) -> Tunnel {
    Tunnel { ca_pem: Some(identity.ca_pem.clone()), ..tunnel(&t.customer, "alder-1", "10.20.0.0/16") }
}

on_both! {
    async fn a_case_goes_its_whole_way_through_an_agent(db: TestDb) {
        let t = TestApp::in_lab(&db).await;
        let _product = t.with_product().await;
        let identity = identity(&["10.20.4.15"], Kind::Good);
        postern::app::admin::put_tunnel(&t.app, trusting(&t, &identity)).await.unwrap();
        let server = Server::start(mail_server(&identity, Duration::ZERO)).await;
        let service = serve(&t.app, any_port()).await;
        let token = agents::register(&t.app, "gw-1", &["alder-1".into()]).await.unwrap();
        let agent = Agent::start(service.address, &token, settings(&server));
        let number = t.tested("10.20.4.15").await;
        until_state(&t.app, number, "settings").await;
        assert_eq!(server.connections(), 1);
        let answers = [
            ("encryption", "starttls"), ("sender_address", "alerts@alder.example"), ("test_recipient", "soc@alder.example"),
            ("smtp_account", "canary-account-91"), ("smtp_password", "canary-Password-7f3a"),
        ];
        t.act(&t.contact, number, "submit_settings", &answers).await.unwrap();
        until_state(&t.app, number, "confirm_delivery").await;
        until("the alert was sent", || server.heard().contains("Subject: Postern test alert") || server.connections() == 3).await;
        let end = Instant::now() + PATIENCE;
        while !t.case(number).await.flow.data.contains_key("alert_outcome") {
            assert!(Instant::now() < end, "the alert has no outcome");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(t.case(number).await.flow.data["alert_outcome"].to_string(), "sent");
        assert!(t.script.asked().is_empty(), "the service opened no connection");
        assert_eq!(server.connections(), 3, "reach, full, alert: each once");
        let heard = server.heard();
        assert_eq!((heard.matches("AUTH PLAIN").count(), heard.matches("RCPT TO:<soc@alder.example>").count()), (2, 2));
        assert!(agent.end().await.is_ok());
        t.whole_log(number).await;
        service.stop().await;
    }
}

on_both! {
    async fn a_service_that_restarts_in_the_middle_of_a_test_gets_its_report(db: TestDb) {
        let t = TestApp::in_lab(&db).await;
        let identity = identity(&["10.20.4.15"], Kind::Good);
        postern::app::admin::put_tunnel(&t.app, trusting(&t, &identity)).await.unwrap();
        let server = Server::start(mail_server(&identity, Duration::from_millis(1_500))).await;
        let service = serve(&t.app, any_port()).await;
        let address = service.address;
        let token = agents::register(&t.app, "gw-1", &["alder-1".into()]).await.unwrap();
        let agent = Agent::start(address, &token, settings(&server));
        let number = t.tested("10.20.4.15").await;
        until("the test runs", || server.connections() == 1).await;
        let reborn = t.second_node(&db).await;
        service.stop().await;
        until("the dialogue is over", || server.heard().contains("QUIT")).await;
        take_over(&reborn).await.unwrap();
        let service = serve(&reborn, address).await;
        until_state(&reborn, number, "settings").await;
        assert_eq!(server.connections(), 1, "it ran once");
        assert!(agent.end().await.is_ok());
        service.stop().await;
    }
}

on_both! {
    async fn an_agent_tests_nothing_outside_its_own_list(db: TestDb) {
        let t = TestApp::in_lab(&db).await;
        let server = Server::start(vec![Act::Hold]).await;
        let service = serve(&t.app, any_port()).await;
        let token = agents::register(&t.app, "gw-1", &["alder-1".into()]).await.unwrap();
        let narrow = Settings { allow: vec!["10.20.5.0/24".parse().unwrap()], ..settings(&server) };
        let agent = Agent::start(service.address, &token, narrow);
        let number = t.tested("10.20.4.15").await;
        let end = Instant::now() + PATIENCE;
        let test = loop {
            let case = t.case(number).await;
            let mut tx = t.app.db.read().await.unwrap();
            let test = store::probes::by_number(&mut tx, case.customer, case.id, 1).await.unwrap().unwrap();
            if test.state == "done" {
                break test;
            }
            assert!(Instant::now() < end, "the test has not ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(test.cause.as_deref(), Some(Cause::PolicyTargetForbidden.id()));
        assert_eq!(test.verdict.as_deref(), Some("refused"));
        assert_eq!(server.connections(), 0, "no socket was opened");
        assert!(agent.end().await.is_ok());
        service.stop().await;
    }
}

on_both! {
    async fn an_agent_that_must_go_gives_back_what_it_cannot_finish(db: TestDb) {
        let t = TestApp::in_lab(&db).await;
        let server = Server::start(vec![Act::Hold]).await;
        let service = serve(&t.app, any_port()).await;
        let token = agents::register(&t.app, "gw-1", &["alder-1".into()]).await.unwrap();
        let client = Client::new(&format!("http://{}", service.address), &Secret::new(token), None).unwrap();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(until_stopped(client, settings(&server), stopped, Duration::ZERO));
        let number = t.tested("10.20.4.15").await;
        until("the test runs", || server.connections() == 1).await;
        stop.send_replace(true);
        assert!(task.await.unwrap().is_ok());
        let case = t.case(number).await;
        let mut tx = t.app.db.read().await.unwrap();
        let test = store::probes::by_number(&mut tx, case.customer, case.id, 1).await.unwrap().unwrap();
        drop(tx);
        assert_eq!((test.state.as_str(), test.attempts), ("queued", 0));
        service.stop().await;
    }
}

on_both! {
    async fn an_agent_whose_token_is_revoked_ends(db: TestDb) {
        let t = TestApp::in_lab(&db).await;
        let server = Server::start(vec![Act::Hold]).await;
        let service = serve(&t.app, any_port()).await;
        let token = agents::register(&t.app, "gw-1", &["alder-1".into()]).await.unwrap();
        agents::revoke(&t.app, "gw-1").await.unwrap();
        let agent = Agent::start(service.address, &token, settings(&server));
        assert!(matches!(agent.task.await.unwrap(), Err(Trouble::TokenRefused)));
        service.stop().await;
    }
}
