//! What one receiver does, slow, busy or gone elsewhere, is felt by no other.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use postern::app::webhooks::endpoints::{self, Draft};
use postern::app::webhooks::log;
use postern::app::webhooks::sending::{self, Outcome};
use postern::clock::fresh_id;
use postern::domain::id::EventId;
use postern::domain::webhook::{Delivery, Topic};
use postern::store::deliveries;
use postern::webhook::{Answer, SendError};
use postern::worker;

use super::{Receiver, Reply, endpoint, logged, send_due, service};
use crate::support::db::{Kind, on_both, run};

on_both! {
    async fn days_in_which_nobody_asked_switch_nothing_off(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(500)]).await;
        let (view, _) = endpoint(&t, "automation", &receiver.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        send_due(&t).await;
        t.clock.advance(TimeDelta::days(4));
        send_due(&t).await;
        assert_eq!(receiver.got().len(), 2);
        assert_eq!(endpoints::one(&t.app, view.endpoint.id).await.unwrap().endpoint.off_since, None);
        assert_eq!(logged(&t, &view).await[0].state, Delivery::Waiting);
    }
}

on_both! {
    async fn a_receiver_at_another_address_begins_without_the_failures_of_the_former_one(db: TestDb) {
        let t = service(&db).await;
        let busy = "HTTP/1.1 503 Busy\r\nretry-after: 80000\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned();
        let receiver = Receiver::start(&[Reply::Raw(busy)]).await;
        let (view, _) = endpoint(&t, "automation", &receiver.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        send_due(&t).await;
        let known = async || endpoints::one(&t.app, view.endpoint.id).await.unwrap().endpoint;
        let renamed = Draft { name: "renamed".into(), ..view.draft() };
        endpoints::change(&t.app, view.endpoint.id, &renamed).await.unwrap();
        assert!(known().await.failing_since.is_some() && known().await.rests_until.is_some(), "it is the same receiver");
        let next = Receiver::start(&[Reply::Status(200)]).await;
        let moved = Draft { url: next.url(), ..renamed };
        endpoints::change(&t.app, view.endpoint.id, &moved).await.unwrap();
        assert_eq!((known().await.failing_since, known().await.rests_until), (None, None));
        t.request_for("10.20.4.16").await;
        send_due(&t).await;
        assert_eq!((receiver.got().len(), next.got().len()), (1, 1));
    }
}

on_both! {
    async fn an_endpoint_that_asks_for_time_gets_it(db: TestDb) {
        let t = service(&db).await;
        let busy = "HTTP/1.1 503 Busy\r\nretry-after: 600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned();
        let receiver = Receiver::start(&[Reply::Raw(busy), Reply::Status(200)]).await;
        let (view, _) = endpoint(&t, "busy", &receiver.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        t.request_for("10.20.4.16").await;
        send_due(&t).await;
        t.clock.advance(TimeDelta::seconds(590));
        send_due(&t).await;
        assert_eq!(receiver.got().len(), 1, "nor is anything else sent to it");
        t.clock.advance(TimeDelta::seconds(11));
        send_due(&t).await;
        assert_eq!(receiver.got().len(), 3);
        assert!(logged(&t, &view).await.iter().all(|row| row.state == Delivery::Delivered));
    }
}

on_both! {
    async fn a_slow_endpoint_holds_up_nobody_else_and_is_never_asked_twice_at_once(db: TestDb) {
        let t = service(&db).await;
        for name in ["slow", "quick"] {
            endpoint(&t, name, "http://127.0.0.1:9/", &[Topic::CaseCreated]).await;
        }
        t.request().await;
        t.request_for("10.20.4.16").await;
        let first = sending::claim(&t.app).await.unwrap().unwrap();
        let second = sending::claim(&t.app).await.unwrap().unwrap();
        assert_ne!(first.endpoint_id, second.endpoint_id);
        assert!(sending::claim(&t.app).await.unwrap().is_none(), "both have more, and both are busy");
        let fine = |status| Outcome {
            result: Ok(Answer { status, retry_after: None, body: String::new() }),
            took: Duration::ZERO,
        };
        t.clock.advance(TimeDelta::seconds(1));
        sending::settle(&t.app, second.clone(), fine(200)).await.unwrap();
        let next = sending::claim(&t.app).await.unwrap().unwrap();
        assert_eq!(next.endpoint_id, second.endpoint_id);
        sending::settle(&t.app, next, Outcome { result: Err(SendError::TimedOut), took: Duration::from_secs(15) })
            .await
            .unwrap();
        let rows = log::page(&t.app, second.endpoint_id, None, 10).await.unwrap().0;
        let waiting = rows.iter().find(|row| row.state == Delivery::Waiting).unwrap();
        assert_eq!(waiting.error.as_deref(), Some("No answer came within 15 seconds"));
    }
}

#[tokio::test]
async fn an_event_that_is_being_written_down_keeps_no_endpoint_from_being_claimed() {
    run(Kind::Postgres, |db| async move {
        let t = service(&db).await;
        endpoint(&t, "all", "http://127.0.0.1:9/", &[Topic::CaseCreated]).await;
        t.request().await;
        let (app, at) = (Arc::clone(&t.app), t.clock.now());
        let claimed = t.app.db.write(move |tx| {
            let app = Arc::clone(&app);
            Box::pin(async move {
                deliveries::tell(tx, EventId::new(fresh_id()), Topic::CaseCreated, "{}", at).await?;
                // Another node, while the transaction that writes the event down is open.
                sending::claim(&app).await
            })
        });
        assert!(claimed.await.unwrap().is_some());
    })
    .await;
}

on_both! {
    async fn four_receivers_that_hang_take_the_turn_of_no_fifth(db: TestDb) {
        let t = service(&db).await;
        let hangs = Receiver::start(&[Reply::Hang]).await;
        let quick = Receiver::start(&[Reply::Status(200)]).await;
        for name in ["a", "b", "c", "d"] {
            endpoint(&t, name, &hangs.url(), &[Topic::CaseCreated]).await;
        }
        t.clock.advance(TimeDelta::seconds(1));
        endpoint(&t, "e", &quick.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut workers = worker::start(&t.app, &stopped);
        // Nobody who hangs is given up before 15 seconds have passed.
        let began = tokio::time::Instant::now();
        while hangs.got().len() < 4 || quick.got().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(12), "{} hang, {} came", hangs.got().len(), quick.got().len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.send(true).unwrap();
        while workers.join_next().await.is_some() {}
    }
}
