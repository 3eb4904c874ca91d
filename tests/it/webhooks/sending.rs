//! At least once, under the same id, for three days; then the endpoint is switched off and nothing is lost.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use postern::app::alerting_ips::{self, Draft, Keeper};
use postern::app::backup;
use postern::app::webhooks::sending::{self, Outcome};
use postern::app::webhooks::{endpoints, log};
use postern::app::{Error, forget_old_answers};
use postern::domain::webhook::{Delivery, OffReason, Topic};
use postern::worker::{self, Step};

use super::{Got, Receiver, Reply, endpoint, logged, send_due, service};
use crate::support::app::once;
use crate::support::db::on_both;

on_both! {
    async fn what_happens_is_told_once_each_and_thinly(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(204)]).await;
        let (all, key) = endpoint(&t, "all", &receiver.url(), &[]).await;
        let tests = Receiver::start(&[Reply::Status(200)]).await;
        endpoint(&t, "tests", &tests.url(), &[Topic::TestFinished]).await;
        let number = t.reached().await;
        t.submit_settings(number).await;
        t.script.push(None);
        t.drain().await;
        send_due(&t).await;
        let got = receiver.got();
        let count = |topic: Topic| got.iter().filter(|got| got.topic() == topic.as_str()).count();
        assert_eq!(count(Topic::CaseCreated), 1, "{got:?}");
        assert_eq!(count(Topic::TestFinished), 2);
        assert!(count(Topic::CaseWaitingOnCustomer) >= 2 && count(Topic::WhitelistChanged) >= 2);
        assert_eq!(tests.got().iter().map(Got::topic).collect::<Vec<_>>(), ["test.finished", "test.finished"]);
        let mut ids: Vec<&str> = got.iter().map(|got| got.header("webhook-id")).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), got.len(), "one id each");
        assert!(logged(&t, &all).await.iter().all(|row| row.state == Delivery::Delivered && row.attempts == 1));
        for message in &got {
            assert!(message.body.len() < 20_000);
            assert_eq!(message.header("content-type"), "application/json");
            for private in ["10.20.4.15", "Dana", "alder.example", "Alder", "not to be seen", "CHG-1"] {
                assert!(!message.body.contains(private), "{private} in {}", message.body);
            }
        }
        assert!(db.tables_with(key.expose()).await.is_empty(), "the key stands sealed only");
        let settled = t.app.mailer.sent().len();
        send_due(&t).await;
        assert_eq!((receiver.got().len(), t.app.mailer.sent().len()), (got.len(), settled), "nothing comes twice");
    }
}

on_both! {
    async fn an_event_and_its_messages_are_written_together_or_not_at_all(db: TestDb) {
        let t = service(&db).await;
        let (view, _) = endpoint(&t, "all", "http://127.0.0.1:9/", &[]).await;
        let number = t.request().await.number;
        let written = async || (db.number("SELECT COUNT(*) FROM webhook_events").await, logged(&t, &view).await.len());
        let before = written().await;
        // The transaction breaks after the event was written down: what is done next needs this table.
        db.execute("ALTER TABLE watches RENAME TO watches_elsewhere").await;
        assert!(t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.is_err());
        assert_eq!(written().await, before);
        db.execute("ALTER TABLE watches_elsewhere RENAME TO watches").await;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        assert_ne!(written().await, before, "the same act tells of something");
    }
}

