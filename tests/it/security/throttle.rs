//! Guessing is slowed, and no stranger holds an owner out.

use std::net::IpAddr;

use chrono::TimeDelta;
use postern::app::App;
use postern::domain::actor::Person;

use crate::support::app::TestApp;
use crate::support::db::{Kind, on_both, run};
use crate::support::http::{Browser, PASSWORD, Page};

const OFFICE: &str = "203.0.113.9";
const ELSEWHERE: &str = "198.51.100.7";

fn at(app: &std::sync::Arc<App>, address: &str) -> Browser {
    let mut browser = Browser::new(app);
    browser.address = Some(address.parse().unwrap());
    browser
}

async fn sign_in(browser: &mut Browser, person: &Person, password: &str) -> Page {
    browser.post("/sign-in", &[("email", person.email.as_str()), ("password", password)]).await
}

fn is_in(page: &Page) -> bool {
    page.location().is_some_and(|to| to.starts_with("/signed-in"))
}

fn is_throttled(page: &Page) -> bool {
    page.shows("Too many tries. Try again after")
}

/// Guesses until the address has to wait.
async fn guess(browser: &mut Browser, person: &Person) -> usize {
    for tried in 0..40 {
        if is_throttled(&sign_in(browser, person, "not the password").await) {
            return tried;
        }
    }
    panic!("nobody slows guessing down");
}

on_both! {
    async fn a_stranger_who_guesses_waits_and_holds_nobody_else_out(db: TestDb) {
        let t = TestApp::new(&db).await;
        let dana = Browser::signed_in(&t.app, &t.contact).await;
        let mut stranger = at(&t.app, ELSEWHERE);
        assert_eq!(guess(&mut stranger, &t.contact).await, 6, "five are free, the sixth begins a wait");
        assert!(is_throttled(&sign_in(&mut stranger, &t.contact, PASSWORD).await), "the right one is not looked at");

        // The owner: from another address; in the browser that is known, even from the stranger's address.
        assert!(is_in(&sign_in(&mut at(&t.app, OFFICE), &t.contact, PASSWORD).await));
        let mut known = dana.clone();
        known.address = Some(ELSEWHERE.parse().unwrap());
        assert!(is_in(&sign_in(&mut known, &t.contact, PASSWORD).await));
        // The same browser is a stranger to everybody else's account, and without its cookie.
        Browser::signed_in(&t.app, &t.engineer).await;
        assert_eq!(guess(&mut known, &t.engineer).await, 6);
        let mut bare = dana.without("__Host-postern-device");
        bare.address = Some(ELSEWHERE.parse().unwrap());
        assert!(is_throttled(&sign_in(&mut bare, &t.contact, PASSWORD).await));

        // Waits double and end: the right password works again, and clears what was counted.
        t.clock.advance(TimeDelta::seconds(3));
        assert!(is_in(&sign_in(&mut stranger.without("__Host-postern-device"), &t.contact, PASSWORD).await));
        assert_eq!(guess(&mut at(&t.app, ELSEWHERE), &t.contact).await, 6);
    }
}

on_both! {
    async fn a_known_browser_is_counted_too_and_its_cookie_fits_one_account_for_its_time(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        dana.address = Some(OFFICE.parse().unwrap());
        assert_eq!(guess(&mut dana, &t.contact).await, 6, "a stolen cookie is no licence to guess");
        assert!(is_in(&sign_in(&mut at(&t.app, OFFICE), &t.contact, PASSWORD).await), "nor does it hold others up");

        // Cookies that were made up, bent, or are too old make nobody known.
        t.clock.advance(TimeDelta::minutes(60));
        let good = Browser::signed_in(&t.app, &t.contact).await;
        guess(&mut at(&t.app, ELSEWHERE), &t.contact).await;
        let value = good.cookie("__Host-postern-device").unwrap();
        let parts: Vec<&str> = value.split('.').collect();
        let later = format!("{}.{}.{}", parts[0], parts[1].parse::<i64>().unwrap() + 1, parts[2]);
        for bent in [String::new(), "..".into(), later, value.to_uppercase(), format!("{value}.x"), format!("x{value}")] {
            let mut browser = at(&t.app, ELSEWHERE);
            browser.set_cookie("__Host-postern-device", &bent);
            assert!(is_throttled(&sign_in(&mut browser, &t.contact, PASSWORD).await), "{bent}");
        }
        let mut browser = at(&t.app, ELSEWHERE);
        browser.set_cookie("__Host-postern-device", &value);
        assert!(is_in(&sign_in(&mut browser, &t.contact, PASSWORD).await));
        t.clock.advance(TimeDelta::days(181));
        guess(&mut at(&t.app, ELSEWHERE), &t.contact).await;
        browser.set_cookie("__Host-postern-device", &value);
        assert!(is_throttled(&sign_in(&mut browser, &t.contact, PASSWORD).await), "its time is over");
    }
}

