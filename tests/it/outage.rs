//! What is needed goes away and comes back: the database, the mail server, the product's API. Nothing that was
//! acknowledged is lost, nothing is done twice, and nobody has to start the service again.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use postern::app::{App, admin, dead_letters};
use postern::apply::{Behaviour, StandIn};
use postern::config::{Config, Flags};
use postern::mail::{Identity, Mailer, SmtpServer, Tls};
use postern::probe::Prober;
use postern::secret::Secret;
use postern::store::Db;
use postern::worker::{self, Step};
use serde_json::{Value, json};

use crate::support::app::{PRODUCT_KEY, TestApp};
use crate::support::client::Client;
use crate::support::db::{Kind, TestDb, on_both};
use crate::support::http::Browser;
use crate::support::postgres::{Postgres, Stop};
use crate::support::smtp_sink::{Protection, SmtpSink};

/// How long something may take that is waited for; it takes a fraction.
const PATIENCE: Duration = Duration::from_secs(60);

/// Customers who write one message after the other, whatever happens, and repeat each under its key until it is taken.
struct Writers {
    stop: Arc<AtomicBool>,
    /// Messages that were answered with 201.
    taken: Arc<Mutex<BTreeSet<String>>>,
    /// Answers of 503.
    refused: Arc<AtomicUsize>,
    tasks: tokio::task::JoinSet<()>,
}

