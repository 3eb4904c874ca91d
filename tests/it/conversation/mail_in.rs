//! Answers by mail: what becomes a message, what waits for an engineer, and that nothing is ever answered.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use axum::http::StatusCode;
use chrono::TimeDelta;
use postern::app::conversation::{self, Post};
use postern::app::incoming;
use postern::domain::actor::Person;
use postern::mail::incoming::{Class, Trouble, read};
use postern::store::Db;
use postern::store::incoming::Incoming;

use crate::support::app::{TestApp, fresh_once};
use crate::support::db::{Kind, TestDb, on_both};
use crate::support::http::Browser;

/// The mails of the corpus by class and name.
fn corpus() -> Vec<(String, String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/mail");
    let mut all = Vec::new();
    for class in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for file in fs::read_dir(&class).unwrap().map(|entry| entry.unwrap().path()) {
            let text = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
            // Some are in other character sets than UTF-8; each byte is one letter here and one byte again later.
            let raw = fs::read(&file).unwrap().into_iter().map(char::from).collect();
            all.push((text(&class), text(&file), raw));
        }
    }
    all.sort();
    all
}

fn bytes(letters: &str) -> Vec<u8> {
    letters.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
}

/// Takes a mail as `postern mail-in` does.
async fn take(t: &TestApp, raw: &[u8]) {
    let letter = read(raw, raw.len() as u64);
    incoming::take(&t.app, letter, (raw.to_vec(), raw.len() as u64), None).await.unwrap();
}

/// The address at which the contact answers, as it stands in the last mail to the contact.
async fn reply_address(t: &TestApp, person: &Person) -> String {
    t.drain().await;
    let mail = t.mails_to(&person.email).pop().unwrap();
    let raw = String::from_utf8(mail.raw).unwrap().replace("\r\n ", " ");
    let line = raw.lines().find(|line| line.starts_with("Reply-To: ")).unwrap().to_owned();
    line.trim_start_matches("Reply-To: ").trim_matches(['<', '>']).to_owned()
}

fn mail(from: &str, to: &str, id: &str, more: &str, text: &str) -> Vec<u8> {
    format!("From: {from}\r\nTo: {to}\r\nSubject: Re: a question\r\nMessage-ID: <{id}@alder.example>\r\n{more}\r\n{text}\r\n")
        .into_bytes()
}

async fn bodies(t: &TestApp, number: i64) -> Vec<String> {
    let (messages, _) = conversation::read(&t.app, &t.engineer, number).await.unwrap();
    messages.into_iter().map(|message| message.body).collect()
}

