//! Bad input on the engineers' and administrators' pages, and people who have no business there.

use axum::http::{Method, StatusCode};
use postern::app::queue;

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::{Browser, Page, encode, escape};

/// The seven kinds: empty, too long, wrong kind, mark-up, line ends, template syntax, NUL.
fn kinds() -> [(&'static str, String); 7] {
    [
        ("empty", String::new()),
        ("too long", "x".repeat(12_000)),
        ("wrong kind", "\u{202e}@@@".to_owned()),
        ("mark-up", "<script>alert(1)</script>".to_owned()),
        ("line ends", "a\r\nBcc: eve@example.com".to_owned()),
        ("template", "{{7*7}}".to_owned()),
        ("NUL", "a\0b".to_owned()),
    ]
}

/// Nothing typed becomes mark-up or is worked out, on whatever page it comes back.
fn is_harmless(page: &Page, what: &str) {
    assert!(!page.status.is_server_error(), "{what}: {}", page.status);
    assert!(!page.body.contains("<script") && !page.body.contains(">49<"), "{what}: {}", page.body);
}

on_both! {
    async fn no_text_breaks_the_search(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.request().await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        for (kind, value) in kinds() {
            let page = kim.get(&format!("/queue?q={}", encode(&value))).await;
            let is_refused = matches!(kind, "too long" | "line ends" | "NUL");
            let expected = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            assert_eq!(page.status, expected, "{kind}");
            is_harmless(&page, kind);
            assert!(!is_refused || page.body.contains("href=\"#q\""), "{kind}: the field is named");
            if matches!(kind, "mark-up" | "template" | "wrong kind") {
                assert!(page.shows(&format!("No case matches \u{201c}{value}\u{201d}.")), "{kind}: {}", page.body);
            }
            for parameter in ["view", "after"] {
                let page = kim.get(&format!("/queue?{parameter}={}", encode(&value))).await;
                let expected = if kind == "empty" { StatusCode::OK } else { StatusCode::NOT_FOUND };
                assert_eq!(page.status, expected, "{parameter} {kind}");
            }
        }
    }
}

on_both! {
    async fn a_hand_over_names_what_is_wrong_and_keeps_what_was_typed(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let bo = t.colleague("Bo").await.id.to_string();
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let path = format!("/cases/{number}/hand-over");
        for (kind, value) in kinds() {
            let form = kim.get(&path).await;
            let page = kim.submit(&form, &path, &[("colleague", value.as_str()), ("note", "Kept")]).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "colleague {kind}");
            assert_eq!(page.wrong_fields(), ["over-colleague"], "colleague {kind}");
            assert!(page.shows("Kept"), "colleague {kind}");
            is_harmless(&page, kind);
        }
        for (kind, value) in kinds().into_iter().filter(|(kind, _)| matches!(*kind, "empty" | "too long" | "NUL")) {
            let form = kim.get(&path).await;
            let page = kim.submit(&form, &path, &[("colleague", bo.as_str()), ("note", value.as_str())]).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "note {kind}");
            assert_eq!(page.wrong_fields(), ["over-note"], "note {kind}");
            assert!(page.body.contains(&format!("value=\"{bo}\" selected")), "note {kind}: the choice is kept");
            assert!(page.body.contains(&escape(&value)), "note {kind}: the text is kept");
        }
        assert_eq!(t.case(number).await.claimant(), Some(t.engineer.id));

        // A note is a text in which the other kinds are legitimate; they come back as they were typed.
        let mut lead = Browser::signed_in(&t.app, &t.lead).await;
        let kim_id = t.engineer.id.to_string();
        for (index, (kind, value)) in kinds().into_iter().enumerate() {
            if matches!(kind, "empty" | "too long" | "NUL") {
                continue;
            }
            let to = if index % 2 == 0 { &kim_id } else { &bo };
            queue::claim(&t.app, &t.lead, number).await.ok();
            let form = lead.get(&path).await;
            let held_by = t.case(number).await.claimant().unwrap().to_string();
            let to = if held_by == *to && *to == bo { &kim_id } else if held_by == *to { &bo } else { to };
            let page = lead.submit(&form, &path, &[("colleague", to.as_str()), ("note", value.as_str())]).await;
            assert_eq!(page.status, StatusCode::SEE_OTHER, "note {kind}: {}", page.body);
            let page = lead.get(&format!("/cases/{number}")).await;
            is_harmless(&page, kind);
            assert!(page.body.contains(&escape(&value)), "note {kind}: {}", page.body);
        }
    }
}

