//! The settings of a case, and what the product holds.

use axum::http::StatusCode;
use postern::app::queue;
use postern::apply::Behaviour;
use postern::domain::cause::Cause;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::Browser;

const SETTINGS: &[(&str, &str)] = &[
    ("encryption", "starttls"),
    ("sender_address", "alerts@alder.example"),
    ("test_recipient", "soc@alder.example"),
    ("smtp_account", "canary-account-91"),
    ("smtp_password", "canary-Password-7f3a"),
];

on_both! {
    async fn every_revision_is_shown_without_its_secrets(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let path = format!("/cases/{number}/settings");
        let page = kim.get(&path).await;
        assert!(page.shows("No settings were entered yet.") && page.shows("Enter the settings"), "{}", page.body);
        assert!(page.body.contains(&format!("href=\"/cases/{number}/act/submit_settings\"")));

        t.script.push(Some(Cause::AuthBadCredentials));
        t.act(&t.contact, number, "submit_settings", SETTINGS).await.unwrap();
        t.drain().await;
        let mut again = SETTINGS.to_vec();
        again[4].1 = "canary-Password-7f3b";
        t.script.push(None);
        t.act(&t.contact, number, "submit_settings", &again).await.unwrap();
        t.drain().await;
        assert_eq!(t.case(number).await.flow.state, "apply_by_hand");
        let page = kim.get(&path).await;
        assert!(page.body.find("Revision 2").unwrap() < page.body.find("Revision 1").unwrap(), "newest first");
        for text in [
            "SMTP server address",
            "10.20.4.15",
            "STARTTLS",
            "alerts@alder.example",
            "Test 3: passed",
            "Test 2: not passed",
            "Stored, not shown",
            "Dana Field",
        ] {
            assert!(page.shows(text), "{text} is not in {}", page.body);
        }
        assert!(!page.body.contains("canary"), "no secret is shown");
        assert!(!page.shows("Enter the settings"), "the case does not ask for them now");

        t.act(&t.engineer, number, "applied_by_hand", &[("evidence", "Saved at noon")]).await.unwrap();
        let page = kim.get(&path).await;
        assert!(page.shows("read-back not possible, confirmed by Kim Castle"), "{}", page.body);
        assert!(!kim.get(&format!("/cases/{number}")).await.body.contains("canary"));
    }
}

on_both! {
    async fn what_the_product_holds_is_compared_on_a_page_of_its_own(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let number = t.reached().await;
        let path = format!("/cases/{number}/apply-check");
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        assert_eq!(kim.get(&path).await.status, StatusCode::NOT_FOUND, "nothing to compare yet");
        t.script.push(Some(Cause::AuthBadCredentials));
        t.act(&t.contact, number, "submit_settings", SETTINGS).await.unwrap();
        t.drain().await;
        let asked = product.requests().len();
        let page = kim.get(&format!("/cases/{number}")).await;
        assert!(page.body.contains(&format!("href=\"{path}\"")), "{}", page.body);
        assert_eq!(product.requests().len(), asked, "the page of the case asks nobody");

        let mut stored = product.settings();
        stored.insert("smtpServerAddress".into(), json!("10.20.4.11"));
        stored.insert("smtpAccount".into(), json!("canary-account-old"));
        product.store(json!(stored));
        let page = kim.get(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        for text in ["settings would change", "10.20.4.11", "10.20.4.15", "Another one, not shown", "alder-prod"] {
            assert!(page.shows(text), "{text} is not in {}", page.body);
        }
        assert!(!page.body.contains("canary"), "{}", page.body);

        for behaviour in [Behaviour::Unauthorized, Behaviour::ServerError, Behaviour::Garbage] {
            product.set_behaviour(behaviour);
            let page = kim.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{behaviour:?}");
            assert!(page.shows("The product could not be asked."), "{behaviour:?}: {}", page.body);
            assert!(!page.body.contains("canary"), "{behaviour:?}");
        }
        product.set_behaviour(Behaviour::Slow(10_000));
        let started = std::time::Instant::now();
        let page = kim.get(&format!("/cases/{number}")).await;
        assert!(page.status == StatusCode::OK && started.elapsed().as_secs() < 8, "a slow product keeps nobody waiting");
    }
}

on_both! {
    async fn a_tenant_without_an_api_says_where_its_settings_go(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        t.script.push(None);
        t.act(&t.contact, number, "submit_settings", SETTINGS).await.unwrap();
        t.drain().await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let page = kim.get(&format!("/cases/{number}/apply-check")).await;
        assert!(page.shows("This product cannot be asked."), "{}", page.body);
        let page = kim.get(&format!("/cases/{number}")).await;
        assert!(page.shows("Enter the settings by hand, then say so") && page.shows("1. In "), "{}", page.body);
        assert!(page.shows("The settings were written to"), "{}", page.body);
    }
}