#[test]
fn every_mail_of_the_corpus_has_a_source_and_is_told_apart() {
    let all = corpus();
    assert!(all.len() >= 60, "{}", all.len());
    for class in ["automatic", "bounce", "list", "bulk", "loop", "person"] {
        assert!(all.iter().filter(|(known, ..)| known == class).count() >= 5, "{class}");
    }
    let mut wrong = Vec::new();
    for (class, name, raw) in all {
        assert!(raw.contains("\r\nX-Corpus-Source: ") || raw.starts_with("X-Corpus-Source: "), "{name}");
        let raw = bytes(&raw);
        let letter = read(&raw, raw.len() as u64);
        let expected = if class == "hostile" { "person" } else { class.as_str() };
        if letter.class.as_str() != expected {
            wrong.push(format!("{class}/{name}: {}", letter.class.as_str()));
        }
        if class == "person" && (!letter.answer.contains("on port 587.") || letter.answer.contains("Which port")) {
            wrong.push(format!("{class}/{name}: {:?}", letter.answer));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

on_both! {
    async fn of_the_corpus_only_answers_of_people_are_added_and_nothing_is_answered(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let address = reply_address(&t, &t.contact).await;
        let (sent, before) = (t.app.mailer.sent().len(), t.case(number).await);
        let all = corpus();
        for (_, _, raw) in &all {
            take(&t, &bytes(&raw.replace("REPLY-ADDRESS", &address))).await;
        }
        t.drain().await;
        let people = all.iter().filter(|(class, ..)| class == "person").count();
        assert_eq!(bodies(&t, number).await.len(), people);
        assert_eq!(t.app.mailer.sent().len(), sent, "no mail leaves because of one that came");
        let after = t.case(number).await;
        assert_eq!((after.flow.state, after.flow.entered), (before.flow.state, before.flow.entered), "no mail acts");
        let waiting = incoming::waiting(&t.app, &t.engineer).await.unwrap();
        assert_eq!(waiting.len(), all.len() - people);
        t.whole_log(number).await;
    }
}

on_both! {
    async fn an_answer_is_its_writers_and_is_added_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let other = t.request_for("10.20.4.16").await.number;
        let address = reply_address(&t, &t.contact).await;
        let own = address.replace(&format!("+{number}."), &format!("+{other}."));
        let case = if own == address { other } else { number };
        let raw = mail("Dana <Dana@Alder.example>", &address, "1", "", "Port 587.");
        take(&t, &raw).await;
        take(&t, &raw).await;
        assert_eq!(bodies(&t, case).await, ["Port 587."]);
        let (messages, _) = conversation::read(&t.app, &t.contact, case).await.unwrap();
        assert_eq!((messages[0].author_id, messages[0].is_internal), (Some(t.contact.id), false));

        // Somebody else with the address, another case's number on it, a token that is none: all wait, none is told.
        let foreign = t.stranger().await;
        let moved = if case == other { address.replace(&format!("+{other}."), &format!("+{number}.")) } else { own };
        for (index, (from, to)) in [
            (foreign.email.as_str(), address.as_str()),
            (t.engineer.email.as_str(), address.as_str()),
            ("nobody@elsewhere.example", address.as_str()),
            ("dana@alder.example", moved.as_str()),
            ("dana@alder.example", "reply+1.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@in.vendor.example"),
            ("dana@alder.example", "reply+99999.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@in.vendor.example"),
        ].into_iter().enumerate() {
            take(&t, &mail(from, to, &format!("other-{index}"), "", "Let me in.")).await;
        }
        assert_eq!(bodies(&t, number).await.len() + bodies(&t, other).await.len(), 1);
        assert_eq!(incoming::waiting(&t.app, &t.engineer).await.unwrap().len(), 6);
    }
}

/// Sets somebody's address to one that no page would take from a person.
async fn move_to(db: &TestDb, from: &str, to: &str) {
    db.execute(&format!("UPDATE people SET email = '{to}' WHERE email = '{from}'")).await;
}

/// Hands everything that one service has sent since, and that is addressed to the other, to the other; tells how much.
async fn deliver(from: &TestApp, to: &TestApp, seen: &mut usize) -> usize {
    from.drain().await;
    let sent = from.app.mailer.sent();
    let fresh: Vec<_> = sent[*seen..].to_vec();
    *seen = sent.len();
    let domain = to.app.reply_domain.clone().unwrap();
    let mut handed = 0;
    for mail in fresh.iter().filter(|mail| mail.to.ends_with(&format!("@{domain}")) || mail.to.starts_with("postern@"))
    {
        let letter = read(&mail.raw, mail.raw.len() as u64);
        let raw = (mail.raw.clone(), mail.raw.len() as u64);
        incoming::take(&to.app, letter, raw, Some(mail.to.clone())).await.unwrap();
        handed += 1;
    }
    handed
}

on_both! {
    async fn two_installations_do_not_answer_each_other(db: TestDb) {
        let folder = db.folder.join("other");
        std::fs::create_dir_all(&folder).unwrap();
        let url = format!("sqlite:{}", folder.join("other.db").display());
        let beside = TestDb { db: Db::open(&url).await.unwrap(), url, kind: Kind::Sqlite, folder };
        let ours = TestApp::new(&db).await;
        let theirs = TestApp::with(&beside, |config| {
            config.mail.reply_domain = Some("in.other.example".into());
            "https://postern.other.example".clone_into(&mut config.public_url);
        }).await;
        // Each holds the other for its customer, and each has asked something that a mail of this person answers.
        let mut numbers = Vec::new();
        for t in [&ours, &theirs] {
            numbers.push(t.request().await.number);
        }
        let question = [("question", "Which firewall is it?")];
        move_to(&beside, "dana@alder.example", "postern@postern.vendor.example").await;
        theirs.act(&theirs.engineer, numbers[1], "ask_customer", &question).await.unwrap();
        theirs.drain().await;
        let mail = theirs.mails_to("postern@postern.vendor.example").pop().unwrap();
        let header = String::from_utf8(mail.raw).unwrap().replace("\r\n ", " ");
        let line = header.lines().find(|line| line.starts_with("Reply-To: ")).unwrap().to_owned();
        let way_back = line.trim_start_matches("Reply-To: ").trim_matches(['<', '>']).to_owned();
        move_to(&db, "dana@alder.example", &way_back).await;
        ours.act(&ours.engineer, numbers[0], "ask_customer", &question).await.unwrap();

        let (mut from_us, mut from_them, mut handed) = (0, 0, Vec::new());
        loop {
            let there = deliver(&ours, &theirs, &mut from_us).await;
            let back = deliver(&theirs, &ours, &mut from_them).await;
            if there + back == 0 {
                break;
            }
            handed.push((there, back));
            assert!(handed.len() < 10, "they go on and on: {handed:?}");
        }
        assert_eq!(handed.len(), 1, "what each had sent already, and nothing because of it: {handed:?}");
        assert!(handed[0].0 >= 1 && handed[0].1 >= 1, "{handed:?}");
        for (t, number) in [(&ours, numbers[0]), (&theirs, numbers[1])] {
            assert_eq!(t.case(number).await.flow.state, "waiting_customer");
            assert_eq!(bodies(t, number).await, Vec::<String>::new());
        }
        // The same mail without the marks of a program would have been the answer, and the case gone on.
        let ask = ours.app.mailer.sent().into_iter().rev().find(|mail| mail.to == way_back).unwrap();
        let text = String::from_utf8(ask.raw).unwrap();
        let marks = ["Auto-Submitted:", "Precedence:", "X-Auto-Response-Suppress:", "X-Loop:", "X-Postern", "Message-ID:"];
        let kept: Vec<&str> = text.split("\r\n").filter(|line| !marks.iter().any(|mark| line.starts_with(mark))).collect();
        let raw = kept.join("\r\n").into_bytes();
        let letter = read(&raw, raw.len() as u64);
        let size = raw.len() as u64;
        incoming::take(&theirs.app, letter, (raw, size), Some(way_back)).await.unwrap();
        assert_eq!(bodies(&theirs, numbers[1]).await.len(), 1);
        assert_ne!(theirs.case(numbers[1]).await.flow.state, "waiting_customer");
        beside.db.close().await;
    }
}

on_both! {
    async fn a_message_of_the_customer_brings_a_case_back_that_waits_for_it(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let before = t.case(number).await.flow.state;
        let ask = async || {
            t.act(&t.engineer, number, "ask_customer", &[("question", "Which port is it?")]).await.unwrap();
            assert_eq!(t.case(number).await.flow.state, "waiting_customer");
        };
        ask().await;
        // Neither a colleague of ours nor a note is an answer.
        let kim = Post::new(number, "Still waiting.", false);
        conversation::write(&t.app, &t.engineer, kim, fresh_once()).await.unwrap();
        assert_eq!(t.case(number).await.flow.state, "waiting_customer");
        let page = Post::new(number, "Port 587.\r\nThe firewall is ours.", false);
        conversation::write(&t.app, &t.contact, page, fresh_once()).await.unwrap();
        assert_eq!(t.case(number).await.flow.state, before);
        assert_eq!(t.case(number).await.flow.data.get("question"), None, "it is answered");

        ask().await;
        let address = reply_address(&t, &t.contact).await;
        take(&t, &mail("dana@alder.example", &address, "auto", "Auto-Submitted: auto-replied\r\n", "I am away.")).await;
        assert_eq!(t.case(number).await.flow.state, "waiting_customer", "a program answers nothing");
        take(&t, &mail("dana@alder.example", &address, "person", "", "Port 465.")).await;
        assert_eq!(t.case(number).await.flow.state, before);
        t.drain().await;
        assert!(t.mails_to("kim@vendor.example").iter().any(|mail| mail.text.contains("Port 465.")), "the engineer is told");
        t.whole_log(number).await;
    }
}

on_both! {
    async fn where_our_server_judges_senders_only_what_it_passed_is_an_answer(db: TestDb) {
        let t = TestApp::with(&db, |config| config.mail.authentication_by = Some("mx.vendor.example".into())).await;
        let number = t.request().await.number;
        let address = reply_address(&t, &t.contact).await;
        let pass = "Authentication-Results: mx.vendor.example; dmarc=pass header.from=alder.example\r\n";
        let forged = "Authentication-Results: mx.evil.example; dmarc=pass header.from=alder.example\r\n";
        let fail = "Authentication-Results: mx.vendor.example; dmarc=fail header.from=alder.example\r\n";
        let spf = "Authentication-Results: mx.vendor.example; spf=pass smtp.mailfrom=alder.example\r\n";
        let table = [
            (String::new(), false, "nothing was found out"),
            (fail.to_owned(), false, "found to be forged"),
            (forged.to_owned(), false, "said by another server"),
            (format!("{fail}{pass}"), false, "the sender wrote the lower one"),
            (format!("{forged}{pass}"), false, "not the topmost one"),
            (spf.to_owned(), false, "about another name than the one people see"),
            (pass.replace("mx.vendor.example", "mx.vendor.example.evil.example"), false, "a longer name"),
            (pass.to_owned(), true, "passed"),
            (format!("{pass}{fail}"), true, "the topmost one counts"),
        ];
        let mut taken = 0;
        for (index, (headers, is_taken, what)) in table.into_iter().enumerate() {
            let mail = mail("dana@alder.example", &address, &format!("dmarc-{index}"), &headers, &format!("Port {index}."));
            let mail = [headers.as_bytes(), String::from_utf8(mail).unwrap().replace(&headers, "").as_bytes()].concat();
            take(&t, &mail).await;
            taken += usize::from(is_taken);
            assert_eq!(bodies(&t, number).await.len(), taken, "{what}");
        }
    }
}

on_both! {
    async fn a_case_that_ended_is_answered_for_thirty_days(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let address = reply_address(&t, &t.contact).await;
        t.act(&t.contact, number, "cancel", &[("reason", "We changed our minds.")]).await.unwrap();
        assert!(t.case(number).await.closed_at.is_some());
        t.clock.advance(TimeDelta::days(30));
        take(&t, &mail("dana@alder.example", &address, "in time", "", "It was us.")).await;
        assert_eq!(bodies(&t, number).await, ["It was us."]);
        t.clock.advance(TimeDelta::seconds(1));
        take(&t, &mail("dana@alder.example", &address, "too late", "", "Once more.")).await;
        assert_eq!(bodies(&t, number).await.len(), 1);
        let waiting = incoming::waiting(&t.app, &t.engineer).await.unwrap();
        assert_eq!(waiting[0].reason, "The case has been closed for long");
    }
}

on_both! {
    async fn what_waits_is_forgotten_after_thirty_days_and_a_flood_of_one_sender_is_cut(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let address = reply_address(&t, &t.contact).await;
        take(&t, &mail("dana@alder.example", &address, "good", "", "Port 587.")).await;
        for index in 0..105 {
            take(&t, &mail("flood@elsewhere.example", "x@in.vendor.example", &format!("flood-{index}"), "", "Buy.")).await;
        }
        take(&t, &mail("other@elsewhere.example", "x@in.vendor.example", "other", "", "Hello.")).await;
        let waiting = || async { incoming::waiting(&t.app, &t.engineer).await.unwrap() };
        let of = |sender: &str, all: &[_]| all.iter().filter(|mail: &&Incoming| mail.sender.starts_with(sender)).count();
        let all = waiting().await;
        assert_eq!((of("flood", &all), of("other", &all)), (100, 1));
        take(&t, &mail("dana@alder.example", &address, "second", "", "Port 465.")).await;
        t.clock.advance(TimeDelta::hours(2));
        take(&t, &mail("flood@elsewhere.example", "x@in.vendor.example", "later", "", "Buy.")).await;
        assert_eq!(of("flood", &waiting().await), 101, "an hour later its mail is kept again");
        t.clock.advance(TimeDelta::days(30) - TimeDelta::hours(2));
        postern::app::forget_old_answers(&t.app).await.unwrap();
        assert_eq!(waiting().await.len(), 102, "thirty days old, not older");
        t.clock.advance(TimeDelta::seconds(1));
        postern::app::forget_old_answers(&t.app).await.unwrap();
        assert_eq!(waiting().await.len(), 1);
        assert_eq!(bodies(&t, number).await.len(), 2);
        assert_eq!(db.number("SELECT COUNT(*) FROM incoming_mail").await, 3, "what became part of a case stays with it");
    }
}

on_both! {
    async fn hostile_mail_waits_and_costs_little(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let address = reply_address(&t, &t.contact).await;
        let start = Instant::now();
        let header = format!("X-Fill: {}\r\n", "a".repeat(8 * 1024 * 1024));
        take(&t, &mail("dana@alder.example", &address, "h", &header, "Port 587.")).await;
        let nested: String = (0..1_000)
            .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"))
            .collect();
        let nested = format!("From: dana@alder.example\r\nTo: {address}\r\nMIME-Version: 1.0\r\n{nested}\r\nPort 587.\r\n");
        assert_eq!(read(nested.as_bytes(), nested.len() as u64).trouble, Some(Trouble::TooManyParts));
        take(&t, nested.as_bytes()).await;
        take(&t, b"").await;
        take(&t, &[0, 255, 13, 10, 13, 10, 0]).await;
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
        assert_eq!(bodies(&t, number).await, Vec::<String>::new());
        let waiting = incoming::waiting(&t.app, &t.engineer).await.unwrap();
        assert_eq!(waiting.len(), 4);
        assert!(waiting[0].sender == "dana@alder.example" && waiting[0].reason.contains("too large"), "{waiting:?}");
        assert_eq!(read(b"From: a@b.example\r\n\r\nhello", 17 * 1024 * 1024).trouble, Some(Trouble::TooLarge));
        assert_eq!(read(b"From: a@b.example\r\n\r\nhello", 26).class, Class::Person);
    }
}

on_both! {
    async fn an_engineer_reads_saves_adds_or_discards_what_waits(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        take(&t, &mail("nobody@elsewhere.example", "x@in.vendor.example", "1", "", "<b>Port</b> 587.")).await;
        take(&t, &mail("nobody@elsewhere.example", "x@in.vendor.example", "2", "", "Buy now.")).await;
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        assert_eq!(dana.get("/queue/quarantine").await.status, StatusCode::FORBIDDEN);

        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let page = kim.get("/queue/quarantine").await;
        assert!(page.shows("<b>Port</b> 587.") && page.shows("No case and person fit"), "{}", page.body);
        let waiting = incoming::waiting(&t.app, &t.engineer).await.unwrap();
        let path = |index: usize, what: &str| format!("/queue/quarantine/{}/{what}", waiting[index].id);
        let original = kim.get(&path(0, "original")).await;
        assert!(original.body.starts_with("From: nobody@elsewhere.example\r\n"));
        assert!(original.headers.get("content-disposition").unwrap().to_str().unwrap().starts_with("attachment"));
        assert_eq!(dana.get(&path(0, "original")).await.status, StatusCode::FORBIDDEN);

        let wrong = kim.submit(&page, &path(0, "attach"), &[("case", "99999")]).await;
        assert_eq!((wrong.status, wrong.shows("Enter the number of a case")), (StatusCode::UNPROCESSABLE_ENTITY, true));
        let added = kim.submit(&page, &path(0, "attach"), &[("case", &number.to_string())]).await;
        assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.body);
        kim.submit(&page, &path(1, "discard"), &[]).await;
        assert!(kim.get("/queue/quarantine").await.shows("No mail waits."));
        let (messages, _) = conversation::read(&t.app, &t.engineer, number).await.unwrap();
        assert!(messages[0].is_internal && messages[0].body.contains("nobody@elsewhere.example"), "{messages:?}");
    }
}
