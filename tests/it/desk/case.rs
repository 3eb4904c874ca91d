//! The engineer's page of a case: the panel of its step, checks, acts, tests.

use axum::http::StatusCode;
use postern::app::admin;
use postern::app::{Error, queue};
use postern::domain::cause::Cause;
use postern::domain::customer::Architecture;
use postern::domain::workflow::Refusal;

use crate::support::app::{TestApp, tunnel};
use crate::support::db::on_both;
use crate::support::http::Browser;

on_both! {
    async fn the_panel_shows_the_exact_entry_and_makes_it(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let (path, act) = (format!("/cases/{number}"), format!("/cases/{number}/act/configuration_done"));
        let page = kim.get(&path).await;
        for text in [
            "Step 2 of 9",
            "10.20.4.15/32 tcp/587 from 10.99.0.8",
            "10.20.0.0/16 covers 10.20.4.15",
            "no other tunnel of the routing table alder carries it",
            "10.20.4.15:587",
            "Dana Field <dana@alder.example>",
            "It cannot be done as asked",
            "Ask the customer",
            "Other actions",
            "Dana Field, \u{201c}Send request\u{201d} in case",
        ] {
            assert!(page.shows(text), "{text} is not in {}", page.body);
        }
        assert!(!page.shows("No answer for a long time"), "what the machine does is nobody's act");

        let wrong = kim.submit(&page, &act, &[]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(wrong.wrong_fields(), ["change_ref"]);
        let done = kim.submit(&page, &act, &[("change_ref", "CHG-4711")]).await;
        assert_eq!(done.location(), Some(path.clone()));
        let page = kim.get(&path).await;
        for text in ["Wait for the customer", "Waiting on customer", "Kim Castle, CHG-4711", "On behalf of the customer."] {
            assert!(page.shows(text), "{text} is not in {}", page.body);
        }
    }
}

on_both! {
    async fn an_address_outside_the_selectors_is_not_whitelisted(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request_for("10.21.0.9").await.number;
        refuses(&t, number, "No traffic selector of the tunnel covers 10.21.0.9", "Not covered").await;
    }
}

on_both! {
    async fn an_address_that_another_tunnel_of_the_routing_table_carries_is_not_whitelisted(db: TestDb) {
        let t = TestApp::new(&db).await;
        let other = admin::add_customer(&t.app, "Brightwater Rail".into(), Architecture::Vpn).await.unwrap();
        admin::put_tunnel(&t.app, tunnel(&other, "brightwater-1", "10.20.4.0/24")).await.unwrap();
        let number = t.request().await.number;
        refuses(&t, number, "10.20.4.15 is also inside tunnel brightwater-1", "Clash").await;
    }
}

on_both! {
    async fn a_tunnel_of_another_routing_table_does_not_clash(db: TestDb) {
        let t = TestApp::new(&db).await;
        let other = admin::add_customer(&t.app, "Brightwater Rail".into(), Architecture::Vpn).await.unwrap();
        let mut apart = tunnel(&other, "brightwater-1", "10.20.4.0/24");
        apart.routing_domain = "brightwater".into();
        admin::put_tunnel(&t.app, apart).await.unwrap();
        let number = t.request().await.number;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
    }
}

/// The page says why, offers no way in, and the act itself is refused, whoever sends it.
async fn refuses(t: &TestApp, number: i64, why: &str, tag: &str) {
    let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
    let act = format!("/cases/{number}/act/configuration_done");
    let page = kim.get(&format!("/cases/{number}")).await;
    assert!(page.shows(why) && page.shows(tag), "{}", page.body);
    assert!(page.form(&act).is_none() && !page.body.contains(&format!("href=\"{act}\"")), "{}", page.body);
    assert!(page.shows("It cannot be done as asked"), "the way on stays open");
    assert!(!page.shows("tcp/587 from"), "no entry is shown that must not be made");

    let entered = t.case(number).await.flow.entered.to_string();
    let fields = [("idempotency_key", "k"), ("entered", entered.as_str()), ("change_ref", "CHG-1")];
    let sent = kim.post(&act, &fields).await;
    assert_eq!(sent.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(sent.shows(why) && sent.shows("CHG-1"), "{}", sent.body);
    let error = t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refusal::Guard(text)) if text.contains(why)), "{error:?}");
    assert_eq!(t.case(number).await.flow.state, "awaiting_configuration");
}

