//! The main job: a private server from request to alerts that arrive, with everything that is left behind on the way.

use postern::app::conversation::Post;
use postern::app::{Error, queue};
use postern::domain::actor::Person;
use postern::domain::cause::Cause;
use postern::domain::tunnel::Progress;
use postern::store;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::db::on_both;

const PASSWORD: &str = "canary-Password-7f3a";
const ACCOUNT: &str = "canary-account-91";

const SETTINGS: &[(&str, &str)] = &[
    ("encryption", "starttls"),
    ("sender_address", "alerts@alder.example"),
    ("test_recipient", "soc@alder.example"),
    ("smtp_account", ACCOUNT),
    ("smtp_password", PASSWORD),
];

/// One step of the way, and the state it must lead to.
async fn step(t: &TestApp, person: &Person, number: i64, event: &str, answers: &[(&str, &str)], state: &str) {
    t.act(person, number, event, answers).await.unwrap_or_else(|error| panic!("{event}: {error}"));
    t.drain().await;
    assert_eq!(t.case(number).await.flow.state, state, "after {event}");
}

/// Subjects of the mails so far, by recipient, without the case's number.
fn subjects(t: &TestApp, address: &str) -> Vec<String> {
    let strip = |subject: String| subject.split_once("] ").map(|(_, rest)| rest.to_owned()).unwrap();
    t.mails_to(address).into_iter().map(|mail| strip(mail.subject)).collect()
}

/// Walks the whole way.
async fn walk(t: &TestApp) -> i64 {
    let number = t.request().await.number;
    t.drain().await;
    assert_eq!(t.case(number).await.flow.state, "awaiting_configuration");
    queue::claim(&t.app, &t.engineer, number).await.unwrap();
    step(t, &t.engineer, number, "configuration_done", &[("change_ref", "CHG-7")], "let_us_in").await;
    t.script.push(None);
    step(t, &t.contact, number, "let_in_done", &[], "settings").await;
    t.script.push(None);
    t.script.push(None);
    step(t, &t.contact, number, "submit_settings", SETTINGS, "confirm_delivery").await;
    step(t, &t.contact, number, "it_arrived", &[], "active").await;
    number
}

on_both! {
    async fn a_private_server_goes_from_request_to_confirmed_alerts(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let number = walk(&t).await;

        let stored = product.settings();
        assert_eq!(stored["smtpServerAddress"], json!("10.20.4.15"));
        assert_eq!(stored["smtpServerPort"], json!(587));
        assert_eq!((&stored["smtpAccount"], &stored["smtpAccountPassword"]), (&json!(ACCOUNT), &json!(PASSWORD)));
        assert_eq!(stored["emailSender"], json!("alerts@alder.example"));
        let methods: Vec<_> = product.requests().into_iter().map(|request| request.method).collect();
        let patch = methods.iter().position(|method| method == "PATCH").unwrap();
        assert!(methods[patch + 1..].contains(&"GET".to_owned()), "read back after the change: {methods:?}");

        let asked = t.script.asked();
        assert_eq!(asked.len(), 3, "reach, full, test alert");
        assert!(asked.iter().all(|asked| asked.source == Some("10.99.0.8".parse().unwrap())));
        assert!(asked[0].credentials.is_none() && asked[1].credentials.is_some() && asked[2].send.is_some());

        let case = t.case(number).await;
        assert_eq!(case.flow.data["smtp_applied"].to_string(), "yes");
        let mut tx = t.app.db.read().await.unwrap();
        let settings = store::settings::of_case(&mut tx, case.customer, case.id).await.unwrap();
        assert_eq!(settings.len(), 1);
        assert!(settings[0].passed_probe.is_some() && settings[0].applied_how.as_deref() == Some("read back"));
        let entries = store::whitelist::on_list(&mut tx, case.tunnel.unwrap(), 10).await.unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].ours, entries[0].theirs), (Progress::Proven, Progress::Proven));
        let tests = store::probes::of_case(&mut tx, case.customer, case.id).await.unwrap();
        assert_eq!(tests.iter().map(|test| test.level.as_str()).collect::<Vec<_>>(), ["full", "reach"]);
        assert_eq!((entries[0].proven_by, settings[0].passed_probe), (Some(tests[1].id), Some(tests[0].id)));
        let tenant = store::customers::tenant(&mut tx, case.customer, case.tenant.unwrap()).await.unwrap().unwrap();
        assert_eq!(tenant.settings_in_use, Some(settings[0].id));
        drop(tx);
        t.whole_log(number).await;
    }
}

