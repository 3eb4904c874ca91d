//! The warning before a text is kept that looks like a credential.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::on_both;
use crate::support::http::Browser;

const TEXT: &str = "The account is alerts, password: Winter2026!";

on_both! {
    async fn a_page_asks_before_a_password_is_kept(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let (path, action) = (format!("/cases/{number}"), format!("/cases/{number}/messages"));
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let page = dana.get(&path).await;
        let asked = dana.submit_file(&page, &action, &[("message", TEXT)], ("smtp.log", "220 ready")).await;
        assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
        for text in ["Send a password or key?", "This looks like a password", "Send anyway", TEXT, "smtp.log (9 bytes)"] {
            assert!(asked.shows(text), "{text} is not in {}", asked.body);
        }
        assert_eq!(db.tables_with("Winter2026!").await, Vec::<String>::new(), "never kept unless confirmed");

        let sent = dana.submit(&asked, &action, &[]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
        let page = dana.get(&path).await;
        assert!(page.shows(TEXT) && page.shows("smtp.log"), "the file came along: {}", page.body);
    }
}

on_both! {
    async fn a_program_confirms_too(db: TestDb) {
        let t = TestApp::new(&db).await;
        let path = format!("/api/v1/cases/{}/messages", t.request().await.number);
        let kim = Client::of(&t.app, &t.engineer).await;
        let asked = kim.post(&path, &[], &json!({"message": TEXT, "internal": true})).await;
        asked.problem(422, "invalid");
        assert_eq!(asked.faults(), [("#/message".to_owned(), "credential".to_owned())]);
        assert_eq!(db.number("SELECT COUNT(*) FROM messages").await, 0);
        let sent = kim.post(&path, &[], &json!({"message": TEXT, "internal": true, "confirmed": true})).await;
        assert_eq!(sent.expect(201)["body"], TEXT);
    }
}

on_both! {
    async fn an_answer_in_an_act_is_asked_about_too(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.engineer, number, "ask_customer", &[("question", "Which account is it?")]).await.unwrap();
        let (page, action) = (format!("/cases/{number}/act/answer"), format!("/cases/{number}/act/answer"));
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let form = dana.get(&page).await;
        let asked = dana.submit(&form, &action, &[("answer", TEXT)]).await;
        assert_eq!((asked.status, asked.wrong_fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["answer".to_owned()]));
        assert!(asked.shows("This looks like a password") && asked.shows(TEXT), "{}", asked.body);
        assert_eq!(t.case(number).await.flow.state, "waiting_customer");
        assert_eq!(db.tables_with("Winter2026!").await, Vec::<String>::new());
        let sent = dana.submit(&asked, &action, &[("confirmed", "yes")]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
        assert_ne!(t.case(number).await.flow.state, "waiting_customer");
    }
}
