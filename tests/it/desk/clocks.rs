//! The pages of calendars, of what is promised and how it was kept, of what is late, and of a case's priority.

use axum::http::StatusCode;
use postern::app::calendars::{self, By, Draft};
use postern::app::{conversation, policy};
use postern::domain::case::Priority;
use postern::domain::objective::Objective;

use crate::support::app::{TestApp, fresh_once};
use crate::support::db::on_both;
use crate::support::http::{Browser, Page};

const HOSTILE: &str = "<script>alert(1)</script> {{7*7}}";

fn led_to(page: &Page) -> String {
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    page.location().unwrap()
}

on_both! {
    async fn a_calendar_is_added_changed_filled_from_a_file_and_deleted(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        assert!(ada.get("/admin/calendars").await.shows("There is no calendar yet"));
        let form = ada.get("/admin/calendars/new").await;
        let good = [
            ("name", HOSTILE),
            ("time_zone", "Europe/Berlin"),
            ("hours", "mon-thu 09:00-12:00 13:00-17:00\r\nfri 09:00-15:00"),
            ("holidays", "2026-12-25 Christmas Day"),
            ("is_vendor", "yes"),
        ];
        for (field, value) in [
            ("name", ""),
            ("time_zone", "Berlin"),
            ("hours", ""),
            ("hours", "mon-fri 17:00-09:00"),
            ("hours", HOSTILE),
            ("holidays", "25.12.2026 Christmas Day"),
        ] {
            let mut answers = good.to_vec();
            answers.push((field, value));
            let page = ada.submit(&form, "/admin/calendars", &answers).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value:?}");
            assert_eq!(page.wrong_fields(), [field], "{value:?}");
            let typed = page.form("/admin/calendars").unwrap();
            assert!(typed["time_zone"] == value || typed["time_zone"] == "Europe/Berlin", "what was typed is kept");
            assert_eq!(typed.get("is_vendor").map(String::as_str), Some("yes"), "the box too");
        }
        let path = led_to(&ada.submit(&form, "/admin/calendars", &good).await);
        let page = ada.get(&path).await;
        for text in [HOSTILE, "Europe/Berlin", "25 December 2026", "Christmas Day", "customers without a calendar"] {
            assert!(page.shows(text), "{text} is not in {}", page.body);
        }
        let file = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\n\
            DTSTART;VALUE=DATE:20261226\r\nSUMMARY:St Stephen's Day\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n\
            DTSTART:20261224T120000Z\r\nSUMMARY:Party\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let import = format!("{path}/holidays");
        let page = ada.submit_file(&page, &import, &[], ("holidays.ics", file)).await;
        assert!(page.shows("holidays.ics: 1 day added, 0 on record already. 1 left out: Party"), "{}", page.body);
        assert!(page.shows("26 December 2026"), "{}", page.body);
        let wrong = ada.submit_file(&page, &import, &[], ("notes.txt", "hello")).await;
        assert_eq!(wrong.wrong_fields(), ["file"]);
        let nothing = ada.post(&import, &[("idempotency_key", "none")]).await;
        assert_eq!(nothing.wrong_fields(), ["file"]);

        let edit = format!("{path}/edit");
        let form = ada.get(&edit).await;
        assert!(form.form(&edit).unwrap()["holidays"].contains("2026-12-26 St Stephen"), "{}", form.body);
        led_to(&ada.submit(&form, &edit, &[("name", "Ours"), ("hours", "mon-fri 08:00-16:00")]).await);
        assert_eq!(calendars::by_name(&t.app, "Ours").await.unwrap().calendar.week.to_string(), "mon-fri 08:00-16:00");

        let delete = format!("{path}/delete");
        let refused = ada.post(&delete, &[("idempotency_key", "none")]).await;
        assert!(refused.shows("Make another calendar the vendor's first"), "{}", refused.body);
        let spare = Draft { name: "Spare".into(), time_zone: "UTC".into(), hours: "mon 09:00-10:00".into(), ..Draft::default() };
        let spare = calendars::add(&t.app, By(None), &spare).await.unwrap();
        let page = ada.get(&format!("/admin/calendars/{}", spare.id.uuid().simple())).await;
        assert!(page.shows("Nobody yet") && page.body.contains("/delete"), "{}", page.body);
        let delete = format!("/admin/calendars/{}/delete", spare.id.uuid().simple());
        assert_eq!(led_to(&ada.post(&delete, &[("idempotency_key", "none")]).await), "/admin/calendars");
        assert_eq!(calendars::list(&t.app).await.unwrap().len(), 1);
    }
}

