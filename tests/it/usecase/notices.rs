//! A notice that the IP of a server changes: who confirms it, in which order it is carried out, what calendars hold.

use chrono::TimeDelta;
use postern::app::admin::{self, Place};
use postern::app::{Error, cases, notices, people};
use postern::domain::actor::Person;
use postern::domain::cause::Cause;
use postern::domain::notice::Status;
use postern::domain::tunnel::Progress;
use postern::domain::whitelist::Protocol;
use postern::domain::workflow::Refusal;
use postern::store;
use serde_json::json;

use super::family::{in_product, in_use, step};
use crate::support::app::TestApp;
use crate::support::db::on_both;

/// What the customer answers: planned for the Monday after the test's Wednesday.
const PLANNED: &[(&str, &str)] = &[
    ("new_location", "private"),
    ("new_ip", "10.20.4.16"),
    ("change_timing", "planned"),
    ("effective_at", "2026-11-30T07:00:00Z"),
    ("effective_zone", "Europe/Berlin"),
];
const NOW: &[(&str, &str)] = &[("new_location", "private"), ("new_ip", "10.20.4.16"), ("change_timing", "now")];
const CALLED: &[(&str, &str)] =
    &[("called_name", "Lee Moss"), ("called_number", "+49 30 5550"), ("number_on_record", "true")];

async fn give(t: &TestApp, person: &Person, main: i64, answers: &[(&str, &str)]) -> i64 {
    t.act(person, main, "notify_ip_change", answers).await.unwrap();
    cases::youngest_child(&t.app, &t.contact, main).await.unwrap().unwrap()
}

async fn colleague(t: &TestApp, name: &str) -> Person {
    let place = Place::Contact { customer: t.customer.id, all_cases: true };
    let email = format!("{}@alder.example", name.to_lowercase());
    admin::add_person(&t.app, (name.into(), email), place, None).await.unwrap()
}

fn refused(result: Result<postern::domain::case::Case, Error>) -> String {
    match result {
        Err(Error::Refused(Refusal::Guard(text))) => text,
        other => panic!("not refused: {other:?}"),
    }
}

async fn entries(t: &TestApp, main: i64) -> Vec<(String, Progress, Progress)> {
    let case = t.case(main).await;
    let mut tx = t.app.db.read().await.unwrap();
    let mut found = Vec::new();
    for address in ["10.20.4.15", "10.20.4.16"] {
        let network = format!("{address}/32");
        if let Some(entry) =
            store::whitelist::find(&mut tx, case.tunnel.unwrap(), &network, (587, Protocol::Tcp)).await.unwrap()
        {
            found.push((address.to_owned(), entry.ours, entry.theirs));
        }
    }
    found
}

on_both! {
    async fn only_a_second_contact_who_is_known_confirms(db: TestDb) {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        t.pass(TimeDelta::hours(100)).await;
        let lee = colleague(&t, "Lee").await;
        let left = colleague(&t, "Left").await;
        let number = give(&t, &t.contact, main, NOW).await;
        assert_eq!(t.case(number).await.priority.as_str(), "P1", "an IP that has changed already is urgent, yet confirmed first");

        let text = refused(t.act(&t.contact, number, "confirm_notice", &[]).await);
        assert!(text.contains("You gave this notice"), "{text}");
        let text = refused(t.act(&lee, number, "confirm_notice", &[]).await);
        assert!(text.contains("less than 72 hours"), "a contact added today: {text}");
        people::disable(&t.app, &t.admin, left.id, None).await.unwrap();
        let text = refused(t.act(&left, number, "confirm_notice", &[]).await);
        assert!(text.contains("disabled"), "{text}");
        let stranger = t.stranger().await;
        assert!(matches!(t.act(&stranger, number, "confirm_notice", &[]).await, Err(Error::NotFound)));
        for (name, person) in [("giver", &t.contact), ("too new", &lee)] {
            let view = cases::view(&t.app, person, number).await.unwrap();
            assert!(view.second.withheld.is_some() && view.offers.iter().all(|rule| rule.event != "confirm_notice"), "{name}");
            assert!(view.second.contacts.is_empty(), "{name}: only engineers read about the others");
        }
        assert_eq!(t.case(number).await.flow.state, "ip_received");

        t.clock.advance(TimeDelta::hours(72) - TimeDelta::seconds(1));
        refused(t.act(&lee, number, "confirm_notice", &[]).await);
        t.clock.advance(TimeDelta::seconds(1));
        t.act(&lee, number, "confirm_notice", &[]).await.unwrap();
        assert_eq!(t.case(number).await.flow.state, "ip_reconfigure");
    }
}

