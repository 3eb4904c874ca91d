//! What each side reads: cases, conversation, tests, whitelist.

use postern::domain::cause::Cause;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::on_both;

on_both! {
    async fn an_unchanged_case_is_not_sent_again(db: TestDb) {
        let t = TestApp::new(&db).await;
        let case = t.request().await;
        let client = Client::of(&t.app, &t.contact).await;
        let path = format!("/api/v1/cases/{}", case.number);
        let tag = client.get(&path).await.header("etag");
        let known = client.send(axum::http::Method::GET, &path, &[("if-none-match", &tag)], String::new()).await;
        assert_eq!((known.status.as_u16(), known.text.as_str(), known.header("etag")), (304, "", tag.clone()));
        t.act(&t.engineer, case.number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        let changed = client.send(axum::http::Method::GET, &path, &[("if-none-match", &tag)], String::new()).await;
        assert_eq!(changed.expect(200)["state"], "let_us_in");
        assert_ne!(changed.header("etag"), tag);
    }
}

on_both! {
    async fn a_customer_reads_the_own_case_without_what_engineers_write_for_each_other(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        postern::app::queue::claim(&t.app, &t.engineer, number).await.unwrap();
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-CANARY")]).await.unwrap();
        let path = format!("/api/v1/cases/{number}");
        let (customer, engineer) = (Client::of(&t.app, &t.contact).await, Client::of(&t.app, &t.engineer).await);
        let (theirs, ours) = (customer.get(&path).await, engineer.get(&path).await);
        assert_eq!(ours.expect(200)["data"]["change_ref"], "CHG-CANARY");
        assert!(!theirs.text.contains("CANARY"), "{}", theirs.text);
        assert!(theirs.expect(200)["claimed_by"].is_null());
        let acts = |case: &serde_json::Value| -> Vec<String> {
            case["acts"].as_array().unwrap().iter().map(|act| act["event"].as_str().unwrap().to_owned()).collect()
        };
        assert!(acts(&theirs.json()).contains(&"let_in_done".to_owned()), "{:?}", acts(&theirs.json()));
        assert!(!acts(&ours.json()).contains(&"test_result".to_owned()), "acts of the machine are offered to nobody");
        Client::of(&t.app, &t.stranger().await).await.get(&path).await.problem(404, "not_found");
        Client::stranger(&t.app).get(&path).await.problem(401, "signed_out");
    }
}

on_both! {
    async fn notes_stay_inside(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let path = format!("/api/v1/cases/{number}/messages");
        let (customer, engineer) = (Client::of(&t.app, &t.contact).await, Client::of(&t.app, &t.engineer).await);
        let sent = customer.post_as(&path, "m1", &[], &json!({"message": "Hello <b>\n{{7*7}}"})).await;
        let again = customer.post_as(&path, "m1", &[], &json!({"message": "Hello <b>\n{{7*7}}"})).await;
        assert_eq!(sent.expect(201)["body"], "Hello <b>\n{{7*7}}");
        assert_eq!((&again.text, again.header("idempotency-replayed").as_str()), (&sent.text, "true"));
        engineer.post(&path, &[], &json!({"message": "NOTE", "internal": true})).await.expect(201);
        let hidden = customer.post(&path, &[], &json!({"message": "not a note", "internal": true})).await.expect(201);
        assert_eq!(hidden["internal"], false, "a customer writes to the vendor, never past it");
        let bodies = |answer: &crate::support::client::Answer| -> Vec<String> {
            let page = answer.expect(200);
            page["items"].as_array().unwrap().iter().map(|item| item["body"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(bodies(&customer.get(&path).await), ["Hello <b>\n{{7*7}}", "not a note"]);
        assert_eq!(bodies(&engineer.get(&path).await).len(), 3);
        for (body, pointer) in [
            (json!({}), "#/message"),
            (json!({"message": " \n"}), "#/message"),
            (json!({"message": 1}), "#/message"),
            (json!({"message": "nul \u{0}"}), "#/message"),
            (json!({"message": "x".repeat(10_001)}), "#/message"),
            (json!({"message": "x", "internal": "yes"}), "#/internal"),
            (json!({"message": "x", "to": "all"}), "#/to"),
        ] {
            let answer = engineer.post(&path, &[], &body).await;
            answer.problem(422, "invalid");
            assert_eq!(answer.faults()[0].0, pointer);
        }
        Client::of(&t.app, &t.stranger().await).await.get(&path).await.problem(404, "not_found");
    }
}

on_both! {
    async fn tests_show_each_side_its_part(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        t.script.push(Some(Cause::from_id("auth.bad_credentials").unwrap()));
        let settings = [
            ("encryption", "starttls"), ("sender_address", "a@alder.example"), ("test_recipient", "b@alder.example"),
            ("smtp_account", "u"), ("smtp_password", "p"),
        ];
        t.act(&t.contact, number, "submit_settings", &settings).await.unwrap();
        let (customer, engineer) = (Client::of(&t.app, &t.contact).await, Client::of(&t.app, &t.engineer).await);
        let path = format!("/api/v1/cases/{number}/tests");
        let running = customer.get(&format!("{path}/2")).await.expect(200);
        assert_eq!((&running["status"], &running["report"]), (&json!("running"), &json!(null)));
        t.drain().await;
        let list = customer.get(&path).await.expect(200);
        let verdicts: Vec<_> = list["items"].as_array().unwrap().iter().map(|test| test["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, ["not_reachable", "reachable"], "newest first");
        let (theirs, ours) = (customer.get(&format!("{path}/2")).await, engineer.get(&format!("{path}/2")).await);
        let report = &theirs.expect(200)["report"];
        assert_eq!(report["cause"], "auth.bad_credentials");
        assert!(report["remedy"].as_str().is_some_and(|text| !text.is_empty()));
        for inner in ["server_lines", "transcript", "source", "detail", "engineer"] {
            assert!(!theirs.text.contains(&format!("\"{inner}\"")), "{inner}: {}", theirs.text);
            assert!(ours.text.contains(&format!("\"{inner}\"")), "{inner}: {}", ours.text);
        }
        customer.get(&format!("{path}/3")).await.problem(404, "not_found");
        customer.get(&format!("{path}/x")).await.problem(404, "not_found");
        Client::of(&t.app, &t.stranger().await).await.get(&format!("{path}/2")).await.problem(404, "not_found");
    }
}

on_both! {
    async fn automation_pulls_the_whitelist_of_a_tunnel(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let engineer = Client::of(&t.app, &t.engineer).await;
        let wanted = engineer.get("/api/v1/whitelist?tunnel=alder-1").await.expect(200);
        let entry = &wanted["items"][0];
        assert_eq!((&entry["network"], &entry["port"], &entry["source"]), (&json!("10.20.4.15/32"), &json!(587), &json!(["10.99.0.8"])));
        assert_eq!((&entry["ours"]["state"], &entry["theirs"]["state"]), (&json!("wanted"), &json!("none")));
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        let applied = engineer.get("/api/v1/allowlist?tunnel=alder-1").await.expect(200);
        assert_eq!(applied["items"][0]["ours"]["state"], "applied");
        assert_eq!(applied["items"][0]["ours"]["by"], "Kim Castle");
        engineer.get("/api/v1/whitelist?tunnel=nope").await.problem(404, "not_found");
        assert_eq!(engineer.get("/api/v1/whitelist").await.expect(200)["items"], applied["items"]);
        engineer.get("/api/v1/whitelist?tunnel=%00").await.problem(400, "bad_parameter");
        Client::of(&t.app, &t.contact).await.get("/api/v1/whitelist?tunnel=alder-1").await.problem(403, "forbidden");
    }
}
