//! What the API does not take, and what it says then.

use axum::http::Method;
use serde_json::json;

use super::request;
use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::on_both;

/// Every resource with the method that it knows.
const RESOURCES: [(&str, &str); 24] = [
    ("POST", "/api/v1/requests"),
    ("GET", "/api/v1/cases"),
    ("GET", "/api/v1/cases/1001"),
    ("POST", "/api/v1/cases/1001/events/note"),
    ("POST", "/api/v1/cases/1001/claim"),
    ("POST", "/api/v1/cases/1001/release"),
    ("GET", "/api/v1/cases/1001/messages"),
    ("GET", "/api/v1/cases/1001/tests"),
    ("GET", "/api/v1/cases/1001/tests/1"),
    ("POST", "/api/v1/queue/next"),
    ("GET", "/api/v1/whitelist"),
    ("GET", "/api/v1/allowlist"),
    ("GET", "/api/v1/whitelist/requests"),
    ("POST", "/api/v1/whitelist/requests/00000000-0000-0000-0000-000000000000/approve"),
    ("POST", "/api/v1/whitelist/requests/00000000-0000-0000-0000-000000000000/refuse"),
    ("GET", "/api/v1/whitelist/00000000-0000-0000-0000-000000000000"),
    ("POST", "/api/v1/whitelist/00000000-0000-0000-0000-000000000000/retire"),
    ("POST", "/api/v1/whitelist/00000000-0000-0000-0000-000000000000/stay"),
    ("POST", "/api/v1/whitelist/00000000-0000-0000-0000-000000000000/theirs"),
    ("GET", "/api/v1/tunnels/00000000-0000-0000-0000-000000000000/whitelist"),
    ("POST", "/api/v1/tunnels/00000000-0000-0000-0000-000000000000/whitelist/applied"),
    ("GET", "/api/v1/tunnels/00000000-0000-0000-0000-000000000000/whitelist.json"),
    ("GET", "/api/v1/tunnels/00000000-0000-0000-0000-000000000000/whitelist.txt"),
    ("GET", "/api/v1/tunnels/00000000-0000-0000-0000-000000000000/allowlist.nft"),
];

on_both! {
    async fn every_resource_refuses_strangers_and_unknown_parameters(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.request().await;
        let (stranger, engineer) = (Client::stranger(&t.app), Client::of(&t.app, &t.engineer).await);
        for (method, path) in RESOURCES {
            let method: Method = method.parse().unwrap();
            let nobody = stranger.send(method.clone(), path, &[], "not json".into()).await;
            nobody.problem(401, "signed_out");
            let asked = engineer.send(method.clone(), &format!("{path}?viwe=open"), &[], String::new()).await;
            asked.problem(400, "unknown_parameter");
            engineer.send(Method::DELETE, path, &[], String::new()).await.problem(405, "method_not_allowed");
        }
        let guess = engineer.get("/api/v1/cases?viwe=open").await.problem(400, "unknown_parameter");
        assert!(guess["detail"].as_str().unwrap().contains("did you mean view?"), "{guess}");
        let customer = Client::of(&t.app, &t.contact).await;
        customer.get("/api/v1/cases?view=open").await.problem(400, "unknown_parameter");
        for bad in ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=b3duLjE", "view=moon", "limit=1&limit=2"] {
            engineer.get(&format!("/api/v1/cases?{bad}")).await.problem(400, "bad_parameter");
        }
        engineer.get("/api/v1/nothing").await.problem(404, "not_found");
        for number in ["0", "-1", "x", "99999999999999999999", "1e3", "%00"] {
            engineer.get(&format!("/api/v1/cases/{number}")).await.problem(404, "not_found");
        }
        let token = [("authorization", "Bearer nonsense")];
        stranger.send(Method::GET, "/api/v1/cases", &token, String::new()).await.problem(401, "signed_out");
    }
}

on_both! {
    async fn bodies_are_json_objects_of_a_bearable_size(db: TestDb) {
        let t = TestApp::new(&db).await;
        let client = Client::of(&t.app, &t.contact).await;
        let send = async |kind: &str, body: String| {
            let headers = [("content-type", kind), ("idempotency-key", "k")];
            client.send(Method::POST, "/api/v1/requests", &headers, body).await
        };
        let json = "application/json";
        send("application/x-www-form-urlencoded", "a=b".into()).await.problem(415, "not_json");
        send("text/plain", request().to_string()).await.problem(415, "not_json");
        send(json, "{".into()).await.problem(400, "unreadable");
        send(json, "{\"smtp_port\": 1, \"smtp_port\": 2}".into()).await.problem(400, "unreadable");
        let array = send(json, "[1]".into()).await;
        array.problem(422, "invalid");
        assert_eq!(array.faults(), [("#".to_owned(), "not_an_object".to_owned())]);
        send(json, format!("{{\"smtp_host\": \"{}\"}}", "x".repeat(300_000))).await.problem(413, "too_large");
        send(json, format!("{{\"a\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000))).await.problem(400, "unreadable");
        send("application/json; charset=utf-8", request().to_string()).await.expect(201);
    }
}

on_both! {
    async fn another_sites_page_cannot_use_a_session(db: TestDb) {
        let t = TestApp::new(&db).await;
        let client = Client::of(&t.app, &t.contact).await;
        let headers = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
        client.post("/api/v1/requests", &headers, &request()).await.problem(403, "cross_site");
        assert_eq!(client.get("/api/v1/cases").await.expect(200)["items"], json!([]));
    }
}

on_both! {
    async fn an_expired_token_is_nobodys(db: TestDb) {
        let t = TestApp::new(&db).await;
        let client = Client::of(&t.app, &t.contact).await;
        client.get("/api/v1/cases").await.expect(200);
        t.clock.advance(chrono::TimeDelta::days(401));
        client.get("/api/v1/cases").await.problem(401, "signed_out");
    }
}
