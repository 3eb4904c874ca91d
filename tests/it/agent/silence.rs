//! An agent that says nothing: the test could not tell, and nobody but us has to act.

use chrono::TimeDelta;
use postern::domain::case::WaitingOn;
use postern::domain::cause::Cause;
use postern::store;
use postern::worker::{self, Step};

use super::Speaker;
use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::Browser;

/// Verdict and cause of the case's last test.
async fn outcome(t: &TestApp, number: i64) -> (Option<String>, Option<String>) {
    let case = t.case(number).await;
    let mut tx = t.app.db.read().await.unwrap();
    let test = store::probes::of_case(&mut tx, case.customer, case.id).await.unwrap().remove(0);
    (test.verdict, test.cause)
}

fn silent() -> (Option<String>, Option<String>) {
    (Some("could_not_tell".to_owned()), Some(Cause::ProbeAgentSilent.id().to_owned()))
}

on_both! {
    async fn a_test_that_no_agent_asks_for_could_not_tell_and_is_never_the_customers_fault(db: TestDb) {
        let t = TestApp::new(&db).await;
        let agent = Speaker::registered(&t.app, "gw-1", "alder-1").await;
        t.clock.advance(TimeDelta::seconds(300));
        assert!(agent.next().await.is_none());
        let number = t.tested("10.20.4.15").await;
        t.pass(TimeDelta::seconds(119)).await;
        assert_eq!(outcome(&t, number).await, (None, None), "two minutes are not over");
        t.pass(TimeDelta::seconds(2)).await;
        assert_eq!(outcome(&t, number).await, silent());
        let case = t.case(number).await;
        assert_eq!((case.flow.state.as_str(), case.waiting_on), ("test_unclear", WaitingOn::Vendor));
        assert!(t.script.asked().is_empty(), "the service does not test in the agent's place");
        assert!(t.mails_to("dana@alder.example").iter().all(|mail| !mail.subject.contains("test failed")));
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let page = customer.get(&format!("/cases/{number}/tests/1")).await;
        assert!(page.shows("We could not run the test") && page.shows("Nothing is known about your server"), "{}", page.body);
        assert!(!page.shows("The customer acts next"));
    }
}

on_both! {
    async fn an_agent_that_fetches_and_vanishes_gets_a_second_chance_and_no_third(db: TestDb) {
        let t = TestApp::new(&db).await;
        let agent = Speaker::registered(&t.app, "gw-1", "alder-1").await;
        t.clock.advance(TimeDelta::seconds(300));
        let number = t.tested("10.20.4.15").await;
        let first = agent.next().await.unwrap();
        t.pass(TimeDelta::seconds(59)).await;
        assert!(agent.next().await.is_none(), "the lease holds");
        t.pass(TimeDelta::seconds(2)).await;
        assert_eq!(outcome(&t, number).await, (None, None));
        let second = agent.next().await.unwrap();
        assert_eq!(first.id, second.id);
        t.pass(TimeDelta::seconds(61)).await;
        assert_eq!(outcome(&t, number).await, silent(), "although the agent was heard of a minute ago");
        assert!(agent.next().await.is_none());
        agent.events(&second.id, &serde_json::json!([])).await.problem(409, "job_lost");
    }
}

on_both! {
    async fn a_service_that_was_away_itself_blames_no_agent_at_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let agent = Speaker::registered(&t.app, "gw-1", "alder-1").await;
        assert!(agent.next().await.is_none());
        let number = t.tested("10.20.4.15").await;
        t.clock.advance(TimeDelta::hours(8));
        let next_morning = t.second_node(&db).await;
        assert_eq!(worker::agents::step(&next_morning).await.unwrap(), Step::Idle, "nobody could be heard in the night");
        assert_eq!(outcome(&t, number).await, (None, None));
        t.clock.advance(TimeDelta::seconds(121));
        assert_eq!(worker::agents::step(&next_morning).await.unwrap(), Step::Worked);
        assert_eq!(outcome(&t, number).await, silent());
        next_morning.db.close().await;
    }
}

on_both! {
    async fn a_start_takes_nothing_from_an_agent_that_is_at_work(db: TestDb) {
        let t = TestApp::new(&db).await;
        let agent = Speaker::registered(&t.app, "gw-1", "alder-1").await;
        t.tested("10.20.4.15").await;
        let job = agent.next().await.unwrap();
        postern::app::take_over(&t.app).await.unwrap();
        assert!(agent.next().await.is_none(), "the lease outlives the start");
        assert_eq!(agent.events(&job.id, &serde_json::json!([])).await.status, 204);
    }
}

on_both! {
    async fn a_test_alert_through_a_silent_agent_is_told_to_the_engineers(db: TestDb) {
        let t = TestApp::new(&db).await;
        let _product = t.with_product().await;
        let number = t.reached().await;
        t.script.push(None);
        let settings = [
            ("encryption", "starttls"), ("sender_address", "a@alder.example"), ("test_recipient", "b@alder.example"),
        ];
        t.act(&t.contact, number, "submit_settings", &settings).await.unwrap();
        assert_eq!(worker::probes::step(&t.app).await.unwrap(), Step::Worked);
        let _agent = Speaker::registered(&t.app, "gw-1", "alder-1").await;
        t.drain().await;
        assert_eq!(t.case(number).await.flow.state, "confirm_delivery", "applied; the alert waits for the agent");
        assert_eq!(t.script.asked().len(), 2, "the service sends it not");
        t.pass(TimeDelta::seconds(121)).await;
        let case = t.case(number).await;
        assert_eq!(case.flow.data["alert_outcome"].to_string(), "failed");
        assert!(t.mails_to("kim@vendor.example").iter().any(|mail| mail.text.contains("agent of the tunnel")), "an engineer reads why");
    }
}
