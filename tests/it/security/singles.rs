//! Weaknesses of comparable products that need a test of their own, by their number in docs/SECURITY.md.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use postern::app::{access, token};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::{Kind, on_both, run};
use crate::support::http::{Browser, encode};
use crate::usecase::family::in_use;

on_both! {
    async fn no_6_nothing_about_a_mail_server_is_found_out_without_an_account(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let (mut nobody, program) = (Browser::new(&t.app), Client::stranger(&t.app));
        for path in ["tests/1", "tests/1/compare", "settings", "act/submit_settings"] {
            let page = nobody.get(&format!("/cases/{number}/{path}")).await;
            assert!(page.location().unwrap().starts_with("/sign-in?next="), "{path}");
        }
        assert_eq!(nobody.post(&format!("/cases/{number}/tests"), &[]).await.status, StatusCode::UNAUTHORIZED);
        for path in ["tests", "tests/1"] {
            assert_eq!(program.get(&format!("/api/v1/cases/{number}/{path}")).await.status, StatusCode::UNAUTHORIZED);
        }
    }
}

on_both! {
    async fn no_11_an_event_takes_its_own_answers_and_no_others(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let before = (t.case(number).await, db.rows_as_text("settings").await);
        let dana = Client::of(&t.app, &t.contact).await;
        let tag = format!("\"{}\"", before.0.revision);
        let good = json!({"encryption": "starttls", "sender_address": "a@alder.example", "test_recipient": "b@alder.example"});
        let more = [
            ("smtp_applied", json!(true)), ("tenant_id", json!("x")), ("bcc", json!("spy@evil.example")),
            ("customer", json!("other")), ("alerting_ip", json!("203.0.113.66")), ("state", json!("active")),
        ];
        for (name, value) in more {
            let mut body = good.clone();
            body[name] = value;
            let path = format!("/api/v1/cases/{number}/events/submit_settings");
            let answer = dana.post(&path, &[("if-match", tag.as_str())], &body).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}: {}", answer.text);
            let mut browser = Browser::signed_in(&t.app, &t.contact).await;
            let page = browser.get(&format!("/cases/{number}/act/submit_settings")).await;
            let action = format!("/cases/{number}/act/submit_settings");
            let sent = browser.submit(&page, &action, &[(name, "true")]).await;
            assert_eq!(sent.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        }
        let after = (t.case(number).await, db.rows_as_text("settings").await);
        assert_eq!((after.0.flow.data, after.0.flow.state, after.1), (before.0.flow.data, before.0.flow.state, before.1));
    }
}

#[test]
fn no_14_tokens_come_from_the_system_and_never_twice() {
    let made: BTreeSet<String> = (0..10_000).map(|_| token::fresh()).collect();
    assert_eq!(made.len(), 10_000);
    for position in 0..43 {
        let letters: BTreeSet<char> = made.iter().map(|token| token.chars().nth(position).unwrap()).collect();
        assert!(letters.len() >= 4, "position {position} is nearly always the same");
    }
}

