//! Effects reach outside at least once, a repeat can be told by its key, and none is dropped silently.

use std::sync::Arc;

use chrono::TimeDelta;
use postern::app::dead_letters::{self, DeadLetter};
use postern::app::{Error, admin, mails};
use postern::store;
use postern::store::outbox::Effect;
use postern::worker::{self, Step};

use crate::support::app::{TestApp, drain};
use crate::support::db::on_both;

/// Claims the next effect in the name of the first node, as its worker does.
async fn claim(t: &TestApp) -> Option<Effect> {
    let (node, now) = (t.app.node.clone(), t.clock.now());
    t.app
        .db
        .write(move |tx| {
            let node = node.clone();
            Box::pin(async move { store::outbox::claim(tx, &node, now, now + TimeDelta::seconds(240)).await })
        })
        .await
        .unwrap()
}

on_both! {
    async fn a_node_that_dies_after_sending_is_followed_by_one_that_sends_with_the_same_message_id(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.request().await;
        let effect = claim(&t).await.unwrap();
        let outgoing = {
            let mut tx = t.app.db.read().await.unwrap();
            mails::compose(&t.app, &mut tx, &effect).await.unwrap().unwrap()
        };
        let first = t.app.mailer.send(&outgoing).await.unwrap();
        let second = t.second_node(&db).await;
        drain(&second).await;
        let sent = |key: &str| second.mailer.sent().into_iter().filter(|mail| mail.message_id == key).count();
        assert_eq!(sent(&first.message_id), 0, "the lease holds");
        t.clock.advance(TimeDelta::seconds(241));
        drain(&second).await;
        assert_eq!(sent(&first.message_id), 1, "the same Message-ID: {}", first.message_id);
        let raw = |mails: Vec<postern::mail::Sent>| mails.into_iter().find(|mail| mail.message_id == first.message_id).unwrap().raw;
        assert_eq!(raw(t.app.mailer.sent()), raw(second.mailer.sent()), "equal byte by byte");
        let (node, key, at) = (t.app.node.clone(), effect.effect_key.clone(), t.clock.now());
        let late = t.app.db.write(move |tx| {
            let (node, key) = (node.clone(), key.clone());
            Box::pin(async move { store::outbox::settle(tx, &key, &node, at).await })
        }).await.unwrap();
        assert!(!late, "the first node has lost its lease");
        second.db.close().await;
    }
}

on_both! {
    async fn mail_that_cannot_go_out_is_retried_for_days_then_given_up_visibly_and_can_be_sent_again(db: TestDb) {
        let t = TestApp::new(&db).await;
        let broken = t.node_without_mail_server(&db).await;
        t.request().await;
        drain(&broken).await;
        assert_eq!(dead(&t).await.len(), 0, "one failure is not the end");
        for _ in 0..200 {
            t.clock.advance(TimeDelta::hours(1));
            while worker::outbox::step(&broken).await.unwrap() == Step::Worked {}
        }
        let given_up = dead(&t).await;
        assert!(!given_up.is_empty() && given_up.iter().all(|dead| dead.attempts >= 8), "{given_up:?}");
        assert!(given_up.iter().all(|dead| dead.last_error.is_some()));
        assert!(matches!(dead_letters::list(&t.app, &t.lead).await, Err(Error::Forbidden(_))));
        assert!(matches!(dead_letters::resend(&t.app, &t.lead, given_up[0].key.clone()).await, Err(Error::Forbidden(_))));
        t.drain().await;
        let sent = t.app.mailer.sent().len();
        dead_letters::resend(&t.app, &t.admin, given_up[0].key.clone()).await.unwrap();
        // A second press finds it on its way already, which is what was wanted.
        dead_letters::resend(&t.app, &t.admin, given_up[0].key.clone()).await.unwrap();
        let unknown = dead_letters::resend(&t.app, &t.admin, "no-such-key".to_owned()).await;
        assert!(matches!(unknown, Err(Error::NotFound)));
        t.drain().await;
        assert_eq!(t.app.mailer.sent().len(), sent + 1);
        assert_eq!(dead(&t).await.len(), given_up.len() - 1);
        broken.db.close().await;
    }
}

async fn dead(t: &TestApp) -> Vec<DeadLetter> {
    dead_letters::list(&t.app, &t.admin).await.unwrap().0
}

on_both! {
    async fn mails_to_one_person_keep_their_order_and_do_not_wait_for_others(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        let mut firsts = Vec::new();
        while let Some(effect) = claim(&t).await {
            firsts.push(effect);
        }
        let to = |effect: &Effect| effect.payload.0["to"].to_string();
        let template = |effect: &Effect| effect.payload.0["template"].as_str().unwrap().to_owned();
        let mut people: Vec<_> = firsts.iter().map(to).collect();
        people.sort();
        people.dedup();
        assert_eq!(people.len(), firsts.len(), "one in flight for each person");
        let held = firsts.iter().find(|effect| template(effect) == "case-opened").unwrap().clone();
        let (node, at) = (t.app.node.clone(), t.clock.now());
        t.app.db.write(move |tx| {
            let (node, key) = (node.clone(), held.effect_key.clone());
            Box::pin(async move { store::outbox::settle(tx, &key, &node, at).await })
        }).await.unwrap();
        assert_eq!(template(&claim(&t).await.unwrap()), "let-us-in", "the next of that person");
        assert!(claim(&t).await.is_none());
    }
}

on_both! {
    async fn four_workers_at_once_send_each_mail_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        for host in 1..=10 {
            t.request_for(&format!("10.20.4.{host}")).await;
        }
        let second = t.second_node(&db).await;
        let mut workers = tokio::task::JoinSet::new();
        for app in [&t.app, &t.app, &second, &second] {
            let app = Arc::clone(app);
            workers.spawn(async move { drain(&app).await });
        }
        workers.join_all().await;
        let mut ids: Vec<_> = t.app.mailer.sent().into_iter().chain(second.mailer.sent()).map(|mail| mail.message_id).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!((all, ids.len()), (20, 20), "to the contact and to the engineer");
        second.db.close().await;
    }
}

on_both! {
    async fn mail_to_somebody_who_may_no_longer_sign_in_is_not_sent(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.request().await;
        admin::set_person(&t.app, "dana@alder.example", (None, Some(false)), None).await.unwrap();
        t.drain().await;
        assert!(t.mails_to("dana@alder.example").is_empty(), "rights are judged when it is sent");
        assert_eq!(dead_letters::list(&t.app, &t.admin).await.unwrap().1, 0, "and nothing waits");
    }
}
