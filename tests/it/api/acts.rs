//! Acts in cases: versions, keys, claims, and the whole private branch through the API alone.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use super::request;
use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::on_both;

on_both! {
    async fn the_private_branch_runs_through_the_api_alone(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let (customer, engineer) = (Client::of(&t.app, &t.contact).await, Client::of(&t.app, &t.engineer).await);
        customer.post("/api/v1/requests", &[], &request()).await.expect(201);
        let claimed = engineer.post("/api/v1/queue/next", &[], &json!({})).await.expect(200);
        assert_eq!((claimed["number"].as_i64(), claimed["claimed_by"].as_str()), (Some(1001), Some(t.engineer.id.to_string().as_str())));
        assert!(engineer.post("/api/v1/queue/next", &[], &json!({})).await.expect(204).is_null(), "nothing is left to claim");
        let let_in = engineer.act(1001, "configuration_done", &json!({"change_ref": "CHG-1"})).await.expect(200);
        assert_eq!(let_in["state"], "let_us_in");
        customer.act(1001, "let_in_done", &json!({})).await.expect(200);
        t.script.push(None);
        t.drain().await;
        let settings = json!({
            "encryption": "starttls", "sender_address": "alerts@alder.example", "test_recipient": "soc@alder.example",
            "smtp_account": "canary-account", "smtp_password": "canary-password", "tls_name": null,
        });
        let tested = customer.act(1001, "submit_settings", &settings).await;
        assert_eq!(tested.expect(200)["secrets"], json!({"account_set": true, "password_set": true}));
        assert!(!tested.text.contains("canary"), "{}", tested.text);
        t.script.push(None);
        t.script.push(None);
        t.drain().await;
        assert_eq!(product.settings()["smtpAccountPassword"], json!("canary-password"));
        assert_eq!(customer.act(1001, "it_arrived", &json!({})).await.expect(200)["state"], "active");
        assert_eq!(db.tables_with("canary-password").await, Vec::<String>::new());
    }
}

on_both! {
    async fn an_act_needs_key_and_version_and_the_version_must_be_the_present_one(db: TestDb) {
        let t = TestApp::new(&db).await;
        let case = t.request().await;
        let engineer = Client::of(&t.app, &t.engineer).await;
        let path = format!("/api/v1/cases/{}/events/configuration_done", case.number);
        let body = json!({"change_ref": "CHG-1"});
        let bare = [("content-type", "application/json"), ("if-match", "*")];
        engineer.send(axum::http::Method::POST, &path, &bare, body.to_string()).await.problem(400, "key_missing");
        engineer.post(&path, &[], &body).await.problem(428, "revision_missing");
        for stale in ["\"1\"", "W/\"9\"", "nonsense", "\"999\""] {
            let answer = engineer.post(&path, &[("if-match", stale)], &body).await;
            answer.problem(412, "changed");
            assert_eq!(answer.header("etag"), format!("\"{}\"", case.revision), "{stale}");
        }
        assert_eq!(t.case(case.number).await, case, "nothing was changed");
        for key in ["", "\"\"", "two words", &"x".repeat(256)] {
            engineer.post_as(&path, key, &[("if-match", "*")], &body).await.problem(400, "bad_key");
        }
        let list = format!("\"1\", \"{}\"", case.revision);
        assert_eq!(engineer.post(&path, &[("if-match", &list)], &body).await.expect(200)["state"], "let_us_in");
    }
}

on_both! {
    async fn thirty_two_repeats_at_once_are_one_act_with_one_answer(db: TestDb) {
        let t = TestApp::new(&db).await;
        let case = t.request().await;
        let engineer = Arc::new(Client::of(&t.app, &t.engineer).await);
        let (path, tag) = (format!("/api/v1/cases/{}/events/configuration_done", case.number), format!("\"{}\"", case.revision));
        let mut calls = JoinSet::new();
        for _ in 0..32 {
            let (engineer, path, tag) = (Arc::clone(&engineer), path.clone(), tag.clone());
            calls.spawn(async move {
                engineer.post_as(&path, "one", &[("if-match", &tag)], &json!({"change_ref": "CHG-1"})).await
            });
        }
        let answers = calls.join_all().await;
        let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == "true").count();
        let statuses: Vec<_> = answers.iter().map(|answer| (answer.status.as_u16(), &answer.text)).filter(|(status, _)| *status != 200).collect();
        assert_eq!((replayed, statuses), (31, Vec::new()));
        for answer in &answers {
            answer.expect(200);
            assert_eq!(answer.text, answers[0].text);
            assert_eq!(answer.header("etag"), answers[0].header("etag"));
        }
        assert_eq!(t.case(case.number).await.revision, case.revision + 1);
    }
}

