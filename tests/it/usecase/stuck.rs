//! One row that nobody can work on must not hold up the others.

use chrono::TimeDelta;
use postern::app::dead_letters;
use postern::app::mail_wishes::{self, Draft};
use postern::domain::actor::Person;

use crate::support::app::TestApp;
use crate::support::db::on_both;

on_both! {
    async fn an_effect_that_cannot_be_read_ends_with_the_dead_letters_and_the_others_go_out(db: TestDb) {
        let t = TestApp::new(&db).await;
        let broken = t.request().await;
        db.execute(&format!("UPDATE outbox SET payload = '{{}}' WHERE effect_key LIKE '{}%'", broken.id)).await;
        t.request_for("10.20.4.16").await;
        t.drain().await;
        assert_eq!(t.mails_to("dana@alder.example").len(), 1, "the other case's");
        for _ in 0..200 {
            t.pass(TimeDelta::hours(1)).await;
        }
        let (dead, _) = dead_letters::list(&t.app, &t.admin).await.unwrap();
        assert!(dead.iter().any(|dead| dead.case == Some(broken.number)), "{dead:?}");
        assert!(dead.iter().all(|dead| dead.last_error.as_deref().unwrap().contains("outbox row")), "{dead:?}");
    }
}

on_both! {
    async fn a_mail_to_one_person_that_cannot_be_written_is_given_up_where_it_is_seen(db: TestDb) {
        let t = TestApp::new(&db).await;
        for person in [&t.contact, &t.engineer] {
            let about = if person.is_staff() { "queue" } else { "progress" };
            let daily = Draft { time_zone: None, wishes: vec![(about.into(), "daily".into())] };
            mail_wishes::change(&t.app, person, &daily).await.unwrap();
        }
        t.request().await;
        db.execute(&format!("UPDATE personal_mails SET template = 'gone' WHERE person_id IN (SELECT id FROM people WHERE email = '{}')", t.contact.email)).await;
        let digests = |person: &Person| {
            t.mails_to(&person.email).iter().filter(|mail| mail.subject.contains("happened in your cases")).count()
        };
        t.pass(TimeDelta::hours(22)).await;
        assert_eq!((digests(&t.engineer), digests(&t.contact)), (1, 0), "the others go out");
        assert!(dead_letters::all(&t.app).await.unwrap().is_empty(), "one failure is not the end");
        for _ in 0..200 {
            t.pass(TimeDelta::hours(1)).await;
        }
        let dead = dead_letters::all(&t.app).await.unwrap();
        let found = dead.iter().find(|letter| letter.key.starts_with("digest.")).unwrap();
        assert_eq!((found.subject.as_str(), &found.to), ("Mail gone", &t.contact.email));
        assert!(found.last_error.is_some() && found.attempts > 8, "{found:?}");
    }
}

on_both! {
    async fn a_test_that_cannot_be_prepared_does_not_hold_up_the_tests_of_other_cases(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut numbers = Vec::new();
        for host in [15, 16] {
            let number = t.request_for(&format!("10.20.4.{host}")).await.number;
            t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
            t.act(&t.contact, number, "let_in_done", &[]).await.unwrap();
            numbers.push(number);
        }
        db.execute(&format!("UPDATE cases SET tunnel_id = NULL WHERE number = {}", numbers[0])).await;
        t.script.push(None);
        t.drain().await;
        assert_eq!(t.case(numbers[1]).await.flow.state, "settings");
        assert_eq!(t.case(numbers[0]).await.flow.state, "tunnel_test", "it waits, and its clock tells an engineer");
        let tunnel = "(SELECT id FROM tunnels LIMIT 1)";
        db.execute(&format!("UPDATE cases SET tunnel_id = {tunnel} WHERE number = {}", numbers[0])).await;
        t.script.push(None);
        t.pass(TimeDelta::minutes(5)).await;
        assert_eq!(t.case(numbers[0]).await.flow.state, "settings", "it goes on once the record is right");
    }
}

on_both! {
    async fn a_clock_that_cannot_ring_does_not_hold_up_the_clocks_of_other_cases(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (broken, good) = (t.request().await, t.request_for("10.20.4.16").await);
        t.drain().await;
        db.execute(&format!("UPDATE cases SET version = 99 WHERE number = {}", broken.number)).await;
        let reminders = |t: &TestApp| {
            let is_reminder = |mail: &&postern::mail::Sent| mail.subject.contains("Reminder");
            t.mails_to("kim@vendor.example").iter().filter(is_reminder).map(|mail| mail.subject.clone()).collect::<Vec<_>>()
        };
        t.pass(TimeDelta::days(1)).await;
        let sent = reminders(&t);
        assert!(sent.len() == 1 && sent[0].contains(&good.number.to_string()), "{sent:?}");
        db.execute(&format!("UPDATE cases SET version = 1 WHERE number = {}", broken.number)).await;
        t.pass(TimeDelta::hours(2)).await;
        assert_eq!(reminders(&t).len(), 2, "it rings once the case can be read again");
    }
}
