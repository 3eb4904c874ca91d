//! Alerts by SYSLOG, against the stand-in product and into a folder.

use std::time::Duration;

use postern::apply::{
    Behaviour, Comparison, FileTarget, Outcome, StandIn, SyslogApplied, SyslogRequest, Target, TieTarget,
};
use postern::domain::syslog::{InputType, Transport};
use postern::secret::Secret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const KEY: &str = "stand-in-key-0123456789";

fn request() -> SyslogRequest {
    SyslogRequest {
        reference: "case-1042".into(),
        known: None,
        host: "10.20.4.30".into(),
        port: 514,
        transport: Transport::Udp,
        input: InputType::Attacks,
        directories: vec![1, 4],
        threshold: 30,
        profiles: vec![1],
        checkers: Vec::new(),
        attack_types: vec![5, 6],
        health_checks: Vec::new(),
        initial: false,
    }
}

/// A stand-in that holds an alert of somebody else to the same receiver.
async fn product() -> (StandIn, Target) {
    let product = StandIn::start(KEY).await.unwrap();
    product.store_syslog(&json!({"ip": "10.20.4.30", "port": 514, "protocol": "UDP", "tls": false,
        "inputType": "adObjectChanges", "criticityThreshold": 0, "directories": [1], "description": "by hand",
        "shouldNotifyOnInitialFullSecurityCheck": true, "relayId": 9}));
    let target = target(&product, KEY);
    (product, target)
}

fn target(product: &StandIn, key: &str) -> Target {
    let limit = Duration::from_millis(1_500);
    Target::Tie(TieTarget::with_limit(&product.base_url, Secret::new(key.to_owned()), None, limit).unwrap())
}

fn failure(applied: &SyslogApplied) -> &str {
    match &applied.outcome {
        Outcome::Failed { reason, .. } => reason,
        Outcome::Applied | Outcome::WrittenToFile { .. } => panic!("it should have failed: {applied:?}"),
    }
}

fn writes(product: &StandIn) -> Vec<(String, String)> {
    let written = product.requests().into_iter().filter(|request| request.method != "GET");
    written.map(|request| (request.method, request.path)).collect()
}

fn foreign(product: &StandIn) -> Value {
    product.syslogs().into_iter().find(|alert| alert["description"] == "by hand").unwrap()
}

#[tokio::test]
async fn a_new_alert_is_one_array_and_the_same_again_is_a_change() {
    let (product, target) = product().await;
    let before = foreign(&product);
    let applied = target.apply_syslog(&request()).await.unwrap();
    assert_eq!((&applied.outcome, applied.id, applied.others.as_slice()), (&Outcome::Applied, Some(2), &[1][..]));
    assert!(applied.read_back.iter().all(|check| check.result == Comparison::Equal), "{:?}", applied.read_back);
    // Without the id, as after an apply that got no answer: the description tells which it is.
    let changed = SyslogRequest { threshold: 60, transport: Transport::Tls, port: 6514, ..request() };
    let applied = target.apply_syslog(&changed).await.unwrap();
    assert_eq!((applied.id, applied.others), (Some(2), vec![]));
    // And by its id, whatever somebody made of the description.
    let renamed = SyslogRequest { reference: "case-7".into(), known: Some(2), ..changed };
    assert_eq!(target.apply_syslog(&renamed).await.unwrap().id, Some(2));
    let one = |method: &str, path: &str| (method.to_owned(), path.to_owned());
    assert_eq!(
        writes(&product),
        [one("POST", "/api/syslogs"), one("PATCH", "/api/syslogs/2"), one("PATCH", "/api/syslogs/2")]
    );
    assert_eq!(product.syslogs().len(), 2);
    assert_eq!(foreign(&product), before, "another's alert is never touched");
    assert!(product.requests().iter().all(|request| !request.body.to_string().contains("relayId")));
}

#[tokio::test]
async fn an_answer_that_says_it_changed_nothing_is_an_error_and_writes_nothing() {
    for (behaviour, words) in [
        (Behaviour::Unauthorized, "make a new key"),
        (Behaviour::Forbidden, "alerts by SYSLOG"),
        (Behaviour::NotFound, "base URL"),
        (Behaviour::RateLimited, "patience"),
        (Behaviour::Redirect, "final address"),
        (Behaviour::ServerError, "500"),
        (Behaviour::Garbage, "not the product's"),
        (Behaviour::Slow(4_000), "within"),
    ] {
        let (product, target) = product().await;
        product.set_behaviour(behaviour);
        let error = target.apply_syslog(&request()).await.unwrap_err().to_string();
        assert!(error.contains(words), "{behaviour:?}: {error}");
        assert!(!error.contains(KEY), "{error}");
        assert_eq!(product.syslogs().len(), 1, "{behaviour:?}");
    }
}

#[tokio::test]
async fn what_was_made_and_reads_otherwise_is_taken_away_again() {
    let (product, target) = product().await;
    product.set_next(&[Behaviour::Normal, Behaviour::StoresPartly]);
    let applied = target.apply_syslog(&request()).await.unwrap();
    assert!(failure(&applied).contains("criticityThreshold differ"), "{applied:?}");
    assert!(applied.put_back.unwrap().contains("removed again"));
    assert_eq!((applied.id, product.syslogs().len()), (None, 1));
}

