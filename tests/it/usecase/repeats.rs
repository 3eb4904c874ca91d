//! A repeated request is applied once, and one that was made for an older state is refused.

use std::sync::Arc;

use postern::app::cases::{self, Act};
use postern::app::requests;
use postern::app::{Error, KEEP_ANSWERS, Outcome, resource};
use postern::domain::workflow::Refusal;
use postern::store;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::app::{TestApp, act, done, draft, fresh_once, once};
use crate::support::db::on_both;

const AT_ONCE: usize = 32;

on_both! {
    async fn the_same_key_32_times_at_once_is_one_transition_with_one_answer(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let revision = t.case(number).await.revision;
        let same = Act { once: once("key-1", "body"), ..act(number, "configuration_done", &[("change_ref", "CHG-1")]) };
        let start = Arc::new(Barrier::new(AT_ONCE));
        let mut tries = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (app, person, same, start) = (Arc::clone(&t.app), t.engineer.clone(), same.clone(), Arc::clone(&start));
            tries.spawn(async move {
                start.wait().await;
                match cases::act(&app, &person, same).await.unwrap() {
                    Outcome::Done(case) => (true, resource::case(&app, &person, &case).unwrap().to_string()),
                    Outcome::Before(answer) => (false, answer.answer),
                }
            });
        }
        let outcomes = tries.join_all().await;
        assert_eq!(outcomes.iter().filter(|(now, _)| *now).count(), 1);
        assert!(outcomes.iter().all(|(_, answer)| *answer == outcomes[0].1), "everybody reads the same");
        assert_eq!(t.case(number).await.revision, revision + 1);
        t.drain().await;
        let subjects = t.mails_to("dana@alder.example");
        assert_eq!(subjects.iter().filter(|mail| mail.subject.contains("let 10.99.0.8 in")).count(), 1);
    }
}

on_both! {
    async fn a_request_sent_16_times_opens_one_case(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut tries = JoinSet::new();
        for _ in 0..16 {
            let (app, person) = (Arc::clone(&t.app), t.contact.clone());
            tries.spawn(async move { requests::send(&app, &person, draft("10.20.4.15"), once("sent", "body")).await.is_ok() });
        }
        assert!(tries.join_all().await.into_iter().all(|good| good));
        let cases = cases::mine(&t.app, &t.contact, i64::MAX, 50).await.unwrap();
        assert_eq!(cases.iter().map(|case| case.number).collect::<Vec<_>>(), [1001]);
        t.whole_log(1001).await;
    }
}

on_both! {
    async fn cases_opened_at_the_same_moment_get_numbers_without_a_gap(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut tries = JoinSet::new();
        for host in 1..=10 {
            let (app, person) = (Arc::clone(&t.app), t.contact.clone());
            tries.spawn(async move {
                done(requests::send(&app, &person, draft(&format!("10.20.4.{host}")), fresh_once()).await.unwrap()).number
            });
        }
        let mut numbers = tries.join_all().await;
        numbers.sort_unstable();
        assert_eq!(numbers, (1001..=1010).collect::<Vec<_>>());
    }
}

on_both! {
    async fn a_key_with_another_body_is_refused_and_changes_nothing(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let first = Act { once: once("key-1", "body"), ..act(number, "note", &[("note", "one")]) };
        cases::act(&t.app, &t.engineer, first.clone()).await.unwrap();
        let before = t.case(number).await;
        let other = Act { once: once("key-1", "another body"), ..act(number, "note", &[("note", "two")]) };
        assert!(matches!(cases::act(&t.app, &t.engineer, other).await, Err(Error::KeyReused)));
        assert_eq!(t.case(number).await, before);
        assert!(matches!(cases::act(&t.app, &t.engineer, first).await, Ok(Outcome::Before(_))));
    }
}

on_both! {
    async fn a_refused_request_keeps_no_answer_so_that_it_can_be_corrected_under_its_key(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let bad = Act { once: once("key-1", "body"), ..act(number, "configuration_done", &[]) };
        assert!(matches!(cases::act(&t.app, &t.engineer, bad).await, Err(Error::Invalid(_))));
        let good = Act { once: once("key-1", "corrected"), ..act(number, "configuration_done", &[("change_ref", "CHG-1")]) };
        assert!(matches!(cases::act(&t.app, &t.engineer, good).await, Ok(Outcome::Done(_))));
    }
}

on_both! {
    async fn answers_are_kept_for_48_hours(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let same = Act { once: once("key-1", "body"), ..act(number, "note", &[("note", "one")]) };
        cases::act(&t.app, &t.engineer, same).await.unwrap();
        for (span, kept) in [(KEEP_ANSWERS - chrono::TimeDelta::seconds(1), true), (chrono::TimeDelta::seconds(2), false)] {
            t.clock.advance(span);
            let before = t.clock.now() - KEEP_ANSWERS;
            let found = t.app.db.write(move |tx| Box::pin(async move {
                store::idempotency::forget_before(tx, before).await?;
                store::idempotency::find(tx, "test", "key-1").await
            })).await.unwrap();
            assert_eq!(found.is_some(), kept);
        }
    }
}

on_both! {
    async fn a_form_of_an_older_state_and_an_older_revision_are_refused_and_change_nothing(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let old = t.case(number).await;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        let before = t.case(number).await;
        let stale = Act { entered: Some(old.flow.entered), ..act(number, "need_help", &[("reason", "No")]) };
        let refused = cases::act(&t.app, &t.contact, stale).await;
        assert!(matches!(refused, Err(Error::Refused(Refusal::Stale { expected, .. })) if expected == old.flow.entered));
        let stale = Act { revision: Some(old.revision), ..act(number, "let_in_done", &[]) };
        let refused = cases::act(&t.app, &t.contact, stale).await;
        assert!(matches!(refused, Err(Error::Changed { revision, .. }) if revision == before.revision));
        assert_eq!(t.case(number).await, before);
        let fresh = Act { entered: Some(before.flow.entered), revision: Some(before.revision), ..act(number, "let_in_done", &[]) };
        cases::act(&t.app, &t.contact, fresh).await.unwrap();
    }
}
