//! What receivers check: our signatures hold in the library of Standard Webhooks, also while a key is replaced.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use chrono::TimeDelta;
use postern::app::webhooks::{endpoints, log};
use postern::domain::webhook::{Delivery, read_key, signature};
use postern::secret::Secret;
use serde_json::json;

use super::{Got, Receiver, Reply, endpoint, logged, send_due, service};
use crate::support::db::on_both;
use crate::support::peers;

fn holds(got: &Got, key: &Secret) -> bool {
    let key = read_key(key.expose()).unwrap();
    let at: i64 = got.header("webhook-timestamp").parse().unwrap();
    let expected = signature([key.as_slice()], (got.header("webhook-id"), at), &got.body);
    got.header("webhook-signature").split(' ').any(|one| one == expected)
}

on_both! {
    async fn both_keys_sign_for_a_day_after_one_was_replaced(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(200)]).await;
        let (view, first) = endpoint(&t, "all", &receiver.url(), &[]).await;
        let id = view.endpoint.id;
        let ping = async || {
            log::ping(&t.app, id, None).await.unwrap();
            send_due(&t).await;
            receiver.got().pop().unwrap()
        };
        let got = ping().await;
        assert!(holds(&got, &first) && !got.header("webhook-signature").contains(' '));
        t.clock.advance(TimeDelta::minutes(1));
        let second = endpoints::rotate(&t.app, id, None).await.unwrap().1.unwrap();
        let got = ping().await;
        assert!(holds(&got, &first) && holds(&got, &second));
        t.clock.advance(TimeDelta::hours(23));
        assert!(holds(&ping().await, &first));
        // A third key within the day ends the first one.
        let third = endpoints::rotate(&t.app, id, None).await.unwrap().1.unwrap();
        let got = ping().await;
        assert!(!holds(&got, &first) && holds(&got, &second) && holds(&got, &third));
        t.clock.advance(TimeDelta::hours(24));
        let got = ping().await;
        assert!(!holds(&got, &second) && holds(&got, &third) && !got.header("webhook-signature").contains(' '));
        for key in [&first, &second, &third] {
            assert!(db.tables_with(key.expose()).await.is_empty());
        }
    }
}

on_both! {
    async fn a_key_that_does_not_open_is_a_failure_that_is_seen_and_another_key_mends_it(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(200)]).await;
        let (view, _) = endpoint(&t, "all", &receiver.url(), &[]).await;
        log::ping(&t.app, view.endpoint.id, None).await.unwrap();
        db.execute("UPDATE webhook_secrets SET key_id = 'of another master key'").await;
        send_due(&t).await;
        let row = logged(&t, &view).await.remove(0);
        assert_eq!((row.state, row.attempts, row.status), (Delivery::Waiting, 1, None));
        assert!(row.error.as_deref().unwrap().contains("make another key"), "{row:?}");
        assert!(endpoints::one(&t.app, view.endpoint.id).await.unwrap().endpoint.failing_since.is_some());
        let key = endpoints::rotate(&t.app, view.endpoint.id, None).await.unwrap().1.unwrap();
        t.clock.advance(TimeDelta::seconds(7));
        send_due(&t).await;
        let got = receiver.got().pop().unwrap();
        assert!(holds(&got, &key) && !got.header("webhook-signature").contains(' '), "the former key is left out");
    }
}

on_both! {
    /// Where the peers are installed (`target/peers/venv`), the Python library of Standard Webhooks checks what came, and
    /// must refuse what was changed.
    async fn the_library_of_standard_webhooks_takes_our_messages(db: TestDb) {
        let t = service(&db).await;
        // The library refuses what is older than five minutes, so the clock of the test goes where the machine's is.
        t.clock.advance(postern::clock::Clock::System.now() - t.clock.now());
        let receiver = Receiver::start(&[Reply::Status(200)]).await;
        let (view, first) = endpoint(&t, "all", &receiver.url(), &[]).await;
        let second = endpoints::rotate(&t.app, view.endpoint.id, None).await.unwrap().1.unwrap();
        t.request().await;
        log::ping(&t.app, view.endpoint.id, None).await.unwrap();
        send_due(&t).await;
        let got = receiver.got();
        assert!(got.len() > 2 && got.iter().all(|got| holds(got, &first) && holds(got, &second)));
        if let Some(python) = peers::python() {
            let cases: Vec<_> = [&first, &second]
                .iter()
                .flat_map(|key| got.iter().map(|got| json!({"key": key.expose(), "headers": header_map(got), "body": got.body})))
                .collect();
            let said = verify(&python, json!(cases).to_string()).await;
            assert_eq!(said.trim(), format!("{} taken, {} changed ones refused", cases.len(), cases.len() * 4));
        }
    }
}

fn header_map(got: &Got) -> serde_json::Value {
    json!({
        "webhook-id": got.header("webhook-id"),
        "webhook-timestamp": got.header("webhook-timestamp"),
        "webhook-signature": got.header("webhook-signature"),
    })
}

async fn verify(python: &Path, cases: String) -> String {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/verify_webhooks.py"));
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(cases.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
