//! The log of a case says what the case is, and shows when somebody edits one of the two.

use std::process::{Command, Output};

use postern::app::conversation::{self, Post};
use postern::app::{queue, replay};
use postern::store;

use crate::support::app::{TestApp, fresh_once};
use crate::support::db::on_both;

/// A case with every kind of log entry: events, a claim, a message, a question with its answer, a hand-over.
async fn eventful(t: &TestApp) -> i64 {
    let number = t.reached().await;
    conversation::write(&t.app, &t.engineer, Post::new(number, "Only for us.", true), fresh_once()).await.unwrap();
    let colleague = t.colleague("Robin").await;
    queue::hand_over(&t.app, &t.engineer, number, (colleague.id, "Your turn".into())).await.unwrap();
    t.act(&t.contact, number, "note", &[("note", "We are ready.")]).await.unwrap();
    t.submit_settings(number).await;
    t.script.push(Some(postern::domain::cause::Cause::AuthBadCredentials));
    t.drain().await;
    t.act(&t.contact, number, "remove_account", &[]).await.unwrap();
    number
}

on_both! {
    async fn the_fold_of_every_log_is_the_case(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = eventful(&t).await;
        t.request_for("10.20.4.16").await;
        let rows = t.whole_log(number).await;
        let replayed = replay::all(&db.db).await.unwrap();
        assert_eq!((replayed.cases, replayed.findings.as_slice()), (2, &[][..]));
        assert!(replayed.entries > rows.len() as u64);
        assert!(rows.iter().all(|row| !row.body.contains("alerts@alder.example")), "personal values enter by commitment");
        assert!(rows.iter().any(|row| row.body.contains("commitment")));
    }
}

on_both! {
    async fn an_edited_case_and_an_edited_log_are_both_found(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (state, revision, log) = (t.request().await, t.request_for("10.20.4.16").await, t.request_for("10.20.4.17").await);
        let personal = t.request_for("10.20.4.18").await;
        db.execute(&format!("UPDATE cases SET state = 'active' WHERE number = {}", state.number)).await;
        db.execute(&format!("UPDATE cases SET revision = revision + 1 WHERE number = {}", revision.number)).await;
        let of = |number| format!("(SELECT id FROM cases WHERE number = {number})");
        let edit = "SET body = REPLACE(body, 'wanted', 'proven')";
        db.execute(&format!("UPDATE case_log {edit} WHERE case_id = {}", of(log.number))).await;
        let edit = "SET value = 'mallory@evil.example'";
        db.execute(&format!("UPDATE case_log_personal {edit} WHERE case_id = {}", of(personal.number))).await;
        let findings = replay::all(&db.db).await.unwrap().findings;
        let numbers: Vec<_> = findings.iter().map(|finding| finding.number).collect();
        assert_eq!(numbers, [state.number, revision.number, log.number, personal.number]);
        for (finding, word) in findings.iter().zip(["the state is active", "at revision", "was edited", "commits to"]) {
            assert!(finding.detail.contains(word), "{finding:?}");
            assert!(!finding.detail.contains('@'), "no personal value is shown: {finding:?}");
        }
    }
}

on_both! {
    async fn an_erased_value_leaves_the_chain_whole_and_the_case_comparable(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = eventful(&t).await;
        let (customer, id) = { let case = t.case(number).await; (case.customer, case.id) };
        t.app.db.write(move |tx| {
            Box::pin(async move { store::log::erase_personal(tx, (customer, id), "sender_address").await })
        }).await.unwrap();
        t.whole_log(number).await;
        assert_eq!(replay::all(&db.db).await.unwrap().findings, []);
        assert!(!db.tables_with("alerts@alder.example").await.contains(&"case_log_personal".to_owned()));
        let mut tx = t.app.db.read().await.unwrap();
        let rows = store::log::personal(&mut tx, customer, id).await.unwrap();
        let erased: Vec<_> = rows.iter().filter(|row| row.name == "sender_address").collect();
        assert!(!erased.is_empty() && erased.iter().all(|row| row.value.is_none() && row.salt.is_empty()));
        assert!(rows.iter().any(|row| row.name == "test_recipient" && row.value.is_some()), "the others stay");
    }
}

fn command(url: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_postern"))
        .args(["workflow", "replay", "--database", url, "--data", folder.path().to_str().unwrap()])
        .args(more)
        .env_clear()
        .output()
        .unwrap()
}

on_both! {
    async fn the_command_counts_what_it_read_and_fails_on_a_finding(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let good = command(&db.url, &[]);
        let text = String::from_utf8(good.stdout).unwrap();
        assert!(good.status.success() && text.ends_with("log entries, 0 findings\n"), "{text}");
        db.execute("UPDATE cases SET state = 'active'").await;
        let bad = command(&db.url, &["--json"]);
        assert_eq!(bad.status.code(), Some(1));
        let text = String::from_utf8(bad.stdout).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["number"], &lines[1]["findings"]), (&number.into(), &1.into()));
    }
}

#[test]
fn the_command_makes_no_database_where_none_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing.db");
    let ran = command(&format!("sqlite:{}", path.display()), &[]);
    assert_eq!(ran.status.code(), Some(4));
    assert!(String::from_utf8(ran.stderr).unwrap().contains("there is no database"));
    assert!(!path.exists());
}