on_both! {
    async fn a_contact_beyond_the_hundred_that_a_list_shows_confirms_too(db: TestDb) {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        let last = colleague(&t, "Zoe").await;
        for number in 0..100 {
            colleague(&t, &format!("A{number}")).await;
        }
        let number = give(&t, &t.contact, main, NOW).await;
        notices::verify(&t.app, &t.engineer, (number, last.id), "Met in person on site").await.unwrap();
        t.act(&last, number, "confirm_notice", &[]).await.unwrap();
        assert_eq!(t.case(number).await.flow.state, "ip_reconfigure");
    }
}

on_both! {
    async fn an_engineer_verifies_a_contact_or_calls_back_and_both_stay_on_record(db: TestDb) {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        let lee = colleague(&t, "Lee").await;
        let number = give(&t, &t.contact, main, PLANNED).await;
        refused(t.act(&lee, number, "confirm_notice", &[]).await);
        let verify = async |person: &Person, how: &str| notices::verify(&t.app, person, (number, lee.id), how).await;
        assert!(matches!(verify(&t.contact, "It is me").await, Err(Error::Forbidden(_))));
        assert!(matches!(verify(&t.admin, "It is me").await, Err(Error::Forbidden(_))));
        assert!(matches!(verify(&t.engineer, " ").await, Err(Error::Invalid(_))));
        verify(&t.engineer, "Met in person on site").await.unwrap();
        let view = cases::view(&t.app, &t.engineer, number).await.unwrap();
        let (contact, against) = view.second.contacts.iter().find(|(contact, _)| contact.id == lee.id).unwrap();
        assert_eq!((contact.verified_by.as_deref(), contact.verified_how.as_deref()), (Some("Kim Castle"), Some("Met in person on site")));
        assert_eq!(*against, None);
        assert!(view.history.iter().any(|line| line.what == "Verified Lee as a contact: Met in person on site" && line.is_internal));
        t.act(&lee, number, "confirm_notice", &[]).await.unwrap();
        t.act(&lee, number, "withdraw", &[]).await.unwrap();

        let other = give(&t, &t.contact, main, PLANNED).await;
        let text = [("called_name", "Lee Moss"), ("called_number", "+49 30 5550"), ("number_on_record", "false")];
        assert!(matches!(t.act(&t.engineer, other, "called_back", &text).await, Err(Error::Refused(Refusal::Fields(_)) | Error::Invalid(_))));
        let by_engineer = t.colleague("Bo").await;
        t.act(&t.engineer, other, "called_back", CALLED).await.unwrap();
        let log = t.whole_log(other).await;
        assert!(!log.iter().any(|row| row.body.contains("+49 30 5550")), "personal values stand beside the log");
        let data = t.case(other).await.flow.data;
        assert_eq!(data["called_name"].to_string(), "Lee Moss");

        // A notice that an engineer took on the telephone is confirmed by somebody else too.
        t.act(&t.contact, other, "withdraw", &[]).await.unwrap();
        let third = give(&t, &t.engineer, main, NOW).await;
        assert!(refused(t.act(&t.engineer, third, "called_back", CALLED).await).contains("yourself"));
        t.act(&by_engineer, third, "called_back", CALLED).await.unwrap();
    }
}