on_both! {
    async fn one_address_cannot_try_one_password_on_everybody(db: TestDb) {
        let t = TestApp::new(&db).await;
        Browser::signed_in(&t.app, &t.contact).await;
        let mut sprayer = at(&t.app, "2001:db8:7:7::1");
        let mut looked_at = 0;
        for index in 0..40_u16 {
            // Another host of the same /64 each time.
            sprayer.address = Some(format!("2001:db8:7:7::{index:x}").parse::<IpAddr>().unwrap());
            let email = format!("user{index}@alder.example");
            let page = sprayer.post("/sign-in", &[("email", &email), ("password", "Winter2026! and more")]).await;
            looked_at += usize::from(!is_throttled(&page));
        }
        assert_eq!(looked_at, 21, "twenty are free for an address");
        // A good sign-in does not wash an address clean.
        assert!(is_throttled(&sign_in(&mut sprayer, &t.contact, PASSWORD).await));
        assert!(is_in(&sign_in(&mut at(&t.app, OFFICE), &t.contact, PASSWORD).await));
    }
}

on_both! {
    async fn many_addresses_together_are_braked_and_known_browsers_pass(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        // A hundred failures of others within this minute, as the tally says.
        let until = (t.app.now() + TimeDelta::seconds(30)).to_rfc3339();
        db.execute("DELETE FROM sign_in_failures").await;
        db.execute(&format!("INSERT INTO sign_in_failures (subject, failures, next_at) VALUES ('everybody', 100, '{until}')")).await;
        assert!(is_throttled(&sign_in(&mut at(&t.app, OFFICE), &t.contact, PASSWORD).await));
        assert!(is_in(&sign_in(&mut dana, &t.contact, PASSWORD).await));
        t.clock.advance(TimeDelta::seconds(31));
        assert!(is_in(&sign_in(&mut at(&t.app, OFFICE), &t.contact, PASSWORD).await), "for a minute at most");
    }
}

on_both! {
    async fn guesses_that_come_at_once_are_counted_one_by_one(db: TestDb) {
        let t = TestApp::new(&db).await;
        Browser::signed_in(&t.app, &t.contact).await;
        let tries = (0..12).map(|_| {
            let (mut browser, person) = (at(&t.app, ELSEWHERE), t.contact.clone());
            tokio::spawn(async move { is_throttled(&sign_in(&mut browser, &person, "not the password").await) })
        });
        let mut looked_at = 0;
        for one in tries.collect::<Vec<_>>() {
            looked_at += usize::from(!one.await.unwrap());
        }
        assert_eq!(looked_at, 6);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_says_about_its_address_is_not_believed() {
    run(Kind::Sqlite, |db| async move {
        let t = TestApp::new(&db).await;
        Browser::signed_in(&t.app, &t.contact).await;
        let mut stranger = at(&t.app, ELSEWHERE);
        let fields = format!("email={}&password=not+the+password", t.contact.email);
        let mut looked_at = 0;
        for index in 0..12 {
            let claimed = format!("192.0.2.{index}");
            let headers = [
                ("x-forwarded-for", claimed.as_str()),
                ("cf-connecting-ip", "<b>x"),
                ("forwarded", "for=192.0.2.60"),
                ("x-real-ip", "192.0.2.61"),
            ];
            let page = stranger.send(axum::http::Method::POST, "/sign-in", Some(fields.clone()), &headers).await;
            looked_at += usize::from(!is_throttled(&page));
        }
        assert_eq!(looked_at, 6, "another claim is not another address");
        t.clock.advance(TimeDelta::seconds(3));
        let fields = format!("email={}&password={}", t.contact.email, PASSWORD.replace(' ', "+"));
        let headers = [("x-forwarded-for", "<b>x</b>"), ("user-agent", "<b>y</b>\u{7f}")];
        let page = stranger.send(axum::http::Method::POST, "/sign-in", Some(fields), &headers[..1]).await;
        assert!(is_in(&page));
        assert_eq!(db.texts("SELECT address FROM account_events").await.last().unwrap(), ELSEWHERE);
        assert_eq!(db.tables_with("<b>x").await, Vec::<String>::new());
    })
    .await;
}
