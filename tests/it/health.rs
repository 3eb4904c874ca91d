//! What a monitor and an administrator are told about the state of a service.

use std::process::{Command, Output};

use chrono::TimeDelta;
use postern::app::health::reasons;
use postern::domain::log::hex;
use sqlx::Executor as _;
use tower::ServiceExt as _;

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::{Kind, TestDb, on_both};

on_both! {
    async fn readiness_names_a_worker_that_stands_still_a_backlog_and_an_old_schema(db: TestDb) {
        let t = TestApp::new(&db).await;
        let stranger = Client::stranger(&t.app);
        assert_eq!(stranger.get("/readyz").await.expect(200), serde_json::json!({"ready": true, "reasons": []}));
        t.app.pulse.beat("timers", t.app.now());
        t.request().await;
        t.clock.advance(TimeDelta::minutes(4));
        assert_eq!(reasons(&t.app).await, []);
        t.clock.advance(TimeDelta::minutes(12));
        let parts: Vec<_> = reasons(&t.app).await.into_iter().map(|reason| reason.part).collect();
        assert_eq!(parts, ["outbox", "workers"]);
        let answer = stranger.get("/readyz").await.expect(503);
        assert!(answer["reasons"][1]["detail"].as_str().unwrap().contains("timers"), "{answer}");
        t.drain().await;
        t.app.pulse.beat("timers", t.app.now());
        assert_eq!(reasons(&t.app).await, []);
        t.app.pulse.end("timers");
        assert!(reasons(&t.app).await[0].detail.contains("has ended"));
        t.app.pulse.beat("timers", t.app.now());
        db.execute("DELETE FROM _sqlx_migrations WHERE version > 1").await;
        assert_eq!(reasons(&t.app).await[0].part, "migrations");
    }
}

on_both! {
    async fn figures_stand_on_a_listener_of_their_own(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.request().await;
        t.app.pulse.beat("timers", t.app.now());
        assert_eq!(Client::stranger(&t.app).get("/metrics").await.status, 404, "customers reach this one");
        let request = axum::http::Request::builder().uri("/metrics").body(axum::body::Body::empty()).unwrap();
        let response = postern::web::figures(t.app.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        for line in [
            "postern_ready 1",
            "postern_cases_open{waiting_on=\"vendor\"} 1",
            "postern_cases_overdue 0",
            "postern_outbox_held 0",
            "postern_tunnel_tests_waiting 0",
            &format!("postern_worker_last_look_timestamp_seconds{{worker=\"timers\"}} {}", t.app.now().timestamp()),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("postern_outbox_effects{state=\"pending\"} "), "{text}");
        assert!(!text.contains("Alder") && !text.contains('@'), "figures name nobody");
    }
}

fn check(db: &TestDb) -> (Option<i32>, String) {
    let data = db.folder.join("data");
    let Output { status, stdout, .. } = Command::new(env!("CARGO_BIN_EXE_postern"))
        .args(["check", "--database", &db.url, "--data", data.to_str().unwrap()])
        .env_clear()
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stdout).unwrap())
}

on_both! {
    async fn the_check_finds_each_kind_of_fault_and_nothing_in_a_good_installation(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        t.submit_settings(number).await;
        let (code, text) = check(&db);
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(text.lines().count(), 6);
        assert!(text.lines().all(|line| line.starts_with("ok    ")), "{text}");
        assert!(text.contains("2 open with the master key"), "{text}");

        let key = db.folder.join("data/master.key");
        let good = std::fs::read(&key).unwrap();
        std::fs::write(&key, hex(&[7; 32])).unwrap();
        let (code, text) = check(&db);
        assert!(code == Some(1) && text.contains("FAULT secrets: 2 of 2 do not open"), "{text}");
        std::fs::remove_file(&key).unwrap();
        let (_, text) = check(&db);
        assert!(text.contains("there is no master key") && !key.exists(), "{text}");
        std::fs::write(&key, good).unwrap();

        db.execute("UPDATE cases SET state = 'active'").await;
        let (code, text) = check(&db);
        assert!(code == Some(1) && text.contains(&format!("FAULT logs: 1 of 1 cases are not: case {number}")), "{text}");
        match db.kind {
            Kind::Sqlite => {
                db.execute("PRAGMA foreign_keys = OFF").await;
                db.execute("DELETE FROM tunnels").await;
                db.execute("PRAGMA foreign_keys = ON").await;
            }
            Kind::Postgres => {
                let beside = db.beside().await;
                beside.execute("SET session_replication_role = replica").await.unwrap();
                beside.execute("DELETE FROM tunnels").await.unwrap();
                beside.close().await;
            }
        }
        let (_, text) = check(&db);
        assert!(text.contains("FAULT references: ") && text.contains("refers to missing tunnels"), "{text}");
        db.execute("DELETE FROM _sqlx_migrations WHERE version > 1").await;
        let (code, text) = check(&db);
        assert!(code == Some(1) && text.starts_with("FAULT schema: 1;"), "{text}");
    }
}
