//! Single pages: what each shows, to whom, and where it leads.

use axum::http::StatusCode;
use postern::app::admin::{self, Place};
use postern::app::conversation::{self, Post};
use postern::domain::cause::Cause;
use postern::domain::customer::Architecture;

use crate::support::app::{TestApp, fresh_once};
use crate::support::db::on_both;
use crate::support::http::{Browser, encode};

on_both! {
    async fn the_draft_survives_as_typed_and_each_page_judges_its_own_fields(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let place = customer.open("/start/where").await;
        customer.submit(&place, "/start/where", &[("smtp_location", "public")]).await;
        let filters = customer.open("/start/filters").await;
        assert!(filters.shows("Question 2 of 3"), "{}", filters.body);
        let sent = customer.submit(&filters, "/start/filters", &[("filters_inbound", "no")]).await;
        assert_eq!(sent.location().as_deref(), Some("/start/server"), "later questions are not this page's error");
        let server = customer.open("/start/server").await;
        let wrong = [("smtp_ip", "10.20.4.15"), ("smtp_port", "58 7"), ("smtp_host", "mail.alder.example")];
        let page = customer.submit(&server, "/start/server", &wrong).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(page.wrong_fields(), ["smtp_ip", "smtp_port", "encryption", "sender_address"]);
        assert!(page.shows("Public IP must not be in a private range") && page.body.contains("error-summary"));
        // Another browser, another day: the answers are as they were typed.
        let mut again = Browser::signed_in(&t.app, &t.contact).await;
        assert!(again.open("/cases").await.shows("Go on with your request"));
        let at = again.get("/start/check").await;
        assert_eq!(at.location().as_deref(), Some("/start/server"), "the first question without a good answer");
        let kept = again.open("/start/server").await.form("/start/server").unwrap();
        assert_eq!((kept["smtp_ip"].as_str(), kept["smtp_port"].as_str()), ("10.20.4.15", "58 7"));
    }
}

on_both! {
    async fn a_change_leads_back_to_the_check_and_opens_what_it_made_wrong(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let draft = crate::support::app::draft("10.20.4.15");
        postern::app::requests::save(&t.app, &t.contact, &draft).await.unwrap();
        let server = customer.open("/start/server?from=check").await;
        let sent = customer.submit(&server, "/start/server?from=check", &[("smtp_port", "2600")]).await;
        assert_eq!(sent.location().as_deref(), Some("/start/check"));
        assert!(customer.follow(sent).await.shows("Port 2600 is unusual"), "a warning that does not stop");
        let place = customer.open("/start/where?from=check").await;
        let sent = customer.submit(&place, "/start/where?from=check", &[("smtp_location", "public")]).await;
        assert_eq!(sent.location().as_deref(), Some("/start/filters?from=check"), "asked for a public server only");
    }
}

on_both! {
    async fn a_secure_relay_customer_is_led_through_the_steps_without_a_request(db: TestDb) {
        let t = TestApp::new(&db).await;
        let cedar = admin::add_customer(&t.app, "Cedar Health".into(), Architecture::SecureRelay).await.unwrap();
        let place = Place::Contact { customer: cedar.id, all_cases: true };
        let cary = admin::add_person(&t.app, ("Cary".into(), "cary@cedar.example".into()), place, None).await.unwrap();
        let mut customer = Browser::signed_in(&t.app, &cary).await;
        assert!(customer.open("/cases").await.shows("Your site uses Secure Relay"));
        for path in ["/start/where", "/start/filters", "/start/server", "/start/check"] {
            assert_eq!(customer.get(path).await.location().as_deref(), Some("/start"), "{path}");
        }
        let start = customer.open("/start").await;
        let sent = customer.submit(&start, "/start/check", &[]).await;
        assert_eq!(sent.location().as_deref(), Some("/cases/1001"), "{}", sent.body);
        let case = customer.follow(sent).await;
        assert!(case.shows("Under Application Services, choose SMTP Server"), "{}", case.body);
        let answers = [
            ("relay_name", "relay-1"),
            ("smtp_host", "mail.cedar.example"),
            ("smtp_port", "25"),
            ("encryption", "starttls"),
            ("sender_address", "alerts@cedar.example"),
            ("save_confirmed", "true"),
        ];
        let page = customer.open("/cases/1001/act/relay_applied").await;
        let sent = customer.submit(&page, "/cases/1001/act/relay_applied", &answers).await;
        let case = customer.follow(sent).await;
        assert!(case.shows("Did a test alert arrive?"), "{}", case.body);
        let sent = customer.submit(&case, "/cases/1001/act/it_arrived", &[]).await;
        let case = customer.follow(sent).await;
        assert!(case.shows("Done. Alerts go out through your relay"), "{}", case.body);
        assert!(case.shows("Change the SMTP settings"), "{}", case.body);
    }
}

