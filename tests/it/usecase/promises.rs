//! First answer, next update, done: which is owed, when it is due, who is told that it is late. 2026-11-25 is a Wednesday.

use chrono::{DateTime, TimeDelta, Utc};
use postern::app::calendars::By;
use postern::app::conversation::{self, Post};
use postern::app::policy::{self, Draft};
use postern::app::priority::{self, Wish};
use postern::app::{Error, queue};
use postern::domain::actor::Person;
use postern::domain::case::{Case, Priority};
use postern::domain::objective::Objective::{self, Done, FirstAnswer, NextUpdate};

use crate::support::app::{TestApp, done, drain, fresh_once};
use crate::support::db::{TestDb, on_both};

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn until(t: &TestApp, instant: &str) {
    t.pass(utc(instant) - t.clock.now()).await;
}

async fn say(t: &TestApp, person: &Person, number: i64, is_internal: bool) -> Case {
    conversation::write(&t.app, person, Post::new(number, "A word", is_internal), fresh_once()).await.unwrap();
    t.case(number).await
}

fn named(case: &Case) -> (Option<Objective>, DateTime<Utc>) {
    (case.objective, case.due_at)
}

fn wish(number: i64, priority: &str, reason: &str) -> Wish {
    Wish { number, revision: None, priority: priority.into(), reason: reason.into() }
}

/// Subjects of the mails to a lead that say that something is late.
fn late(t: &TestApp) -> Vec<String> {
    let words = |mail: postern::mail::Sent| {
        mail.subject.split(" is late").next().unwrap().split("] ").nth(1).unwrap().to_owned()
    };
    t.mails_to("lou@vendor.example").into_iter().filter(|mail| mail.subject.contains(" is late")).map(words).collect()
}

/// Outcomes of a kind of promise, in their order.
async fn outcomes(db: &TestDb, objective: Objective) -> Vec<String> {
    db.texts(&format!(
        "SELECT COALESCE(outcome, 'owed') FROM objectives WHERE objective = '{objective}' ORDER BY case_id, number"
    ))
    .await
}

on_both! {
    async fn the_first_answer_is_what_the_customer_sees_and_updates_follow(db: TestDb) {
        let t = TestApp::new(&db).await;
        let case = t.request().await;
        let number = case.number;
        assert_eq!(named(&case), (Some(FirstAnswer), utc("2026-11-26T10:00:00Z")), "a business day");
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        let case = say(&t, &t.engineer, number, true).await;
        assert_eq!(case.objective, Some(FirstAnswer), "claiming and notes are no answer");
        let case = say(&t, &t.contact, number, false).await;
        assert_eq!(named(&case), (Some(FirstAnswer), utc("2026-11-26T10:00:00Z")), "writing twice moves nothing");
        t.pass(TimeDelta::hours(2)).await;
        let case = say(&t, &t.engineer, number, false).await;
        assert_eq!(named(&case), (Some(NextUpdate), utc("2026-11-30T12:00:00Z")), "three business days from the answer");
        t.pass(TimeDelta::days(1)).await;
        let case = say(&t, &t.engineer, number, false).await;
        assert_eq!(named(&case), (Some(NextUpdate), utc("2026-12-01T12:00:00Z")), "and from each further word");
        assert_eq!(outcomes(&db, FirstAnswer).await, ["met"]);
        assert_eq!(outcomes(&db, NextUpdate).await, ["met", "owed"]);
        assert_eq!(late(&t), Vec::<String>::new());
    }
}

on_both! {
    async fn a_late_answer_is_told_to_the_leads_once_and_marked_until_it_comes(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        // Whoever has claimed the case is not told in the leads' place.
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        until(&t, "2026-11-26T09:59:59Z").await;
        assert_eq!((late(&t).len(), t.case(number).await.escalated_at), (0, None));
        let node = t.second_node(&db).await;
        t.clock.advance(TimeDelta::seconds(1));
        tokio::join!(drain(&t.app), drain(&node));
        let sent = |app: &postern::app::App| app.mailer.sent().iter().filter(|mail| mail.subject.contains(" is late")).count();
        assert_eq!(sent(&t.app) + sent(&node), 1, "two nodes, one mail");
        assert_eq!(t.case(number).await.escalated_at, Some(utc("2026-11-26T10:00:00Z")));
        until(&t, "2026-11-27T09:00:00Z").await;
        assert_eq!(sent(&t.app) + sent(&node), 1);

        let case = say(&t, &t.engineer, number, false).await;
        assert_eq!((case.objective, case.escalated_at), (Some(NextUpdate), None));
        assert_eq!(outcomes(&db, FirstAnswer).await, ["missed"]);
        let month = policy::months(&t.app, 2).await.unwrap();
        assert_eq!(month[0].kept[&FirstAnswer], (0, 1));
        assert!(month[1].kept.is_empty(), "{month:?}");
        t.whole_log(number).await;
    }
}

