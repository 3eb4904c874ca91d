//! What runs here, and what could not be delivered.

use axum::http::StatusCode;
use chrono::TimeDelta;
use postern::app::Error;
use postern::store::outbox;

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::Browser;

/// Gives up the effect that has been due longest, as a worker does after its last try.
async fn bury(t: &TestApp, error: &'static str) -> String {
    let at = t.app.now();
    let work = t.app.db.write(move |tx| {
        Box::pin(async move {
            let effect = outbox::claim(tx, "test", at, at + TimeDelta::minutes(1)).await?.unwrap();
            outbox::bury(tx, &effect.effect_key, "test", error, at).await?;
            Ok::<String, Error>(effect.effect_key)
        })
    });
    work.await.unwrap()
}

on_both! {
    async fn what_was_given_up_is_shown_and_sent_again_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        assert!(ada.get("/admin/outbox").await.shows("Nothing was given up."));
        let number = t.request().await.number;
        let key = bury(&t, "550 5.1.1 <b>no</b> such user").await;
        t.drain().await;
        let sent = t.app.mailer.sent().len();

        let page = ada.get("/admin/outbox").await;
        assert!(page.shows("550 5.1.1 <b>no</b> such user") && page.shows(&format!("[{number}]")), "{}", page.body);
        assert!(page.body.contains(&format!("href=\"/cases/{number}\"")) && page.shows("@alder.example"));
        for _press in 0..2 {
            let answer = ada.submit(&page, "/admin/outbox/resend", &[]).await;
            assert_eq!(answer.location().as_deref(), Some("/admin/outbox"));
            t.drain().await;
        }
        assert_eq!(t.app.mailer.sent().len(), sent + 1, "one mail, however often the button is pressed");
        assert!(ada.get("/admin/outbox").await.shows("Nothing was given up."));
        let unknown = key.replace(|letter: char| letter.is_ascii_digit(), "0");
        let fields = [("idempotency_key", "k"), ("effect_key", unknown.as_str())];
        assert_eq!(ada.post("/admin/outbox/resend", &fields).await.status, StatusCode::NOT_FOUND);
    }
}

on_both! {
    async fn what_runs_here_is_told_without_secrets(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let page = ada.get("/admin/about").await;
        assert_eq!(page.status, StatusCode::OK);
        let definition = t.app.workflows.newest(postern::domain::channel::Channel::Smtp).unwrap();
        let kind = if db.url.starts_with("sqlite") { "SQLite" } else { "PostgreSQL" };
        let data = db.folder.join("data").display().to_string();
        for text in [env!("CARGO_PKG_VERSION"), kind, data.as_str(), "Mail is kept in memory", &definition.hash()] {
            assert!(page.shows(text), "{text} is not in {}", page.body);
        }
        let key = std::fs::read_to_string(db.folder.join("data/master.key")).unwrap();
        assert!(!page.body.contains(key.trim()) && !page.body.contains("postgres://"), "{}", page.body);
    }
}

on_both! {
    async fn an_administrator_reads_what_mails_say_and_they_can_do_nothing_in_the_page(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let list = ada.open("/admin/mails").await;
        let names: Vec<String> = t.app.views.mail_reads().into_keys().collect();
        assert!(names.len() > 40);
        for name in &names {
            assert!(list.body.contains(&format!("href=\"/admin/mails/{name}\"")), "{name}");
            let page = ada.open(&format!("/admin/mails/{name}")).await;
            let shown = format!("<iframe class=\"mail\" sandbox title=\"The mail {name} as a page\"");
            assert!(page.body.contains(&shown), "{name}");
            let mail = ada.open(&format!("/admin/mails/{name}/page")).await;
            let policy = mail.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.contains("; sandbox;") && policy.contains("frame-ancestors 'self'"), "{policy}");
            assert!(mail.shows("Case 2041"), "{name}");
        }
        let page = ada.open("/admin/mails/tunnel-works").await;
        assert!(page.shows("Host name: smtp.provider.example"), "fields have values of their kind: {}", page.body);
        assert_eq!(ada.get("/admin/mails/no-such-mail").await.status, 404);
    }
}
