//! Files of messages: what they are by their bytes, whose they are, and how they are served.

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use postern::app::conversation::{self, Post};
use postern::app::{Error, forget_old_answers};
use postern::domain::attachment::{LARGEST, MOST_IN_A_CASE};
use postern::domain::id::AttachmentId;
use postern::store::attachments::Attachment;
use serde_json::json;

use crate::support::app::{TestApp, done, fresh_once};
use crate::support::client::Client;
use crate::support::db::on_both;
use crate::support::http::Browser;

const GIF: &str = "GIF89a, and the rest of a picture";

async fn draft(t: &TestApp, who: &postern::domain::actor::Person, number: i64, content: &[u8]) -> Attachment {
    done(conversation::upload(&t.app, who, number, ("log.txt", content), None).await.unwrap())
}

async fn written(t: &TestApp, who: &postern::domain::actor::Person, post: Post) -> Result<Vec<Attachment>, Error> {
    conversation::write(&t.app, who, post, fresh_once()).await.map(|outcome| done(outcome).1)
}

fn codes(error: &Error) -> Vec<&'static str> {
    let Error::Invalid(errors) = error else { panic!("{error:?}") };
    errors.iter().map(|error| error.code).collect()
}

on_both! {
    async fn a_file_is_sent_with_a_message_and_saved_by_the_other_side(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let (path, action) = (format!("/cases/{number}"), format!("/cases/{number}/messages"));
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let page = dana.get(&path).await;
        assert!(page.body.contains("enctype=\"multipart/form-data\"") && page.body.contains("type=\"file\""));
        let sent = dana.submit_file(&page, &action, &[("message", "The log.")], ("smtp <1>.log", GIF)).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);

        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let page = kim.get(&path).await;
        assert!(page.shows("smtp <1>.log") && page.shows("33 bytes"), "{}", page.body);
        let href = page.body.split("href=\"").find(|link| link.contains("/files/")).unwrap().split('"').next().unwrap();
        let file = kim.get(href).await;
        assert_eq!((file.status, file.body.as_str()), (StatusCode::OK, GIF));
        let header = |name: &str| file.headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "image/gif", "by the bytes, whatever the sender says");
        assert!(header("content-disposition").starts_with("attachment; filename=\"smtp _1_.log\""));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");

        let mut sam = Browser::signed_in(&t.app, &t.stranger().await).await;
        assert_eq!(sam.get(href).await.status, StatusCode::NOT_FOUND);
    }
}