on_both! {
    async fn an_endpoint_that_answers_500_is_tried_for_three_days_and_then_switched_off_with_a_mail(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(500)]).await;
        let (view, _) = endpoint(&t, "automation", &receiver.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        send_due(&t).await;
        send_due(&t).await;
        assert_eq!(receiver.got().len(), 1, "no second try at once");
        let failing = endpoints::one(&t.app, view.endpoint.id).await.unwrap().endpoint;
        assert_eq!(failing.failing_since, Some(t.clock.now()));
        // 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, each up to a fifth later.
        for (index, seconds) in [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].into_iter().enumerate() {
            t.clock.advance(TimeDelta::seconds(seconds - 1));
            send_due(&t).await;
            assert_eq!(receiver.got().len(), index + 1, "not before its time");
            t.clock.advance(TimeDelta::seconds(seconds / 5 + 2));
            send_due(&t).await;
            assert_eq!(receiver.got().len(), index + 2);
        }
        let got = receiver.got();
        assert!(got.iter().all(|one| one.header("webhook-id") == got[0].header("webhook-id") && one.body == got[0].body));
        let stamps: Vec<i64> = got.iter().map(|one| one.header("webhook-timestamp").parse().unwrap()).collect();
        assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]), "each try is signed anew: {stamps:?}");
        let off = endpoints::one(&t.app, view.endpoint.id).await.unwrap().endpoint;
        assert_eq!(off.off_why, Some(OffReason::Failing));
        let row = &logged(&t, &view).await[0];
        assert_eq!((row.state, row.attempts, row.status), (Delivery::Failed, 10, Some(500)));
        let mails = t.mails_to(&t.admin.email);
        assert_eq!(mails.len(), 1, "the owner is told once");
        assert!(mails[0].subject.contains("automation was switched off"), "{}", mails[0].subject);

        // What happens meanwhile is kept, and everything arrives once the receiver is mended.
        t.request_for("10.20.4.16").await;
        send_due(&t).await;
        assert_eq!(receiver.got().len(), 10, "nothing is sent to an endpoint that is off");
        receiver.answer(Reply::Status(200));
        endpoints::switch_on(&t.app, view.endpoint.id).await.unwrap();
        send_due(&t).await;
        assert_eq!(receiver.got().len(), 10, "switching on alone floods nobody");
        let since = t.clock.now() - TimeDelta::days(5);
        assert_eq!(log::redeliver_since(&t.app, view.endpoint.id, t.clock.now() + TimeDelta::seconds(1)).await.unwrap(), 0);
        assert_eq!(log::redeliver_since(&t.app, view.endpoint.id, since).await.unwrap(), 2);
        send_due(&t).await;
        assert_eq!(receiver.got().len(), 12);
        assert!(logged(&t, &view).await.iter().all(|row| row.state == Delivery::Delivered));
        assert!(receiver.got()[10..].iter().any(|one| one.header("webhook-id") == got[0].header("webhook-id")));
        let mended = endpoints::one(&t.app, view.endpoint.id).await.unwrap().endpoint;
        assert_eq!((mended.failing_since, mended.off_since), (None, None));
    }
}

on_both! {
    async fn a_redirect_to_loopback_is_a_failure_and_not_followed(db: TestDb) {
        let t = service(&db).await;
        let inside = Receiver::start(&[Reply::Status(200)]).await;
        let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", inside.url());
        let receiver = Receiver::start(&[Reply::Raw(redirect)]).await;
        let (view, _) = endpoint(&t, "all", &receiver.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        send_due(&t).await;
        let row = &logged(&t, &view).await[0];
        assert_eq!((row.state, row.status), (Delivery::Waiting, Some(302)));
        assert!(row.error.as_deref().unwrap().contains("redirects are not followed"));
        assert_eq!((receiver.got().len(), inside.got().len()), (1, 0));
    }
}

on_both! {
    async fn one_that_is_gone_is_switched_off_at_once(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(410)]).await;
        let (view, _) = endpoint(&t, "gone", &receiver.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        t.request_for("10.20.4.16").await;
        send_due(&t).await;
        assert_eq!(receiver.got().len(), 1, "what waited behind it is not sent");
        let states: Vec<_> = logged(&t, &view).await.iter().map(|row| row.state).collect();
        assert_eq!(states, [Delivery::Missed, Delivery::Failed]);
        assert_eq!(endpoints::one(&t.app, view.endpoint.id).await.unwrap().endpoint.off_why, Some(OffReason::Gone));
        assert_eq!(t.mails_to(&t.admin.email).len(), 1);
        let off = log::ping(&t.app, view.endpoint.id, None).await;
        assert!(matches!(off, Err(Error::Settled(_))), "{off:?}");
    }
}

