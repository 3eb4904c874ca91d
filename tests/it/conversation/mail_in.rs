//! Answers by mail: what becomes a message, what waits for an engineer, and that nothing is ever answered.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use axum::http::StatusCode;
use postern::app::{conversation, incoming};
use postern::domain::actor::Person;
use postern::mail::incoming::{Class, Trouble, read};

use crate::support::app::TestApp;
use crate::support::db::on_both;
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

on_both! {
    async fn two_installations_do_not_answer_each_other(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.request().await;
        let address = reply_address(&t, &t.contact).await;
        let sent = t.app.mailer.sent();
        // What one sends is what the other gets, as if the contact's address were that other one.
        let ours = String::from_utf8(sent.last().unwrap().raw.clone()).unwrap();
        let arrived = ours.replace("To: ", &format!("Delivered-To: {address}\r\nTo: "));
        take(&t, arrived.as_bytes()).await;
        t.drain().await;
        assert_eq!(t.app.mailer.sent().len(), sent.len(), "it stops after one mail");
        assert_eq!(incoming::waiting(&t.app, &t.engineer).await.unwrap().len(), 1);
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
