//! The main job through pages: a private server from the first question to alerts that arrive.

use axum::http::StatusCode;
use postern::app::queue;
use postern::domain::cause::Cause;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::{Browser, Page};

const SECRET: &str = "canary-Password-7f3a";
const ACCOUNT: &str = "canary-account-91";

/// Answers the questions of a request, without sending it.
async fn answer(browser: &mut Browser, address: &str) -> Page {
    let start = browser.open("/start").await;
    assert!(start.shows("within 2 working days"), "{}", start.body);
    let place = browser.open("/start/where").await;
    let sent = browser.submit(&place, "/start/where", &[("smtp_location", "private")]).await;
    assert_eq!(sent.location().as_deref(), Some("/start/server"));
    let server = browser.follow(sent).await;
    assert!(server.shows("Question 2 of 2") && server.shows("Private IP"), "{}", server.body);
    let answers = [
        ("smtp_ip", address),
        ("smtp_port", "587"),
        ("encryption", "starttls"),
        ("sender_address", "alerts@alder.example"),
    ];
    let sent = browser.submit(&server, "/start/server", &answers).await;
    assert_eq!(sent.location().as_deref(), Some("/start/check"), "{}", sent.body);
    browser.follow(sent).await
}

/// Presses the button of an act on its page and gives the case page.
async fn act(browser: &mut Browser, number: i64, event: &str, answers: &[(&str, &str)]) -> Page {
    let action = format!("/cases/{number}/act/{event}");
    let page = browser.open(&action).await;
    let sent = browser.submit(&page, &action, answers).await;
    assert_eq!(sent.location(), Some(format!("/cases/{number}")), "{event}: {}", sent.body);
    sent
}

/// Opens the results of both tests as both sides and looks for the secrets in these and the given pages.
async fn hold_no_secret(customer: &mut Browser, engineer: &mut Browser, mut pages: Vec<Page>) {
    for (path, word) in [("/cases/1001/tests/1", "Reachable"), ("/cases/1001/tests/2", "Not reachable")] {
        for browser in [&mut *customer, &mut *engineer] {
            let page = browser.open(path).await;
            assert!(page.status == StatusCode::OK && page.shows(word), "{}", page.body);
            pages.push(page);
        }
    }
    for page in pages {
        assert!(!page.body.contains(SECRET) && !page.body.contains(ACCOUNT), "a secret stands in a page");
    }
}

