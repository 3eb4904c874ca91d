//! Who wants less mail gets less, but never misses the own turn; the mail of the day comes once; times are the reader's.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use postern::app::mail_wishes::{self, Draft};
use postern::app::{Error, backup, queue};
use postern::domain::actor::Person;
use postern::domain::mail_wish::About;
use postern::store::{Db, StoreError, personal_mails};
use postern::worker;

use crate::support::app::{TestApp, drain};
use crate::support::db::on_both;

async fn wish(t: &TestApp, person: &Person, zone: Option<&str>, wishes: &[(&str, &str)]) {
    let wishes = wishes.iter().map(|(about, when)| ((*about).to_owned(), (*when).to_owned())).collect();
    let draft = Draft { time_zone: zone.map(str::to_owned), wishes };
    mail_wishes::change(&t.app, person, &draft).await.unwrap();
}

/// A mail without the soft line breaks of its encoding.
fn text(mail: &postern::mail::Sent) -> String {
    String::from_utf8_lossy(&mail.raw).replace("=\r\n", "")
}

fn subjects(t: &TestApp, person: &Person) -> Vec<String> {
    t.mails_to(&person.email).into_iter().map(|mail| mail.subject).collect()
}

on_both! {
    async fn what_is_not_wanted_is_not_sent_and_the_own_turn_always_is(db: TestDb) {
        let t = TestApp::new(&db).await;
        wish(&t, &t.contact, None, &[("progress", "none"), ("messages", "none"), ("endings", "none")]).await;
        let number = t.request().await.number;
        t.drain().await;
        assert_eq!(subjects(&t, &t.contact), Vec::<String>::new(), "that we got the request is progress");
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        t.drain().await;
        assert!(subjects(&t, &t.contact).iter().all(|subject| subject.contains("Waiting on you")));
        assert_eq!(subjects(&t, &t.contact).len(), 1);
    }
}

on_both! {
    async fn whoever_has_claimed_a_case_hears_of_it_at_once_whatever_was_wished(db: TestDb) {
        let t = TestApp::new(&db).await;
        let colleague = t.colleague("Bo").await;
        for person in [&t.engineer, &colleague] {
            wish(&t, person, None, &[("queue", "none")]).await;
        }
        t.request().await;
        t.drain().await;
        assert!(subjects(&t, &t.engineer).is_empty() && subjects(&t, &colleague).is_empty());
        let number = t.tested("10.20.4.17").await;
        t.script.push(Some(postern::domain::cause::Cause::FormHostInvalid));
        t.drain().await;
        let about = format!("[{number}]");
        assert!(subjects(&t, &t.engineer).iter().any(|subject| subject.contains(&about)), "{:?}", subjects(&t, &t.engineer));
        assert!(subjects(&t, &colleague).is_empty());
    }
}

on_both! {
    async fn the_mail_of_the_day_comes_once_at_eight_of_the_readers_zone(db: TestDb) {
        let t = TestApp::new(&db).await;
        // It is 10:00 UTC, so 11:00 in Berlin.
        wish(&t, &t.contact, Some("Europe/Berlin"), &[("progress", "daily")]).await;
        let (first, second) = (t.request().await.number, t.request_for("10.20.4.16").await.number);
        t.drain().await;
        assert!(subjects(&t, &t.contact).is_empty());
        t.pass("2026-11-26T06:59:59Z".parse::<DateTime<Utc>>().unwrap() - t.clock.now()).await;
        assert!(subjects(&t, &t.contact).iter().all(|subject| !subject.contains("happened")));
        t.pass(TimeDelta::seconds(1)).await;
        let digests = || -> Vec<_> {
            t.mails_to(&t.contact.email).into_iter().filter(|mail| mail.subject.contains("happened in your cases")).collect()
        };
        let sent = digests();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].subject, "2 things happened in your cases");
        let raw = text(&sent[0]);
        assert!(raw.contains(&format!("[{first}]")) && raw.contains(&format!("[{second}]")), "{raw}");
        assert!(raw.contains("25 November 2026 at 11:00 CET"), "{raw}");
        t.pass(TimeDelta::days(3)).await;
        assert_eq!(digests().len(), 1, "a day without news has no mail");

        // What happens after it goes into the next one.
        t.request_for("10.20.4.18").await;
        t.pass(TimeDelta::days(1)).await;
        assert_eq!(digests().len(), 2);
        assert_eq!(digests()[1].subject, "1 thing happened in your cases");
    }
}