on_both! {
    async fn a_node_that_dies_after_sending_is_followed_by_one_that_sends_the_same(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(200)]).await;
        let (view, _) = endpoint(&t, "all", &receiver.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        let claimed = sending::claim(&t.app).await.unwrap().unwrap();
        let first = sending::attempt(&t.app, &claimed).await.unwrap();
        let second = t.second_node(&db).await;
        assert_eq!(worker::webhooks::step(&second).await.unwrap(), Step::Idle, "the lease holds");
        t.clock.advance(TimeDelta::seconds(61));
        // The second node has no list of its own in this test, so it sends with the first one's sender.
        let again = sending::claim(&second).await.unwrap().unwrap();
        let repeated = sending::attempt(&t.app, &again).await.unwrap();
        sending::settle(&second, again, Outcome { took: Duration::from_millis(7), ..repeated }).await.unwrap();
        sending::settle(&t.app, claimed, Outcome { took: Duration::from_millis(9), ..first }).await.unwrap();
        let got = receiver.got();
        assert_eq!(got.len(), 2);
        assert_eq!((got[0].header("webhook-id"), &got[0].body), (got[1].header("webhook-id"), &got[1].body));
        let row = &logged(&t, &view).await[0];
        assert_eq!((row.state, row.attempts, row.took_ms), (Delivery::Delivered, 2, Some(7)));
        let tries = log::one(&t.app, view.endpoint.id, row.event_id).await.unwrap().attempts;
        assert_eq!(tries.iter().map(|one| one.status).collect::<Vec<_>>(), [Some(200), None], "the first has no outcome");
        second.db.close().await;
    }
}

on_both! {
    async fn what_a_receiver_answers_is_kept_in_part_and_as_text(db: TestDb) {
        let t = service(&db).await;
        let flood = format!("HTTP/1.1 400 No\r\n\r\n<script>alert(1)</script>\u{1b}[31m\0{}", "x".repeat(1_000_000));
        let receiver = Receiver::start(&[Reply::Raw(flood)]).await;
        let (view, _) = endpoint(&t, "all", &receiver.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        send_due(&t).await;
        let row = &logged(&t, &view).await[0];
        let detail = log::one(&t.app, view.endpoint.id, row.event_id).await.unwrap();
        let answer = detail.attempts[0].answer.clone().unwrap();
        assert!(answer.starts_with("<script>") && answer.len() < 2_100, "{} bytes", answer.len());
        assert!(!answer.chars().any(char::is_control));
    }
}

on_both! {
    async fn a_ping_is_sent_once_for_one_press_and_goes_to_one_endpoint(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(200)]).await;
        let (view, _) = endpoint(&t, "one", &receiver.url(), &[Topic::CaseDone]).await;
        endpoint(&t, "other", &receiver.url(), &[]).await;
        let press = || Some(once("key", "ping"));
        let first = log::ping(&t.app, view.endpoint.id, press()).await.unwrap();
        assert_eq!(log::ping(&t.app, view.endpoint.id, press()).await.unwrap(), first);
        send_due(&t).await;
        assert_eq!(receiver.got().iter().map(Got::topic).collect::<Vec<_>>(), ["ping"]);
    }
}

on_both! {
    async fn what_was_sent_is_forgotten_after_thirty_days(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(200)]).await;
        let (view, _) = endpoint(&t, "all", &receiver.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        send_due(&t).await;
        t.clock.advance(TimeDelta::days(29));
        forget_old_answers(&t.app).await.unwrap();
        assert_eq!(logged(&t, &view).await.len(), 1);
        t.request_for("10.20.4.16").await;
        t.clock.advance(TimeDelta::days(2));
        forget_old_answers(&t.app).await.unwrap();
        assert_eq!(logged(&t, &view).await.len(), 1, "the younger one stays");
        assert_eq!(db.number("SELECT COUNT(*) FROM webhook_attempts").await, 0);
        assert_eq!(db.number("SELECT COUNT(*) FROM webhook_events").await, 1);
    }
}

