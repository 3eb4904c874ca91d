//! Closing: for 14 days whoever acts finds the case where it was; after that it is over.

use chrono::TimeDelta;
use postern::app::conversation::{self, Post};
use postern::app::{Error, queue};
use postern::domain::case::WaitingOn;
use postern::domain::cause::Cause;
use postern::domain::tunnel::Progress;
use postern::domain::whitelist::Protocol;
use postern::domain::workflow::Refusal;
use postern::store;

use super::family::{in_use, step};
use crate::support::app::{TestApp, fresh_once};
use crate::support::db::on_both;

async fn progress(t: &TestApp, number: i64) -> Progress {
    let case = t.case(number).await;
    let mut tx = t.app.db.read().await.unwrap();
    let place = (587, Protocol::Tcp);
    store::whitelist::find(&mut tx, case.tunnel.unwrap(), "10.20.4.15/32", place).await.unwrap().unwrap().ours
}

async fn withdrawn(t: &TestApp) -> i64 {
    let number = t.request().await.number;
    queue::claim(&t.app, &t.engineer, number).await.unwrap();
    t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
    t.act(&t.contact, number, "cancel", &[("reason", "A mistake")]).await.unwrap();
    t.drain().await;
    let case = t.case(number).await;
    assert_eq!(
        (case.flow.state.as_str(), case.is_open, case.outcome.as_deref()),
        ("closing_cancelled", false, Some("cancelled"))
    );
    assert_eq!((case.closed_at, case.waiting_on, case.claimant()), (Some(t.clock.now()), WaitingOn::Nobody, None));
    number
}

on_both! {
    async fn a_closed_case_goes_on_where_it_was_and_its_clock_with_the_remainder(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        t.pass(TimeDelta::hours(4)).await;
        let due = t.case(number).await.due_at;
        t.act(&t.contact, number, "cancel", &[("reason", "A mistake")]).await.unwrap();
        assert_eq!(t.case(number).await.due_at, t.clock.now() + TimeDelta::days(14));
        t.pass(TimeDelta::days(7)).await;
        assert_eq!(progress(&t, number).await, Progress::Applied, "the whitelist waits too");
        t.act(&t.engineer, number, "reopen", &[]).await.unwrap();
        let case = t.case(number).await;
        assert_eq!((case.flow.state.as_str(), case.is_open, case.closed_at, case.outcome.as_deref()), ("let_us_in", true, None, None));
        assert_eq!((case.due_at, case.waiting_on), (due + TimeDelta::days(7), WaitingOn::Customer));
        t.drain().await;
        let told = t.mails_to("dana@alder.example").into_iter().any(|mail| mail.subject.contains("Reopened"));
        assert!(told, "the customer is told");
        t.whole_log(number).await;
    }
}

on_both! {
    async fn who_writes_in_a_closed_case_reopens_it_and_a_note_inside_does_not(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = withdrawn(&t).await;
        conversation::write(&t.app, &t.engineer, Post::new(number, "They will be back.", true), fresh_once()).await.unwrap();
        assert_eq!(t.case(number).await.flow.state, "closing_cancelled");
        conversation::write(&t.app, &t.contact, Post::new(number, "We need it after all.", false), fresh_once()).await.unwrap();
        let case = t.case(number).await;
        assert_eq!((case.flow.state.as_str(), case.is_open), ("let_us_in", true));
        t.act(&t.contact, number, "cancel", &[("reason", "Again")]).await.unwrap();
        conversation::write(&t.app, &t.engineer, Post::new(number, "Are you sure?", false), fresh_once()).await.unwrap();
        assert_eq!(t.case(number).await.flow.state, "let_us_in");
    }
}

on_both! {
    async fn a_server_that_alerts_go_to_stays_whitelisted_when_its_case_is_withdrawn(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = in_use(&t).await;
        (0..2).for_each(|_| t.script.push(Some(Cause::AuthBadCredentials)));
        step(&t, number, ("customer", "report_problem"), &[("channel", "smtp"), ("symptom", "cannot_send")], "settings").await;
        let others = [("encryption", "starttls"), ("sender_address", "siem@alder.example"), ("test_recipient", "soc@alder.example")];
        step(&t, number, ("customer", "submit_settings"), &others, "settings").await;
        step(&t, number, ("customer", "cancel"), &[("reason", "We keep them")], "closing_cancelled").await;
        t.pass(TimeDelta::days(14)).await;
        assert_eq!((t.case(number).await.flow.state.as_str(), progress(&t, number).await), ("cancelled", Progress::Proven));
    }
}

on_both! {
    async fn after_14_days_it_is_over(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = withdrawn(&t).await;
        t.pass(TimeDelta::days(14) - TimeDelta::seconds(1)).await;
        assert_eq!((t.case(number).await.flow.state.as_str(), progress(&t, number).await), ("closing_cancelled", Progress::Applied));
        t.pass(TimeDelta::seconds(1)).await;
        let case = t.case(number).await;
        assert_eq!((case.flow.state.as_str(), case.is_open, case.outcome.as_deref()), ("cancelled", false, Some("cancelled")));
        assert_eq!(progress(&t, number).await, Progress::Retired);
        assert_eq!(db.number("SELECT COUNT(*) FROM timers").await, 0);
        let late = t.act(&t.contact, number, "reopen", &[]).await;
        assert!(matches!(late, Err(Error::Refused(Refusal::Unhandled { .. }))), "{late:?}");
        conversation::write(&t.app, &t.contact, Post::new(number, "Too late?", false), fresh_once()).await.unwrap();
        assert_eq!(t.case(number).await.flow.state, "cancelled");
        let closed = t.mails_to("dana@alder.example").into_iter().filter(|mail| mail.subject.contains("Closed")).count();
        assert_eq!(closed, 1, "the end itself is no news");
    }
}