on_both! {
    async fn another_customers_case_is_a_page_that_does_not_exist(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let stranger = t.stranger().await;
        let mut browser = Browser::signed_in(&t.app, &stranger).await;
        let revision = t.case(number).await.revision;
        let paths = ["", "/sent", "/act/submit_settings", "/act/nonsense", "/tests/1"];
        let missing = browser.get("/cases/999999").await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        for path in paths {
            let page = browser.get(&format!("/cases/{number}{path}")).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}: {}", page.body);
            let text = |body: &str| body.split("<main").nth(1).unwrap().to_owned();
            assert_eq!(text(&page.body), text(&missing.body), "{path} says more than that nothing is there");
        }
        let forms = [("/messages", "message"), ("/act/note", "note"), ("/act/submit_settings", "encryption")];
        for (path, field) in forms {
            let sent = browser.post(&format!("/cases/{number}{path}"), &[(field, "x"), ("idempotency_key", "k")]).await;
            assert_eq!(sent.status, StatusCode::NOT_FOUND, "{path}: {}", sent.body);
        }
        assert_eq!(t.case(number).await.revision, revision);
        for bad in ["0x1", "-1", "+1001", "1001.0", "99999999999999999999", "abc"] {
            assert_eq!(browser.get(&format!("/cases/{bad}")).await.status, StatusCode::NOT_FOUND, "{bad}");
        }
    }
}

on_both! {
    async fn a_customer_never_reads_what_is_meant_for_engineers(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let write = |text: &str, inside| conversation::write(&t.app, &t.engineer, Post::new(number, text, inside), fresh_once());
        write("We look into it today", false).await.unwrap();
        write("canary-internal-note", true).await.unwrap();
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        t.script.push(Some(Cause::TcpTimeout));
        t.act(&t.contact, number, "let_in_done", &[]).await.unwrap();
        t.drain().await;
        let answers = [("tunnel_active", "false"), ("routing_ok", "true"), ("evidence", "canary-evidence")];
        t.act(&t.engineer, number, "record_tunnel_checks", &answers).await.unwrap();
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let case = customer.open(&format!("/cases/{number}")).await;
        assert!(case.shows("We look into it today") && case.shows("Test failed"), "{}", case.body);
        for canary in ["canary-internal-note", "canary-evidence"] {
            assert!(!case.body.contains(canary), "{canary}");
        }
        let result = customer.open(&format!("/cases/{number}/tests/1")).await;
        let entry = Cause::TcpTimeout.entry();
        assert!(result.shows("The test stopped at step 4 of 8") && result.shows(entry.remedy_customer), "{}", result.body);
        assert!(!result.shows(entry.remedy_engineer) && !result.shows("scripted answer"), "{}", result.body);
        let help = customer.open("/help/problems/tcp.timeout").await;
        assert!(help.shows(entry.remedy_customer) && !help.shows(entry.remedy_engineer), "{}", help.body);
        for event in ["tunnel_repaired", "override"] {
            let page = customer.get(&format!("/cases/{number}/act/{event}")).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{event}: {}", page.body);
        }

        let mut engineer = Browser::signed_in(&t.app, &t.engineer).await;
        let result = engineer.open(&format!("/cases/{number}/tests/1")).await;
        assert!(result.shows(entry.remedy_engineer) && result.shows("scripted answer"), "{}", result.body);
        assert!(engineer.open("/help/problems/tcp.timeout").await.shows(entry.remedy_engineer));
    }
}

on_both! {
    async fn a_leads_override_stays_visible(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        t.act(&t.contact, number, "let_in_done", &[]).await.unwrap();
        let why = [("override_reason", "The server answers at night only")];
        t.act(&t.lead, number, "override", &why).await.unwrap();
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let case = customer.open(&format!("/cases/{number}")).await;
        assert!(case.shows("Lou Grant went on without a passed test: The server answers at night only"), "{}", case.body);
    }
}

