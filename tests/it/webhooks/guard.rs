//! Messages go nowhere but where they may: each name is looked up once, everything it gives is judged, nothing else is
//! dialed.

use std::net::IpAddr;

use postern::app::Error;
use postern::app::webhooks::endpoints::{self, Draft};
use postern::config::WebhooksConfig;
use postern::domain::webhook::{Delivery, Topic};
use postern::webhook::{Answers, Message, Resolver, SendError, Sender};

use super::{Receiver, Reply, endpoint, logged, send_due, service};
use crate::support::app::TestApp;
use crate::support::db::on_both;

fn message(url: &str) -> Message<'_> {
    Message { url, id: "msg_1", timestamp: 1, signature: "v1,x", body: "{}" }
}

fn sender(allow: &[&str], answers: &Answers) -> Sender {
    let allow = allow.iter().map(|network| network.parse().unwrap()).collect();
    let config = WebhooksConfig { allow, ca_file: None };
    Sender::new(&config, &[]).unwrap().with_resolver(Resolver::Scripted(answers.clone()))
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Two receivers at the same port: one at an address that is listed, one at the loopback address that is not.
async fn twins() -> (Receiver, Receiver) {
    for _ in 0..50 {
        let listed = Receiver::start_on("127.0.0.2:0", &[Reply::Status(200)]).await;
        let port = listed.address.port();
        if tokio::net::TcpListener::bind(("127.0.0.1", port)).await.is_ok() {
            return (listed, Receiver::start_on(&format!("127.0.0.1:{port}"), &[Reply::Status(200)]).await);
        }
    }
    panic!("no port is free at both addresses");
}

#[tokio::test]
async fn a_name_that_turns_to_loopback_at_the_second_look_up_is_refused_unseen() {
    let (listed, inside) = twins().await;
    let answers = Answers::new([addresses(&["127.0.0.2"]), addresses(&["127.0.0.1"]), addresses(&["127.0.0.2"])]);
    let sender = sender(&["127.0.0.2/32"], &answers);
    let url = format!("http://localhost:{}/", listed.address.port());
    assert_eq!(sender.send(&message(&url)).await.unwrap().status, 200);
    assert_eq!(answers.left(), 2, "one look-up for one message");
    let refused = sender.send(&message(&url)).await.unwrap_err();
    assert!(matches!(refused, SendError::Refused(_)), "{refused}");
    assert_eq!(answers.left(), 1);
    assert_eq!((listed.got().len(), inside.got().len()), (1, 0));
    assert!(refused.to_string().contains("127.0.0.1 is not a public address"), "{refused}");
}

#[tokio::test]
async fn one_bad_address_among_good_ones_refuses_them_all() {
    let (listed, inside) = twins().await;
    let both = addresses(&["127.0.0.2", "127.0.0.1"]);
    let turned = addresses(&["127.0.0.1", "127.0.0.2"]);
    let answers = Answers::new([both, turned, Vec::new()]);
    let sender = sender(&["127.0.0.2/32"], &answers);
    let url = format!("http://localhost:{}/", listed.address.port());
    for _ in 0..2 {
        assert!(matches!(sender.send(&message(&url)).await, Err(SendError::Refused(_))));
    }
    let nowhere = sender.send(&message(&url)).await.unwrap_err();
    assert!(nowhere.to_string().contains("check the name"), "{nowhere}");
    assert_eq!(nowhere.kind(), "name");
    assert_eq!((listed.got().len(), inside.got().len()), (0, 0));
}

#[tokio::test]
async fn public_names_that_lead_inside_are_refused() {
    for inside in ["10.1.2.3", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "64:ff9b::a00:1", "::ffff:10.0.0.1"] {
        let sender = sender(&[], &Answers::new([addresses(&[inside])]));
        let outcome = sender.send(&message("https://hooks.example.com/")).await;
        assert!(matches!(outcome, Err(SendError::Refused(_))), "{inside}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_fifteen_seconds() {
    let receiver = Receiver::start(&[Reply::Hang]).await;
    let sender = sender(&["127.0.0.1/32"], &Answers::default());
    let began = tokio::time::Instant::now();
    assert_eq!(sender.send(&message(&receiver.url())).await, Err(SendError::TimedOut));
    let took = began.elapsed().as_secs_f64();
    assert!((14.9..25.0).contains(&took), "{took} s");
}

#[tokio::test]
async fn an_answer_that_breaks_off_counts_by_its_status_and_nonsense_is_none() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nonly this".to_owned();
    let receiver = Receiver::start(&[Reply::Raw(cut), Reply::Raw("220 mail.example ESMTP\r\n".into())]).await;
    let sender = sender(&["127.0.0.1/32"], &Answers::default());
    let answer = sender.send(&message(&receiver.url())).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "only this"));
    let nonsense = sender.send(&message(&receiver.url())).await;
    assert!(matches!(nonsense, Err(SendError::Broken(_))), "{nonsense:?}");
    // A port that is taken, and at which nobody listens.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let outcome = sender.send(&message(&format!("http://{}/", closed.local_addr().unwrap()))).await;
    assert!(matches!(outcome, Err(SendError::Connect(_))), "{outcome:?}");
}

on_both! {
    async fn addresses_of_our_own_network_are_refused_when_they_are_entered_and_when_they_are_sent_to(db: TestDb) {
        let t = TestApp::with(&db, |_| {}).await;
        let draft = |url: &str| Draft {
            name: "x".into(),
            url: url.into(),
            owner: t.admin.email.clone(),
            topics: vec!["case.created".into()],
        };
        for url in [
            "http://169.254.169.254/latest", "https://169.254.169.254/", "https://127.0.0.1/", "https://2130706433/",
            "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://10.1.2.3/", "https://9.9.9.9:22/", "http://9.9.9.9/",
            "https://u:p@9.9.9.9/", "gopher://9.9.9.9/", "",
        ] {
            let refused = endpoints::add(&t.app, &draft(url), None).await;
            match refused {
                Err(Error::Invalid(errors)) => assert_eq!(errors[0].field, "url", "{url}"),
                other => panic!("{url}: {:?}", other.map(|_| "taken")),
            }
        }
        endpoints::add(&t.app, &draft("https://9.9.9.9/hook"), None).await.unwrap();
    }
}

on_both! {
    async fn an_endpoint_whose_network_is_no_longer_listed_is_refused_counted_and_tried_again(db: TestDb) {
        let mut t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(200)]).await;
        let (view, _) = endpoint(&t, "all", &receiver.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        std::sync::Arc::get_mut(&mut t.app).unwrap().webhooks = Sender::new(&WebhooksConfig::default(), &[]).unwrap();
        send_due(&t).await;
        let row = &logged(&t, &view).await[0];
        assert_eq!((row.state, row.attempts, row.status), (Delivery::Waiting, 1, None));
        assert!(row.error.as_deref().unwrap().contains("[webhooks] allow"), "{row:?}");
        assert!(receiver.got().is_empty());
    }
}
