//! What stays inside: a customer's pages, programs and mails carry nothing of the vendor's staff, and an answer to nonsense
//! nothing of the program. Numbers are those of docs/SECURITY.md.

use axum::http::Method;
use postern::app::conversation::{self, Post};
use serde_json::{Value, json};

use super::{filled, is_unsafe, routes};
use crate::support::app::{TestApp, fresh_once};
use crate::support::client::Client;
use crate::support::db::{Kind, on_both, run};
use crate::support::http::Browser;

const NOTE: &str = "canary-note: their firewall is older than our contract";

/// A case with a note, an answer, a test and mails.
async fn with_a_note(t: &TestApp) -> i64 {
    let number = t.reached().await;
    for (text, internal) in [(NOTE, true), ("We opened port 587.", false)] {
        conversation::write(&t.app, &t.engineer, Post::new(number, text, internal), fresh_once()).await.unwrap();
    }
    t.drain().await;
    number
}

on_both! {
    async fn no_4_notes_and_addresses_of_staff_reach_no_customer_on_any_way(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = with_a_note(&t).await;
        let staff: Vec<&str> = [&t.engineer, &t.lead, &t.admin].map(|person| person.email.as_str()).to_vec();
        let inside = |what: &str, text: &str| {
            for canary in staff.iter().chain([&"canary-note", &"older than our contract"]) {
                assert!(!text.contains(canary), "{what} has {canary}: {text}");
            }
        };
        let (mut page, program) = (Browser::signed_in(&t.app, &t.contact).await, Client::of(&t.app, &t.contact).await);
        let mut read = 0;
        for (_, path) in routes(&t.app).await.into_iter().filter(|(method, _)| method == "GET") {
            let path = filled(&path, number);
            let shown = page.send(Method::GET, &path, None, &[]).await;
            inside(&path, &shown.body);
            let told = program.send(Method::GET, &path, &[("accept", "application/json")], String::new()).await;
            inside(&path, &told.text);
            read += i32::from(shown.status == 200) + i32::from(told.status == 200);
        }
        assert!(read > 30, "{read}");
        let mails = t.mails_to(&t.contact.email);
        assert!(mails.len() >= 2, "{mails:?}");
        for mail in mails {
            inside(&mail.subject, &String::from_utf8_lossy(&mail.raw));
            inside(&mail.subject, &mail.text);
        }
        // The test would not notice an empty page: an engineer reads the note on both ways.
        let kim = Browser::signed_in(&t.app, &t.engineer).await.open(&format!("/cases/{number}")).await;
        assert!(kim.shows(NOTE), "{}", kim.body);
        let messages = Client::of(&t.app, &t.engineer).await.get(&format!("/api/v1/cases/{number}/messages")).await;
        assert!(messages.text.contains(NOTE), "{}", messages.text);
    }
}

on_both! {
    async fn no_25_no_search_of_a_customer_tells_what_a_note_says(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = with_a_note(&t).await;
        let (mut page, program) = (Browser::signed_in(&t.app, &t.contact).await, Client::of(&t.app, &t.contact).await);
        let searches = ["q", "query", "search", "text", "filter", "note", "view"];
        for path in ["/", "/cases", "/queue", &format!("/cases/{number}"), "/api/v1/cases", &format!("/api/v1/cases/{number}/messages")] {
            for name in searches {
                // A word of the note and one that stands nowhere are answered alike.
                let [found, missed] = ["canary-note", "canary-nowhere"].map(|word| format!("{path}?{name}={word}"));
                let answers = (page.get(&found).await, page.get(&missed).await);
                let same = |body: &str| body.replace("canary-nowhere", "canary-note").len();
                assert_eq!(answers.0.status, answers.1.status, "{found}");
                assert_eq!(same(&answers.0.body), same(&answers.1.body), "{found}");
                let answers = (program.get(&found).await, program.get(&missed).await);
                assert_eq!(answers.0.status, answers.1.status, "{found}");
                assert_eq!(same(&answers.0.text), same(&answers.1.text), "{found}");
                assert_eq!(answers.0.header("link"), answers.1.header("link"), "{found}");
            }
        }
    }
}

/// Words of the language, its libraries and the databases, which tell a stranger what to try next.
const OF_THE_PROGRAM: [&str; 15] = [
    "postern::",
    "serde",
    "sqlx",
    "struct ",
    "Option<",
    "Option::",
    "enum ",
    "usize",
    "i64",
    "u16",
    "SELECT ",
    "sqlite",
    "panicked",
    ".rs:",
    "Some(",
];

/// Bodies that no route can take.
fn nonsense() -> Vec<String> {
    let deep = format!("{{\"message\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let values = [
        Value::Null,
        json!([]),
        json!("x"),
        json!(1e300),
        json!({"no_such_member": [1, {"a": null}]}),
        json!({"message": 5}),
        json!({"message": {"a": []}, "note": [], "smtp_port": -1}),
        json!({"smtp_port": 1.5}),
    ];
    let broken = ["{", "{\"message\": \"x\"", "{\"a\":1,\"a\":2}", "\u{0}", "{}{}", "<xml/>", &deep].map(str::to_owned);
    values.iter().map(Value::to_string).chain(broken).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_2_nonsense_is_answered_in_a_few_words_that_tell_nothing_of_the_program() {
    run(Kind::Sqlite, |db| async move {
        let t = TestApp::new(&db).await;
        let case = t.request().await;
        let (number, tag) = (case.number, format!("\"{}\"", case.revision));
        let clients = [Client::of(&t.app, &t.contact).await, Client::of(&t.app, &t.engineer).await];
        let routes: Vec<_> = routes(&t.app).await.into_iter().filter(|(method, _)| is_unsafe(method)).collect();
        let mut longest = String::new();
        for (method, path) in routes.iter().filter(|(_, path)| path.starts_with("/api/")) {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let (path, unknown) = (
                filled(path, number),
                filled(&path.replace("{event}", "no_such_event").replace("{number}", "x"), number),
            );
            for body in nonsense() {
                let start: String = body.chars().take(60).collect();
                for (path, client) in
                    [(&path, &clients[0]), (&path, &clients[1]), (&unknown, &clients[0]), (&unknown, &clients[1])]
                {
                    let key = postern::clock::fresh_id().to_string();
                    let headers = [
                        ("content-type", "application/json"),
                        ("idempotency-key", key.as_str()),
                        ("if-match", tag.as_str()),
                    ];
                    let answer = client.send(method.clone(), path, &headers, body.clone()).await;
                    assert!(answer.status.is_client_error(), "{path} {start}: {} {}", answer.status, answer.text);
                    // What was received is said back; the rest are our own words.
                    let ours = answer.text.replace(start.trim_matches('"'), "");
                    for word in OF_THE_PROGRAM {
                        assert!(!ours.contains(word), "{path} {start}: {word} is in {}", answer.text);
                    }
                    if answer.text.len() > longest.len() {
                        longest = answer.text;
                    }
                }
            }
        }
        // A problem (RFC 9457) has its type, title, detail and reference, and what to do about each wrong field.
        assert!((200..2_000).contains(&longest.len()), "{} bytes: {longest}", longest.len());
        assert_eq!(t.case(number).await.revision, case.revision, "nothing came of it");
    })
    .await;
}
