//! A notice that the IP of a server changes through pages: the question, the last look, the second contact, the engineer.

use axum::http::StatusCode;
use postern::app::admin::{self, Place};

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::Browser;

async fn in_use(t: &TestApp) -> i64 {
    let main = t.reached().await;
    for _ in 0..3 {
        t.script.push(None);
    }
    t.submit_settings(main).await;
    t.drain().await;
    t.act(&t.engineer, main, "applied_by_hand", &[("evidence", "Saved")]).await.unwrap();
    t.drain().await;
    t.act(&t.contact, main, "it_arrived", &[]).await.unwrap();
    t.drain().await;
    assert_eq!(t.case(main).await.flow.state, "active");
    main
}

on_both! {
    #[expect(clippy::too_many_lines, reason = "one way through the pages, in its order")]
    async fn a_notice_is_given_looked_at_confirmed_by_somebody_else_and_kept_in_a_calendar(db: TestDb) {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        let server = t.case(main).await.server.unwrap();
        let stranger = t.stranger().await;
        let place = Place::Contact { customer: t.customer.id, all_cases: true };
        let lee = admin::add_person(&t.app, ("Lee Moss".into(), "lee@alder.example".into()), place, None).await.unwrap();
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let mut second = Browser::signed_in(&t.app, &lee).await;
        let mut sam = Browser::signed_in(&t.app, &stranger).await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;

        let path = format!("/servers/{server}/change-ip");
        assert!(dana.open(&format!("/cases/{main}")).await.body.contains(&format!("href=\"{path}\"")), "the way to the page");
        for (name, browser, status) in [("another customer", &mut sam, StatusCode::NOT_FOUND), ("the owner", &mut dana, StatusCode::OK)] {
            assert_eq!(browser.open(&path).await.status, status, "{name}");
        }
        let page = dana.open(&path).await;
        assert!(page.shows("Now: 10.20.4.15 (private).") && page.shows("Keep both for 48 hours"), "{}", page.body);
        let wrong = [("new_ip", "10.20.4.15"), ("how", "switch"), ("date", "1.12.2026"), ("time", "08:00"), ("zone", "UTC"), ("call", "")];
        let refused = dana.submit(&page, &path, &wrong).await;
        assert!(refused.shows("This is the IP in use. Enter the new one") && refused.shows("Enter the date like 2026-12-01"), "{}", refused.body);
        let right = [
            ("new_ip", "10.20.4.16"),
            ("how", "keep_both"),
            ("date", "2026-11-27"),
            ("time", "08:00"),
            ("zone", "Europe/Berlin"),
            ("call", "Lee M., +49 30 5550"),
        ];
        let look = dana.submit(&refused, &path, &right).await;
        assert!(look.shows("27 November 2026 at 08:00 Europe/Berlin (27 November 2026 at 07:00 UTC)"), "{}", look.body);
        assert!(look.shows("sooner than our usual 2 working days") && look.shows("10.20.4.16") && look.shows("10.20.4.15"));
        assert_eq!(t.case(main).await.flow.state, "active", "a look changes nothing");
        let sent = dana.submit(&look, &format!("{path}/send"), &[]).await;
        let number = main + 1;
        assert_eq!(sent.location(), Some(format!("/cases/{number}/notice")), "{}", sent.body);
        let page = dana.follow(sent).await;
        assert!(page.shows("Notice sent") && page.body.contains(&format!("/cases/{number}/notice.ics")), "{}", page.body);
        let calendar = dana.open(&format!("/cases/{number}/notice.ics")).await;
        assert!(calendar.body.contains("DTSTART:20261127T070000Z") && calendar.body.contains("STATUS:TENTATIVE"), "{}", calendar.body);
        assert_eq!(sam.open(&format!("/cases/{number}/notice.ics")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(sam.open(&format!("/cases/{number}")).await.status, StatusCode::NOT_FOUND);

        let page = dana.open(&format!("/cases/{number}")).await;
        assert!(page.shows("You gave this notice.") && !page.shows("The notice is right"), "{}", page.body);
        let page = second.open(&format!("/cases/{number}")).await;
        assert!(page.shows("less than 72 hours") && !page.shows("The notice is right"), "{}", page.body);
        let page = kim.open(&format!("/cases/{number}")).await;
        assert!(page.shows("Dana Field gave the notice and cannot confirm it.") && page.shows("Verify Lee Moss"), "{}", page.body);
        assert!(page.shows("I called back and the notice is right"));
        let queue = kim.open("/queue").await;
        assert!(queue.shows(&format!("IP change, part of case {main}")), "{}", queue.body);

        let verify = format!("/cases/{number}/contacts/{}/verify", lee.id);
        assert_eq!(dana.open(&verify).await.status, StatusCode::FORBIDDEN);
        let page = kim.open(&verify).await;
        let empty = kim.submit(&page, &verify, &[("how", "")]).await;
        assert!(empty.shows("Say how you made sure who this is"), "{}", empty.body);
        let done = kim.submit(&empty, &verify, &[("how", "Met in person")]).await;
        assert_eq!(done.location(), Some(format!("/cases/{number}")), "{}", done.body);
        assert!(kim.open(&format!("/cases/{number}")).await.shows("Lee Moss may confirm it: verified by Kim Castle"));

        let page = second.open(&format!("/cases/{number}")).await;
        let confirm = format!("/cases/{number}/act/confirm_notice");
        let done = second.submit(&page, &confirm, &[]).await;
        assert_eq!(done.location(), Some(format!("/cases/{number}")), "{}", done.body);
        assert_eq!(t.case(number).await.flow.state, "ip_reconfigure");
        assert!(dana.open(&format!("/cases/{number}/notice.ics")).await.body.contains("STATUS:CONFIRMED"));
        let listed = dana.open("/cases").await;
        assert!(!sam.open("/cases").await.body.contains("10.20.4.16") && listed.shows("10.20.4.16"), "{}", listed.body);
    }
}