on_both! {
    async fn a_customer_gets_from_the_first_question_to_alerts_that_arrive(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let mut engineer = Browser::signed_in(&t.app, &t.engineer).await;
        assert!(customer.open("/cases").await.shows("You have no cases yet."));

        let check = answer(&mut customer, "10.20.4.15").await;
        assert!(check.shows("Inside our network") && check.shows("10.20.4.15"), "{}", check.body);
        let sent = customer.submit(&check, "/start/check", &[]).await;
        let sent = customer.follow(sent).await;
        let number = 1001;
        assert!(sent.shows("Request sent") && sent.shows("1001") && sent.shows("dana@alder.example"), "{}", sent.body);
        t.drain().await;
        assert!(customer.open("/cases/1001").await.shows("Nothing for you to do now"));

        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        act(&mut engineer, number, "configuration_done", &[("change_ref", "CHG-7")]).await;
        let case = customer.open("/cases/1001").await;
        assert!(case.shows("What you need to do now") && case.shows("10.99.0.8"), "{}", case.body);
        assert!(case.shows("CHG-7"), "the reference is part of the history: {}", case.body);

        // The act stands on the page itself.
        t.script.push(None);
        let sent = customer.submit(&case, "/cases/1001/act/let_in_done", &[]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
        assert!(customer.follow(sent).await.shows("Running"));
        t.drain().await;
        let case = customer.open("/cases/1001").await;
        assert!(case.shows("Enter your SMTP settings") && case.shows("Reachable"), "{}", case.body);

        // A wrong password stops at the full test, and nothing reaches the product.
        let secrets = [("smtp_account", ACCOUNT), ("smtp_password", SECRET), ("test_recipient", "soc@alder.example")];
        t.script.push(Some(Cause::AuthBadCredentials));
        act(&mut customer, number, "submit_settings", &secrets).await;
        t.drain().await;
        assert_eq!(product.requests(), [], "nothing was asked of the product");
        let case = customer.open("/cases/1001").await;
        let remedy = Cause::AuthBadCredentials.entry().remedy_customer;
        assert!(case.shows("Enter your SMTP settings") && case.shows(remedy), "{}", case.body);
        let form = customer.open("/cases/1001/act/submit_settings").await;
        assert!(form.shows("A password is stored. Leave empty to keep it"), "{}", form.body);
        assert!(form.shows("soc@alder.example"), "what is known is filled in");

        // With the stored secrets: full test, apply, test alert.
        t.script.push(None);
        t.script.push(None);
        act(&mut customer, number, "submit_settings", &[]).await;
        t.drain().await;
        assert_eq!(product.settings()["smtpAccountPassword"], json!(SECRET));
        let case = customer.open("/cases/1001").await;
        assert!(case.shows("Did the test alert arrive?"), "{}", case.body);
        let sent = customer.submit(&case, "/cases/1001/act/it_arrived", &[]).await;
        let done = customer.follow(sent).await;
        assert!(done.shows("Done. Alerts reach you through the tunnel"), "{}", done.body);
        assert!(done.body.contains("tag-done"));

        hold_no_secret(&mut customer, &mut engineer, vec![done, form]).await;
        t.whole_log(number).await;
    }
}

on_both! {
    async fn a_double_click_is_one_request_and_one_event(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let check = answer(&mut customer, "10.20.4.15").await;
        let first = customer.submit(&check, "/start/check", &[]).await;
        let second = customer.submit(&check, "/start/check", &[]).await;
        assert_eq!(first.location().as_deref(), Some("/cases/1001/sent"));
        assert_eq!(second.location(), first.location(), "{}", second.body);

        let page = customer.open("/cases/1001/act/note").await;
        let before = t.case(1001).await.flow.seq;
        for _ in 0..2 {
            let sent = customer.submit(&page, "/cases/1001/act/note", &[("note", "Our firewall team is on it")]).await;
            assert_eq!(sent.location().as_deref(), Some("/cases/1001"), "{}", sent.body);
        }
        assert_eq!(t.case(1001).await.flow.seq, before + 1);

        let page = customer.open("/cases/1001").await;
        for _ in 0..2 {
            customer.submit(&page, "/cases/1001/messages", &[("message", "Which port is it?")]).await;
        }
        assert_eq!(customer.open("/cases/1001").await.body.matches("Which port is it?").count(), 1);
        let changed = customer.submit(&page, "/cases/1001/messages", &[("message", "Another text, same key")]).await;
        assert_eq!(changed.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

on_both! {
    async fn a_stale_button_changes_nothing_and_loses_nothing(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let mut engineer = Browser::signed_in(&t.app, &t.engineer).await;
        let action = format!("/cases/{number}/act/configuration_done");
        let page = engineer.open(&action).await;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        let seq = t.case(number).await.flow.seq;
        let late = engineer.submit(&page, &action, &[("change_ref", "CHG-2 <b>")]).await;
        assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.body);
        assert!(late.shows("CHG-2 <b>") && late.shows("Change reference"), "{}", late.body);
        assert_eq!(t.case(number).await.flow.seq, seq);
        assert_eq!(engineer.open(&action).await.status, StatusCode::CONFLICT, "the form is gone as well");

        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        t.script.push(None);
        let page = customer.open(&format!("/cases/{number}")).await;
        let mut fields = page.form(&format!("/cases/{number}/act/let_in_done")).unwrap();
        fields.remove("entered");
        let sent = customer.post_form(&format!("/cases/{number}/act/let_in_done"), &fields).await;
        assert_eq!(sent.status, StatusCode::UNPROCESSABLE_ENTITY, "a form of ours says what it was made for");
    }
}

on_both! {
    async fn a_colleagues_claim_stops_an_act_and_keeps_what_was_typed(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let mut engineer = Browser::signed_in(&t.app, &t.engineer).await;
        let action = format!("/cases/{number}/act/configuration_done");
        let page = engineer.open(&action).await;
        let bo = t.colleague("Bo").await;
        queue::claim(&t.app, &bo, number).await.unwrap();
        let late = engineer.submit(&page, &action, &[("change_ref", "CHG-2")]).await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(late.shows("Bo claimed case") && late.shows("CHG-2"), "{}", late.body);
    }
}