on_both! {
    async fn the_new_ip_stands_beside_the_old_one_until_the_overlap_is_over(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let main = in_use(&t).await;
        let server = t.case(main).await.server.unwrap();
        let lee = colleague(&t, "Lee").await;
        let number = give(&t, &t.contact, main, PLANNED).await;
        notices::verify(&t.app, &t.engineer, (number, lee.id), "Met in person").await.unwrap();
        t.act(&lee, number, "confirm_notice", &[]).await.unwrap();
        step(&t, number, ("engineer", "change_configured"), &[("change_ref", "CHG-9")], "ip_let_in").await;
        t.script.push(Some(Cause::TcpTimeout));
        step(&t, number, ("customer", "let_in_done"), &[], "ip_scheduled").await;
        t.script.push(None);
        step(&t, number, ("customer", "test_early"), &[], "ip_scheduled").await;
        in_product(&product, [("smtpServerAddress", json!("10.20.4.15")), ("smtpServerPort", json!(587)), ("tls", json!(false))]);
        assert_eq!(t.case(main).await.flow.data["smtp_ip"].to_string(), "10.20.4.15");

        // At the planned time: tested, applied, tested again.
        t.script.push(None);
        t.script.push(None);
        let at: chrono::DateTime<chrono::Utc> = "2026-11-30T07:00:00Z".parse().unwrap();
        t.pass(at - t.app.now()).await;
        assert_eq!(t.case(number).await.flow.state, "ip_overlap");
        in_product(&product, [("smtpServerAddress", json!("10.20.4.16")), ("smtpServerPort", json!(587)), ("tls", json!(false))]);
        let (proven, applied) = (Progress::Proven, entries(&t, main).await);
        assert_eq!(applied[1], ("10.20.4.16".into(), proven, proven));
        assert_eq!(applied[0], ("10.20.4.15".into(), proven, proven), "both stand during the overlap");
        let after = t.case(main).await;
        assert_eq!((after.flow.state.as_str(), after.flow.data["smtp_ip"].to_string()), ("active", "10.20.4.16".into()));
        assert_eq!(after.server, Some(server), "the server keeps its identity");
        let mut tx = t.app.db.read().await.unwrap();
        let record = store::tunnels::server(&mut tx, t.customer.id, server).await.unwrap().unwrap();
        assert_eq!(record.address, "10.20.4.16");
        let revisions = store::settings::of_case(&mut tx, after.customer, after.id).await.unwrap();
        assert!(revisions[0].address == "10.20.4.16" && revisions[0].applied_at.is_some(), "the main case has them as its own");
        drop(tx);

        t.pass(TimeDelta::hours(48) - TimeDelta::seconds(1)).await;
        assert_eq!(t.case(number).await.flow.state, "ip_overlap");
        t.pass(TimeDelta::seconds(1)).await;
        assert_eq!(t.case(number).await.flow.state, "ip_done");
        assert_eq!(entries(&t, main).await[0], ("10.20.4.15".into(), Progress::Retired, Progress::Retired));
        t.whole_log(number).await;
        assert!(postern::app::replay::all(&t.app.db).await.unwrap().findings.is_empty());
    }
}

on_both! {
    async fn what_the_product_may_hold_is_put_back_when_the_notice_is_taken_back(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let main = in_use(&t).await;
        let number = give(&t, &t.contact, main, NOW).await;
        t.act(&t.engineer, number, "called_back", CALLED).await.unwrap();
        step(&t, number, ("engineer", "change_configured"), &[("change_ref", "CHG-9")], "ip_let_in").await;
        t.script.push(None);
        t.script.push(Some(Cause::TcpTimeout));
        step(&t, number, ("customer", "let_in_done"), &[], "ip_fix").await;
        in_product(&product, [("smtpServerAddress", json!("10.20.4.16")), ("smtpServerPort", json!(587)), ("tls", json!(false))]);
        step(&t, number, ("customer", "withdraw"), &[], "ip_withdrawn").await;
        in_product(&product, [("smtpServerAddress", json!("10.20.4.15")), ("smtpServerPort", json!(587)), ("tls", json!(false))]);
        assert_eq!(t.case(main).await.flow.data["smtp_ip"].to_string(), "10.20.4.15");
        let entries = entries(&t, main).await;
        assert_eq!((entries[0].1, entries[1].1), (Progress::Proven, Progress::Retired));
    }
}