impl Writers {
    fn start(client: &Client, number: i64, count: usize) -> Self {
        let (stop, taken, refused) = <(Arc<AtomicBool>, Arc<Mutex<BTreeSet<String>>>, Arc<AtomicUsize>)>::default();
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..count {
            let (client, stop, taken, refused) =
                (client.clone(), Arc::clone(&stop), Arc::clone(&taken), Arc::clone(&refused));
            tasks.spawn(async move {
                let path = format!("/api/v1/cases/{number}/messages");
                for message in 0.. {
                    let text = format!("{writer}.{message}");
                    loop {
                        let answer = client.post_as(&path, &text, &[], &json!({"message": text})).await;
                        if answer.status == 503 {
                            answer.problem(503, "unavailable");
                            assert_eq!(answer.header("retry-after"), "5");
                            refused.fetch_add(1, Ordering::SeqCst);
                            tokio::time::sleep(Duration::from_millis(20)).await;
                            continue;
                        }
                        assert_eq!(answer.expect(201)["body"], Value::from(text.as_str()));
                        break;
                    }
                    taken.lock().unwrap().insert(text);
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
        }
        Self { stop, taken, refused, tasks }
    }

    fn taken(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    /// Waits until so many more messages were taken.
    async fn until_taken(&self, more: usize) {
        let goal = self.taken() + more;
        until(|| self.taken() >= goal).await;
    }

    /// Ends after the present message of each, which is repeated until it is taken.
    async fn end(mut self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut self.taken.lock().unwrap())
    }
}

async fn until(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "waited for {PATIENCE:?} in vain");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn until_ready(stranger: &Client) {
    let end = Instant::now() + PATIENCE;
    while stranger.get("/readyz").await.status != 200 {
        assert!(Instant::now() < end, "the service did not become ready again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn off_the_runtime(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_and_comes_back_loses_nothing_on_postgres() {
    let server = Arc::new(tokio::task::spawn_blocking(Postgres::start).await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&server.url()).await.unwrap();
    let test = TestDb { db, url: server.url(), kind: Kind::Postgres, folder: folder.path().to_owned() };
    let t = TestApp::new(&test).await;
    let number = t.request().await.number;
    let client = Client::of(&t.app, &t.contact).await;
    let stranger = Client::stranger(&t.app);
    let mut browser = Browser::signed_in(&t.app, &t.engineer).await;
    let writers = Writers::start(&client, number, 8);
    for how in [Stop::Immediate, Stop::Fast] {
        writers.until_taken(20).await;
        let down = Arc::clone(&server);
        off_the_runtime(move || down.down(how)).await;
        let before = writers.refused.load(Ordering::SeqCst);
        until(|| writers.refused.load(Ordering::SeqCst) >= before + 8).await;
        let ready = stranger.get("/readyz").await;
        assert_eq!(ready.expect(503)["ready"], json!(false));
        assert_eq!(stranger.get("/livez").await.status, 200, "the process is well");
        let page = browser.get("/queue").await;
        assert_eq!((page.status.as_u16(), page.headers["retry-after"].to_str().unwrap()), (503, "5"));
        assert!(page.body.contains("<h1"), "a page for people: {}", page.body);
        assert!(worker::outbox::step(&t.app).await.is_err(), "the worker sees it too and waits");
        let up = Arc::clone(&server);
        off_the_runtime(move || up.up()).await;
        until_ready(&stranger).await;
    }
    writers.until_taken(20).await;
    let taken = writers.end().await;
    assert_eq!(browser.get("/queue").await.status, 200, "the session outlived both");
    let case = t.case(number).await;
    let stored: Vec<String> = sqlx::query_scalar("SELECT body FROM messages WHERE case_id = $1")
        .bind(case.id)
        .fetch_all(test.postgres())
        .await
        .unwrap();
    assert_eq!(stored.len(), taken.len(), "each message stands there once, however often it was sent");
    assert_eq!(BTreeSet::from_iter(stored), taken, "what was acknowledged is there");
    t.whole_log(number).await;
    t.drain().await;
    assert!(!t.app.mailer.sent().is_empty(), "the workers go on");
    t.app.db.close().await;
    test.db.close().await;
}

/// The same service with another way out for its mail: same database, clock and master key.
async fn with_mail_server(t: &TestApp, db: &TestDb, port: u16) -> Arc<App> {
    let flags = Flags { database: Some(db.url.clone()), data: Some(data(&db.folder)), ..Flags::default() };
    let mut config = Config::load(flags, &|_| None).unwrap();
    config.accounts.staff_second_factor = false;
    t.app.public_url.clone_into(&mut config.public_url);
    let mailer = |vault: &postern::app::vault::Vault| {
        let identity = Identity { key: vault.derive("message id"), domain: "postern.vendor.example".into() };
        let server = SmtpServer {
            host: "127.0.0.1".into(),
            port,
            tls: Tls::None,
            account: None,
            ca_pem: None,
            hello_name: None,
            limit: Some(Duration::from_secs(5)),
        };
        Ok(Mailer::smtp(identity, server).unwrap())
    };
    App::open(&config, t.clock.clone(), mailer, Prober::Scripted(t.script.clone())).await.unwrap()
}

fn data(folder: &Path) -> std::path::PathBuf {
    folder.join("data")
}

async fn send_what_is_due(app: &Arc<App>) {
    while worker::outbox::step(app).await.unwrap() == Step::Worked {}
}

/// A port on which nobody listens.
fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

on_both! {
    async fn without_a_mail_server_the_case_goes_on_and_mail_is_retried_then_laid_out_for_a_person(db: TestDb) {
        let t = TestApp::new(&db).await;
        let away = with_mail_server(&t, &db, closed_port()).await;
        let number = t.request().await.number;
        let waiting = db.number("SELECT COUNT(*) FROM outbox WHERE state = 'pending'").await;
        assert!(waiting >= 2, "mail to the customer and to the engineer");
        send_what_is_due(&away).await;
        assert_eq!(db.number("SELECT COUNT(*) FROM outbox WHERE state = 'pending' AND attempts = 1").await, waiting);
        assert_eq!(worker::outbox::step(&away).await.unwrap(), Step::Idle, "nothing is hammered");
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        assert_eq!(t.case(number).await.flow.state, "let_us_in", "the case goes on without mail");
        let (dead, _) = dead_letters::list(&away, &t.admin).await.unwrap();
        assert!(dead.is_empty(), "an outage of minutes kills no mail");
        for _ in 0..20 {
            t.clock.advance(TimeDelta::days(1));
            send_what_is_due(&away).await;
        }
        let (dead, pending) = dead_letters::list(&away, &t.admin).await.unwrap();
        assert!(dead.len() >= 2 && pending == 0, "{} dead, {pending} pending", dead.len());
        for letter in &dead {
            assert_eq!(letter.attempts, 11);
            assert!(letter.last_error.as_ref().is_some_and(|error| !error.is_empty()));
        }
        let sink = SmtpSink::start(Protection::None, None).await;
        let back = with_mail_server(&t, &db, sink.address.port()).await;
        let letter = &dead[0];
        dead_letters::resend(&back, &t.admin, letter.key.clone()).await.unwrap();
        send_what_is_due(&back).await;
        let arrived = sink.arrived();
        assert_eq!(arrived.len(), 1, "one was asked for, one arrived");
        let id = postern::mail::message_id(&back.vault.derive("message id"), "postern.vendor.example", &letter.key);
        assert!(arrived[0].data.contains(&id), "a late mail has the identity that it would have had: {id}");
        away.db.close().await;
        back.db.close().await;
        t.app.db.close().await;
    }
}

/// A case whose settings have passed the full test and are about to be applied.
async fn applying(t: &TestApp) -> i64 {
    let number = t.reached().await;
    t.script.push(None);
    let settings = [
        ("encryption", "starttls"),
        ("sender_address", "alerts@alder.example"),
        ("test_recipient", "soc@alder.example"),
        ("smtp_account", "alerts"),
        ("smtp_password", "a-password-of-the-server"),
    ];
    t.act(&t.contact, number, "submit_settings", &settings).await.unwrap();
    t.drain().await;
    number
}

/// What the API shows of a case's standing to its customer.
async fn standing(t: &TestApp, number: i64) -> (String, String) {
    let case = Client::of(&t.app, &t.contact).await.get(&format!("/api/v1/cases/{number}")).await.expect(200);
    let text = |member: &str| case[member].as_str().unwrap().to_owned();
    (text("state"), text("waiting_on"))
}

/// The case waits visibly while tries are made, and comes to an engineer when they are used up; then the product is there
/// again and the engineer has it applied.
async fn given_up_then_applied(t: &TestApp, number: i64, back: impl AsyncFnOnce() -> StandIn) {
    assert_eq!(standing(t, number).await, ("applying".to_owned(), "vendor".to_owned()), "it waits where people see it");
    t.pass(TimeDelta::seconds(4)).await;
    assert_eq!(standing(t, number).await.0, "applying");
    t.pass(TimeDelta::seconds(2)).await;
    assert_eq!(standing(t, number).await.0, "applying", "the second try failed, a third follows");
    t.pass(TimeDelta::seconds(11)).await;
    assert_eq!(standing(t, number).await, ("apply_failed".to_owned(), "vendor".to_owned()));
    let engineer = Client::of(&t.app, &t.engineer).await;
    let case = engineer.get(&format!("/api/v1/cases/{number}")).await.expect(200);
    let evidence = case["data"]["evidence"].as_str().unwrap();
    assert!(evidence.ends_with("The product was not changed."), "{evidence}");
    assert!(!evidence.contains(PRODUCT_KEY));
    let product = back().await;
    t.script.push(None);
    engineer.act(number, "retry_apply", &json!({})).await.expect(200);
    t.drain().await;
    assert_eq!(standing(t, number).await, ("confirm_delivery".to_owned(), "customer".to_owned()));
    assert_eq!(product.settings()["smtpServerPort"], json!(587));
}

on_both! {
    async fn a_product_that_fails_is_tried_again_then_told_to_an_engineer(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        product.set_behaviour(Behaviour::ServerError);
        let number = applying(&t).await;
        assert_eq!(product.requests().len(), 1, "one try, and then a pause");
        given_up_then_applied(&t, number, async || {
            assert!(product.requests().iter().all(|request| request.method == "GET"), "nothing was written blindly");
            assert_eq!(product.requests().len(), 3);
            product.set_behaviour(Behaviour::Normal);
            product
        }).await;
        t.app.db.close().await;
    }
}

on_both! {
    async fn a_product_that_is_away_is_tried_again_then_told_to_an_engineer(db: TestDb) {
        let t = TestApp::new(&db).await;
        drop(t.with_product().await);
        let number = applying(&t).await;
        given_up_then_applied(&t, number, async || {
            let product = StandIn::start(PRODUCT_KEY).await.unwrap();
            let access = (product.base_url.clone(), Secret::new(PRODUCT_KEY.to_owned()));
            admin::put_tenant(&t.app, (t.customer.id, "alder-prod".to_owned()), Some(access)).await.unwrap();
            product
        }).await;
        t.app.db.close().await;
    }
}