on_both! {
    async fn answers_are_typed_strictly_and_faults_are_named(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let customer = Client::of(&t.app, &t.contact).await;
        let whole = json!({"encryption": "none", "sender_address": "a@alder.example", "test_recipient": "b@alder.example"});
        let before = t.case(number).await;
        for (name, value, code) in [
            ("encryption", json!(1), "wrong_type"),
            ("test_recipient", json!(["x"]), "wrong_type"),
            ("smtp_password", json!(123_456), "wrong_type"),
            ("smtp_password", json!("a\r\nb"), "control_char"),
            ("smtp_account", json!("x".repeat(300)), "too_long"),
            ("sender_address", json!("a@b\r\nX: y"), "not_an_email"),
            ("encryption", json!("tls"), "not_an_option"),
            ("surprise", json!({"a": 1}), "unexpected"),
            ("smtp_ip", json!("10.20.4.16"), "unexpected"),
            ("test_recipient", json!(""), "missing"),
        ] {
            let mut body = whole.clone();
            body[name] = value;
            let answer = customer.act(number, "submit_settings", &body).await;
            answer.problem(422, "invalid");
            let faults = answer.faults();
            assert_eq!(faults[0].0, format!("#/{name}"), "{faults:?}");
            assert!(faults.iter().all(|(pointer, _)| *pointer == format!("#/{name}")), "{faults:?}");
            if code != "not_an_email" {
                assert_eq!(faults[0].1, code, "{name}");
            }
            assert!(!answer.text.contains("123456"), "no value of a secret comes back");
        }
        assert_eq!(t.case(number).await, before, "nothing was changed");
    }
}

on_both! {
    async fn what_may_not_be_done_says_why(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let (customer, engineer) = (Client::of(&t.app, &t.contact).await, Client::of(&t.app, &t.engineer).await);
        customer.act(number, "configuration_done", &json!({"change_ref": "X"})).await.problem(403, "forbidden");
        engineer.act(number, "it_arrived", &json!({})).await.problem(409, "stale");
        engineer.act(number, "no_such_event", &json!({})).await.problem(404, "not_found");
        engineer.act(number, "test_result", &json!({"verdict": "reachable"})).await.problem(409, "stale");
        Client::of(&t.app, &t.admin).await.act(number, "note", &json!({"note": "x"})).await.problem(403, "forbidden");
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        t.act(&t.contact, number, "let_in_done", &[]).await.unwrap();
        engineer.act(number, "test_result", &json!({"verdict": "reachable"})).await.problem(403, "forbidden");
    }
}

on_both! {
    async fn a_claim_has_one_winner_and_repeats_change_nothing(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let path = |act: &str| format!("/api/v1/cases/{number}/{act}");
        let kim = Client::of(&t.app, &t.engineer).await;
        let bo = Client::of(&t.app, &t.colleague("Bo").await).await;
        let (first, second) = (json!({}), json!({}));
        let (a, b) = (path("claim"), path("claim"));
        let (one, two) = tokio::join!(kim.post(&a, &[], &first), bo.post(&b, &[], &second));
        let statuses = [one.status.as_u16(), two.status.as_u16()];
        assert!(statuses == [200, 409] || statuses == [409, 200], "{statuses:?}");
        let (winner, loser, lost) = if statuses[0] == 200 { (&kim, &bo, &two) } else { (&bo, &kim, &one) };
        let problem = lost.problem(409, "claimed");
        let name = if statuses[0] == 200 { "Kim Castle" } else { "Bo" };
        assert!(problem["detail"].as_str().unwrap().starts_with(name), "{problem}");
        let again = winner.post(&path("claim"), &[], &json!({})).await.expect(200);
        loser.post(&path("release"), &[], &json!({})).await.problem(409, "claimed");
        winner.post(&path("release"), &[("if-match", "\"1\"")], &json!({})).await.problem(412, "changed");
        let tag = again["etag"].as_str().unwrap();
        let free = winner.post(&path("release"), &[("if-match", tag)], &json!({"note": "lunch"})).await.expect(200);
        assert!(free["claimed_by"].is_null());
        let twice = winner.post(&path("release"), &[], &json!({})).await.expect(200);
        assert_eq!(twice["etag"], free["etag"], "a repeat leaves no second line");
        winner.post(&path("release"), &[], &json!({"surprise": 1})).await.problem(422, "invalid");
        let customer = Client::of(&t.app, &t.contact).await;
        customer.post(&path("claim"), &[], &json!({})).await.problem(403, "forbidden");
        customer.post("/api/v1/queue/next", &[], &json!({})).await.problem(403, "forbidden");
    }
}

on_both! {
    async fn a_repeated_claim_of_the_next_case_costs_no_second_case(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.request().await;
        t.request().await;
        let kim = Client::of(&t.app, &t.engineer).await;
        let first = kim.post_as("/api/v1/queue/next", "n", &[], &json!({})).await;
        let again = kim.post_as("/api/v1/queue/next", "n", &[], &json!({})).await;
        assert_eq!((first.expect(200), again.header("idempotency-replayed").as_str()), (again.expect(200), "true"));
        let other = kim.post_as("/api/v1/queue/next", "m", &[], &json!({})).await.expect(200);
        assert_ne!(other["number"], first.json()["number"]);
    }
}