on_both! {
    async fn what_would_run_is_refused_with_nothing_lost(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let (path, action) = (format!("/cases/{number}"), format!("/cases/{number}/messages"));
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        for (name, content) in [
            ("photo.png", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
            ("notes.txt", "<!doctype html><script>alert(1)</script>"),
            ("photo.php.jpg", "harmless"),
            ("tool", "#!/bin/sh\nid\n"),
        ] {
            let page = dana.get(&path).await;
            let sent = dana.submit_file(&page, &action, &[("message", "Look at this.")], (name, content)).await;
            assert_eq!(sent.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
            assert_eq!(sent.wrong_fields(), ["file"], "{name}");
            assert!(sent.shows("Look at this."), "{}", sent.body);
        }
        assert_eq!(db.number("SELECT COUNT(*) FROM attachments").await, 0);
        assert_eq!(db.number("SELECT COUNT(*) FROM messages").await, 0);
    }
}

on_both! {
    async fn a_draft_is_its_uploaders_and_of_its_case_only(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let other = t.request_for("10.20.4.16").await.number;
        let file = draft(&t, &t.contact, number, b"one").await;
        let with = |number, file: AttachmentId| Post { files: vec![file], ..Post::new(number, "Here.", false) };

        assert!(matches!(conversation::file(&t.app, &t.engineer, number, file.id).await, Err(Error::NotFound)));
        assert!(conversation::file(&t.app, &t.contact, number, file.id).await.is_ok());
        assert!(matches!(conversation::file(&t.app, &t.contact, other, file.id).await, Err(Error::NotFound)));
        for (who, case) in [(&t.engineer, number), (&t.contact, other)] {
            let error = written(&t, who, with(case, file.id)).await.unwrap_err();
            assert_eq!(codes(&error), ["unknown"]);
        }
        assert_eq!(db.number("SELECT COUNT(*) FROM messages").await, 0, "all of it or nothing");
        assert_eq!(written(&t, &t.contact, with(number, file.id)).await.unwrap().len(), 1);
        let again = written(&t, &t.contact, with(number, file.id)).await.unwrap_err();
        assert_eq!(codes(&again), ["unknown"], "a file belongs to one message");
        assert!(matches!(conversation::file(&t.app, &t.engineer, other, file.id).await, Err(Error::NotFound)));

        let forgotten = draft(&t, &t.contact, number, b"never sent").await;
        t.clock.advance(TimeDelta::days(3));
        forget_old_answers(&t.app).await.unwrap();
        assert!(matches!(conversation::file(&t.app, &t.contact, number, forgotten.id).await, Err(Error::NotFound)));
        assert!(conversation::file(&t.app, &t.contact, number, file.id).await.is_ok());
    }
}

on_both! {
    async fn a_file_of_a_note_stays_inside(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let file = draft(&t, &t.engineer, number, b"inside").await;
        let note = Post { files: vec![file.id], ..Post::new(number, "Kept inside.", true) };
        written(&t, &t.engineer, note).await.unwrap();
        assert!(conversation::file(&t.app, &t.lead, number, file.id).await.is_ok());
        assert!(matches!(conversation::file(&t.app, &t.contact, number, file.id).await, Err(Error::NotFound)));

        let dana = Client::of(&t.app, &t.contact).await;
        let seen = dana.get(&format!("/api/v1/cases/{number}/messages")).await;
        assert_eq!(seen.expect(200)["items"], json!([]));
        dana.get(&format!("/api/v1/cases/{number}/attachments/{}", file.id)).await.problem(404, "not_found");
        let mut browser = Browser::signed_in(&t.app, &t.contact).await;
        let page = browser.get(&format!("/cases/{number}")).await;
        assert!(!page.shows("Kept inside.") && !page.shows("log.txt"), "{}", page.body);
        t.drain().await;
        assert!(t.app.mailer.sent().iter().all(|mail| !String::from_utf8_lossy(&mail.raw).contains("Kept inside")));
        let kim = Client::of(&t.app, &t.engineer).await;
        let item = kim.get(&format!("/api/v1/cases/{number}/messages")).await.expect(200)["items"][0].clone();
        assert_eq!((&item["internal"], &item["attachments"][0]["name"]), (&json!(true), &json!("log.txt")));
    }
}

on_both! {
    async fn a_program_uploads_then_writes_and_a_repeat_does_it_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let dana = Client::of(&t.app, &t.contact).await;
        let path = format!("/api/v1/cases/{number}/attachments");
        let named = format!("{path}?name=smtp.log");
        let key = [("idempotency-key", "one")];
        let first = dana.send(Method::POST, &named, &key, "220 mail ESMTP".into()).await.expect(201);
        let again = dana.send(Method::POST, &named, &key, "220 mail ESMTP".into()).await;
        assert_eq!((again.header("idempotency-replayed"), again.expect(201)), ("true".into(), first.clone()));
        dana.send(Method::POST, &named, &key, "other".into()).await.problem(422, "key_reused");
        dana.send(Method::POST, &named, &[], "220".into()).await.problem(400, "key_missing");
        dana.send(Method::POST, &path, &[("idempotency-key", "two")], "220".into()).await.problem(422, "invalid");
        Client::stranger(&t.app).send(Method::POST, &named, &key, "220".into()).await.problem(401, "signed_out");
        assert_eq!(first["type"], "text/plain; charset=utf-8");

        let body = json!({"message": "The log.", "attachments": [first["id"]]});
        let message = dana.post(&format!("/api/v1/cases/{number}/messages"), &[], &body).await.expect(201);
        assert_eq!(message["attachments"][0], first);
        let file = dana.get(&format!("{path}/{}", first["id"].as_str().unwrap())).await;
        assert_eq!(file.text, "220 mail ESMTP");
        assert!(file.header("content-disposition").starts_with("attachment"));
    }
}

on_both! {
    async fn files_and_cases_have_a_limit(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let dana = Client::of(&t.app, &t.contact).await;
        let path = format!("/api/v1/cases/{number}/attachments?name=a.txt");
        let huge = "a".repeat(LARGEST + 300 * 1024);
        dana.send(Method::POST, &path, &[("idempotency-key", "k")], huge).await.problem(413, "too_large");
        let large = vec![b'a'; LARGEST];
        let fits = usize::try_from(MOST_IN_A_CASE).unwrap() / LARGEST;
        for _ in 0..fits {
            draft(&t, &t.contact, number, &large).await;
        }
        let error = conversation::upload(&t.app, &t.contact, number, ("a.txt", &b"a"[..]), None).await.unwrap_err();
        assert_eq!(codes(&error), ["case_full"]);
        draft(&t, &t.contact, t.request_for("10.20.4.16").await.number, b"a").await;
    }
}

on_both! {
    async fn identifiers_of_files_say_nothing_of_each_other(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let (one, two) = (draft(&t, &t.contact, number, b"1").await, draft(&t, &t.contact, number, b"2").await);
        let (one, two) = (one.id.uuid().into_bytes(), two.id.uuid().into_bytes());
        assert_ne!(one[..6], two[..6], "identifiers by time would begin alike");
    }
}
