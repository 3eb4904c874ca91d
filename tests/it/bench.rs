//! `postern bench`: one object, the members of the contract, figures of work that was really done.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::db::on_both;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_postern")).arg("bench").args(arguments).output().unwrap()
}

#[test]
fn each_measurement_prints_one_object_with_the_members_of_the_contract() {
    for (name, cases) in [("transitions", "4"), ("queue", "120")] {
        let output = bench(&[name, "--seconds", "1", "--clients", "2", "--cases", cases]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(text.lines().count(), 1, "{text}");
        let order = [
            "name",
            "throughput",
            "unit",
            "p50_ms",
            "p90_ms",
            "p99_ms",
            "max_ms",
            "bytes_per_answer",
            "peak_rss_mib",
            "ceiling_one_by_one",
            "ratio",
        ];
        let places: Vec<_> = order.iter().map(|member| text.find(&format!("\"{member}\":")).expect(member)).collect();
        assert!(places.is_sorted(), "{text}");
        let figures: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(figures["name"], name);
        let figure = |member: &str| figures[member].as_f64().unwrap();
        assert!(figure("throughput") > 0.0 && figure("ceiling_one_by_one") > 0.0 && figure("bytes_per_answer") > 100.0);
        assert!((figure("ratio") - figure("throughput") / figure("ceiling_one_by_one")).abs() < 0.01, "{text}");
        assert!(figure("p50_ms") <= figure("p90_ms") && figure("p90_ms") <= figure("max_ms"), "{text}");
    }
}

#[test]
fn a_thousand_probes_at_once_take_little_memory_each() {
    let output = bench(&["probes", "--seconds", "1", "--clients", "8", "--in-flight", "1000"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.lines().count(), 1, "{text}");
    let figures: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&figures["name"], &figures["in_flight"]), (&"probes".into(), &1000.into()));
    let bytes = figures["bytes_per_probe"].as_u64().unwrap();
    assert!((1024..=128 * 1024).contains(&bytes), "{bytes} octets for each probe in flight: {text}");
    for level in [&figures, &figures["starttls"]] {
        let figure = |member: &str| level[member].as_f64().unwrap();
        assert!(figure("throughput") > 0.0 && figure("ceiling_one_by_one") > 0.0 && figure("bytes_per_answer") > 100.0);
        assert!(figure("p50_ms") <= figure("p90_ms") && figure("p90_ms") <= figure("max_ms"), "{text}");
    }
}

on_both! {
    async fn a_database_that_holds_somebodys_cases_is_left_alone(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.request().await;
        let url = db.url.clone();
        let output = tokio::task::spawn_blocking(move || bench(&["queue", "--database", &url])).await.unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8_lossy(&output.stderr).contains("--database names one that is in use"));
        assert_eq!(db.number("SELECT COUNT(*) FROM cases").await, 1);
        t.app.db.close().await;
    }
}