on_both! {
    async fn no_21_and_47_a_server_is_an_address_and_never_a_command_or_a_url(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let form = dana.get("/start/where").await;
        dana.submit(&form, "/start/where", &[("smtp_location", "private")]).await;
        for text in [";id", "$(id)", "`id`", "|id", "10.20.4.15;id", "10.20.4.15\n127.0.0.1", "file:///etc/passwd",
            "gopher://10.20.4.15", "http://10.20.4.15", "10.20.4.15/..", "-oProxyCommand=id"] {
            let form = dana.open("/start/server").await;
            let Some(mut fields) = form.form("/start/server") else { panic!("{}", form.body) };
            fields.insert("smtp_ip".into(), text.into());
            fields.insert("smtp_port".into(), "587".into());
            let page = dana.post_form("/start/server", &fields).await;
            assert!(page.wrong_fields().contains(&"smtp_ip".to_owned()), "{text}: {} {}", page.status, page.body);
            let answer = Client::of(&t.app, &t.contact).await
                .post("/api/v1/requests", &[], &json!({"smtp_location": "private", "smtp_ip": text, "smtp_port": 587})).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
        }
        assert_eq!(db.number("SELECT COUNT(*) FROM cases").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_43_hostile_cookies_are_ignored_and_never_echoed() {
    run(Kind::Sqlite, |db| async move {
        let t = TestApp::new(&db).await;
        let evil = "x\"><script>alert(1)</script>";
        for name in ["__Host-postern", "__Host-postern-device", "theme", "lang"] {
            for (method, path, body) in [
                (Method::GET, "/sign-in", None),
                (Method::GET, "/sign-in/code", None),
                (Method::GET, "/help", None),
                (Method::POST, "/sign-in", Some(format!("email={}&password=wrong", encode("dana@alder.example")))),
            ] {
                for value in [evil, "", "'; DROP TABLE sessions; --", "%00", &"a".repeat(6_000)] {
                    let cookie = format!("{name}={value}");
                    let page =
                        Browser::new(&t.app).send(method.clone(), path, body.clone(), &[("cookie", &cookie)]).await;
                    assert!(
                        page.status.is_success() || page.status == 303 || page.status == 422 || page.status == 403,
                        "{path} {}",
                        page.status
                    );
                    assert!(!page.body.contains("<script>"), "{name} {path}");
                    t.clock.advance(TimeDelta::minutes(16));
                }
            }
        }
    })
    .await;
}

on_both! {
    async fn no_50_a_token_opens_no_other_way_in(db: TestDb) {
        let t = TestApp::new(&db).await;
        let token = access::make_token(&t.app, &t.admin.email, "program".into(), TimeDelta::days(1)).await.unwrap();
        let bearer = format!("Bearer {token}");
        let before = [db.rows_as_text("people").await, db.rows_as_text("vault").await, db.rows_as_text("second_factors").await];
        let person = format!("/admin/people/{}", t.contact.id.uuid().simple());
        let customer = format!("/admin/customers/{}", t.customer.id.uuid().simple());
        let acts = [
            ("/account/password", "present=x&password=another+good+password"), ("/account/factor", ""),
            ("/account/factor/remove", ""), ("/account/recovery", ""), ("/account/name", "name=Eve"),
            ("/account/prove", "password=x"), ("/account/sessions/end", ""),
            ("/admin/people", "name=Eve&email=eve%40evil.example&roles-admin=admin"),
            (&format!("{customer}/people"), "name=Eve&email=eve%40evil.example&right=all"),
            (&format!("{customer}/tenants"), "name=evil"),
            (&format!("{person}/edit"), "name=Dana&right=all"), (&format!("{person}/invite"), ""),
            (&format!("{person}/disable"), ""), (&format!("{person}/sessions/end"), ""), (&format!("{person}/factor/reset"), ""),
        ];
        for (path, fields) in acts {
            let body = format!("idempotency_key=0123456789abcdef&{fields}");
            let headers = [("authorization", bearer.as_str()), ("accept", "text/html")];
            let page = Browser::new(&t.app).send(Method::POST, path, Some(body), &headers).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}: {}", page.body);
        }
        let after = [db.rows_as_text("people").await, db.rows_as_text("vault").await, db.rows_as_text("second_factors").await];
        assert_eq!(after, before);
    }
}

on_both! {
    async fn administrators_act_in_no_case(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let before = t.case(number).await.revision;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let workflow = t.case(number).await.workflow;
        let definition = t.app.workflows.of(&workflow).unwrap();
        let rules = definition.states.iter().flat_map(|state| &state.rules).chain(&definition.anywhere);
        let events: BTreeSet<&str> = rules.map(|rule| rule.event.as_str()).collect();
        assert!(events.len() > 20, "{events:?}");
        for event in events {
            let page = ada.post(&format!("/cases/{number}/act/{event}"), &[("idempotency_key", "k"), ("entered", "1")]).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{event}");
        }
        assert_eq!(t.case(number).await.revision, before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_8_notices_that_replace_each_other_without_end_leave_one_and_come_to_rest() {
    run(Kind::Sqlite, |db| async move {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        let times = 200;
        for index in 0..times {
            let new = format!("10.20.{}.{}", 8 + index / 100, 10 + index % 100);
            let notice = [("new_location", "private"), ("new_ip", new.as_str()), ("change_timing", "now")];
            t.act(&t.contact, main, "notify_ip_change", &notice).await.unwrap();
        }
        let open = "SELECT COUNT(*) FROM cases WHERE parent IS NOT NULL AND is_open";
        assert_eq!(db.number("SELECT COUNT(*) FROM cases WHERE parent IS NOT NULL").await, times);
        assert_eq!(db.number(open).await, 1, "each ended the one before");
        t.drain().await;
        assert_eq!(db.number(open).await, 1);
        assert_eq!(db.number("SELECT COUNT(*) FROM outbox WHERE state = 'pending'").await, 0);
        // No case names another one but its parent, and the parent is never a child: a circle cannot be written.
        let deeper =
            "SELECT COUNT(*) FROM cases AS c JOIN cases AS p ON c.parent = p.number WHERE p.parent IS NOT NULL";
        assert_eq!(db.number(deeper).await, 0);
    })
    .await;
}

on_both! {
    async fn no_38_links_in_mail_lead_to_the_configured_address_whatever_the_request_says(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut browser = Browser::new(&t.app);
        let form = browser.get("/forgotten").await.form("/forgotten").unwrap();
        let key = form["idempotency_key"].clone();
        let body = format!("idempotency_key={}&email={}", encode(&key), encode("dana@alder.example"));
        let headers = [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")];
        browser.send(Method::POST, "/forgotten", Some(body), &headers).await;
        t.drain().await;
        let mails = t.mails_to("dana@alder.example");
        assert_eq!(mails.len(), 1);
        let mail = &mails[0];
        assert!(mail.text.contains("https://postern.vendor.example/welcome?token="), "{}", mail.text);
        assert!(!String::from_utf8_lossy(&mail.raw).contains("evil"));
    }
}

on_both! {
    async fn no_9_and_45_what_is_written_is_text_in_pages_and_mails(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let evil = "[open](javascript:alert(1)) ![x](data:text/html,x) <img src=x onerror=alert(1)> &lt;b&gt;";
        t.act(&t.contact, number, "note", &[("note", evil)]).await.unwrap();
        t.drain().await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let page = kim.open(&format!("/cases/{number}")).await;
        assert!(page.shows(evil), "{}", page.body);
        assert!(!page.body.contains("href=\"javascript:") && !page.body.contains("<img src=x"));
        for mail in t.app.mailer.sent() {
            let raw = String::from_utf8_lossy(&mail.raw);
            assert!(!raw.contains("<img src=") && !raw.contains("javascript:alert(1)\""), "{raw}");
        }
    }
}