on_both! {
    async fn the_list_groups_cases_and_goes_on_with_older_ones(db: TestDb) {
        let t = TestApp::new(&db).await;
        for host in 1..=52 {
            t.request_for(&format!("10.20.5.{host}")).await;
        }
        t.act(&t.engineer, 1052, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let first = customer.open("/cases").await;
        let numbers = |body: &str| body.matches("class=\"case-title\"").count();
        assert_eq!(numbers(&first.body), 50);
        let (needs, with) = (first.body.find("Needs you").unwrap(), first.body.find("With us").unwrap());
        assert!(needs < with && first.body.contains("/cases?before=1003"), "{}", first.body);
        let second = customer.open("/cases?before=1003").await;
        assert_eq!(numbers(&second.body), 2);
        assert!(second.shows("10.20.5.1") && !second.body.contains("Older cases"));
        assert!(customer.open("/cases?before=1").await.shows("There are no older cases."));
        assert_eq!(customer.get("/cases?before=x").await.status, StatusCode::NOT_FOUND);
    }
}

on_both! {
    async fn help_is_open_to_everybody_and_every_problem_has_its_page(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut nobody = Browser::new(&t.app);
        let index = nobody.open("/help").await;
        for cause in Cause::ALL {
            let path = format!("/help/problems/{}", cause.id());
            assert!(index.body.contains(&format!("href=\"{path}\"")), "{path} is not in the index");
            let page = nobody.open(&path).await;
            assert!(page.status == StatusCode::OK && page.shows(cause.entry().remedy_customer), "{path}");
            let explanation = cause.explanation();
            assert!(page.shows(&explanation.seen()) && !page.shows(cause.entry().remedy_engineer), "{path}: {}", page.body);
            assert!(explanation.likely.iter().all(|reason| page.shows(reason)), "{path}: {}", page.body);
            let related = explanation.related.iter().map(|other| format!("href=\"/help/problems/{}\"", other.id()));
            assert!(related.into_iter().all(|link| page.body.contains(&link)), "{path}: {}", page.body);
        }
        assert!(nobody.open("/help/problems/stale").await.shows("The case has moved on"));
        assert_eq!(nobody.get("/help/problems/no.such").await.status, StatusCode::NOT_FOUND);
    }
}

on_both! {
    async fn signing_in_leads_to_a_page_of_ours_and_nowhere_else(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut known = Browser::signed_in(&t.app, &t.contact).await;
        let ours = known.get(&format!("/signed-in?next={}", encode("/cases/1001?x=1"))).await;
        assert_eq!(ours.location().as_deref(), Some("/cases/1001?x=1"));
        let evil = [
            "//evil.example",
            "https://evil.example",
            "https:evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\r\nLocation: https://evil.example",
            "javascript:alert(1)",
            " //evil.example",
            "evil.example",
            "",
        ];
        for next in evil {
            let arrived = known.get(&format!("/signed-in?next={}", encode(next))).await;
            assert_eq!(arrived.location().as_deref(), Some("/"), "{next:?}");
            let mut nobody = Browser::new(&t.app);
            let form = nobody.get(&format!("/sign-in?next={}", encode(next))).await;
            assert_eq!(form.form("/sign-in").unwrap()["next"], "/", "{next:?}");
            let answers =
                [("email", t.contact.email.as_str()), ("password", crate::support::http::PASSWORD), ("next", next)];
            let sent = nobody.submit(&form, "/sign-in", &answers).await;
            assert_eq!(sent.location().as_deref(), Some("/signed-in?next=/"), "{next:?}");
        }
        let mut nobody = Browser::new(&t.app);
        let asked = nobody.get("/cases/1001").await;
        assert_eq!(asked.location().as_deref(), Some("/sign-in?next=/cases/1001"));
        let posted = nobody.post("/cases/1001/messages", &[("message", "x"), ("idempotency_key", "k")]).await;
        assert_eq!(posted.status, StatusCode::UNAUTHORIZED);
    }
}

on_both! {
    async fn engineers_start_no_requests_and_have_no_list_of_a_customer(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut engineer = Browser::signed_in(&t.app, &t.engineer).await;
        for path in ["/cases", "/start", "/start/where", "/start/server", "/start/check"] {
            assert_eq!(engineer.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
}