on_both! {
    async fn mails_go_out_at_each_step_in_order_and_none_holds_a_secret(db: TestDb) {
        let t = TestApp::new(&db).await;
        let _product = t.with_product().await;
        walk(&t).await;
        let to_contact = subjects(&t, "dana@alder.example");
        let starts = ["With us: we got your request", "Waiting on you: let 10.99.0.8 in", "", "", "Done: alerts reach you"];
        assert_eq!(to_contact.len(), starts.len(), "{to_contact:?}");
        for (subject, start) in to_contact.iter().zip(starts) {
            assert!(subject.starts_with(start), "{to_contact:?}");
        }
        assert_eq!(subjects(&t, "kim@vendor.example").len(), 1, "work-waiting, before the claim");
        assert_eq!(t.mails_to("ada@vendor.example").len(), 0, "an administrator works no cases");
        for mail in t.app.mailer.sent() {
            let raw = String::from_utf8(mail.raw).unwrap();
            for secret in [PASSWORD, ACCOUNT] {
                assert!(!raw.contains(secret) && !mail.text.contains(secret), "{}", mail.subject);
            }
            assert!(raw.contains("Auto-Submitted: auto-generated"), "{raw}");
            assert!(!raw.contains("{{"), "{raw}");
        }
    }
}

on_both! {
    async fn a_wrong_password_leads_back_to_the_settings_and_nothing_reaches_the_product(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let number = t.reached().await;
        t.script.push(Some(Cause::AuthBadCredentials));
        step(&t, &t.contact, number, "submit_settings", SETTINGS, "settings").await;
        assert_eq!(product.requests(), [], "not even asked");
        let case = t.case(number).await;
        assert_eq!(case.flow.data["cause"].to_string(), "auth.bad_credentials");
        assert_eq!(case.flow.data["smtp_applied"].to_string(), "no");
        let mut tx = t.app.db.read().await.unwrap();
        let settings = store::settings::newest(&mut tx, case.customer, case.id).await.unwrap().unwrap();
        assert!(settings.passed_probe.is_none() && settings.applied_at.is_none());
        let last = subjects(&t, "dana@alder.example").pop().unwrap();
        assert!(last.starts_with("Waiting on you"), "{last}");
    }
}

on_both! {
    async fn secrets_stand_in_no_table(db: TestDb) {
        let t = TestApp::new(&db).await;
        let _product = t.with_product().await;
        let number = walk(&t).await;
        postern::app::conversation::write(
            &t.app, &t.contact, Post::new(number, "The password is set.", false), crate::support::app::fresh_once(),
        ).await.unwrap();
        for secret in [PASSWORD, ACCOUNT, crate::support::app::PRODUCT_KEY] {
            assert_eq!(db.tables_with(secret).await, Vec::<String>::new(), "{secret}");
        }
        let seen = db.tables_with("alerts@alder.example").await;
        assert!(seen.contains(&"cases".to_owned()) && seen.contains(&"settings".to_owned()), "the search finds: {seen:?}");
        let resource = postern::app::resource::case(&t.app, &t.contact, &t.case(number).await).unwrap();
        assert_eq!(resource["secrets"], json!({"account_set": true, "password_set": true}));
        assert!(!resource.to_string().contains(PASSWORD));
    }
}

on_both! {
    async fn a_tenant_without_an_api_gets_a_file_and_an_engineer_confirms(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        t.script.push(None);
        t.script.push(None);
        step(&t, &t.contact, number, "submit_settings", SETTINGS, "apply_by_hand").await;
        let case = t.case(number).await;
        assert!(case.flow.data["evidence"].to_string().contains("settings were written to"), "{:?}", case.flow.data);
        step(&t, &t.engineer, number, "applied_by_hand", &[("evidence", "Entered in the pane")], "confirm_delivery").await;
    }
}

on_both! {
    async fn a_product_that_stores_nothing_is_found_out_by_reading_back(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        product.set_behaviour(postern::apply::Behaviour::StoresNothing);
        let number = t.reached().await;
        t.script.push(None);
        step(&t, &t.contact, number, "submit_settings", SETTINGS, "apply_failed").await;
        let mut tx = t.app.db.read().await.unwrap();
        let case = t.case(number).await;
        let settings = store::settings::newest(&mut tx, case.customer, case.id).await.unwrap().unwrap();
        assert!(settings.applied_at.is_none(), "{settings:?}");
    }
}

on_both! {
    async fn another_customers_case_looks_like_none(db: TestDb) {
        let t = TestApp::new(&db).await;
        let stranger = t.stranger().await;
        let number = t.request().await.number;
        let revision = t.case(number).await.revision;
        for number in [number, 999_999] {
            let seen = postern::app::cases::view(&t.app, &stranger, number).await.map(|_| ());
            assert!(matches!(seen, Err(Error::NotFound)), "{seen:?}");
            let tested = postern::app::cases::test(&t.app, &stranger, number, 1).await.map(|_| ());
            assert!(matches!(tested, Err(Error::NotFound)), "{tested:?}");
            let acted = t.act(&stranger, number, "note", &[("note", "hello")]).await;
            assert!(matches!(acted, Err(Error::NotFound)), "{acted:?}");
            let once = crate::support::app::fresh_once();
            let wrote = postern::app::conversation::write(&t.app, &stranger, Post::new(number, "hello", false), once).await;
            assert!(matches!(wrote, Err(Error::NotFound)));
        }
        assert!(postern::app::cases::mine(&t.app, &stranger, i64::MAX, 50).await.unwrap().is_empty());
        assert_eq!(t.case(number).await.revision, revision);
    }
}