on_both! {
    async fn a_customer_gets_a_calendar_and_due_times_move_only_when_asked(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let due = t.case(number).await.due_at;
        let ours = Draft {
            name: "Ours".into(), time_zone: "UTC".into(), hours: "mon-fri 09:00-17:00".into(),
            holidays: "2026-11-26 Thanksgiving".into(), is_vendor: true,
        };
        let ours = calendars::add(&t.app, By(None), &ours).await.unwrap();
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let customer = format!("/admin/customers/{}", t.customer.id.uuid().simple());
        assert!(ada.get(&customer).await.body.contains("Calendar"));
        let assign = format!("{customer}/calendar");
        let form = ada.get(&assign).await;
        let wrong = ada.submit(&form, &assign, &[("calendar", "soon")]).await;
        assert_eq!(wrong.wrong_fields(), ["calendar"]);
        assert_eq!(led_to(&ada.submit(&form, &assign, &[("calendar", &ours.id.to_string())]).await), customer);
        assert!(ada.get(&customer).await.shows("Ours"));

        assert_eq!(t.case(number).await.due_at, due, "the due time that was computed stays");
        let page = ada.get("/admin/due-times").await;
        assert!(page.shows("6 of 6 running clocks would move"), "{}", page.body);
        assert!(page.shows("26 November 2026 at 10:00 UTC") && page.shows("27 November 2026 at 10:00 UTC"), "{}", page.body);
        assert_eq!(led_to(&ada.submit(&page, "/admin/due-times", &[]).await), "/admin/due-times");
        assert!(ada.get("/admin/due-times").await.shows("None of 6 running clocks would move"));
        assert_eq!((t.case(number).await.due_at - due).num_days(), 1);
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        assert!(kim.get(&format!("/cases/{number}")).await.shows("Computed the due times again"));
    }
}

on_both! {
    async fn a_row_of_policy_is_added_and_never_changed(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let page = ada.get("/admin/objectives").await;
        assert!(page.shows("The standard") && page.shows("No row has been added yet"), "{}", page.body);
        let good = [("priority", "P2"), ("valid_from", ""), ("first_answer", "1bh"), ("next_update", "4bh"), ("done", "3bd")];
        for (field, value) in
            [("priority", "P9"), ("valid_from", "2020-01-01"), ("valid_from", HOSTILE), ("first_answer", "soon"), ("done", "")]
        {
            let mut answers = good.to_vec();
            answers.push((field, value));
            let wrong = ada.submit(&page, "/admin/objectives", &answers).await;
            assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value:?}");
            assert_eq!(wrong.wrong_fields(), [field], "{value:?}");
        }
        assert!(policy::list(&t.app).await.unwrap().is_empty());
        led_to(&ada.submit(&page, "/admin/objectives", &good).await);
        led_to(&ada.submit(&page, "/admin/objectives", &[("valid_from", "2027-01-01"), good[0], good[2], good[3], good[4]]).await);
        let page = ada.get("/admin/objectives").await;
        assert!(page.shows("P2, ahead") && page.shows("25 November 2026 at 10:00 UTC"), "{}", page.body);
        assert!(page.shows("November 2026") && page.shows("December 2025"), "twelve months");
    }
}

on_both! {
    async fn leads_see_what_is_late_or_at_risk_and_the_queue_names_one_promise(db: TestDb) {
        let t = TestApp::new(&db).await;
        let late = t.request().await.number;
        t.pass("2026-11-26T10:30:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap() - t.clock.now()).await;
        let fresh = t.request_for("10.20.4.16").await.number;
        let mut lou = Browser::signed_in(&t.app, &t.lead).await;
        let page = lou.get("/queue/overdue").await;
        assert!(page.shows("Overdue 30 min") && page.shows(&late.to_string()), "{}", page.body);
        assert!(!page.body.contains(&format!("/cases/{fresh}\"")), "it is neither late nor at risk");
        assert!(page.shows("None is late or at risk."), "of the other promises");
        let queue = lou.get("/queue").await;
        assert!(queue.shows("First answer overdue 30 min, leads told"), "{}", queue.body);
        assert!(queue.shows("First answer due 27 November 2026 at 10:30 UTC"), "{}", queue.body);
        let case = lou.get(&format!("/cases/{late}")).await;
        assert!(case.shows("First answer overdue since 26 November 2026 at 10:00 UTC"), "{}", case.body);

        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let theirs = dana.get(&format!("/cases/{late}")).await;
        assert!(theirs.shows("We wanted to answer by 26 November 2026"), "{}", theirs.body);
        assert!(!theirs.body.contains("leads told"));
        conversation::write(&t.app, &t.engineer, conversation::Post::new(late, "We are at it", false), fresh_once()).await.unwrap();
        assert!(dana.get(&format!("/cases/{late}")).await.shows("You hear from us by 1 December 2026 at 10:30 UTC"));
        assert!(lou.get("/queue/overdue").await.shows("None is late or at risk."));
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        assert!(ada.get("/admin/objectives").await.shows("0 met, 1 missed"));
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        assert_eq!(kim.get("/queue/overdue").await.status, StatusCode::FORBIDDEN);
    }
}

on_both! {
    async fn a_priority_is_changed_with_a_reason_that_the_customer_does_not_see(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let path = format!("/cases/{number}/priority");
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let form = kim.get(&path).await;
        assert_eq!(form.form(&path).unwrap()["priority"], "P3");
        let wrong = kim.submit(&form, &path, &[("priority", "P1"), ("reason", "")]).await;
        assert_eq!(wrong.wrong_fields(), ["reason"]);
        assert_eq!(wrong.form(&path).unwrap()["priority"], "P1");
        led_to(&kim.submit(&form, &path, &[("priority", "P1"), ("reason", HOSTILE)]).await);
        let case = t.case(number).await;
        assert_eq!((case.priority, case.objective), (Priority::P1, Some(Objective::FirstAnswer)));
        let page = kim.get(&format!("/cases/{number}")).await;
        assert!(page.shows(&format!("Changed the priority from P3 to P1: {HOSTILE}")), "{}", page.body);
        assert!(page.shows("First answer due 25 November 2026 at 11:00 UTC (in 1 h)"), "{}", page.body);
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        assert!(!dana.get(&format!("/cases/{number}")).await.body.contains("Changed the priority"));
    }
}