#[tokio::test]
async fn what_was_changed_and_reads_otherwise_is_put_back() {
    let (product, target) = product().await;
    target.apply_syslog(&request()).await.unwrap();
    let before = product.syslogs();
    product.set_next(&[Behaviour::Normal, Behaviour::StoresPartly]);
    let changed = SyslogRequest { host: "10.20.4.31".into(), threshold: 80, ..request() };
    let applied = target.apply_syslog(&changed).await.unwrap();
    assert!(failure(&applied).contains("criticityThreshold differ"), "{applied:?}");
    assert!(applied.put_back.unwrap().contains("put back and read back equal"));
    assert_eq!(product.syslogs(), before);
    // A product that stores nothing still holds what stood there.
    product.set_next(&[Behaviour::Normal, Behaviour::StoresNothing]);
    let applied = target.apply_syslog(&changed).await.unwrap();
    assert!(applied.put_back.unwrap().contains("still holds the previous alert"));
}

#[tokio::test]
async fn a_write_without_a_clear_answer_counts_where_the_reading_proves_it() {
    let (product, target) = product().await;
    product.set_next(&[Behaviour::Normal, Behaviour::StoresThenFails]);
    let applied = target.apply_syslog(&request()).await.unwrap();
    assert_eq!((&applied.outcome, applied.id), (&Outcome::Applied, Some(2)));
    product.set_next(&[Behaviour::Normal, Behaviour::ServerError]);
    let applied = target.apply_syslog(&SyslogRequest { threshold: 99, ..request() }).await.unwrap();
    assert!(failure(&applied).contains("500"), "{applied:?}");
}

#[tokio::test]
async fn what_cannot_be_put_back_is_left_to_a_person() {
    let (product, target) = product().await;
    product.set_next(&[
        Behaviour::Normal,
        Behaviour::StoresPartly,
        Behaviour::Normal,
        Behaviour::Normal,
        Behaviour::Forbidden,
    ]);
    let applied = target.apply_syslog(&request()).await.unwrap();
    let sentence = applied.put_back.unwrap();
    assert!(sentence.contains("by hand") && sentence.contains("403"), "{sentence}");
}

#[tokio::test]
async fn lists_are_read_apart_and_one_that_fails_leaves_the_others() {
    let (product, target) = product().await;
    product.set_next(&[Behaviour::Normal, Behaviour::Forbidden]);
    let offers = target.offers().await.unwrap();
    let named: Vec<_> = offers.lists.iter().map(|(what, list)| (*what, list.as_ref().map(Vec::len).ok())).collect();
    assert_eq!(
        named,
        [
            ("Directories", Some(2)),
            ("Profiles", None),
            ("Indicators of exposure", Some(2)),
            ("Indicators of attack", Some(2))
        ]
    );
    assert_eq!(offers.lists[2].1.as_ref().unwrap()[0].name, "C-PASSWORD-POLICY", "a code name where there is no other");
}

#[tokio::test]
async fn a_folder_gets_the_object_that_the_api_would_take() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::File(FileTarget { folder: folder.path().to_owned(), tenant: "alder".into() });
    let applied = target.apply_syslog(&request()).await.unwrap();
    let path = folder.path().join("case-1042.syslog-settings.json");
    assert_eq!(applied.outcome, Outcome::WrittenToFile { path: path.clone() });
    let written: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!((&written["tenant"], &written["syslog"]["inputType"]), (&json!("alder"), &json!("attacks")));
    assert!(target.offers().await.is_none() && target.compare_syslog(&request()).await.unwrap().is_none());
}

/// The status of a request as nobody of ours would send it.
async fn post(product: &StandIn, body: &str) -> u16 {
    let mut stream = TcpStream::connect(product.base_url.trim_start_matches("http://")).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST /api/syslogs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-api-key: {KEY}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The stand-in refuses what the product's description refuses, so that a test which passes against it means something.
#[tokio::test]
async fn the_stand_in_is_strict() {
    let product = StandIn::start(KEY).await.unwrap();
    let good = json!({"ip": "10.20.4.30", "port": 514, "protocol": "UDP", "tls": false, "inputType": "attacks",
        "criticityThreshold": 30, "directories": [1], "profiles": [1], "attackTypes": [5],
        "shouldNotifyOnInitialFullSecurityCheck": false});
    let post = async |body: Value| post(&product, &body.to_string()).await;
    assert_eq!(post(good.clone()).await, 400, "an object is no array");
    assert_eq!(post(json!([])).await, 400);
    for (field, value) in [
        ("port", json!("514")),
        ("protocol", json!("TLS")),
        ("tls", json!(true)),
        ("criticityThreshold", json!(101)),
        ("directories", json!([])),
        ("attackTypes", Value::Null),
        ("inputType", json!("everything")),
        ("relay", json!(1)),
    ] {
        let mut wrong = good.clone();
        wrong[field] = value;
        assert_eq!(post(json!([wrong])).await, 400, "{field}");
    }
    assert_eq!(product.syslogs().len(), 0);
    assert_eq!(post(json!([good])).await, 201);
}