on_both! {
    async fn what_is_sent_again_is_named_by_a_key_and_by_nothing_else(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        for (kind, value) in kinds() {
            let fields = [("idempotency_key", "k"), ("effect_key", value.as_str())];
            let page = ada.post("/admin/outbox/resend", &fields).await;
            let is_a_key = kind == "too long";
            let expected = if is_a_key { StatusCode::NOT_FOUND } else { StatusCode::UNPROCESSABLE_ENTITY };
            assert_eq!(page.status, expected, "{kind}");
            assert!(is_a_key || page.body.contains("effect_key"), "{kind}: the field is named: {}", page.body);
            is_harmless(&page, kind);
        }
    }
}

on_both! {
    async fn a_field_or_a_number_that_is_not_there_is_refused(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        for act in ["claim", "release", "hand-over"] {
            let fields = [("idempotency_key", "k"), ("is_admin", "true")];
            let page = kim.post(&format!("/cases/{number}/{act}"), &fields).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{act}");
            assert!(page.body.contains("is_admin"), "{act}: the field is named");
            for wrong in ["0", "9999", "-1", "1e3", "99999999999999999999", "%00", "x"] {
                let page = kim.post(&format!("/cases/{wrong}/{act}"), &[("idempotency_key", "k")]).await;
                assert_eq!(page.status, StatusCode::NOT_FOUND, "{act} {wrong}");
            }
        }
        for page in ["settings", "apply-check", "hand-over"] {
            for wrong in ["0", "9999", "-1", "99999999999999999999", "%00", "x"] {
                let page = kim.get(&format!("/cases/{wrong}/{page}")).await;
                assert_eq!(page.status, StatusCode::NOT_FOUND, "{wrong}");
            }
        }
        let unknown = [("idempotency_key", "k"), ("x", "y")];
        assert_eq!(kim.post("/queue/next", &unknown).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(ada.post("/admin/outbox/resend", &unknown).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        for key in ["", "a\0b", &"k".repeat(256)] {
            let page = kim.post("/queue/next", &[("idempotency_key", key)]).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{key:?}");
        }
        assert_eq!(t.case(number).await.claim, None);
    }
}

on_both! {
    async fn nobody_comes_in_who_has_no_business_there(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let revision = t.case(number).await.revision;
        let stranger = t.stranger().await;
        let pages = ["/queue", "/queue?view=mine", "/queue?q=1001", "/admin/about", "/admin/outbox"].map(str::to_owned);
        let of_case = ["settings", "apply-check", "hand-over"].map(|page| format!("/cases/{number}/{page}"));
        let acts = ["claim", "release", "hand-over"].map(|act| format!("/cases/{number}/{act}"));
        let posts = acts.into_iter().chain(["/queue/next".to_owned(), "/admin/outbox/resend".to_owned()]);
        let posts: Vec<String> = posts.collect();
        for person in [&t.contact, &stranger] {
            let mut browser = Browser::signed_in(&t.app, person).await;
            for path in pages.iter().chain(&of_case) {
                let page = browser.get(path).await;
                assert!(matches!(page.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND), "{path}: {}", page.status);
                assert!(!page.body.contains("10.20.4.15") && !page.shows("Kim Castle"), "{path}");
            }
            for path in &posts {
                let page = browser.post(path, &[("idempotency_key", "k")]).await;
                let status = page.status;
                let is_refused = matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
                assert!(is_refused || path.ends_with("resend"), "{path}: {status}");
            }
            let resend = [("idempotency_key", "k"), ("effect_key", "a.1.0")];
            assert_eq!(browser.post("/admin/outbox/resend", &resend).await.status, StatusCode::FORBIDDEN);
        }
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        for path in ["/admin/about", "/admin/outbox"] {
            assert_eq!(kim.get(path).await.status, StatusCode::FORBIDDEN, "{path} is for administrators");
        }
        let mut nobody = Browser::new(&t.app);
        for path in pages.iter().chain(&of_case) {
            let to = nobody.get(path).await.location().unwrap_or_default();
            assert!(to.starts_with("/sign-in?next="), "{path}: {to}");
        }
        for path in &posts {
            let page = nobody.post(path, &[("idempotency_key", "k")]).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
        }
        let cross = [("sec-fetch-site", "cross-site")];
        let body = Some("idempotency_key=k".to_owned());
        let page = kim.send(Method::POST, &format!("/cases/{number}/claim"), body, &cross).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert_eq!(t.case(number).await.revision, revision, "nothing was changed");
    }
}