on_both! {
    async fn a_move_to_the_other_side_carries_the_answers_over_once_it_is_confirmed(db: TestDb) {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        let outside = [
            ("new_location", "public"), ("new_ip", "8.8.4.4"), ("change_timing", "planned"), ("effective_at", "2026-11-30T07:00:00Z"),
        ];
        let number = give(&t, &t.contact, main, &outside).await;
        assert_eq!(t.case(main).await.flow.state, "active", "not before it is confirmed");
        step(&t, number, ("engineer", "called_back"), CALLED, "ip_handed_back").await;
        let entry = notices::entry(&t.app, &t.contact, number).await.unwrap();
        assert_eq!((entry.sequence, entry.status), (1, Status::Confirmed), "it goes on in the main case");
        let after = t.case(main).await;
        let text = |field: &str| after.flow.data.get(field).map(ToString::to_string);
        assert_eq!(after.flow.state, "public_details");
        assert_eq!((text("smtp_ip"), text("smtp_port")), (Some("8.8.4.4".into()), Some("587".into())));
        assert_eq!((text("sender_address"), text("former_ip")), (Some("alerts@alder.example".into()), Some("10.20.4.15".into())));
        assert!(!after.flow.sealed.contains("smtp_password"), "another server never inherits the credentials");
        assert_eq!(entries(&t, main).await[0].1, Progress::Proven, "the server in use stays whitelisted");

        // One contact alone submits no other IP than the confirmed one, and does not begin anew.
        let submitted = [("smtp_port", "587"), ("encryption", "starttls"), ("sender_address", "alerts@alder.example"), ("filters_inbound", "no")];
        let with = |more: &[(&'static str, &'static str)]| [more, &submitted[..]].concat();
        for wrong in [with(&[("smtp_ip", "9.9.9.9")]), with(&[("smtp_ip", "8.8.4.4"), ("smtp_host", "mx.evil.example")])] {
            let text = refused(t.act(&t.contact, main, "submit_public", &wrong).await);
            assert!(text.contains("was not confirmed"), "{text}");
        }
        let text = refused(t.act(&t.contact, main, "reclassify", &[]).await);
        assert!(text.contains("one contact alone"), "{text}");
        t.act(&t.contact, main, "submit_public", &with(&[("smtp_ip", "8.8.4.4")])).await.unwrap();
        assert_eq!(t.case(main).await.flow.state, "route_public");
    }
}

on_both! {
    async fn a_calendar_entry_keeps_its_identity_and_its_sequence_grows(db: TestDb) {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        let stranger = t.stranger().await;
        let number = give(&t, &t.contact, main, PLANNED).await;
        let entry = async || notices::entry(&t.app, &t.contact, number).await.unwrap();
        let first = entry().await;
        assert_eq!((first.sequence, first.status, first.to.as_str()), (0, Status::Tentative, "10.20.4.16"));
        assert!(matches!(notices::entry(&t.app, &stranger, number).await, Err(Error::NotFound)));
        assert!(matches!(notices::entry(&t.app, &t.contact, main).await, Err(Error::NotFound)), "no notice, no entry");

        t.clock.advance(TimeDelta::minutes(1));
        t.act(&t.engineer, number, "called_back", CALLED).await.unwrap();
        let confirmed = entry().await;
        assert_eq!((confirmed.sequence, confirmed.status), (1, Status::Confirmed));
        assert!(confirmed.changed_at > first.changed_at, "else calendars keep the tentative one (RFC 5546, 2.1.4)");
        t.clock.advance(TimeDelta::minutes(1));
        for (at, code) in [("2026-11-01T00:00:00Z", "past"), ("2030-01-01T00:00:00Z", "too_far")] {
            let wrong = t.act(&t.contact, number, "change_date", &[("effective_at", at)]).await;
            assert!(matches!(&wrong, Err(Error::Invalid(errors)) if errors[0].code == code), "{at}: {wrong:?}");
        }
        t.act(&t.contact, number, "change_date", &[("effective_at", "2026-12-01T07:00:00Z")]).await.unwrap();
        let moved = entry().await;
        assert_eq!((moved.uid == first.uid, moved.sequence, moved.status), (true, 2, Status::Confirmed));
        assert!(moved.changed_at > confirmed.changed_at && moved.at > first.at);
        t.drain().await;
        let mails = t.mails_to("dana@alder.example");
        let mail = mails.iter().rfind(|mail| mail.subject.contains("date of the IP change")).unwrap();
        let raw = String::from_utf8(mail.raw.clone()).unwrap();
        assert!(raw.contains("method=PUBLISH") && raw.contains("ip-change.ics"), "{raw}");

        t.act(&t.contact, number, "withdraw", &[]).await.unwrap();
        let cancelled = entry().await;
        assert_eq!((cancelled.uid == first.uid, cancelled.sequence, cancelled.status), (true, 3, Status::Cancelled));
        t.drain().await;
        let mails = t.mails_to("dana@alder.example");
        let raw = String::from_utf8(mails.last().unwrap().raw.clone()).unwrap();
        assert!(raw.contains("method=CANCEL"), "{raw}");
        let sent: Vec<_> = t.app.mailer.sent().into_iter().filter(|mail| mail.to == "sam@brightwater.example").collect();
        assert!(sent.is_empty(), "another customer hears nothing: {sent:?}");
    }
}
