//! How long a session lives, what ends it, and that no secret of one kind is taken for another.

use axum::http::Method;
use axum::http::header::SET_COOKIE;
use chrono::TimeDelta;
use postern::app::throttle::Origin;
use postern::app::{access, admin, sign_in};
use postern::domain::actor::Person;
use postern::secret::Secret;

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::on_both;
use crate::support::http::{Browser, PASSWORD};

/// Whether the browser is signed in: the list of cases or the queue opens.
async fn is_in(browser: &mut Browser, path: &str) -> bool {
    browser.get(path).await.status == 200
}

on_both! {
    async fn a_session_ends_by_rest_and_by_age(db: TestDb) {
        let t = TestApp::new(&db).await;
        let table: [(&Person, &str, TimeDelta, TimeDelta); 2] = [
            (&t.engineer, "/queue", TimeDelta::minutes(30), TimeDelta::hours(12)),
            (&t.contact, "/cases", TimeDelta::hours(8), TimeDelta::days(30)),
        ];
        for (person, path, idle, whole) in table {
            let mut browser = Browser::signed_in(&t.app, person).await;
            t.clock.advance(idle);
            assert!(is_in(&mut browser, path).await, "{}: rested just long enough", person.name);
            t.clock.advance(idle + TimeDelta::seconds(1));
            assert!(!is_in(&mut browser, path).await, "{}: rested too long", person.name);

            let mut browser = Browser::signed_in(&t.app, person).await;
            let mut age = TimeDelta::zero();
            while age + idle <= whole {
                assert!(is_in(&mut browser, path).await, "{}: {age}", person.name);
                t.clock.advance(idle);
                age += idle;
            }
            t.clock.advance(TimeDelta::seconds(1));
            assert!(!is_in(&mut browser, path).await, "{}: too old, however busy", person.name);
        }
    }
}

on_both! {
    async fn signing_out_and_an_account_that_is_closed_end_the_session_at_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut browser = Browser::signed_in(&t.app, &t.contact).await;
        let mut copy = browser.clone();
        let page = browser.get("/cases").await;
        browser.submit(&page, "/sign-out", &[]).await;
        assert!(!is_in(&mut copy, "/cases").await, "a copied cookie is worth nothing after signing out");

        let mut browser = Browser::signed_in(&t.app, &t.contact).await;
        let program = Client::of(&t.app, &t.contact).await;
        assert_eq!(program.get("/api/v1/cases").await.status, 200);
        admin::set_person(&t.app, &t.contact.email, (None, Some(false)), None).await.unwrap();
        assert!(!is_in(&mut browser, "/cases").await);
        assert_eq!(program.get("/api/v1/cases").await.status, 401);
    }
}

on_both! {
    async fn a_session_is_made_at_sign_in_and_shown_nowhere_but_in_its_cookie(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut browser = Browser::signed_in(&t.app, &t.contact).await;
        // A cookie that somebody planted before is not the one after.
        let planted = [("cookie", "__Host-postern=planted-planted-planted-planted")];
        let fields = format!("email={}&password={}", t.contact.email, PASSWORD.replace(' ', "+"));
        let page = Browser::new(&t.app).send(Method::POST, "/sign-in", Some(fields), &planted).await;
        let cookie = page.headers[SET_COOKIE].to_str().unwrap();
        let token = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
        assert!(token.len() >= 22 && !token.contains("planted"), "{cookie}");
        assert!(db.tables_with(&token).await.is_empty(), "the database keeps its hash");
        for path in ["/cases", "/start", "/help"] {
            assert!(!browser.get(path).await.body.contains(&token));
        }
    }
}

on_both! {
    async fn no_token_of_one_kind_is_taken_for_another(db: TestDb) {
        let t = TestApp::new(&db).await;
        let password = || Secret::new(PASSWORD.to_owned());
        admin::set_person(&t.app, &t.contact.email, (None, None), Some(password())).await.unwrap();
        let begun = sign_in::sign_in(&t.app, &t.contact.email, password(), &Origin::default()).await.unwrap();
        let (session, device) = (begun.token, begun.device.unwrap());
        let token = access::make_token(&t.app, &t.contact.email, "program".into(), TimeDelta::days(1)).await.unwrap();
        assert_eq!(Client::with_token(&t.app, &session).get("/api/v1/cases").await.status, 401, "session as API token");
        for (other, what) in [(&token, "API token"), (&device, "cookie of a known browser")] {
            let cookie = format!("__Host-postern={other}");
            let page = Browser::new(&t.app).send(Method::GET, "/cases", None, &[("cookie", &cookie)]).await;
            assert_eq!(page.status, 303, "{what} as session");
        }
        for other in [&session, &token, &device] {
            let agent = Client::with_token(&t.app, other).post("/agent/v1/jobs/next", &[], &serde_json::json!({})).await;
            assert_eq!(agent.status, 401, "as the token of an agent");
            let setup = Browser::new(&t.app).get(&format!("/setup?token={other}")).await;
            assert!(!setup.body.contains("name=\"password\""), "as a set-up link");
        }
        for wrong in ["", " ", "%00", &token[1..], &token.to_uppercase()] {
            assert_eq!(Client::with_token(&t.app, wrong).get("/api/v1/cases").await.status, 401, "{wrong:?}");
        }
        assert_eq!(Client::with_token(&t.app, &token).get("/api/v1/cases").await.status, 200);
    }
}
