//! Calendars on record: whose clocks they move, and that a change moves none that was computed before.

use chrono::{DateTime, Utc};
use postern::app::calendars::{self, By, Draft};
use postern::app::{Error, reckoning};
use postern::domain::calendar::Named;
use postern::domain::objective::Objective;

use crate::support::app::TestApp;
use crate::support::db::on_both;

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn draft(name: &str, zone: &str, hours: &str, holidays: &str) -> Draft {
    Draft {
        name: name.into(),
        time_zone: zone.into(),
        hours: hours.into(),
        holidays: holidays.into(),
        is_vendor: name == "Vendor",
    }
}

async fn add(t: &TestApp, name: &str, zone: &str, hours: &str, holidays: &str) -> Named {
    calendars::add(&t.app, By(Some(t.admin.id)), &draft(name, zone, hours, holidays)).await.unwrap()
}

/// When the customer of a case is reminded first.
async fn first_reminder(t: &TestApp, number: i64) -> DateTime<Utc> {
    let case = t.case(number).await;
    let mut tx = t.app.db.read().await.unwrap();
    let timers = postern::store::timers::of_case(&mut tx, case.customer, case.id).await.unwrap();
    let reminder =
        timers.iter().find(|timer| timer.kind == postern::store::timers::Kind::Remind && timer.paused_left_s.is_none());
    reminder.unwrap().due_at
}

on_both! {
    async fn each_side_is_measured_by_its_own_calendar(db: TestDb) {
        let t = TestApp::new(&db).await;
        // It is Wednesday, 25 November 2026, 10:00 UTC: 05:00 in New York, 15:45 in Kathmandu.
        add(&t, "Vendor", "America/New_York", "mon-fri 09:00-17:00", "2026-11-26 Thanksgiving").await;
        let theirs = add(&t, "Alder", "Asia/Kathmandu", "sun-thu 10:00-18:00", "").await;
        let number = t.request().await.number;
        // One business day is 8 hours: the whole Wednesday there.
        let case = t.case(number).await;
        assert_eq!((case.objective, case.due_at), (Some(Objective::FirstAnswer), utc("2026-11-25T22:00:00Z")));
        assert_eq!(case.step_due_at, Some(utc("2026-11-27T22:00:00Z")), "two business days, without the holiday");
        // A customer without a calendar is measured by the vendor's.
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        assert_eq!(first_reminder(&t, number).await, utc("2026-11-27T22:00:00Z"));

        calendars::assign(&t.app, t.customer.id, Some(theirs.id)).await.unwrap();
        let second = t.request_for("10.20.4.16").await.number;
        assert_eq!(t.case(second).await.due_at, utc("2026-11-25T22:00:00Z"), "our turn, our calendar");
        t.act(&t.engineer, second, "configuration_done", &[("change_ref", "CHG-2")]).await.unwrap();
        // 2 h 15 min of Wednesday, 8 h of Thursday, 5 h 45 min of Sunday.
        assert_eq!(first_reminder(&t, second).await, utc("2026-11-29T10:00:00Z"));
    }
}

on_both! {
    async fn a_change_moves_no_due_time_until_an_administrator_asks(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let ours = add(&t, "Vendor", "UTC", "mon-fri 09:00-17:00", "").await;
        let before = t.case(number).await;
        let other = Draft { holidays: "2026-11-26 Thanksgiving".into(), ..Draft::of(&ours) };
        calendars::change(&t.app, By(None), ours.id, &other).await.unwrap();
        assert_eq!(t.case(number).await, before, "nothing moved");

        let shown = reckoning::rehearse(&t.app).await.unwrap();
        assert_eq!(t.case(number).await, before, "showing is not doing");
        let promise = shown.shifts.iter().find(|shift| shift.what == "First answer").unwrap();
        assert_eq!((promise.number, promise.was, promise.becomes), (number, utc("2026-11-26T10:00:00Z"), utc("2026-11-27T10:00:00Z")));
        // Due, reminder, two escalations; first answer and done.
        assert_eq!((shown.seen, shown.moved), (6, 6));

        let did = reckoning::carry_out(&t.app, Some(&t.admin)).await.unwrap();
        assert_eq!(did, shown, "what was shown is what is done");
        let after = t.case(number).await;
        assert_eq!((after.due_at, after.step_due_at), (utc("2026-11-27T10:00:00Z"), Some(utc("2026-11-30T10:00:00Z"))));
        assert!(t.whole_log(number).await.last().unwrap().body.contains("reckoned"));
        let again = reckoning::carry_out(&t.app, None).await.unwrap();
        assert_eq!((again.seen, again.moved), (6, 0));
        // The reminder goes out at its other time, once.
        t.pass(utc("2026-11-27T09:59:59Z") - t.clock.now()).await;
        let reminders = |t: &TestApp| t.mails_to("kim@vendor.example").iter().filter(|mail| mail.subject.contains("Reminder")).count();
        assert_eq!(reminders(&t), 0);
        t.pass(utc("2026-11-27T10:00:00Z") - t.clock.now()).await;
        assert_eq!(reminders(&t), 1);
    }
}