on_both! {
    async fn a_failed_test_is_shown_with_its_cause_and_what_to_do(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        t.act(&t.contact, number, "let_in_done", &[]).await.unwrap();
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let path = format!("/cases/{number}");
        let page = kim.get(&path).await;
        assert!(page.shows("Test 1 is running") && page.shows("Run the test again"), "{}", page.body);
        assert!(!page.shows("The test has ended"), "what the machine does is nobody's act");

        t.script.push(Some(Cause::TcpTimeout));
        t.drain().await;
        let entry = Cause::TcpTimeout.entry();
        let page = kim.get(&path).await;
        for text in ["Test 1: Not reachable.", entry.title, entry.remedy_engineer, "Open the result of test 1"] {
            assert!(page.shows(text), "{text} is not in {}", page.body);
        }
        assert!(page.body.contains(&format!("href=\"{path}/tests/1\"")));
    }
}

on_both! {
    async fn a_leads_decision_stays_visible_on_both_sides(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        t.act(&t.contact, number, "let_in_done", &[]).await.unwrap();
        t.script.push(Some(Cause::TcpTimeout));
        t.drain().await;
        let path = format!("/cases/{number}");
        let act = format!("{path}/act/override");
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        assert!(!kim.get(&path).await.body.contains(&act), "only a lead decides that");
        assert_eq!(kim.get(&act).await.status, StatusCode::FORBIDDEN);

        let mut lead = Browser::signed_in(&t.app, &t.lead).await;
        assert!(lead.get(&path).await.body.contains(&act));
        let form = lead.get(&act).await;
        let reason = "The server answers <i>only</i> at night";
        let sent = lead.submit(&form, &act, &[("override_reason", reason)]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
        let shown = format!("Lou Grant went on without a passed test: {reason}");
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        assert!(kim.get(&path).await.shows(&shown));
        assert!(customer.get(&path).await.shows(&shown));
        t.act(&t.contact, number, "reclassify", &[]).await.unwrap();
        assert!(kim.get(&path).await.shows(&shown), "for good");
    }
}

on_both! {
    async fn answers_and_notes_go_to_whom_they_are_for(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let path = format!("/cases/{number}");
        let send = format!("{path}/messages");
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let page = kim.get(&path).await;
        let forms: Vec<&str> = page.body.split("<form ").filter(|form| form.contains(&send)).collect();
        assert_eq!(forms.len(), 2, "a reply and a note");
        assert!(!forms[0].contains("name=\"internal\"") && forms[1].contains("name=\"internal\" value=\"true\""));
        let reply = [("idempotency_key", "a"), ("message", "Port 587 is right")];
        let note = [("idempotency_key", "b"), ("message", "Their gateway is old"), ("internal", "true")];
        assert_eq!(kim.post(&send, &reply).await.status, StatusCode::SEE_OTHER);
        assert_eq!(kim.post(&send, &note).await.status, StatusCode::SEE_OTHER);
        let page = kim.get(&path).await;
        assert!(page.shows("Port 587 is right") && page.shows("Their gateway is old"));
        let page = Browser::signed_in(&t.app, &t.contact).await.get(&path).await;
        assert!(page.shows("Port 587 is right") && !page.shows("Their gateway is old"));
    }
}

on_both! {
    async fn an_administrator_reads_a_case_and_acts_in_none(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let page = ada.get(&format!("/cases/{number}")).await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.body.matches("<form ").count(), 1, "only the way out: {}", page.body);
        for path in ["/queue".to_owned(), format!("/cases/{number}/hand-over")] {
            assert_eq!(ada.get(&path).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        let claim = format!("/cases/{number}/claim");
        assert_eq!(ada.post(&claim, &[("idempotency_key", "k")]).await.status, StatusCode::FORBIDDEN);
    }
}
