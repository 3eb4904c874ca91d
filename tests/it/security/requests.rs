//! Requests from elsewhere, and the headers of every answer.

use axum::http::{HeaderMap, Method};

use super::{filled, is_unsafe, routes};
use crate::support::app::TestApp;
use crate::support::db::{Kind, run};
use crate::support::http::Browser;

/// What a browser sends beside a request that a page of another site caused.
const FROM_ELSEWHERE: [&[(&str, &str)]; 5] = [
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
    &[("origin", "https://evil.example"), ("host", "postern.vendor.example")],
    &[("origin", "null"), ("host", "postern.vendor.example")],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_unsafe_route_takes_a_request_of_another_site() {
    run(Kind::Sqlite, |db| async move {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let mut people = Vec::new();
        for person in [&t.contact, &t.engineer, &t.admin] {
            people.push(Browser::signed_in(&t.app, person).await);
        }
        let before = (db.rows_as_text("cases").await, db.rows_as_text("sessions").await);
        let mut tried = 0;
        for (method, path) in routes(&t.app).await {
            if !is_unsafe(&method) {
                continue;
            }
            for headers in FROM_ELSEWHERE {
                for person in &mut people {
                    let method = Method::from_bytes(method.as_bytes()).unwrap();
                    let mut headers = headers.to_vec();
                    headers.push(("accept", "application/json"));
                    let key = "idempotency_key=0123456789abcdef".to_owned();
                    let page = person.send(method, &filled(&path, number), Some(key), &headers).await;
                    assert_eq!(page.status, 403, "{path} {headers:?}");
                    assert!(page.body.contains("\"cross_site\""), "{path}: {}", page.body);
                    tried += 1;
                }
            }
        }
        assert!(tried > 300, "{tried}");
        assert_eq!((db.rows_as_text("cases").await, db.rows_as_text("sessions").await), before, "nothing was changed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reading_changes_anything_and_a_form_cannot_name_another_method() {
    run(Kind::Sqlite, |db| async move {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let mut lead = Browser::signed_in(&t.app, &t.lead).await;
        let before = everything(&db).await;
        for (method, path) in routes(&t.app).await.into_iter().filter(|(method, _)| method == "GET") {
            let path = filled(&path, number);
            let query = if path.contains('?') { "&" } else { "?" };
            lead.send(Method::from_bytes(method.as_bytes()).unwrap(), &path, None, &[]).await;
            lead.send(Method::GET, &format!("{path}{query}_method=POST"), None, &[("x-http-method-override", "POST")])
                .await;
            lead.send(Method::HEAD, &path, None, &[]).await;
        }
        assert_eq!(everything(&db).await, before);
    })
    .await;
}

async fn everything(db: &crate::support::db::TestDb) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for table in db.tables().await {
        let rows = db.rows_as_text(&table).await;
        all.push((table, rows));
    }
    all
}

fn has_all_headers(headers: &HeaderMap, what: &str) {
    let expected = [
        ("content-security-policy", "default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("cache-control", ""),
    ];
    for (name, start) in expected {
        let value = headers.get(name).unwrap_or_else(|| panic!("{what} has no {name}")).to_str().unwrap();
        assert!(value.starts_with(start), "{what}: {name} is {value}");
    }
    assert!(!headers.contains_key("access-control-allow-origin"), "{what}");
    for cookie in headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-"), "{what}: {cookie}");
        for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.split("; ").any(|found| found == part), "{what}: {part} is not in {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{what}: {cookie}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_has_its_headers_errors_too() {
    run(Kind::Sqlite, |db| async move {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let mut people = vec![Browser::new(&t.app)];
        for person in [&t.contact, &t.lead, &t.admin] {
            people.push(Browser::signed_in(&t.app, person).await);
        }
        for (method, path) in routes(&t.app).await {
            for person in &mut people {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let page =
                    person.send(method, &filled(&path, number), None, &[("origin", "https://evil.example")]).await;
                has_all_headers(&page.headers, &path);
            }
        }
        let stranger = &mut people[0];
        for (path, status) in [("/no/such/page", 404), ("/api/v1/nothing", 404)] {
            let page = stranger.get(path).await;
            assert_eq!(page.status, status);
            has_all_headers(&page.headers, path);
        }
        let large =
            stranger.send(Method::POST, "/sign-in", Some("x".repeat(1 << 20)), &[("content-length", "1048576")]).await;
        assert_eq!(large.status, 413);
        has_all_headers(&large.headers, "a body that is too large");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_counts_for_the_session_that_sends_it_and_not_for_the_one_it_was_made_in() {
    run(Kind::Sqlite, |db| async move {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let (case, claim) = (format!("/cases/{number}"), format!("/cases/{number}/claim"));
        let mut erik = Browser::signed_in(&t.app, &t.engineer).await;
        let form = erik.get(&case).await.form(&claim).unwrap();
        assert_eq!(Browser::new(&t.app).post_form(&claim, &form).await.status, 401);
        let stranger = t.stranger().await;
        assert_eq!(Browser::signed_in(&t.app, &stranger).await.post_form(&claim, &form).await.status, 403);
        assert_eq!(Browser::signed_in(&t.app, &t.contact).await.post_form(&claim, &form).await.status, 403);
        assert!(t.case(number).await.claim.is_none());
        let done = erik.post_form(&claim, &form).await;
        assert_eq!(done.status, 303, "{}", done.body);
        let claimed = t.case(number).await;
        // The key of a form is remembered for whoever sent it; nobody else is answered as that person was.
        let mut lea = Browser::signed_in(&t.app, &t.lead).await;
        assert_ne!(lea.post_form(&claim, &form).await.location(), done.location());
        assert_eq!(t.case(number).await.claim, claimed.claim);
        let left = erik.cookie("__Host-postern").unwrap();
        let page = erik.get(&case).await;
        erik.submit(&page, "/sign-out", &[]).await;
        erik.set_cookie("__Host-postern", &left);
        let revision = t.case(number).await.revision;
        assert_eq!(erik.post_form(&claim, &form).await.status, 401);
        assert_eq!(t.case(number).await.revision, revision);
    })
    .await;
}
