//! Clocks of cases, with a clock that the test moves: 2026-11-25 is a Wednesday, the support calendar is open from 09:00
//! to 17:00 UTC on workdays.

use chrono::{DateTime, TimeDelta, Utc};
use postern::app::queue;

use crate::support::app::TestApp;
use crate::support::db::on_both;

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Lets time pass until an instant, and the workers do what has become due.
async fn until(t: &TestApp, instant: &str) {
    t.pass(utc(instant) - t.clock.now()).await;
}

/// How many mails so far have this word in their subject.
fn count(t: &TestApp, address: &str, word: &str) -> usize {
    t.mails_to(address).iter().filter(|mail| mail.subject.contains(word)).count()
}

on_both! {
    async fn reminders_and_escalations_go_out_in_business_time(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        assert_eq!(t.case(number).await.step_due_at, Some(utc("2026-11-27T10:00:00Z")));
        until(&t, "2026-11-26T09:59:59Z").await;
        assert_eq!(count(&t, "kim@vendor.example", "Reminder"), 0);
        until(&t, "2026-11-26T10:00:00Z").await;
        assert_eq!(count(&t, "kim@vendor.example", "Reminder"), 1, "one business day");
        until(&t, "2026-11-27T10:00:00Z").await;
        assert_eq!((count(&t, "kim@vendor.example", "Overdue"), count(&t, "lou@vendor.example", "Overdue")), (1, 0));
        until(&t, "2026-12-01T09:59:59Z").await;
        assert_eq!(count(&t, "lou@vendor.example", "Overdue"), 0, "the week-end does not count");
        until(&t, "2026-12-01T10:00:00Z").await;
        assert_eq!(count(&t, "lou@vendor.example", "Overdue"), 1);
        until(&t, "2026-12-24T10:00:00Z").await;
        assert_eq!((count(&t, "kim@vendor.example", "Reminder"), count(&t, "kim@vendor.example", "Overdue")), (1, 1));
        assert_eq!(t.case(number).await.flow.state, "awaiting_configuration", "nothing expires on our side");
    }
}

on_both! {
    async fn a_silent_customer_is_reminded_and_then_the_case_is_parked(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        until(&t, "2026-11-27T10:00:00Z").await;
        assert_eq!(count(&t, "dana@alder.example", "Reminder"), 1, "after two business days");
        until(&t, "2026-12-01T10:00:00Z").await;
        assert_eq!(count(&t, "dana@alder.example", "Reminder"), 2, "after four");
        until(&t, "2026-12-25T09:59:59Z").await;
        assert_eq!(t.case(number).await.flow.state, "let_us_in");
        until(&t, "2026-12-25T10:00:00Z").await;
        let case = t.case(number).await;
        assert_eq!((case.flow.state.as_str(), case.flow.previous.as_deref()), ("parked", Some("let_us_in")));
        until(&t, "2027-03-02T10:00:00Z").await;
        let case = t.case(number).await;
        assert_eq!((case.flow.state.as_str(), case.is_open, case.outcome.as_deref()), ("cancelled", false, Some("cancelled")));
        assert_eq!(db.number("SELECT COUNT(*) FROM timers").await, 0, "a closed case has no clock");
        t.whole_log(number).await;
    }
}

on_both! {
    async fn after_an_outage_one_reminder_goes_out_and_not_the_backlog(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        t.drain().await;
        until(&t, "2026-12-02T12:00:00Z").await;
        assert_eq!(count(&t, "dana@alder.example", "Reminder"), 1, "two were due");
        until(&t, "2026-12-02T13:00:00Z").await;
        assert_eq!(count(&t, "dana@alder.example", "Reminder"), 1);
    }
}

on_both! {
    async fn a_question_stops_the_clock_and_the_answer_lets_it_run_on_with_its_remainder(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        until(&t, "2026-11-25T14:00:00Z").await;
        t.act(&t.engineer, number, "ask_customer", &[("question", "Which firewall is it?")]).await.unwrap();
        until(&t, "2026-11-27T16:00:00Z").await;
        assert_eq!(count(&t, "kim@vendor.example", "Reminder"), 0, "our clock stands still");
        assert_eq!(count(&t, "dana@alder.example", "Reminder"), 1, "theirs runs");
        until(&t, "2026-11-30T12:00:00Z").await;
        t.act(&t.contact, number, "answer", &[("answer", "The one in Bern.")]).await.unwrap();
        let case = t.case(number).await;
        assert_eq!(case.flow.state, "awaiting_configuration");
        assert_eq!(case.step_due_at, Some(utc("2026-12-01T16:00:00Z")), "12 of 16 hours were left");
        until(&t, "2026-11-30T15:59:59Z").await;
        assert_eq!(count(&t, "kim@vendor.example", "Reminder"), 0);
        until(&t, "2026-11-30T16:00:00Z").await;
        assert_eq!(count(&t, "kim@vendor.example", "Reminder"), 1, "4 of 8 hours were left");
    }
}

on_both! {
    async fn a_step_that_was_overdue_before_a_question_is_overdue_after_the_answer(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        until(&t, "2026-11-27T11:00:00Z").await;
        t.act(&t.engineer, number, "ask_customer", &[("question", "Which firewall is it?")]).await.unwrap();
        until(&t, "2026-11-27T13:00:00Z").await;
        t.act(&t.contact, number, "answer", &[("answer", "The one in Bern.")]).await.unwrap();
        let due = t.case(number).await.step_due_at;
        assert!(due.is_some_and(|due| due <= t.clock.now()), "{due:?}");
        let fresh = t.request_for("10.20.4.16").await;
        // Lists go by what was promised: an answer that was given a moment ago begins another update.
        let next = queue::claim_next(&t.app, &t.engineer).await.unwrap().unwrap();
        assert_eq!(next.number, fresh.number, "its first answer is due before the next update of {number}");
    }
}

on_both! {
    async fn a_deferred_test_runs_again_by_itself_after_a_quarter_of_an_hour(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        t.act(&t.contact, number, "let_in_done", &[]).await.unwrap();
        let deferred = postern::domain::cause::Cause::ALL.iter().copied().find(|cause| cause.verdict().as_str() == "deferred");
        t.script.push(deferred);
        t.drain().await;
        assert_eq!(t.case(number).await.flow.state, "test_deferred");
        t.script.push(None);
        t.pass(TimeDelta::minutes(15) - TimeDelta::seconds(1)).await;
        assert_eq!(t.case(number).await.flow.state, "test_deferred");
        t.pass(TimeDelta::seconds(1)).await;
        assert_eq!(t.case(number).await.flow.state, "settings");
        assert_eq!(t.script.asked().len(), 2);
    }
}