on_both! {
    async fn our_time_stands_still_while_the_customer_acts(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        until(&t, "2026-11-25T14:00:00Z").await;
        t.act(&t.engineer, number, "ask_customer", &[("question", "Which firewall is it?")]).await.unwrap();
        let case = t.case(number).await;
        assert_eq!(case.objective, None, "nothing of ours runs");
        assert_eq!(case.due_at, case.step_due_at.unwrap(), "their step does");
        until(&t, "2026-12-24T12:00:00Z").await;
        assert_eq!(late(&t), Vec::<String>::new());
        t.act(&t.contact, number, "answer", &[("answer", "The one in Bern.")]).await.unwrap();
        let case = t.case(number).await;
        assert_eq!(named(&case), (Some(NextUpdate), utc("2026-12-29T12:00:00Z")), "a fresh update is owed");
        // Ten business days, of which four hours had passed on the first day.
        let due = db.texts("SELECT CAST(due_at AS TEXT) FROM objectives WHERE objective = 'done'").await;
        assert!(due[0].starts_with("2027-01-06") && due[0].contains("16:00"), "{due:?}");
    }
}

on_both! {
    async fn whoever_asks_in_their_own_turn_is_owed_a_word(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        assert_eq!(t.case(number).await.objective, None);
        let case = say(&t, &t.contact, number, false).await;
        assert_eq!(named(&case), (Some(NextUpdate), utc("2026-11-30T10:00:00Z")));
        let case = say(&t, &t.engineer, number, false).await;
        assert_eq!((case.objective, case.due_at), (None, case.step_due_at.unwrap()), "it is their turn again");
    }
}

on_both! {
    async fn a_priority_takes_its_spans_along_and_leaves_a_reason(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        assert_eq!(t.case(number).await.priority, Priority::P3, "by the rule of the definition");
        until(&t, "2026-11-25T13:00:00Z").await;
        for (priority, reason, field) in [("P0", "x", "priority"), ("P2", " ", "reason"), ("P2", "a\u{7}", "reason")] {
            let outcome = priority::set(&t.app, &t.engineer, wish(number, priority, reason), fresh_once()).await;
            let Err(Error::Invalid(errors)) = outcome else { panic!("{priority} {reason:?}") };
            assert_eq!(errors[0].field, field);
        }
        for nobody in [&t.contact, &t.admin] {
            let outcome = priority::set(&t.app, nobody, wish(number, "P1", "Now"), fresh_once()).await;
            assert!(matches!(outcome, Err(Error::Forbidden(_))));
        }
        done(priority::set(&t.app, &t.engineer, wish(number, "P2", "All alerts are lost"), fresh_once()).await.unwrap());
        let case = t.case(number).await;
        assert_eq!(named(&case), (Some(FirstAnswer), utc("2026-11-25T14:00:00Z")), "three of four hours have passed");
        let colleague = t.colleague("Bo").await;
        queue::claim(&t.app, &colleague, number).await.unwrap();
        let outcome = priority::set(&t.app, &t.engineer, wish(number, "P1", "Now"), fresh_once()).await;
        assert!(matches!(outcome, Err(Error::Claimed { .. })));
        done(priority::set(&t.app, &t.lead, wish(number, "P1", "The site is down"), fresh_once()).await.unwrap());
        let case = t.case(number).await;
        assert_eq!(named(&case), (Some(FirstAnswer), utc("2026-11-25T13:00:00Z")), "an hour is over already");
        t.drain().await;
        assert_eq!(late(&t), ["First answer"]);
        let view = postern::app::cases::view(&t.app, &t.engineer, number).await.unwrap();
        let line = view.history.iter().find(|line| line.what.contains("from P3 to P2")).unwrap();
        assert!(line.is_internal && line.what.contains("All alerts are lost"), "{line:?}");
    }
}

on_both! {
    async fn a_case_keeps_the_policy_of_the_day_on_which_it_was_opened(db: TestDb) {
        let t = TestApp::new(&db).await;
        let early = t.request().await.number;
        let row = |valid_from: &str, first: &str| Draft {
            priority: "P3".into(),
            valid_from: valid_from.into(),
            spans: [(FirstAnswer, first.to_owned()), (NextUpdate, "1bd".to_owned()), (Done, "5bd".to_owned())].into(),
        };
        for (valid_from, first, field) in
            [("2026-11-24", "2bh", "valid_from"), ("soon", "2bh", "valid_from"), ("", "2 hours", "first_answer"), ("", "0bh", "first_answer")]
        {
            let outcome = policy::add(&t.app, By(None), &row(valid_from, first)).await;
            let Err(Error::Invalid(errors)) = outcome else { panic!("{valid_from} {first}") };
            assert_eq!(errors[0].field, field);
        }
        // A row of this very instant would hold for the case.
        t.pass(TimeDelta::minutes(1)).await;
        policy::add(&t.app, By(Some(t.admin.id)), &row("", "2bh")).await.unwrap();
        policy::add(&t.app, By(Some(t.admin.id)), &row("2026-11-27", "1bh")).await.unwrap();
        let today = t.request_for("10.20.4.16").await;
        assert_eq!(named(&today), (Some(FirstAnswer), utc("2026-11-25T12:01:00Z")));
        assert_eq!(t.case(early).await.due_at, utc("2026-11-26T10:00:00Z"), "promised before, kept");
        until(&t, "2026-11-27T10:00:00Z").await;
        assert_eq!(t.request_for("10.20.4.17").await.due_at, utc("2026-11-27T11:00:00Z"));
        let case = say(&t, &t.engineer, early, false).await;
        let mut tx = t.app.db.read().await.unwrap();
        let owed = postern::store::objectives::open(&mut tx, (case.customer, case.id)).await.unwrap();
        let next = owed.iter().find(|promise| promise.objective == NextUpdate).unwrap();
        assert_eq!(next.span, "3bd", "also for what it is promised later");
        assert_eq!(policy::list(&t.app).await.unwrap().len(), 2, "rows are kept");
    }
}