on_both! {
    async fn what_is_wrong_with_a_calendar_is_said_field_by_field(db: TestDb) {
        let t = TestApp::new(&db).await;
        let wrong = calendars::add(&t.app, By(None), &draft("", "Mars/Olympus", "mon 17:00-09:00", "25.12.2026 x")).await;
        let Err(Error::Invalid(errors)) = wrong else { panic!("{wrong:?}") };
        assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["name", "time_zone", "hours", "holidays"]);
        add(&t, "Vendor", "UTC", "mon-fri 09:00-17:00", "").await;
        let taken = calendars::add(&t.app, By(None), &draft("Vendor", "UTC", "mon 09:00-17:00", "")).await;
        assert!(matches!(&taken, Err(Error::Invalid(errors)) if errors[0].field == "name"), "{taken:?}");
    }
}

on_both! {
    async fn there_is_one_calendar_of_the_vendor_and_one_in_use_stays(db: TestDb) {
        let t = TestApp::new(&db).await;
        let first = add(&t, "Vendor", "UTC", "mon-fri 09:00-17:00", "").await;
        let second = add(&t, "Second", "UTC", "mon-fri 08:00-16:00", "").await;
        let vendors = Draft { is_vendor: true, ..Draft::of(&second) };
        calendars::change(&t.app, By(None), second.id, &vendors).await.unwrap();
        let all = calendars::list(&t.app).await.unwrap();
        assert_eq!(all.iter().filter(|named| named.is_vendor).map(|named| named.name.as_str()).collect::<Vec<_>>(), ["Second"]);

        let refused = |outcome: Result<(), Error>| matches!(outcome, Err(Error::Invalid(errors)) if errors[0].code == "in_use");
        assert!(refused(calendars::delete(&t.app, second.id).await), "it is the vendor's");
        calendars::assign(&t.app, t.customer.id, Some(first.id)).await.unwrap();
        assert!(refused(calendars::delete(&t.app, first.id).await), "it is a customer's");
        calendars::assign(&t.app, t.customer.id, None).await.unwrap();
        calendars::delete(&t.app, first.id).await.unwrap();
        assert!(matches!(calendars::one(&t.app, first.id).await, Err(Error::NotFound)));
        let third = add(&t, "Third", "UTC", "mon 08:00-16:00", "2026-12-25 x").await;
        t.request().await;
        let third = calendars::change(&t.app, By(None), third.id, &Draft { is_vendor: true, ..Draft::of(&third) }).await.unwrap();
        assert!(refused(calendars::delete(&t.app, second.id).await), "due times were computed with it");
        assert!(third.is_vendor);
    }
}

on_both! {
    async fn a_file_adds_holidays_and_keeps_those_that_are_there(db: TestDb) {
        let t = TestApp::new(&db).await;
        let named = add(&t, "Vendor", "UTC", "mon-fri 09:00-17:00", "2026-12-25 Our own name").await;
        let file = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n\
            BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nSUMMARY:Christmas Day\r\nEND:VEVENT\r\n\
            BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20200501\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:May Day\r\nEND:VEVENT\r\n\
            BEGIN:VEVENT\r\nDTSTART:20261224T120000Z\r\nSUMMARY:Party\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let did = calendars::import(&t.app, By(None), named.id, file.as_bytes()).await.unwrap();
        assert_eq!((did.added, did.known, did.left_out.len()), (6, 1, 1), "2026 to 2031 and Christmas");
        let (now, _) = calendars::one(&t.app, named.id).await.unwrap();
        assert_eq!(now.calendar.holidays[&"2026-12-25".parse().unwrap()], "Our own name");
        assert_eq!(calendars::import(&t.app, By(None), named.id, file.as_bytes()).await.unwrap().added, 0);
        for bad in [&b"hello"[..], &[0xff, 0xfe], b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"] {
            let outcome = calendars::import(&t.app, By(None), named.id, bad).await;
            assert!(matches!(&outcome, Err(Error::Invalid(errors)) if errors[0].field == "file"), "{outcome:?}");
        }
    }
}