on_both! {
    async fn a_line_that_comes_while_the_mail_of_the_day_is_sent_is_in_the_next_one(db: TestDb) {
        let t = TestApp::new(&db).await;
        wish(&t, &t.contact, None, &[("progress", "daily")]).await;
        t.request().await;
        t.clock.advance(TimeDelta::hours(22));
        let mail = postern::app::personal_mails::claim(&t.app).await.unwrap().unwrap();
        // The clock of another node is behind: for it, eight o'clock has not come.
        t.clock.advance(TimeDelta::minutes(-1));
        t.request_for("10.20.4.16").await;
        t.clock.advance(TimeDelta::minutes(1));
        // The node that took the mail died; after its lease another one sends the same.
        t.clock.advance(TimeDelta::minutes(5));
        let second = t.second_node(&db).await;
        while worker::personal_mails::step(&second).await.unwrap() == worker::Step::Worked {}
        let sent = second.mailer.sent();
        assert_eq!(sent.iter().map(|mail| mail.subject.as_str()).collect::<Vec<_>>(), ["1 thing happened in your cases"]);
        assert!(mail.mail_key.starts_with("digest."));
        t.clock.advance(TimeDelta::days(1));
        while worker::personal_mails::step(&second).await.unwrap() == worker::Step::Worked {}
        assert_eq!(second.mailer.sent().len(), 2, "the late line came a day later");
        second.db.close().await;
    }
}

on_both! {
    async fn what_the_reader_may_no_longer_see_is_not_told(db: TestDb) {
        let t = TestApp::new(&db).await;
        wish(&t, &t.contact, None, &[("progress", "daily")]).await;
        let case = t.request().await;
        db.execute(&format!("UPDATE cases SET opened_by = (SELECT id FROM people WHERE email = 'kim@vendor.example') WHERE number = {}", case.number)).await;
        db.execute("UPDATE memberships SET all_cases = FALSE").await;
        t.clock.advance(TimeDelta::days(1));
        while worker::personal_mails::step(&t.app).await.unwrap() == worker::Step::Worked {}
        assert!(subjects(&t, &t.contact).is_empty());
    }
}

on_both! {
    async fn a_broken_promise_is_told_in_the_time_of_its_reader(db: TestDb) {
        let t = TestApp::new(&db).await;
        wish(&t, &t.lead, Some("America/New_York"), &[("queue", "none")]).await;
        // Nobody can choose this, and nobody does without such a mail.
        db.execute("UPDATE people SET wants_mail = FALSE").await;
        t.request().await;
        t.pass(TimeDelta::days(2)).await;
        let told = t.mails_to(&t.lead.email);
        let late = told.iter().find(|mail| mail.subject.contains(" is late")).unwrap();
        assert!(text(late).contains("It was due on 26 November 2026 at 05:00 EST."), "{}", text(late));
    }
}

on_both! {
    async fn wishes_that_cannot_be_are_refused_and_change_nothing(db: TestDb) {
        let t = TestApp::new(&db).await;
        for (person, zone, about, when, field) in [
            (&t.contact, Some("Europe/Atlantis"), "progress", "daily", "time_zone"),
            (&t.contact, None, "turn", "none", "turn"),
            (&t.contact, None, "queue", "none", "queue"),
            (&t.engineer, None, "queue", "weekly", "queue"),
            (&t.engineer, None, "weather", "now", "about"),
        ] {
            let draft = Draft { time_zone: zone.map(str::to_owned), wishes: vec![(about.into(), when.into())] };
            match mail_wishes::change(&t.app, person, &draft).await {
                Err(Error::Invalid(errors)) => assert_eq!(errors[0].field, field),
                other => panic!("{about}={when}: {other:?}"),
            }
        }
        assert_eq!(db.number("SELECT COUNT(*) FROM mail_wishes").await, 0);
        drain(&t.app).await;
    }
}

#[test]
fn every_mail_that_may_be_done_without_is_there() {
    let views = postern::views::Views::load().unwrap();
    let mails: BTreeSet<String> = views.mail_reads().into_keys().collect();
    let gone: Vec<&str> = About::quiet_templates().filter(|name| !mails.contains(*name)).collect();
    assert!(gone.is_empty(), "no such mails: {gone:?}");
}

/// Whether a mail to one person is due at an instant.
async fn is_due(db: &Db, at: DateTime<Utc>) -> bool {
    let claim = db.write(move |tx| {
        Box::pin(async move { Ok::<bool, StoreError>(personal_mails::claim(tx, at, at).await?.is_some()) })
    });
    claim.await.unwrap()
}

on_both! {
    async fn a_mail_of_the_day_that_waits_in_a_backup_is_held_and_can_be_let_go(db: TestDb) {
        let t = TestApp::new(&db).await;
        wish(&t, &t.contact, None, &[("progress", "daily")]).await;
        t.request().await;
        let file = db.folder.join("backup");
        backup::create(&t.app.db, &file, t.clock.now()).await.unwrap();
        let restored = Db::open(&format!("sqlite:{}", db.folder.join("restored.db").display())).await.unwrap();
        backup::restore(&restored, &file, t.clock.now()).await.unwrap();
        let at = t.clock.now() + TimeDelta::days(1);
        assert!(!is_due(&restored, at).await, "it is held");
        let revive = restored.write(move |tx| {
            Box::pin(async move { personal_mails::revive_held(tx, at).await })
        });
        assert_eq!(revive.await.unwrap(), 1);
        assert!(is_due(&restored, at).await);
        restored.close().await;
    }
}