on_both! {
    async fn what_waits_to_be_sent_again_is_not_forgotten(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(200), Reply::Status(500), Reply::Status(200)]).await;
        let (view, _) = endpoint(&t, "all", &receiver.url(), &[Topic::CaseCreated]).await;
        t.request().await;
        send_due(&t).await;
        t.clock.advance(TimeDelta::days(29));
        let event = logged(&t, &view).await[0].event_id;
        log::redeliver(&t.app, view.endpoint.id, event).await.unwrap();
        send_due(&t).await;
        t.clock.advance(TimeDelta::days(2));
        forget_old_answers(&t.app).await.unwrap();
        send_due(&t).await;
        assert_eq!(receiver.got().len(), 3);
        assert_eq!(logged(&t, &view).await[0].state, Delivery::Delivered);
        forget_old_answers(&t.app).await.unwrap();
        assert!(logged(&t, &view).await.is_empty());
    }
}

on_both! {
    async fn after_a_restore_nothing_is_sent_that_may_have_gone_out_before(db: TestDb) {
        let t = service(&db).await;
        let (view, _) = endpoint(&t, "all", "http://127.0.0.1:9/", &[Topic::CaseCreated]).await;
        t.request().await;
        let file = db.folder.join("backup");
        backup::create(&t.app.db, &file, t.clock.now()).await.unwrap();
        let url = format!("sqlite:{}", db.folder.join("restored.db").display());
        let restored = postern::store::Db::open(&url).await.unwrap();
        backup::restore(&restored, &file, t.clock.now()).await.unwrap();
        let states: Vec<Delivery> = {
            let mut tx = restored.read().await.unwrap();
            let newest = postern::domain::id::EventId::new(uuid::Uuid::max());
            let rows = postern::store::deliveries::page(&mut tx, view.endpoint.id, newest, 10).await.unwrap();
            rows.iter().map(|row| row.state).collect()
        };
        restored.close().await;
        assert_eq!(states, [Delivery::Missed]);
        let waiting = Arc::clone(&t.app);
        assert!(sending::claim(&waiting).await.unwrap().is_some(), "the service that was backed up goes on");
    }
}

on_both! {
    async fn alerting_ips_are_told_with_their_dates(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(200)]).await;
        endpoint(&t, "all", &receiver.url(), &[Topic::AlertingIpPlanned]).await;
        for (network, is_published) in [("192.88.100.7", true), ("192.88.100.8", false)] {
            let draft = Draft {
                network: network.to_owned(),
                purpose: "alerting".to_owned(),
                from: "2026-12-01T08:00:00Z".to_owned(),
                is_published,
                ..Draft::default()
            };
            alerting_ips::add(&t.app, Keeper(None), &draft).await.unwrap();
        }
        send_due(&t).await;
        let got = receiver.got();
        assert_eq!(got.iter().map(Got::topic).collect::<Vec<_>>(), ["alerting_ip.planned"]);
        let body: serde_json::Value = serde_json::from_str(&got[0].body).unwrap();
        assert_eq!((&body["data"]["cidr"], &body["data"]["from"]), (&"192.88.100.7/32".into(), &"2026-12-01T08:00:00Z".into()));
        assert_eq!(body["timestamp"], "2026-11-25T10:00:00.000000Z");
        // Whoever was told of it is told that it leaves the list.
        let hidden = Draft { purpose: "alerting".to_owned(), is_published: false, ..Draft::default() };
        let register = alerting_ips::list(&t.app).await.unwrap();
        let number = |address: &str| register.iter().find(|listed| listed.ip.shown() == address).unwrap().ip.number;
        for address in ["192.88.100.7", "192.88.100.8"] {
            alerting_ips::correct(&t.app, Keeper(None), number(address), &hidden).await.unwrap();
        }
        send_due(&t).await;
        assert_eq!(receiver.got().len(), 2, "one is published no more, and of the other nobody knew");
    }
}
