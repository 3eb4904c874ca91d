//! Calendars and priorities over the API.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::on_both;

fn calendar() -> Value {
    json!({
        "time_zone": "Europe/Berlin", "hours": "mon-fri 09:00-17:00", "is_vendor": true,
        "holidays": [{"date": "2026-12-25", "name": "Christmas Day"}],
    })
}

on_both! {
    async fn a_calendar_is_put_as_a_whole(db: TestDb) {
        let t = TestApp::new(&db).await;
        let ada = Client::of(&t.app, &t.admin).await;
        let put = async |body: &Value| {
            let headers = [("content-type", "application/json")];
            ada.send(Method::PUT, "/api/v1/calendars/Berlin%20office", &headers, body.to_string()).await
        };
        let made = put(&calendar()).await.expect(201);
        assert_eq!((&made["name"], &made["time_zone"], &made["is_vendor"]), (&json!("Berlin office"), &json!("Europe/Berlin"), &json!(true)));
        assert_eq!(put(&calendar()).await.expect(200), made, "twice is once");
        for (member, value, field) in [
            ("time_zone", json!("Mars/Olympus"), "time_zone"),
            ("hours", json!("mon"), "hours"),
            ("hours", json!(["mon-fri 09:00-17:00"]), "hours"),
            ("holidays", json!("2026-12-25 x"), "holidays"),
            ("holidays", json!([{"date": "25.12.2026", "name": "x"}]), "holidays"),
            ("holidays", json!([{"date": "2026-12-25", "name": "x", "half": true}]), "holidays"),
            ("zone", json!("UTC"), "zone"),
        ] {
            let mut body = calendar();
            body[member] = value;
            let answer = put(&body).await;
            assert_eq!(answer.status, 422, "{}", answer.text);
            assert_eq!(answer.faults()[0].0, field, "{}", answer.text);
        }
        let bare = json!({"time_zone": "UTC", "hours": "sat-sun 10:00-12:00"});
        let replaced = put(&bare).await.expect(200);
        assert_eq!((&replaced["holidays"], &replaced["is_vendor"]), (&json!([]), &json!(false)), "what is not sent is not there");
        assert_eq!(ada.get("/api/v1/calendars").await.expect(200)["items"], json!([replaced]));
        assert_eq!(ada.get("/api/v1/calendars/Berlin%20office").await.expect(200), replaced);
        assert_eq!(ada.get("/api/v1/calendars/none").await.status, 404);
    }
}

on_both! {
    async fn a_priority_is_changed_once_and_the_promise_is_named(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let kim = Client::of(&t.app, &t.engineer).await;
        let path = format!("/api/v1/cases/{number}/priority");
        let body = json!({"priority": "P1", "reason": "The site is down"});
        let before = kim.get(&format!("/api/v1/cases/{number}")).await;
        assert_eq!(before.json()["due"], json!("first_answer"));
        let stale = kim.post(&path, &[("if-match", "\"1\"")], &body).await;
        assert_eq!(stale.status, 412, "{}", stale.text);
        let changed = kim.post_as(&path, "key", &[("if-match", &before.header("etag"))], &body).await.expect(200);
        assert_eq!((&changed["priority"], &changed["due_at"]), (&json!("P1"), &json!("2026-11-25T11:00:00Z")));
        assert_eq!(kim.post_as(&path, "key", &[("if-match", &before.header("etag"))], &body).await.expect(200), changed);
        let entries = t.whole_log(number).await.iter().filter(|row| row.body.contains("prioritized")).count();
        assert_eq!(entries, 1);
        let wrong = kim.post(&path, &[], &json!({"priority": "high", "reason": ""})).await;
        assert_eq!(wrong.faults().iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["priority", "reason"]);
    }
}
