//! Somebody's own account: password, sessions, second factor, and the question who one is before acts that matter.

use axum::http::StatusCode;
use chrono::TimeDelta;
use postern::app::factor;
use postern::domain::actor::Person;
use totp_rs::{Builder, Secret as Key};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::{Kind, on_both, run};
use crate::support::http::{Browser, PASSWORD, Page};

const NEXT: &str = "another good password";

async fn is_in(browser: &mut Browser) -> bool {
    browser.get("/account").await.status == StatusCode::OK
}

async fn sign_in(browser: &mut Browser, person: &Person, password: &str) -> Page {
    browser.post("/sign-in", &[("email", person.email.as_str()), ("password", password)]).await
}

/// What the app on somebody's telephone shows for a key.
fn code(t: &TestApp, key: &str) -> String {
    let key = Key::try_from_base32(key.replace(' ', "")).unwrap();
    let seconds = u64::try_from(t.app.now().timestamp()).unwrap();
    Builder::new().with_secret(key).build().unwrap().generate(seconds).to_string()
}

/// Everything between two marks of a page, once for each time.
fn between<'p>(page: &'p Page, start: &str, end: &str) -> Vec<&'p str> {
    page.body.split(start).skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
}

/// Sets a second factor up by pages; gives the key and the recovery codes.
async fn enrol(t: &TestApp, browser: &mut Browser) -> (String, Vec<String>) {
    let page = browser.get("/account/factor").await;
    browser.submit(&page, "/account/factor", &[]).await;
    let page = browser.get("/account/factor").await;
    let key = between(&page, "<code class=\"copy\">", "</code>")[0].to_owned();
    assert!(page.body.contains("<svg class=\"qr\"") && !page.body.contains("otpauth:"), "a picture, drawn here");
    let done = browser.submit(&page, "/account/factor/confirm", &[("code", &code(t, &key))]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let codes: Vec<String> =
        between(&done, "<code class=\"copy\">", "</code>").into_iter().map(str::to_owned).collect();
    assert_eq!(codes.len(), 10);
    (key, codes)
}

on_both! {
    async fn a_new_password_needs_the_present_one_and_ends_the_other_sessions(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut here = Browser::signed_in(&t.app, &t.contact).await;
        let mut there = Browser::new(&t.app);
        assert_eq!(sign_in(&mut there, &t.contact, PASSWORD).await.status, StatusCode::SEE_OTHER);
        let page = here.get("/account").await;
        for (present, wanted, wrong) in [
            ("not the password", NEXT, "present"),
            (PASSWORD, "short", "password"),
            (PASSWORD, PASSWORD, "password"),
        ] {
            let answers = [("present", present), ("password", wanted)];
            let again = here.submit(&page, "/account/password", &answers).await;
            assert_eq!(again.wrong_fields(), [wrong]);
            assert!(!again.body.contains(NEXT), "a password is never put back");
        }
        assert!(is_in(&mut there).await, "nothing was changed");
        let answers = [("present", PASSWORD), ("password", NEXT)];
        for sending in ["first", "second"] {
            let done = here.submit(&page, "/account/password", &answers).await;
            assert_eq!(done.location().as_deref(), Some("/account"), "{sending}: {}", done.body);
        }
        assert!(is_in(&mut here).await && !is_in(&mut there).await);
        assert_eq!(sign_in(&mut there, &t.contact, PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(sign_in(&mut there, &t.contact, NEXT).await.status, StatusCode::SEE_OTHER);
        assert!(here.get("/account").await.shows("Password changed"));
        assert_eq!(db.number("SELECT COUNT(*) FROM account_events WHERE what = 'password_changed'").await, 1);
        assert_eq!(db.tables_with(NEXT).await, Vec::<String>::new());

        // Whoever found an open session cannot guess the password in it.
        let page = here.get("/account").await;
        let guesses = [("present", "a wrong password"), ("password", PASSWORD)];
        for _ in 0..6 {
            here.submit(&here.clone().get("/account").await, "/account/password", &guesses).await;
        }
        let right = here.submit(&page, "/account/password", &[("present", NEXT), ("password", PASSWORD)]).await;
        assert!(right.shows("Too many tries"), "{}", right.body);
    }
}

on_both! {
    async fn sessions_are_listed_and_ended_one_by_one_or_all_others(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut here = Browser::signed_in(&t.app, &t.contact).await;
        let mut others = Vec::new();
        for address in ["203.0.113.9", "198.51.100.7", "2001:db8::7"] {
            let mut browser = Browser::new(&t.app);
            browser.address = Some(address.parse().unwrap());
            let fields = format!("email={}&password={}", t.contact.email, PASSWORD.replace(' ', "+"));
            let agent = [("user-agent", "Mozilla/5.0 (X11) Gecko/20100101 Firefox/143.0 <script>")];
            browser.send(axum::http::Method::POST, "/sign-in", Some(fields), &agent).await;
            others.push(browser);
        }
        let page = here.get("/account").await;
        for text in ["203.0.113.9", "198.51.100.7", "2001:db8::7", "Firefox", "This one"] {
            assert!(page.shows(text), "{text}");
        }
        assert!(!page.body.contains("<script>"));
        // Each End names its session; the one that shows the page signs out instead.
        let ends = between(&page, "name=\"session\" value=\"", "\"");
        assert_eq!(ends.len(), 3);
        let first = here.post("/account/sessions/end", &[("session", ends[0])]).await;
        assert_eq!(first.location().as_deref(), Some("/account"));
        let mut left = 0;
        for browser in &mut others {
            left += usize::from(is_in(browser).await);
        }
        assert_eq!(left, 2);
        assert_eq!(here.post("/account/sessions/end", &[("session", ends[0])]).await.status, StatusCode::NOT_FOUND);
        // Nobody ends what is another's, nor learns whether it is there.
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        for text in [ends[1], &"ab".repeat(32), "x", "%00"] {
            assert_eq!(kim.post("/account/sessions/end", &[("session", text)]).await.status, StatusCode::NOT_FOUND);
        }
        here.post("/account/sessions/end", &[]).await;
        for browser in &mut others {
            assert!(!is_in(browser).await);
        }
        assert!(is_in(&mut here).await && is_in(&mut kim).await);
    }
}

on_both! {
    async fn an_administrator_sees_and_ends_somebodys_sessions(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let path = format!("/admin/people/{}", t.contact.id.uuid().simple());
        let page = ada.get(&path).await;
        assert!(page.shows("Open sessions") && page.shows("Signed in"), "{}", page.body);
        let ended = ada.submit(&page, &format!("{path}/sessions/end"), &[]).await;
        assert_eq!(ended.location(), Some(path.clone()));
        assert!(!is_in(&mut dana).await);
        sign_in(&mut dana, &t.contact, PASSWORD).await;
        assert!(dana.get("/account").await.shows("by Ada Root"), "its owner reads who did it");
        assert_eq!(dana.post(&format!("{path}/sessions/end"), &[]).await.status, StatusCode::FORBIDDEN);
    }
}

on_both! {
    async fn a_second_factor_is_asked_for_and_each_code_counts_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let mut elsewhere = Browser::new(&t.app);
        sign_in(&mut elsewhere, &t.engineer, PASSWORD).await;
        let (key, codes) = enrol(&t, &mut kim).await;
        assert!(is_in(&mut kim).await && !is_in(&mut elsewhere).await, "sessions without a code end");
        for secret in [key.replace(' ', ""), codes[0].clone(), codes[0].replace('-', "")] {
            assert_eq!(db.tables_with(&secret).await, Vec::<String>::new(), "keys are sealed, codes are hashed");
        }
        assert_eq!(kim.get("/account/factor").await.location().as_deref(), Some("/account"), "the key is shown no more");

        // The password alone opens nothing, whatever is asked.
        let asked = sign_in(&mut elsewhere, &t.engineer, PASSWORD).await;
        assert_eq!(asked.location().as_deref(), Some("/sign-in/code?next=/"));
        for path in ["/account", "/queue", "/cases/1001", "/account/prove", "/account/factor"] {
            assert!(elsewhere.get(path).await.location().unwrap().starts_with("/sign-in?next="), "{path}");
        }
        assert_eq!(elsewhere.send(axum::http::Method::GET, "/api/v1/cases", None, &[]).await.status, 401);
        let page = elsewhere.get("/sign-in/code").await;
        let used = code(&t, &key);
        for wrong in ["", "000000", "12345", "abcdef", used.as_str(), "０１２３４５"] {
            let again = elsewhere.submit(&page, "/sign-in/code", &[("code", wrong)]).await;
            assert_eq!(again.wrong_fields(), ["code"], "{wrong}: the code that set it up is used up too");
        }
        t.clock.advance(TimeDelta::seconds(31));
        let fresh = code(&t, &key);
        let before = elsewhere.cookie("__Host-postern").unwrap();
        let done = elsewhere.submit(&page, "/sign-in/code", &[("code", &format!("{} {}", &fresh[..3], &fresh[3..]))]).await;
        assert_eq!(done.location().as_deref(), Some("/signed-in?next=/"), "{}", done.body);
        assert_ne!(elsewhere.cookie("__Host-postern").unwrap(), before, "the session proper has a token of its own");
        assert!(is_in(&mut elsewhere).await);
        let mut thief = Browser::new(&t.app);
        sign_in(&mut thief, &t.engineer, PASSWORD).await;
        let replayed = thief.post("/sign-in/code", &[("code", &fresh)]).await;
        assert_eq!(replayed.wrong_fields(), ["code"], "replayed within its time");
        t.clock.advance(TimeDelta::minutes(11));
        t.clock.advance(TimeDelta::seconds(31));
        let late = thief.post("/sign-in/code", &[("code", &code(&t, &key))]).await;
        assert!(late.location().unwrap().starts_with("/sign-in"), "a password waits ten minutes for its code");
    }
}

on_both! {
    async fn a_recovery_code_works_once_and_an_administrator_takes_a_lost_factor_away(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let (_, codes) = enrol(&t, &mut kim).await;
        let mut again = Browser::new(&t.app);
        for (sending, works) in [("first", true), ("second", false)] {
            sign_in(&mut again, &t.engineer, PASSWORD).await;
            let page = again.post("/sign-in/code", &[("code", &codes[0].to_uppercase())]).await;
            assert_eq!(page.status == StatusCode::SEE_OTHER, works, "{sending}");
        }
        assert!(kim.get("/account").await.shows("Signed in with a recovery code"));
        let page = kim.get("/account").await;
        let fresh = kim.submit(&page, "/account/recovery", &[]).await;
        let fresh = between(&fresh, "<code class=\"copy\">", "</code>")[0].to_owned();
        sign_in(&mut again, &t.engineer, PASSWORD).await;
        assert_eq!(again.post("/sign-in/code", &[("code", &codes[1])]).await.wrong_fields(), ["code"], "replaced");
        assert_eq!(again.post("/sign-in/code", &[("code", &fresh)]).await.status, StatusCode::SEE_OTHER);

        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let path = format!("/admin/people/{}", t.engineer.id.uuid().simple());
        let page = ada.get(&path).await;
        assert_eq!(kim.post(&format!("{path}/factor/reset"), &[]).await.status, StatusCode::FORBIDDEN);
        ada.submit(&page, &format!("{path}/factor/reset"), &[]).await;
        assert!(!is_in(&mut kim).await && !is_in(&mut again).await, "sessions end with it");
        let done = sign_in(&mut kim, &t.engineer, PASSWORD).await;
        assert_eq!(done.location().as_deref(), Some("/signed-in?next=/"), "the password alone, until another is set up");
        let page = kim.get("/account").await;
        assert!(page.shows("Second factor taken away by an administrator") && page.shows("by Ada Root"));
        assert_eq!(db.number("SELECT COUNT(*) FROM recovery_codes").await, 0);
        assert_eq!(factor::status(&t.app, t.engineer.id).await.unwrap().since, None);
    }
}

on_both! {
    async fn codes_cannot_be_guessed_by_whoever_knows_the_password(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let (key, _) = enrol(&t, &mut kim).await;
        t.clock.advance(TimeDelta::seconds(31));
        let mut looked_at = 0;
        for index in 0..40 {
            // Another address each time, so that only the account itself is a measure.
            let mut thief = Browser::new(&t.app);
            thief.address = Some(format!("198.51.100.{index}").parse().unwrap());
            sign_in(&mut thief, &t.engineer, PASSWORD).await;
            let page = thief.post("/sign-in/code", &[("code", "000000")]).await;
            looked_at += usize::from(!page.shows("Too many tries"));
        }
        assert_eq!(looked_at, 11, "ten are free");
        // The owner's known browser is not held up by that.
        kim.post("/sign-out", &[]).await;
        sign_in(&mut kim, &t.engineer, PASSWORD).await;
        let done = kim.post("/sign-in/code", &[("code", &code(&t, &key))]).await;
        assert_eq!(done.location().as_deref(), Some("/signed-in?next=/"), "{}", done.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_staff_need_a_factor_nothing_but_its_page_opens_without_one() {
    run(Kind::Sqlite, |db| async move {
        let t = TestApp::strict(&db).await;
        let number = t.request().await.number;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let here = Some("/account/factor".to_owned());
        for (method, path) in super::routes(&t.app).await.into_iter().filter(|(method, _)| method == "GET") {
            let path = super::filled(&path, number);
            let is_way = ["/account/factor", "/account/prove", "/help", "/assets", "/livez", "/readyz"];
            if is_way.iter().any(|start| path.starts_with(start)) {
                continue;
            }
            let page = kim.send(method.parse().unwrap(), &path, None, &[("accept", "text/html")]).await;
            let is_led = page.location() == here || page.status == StatusCode::FORBIDDEN;
            assert!(is_led, "{path}: {} {:?}", page.status, page.location());
        }
        let refused = kim.post(&format!("/cases/{number}/claim"), &[("idempotency_key", "0123456789")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert_eq!(t.case(number).await.claimant(), None);
        enrol(&t, &mut kim).await;
        assert_eq!(kim.get("/queue").await.status, StatusCode::OK);
        assert_eq!(kim.post("/account/factor/remove", &[]).await.status, StatusCode::FORBIDDEN);
        // Customers are free, and a token was made by whoever has the machine.
        assert!(is_in(&mut Browser::signed_in(&t.app, &t.contact).await).await);
        assert_eq!(Client::of(&t.app, &t.lead).await.get("/api/v1/cases").await.status, StatusCode::OK);
    })
    .await;
}

on_both! {
    async fn rights_and_keys_are_changed_only_by_whoever_showed_lately_who_it_is(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let person = format!("/admin/people/{}", t.contact.id.uuid().simple());
        let customer = format!("/admin/customers/{}", t.customer.id.uuid().simple());
        let pages = [
            "/admin/people/new".to_owned(),
            format!("{person}/edit"),
            format!("{customer}/people/new"),
            format!("{customer}/tenants/new"),
        ];
        let acts = ["/disable", "/enable", "/invite", "/edit", "/sessions/end", "/factor/reset"];
        let acts = acts.map(|act| format!("{person}{act}")).into_iter().chain([
            "/admin/people".to_owned(),
            format!("{customer}/people"),
            format!("{customer}/tenants"),
            "/account/factor".to_owned(),
            "/account/factor/remove".to_owned(),
            "/account/recovery".to_owned(),
        ]);
        for page in &pages {
            assert_eq!(ada.get(page).await.status, StatusCode::OK, "just signed in: {page}");
        }
        let before = db.rows_as_text("people").await;
        t.clock.advance(TimeDelta::minutes(6));
        for page in &pages {
            let asked = ada.get(page).await.location().unwrap();
            assert_eq!(asked, format!("/account/prove?next={page}"));
        }
        t.clock.advance(TimeDelta::minutes(5));
        for act in acts {
            let fields = [("idempotency_key", "0123456789abcdef"), ("name", "Dana"), ("right", "all")];
            let fields = if act.ends_with("/edit") { &fields[..] } else { &fields[..1] };
            let asked = ada.post(&act, fields).await;
            assert_eq!(asked.status, StatusCode::FORBIDDEN, "{act}");
            assert!(asked.body.contains("href=\"/account/prove?next=/"), "{act}: {}", asked.body);
        }
        assert_eq!(db.rows_as_text("people").await, before, "nothing was changed");

        let page = ada.open(&pages[0]).await;
        assert!(page.shows("Is it still you?"));
        let wrong = ada.submit(&page, "/account/prove", &[("password", "not the password")]).await;
        assert_eq!(wrong.wrong_fields(), ["password"]);
        let right = ada.submit(&page, "/account/prove", &[("password", PASSWORD)]).await;
        assert_eq!(right.location().as_deref(), Some("/admin/people/new"));
        assert_eq!(ada.get("/admin/people/new").await.status, StatusCode::OK);
        let elsewhere = ada.submit(&page, "/account/prove", &[("password", PASSWORD), ("next", "//evil.example")]).await;
        assert_eq!(elsewhere.location().as_deref(), Some("/"));

        // With a second factor its code is asked for, and the password does not do.
        let (key, _) = enrol(&t, &mut ada).await;
        t.clock.advance(TimeDelta::minutes(6));
        let page = ada.open(&pages[0]).await;
        assert_eq!(ada.submit(&page, "/account/prove", &[("code", PASSWORD)]).await.wrong_fields(), ["code"]);
        let right = ada.submit(&page, "/account/prove", &[("code", &code(&t, &key))]).await;
        assert_eq!(right.location().as_deref(), Some("/admin/people/new"), "{}", right.body);
    }
}

on_both! {
    async fn what_administrators_add_twice_is_there_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let customer = format!("/admin/customers/{}", t.customer.id.uuid().simple());
        let tunnel = [
            ("name", "alder-2"), ("our_gateway", "81.2.69.142"), ("peer_gateway", "81.2.69.160"),
            ("our_networks", "10.99.0.0/24"), ("peer_networks", "10.21.0.0/16"), ("alerting_ip", "10.99.0.8"),
        ];
        // Form, its action, what is entered, the table that it fills.
        type Adding<'a> = (String, String, &'a [(&'a str, &'a str)], &'a str);
        let forms: [Adding<'_>; 4] = [
            ("/admin/customers/new".into(), "/admin/customers".into(), &[("name", "Cedar"), ("architecture", "vpn")], "customers"),
            (format!("{customer}/tunnels/new"), format!("{customer}/tunnels"), &tunnel, "tunnels"),
            (format!("{customer}/tenants/new"), format!("{customer}/tenants"), &[("name", "alder-prod")], "tenants"),
            ("/admin/people/new".into(), "/admin/people".into(),
                &[("name", "New"), ("email", "new@vendor.example"), ("roles-support", "support")], "people"),
        ];
        for (page, action, answers, table) in forms {
            let count = format!("SELECT COUNT(*) FROM {table}");
            let before = db.number(&count).await;
            let form = ada.get(&page).await;
            let first = ada.submit(&form, &action, answers).await;
            assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.body);
            let second = ada.submit(&form, &action, answers).await;
            assert_eq!((second.status, second.location()), (first.status, first.location()), "{table}");
            assert_eq!(db.number(&count).await, before + 1, "{table}");
            let other = ada.submit(&form, &action, &[answers, &[("name", "Another")]].concat()).await;
            assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{table}: another form under the same key");
        }
        t.drain().await;
        assert_eq!(t.mails_to("new@vendor.example").len(), 1);
        let person = format!("/admin/people/{}", t.contact.id.uuid().simple());
        let form = ada.get(&person).await;
        for _ in 0..2 {
            ada.submit(&form, &format!("{person}/invite"), &[]).await;
            t.drain().await;
        }
        assert_eq!(t.mails_to(&t.contact.email).len(), 1, "one letter for one press of the button");
    }
}

on_both! {
    async fn everybody_chooses_the_own_mail_on_the_page_and_by_the_api(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let page = dana.get("/account").await;
        assert!(page.shows("Mail about your own turn is always sent at once"));
        let wrong = dana.submit(&page, "/account/mail", &[("time_zone", "Atlantis"), ("progress", "daily")]).await;
        assert_eq!(wrong.wrong_fields(), ["time_zone"]);
        assert_eq!(wrong.form("/account/mail").unwrap()["time_zone"], "Atlantis", "what was typed is kept");
        for stray in [("queue", "none"), ("turn", "none")] {
            let refused = dana.submit(&page, "/account/mail", &[stray]).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{stray:?}");
        }
        let chosen = [("time_zone", "Europe/Berlin"), ("progress", "daily"), ("endings", "none")];
        let saved = dana.submit(&page, "/account/mail", &chosen).await;
        assert_eq!(saved.location().as_deref(), Some("/account"));
        let program = Client::of(&t.app, &t.contact).await;
        let path = "/api/v1/account/mail";
        let expected = serde_json::json!({"time_zone": "Europe/Berlin", "progress": "daily", "messages": "now", "endings": "none"});
        assert_eq!(program.get(path).await.expect(200), expected);
        let put = async |body: &str| {
            let headers = [("content-type", "application/json")];
            program.send(axum::http::Method::PUT, path, &headers, body.to_owned()).await
        };
        assert_eq!(put("{\"progress\": \"now\"}").await.expect(200)["endings"], "none", "what is left out stays");
        for body in ["{\"queue\": \"none\"}", "{\"progress\": \"weekly\"}", "{\"progress\": 1}", "{\"time_zone\": \"Berlin\"}"] {
            put(body).await.expect(422);
        }
        assert_eq!(Client::of(&t.app, &t.lead).await.get(path).await.expect(200)["queue"], "now", "others keep theirs");
    }
}