on_both! {
    async fn done_is_done_and_what_was_given_up_does_not_count(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (given_up, withdrawn) = (t.request().await.number, t.request_for("10.20.4.16").await.number);
        t.act(&t.contact, withdrawn, "cancel", &[("reason", "We moved on")]).await.unwrap();
        assert_eq!(outcomes(&db, Done).await, ["owed", "void"]);
        until(&t, "2026-12-10T10:00:00Z").await;
        assert_eq!(late(&t), ["First answer", "Done"]);
        t.act(&t.contact, given_up, "cancel", &[("reason", "We moved on")]).await.unwrap();
        assert_eq!(outcomes(&db, Done).await, ["missed", "void"], "what was late before it was given up stays late");
        assert_eq!(db.number("SELECT COUNT(*) FROM timers").await, 2, "until when each can be reopened");
        assert_eq!(db.number("SELECT COUNT(*) FROM objectives WHERE ended_at IS NULL").await, 0);

        let _product = t.with_product().await;
        let number = t.reached().await;
        t.submit_settings(number).await;
        t.script.push(None);
        t.script.push(None);
        t.drain().await;
        assert_eq!(t.case(number).await.flow.state, "confirm_delivery");
        t.act(&t.contact, number, "it_arrived", &[]).await.unwrap();
        let case = t.case(number).await;
        assert_eq!((case.flow.state.as_str(), case.objective, case.is_open), ("active", None, true));
        assert_eq!(outcomes(&db, Done).await, ["missed", "void", "met"]);
    }
}

/// How many mails to somebody begin their subject, behind the number, with a word.
fn count(t: &TestApp, address: &str, word: &str) -> usize {
    t.mails_to(address)
        .iter()
        .filter(|mail| mail.subject.split("] ").nth(1).is_some_and(|rest| rest.starts_with(word)))
        .count()
}

on_both! {
    async fn a_customer_who_never_answers_is_reminded_parked_and_closed_and_each_mail_goes_out_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        let mut states = Vec::new();
        // Hour by hour, so that nothing is skipped as the backlog of an outage.
        for _ in 0..24 * 125 {
            t.pass(TimeDelta::hours(1)).await;
            let state = t.case(number).await.flow.state;
            if states.last() != Some(&state) {
                states.push(state);
            }
        }
        assert_eq!(states, ["let_us_in", "parked", "closing_cancelled", "cancelled"]);
        let (dana, kim, lou) = ("dana@alder.example", "kim@vendor.example", "lou@vendor.example");
        assert_eq!(count(&t, dana, "Reminder"), 4, "after 2 and 4 business days, 30 and 53 days parked");
        assert_eq!((count(&t, kim, "Overdue"), count(&t, lou, "Overdue")), (2, 1), "the lead after ten business days");
        assert_eq!(late(&t), Vec::<String>::new(), "it is not we who are late");
        let all: Vec<_> = t.app.mailer.sent();
        let mut keys: Vec<_> = all.iter().map(|mail| (mail.to.clone(), mail.subject.clone(), mail.text.clone())).collect();
        keys.sort();
        let reminders = keys.iter().filter(|(_, subject, _)| subject.contains("Reminder") || subject.contains("Overdue")).count();
        assert_eq!(reminders, 7);
        assert_eq!(db.number("SELECT COUNT(*) FROM timers").await, 0);
        t.whole_log(number).await;
    }
}

on_both! {
    async fn a_vendor_who_never_answers_is_told_on_by_each_promise_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        for _ in 0..24 * 40 {
            t.pass(TimeDelta::hours(1)).await;
        }
        assert_eq!(late(&t), ["First answer", "Done"]);
        assert_eq!(count(&t, "kim@vendor.example", "Reminder"), 1);
        assert_eq!((count(&t, "kim@vendor.example", "Overdue"), count(&t, "lou@vendor.example", "Overdue")), (1, 1));
        let case = t.case(number).await;
        assert_eq!((case.flow.state.as_str(), case.escalated_at), ("awaiting_configuration", Some(utc("2026-11-26T10:00:00Z"))));
        let urgent = policy::urgent(&t.app, &t.lead).await.unwrap();
        assert_eq!(urgent.iter().map(|(_, _, count)| *count).collect::<Vec<_>>(), [1, 0, 1]);
        assert!(matches!(policy::urgent(&t.app, &t.engineer).await, Err(Error::Forbidden(_))));
        assert_eq!(db.number("SELECT COUNT(*) FROM timers").await, 0, "there is nothing left to ring");
    }
}
