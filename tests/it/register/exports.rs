//! Exports: unchanged is told by the tag, a firewall reads them, and nothing unchecked is in them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use axum::http::Method;
use postern::app::{admin, queue};
use serde_json::json;

use super::{add, second_lead, tunnel_id};
use crate::support::app::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::db::on_both;

async fn ask_again(client: &Client, path: &str, tag: &str) -> Answer {
    client.send(Method::GET, path, &[("if-none-match", tag)], String::new()).await
}

on_both! {
    async fn a_list_is_sent_once_and_again_after_every_change(db: TestDb) {
        let t = TestApp::new(&db).await;
        let engineer = Client::of(&t.app, &t.engineer).await;
        let list = format!("/api/v1/tunnels/{}/whitelist", tunnel_id(&t).await);
        let text = format!("{list}.txt");
        let empty = engineer.get(&text).await;
        assert_eq!((empty.status.as_u16(), empty.text.as_str()), (200, ""), "an empty list lets nothing through");
        assert_eq!(empty.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(empty.header("cache-control"), "private, no-cache");
        let mut tag = empty.header("etag");
        let changed = async |tag: &mut String, what: &str| {
            let answer = ask_again(&engineer, &text, tag).await;
            assert_eq!(answer.status.as_u16(), 200, "{what} goes unnoticed");
            assert_ne!(answer.header("etag"), *tag);
            *tag = answer.header("etag");
            let known = ask_again(&engineer, &text, tag).await;
            assert_eq!((known.status.as_u16(), known.text.as_str(), known.header("etag")), (304, "", tag.clone()));
            answer.text
        };
        let id = add(&engineer, "10.20.4.16", &json!({})).await["entry"]["id"].as_str().unwrap().to_owned();
        assert_eq!(changed(&mut tag, "an entry").await, "10.20.4.16/32\n");
        let applied = format!("{list}/applied");
        engineer.post(&applied, &[("if-match", "*")], &json!({"change_ref": "CHG-1"})).await.expect(200);
        assert_eq!(changed(&mut tag, "that it was applied").await, "10.20.4.16/32\n");
        let retire = format!("/api/v1/whitelist/{id}/retire");
        engineer.post(&retire, &[], &json!({"reason": "Replaced"})).await.expect(200);
        assert_eq!(changed(&mut tag, "that it leaves").await, "", "what is to leave is not let through");
        let number = t.request().await.number;
        assert_eq!(changed(&mut tag, "a case").await, "", "what a customer wants is not let through before an engineer looks");
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-2")]).await.unwrap();
        assert_eq!(changed(&mut tag, "that a case applied its own").await, "10.20.4.15/32\n");
        let mut tunnel = admin::tunnels(&t.app, t.customer.id).await.unwrap().remove(0);
        tunnel.standby_ip = Some("10.99.0.9".parse().unwrap());
        admin::put_tunnel(&t.app, tunnel).await.unwrap();
        changed(&mut tag, "an alerting IP").await;
        let whole = engineer.get(&format!("/api/v1/tunnels/{}/allowlist.json", tunnel_id(&t).await)).await.expect(200);
        assert_eq!(whole["sources"], json!(["10.99.0.8", "10.99.0.9"]));
        assert_eq!((&whole["items"][0]["network"], &whole["items"][0]["port"]), (&json!("10.20.4.15/32"), &json!(587)));
        assert_eq!(whole["tunnel"]["customer"], "Alder Mutual");
        for ending in ["txt", "json", "nft"] {
            Client::stranger(&t.app).get(&format!("{list}.{ending}")).await.problem(401, "signed_out");
            Client::of(&t.app, &t.contact).await.get(&format!("{list}.{ending}")).await.problem(403, "forbidden");
        }
        engineer.get(&format!("{list}.csv")).await.problem(404, "not_found");
    }
}

/// Gives nftables a ruleset to check, in a network namespace of its own; what it says about it.
fn nft(ruleset: &str) -> Result<(), String> {
    let is_root = std::fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t");
    let mut command = Command::new("unshare");
    if !is_root {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "nft", "--check", "--file", "-"]);
    // Servers are often outside the search path of ordinary users.
    let path = postern::config::environment("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("unshare of util-linux is installed");
    child.stdin.take().unwrap().write_all(ruleset.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("failed to execute"), "nft is missing: install the package nftables ({said})");
    if output.status.success() { Ok(()) } else { Err(said) }
}

on_both! {
    async fn nftables_reads_the_sets_and_a_rule_can_use_them(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut tunnel = admin::tunnels(&t.app, t.customer.id).await.unwrap().remove(0);
        tunnel.peer_selectors.push("fd20::/64".parse().unwrap());
        admin::put_tunnel(&t.app, tunnel).await.unwrap();
        let (engineer, max) = (Client::of(&t.app, &t.engineer).await, Client::of(&t.app, &second_lead(&t).await).await);
        let path = format!("/api/v1/tunnels/{}/whitelist.nft", tunnel_id(&t).await);
        let empty = engineer.get(&path).await;
        nft(&empty.text).expect(&empty.text);
        add(&engineer, "10.20.4.16", &json!({})).await;
        add(&engineer, "10.20.4.16", &json!({"port": 514, "protocol": "udp"})).await;
        add(&engineer, "fd20::25", &json!({"port": 25})).await;
        let wide = add(&engineer, "10.20.4.0/28", &json!({"reason": "A cluster"})).await;
        let approve = format!("/api/v1/whitelist/requests/{}/approve", wide["request"]["id"].as_str().unwrap());
        max.post(&approve, &[], &json!({})).await.expect(200);
        let full = engineer.get(&path).await;
        assert_eq!(full.header("content-type"), "text/plain; charset=utf-8");
        nft(&full.text).expect(&full.text);
        // Loading twice replaces what the sets held, and a rule of the same table refers to them.
        let set = full.text.split("add set inet postern ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        let rule = format!(
            "add chain inet postern forward\nadd rule inet postern forward ip daddr . ip protocol . th dport @{set} accept\n"
        );
        nft(&format!("{}{}{rule}", full.text, full.text)).expect("a rule that uses the set");
        let wrong = full.text.replace("10.20.4.16 . tcp . 587", "10.20.4.16 . tcp . 587587");
        assert!(nft(&wrong).is_err(), "the check would notice a wrong set");
    }
}
