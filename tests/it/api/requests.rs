//! Sending a request, and finding cases again.

use serde_json::json;

use super::request;
use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::on_both;
use crate::support::http::Browser;

on_both! {
    async fn a_request_becomes_a_case_with_address_and_version(db: TestDb) {
        let t = TestApp::new(&db).await;
        let client = Client::of(&t.app, &t.contact).await;
        let answer = client.post("/api/v1/requests", &[], &request()).await;
        let case = answer.expect(201);
        let path = "/api/v1/cases/1001";
        assert_eq!(answer.header("location"), format!("{}{path}", t.app.public_url));
        assert_eq!(answer.header("etag"), case["etag"].as_str().unwrap());
        assert_eq!((case["state"].as_str(), case["waiting_on"].as_str()), (Some("awaiting_configuration"), Some("vendor")));
        assert_eq!(case["data"]["smtp_port"], json!(587));
        assert_eq!(case["secrets"], json!({"account_set": false, "password_set": false}));
        let read = client.get(path).await;
        assert_eq!(read.expect(200), case);
        assert_eq!(read.header("etag"), answer.header("etag"));
    }
}

on_both! {
    async fn the_same_key_gives_the_stored_answer_and_another_body_is_refused(db: TestDb) {
        let t = TestApp::new(&db).await;
        let client = Client::of(&t.app, &t.contact).await;
        let first = client.post_as("/api/v1/requests", "\"k-1\"", &[], &request()).await;
        first.expect(201);
        assert_eq!(first.header("idempotency-replayed"), "");
        t.act(&t.engineer, 1001, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        let again = client.post_as("/api/v1/requests", "k-1", &[], &request()).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text), "the case has moved on, the answer has not");
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!((again.header("location"), again.header("etag")), (first.header("location"), first.header("etag")));
        let mut other = request();
        other["smtp_port"] = json!(25);
        client.post_as("/api/v1/requests", "k-1", &[], &other).await.problem(422, "key_reused");
        assert_eq!(client.get("/api/v1/cases").await.expect(200)["items"].as_array().unwrap().len(), 1);
        let lead = Client::of(&t.app, &t.engineer).await;
        let elsewhere = lead.post_as("/api/v1/queue/next", "k-1", &[], &json!({})).await;
        assert!(elsewhere.status.is_success(), "keys belong to a person and a route: {}", elsewhere.text);
    }
}

on_both! {
    async fn a_request_is_judged_member_by_member(db: TestDb) {
        let t = TestApp::new(&db).await;
        let client = Client::of(&t.app, &t.contact).await;
        let send = async |change: serde_json::Value| {
            let mut body = request();
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let answer = client.post("/api/v1/requests", &[], &body).await;
            answer.problem(422, "invalid");
            answer.faults()
        };
        let fault = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
        assert_eq!(send(json!({"smtp_port": "587"})).await, fault("#/smtp_port", "wrong_type"));
        assert_eq!(send(json!({"smtp_ip": 10})).await, fault("#/smtp_ip", "wrong_type"));
        assert_eq!(send(json!({"smtp_port": 587.5})).await, fault("#/smtp_port", "not_a_port"));
        assert_eq!(send(json!({"smtp_port": 0})).await, fault("#/smtp_port", "not_a_port"));
        assert_eq!(send(json!({"smtp_ip": "8.8.8.8"})).await, fault("#/smtp_ip", "not_private"));
        assert_eq!(send(json!({"smtp_ip": "10.99.0.8"})).await, fault("#/smtp_ip", "ours"));
        assert_eq!(send(json!({"smtp_ip": null})).await, fault("#/smtp_ip", "missing"));
        assert_eq!(send(json!({"smtp_location": "moon"})).await, fault("#/smtp_location", "not_an_option"));
        assert_eq!(send(json!({"a/b": 1})).await, fault("#/a~1b", "unexpected"));
        let many = send(json!({"smtp_ip": "\u{0}", "smtp_port": 70_000, "sender_address": "x"})).await;
        assert_eq!(many.len(), 3, "every fault at once: {many:?}");
        assert_eq!(client.get("/api/v1/cases").await.expect(200)["items"], json!([]), "nothing was made");
        Client::of(&t.app, &t.engineer).await.post("/api/v1/requests", &[], &request()).await.problem(403, "forbidden");
    }
}

on_both! {
    async fn a_list_goes_on_behind_its_cursor_without_gap_or_double(db: TestDb) {
        let t = TestApp::new(&db).await;
        for _ in 0..5 {
            t.request().await;
        }
        for (person, path) in [(&t.contact, "/api/v1/cases?limit=2"), (&t.engineer, "/api/v1/cases?view=open&limit=2")] {
            let client = Client::of(&t.app, person).await;
            let (mut next, mut numbers, mut pages) = (path.to_owned(), Vec::new(), 0);
            loop {
                let answer = client.get(&next).await;
                let page = answer.expect(200);
                pages += 1;
                numbers.extend(page["items"].as_array().unwrap().iter().map(|item| item["number"].as_i64().unwrap()));
                let Some(url) = page["next"].as_str() else {
                    assert_eq!(answer.header("link"), "", "the last page leads nowhere");
                    break;
                };
                assert_eq!(answer.header("link"), format!("<{url}>; rel=\"next\""));
                next = url.strip_prefix(&t.app.public_url).unwrap().to_owned();
            }
            numbers.sort_unstable();
            assert_eq!((pages, numbers), (3, vec![1001, 1002, 1003, 1004, 1005]));
        }
    }
}

on_both! {
    async fn views_hold_what_they_say_and_a_session_reads_them_too(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.request().await;
        t.reached().await;
        let mut browser = Browser::signed_in(&t.app, &t.engineer).await;
        for (view, expected) in [("unclaimed", vec![1001]), ("mine", vec![1002]), ("customer", vec![1002]), ("open", vec![1001, 1002])] {
            let page = browser.get(&format!("/api/v1/cases?view={view}")).await;
            let json: serde_json::Value = serde_json::from_str(&page.body).unwrap();
            let mut found: Vec<i64> = json["items"].as_array().unwrap().iter().map(|item| item["number"].as_i64().unwrap()).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{view}");
            assert!(json["items"][0]["etag"].as_str().unwrap().starts_with('"'));
        }
        Client::of(&t.app, &t.admin).await.get("/api/v1/cases").await.problem(403, "forbidden");
    }
}
